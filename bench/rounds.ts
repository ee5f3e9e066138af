/** Interleaved rounds and how their spread is told. @module */
import Table from "cli-table3";

/** One contestant: a name and what it measures in a round (any unit; smaller is better). */
export interface Contestant {
  /** What the row is called. */
  name: string;
  /** Runs one round and returns its figure. */
  round(): number | Promise<number>;
}

/** What came of a competition. */
export interface Competition {
  /** What the figures are. */
  unit: string;
  /** Median, least and largest figure of each contestant's rounds, in the order they ran. */
  contestants: { name: string; median: number; least: number; largest: number }[];
}

/** Every competition of this process so far. */
export const competitions: Competition[] = [];

/** Whether only JSON goes to stdout: what people read goes to stderr then. */
export const JSON_ONLY = Deno.args.includes("--json");

/** A line for people. */
export function say(line: string): void {
  if (JSON_ONLY) console.error(line);
  else console.log(line);
}

function tableOf({ unit, contestants }: Competition): string {
  const table = new Table({
    head: [unit, "median", "least", "largest"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, median, least, largest } of contestants) {
    table.push([name, ...[median, least, largest].map((x) => x.toPrecision(3))]);
  }
  return table.toString();
}

/** Keeps the figures of a competition, and prints them. */
export function report(competition: Competition): void {
  competitions.push(competition);
  say(tableOf(competition));
}

/** Runs every contestant in turn, `rounds` times over, and prints median, least and largest figure. */
export async function compete(unit: string, contestants: Contestant[], rounds = 7): Promise<void> {
  const figures = contestants.map(() => [] as number[]);
  for (let i = 0; i < rounds; i++) {
    for (const [j, { round }] of contestants.entries()) figures[j]!.push(await round());
  }
  report({
    unit,
    contestants: contestants.map(({ name }, j) => {
      const sorted = figures[j]!.sort((a, b) => a - b);
      return { name, median: sorted[rounds >> 1]!, least: sorted[0]!, largest: sorted.at(-1)! };
    }),
  });
}
