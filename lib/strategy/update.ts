/** The event a strategy is handed: one object, reused, reading straight from the event's slot. @module */
import type { MessageKind } from "../book/books.ts";
import { BOOK_FLAG, EVENT, FLAG, MESSAGE_FLAG, MESSAGE_KINDS } from "../layout.ts";
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
/** Every byte as a character, made once: an event must not make a text. */
const TYPES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const SYMBOL = EVENT.symbol / 4;
const MESSAGE = EVENT.message / 4;

/**
 * One message, with the top of its symbol's book after it. The object is reused for the next event: keep numbers,
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

  /** What the message does; `"other"` where the event is no message. */
  get kind(): MessageKind {
    return MESSAGE_KINDS[this.#u32[this.#at4 + MESSAGE]! & 0xff]!;
  }
  /** The wire's own type byte as a character: ITCH's `"A"`, `"E"` … */
  get type(): string {
    return TYPES[(this.#u32[this.#at4 + MESSAGE]! >>> 8) & 0xff]!;
  }
  /** The feed's number of the symbol; 2^32 - 1 where the message is of none. */
  get symbol(): number {
    return this.#u32[this.#at4 + SYMBOL]!;
  }
  /** The exchange's reference of the order the message is about; 0 where it is about none. */
  get orderRef(): number {
    return this.#f64[this.#at8 + F64.detail]!;
  }
  /**
   * What the kind adds: the match number of an execution or a trade, the new reference of a replaced order, the state of
   * a status and the event of a system message (the wire's byte), the imbalance of an auction.
   */
  get other(): number {
    return this.#f64[this.#at8 + F64.orderId]!;
  }
  /** Sequence number of the message. */
  get seq(): number {
    return this.#f64[this.#at8 + F64.seq]!;
  }
  /** When the receive that brought it returned. */
  get recvNs(): number {
    return this.#f64[this.#at8 + F64.recvNs]!;
  }
  /** The sender's own stamp; of ITCH: ns since midnight, where the exchange is. */
  get sentNs(): number {
    return this.#f64[this.#at8 + F64.sentNs]!;
  }
  /** The kernel's, driver's or capture's receive stamp; 0 where the path has none. */
  get wireNs(): number {
    return this.#f64[this.#at8 + F64.wireNs]!;
  }
  /** Price of the level or order; 0 where the message states none. */
  get price(): number {
    return this.#f64[this.#at8 + F64.price]!;
  }
  /** Quantity: of a level its new one (0 = it went), else what the message adds, takes or trades. */
  get qty(): number {
    return this.#f64[this.#at8 + F64.qty]!;
  }
  /** It is of the bid side. */
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
  /** A trade that is not to be printed: another message tells of it too. */
  get silent(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & MESSAGE_FLAG.SILENT) !== 0;
  }
  /** More messages of the same event of the exchange follow: the best prices are not valid yet. */
  get incomplete(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & MESSAGE_FLAG.OPEN) !== 0;
  }
  /** A gap was given up: no repair will follow. */
  get lost(): boolean {
    return (this.#u32[this.#at4 + FLAGS]! & FLAG.LOST) !== 0;
  }
  /** The book is stale: messages are missing. */
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

  /** One line; of a message that sets no level: its kind, too. */
  [Symbol.for("Deno.customInspect")](): string {
    const kind = this.kind === "other" || this.kind === "level" ? "" : `${this.kind} `;
    return `Update #${this.seq} ${kind}${this.isBid ? "bid" : "ask"} ${this.price} x ${this.qty}`;
  }
}
