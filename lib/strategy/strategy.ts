/**
 * What a strategy is: one default export, the same file live, in the lab and in every runner.
 *
 * @module
 */
import type { Book } from "../book/book.ts";
import type { Books, SymbolBook } from "../book/books.ts";
import type { Update } from "./update.ts";

/** The book an event is about: a feed's only one, or that of the event's symbol. */
export type StrategyBook = Book | SymbolBook;

/** Where an order stands. */
export type OrderState = "new" | "sent" | "acknowledged" | "failed" | "refused" | "cancelled" | "unknown";

/** Order states in the order of `enum hp_order_state`. */
export const ORDER_STATES = [
  "new",
  "sent",
  "acknowledged",
  "failed",
  "refused",
  "cancelled",
] as const satisfies readonly OrderState[];

/** Order entry as a strategy sees it. Prices and quantities are scaled integers. */
export interface StrategyOrders {
  /** Buys. Returns the order's id (from 1), or a negative errno when a check refused it. */
  buy(price: number, qty: number): number;
  /** Sells. Returns as {@linkcode buy}. */
  sell(price: number, qty: number): number;
  /** Cancels. 0, or a negative errno. */
  cancel(id: number): number;
  /** Where an order stands (the last 1,024 are remembered). */
  state(id: number): OrderState;
}

/** Messages that are missing. */
export interface Gap {
  /** First missing sequence number. */
  seq: number;
  /** How many are missing; 0 when events were lost between engine and strategy instead. */
  lost: number;
  /** They are being asked for: {@linkcode Strategy.onRepair} may follow. False: given up. */
  recovering: boolean;
  /** Events the strategy was too slow for (its ring was full). */
  overrun: number;
}

/** The end of a gap. */
export interface Repair {
  /** Sequence number of the last message that was missing. */
  seq: number;
}

/** A change of an order's state. */
export interface OrderChange {
  /** Its id. */
  id: number;
  /** The state it is in now. */
  state: OrderState;
}

/** The market: its scales (scaled = decimal x scale) and, where it has many symbols, their books. */
export interface Market {
  /** Of prices. */
  priceScale: number;
  /** Of quantities. */
  qtyScale: number;
  /** The books of a feed of many symbols. */
  books?: Books;
}

/** Parameters a strategy can be started with: numbers, texts, switches. */
export type Params = Record<string, number | string | boolean>;

/** The handlers of a strategy; leave out what is not needed. */
export interface Strategy<P extends Params = Params> {
  /** What it is called in tables. */
  name?: string;
  /** Parameters with their defaults; `--name=value` sets one. */
  params?: P;
  /** Once, before the first event. */
  onStart?(params: P, market: Market): void;
  /**
   * After each message that changes a book; an execution is one (`update.kind` is `"execute"` or `"execute at"`).
   * `update` has the top of the symbol's book as of this message; `book` is that book and goes deeper (exactly as of
   * this message when inline, the newest when isolated). Both objects are reused: keep numbers. Allocate nothing here.
   */
  onBook?(update: Update, book: StrategyBook, orders: StrategyOrders, params: P): void;
  /** A trade that changes no book: against an order nobody sees, an auction's cross, or one that is broken. */
  onTrade?(update: Update, book: StrategyBook, orders: StrategyOrders, params: P): void;
  /**
   * The symbol is halted or trades again, an auction's imbalance, an event of the whole market, or (`"clear"`) the feed
   * begins its books anew: `update.kind` says which.
   */
  onStatus?(update: Update, book: StrategyBook, orders: StrategyOrders, params: P): void;
  /**
   * Messages are missing; every book is stale. Return `"go on"` to trust them all the same. Of a feed of many symbols
   * `book` is that of the last event.
   */
  onGap?(gap: Gap, book: StrategyBook, orders: StrategyOrders, params: P): "go on" | void;
  /** What was missing has come, in order: books are good again. `book` as in {@linkcode onGap}. */
  onRepair?(repair: Repair, book: StrategyBook, orders: StrategyOrders, params: P): void;
  /** An order changed its state. */
  onOrder?(change: OrderChange, orders: StrategyOrders, params: P): void;
  /** Once, after the last event. */
  onStop?(params: P): void;
}

/**
 * Defines a strategy; it only fixes the types.
 *
 * @param strategy The handlers.
 * @returns The same object.
 *
 * @example
 * ```ts
 * import { defineStrategy } from "hotpath";
 *
 * export default defineStrategy({
 *   params: { tick: 100_000 },
 *   onBook({ bid, ask }, _book, orders, { tick }) {
 *     if (ask - bid > 10 * tick) orders.buy(bid + tick, 1);
 *   },
 * });
 * ```
 */
export function defineStrategy<P extends Params = Record<never, never>>(strategy: Strategy<P>): Strategy<P> {
  return strategy;
}

/**
 * A strategy's parameters with some set anew, each turned into its default's type.
 *
 * @throws {TypeError} naming a parameter that is unknown or does not fit.
 */
export function withParams<P extends Params>(strategy: Strategy<P>, given: Record<string, unknown>): P {
  const params: Params = { ...strategy.params };
  for (const [name, value] of Object.entries(given)) {
    const known = Object.hasOwn(params, name) ? params[name] : undefined;
    if (known === undefined) {
      const names = Object.keys(params).join(", ") || "none";
      throw new TypeError(`Cannot set parameter "${name}": the strategy has no such one (it has: ${names})`);
    }
    params[name] = convert(name, value, known);
  }
  return params as P;
}

function convert(name: string, value: unknown, like: number | string | boolean): number | string | boolean {
  if (typeof like === "string") return String(value);
  // A switch without a value (true) and a blank text are numbers to JavaScript, and to nobody else.
  const blank = typeof value === "string" ? value.trim() === "" : typeof value !== "number";
  if (typeof like === "number" && !blank && Number.isFinite(Number(value))) return Number(value);
  if (typeof like === "boolean" && ["true", "false"].includes(String(value))) return String(value) === "true";
  throw new TypeError(`Cannot set parameter "${name}" to "${value}": a ${typeof like} is needed`);
}
