/** Books of many symbols, and the book of one, held against the reference after every message. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Book, type BookMessage, Books, NativeError, type Side, type SymbolBook } from "hotpath";
import { ReferenceBooks } from "./reference.ts";

const SYMBOLS = 5;
const SIDES = ["bid", "ask"] as const;
const create = () => Books.create({ symbols: SYMBOLS, orders: 500, levels: 500, trades: 1024 });

/** Levels of a view, as the reference states them. */
function levelsOf(book: SymbolBook, side: Side) {
  const bid = side === "bid";
  return Array.from({ length: bid ? book.bidLevels : book.askLevels }, (_, i) => ({
    price: bid ? book.bidPriceAt(i) : book.askPriceAt(i),
    qty: bid ? book.bidQtyAt(i) : book.askQtyAt(i),
    queue: book.queue(side, i).map(({ order, qty }) => [order, qty] as [bigint, number]),
  }));
}

function assertSame(books: Books, reference: ReferenceBooks): void {
  for (let number = 0; number < SYMBOLS; number++) {
    const book = books.symbol(number);
    const [bids, asks] = SIDES.map((side) => reference.levels(number, side)) as [
      ReturnType<ReferenceBooks["levels"]>,
      ReturnType<ReferenceBooks["levels"]>,
    ];
    assert.deepEqual(levelsOf(book, "bid"), bids);
    assert.deepEqual(levelsOf(book, "ask"), asks);
    assert.deepEqual([book.bid, book.bidQty, book.bidOrders], [
      bids[0]?.price ?? 0,
      bids[0]?.qty ?? 0,
      bids[0]?.queue.length ?? 0,
    ]);
    assert.deepEqual([book.ask, book.askQty, book.askOrders], [
      asks[0]?.price ?? 0,
      asks[0]?.qty ?? 0,
      asks[0]?.queue.length ?? 0,
    ]);
    assert.equal(book.crossed, bids.length > 0 && asks.length > 0 && bids[0]!.price >= asks[0]!.price);
    assert.equal(book.state, reference.states.get(number) ?? "");
    assert.equal(book.name, reference.names.get(number) ?? "");
    const trades = reference.trades.filter(([symbol]) => symbol === number);
    assert.equal(book.trades, trades.length);
    assert.equal(book.volume, trades.reduce((sum, [, , qty]) => sum + qty, 0));
    assert.equal(book.lastPrice, trades.at(-1)?.[1] ?? 0);
  }
  assert.equal(books.orders, reference.orders.size);
  assert.equal(books.unknownLevels, reference.unknownLevels);
  const { trades } = books;
  assert.deepEqual(
    Array.from({ length: trades.length }, (_, i) => [trades.symbolAt(i), trades.priceAt(i), trades.qtyAt(i)]),
    reference.trades,
  );
}

const side = fc.constantFrom(...SIDES);
/** Few of everything, so that messages meet; now and then something wrong. */
const seldom = <T>(usual: fc.Arbitrary<T>, wrong: T[]) =>
  fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
const price = seldom(fc.integer({ min: 100, max: 112 }), [0, -5, 2 ** 53, 2 ** 60, 1]);
const qty = seldom(fc.integer({ min: 1, max: 30 }), [0, -1, 2 ** 60, 1000]);
const order = fc.integer({ min: 1, max: 40 });

/** Messages of an ITCH-like feed, about symbols 0 to 2; a message about an order may leave the symbol out. */
const orderMessage: fc.Arbitrary<BookMessage> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      symbol: seldom(fc.nat(2), [SYMBOLS, 70_000]),
      side,
      order,
      price,
      qty,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("execute" as const, "execute at" as const, "reduce" as const, "delete" as const),
      symbol: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2, SYMBOLS),
      order,
      price,
      qty,
      silent: fc.boolean(),
    }).map(({ symbol, ...rest }) => symbol === undefined ? rest : { symbol, ...rest }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("replace" as const), order, newOrder: order, price, qty }),
  },
);

/** Messages of a feed without orders, about symbols 3 and 4. */
const levelMessage: fc.Arbitrary<BookMessage> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("level" as const),
      symbol: seldom(fc.integer({ min: 3, max: 4 }), [0, SYMBOLS]),
      side,
      price,
      qty: fc.oneof(qty, fc.constant(0)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("quote" as const),
      symbol: seldom(fc.integer({ min: 3, max: 4 }), [0, SYMBOLS]),
      price,
      qty,
      askPrice: price.filter((price) => price >= 0),
      askQty: qty.filter((qty) => qty >= 0),
    }),
  },
);

const noteMessage: fc.Arbitrary<BookMessage> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("trade" as const, "cross" as const),
    symbol: fc.nat(SYMBOLS),
    price,
    qty,
    side,
    silent: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("status" as const),
    symbol: fc.nat(SYMBOLS),
    state: fc.constantFrom("H", "T", "P", "Q"),
  }),
  fc.record({
    kind: fc.constant("symbol" as const),
    symbol: fc.nat(SYMBOLS),
    name: fc.constantFrom("AAPL", "LONGNAME", "B"),
  }),
  fc.record({ kind: fc.constantFrom("other" as const, "imbalance" as const, "system" as const) }),
  fc.record({ kind: fc.constant("clear" as const), symbol: fc.nat(SYMBOLS) }),
  fc.constant({ kind: "clear" as const }),
);

function follow(messages: BookMessage[]): void {
  const books = create();
  const reference = new ReferenceBooks(SYMBOLS);
  messages.forEach((message, seq) => {
    assert.equal(books.apply({ ...message, seq }), reference.apply(message), Deno.inspect(message));
    assertSame(books, reference);
  });
}

const many = (message: fc.Arbitrary<BookMessage>) => fc.array(message, { maxLength: 120, size: "max" });

Deno.test("Books follow the reference through any messages about orders, faults included", () => {
  fc.assert(fc.property(many(orderMessage), follow), { numRuns: 60 });
});

Deno.test("Books follow the reference through any levels and quotes", () => {
  fc.assert(fc.property(many(levelMessage), follow), { numRuns: 60 });
});

Deno.test("Books follow the reference through everything mixed", () => {
  const any = fc.oneof({ weight: 12, arbitrary: orderMessage }, { weight: 6, arbitrary: levelMessage }, {
    weight: 3,
    arbitrary: noteMessage,
  });
  fc.assert(fc.property(many(any), follow), { numRuns: 60 });
});

Deno.test("Books follow the reference with hundreds of levels a side, in any order", () => {
  const deep = fc.array(
    fc.record({
      kind: fc.constant("level" as const),
      symbol: fc.constant(3),
      side,
      price: fc.integer({ min: 1, max: 300 }),
      qty: fc.nat(3),
    }),
    { minLength: 200, maxLength: 600, size: "max" },
  );
  const property = fc.property(deep, (messages) => {
    const books = create();
    const reference = new ReferenceBooks(SYMBOLS);
    for (const message of messages) assert.equal(books.apply(message), reference.apply(message));
    assertSame(books, reference);
  });
  fc.assert(property, { numRuns: 30 });
});

Deno.test("The book of one symbol follows the same reference", () => {
  const update = fc.tuple(side, fc.integer({ min: 1, max: 40 }), fc.nat(5));
  const property = fc.property(fc.array(update, { maxLength: 120, size: "max" }), (updates) => {
    const book = Book.create({ levels: 64 });
    const reference = new ReferenceBooks(1);
    for (const [side, price, qty] of updates) {
      book.apply(side, price, qty);
      reference.apply({ kind: "level", symbol: 0, side, price, qty });
      for (const side of SIDES) {
        const levels = reference.levels(0, side).map(({ price, qty }) => ({ price, qty }));
        assert.deepEqual([...book.levels(side)], levels);
      }
    }
  });
  fc.assert(property, { numRuns: 60 });
});

Deno.test("Equal books have equal checksums, others have not", () => {
  const property = fc.property(many(orderMessage), (messages) => {
    const [one, other] = [create(), create()];
    const reference = new ReferenceBooks(SYMBOLS);
    for (const message of messages) {
      one.apply(message);
      reference.apply(message);
    }
    for (const { order, symbol, side, price, qty } of reference.orders.values()) {
      assert.equal(other.apply({ kind: "add", order, symbol, side, price, qty }), undefined);
    }
    assert.equal(one.checksum, other.checksum);
    assert.equal(other.apply({ kind: "add", order: 1000, symbol: 0, price: 7, qty: 7 }), undefined);
    assert.notEqual(one.checksum, other.checksum);
  });
  fc.assert(property, { numRuns: 40 });
});

Deno.test("Watches and places know what the reference knows is ahead", () => {
  const messages = many(orderMessage);
  const property = fc.property(
    messages,
    fc.nat(100),
    side,
    fc.integer({ min: 100, max: 112 }),
    (messages, at, side, price) => {
      const books = create();
      const reference = new ReferenceBooks(SYMBOLS);
      const ahead = new Set<unknown>();
      const queue = () =>
        [...reference.orders.values()].filter((order) =>
          order.symbol === 1 && order.side === side && order.price === price
        );
      messages.slice(0, at).forEach((message) => [books.apply(message), reference.apply(message)]);
      using watch = books.watch(1, side, price, 9);
      queue().forEach((order) => ahead.add(order));
      for (const message of messages.slice(at)) {
        books.apply(message);
        reference.apply(message);
        const still = queue().filter((order) => ahead.has(order));
        assert.equal(watch.aheadOrders, still.length);
        assert.equal(watch.aheadQty, still.reduce((sum, { qty }) => sum + qty, 0));
      }
      let sum = 0;
      queue().forEach(({ order, qty }, i) => {
        const place = books.ahead(order)!;
        assert.deepEqual([place.aheadQty, place.aheadOrders, place.qty, place.side], [sum, i, qty, side]);
        sum += qty;
      });
      assert.equal(books.ahead(99999), undefined);
    },
  );
  fc.assert(property, { numRuns: 60 });
});

function example(): Books {
  const books = Books.create({ symbols: 4, orders: 100, priceScale: 100, qtyScale: 10 });
  const add = (order: number, side: Side, price: number, qty: number) =>
    books.apply({ kind: "add", symbol: 2, order, side, price, qty });
  books.apply({ kind: "symbol", symbol: 2, name: "AAPL" });
  add(1, "bid", 9_990, 50);
  add(2, "bid", 9_990, 70);
  add(3, "bid", 9_980, 10);
  add(4, "ask", 10_010, 30);
  add(5, "ask", 10_030, 30);
  books.apply({ kind: "execute", order: 4, qty: 10, match: 7, type: "E", seq: 9 });
  return books;
}

Deno.test("SymbolBook shows people decimals: top, depth, ladder, queue, trades", () => {
  const books = example();
  const book = books.at("AAPL");
  assert.equal(book, books.symbol(2));
  assert.deepEqual(book.top.bid, { price: 99.9, qty: 12 });
  assert.equal(book.top.spread, 0.2);
  assert.deepEqual([...book.depth("bid", 2)].map(({ cumulative }) => cumulative), [12, 13]);
  assert.deepEqual([...book.ladder(1).asks], [{ price: 100.1, qty: 2 }]);
  assert.deepEqual([...book.queue("bid")], [{ order: 1n, qty: 5, ahead: 0 }, {
    order: 2n,
    qty: 7,
    ahead: 5,
  }]);
  assert.deepEqual([...book.queue("ask", 9)], []);
  const [trade] = books.trades.last();
  assert.deepEqual([trade!.symbol, trade!.price, trade!.qty, trade!.resting, trade!.type, trade!.match], [
    "AAPL",
    100.1,
    1,
    "ask",
    "E",
    7,
  ]);
  books.apply({ kind: "break", symbol: 2, match: 7 });
  assert.equal(books.trades.last()[0]!.broken, true);
  assert.equal(book.volume, 0);
});

Deno.test("SymbolBook tells what a size would cost, and how the sides compare", () => {
  const book = example().at("AAPL");
  assert.equal(book.vwap("ask", 20), 10_010);
  assert.equal(book.vwap("ask", 40), (20 * 10_010 + 20 * 10_030) / 40);
  assert.ok(Number.isNaN(book.vwap("ask", 51)));
  assert.equal(book.vwap("bid", 130), (120 * 9_990 + 10 * 9_980) / 130);
  assert.equal(book.imbalance, (120 - 20) / 140);
  assert.equal(book.imbalanceOf(2), (130 - 50) / 180);
  assert.equal(book.mid, 10_000);
  assert.equal(book.tradedVwap, 10_010);
});

Deno.test("Books print themselves", () => {
  const books = example();
  assert.match(Deno.inspect(books), /Books of 1 symbols: 5 orders, 4 levels, 1 trades[\s\S]*AAPL/);
  assert.match(Deno.inspect(books.at("AAPL")), /AAPL {2}seq 9 {2}2 bids {2}2 asks {2}5 orders[\s\S]*99\.9/);
  assert.match(Deno.inspect([books.at("AAPL")]), /SymbolBook 99\.9 \/ 100\.1/);
  assert.match(Deno.inspect(books.trades), /TradeTape of 1 trades[\s\S]*AAPL/);
  assert.match(Deno.inspect(books.at("AAPL").queue("bid")), /order[\s\S]*ahead/);
  const watch = books.watch("AAPL", "bid", 9_990, 5);
  assert.match(Deno.inspect(watch), /Watch bid 5 @ 9990 of symbol 2: 120 ahead in 2 orders/);
  assert.match(Deno.inspect(books.ahead(2)), /7 @ 99\.9: 5 ahead in 1 orders/);
  books.clear();
  assert.equal(watch.lost, true);
  assert.ok(Number.isNaN(watch.aheadQty));
  watch.close();
  assert.match(Deno.inspect(watch), /closed/);
});

Deno.test("Books say what is wrong, and what to do", () => {
  const books = example();
  assert.throws(() => Books.create({ symbols: 0 }), /Cannot size books for 0 symbols: 1 to 65536/);
  assert.throws(() => Books.create({ symbols: 1, trades: 3 }), NativeError);
  assert.throws(() => books.at("MSFT"), /Cannot find symbol "MSFT"/);
  assert.throws(() => books.symbol(4), /numbers 0 to 3/);
  assert.throws(() => books.watch(2, "bid", 1.5, 1), NativeError);
  assert.deepEqual([books.has("AAPL"), books.has("MSFT"), books.names], [true, false, ["AAPL"]]);
  books.markStale();
  assert.equal(books.at("AAPL").stale, true);
  let writing = false;
  books.lend(() => writing);
  assert.throws(() => books.clear(), /an engine writes them/);
  const watch = books.watch("AAPL", "bid", 100, 1);
  writing = true;
  assert.throws(() => books.watch("AAPL", "bid", 100, 1), /the engine's own thread writes these books/);
  assert.throws(() => watch.close(), /the engine's own thread writes these books/);
});

Deno.test("8,192 symbols with 2,097,152 orders take less than 400 MB", () => {
  assert.ok(Books.bytes() <= 400e6, `${Books.bytes()} bytes`);
  assert.ok(Books.bytes({ symbols: 65_536, orders: 10_000_000 }) <= 4 * 2 ** 30);
});
