/**
 * Recovery end to end: the lab's publisher on one side of the wire, an engine on the other, and every way of losing messages
 * between them. Whatever was lost, and whoever brought it, the books in the end are those of the published session.
 *
 * A busy machine may make the kernel drop datagrams by itself. That is one more hole: nothing here depends on who made it.
 */
import assert from "node:assert/strict";
import {
  type Engine,
  type Gap,
  KIND,
  Lab,
  type LabListenOptions,
  type LabPublisherOptions,
  type MarketFile,
  type Publisher,
  readBook,
  runInline,
  type RxPath,
  type Strategy,
  type SymbolBook,
  type Update,
} from "hotpath";
import { noData, noNamespaces, SHARED, testWhen } from "../fixture.ts";
import { framed } from "../feed/itch.ts";
import { until } from "../wire.ts";

const AAPL = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;
const MARKET = { seed: 5, records: 12_000, levels: 60, symbols: 3 } as const;
const ESTALE = -116;
const FAULTY = {
  a: { loss: 0.02, duplicate: 0.01, reorder: 0.01, distance: 2 },
  b: { loss: 0.02, duplicate: 0.01, reorder: 0.01, skewUs: 300 },
} as const;
/** Patience that a busy machine does not use up. */
const PATIENT = { timeoutMs: 20, attempts: 200, boundMs: 60_000 } as const;

/** A strategy that holds what it is told against what was promised. */
class Witness {
  readonly gaps: Gap[] = [];
  /** Kinds of what is no message, in order: "asked", "lost", "clear", "repair". */
  readonly told: string[] = [];
  events = 0;
  snapshots = 0;
  refused = 0;
  /** Events while messages were missing. */
  stale = 0;
  #last = 0;
  #stale = false;

  /** @param goesOn It trusts the books after a gap; else it tries to trade on stale ones. */
  constructor(readonly goesOn = false, readonly trades = false) {}

  #note(update: Update, book: { stale: boolean }): void {
    if (update.isSnapshot) {
      this.snapshots++;
    } else {
      assert.ok(update.seq > this.#last, `message ${update.seq} came after ${this.#last}`);
      this.#last = update.seq;
      this.events++;
    }
    assert.equal(update.stale, this.#stale, `message ${update.seq}`);
    assert.equal(book.stale, this.#stale);
    if (this.#stale) this.stale++;
  }

  readonly onBook: NonNullable<Strategy["onBook"]> = (update, book, orders) => {
    this.#note(update, book);
    if (!this.trades || !this.#stale) return;
    assert.equal(orders.buy(update.price, 1), ESTALE);
    this.refused++;
  };
  readonly onTrade: NonNullable<Strategy["onTrade"]> = (update, book) => this.#note(update, book);
  readonly onStatus: NonNullable<Strategy["onStatus"]> = (update, book) => {
    if (update.kind === "clear") this.told.push("clear");
    else if (update.kind !== "system") this.#note(update, book);
  };
  readonly onGap: NonNullable<Strategy["onGap"]> = (gap, book) => {
    this.gaps.push({ ...gap });
    this.told.push(gap.recovering ? "asked" : "lost");
    assert.equal(book.stale, true);
    this.#stale = !this.goesOn;
    return this.goesOn ? "go on" : undefined;
  };
  readonly onRepair: NonNullable<Strategy["onRepair"]> = (_repair, book) => {
    this.told.push("repair");
    assert.equal(book.stale, false);
    this.#stale = false;
  };
}

/** A publisher that holds, an engine that listens; then the session, to its end. */
async function play(
  published: LabPublisherOptions,
  listening: LabListenOptions & { via?: RxPath; trades?: boolean; goesOn?: boolean },
  look: (engine: Engine, witness: Witness, publisher: Publisher) => void | Promise<void>,
): Promise<void> {
  const { via = "udp", trades = false, goesOn = false, ...rest } = listening;
  await using lab = await Lab.up({ pace: { rate: 1 } });
  using publisher = lab.publish({
    source: MARKET,
    pace: { rate: 4000 },
    pack: 4,
    hold: true,
    heartbeatMs: 20,
    endMs: 60_000, // for as long as anything may still be asked for
    ...published,
  });
  const orders = trades ? { orders: lab.ordersUrl() } : {};
  using engine = lab.listen(via, { recovery: PATIENT, ...orders, ...rest });
  const witness = new Witness(goesOn, trades);
  const end = runInline(engine, witness, { quietMs: 30_000 });
  publisher.go();
  assert.equal(await end, "end");
  await look(engine, witness, publisher);
}

/** The books of the published session, but for messages that nobody received. */
async function booksOf(publisher: Publisher, holes: readonly [number, number][] = []): Promise<MarketFile> {
  const missing = new Set(
    holes.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
  );
  const messages = Array.from({ length: publisher.counters.messages }, (_, i) => i + 1)
    .filter((number) => !missing.has(number)).map((number) => publisher.message(number));
  const path = await Deno.makeTempFile({ suffix: ".itch50" });
  try {
    await Deno.writeFile(path, framed(messages));
    return await readBook(path, { feed: "itch50" });
  } finally {
    await Deno.remove(path);
  }
}

/** Every level of a book: price, quantity, orders. */
const levelsOf = (book: SymbolBook) => ({
  bids: Array.from(
    { length: book.bidLevels },
    (_, i) => [book.bidPriceAt(i), book.bidQtyAt(i), book.bidOrdersAt(i)],
  ),
  asks: Array.from(
    { length: book.askLevels },
    (_, i) => [book.askPriceAt(i), book.askQtyAt(i), book.askOrdersAt(i)],
  ),
});

/** Level by level, symbol by symbol, and every queue by the checksum. */
function assertBooks({ books }: Engine, file: MarketFile): void {
  assert.ok(file.books.orders > 0, "a session whose books end empty would show nothing");
  assert.deepEqual(books.names, file.books.names);
  for (const book of file.books) assert.deepEqual(levelsOf(books.at(book.name)), levelsOf(book), book.name);
  assert.equal(books.orders, file.books.orders);
  assert.equal(books.checksum, file.books.checksum);
}

/** Every message is accounted for, each line's as well. */
function assertCounted({ feed }: Engine, { counters: { messages } }: Publisher): void {
  const { delivered, lost, superseded, waiting } = feed.stream.counters;
  assert.equal(delivered + lost + superseded + waiting, messages);
  assert.equal(waiting, 0);
  for (const { line, messages, won, duplicates, late } of feed.lines) {
    assert.equal(won + duplicates + late, messages, `line ${line}`);
  }
  if (superseded === 0) assert.equal(feed.lines.reduce((sum, { won }) => sum + won, 0), delivered);
}

/** All of it came: nothing is lost, the books are good, and those of the session. */
async function assertWhole(engine: Engine, witness: Witness, publisher: Publisher): Promise<void> {
  const { messages } = publisher.counters;
  const { counters, holes } = engine.feed.stream;
  assert.deepEqual(holes, []);
  assert.deepEqual([counters.delivered, counters.lost, counters.stale], [messages, 0, 0]);
  assert.deepEqual(engine.feed.report.faults, {});
  const types = engine.feed.report.messages;
  assert.equal(Object.values(types).reduce((a, b) => a + b), messages);
  // Names are for the books alone, and what is said of the whole market is of no book.
  assert.equal(witness.events, messages - (types["R"] ?? 0) - (types["S"] ?? 0));
  assert.equal(witness.told.at(-1) ?? "repair", "repair");
  assertCounted(engine, publisher);
  assertBooks(engine, await booksOf(publisher));
}

for (const count of [1, 2]) {
  testWhen(noNamespaces(), `A published session arrives whole on ${count} good lines`, async () => {
    await play({}, count === 1 ? { lineB: undefined } : {}, async (engine, witness, publisher) => {
      await assertWhole(engine, witness, publisher);
      const lines = engine.feed.lines.filter(({ line }) => line !== "recovery");
      assert.equal(lines.length, count);
      if (engine.feed.rx.dropped === 0) assert.equal(lines[0]!.missing, 0);
      assert.equal(engine.feed.skew.count > 0, count === 2);
    });
  });
}

/** Two bad lines: what neither brought is asked for, and comes. */
async function repairs(via: RxPath, source: LabPublisherOptions["source"]): Promise<void> {
  await play(
    { source: source!, faults: FAULTY },
    { via, trades: true },
    async (engine, witness, publisher) => {
      await assertWhole(engine, witness, publisher);
      assert.ok(witness.told.length >= 2);
      assert.equal(
        witness.told.join(" ").replaceAll(/(asked )+repair ?/g, ""),
        "",
        "each gap is asked for, and repaired",
      );
      assert.ok(witness.stale > 0 && witness.refused > 0);
      assert.equal(engine.orderCounters.refused_stale, witness.refused);
      const [a, b, recovery] = engine.feed.lines;
      assert.ok(recovery!.won > 0);
      assert.equal(engine.feed.stream.counters.recovered, recovery!.won);
      assert.ok(a!.won > 0 && b!.won > 0 && a!.missing > 0 && b!.missing > 0 && a!.duplicates > 0);
      assert.ok(engine.feed.skew.count > 0 && engine.feed.repair.count > 0);
      assert.equal(publisher.requests.refused, 0);
      assert.ok(publisher.requests.served > 0);
    },
  );
}

for (const via of ["udp", "packet", "xdp"] as const) {
  testWhen(
    noNamespaces(),
    `What two bad lines have lost is asked for, and the books are repaired, via ${via}`,
    () => repairs(via, MARKET),
  );
}

testWhen(noNamespaces() ?? noData(AAPL), "A real hour on two bad lines ends in its stated book", async () => {
  await play({ source: AAPL, faults: FAULTY, pack: 10 }, {}, async (engine, witness, publisher) => {
    await assertWhole(engine, witness, publisher);
    const book = engine.books.at("AAPL");
    assert.deepEqual([book.bid, book.bidQty, book.ask, book.askQty], [5_856_900, 10, 5_859_500, 100]);
    assert.deepEqual([book.bidLevels, book.askLevels, book.orders], [121, 103, 380]);
    assert.ok(engine.feed.stream.counters.recovered > 0);
  });
});

testWhen(
  noNamespaces(),
  "A re-request server that is slow and loses answers is asked until all has come",
  async () => {
    await play(
      { faults: FAULTY, answers: { loss: 0.4, delayUs: 2000 } },
      { lineB: undefined },
      async (engine, witness, publisher) => {
        await assertWhole(engine, witness, publisher);
        assert.ok(publisher.requests.lost > 0);
        assert.ok(engine.feed.stream.counters.timeouts > 0);
        assert.equal(engine.feed.stream.counters.gave_up, 0);
      },
    );
  },
);

testWhen(noNamespaces(), "Where requests are refused a snapshot makes the books good again", async () => {
  await play(
    { faults: { a: { loss: 0.002 } }, answers: { refuse: true }, pace: { rate: 2000 } },
    { lineB: undefined, recovery: { timeoutMs: 5, attempts: 2 } },
    async (engine, witness, publisher) => {
      const { counters } = engine.feed.stream;
      assert.ok(counters.snapshots > 0 && witness.snapshots > 0);
      assert.equal(publisher.snapshots.snapshots >= counters.snapshots, true);
      assert.match(witness.told.join(" "), /^asked lost (asked |lost )*clear (asked )*repair/);
      assert.equal(witness.told.at(-1), "repair");
      assert.ok(counters.gave_up > 0 && counters.lost > 0);
      assert.equal(counters.stale, 0);
      assert.equal([...engine.books].some(({ stale }) => stale), false);
      assert.deepEqual(engine.feed.report.faults, {}, "what follows a snapshot fits to it");
      assertCounted(engine, publisher);
      assertBooks(engine, await booksOf(publisher));
    },
  );
});

const nobody = {
  lineB: undefined,
  snapshots: undefined,
  recovery: { timeoutMs: 5, attempts: 2, boundMs: 50 },
};

testWhen(
  noNamespaces(),
  "Where nobody helps it gives up and says so: stale books, and all the rest",
  async () => {
    for (const goesOn of [false, true]) {
      await play(
        { faults: { a: { loss: 0.003, seed: 3 } }, answers: { refuse: true } },
        { ...nobody, goesOn },
        async (engine, witness, publisher) => {
          const { feed, books } = engine;
          const { counters, holes, trouble } = feed.stream;
          const lost = witness.gaps.filter(({ recovering }) => !recovering);
          assert.ok(lost.length > 1);
          assert.deepEqual(holes, lost.map(({ seq, lost }) => [seq, seq + lost - 1]));
          assert.equal(counters.lost, lost.reduce((sum, { lost }) => sum + lost, 0));
          assert.ok(counters.gave_up > 0);
          assert.match(trouble, /^10\.77\.0\.1:18000 did not (answer|fill) /);
          assert.match(
            feed.troubles.join("\n"),
            new RegExp(`^${counters.lost} messages were lost in ${lost.length} gaps: `, "m"),
          );
          assert.ok(!witness.told.includes("repair") && !witness.told.includes("clear"));
          assert.equal([...books].every(({ stale }) => stale), !goesOn);
          assert.equal(witness.stale > 0, !goesOn);
          assertCounted(engine, publisher);
          // What was not lost was applied, in order: the same books as from a file without those messages.
          const file = await booksOf(publisher, holes);
          assertBooks(engine, file);
          assert.deepEqual({ ...feed.report.faults }, file.errors);
        },
      );
    }
  },
);

testWhen(
  noNamespaces(),
  "Who joins late has the same books as who was there: by a snapshot, or by asking",
  async () => {
    for (const servers of ["requests", "snapshots"] as const) {
      await using lab = await Lab.up({ pace: { rate: 1 } });
      using publisher = lab.publish({
        source: MARKET,
        pace: { rate: 4000 },
        pack: 4,
        hold: true,
        heartbeatMs: 20,
        endMs: 60_000,
        faults: FAULTY,
      });
      using first = lab.listen("udp", { recovery: PATIENT }).start();
      const middle = Math.floor(publisher.counters.messages / 2);
      await publisher.go(middle).reached(middle);
      const other = servers === "requests" ? "snapshots" : "requests";
      using second = lab.listen("udp", { recovery: PATIENT, [other]: undefined });
      const witness = new Witness();
      const end = runInline(second, witness, { quietMs: 30_000 });
      await until("the repair", () => witness.told.includes("repair"), 30_000);
      publisher.go();
      assert.equal(await end, "end");
      await until("the first engine's end", () => first.ended === 1, 30_000);
      const { counters } = second.feed.stream;
      if (servers === "requests") {
        assert.equal(counters.delivered, publisher.counters.messages, "all from the first message on");
      } else {
        assert.deepEqual(witness.told.slice(0, 3), ["lost", "clear", "repair"]);
        assert.deepEqual(witness.gaps[0], { seq: 1, lost: middle, recovering: false, overrun: 0 });
        assert.ok(counters.snapshots > 0 && witness.snapshots > 0);
      }
      const file = await booksOf(publisher);
      assertBooks(first, file);
      assertBooks(second, file);
      assert.deepEqual(second.feed.report.faults, {});
    }
  },
);

testWhen(noNamespaces(), "Lab.listen() opens what is published, and says so when nothing is", async () => {
  await using lab = await Lab.up();
  assert.throws(() => lab.listen(), { message: "Cannot listen: nothing is published; lab.publish() does" });
  lab.publish({ source: { records: 100 }, hold: true, requests: undefined, snapshots: undefined });
  const engine = lab.listen("udp", { wait: "block" });
  assert.equal(engine.feed.endpointB!.address, "233.49.196.111");
  assert.deepEqual(lab.engines, [engine]);
  assert.equal(engine.next(), KIND.NONE);
});
