/**
 * `native/include/hotpath/books.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const BOOKS_SYMBOLS = {} as const satisfies Deno.ForeignLibraryInterface;

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
  trades: 88,
  volume: 96,
  notional: 104,
  last_price: 112,
  last_qty: 120,
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
