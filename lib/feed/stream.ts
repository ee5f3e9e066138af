/** Lines, holes and their repair: `struct hp_stream_stats` for people. @module */
import { CONTROL, LINE_STATS, STREAM_STATS } from "../layout.ts";
import { countersTable, readCounters } from "../measure/counters.ts";
import { drawTable, pictured } from "../measure/print.ts";
import type { SharedMemory } from "../native.ts";

/** Counters of one line of a feed. */
export interface FeedLine {
  /** Which: A, B, or what a re-request server sent. */
  line: "A" | "B" | "recovery";
  /** Datagrams: data, heartbeats, ends and refused ones. */
  packets: number;
  /** Messages in them. */
  messages: number;
  /** Heartbeats. */
  heartbeats: number;
  /** Ends of session; they are repeated. */
  ends: number;
  /** Packets of no known framing, or of an old session. */
  refused: number;
  /** Messages this line brought first. */
  won: number;
  /** Messages that had come before, on this line or the other. */
  duplicates: number;
  /** Messages that came after one with a higher number. */
  reordered: number;
  /** Messages that came after they had been given up. */
  late: number;
  /** Holes in this line's own numbers. */
  gaps: number;
  /** Messages in them, filled by the other line or not. */
  missing: number;
}

/** Counters of a stream; `delivered + lost + superseded + waiting` are the messages numbered since it was joined. */
export type StreamCounters = Record<
  | "delivered"
  | "gaps"
  | "lost"
  | "superseded"
  | "sessions"
  | "waiting"
  | "waiting_max"
  | "overflowed"
  | "requests"
  | "timeouts"
  | "recovered"
  | "gave_up"
  | "snapshots"
  | "snapshot_failures"
  | "stale",
  number
>;

/** Numbered messages, holes and their repair. */
export interface StreamState {
  /** By name. */
  counters: StreamCounters;
  /** The first holes that were given up: first and last sequence number, at most 64. */
  holes: [first: number, last: number][];
  /** Why the last recovery or snapshot failed; "" when none has. */
  trouble: string;
}

const LINE_NAMES = [
  "packets",
  "messages",
  "heartbeats",
  "ends",
  "refused",
  "won",
  "duplicates",
  "reordered",
  "late",
  "gaps",
  "missing",
] as const satisfies readonly (keyof FeedLine)[];
const STREAM_NAMES = [
  "delivered",
  "gaps",
  "lost",
  "superseded",
  "sessions",
  "waiting",
  "waiting_max",
  "overflowed",
  "requests",
  "timeouts",
  "recovered",
  "gave_up",
  "snapshots",
  "snapshot_failures",
  "stale",
] as const satisfies readonly (keyof StreamCounters)[];

/** Reads the lines that brought anything from an engine's control page, or from a stream's counters elsewhere. */
export function readLines(memory: SharedMemory, stream: number = CONTROL.stream): FeedLine[] {
  const lines = (["A", "B", "recovery"] as const).map((line, i): FeedLine => ({
    line,
    ...readCounters(
      memory,
      stream + STREAM_STATS.lines + i * LINE_STATS.bytes,
      LINE_STATS,
      LINE_NAMES,
    ),
  })).filter(({ packets }) => packets > 0);
  return pictured(lines, linesTable);
}

function linesTable(lines: FeedLine[]): string {
  if (lines.length === 0) return "no line has brought a packet";
  return drawTable(
    ["", ...lines.map(({ line }) => line)],
    LINE_NAMES.map((name) => [name, ...lines.map((line) => line[name])]),
  );
}

/** Reads the stream's counters from an engine's control page. */
export function readStream(control: SharedMemory): StreamState {
  const { f64 } = control;
  const at = (offset: number, i = 0) => f64[(CONTROL.stream + offset) / 8 + i]!;
  const stream: StreamState = {
    counters: readCounters(control, CONTROL.stream, STREAM_STATS, STREAM_NAMES),
    holes: Array.from(
      { length: at(STREAM_STATS.holes) },
      (_, i) => [at(STREAM_STATS.first_hole, i), at(STREAM_STATS.last_hole, i)],
    ),
    trouble: control.text(CONTROL.stream + STREAM_STATS.trouble, 128),
  };
  return pictured(
    stream,
    ({ counters }) => [countersTable("stream", counters), ...streamTroubles(stream)].join("\n"),
  );
}

/** One sentence a trouble. */
export function streamTroubles({ counters, holes, trouble }: StreamState): string[] {
  const { gaps, lost, overflowed, gave_up, snapshot_failures, stale } = counters;
  const first = holes.slice(0, 3).map(([from, to]) => from === to ? from : `${from} to ${to}`).join(", ");
  return [
    lost && `${lost} messages were lost in ${gaps} gaps: ${first}${gaps > 3 ? " ..." : ""}`,
    overflowed && `${overflowed} messages were thrown away: too many waited for one that was missing`,
    gave_up && `${gave_up} recoveries were given up`,
    snapshot_failures && `${snapshot_failures} snapshots failed`,
    trouble !== "" && trouble,
    stale && "the books are stale: messages are missing",
  ].filter((line) => typeof line === "string");
}
