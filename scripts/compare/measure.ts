/** One round of one case: latency at a fixed rate, throughput until the first loss, drop mode. @module */
import { type Engine, type Histogram, type Namespaces, runInline, type Strategy, threadCpuNs } from "hotpath";
import type { Case } from "./cases.ts";
import { type Load, openReceiver, openSender } from "./wire.ts";

/** What one run of a generator against a receiver came to. */
export interface Run {
  /** Sender's stamp to the strategy's return. */
  oneWay: Histogram;
  /** Datagrams that the wire took and the strategy never saw. */
  lost: number;
  /** Datagrams a second the sender reached. */
  rate: number;
  /** Share of its core that the receiver used. */
  cpu: number;
}

/** Who decides. */
export type Decider = "typescript" | "c";

const QUIET_MS = 400;
/** How close the search for the rate before loss comes: the least lossy rate over the largest lossless one. */
const PRECISION = 1.06;
const STEPS = 7;

/** Reads what a strategy would look at, and does nothing: what TypeScript adds is the call and the reading. */
function watcher(): Strategy {
  let crossed = 0;
  return {
    onBook({ bid, ask, price, qty }) {
      if (bid >= ask && price * qty > 0) crossed++;
    },
  };
}

async function receive(engine: Engine, decider: Decider): Promise<void> {
  if (decider === "c") engine.runArmed(QUIET_MS);
  else await runInline(engine, watcher(), { quietMs: QUIET_MS });
}

/** Sends a load through a case; the receiver is opened first and closed last. */
export async function run(
  wire: Namespaces,
  kind: Case,
  load: Load,
  decider: Decider,
): Promise<Run> {
  using engine = openReceiver(wire, kind, "");
  using traffic = openSender(wire, kind, load);
  const started = performance.now();
  const cpuBefore = threadCpuNs();
  await receive(engine, decider);
  const cpu = (threadCpuNs() - cpuBefore) / 1e6 / (performance.now() - started);
  await traffic.ended();
  return {
    oneWay: engine.oneWay.snapshot(),
    lost: traffic.tx.sent - engine.feed.counters.delivered, // a record a datagram
    rate: traffic.rate,
    cpu,
  };
}

/** The highest rate at which nothing was lost, in thousands a second. */
export async function beforeLoss(
  wire: Namespaces,
  kind: Case,
  seconds: number,
): Promise<{ kpps: number; lost: number }> {
  const flat = await run(wire, kind, { rate: "flat", seconds }, "typescript");
  if (flat.lost === 0) return { kpps: flat.rate / 1000, lost: 0 };
  let [good, bad] = [0, flat.rate];
  let rate = flat.rate / 2;
  for (let i = 0; i < STEPS && (good === 0 || bad / good > PRECISION); i++) {
    const tried = await run(wire, kind, { rate, seconds }, "typescript");
    if (tried.lost === 0) good = Math.max(good, tried.rate);
    else bad = Math.min(bad, rate);
    rate = good === 0 ? bad / 2 : Math.sqrt(good * bad);
  }
  return { kpps: good / 1000, lost: flat.lost };
}

/** Plays a capture flat out: thousands a second, and what of it did not arrive. */
export async function playCapture(
  wire: Namespaces,
  kind: Case,
  capture: string,
): Promise<{ kpps: number; lost: number }> {
  using engine = openReceiver(wire, kind, capture);
  const started = performance.now();
  await receive(engine, "typescript");
  const { delivered, lost } = engine.feed.counters;
  return { kpps: delivered / (performance.now() - started), lost };
}

/** Drop mode: thousands a second that the path alone takes while a sender gives all it can. */
export async function drop(wire: Namespaces, kind: Case, seconds: number): Promise<number> {
  using engine = openReceiver(wire, kind, "");
  using traffic = openSender(wire, kind, { rate: "flat", seconds: seconds + 1 });
  while (traffic.running && traffic.counters.datagrams === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return engine.drain(1000 * seconds) / seconds / 1000;
}
