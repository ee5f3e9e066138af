/** What the demo says about a path: the JSON object's entry and the page for people. @module */
import { Breakdown, formatCount, formatNs, Histogram, type Percentiles, type Stage } from "hotpath";
import type { PathRounds } from "./rounds.ts";

/** A path's entry in the demo's JSON. */
export type PathReport = { error: string } | MeasuredPath;

/** A path that ran. */
export interface MeasuredPath extends Record<`${Stage}_ns`, Percentiles> {
  /** Turns of the loop that brought a record. */
  loops: number;
  /** Orders sent. */
  orders: number;
  /** Records the exchange numbered and the strategy never saw. */
  lost: number;
  /** Where the strategy ran. */
  runner: string;
  /** How the path ran. */
  note: string;
  /** Datagram handed to the wire → order read, at the exchange. */
  tick_to_order_ns: Percentiles;
  /** The same with the decision made in C. */
  baseline_tick_to_order_ns: Percentiles;
  /** Least and largest median of a round: TypeScript, then C. */
  spread_p50_ns: { typescript: [number, number]; baseline: [number, number] };
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function spread(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** A path's figures over all its rounds. */
export function reportOf(rounds: PathRounds, runner: string): MeasuredPath {
  const { typescript, baseline } = rounds;
  return {
    loops: sum(typescript.map(({ loops }) => loops)),
    orders: sum(typescript.map(({ orders }) => orders)),
    lost: sum([...typescript, ...baseline].map(({ lost }) => lost)),
    runner,
    note: typescript[0]!.note,
    ...Breakdown.merge(typescript.map(({ breakdown }) => breakdown)).toJSON(),
    tick_to_order_ns: Histogram.merge(typescript.map(({ tickToOrder }) => tickToOrder)).percentiles,
    baseline_tick_to_order_ns: Histogram.merge(baseline.map(({ tickToOrder }) => tickToOrder)).percentiles,
    spread_p50_ns: {
      typescript: spread(typescript.map(({ tickToOrder }) => tickToOrder.percentile(50))),
      baseline: spread(baseline.map(({ tickToOrder }) => tickToOrder.percentile(50))),
    },
  };
}

function figures({ p50, p99, p999, max }: Percentiles): string {
  return `p50 ${formatNs(p50)}  p99 ${formatNs(p99)}  p99.9 ${formatNs(p999)}  max ${formatNs(max)}`;
}

/** Prints a path's page. */
export function printReport(path: string, rounds: PathRounds, report: PathReport): void {
  if ("error" in report) return;
  const { tick_to_order_ns: ours, baseline_tick_to_order_ns: baseline, spread_p50_ns } = report;
  const range = ([low, high]: [number, number]) => `${formatNs(low)} to ${formatNs(high)} a round`;
  console.log(`\n${path} (${report.note})`);
  console.log(Breakdown.merge(rounds.typescript.map(({ breakdown }) => breakdown)).toString());
  console.log(
    `  records ${formatCount(report.loops)}  orders ${formatCount(report.orders)}  lost ${report.lost}`,
  );
  console.log(`  tick to order, at the exchange   ${figures(ours)}  (${range(spread_p50_ns.typescript)})`);
  console.log(`  the same, decided in C           ${figures(baseline)}  (${range(spread_p50_ns.baseline)})`);
  console.log(`  TypeScript / C at the median     ${(ours.p50 / baseline.p50).toFixed(3)}`);
  const troubles = [...rounds.typescript, ...rounds.baseline].flatMap(({ troubles }) => troubles);
  for (const trouble of new Set(troubles)) console.log(`  ${trouble}`);
}
