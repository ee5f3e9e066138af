/**
 * The L2 book as TypeScript sees it: views over the memory native code keeps it in. Nothing is copied but what a
 * person asks to look at.
 *
 * @module
 */
import { DerivedBook } from "./derived.ts";
import { BOOK, BOOK_FLAG } from "../layout.ts";
import { SideView } from "./side.ts";
import { check, native, NativeError, SharedMemory } from "../native.ts";
import { formatCount, formatScaled } from "../measure/format.ts";
import { fieldsTable, type InspectContext, picture, pictured } from "../measure/print.ts";
import {
  type Depth,
  depthTable,
  Ladder,
  type Level,
  levelsTable,
  levelText,
  type Side,
  type Top,
  topTable,
} from "./ladder.ts";

export { type Depth, Ladder, type Level, type Side, type Top };

const U32 = { version: BOOK.version / 4, flags: BOOK.flags / 4 } as const;

/**
 * An L2 book. The plain getters (`bid`, `askQty`, `bidPriceAt(i)` …) are scaled integers for strategies: no allocation,
 * no copy. `top`, `ladder()` and `depth()` are decimal numbers for people, read consistently even while a native
 * thread writes.
 *
 * @example
 * ```ts
 * import { Book } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * const book = Book.create({ priceScale: 100, qtyScale: 1 });
 * book.apply("bid", 10_000, 5);
 * book.apply("ask", 10_050, 7);
 * assert.equal(book.top.spread, 0.5);
 * assert.equal(book.crossed, false);
 * ```
 */
export class Book extends DerivedBook {
  readonly #memory: SharedMemory;
  readonly #u32: Uint32Array;
  readonly #f64: Float64Array;
  readonly #bids: SideView;
  readonly #asks: SideView;
  #handle: Deno.PointerValue = null;

  /**
   * A view of a book that lies in memory already.
   *
   * @param memory Memory that holds a native book.
   */
  constructor(memory: SharedMemory) {
    super();
    this.#memory = memory;
    this.#u32 = memory.u32;
    this.#f64 = memory.f64;
    this.#bids = new SideView(memory, BOOK.bid);
    this.#asks = new SideView(memory, BOOK.ask);
  }

  /** Memory for a book with `levels` a side (a power of two). */
  static allocate(levels: number): SharedMemory {
    return new SharedMemory(check(native().hp_book_bytes(levels)));
  }

  /**
   * A book of one's own, for a backtest or a test: fed by {@linkcode apply}.
   *
   * @param options Levels a side (a power of two, default 16,384) and the scales of its numbers.
   */
  static create(options: { levels?: number; priceScale?: number; qtyScale?: number } = {}): Book {
    const levels = options.levels ?? 16384;
    const memory = Book.allocate(levels);
    const handle = native().hp_book_open(memory.u8, memory.bytes, levels);
    check(handle === null ? -22 : 0);
    memory.f64[BOOK.price_scale / 8] = options.priceScale ?? 1;
    memory.f64[BOOK.qty_scale / 8] = options.qtyScale ?? 1;
    const book = new Book(memory);
    book.#handle = handle;
    return book;
  }

  /**
   * Sets a level (scaled integers); quantity 0 removes it. Only for books made by {@linkcode create}.
   *
   * @returns 0 when it was the best level of its side, before or after; 1 when it was a deeper one; -1 when there was no
   * such level to remove.
   * @throws {NativeError} when a number is off the scale; the book is untouched.
   */
  apply(side: Side, price: number, qty: number): number {
    const result = native().hp_book_apply(this.#owned(), side === "bid" ? 1 : 0, price, qty);
    if (result === -2) return -1;
    if (result < 0) {
      throw new NativeError(
        `Cannot apply ${side} ${price} x ${qty}: prices are integers above 0, quantities integers from 0 on`,
        -result,
      );
    }
    return result;
  }

  /**
   * Applies many updates in one native call. Only for books made by {@linkcode create}.
   *
   * @param updates Triples of price and quantity (scaled integers) and flags (`FLAG.BID`, `FLAG.SNAPSHOT`: the first of a
   * run of these empties the book), as `Tape.read()` gives them.
   * @returns How many were applied; the others had a number off the scale, and are counted as `refused`.
   */
  applyAll(updates: Float64Array): number {
    if (updates.length % 3 !== 0) {
      throw new TypeError(
        `Cannot apply ${updates.length} numbers: an update is three, price, quantity, flags`,
      );
    }
    const bytes = new Uint8Array(updates.buffer as ArrayBuffer, updates.byteOffset, updates.byteLength);
    return check(native().hp_book_apply_all(this.#owned(), bytes, updates.length / 3));
  }

  /** Empties both sides. Only for books made by {@linkcode create}. */
  clear(): void {
    check(native().hp_book_clear(this.#owned()));
  }

  #owned(): Deno.PointerValue {
    if (this.#handle === null) throw new TypeError("Cannot change this book: an engine writes it");
    return this.#handle;
  }

  // -- for strategies: scaled integers, nothing allocated ------------------------------------------

  /** Best bid, scaled; 0 when there is none. */
  override get bid(): number {
    return this.#bids.price;
  }
  /** Quantity at the best bid, scaled; 0 when there is none. */
  override get bidQty(): number {
    return this.#bids.qty;
  }
  /** Best ask, scaled; 0 when there is none. */
  override get ask(): number {
    return this.#asks.price;
  }
  /** Quantity at the best ask, scaled; 0 when there is none. */
  override get askQty(): number {
    return this.#asks.qty;
  }
  /** Bid levels. */
  override get bidLevels(): number {
    return this.#bids.levels;
  }
  /** Ask levels. */
  override get askLevels(): number {
    return this.#asks.levels;
  }
  /** Price of bid level `i` (0 = best), scaled; NaN from {@linkcode bidLevels} on. */
  bidPriceAt(i: number): number {
    return this.#bids.priceAt(i);
  }
  /** Quantity of bid level `i`, scaled; NaN from {@linkcode bidLevels} on. */
  bidQtyAt(i: number): number {
    return this.#bids.qtyAt(i);
  }
  /** Price of ask level `i` (0 = best), scaled; NaN from {@linkcode askLevels} on. */
  askPriceAt(i: number): number {
    return this.#asks.priceAt(i);
  }
  /** Quantity of ask level `i`, scaled; NaN from {@linkcode askLevels} on. */
  askQtyAt(i: number): number {
    return this.#asks.qtyAt(i);
  }
  /** Sum of the best `n` bid quantities, scaled. */
  override bidSize(n: number): number {
    return this.#bids.size(n);
  }
  /** Sum of the best `n` ask quantities, scaled. */
  override askSize(n: number): number {
    return this.#asks.size(n);
  }
  // -- states ---------------------------------------------------------------------------------------

  /** Records were lost since the last snapshot, or none was seen yet. */
  get stale(): boolean {
    return (this.#u32[U32.flags]! & BOOK_FLAG.STALE) !== 0;
  }
  /** Best bid at or above best ask. */
  get crossed(): boolean {
    return (this.#u32[U32.flags]! & BOOK_FLAG.CROSSED) !== 0;
  }
  /** Sequence number of the last record applied. */
  get seq(): number {
    return this.#f64[BOOK.seq / 8]!;
  }
  /** Price scale: a scaled price divided by it is the decimal one. */
  get priceScale(): number {
    return this.#f64[BOOK.price_scale / 8]!;
  }
  /** Quantity scale. */
  get qtyScale(): number {
    return this.#f64[BOOK.qty_scale / 8]!;
  }
  /** What happened to it so far, by name. */
  get counters(): Record<
    "updates" | "inserted" | "removed" | "unknownRemoved" | "overflowed" | "refused" | "clears",
    number
  > {
    const at = (offset: number) => this.#f64[offset / 8]!;
    const [unknownRemoved, inserted, removed] = [BOOK.unknown_removed, BOOK.inserted, BOOK.removed].map(at);
    return pictured({
      updates: unknownRemoved! + inserted! + removed! + at(BOOK.changed),
      inserted: inserted!,
      removed: removed!,
      unknownRemoved: unknownRemoved!,
      overflowed: at(BOOK.overflowed),
      refused: at(BOOK.refused),
      clears: at(BOOK.clears),
    }, (counters) => fieldsTable("book", counters));
  }

  // -- for people: decimal, consistent ----------------------------------------------------------------

  /** Reads under the seqlock: again until no write came in between. */
  #consistent<T>(read: () => T): T {
    for (let tries = 0;; tries++) {
      const before = Atomics.load(this.#u32, U32.version);
      if (before % 2 === 0) {
        const result = read();
        if (Atomics.load(this.#u32, U32.version) === before) return result;
      }
      if (tries > 1_000_000) {
        throw new Error("Cannot read the book: its writer stopped in the middle of a change");
      }
    }
  }

  #level(side: Side, i: number): Level {
    const bid = side === "bid";
    return {
      price: (bid ? this.bidPriceAt(i) : this.askPriceAt(i)) / this.priceScale,
      qty: (bid ? this.bidQtyAt(i) : this.askQtyAt(i)) / this.qtyScale,
    };
  }

  /** Best levels, mid, spread, microprice, imbalance. */
  get top(): Top {
    const top = this.#consistent(() => ({
      bid: this.bidLevels ? this.#level("bid", 0) : undefined,
      ask: this.askLevels ? this.#level("ask", 0) : undefined,
      mid: this.mid / this.priceScale,
      spread: this.spread / this.priceScale,
      microprice: this.microprice / this.priceScale,
      imbalance: this.imbalance,
    }));
    for (const level of [top.bid, top.ask]) if (level) pictured(level, levelText);
    return pictured(top, topTable);
  }

  /** A side's first `n` levels, best first. */
  levels(side: Side, n = Infinity): Level[] {
    const levels = this.#consistent(() => {
      const count = Math.min(n, side === "bid" ? this.bidLevels : this.askLevels);
      return Array.from({ length: count }, (_, i) => this.#level(side, i));
    });
    return pictured(levels, () => levelsTable(side, levels));
  }

  /** A side's first `n` levels with their cumulative size. */
  depth(side: Side, n = 10): Depth[] {
    let cumulative = 0;
    const depth = this.levels(side, n).map(({ price, qty }, level) => {
      cumulative += qty;
      return { level, price, qty, cumulative: Math.round(cumulative * 1e9) / 1e9 };
    });
    return pictured(depth, () => depthTable(side, depth));
  }

  /** Both sides' first `n` levels around the spread. */
  ladder(n = 10): Ladder {
    return this.#consistent(() => {
      const side = (name: Side, count: number) =>
        Array.from({ length: Math.min(n, count) }, (_, i) => this.#level(name, i));
      return new Ladder(side("bid", this.bidLevels), side("ask", this.askLevels), this.#title());
    });
  }

  #title(): string {
    const state = [this.stale ? "stale" : "", this.crossed ? "crossed" : ""].filter(Boolean).join(", ");
    return `seq ${formatCount(this.seq)}  ${formatCount(this.bidLevels)} bids  ${
      formatCount(this.askLevels)
    } asks${state ? `  [${state}]` : ""}`;
  }

  /** Scaled price as text. */
  formatPrice(price: number): string {
    return formatScaled(price, this.priceScale);
  }

  /** Memory the book lies in: what another process joins. */
  get memory(): SharedMemory {
    return this.#memory;
  }

  /** A ladder of five levels a side. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const line = () =>
      `Book ${this.formatPrice(this.bid)} / ${this.formatPrice(this.ask)} (${this.#title()})`;
    return picture(context, line(), () => this.ladder(5).toString());
  }
}
