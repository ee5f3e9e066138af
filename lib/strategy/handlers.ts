/** Turns an event's kind into a call of the strategy's handler: what every runner shares. @module */
import { Book } from "../book/book.ts";
import type { Books } from "../book/books.ts";
import { KIND } from "../layout.ts";
import {
  type Market,
  ORDER_STATES,
  type OrderState,
  type Params,
  type Strategy,
  type StrategyBook,
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

/** What a strategy is told of the market whose book, or books, it is given. */
export function marketOf(shelf: Book | Books): Market {
  const { priceScale, qtyScale } = shelf;
  return shelf instanceof Book ? { priceScale, qtyScale } : { priceScale, qtyScale, books: shelf };
}

/** A strategy bound to its books, orders and parameters. */
export class Handlers<P extends Params> {
  /** It has a handler for book events. */
  readonly hearsBook: boolean;
  /** `undefined`: there is one book. */
  readonly #shelf: Books | undefined;
  /** Books met so far, by symbol: looking one up here costs a load. Full from the start, so that it stays an array. */
  readonly #met: (StrategyBook | undefined)[];
  /** The one book, or that of the last event, and its symbol's number. */
  #last: StrategyBook;
  #symbol = 0;

  /**
   * @param strategy The handlers.
   * @param update The reused event.
   * @param books The one book there is, or the books of many symbols.
   * @param params Already complete.
   */
  constructor(
    readonly strategy: Strategy<P>,
    readonly update: Update,
    books: Book | Books,
    readonly orders: RunnerOrders,
    readonly params: P,
  ) {
    this.hearsBook = strategy.onBook !== undefined;
    this.#shelf = books instanceof Book ? undefined : books;
    this.#met = new Array(books instanceof Book ? 0 : books.room.symbols).fill(undefined);
    this.#last = books instanceof Book ? books : books.symbol(0);
  }

  /** The book the event is about; the last one again where it is about none. */
  book(): StrategyBook {
    if (this.#shelf === undefined) return this.#last;
    const { symbol } = this.update;
    return symbol === this.#symbol ? this.#last : this.#other(symbol);
  }

  /** The book of another symbol; of none (2^32 - 1): the last one. */
  #other(symbol: number): StrategyBook {
    if (symbol >= this.#met.length) return this.#last;
    this.#symbol = symbol;
    return this.#last = this.#met[symbol] ??= this.#shelf!.symbol(symbol);
  }

  /** Calls `onStart`. */
  start(market: Market): void {
    this.strategy.onStart?.(this.params, market);
  }

  /** Hands the event in `update`'s slot to its handler. Returns true at the session's end. */
  dispatch(kind: number): boolean {
    if (kind === KIND.BOOK) {
      // Called as a method and not bound: V8 knows such a call's target, and puts the handler into the loop.
      if (this.hearsBook) this.strategy.onBook!(this.update, this.book(), this.orders, this.params);
      return false;
    }
    return this.#rare(kind);
  }

  #rare(kind: number): boolean {
    const { update, orders } = this;
    if (kind === KIND.TRADE) {
      this.strategy.onTrade?.(update, this.book(), orders, this.params);
    } else if (kind === KIND.STATUS) {
      this.strategy.onStatus?.(update, this.book(), orders, this.params);
    } else if (kind === KIND.GAP || kind === KIND.OVERRUN) {
      const lost = kind === KIND.GAP ? update.detail : 0;
      const recovering = kind === KIND.GAP && !update.lost;
      const gap = { seq: update.seq, lost, recovering, overrun: update.detail - lost };
      if (this.strategy.onGap?.(gap, this.#last, orders, this.params) === "go on") orders.goOn();
    } else if (kind === KIND.REPAIR) {
      this.strategy.onRepair?.({ seq: update.seq }, this.#last, orders, this.params);
    } else if (kind === KIND.ORDER) {
      const state = ORDER_STATES[update.detail] ?? "unknown";
      orders.note(update.orderId, state);
      this.strategy.onOrder?.({ id: update.orderId, state }, orders, this.params);
    }
    return kind === KIND.END;
  }

  /** Calls `onStop`. */
  stop(): void {
    this.strategy.onStop?.(this.params);
  }
}
