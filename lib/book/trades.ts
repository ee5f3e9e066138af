/** The tape: trades as they were printed. @module */
import { BOOKS, FLAG, SYMBOL, TRADE, TRADE_BROKEN } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { drawTable, type InspectContext, picture, pictured } from "../measure/print.ts";
import type { BooksMemory } from "./books_memory.ts";
import type { Side } from "./ladder.ts";

/** One printed trade, for people: decimal price and quantity. */
export interface Trade {
  /** Name of the symbol; "" when the feed has not said it. */
  symbol: string;
  /** The feed's number of it. */
  number: number;
  /** Decimal price. */
  price: number;
  /** Decimal quantity. */
  qty: number;
  /** The side of the order that rested, where the feed tells; of an auction always "ask". */
  resting: Side;
  /** The wire's type byte as a letter; "" when there is none. */
  type: string;
  /** Sequence number of its message. */
  seq: number;
  /** The sender's stamp, ns since the Unix epoch (exact to 256 ns) or since midnight (ITCH). */
  timeNs: number;
  /** The exchange's match number. */
  match: number;
  /** It was taken back since. */
  broken: boolean;
}

/**
 * The last trades of all symbols. `priceAt(i)` and its like are for strategies: scaled, nothing allocated, 0 the oldest
 * that is kept and `length - 1` the newest. `last()` is for people.
 */
export class TradeTape {
  readonly #of: BooksMemory;
  readonly #mask: number;
  readonly #bytes: number;

  /**
   * A view of the tape.
   *
   * @param of Memory of books that are laid out.
   */
  constructor(of: BooksMemory) {
    this.#of = of;
    this.#mask = of.u32[BOOKS.trades / 4]! - 1;
    this.#bytes = of.trades;
  }

  /** Trades printed since the beginning. */
  get printed(): number {
    return this.#of.f64[BOOKS.printed / 8]!;
  }
  /** How many of them are kept. */
  get length(): number {
    return Math.min(this.printed, this.#mask + 1);
  }
  /** Place in bytes of trade `i` of those kept; the ring's size is a power of two. */
  #at(i: number): number {
    return this.#bytes + (this.printed - this.length + i) % (this.#mask + 1) * TRADE.bytes;
  }
  /** Scaled price of trade `i`. */
  priceAt(i: number): number {
    return this.#of.f64[(this.#at(i) + TRADE.price) / 8]!;
  }
  /** Scaled quantity of trade `i`. */
  qtyAt(i: number): number {
    return this.#of.f64[(this.#at(i) + TRADE.qty) / 8]!;
  }
  /** The feed's number of the symbol of trade `i`. */
  symbolAt(i: number): number {
    return this.#of.u32[(this.#at(i) + TRADE.symbol) / 4]!;
  }
  /** Sequence number of trade `i`. */
  seqAt(i: number): number {
    return this.#of.f64[(this.#at(i) + TRADE.seq) / 8]!;
  }

  /**
   * The last trades, newest last.
   *
   * @param n At most so many.
   * @param symbol Only of this symbol's number.
   */
  last(n = 20, symbol?: number): Trade[] {
    const trades: Trade[] = [];
    for (let i = this.length - 1; i >= 0 && trades.length < n; i--) {
      if (symbol === undefined || this.symbolAt(i) === symbol) trades.push(this.#trade(i));
    }
    trades.reverse();
    return pictured(trades, tradesTable);
  }

  #trade(i: number): Trade {
    const of = this.#of;
    const at = this.#at(i);
    const flags = of.u32[(at + TRADE.flags) / 4]!;
    const number = this.symbolAt(i);
    const type = flags >> 8 & 255;
    return {
      symbol: of.text8(of.symbols + number * SYMBOL.bytes + SYMBOL.name),
      number,
      price: this.priceAt(i) / of.priceScale,
      qty: this.qtyAt(i) / of.qtyScale,
      resting: flags & FLAG.BID ? "bid" : "ask",
      type: type ? String.fromCharCode(type) : "",
      seq: this.seqAt(i),
      timeNs: of.f64[(at + TRADE.time_ns) / 8]!,
      match: of.f64[(at + TRADE.match) / 8]!,
      broken: (flags & TRADE_BROKEN) !== 0,
    };
  }

  /** The last ten. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const line = `TradeTape of ${formatCount(this.printed)} trades`;
    return picture(context, line, () => this.length ? `${line}\n${tradesTable(this.last(10))}` : line);
  }
}

function tradesTable(trades: Trade[]): string {
  return drawTable(
    ["symbol", "price", "qty", "resting", "type", "seq", "match", ""],
    trades.map((trade) => [
      trade.symbol || trade.number,
      trade.price,
      trade.qty,
      trade.resting,
      trade.type,
      trade.seq,
      trade.match,
      trade.broken ? "broken" : "",
    ]),
  );
}
