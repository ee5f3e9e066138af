/** The event a strategy is handed: one object, reused, reading straight from the event's slot. @module */
import { BOOK_FLAG, EVENT, FLAG } from "../layout.ts";
import type { SharedMemory } from "../native.ts";

const F64 = {
  seq: EVENT.seq / 8,
  recvNs: EVENT.recv_ns / 8,
  sentNs: EVENT.sent_ns / 8,
  wireNs: EVENT.wire_ns / 8,
  price: EVENT.price / 8,
  qty: EVENT.qty / 8,
  bid: EVENT.bid / 8,
  bidQty: EVENT.bid_qty / 8,
  ask: EVENT.ask / 8,
  askQty: EVENT.ask_qty / 8,
  orderId: EVENT.order_id / 8,
  detail: EVENT.detail / 8,
} as const;
const FLAGS = EVENT.flags / 4;

/**
 * One update of the book, with the top of book after it. The object is reused for the next event: keep numbers,
 * not the object. Prices and quantities are scaled integers; times are ns of the engine's epoch.
 */
export class Update {
  readonly #f64: Float64Array;
  readonly #u32: Uint32Array;
  #at8: number;
  #at4: number;

  /**
   * A view of an event's slot.
   *
   * @param memory Memory with the event's slot.
   * @param offset Byte offset of the slot.
   */
  constructor(memory: SharedMemory, offset: number) {
    this.#f64 = memory.f64;
    this.#u32 = memory.u32;
    this.#at8 = offset / 8;
    this.#at4 = offset / 4;
  }

  /** Points it at another slot (a ring's next event). */
  moveTo(offset: number): void {
    this.#at8 = offset >> 3;
    this.#at4 = offset >> 2;
  }

  /** Sequence number of the record. */
  get seq(): number {
    return this.#f64[this.#at8 + F64.seq]!;
  }
  /** When the receive that brought it returned. */
  get recvNs(): number {
    return this.#f64[this.#at8 + F64.recvNs]!;
  }
  /** The sender's own stamp. */
  get sentNs(): number {
    return this.#f64[this.#at8 + F64.sentNs]!;
  }
  /** The kernel's, driver's or capture's receive stamp; 0 where the path has none. */
  get wireNs(): number {
    return this.#f64[this.#at8 + F64.wireNs]!;
  }
  /** Price of the level that changed. */
  get price(): number {
    return this.#f64[this.#at8 + F64.price]!;
  }
  /** Its new quantity; 0 = the level went. */
  get qty(): number {
    return this.#f64[this.#at8 + F64.qty]!;
  }
  /** It is a bid level. */
  get isBid(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & FLAG.BID) !== 0;
  }
  /** It belongs to a snapshot. */
  get isSnapshot(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & FLAG.SNAPSHOT) !== 0;
  }
  /** It is the session's last. */
  get isLast(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & FLAG.LAST) !== 0;
  }
  /** More records of the same datagram follow. */
  get more(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & FLAG.MORE) !== 0;
  }
  /** The book is stale: records were lost. */
  get stale(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & (BOOK_FLAG.STALE << FLAG.BOOK_SHIFT)) !== 0;
  }
  /** The book is crossed after it. */
  get crossed(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & (BOOK_FLAG.CROSSED << FLAG.BOOK_SHIFT)) !== 0;
  }
  /** Best bid after it; 0 when there is none. */
  get bid(): number {
    return this.#f64[this.#at8 + F64.bid]!;
  }
  /** Quantity at the best bid. */
  get bidQty(): number {
    return this.#f64[this.#at8 + F64.bidQty]!;
  }
  /** Best ask after it; 0 when there is none. */
  get ask(): number {
    return this.#f64[this.#at8 + F64.ask]!;
  }
  /** Quantity at the best ask. */
  get askQty(): number {
    return this.#f64[this.#at8 + F64.askQty]!;
  }
  /** An order event's id. */
  get orderId(): number {
    return this.#f64[this.#at8 + F64.orderId]!;
  }
  /** An order event's state, a gap's lost records. */
  get detail(): number {
    return this.#f64[this.#at8 + F64.detail]!;
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Update #${this.seq} ${this.isBid ? "bid" : "ask"} ${this.price} x ${this.qty}`;
  }
}
