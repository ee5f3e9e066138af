/**
 * Books of many symbols as TypeScript sees them: views over the memory native code keeps them in.
 *
 * @module
 */
import { BOOKS, BOOKS_OPTIONS, FAULTS, MESSAGE, PLACE, SYMBOL } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { drawTable, type InspectContext, picture, pictured } from "../measure/print.ts";
import { check, native, NativeError, SharedMemory } from "../native.ts";
import { BooksMemory } from "./books_memory.ts";
import type { Side } from "./ladder.ts";
import { type BookFault, type BookMessage, encodeMessage, type MessageKind } from "./message.ts";
import { type QueuedOrder, SymbolBook } from "./symbol_book.ts";
import { type Trade, TradeTape } from "./trades.ts";
import { Watch } from "./watch.ts";

export {
  type BookFault,
  type BookMessage,
  type MessageKind,
  type QueuedOrder,
  SymbolBook,
  type Trade,
  TradeTape,
  Watch,
};

/** How much books have room for, and the scales of their feed. */
export interface BooksOptions {
  /** Symbols, 1..65,536; default 8,192. */
  symbols?: number;
  /** Orders live at once, of all symbols; default 2,097,152; 0 for an L2 feed. */
  orders?: number;
  /** Levels live at once, of all symbols and sides; default as many as orders, of an L2 feed 1,048,576. */
  levels?: number;
  /** Trades of the tape that are kept, a power of two; default 4,096. */
  trades?: number;
  /** Price scale of the feed; default 1. */
  priceScale?: number;
  /** Quantity scale of the feed; default 1. */
  qtyScale?: number;
}

/** Where a live order stands, for people: decimal price and quantities. */
export interface Place {
  /** The feed's number of the symbol. */
  symbol: number;
  /** Its side. */
  side: Side;
  /** Decimal price. */
  price: number;
  /** What is left of it, decimal. */
  qty: number;
  /** Decimal quantity before it in its level. */
  aheadQty: number;
  /** Orders before it in its level. */
  aheadOrders: number;
  /** Decimal quantity of the level, it included. */
  levelQty: number;
  /** Orders of the level, it included. */
  levelOrders: number;
}

function placeText(place: Place): string {
  return `${place.qty} @ ${place.price}: ${place.aheadQty} ahead in ${place.aheadOrders} orders, ` +
    `level ${place.levelQty} in ${place.levelOrders}`;
}

/**
 * Books of many symbols: every order in price-time priority where the feed tells of orders (L3), price levels where it
 * does not (L2). Room is taken once, when they are made.
 *
 * @example
 * ```ts
 * import { Books } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * const books = Books.create({ symbols: 16, orders: 1000, priceScale: 100 });
 * books.apply({ kind: "symbol", symbol: 3, name: "AAPL" });
 * books.apply({ kind: "add", symbol: 3, side: "bid", order: 1, price: 10_000, qty: 5 });
 * books.apply({ kind: "add", symbol: 3, side: "bid", order: 2, price: 10_000, qty: 7 });
 * books.apply({ kind: "add", symbol: 3, side: "ask", order: 3, price: 10_050, qty: 9 });
 * assert.equal(books.at("AAPL").top.spread, 0.5);
 * assert.equal(books.ahead(2)?.aheadQty, 5);
 * assert.equal(books.apply({ kind: "delete", symbol: 3, order: 4 }), "unknown order");
 * ```
 */
export class Books {
  readonly #of: BooksMemory;
  readonly #handle: Deno.PointerValue;
  readonly #views: SymbolBook[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #message = new DataView(new ArrayBuffer(MESSAGE.bytes));
  readonly #place = new DataView(new ArrayBuffer(PLACE.bytes));
  #lent = false;
  #writing: () => boolean = () => false;
  /** The last trades of all symbols. */
  readonly trades: TradeTape;

  private constructor(memory: SharedMemory, handle: Deno.PointerValue) {
    this.#of = new BooksMemory(memory);
    this.#handle = handle;
    this.trades = new TradeTape(this.#of);
  }

  /** Bytes of memory that books with this room take. */
  static bytes(options: BooksOptions = {}): number {
    return check(native().hp_books_bytes(Books.#options(options)));
  }

  /**
   * Empty books, fed by {@linkcode apply} (a backtest, a test) or lent to whoever feeds them.
   *
   * @throws {NativeError} when an option is out of its range.
   */
  static create(options: BooksOptions = {}): Books {
    const struct = Books.#options(options);
    const memory = new SharedMemory(check(native().hp_books_bytes(struct)));
    const handle = native().hp_books_open(memory.u8, memory.bytes, struct);
    check(handle === null ? -22 : 0);
    return new Books(memory, handle);
  }

  /** Books in memory that somebody else has laid out and writes: to look at. */
  static view(memory: SharedMemory): Books {
    const books = new Books(memory, null);
    books.#lent = true;
    return books;
  }

  static #options(options: BooksOptions): Uint8Array<ArrayBuffer> {
    const orders = options.orders ?? 2_097_152;
    const struct = new Float64Array(BOOKS_OPTIONS.bytes / 8);
    struct[BOOKS_OPTIONS.symbols / 8] = options.symbols ?? 8192;
    struct[BOOKS_OPTIONS.orders / 8] = orders;
    struct[BOOKS_OPTIONS.levels / 8] = options.levels ?? (orders || 1_048_576);
    struct[BOOKS_OPTIONS.trades / 8] = options.trades ?? 0;
    struct[BOOKS_OPTIONS.price_scale / 8] = options.priceScale ?? 1;
    struct[BOOKS_OPTIONS.qty_scale / 8] = options.qtyScale ?? 1;
    return new Uint8Array(struct.buffer);
  }

  /**
   * Hands the books over to native code that will write them: from now on {@linkcode apply} and the like throw.
   *
   * @param writing Does another thread write them just now? Then {@linkcode watch} throws, too. Left out: never.
   */
  lend(writing: () => boolean = () => false): Deno.PointerValue {
    this.#lent = true;
    this.#writing = writing;
    return this.#handle;
  }

  /** Watches are the writer's as well: they may change between its turns, not during them. */
  #still(): Deno.PointerValue {
    if (this.#writing()) {
      throw new TypeError(
        "Cannot watch a place: the engine's own thread writes these books; stop() it for the moment",
      );
    }
    return this.#handle;
  }

  #owned(): Deno.PointerValue {
    if (this.#lent) throw new TypeError("Cannot change these books: an engine writes them");
    return this.#handle;
  }

  /**
   * Applies one message. Whatever is wrong with it, every other order and symbol stays as it is.
   *
   * @returns What was wrong, or undefined.
   */
  apply(message: BookMessage): BookFault | undefined {
    const handle = this.#owned();
    encodeMessage(message, this.#message);
    const result = native().hp_books_apply(handle, new Uint8Array(this.#message.buffer));
    return result === 0 ? undefined : FAULTS[-result];
  }

  /** Empties the book of one symbol, or all of them; names, states and trades stay. */
  clear(symbol?: number): void {
    this.apply(symbol === undefined ? { kind: "clear" } : { kind: "clear", symbol });
  }

  /** Says of every symbol that messages are missing, or that they are not any more. */
  markStale(stale = true): void {
    check(native().hp_books_mark_stale(this.#owned(), stale ? 1 : 0));
  }

  /**
   * The book of a symbol by the feed's number of it.
   *
   * @throws {RangeError} when there is no room for such a number.
   */
  symbol(number: number): SymbolBook {
    const view = this.#views[number];
    if (view) return view;
    if (!Number.isInteger(number) || number < 0 || number >= this.room.symbols) {
      throw new RangeError(
        `Cannot look at symbol ${number}: the books have room for the numbers 0 to ${this.room.symbols - 1}`,
      );
    }
    return this.#views[number] = new SymbolBook(this.#of, number);
  }

  /**
   * The book of a symbol by its name.
   *
   * @throws {RangeError} when the feed has not named such a symbol (yet): see {@linkcode has}.
   */
  at(name: string): SymbolBook {
    const number = this.#find(name);
    if (number === undefined) {
      throw new RangeError(
        `Cannot find symbol ${JSON.stringify(name)}: the feed has named ${this.names.length} others; ` +
          "wait for its directory, or look at .names",
      );
    }
    return this.symbol(number);
  }

  /** Has the feed named this symbol? */
  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  #find(name: string): number | undefined {
    const known = this.#numbers.get(name);
    if (known !== undefined && this.symbol(known).name === name) return known;
    this.#named((number, text) => this.#numbers.set(text, number));
    const found = this.#numbers.get(name);
    return found !== undefined && this.symbol(found).name === name ? found : undefined;
  }

  #named(each: (number: number, name: string) => void): void {
    const { u32, symbols } = this.#of;
    for (let number = 0; number < this.room.symbols; number++) {
      const at = symbols + number * SYMBOL.bytes + SYMBOL.name;
      if (u32[at / 4] || u32[at / 4 + 1]) each(number, this.#of.text8(at));
    }
  }

  /** Names of the symbols the feed has named, in the order of their numbers. */
  get names(): string[] {
    const names: string[] = [];
    this.#named((_, name) => names.push(name));
    return names;
  }

  /** Symbols that have a name, a level or a message, in the order of their numbers. */
  *[Symbol.iterator](): Generator<SymbolBook> {
    const { u32, f64, symbols } = this.#of;
    for (let number = 0; number < this.room.symbols; number++) {
      const at = symbols + number * SYMBOL.bytes;
      if (u32[(at + SYMBOL.name) / 4] || f64[(at + SYMBOL.updates) / 8]) yield this.symbol(number);
    }
  }

  /** Where a live order stands; undefined when there is no such order. Walks the orders ahead of it. */
  ahead(order: number | bigint): Place | undefined {
    const at = this.#place;
    at.setBigUint64(PLACE.order, BigInt(order), true);
    const result = native().hp_books_ahead(this.#handle, new Uint8Array(at.buffer));
    if (result === -2) return undefined;
    check(result);
    const f64 = (offset: number) => at.getFloat64(offset, true);
    const place: Place = {
      symbol: at.getUint32(PLACE.symbol, true),
      side: at.getUint32(PLACE.bid, true) ? "bid" : "ask",
      price: f64(PLACE.price) / this.#of.priceScale,
      qty: f64(PLACE.qty) / this.#of.qtyScale,
      aheadQty: f64(PLACE.ahead_qty) / this.#of.qtyScale,
      aheadOrders: f64(PLACE.ahead_orders),
      levelQty: f64(PLACE.level_qty) / this.#of.qtyScale,
      levelOrders: f64(PLACE.level_orders),
    };
    return pictured(place, placeText);
  }

  /**
   * Holds in mind the end of a queue as it is now, for an order of one's own that the feed does not show. On the
   * thread that applies messages.
   *
   * @param symbol The feed's number, or its name.
   * @param side Side of the order.
   * @param price Scaled.
   * @param qty Scaled.
   * @throws {NativeError} when 256 are held already, or the price is off the scale; {@linkcode TypeError} while an engine's own
   * thread writes these books.
   */
  watch(symbol: number | string, side: Side, price: number, qty: number): Watch {
    const number = typeof symbol === "string" ? this.at(symbol).number : symbol;
    const watch = check(native().hp_books_watch(this.#still(), number, side === "bid" ? 1 : 0, price, qty));
    return new Watch(this.#of, watch, () => check(native().hp_books_unwatch(this.#still(), watch)));
  }

  /**
   * A number (below 2^52) that is the same for equal books, whatever way they came about: over each symbol's number,
   * levels (price, quantity, number of orders) and queues (reference, quantity). Names, states, trades and counters are
   * left out.
   */
  get checksum(): number {
    const sum = native().hp_books_checksum(this.#handle);
    if (sum < 0) throw new NativeError("Cannot take a checksum of the books", -sum);
    return sum;
  }

  /** How much there is room for. */
  get room(): Record<"symbols" | "orders" | "levels" | "trades", number> {
    const { u32 } = this.#of;
    return {
      symbols: u32[BOOKS.symbols / 4]!,
      orders: u32[BOOKS.orders / 4]!,
      levels: u32[BOOKS.levels / 4]!,
      trades: u32[BOOKS.trades / 4]!,
    };
  }
  /** Live orders of all symbols. */
  get orders(): number {
    return this.#of.u32[BOOKS.live_orders / 4]!;
  }
  /** Levels of all symbols and sides. */
  get levels(): number {
    return this.#of.u32[BOOKS.live_levels / 4]!;
  }
  /** Removals of a level that was not there: normal in L2 feeds. */
  get unknownLevels(): number {
    return this.#of.f64[BOOKS.unknown_levels / 8]!;
  }
  /** Price scale of the feed: a scaled price divided by it is the decimal one. */
  get priceScale(): number {
    return this.#of.priceScale;
  }
  /** Quantity scale of the feed. */
  get qtyScale(): number {
    return this.#of.qtyScale;
  }
  /** Memory they lie in. */
  get memory(): SharedMemory {
    return this.#of.memory;
  }

  /** The symbols with the most messages. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const all = [...this];
    const line = `Books of ${formatCount(all.length)} symbols: ${formatCount(this.orders)} orders, ${
      formatCount(this.levels)
    } levels, ${formatCount(this.trades.printed)} trades`;
    const busiest = all.sort((a, b) => b.updates - a.updates).slice(0, 12);
    const rows = busiest.map((book) => [
      book.name || book.number,
      book.bidQty / book.qtyScale,
      book.bid / book.priceScale,
      book.ask / book.priceScale,
      book.askQty / book.qtyScale,
      formatCount(book.orders),
      formatCount(book.updates),
      [book.state, book.stale ? "stale" : "", book.crossed ? "crossed" : ""].filter(Boolean).join(" "),
    ]);
    const head = ["symbol", "bid qty", "bid", "ask", "ask qty", "orders", "messages", "state"];
    return picture(context, line, () => rows.length ? `${line}\n${drawTable(head, rows)}` : line);
  }
}
