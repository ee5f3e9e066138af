import assert from "node:assert/strict";
import { Engine, FLAG, runInline, Tape } from "hotpath";
import { noData, SHARED, testWhen } from "../fixture.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { encodeRecords, until } from "../wire.ts";
import { type Captured, readCapture, writeCapture } from "./capture.ts";

const TO = "239.255.0.1:12345";
/** Long ago, so that nobody can take it for now. */
const RECORDED_NS = 1_700_000_000_000_000_000n;
const STEP_NS = 50_000n;
const RECORDS = 5; // a datagram, as the exchange packs them

/** The exchange's session of a tape, as somebody captured it. */
function sessionOf(tape: Tape): Captured[] {
  const { records } = tape.info;
  const numbers = tape.read(0, records);
  const captured: Captured[] = [];
  for (let from = 0; from < records; from += RECORDS) {
    const batch = Array.from({ length: Math.min(RECORDS, records - from) }, (_, i) => {
      const [price, qty, flags] = numbers.subarray((from + i) * 3, (from + i) * 3 + 3);
      const last = from + i === records - 1 ? FLAG.LAST : 0;
      return { seq: from + i, price: price!, qty: qty!, flags: flags! | last };
    });
    const stampNs = RECORDED_NS + BigInt(captured.length) * STEP_NS;
    captured.push({ to: TO, stampNs, data: encodeRecords(...batch) });
  }
  return captured;
}

/** A file with these bytes for as long as `use` takes. */
async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "hotpath-", suffix: ".pcap" });
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("Engine via pcap ends in the book of the session that was captured", async () => {
  using tape = Tape.generate({ seed: 31, records: 20_000, levels: 300 });
  const session = sessionOf(tape);
  const others = session.map((datagram) => ({ ...datagram, to: "239.255.0.2:12345" }));
  const mixed = session.flatMap((datagram, i) => [others[i]!, datagram]);
  await withFile(writeCapture(mixed), async (file) => {
    using engine = Engine.open({ feed: `udp://${TO}?via=pcap&file=${file}&speed=flat` });
    let at = 0;
    let first = 0;
    const end = await runInline(engine, {
      onBook: ({ wireNs }) => {
        first ||= wireNs;
        const recorded = Math.floor(at++ / RECORDS) * Number(STEP_NS);
        assert.ok(Math.abs(wireNs - first - recorded) < 1000); // years from the epoch a double is that exact
      },
    }, { quietMs: 5000 });
    assert.equal(end, "end");
    const agoMs = Number(RECORDED_NS) / 1e6 - Date.now();
    assert.ok(Math.abs(first / 1e6 - agoMs) < 86_400_000, "the recorded day, from this day's epoch");
    assert.equal(engine.feed.counters.delivered, tape.info.records);
    assert.equal(engine.feed.counters.lost, 0);
    assert.equal(engine.feed.counters.datagrams, session.length);
    assert.equal(engine.feed.rx.stamped, session.length);
    assert.equal(engine.book.stale, false);
    assertSides(sidesOf(engine.book), bookOf(tape));
    assert.equal(engine.wireToHand.count + engine.oneWay.count, 0, "nobody waited since then");
    assert.match(
      engine.feed.note,
      new RegExp(`^pcap, ${session.length} of ${mixed.length} packets, flat out`),
    );
    engine.next();
    assert.match(engine.feed.note, /, ended$/);
  });
});

for (const wait of ["spin", "busy-poll", "block"] as const) {
  Deno.test(`Engine via pcap keeps the recorded pace with wait=${wait}`, async () => {
    using tape = Tape.generate({ seed: 32, records: 2000, levels: 100 });
    const session = sessionOf(tape);
    const recordedMs = Number(session.at(-1)!.stampNs - RECORDED_NS) / 1e6;
    await withFile(writeCapture(session), async (file) => {
      for (const speed of [1, 5]) {
        const url = `udp://${TO}?via=pcap&file=${file}&speed=${speed}&wait=${wait}&if=eth0&queue=0`;
        using engine = Engine.open({ feed: url }); // the options of a wire are taken, and said to be without effect
        const start = performance.now();
        engine.start();
        await until("the session's end", () => engine.ended === 1);
        assert.ok(performance.now() - start > recordedMs / speed - 1, "not before its time");
        engine.stop();
        assert.equal(engine.trouble, "");
        assert.match(engine.feed.note, /a file: if= without effect/);
        assertSides(sidesOf(engine.book), bookOf(tape));
      }
    });
  });
}

Deno.test("Engine via pcap delivers all of a torn capture that is whole, then says where it is torn", async () => {
  using tape = Tape.generate({ seed: 33, records: 1000, levels: 50 });
  const bytes = writeCapture(sessionOf(tape));
  const whole = bytes.length - (16 + 42 + 40 * RECORDS); // the last packet
  await withFile(bytes.subarray(0, bytes.length - 10), async (file) => {
    const sentence = new RegExp(
      `^Cannot read "${file}" beyond byte ${whole}: a packet has 242 bytes, of which 232`,
    );
    {
      using engine = Engine.open({ feed: `udp://${TO}?via=pcap&file=${file}&speed=flat` });
      await assert.rejects(runInline(engine, {}, { quietMs: 5000 }), { message: sentence });
      assert.equal(engine.feed.counters.delivered, tape.info.records - RECORDS);
    }
    using engine = Engine.open({ feed: `udp://${TO}?via=pcap&file=${file}&speed=flat&wait=block` });
    engine.start();
    await until("the thread's end", () => !engine.running);
    assert.match(engine.trouble, sentence);
    assert.equal(engine.feed.counters.delivered, tape.info.records - RECORDS);
  });
});

for (
  const [name, to] of [
    ["moldudp/aapl_mold_clean", "233.54.12.111:26400"],
    ["moldudp/aapl_mold_lossyA", "233.54.12.111:26400"],
    ["moldudp/aapl_mold_lossyB", "233.49.196.111:26400"],
    ["iex/DEEP10", undefined],
  ] as const
) {
  const path = `${SHARED}/data/${name}.pcap.gz`;
  testWhen(noData(path), `Engine via pcap delivers every datagram of ${name}`, async () => {
    const { flows, torn } = await readCapture(path);
    const flow = to ?? flows.keys().next().value!;
    const datagrams = flows.get(flow)!;
    using engine = Engine.open({ feed: `udp://${flow}?via=pcap&file=${path}&speed=flat` });
    const played = runInline(engine, {}, { quietMs: 200, untilEnd: false });
    if (torn) await assert.rejects(played, /beyond byte \d+ \(unpacked\): a packet/);
    else assert.equal(await played, "quiet");
    const { counters, rx } = engine.feed;
    assert.equal(counters.datagrams, datagrams);
    assert.equal(rx.stamped, datagrams);
    assert.equal(rx.malformed + rx.truncated + rx.fragments, 0);
  });
}
