/**
 * Benchmarks: each prints its figures with their spread and the peer they stand beside, in one run.
 *
 *   deno task bench [book|turn|send|schema|record …]
 *
 * Without names all of them. They want a quiet machine; nothing is asserted.
 */
import { machine } from "hotpath";

const NAMES = ["book", "turn", "send", "schema", "record"] as const;

async function main(names: string[]): Promise<void> {
  const unknown = names.find((name) => !(NAMES as readonly string[]).includes(name));
  if (unknown) {
    console.error(`Cannot run benchmark "${unknown}": there are ${NAMES.join(", ")}`);
    Deno.exit(1);
  }
  const { cpu, cores, kernel, clocksource, deno } = machine();
  console.log(`${cpu}, ${cores} cores, Linux ${kernel}, clock ${clocksource}, Deno ${deno}`);
  for (const name of names.length ? names : NAMES) {
    console.log(`\n== ${name}`);
    const { bench } = await import(`../bench/${name}.ts`) as { bench(): Promise<void> };
    await bench();
  }
}

await main(Deno.args);
