/**
 * `native/include/hotpath/feed.h`: layouts and enums.
 *
 * @module
 */

/** Feeds in the order of `enum hp_feed`. */
export const FEED_NAMES = ["lll", "itch50", "deep", "tops", "schema"] as const;

/** What carries a feed's messages, in the order of `enum hp_framing`. */
export const FRAMINGS = ["MoldUDP64", "IEX-TP"] as const;

/** What a message does, in the order of `enum hp_message_kind`. */
export const MESSAGE_KINDS = [
  "other",
  "level",
  "add",
  "execute",
  "execute at",
  "reduce",
  "delete",
  "replace",
  "trade",
  "cross",
  "break",
  "quote",
  "status",
  "imbalance",
  "system",
  "symbol",
  "clear",
] as const;

/** `enum hp_message_flags`. */
export const MESSAGE_FLAG = { SILENT: 16, OPEN: 32 } as const;

/** What can be wrong with a message, in the order of `enum hp_fault`. */
export const FAULTS = [
  "framing",
  "unknown type",
  "wrong length",
  "past end",
  "bad value",
  "unknown order",
  "duplicate order",
  "excess",
  "unknown symbol",
  "no room",
  "session",
  "sequence back",
] as const;

/** `struct hp_message`: one decoded message. */
export const MESSAGE = {
  bytes: 64,
  kind: 0,
  type: 1,
  flags: 2,
  length: 3,
  symbol: 4,
  seq: 8,
  time_ns: 16,
  price: 24,
  qty: 32,
  order: 40,
  other: 48,
} as const;

/** `struct hp_example`: the first message of a fault. */
export const EXAMPLE = { bytes: 80, length: 0, seq: 8 } as const;

/** `struct hp_report`: what became of every message. */
export const REPORT = { bytes: 3136, messages: 0, skipped: 2048, faults: 2056, examples: 2176 } as const;

/** `struct hp_line_stats`: counters of one line. */
export const LINE_STATS = {
  bytes: 128,
  packets: 0,
  messages: 8,
  heartbeats: 16,
  ends: 24,
  refused: 32,
  won: 40,
  duplicates: 48,
  reordered: 56,
  late: 64,
  gaps: 72,
  missing: 80,
} as const;

/** `struct hp_stream_stats`: lines, holes and their repair. */
export const STREAM_STATS = {
  bytes: 19696,
  lines: 0,
  delivered: 384,
  gaps: 392,
  lost: 400,
  sessions: 408,
  waiting: 416,
  waiting_max: 424,
  overflowed: 432,
  requests: 440,
  timeouts: 448,
  recovered: 456,
  gave_up: 464,
  snapshots: 472,
  snapshot_failures: 480,
  stale: 488,
  first_hole: 496,
  last_hole: 1008,
  holes: 1520,
  superseded: 1528,
  trouble: 1584,
  skew: 1712,
  repair: 10704,
} as const;

/** `struct hp_recovery_options`: where a stream gets again what no line brought. */
export const RECOVERY_OPTIONS = {
  bytes: 192,
  request_address: 0,
  snapshot_address: 16,
  netns: 32,
  username: 96,
  password: 104,
  request_port: 120,
  snapshot_port: 124,
  timeout_ms: 128,
  attempts: 132,
  bound_ms: 136,
  bound_messages: 140,
  snapshot_ms: 144,
  snapshot_attempts: 148,
  hold_messages: 152,
  hold_bytes: 156,
  snapshot_bytes: 160,
} as const;
