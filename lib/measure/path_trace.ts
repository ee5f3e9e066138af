/**
 * What a trace of the kernel's receive path found: the stages, one record a packet, and the table people read.
 *
 * @module
 */
import { formatCount, formatNs } from "./format.ts";
import { drawTable, type InspectContext, picture } from "./print.ts";

/** Stages in the order of `enum hp_path_stage`: name, what has happened by then, and why a packet may not show it. */
export const PATH_STAGES = [
  [
    "sent",
    "the sender's driver has it",
    "only veth without NAPI and loopback hand over the sender's own packet",
  ],
  ["irq", "hard interrupt", "no interrupt raised the softirq: the wire is virtual, or it is polled"],
  ["backlog", "queued for this core (netif_rx)", "the driver polls with a NAPI of its own"],
  ["raised", "softirq NET_RX raised", "received outside of a softirq: busy polling, or a NAPI thread"],
  ["poll", "NAPI poll begins", "received outside of a softirq: busy polling, or a NAPI thread"],
  ["redirect", "XDP redirect into the AF_XDP ring", "no XDP program redirects it"],
  ["built", "driver has built the skb", "netif_rx hands over the sender's own skb: none is built"],
  ["receive", "in the stack, at the taps", "no packet got there"],
  ["ip", "IP: header checked", "no packet got there"],
  ["local", "IP: routed to this host", "no packet got there"],
  ["udp", "UDP: socket found", "no packet got there"],
  ["queue", "in the socket's queue", "the reader had it before the socket said so"],
  ["woken", "reader woken", "no reader slept"],
  ["run", "reader runs", "no reader slept"],
  ["taken", "read has copied it", "nobody read"],
  ["return", "read returns", "nobody read, or the kernel did so outside of a system call"],
] as const;

/** A stage of a packet's path. */
export type PathStage = (typeof PATH_STAGES)[number][0];
const NAMES: readonly PathStage[] = PATH_STAGES.map(([name]) => name);

/** One packet. */
export interface PathPacket {
  /** When it got to each stage, ns since the trace began; one it did not meet, or met before that, is not there. */
  at: Partial<Record<PathStage, number>>;
  /** `done`: read, or at the last stage this path shares with the kernel; `open`: still on its way. */
  end: "open" | "done" | "dropped";
  /** The kernel's word for why it was dropped (`SOCKET_RCVBUFF`). */
  reason?: string;
  /** Bytes of payload; 0 with `xdp`. */
  bytes: number;
  /** Core it was received on. */
  cpu: number;
  /** Thread that took it. */
  reader?: number;
}

/** One stage over all packets that met it. Times since the stage before it that the same packet met, ns. */
export interface PathRow {
  /** Which. */
  stage: PathStage;
  /** Packets that met it. */
  count: number;
  /** Median. */
  p50: number;
  /** 99th percentile. */
  p99: number;
  /** Largest. */
  max: number;
  /** Share of the time of all packets together, 0..1. */
  share: number;
}

/** What a trace counted besides its records. */
export type PathCounters = Record<
  "seen" | "ended" | "beyond" | "elsewhere" | "untracked" | "no_room",
  number
>;

/** What a {@linkcode PathTrace} is made of. */
export interface PathFindings {
  /** What was traced: `"239.255.0.1:12345 via udp"`. */
  what: string;
  /** The records, in the order in which the packets were first seen. */
  packets: PathPacket[];
  /** Counters. */
  counters: PathCounters;
  /** Stages that cannot be shown here, with why. */
  absent: Partial<Record<PathStage, string>>;
}

function nearest(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/**
 * What {@linkcode trace} found. Percentiles are exact: every packet has a record.
 *
 * @example
 * ```ts
 * import { PathTrace } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * const trace = new PathTrace({
 *   what: "10.0.0.1:9 via udp",
 *   packets: [{ at: { receive: 0, ip: 300, taken: 1000 }, end: "done", bytes: 64, cpu: 0 }],
 *   counters: { seen: 1, ended: 1, beyond: 0, elsewhere: 0, untracked: 0, no_room: 0 },
 *   absent: {},
 * });
 * assert.equal(trace.stage("taken")?.p50, 700);
 * ```
 */
export class PathTrace {
  /** What was traced. */
  readonly what: string;
  /** One record a packet. */
  readonly packets: readonly PathPacket[];
  /** `beyond`, `elsewhere`, `untracked` and `no_room` say what has no whole record, and why. */
  readonly counters: PathCounters;
  /** Stages that no packet showed, with why. */
  readonly absent: Readonly<Partial<Record<PathStage, string>>>;
  /** One row a stage that was met, in the order of the path. The first stage of a packet has no time: it begins there. */
  readonly rows: readonly PathRow[];
  /** First stage to last, of the packets that are done, ns. */
  readonly total: Omit<PathRow, "stage" | "share">;
  /** Dropped packets by the kernel's reason. */
  readonly drops: Readonly<Record<string, number>>;

  /**
   * The table over records.
   *
   * @param findings Records and counters.
   */
  constructor({ what, packets, counters, absent }: PathFindings) {
    this.what = what;
    this.packets = packets;
    this.counters = counters;
    const spans = new Map<PathStage, number[]>();
    const totals: number[] = [];
    for (const { at, end } of packets) {
      const met = NAMES.filter((name) => at[name] !== undefined);
      met.forEach((name, i) => {
        if (!spans.has(name)) spans.set(name, []);
        if (i > 0) spans.get(name)!.push(at[name]! - at[met[i - 1]!]!);
      });
      if (end === "done" && met.length > 0) totals.push(at[met.at(-1)!]! - at[met[0]!]!);
    }
    const all = sum([...spans.values()].map(sum));
    this.rows = NAMES.filter((name) => spans.has(name)).map((stage) => ({
      stage,
      ...figures(spans.get(stage)!),
      count: packets.filter(({ at }) => at[stage] !== undefined).length,
      share: all > 0 ? sum(spans.get(stage)!) / all : 0,
    }));
    this.total = figures(totals);
    this.drops = countReasons(packets);
    this.absent = { ...absent, ...neverMet(spans, absent) };
  }

  /** One stage's row; `undefined` when no packet showed it. */
  stage(name: PathStage): PathRow | undefined {
    return this.rows.find(({ stage }) => stage === name);
  }

  /** Everything but the single packets. */
  toJSON(): Pick<PathTrace, "what" | "rows" | "total" | "drops" | "absent" | "counters"> {
    const { what, rows, total, drops, absent, counters } = this;
    return { what, rows, total, drops, absent, counters };
  }

  /** The table, the drops, and what is absent. */
  toString(): string {
    const rows = this.rows.map((row) => [row.stage, labelOf(row.stage), ...cells(row)]);
    const total = this.total.count ? [["total", "first stage to last", ...cells(this.total)]] : [];
    const table = drawTable(
      ["stage", "what has happened", "count", "p50", "p99", "max", "share"],
      [...rows, ...total],
      2,
    );
    const drops = Object.entries(this.drops).map(([reason, count]) => `${reason} ${formatCount(count)}`);
    return [
      this.#line(),
      ...(this.rows.length ? [table] : []),
      `drops: ${drops.join(", ") || "none"}`,
      ...this.#notes(),
      ...grouped(this.absent).map(([names, why]) => `absent: ${names.join(", ")} (${why})`),
    ].join("\n");
  }

  #line(): string {
    const open = this.packets.filter(({ end }) => end === "open").length;
    const note = open ? `, ${formatCount(open)} still on their way` : "";
    return `Path of ${formatCount(this.packets.length)} packets to ${this.what}${note}`;
  }

  #notes(): string[] {
    const { elsewhere, untracked, no_room } = this.counters;
    return [
      elsewhere &&
      `${elsewhere} went to another socket of the same group and port and are not followed further`,
      untracked && `${untracked} reads took packets that have no record`,
      no_room && `${no_room} packets could not be followed: too many were on their way at once`,
    ].filter((line) => typeof line === "string");
  }

  /** The table; one line inside of others. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    return picture(
      context,
      `PathTrace of ${formatCount(this.packets.length)} packets, p50 ${formatNs(this.total.p50)}`,
      () => this.toString(),
    );
  }
}

function figures(values: number[]): Omit<PathRow, "stage" | "share"> {
  values.sort((a, b) => a - b);
  return {
    count: values.length,
    p50: nearest(values, 50),
    p99: nearest(values, 99),
    max: values.at(-1) ?? 0,
  };
}

function cells({ count, p50, p99, max, share }: Omit<PathRow, "stage" | "share"> & { share?: number }) {
  const percent = share === undefined ? "" : `${(share * 100).toFixed(1)}%`;
  return max === 0
    ? [formatCount(count), "-", "-", "-", "-"]
    : [formatCount(count), formatNs(p50), formatNs(p99), formatNs(max), percent];
}

/** Stages by why they are absent, in the order of the path. */
function grouped(absent: PathTrace["absent"]): [names: PathStage[], why: string][] {
  const groups = new Map<string, PathStage[]>();
  for (const name of NAMES) {
    const why = absent[name];
    if (why !== undefined) groups.set(why, [...groups.get(why) ?? [], name]);
  }
  return [...groups].map(([why, names]) => [names, why]);
}

function labelOf(name: PathStage): string {
  return PATH_STAGES[NAMES.indexOf(name)]![1];
}

function countReasons(packets: readonly PathPacket[]): Record<string, number> {
  const drops: Record<string, number> = {};
  for (const { end, reason = "unnamed" } of packets) {
    if (end === "dropped") drops[reason] = (drops[reason] ?? 0) + 1;
  }
  return drops;
}

/** Why the stages that nobody met were not: only once there are packets is that worth saying. */
function neverMet(
  met: ReadonlyMap<PathStage, unknown>,
  absent: Partial<Record<PathStage, string>>,
): Partial<Record<PathStage, string>> {
  if (met.size === 0) return {};
  return Object.fromEntries(
    PATH_STAGES.filter(([name]) => !met.has(name) && !absent[name]).map(([name, , why]) => [name, why]),
  );
}
