/** The embedded exchange: plays a tape over UDP, takes orders over TCP, times them. @module */
import { EXCHANGE_STATS, PACE } from "../layout.ts";
import { countersTable, readCounters } from "../measure/counters.ts";
import { Histogram } from "../measure/histogram.ts";
import { fieldsTable, type InspectContext, picture, pictured, sentences } from "../measure/print.ts";
import { check, native, SharedMemory } from "../native.ts";
import { type ExchangeSettings, openExchange } from "../permission.ts";
import type { Tape } from "./tape.ts";

/** How fast a tape is played: datagrams a second, as recorded (times faster), or as fast as the wire takes. */
export type Pace = { rate: number } | { recorded: number } | "flat";

/** States in the order of `enum hp_exchange_state`. */
export const EXCHANGE_STATES = ["INIT", "HANDSHAKE", "TRANSMIT"] as const;

/** What an exchange is opened with. */
export interface ExchangeOptions extends Partial<Omit<ExchangeSettings, "pace" | "rate" | "speed">> {
  /** What it plays. */
  tape: Tape;
  /** How fast. @default {{ rate: 20000 }} */
  pace?: Pace;
}

/** Counters of the exchange; faults it injected and orders it refused by name. */
export type ExchangeCounters = Record<
  | "sessions"
  | "datagrams"
  | "records"
  | "sequenced"
  | "dropped"
  | "duplicated"
  | "reordered"
  | "send_failed"
  | "late"
  | "orders"
  | "refused"
  | "bad_orders"
  | "cancels"
  | "refused_type"
  | "refused_price"
  | "refused_qty"
  | "refused_trigger"
  | "refused_id"
  | "vanished",
  number
>;
const NAMES = [
  "sessions",
  "datagrams",
  "records",
  "sequenced",
  "dropped",
  "duplicated",
  "reordered",
  "send_failed",
  "late",
  "orders",
  "refused",
  "bad_orders",
  "cancels",
  "refused_type",
  "refused_price",
  "refused_qty",
  "refused_trigger",
  "refused_id",
  "vanished",
] as const satisfies readonly (keyof ExchangeCounters)[];

/** A pace as the native side takes it. */
export function paceNumbers(pace: Pace): { pace: number; rate: number; speed: number } {
  if (pace === "flat") return { pace: PACE.FLAT, rate: 0, speed: 1 };
  if ("rate" in pace) return { pace: PACE.RATE, rate: pace.rate, speed: 1 };
  return { pace: PACE.RECORDED, rate: 0, speed: pace.recorded };
}

/**
 * A running exchange. It waits for an order-entry connection, sends the snapshot, then the rest; when the client goes
 * it waits again.
 *
 * @example
 * ```ts ignore
 * using tape = Tape.generate();
 * using exchange = Exchange.open({ tape, listen: "127.0.0.1", orderPort: 9012, group: "127.0.0.1", port: 12345 });
 * exchange.state; // "INIT"
 * ```
 */
export class Exchange implements Disposable {
  /** What it plays. */
  readonly tape: Tape;
  /** Endpoints, faults, log. */
  readonly settings: ExchangeSettings;
  readonly #stats: SharedMemory;
  #handle: Deno.PointerValue;

  private constructor(options: ExchangeOptions) {
    const { tape, pace = { rate: 20_000 }, ...given } = options;
    this.tape = tape;
    const settings: ExchangeSettings = {
      group: "239.255.0.1",
      port: 12345,
      listen: "0.0.0.0",
      orderPort: 9012,
      ifname: "",
      netns: "",
      cpu: -1,
      limit: 0,
      loss: 0,
      duplicate: 0,
      reorder: 0,
      seed: 1,
      snapshotRate: 0,
      once: false,
      spin: false,
      log: "",
      ...given,
      ...paceNumbers(pace),
    };
    this.settings = pictured(settings, (fields) => fieldsTable("exchange", fields));
    this.#stats = new SharedMemory(check(native().hp_exchange_stats_bytes()));
    this.#handle = openExchange(this.settings, tape.handle, this.#stats);
  }

  /**
   * Opens its sockets and starts its thread; asks Deno for both endpoints (and the log file) first.
   *
   * @throws {Deno.errors.NotCapable} naming the missing flag; {@linkcode NativeError} with what failed and why.
   */
  static open(options: ExchangeOptions): Exchange {
    return new Exchange(options);
  }

  /** INIT: waits for a client; HANDSHAKE: has one; TRANSMIT: sends. */
  get state(): (typeof EXCHANGE_STATES)[number] {
    return EXCHANGE_STATES[this.#stats.u32[EXCHANGE_STATS.state / 4]!] ?? "INIT";
  }

  /** Its thread runs (with `once`, it ends after a session). */
  get running(): boolean {
    return this.#stats.u32[EXCHANGE_STATS.running / 4] === 1;
  }

  /** What it sent, injected, accepted and refused. */
  get counters(): ExchangeCounters {
    return readCounters(this.#stats, 0, EXCHANGE_STATS, NAMES);
  }

  /** Datagram handed to the wire → order read, ns. */
  get tickToOrder(): Histogram {
    return new Histogram(this.#stats, EXCHANGE_STATS.tick_to_order);
  }

  /** Sentences about orders that were refused. */
  get troubles(): string[] {
    const { refused, bad_orders, vanished } = this.counters;
    const first = `; the first: ${this.#stats.text(EXCHANGE_STATS.first_refused, 96)}`;
    const lines = [
      refused && `${refused} orders were refused${first}`,
      bad_orders && `${bad_orders} sessions were closed over bytes that are no order${first}`,
      vanished && `${vanished} clients vanished in the middle of a session`,
    ].filter((line) => typeof line === "string");
    return sentences(lines, "no troubles: no order was refused, no client vanished");
  }

  /** Resolves when it is back in INIT, ready for a client; rejects after `ms`. */
  async ready(ms = 5000): Promise<void> {
    const deadline = performance.now() + ms;
    while (this.state !== "INIT") {
      if (performance.now() > deadline) {
        throw new Error(`Cannot wait any longer: the exchange is in ${this.state}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Pace and length of the sessions that follow. limit: datagrams after the snapshot, 0 is all. */
  pace(pace: Pace, limit = 0): void {
    const { pace: kind, rate, speed } = paceNumbers(pace);
    check(native().hp_exchange_pace(this.#open(), kind, kind === PACE.RECORDED ? speed : rate, limit));
  }

  /** Forgets the tick-to-order histogram. */
  reset(): void {
    check(native().hp_exchange_reset(this.#open()));
  }

  #open(): Deno.PointerObject {
    if (this.#handle === null) throw new TypeError("Cannot use the exchange: it is closed");
    return this.#handle;
  }

  /** Ends the session, writes the log out, closes its sockets. Its counters can still be read. */
  close(): void {
    if (this.#handle === null) return;
    const handle = this.#handle;
    this.#handle = null;
    check(native().hp_exchange_close(handle));
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** State and counters. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { group, port, listen, orderPort } = this.settings;
    const line = `Exchange ${
      this.#handle === null ? "closed" : this.state
    }: ${group}:${port}, orders on ${listen}:${orderPort}`;
    return picture(
      context,
      line,
      () => `${line}, plays ${this.tape.name}\n${countersTable("exchange", this.counters)}`,
    );
  }
}
