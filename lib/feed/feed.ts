/** The feed of an engine: how it receives and what became of every record. @module */
import type { FeedEndpoint } from "../endpoint.ts";
import { CONTROL, FEED_STATS, RX_STATS, STREAM_STATS } from "../layout.ts";
import type { SharedMemory } from "../native.ts";
import { countersTable, readCounters } from "../measure/counters.ts";
import { Histogram } from "../measure/histogram.ts";
import { fieldsTable, type InspectContext, picture, pictured, sentences } from "../measure/print.ts";
import { faultTroubles, type FeedReport, readReport } from "./report.ts";
import { type FeedLine, readLines, readStream, type StreamState, streamTroubles } from "./stream.ts";

/** Counters of lll; every datagram and record is in exactly one of them. */
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
 * The market-data side of an engine: its lines, what came on them and what became of it.
 *
 * @example
 * ```ts ignore
 * engine.feed.counters.lost; // records that never came
 * engine.feed.note; // "native, copy, need-wakeup"
 * ```
 */
export class Feed {
  /** The endpoint it was opened with; of two lines, line A's. */
  readonly endpoint: FeedEndpoint;
  /** Line B's endpoint. */
  readonly endpointB: FeedEndpoint | undefined;
  /** How much later a message's second copy came than its first, ns; empty with one line. */
  readonly skew: Histogram;
  /** From a request to its hole being closed, ns. */
  readonly repair: Histogram;
  readonly #control: SharedMemory;

  /**
   * The feed whose counters lie in an engine's control page.
   *
   * @param endpoint Where it listens.
   * @param control The engine's control page.
   * @param endpointB Where line B listens.
   */
  constructor(endpoint: FeedEndpoint, control: SharedMemory, endpointB?: FeedEndpoint) {
    this.endpoint = pictured({ ...endpoint }, (fields) => fieldsTable("feed endpoint", fields));
    this.endpointB = endpointB && pictured({ ...endpointB }, (fields) => fieldsTable("line B", fields));
    this.skew = new Histogram(control, CONTROL.stream + STREAM_STATS.skew);
    this.repair = new Histogram(control, CONTROL.stream + STREAM_STATS.repair);
    this.#control = control;
  }

  /** What became of every message: by type, by fault, with the first example of each. */
  get report(): FeedReport {
    return readReport(this.#control, this.endpoint.protocol);
  }

  /** What each line brought: A, B, and what a re-request server sent. */
  get lines(): FeedLine[] {
    return readLines(this.#control);
  }

  /** Numbered messages, holes and their repair. Of lll see {@linkcode counters}. */
  get stream(): StreamState {
    return readStream(this.#control);
  }

  /** What became of every datagram and record of lll; zeros of any other feed. */
  get counters(): FeedCounters {
    return readCounters(this.#control, CONTROL.feed, FEED_STATS, FEED_NAMES);
  }

  /** What the receive path did; of two lines, line A's. */
  get rx(): RxCounters {
    return readCounters(this.#control, CONTROL.rx, RX_STATS, RX_NAMES);
  }

  /** What line B's receive path did. */
  get rxB(): RxCounters {
    return readCounters(this.#control, CONTROL.rx_b, RX_STATS, RX_NAMES);
  }

  /** How the receive path runs, in its own words; with two lines, both. */
  get note(): string {
    const a = this.#control.text(CONTROL.rx + RX_STATS.note, 128);
    return this.endpointB ? `A: ${a}; B: ${this.#control.text(CONTROL.rx_b + RX_STATS.note, 128)}` : a;
  }

  /** First bytes of the first datagram that was refused; empty when there was none. */
  get firstBad(): Uint8Array {
    const length = this.#control.u32[(CONTROL.feed + FEED_STATS.example_len) / 4]!;
    const start = CONTROL.feed + FEED_STATS.example;
    return this.#control.u8.slice(start, start + Math.min(length, 64));
  }

  /** One sentence a kind of trouble met so far, each with its count. */
  get troubles(): string[] {
    const lines = [
      ...this.endpoint.protocol === "lll" ? this.#recordTroubles() : [
        ...faultTroubles(this.report),
        ...streamTroubles(this.stream),
      ],
      ...rxTroubles(this.rx, this.endpointB ? " of line A" : ""),
      ...rxTroubles(this.rxB, " of line B"),
    ];
    return sentences(lines, "no troubles: every datagram and message was good, none was lost");
  }

  #recordTroubles(): string[] {
    const { bad_size, bad_type, bad_value, lost, gaps } = this.counters;
    const hex = [...this.firstBad.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(
      " ",
    );
    const example = hex ? `; the first began ${hex}` : "";
    return [
      bad_size && `${bad_size} datagrams were not 1 to 5 records of 40 bytes${example}`,
      bad_type && `${bad_type} records had a type other than 1${example}`,
      bad_value && `${bad_value} records had a price or quantity off the scale${example}`,
      lost && `${lost} records were lost in ${gaps} gaps`,
    ].filter((line) => typeof line === "string");
  }

  /** Endpoint, note, counters. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { address, port, via, protocol } = this.endpoint;
    const line = `Feed ${protocol === "lll" ? "" : `${protocol} `}${address}:${port} via ${via}`;
    const counters = protocol === "lll" ? this.counters : this.stream.counters;
    return picture(
      context,
      line,
      () => `${line} (${this.note})\n${countersTable("feed", { ...counters, ...this.rx })}`,
    );
  }
}

function rxTroubles(rx: RxCounters, of: string): string[] {
  const { dropped, malformed, truncated, fragments, bad_checksum, link_downs } = rx;
  return [
    dropped && `${dropped} datagrams${of} were dropped by the kernel for want of room`,
    malformed && `${malformed} frames${of} were not whole UDP datagrams of this flow`,
    truncated && `${truncated} datagrams${of} were longer than a frame and were cut`,
    fragments && `${fragments} IP fragments${of} were left out: this path puts none together`,
    bad_checksum && `${bad_checksum} datagrams${of} had a wrong checksum and were left out`,
    link_downs && `the interface${of} went down ${link_downs} times`,
  ].filter((line) => typeof line === "string");
}
