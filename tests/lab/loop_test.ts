import assert from "node:assert/strict";
import { type Engine, KIND, Lab, runInline, type RxPath, Tape } from "hotpath";
import { BINANCE, noData, noNamespaces, testWhen } from "../fixture.ts";
import { assertSides, bookOf, mapsOf, type Sides, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const PATHS = ["udp", "uring", "xdp", "packet"] as const satisfies readonly RxPath[];
const ATTEMPTS = 4;

/**
 * Plays sessions until one lost nothing: on a machine shared with others the receiver may be held up for longer than
 * its buffers last. That must then be what happened, and what the counters say; each attempt is half as fast.
 */
async function playLossless(
  lab: Lab,
  via: RxPath,
  rate: number,
  play: (engine: Engine) => Promise<void>,
  limit = 0,
): Promise<Engine> {
  for (let attempt = 1;; attempt++, rate /= 2) {
    lab.exchange.pace({ rate }, limit);
    await lab.exchange.ready();
    const before = lab.exchange.counters;
    const engine = lab.open(via, { connectLater: true });
    try {
      await play(engine);
    } finally {
      engine.close();
    }
    await lab.exchange.ready();
    const { lost, delivered } = engine.feed.counters;
    const { dropped } = engine.feed.rx;
    assert.equal(
      delivered + lost,
      lab.exchange.counters.sequenced - before.sequenced,
      "every record is accounted for",
    );
    assert.equal(lab.exchange.counters.send_failed, before.send_failed);
    if (lost === 0) return engine;
    assert.ok(dropped > 0, `${lost} records lost, and the kernel dropped nothing`);
    console.log(`${via}: ${dropped} datagrams dropped at ${rate}/s (the machine is busy); once more, slower`);
    assert.ok(attempt < ATTEMPTS, "no session without loss");
  }
}

/** Runs a strategy that only counts, to the session's end. */
async function countInline(engine: Engine): Promise<void> {
  const counted = { records: 0, bids: 0, last: 0 };
  const end = await runInline(engine, {
    onBook(update) {
      counted.records++;
      if (update.isBid) counted.bids++;
      if (update.isLast) counted.last++;
    },
  }, { quietMs: 5000 });
  assert.equal(end, "end");
  assert.equal(counted.records, engine.feed.counters.delivered);
  assert.equal(counted.last, 1);
  assert.ok(counted.bids > 0 && counted.bids < counted.records);
}

let binance: { sides: Sides; maps: Sides } | undefined;

for (const via of PATHS) {
  testWhen(
    noNamespaces() ?? noData(BINANCE),
    `Lab plays an hour of Binance through ${via}: the book ends as published, level by level`,
    async () => {
      using tape = Tape.load(BINANCE);
      binance ??= { sides: bookOf(tape), maps: mapsOf(tape) };
      await using lab = await Lab.up({ data: tape });
      const { book, feed, ended, loops } = await playLossless(lab, via, 60_000, countInline);
      assert.equal(ended, 1);
      assert.equal(loops, 445_262);
      assert.equal(feed.counters.delivered, 445_262);
      assert.equal(feed.counters.lost, 0);
      assert.deepEqual(book.top.bid, { price: 61659.7, qty: 1.486 });
      assert.deepEqual(book.top.ask, { price: 61659.8, qty: 0.981 });
      assert.equal(book.bidLevels, 5018);
      assert.equal(book.askLevels, 4578);
      assert.equal(book.stale, false);
      assert.equal(book.counters.overflowed, 0);
      assertSides(sidesOf(book), binance.sides);
      assertSides(sidesOf(book), binance.maps);
    },
  );

  testWhen(
    noNamespaces(),
    `Lab plays the seeded market through ${via}: the book ends as the tape's`,
    async () => {
      using tape = Tape.generate({ seed: 7, records: 40_000, levels: 500 });
      await using lab = await Lab.up({ data: tape });
      const { book } = await playLossless(lab, via, 30_000, (engine) => {
        engine.connect();
        assert.ok(engine.runArmed(5000) > 0);
        return Promise.resolve();
      });
      assert.equal(book.stale, false);
      assertSides(sidesOf(book), bookOf(tape));
      assertSides(sidesOf(book), mapsOf(tape));
    },
  );

  for (const wait of ["spin", "busy-poll", "block"] as const) {
    testWhen(noNamespaces(), `Engine.start() with ${via} and wait=${wait} sees a whole session`, async () => {
      using tape = Tape.generate({ seed: 3, records: 4000, levels: 100 });
      await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
      const engine = lab.open(via, { wait, connectLater: true });
      engine.connect().start();
      await until("the session's end", () => engine.ended === 1);
      const { delivered, lost } = engine.feed.counters;
      assert.equal(delivered + lost, tape.info.records);
      if (lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
      else assert.ok(engine.feed.rx.dropped > 0);
      assert.equal(engine.breakdown.decode.count, delivered);
      assert.equal(engine.breakdown.book.count, delivered);
      engine.stop();
      assert.equal(engine.running, false);
      assert.notEqual(engine.feed.note, "");
    });
  }
}

testWhen(noNamespaces(), "Lab plays the seeded market through packet by blocks, stamped", async () => {
  using tape = Tape.generate({ seed: 9, records: 4000, levels: 100 });
  await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
  const engine = lab.open("packet", { connectLater: true, endpoint: { ring: "v3", stamps: "1" } });
  assert.match(engine.feed.note, /^V3, .* kernel stamps/);
  await countInline(engine);
  const { delivered, lost } = engine.feed.counters;
  assert.equal(delivered + lost, tape.info.records);
  if (lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
  else assert.ok(engine.feed.rx.dropped > 0);
  assert.equal(engine.feed.rx.stamped, engine.feed.counters.datagrams);
});

testWhen(
  noNamespaces(),
  "Exchange.pace() limits a session: the book is that of the tape's beginning",
  async () => {
    using tape = Tape.generate({ seed: 5, records: 20_000, levels: 200 });
    await using lab = await Lab.up({ data: tape });
    const engine = await playLossless(lab, "udp", 20_000, countInline, 300);
    const records = engine.feed.counters.delivered;
    assert.ok(records > tape.info.snapshotRecords && records < tape.info.records);
    assertSides(sidesOf(engine.book), bookOf(tape, records));
  },
);

testWhen(noNamespaces(), "Exchange paced as recorded, or flat out, plays the same records", async () => {
  using tape = Tape.generate({ seed: 6, records: 3000, levels: 50 });
  await using lab = await Lab.up({ data: tape });
  for (const pace of [{ recorded: 100_000 }, "flat"] as const) {
    await lab.exchange.ready();
    lab.exchange.pace(pace);
    const engine = lab.open("udp");
    await countInline(engine);
    engine.close();
    assert.equal(engine.feed.counters.delivered + engine.feed.counters.lost, tape.info.records);
    if (engine.feed.counters.lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
  }
});

testWhen(
  noNamespaces(),
  "Engine.runArmed() gives up after a quiet time, not after a long session",
  async () => {
    using tape = Tape.generate({ seed: 8, records: 3000, levels: 50 });
    await using lab = await Lab.up({ data: tape, pace: { rate: 1500 } }); // about 400 ms
    using engine = lab.open("udp", { connectLater: true });
    assert.equal(engine.connect().runArmed(100), KIND.END);
    assert.equal(engine.runArmed(50), KIND.NONE);
  },
);

testWhen(noNamespaces(), "Lab.down() leaves a tape that was given to it open", async () => {
  using tape = Tape.generate({ records: 100, levels: 10 });
  for (let i = 0; i < 2; i++) {
    await using lab = await Lab.up({ data: tape });
    await countInline(lab.open("udp"));
  }
  assert.equal(tape.read(0, 1).length, 3);
});
