/** What a book update costs: in C, from TypeScript through FFI, and in plain JavaScript Maps. @module */
import { existsSync } from "node:fs";
import { Book, FLAG, Tape } from "hotpath";
import { BINANCE } from "../tests/fixture.ts";
import { compete } from "./rounds.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;

/** The native program: percentiles of single updates, and whole passes. */
function nativeProgram(): void {
  const make = new Deno.Command("make", {
    args: ["-s", "bench"],
    cwd: NATIVE,
    stdout: "inherit",
    stderr: "inherit",
  });
  if (!make.outputSync().success) throw new Error("Cannot build the native benchmark: see above");
  new Deno.Command(`${NATIVE}build/bench/book_bench`, { stdout: "inherit", stderr: "inherit" }).outputSync();
}

function perUpdate(records: Float64Array, run: () => void): number {
  const start = performance.now();
  run();
  return ((performance.now() - start) * 1e6) / (records.length / 3);
}

/** The peer: two Maps, and nothing that knows the best price. */
function maps(records: Float64Array): void {
  const sides = [new Map<number, number>(), new Map<number, number>()];
  for (let i = 0; i < records.length; i += 3) {
    const side = sides[records[i + 2]! & FLAG.BID]!;
    if (records[i + 1] === 0) side.delete(records[i]!);
    else side.set(records[i]!, records[i + 1]!);
  }
}

function viaFfi(book: Book, records: Float64Array): void {
  book.clear();
  for (let i = 0; i < records.length; i += 3) {
    book.apply((records[i + 2]! & FLAG.BID) !== 0 ? "bid" : "ask", records[i]!, records[i + 1]!);
  }
}

/** Runs it. */
export async function bench(): Promise<void> {
  if (existsSync(BINANCE)) nativeProgram();
  else console.log(`${BINANCE} is absent: plays the seeded market, and leaves the native program out`);
  using tape = existsSync(BINANCE) ? Tape.load(BINANCE) : Tape.generate();
  const records = tape.read();
  const book = Book.create();
  await compete("ns per update", [
    { name: "Book.apply() from TypeScript", round: () => perUpdate(records, () => viaFfi(book, records)) },
    { name: "JavaScript Map, no best price", round: () => perUpdate(records, () => maps(records)) },
  ]);
}
