/**
 * The whole chain: a MoldUDP64 datagram of 20 ITCH messages through rx=pcap, feed, books and the event a strategy in
 * TypeScript gets, in ns a message, layer by layer. Each layer is measured with all those before it, in interleaved
 * rounds, so that what a layer adds is the difference of two rows.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { Engine, KIND, runInline } from "hotpath";
import { SHARED } from "../tests/fixture.ts";
import { aaplMessages, makeMessages, moldCapture } from "../tests/feed/moldudp.ts";
import { compete, say } from "./rounds.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const HOUR = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;
const TO = { address: "233.54.12.111", port: 26400 };
const PER_DATAGRAM = 20;
const ROUNDS = 15;

/** One pass of the native program: ns a message, each layer with those before it. */
interface Pass {
  messages: number;
  rx: number;
  feed: number;
  books: number;
}

function nativePass(file: string): Pass {
  const args = [file, TO.address, String(TO.port), "3"]; // the first two warm up
  const { stdout, stderr, success } = new Deno.Command(`${NATIVE}build/bench/chain_bench`, { args })
    .outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!) as Pass;
}

function open(file: string): Engine {
  return Engine.open({
    feed: `udp://${TO.address}:${TO.port}?feed=itch50&via=pcap&speed=flat&file=${file}`,
    spinTurns: 1,
  });
}

/** The native loop: books and events, nobody to see them. */
function viaRun(file: string): number {
  using engine = open(file);
  const start = performance.now();
  while (engine.runArmed(1000) !== KIND.END);
  return ((performance.now() - start) * 1e6) / engine.feed.stream.counters.delivered;
}

/** Events a strategy in TypeScript has seen, so that nothing of it can be left out. */
const seen = { events: 0, sum: 0 };
const counting = {
  onBook({ bid, ask }: { bid: number; ask: number }) {
    seen.events++;
    seen.sum += ask - bid;
  },
};

async function viaStrategy(file: string): Promise<number> {
  using engine = open(file);
  let start = 0;
  await runInline(engine, { ...counting, onStart: () => void (start = performance.now()) });
  return ((performance.now() - start) * 1e6) / engine.feed.stream.counters.delivered;
}

/** Runs it. */
export async function bench(): Promise<void> {
  const make = new Deno.Command("make", { args: ["-s", "bench"], cwd: NATIVE, stderr: "inherit" });
  if (!make.outputSync().success) throw new Error("Cannot build the native benchmark: see above");
  const messages = existsSync(HOUR) ? await aaplMessages(HOUR) : makeMessages(88_000);
  if (!existsSync(HOUR)) say(`${HOUR} is absent: plays made-up orders of one symbol`);
  const file = await Deno.makeTempFile({ prefix: "hotpath-chain-", suffix: ".pcap" });
  try {
    await Deno.writeFile(
      file,
      moldCapture(messages, { to: `${TO.address}:${TO.port}`, perDatagram: PER_DATAGRAM }),
    );
    for (let i = 0; i < 10; i++) await viaStrategy(file); // until V8 has compiled the way
    let pass = nativePass(file);
    say(`${pass.messages} messages, ${PER_DATAGRAM} a datagram`);
    await compete("ns a message", [
      { name: "rx: the capture alone", round: () => (pass = nativePass(file)).rx },
      { name: "+ stream, decoder", round: () => pass.feed },
      { name: "+ books (order by order)", round: () => pass.books },
      { name: "+ loop and event (hp_engine_run)", round: () => viaRun(file) },
      { name: "+ call and strategy in TypeScript", round: () => viaStrategy(file) },
    ], ROUNDS);
  } finally {
    await Deno.remove(file);
  }
}
