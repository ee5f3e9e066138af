/**
 * `native/include/hotpath/books.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const BOOKS_SYMBOLS = {
  hp_books_bytes: { parameters: ["buffer"], result: "f64" },
  hp_books_open: {
    parameters: [
      "buffer", // void *memory
      "f64", // double bytes
      "buffer", // const struct hp_books_options *options
    ],
    result: "pointer",
  },
  hp_books_apply: {
    parameters: [
      "pointer", // struct hp_books *books
      "buffer", // const struct hp_message *message
    ],
    result: "i32",
  },
  hp_books_mark_stale: {
    parameters: [
      "pointer", // struct hp_books *books
      "i32", // int32_t stale
    ],
    result: "i32",
  },
  hp_books_checksum: { parameters: ["pointer"], result: "f64" },
  hp_books_ahead: {
    parameters: [
      "pointer", // const struct hp_books *books
      "buffer", // struct hp_place *place
    ],
    result: "i32",
  },
  hp_books_watch: {
    parameters: [
      "pointer", // struct hp_books *books
      "i32", // int32_t symbol
      "i32", // int32_t bid
      "f64", // double price
      "f64", // double qty
    ],
    result: "i32",
  },
  hp_books_unwatch: {
    parameters: [
      "pointer", // struct hp_books *books
      "i32", // int32_t watch
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** `struct hp_books_options`: how much there is room for. */
export const BOOKS_OPTIONS = {
  bytes: 64,
  symbols: 0,
  orders: 8,
  levels: 16,
  trades: 24,
  price_scale: 32,
  qty_scale: 40,
} as const;

/** `struct hp_books`: begins the memory. */
export const BOOKS = {
  bytes: 192,
  price_scale: 8,
  qty_scale: 16,
  symbols_at: 24,
  orders_at: 32,
  levels_at: 40,
  keys_at: 48,
  rungs_at: 56,
  trades_at: 64,
  watches_at: 72,
  printed: 80,
  unknown_levels: 88,
  symbols: 96,
  orders: 100,
  levels: 104,
  trades: 108,
  live_orders: 112,
  live_levels: 116,
  live_rungs: 120,
  watches: 124,
} as const;

/** `struct hp_symbol`: one symbol's top of book, state and counters. */
export const SYMBOL = {
  bytes: 256,
  version: 0,
  flags: 4,
  name: 8,
  bid: 16,
  bid_qty: 24,
  ask: 32,
  ask_qty: 40,
  bid_orders: 48,
  ask_orders: 52,
  bid_levels: 56,
  ask_levels: 60,
  orders: 64,
  state: 68,
  seq: 72,
  updates: 80,
  bid_end: 88,
  ask_end: 100,
  trades: 128,
  volume: 136,
  notional: 144,
  last_price: 152,
  last_qty: 160,
  breaks: 168,
} as const;

/** `struct hp_book_level`: a price level. */
export const BOOK_LEVEL = {
  bytes: 32,
  key: 0,
  qty: 8,
  orders: 16,
  head: 20,
  tail: 24,
  owner: 28,
} as const;

/** `struct hp_book_order`: a live order. */
export const BOOK_ORDER = {
  bytes: 32,
  reference: 0,
  qty: 8,
  level: 16,
  prev: 20,
  next: 24,
} as const;

/** `struct hp_trade`: one printed trade of the tape. */
export const TRADE = {
  bytes: 64,
  seq: 0,
  time_ns: 8,
  price: 16,
  qty: 24,
  symbol: 32,
  flags: 36,
  match: 40,
} as const;

/** `HP_TRADE_BROKEN`: the bit of `hp_trade.flags`. */
export const TRADE_BROKEN = 0x80000000;

/** `enum hp_watch_state`. */
export const WATCH_STATE = { FREE: 0, LIVE: 1, LOST: 2 } as const;

/** `struct hp_watch`: a place in a queue that is held in mind. */
export const WATCH = {
  bytes: 64,
  state: 0,
  level: 4,
  last: 8,
  symbol: 12,
  bid: 16,
  ahead_orders: 20,
  price: 24,
  qty: 32,
  ahead_qty: 40,
} as const;

/** `struct hp_place`: where a live order stands. */
export const PLACE = {
  bytes: 64,
  order: 0,
  symbol: 8,
  bid: 12,
  price: 16,
  qty: 24,
  ahead_qty: 32,
  ahead_orders: 40,
  level_qty: 48,
  level_orders: 56,
} as const;
