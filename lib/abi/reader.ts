/**
 * `native/include/hotpath/reader.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const READER_SYMBOLS = {
  hp_reader_open: {
    parameters: [
      "buffer", // const struct hp_reader_options *options
      "buffer", // struct hp_reader_stats *stats
      "buffer", // struct hp_report *report
      "buffer", // struct hp_stream_stats *stream
      "buffer", // struct hp_reader_row *rows
    ],
    result: "pointer",
  },
  hp_reader_want: {
    parameters: [
      "pointer", // struct hp_reader *reader
      "buffer", // const char *symbol
    ],
    result: "i32",
  },
  hp_reader_start: {
    parameters: [
      "pointer", // struct hp_reader *reader
      "pointer", // struct hp_books *books
    ],
    result: "i32",
  },
  hp_reader_run: {
    parameters: [
      "pointer", // struct hp_reader *reader
      "i32", // int32_t ms
    ],
    result: "i32",
  },
  hp_reader_gaps: {
    parameters: [
      "pointer", // struct hp_reader *reader
      "i32", // int32_t from
      "i32", // int32_t count
      "buffer", // double *out
    ],
    result: "i32",
  },
  hp_reader_close: { parameters: ["pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What a file's messages are, in the order of `enum hp_reader_feed`. */
export const READER_FEEDS = ["itch50", "deep", "tops", "lll", "tardis"] as const;

/** `struct hp_reader_options`: what to read, and as what. */
export const READER_OPTIONS = {
  bytes: 2072,
  files: 0,
  feed: 2048,
  rows: 2052,
  hole_ns: 2056,
  symbols: 2064,
} as const;

/** `struct hp_reader_stats`: how far it is. */
export const READER_STATS = {
  bytes: 1192,
  feed: 0,
  capture: 4,
  rows: 8,
  levels_only: 12,
  price_scale: 16,
  qty_scale: 24,
  at: 32,
  size: 40,
  messages: 48,
  gaps: 56,
  datagrams: 64,
  ignored: 72,
  not_udp: 80,
  flows: 88,
  stale: 96,
  instrument: 128,
  trouble: 168,
  note: 680,
} as const;

/** `struct hp_reader_row`: the best bid and offer after a message that changed it. */
export const READER_ROW = {
  bytes: 48,
  seq: 0,
  ask: 8,
  ask_qty: 16,
  bid: 24,
  bid_qty: 32,
  symbol: 40,
} as const;
