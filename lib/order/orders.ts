/** Order entry: for a strategy that polls the engine itself, and for people. @module */
import { CONTROL, ORDER_STATS } from "../layout.ts";
import { readCounters } from "../measure/counters.ts";
import { drawTable, type InspectContext, picture } from "../measure/print.ts";
import { native, type SharedMemory } from "../native.ts";
import { OrderStates, type RunnerOrders } from "../strategy/handlers.ts";
import { type Market, ORDER_STATES, type OrderState } from "../strategy/strategy.ts";

/** Counters of order entry; refusals by reason. */
export type OrderCounters = Record<
  | "sent"
  | "acked"
  | "failed"
  | "refused"
  | "cancelled"
  | "partial"
  | "connects"
  | "disconnects"
  | "connected"
  | "queued_bytes"
  | "refused_price"
  | "refused_qty"
  | "refused_notional"
  | "refused_stale"
  | "refused_link"
  | "refused_full",
  number
>;
const NAMES = [
  "sent",
  "acked",
  "failed",
  "refused",
  "cancelled",
  "partial",
  "connects",
  "disconnects",
  "connected",
  "queued_bytes",
  "refused_price",
  "refused_qty",
  "refused_notional",
  "refused_stale",
  "refused_link",
  "refused_full",
] as const satisfies readonly (keyof OrderCounters)[];

/** Reads the order counters of an engine's control page. */
export function readOrderCounters(control: SharedMemory): OrderCounters {
  return readCounters(control, CONTROL.order, ORDER_STATS, NAMES);
}

/** Enough for V8's optimising compiler; they take some milliseconds, before the first event. */
const REHEARSALS = 20_000;

/** Order entry of an inline strategy: one native call an order. Scaled integers. */
export class InlineOrders implements RunnerOrders {
  #handle: Deno.PointerValue;
  readonly #order = native().hp_engine_order;
  readonly #states = new OrderStates();
  readonly #queuedBytes: () => number;

  /**
   * Order entry of one engine.
   *
   * @param handle The engine's native handle.
   * @param control Its control page.
   */
  constructor(handle: Deno.PointerValue, control: SharedMemory) {
    this.#handle = handle;
    this.#queuedBytes = () => control.f64[(CONTROL.order + ORDER_STATS.queued_bytes) / 8]!;
  }

  /**
   * Rehearses an order until V8 has compiled the way to the native call: interpreted, that call alone costs about a
   * microsecond, and orders are too rare to become hot by themselves. Nothing is sent: the handle is null meanwhile.
   */
  rehearse(): void {
    const handle = this.#handle;
    this.#handle = null;
    for (let i = 1; i <= REHEARSALS; i++) {
      this.buy(i, 1);
      this.sell(i, 1);
      this.#note(i);
    }
    this.#states.clear();
    this.#handle = handle;
  }

  /** Buys. The id (from 1), or a negative errno when a check refused it. */
  buy(price: number, qty: number): number {
    return this.#note(this.#order(this.#handle, 1, price, qty));
  }

  /** Sells. The id (from 1), or a negative errno when a check refused it. */
  sell(price: number, qty: number): number {
    return this.#note(this.#order(this.#handle, 0, price, qty));
  }

  /** A peer that does not read keeps an order in our buffer: it is "new" until its last byte has gone. */
  #note(id: number): number {
    if (id > 0) this.#states.note(id, this.#queuedBytes() > 0 ? "new" : "sent");
    return id;
  }

  /** Cancels. 0, or a negative errno. */
  cancel(id: number): number {
    const result = native().hp_engine_cancel(this.#handle, id);
    if (result === 0) this.#states.note(id, "cancelled");
    return result;
  }

  /** Trusts the book after a gap. */
  goOn(): void {
    native().hp_engine_go_on(this.#handle);
  }

  /** Notes an order's new state. */
  note(id: number, state: OrderState): void {
    this.#states.note(id, state);
  }

  /** Where an order stands (the last 1,024 are remembered). */
  state(id: number): OrderState {
    return this.#states.get(id);
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    return `InlineOrders (${this.#handle === null ? "closed" : "open"})`;
  }

  /** Forgets the handle: later orders are refused. */
  close(): void {
    this.#handle = null;
  }
}

/** What a decimal number may be off its scaled integer for no other reason than being binary. */
const ROUNDING = 2 ** -51;
/** Orders a picture shows at most. */
const LISTED = 20;

/** One order a person sent; its state follows the engine. */
export class Order {
  /**
   * An order that was sent.
   *
   * @param orders Where it was sent from.
   * @param id On the wire.
   * @param side Buy or sell.
   * @param price Decimal.
   * @param qty Decimal.
   */
  constructor(
    /** Where it was sent from. */
    readonly orders: Orders,
    /** On the wire. */
    readonly id: number,
    /** Buy or sell. */
    readonly side: "buy" | "sell",
    /** Decimal. */
    readonly price: number,
    /** Decimal. */
    readonly qty: number,
  ) {}

  /** Where it stands now. */
  get state(): OrderState {
    this.orders.refresh();
    return this.orders.raw.state(this.id);
  }

  /** Cancels it: an order record with its id and quantity 0. */
  cancel(): this {
    this.orders.cancel(this.id);
    return this;
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Order ${this.id}: ${this.side} ${this.qty} @ ${this.price}, ${this.state}`;
  }
}

/**
 * Order entry for people: decimal prices and quantities, turned into the market's scaled integers.
 *
 * @example
 * ```ts ignore
 * const order = engine.orders.buy(61659.7, 0.01);
 * order.state; // "sent", soon "acknowledged"
 * order.cancel();
 * ```
 */
export class Orders {
  /** The seat's own order entry: scaled integers. */
  readonly raw: RunnerOrders;
  readonly #scales: Market;
  readonly #drain: () => void;
  readonly #list: Order[] = [];

  /**
   * Order entry over a seat's.
   *
   * @param raw The seat's orders.
   * @param scales The market's: a book's, or those of books.
   * @param drain Takes in what the engine has told.
   */
  constructor(raw: RunnerOrders, scales: Market, drain: () => void) {
    this.raw = raw;
    this.#scales = scales;
    this.#drain = drain;
  }

  /** Buys `qty` at `price` (decimal). */
  buy(price: number, qty: number): Order {
    return this.#send("buy", price, qty);
  }

  /** Sells `qty` at `price` (decimal). */
  sell(price: number, qty: number): Order {
    return this.#send("sell", price, qty);
  }

  #scaled(what: string, value: number, scale: number): number {
    const scaled = Math.round(value * scale);
    if (
      !Number.isSafeInteger(scaled) || scaled <= 0 ||
      Math.abs(value * scale - scaled) > 1e-6 + scaled * ROUNDING
    ) {
      throw new RangeError(
        `Cannot send an order with ${what} ${value}: a positive multiple of ${1 / scale} is needed`,
      );
    }
    return scaled;
  }

  #send(side: "buy" | "sell", price: number, qty: number): Order {
    const scaledPrice = this.#scaled("price", price, this.#scales.priceScale);
    const scaledQty = this.#scaled("quantity", qty, this.#scales.qtyScale);
    const id = side === "buy" ? this.raw.buy(scaledPrice, scaledQty) : this.raw.sell(scaledPrice, scaledQty);
    if (id < 0) throw new Error("Cannot send the order: 1,024 requests wait already; is the engine running?");
    const order = new Order(this, id, side, price, qty);
    this.#list.push(order);
    return order;
  }

  /** Cancels an order by its id. */
  cancel(id: number): void {
    if (this.raw.cancel(id) < 0) {
      throw new Error("Cannot cancel: 1,024 requests wait already; is the engine running?");
    }
  }

  /** Orders sent from here, oldest first. */
  get list(): readonly Order[] {
    return this.#list;
  }

  /** Takes in what the engine has told since. */
  refresh(): void {
    this.#drain();
  }

  /** Notes a state by its number in `enum hp_order_state`. */
  note(id: number, state: number): void {
    this.raw.note(id, ORDER_STATES[state] ?? "unknown");
  }

  /** The orders and where they stand. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const sent = this.#list.length;
    if (sent === 0) return "Orders (none sent from here yet)";
    const last = this.#list.slice(-LISTED);
    return picture(context, `Orders (${sent} sent)`, () => {
      const rows = last.map(({ id, side, qty, price, state }) => [id, side, qty, price, state]);
      const title = sent > LISTED ? [`Orders: the last ${LISTED} of ${sent}`] : [];
      return [...title, drawTable(["order", "side", "qty", "price", "state"], rows)].join("\n");
    });
  }
}
