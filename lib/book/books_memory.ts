/** Where things lie in the memory of books of many symbols. @module */
import { BOOKS } from "../layout.ts";
import type { SharedMemory } from "../native.ts";

/** The tables' places, as indexes of the memory's doubles and 32-bit integers. */
export class BooksMemory {
  /** All of it as doubles. */
  readonly f64: Float64Array;
  /** All of it as 32-bit unsigned integers. */
  readonly u32: Uint32Array;
  /** Bytes from the start to the symbols. */
  readonly symbols: number;
  /** To the orders, in 32-bit integers. */
  readonly orders: number;
  /** To the levels, in 32-bit integers. */
  readonly levels: number;
  /** To the keys, in doubles. */
  readonly keys: number;
  /** To the rungs, in 32-bit integers. */
  readonly rungs: number;
  /** To the trades, in bytes. */
  readonly trades: number;
  /** To the watches, in bytes. */
  readonly watches: number;
  /** Price scale of the feed. */
  readonly priceScale: number;
  /** Quantity scale of the feed. */
  readonly qtyScale: number;

  /** Reads the head of books that are laid out. */
  constructor(readonly memory: SharedMemory) {
    const { f64, u32 } = memory;
    this.f64 = f64;
    this.u32 = u32;
    this.symbols = f64[BOOKS.symbols_at / 8]!;
    this.orders = f64[BOOKS.orders_at / 8]! / 4;
    this.levels = f64[BOOKS.levels_at / 8]! / 4;
    this.keys = f64[BOOKS.keys_at / 8]! / 8;
    this.rungs = f64[BOOKS.rungs_at / 8]! / 4;
    this.trades = f64[BOOKS.trades_at / 8]!;
    this.watches = f64[BOOKS.watches_at / 8]!;
    this.priceScale = f64[BOOKS.price_scale / 8]!;
    this.qtyScale = f64[BOOKS.qty_scale / 8]!;
  }

  /** A 64-bit unsigned integer at an index of `u32`; exact below 2^53. */
  u64(at: number): number {
    return this.u32[at]! + this.u32[at + 1]! * 0x1_0000_0000;
  }

  /** Name, as it stands on the wire, at a place in bytes; without its padding. */
  text8(at: number): string {
    let text = "";
    for (let i = at; i < at + 8; i++) {
      const code = this.memory.u8[i]!;
      if (code !== 0) text += String.fromCharCode(code);
    }
    return text.trimEnd();
  }
}
