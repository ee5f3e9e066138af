/** The `lll` wire by hand, from the protocol's table alone: what native code's bytes are held against. @module */
import dgram from "node:dgram";

/** Bytes of a market-data record. */
export const RECORD_BYTES = 40;
/** Bytes of an order. */
export const ORDER_BYTES = 51;
/** Bits of a record's flags byte. */
export const WIRE = { BID: 1, SNAPSHOT: 2, LAST: 4 } as const;

/** A market-data record. */
export interface WireRecord {
  type?: number;
  seq: number;
  sentNs?: number;
  price: number;
  qty: number;
  flags?: number;
}

/** An order. */
export interface WireOrder {
  type?: number;
  submitNs?: number;
  triggerSeq: number;
  triggerNs?: number;
  id: number;
  price: number;
  qty: number;
  flags?: number;
}

/** One datagram of these records. */
export function encodeRecords(...records: WireRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * RECORD_BYTES);
  records.forEach(({ type = 1, seq, sentNs = 0, price, qty, flags = 0 }, i) => {
    const at = new DataView(bytes.buffer, i * RECORD_BYTES, RECORD_BYTES);
    at.setUint8(0, type);
    at.setBigInt64(6, BigInt(seq), true);
    at.setBigInt64(14, BigInt(sentNs), true);
    at.setBigInt64(22, BigInt(price), true);
    at.setInt32(30, qty, true);
    at.setUint8(34, flags);
  });
  return bytes;
}

/** The records of one datagram, and whether every padding byte was 0. */
export function decodeRecords(bytes: Uint8Array): (Required<WireRecord> & { padded: boolean })[] {
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) => {
    const start = bytes.byteOffset + i * RECORD_BYTES;
    const at = new DataView(bytes.buffer, start, RECORD_BYTES);
    const padding = [1, 2, 3, 4, 5, 35, 36, 37, 38, 39].map((offset) => at.getUint8(offset));
    return {
      type: at.getUint8(0),
      seq: Number(at.getBigInt64(6, true)),
      sentNs: Number(at.getBigInt64(14, true)),
      price: Number(at.getBigInt64(22, true)),
      qty: at.getInt32(30, true),
      flags: at.getUint8(34),
      padded: padding.every((byte) => byte === 0),
    };
  });
}

/** The 51 bytes of an order. */
export function encodeOrder(order: WireOrder): Uint8Array<ArrayBuffer> {
  const { type = 2, submitNs = 0, triggerSeq, triggerNs = 0, id, price, qty, flags = 0 } = order;
  const bytes = new Uint8Array(ORDER_BYTES);
  const at = new DataView(bytes.buffer);
  at.setUint8(0, type);
  at.setBigInt64(6, BigInt(submitNs), true);
  at.setBigInt64(14, BigInt(triggerSeq), true);
  at.setBigInt64(22, BigInt(triggerNs), true);
  at.setBigUint64(30, BigInt(id), true);
  at.setBigInt64(38, BigInt(price), true);
  at.setInt32(46, qty, true);
  at.setUint8(50, flags);
  return bytes;
}

/** What 51 bytes say, and whether every padding byte was 0. */
export function decodeOrder(bytes: Uint8Array): Required<WireOrder> & { padded: boolean } {
  const at = new DataView(bytes.buffer, bytes.byteOffset, ORDER_BYTES);
  return {
    type: at.getUint8(0),
    submitNs: Number(at.getBigInt64(6, true)),
    triggerSeq: Number(at.getBigInt64(14, true)),
    triggerNs: Number(at.getBigInt64(22, true)),
    id: Number(at.getBigUint64(30, true)),
    price: Number(at.getBigInt64(38, true)),
    qty: at.getInt32(46, true),
    flags: at.getUint8(50),
    padded: [1, 2, 3, 4, 5].every((offset) => at.getUint8(offset) === 0),
  };
}

/** A UDP socket on loopback. */
export class Udp implements Disposable {
  /** Every datagram received, in order. */
  readonly received: Uint8Array[] = [];
  readonly #socket: dgram.Socket;

  private constructor(socket: dgram.Socket) {
    this.#socket = socket;
    socket.on("message", (bytes) => this.received.push(new Uint8Array(bytes)));
  }

  /** Binds 127.0.0.1, to a free port unless one is named. */
  static async open(port = 0): Promise<Udp> {
    const socket = dgram.createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, "127.0.0.1", resolve);
    });
    return new Udp(socket);
  }

  /** Its port. */
  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends one datagram to a port of this host. */
  async send(port: number, bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(bytes, port, "127.0.0.1", (error) => error ? reject(error) : resolve())
    );
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** A port nobody has; looked for with TCP, whose sockets close at once, and free for UDP all but certainly. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Waits until something is so; fails with what was waited for. */
export async function until(what: string, so: () => boolean, ms = 10_000): Promise<void> {
  for (const deadline = performance.now() + ms; !so();) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
