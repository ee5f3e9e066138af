/** Capture files by hand: written from datagrams, and read by nothing of the project's. @module */

/** A datagram in a capture. */
export interface Captured {
  /** Where it went, "239.255.0.1:12345". */
  to: string;
  /** Recorded at, ns since the Unix epoch. */
  stampNs: bigint;
  data: Uint8Array;
}

const HEADERS = 14 + 20 + 8;

function frame({ to, data }: Captured): Uint8Array {
  const bytes = new Uint8Array(HEADERS + data.length);
  const at = new DataView(bytes.buffer);
  const [ip, port] = to.split(":");
  bytes.set([0x01, 0x00, 0x5e, 0x7f, 0x00, 0x01, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00, 0x45]);
  at.setUint16(16, 28 + data.length);
  bytes.set([1, 17], 22);
  bytes.set([10, 77, 0, 1], 26);
  bytes.set(ip!.split(".").map(Number), 30);
  at.setUint16(34, 4711);
  at.setUint16(36, Number(port));
  at.setUint16(38, 8 + data.length);
  bytes.set(data, HEADERS);
  return bytes;
}

/** A pcap file with ns stamps, of Ethernet frames. */
export function writeCapture(datagrams: readonly Captured[]): Uint8Array {
  const frames = datagrams.map(frame);
  const bytes = new Uint8Array(24 + frames.reduce((sum, { length }) => sum + 16 + length, 0));
  const at = new DataView(bytes.buffer);
  at.setUint32(0, 0xa1b23c4d, true);
  at.setUint16(4, 2, true);
  at.setUint16(6, 4, true);
  at.setUint32(16, 262144, true);
  at.setUint32(20, 1, true);
  let offset = 24;
  frames.forEach((frame, i) => {
    const { stampNs } = datagrams[i]!;
    at.setUint32(offset, Number(stampNs / 1_000_000_000n), true);
    at.setUint32(offset + 4, Number(stampNs % 1_000_000_000n), true);
    at.setUint32(offset + 8, frame.length, true);
    at.setUint32(offset + 12, frame.length, true);
    bytes.set(frame, offset + 16);
    offset += 16 + frame.length;
  });
  return bytes;
}

/** What a little-endian pcap of untagged Ethernet frames holds: UDP datagrams by destination. */
export interface Contents {
  flows: Map<string, number>;
  /** The last packet is not whole. */
  torn: boolean;
}

/** Reads a gzip-packed one. */
export async function readCapture(path: string): Promise<Contents> {
  const file = await Deno.open(path);
  const bytes = new Uint8Array(
    await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
  );
  const at = new DataView(bytes.buffer);
  const flows: Contents["flows"] = new Map();
  let offset = 24;
  while (offset + 16 <= bytes.length && offset + 16 + at.getUint32(offset + 8, true) <= bytes.length) {
    const packet = offset + 16;
    offset = packet + at.getUint32(offset + 8, true);
    if (at.getUint16(packet + 12) !== 0x0800 || at.getUint8(packet + 23) !== 17) continue;
    const udp = packet + 14 + (at.getUint8(packet + 14) & 15) * 4;
    const to = `${bytes.subarray(packet + 30, packet + 34).join(".")}:${at.getUint16(udp + 2)}`;
    flows.set(to, (flows.get(to) ?? 0) + 1);
  }
  return { flows, torn: offset < bytes.length };
}
