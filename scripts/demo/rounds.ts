/** The demo's rounds: one exchange session each, TypeScript and C decisions taking turns. @module */
import {
  type Breakdown,
  type Engine,
  type FeedCounters,
  type Histogram,
  type Lab,
  Observer,
  runInline,
  runIsolated,
} from "hotpath";
import type { RxPath } from "../../lib/endpoint.ts";
import largeTrade from "../strategies/large_trade.ts";

/** What every round of a demo shares. */
export interface Plan {
  /** A raised lab. */
  lab: Lab;
  /** Of the strategy: scaled price x scaled quantity. */
  threshold: number;
  /** Where the TypeScript strategy runs. */
  runner: "inline" | "isolated";
  /** Rounds of each kind. */
  rounds: number;
}

/** One session, measured. */
export interface Round {
  /** The loop's stages. */
  breakdown: Breakdown;
  /** As the exchange saw it. */
  tickToOrder: Histogram;
  /** As the strategy's interface saw it: record in, order out; or why nobody looked there. */
  wireToWire: Histogram | string;
  /** As the program claims it: datagram in hand, order about to be handed to the kernel. */
  inside: Histogram;
  /** Turns that brought a record. */
  loops: number;
  /** Orders sent. */
  orders: number;
  /** Records that the exchange numbered and the strategy never saw. */
  lost: number;
  /** How the path ran. */
  note: string;
  /** Feed counters. */
  feed: FeedCounters;
  /** Sentences about what went wrong. */
  troubles: string[];
}

/** All rounds of a path. */
export interface PathRounds {
  /** Rounds decided in TypeScript. */
  typescript: Round[];
  /** Rounds decided in C. */
  baseline: Round[];
}

const SCRIPT = new URL("../strategies/large_trade.ts", import.meta.url).href;
const QUIET_MS = 3000;
/** A quiet wire is looked at this often before TypeScript gets a turn: up to a millisecond in one call. */
const SPIN_TURNS = 4096;

async function runTypeScript(plan: Plan, engine: Engine): Promise<void> {
  const params = { threshold: plan.threshold / 1e6 };
  if (plan.runner === "inline") {
    await runInline(engine, largeTrade, { params, quietMs: QUIET_MS });
    return;
  }
  await using run = await runIsolated(engine, SCRIPT, { params });
  await untilEnd(engine);
  await run.settle();
}

async function runBaseline(plan: Plan, engine: Engine): Promise<void> {
  engine.arm(plan.threshold);
  if (plan.runner === "inline") {
    engine.connect().runArmed(QUIET_MS);
    return;
  }
  engine.connect().start();
  await untilEnd(engine);
}

async function untilEnd(engine: Engine): Promise<void> {
  for (let loops = -1, quiet = 0; engine.ended === 0 && quiet < QUIET_MS; loops = engine.loops) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    quiet = engine.loops === loops ? quiet + 20 : 0;
  }
}

/**
 * Entry is stamped in tc, not in XDP: a veth with an XDP program takes another way through its driver, 2 to 3 µs longer
 * for a socket. (An engine via xdp has a program there anyway, and the stamp is taken in it.)
 */
function observe(engine: Engine): Observer | string {
  try {
    return Observer.open(engine, "tc");
  } catch (error) {
    return (error as Error).message;
  }
}

async function round(
  plan: Plan,
  path: RxPath,
  run: (plan: Plan, engine: Engine) => Promise<void>,
): Promise<Round> {
  const { lab } = plan;
  await lab.exchange.ready();
  lab.exchange.reset();
  const before = lab.exchange.counters.sequenced;
  const engine = lab.open(path, {
    // The exchange, the engine and the script's process: with too few cores a spinning engine would starve the script.
    wait: plan.runner === "isolated" && navigator.hardwareConcurrency < 4 ? "block" : "spin",
    cpu: plan.runner === "isolated" ? 1 : -1,
    connectLater: true,
    spinTurns: SPIN_TURNS,
  });
  const observed = observe(engine);
  using observer = typeof observed === "string" ? undefined : observed;
  try {
    await run(plan, engine);
  } finally {
    engine.close();
  }
  await lab.exchange.ready();
  const feed = engine.feed.counters;
  const contradiction = observer?.contradiction;
  return {
    breakdown: engine.breakdown.snapshot(),
    tickToOrder: lab.exchange.tickToOrder.snapshot(),
    wireToWire: observer?.tickToTrade.snapshot() ?? observed as string,
    inside: observer?.inside ?? engine.tickToSend.snapshot(),
    loops: engine.loops,
    orders: engine.orderCounters.sent,
    lost: lab.exchange.counters.sequenced - before - feed.delivered,
    note: engine.feed.note,
    feed,
    troubles: [...engine.feed.troubles, ...contradiction ? [contradiction] : []],
  };
}

/** Runs a path's rounds, TypeScript and C in turn, the first of each pair changing. */
export async function runPath(plan: Plan, path: RxPath): Promise<PathRounds> {
  const result: PathRounds = { typescript: [], baseline: [] };
  for (let i = 0; i < plan.rounds; i++) {
    const pair = [
      async () => void result.typescript.push(await round(plan, path, runTypeScript)),
      async () => void result.baseline.push(await round(plan, path, runBaseline)),
    ];
    for (const run of i % 2 ? pair.reverse() : pair) await run();
  }
  return result;
}
