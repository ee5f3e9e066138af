/**
 * Tick-to-trade seen from outside: the kernel stamps market data where it enters the strategy's interface and orders
 * where they leave it. What a program claims of itself is held against that.
 *
 * @module
 */
import { asFeed, asOrders, type FeedEndpoint, type OrderEndpoint } from "../endpoint.ts";
import { Engine } from "../engine.ts";
import { OBSERVE_STATS } from "../layout.ts";
import { check, native, SharedMemory } from "../native.ts";
import { openObserver } from "../permission.ts";
import { countersTable, readCounters } from "./counters.ts";
import { formatCount, formatNs } from "./format.ts";
import { Histogram } from "./histogram.ts";
import { drawTable, type InspectContext, picture } from "./print.ts";

/**
 * Where the entry of a datagram is stamped.
 *
 * | | |
 * |---|---|
 * | `auto` | in XDP, first of all, where the driver has it and the hook is free; else as `tc`. With `via=xdp`: in the program that redirects |
 * | `tc` | in tc ingress, behind the allocation of the packet: the XDP hook stays free, the packet's way what it is |
 */
export type ObserveEntry = "auto" | "tc";

/** Places of entry in the order of `enum hp_observe_entry`. */
export const OBSERVE_ENTRIES = ["auto", "tc"] as const satisfies readonly ObserveEntry[];

/** What is observed when no engine of this process is. */
export interface ObserverOptions {
  /** Market data, with its interface: `udp://group:port?if=NAME`. */
  feed: string | URL | FeedEndpoint;
  /** Order entry that is reached through the same interface: `tcp://host:port`. */
  orders: string | URL | OrderEndpoint;
}

/** What entered and what left; `orders` is the sum of matched, repeated, unmatched and overwritten. */
export type ObserverCounters = Record<
  | "datagrams"
  | "records"
  | "duplicates"
  | "malformed"
  | "orders"
  | "matched"
  | "repeated"
  | "unmatched"
  | "overwritten"
  | "cancels"
  | "unparsed"
  | "resent",
  number
>;
const NAMES = [
  "datagrams",
  "records",
  "duplicates",
  "malformed",
  "orders",
  "matched",
  "repeated",
  "unmatched",
  "overwritten",
  "cancels",
  "unparsed",
  "resent",
] as const satisfies readonly (keyof ObserverCounters)[];

/** Of the wire: `native/feed/lll.h`. */
const ORDER_BYTES = 51;

/** Values from the largest bucket down. */
function descending(histogram: Histogram): [ns: number, count: number][] {
  return [...histogram.entries()].reverse();
}

/**
 * Says how a claim from inside contradicts what was seen from outside. Each order's time inside is part of its time
 * outside; so, at every rank, the claim must not be the larger one (by more than the width of a bucket), and no more
 * orders can be claimed than left.
 *
 * @param inside What the program claims, ns.
 * @param outside What was seen, ns.
 * @param others Orders that left and are not in `outside`: the claim may have as many without a partner.
 * @returns A sentence, or `undefined` when they agree.
 *
 * @example
 * ```ts ignore
 * contradiction(Histogram.of([9000]), Histogram.of([8000])); // "Inside contradicts outside: …"
 * ```
 */
export function contradiction(inside: Histogram, outside: Histogram, others = 0): string | undefined {
  const left = outside.count + others;
  if (inside.count > left) {
    return `Inside contradicts outside: the program claims ${formatCount(inside.count)} orders, and ${
      formatCount(left)
    } left the interface`;
  }
  const seen = descending(outside);
  let claimed = 0;
  let slow = others;
  for (const [ns, count] of descending(inside)) {
    claimed += count;
    while (seen.length > 0 && seen[0]![0] >= ns - ns / 64 - 1) slow += seen.shift()![1];
    if (claimed > slow) {
      return `Inside contradicts outside: the program claims that ${formatCount(claimed)} of ${
        formatCount(inside.count)
      } orders took ${formatNs(ns)} or longer, and at most ${formatCount(slow)} of ${formatCount(left)} did`;
    }
  }
  return undefined;
}

/**
 * The outside observer of one interface. It belongs to no engine: everything is counted by BPF programs on the
 * interface, which pass every packet on as it was and go with this object or with the process.
 *
 * Open it after an engine whose path is `xdp`: an interface has one XDP hook, which that engine's program takes and
 * which the observer joins there. An observer that is there first keeps such an engine out, whose error names it.
 *
 * @example
 * ```ts ignore
 * using engine = lab.open("xdp", { connectLater: true });
 * using observer = Observer.open(engine);
 * engine.connect().start();
 * observer.tickToTrade.percentile(50); // ns, wire to wire
 * observer.contradiction; // undefined: the engine's own figure lies within
 * ```
 */
export class Observer implements Disposable {
  /** Market data observed. */
  readonly feed: FeedEndpoint;
  /** Order entry observed. */
  readonly orders: OrderEndpoint;
  readonly #stats: SharedMemory;
  readonly #engine: Engine | undefined;
  #before: Histogram | undefined;
  #handle: Deno.PointerValue;

  private constructor(feed: FeedEndpoint, orders: OrderEndpoint, entry: ObserveEntry, engine?: Engine) {
    refuseUnfit(feed, orders);
    this.feed = feed;
    this.orders = orders;
    this.#stats = new SharedMemory(check(native().hp_observe_stats_bytes()));
    this.#handle = openObserver(feed, orders, OBSERVE_ENTRIES.indexOf(entry));
    this.#engine = engine;
    this.#before = engine?.tickToSend.snapshot(); // from here on: what left before was not seen either
    this.#read();
  }

  /**
   * Attaches to the interface of an engine's feed, or to the one named; asks Deno for `net` on feed and order entry.
   *
   * @param what An open engine with order entry, or the endpoints of another process.
   * @param entry Where entry is stamped. @default {"auto"}
   * @throws {TypeError} when there is no interface to observe; {@linkcode Deno.errors.NotCapable} naming the missing
   * flag; {@linkcode NativeError} with what failed and why (it needs Linux 6.6 and root's capabilities).
   */
  static open(what: Engine | ObserverOptions, entry: ObserveEntry = "auto"): Observer {
    if (what instanceof Engine) {
      if (!what.orderEndpoint) throw new TypeError("Cannot observe the engine: it has no order entry");
      return new Observer(what.feed.endpoint, what.orderEndpoint, entry, what);
    }
    const { feed, orders } = what;
    return new Observer(asFeed(feed), asOrders(orders), entry);
  }

  /** It has not been closed. */
  get open(): boolean {
    return this.#handle !== null;
  }

  /** Where the stamps are taken, in its own words. */
  get note(): string {
    return this.#stats.text(OBSERVE_STATS.note, 128);
  }

  /** What entered and what left since it was opened or {@linkcode reset}. */
  get counters(): ObserverCounters {
    this.#read();
    return readCounters(this.#stats, 0, OBSERVE_STATS, NAMES);
  }

  /** A record enters the interface → its first order leaves it, ns: tick-to-trade, wire to wire. */
  get tickToTrade(): Histogram {
    this.#read();
    return new Histogram(this.#stats, OBSERVE_STATS.tick_to_trade);
  }

  /**
   * What the engine claims of the same time: datagram in hand → order about to be handed to the kernel, ns. `undefined`
   * when no engine is observed. After {@linkcode Engine.reset} call {@linkcode reset} too.
   */
  get inside(): Histogram | undefined {
    return this.#before && this.#engine?.tickToSend.since(this.#before);
  }

  /**
   * How the engine's claim contradicts what was seen, in one sentence; `undefined` when it does not. Orders that are not
   * acknowledged yet may still be on their way out, and count as having left.
   */
  get contradiction(): string | undefined {
    const { inside } = this; // first: what is claimed by now has left, or is not acknowledged, when that is read
    if (!inside) return undefined;
    const unacknowledged = unacknowledgedOf(this.#engine!);
    const { repeated, unmatched, overwritten, unparsed } = this.counters;
    const others = repeated + unmatched + overwritten + unparsed + unacknowledged;
    return contradiction(inside, this.tickToTrade, others);
  }

  #read(): void {
    if (this.#handle !== null) check(native().hp_observer_read(this.#handle, this.#stats.u8));
  }

  /** Forgets histogram, counters and the engine's claim so far. */
  reset(): void {
    if (this.#handle === null) throw new TypeError("Cannot reset the observer: it is closed");
    check(native().hp_observer_reset(this.#handle));
    this.#before = this.#engine?.tickToSend.snapshot();
    this.#read();
  }

  /** Detaches. What it saw can still be read. */
  close(): void {
    if (this.#handle === null) return;
    this.#read();
    const handle = this.#handle;
    this.#handle = null;
    check(native().hp_observer_close(handle));
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Outside beside inside, and what did not fit. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { inside, contradiction, counters, tickToTrade } = this;
    const state = this.open ? this.note : "closed";
    const line = `Observer of ${this.feed.if} (${state}), ${formatCount(tickToTrade.count)} orders`;
    return picture(context, line, () => {
      const rows = [row("outside: enters → leaves the interface", tickToTrade)];
      if (inside) rows.push(row("inside: in hand → handed to the kernel", inside));
      return [
        `Observer of ${this.feed.if} (${state})`,
        drawTable(["tick to trade", "orders", "p50", "p99", "p99.9", "max"], rows),
        ...inside ? [contradiction ?? "inside lies within outside"] : [],
        countersTable("seen", counters),
      ].join("\n");
    });
  }
}

/** Orders that nobody knows to have arrived: on their way, in the kernel, in the engine's buffer, or cut off. */
function unacknowledgedOf({ orderCounters }: Engine): number {
  const { sent, acked, failed, queued_bytes } = orderCounters;
  return Math.max(0, sent - acked) + failed + Math.ceil(queued_bytes / ORDER_BYTES);
}

function row(name: string, histogram: Histogram): string[] {
  const figures = histogram.count ? Object.values(histogram.percentiles).map(formatNs) : ["-", "-", "-", "-"];
  return [name, formatCount(histogram.count), ...figures];
}

function refuseUnfit(feed: FeedEndpoint, orders: OrderEndpoint): void {
  const url = `udp://${feed.address}:${feed.port}?via=${feed.via}`;
  if (feed.via === "pcap" || feed.via === "tap") {
    throw new TypeError(
      `Cannot observe "${url}": its datagrams come through no interface that orders leave by`,
    );
  }
  if (feed.if === "") throw new TypeError(`Cannot observe "${url}": it needs the interface, add if=NAME`);
  if (feed.netns !== orders.netns) {
    throw new TypeError(
      `Cannot observe "${url}": its interface is in namespace "${feed.netns}", orders leave from "${orders.netns}"`,
    );
  }
}
