/**
 * Every receive path, wait mode and way to send on one wire, measured in turns:
 *
 *   deno task compare [--peer] [--json] [--only xdp,udp] [--rounds 3] [--rate 10000] [--seconds 1] [--svg FILE]
 *
 * Latency is one way, from the sender's stamp in the payload to the return of a strategy in TypeScript (and, beside
 * it, of a sink in C); both ends share the clock. Throughput is the highest rate at which nothing was lost. The sender
 * has one core, the receiver another. --peer runs sockperf's ping-pong (and xdp-bench where it works) between our
 * rows, and our own ping-pong beside them. Rounds are interleaved; figures are medians over the rounds.
 */
import { parseArgs } from "node:util";
import { machine, Namespaces, pin } from "hotpath";
import { cases, nameOf } from "./compare/cases.ts";
import { makeCapture } from "./compare/capture.ts";
import { PEERS } from "./compare/peers.ts";
import { machineLine, pictureOf, printComparison } from "./compare/report.ts";
import { compare } from "./compare/rounds.ts";
import { RECEIVER_CORE } from "./compare/wire.ts";

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`Cannot use --${name}=${text}: a number above 0 is needed`);
  return value;
}

function configure(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      peer: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      rounds: { type: "string", default: "3" },
      rate: { type: "string", default: "10000" },
      seconds: { type: "string", default: "1" },
      svg: { type: "string", default: "" },
    },
  });
  const only = values.only.split(",").filter((word) => word !== "");
  const chosen = cases().filter((kind) =>
    only.length === 0 || only.some((word) => nameOf(kind).split(/[ →=]+/).includes(word))
  );
  if (chosen.length === 0) {
    throw new TypeError(`Cannot compare --only=${values.only}: no row has that word; see the table's names`);
  }
  return {
    ...values,
    chosen,
    rounds: positive("rounds", values.rounds),
    rate: positive("rate", values.rate),
    seconds: positive("seconds", values.seconds),
  };
}

async function main(args: string[]): Promise<void> {
  const { chosen, peer, json, svg, rounds, rate, seconds } = configure(args);
  pin(RECEIVER_CORE);
  await using wire = await Namespaces.up();
  const on = machine();
  const terminal = Deno.stderr.isTerminal();
  const note = (text: string) =>
    terminal && Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  await using capture = await makeCapture();
  const { rows, peers } = await compare(
    { wire, rounds, rate, seconds, capture: capture.path, progress: note },
    chosen,
    peer ? PEERS : [],
  );
  note("");
  const title = `One-way latency at ${rate.toLocaleString("en")} datagrams/s`;
  if (svg) await Deno.writeTextFile(svg, pictureOf(rows, `${title}, strategy in TypeScript included`));
  if (json) console.log(JSON.stringify({ rows: rows.map(({ row }) => row), peers, machine: on }));
  else printComparison(rows, peers, `${title}, ${rounds} rounds of ${seconds} s (${machineLine(on)})`);
}

await main(Deno.args).catch((error) => {
  console.error((error as Error).message);
  Deno.exit(1);
});
