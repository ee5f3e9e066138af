/** Watching a queue from the place of an order of one's own. @module */
import { WATCH, WATCH_STATE } from "../layout.ts";
import type { BooksMemory } from "./books_memory.ts";
import type { Side } from "./ladder.ts";

/** The place of an order of one's own that the feed does not show: what is ahead of it is kept up to date. */
export class Watch {
  /** The feed's number of the symbol. */
  readonly symbol: number;
  /** Side of the order. */
  readonly side: Side;
  /** Scaled price. */
  readonly price: number;
  /** Scaled quantity of the order, as it was given. */
  readonly qty: number;
  readonly #of: BooksMemory;
  readonly #at: number;
  #close: (() => void) | undefined;

  /**
   * A view of watch `number`.
   *
   * @param of Memory of the books.
   * @param number As the library counts them.
   * @param close Gives it back.
   */
  constructor(of: BooksMemory, number: number, close: () => void) {
    this.#of = of;
    this.#at = of.watches + number * WATCH.bytes;
    this.#close = close;
    this.symbol = of.u32[(this.#at + WATCH.symbol) / 4]!;
    this.side = of.u32[(this.#at + WATCH.bid) / 4] ? "bid" : "ask";
    this.price = of.f64[(this.#at + WATCH.price) / 8]!;
    this.qty = of.f64[(this.#at + WATCH.qty) / 8]!;
  }

  /**
   * Scaled quantity ahead; NaN once it is {@linkcode lost} or closed. In an L2 book whoever leaves the level is taken to
   * have stood behind: it is never too little.
   */
  get aheadQty(): number {
    return this.#live ? this.#of.f64[(this.#at + WATCH.ahead_qty) / 8]! : NaN;
  }
  /** Orders ahead; NaN once it is {@linkcode lost} or closed; 0 in an L2 book. */
  get aheadOrders(): number {
    return this.#live ? this.#of.u32[(this.#at + WATCH.ahead_orders) / 4]! : NaN;
  }
  /** The book was cleared since: nobody knows what is ahead now. */
  get lost(): boolean {
    return this.#close !== undefined && this.#of.u32[(this.#at + WATCH.state) / 4] === WATCH_STATE.LOST;
  }
  get #live(): boolean {
    return this.#close !== undefined && this.#of.u32[(this.#at + WATCH.state) / 4] === WATCH_STATE.LIVE;
  }

  /** Gives it back: 256 can be held at once. */
  close(): void {
    this.#close?.();
    this.#close = undefined;
  }
  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    const place = this.lost
      ? "lost"
      : this.#live
      ? `${this.aheadQty} ahead in ${this.aheadOrders} orders`
      : "closed";
    return `Watch ${this.side} ${this.qty} @ ${this.price} of symbol ${this.symbol}: ${place}`;
  }
}
