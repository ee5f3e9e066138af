/**
 * One side of a book, read in place: best level, levels by their place, sums. What is where says `struct
 * hp_book_side`: the best levels of most books are bits and quantities of a grid, so that the level at a place is found
 * by counting bits. Where it was found is remembered until the book changes: walking down a side counts nothing twice.
 *
 * @module
 */
import { BOOK, BOOK_SIDE } from "../layout.ts";
import type { SharedMemory } from "../native.ts";

const VERSION = BOOK.version / 4;
const F64 = {
  anchor: BOOK_SIDE.anchor / 8,
  step: BOOK_SIDE.step / 8,
  price: BOOK_SIDE.price / 8,
  qty: BOOK_SIDE.qty / 8,
} as const;
const I32 = {
  gridAt: BOOK_SIDE.grid_at / 4,
  takenAt: BOOK_SIDE.taken_at / 4,
  top: BOOK_SIDE.top / 4,
  levels: BOOK_SIDE.levels / 4,
  listAt: BOOK_SIDE.list_at / 4,
  head: BOOK_SIDE.head / 4,
  count: BOOK_SIDE.count / 4,
  cut: BOOK_SIDE.cut / 4,
} as const;

/** Bits set in 32. */
function count(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Levels that are kept once they were read, and how many are read at a time. */
const KEPT = 64;
const AHEAD = 8;

/** One side, scaled integers; nothing is allocated. */
export class SideView {
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #side: number;
  readonly #listPrice: number;
  readonly #listQty: number;
  readonly #grid: number;
  readonly #taken: number;
  readonly #words: number;
  // As of `version`: levels before the grid, and up to its end; where the list begins.
  #version = 0;
  #cut = 0;
  #end = 0;
  #head = 0;
  // Levels that were read: the places from `from` on, `kept` of them; and the bits of the grid behind them.
  readonly #price = new Float64Array(KEPT + 1).fill(NaN); // the last stays: what is behind the last level
  readonly #qty = new Float64Array(KEPT + 1).fill(NaN);
  #from = 0;
  #kept = 0;
  #word = 0;
  #bits = 0;

  /**
   * @param memory Memory that holds a native book.
   * @param at Where its `struct hp_book_side` is, in bytes.
   */
  constructor(memory: SharedMemory, at: number) {
    this.#i32 = memory.i32;
    this.#f64 = memory.f64;
    this.#side = at / 4;
    const [listAt, gridAt, takenAt] = [I32.listAt, I32.gridAt, I32.takenAt].map((i) =>
      this.#i32[this.#side + i]!
    );
    this.#listPrice = listAt! / 8;
    this.#listQty = (listAt! + gridAt!) / 2 / 8;
    this.#grid = gridAt! / 8;
    this.#taken = takenAt! / 4;
    this.#words = (takenAt! - gridAt!) / 8 / 32;
    this.#look();
  }

  /** Number of levels. */
  get levels(): number {
    return this.#i32[this.#side + I32.levels]!;
  }
  /** Best price; 0 when there is none. */
  get price(): number {
    return this.#f64[this.#side / 2 + F64.price]!;
  }
  /** Quantity at the best price; 0 when there is none. */
  get qty(): number {
    return this.#f64[this.#side / 2 + F64.qty]!;
  }

  /** Price of the level at place `i`; NaN where there is none. */
  priceAt(i: number): number {
    const k = i - this.#from;
    return k >= 0 && k < this.#kept && this.#i32[VERSION] === this.#version
      ? this.#price[k]!
      : this.#price[this.#seek(i)]!;
  }

  /** Quantity of the level at place `i`; NaN where there is none. */
  qtyAt(i: number): number {
    const k = i - this.#from;
    return k >= 0 && k < this.#kept && this.#i32[VERSION] === this.#version
      ? this.#qty[k]!
      : this.#qty[this.#seek(i)]!;
  }

  /** Sum of the best `n` quantities. */
  size(n: number): number {
    const end = Math.min(n, this.levels);
    let sum = 0;
    for (let i = 0; i < end; i++) sum += this.qtyAt(i);
    return sum;
  }

  /** Reads the level at place `i`, and some behind it; its index among those that are kept. */
  #seek(i: number): number {
    if (this.#i32[VERSION] !== this.#version) this.#look();
    if (!(i >= 0 && i < this.levels)) return KEPT;
    if (i < this.#from) this.#rewind();
    const next = this.#from + this.#kept;
    if (i > next || this.#kept > KEPT - AHEAD) {
      this.#skip(this.#clamp(i) - this.#clamp(next));
      this.#from = i;
      this.#kept = 0;
    }
    this.#read(Math.min(this.#kept + AHEAD, this.levels - this.#from));
    return i - this.#from;
  }

  /** The book has changed. */
  #look(): void {
    const side = this.#side;
    this.#version = this.#i32[VERSION]!;
    this.#head = this.#i32[side + I32.head]!;
    this.#cut = this.#i32[side + I32.cut]!;
    this.#end = this.#cut + this.#i32[side + I32.levels]! - this.#i32[side + I32.count]!;
    this.#rewind();
  }

  #rewind(): void {
    const top = this.#i32[this.#side + I32.top]!;
    this.#from = 0;
    this.#kept = 0;
    this.#word = top >>> 5;
    this.#bits = this.#i32[this.#taken + this.#word]! & (-1 << (top & 31));
  }

  /** The place on the grid that is nearest to place `i`. */
  #clamp(i: number): number {
    return Math.max(this.#cut, Math.min(i, this.#end));
  }

  /** Passes over `ahead` taken positions of the grid. */
  #skip(ahead: number): void {
    for (
      let found = count(this.#bits);
      found <= ahead && this.#word < this.#words;
      found = count(this.#bits)
    ) {
      ahead -= found;
      this.#bits = this.#i32[this.#taken + ++this.#word]!;
    }
    for (; ahead > 0; ahead--) this.#bits &= this.#bits - 1;
  }

  /** Reads on until `end` levels are kept. */
  #read(end: number): void {
    const i32 = this.#i32;
    const f64 = this.#f64;
    const prices = this.#price;
    const qtys = this.#qty;
    const taken = this.#taken;
    const grid = this.#grid;
    const anchor = f64[this.#side / 2 + F64.anchor]!;
    const step = f64[this.#side / 2 + F64.step]!;
    const last = taken + this.#words;
    const first = this.#cut - this.#from;
    const behind = this.#end - this.#from;
    let at = taken + this.#word;
    let bits = this.#bits;
    for (let k = this.#kept; k < end; k++) {
      if (k < first || k >= behind) {
        const slot = this.#head + this.#from + (k < first ? k : k - behind + first);
        prices[k] = f64[this.#listPrice + slot]!;
        qtys[k] = f64[this.#listQty + slot]!;
        continue;
      }
      while (bits === 0 && at < last) bits = i32[++at]!;
      const position = ((at - taken) << 5) + 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      prices[k] = anchor + step * position;
      qtys[k] = f64[grid + position]!;
    }
    this.#word = at - taken;
    this.#bits = bits;
    this.#kept = end;
  }
}
