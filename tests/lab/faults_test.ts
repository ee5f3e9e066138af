import assert from "node:assert/strict";
import { Lab, runInline, type RxPath, type Strategy, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";

const PATHS = ["udp", "uring", "xdp", "packet"] as const satisfies readonly RxPath[];
/** Long enough that a busy machine cannot make a late record look lost: holes are then given up by need alone. */
const PATIENT_NS = 100e6;
const STALE = -116; // -ESTALE

/** What a strategy met in a session. */
class Witness {
  gaps: { seq: number; lost: number }[] = [];
  answers: number[] = [];
  staleUpdates = 0;
  updates = 0;

  /** @param every Sends an order each so many updates. @param answer What onGap returns. */
  strategy(every: number, answer: "go on" | void): Strategy {
    return {
      onBook: (update, book, orders) => {
        if (update.stale) this.staleUpdates++;
        assert.equal(update.stale, book.stale);
        if (++this.updates % every === 0) this.answers.push(orders.buy(update.bid || 1e6, 1));
      },
      onGap: (gap, book) => {
        assert.equal(gap.overrun, 0);
        assert.ok(book.stale);
        this.gaps.push({ seq: gap.seq, lost: gap.lost });
        return answer;
      },
    };
  }

  get lost(): number {
    return this.gaps.reduce((sum, { lost }) => sum + lost, 0);
  }
}

for (const via of PATHS) {
  testWhen(
    noNamespaces(),
    `Exchange with loss, duplicates and reordering through ${via}: every record is accounted for`,
    async () => {
      using tape = Tape.generate({ seed: 11, records: 8000, levels: 200 }, 1); // one record a datagram
      await using lab = await Lab.up({ data: tape, loss: 0.02, duplicate: 0.02, reorder: 0.02, seed: 5 });
      using engine = lab.open(via, { holeNs: PATIENT_NS, connectLater: true });
      const witness = new Witness();
      await runInline(engine, witness.strategy(1000, undefined), { quietMs: 3000 });
      engine.close();
      await lab.exchange.ready();

      const { sequenced, dropped, duplicated, reordered } = lab.exchange.counters;
      const feed = engine.feed.counters;
      assert.ok(dropped > 50 && duplicated > 50 && reordered > 50, "the faults struck");
      assert.equal(engine.feed.rx.dropped, 0, "the kernel dropped nothing on top");
      assert.equal(sequenced, tape.info.records);
      assert.equal(feed.lost, dropped);
      assert.equal(feed.delivered, sequenced - dropped);
      assert.equal(feed.duplicates, duplicated);
      assert.ok(feed.reordered >= reordered);
      assert.equal(feed.records, feed.delivered + feed.duplicates);
      assert.equal(feed.sessions, 1);
      assert.equal(witness.updates, feed.delivered);

      assert.equal(witness.gaps.length, feed.gaps);
      assert.equal(witness.lost, feed.lost);
      assert.ok(witness.gaps.every(({ seq }, i) => i === 0 || seq > witness.gaps[i - 1]!.seq), "in order");
      assert.match(
        engine.feed.troubles.join("\n"),
        new RegExp(`${feed.lost} records were lost in ${feed.gaps} gaps`),
      );

      assert.ok(engine.book.stale, "levels may be wrong from the first gap on");
      assert.ok(witness.staleUpdates > 0);
      const refused = witness.answers.filter((answer) => answer < 0);
      assert.ok(refused.length > 0 && refused.every((answer) => answer === STALE));
      assert.equal(engine.orderCounters.refused_stale, refused.length);
      assert.equal(engine.orderCounters.refused, refused.length);
      assert.equal(engine.orderCounters.sent, witness.answers.length - refused.length);
    },
  );

  testWhen(
    noNamespaces(),
    `Exchange with duplicates and reordering through ${via}: the book is exact`,
    async () => {
      using tape = Tape.generate({ seed: 12, records: 8000, levels: 200 }, 1);
      await using lab = await Lab.up({ data: tape, duplicate: 0.05, reorder: 0.05, seed: 6 });
      using engine = lab.open(via, { holeNs: PATIENT_NS, connectLater: true });
      const witness = new Witness();
      await runInline(engine, witness.strategy(1000, undefined), { quietMs: 3000 });
      engine.close();
      await lab.exchange.ready();

      const { duplicated, reordered } = lab.exchange.counters;
      const feed = engine.feed.counters;
      assert.ok(duplicated > 100 && reordered > 100, "the faults struck");
      assert.equal(feed.lost, 0);
      assert.equal(feed.gaps, 0);
      assert.equal(feed.duplicates, duplicated);
      assert.equal(feed.reordered, reordered);
      assert.deepEqual(witness.gaps, []);
      assert.equal(engine.book.stale, false);
      assert.ok(witness.answers.every((answer) => answer > 0), "orders leave");
      assertSides(sidesOf(engine.book), bookOf(tape));
    },
  );
}

testWhen(noNamespaces(), "Exchange with a seed injects the same faults again", async () => {
  using tape = Tape.generate({ seed: 13, records: 4000, levels: 50 });
  const counts = [];
  for (const seed of [21, 21, 22]) {
    await using lab = await Lab.up({ data: tape, loss: 0.05, duplicate: 0.05, reorder: 0.05, seed });
    using engine = lab.open("udp", { connectLater: true });
    engine.connect().runArmed(3000);
    engine.close();
    await lab.exchange.ready();
    const { sequenced, dropped, duplicated, reordered } = lab.exchange.counters;
    counts.push({ dropped, duplicated, reordered });
    const { delivered, lost } = engine.feed.counters; // several records a datagram
    assert.equal(delivered + lost, sequenced);
    assert.ok(lost >= dropped);
  }
  assert.deepEqual(counts[0], counts[1]);
  assert.notDeepEqual(counts[0], counts[2]);
});

testWhen(noNamespaces(), 'onGap() returning "go on" makes the book trusted again', async () => {
  using tape = Tape.generate({ seed: 14, records: 4000, levels: 100 });
  await using lab = await Lab.up({ data: tape, loss: 0.03, seed: 7 });
  using engine = lab.open("udp", { connectLater: true });
  const witness = new Witness();
  await runInline(engine, witness.strategy(50, "go on"), { quietMs: 3000 });
  assert.ok(witness.gaps.length > 5);
  assert.equal(witness.staleUpdates, 0);
  assert.equal(engine.book.stale, false);
  assert.equal(engine.orderCounters.refused_stale, 0);
  assert.equal(engine.orderCounters.sent, witness.answers.length);
});

testWhen(
  noNamespaces(),
  "Engine.goOn() makes the book trusted again, standing still and running",
  async () => {
    using tape = Tape.generate({ seed: 15, records: 1000, levels: 100 });
    await using lab = await Lab.up({ data: tape, loss: 0.1, seed: 8 });
    using engine = lab.open("udp", { connectLater: true });
    await runInline(engine, {}, { quietMs: 3000 });
    assert.ok(engine.book.stale);
    engine.goOn();
    assert.equal(engine.book.stale, false);

    await lab.exchange.ready();
    using second = lab.open("udp", { connectLater: true });
    second.connect().start();
    while (second.ended === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(second.book.stale);
    second.goOn();
    for (const deadline = performance.now() + 5000; second.book.stale && performance.now() < deadline;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(second.book.stale, false);
  },
);

testWhen(noNamespaces(), "Engine.open() with goOn never calls the book stale, and still counts", async () => {
  using tape = Tape.generate({ seed: 16, records: 4000, levels: 100 });
  await using lab = await Lab.up({ data: tape, loss: 0.03, seed: 9 });
  using engine = lab.open("udp", { connectLater: true, goOn: true });
  let gaps = 0;
  let stale = 0;
  await runInline(engine, {
    onBook: (update) => void (update.stale && stale++),
    onGap: () => void gaps++,
  }, { quietMs: 3000 });
  assert.equal(stale, 0);
  assert.equal(engine.book.stale, false);
  assert.ok(gaps > 0);
  assert.equal(gaps, engine.feed.counters.gaps);
});
