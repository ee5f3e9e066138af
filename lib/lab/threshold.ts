/** A threshold for the large-trade example that suits what is played. @module */
import { Book } from "../book/book.ts";
import { FLAG } from "../layout.ts";
import type { Tape } from "./tape.ts";

/**
 * The notional change (scaled price x scaled quantity) that about one update in `oneIn` exceeds: the tape is put
 * through a book of its own and every update's change is taken, as the large-trade strategy computes it.
 *
 * @param tape What will be played.
 * @param oneIn Updates to one order.
 * @param datagrams How many datagrams will be played after the snapshot; 0 is all.
 */
export function thresholdFor(tape: Tape, oneIn = 200, datagrams = 0): number {
  const { info } = tape;
  const share = datagrams > 0 ? Math.min(1, datagrams / info.datagrams) : 1;
  const records = tape.read(0, info.snapshotRecords + Math.ceil(info.records * share));
  const book = Book.create({ levels: 65536 });
  const changes: number[] = [];
  let inSnapshot = false;
  for (let i = 0; i < records.length; i += 3) {
    const price = records[i]!;
    const qty = records[i + 1]!;
    const flags = records[i + 2]!;
    const bid = (flags & FLAG.BID) !== 0;
    const snapshot = (flags & FLAG.SNAPSHOT) !== 0;
    if (snapshot && !inSnapshot) book.clear();
    inSnapshot = snapshot;
    book.apply(bid ? "bid" : "ask", price, qty);
    const top = bid ? book.bid * book.bidQty : book.ask * book.askQty;
    if (!snapshot) changes.push(Math.abs(price * qty - top));
  }
  changes.sort((a, b) => b - a);
  return changes[Math.floor(changes.length / oneIn)] ?? 0;
}
