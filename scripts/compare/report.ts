/** The comparison as people read it: a table a kind of figure, and a picture. @module */
import { formatNs, type Machine, percentilePlot } from "hotpath";
import { drawTable } from "../../lib/measure/print.ts";
import { nameOf } from "./cases.ts";
import type { Measured, PeerRow } from "./rounds.ts";

const dash = "–";
const kilo = (kpps: number | null) => kpps === null ? dash : `${Math.round(kpps).toLocaleString("en")} k/s`;

/** Prints rows, peers, and what could not run with its reason. */
export function printComparison(rows: readonly Measured[], peers: readonly PeerRow[], what: string): void {
  console.log(what);
  console.log(drawTable(
    [
      "sender → receiver",
      "one way p50",
      "rounds",
      "p99",
      "p99.9",
      "C sink p50",
      "before loss",
      "lost",
      "cpu",
    ],
    rows.filter(({ row }) => row.available && row.kpps_drop === null).map(({ case: kind, row }) => [
      nameOf(kind),
      row.one_way_ns ? formatNs(row.one_way_ns.p50) : dash,
      row.one_way_ns ? `${formatNs(row.one_way_ns.p50_lo)} .. ${formatNs(row.one_way_ns.p50_hi)}` : dash,
      row.one_way_ns ? formatNs(row.one_way_ns.p99) : dash,
      row.one_way_ns ? formatNs(row.one_way_ns.p999) : dash,
      row.c_sink_ns ? formatNs(row.c_sink_ns.p50) : dash,
      kilo(row.kpps_before_loss),
      row.lost === null ? dash : String(row.lost),
      row.cpu === null ? dash : `${Math.round(100 * row.cpu)} %`,
    ]),
  ));
  for (const { case: kind, row } of rows) {
    if (row.kpps_drop !== null) console.log(`drop mode, ${nameOf(kind)}: ${kilo(row.kpps_drop)}`);
  }
  if (peers.length) printPeers(peers);
  const absent = [
    ...rows.filter(({ row }) => !row.available).map(({ case: kind, row }) => `${nameOf(kind)}: ${row.why}`),
    ...peers.filter(({ available }) => !available).map(({ name, why }) => `${name}: ${why}`),
  ];
  if (absent.length) console.log(`\nnot here:\n${absent.map((line) => `  ${line}`).join("\n")}`);
}

function printPeers(peers: readonly PeerRow[]): void {
  console.log("\nOther programs on the same wire, and our ping-pong; both sides spin unless said");
  console.log(drawTable(
    ["program", "measures", "p50", "rounds", "p99", "rate"],
    peers.filter(({ available }) => available).map(({ name, measures, ns, kpps }) => [
      name,
      measures,
      ns ? formatNs(ns.p50) : dash,
      ns ? `${formatNs(ns.p50_lo)} .. ${formatNs(ns.p50_hi)}` : dash,
      ns ? formatNs(ns.p99) : dash,
      kilo(kpps),
    ]),
    2,
  ));
}

/** One line: what the figures were taken on. */
export function machineLine({ cores, cpu, kernel, deno }: Machine): string {
  return `${cores} cores, ${cpu}, Linux ${kernel}, Deno ${deno}`;
}

/** What a picture has room for: one sender against every receiver, and the ways into xdp; no look-alikes. */
const drawn = ({ row, case: { rx, tx, wait, options } }: Measured) =>
  row.available && Object.keys(options).length === 0 && wait !== "busy-poll" &&
  (tx === "udp" || rx === "xdp");

/** The latency distributions in one picture: pairs of sender and receiver in colours, sleeping ones dashed. */
export function pictureOf(rows: readonly Measured[], title: string): string {
  return percentilePlot(
    title,
    rows.filter(drawn)
      .map(({ case: kind, histogram }) => ({
        name: nameOf(kind),
        histogram,
        dashed: kind.wait !== "spin",
        group: `${kind.tx} ${kind.rx}`,
      })),
  );
}
