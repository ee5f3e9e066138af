/**
 * The shell's verbs, and the lab and engine they work on. Everything here is a few calls of the library in the order
 * a person wants them; nothing here is needed by a program.
 *
 * @module
 */
import {
  type Book,
  Engine,
  type IsolatedRun,
  Lab,
  type LabEngineOptions,
  type LabListenOptions,
  type LabOptions,
  type LabPublisherOptions,
  type ObserveEntry,
  Observer,
  type Publisher,
  replayOf,
  type ReplayOptions,
  runIsolated,
  type RxPath,
} from "../mod.ts";
import { Hint } from "./page.ts";

/** Datagrams a second when nothing else is said: the book moves, and a session lasts minutes. */
const CALM = { rate: 500 };
const SNAPSHOT_MS = 1000;
const ROOT = new URL("../", import.meta.url);

let raised: Lab | undefined;
let opened: Engine | undefined;
let observing: Observer | undefined;
let publishing: Publisher | undefined;

/** The raised lab. */
export function theLab(): Lab {
  if (!raised?.isUp) throw new Hint("no lab is up; `await up()` raises one");
  return raised;
}

/** The engine opened last; one that plays a capture needs no lab. */
export function theEngine(): Engine {
  if (opened?.open) return opened;
  theLab();
  throw new Hint(
    'no engine is open; `open("udp")` or `open("xdp")` opens one, `replay("FILE")` plays a capture',
  );
}

/** The book of the engine opened last. */
export function theBook(): Book {
  return theEngine().book;
}

/** The observer opened last. */
export function theObserver(): Observer {
  if (!observing?.open) throw new Hint("nobody observes; `observe()` does");
  return observing;
}

/** The publisher started last. */
export function thePublisher(): Publisher {
  theLab();
  if (!publishing?.open) throw new Hint("nobody publishes ITCH; `publish()` does");
  return publishing;
}

/**
 * Raises the lab: two network namespaces with a wire between them and an exchange that plays a market. Options:
 * data (a Tardis CSV, plain or .gz; left out: a seeded market), pace ({ rate: 500 } datagrams a second by default,
 * { recorded: 1 }, "flat"), loss, duplicate, reorder (shares, 0 to 1), seed.
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  if (raised?.isUp) throw new Hint("a lab is up already; `await down()` takes it down");
  raised = await Lab.up({ pace: CALM, ...options });
  return raised;
}

/**
 * Opens an engine (feed, book, order entry) in the lab over a receive path, "udp", "uring", "xdp" or "packet", and
 * starts it. An engine that is open already is closed: the exchange serves one order session, and XDP takes the feed
 * away from sockets. `lab.open()` opens another all the same. Returns when the snapshot is in the book.
 */
export function open(via: RxPath = "udp", options: LabEngineOptions = {}): Engine {
  const lab = theLab();
  for (const engine of lab.engines) engine.close();
  observing?.close(); // else its XDP program would be in the engine's way
  opened = lab.open(via, options).start();
  awaitSnapshot(opened, lab.tape.info.snapshotRecords);
  return opened;
}

/**
 * Opens an engine on what `publish()` sends (ITCH on lines A and B, re-requests, snapshots), over a receive path, and
 * starts it; an engine that is open already is closed. Then `engine.books`, `engine.feed.lines`, `engine.feed.report`,
 * `engine.feed.stream`. Options: lineB, requests or snapshots `undefined` to go without; symbols, recovery.
 */
export function listen(via: RxPath = "udp", options: LabListenOptions = {}): Engine {
  const lab = theLab();
  thePublisher();
  opened?.close();
  for (const engine of lab.engines) engine.close();
  observing?.close();
  return opened = lab.listen(via, options).start();
}

/** Blocks: the engine has a thread of its own, and so the person needs no await. */
function awaitSnapshot(engine: Engine, records: number): void {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + SNAPSHOT_MS;
  while (engine.loops < records && performance.now() < deadline) Atomics.wait(nap, 0, 0, 1);
}

/**
 * Starts a strategy script at the open engine, isolated: in a process of its own, without any permission. A path is
 * looked up from the project's folder. Parameters are the strategy's own.
 */
export async function run(script: string, params: Record<string, unknown> = {}): Promise<IsolatedRun> {
  const started = await runIsolated(theEngine(), new URL(script, ROOT).href, { params });
  started.ended.then(({ killed }) => {
    if (killed) console.log(`${script}: ${killed}`);
  });
  return started;
}

/**
 * Plays a capture (pcap, pcapng, plain or .gz; two: lines A and B) through the code a live feed goes through, on an engine of
 * its own that is `engine` from then on. Options: speed (1 as recorded; "flat", the default, without waiting), to (which flow),
 * feed, qtyScale. Another engine that is open is closed.
 */
export function replay(captures: string | [string, string], options: ReplayOptions = {}): Engine {
  const lines = replayOf(captures, { wait: "block", ...options });
  opened?.close();
  return opened = Engine.open(lines).start();
}

/**
 * Observes the open engine from outside: the kernel stamps market data where it enters the strategy's interface and
 * orders where they leave it. The entry is "auto" (XDP, where the hook is free) or "tc", which leaves the packets' way
 * as it is.
 */
export function observe(entry: ObserveEntry = "auto"): Observer {
  const engine = theEngine();
  observing?.close();
  return observing = Observer.open(engine, entry);
}

/**
 * Publishes ITCH 5.0 in the lab as MoldUDP64: lines A and B, re-requests, snapshots. Options: source (an ITCH file,
 * plain or .gz, or a seeded market of { seed, records, levels, symbols }), faults ({ a: { loss: 0.01 }, b: … }), pace
 * ({ recorded: 1 } by default, { rate: 500 } datagrams a second, "flat"), hold (nothing before `publisher.go()`). A
 * publisher that runs already is closed.
 */
export function publish(options: LabPublisherOptions = {}): Publisher {
  const lab = theLab();
  publishing?.close();
  return publishing = lab.publish(options);
}

/** Takes the lab down: observer, engines, exchange, namespaces. */
export async function down(): Promise<Lab> {
  const lab = theLab();
  observing?.close();
  await lab.down();
  return lab;
}

/** {@linkcode down} when nobody waits any more. */
export function leave(): void {
  observing?.close();
  opened?.close();
  raised?.downNow();
}
