/**
 * `native/include/hotpath/publisher.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const PUBLISHER_SYMBOLS = {
  hp_publisher_stats_bytes: { parameters: [], result: "i32" },
  hp_publisher_open: {
    parameters: [
      "buffer", // const struct hp_publisher_options *options
      "pointer", // const struct hp_tape *tape
      "buffer", // struct hp_publisher_stats *stats
    ],
    result: "pointer",
  },
  hp_publisher_go: {
    parameters: [
      "pointer", // struct hp_publisher *publisher
      "f64", // double until
    ],
    result: "i32",
  },
  hp_publisher_hold: { parameters: ["pointer"], result: "i32" },
  hp_publisher_serve: {
    parameters: [
      "pointer", // struct hp_publisher *publisher
      "i32", // int32_t refuse
      "f64", // double delay_us
      "f64", // double loss
    ],
    result: "i32",
  },
  hp_publisher_read: {
    parameters: [
      "pointer", // struct hp_publisher *publisher
      "f64", // double number
      "buffer", // void *out
      "i32", // int32_t size
    ],
    result: "i32",
  },
  hp_publisher_close: { parameters: ["pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** `struct hp_publisher_faults`: what happens to one line on purpose. */
export const PUBLISHER_FAULTS = {
  bytes: 64,
  loss: 0,
  duplicate: 8,
  reorder: 16,
  distance: 24,
  skew_us: 32,
  seed: 40,
} as const;

/** `struct hp_publisher_requests`: the re-request server. */
export const PUBLISHER_REQUESTS = {
  bytes: 128,
  address: 0,
  netns: 16,
  port: 80,
  refuse: 84,
  delay_us: 88,
  loss: 96,
  seed: 104,
} as const;

/** `struct hp_publisher_snapshots`: the snapshot server. */
export const PUBLISHER_SNAPSHOTS = {
  bytes: 128,
  address: 0,
  netns: 16,
  port: 80,
  user: 88,
  password: 96,
  login_ms: 112,
  silence_ms: 120,
} as const;

/** `struct hp_publisher_options`. */
export const PUBLISHER_OPTIONS = {
  bytes: 1168,
  lines: 0,
  faults: 384,
  requests: 512,
  snapshots: 640,
  market: 768,
  symbols: 832,
  pace: 840,
  pack: 844,
  rate: 848,
  speed: 856,
  gap_ms: 864,
  heartbeat_ms: 872,
  end_ms: 880,
  hold: 888,
  cpu: 892,
  session: 896,
  file: 912,
} as const;

/** `struct hp_publisher_line`: counters of one line. */
export const PUBLISHER_LINE = {
  bytes: 384,
  datagrams: 0,
  messages: 8,
  lost: 16,
  lost_messages: 24,
  duplicated: 32,
  reordered: 40,
  heartbeats: 48,
  ends: 56,
  tx: 128,
} as const;

/** `struct hp_publisher_request_stats`. */
export const PUBLISHER_REQUEST_STATS = {
  bytes: 128,
  requests: 0,
  served: 8,
  messages: 16,
  lost: 24,
  refused: 32,
  failed: 40,
  overflowed: 48,
  malformed: 56,
  wrong_session: 64,
  out_of_range: 72,
  overrun: 80,
} as const;

/** `struct hp_publisher_snapshot_stats`. */
export const PUBLISHER_SNAPSHOT_STATS = {
  bytes: 128,
  connections: 0,
  turned_away: 8,
  logins: 16,
  rejected_user: 24,
  rejected_session: 32,
  snapshots: 40,
  orders: 48,
  next_seq: 56,
  failed: 64,
  logouts: 72,
  vanished: 80,
  bad_packets: 88,
  timeouts: 96,
} as const;

/** `struct hp_publisher_stats`. */
export const PUBLISHER_STATS = {
  bytes: 1376,
  state: 0,
  messages: 8,
  source_bytes: 16,
  symbols: 24,
  torn: 32,
  published: 40,
  datagrams: 48,
  late: 56,
  trouble: 96,
  lines: 352,
  requests: 1120,
  snapshots: 1248,
} as const;
