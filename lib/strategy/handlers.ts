/** Turns an event's kind into a call of the strategy's handler: what every runner shares. @module */
import type { Book } from "../book/book.ts";
import { KIND } from "../layout.ts";
import {
  type Market,
  ORDER_STATES,
  type OrderState,
  type Params,
  type Strategy,
  type StrategyOrders,
} from "./strategy.ts";
import type { Update } from "./update.ts";

/** What a runner's orders can do beyond what the strategy sees. */
export interface RunnerOrders extends StrategyOrders {
  /** Notes an order's new state. */
  note(id: number, state: OrderState): void;
  /** The strategy chose to trust the book after a gap. */
  goOn(): void;
}

/** States of the last 1,024 orders, by id: what both runners' `state()` answers from. */
export class OrderStates {
  readonly #ids = new Float64Array(1024).fill(-1);
  readonly #states = new Uint8Array(1024);

  /** Notes a state. */
  note(id: number, state: OrderState): void {
    const slot = id % 1024;
    this.#ids[slot] = id;
    this.#states[slot] = ORDER_STATES.indexOf(state as (typeof ORDER_STATES)[number]);
  }

  /** Forgets every order. */
  clear(): void {
    this.#ids.fill(0);
  }

  /** The state last noted; `"unknown"` for an id never seen or long gone. */
  get(id: number): OrderState {
    const slot = id % 1024;
    return this.#ids[slot] === id ? ORDER_STATES[this.#states[slot]!] ?? "unknown" : "unknown";
  }
}

const nothing = () => {};

/** A strategy bound to its book, orders and parameters. */
export class Handlers<P extends Params> {
  readonly #strategy: Strategy<P>;
  readonly #onBook: NonNullable<Strategy<P>["onBook"]>;

  /** @param strategy The handlers. @param update The reused event. @param params Already complete. */
  constructor(
    strategy: Strategy<P>,
    readonly update: Update,
    readonly book: Book,
    readonly orders: RunnerOrders,
    readonly params: P,
  ) {
    this.#strategy = strategy;
    this.#onBook = strategy.onBook?.bind(strategy) ?? nothing;
  }

  /** Calls `onStart`. */
  start(market: Market): void {
    this.#strategy.onStart?.(this.params, market);
  }

  /** Hands the event in `update`'s slot to its handler. Returns true at the session's end. */
  dispatch(kind: number): boolean {
    if (kind === KIND.BOOK) {
      this.#onBook(this.update, this.book, this.orders, this.params);
      return false;
    }
    return this.#rare(kind);
  }

  #rare(kind: number): boolean {
    const { update, orders } = this;
    if (kind === KIND.GAP || kind === KIND.OVERRUN) {
      const lost = kind === KIND.GAP ? update.detail : 0;
      const gap = { seq: update.seq, lost, overrun: update.detail - lost };
      if (this.#strategy.onGap?.(gap, this.book, orders, this.params) === "go on") orders.goOn();
    } else if (kind === KIND.ORDER) {
      const state = ORDER_STATES[update.detail] ?? "unknown";
      orders.note(update.orderId, state);
      this.#strategy.onOrder?.({ id: update.orderId, state }, orders, this.params);
    }
    return kind === KIND.END;
  }

  /** Calls `onStop`. */
  stop(): void {
    this.#strategy.onStop?.(this.params);
  }
}
