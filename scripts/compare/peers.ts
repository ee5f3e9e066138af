/** Other people's programs on the same wire, and our ping-pong to hold against theirs. @module */
import { EXCHANGE_ADDRESS, type Namespaces, pingPong, STRATEGY_ADDRESS } from "hotpath";
import { SENDER_CORE } from "./wire.ts";

/** What a peer measured in one round. */
export interface PeerRound {
  /** Round trip or one way, ns; for programs that measure one. */
  p50?: number;
  /** The same at the 99th percentile. */
  p99?: number;
  /** Thousand packets a second; for programs that measure that. */
  kpps?: number;
}

/** A program to be compared with, or ours in its place. */
export interface Peer {
  /** What its row is called: the program and the option that matters. */
  name: string;
  /** What it measures. */
  measures: "round trip" | "one way" | "drop rate";
  /** Runs one round. Throws an Error whose message is why it cannot. */
  round(wire: Namespaces, seconds: number, rate: number): Promise<PeerRound>;
}

const PORT = 11111;
/** Round trips a second of measuring, about what a good path makes. */
const TRIPS = 50_000;
const BARE = new URL("../../native/build/bench/wire_bench", import.meta.url).pathname;
const decoder = new TextDecoder();

/** A command in a namespace, on one core. */
function inside(namespace: string, core: number, command: string[]): Deno.Command {
  return new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "taskset", "-c", String(core), ...command],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function finish(command: Deno.Command, program: string): Promise<string> {
  const { success, stdout, stderr } = await command.output();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  if (success) return text;
  const missing = /No such file or directory/.test(text);
  const why = text.trim().split("\n").findLast((line) => line.trim() !== "")?.trim() ??
    "it ended with an error";
  throw new Error(missing ? `${program} is not installed` : `${program}: ${why}`);
}

function sockperf(name: string, options: string[]): Peer {
  return {
    name: `sockperf ${name}`,
    measures: "round trip",
    async round({ exchange, strategy }, seconds) {
      const common = ["-i", EXCHANGE_ADDRESS, "-p", String(PORT), ...options];
      const server = inside(exchange, 0, ["sockperf", "server", ...common]).spawn();
      try {
        await new Promise((resolve) => setTimeout(resolve, 300)); // it says nothing when it is ready
        const args = [
          "ping-pong",
          ...common,
          "-m",
          "64",
          "-t",
          String(Math.max(1, Math.round(seconds))),
          "--full-rtt",
        ];
        const text = await finish(inside(strategy, 1, ["sockperf", ...args]), "sockperf");
        return { p50: percentile(text, "50.000"), p99: percentile(text, "99.000") };
      } finally {
        try {
          server.kill("SIGINT");
        } catch {
          // It could not even start; the client has said why.
        }
        await server.output();
      }
    },
  };
}

/** `---> percentile 50.000 =    8.365` (µs) in ns. */
function percentile(text: string, which: string): number {
  const found = new RegExp(`percentile ${which.replace(".", "\\.")} *= *([\\d.]+)`).exec(text);
  if (!found) throw new Error(`sockperf printed no percentile ${which}: ${text.trim().split("\n").at(-1)}`);
  return Number(found[1]) * 1000;
}

/** A plain sender and a plain recv() loop in C: what a receive path can cost at least, at the pace of our rows. */
const bare: Peer = {
  name: "bare C loop, udp → recv spin",
  measures: "one way",
  async round({ exchange, strategy }, seconds, rate) {
    const args = [exchange, strategy, String(Math.round(rate)), String(seconds)];
    const command = new Deno.Command(BARE, { args, stdin: "null", stdout: "piped", stderr: "piped" });
    const [p50, p99] = (await finish(command, "wire_bench")).split(" ").map(Number);
    return { p50: p50!, p99: p99! };
  },
};

/** Both sides through the same two paths, as sockperf's both sides go through one kind of socket. */
function ours(rx: "udp" | "xdp", tx: "udp" | "packet"): Peer {
  return {
    name: `hotpath ping-pong ${tx} → ${rx}`,
    measures: "round trip",
    round({ exchange, strategy }, seconds) {
      const at = (address: string, namespace: string, via: string) =>
        `udp://${address}:${PORT}?via=${via}&netns=${namespace}&if=${namespace}`;
      const { roundTrip } = pingPong(
        { rx: at(STRATEGY_ADDRESS, strategy, rx), tx: at(EXCHANGE_ADDRESS, strategy, tx) },
        {
          rx: `${at(EXCHANGE_ADDRESS, exchange, rx)}&cpu=${SENDER_CORE}`,
          tx: at(STRATEGY_ADDRESS, exchange, tx),
        },
        Math.round(seconds * TRIPS),
      );
      return Promise.resolve({ p50: roundTrip.percentile(50), p99: roundTrip.percentile(99) });
    },
  };
}

const xdpBench: Peer = {
  name: "xdp-bench drop",
  measures: "drop rate",
  async round({ strategy }, seconds) {
    const timeout = ["timeout", "-s", "INT", String(seconds), "xdp-bench", "drop", strategy, "-i", "1"];
    const text = await finish(inside(strategy, 1, timeout), "xdp-bench");
    const rates = [...text.matchAll(/([\d,]+) *rx\/s/g)].map(([, n]) => Number(n!.replaceAll(",", "")));
    if (rates.length === 0) throw new Error("xdp-bench: it printed no rate");
    return { kpps: Math.max(...rates) / 1000 };
  },
};

/** The peers, in the order of their rows. */
export const PEERS: readonly Peer[] = [
  bare,
  sockperf("(blocking)", []),
  sockperf("--nonblocked", ["--nonblocked"]),
  sockperf("--lls 50", ["--lls", "50"]),
  ours("udp", "udp"),
  ours("xdp", "packet"),
  xdpBench,
];
