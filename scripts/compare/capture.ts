/** A capture of what the generator sends, for the path that plays files: made, used, removed. @module */
import { LAB_GROUP, LAB_PORT } from "hotpath";

const DATAGRAMS = 200_000;
const RECORD = 40;
const HEADERS = 14 + 20 + 8;
const PACKET = 16 + HEADERS + RECORD;
const LAST = 4;

/** Ethernet, IPv4 and UDP before a record, checksums left out as a capture taken on the sender has them. */
function headers(at: DataView): void {
  const group = LAB_GROUP.split(".").map(Number);
  [1, 0, 0x5e, group[1]! & 127, group[2]!, group[3]!, 2, 0, 0, 0, 0, 1, 8, 0]
    .forEach((byte, i) => at.setUint8(i, byte));
  at.setUint8(14, 0x45);
  at.setUint16(16, HEADERS - 14 + RECORD);
  at.setUint8(22, 1);
  at.setUint8(23, 17);
  [10, 77, 0, 1, ...group].forEach((byte, i) => at.setUint8(26 + i, byte));
  at.setUint16(34, LAB_PORT);
  at.setUint16(36, LAB_PORT);
  at.setUint16(38, 8 + RECORD);
}

/** The lll record: its number, and one of ten levels a side whose quantity changes. */
function record(at: DataView, seq: number): void {
  const bid = seq & 1;
  const level = (seq >> 1) % 10;
  at.setUint8(0, 1);
  at.setBigInt64(6, BigInt(seq), true);
  at.setBigInt64(22, BigInt(100_000_000 + (bid ? -1 - level : 1 + level) * 10_000), true);
  at.setInt32(30, 1 + (seq % 97), true);
  at.setUint8(34, bid | (seq === DATAGRAMS - 1 ? LAST : 0));
}

/** Writes the capture (pcap, ns stamps, a datagram every 10 µs). Removed at the end of its scope. */
export async function makeCapture(): Promise<AsyncDisposable & { path: string }> {
  const bytes = new Uint8Array(24 + DATAGRAMS * PACKET);
  const view = new DataView(bytes.buffer);
  [0xa1b23c4d, 0x00040002, 0, 0, 65535, 1].forEach((word, i) => view.setUint32(4 * i, word, true));
  for (let i = 0; i < DATAGRAMS; i++) {
    const start = 24 + i * PACKET;
    [Math.floor(i / 100_000), (i % 100_000) * 10_000, HEADERS + RECORD, HEADERS + RECORD]
      .forEach((word, j) => view.setUint32(start + 4 * j, word, true));
    headers(new DataView(bytes.buffer, start + 16));
    record(new DataView(bytes.buffer, start + 16 + HEADERS), i);
  }
  const path = await Deno.makeTempFile({ prefix: "hotpath-", suffix: ".pcap" });
  await Deno.writeFile(path, bytes);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
