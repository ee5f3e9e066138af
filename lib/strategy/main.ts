/** What a strategy script does when it is run by itself: the inline runner with endpoints from the command line. @module */
import { parseArgs } from "node:util";
import { Engine } from "../engine.ts";
import { runInline } from "./inline.ts";
import type { Params, Strategy } from "./strategy.ts";

/** The arguments of a strategy's command line. */
export interface StrategyArgs {
  /** Market data: `--feed=`. */
  feed: string;
  /** Order entry: `--orders=`. */
  orders: string | undefined;
  /** Line B of the feed: `--line-b=`. */
  lineB?: string;
  /** Who is asked for missing messages: `--requests=`. */
  requests?: string;
  /** Who hands out snapshots: `--snapshots=`. */
  snapshots?: string;
  /** What is subscribed to: `--symbols=AAPL,MSFT`. */
  symbols?: string[];
  /** Everything else: parameters. */
  params: Record<string, unknown>;
}

/**
 * Splits a command line into endpoints and parameters.
 *
 * @throws {TypeError} naming what is missing.
 */
export function strategyArgs(args: string[]): StrategyArgs {
  const { values } = parseArgs({ args, strict: false });
  const { feed, orders, "line-b": lineB, requests, snapshots, symbols, ...params } = values;
  if (typeof feed !== "string") {
    throw new TypeError(
      "Cannot run the strategy: no feed; add --feed=udp://239.255.0.1:12345?if=NAME (and --orders=tcp://HOST:9012)",
    );
  }
  return {
    feed,
    orders: typeof orders === "string" ? orders : undefined,
    ...typeof lineB === "string" ? { lineB } : {},
    ...typeof requests === "string" ? { requests } : {},
    ...typeof snapshots === "string" ? { snapshots } : {},
    ...typeof symbols === "string" ? { symbols: symbols.split(",") } : {},
    params,
  };
}

/**
 * Runs a strategy inline with what its own `deno run` granted: `--feed=`, `--orders=`, `--line-b=`, `--requests=`,
 * `--snapshots=`, `--symbols=`, and `--name=value` for its parameters. Ends with the session or with Ctrl-C, then prints the breakdown.
 *
 * @example
 * ```ts ignore
 * export default strategy;
 * if (import.meta.main) await main(strategy);
 * ```
 */
export async function main<P extends Params>(strategy: Strategy<P>): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  try {
    const { params, ...endpoints } = strategyArgs(Deno.args);
    using engine = Engine.open({ ...endpoints, connectLater: true });
    Deno.addSignalListener("SIGINT", onSignal);
    Deno.addSignalListener("SIGTERM", onSignal);
    await runInline(engine, strategy, { params, signal: stop.signal });
    report(engine);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
  }
}

/** Prints what an engine did: breakdown, orders, troubles. */
export function report(engine: Engine): void {
  const { sent, acked, failed, refused } = engine.orderCounters;
  console.log(engine.breakdown.toString());
  console.log(`${sent} orders sent, ${acked} acknowledged, ${failed} failed, ${refused} refused`);
  if (engine.overruns) console.log(`${engine.overruns} events were not delivered: the strategy was too slow`);
  for (const trouble of engine.feed.troubles) console.log(trouble);
}
