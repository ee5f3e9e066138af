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
  /** Datagram handed to the wire → order read, at the exchange. */
  tick_to_order_ns: Percentiles;
  /** Record enters the strategy's interface → its order leaves it, stamped by the kernel. */
  wire_to_wire_ns?: Percentiles;
  /** Why `wire_to_wire_ns` is absent, when it is. */
  wire_to_wire_absent?: string;
  /** What the program claims of the same: datagram in hand → order about to be handed to the kernel. */
  inside_ns: Percentiles;
  /** The same as `tick_to_order_ns` with the decision made in C. */
  baseline_tick_to_order_ns: Percentiles;
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** Least and largest median of a round. */
function spread(rounds: PathRounds["typescript"]): string {
  const medians = rounds.map(({ tickToOrder }) => tickToOrder.percentile(50));
  return `${formatNs(Math.min(...medians))} to ${formatNs(Math.max(...medians))} a round`;
}

/** From outside, over all rounds; or why not. */
function wireToWire(rounds: PathRounds["typescript"]): Histogram | string {
  const seen = rounds.map(({ wireToWire }) => wireToWire);
  const why = seen.find((histogram) => typeof histogram === "string");
  return why ?? Histogram.merge(seen as Histogram[]);
}

/** A path's figures over all its rounds. */
export function reportOf(rounds: PathRounds, runner: string): MeasuredPath {
  const { typescript, baseline } = rounds;
  const outside = wireToWire(typescript);
  return {
    loops: sum(typescript.map(({ loops }) => loops)),
    orders: sum(typescript.map(({ orders }) => orders)),
    lost: sum([...typescript, ...baseline].map(({ lost }) => lost)),
    runner,
    ...Breakdown.merge(typescript.map(({ breakdown }) => breakdown)).toJSON(),
    tick_to_order_ns: Histogram.merge(typescript.map(({ tickToOrder }) => tickToOrder)).percentiles,
    ...typeof outside === "string"
      ? { wire_to_wire_absent: outside }
      : { wire_to_wire_ns: outside.percentiles },
    inside_ns: Histogram.merge(typescript.map(({ inside }) => inside)).percentiles,
    baseline_tick_to_order_ns: Histogram.merge(baseline.map(({ tickToOrder }) => tickToOrder)).percentiles,
  };
}

function figures({ p50, p99, p999, max }: Percentiles): string {
  return `p50 ${formatNs(p50)}  p99 ${formatNs(p99)}  p99.9 ${formatNs(p999)}  max ${formatNs(max)}`;
}

/** Prints a path's page. */
export function printReport(path: string, rounds: PathRounds, report: PathReport): void {
  if ("error" in report) return;
  const { tick_to_order_ns: ours, baseline_tick_to_order_ns: baseline } = report;
  console.log(`\n${path} (${rounds.typescript[0]!.note})`);
  console.log(Breakdown.merge(rounds.typescript.map(({ breakdown }) => breakdown)).toString());
  console.log(
    `  records ${formatCount(report.loops)}  orders ${formatCount(report.orders)}  lost ${report.lost}`,
  );
  console.log(`  tick to order, at the exchange   ${figures(ours)}  (${spread(rounds.typescript)})`);
  console.log(`  the same, decided in C           ${figures(baseline)}  (${spread(rounds.baseline)})`);
  console.log(`  TypeScript / C at the median     ${(ours.p50 / baseline.p50).toFixed(3)}`);
  const { wire_to_wire_ns: outside, wire_to_wire_absent: absent, inside_ns: inside } = report;
  console.log(`  wire to wire, seen from outside  ${outside ? figures(outside) : `absent: ${absent}`}`);
  console.log(`  the program's own claim of it    ${figures(inside)}`);
  const troubles = [...rounds.typescript, ...rounds.baseline].flatMap(({ troubles }) => troubles);
  for (const trouble of new Set(troubles)) console.log(`  ${trouble}`);
}
