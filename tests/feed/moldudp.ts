/** ITCH 5.0 messages, made or read, as MoldUDP64 in a capture: for tests and benchmarks. @module */
import { writeCapture } from "../rx/capture.ts";

/** 2012-06-21 13:30 UTC, ns. */
const RECORDED_NS = 1_340_285_400_000_000_000n;
const SESSION = new TextEncoder().encode("HOTPATH001");

/** The messages of a length-prefixed ITCH file, packed with gzip. */
export async function aaplMessages(path: string): Promise<Uint8Array[]> {
  const file = await Deno.open(path);
  const bytes = new Uint8Array(
    await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
  );
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const length = bytes[at]! << 8 | bytes[at + 1]!;
    messages.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return messages;
}

/** Fields of an ITCH message, by what they are called here. */
export interface ItchFields {
  locate?: number;
  ref?: number;
  newRef?: number;
  side?: "B" | "S";
  shares?: number;
  price?: number;
  stock?: string;
  match?: number;
  /** One character: a system event, a trading state. */
  code?: string;
}

const LENGTHS: Record<string, number> = { S: 12, R: 39, H: 25, A: 36, E: 31, X: 23, D: 19, U: 35, P: 44 };

/** One message by hand (types S, R, H, A, E, X, D, U, P). */
export function itch(
  type: keyof typeof LENGTHS & string,
  fields: ItchFields = {},
  at = 34_200_000_000_000,
): Uint8Array {
  const {
    locate = 1,
    ref = 0,
    newRef = 0,
    side = "B",
    shares = 0,
    price = 0,
    stock = "AAPL",
    match = 1,
    code = "T",
  } = fields;
  const bytes = new Uint8Array(LENGTHS[type]!);
  const view = new DataView(bytes.buffer);
  const text = (offset: number, text: string, length = text.length) =>
    bytes.set(new TextEncoder().encode(text.padEnd(length)), offset);
  text(0, type);
  view.setUint16(1, type === "S" ? 0 : locate);
  view.setUint16(5, Math.floor(at / 2 ** 32));
  view.setUint32(7, at % 2 ** 32);
  if (type === "S") text(11, code);
  if (type === "R" || type === "H") text(11, stock, 8);
  if (type === "H") text(19, code);
  if ("AEXDUP".includes(type)) view.setBigUint64(11, BigInt(ref));
  if (type === "A" || type === "P") {
    text(19, side);
    view.setUint32(20, shares);
    text(24, stock, 8);
    view.setUint32(32, price);
  }
  if (type === "P") view.setBigUint64(36, BigInt(match));
  if (type === "E" || type === "X") view.setUint32(19, shares);
  if (type === "E") view.setBigUint64(23, BigInt(match));
  if (type === "U") {
    view.setBigUint64(19, BigInt(newRef));
    view.setUint32(27, shares);
    view.setUint32(31, price);
  }
  return bytes;
}

/** Orders of one symbol that come and go, 500 live at most: no market, but as much work. */
export function makeMessages(count: number): Uint8Array[] {
  const messages = [itch("R")];
  for (let ref = 1; messages.length < count; ref++) {
    const bid = ref % 2 === 0;
    const price = 1_000_000 + (bid ? -1 : 1) * (100 + ref * 7919 % 50 * 100);
    messages.push(itch("A", { ref, side: bid ? "B" : "S", shares: 100, price }));
    if (ref > 500) messages.push(itch("D", { ref: ref - 500 }));
  }
  return messages;
}

/** A MoldUDP64 packet; of no messages: a heartbeat, `end`: the session's end. */
export function moldPacket(seq: number, messages: readonly Uint8Array[], end = false): Uint8Array {
  const length = messages.reduce((sum, { length }) => sum + 2 + length, 20);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(SESSION);
  view.setBigUint64(10, BigInt(seq));
  view.setUint16(18, end ? 0xffff : messages.length);
  let at = 20;
  for (const message of messages) {
    view.setUint16(at, message.length);
    bytes.set(message, at + 2);
    at += 2 + message.length;
  }
  return bytes;
}

/** Where a capture's packets went, and how they are packed. */
export interface MoldOptions {
  /** "233.54.12.111:26400". */
  to: string;
  /** Messages a packet. @default {20} */
  perDatagram?: number;
  /** Packets (by index) that are left out. */
  lost?: (index: number) => boolean;
  /** ns between two packets. @default {1000} */
  stepNs?: number;
}

/** A capture of a session that begins with message 1 and ends as sessions end. */
export function moldCapture(messages: readonly Uint8Array[], options: MoldOptions): Uint8Array {
  const { to, perDatagram = 20, lost = () => false, stepNs = 1000 } = options;
  const packets: Uint8Array[] = [];
  for (let from = 0; from < messages.length; from += perDatagram) {
    packets.push(moldPacket(from + 1, messages.slice(from, from + perDatagram)));
  }
  packets.push(moldPacket(messages.length + 1, [], true));
  const stamped = packets.map((data, i) => ({ to, stampNs: RECORDED_NS + BigInt(i * stepNs), data }));
  return writeCapture(stamped.filter((_, i) => !lost(i)));
}
