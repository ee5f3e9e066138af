/** The lab's publisher: ITCH 5.0 as MoldUDP64 on two lines with faults, a re-request server, snapshots. @module */
import { asServer, asTx, type ServerEndpoint, type TxEndpoint } from "../endpoint.ts";
import {
  PUBLISHER_LINE,
  PUBLISHER_REQUEST_STATS,
  PUBLISHER_SNAPSHOT_STATS,
  PUBLISHER_STATS,
} from "../layout.ts";
import { readCounters } from "../measure/counters.ts";
import { formatCount } from "../measure/format.ts";
import { type InspectContext, picture, sentences } from "../measure/print.ts";
import { check, native, SharedMemory } from "../native.ts";
import { type Answers, type LineFaults, openPublisher, type PublisherSettings } from "../permission.ts";
import { readTxCounters, readTxNote, type TxCounters, txTroubles } from "../tx/counters.ts";
import { type Pace, paceNumbers } from "./exchange.ts";
import { type MarketOptions, Tape } from "./tape.ts";

/** Where lines A and B go when nobody says otherwise: the groups of NASDAQ's own feed. */
export const PUBLISHER_LINES = ["udp://233.54.12.111:26400", "udp://233.49.196.111:26400"] as const;

/** States in the order of `enum hp_publisher_state`. */
export const PUBLISHER_STATES = ["HELD", "PUBLISHING", "ENDING", "ENDED"] as const;

/** What a publisher is opened with. */
export interface PublisherOptions extends
  Partial<
    Pick<
      PublisherSettings,
      "pack" | "gapMs" | "heartbeatMs" | "endMs" | "hold" | "cpu" | "session" | "answers" | "login"
    >
  > {
  /**
   * What to publish: a file of ITCH 5.0 (each message behind its length, plain or .gz, 2 GiB unpacked at most), a Tardis
   * CSV, a tape, or the seeded market, one symbol by default, 64 at most. A tape's levels become orders.
   *
   * @default {{ seed: 1 }}
   */
  source?: string | Tape | MarketOptions & { symbols?: number };
  /** Lines A and B, or A alone: `udp://group:port?if=…`, any transmit path. @default {PUBLISHER_LINES} */
  lines?: readonly (string | URL | TxEndpoint)[];
  /** Where re-requests are answered: `udp://address:port?netns=`. Left out: nowhere. */
  requests?: string | URL | ServerEndpoint | undefined;
  /** Where snapshots are served: `tcp://address:port?netns=`. Left out: nowhere. */
  snapshots?: string | URL | ServerEndpoint | undefined;
  /** What happens to each line on purpose. @default {{}} */
  faults?: { a?: LineFaults; b?: LineFaults };
  /** How fast: datagrams a second, as the messages' stamps say (times faster), or flat. @default {{ recorded: 1 }} */
  pace?: Pace;
}

/** Where a publisher stands. HELD: it waits for {@linkcode Publisher.go}; ENDING: it repeats that all is out. */
export type PublisherState = (typeof PUBLISHER_STATES)[number];

/** Counters of a publisher as a whole. */
export type PublisherCounters = Record<
  "messages" | "source_bytes" | "symbols" | "torn" | "published" | "datagrams" | "late",
  number
>;
const NAMES = [
  "messages",
  "source_bytes",
  "symbols",
  "torn",
  "published",
  "datagrams",
  "late",
] as const satisfies readonly (keyof PublisherCounters)[];

/** Counters of a line, its faults among them: datagrams = the publisher's - lost + duplicated, once none waits. */
export type PublishedLine = Record<
  | "datagrams"
  | "messages"
  | "lost"
  | "lost_messages"
  | "duplicated"
  | "reordered"
  | "heartbeats"
  | "ends",
  number
>;
const LINE_NAMES = [
  "datagrams",
  "messages",
  "lost",
  "lost_messages",
  "duplicated",
  "reordered",
  "heartbeats",
  "ends",
] as const satisfies readonly (keyof PublishedLine)[];

/** Counters of the re-request server; every request ends in one of those from `served` on, or still waits. */
export type RequestCounters = Record<
  | "requests"
  | "served"
  | "messages"
  | "lost"
  | "refused"
  | "failed"
  | "overflowed"
  | "malformed"
  | "wrong_session"
  | "out_of_range"
  | "overrun",
  number
>;
const REQUEST_NAMES = [
  "requests",
  "served",
  "messages",
  "lost",
  "refused",
  "failed",
  "overflowed",
  "malformed",
  "wrong_session",
  "out_of_range",
  "overrun",
] as const satisfies readonly (keyof RequestCounters)[];

/** Counters of the snapshot server. */
export type SnapshotCounters = Record<
  | "connections"
  | "turned_away"
  | "logins"
  | "rejected_user"
  | "rejected_session"
  | "snapshots"
  | "orders"
  | "next_seq"
  | "failed"
  | "logouts"
  | "vanished"
  | "bad_packets"
  | "timeouts",
  number
>;
const SNAPSHOT_NAMES = [
  "connections",
  "turned_away",
  "logins",
  "rejected_user",
  "rejected_session",
  "snapshots",
  "orders",
  "next_seq",
  "failed",
  "logouts",
  "vanished",
  "bad_packets",
  "timeouts",
] as const satisfies readonly (keyof SnapshotCounters)[];

/** One line as it stands. */
export interface PublisherLine {
  /** Where it goes. */
  endpoint: TxEndpoint;
  /** What was sent, and what its faults did. */
  counters: PublishedLine;
  /** What became of the datagrams it sent. */
  tx: TxCounters;
  /** How its path runs. */
  note: string;
}

function configure(options: PublisherOptions, file: string): PublisherSettings {
  const { source, lines = PUBLISHER_LINES, requests, snapshots, faults, pace, ...given } = options;
  const market = typeof source === "object" && !(source instanceof Tape) ? source : {};
  if (lines.length < 1 || lines.length > 2) {
    throw new TypeError(`Cannot publish on ${lines.length} lines: give line A, or A and B`);
  }
  return {
    pack: 0,
    gapMs: 1000,
    heartbeatMs: 1000,
    endMs: 5000,
    hold: false,
    cpu: -1,
    session: "HOTPATH001",
    answers: {},
    login: {},
    ...given,
    lines: lines.map(asTx),
    faults: [faults?.a ?? {}, faults?.b ?? {}],
    requests: requests === undefined ? undefined : asServer(requests, "udp"),
    snapshots: snapshots === undefined ? undefined : asServer(snapshots, "tcp"),
    file,
    market: { seed: 1, records: 0, levels: 0, symbols: 1, ...market },
    ...paceNumbers(pace ?? { recorded: 1 }),
  };
}

/**
 * A running publisher: NASDAQ's way of sending market data, all of it and everything that can go wrong with it.
 *
 * A session of ITCH messages, numbered from 1, leaves as MoldUDP64 on lines A and B, each with faults of its own; who
 * misses some asks the re-request server, who comes late takes a snapshot (SoupBinTCP, closed by the number of the first
 * message that is not in it). It stays in memory whole: the server serves what was sent. Lines send on a thread of their
 * own; neither server holds it up.
 *
 * @example
 * ```ts ignore
 * using publisher = Publisher.open({
 *   source: "market.itch50.gz",
 *   lines: ["udp://233.54.12.111:26400?if=eth0", "udp://233.49.196.111:26400?if=eth0"],
 *   requests: "udp://10.77.0.1:18000",
 *   snapshots: "tcp://10.77.0.1:18001",
 *   faults: { a: { loss: 0.01 }, b: { loss: 0.01, skewUs: 50 } },
 * });
 * await publisher.ended();
 * ```
 */
export class Publisher implements Disposable {
  /** Lines, faults, servers, pace. */
  readonly settings: PublisherSettings;
  /** What it publishes, in a few words. */
  readonly name: string;
  readonly #stats: SharedMemory;
  #handle: Deno.PointerValue;

  private constructor(options: PublisherOptions) {
    const { source } = options;
    const csv = typeof source === "string" && /\.csv(\.gz)?$/.test(source);
    this.settings = configure(options, typeof source === "string" && !csv ? source : "");
    this.#stats = new SharedMemory(check(native().hp_publisher_stats_bytes()));
    const tape = csv ? Tape.load(source) : source instanceof Tape ? source : undefined;
    try {
      const { file, market: { seed } } = this.settings;
      this.name = tape?.name ?? (file ? file.split("/").at(-1)! : `seeded market (seed ${seed})`);
      this.#handle = openPublisher(this.settings, tape?.handle ?? null, this.#stats);
    } finally {
      if (csv) tape?.close(); // its session has been made
    }
  }

  /**
   * Reads or makes the session, opens lines and servers, and starts; asks Deno for each of them first.
   *
   * @param options Source, lines, servers, faults, pace.
   * @throws {Deno.errors.NotCapable} naming the missing flag; {@linkcode NativeError} with what failed and why.
   */
  static open(options: PublisherOptions = {}): Publisher {
    return new Publisher(options);
  }

  /** Where it stands. */
  get state(): PublisherState {
    return PUBLISHER_STATES[Atomics.load(this.#stats.u32, PUBLISHER_STATS.state / 4)] ?? "ENDED";
  }

  /** It has not been closed. */
  get open(): boolean {
    return this.#handle !== null;
  }

  /** The session, and how much of it was published. */
  get counters(): PublisherCounters {
    return readCounters(this.#stats, 0, PUBLISHER_STATS, NAMES);
  }

  /** Messages published so far: numbers 1 to this. */
  get published(): number {
    return this.#stats.f64[PUBLISHER_STATS.published / 8]!;
  }

  /** Lines A and B as they stand. */
  get lines(): PublisherLine[] {
    return this.settings.lines.map((endpoint, i) => {
      const base = PUBLISHER_STATS.lines + i * PUBLISHER_LINE.bytes;
      return {
        endpoint,
        counters: readCounters(this.#stats, base, PUBLISHER_LINE, LINE_NAMES),
        tx: readTxCounters(this.#stats, base + PUBLISHER_LINE.tx),
        note: readTxNote(this.#stats, base + PUBLISHER_LINE.tx),
      };
    });
  }

  /** What was asked of the re-request server, and what became of it. */
  get requests(): RequestCounters {
    return readCounters(this.#stats, PUBLISHER_STATS.requests, PUBLISHER_REQUEST_STATS, REQUEST_NAMES);
  }

  /** Clients of the snapshot server, and the snapshots they took. */
  get snapshots(): SnapshotCounters {
    return readCounters(this.#stats, PUBLISHER_STATS.snapshots, PUBLISHER_SNAPSHOT_STATS, SNAPSHOT_NAMES);
  }

  /** Why it ended by itself before the session's end; "" when it did not. */
  get trouble(): string {
    return this.#stats.text(PUBLISHER_STATS.trouble, 256);
  }

  /** Sentences about what did not go as it should, on purpose or not. */
  get troubles(): string[] {
    const { torn, late } = this.counters;
    const { overflowed, overrun, failed } = this.requests;
    const { bad_packets, vanished, timeouts, turned_away, failed: unmade } = this.snapshots;
    const count = (n: number, what: string) => n > 0 && `${formatCount(n)} ${what}`;
    const lines = [
      this.trouble,
      count(torn, "bytes at the file's end are no whole message and were left out"),
      count(late, "datagrams left more than 50 µs after their time"),
      ...this.lines.flatMap(({ tx }, i) => [...txTroubles(tx)].map((line) => `line ${"AB"[i]}: ${line}`)),
      count(overflowed, "requests found 4,096 others waiting for their delay"),
      count(overrun, "requests were dropped by the kernel before they were read"),
      count(failed, "answers were refused by the kernel"),
      count(unmade, "snapshots could not be made for want of memory"),
      count(turned_away, "snapshot clients were turned away: sixteen are served at a time"),
      count(bad_packets, "snapshot clients sent what is no SoupBinTCP, and were dropped"),
      count(vanished, "snapshot clients vanished before their snapshot was whole"),
      count(timeouts, "snapshot clients fell silent, and were dropped"),
    ].filter((line) => typeof line === "string" && line !== "") as string[];
    return sentences(lines, "no troubles: what was not lost on purpose has left in time");
  }

  /**
   * Publishes on, up to message number `until`, and holds there.
   *
   * @param until The number; 0 is to the end.
   */
  go(until = 0): this {
    check(native().hp_publisher_go(this.#opened(), until));
    return this;
  }

  /** Holds the session at what was published; heartbeats and servers go on. */
  hold(): this {
    check(native().hp_publisher_hold(this.#opened()));
    return this;
  }

  /**
   * Changes how the re-request server answers from now on.
   *
   * @param answers What is left out becomes its default.
   */
  answer({ refuse = false, delayUs = 0, loss = 0 }: Answers = {}): this {
    check(native().hp_publisher_serve(this.#opened(), refuse ? 1 : 0, delayUs, loss));
    return this;
  }

  /**
   * A message of the session as it stands on the wire, without its length.
   *
   * @param number From 1 to `counters.messages`.
   */
  message(number: number): Uint8Array {
    const block = new Uint8Array(1400);
    return block.slice(2, check(native().hp_publisher_read(this.#opened(), number, block, block.length)));
  }

  /**
   * Resolves when message `number` was published; rejects when that has not happened after `ms`, or when it broke.
   *
   * @param number The message.
   * @param ms How long to wait.
   */
  async reached(number: number, ms = 60_000): Promise<this> {
    await this.#until(`message ${number}`, ms, () => this.published >= number);
    return this;
  }

  /**
   * Resolves when everything was published and the lines have said so; rejects as {@linkcode reached} does.
   *
   * @param ms How long to wait.
   */
  async ended(ms = 60_000): Promise<this> {
    await this.#until("the end", ms, () => this.state === "ENDING" || this.state === "ENDED");
    return this;
  }

  async #until(what: string, ms: number, so: () => boolean): Promise<void> {
    const deadline = performance.now() + ms;
    while (!so()) {
      if (performance.now() > deadline) {
        throw new Error(
          `Cannot wait any longer for ${what}: ${this.published} messages are out after ${ms} ms`,
        );
      }
      if (this.state === "ENDED") throw new Error(`Cannot wait for ${what}: the publisher has ended`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (this.trouble) throw new Error(this.trouble);
  }

  #opened(): Deno.PointerObject {
    if (this.#handle === null) throw new TypeError("Cannot use the publisher: it is closed");
    return this.#handle;
  }

  /** Ends its threads, closes lines and servers. Its counters can still be read. */
  close(): void {
    if (this.#handle === null) return;
    const handle = this.#handle;
    this.#handle = null;
    check(native().hp_publisher_close(handle));
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #lineText({ endpoint: { address, port, via }, counters }: PublisherLine, i: number): string {
    const faults = (["lost", "duplicated", "reordered"] as const).filter((name) => counters[name] > 0)
      .map((name) => `, ${formatCount(counters[name])} ${name}`).join("");
    return `  line ${"AB"[i]}     ${address}:${port} via ${via}: ${
      formatCount(counters.datagrams)
    } datagrams${faults}`;
  }

  #serverTexts(): string[] {
    const { requests, snapshots } = this.settings;
    const asked = this.requests, taken = this.snapshots;
    const at = (server?: ServerEndpoint) => server ? `${server.address}:${server.port}` : "none";
    return [
      `  requests   ${at(requests)}` +
      (requests ? `: ${formatCount(asked.served)} of ${formatCount(asked.requests)} answered` : ""),
      `  snapshots  ${at(snapshots)}` + (snapshots ? `: ${formatCount(taken.snapshots)} taken` : ""),
    ];
  }

  /** Where it stands, line by line. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { messages, symbols } = this.counters;
    const state = this.open ? this.state : "closed";
    const line = `Publisher ${state}: ${formatCount(this.published)} of ${formatCount(messages)} messages`;
    return picture(context, line, () =>
      [
        `${line}, session ${this.settings.session}`,
        `  source     ${this.name}: ${formatCount(symbols)} ${symbols === 1 ? "symbol" : "symbols"}`,
        ...this.lines.map((each, i) => this.#lineText(each, i)),
        ...this.#serverTexts(),
        ...(this.trouble ? [`  ${this.trouble}`] : []),
      ].join("\n"));
  }
}
