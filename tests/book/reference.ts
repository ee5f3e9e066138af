/**
 * Books that are slow and obviously right: a Map of orders in the order they came, a Map of levels without orders;
 * everything else is found by sorting and filtering all of them. What the fast books are held against.
 *
 * @module
 */
import type { BookFault, BookMessage, Side } from "hotpath";

/** A live order. */
export interface ReferenceOrder {
  order: bigint;
  symbol: number;
  side: Side;
  price: number;
  qty: number;
}

/** A level with its queue; of an L2 level it is empty. */
export interface ReferenceLevel {
  price: number;
  qty: number;
  queue: [order: bigint, qty: number][];
}

interface BareLevel {
  symbol: number;
  side: Side;
  price: number;
  qty: number;
}

const good = (value: number) => Number.isInteger(value) && value >= 1 && value <= 2 ** 53;

/** Both sides' best first. */
const bestFirst = (side: Side) => (a: { price: number }, b: { price: number }) =>
  side === "bid" ? b.price - a.price : a.price - b.price;

/** See above. */
export class ReferenceBooks {
  /** By reference, in the order they came: priority within a level. */
  readonly orders = new Map<bigint, ReferenceOrder>();
  /** Of L2 symbols. */
  bare: BareLevel[] = [];
  /** Trades printed: symbol, price, quantity. */
  readonly trades: [symbol: number, price: number, qty: number][] = [];
  readonly states = new Map<number, string>();
  readonly names = new Map<number, string>();
  unknownLevels = 0;

  constructor(readonly symbols: number) {}

  /** Levels of one side, best first. */
  levels(symbol: number, side: Side): ReferenceLevel[] {
    const here = (entry: { symbol: number; side: Side }) => entry.symbol === symbol && entry.side === side;
    const levels = this.bare.filter(here).map(({ price, qty }): ReferenceLevel => ({
      price,
      qty,
      queue: [],
    }));
    for (const { order, price, qty } of [...this.orders.values()].filter(here)) {
      let level = levels.find((level) => level.price === price);
      if (!level) levels.push(level = { price, qty: 0, queue: [] });
      level.qty += qty;
      level.queue.push([order, qty]);
    }
    return levels.sort(bestFirst(side));
  }

  /** As `Books.apply`. */
  apply(message: BookMessage): BookFault | undefined {
    const { kind, symbol, side = "ask", price = 0, qty = 0 } = message;
    const numbered = symbol !== undefined && symbol < this.symbols;
    switch (kind) {
      case "add":
        return numbered ? this.#add(BigInt(message.order!), symbol, side, price, qty) : "unknown symbol";
      case "execute":
      case "execute at":
      case "reduce":
        return this.#reduce(message);
      case "delete":
        return this.#faultOf(message) ?? (this.orders.delete(BigInt(message.order!)), undefined);
      case "replace":
        return this.#replace(message);
      case "level":
        return numbered ? this.#level(symbol, side, price, qty) : "unknown symbol";
      case "quote":
        return numbered ? this.#quote(symbol, message) : "unknown symbol";
      case "clear":
        if (symbol !== undefined && !numbered) return "unknown symbol";
        for (const [order, of] of this.orders) {
          if (symbol === undefined || of.symbol === symbol) this.orders.delete(order);
        }
        this.bare = this.bare.filter((level) => symbol !== undefined && level.symbol !== symbol);
        return undefined;
      default:
        return this.#note(message, numbered);
    }
  }

  /** What is wrong with a message that names an order. */
  #faultOf({ order, symbol }: BookMessage): BookFault | undefined {
    if (symbol !== undefined && symbol >= this.symbols) return "unknown symbol";
    const known = this.orders.get(BigInt(order!));
    if (!known || (symbol !== undefined && symbol !== known.symbol)) return "unknown order";
    return undefined;
  }

  #hasOrders(symbol: number, side?: Side, price?: number): boolean {
    return [...this.orders.values()].some((order) =>
      order.symbol === symbol && (side === undefined || order.side === side) &&
      (price === undefined || order.price === price)
    );
  }

  #bare(symbol: number, side: Side, price: number): BareLevel | undefined {
    return this.bare.find((level) => level.symbol === symbol && level.side === side && level.price === price);
  }

  #add(order: bigint, symbol: number, side: Side, price: number, qty: number): BookFault | undefined {
    if (!good(price) || !good(qty)) return "bad value";
    if (this.orders.has(order)) return "duplicate order";
    if (this.#bare(symbol, side, price)) return "bad value";
    this.orders.set(order, { order, symbol, side, price, qty });
    return undefined;
  }

  #reduce(message: BookMessage): BookFault | undefined {
    const { kind, price = 0, qty = 0 } = message;
    if (!good(qty) || (kind === "execute at" && !good(price))) return "bad value";
    const fault = this.#faultOf(message);
    if (fault) return fault;
    const order = this.orders.get(BigInt(message.order!))!;
    const taken = Math.min(qty, order.qty);
    order.qty -= taken;
    if (order.qty === 0) this.orders.delete(order.order);
    if (kind !== "reduce" && !message.silent) {
      this.trades.push([order.symbol, kind === "execute" ? order.price : price, taken]);
    }
    return qty > taken ? "excess" : undefined;
  }

  #replace(message: BookMessage): BookFault | undefined {
    const { price = 0, qty = 0 } = message;
    if (!good(price) || !good(qty)) return "bad value";
    const fault = this.#faultOf(message);
    if (fault) return fault;
    const old = this.orders.get(BigInt(message.order!))!;
    const order = BigInt(message.newOrder!);
    if (order !== old.order && this.orders.has(order)) return "duplicate order";
    this.orders.delete(old.order);
    return this.#add(order, old.symbol, old.side, price, qty);
  }

  #level(symbol: number, side: Side, price: number, qty: number): BookFault | undefined {
    if (!good(price) || (qty !== 0 && !good(qty)) || this.#hasOrders(symbol, side, price)) return "bad value";
    const known = this.#bare(symbol, side, price);
    if (!known && qty === 0) this.unknownLevels++;
    this.bare = this.bare.filter((level) => level !== known);
    if (qty !== 0) this.bare.push({ symbol, side, price, qty });
    return undefined;
  }

  #quote(symbol: number, message: BookMessage): BookFault | undefined {
    const { price = 0, qty = 0, askPrice = 0, askQty = 0 } = message;
    if (
      [price, qty, askPrice, askQty].some((value) => value !== 0 && !good(value)) || this.#hasOrders(symbol)
    ) {
      return "bad value";
    }
    this.bare = this.bare.filter((level) => level.symbol !== symbol);
    if (price && qty) this.bare.push({ symbol, side: "bid", price, qty });
    if (askPrice && askQty) this.bare.push({ symbol, side: "ask", price: askPrice, qty: askQty });
    return undefined;
  }

  #note({ kind, symbol, price = 0, qty = 0, silent, state, name }: BookMessage, numbered: boolean) {
    if (kind === "other" || kind === "imbalance" || kind === "system") return undefined;
    if (!numbered) return "unknown symbol" as const;
    if (kind === "trade" || kind === "cross") {
      if (price !== 0 && !good(price) || qty !== 0 && !good(qty)) return "bad value" as const;
      if (qty && !silent) this.trades.push([symbol!, price, qty]);
    }
    if (kind === "status") this.states.set(symbol!, state!);
    if (kind === "symbol") this.names.set(symbol!, name!);
    return undefined;
  }
}
