/** What a capture has to offer. @module */
import { CAPTURE_FLOW, type FEED_NAMES } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { drawTable, pictured } from "../measure/print.ts";
import { readFlows } from "../permission.ts";

/** What was sent to one address and port. */
export interface CaptureFlow {
  /** Dotted IPv4. */
  address: string;
  /** UDP port. */
  port: number;
  /** Whole datagrams. */
  datagrams: number;
  /** Bytes of their payloads. */
  bytes: number;
  /** Stamp of the first one, ms since the Unix epoch; 0 is none. */
  firstMs: number;
  /** Stamp of the last one. */
  lastMs: number;
  /** The feed its first datagram reads as; `undefined`: none of ours. */
  feed: (typeof FEED_NAMES)[number] | undefined;
  /** Of MoldUDP64 and IEX-TP, the session its first datagram names, in hex: lines A and B of one feed share it. */
  session: string | undefined;
}

const MOST = 64;

/**
 * The UDP flows of a capture, the one with most datagrams first, 64 at most.
 *
 * @example
 * ```ts ignore
 * const [flow] = captureFlows("session.pcapng");
 * Engine.open({ feed: `udp://${flow.address}:${flow.port}?via=pcap&file=session.pcapng` });
 * ```
 *
 * @param path pcap or pcapng, plain or .gz.
 * @throws {Deno.errors.NotCapable} naming the flag; {@linkcode NativeError} when it is no capture.
 */
export function captureFlows(path: string): CaptureFlow[] {
  const memory = new Uint8Array(MOST * CAPTURE_FLOW.bytes);
  const count = Math.min(readFlows(path, memory), MOST);
  const flows = Array.from({ length: count }, (_, i) => readFlow(memory, i * CAPTURE_FLOW.bytes));
  return pictured(flows, flowsTable);
}

function readFlow(memory: Uint8Array<ArrayBuffer>, start: number): CaptureFlow {
  const at = new DataView(memory.buffer, start, CAPTURE_FLOW.bytes);
  const address = new TextDecoder().decode(memory.subarray(start, start + 16)).replace(/\0.*$/s, "");
  const sample = new DataView(memory.buffer, start + CAPTURE_FLOW.sample, 64);
  const feed = feedOf(sample, at.getUint32(CAPTURE_FLOW.sample_len, true));
  return {
    address,
    port: at.getUint32(CAPTURE_FLOW.port, true),
    datagrams: at.getFloat64(CAPTURE_FLOW.datagrams, true),
    bytes: at.getFloat64(CAPTURE_FLOW.payload_bytes, true),
    firstMs: at.getFloat64(CAPTURE_FLOW.first_ms, true),
    lastMs: at.getFloat64(CAPTURE_FLOW.last_ms, true),
    feed,
    session: sessionOf(sample, feed),
  };
}

/** Which feed a payload of `length` bytes that begins like this is of. */
function feedOf(at: DataView, length: number): CaptureFlow["feed"] {
  if (length >= 40 && at.getUint8(0) === 1) {
    const protocol = at.getUint16(2, true);
    const framed = length === 40 + at.getUint16(12, true); // IEX-TP states its payload's length
    if (framed && protocol === 0x8004) return "deep";
    if (framed && protocol === 0x8003) return "tops";
    if (length % 40 === 0 && length <= 200) return "lll";
  }
  if (length < 20) return undefined;
  const messages = at.getUint16(18); // MoldUDP64
  if (messages === 0 || messages === 0xffff) return length === 20 ? "itch50" : undefined;
  return length >= 22 && 22 + at.getUint16(20) <= length ? "itch50" : undefined;
}

function sessionOf(at: DataView, feed: CaptureFlow["feed"]): string | undefined {
  if (feed === undefined || feed === "lll") return undefined;
  const [from, to] = feed === "itch50" ? [0, 10] : [4, 12]; // MoldUDP64: session; IEX-TP: channel and session
  return Array.from({ length: to - from }, (_, i) => at.getUint8(from + i).toString(16).padStart(2, "0"))
    .join("");
}

function flowsTable(flows: CaptureFlow[]): string {
  if (flows.length === 0) return "no UDP datagrams";
  const rows = flows.map(({ address, port, datagrams, bytes, firstMs, lastMs, feed }) => [
    `${address}:${port}`,
    feed ?? "",
    formatCount(datagrams),
    formatCount(bytes),
    `${((lastMs - firstMs) / 1000).toFixed(3)} s`,
  ]);
  return drawTable(["sent to", "feed", "datagrams", "bytes", "over"], rows, 2);
}
