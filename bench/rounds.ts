/** Interleaved rounds and how their spread is told. @module */
import Table from "cli-table3";

/** One contestant: a name and what it measures in a round (any unit; smaller is better). */
export interface Contestant {
  /** What the row is called. */
  name: string;
  /** Runs one round and returns its figure. */
  round(): number | Promise<number>;
}

/** Runs every contestant in turn, `rounds` times over, and prints median, least and largest figure. */
export async function compete(unit: string, contestants: Contestant[], rounds = 7): Promise<void> {
  const figures = contestants.map(() => [] as number[]);
  for (let i = 0; i < rounds; i++) {
    for (const [j, { round }] of contestants.entries()) figures[j]!.push(await round());
  }
  const table = new Table({
    head: [unit, "median", "least", "largest"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const [j, { name }] of contestants.entries()) {
    const sorted = figures[j]!.sort((a, b) => a - b);
    table.push([
      name,
      ...[sorted[sorted.length >> 1]!, sorted[0]!, sorted.at(-1)!].map((x) => x.toPrecision(3)),
    ]);
  }
  console.log(table.toString());
}
