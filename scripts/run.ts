/**
 * Runs a strategy script isolated: in a Deno process of its own that holds no permission when its first line runs.
 *
 *   deno task run scripts/strategies/large_trade.ts --feed=udp://239.255.0.1:12345?if=eth1 --orders=tcp://10.77.0.1:9012
 *                 [--line-b=udp://…] [--requests=udp://…] [--snapshots=tcp://…] [--symbols=AAPL,MSFT]
 *                 [--runner=inline] [--hgrm=loop.hgrm] [--NAME=VALUE …]
 *
 * --NAME=VALUE sets a parameter of the strategy. Ends with the session or Ctrl-C, then prints the breakdown.
 */
import {
  Engine,
  pin,
  report,
  runInline,
  runIsolated,
  type Strategy,
  type StrategyArgs,
  strategyArgs,
} from "hotpath";
import { scriptUrl } from "../lib/strategy/program.ts";

interface Settings {
  script: string;
  endpoints: Omit<StrategyArgs, "params">;
  runner: "inline" | "isolated";
  hgrm: string | undefined;
  params: Record<string, unknown>;
}

function configure(args: string[]): Settings {
  const [script, ...rest] = args;
  if (!script || script.startsWith("-")) {
    throw new TypeError(
      "Cannot run: no script; `deno task run scripts/strategies/large_trade.ts --feed=… --orders=…`",
    );
  }
  const { params: { runner = "isolated", hgrm, ...params }, ...endpoints } = strategyArgs(rest);
  if (runner !== "isolated" && runner !== "inline") {
    throw new TypeError(`Cannot use --runner=${runner}: isolated and inline are possible`);
  }
  return { script, endpoints, runner, hgrm: typeof hgrm === "string" ? hgrm : undefined, params };
}

async function inline(engine: Engine, { script, params }: Settings, signal: AbortSignal): Promise<void> {
  if (engine.feed.endpoint.cpu >= 0) pin(engine.feed.endpoint.cpu);
  Deno.permissions.revokeSync({ name: "run" }); // it was for isolated scripts; this one needs no processes
  const { default: strategy } = await import(scriptUrl(script)) as { default: Strategy };
  await runInline(engine, strategy, { params, signal });
}

async function isolated(engine: Engine, { script, params }: Settings, signal: AbortSignal): Promise<void> {
  const run = await runIsolated(engine, script, { params });
  const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const ended = (async () => {
    while (engine.ended === 0 && run.alive && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await run.settle();
  })();
  await Promise.race([stopped, ended, run.ended]);
  const { killed, code } = await run.stop();
  if (killed || code !== 0) throw new Error(`${script}: ${killed ?? `its process ended with code ${code}`}`);
}

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());
  try {
    const settings = configure(Deno.args);
    const { endpoints, runner, hgrm } = settings;
    using engine = Engine.open({ ...endpoints, connectLater: true });
    try {
      await (runner === "inline" ? inline : isolated)(engine, settings, stop.signal);
    } finally {
      engine.stop();
      if (engine.loops > 0) report(engine);
      if (hgrm) await Deno.writeTextFile(hgrm, engine.breakdown.loop.toHgrm());
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}

await main();
