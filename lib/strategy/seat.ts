/**
 * A seat at an engine that runs on its own thread: an event ring in, an order ring out, both in memory that another
 * process may have joined. The TypeScript side of `native/seats.c`.
 *
 * @module
 */
import { EVENT, FLAG, REQUEST, REQUEST_KIND, RING, SEAT } from "../layout.ts";
import type { SharedMemory } from "../native.ts";
import { OrderStates, type RunnerOrders } from "./handlers.ts";
import type { OrderState } from "./strategy.ts";
import type { Update } from "./update.ts";

/** 2^32: an order id is seat x 2^32 + n. */
const ID_BASE = 4294967296;

/** The consumer of a seat's event ring. */
export class EventRing {
  readonly #i32: Int32Array;
  readonly #slots: number;
  readonly #mask: number;
  readonly #head: number;
  readonly #tail: number;

  /** @param memory The seat. */
  constructor(memory: SharedMemory) {
    const ring = memory.u32[SEAT.events_offset / 4]!;
    this.#i32 = memory.i32;
    this.#slots = ring + RING.bytes;
    this.#mask = memory.u32[(ring + RING.capacity) / 4]! - 1;
    this.#head = (ring + RING.head) / 4;
    this.#tail = (ring + RING.tail) / 4;
  }

  /** An event waits. */
  get ready(): boolean {
    return Atomics.load(this.#i32, this.#tail) !== this.#i32[this.#head]!;
  }

  /** Points `update` at the oldest event and returns its kind; 0 when there is none. Then call {@linkcode release}. */
  peek(update: Update): number {
    const head = this.#i32[this.#head]!;
    if (Atomics.load(this.#i32, this.#tail) === head) return 0;
    const at = this.#slots + (head & this.#mask) * EVENT.bytes;
    update.moveTo(at);
    return this.#i32[at >> 2]!;
  }

  /** Byte offset of the slot {@linkcode peek} pointed at. */
  get slot(): number {
    return this.#slots + (this.#i32[this.#head]! & this.#mask) * EVENT.bytes;
  }

  /** Gives the slot back. */
  release(): void {
    Atomics.store(this.#i32, this.#head, (this.#i32[this.#head]! + 1) | 0);
  }
}

/** The producer of a seat's order ring: order entry as a strategy in a seat sees it. Scaled integers. */
export class SeatOrders implements RunnerOrders {
  readonly #memory: SharedMemory;
  readonly #ring: EventRing;
  readonly #wake: () => void;
  readonly #slots: number;
  readonly #capacity: number;
  readonly #head: number;
  readonly #tail: number;
  readonly #states = new OrderStates();
  readonly #base: number;
  #next: number;

  /**
   * @param memory The seat.
   * @param events Its event ring: an order's trigger is the event at hand.
   * @param wake Called when the engine sleeps.
   */
  constructor(memory: SharedMemory, events: EventRing, wake: () => void) {
    const ring = memory.u32[SEAT.orders_offset / 4]!;
    this.#memory = memory;
    this.#ring = events;
    this.#wake = wake;
    this.#slots = ring + RING.bytes;
    this.#capacity = memory.u32[(ring + RING.capacity) / 4]!;
    this.#head = (ring + RING.head) / 4;
    this.#tail = (ring + RING.tail) / 4;
    this.#base = memory.u32[SEAT.index / 4]! * ID_BASE;
    this.#next = memory.u32[SEAT.next_order / 4]!;
  }

  /** @inheritdoc */
  buy(price: number, qty: number): number {
    return this.#order(FLAG.BID, price, qty);
  }

  /** @inheritdoc */
  sell(price: number, qty: number): number {
    return this.#order(0, price, qty);
  }

  #order(flags: number, price: number, qty: number): number {
    const id = this.#base + this.#next;
    if (!this.#push(REQUEST_KIND.ORDER, flags, id, price, qty)) return -105; // ENOBUFS
    this.#next++;
    this.#states.note(id, "new");
    return id;
  }

  /** @inheritdoc */
  cancel(id: number): number {
    return this.#push(REQUEST_KIND.CANCEL, 0, id, 0, 0) ? 0 : -105;
  }

  /** @inheritdoc */
  goOn(): void {
    this.#push(REQUEST_KIND.GO_ON, 0, 0, 0, 0);
  }

  #push(kind: number, flags: number, id: number, price: number, qty: number): boolean {
    const { f64, u32, i32 } = this.#memory;
    const tail = i32[this.#tail]!;
    if (((tail - Atomics.load(i32, this.#head)) | 0) >= this.#capacity) return false;
    const at = this.#slots + (tail & (this.#capacity - 1)) * REQUEST.bytes;
    const event = this.#ring.slot;
    u32[at >> 2] = kind;
    u32[(at + REQUEST.flags) >> 2] = flags;
    f64[(at + REQUEST.id) >> 3] = id;
    f64[(at + REQUEST.price) >> 3] = price;
    f64[(at + REQUEST.qty) >> 3] = qty;
    f64[(at + REQUEST.trigger_seq) >> 3] = f64[(event + EVENT.seq) >> 3]!;
    f64[(at + REQUEST.trigger_recv_ns) >> 3] = f64[(event + EVENT.recv_ns) >> 3]!;
    for (let i = 0; i < 4; i++) { // ready_tsc and start_tsc: 64-bit integers, copied as they are
      u32[((at + REQUEST.ready_tsc) >> 2) + i] = u32[((event + EVENT.ready_tsc) >> 2) + i]!;
    }
    Atomics.store(i32, this.#tail, (tail + 1) | 0);
    if (Atomics.load(i32, SEAT.engine_waiting / 4) !== 0) this.#wake();
    return true;
  }

  /** @inheritdoc */
  note(id: number, state: OrderState): void {
    this.#states.note(id, state);
  }

  /** @inheritdoc */
  state(id: number): OrderState {
    return this.#states.get(id);
  }
}
