/** First inputs of the fuzz targets: real messages where the data is there, else a few made here. @module */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { SHARED } from "../tests/fixture.ts";

const SEEDS = 64;

const text = (value: string) => new TextEncoder().encode(value);

function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A file of the shared data, unpacked; undefined where it is not there. */
function data(path: string): Uint8Array | undefined {
  const full = `${SHARED}/data/${path}`;
  return existsSync(full) ? new Uint8Array(gunzipSync(readFileSync(full))) : undefined;
}

/** A run of one message a type, each of its length, the rest of its bytes 1. */
function plainRun(types: Record<string, number>, littleEndian: boolean): Uint8Array {
  return concat(
    ...Object.entries(types).map(([type, length]) => {
      const message = new Uint8Array(2 + length).fill(1);
      new DataView(message.buffer).setUint16(0, length, littleEndian);
      message[2] = type.charCodeAt(0);
      return message;
    }),
  );
}

/** Pieces of a run, cut between messages, each behind a byte of options. */
function pieces(run: Uint8Array, littleEndian: boolean, messages: number): Uint8Array[] {
  const view = new DataView(run.buffer, run.byteOffset, run.byteLength);
  const found: Uint8Array[] = [];
  let from = 0;
  for (let at = 0, count = 0; at + 2 <= run.length && found.length < SEEDS; count++) {
    if (count === messages) {
      found.push(concat(Uint8Array.of(found.length & 0xff), run.subarray(from, at)));
      from = at;
      count = 0;
    }
    at += 2 + view.getUint16(at, littleEndian);
  }
  return found;
}

/** UDP payloads of an Ethernet pcap with little-endian headers. */
function payloads(pcap: Uint8Array, most: number): Uint8Array[] {
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 24; at + 16 <= pcap.length && found.length < most;) {
    const length = view.getUint32(at + 8, true);
    found.push(pcap.subarray(at + 16 + 42, at + 16 + length));
    at += 16 + length;
  }
  return found;
}

// deno-fmt-ignore
const ITCH50 = {
  S: 12, R: 39, H: 25, Y: 20, L: 26, V: 35, W: 12, K: 28, J: 35, h: 21, A: 36, F: 40, E: 31, C: 36, X: 23, D: 19,
  U: 35, P: 44, Q: 40, B: 19, I: 50, N: 20, O: 48,
};
const IEX = { S: 10, D: 31, H: 22, I: 18, O: 18, P: 19, T: 38, X: 26, B: 38, A: 80 };

function itch50(): Uint8Array[] {
  const real = data("itch/aapl_20120621_0930-1030.itch50.gz");
  const made = concat(Uint8Array.of(1), plainRun(ITCH50, false));
  return [made, ...real ? pieces(real, false, 12) : []];
}

function deep(): Uint8Array[] {
  const real = data("iex/DEEP10.pcap.gz");
  const made = concat(Uint8Array.of(1), plainRun({ ...IEX, E: 18, 8: 30, 5: 30 }, true));
  const segments = real ? payloads(real, 20000).filter(({ length }) => length > 40 && length < 1400) : [];
  return [
    made,
    ...segments.slice(-SEEDS).map((segment, i) => concat(Uint8Array.of(i), segment.subarray(40))),
  ];
}

function capture(): Uint8Array[] {
  const header = Uint8Array.of(
    0xd4,
    0xc3,
    0xb2,
    0xa1,
    2,
    0,
    4,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    4,
    0,
    1,
    0,
    0,
    0,
  );
  const block = Uint8Array.of(10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0);
  const section = concat(block, new Uint8Array(8).fill(255), Uint8Array.of(28, 0, 0, 0));
  const real = ["iex/DEEP10.pcap.gz", "moldudp/aapl_mold_clean.pcap.gz"].map(data)
    .filter((bytes) => bytes !== undefined).map((bytes) => bytes.subarray(0, 2048));
  return [header, section, ...real];
}

function tardis(): Uint8Array[] {
  const columns = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n";
  const rows = "x,Y,1,100,true,bid,10.5,1\nx,Y,1,101,false,ask,11,0.25\n";
  const real = data("tardis/binance-futures_incremental_book_L2_2024-08-08_BTCUSDT.csv.gz");
  return [text(columns + rows), ...real ? [real.subarray(0, 1800)] : []];
}

/** Datagrams of lll as the target takes them: length, how much time passes, records. */
function sequencer(): Uint8Array[] {
  const record = (seq: number, flags: number) => {
    const bytes = new Uint8Array(40);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, 1);
    view.setBigInt64(6, BigInt(seq), true);
    view.setBigInt64(22, BigInt(1000 + seq % 7), true);
    view.setInt32(30, seq % 3, true);
    view.setUint8(34, flags);
    return bytes;
  };
  const datagrams = (seqs: number[]) =>
    concat(...seqs.map((seq) => concat(Uint8Array.of(40, 4), record(seq, seq % 2))));
  return [datagrams([0, 1, 2, 3]), datagrams([0, 2, 1, 1, 5]), datagrams([0, 90, 3, 200])];
}

/** Datagrams as the stream targets take them: length, line and time, bytes; a few an input, on both lines. */
function datagrams(all: Uint8Array[], each: number): Uint8Array[] {
  const steps = all.map((bytes, i) =>
    concat(Uint8Array.of(bytes.length & 0xff, bytes.length >> 8, (i & 1) | (i % 5 << 2)), bytes)
  );
  const found: Uint8Array[] = [];
  for (let i = 0; i < steps.length && found.length < SEEDS; i += each) {
    found.push(concat(...steps.slice(i, i + each)));
  }
  return found;
}

/** A MoldUDP64 packet of deletes. */
function moldPacket(first: number, count: number): Uint8Array {
  const header = new Uint8Array(20).fill(0x41);
  const view = new DataView(header.buffer);
  view.setBigUint64(10, BigInt(first));
  view.setUint16(18, count);
  return concat(header, ...Array.from({ length: count }, () => plainRun({ D: 19 }, false)));
}

function moldudp64(): Uint8Array[] {
  const made = [[1, 2], [1, 2], [5, 1], [3, 2], [6, 0], [4000, 1]].map(([first, n]) =>
    moldPacket(first!, n!)
  );
  const real = data("moldudp/aapl_mold_lossyA.pcap.gz");
  return [...datagrams(made, 6), ...real ? datagrams(payloads(real, 6 * SEEDS), 6) : []];
}

/** An IEX-TP segment of system events. */
function iexSegment(first: number, count: number): Uint8Array {
  const run = Array.from({ length: count }, () => plainRun({ S: 10 }, true));
  const header = new Uint8Array(40);
  const view = new DataView(header.buffer);
  view.setUint8(0, 1);
  view.setUint16(2, 0x8004, true);
  view.setUint32(4, 1, true);
  view.setUint32(8, 77, true);
  view.setUint16(12, 12 * count, true);
  view.setUint16(14, count, true);
  view.setBigInt64(24, BigInt(first), true);
  return concat(header, ...run);
}

function iextp(): Uint8Array[] {
  const made = [[1, 2], [1, 2], [5, 1], [3, 2], [6, 0], [4000, 1]].map(([first, n]) =>
    iexSegment(first!, n!)
  );
  const real = data("iex/DEEP10.pcap.gz");
  const segments = real ? payloads(real, 20000).slice(-4 * SEEDS).filter(({ length }) => length < 900) : [];
  return [...datagrams(made, 6), ...datagrams(segments, 3)];
}

/** A table as it is, and one with a byte changed, before an SBE message with an empty block and a group. */
function schema(): Uint8Array[] {
  const run = Uint8Array.of(
    42,
    0,
    11,
    0,
    46,
    0,
    1,
    0,
    9,
    0,
    ...new Array(11).fill(0),
    32,
    0,
    1,
    ...new Array(16).fill(1),
  );
  return [concat(Uint8Array.of(0), run), concat(Uint8Array.of(1, 40, 0, 1), run)];
}

const MADE: Record<string, () => Uint8Array[]> = {
  itch50,
  deep,
  tops: () => [concat(Uint8Array.of(1), plainRun({ ...IEX, Q: 42 }, true))],
  capture,
  tardis,
  sequencer,
  moldudp64,
  iextp,
  schema,
};

/** First inputs of a target; of one that is not known here, an empty one. */
export function seedsOf(name: string): Uint8Array[] {
  return MADE[name]?.() ?? [new Uint8Array(1)];
}
