/** The traffic generator: numbered, stamped market data on any transmit path, so that loss and latency are known. @module */
import { asTx, type TxEndpoint } from "../endpoint.ts";
import { TRAFFIC_STATS } from "../layout.ts";
import { readCounters } from "../measure/counters.ts";
import { formatCount, formatNs } from "../measure/format.ts";
import { Histogram } from "../measure/histogram.ts";
import { type InspectContext, picture, sentences } from "../measure/print.ts";
import { check, native, SharedMemory } from "../native.ts";
import { openTraffic, type TrafficSettings } from "../permission.ts";
import { readTxCounters, readTxNote, type TxCounters, txTroubles } from "../tx/counters.ts";
import type { Tape } from "./tape.ts";

/** What a generator is opened with. */
export interface TrafficOptions extends Partial<Omit<TrafficSettings, "endpoint" | "rate">> {
  /** Where to, and how: `udp://group:port?via=…`. */
  to: string | URL | TxEndpoint;
  /** Datagrams a second, or as fast as the path takes them. @default {10000} */
  rate?: number | "flat";
  /**
   * What to send, over again when it ends before the bounds. Without it and without a `capture`, a small book whose
   * quantities change.
   */
  tape?: Tape | undefined;
}

/** Counters of a generator; what became of the datagrams is in {@linkcode Traffic.tx}. */
export type TrafficCounters = Record<
  "datagrams" | "records" | "next_seq" | "late" | "unsent" | "skipped",
  number
>;
const NAMES = [
  "datagrams",
  "records",
  "next_seq",
  "late",
  "unsent",
  "skipped",
] as const satisfies readonly (keyof TrafficCounters)[];

/**
 * A running generator. It sends lll records numbered without a hole and stamped in the last instant, on a thread of
 * its own, and marks the last one: a receiver's `delivered + lost` is what was sent.
 *
 * @example
 * ```ts ignore
 * using traffic = Traffic.open({ to: "udp://239.255.0.1:12345?if=eth0&via=packet", rate: 50_000, seconds: 10 });
 * await traffic.ended();
 * console.log(traffic.rate, traffic.sendCost);
 * ```
 */
export class Traffic implements Disposable {
  /** Destination, pace, bounds. */
  readonly settings: TrafficSettings;
  /** What it sends; `undefined` is the book pattern. */
  readonly tape: Tape | undefined;
  readonly #stats: SharedMemory;
  #handle: Deno.PointerValue;

  private constructor(options: TrafficOptions) {
    const { to, rate = 10_000, tape, ...given } = options;
    this.tape = tape;
    this.settings = {
      count: 0,
      seconds: 0,
      firstSeq: 0,
      records: 1,
      spin: false,
      capture: "",
      ...given,
      endpoint: asTx(to),
      rate: rate === "flat" ? 0 : rate,
    };
    if (tape && this.settings.capture) {
      throw new TypeError("Cannot send a tape and a capture at once: name one");
    }
    if (rate === 0) throw new TypeError('Cannot send at a rate of 0: say "flat" for as fast as possible');
    this.#stats = new SharedMemory(check(native().hp_traffic_stats_bytes()));
    this.#handle = openTraffic(this.settings, tape?.handle ?? null, this.#stats);
  }

  /**
   * Opens the transmit path and starts; asks Deno for the destination first.
   *
   * @param options Destination, pace, bounds, what to send.
   * @throws {Deno.errors.NotCapable} naming the missing flag; {@linkcode NativeError} with what failed and why.
   */
  static open(options: TrafficOptions): Traffic {
    return new Traffic(options);
  }

  /** Its thread sends. */
  get running(): boolean {
    return Atomics.load(this.#stats.u32, TRAFFIC_STATS.running / 4) === 1;
  }

  /** It came to its bound: everything was given to the path. */
  get finished(): boolean {
    return this.#stats.u32[TRAFFIC_STATS.finished / 4] === 1;
  }

  /** Datagrams and records it made. */
  get counters(): TrafficCounters {
    return readCounters(this.#stats, 0, TRAFFIC_STATS, NAMES);
  }

  /** What became of the datagrams. */
  get tx(): TxCounters {
    return readTxCounters(this.#stats, TRAFFIC_STATS.tx);
  }

  /** How the path runs. */
  get note(): string {
    return readTxNote(this.#stats, TRAFFIC_STATS.tx);
  }

  /** Why it ended by itself before its bound; "" when it did not. */
  get trouble(): string {
    return this.#stats.text(TRAFFIC_STATS.trouble, 256);
  }

  /** From the first datagram to the last before the closing one, ns. */
  get elapsedNs(): number {
    return this.#stats.f64[TRAFFIC_STATS.elapsed_ns / 8]!;
  }

  /** Datagrams a second that the wire took; 0 before there are two. */
  get rate(): number {
    const { elapsedNs, settings, tx: { sent } } = this;
    // The closing datagram stands outside of the time; at a rate, intervals count, one fewer than datagrams.
    const counted = settings.rate === 0 ? sent - 1 : sent - 2;
    return elapsedNs > 0 ? Math.max(0, counted) / elapsedNs * 1e9 : 0;
  }

  /** What handing over a datagram cost its thread, ns (of a batch: its share). */
  get sendCost(): Histogram {
    return new Histogram(this.#stats, TRAFFIC_STATS.send);
  }

  /** Sentences about what did not go as it should. */
  get troubles(): string[] {
    const { late, unsent, skipped } = this.counters;
    const lines = [
      this.trouble,
      ...txTroubles(this.tx),
      late > 0 && `${formatCount(late)} datagrams left more than 50 µs after their time`,
      skipped > 0 &&
      `${formatCount(skipped)} packets of the capture are no whole UDP datagrams with a payload: skipped`,
      unsent > 0 && `${formatCount(unsent)} datagrams never left: the path had no room to the end`,
    ].filter((line) => typeof line === "string" && line !== "") as string[];
    return sentences(lines, "no troubles: everything left in time");
  }

  /**
   * Resolves when its thread has ended; rejects when that has not happened after `ms`, or when it broke.
   *
   * @param ms How long to wait.
   */
  async ended(ms = 60_000): Promise<this> {
    const deadline = performance.now() + ms;
    while (this.running) {
      if (performance.now() > deadline) {
        throw new Error(`Cannot wait any longer: the generator is still sending after ${ms} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (this.trouble) throw new Error(this.trouble);
    return this;
  }

  /** Sends the closing datagram, ends its thread, closes the path. Its counters can still be read. */
  close(): void {
    if (this.#handle === null) return;
    const handle = this.#handle;
    this.#handle = null;
    check(native().hp_traffic_close(handle));
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Where to, how much, how fast. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { endpoint: { address, port, via }, rate, capture } = this.settings;
    const state = this.running ? "sending" : this.finished ? "finished" : this.trouble ? "broken" : "stopped";
    const { sent, failed } = this.tx;
    const line = `Traffic ${state}: ${formatCount(sent)} datagrams to ${address}:${port} via ${via}`;
    return picture(context, line, () => {
      const wanted = rate === 0 ? "flat out" : `of ${formatCount(rate)} asked for`;
      const cost = this.sendCost;
      const records = `${formatCount(this.counters.records)} records`;
      const what = capture ? `payloads of ${capture}` : `${this.tape?.name ?? "book pattern"}: ${records}`;
      return [
        `${line} (${this.note})`,
        `  ${what}`,
        `  ${formatCount(Math.round(this.rate))} datagrams/s ${wanted}, ${formatCount(failed)} failed`,
        `  a send costs ${
          cost.count ? `p50 ${formatNs(cost.percentile(50))}, p99 ${formatNs(cost.percentile(99))}` : "-"
        }`,
        ...(this.trouble ? [`  ${this.trouble}`] : []),
      ].join("\n");
    });
  }
}
