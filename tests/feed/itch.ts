/** ITCH 5.0, MoldUDP64 and IEX-TP by hand, from the published tables alone. @module */

const ascii = (text: string, length: number) =>
  new TextEncoder().encode(text.padEnd(length).slice(0, length));

/** A message from its fields: numbers with their bytes (big-endian), texts with their length. */
function message(
  type: string,
  locate: number,
  ...fields: [value: number | bigint | string, bytes: number][]
): Uint8Array {
  const out = [type.charCodeAt(0), locate >> 8, locate & 255, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const [value, bytes] of fields) {
    if (typeof value === "string") out.push(...ascii(value, bytes));
    else for (let i = bytes - 1; i >= 0; i--) out.push(Number(BigInt(value) >> BigInt(8 * i) & 255n));
  }
  return Uint8Array.from(out);
}

/** Messages; `locate` is the symbol's number, prices are x 1e4. */
export const itch = {
  system: (event: string): Uint8Array => message("S", 0, [event, 1]),
  directory: (locate: number, stock: string): Uint8Array =>
    message("R", locate, [stock, 8], ["QN", 2], [100, 4], ["NCZ PNNN", 8], [0, 4], ["N", 1], ["", 1])
      .subarray(0, 39),
  add: (
    locate: number,
    stock: string,
    ref: number,
    side: "B" | "S",
    shares: number,
    price: number,
  ): Uint8Array => message("A", locate, [ref, 8], [side, 1], [shares, 4], [stock, 8], [price, 4]),
  execute: (locate: number, ref: number, shares: number): Uint8Array =>
    message("E", locate, [ref, 8], [shares, 4], [1, 8]),
  cancel: (locate: number, ref: number, shares: number): Uint8Array =>
    message("X", locate, [ref, 8], [shares, 4]),
  remove: (locate: number, ref: number): Uint8Array => message("D", locate, [ref, 8]),
  replace: (locate: number, old: number, ref: number, shares: number, price: number): Uint8Array =>
    message("U", locate, [old, 8], [ref, 8], [shares, 4], [price, 4]),
  noii: (locate: number, stock: string): Uint8Array =>
    message("I", locate, [1, 8], [2, 8], ["B", 1], [stock, 8], [1, 4], [1, 4], [1, 4], ["O", 1], ["A", 1]),
};

/** Bytes one after the other. */
export function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Each message behind its length: a file, or what a packet holds. */
export function framed(messages: readonly Uint8Array[], littleEndian = false): Uint8Array {
  return join(...messages.map((bytes) => {
    const length = new Uint8Array(2);
    new DataView(length.buffer).setUint16(0, bytes.length, littleEndian);
    return join(length, bytes);
  }));
}

/** A MoldUDP64 packet whose first message has number `seq`. */
export function mold(
  seq: number,
  messages: readonly Uint8Array[],
  session = "SESSION001",
  count = messages.length,
): Uint8Array {
  const header = new Uint8Array(20);
  header.set(ascii(session, 10));
  const at = new DataView(header.buffer);
  at.setBigUint64(10, BigInt(seq));
  at.setUint16(18, count);
  return join(header, framed(messages));
}

/** An IEX-TP segment (DEEP 1.0 unless said otherwise) whose first message has number `seq`. */
export function segment(seq: number, messages: readonly Uint8Array[], protocol = 0x8004): Uint8Array {
  const header = new Uint8Array(40);
  const payload = framed(messages, true);
  const at = new DataView(header.buffer);
  at.setUint8(0, 1);
  at.setUint16(2, protocol, true);
  at.setUint32(4, 1, true);
  at.setUint32(8, 77, true);
  at.setUint16(12, payload.length, true);
  at.setUint16(14, messages.length, true);
  at.setBigInt64(24, BigInt(seq), true);
  return join(header, payload);
}

/** A DEEP price level; `complete`: the event ends with it. */
export function level(
  side: "8" | "5",
  symbol: string,
  size: number,
  price: number,
  complete = true,
): Uint8Array {
  const bytes = new Uint8Array(30);
  const at = new DataView(bytes.buffer);
  bytes.set([side.charCodeAt(0), complete ? 1 : 0]);
  bytes.set(ascii(symbol, 8), 10);
  at.setUint32(18, size, true);
  at.setBigInt64(22, BigInt(price), true);
  return bytes;
}

/** A TOPS quote. */
export function quote(
  symbol: string,
  bidSize: number,
  bid: number,
  ask: number,
  askSize: number,
): Uint8Array {
  const bytes = new Uint8Array(42);
  const at = new DataView(bytes.buffer);
  bytes.set(["Q".charCodeAt(0), 0]);
  bytes.set(ascii(symbol, 8), 10);
  at.setUint32(18, bidSize, true);
  at.setBigInt64(22, BigInt(bid), true);
  at.setBigInt64(30, BigInt(ask), true);
  at.setUint32(38, askSize, true);
  return bytes;
}

/** Packed by gzip. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(
    new CompressionStream("gzip"),
  );
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
