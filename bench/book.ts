/**
 * What a book update costs: in C, from TypeScript one by one and many at a time, and in the books of other JavaScript
 * libraries; the same updates, in turns. Every book must end as the others do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Book, FLAG, Tape } from "hotpath";
import { BINANCE } from "../tests/fixture.ts";
import { type End, libraries, maps, type Peer } from "./peers.ts";
import { compete, type Contestant, say } from "./rounds.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const PROGRAM = `${NATIVE}build/bench/book_bench`;
/** How the real session ends; two independent libraries agree. */
const BINANCE_END: End = { bids: 5018, asks: 4578, bid: 61659.7e6, ask: 61659.8e6 };

function buildNative(): void {
  const args = ["-s", "build/bench/book_bench"];
  const make = new Deno.Command("make", { args, cwd: NATIVE, stdout: "null", stderr: "inherit" });
  if (!make.outputSync().success) throw new Error("Cannot build the native benchmark: see above");
}

function runNative(...args: string[]): string {
  const { success, stdout } = new Deno.Command(PROGRAM, { args, stderr: "inherit" }).outputSync();
  if (!success) throw new Error("Cannot run the native benchmark: see above");
  return new TextDecoder().decode(stdout).trim();
}

function endOf(book: Book): End {
  return { bids: book.bidLevels, asks: book.askLevels, bid: book.bid, ask: book.ask };
}

function oneByOne(records: Float64Array): Peer {
  const book = Book.create();
  return {
    name: "Book.apply(), a call an update",
    play() {
      book.clear();
      for (let i = 0; i < records.length; i += 3) {
        book.apply((records[i + 2]! & FLAG.BID) !== 0 ? "bid" : "ask", records[i]!, records[i + 1]!);
      }
    },
    end: () => endOf(book),
  };
}

function atOnce(records: Float64Array): Peer {
  const book = Book.create();
  return {
    name: "Book.applyAll(), one call",
    play() {
      book.clear();
      book.applyAll(records);
    },
    end: () => endOf(book),
  };
}

/** Times a peer over all updates, and holds what it ended in against what the others did. */
function contestant(peer: Peer, updates: number, end: End): Contestant {
  return {
    name: peer.name,
    round() {
      const start = performance.now();
      peer.play();
      const took = performance.now() - start;
      const { bids, asks, bid = end.bid, ask = end.ask } = peer.end();
      assert.deepEqual({ bids, asks, bid, ask }, end, `${peer.name} ends in another book`);
      return (took * 1e6) / updates;
    },
  };
}

async function race(title: string, tape: Tape, end?: End): Promise<void> {
  const records = tape.read();
  const ours = atOnce(records);
  ours.play();
  const peers = [ours, oneByOne(records), maps(records), ...await libraries(records, say)];
  const contestants = peers.map((peer) => contestant(peer, tape.info.records, end ?? ours.end()));
  if (end) {
    const round = () => Number(runNative("loop"));
    contestants.unshift({ name: "book_apply() in C", round });
  }
  await compete(`ns per update, ${title}`, contestants);
}

/** Runs it. */
export async function bench(): Promise<void> {
  const real = existsSync(BINANCE);
  using tape = real ? Tape.load(BINANCE) : Tape.generate();
  if (real) buildNative();
  else say(`${BINANCE} is absent: plays the seeded market instead, and leaves the native program out`);
  await race(real ? "Binance, 5,000 levels a side" : "seeded market", tape, real ? BINANCE_END : undefined);
  using small = Tape.generate({ levels: 20 });
  await race("seeded market of 20 levels a side", small);
  if (real) say(runNative());
}
