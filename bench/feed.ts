/** What a message of a feed costs, layer by layer: framing, decoding, filters, the book of its symbol. @module */
import { existsSync } from "node:fs";
import { SHARED } from "../tests/fixture.ts";
import { report, say } from "./rounds.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const HOUR = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;

/** One line of the native program: nanoseconds a message, a figure a round, sorted. */
interface Figure {
  group: string;
  name: string;
  parameter: number;
  ns: number[];
}

const PARTS = ["layers", "books", "distances", "growth"];

/** What each group of figures is about, and what its parameter says. */
const TITLES: Record<string, [title: string, parameter: string]> = {
  layers: ["one core, 16 MiB of 200 symbols in memory", "symbols"],
  books: ["order by order, a real hour played by many symbols; a figure a slice of 64 MiB", "symbols"],
  distances: ["how far the three looks go ahead", "symbols"],
  symbols: ["100,000 live orders, 100 levels a side, any of them next", "symbols"],
  orders: ["1,000 symbols, 100 levels a side, any of them next", "live orders"],
  depth: ["100 symbols, 1,000,000 live orders, any of them next", "levels a side"],
};

function measure(): Figure[] {
  const make = new Deno.Command("make", {
    args: ["-s", "build/bench/itch_bench"],
    cwd: NATIVE,
    stdout: "null",
    stderr: "inherit",
  });
  if (!make.outputSync().success) throw new Error("Cannot build the native benchmark: see above");
  const { success, stdout } = new Deno.Command(`${NATIVE}build/bench/itch_bench`, {
    args: [HOUR, ...PARTS],
    stderr: "inherit",
  }).outputSync();
  if (!success) throw new Error("Cannot finish the native benchmark: see above");
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line) as Figure);
}

/** Runs it. */
export function bench(): void {
  if (!existsSync(HOUR)) return say(`not measured: ${HOUR} is absent (HOTPATH_SHARED names another folder)`);
  const figures = measure();
  for (const [group, [title, parameter]] of Object.entries(TITLES)) {
    report({
      unit: `ns a message: ${title}`,
      contestants: figures.filter((figure) => figure.group === group).map((
        { name, parameter: value, ns },
      ) => ({
        name: `${value.toLocaleString("en")} ${parameter}: ${name}`,
        median: ns[ns.length >> 1]!,
        least: ns[0]!,
        largest: ns.at(-1)!,
      })),
    });
  }
}
