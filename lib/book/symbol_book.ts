/** One symbol's book among many, as TypeScript sees it. @module */
import { DerivedBook } from "./derived.ts";
import { BOOK_FLAG, BOOK_LEVEL, BOOK_ORDER, SYMBOL } from "../layout.ts";
import { formatCount, formatScaled } from "../measure/format.ts";
import { drawTable, type InspectContext, picture, pictured } from "../measure/print.ts";
import type { BooksMemory } from "./books_memory.ts";
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

/** An order in its queue, for people. */
export interface QueuedOrder {
  /** The exchange's reference. */
  order: bigint;
  /** What is left of it, decimal. */
  qty: number;
  /** Decimal quantity before it in its level. */
  ahead: number;
}

const LEVEL_WORDS = BOOK_LEVEL.bytes / 4;
const ORDER_WORDS = BOOK_ORDER.bytes / 4;

/** A sum of decimals without the dust of binary fractions. */
const decimal = (value: number) => Math.round(value * 1e9) / 1e9;

/**
 * One symbol's book: a view, nothing is copied. The plain getters (`bid`, `askQty`, `bidPriceAt(i)`, `vwap()` …) are
 * scaled integers for strategies and allocate nothing. `top`, `ladder()`, `depth()` and `queue()` are decimal numbers
 * for people, read consistently even while a native thread writes.
 */
export class SymbolBook extends DerivedBook {
  /** The feed's number of the symbol. */
  readonly number: number;
  readonly #of: BooksMemory;
  readonly #f64: Float64Array;
  readonly #u32: Uint32Array;
  readonly #doubles: number;
  readonly #words: number;

  /**
   * A view of symbol `number`.
   *
   * @param of Memory of books that are laid out.
   * @param number Below the symbols there is room for.
   */
  constructor(of: BooksMemory, number: number) {
    super();
    this.number = number;
    this.#of = of;
    this.#f64 = of.f64;
    this.#u32 = of.u32;
    this.#doubles = (of.symbols + number * SYMBOL.bytes) / 8;
    this.#words = this.#doubles * 2;
  }

  // -- for strategies: scaled integers, nothing allocated ------------------------------------------

  /** Best bid, scaled; 0 when there is none. */
  override get bid(): number {
    return this.#f64[this.#doubles + SYMBOL.bid / 8]!;
  }
  /** Quantity at the best bid, scaled; 0 when there is none. */
  override get bidQty(): number {
    return this.#f64[this.#doubles + SYMBOL.bid_qty / 8]!;
  }
  /** Best ask, scaled; 0 when there is none. */
  override get ask(): number {
    return this.#f64[this.#doubles + SYMBOL.ask / 8]!;
  }
  /** Quantity at the best ask, scaled; 0 when there is none. */
  override get askQty(): number {
    return this.#f64[this.#doubles + SYMBOL.ask_qty / 8]!;
  }
  /** Orders at the best bid; 0 in an L2 book. */
  get bidOrders(): number {
    return this.#u32[this.#words + SYMBOL.bid_orders / 4]!;
  }
  /** Orders at the best ask; 0 in an L2 book. */
  get askOrders(): number {
    return this.#u32[this.#words + SYMBOL.ask_orders / 4]!;
  }
  /** Bid levels. */
  override get bidLevels(): number {
    return this.#u32[this.#words + SYMBOL.bid_levels / 4]!;
  }
  /** Ask levels. */
  override get askLevels(): number {
    return this.#u32[this.#words + SYMBOL.ask_levels / 4]!;
  }
  /** Live orders; 0 in an L2 book. */
  get orders(): number {
    return this.#u32[this.#words + SYMBOL.orders / 4]!;
  }
  #bidRung(i: number): number {
    return this.#u32[this.#words + SYMBOL.bid_end / 4]! - 1 - i;
  }
  #askRung(i: number): number {
    return this.#u32[this.#words + SYMBOL.ask_end / 4]! - 1 - i;
  }
  /** Index in `u32` of the level that lies at a rung. */
  #level(rung: number): number {
    return this.#of.levels + this.#u32[this.#of.rungs + rung]! * LEVEL_WORDS;
  }
  /** Price of bid level `i` (0 = best), scaled; `i` below {@linkcode bidLevels}. */
  bidPriceAt(i: number): number {
    return this.#f64[this.#of.keys + this.#bidRung(i)]!;
  }
  /** Quantity of bid level `i`, scaled. */
  bidQtyAt(i: number): number {
    return this.#of.u64(this.#level(this.#bidRung(i)) + BOOK_LEVEL.qty / 4);
  }
  /** Orders in bid level `i`; 0 in an L2 book. */
  bidOrdersAt(i: number): number {
    return this.#u32[this.#level(this.#bidRung(i)) + BOOK_LEVEL.orders / 4]!;
  }
  /** Price of ask level `i` (0 = best), scaled; `i` below {@linkcode askLevels}. */
  askPriceAt(i: number): number {
    return -this.#f64[this.#of.keys + this.#askRung(i)]!;
  }
  /** Quantity of ask level `i`, scaled. */
  askQtyAt(i: number): number {
    return this.#of.u64(this.#level(this.#askRung(i)) + BOOK_LEVEL.qty / 4);
  }
  /** Orders in ask level `i`; 0 in an L2 book. */
  askOrdersAt(i: number): number {
    return this.#u32[this.#level(this.#askRung(i)) + BOOK_LEVEL.orders / 4]!;
  }
  /** Sum of the best `n` bid quantities, scaled. */
  override bidSize(n: number): number {
    let sum = 0;
    for (let i = Math.min(n, this.bidLevels) - 1; i >= 0; i--) sum += this.bidQtyAt(i);
    return sum;
  }
  /** Sum of the best `n` ask quantities, scaled. */
  override askSize(n: number): number {
    let sum = 0;
    for (let i = Math.min(n, this.askLevels) - 1; i >= 0; i--) sum += this.askQtyAt(i);
    return sum;
  }
  /**
   * Average price, scaled, at which `size` would trade against what rests on a side: what a sale into the bids, or a
   * purchase from the asks, would get.
   *
   * @param side The side that rests.
   * @param size Scaled quantity.
   * @returns NaN when there is less than `size`.
   */
  vwap(side: Side, size: number): number {
    const bid = side === "bid";
    const levels = bid ? this.bidLevels : this.askLevels;
    let left = size;
    let sum = 0;
    for (let i = 0; i < levels && left > 0; i++) {
      const qty = Math.min(left, bid ? this.bidQtyAt(i) : this.askQtyAt(i));
      sum += qty * (bid ? this.bidPriceAt(i) : this.askPriceAt(i));
      left -= qty;
    }
    return left > 0 ? NaN : sum / size;
  }
  /** Price of the last trade printed, scaled; 0 when there was none. */
  get lastPrice(): number {
    return this.#f64[this.#doubles + SYMBOL.last_price / 8]!;
  }
  /** Its quantity, scaled. */
  get lastQty(): number {
    return this.#f64[this.#doubles + SYMBOL.last_qty / 8]!;
  }
  /** Trades printed, less broken ones. */
  get trades(): number {
    return this.#f64[this.#doubles + SYMBOL.trades / 8]!;
  }
  /** Their quantity, scaled. */
  get volume(): number {
    return this.#f64[this.#doubles + SYMBOL.volume / 8]!;
  }
  /** Their average price weighted by quantity, scaled; NaN when there was none. */
  get tradedVwap(): number {
    return this.#f64[this.#doubles + SYMBOL.notional / 8]! / this.volume;
  }

  // -- states ---------------------------------------------------------------------------------------

  get #flags(): number {
    return this.#u32[this.#words + SYMBOL.flags / 4]!;
  }
  /** Messages are missing: what the book shows may be wrong. */
  get stale(): boolean {
    return (this.#flags & BOOK_FLAG.STALE) !== 0;
  }
  /** Best bid at or above best ask. */
  get crossed(): boolean {
    return (this.#flags & BOOK_FLAG.CROSSED) !== 0;
  }
  /** More of the same event is to come: the best prices are not valid yet. */
  get open(): boolean {
    return (this.#flags & BOOK_FLAG.OPEN) !== 0;
  }
  /** Trading state, the wire's byte (`"T".charCodeAt(0)` …); 0 when it was never told. */
  get stateCode(): number {
    return this.#u32[this.#words + SYMBOL.state / 4]!;
  }
  /** Trading state, the wire's letter ("T" trading, "H" halted, "P" paused, "Q" quotes only); "" when never told. */
  get state(): string {
    return this.stateCode ? String.fromCharCode(this.stateCode) : "";
  }
  /** Name as the feed says it; "" as long as it has not. */
  get name(): string {
    return this.#of.text8(this.#doubles * 8 + SYMBOL.name);
  }
  /** Sequence number of the last message applied. */
  get seq(): number {
    return this.#f64[this.#doubles + SYMBOL.seq / 8]!;
  }
  /** Messages applied. */
  get updates(): number {
    return this.#f64[this.#doubles + SYMBOL.updates / 8]!;
  }
  /** Price scale: a scaled price divided by it is the decimal one. */
  get priceScale(): number {
    return this.#of.priceScale;
  }
  /** Quantity scale. */
  get qtyScale(): number {
    return this.#of.qtyScale;
  }

  // -- for people: decimal, consistent ----------------------------------------------------------------

  /** Reads under the seqlock: again until no write came in between. */
  #consistent<T>(read: () => T): T {
    const version = this.#words + SYMBOL.version / 4;
    for (let tries = 0;; tries++) {
      const before = Atomics.load(this.#u32, version);
      if (before % 2 === 0) {
        const result = read();
        if (Atomics.load(this.#u32, version) === before) return result;
      }
      if (tries > 1_000_000) {
        throw new Error(
          `Cannot read the book of ${this.#called()}: its writer stopped in the middle of a change`,
        );
      }
    }
  }

  #called(): string {
    return this.name || `symbol ${this.number}`;
  }

  #levelAt(side: Side, i: number): Level {
    const bid = side === "bid";
    return {
      price: (bid ? this.bidPriceAt(i) : this.askPriceAt(i)) / this.priceScale,
      qty: (bid ? this.bidQtyAt(i) : this.askQtyAt(i)) / this.qtyScale,
    };
  }

  #levels(side: Side, n: number): Level[] {
    const count = Math.min(n, side === "bid" ? this.bidLevels : this.askLevels);
    return Array.from({ length: count }, (_, i) => this.#levelAt(side, i));
  }

  /** Best levels, mid, spread, microprice, imbalance. */
  get top(): Top {
    const top = this.#consistent(() => ({
      bid: this.#levels("bid", 1)[0],
      ask: this.#levels("ask", 1)[0],
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
    const levels = this.#consistent(() => this.#levels(side, n));
    return pictured(levels, () => levelsTable(side, levels));
  }

  /** A side's first `n` levels with their cumulative size. */
  depth(side: Side, n = 10): Depth[] {
    let cumulative = 0;
    const depth = this.levels(side, n).map(({ price, qty }, level) => {
      cumulative += qty;
      return { level, price, qty, cumulative: decimal(cumulative) };
    });
    return pictured(depth, () => depthTable(side, depth));
  }

  /** Both sides' first `n` levels around the spread. */
  ladder(n = 10): Ladder {
    return this.#consistent(() => new Ladder(this.#levels("bid", n), this.#levels("ask", n), this.#title()));
  }

  /**
   * The orders of a level in priority, first to trade first; none in an L2 book.
   *
   * @param side Side of the book.
   * @param level Level from the best (0).
   */
  queue(side: Side, level = 0): QueuedOrder[] {
    const queue = this.#consistent(() => this.#queue(side, level));
    return pictured(queue, () =>
      drawTable(
        ["order", "qty", "ahead"],
        queue.map(({ order, qty, ahead }) => [String(order), qty, ahead]),
      ));
  }

  #queue(side: Side, i: number): QueuedOrder[] {
    const bid = side === "bid";
    const orders: QueuedOrder[] = [];
    if (i >= (bid ? this.bidLevels : this.askLevels)) return orders;
    const level = this.#level(bid ? this.#bidRung(i) : this.#askRung(i));
    const count = this.#u32[level + BOOK_LEVEL.orders / 4]!;
    let ahead = 0;
    // A torn read may lead anywhere: never further than the level has orders.
    for (let at = this.#u32[level + BOOK_LEVEL.head / 4]!; at && orders.length < count;) {
      const order = this.#of.orders + at * ORDER_WORDS;
      const qty = this.#of.u64(order + BOOK_ORDER.qty / 4) / this.qtyScale;
      const [low, high] = [this.#u32[order]!, this.#u32[order + 1]!];
      orders.push({ order: BigInt(high) << 32n | BigInt(low), qty, ahead: decimal(ahead) });
      ahead += qty;
      at = this.#u32[order + BOOK_ORDER.next / 4]!;
    }
    return orders;
  }

  #title(): string {
    const state = [
      this.state && this.state !== "T" ? `state ${this.state}` : "",
      this.stale ? "stale" : "",
      this.crossed ? "crossed" : "",
    ].filter(Boolean).join(", ");
    const orders = this.orders ? `  ${formatCount(this.orders)} orders` : "";
    return `${this.#called()}  seq ${formatCount(this.seq)}  ${formatCount(this.bidLevels)} bids  ${
      formatCount(this.askLevels)
    } asks${orders}${state ? `  [${state}]` : ""}`;
  }

  /** Scaled price as text. */
  formatPrice(price: number): string {
    return formatScaled(price, this.priceScale);
  }

  /** A ladder of five levels a side. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const line = `SymbolBook ${this.formatPrice(this.bid)} / ${
      this.formatPrice(this.ask)
    } (${this.#title()})`;
    return picture(context, line, () => this.ladder(5).toString());
  }
}
