/**
 * Benchmarks: each prints its figures with their spread and the peer they stand beside, in one run.
 *
 *   deno task bench [book|feed|chain|turn|send|schema|record …] [--json]
 *
 * Without names all of them. With --json the figures go to stdout as JSON, and everything else to stderr. They want a
 * quiet machine; nothing is asserted.
 */
import { machine } from "hotpath";
import { type Competition, competitions, JSON_ONLY, say } from "../bench/rounds.ts";

const NAMES = ["book", "feed", "chain", "turn", "send", "schema", "record"] as const;

async function main(names: string[]): Promise<void> {
  const unknown = names.find((name) => !(NAMES as readonly string[]).includes(name));
  if (unknown) {
    console.error(`Cannot run benchmark "${unknown}": there are ${NAMES.join(", ")}`);
    Deno.exit(1);
  }
  const { cpu, cores, kernel, clocksource, deno } = machine();
  const results: Record<string, Competition[]> = {};
  say(`${cpu}, ${cores} cores, Linux ${kernel}, clock ${clocksource}, Deno ${deno}`);
  for (const name of names.length ? names : NAMES) {
    say(`\n== ${name}`);
    const before = competitions.length;
    const { bench } = await import(`../bench/${name}.ts`) as { bench(): Promise<void> };
    await bench();
    results[name] = competitions.slice(before);
  }
  if (JSON_ONLY) {
    console.log(JSON.stringify({ machine: { cpu, cores, kernel, clocksource, deno }, results }, null, 2));
  }
}

await main(Deno.args.filter((argument) => argument !== "--json"));
