/**
 * The whole loop on every receive path, and where its time goes.
 *
 *   deno task demo [--json] [--data FILE] [--paths udp,uring,xdp,packet] [--runner inline|isolated] [--rounds 5]
 *                  [--rate 20000] [--datagrams 20000] [--seed 1]
 *
 * Raises the lab, starts the exchange in one namespace, and for every path runs rounds of the large-trade strategy in
 * the other: in TypeScript, and (interleaved, so that the machine's mood is shared) with the decision made in C.
 */
import { parseArgs } from "node:util";
import { Lab, machine, pin, thresholdFor } from "hotpath";
import { type Plan, runPath } from "./demo/rounds.ts";
import { type PathReport, printReport, reportOf } from "./demo/report.ts";
import { openTape } from "./demo/tape.ts";
import { inUserNamespace } from "./demo/rootless.ts";
import type { RxPath } from "../lib/endpoint.ts";

function configure() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      json: { type: "boolean", default: false },
      data: { type: "string", default: Deno.env.get("HOTPATH_DATA") ?? "" },
      paths: { type: "string", default: "udp,uring,xdp" },
      runner: { type: "string", default: navigator.hardwareConcurrency < 4 ? "inline" : "isolated" },
      rounds: { type: "string", default: "5" },
      rate: { type: "string", default: "20000" },
      datagrams: { type: "string", default: "20000" },
      seed: { type: "string", default: "1" },
    },
  });
  const number = (name: "rounds" | "rate" | "datagrams" | "seed") => {
    const value = Number(values[name]);
    if (!(value > 0)) throw new TypeError(`Cannot use --${name}=${values[name]}: a number above 0 is needed`);
    return value;
  };
  if (values.runner !== "inline" && values.runner !== "isolated") {
    throw new TypeError(`Cannot use --runner=${values.runner}: inline and isolated are possible`);
  }
  const paths = values.paths.split(",").map((path) => {
    if (!["udp", "uring", "xdp", "packet"].includes(path)) {
      throw new TypeError(`Cannot use --paths=${values.paths}: udp, uring, xdp and packet are possible`);
    }
    return path as RxPath;
  });
  return {
    json: values.json,
    data: values.data,
    paths,
    runner: values.runner as "inline" | "isolated",
    rounds: number("rounds"),
    rate: number("rate"),
    datagrams: number("datagrams"),
    seed: number("seed"),
  };
}

type Settings = ReturnType<typeof configure>;

async function demo(settings: Settings, say: (line: string) => void): Promise<Record<string, PathReport>> {
  const { data, seed, rate, datagrams, rounds, runner } = settings;
  using tape = openTape(data, seed);
  say(`Plays ${Deno.inspect(tape)}`);
  for (const trouble of tape.troubles) say(trouble);
  const threshold = thresholdFor(tape, 200, datagrams);
  say(
    `Threshold ${(threshold / 1e6).toPrecision(4)} (price x lots): about one update in 200 causes an order`,
  );
  say(
    `Runner ${runner} (${navigator.hardwareConcurrency} cores; --runner chooses), ${rate} datagrams/s, ${rounds} rounds`,
  );
  const cores = navigator.hardwareConcurrency;
  await using lab = await Lab.up({
    data: tape,
    pace: { rate },
    limit: datagrams,
    cpu: 0,
    spin: cores > 1,
    seed,
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      lab.downNow();
      Deno.exit(130);
    });
  }
  if (runner === "inline") pin(Math.min(1, cores - 1));
  const plan: Plan = { lab, threshold, runner, rounds };
  const reports: Record<string, PathReport> = {};
  for (const path of settings.paths) {
    try {
      const result = await runPath(plan, path);
      reports[path] = reportOf(result, runner);
      if (!settings.json) printReport(path, result, reports[path]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      reports[path] = { error: why };
      say(`${path}: ${why}`);
    }
  }
  for (const trouble of lab.exchange.troubles) say(trouble);
  return reports;
}

async function main(): Promise<void> {
  const json = Deno.args.includes("--json");
  const say = json ? console.error : console.log;
  const answer: Record<string, unknown> = { paths: {}, machine: machine() };
  try {
    const settings = configure();
    if (await inUserNamespace(say)) return;
    answer.paths = await demo(settings, say);
    const failed = Object.values(answer.paths as object).every((report) => "error" in report);
    if (failed) Deno.exitCode = 1;
  } catch (error) {
    answer.error = error instanceof Error ? error.message : String(error);
    console.error(answer.error);
    Deno.exitCode = 1;
  }
  if (json) console.log(JSON.stringify(answer));
}

await main();
