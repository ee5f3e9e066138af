/** Nobody authenticates the sender of a datagram: whatever comes, the feed counts it and the book stays right. */
import assert from "node:assert/strict";
import { Engine, type FeedCounters, Lab, type RxPath, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { ENV, ROOT } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { encodeRecords, freePort, RECORD_BYTES, Udp, until } from "../wire.ts";

/** Numbers from a seed (mulberry32): the same garbage every time. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * below);
  };
}

/** The counters that datagrams should lead to; good records are told apart by their sequence number. */
class Expected {
  counters = {
    datagrams: 0,
    records: 0,
    delivered: 0,
    duplicates: 0,
    bad_size: 0,
    bad_type: 0,
    bad_value: 0,
  };
  firstBad: Uint8Array | undefined;

  /** A datagram is sent. */
  note(bytes: Uint8Array): void {
    const { counters } = this;
    counters.datagrams++;
    if (bytes.length === 0 || bytes.length % RECORD_BYTES || bytes.length > 5 * RECORD_BYTES) {
      counters.bad_size++;
      if (bytes.length > 0) this.firstBad ??= bytes;
      return;
    }
    for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
      const record = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_BYTES);
      const seq = record.getBigInt64(6, true);
      const price = record.getBigInt64(22, true);
      const onScale = price > 0n && price <= 2n ** 53n && record.getInt32(30, true) >= 0 && seq >= 0n &&
        seq <= 2n ** 53n;
      counters.records++;
      if (record.getUint8(0) !== 1) counters.bad_type++;
      else if (!onScale) counters.bad_value++;
      else if (Number(seq) === counters.delivered) counters.delivered++;
      else counters.duplicates++;
      if (record.getUint8(0) !== 1 || !onScale) {
        this.firstBad ??= bytes.slice(at, at + RECORD_BYTES);
      }
    }
  }

  check(actual: FeedCounters): void {
    const { reordered, gaps, lost, sessions, ...rest } = actual;
    assert.deepEqual(rest, this.counters);
    assert.deepEqual({ reordered, gaps, lost, sessions }, { reordered: 0, gaps: 0, lost: 0, sessions: 1 });
  }
}

const MOST = 1400; // fits a frame of the lab's wire
const FRAME = 2048; // what is longer is cut

/** Bad datagrams of every kind, and a good one seen before. `seq` is the next good record's number. */
function garbage(below: (n: number) => number, seq: number, longest: number): Uint8Array {
  const good = { seq, price: 5e6, qty: 1 };
  const bytes = (length: number) => Uint8Array.from({ length }, () => below(256));
  switch (below(9)) {
    case 0:
      return new Uint8Array(0);
    case 1: // cut
      return encodeRecords(good, good, good).slice(0, 1 + below(39) + 40 * below(3));
    case 2: // too long
      return bytes(201 + below(longest - 201));
    case 3: // whole records, one too many
      return encodeRecords(...Array.from({ length: 6 }, () => good));
    case 4: // another type
      return encodeRecords({ ...good, type: [0, 2, 255][below(3)]! });
    case 5: { // a price that is none
      const record = encodeRecords(good);
      const price = [0n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)][below(5)]!;
      new DataView(record.buffer).setBigInt64(22, price, true);
      return record;
    }
    case 6: // a quantity that is none
      return encodeRecords({ ...good, qty: [-1, -2147483648][below(2)]! });
    case 7: { // a sequence number that is none
      const record = encodeRecords(good);
      new DataView(record.buffer).setBigInt64(6, [-1n, 2n ** 53n + 1n, -(2n ** 63n)][below(3)]!, true);
      return record;
    }
    default:
      return bytes(RECORD_BYTES * (1 + below(5)));
  }
}

/** A tape's records as datagrams of 1 to 5, with garbage and old records in between. */
function* traffic(tape: Tape, seed: number, longest: number): Generator<Uint8Array> {
  const below = random(seed);
  const records = tape.read();
  const record = (seq: number) => ({
    seq,
    sentNs: 1,
    price: records[3 * seq]!,
    qty: records[3 * seq + 1]!,
    flags: records[3 * seq + 2]!,
  });
  for (let at = 0; at < tape.info.records;) {
    for (let n = below(5); n > 0; n--) yield garbage(below, at, longest);
    if (at > 100 && below(4) === 0) yield encodeRecords(record(at - 1 - below(20))); // repeated
    const size = Math.min(1 + below(5), tape.info.records - at);
    const good = encodeRecords(...Array.from({ length: size }, (_, i) => record(at + i)));
    if (size < 5 && below(3) === 0) { // good records in bad company
      const both = new Uint8Array(good.length + RECORD_BYTES);
      both.set(encodeRecords({ seq: at, price: -7, qty: 1 }));
      both.set(good, RECORD_BYTES);
      yield both;
    } else {
      yield good;
    }
    at += size;
  }
}

/** Some paths need root, even on loopback. */
function testOn(via: RxPath, name: string, test: () => Promise<void>): void {
  testWhen(via === "packet" ? noNamespaces() : undefined, name, test);
}

for (const via of ["udp", "uring", "packet"] as const satisfies readonly RxPath[]) {
  testOn(via, `Feed counts every bad datagram through ${via} and keeps the good ones`, async () => {
    using tape = Tape.generate({ seed: 31, records: 3000, levels: 100 });
    using sender = await Udp.open();
    const port = freePort();
    using engine = Engine.open({ feed: `udp://127.0.0.1:${port}?via=${via}&if=lo&wait=block` });
    engine.start();
    const expected = new Expected();
    let cut = 0;
    for (const bytes of traffic(tape, 41, 9000)) {
      await sender.send(port, bytes);
      expected.note(bytes);
      if (bytes.length > FRAME) cut++;
    }
    await until("the session's end", () => engine.ended === 1);
    engine.stop();
    assert.ok(expected.counters.datagrams > 3000);
    expected.check(engine.feed.counters);
    assert.equal(engine.feed.rx.malformed, 0);
    assert.ok(cut > 0);
    assert.equal(engine.feed.rx.truncated, cut);
    assertSides(sidesOf(engine.book), bookOf(tape));
    assert.equal(engine.book.stale, false);

    const { bad_size, bad_type, bad_value } = expected.counters;
    assert.ok(bad_size > 0 && bad_type > 0 && bad_value > 0);
    assert.deepEqual(engine.feed.firstBad, expected.firstBad!.subarray(0, 64));
    const began = [...expected.firstBad!.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0"));
    const example = `; the first began ${began.join(" ")}`;
    assert.deepEqual([...engine.feed.troubles], [
      `${bad_size} datagrams were not 1 to 5 records of 40 bytes${example}`,
      `${bad_type} records had a type other than 1${example}`,
      `${bad_value} records had a price or quantity off the scale${example}`,
      `${cut} datagrams were longer than a frame and were cut`,
    ]);
  });
}

Deno.test("Feed takes 20,000 datagrams of noise and then works as if nothing had been", async () => {
  using sender = await Udp.open();
  const port = freePort();
  using engine = Engine.open({ feed: `udp://127.0.0.1:${port}?wait=block` });
  engine.start();
  const below = random(51);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: below(400) }, () => below(256));
    if (i % 2 && bytes.length) bytes[0] = 1; // as near to a record as noise comes
    await sender.send(port, bytes);
  }
  await until("all of it", () => engine.feed.counters.datagrams + engine.feed.rx.dropped === 20_000);
  const { bad_size, bad_type, bad_value, delivered, records, datagrams } = engine.feed.counters;
  assert.equal(delivered, 0);
  assert.equal(records, bad_type + bad_value);
  assert.ok(bad_size > 0 && bad_type > 0 && bad_value > 0 && bad_size < datagrams);
  assert.equal(engine.book.bidLevels + engine.book.askLevels, 0);

  await sender.send(
    port,
    encodeRecords({ seq: 0, price: 5e6, qty: 1, flags: 3 }, { seq: 1, price: 6e6, qty: 1, flags: 2 }),
  );
  await until("the good records", () => engine.feed.counters.delivered === 2);
  assert.deepEqual(engine.book.top.bid, { price: 5, qty: 1 });
  assert.equal(engine.book.stale, false);
});

Deno.test("Feed gives up a hole of any size in one step, and says how large it was", async () => {
  using sender = await Udp.open();
  const port = freePort();
  using engine = Engine.open({ feed: `udp://127.0.0.1:${port}?wait=block` });
  engine.start();
  await sender.send(port, encodeRecords({ seq: 0, price: 5e6, qty: 1, flags: 3 }));
  await sender.send(port, encodeRecords({ seq: 2 ** 52, price: 5e6, qty: 2, flags: 1 })); // forged, far ahead
  await until("the gap", () => engine.feed.counters.delivered === 2);
  assert.equal(engine.feed.counters.lost, 2 ** 52 - 1);
  assert.equal(engine.feed.counters.gaps, 1);
  assert.ok(engine.book.stale);
});

/** Sends datagrams from a namespace, in order, to the lab's group and ports. */
async function sendFrom(netns: string, datagrams: [port: number, bytes: Uint8Array][]): Promise<void> {
  const source = `
    import dgram from "node:dgram";
    const socket = dgram.createSocket("udp4");
    await new Promise((resolve) => socket.bind(0, "10.77.0.1", resolve));
    socket.setMulticastTTL(1);
    for (const [port, hex] of ${JSON.stringify(datagrams.map(([port, bytes]) => [port, bytes.toHex()]))}) {
      await new Promise((resolve, reject) =>
        socket.send(Uint8Array.fromHex(hex), port, "239.255.0.1", (error) => error ? reject(error) : resolve()));
    }
    socket.close();`;
  const process = new Deno.Command("nsenter", {
    args: [`--net=/run/netns/${netns}`, Deno.execPath(), "run", "-q", "--no-lock", "-A", "-"],
    cwd: ROOT,
    env: ENV,
    stdin: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  assert.equal((await process.status).code, 0);
}

testWhen(
  noNamespaces(),
  "Feed through xdp: garbage on the granted port is counted, other ports go to the kernel",
  async () => {
    using tape = Tape.generate({ seed: 32, records: 1000, levels: 50 });
    await using lab = await Lab.up({ data: tape });
    using engine = lab.open("xdp", { wait: "block", watchOnly: true });
    using other = Engine.open({ // a plain socket on another port, behind the XDP program
      feed:
        `udp://239.255.0.1:4321?wait=block&if=${lab.namespaces.strategy}&netns=${lab.namespaces.strategy}`,
    });
    engine.start();
    other.start();
    const expected = new Expected();
    const elsewhere = new Expected();
    const datagrams: [number, Uint8Array][] = [];
    for (const bytes of traffic(tape, 42, MOST)) {
      datagrams.push([12345, bytes]);
      expected.note(bytes);
      if (datagrams.length % 10 === 0) {
        const stray = encodeRecords({ seq: elsewhere.counters.delivered, price: 5e6, qty: 1, flags: 3 });
        datagrams.push([4321, stray]);
        elsewhere.note(stray);
      }
    }
    await sendFrom(lab.namespaces.exchange, datagrams);
    await until("the session's end", () => engine.ended === 1);
    await until(
      "the other port's last",
      () => other.feed.counters.delivered === elsewhere.counters.delivered,
    );
    engine.stop();
    assert.ok(expected.counters.datagrams > 1000);
    assert.equal(engine.feed.rx.dropped, 0);
    assert.equal(engine.feed.rx.malformed, 0);
    expected.check(engine.feed.counters);
    elsewhere.check(other.feed.counters);
    assertSides(sidesOf(engine.book), bookOf(tape));
    assert.equal(engine.feed.troubles.length, 3);
  },
);
