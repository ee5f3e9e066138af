/**
 * Byte offsets and constants of `native/include/hotpath.h`, the part of the ABI that is data. The parts of the header in
 * `hotpath/` have theirs in `abi/`, one file each, functions included.
 * `tests/native/abi_test.ts` compiles the header and fails when a number here disagrees with it.
 *
 * @module
 */

export * from "./abi/books.ts";
export * from "./abi/feed.ts";
export * from "./abi/publisher.ts";
export * from "./abi/reader.ts";
export * from "./abi/capture.ts";
export * from "./abi/schema.ts";

/** `struct hp_rx_options`: one receive endpoint. */
export const RX_OPTIONS = {
  bytes: 480,
  address: 0,
  ifname: 16,
  netns: 32,
  port: 96,
  path: 100,
  wait: 104,
  cpu: 108,
  queue: 112,
  rcvbuf: 116,
  flags: 120,
  queues: 124,
  budget: 128,
  fanout: 132,
  helper_cpu: 136,
  frame_bytes: 140,
  frames: 144,
  pace: 148,
  speed: 152,
  also_ifname: 160,
  also_netns: 176,
  file: 240,
} as const;

/** `struct hp_tx_options`: one transmit endpoint. */
export const TX_OPTIONS = {
  bytes: 192,
  address: 0,
  source: 16,
  ifname: 32,
  netns: 48,
  mac: 112,
  port: 136,
  source_port: 140,
  path: 144,
  cpu: 148,
  queue: 152,
  batch: 156,
  ttl: 160,
  flags: 164,
  sndbuf: 168,
  frames: 172,
} as const;

/** `struct hp_pingpong_options`. */
export const PINGPONG_OPTIONS = {
  bytes: 1360,
  near_rx: 0,
  far_rx: 480,
  near_tx: 960,
  far_tx: 1152,
  count: 1344,
} as const;

/** `struct hp_order_options`: one order-entry endpoint. */
export const ORDER_OPTIONS = {
  bytes: 128,
  address: 0,
  netns: 16,
  port: 80,
  via: 84,
  max_qty: 88,
  max_notional: 96,
  reconnect_ms: 104,
  connect_ms: 108,
  later: 112,
} as const;

/** `struct hp_engine_options`. */
export const ENGINE_OPTIONS = {
  bytes: 1344,
  rx: 0,
  order: 480,
  hole_ns: 608,
  go_on: 616,
  spin_turns: 620,
  price_scale: 624,
  qty_scale: 632,
  feed: 640,
  framing: 644,
  day_stamps: 648,
  rx_b: 672,
  recovery: 1152,
} as const;

/** `struct hp_histogram`. */
export const HISTOGRAM = {
  bytes: 8992,
  count: 0,
  sum: 8,
  min: 16,
  max: 24,
  buckets: 32,
} as const;

/** `HP_HISTOGRAM_BUCKETS`. */
export const HISTOGRAM_BUCKETS = 2240;

/** `struct hp_book_side`: where a side's levels are, and its best one. */
export const BOOK_SIDE = {
  bytes: 128,
  anchor: 0,
  step: 8,
  per_step: 16,
  width: 24,
  grid_at: 32,
  taken_at: 36,
  top: 40,
  levels: 44,
  list_at: 48,
  head: 52,
  count: 56,
  cut: 60,
  price: 64,
  qty: 72,
  laid_at: 80,
  missed: 88,
  bear: 92,
  finger: 96,
} as const;

/** `struct hp_book`: the header; the arrays of both sides follow. */
export const BOOK = {
  bytes: 384,
  version: 0,
  flags: 4,
  capacity: 8,
  snapshot: 12,
  price_scale: 16,
  qty_scale: 24,
  seq: 32,
  unknown_removed: 40,
  inserted: 48,
  removed: 56,
  changed: 64,
  overflowed: 72,
  refused: 80,
  clears: 88,
  bid: 128,
  ask: 256,
} as const;

/** `struct hp_event`. */
export const EVENT = {
  bytes: 128,
  kind: 0,
  flags: 4,
  seq: 8,
  recv_ns: 16,
  sent_ns: 24,
  price: 32,
  qty: 40,
  bid: 48,
  bid_qty: 56,
  ask: 64,
  ask_qty: 72,
  order_id: 80,
  detail: 88,
  ready_tsc: 96,
  start_tsc: 104,
  wire_ns: 112,
  symbol: 120,
  message: 124,
  type: 125,
} as const;

/** `struct hp_request`. */
export const REQUEST = {
  bytes: 64,
  kind: 0,
  flags: 4,
  id: 8,
  price: 16,
  qty: 24,
  trigger_seq: 32,
  trigger_recv_ns: 40,
  ready_tsc: 48,
  start_tsc: 56,
} as const;

/** `struct hp_ring`. */
export const RING = {
  bytes: 192,
  head: 0,
  tail: 64,
  waiting: 128,
  capacity: 132,
  slot_bytes: 136,
  dropped: 140,
} as const;

/** `struct hp_seat`. */
export const SEAT = {
  bytes: 64,
  magic: 0,
  index: 4,
  closed: 8,
  heartbeat: 12,
  epoch_ms: 16,
  price_scale: 24,
  qty_scale: 32,
  events_offset: 40,
  orders_offset: 44,
  engine_waiting: 48,
  next_order: 52,
} as const;

/** `struct hp_rx_stats`. */
export const RX_STATS = {
  bytes: 256,
  datagrams: 0,
  polls: 16,
  empty: 24,
  dropped: 32,
  malformed: 40,
  kicks: 48,
  generic: 56,
  truncated: 64,
  fragments: 72,
  bad_checksum: 80,
  tagged: 88,
  ring_full: 96,
  fill_empty: 104,
  stamped: 112,
  link_downs: 120,
  note: 128,
} as const;

/** `struct hp_tx_stats`. */
export const TX_STATS = {
  bytes: 256,
  sent: 0,
  calls: 16,
  failed: 24,
  failed_link: 32,
  failed_room: 40,
  failed_size: 48,
  failed_other: 56,
  last_errno: 64,
  no_room: 72,
  partial: 80,
  kicks: 88,
  completed: 96,
  copied: 104,
  link_drops: 112,
  link_downs: 120,
  note: 128,
} as const;

/** `struct hp_feed_stats`. */
export const FEED_STATS = {
  bytes: 160,
  datagrams: 0,
  records: 8,
  delivered: 16,
  duplicates: 24,
  reordered: 32,
  gaps: 40,
  lost: 48,
  bad_size: 56,
  bad_type: 64,
  bad_value: 72,
  sessions: 80,
  example_len: 88,
  example: 96,
} as const;

/** `struct hp_order_stats`. */
export const ORDER_STATS = {
  bytes: 128,
  sent: 0,
  acked: 8,
  failed: 16,
  refused: 24,
  cancelled: 32,
  partial: 40,
  connects: 48,
  disconnects: 56,
  connected: 64,
  queued_bytes: 72,
  refused_price: 80,
  refused_qty: 88,
  refused_notional: 96,
  refused_stale: 104,
  refused_link: 112,
  refused_full: 120,
} as const;

/** `struct hp_control`: the engine's shared page. */
export const CONTROL = {
  bytes: 122992,
  epoch_ms: 0,
  tsc_hz: 8,
  running: 16,
  seats: 20,
  overruns: 24,
  now_ns: 32,
  loops: 40,
  ended: 48,
  stamp_ns: 56,
  event: 64,
  rx: 192,
  feed: 448,
  order: 608,
  trouble: 736,
  stages: 992,
  one_way: 72928,
  wire_to_hand: 81920,
  tick_to_send: 90912,
  rx_b: 99904,
  stream: 100160,
  report: 119856,
} as const;

/** `struct hp_market_options`. */
export const MARKET_OPTIONS = {
  bytes: 64,
  seed: 0,
  records: 8,
  levels: 16,
  price: 24,
  tick: 32,
} as const;

/** `struct hp_tape_info`. */
export const TAPE_INFO = {
  bytes: 208,
  records: 0,
  snapshot_records: 8,
  datagrams: 16,
  messages: 24,
  price_scale: 32,
  qty_scale: 40,
  bad_lines: 48,
  off_scale: 56,
  first_bad_line: 64,
  first_bad: 72,
  symbol: 168,
} as const;

/** `struct hp_exchange_options`. */
export const EXCHANGE_OPTIONS = {
  bytes: 456,
  group: 0,
  listen: 16,
  ifname: 32,
  netns: 48,
  port: 112,
  order_port: 116,
  cpu: 120,
  pace: 124,
  rate: 128,
  speed: 136,
  limit: 144,
  loss: 152,
  duplicate: 160,
  reorder: 168,
  seed: 176,
  snapshot_rate: 184,
  once: 188,
  spin: 192,
  log: 200,
} as const;

/** `struct hp_exchange_stats`. */
export const EXCHANGE_STATS = {
  bytes: 9248,
  state: 0,
  running: 4,
  sessions: 8,
  datagrams: 16,
  records: 24,
  sequenced: 32,
  dropped: 40,
  duplicated: 48,
  reordered: 56,
  send_failed: 64,
  late: 72,
  orders: 80,
  refused: 88,
  bad_orders: 96,
  cancels: 104,
  refused_type: 112,
  refused_price: 120,
  refused_qty: 128,
  refused_trigger: 136,
  refused_id: 144,
  vanished: 152,
  first_refused: 160,
  tick_to_order: 256,
} as const;

/** `struct hp_path_options`. */
export const PATH_OPTIONS = {
  bytes: 128,
  address: 0,
  ifname: 16,
  netns: 32,
  port: 96,
  path: 100,
  packets: 104,
} as const;

/** `struct hp_path_stats`. */
export const PATH_STATS = {
  bytes: 64,
  seen: 0,
  ended: 8,
  beyond: 16,
  elsewhere: 24,
  untracked: 32,
  no_room: 40,
  last: 48,
} as const;

/** `struct hp_path_packet`; `at` has one double a stage. */
export const PATH_PACKET = {
  bytes: 160,
  at: 0,
  dropped: 128,
  end: 136,
  reason: 140,
  len: 144,
  cpu: 148,
  reader: 152,
} as const;

/** `enum hp_path_end`. */
export const PATH_END = { OPEN: 0, DONE: 1, DROPPED: 2 } as const;

/** `struct hp_traffic_options`. */
export const TRAFFIC_OPTIONS = {
  bytes: 496,
  tx: 0,
  rate: 192,
  count: 200,
  seconds: 208,
  first_seq: 216,
  records: 224,
  pattern: 228,
  spin: 232,
  file: 256,
} as const;

/** `struct hp_traffic_stats`. */
export const TRAFFIC_STATS = {
  bytes: 9576,
  running: 0,
  finished: 4,
  datagrams: 8,
  records: 16,
  next_seq: 24,
  late: 32,
  unsent: 40,
  skipped: 48,
  started_ms: 56,
  elapsed_ns: 64,
  trouble: 72,
  tx: 328,
  send: 584,
} as const;

/** `struct hp_observe_options`. */
export const OBSERVE_OPTIONS = {
  bytes: 128,
  ifname: 0,
  netns: 16,
  group: 80,
  order_address: 96,
  port: 112,
  order_port: 116,
  entry: 120,
} as const;

/** `struct hp_observe_stats`. */
export const OBSERVE_STATS = {
  bytes: 9248,
  datagrams: 0,
  records: 8,
  duplicates: 16,
  malformed: 24,
  orders: 32,
  matched: 40,
  repeated: 48,
  unmatched: 56,
  overwritten: 64,
  cancels: 72,
  unparsed: 80,
  resent: 88,
  note: 128,
  tick_to_trade: 256,
} as const;

/** `enum hp_event_kind`. */
export const KIND = {
  NONE: 0,
  BOOK: 1,
  GAP: 2,
  ORDER: 3,
  END: 4,
  LINK: 5,
  OVERRUN: 6,
  TRADE: 7,
  STATUS: 8,
  REPAIR: 9,
} as const;

/** `enum hp_event_flags`; book flags stand `BOOK_SHIFT` bits higher. */
export const FLAG = { BID: 1, SNAPSHOT: 2, LAST: 4, MORE: 8, LOST: 64, BOOK_SHIFT: 8 } as const;

/** `enum hp_book_flags`. */
export const BOOK_FLAG = { STALE: 1, CROSSED: 2, NO_BID: 4, NO_ASK: 8, OPEN: 16 } as const;

/** `enum hp_rx_flags`. */
export const RX_FLAG = { STAMPS: 1, COPY: 2, ZERO_COPY: 4, V3: 8, SQPOLL: 16 } as const;

/** `enum hp_tx_flags`. */
export const TX_FLAG = { COPY: 1, ZERO_COPY: 2 } as const;

/** `enum hp_pattern`. */
export const PATTERN = { BOOK: 0, TAPE: 1, CAPTURE: 2 } as const;

/** `enum hp_pace`. */
export const PACE = { RATE: 0, RECORDED: 1, FLAT: 2 } as const;

/** `enum hp_request_kind`. */
export const REQUEST_KIND = { ORDER: 1, CANCEL: 2, GO_ON: 3 } as const;

/** `HP_SEAT_MAGIC`. */
export const SEAT_MAGIC = 0x54414553;

/** `HP_ABI_VERSION`. */
export const ABI_VERSION = 1;
