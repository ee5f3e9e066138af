/** Interleaved rounds over every case and every peer, and what they come to. @module */
import { Histogram, type Namespaces, type Percentiles } from "hotpath";
import { type Case, nameOf } from "./cases.ts";
import { beforeLoss, drop, playCapture, run } from "./measure.ts";
import type { Peer } from "./peers.ts";

/** How much is measured. */
export interface Plan {
  /** The wire. */
  wire: Namespaces;
  /** A capture of the generator's traffic, for rx=pcap. */
  capture: string;
  /** Rounds. */
  rounds: number;
  /** Datagrams a second of the latency runs. */
  rate: number;
  /** Length of a latency run, s. */
  seconds: number;
  /** Told what is being measured. */
  progress(what: string): void;
}

/** One-way latency of a row, ns: medians over the rounds, and the least and largest median of a round. */
export interface OneWay extends Percentiles {
  /** Least p50 of a round. */
  p50_lo: number;
  /** Largest p50 of a round. */
  p50_hi: number;
}

/** One row of the comparison, as `--json` prints it. Measures that a row does not have are null. */
export interface Row {
  rx: string;
  tx: string;
  wait: string;
  options: Record<string, string>;
  available: boolean;
  why: string | null;
  one_way_ns: OneWay | null;
  /** The same with a sink in C instead of the strategy in TypeScript. */
  c_sink_ns: OneWay | null;
  kpps_before_loss: number | null;
  /** Drop mode: thousands a second received and given back unread. */
  kpps_drop: number | null;
  /** Datagrams lost in the latency runs. */
  lost: number | null;
  /** Datagrams lost flat out, where that is above what the row takes. */
  lost_flat_out: number | null;
  /** Share of its core the receiver used in the latency runs. */
  cpu: number | null;
}

/** A row and the distribution that its picture is drawn from. */
export interface Measured {
  case: Case;
  row: Row;
  histogram: Histogram;
}

/** What a peer came to. */
export interface PeerRow {
  name: string;
  measures: string;
  available: boolean;
  why: string | null;
  ns: { p50: number; p99: number; p50_lo: number; p50_hi: number } | null;
  kpps: number | null;
}

interface Notes {
  typescript: Histogram[];
  c: Histogram[];
  kpps: number[];
  drop: number[];
  cpu: number[];
  lost: number;
  lostFlat: number;
  why: string | undefined;
}

const REHEARSAL_RATE = 50_000;

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const sentence = (error: unknown) => error instanceof Error ? error.message : String(error);

function oneWay(rounds: Histogram[]): OneWay | null {
  const told = rounds.filter(({ count }) => count > 0).map(({ percentiles }) => percentiles);
  if (told.length === 0) return null;
  const p50s = told.map(({ p50 }) => p50);
  return {
    p50: median(p50s),
    p99: median(told.map(({ p99 }) => p99)),
    p999: median(told.map(({ p999 }) => p999)),
    max: Math.max(...told.map(({ max }) => max)),
    p50_lo: Math.min(...p50s),
    p50_hi: Math.max(...p50s),
  };
}

async function measure(plan: Plan, kind: Case, notes: Notes, round: number): Promise<void> {
  const { wire, rate, seconds } = plan;
  if (kind.measures.latency) {
    // Who goes first changes: what the machine does in between hits both alike.
    const deciders = ["typescript", "c"] as const;
    for (const decider of round % 2 ? deciders.toReversed() : deciders) {
      const { oneWay, lost, cpu } = await run(wire, kind, { rate, seconds }, decider);
      notes[decider].push(oneWay);
      if (decider !== "typescript") continue;
      notes.lost += lost;
      notes.cpu.push(cpu);
    }
  }
  if (kind.measures.throughput) {
    const { kpps, lost } = kind.rx === "pcap"
      ? await playCapture(wire, kind, plan.capture)
      : await beforeLoss(wire, kind, seconds / 4);
    notes.kpps.push(kpps);
    notes.lostFlat = Math.max(notes.lostFlat, lost);
  }
  if (kind.measures.drop) notes.drop.push(await drop(wire, kind, seconds));
}

/** V8 compiles the strategy on the core of the sender: before anything is measured. */
async function rehearse({ wire, seconds }: Plan, kinds: readonly Case[]): Promise<void> {
  const kind = kinds.find(({ why, measures }) => why === undefined && measures.latency);
  if (kind) await run(wire, kind, { rate: REHEARSAL_RATE, seconds }, "typescript").catch(() => {});
}

function rowOf(kind: Case, notes: Notes): Row {
  const { rx, tx, wait, options, measures } = kind;
  const available = notes.why === undefined;
  return {
    rx,
    tx,
    wait,
    options,
    available,
    why: notes.why ?? null,
    one_way_ns: oneWay(notes.typescript),
    c_sink_ns: oneWay(notes.c),
    kpps_before_loss: available && measures.throughput ? median(notes.kpps) : null,
    kpps_drop: available && measures.drop ? median(notes.drop) : null,
    lost: available && measures.latency ? notes.lost : null,
    lost_flat_out: available && measures.throughput ? notes.lostFlat : null,
    cpu: available && measures.latency ? median(notes.cpu) : null,
  };
}

/** Measures every case in turn, `rounds` times over. What cannot run here is said once and left out. */
export async function compare(plan: Plan, kinds: readonly Case[], peers: readonly Peer[]): Promise<{
  rows: Measured[];
  peers: PeerRow[];
}> {
  const all = kinds.map((kind): { kind: Case; notes: Notes } => ({
    kind,
    notes: { typescript: [], c: [], kpps: [], drop: [], cpu: [], lost: 0, lostFlat: 0, why: kind.why },
  }));
  const others = peers.map((peer) => ({ peer, rounds: [] as Awaited<ReturnType<Peer["round"]>>[], why: "" }));
  await rehearse(plan, kinds);
  for (let round = 0; round < plan.rounds; round++) {
    for (const { kind, notes } of all.filter(({ notes }) => notes.why === undefined)) {
      plan.progress(`round ${round + 1} of ${plan.rounds}: ${nameOf(kind)}`);
      await measure(plan, kind, notes, round).catch((error) => notes.why = sentence(error));
    }
    for (const other of others.filter(({ why }) => why === "")) {
      plan.progress(`round ${round + 1} of ${plan.rounds}: ${other.peer.name}`);
      try {
        other.rounds.push(await other.peer.round(plan.wire, plan.seconds, plan.rate));
      } catch (error) {
        other.why = sentence(error);
      }
    }
  }
  return {
    rows: all.map(({ kind, notes }) => ({
      case: kind,
      row: rowOf(kind, notes),
      histogram: Histogram.merge(notes.typescript),
    })),
    peers: others.map(({ peer, rounds, why }) => peerRow(peer, rounds, why)),
  };
}

function peerRow(
  { name, measures }: Peer,
  rounds: Awaited<ReturnType<Peer["round"]>>[],
  why: string,
): PeerRow {
  const p50s = rounds.flatMap(({ p50 }) => p50 ?? []);
  const kpps = rounds.flatMap(({ kpps }) => kpps ?? []);
  return {
    name,
    measures,
    available: why === "",
    why: why || null,
    ns: p50s.length === 0 ? null : {
      p50: median(p50s),
      p99: median(rounds.flatMap(({ p99 }) => p99 ?? [])),
      p50_lo: Math.min(...p50s),
      p50_hi: Math.max(...p50s),
    },
    kpps: kpps.length === 0 ? null : median(kpps),
  };
}
