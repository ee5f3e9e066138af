/** The desk: the seat from which a person sends orders to a running engine and hears what became of them. @module */
import type { Engine, Seat } from "../engine.ts";
import { KIND } from "../layout.ts";
import { native, type SharedMemory } from "../native.ts";
import { EventRing, SeatOrders } from "../strategy/seat.ts";
import { Update } from "../strategy/update.ts";
import { Orders } from "./orders.ts";

const POLL_MS = 20;
/** Kinds of event a desk is told: everything but book updates. */
const WANTS = (1 << KIND.ORDER) | (1 << KIND.GAP) | (1 << KIND.END) | (1 << KIND.LINK);
const GAPS_KEPT = 100;

/** A gap a person may want to know of. */
export interface GapNote {
  /** First lost sequence number. */
  seq: number;
  /** Records lost. */
  lost: number;
}

/** Orders and notices of one running engine. */
export class Desk {
  /** Order entry in decimal numbers. */
  readonly orders: Orders;
  /** The last 100 gaps. */
  readonly gaps: GapNote[] = [];
  readonly #engine: Engine;
  readonly #seat: Seat;
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * Takes a seat at the engine.
   *
   * @param engine A running engine.
   * @param memory Memory for the seat.
   * @param wakeFd The engine's wake pipe.
   */
  constructor(engine: Engine, memory: SharedMemory, wakeFd: number) {
    this.#engine = engine;
    this.#seat = engine.sit(memory, WANTS);
    const { hp_seat_open, hp_seat_wake } = native();
    const handle = hp_seat_open(memory.u8, memory.bytes);
    const events = new EventRing(memory);
    const update = new Update(memory, events.slot);
    const raw = new SeatOrders(memory, events, () => hp_seat_wake(handle, wakeFd));
    this.orders = new Orders(raw, engine.shelf, () => this.#drain(events, update));
    this.#timer = setInterval(() => this.orders.refresh(), POLL_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  #drain(events: EventRing, update: Update): void {
    for (let kind = events.peek(update); kind !== 0; kind = events.peek(update)) {
      if (kind === KIND.ORDER) this.orders.note(update.orderId, update.detail);
      if (kind === KIND.GAP) this.gaps.push({ seq: update.seq, lost: update.detail });
      if (this.gaps.length > GAPS_KEPT) this.gaps.shift();
      events.release();
    }
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Desk (${this.orders.list.length} orders, ${this.gaps.length} gaps)`;
  }

  /** Gives the seat back. */
  close(): void {
    clearInterval(this.#timer);
    this.orders.refresh();
    this.#engine.leave(this.#seat);
  }
}
