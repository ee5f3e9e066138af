/** The L2 book as TypeScript uses it, held against two Maps. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Book, FLAG, NativeError, type Side, Tape } from "hotpath";
import { BOOK } from "../../lib/layout.ts";
import { BINANCE, noData, testWhen } from "../fixture.ts";
import { assertSides, type Sides, sidesOf } from "../reference.ts";

const PRICE_SCALE = 100;
const QTY_SCALE = 1000;
const SIDES = ["bid", "ask"] as const;

/** The slow and obvious book: a Map a side, sorted when it is asked. */
class MapBook {
  readonly #sides = { bid: new Map<number, number>(), ask: new Map<number, number>() };
  readonly counters = {
    updates: 0,
    inserted: 0,
    removed: 0,
    unknownRemoved: 0,
    overflowed: 0,
    refused: 0,
    clears: 0,
  };

  constructor(readonly capacity: number) {}

  /** Scaled levels, best first. */
  levels(side: Side): [price: number, qty: number][] {
    return [...this.#sides[side]].sort(([a], [b]) => side === "bid" ? b - a : a - b);
  }

  /** As {@linkcode Book.apply}. */
  apply(side: Side, price: number, qty: number): number {
    const map = this.#sides[side];
    const known = map.has(price);
    const before = this.levels(side);
    this.counters.updates++;
    if (qty === 0) {
      if (!known) {
        this.counters.unknownRemoved++;
        return -1;
      }
      this.counters.removed++;
      map.delete(price);
      return Number(before[0]![0] !== price);
    }
    map.set(price, qty);
    const best = this.levels(side)[0]![0] === price;
    if (!known) this.counters.inserted++;
    if (map.size > this.capacity) { // the deepest goes, be it the new one
      this.counters.overflowed++;
      map.delete(this.levels(side).at(-1)![0]);
    }
    return Number(!best);
  }

  clear(): void {
    this.#sides.bid.clear();
    this.#sides.ask.clear();
  }
}

const near = (actual: number, expected: number, what: string) =>
  assert.ok(
    Object.is(actual, expected) || Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} instead of ${expected}`,
  );

/** Scaled numbers for strategies: levels, top and what follows from it. */
function assertScaled(book: Book, reference: MapBook): void {
  const bids = reference.levels("bid");
  const asks = reference.levels("ask");
  assert.deepEqual(sidesOf(book), { bids, asks });
  const [bid, bidQty] = bids[0] ?? [0, 0];
  const [ask, askQty] = asks[0] ?? [0, 0];
  assert.deepEqual([book.bid, book.bidQty, book.ask, book.askQty], [bid, bidQty, ask, askQty]);
  const both = bids.length > 0 && asks.length > 0;
  near(book.mid, both ? (bid + ask) / 2 : NaN, "mid");
  near(book.spread, both ? ask - bid : NaN, "spread");
  near(book.microprice, both ? (bid * askQty + ask * bidQty) / (bidQty + askQty) : NaN, "microprice");
  near(book.imbalanceOf(1), book.imbalance, "imbalance of one level");
  near(book.imbalance, bidQty + askQty > 0 ? (bidQty - askQty) / (bidQty + askQty) : NaN, "imbalance");
  assert.equal(book.crossed, both && bid >= ask);
  assert.equal(book.stale, false);
  for (const n of [0, 1, 3, 1000]) {
    const size = (levels: [number, number][]) => levels.slice(0, n).reduce((sum, [, qty]) => sum + qty, 0);
    assert.deepEqual([book.bidSize(n), book.askSize(n)], [size(bids), size(asks)]);
  }
}

/** Decimal numbers for people. */
function assertDecimal(book: Book, reference: MapBook): void {
  for (const side of SIDES) {
    const wanted = reference.levels(side)
      .map(([price, qty]) => ({ price: price / PRICE_SCALE, qty: qty / QTY_SCALE }));
    assert.deepEqual([...book.levels(side)], wanted);
    assert.deepEqual([...book.levels(side, 2)], wanted.slice(0, 2));
    assert.deepEqual(book.top[side], wanted[0]);
    let sum = 0;
    const depth = book.depth(side, 5);
    assert.equal(depth.length, Math.min(5, wanted.length));
    reference.levels(side).slice(0, 5).forEach(([price, qty], level) => {
      sum += qty;
      const { cumulative, ...rest } = depth[level]!;
      assert.deepEqual(rest, { level, price: price / PRICE_SCALE, qty: qty / QTY_SCALE });
      near(cumulative, sum / QTY_SCALE, "cumulative");
    });
    assert.deepEqual([...book.ladder(3)[`${side}s`]], wanted.slice(0, 3));
  }
  const { mid, spread, microprice, imbalance } = book.top;
  near(mid, book.mid / PRICE_SCALE, "top.mid");
  near(spread, book.spread / PRICE_SCALE, "top.spread");
  near(microprice, book.microprice / PRICE_SCALE, "top.microprice");
  near(imbalance, book.imbalance, "top.imbalance");
}

type Step = "clear" | [side: Side, price: number, qty: number];

/** Many changes at few prices, so that levels meet, go and come back. */
function stepsBelow(price: number): fc.Arbitrary<Step[]> {
  const qty = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }));
  const update = fc.tuple(fc.constantFrom(...SIDES), fc.integer({ min: 1, max: price }), qty);
  const step = fc.oneof({ weight: 40, arbitrary: update }, {
    weight: 1,
    arbitrary: fc.constant("clear" as const),
  });
  return fc.array(step, { maxLength: 150, size: "max" });
}

function follow(levels: number, steps: Step[]): void {
  const book = Book.create({ levels, priceScale: PRICE_SCALE, qtyScale: QTY_SCALE });
  const reference = new MapBook(levels);
  for (const step of steps) {
    if (step === "clear") {
      book.clear();
      reference.clear();
    } else {
      assert.equal(book.apply(...step), reference.apply(...step), `apply(${step})`);
    }
    assertScaled(book, reference);
  }
  assertDecimal(book, reference);
  assert.deepEqual({ ...book.counters }, reference.counters);
  assert.equal(book.seq, reference.counters.updates);
}

Deno.test("Book follows two Maps through any updates and clears", () => {
  fc.assert(fc.property(stepsBelow(60), (steps) => follow(64, steps)), { numRuns: 200 });
});

Deno.test("Book keeps the best levels when a side is full", () => {
  fc.assert(fc.property(stepsBelow(60), (steps) => follow(16, steps)), { numRuns: 200 });
});

Deno.test("Book follows two Maps when a side drifts through its whole memory", () => {
  const book = Book.create({ levels: 64 });
  const reference = new MapBook(64);
  for (const direction of [1, -1]) {
    for (let i = 0; i < 300; i++) {
      const price = 1000 + direction * i;
      for (const [side, at] of [["bid", price], ["ask", price + 40]] as const) {
        assert.equal(book.apply(side, at, 1 + i), reference.apply(side, at, 1 + i));
        const gone = at - direction * 30;
        assert.equal(book.apply(side, gone, 0), reference.apply(side, gone, 0));
      }
      assertScaled(book, reference);
    }
    book.clear();
    reference.clear();
  }
});

/** Levels, and the one behind the last, in any order: whatever was read before must not show. */
function assertJumps(book: Book, reference: MapBook, places: number[]): void {
  for (const side of SIDES) {
    const wanted = reference.levels(side);
    for (const place of places) {
      const i = place % (wanted.length + 1);
      const level = wanted[i] ?? [NaN, NaN];
      const read = () =>
        side === "bid" ? [book.bidPriceAt(i), book.bidQtyAt(i)] : [book.askPriceAt(i), book.askQtyAt(i)];
      assert.deepEqual(read(), level, `${side} level ${i}`);
    }
  }
}

Deno.test("Book finds the level at any place, in any order, while it changes", () => {
  const tick = fc.constantFrom(1, 7, 100);
  const place = fc.integer({ min: 0, max: 2000 });
  fc.assert(
    fc.property(fc.gen(), tick, fc.array(place, { minLength: 20, maxLength: 20 }), (gen, tick, places) => {
      const book = Book.create({ levels: 1024 });
      const reference = new MapBook(1024);
      const change = (side: Side, price: number, qty: number) => {
        book.apply(side, price, qty);
        reference.apply(side, price, qty);
      };
      for (let i = 1; i <= 300; i++) {
        change("bid", 300_000 - gen(fc.integer, { min: 0, max: 2000 }) * tick, i);
        change("ask", 300_001 + i * 3 * tick, i);
      }
      for (let i = 0; i < 5; i++) {
        assertJumps(book, reference, places);
        change("bid", 300_000 - i * 49_000, 5);
        change("bid", 300_000 + i * tick, i % 2);
        change("ask", 250_000 - i * 5, 1);
      }
      assertScaled(book, reference);
    }),
    { numRuns: 60 },
  );
});

Deno.test("Book.applyAll() does what apply() does, many times", () => {
  const records = Tape.generate({ levels: 200, records: 20_000 });
  using tape = records;
  const { priceScale, qtyScale } = tape.info;
  const [one, all] = [Book.create({ priceScale, qtyScale }), Book.create({ priceScale, qtyScale })];
  const updates = tape.read();
  for (let i = 0, inSnapshot = false; i < updates.length; i += 3) {
    const flags = updates[i + 2]!;
    const snapshot = (flags & FLAG.SNAPSHOT) !== 0;
    if (snapshot && !inSnapshot) one.clear();
    inSnapshot = snapshot;
    one.apply(flags & FLAG.BID ? "bid" : "ask", updates[i]!, updates[i + 1]!);
  }
  const half = 3 * 7777;
  assert.equal(all.applyAll(updates.subarray(0, half)), half / 3);
  assert.equal(all.applyAll(updates.subarray(half)), tape.info.records - half / 3);
  assertSides(sidesOf(all), sidesOf(one));
  assert.deepEqual({ ...all.counters, clears: 0 }, { ...one.counters, clears: 0 });
  assert.equal(all.applyAll(new Float64Array([1, 1, 0, 0.5, 1, 0, 1, 1, NaN])), 1);
  assert.equal(all.counters.refused, 2);
  assert.throws(() => all.applyAll(new Float64Array(4)), {
    name: "TypeError",
    message: "Cannot apply 4 numbers: an update is three, price, quantity, flags",
  });
  assert.throws(() => new Book(all.memory).applyAll(updates), { message: /an engine writes it/ });
});

const exact = (value: number, least: number) => Number.isInteger(value) && value >= least && value <= 2 ** 53;

Deno.test("Book.apply() refuses numbers off the scale and leaves the book as it was", () => {
  const odd = fc.oneof(
    fc.double(),
    fc.integer({ min: -2, max: 2 }),
    fc.constantFrom(NaN, Infinity, -Infinity, -0, 0.5, 2 ** 53, 2 ** 53 + 2, 2 ** 64, 5e-324),
  );
  fc.assert(
    fc.property(fc.constantFrom(...SIDES), odd, odd, (side, price, qty) => {
      const book = Book.create({ levels: 16 });
      book.apply("bid", 100, 1);
      book.apply("ask", 101, 2);
      const before = book.memory.u8.slice();
      if (exact(price, 1) && exact(qty, 0)) {
        book.apply(side, price, qty);
        return;
      }
      assert.throws(() => book.apply(side, price, qty), (error) => {
        assert.ok(error instanceof NativeError);
        assert.match(
          error.message,
          /^Cannot apply (bid|ask) .* x .*: prices are integers above 0, quantities integers/,
        );
        assert.equal(error.errno, 34); // ERANGE
        return true;
      });
      assert.equal(book.counters.refused, 1);
      book.memory.f64[BOOK.refused / 8] = 0; // that counter is all that changed
      assert.deepEqual(book.memory.u8.slice(), before);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Book.create() refuses sizes it cannot lay out", () => {
  for (const levels of [0, -1, 15, 17, 8, 1 << 17]) {
    assert.throws(() => Book.create({ levels }), {
      name: "NativeError",
      message: `Cannot size a book for ${levels} levels a side: choose a power of two, 16 to 65536`,
    });
  }
  for (const levels of [16, 65536]) assert.equal(Book.create({ levels }).bidLevels, 0);
});

Deno.test("Book.apply() and clear() refuse a book that an engine writes", () => {
  const watched = new Book(Book.create({ levels: 16 }).memory);
  const refusal = { name: "TypeError", message: "Cannot change this book: an engine writes it" };
  assert.throws(() => watched.apply("bid", 1, 1), refusal);
  assert.throws(() => watched.clear(), refusal);
});

Deno.test("Book says so when its writer stopped in the middle of a change", () => {
  const book = Book.create({ levels: 16 });
  book.apply("bid", 100, 1);
  book.memory.u32[0]! |= 1; // an odd version
  const message = "Cannot read the book: its writer stopped in the middle of a change";
  assert.throws(() => book.top, { message });
  assert.throws(() => book.levels("bid"), { message });
  book.memory.u32[0]! += 1;
  assert.deepEqual(book.top.bid, { price: 100, qty: 1 });
});

/** Every way a book is printed. */
function pictures(book: Book): string[] {
  const shown = [book, book.top, book.counters, book.ladder(), book.levels("bid"), book.depth("ask"), {
    book,
  }];
  return [...shown.map((value) => Deno.inspect(value, { colors: false })), String(book.ladder(2))];
}

Deno.test("Book prints in every state: empty, one-sided, crossed, full", () => {
  const book = Book.create({ levels: 16, priceScale: 10, qtyScale: 1000 });
  assert.match(pictures(book)[0]!, /^Book \(empty\)/);
  assert.ok(Number.isNaN(book.top.mid) && book.top.bid === undefined);
  book.apply("bid", 616597, 1486);
  assert.match(pictures(book)[0]!, /bid +61659\.7 +1\.486 +█+$/m);
  assert.match(pictures(book)[0]!, /one side is empty/);
  book.apply("ask", 616596, 981);
  assert.match(pictures(book)[0]!, /\[crossed\]/);
  assert.match(pictures(book)[0]!, /spread -0\.1/);
  book.apply("ask", 616596, 0);
  book.apply("ask", 616598, 981);
  assert.match(pictures(book)[0]!, /spread 0\.1/);
  assert.doesNotMatch(pictures(book)[0]!, /crossed|stale/);
  for (let price = 1; price < 100; price++) book.apply("bid", price, price);
  for (const text of pictures(book)) assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  assert.match(pictures(book).at(-2)!, /^\{ book: Book 61659\.7 \/ 61659\.8 .*\}$/);
});

/** The book a Tardis file ends in, by another parser than the library's: gunzip, split, Maps. */
async function sidesOfCsv(path: string, priceScale: number, qtyScale: number): Promise<Sides> {
  const bids = new Map<number, number>();
  const asks = new Map<number, number>();
  using file = await Deno.open(path);
  const unzip = new DecompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>;
  const decode = new TextDecoderStream() as TransformStream<Uint8Array, string>;
  let rest = "";
  let inSnapshot = false;
  for await (const chunk of file.readable.pipeThrough(unzip).pipeThrough(decode)) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [exchange, , , , isSnapshot, side, price, amount] = line.split(",");
      if (exchange === "exchange") continue;
      if (isSnapshot === "true" && !inSnapshot) {
        bids.clear();
        asks.clear();
      }
      inSnapshot = isSnapshot === "true";
      const map = side === "bid" ? bids : asks;
      const at = Math.round(Number(price) * priceScale);
      const qty = Math.round(Number(amount) * qtyScale);
      if (qty === 0) map.delete(at);
      else map.set(at, qty);
    }
  }
  assert.equal(rest, "");
  return { bids: [...bids].sort(([a], [b]) => b - a), asks: [...asks].sort(([a], [b]) => a - b) };
}

testWhen(noData(BINANCE), "Book.apply() ends a real hour of Binance where it ended", async () => {
  using tape = Tape.load(BINANCE);
  const { priceScale, qtyScale } = tape.info;
  const book = Book.create({ priceScale, qtyScale });
  const records = tape.read();
  for (let i = 0, inSnapshot = false; i < records.length; i += 3) {
    const flags = records[i + 2]!;
    const snapshot = (flags & FLAG.SNAPSHOT) !== 0;
    if (snapshot && !inSnapshot) book.clear();
    inSnapshot = snapshot;
    book.apply(flags & FLAG.BID ? "bid" : "ask", records[i]!, records[i + 1]!);
  }
  assert.deepEqual(book.top.bid, { price: 61659.7, qty: 1.486 });
  assert.deepEqual(book.top.ask, { price: 61659.8, qty: 0.981 });
  assert.deepEqual([book.bidLevels, book.askLevels], [5018, 4578]);
  assert.equal(book.crossed, false);
  assertSides(sidesOf(book), await sidesOfCsv(BINANCE, priceScale, qtyScale));
});
