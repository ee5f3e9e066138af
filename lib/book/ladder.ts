/** What a person sees of a book: the decimal types, the ladder, the tables. @module */
import { bar, drawTable, type InspectContext, picture } from "../measure/print.ts";

/** One price level, for people: decimal price and quantity. */
export interface Level {
  /** Price in the market's unit. */
  price: number;
  /** Quantity in the market's unit. */
  qty: number;
}

/** Best levels and what follows from them, for people: decimal prices and quantities. */
export interface Top {
  /** Best bid; undefined when the side is empty. */
  bid: Level | undefined;
  /** Best ask; undefined when the side is empty. */
  ask: Level | undefined;
  /** Middle of the two best prices; NaN when a side is empty. */
  mid: number;
  /** Best ask less best bid; negative in a crossed book, NaN when a side is empty. */
  spread: number;
  /** Mid weighted by the opposite sides' best quantities; NaN when a side is empty. */
  microprice: number;
  /** (bid qty - ask qty) / (bid qty + ask qty) at the top: -1..1; NaN when both are empty. */
  imbalance: number;
}

/** A side's first levels with the running sum of their quantities. */
export interface Depth {
  /** Level from the best (0). */
  level: number;
  /** Decimal price. */
  price: number;
  /** Decimal quantity. */
  qty: number;
  /** Decimal quantity from the best level down to this one. */
  cumulative: number;
}

/** Side of the book. */
export type Side = "bid" | "ask";

function decimalsOf(numbers: number[]): number {
  return Math.max(0, ...numbers.map((number) => (String(number).split(".")[1] ?? "").length));
}

/** Numbers with as many decimals as the longest of them needs. */
function column(numbers: number[]): string[] {
  const decimals = decimalsOf(numbers);
  return numbers.map((number) => number.toFixed(decimals));
}

/** A level in one line. */
export function levelText({ price, qty }: Level): string {
  return `${qty} @ ${price}`;
}

/** The top as a table of one row. */
export function topTable({ bid, ask, mid, spread, microprice, imbalance }: Top): string {
  const digits = decimalsOf([bid?.price ?? 0, ask?.price ?? 0]);
  const price = (value: number | undefined, more = 0) =>
    value === undefined || Number.isNaN(value) ? "-" : value.toFixed(digits + more);
  return drawTable(
    ["bid qty", "bid", "ask", "ask qty", "mid", "spread", "microprice", "imbalance"],
    [[
      bid?.qty ?? "-",
      price(bid?.price),
      price(ask?.price),
      ask?.qty ?? "-",
      price(mid, 1),
      price(spread),
      price(microprice, 2),
      Number.isNaN(imbalance) ? "-" : imbalance.toFixed(3),
    ]],
    0,
  );
}

/** A side's levels as a table. */
export function levelsTable(side: Side, levels: Level[]): string {
  const prices = column(levels.map(({ price }) => price));
  const qtys = column(levels.map(({ qty }) => qty));
  return drawTable([side, "price", "qty"], levels.map((_, i) => [i, prices[i]!, qtys[i]!]), 0);
}

/** A side's depth as a table with bars. */
export function depthTable(side: Side, depth: Depth[]): string {
  const prices = column(depth.map(({ price }) => price));
  const qtys = column(depth.map(({ qty }) => qty));
  const sums = column(depth.map(({ cumulative }) => cumulative));
  const all = depth.at(-1)?.cumulative ?? 0;
  return drawTable(
    [side, "price", "qty", "cumulative", "share of these levels"],
    depth.map(({ cumulative }, i) => [i, prices[i]!, qtys[i]!, sums[i]!, bar(cumulative / all).padEnd(24)]),
    0,
  );
}

/** A picture of the book at one moment: asks above, bids below, bars for size. */
export class Ladder {
  /** Bid levels, best first. */
  readonly bids: readonly Level[];
  /** Ask levels, best first. */
  readonly asks: readonly Level[];
  readonly #title: string;

  /**
   * A picture of these levels.
   *
   * @param bids Best first.
   * @param asks Best first.
   * @param title The line above.
   */
  constructor(bids: readonly Level[], asks: readonly Level[], title: string) {
    this.bids = bids;
    this.asks = asks;
    this.#title = title;
  }

  /** The ladder as text. */
  toString(): string {
    const all = [...this.bids, ...this.asks];
    if (all.length === 0) return `Book (empty)  ${this.#title}`;
    const most = Math.max(...all.map(({ qty }) => qty));
    const priceDecimals = decimalsOf(all.map(({ price }) => price));
    const qtyDecimals = decimalsOf(all.map(({ qty }) => qty));
    const width = Math.max(...all.map(({ price }) => price.toFixed(priceDecimals).length));
    const qtyWidth = Math.max(...all.map(({ qty }) => qty.toFixed(qtyDecimals).length));
    const line = (name: string, { price, qty }: Level) =>
      `  ${name}  ${price.toFixed(priceDecimals).padStart(width)}  ${
        qty.toFixed(qtyDecimals).padStart(qtyWidth)
      }  ${bar(qty / most)}`;
    const spread = this.bids.length && this.asks.length
      ? `  ───  spread ${(this.asks[0]!.price - this.bids[0]!.price).toFixed(priceDecimals)}`
      : "  ───  one side is empty";
    return [
      `Book  ${this.#title}`,
      ...this.asks.map((level) => line("ask", level)).reverse(),
      spread,
      ...this.bids.map((level) => line("bid", level)),
    ].join("\n");
  }

  /** The ladder as text. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    return picture(
      context,
      `Ladder ${this.bids.length} bids, ${this.asks.length} asks`,
      () => this.toString(),
    );
  }
}
