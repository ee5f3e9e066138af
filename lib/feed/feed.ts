/** The feed of an engine: how it receives and what became of every record. @module */
import type { FeedEndpoint } from "../endpoint.ts";
import { CONTROL, FEED_STATS, RX_STATS } from "../layout.ts";
import type { SharedMemory } from "../native.ts";
import { countersTable, readCounters } from "../measure/counters.ts";
import { fieldsTable, type InspectContext, picture, pictured, sentences } from "../measure/print.ts";

/** Counters of a feed; every datagram and record is in exactly one of them. */
export type FeedCounters = Record<
  | "datagrams"
  | "records"
  | "delivered"
  | "duplicates"
  | "reordered"
  | "gaps"
  | "lost"
  | "bad_size"
  | "bad_type"
  | "bad_value"
  | "sessions",
  number
>;
const FEED_NAMES = [
  "datagrams",
  "records",
  "delivered",
  "duplicates",
  "reordered",
  "gaps",
  "lost",
  "bad_size",
  "bad_type",
  "bad_value",
  "sessions",
] as const satisfies readonly (keyof FeedCounters)[];
/** Counters of a receive path. */
export type RxCounters = Record<
  | "polls"
  | "empty"
  | "dropped"
  | "ring_full"
  | "fill_empty"
  | "malformed"
  | "truncated"
  | "fragments"
  | "bad_checksum"
  | "tagged"
  | "stamped"
  | "kicks"
  | "link_downs",
  number
>;
const RX_NAMES = [
  "polls",
  "empty",
  "dropped",
  "ring_full",
  "fill_empty",
  "malformed",
  "truncated",
  "fragments",
  "bad_checksum",
  "tagged",
  "stamped",
  "kicks",
  "link_downs",
] as const satisfies readonly (keyof RxCounters)[];

/**
 * The market-data side of an engine.
 *
 * @example
 * ```ts ignore
 * engine.feed.counters.lost; // records that never came
 * engine.feed.note; // "native, copy, need-wakeup"
 * ```
 */
export class Feed {
  /** The endpoint it was opened with. */
  readonly endpoint: FeedEndpoint;
  readonly #control: SharedMemory;

  /**
   * The feed whose counters lie in an engine's control page.
   *
   * @param endpoint Where it listens.
   * @param control The engine's control page.
   */
  constructor(endpoint: FeedEndpoint, control: SharedMemory) {
    this.endpoint = pictured({ ...endpoint }, (fields) => fieldsTable("feed endpoint", fields));
    this.#control = control;
  }

  /** What became of every datagram and record. */
  get counters(): FeedCounters {
    return readCounters(this.#control, CONTROL.feed, FEED_STATS, FEED_NAMES);
  }

  /** What the receive path did. */
  get rx(): RxCounters {
    return readCounters(this.#control, CONTROL.rx, RX_STATS, RX_NAMES);
  }

  /** How the receive path runs, in its own words. */
  get note(): string {
    return this.#control.text(CONTROL.rx + RX_STATS.note, 128);
  }

  /** First bytes of the first datagram that was refused; empty when there was none. */
  get firstBad(): Uint8Array {
    const length = this.#control.u32[(CONTROL.feed + FEED_STATS.example_len) / 4]!;
    const start = CONTROL.feed + FEED_STATS.example;
    return this.#control.u8.slice(start, start + Math.min(length, 64));
  }

  /** One sentence a kind of trouble met so far, each with its count. */
  get troubles(): string[] {
    const { bad_size, bad_type, bad_value, lost, gaps } = this.counters;
    const { dropped, malformed, truncated, fragments, bad_checksum, link_downs } = this.rx;
    const hex = [...this.firstBad.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(
      " ",
    );
    const example = hex ? `; the first began ${hex}` : "";
    const lines = [
      bad_size && `${bad_size} datagrams were not 1 to 5 records of 40 bytes${example}`,
      bad_type && `${bad_type} records had a type other than 1${example}`,
      bad_value && `${bad_value} records had a price or quantity off the scale${example}`,
      lost && `${lost} records were lost in ${gaps} gaps`,
      dropped && `${dropped} datagrams were dropped by the kernel for want of room`,
      malformed && `${malformed} frames were not whole UDP datagrams of this flow`,
      truncated && `${truncated} datagrams were longer than a frame and were cut`,
      fragments && `${fragments} IP fragments were left out: this path puts none together`,
      bad_checksum && `${bad_checksum} datagrams had a wrong checksum and were left out`,
      link_downs && `the interface went down ${link_downs} times`,
    ].filter((line) => typeof line === "string");
    return sentences(lines, "no troubles: every datagram and record was good, none was lost");
  }

  /** Endpoint, note, counters. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { address, port, via } = this.endpoint;
    const line = `Feed ${address}:${port} via ${via}`;
    return picture(
      context,
      line,
      () => `${line} (${this.note})\n${countersTable("feed", { ...this.counters, ...this.rx })}`,
    );
  }
}
