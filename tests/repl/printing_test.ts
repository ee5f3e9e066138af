/** How things print: fixed data, exact text. */
import assert from "node:assert/strict";
import * as hotpath from "hotpath";
import { Book, Breakdown, Histogram, SharedMemory, Tape } from "hotpath";
import { docOf } from "../../repl/docs.ts";
import { help } from "../../repl/help.ts";
import { ls } from "../../repl/ls.ts";
import { HISTOGRAM } from "../../lib/layout.ts";
import { native } from "../../lib/native.ts";

const INSPECT = Symbol.for("Deno.customInspect");

function smallBook(): Book {
  const book = Book.create({ levels: 16, priceScale: 100, qtyScale: 10 });
  book.apply("bid", 9990, 40);
  book.apply("bid", 9980, 25);
  book.apply("ask", 10010, 10);
  book.apply("ask", 10025, 5);
  return book;
}

/** What the prompt prints, line by line. */
function printed(thing: unknown): string[] {
  return Deno.inspect(thing, { colors: false }).split("\n");
}

Deno.test("Book prints a ladder, and one line inside of others", () => {
  const book = smallBook();
  assert.deepEqual(printed(book), [
    "Book  seq 4  2 bids  2 asks",
    "  ask  100.25  0.5  ███",
    "  ask  100.10  1.0  ██████",
    "  ───  spread 0.20",
    "  bid   99.90  4.0  ████████████████████████",
    "  bid   99.80  2.5  ███████████████",
  ]);
  assert.deepEqual(printed([book]), ["[ Book 99.9 / 100.1 (seq 4  2 bids  2 asks) ]"]);
  assert.deepEqual(printed({ ladder: book.ladder() }), ["{ ladder: Ladder 2 bids, 2 asks }"]);
  assert.deepEqual(printed(Book.create({ levels: 16 })), ["Book (empty)  seq 0  0 bids  0 asks"]);
});

Deno.test("Book.top, levels() and depth() print tables and stay plain data", () => {
  const book = smallBook();
  assert.deepEqual(printed(book.top), [
    "┌─────────┬──────┬───────┬─────────┬────────┬────────┬────────────┬───────────┐",
    "│ bid qty │  bid │   ask │ ask qty │    mid │ spread │ microprice │ imbalance │",
    "├─────────┼──────┼───────┼─────────┼────────┼────────┼────────────┼───────────┤",
    "│       4 │ 99.9 │ 100.1 │       1 │ 100.00 │    0.2 │    100.060 │     0.600 │",
    "└─────────┴──────┴───────┴─────────┴────────┴────────┴────────────┴───────────┘",
  ]);
  assert.deepEqual(printed(book.top.bid), ["4 @ 99.9"]);
  assert.deepEqual(printed(book.depth("bid", 2)), [
    "┌─────┬───────┬─────┬────────────┬──────────────────────────┐",
    "│ bid │ price │ qty │ cumulative │    share of these levels │",
    "├─────┼───────┼─────┼────────────┼──────────────────────────┤",
    "│   0 │  99.9 │ 4.0 │        4.0 │ ███████████████          │",
    "│   1 │  99.8 │ 2.5 │        6.5 │ ████████████████████████ │",
    "└─────┴───────┴─────┴────────────┴──────────────────────────┘",
  ]);
  assert.equal(printed(book.levels("ask")).length, 6);
  assert.deepEqual(book.levels("ask", 1), [{ price: 100.1, qty: 1 }]);
  assert.deepEqual(Object.keys(book.top), ["bid", "ask", "mid", "spread", "microprice", "imbalance"]);
  assert.equal(JSON.stringify(book.top.ask), '{"price":100.1,"qty":1}');
  assert.deepEqual(printed([book.depth("ask", 1)]), [
    "[ [ { level: 0, price: 100.1, qty: 1, cumulative: 1 } ] ]",
  ]);
});

Deno.test("Histogram prints bars on a logarithmic scale", () => {
  const memory = new SharedMemory(HISTOGRAM.bytes);
  for (const ns of [60, 70, 80, 150, 150, 1200]) native().hp_histogram_record(memory.u8, ns);
  const histogram = new Histogram(memory, 0);
  assert.deepEqual(printed(histogram), [
    "Histogram  6 values  p50 80 ns  p99 1.20 µs  p99.9 1.20 µs  max 1.20 µs",
    `     50 ns          3  50.00%  ${"█".repeat(40)}`,
    `    100 ns          2  33.33%  ${"█".repeat(27)}`,
    "    200 ns          0   0.00%",
    "    500 ns          0   0.00%",
    `   1.00 µs          1  16.67%  ${"█".repeat(13)}`,
  ]);
  assert.match(printed([histogram])[0]!, /^\[ Histogram of 6 values, p50 80 ns ▕.{16}▏ \]$/);
  assert.deepEqual(printed(histogram.percentiles), ["p50 80 ns  p99 1.20 µs  p99.9 1.20 µs  max 1.20 µs"]);
  assert.deepEqual(printed(Histogram.merge([])), ["Histogram (empty)"]);
});

Deno.test("Breakdown prints every stage, dashes where nothing was measured", () => {
  const lines = printed(Breakdown.merge([]));
  assert.equal(lines.length, 12);
  assert.match(lines[1]!, /│ stage +│ count │ mean │ p50 │ p99 │ p99\.9 │ max │/);
  assert.match(lines[3]!, /│ Wait \(quiet wire\) +│ +0 │ +- │ +- │ +- │ +- │ +- │/);
});

Deno.test("Tape prints one line, its info a table", () => {
  using tape = Tape.generate({ seed: 7, records: 1000, levels: 50 });
  assert.match(
    printed(tape).join("\n"),
    /^Tape seeded market \(seed 7\): hotpath SEED-7, 1,100 records \(100 snapshot\) in \d+ datagrams/,
  );
  assert.match(printed(tape.info).join("\n"), /│ records +│ 1100 +│/);
  assert.deepEqual(printed(tape.troubles), ["no troubles: every line was read"]);
  assert.deepEqual(tape.troubles, []);
});

Deno.test("every public class prints itself", () => {
  const silent = Object.entries(hotpath).filter(([, value]) =>
    typeof value === "function" && /^class\b/.test(String(value)) && !(value.prototype instanceof Error) &&
    !(INSPECT in value.prototype)
  );
  assert.deepEqual(silent.map(([name]) => name), []);
});

Deno.test("ls() lists members with what they are now and what the source says", () => {
  const text = String(ls(smallBook()));
  assert.match(text, /^Book\n/);
  assert.match(text, /^ {2}bidLevels +2 +Bid levels$/m);
  assert.match(text, /^ {2}depth\(side, n = 10\) +A side's first `n` levels with their/m);
  assert.match(String(ls({ a: 1, b: [2] })), /^Object\n {2}a {2}1\n {2}b {2}\[ 2 \]$/);
  assert.match(
    String(ls(Tape)),
    /^Tape: A market-data session in memory\.\n {2}Tape\.load\(path, pack = 5\) +Loads a Tardis/,
  );
});

Deno.test("ls() has a sentence for every member of what a person meets", () => {
  for (
    const name of [
      "Lab",
      "Exchange",
      "Engine",
      "Feed",
      "Book",
      "Ladder",
      "Breakdown",
      "Histogram",
      "Orders",
      "Order",
      "IsolatedRun",
      "Tape",
    ]
  ) {
    const members = docOf(name)?.members ?? [];
    assert.ok(members.length > 0, name);
    assert.deepEqual(members.filter(({ doc }) => doc === "").map((member) => `${name}.${member.name}`), []);
  }
});

Deno.test("help() of one thing tells more, of an unknown one says so", () => {
  assert.match(String(help("open")), /^open\("xdp"\)\n {2}Opens an engine/);
  assert.match(String(help(smallBook())), /^Book\n/);
  assert.match(String(help(Tape)), /^Tape: /);
  assert.equal(String(help("nonsense")), 'Nothing is called "nonsense"; help() lists what there is');
});
