/** Books built without an engine, to hold an engine's book against. @module */
import assert from "node:assert/strict";
import { Book, FLAG, type Tape } from "hotpath";

/** Both sides, best first, scaled integers. */
export interface Sides {
  bids: [price: number, qty: number][];
  asks: [price: number, qty: number][];
}

/** Every level of a book. */
export function sidesOf(book: Book): Sides {
  return {
    bids: Array.from({ length: book.bidLevels }, (_, i) => [book.bidPriceAt(i), book.bidQtyAt(i)]),
    asks: Array.from({ length: book.askLevels }, (_, i) => [book.askPriceAt(i), book.askQtyAt(i)]),
  };
}

/** Calls `apply` for the first `count` records of a tape and `clear` where a snapshot begins. */
function play(
  tape: Tape,
  count: number,
  clear: () => void,
  apply: (bid: boolean, price: number, qty: number) => void,
): void {
  const records = tape.read(0, count);
  for (let i = 0, inSnapshot = false; i < records.length; i += 3) {
    const flags = records[i + 2]!;
    const snapshot = (flags & FLAG.SNAPSHOT) !== 0;
    if (snapshot && !inSnapshot) clear();
    inSnapshot = snapshot;
    apply((flags & FLAG.BID) !== 0, records[i]!, records[i + 1]!);
  }
}

/** The book after the first `count` records of a tape, by the native book alone. */
export function bookOf(tape: Tape, count: number = tape.info.records): Sides {
  const book = Book.create();
  play(tape, count, () => book.clear(), (bid, price, qty) => book.apply(bid ? "bid" : "ask", price, qty));
  return sidesOf(book);
}

/** The same with nothing but two Maps. */
export function mapsOf(tape: Tape, count: number = tape.info.records): Sides {
  const bids = new Map<number, number>();
  const asks = new Map<number, number>();
  const clear = () => {
    bids.clear();
    asks.clear();
  };
  play(tape, count, clear, (bid, price, qty) => {
    const side = bid ? bids : asks;
    if (qty === 0) side.delete(price);
    else side.set(price, qty);
  });
  return {
    bids: [...bids].sort(([a], [b]) => b - a),
    asks: [...asks].sort(([a], [b]) => a - b),
  };
}

/** Fails at the first level that differs, without printing ten thousand others. */
export function assertSides(actual: Sides, expected: Sides): void {
  for (const side of ["bids", "asks"] as const) {
    assert.equal(actual[side].length, expected[side].length, `number of ${side}`);
    actual[side].forEach((level, i) => assert.deepEqual(level, expected[side][i], `${side} level ${i}`));
  }
}
