/**
 * Traffic: numbered, stamped market data on any transmit path.
 *
 *   deno task generate [--to 'udp://239.255.0.1:12345?via=packet&if=eth1'] [--rate 10000 | --rate flat] [--count 0]
 *                      [--seconds 0] [--records 1] [--first 0] [--file FILE] [--spin] [--json]
 *                      [--via udp] [--rx udp]
 *
 * --file sends a market-data file (Tardis CSV) or the payloads of a capture (pcap, pcapng), both plain or .gz, instead of
 * the book pattern. Without --to it raises a lab of its own,
 * fills the wire by --via for three seconds (or as bounded), receives by --rx and shows that what was sent is what was
 * delivered and what was lost. With --to and no bound it ends with Ctrl-C.
 */
import { numberOf } from "./arguments.ts";
import { parseArgs } from "node:util";
import { Engine, formatCount, formatNs, Namespaces, Tape, Traffic, type TrafficOptions } from "hotpath";

const GROUP = "239.255.0.1:12345";

function configure(args: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args,
    options: {
      to: text,
      via: text,
      rx: text,
      rate: text,
      count: text,
      seconds: text,
      records: text,
      first: text,
      file: text,
      spin: flag,
      json: flag,
    },
  });
  const number = (name: keyof typeof values, otherwise: number) => numberOf(name, values[name], otherwise);
  if (values.to !== undefined && (values.via ?? values.rx) !== undefined) {
    throw new TypeError("Cannot use --via or --rx with --to: the endpoint says how, add via= to it");
  }
  const count = number("count", 0);
  const bounded = count > 0 || values.seconds !== undefined || values.to !== undefined;
  const via = values.via ?? "udp";
  const rate = values.rate === "flat" ? "flat" as const : number("rate", 10_000);
  return {
    to: values.to,
    via,
    // The kernel's own generator needs a receiver whose end of the wire takes XDP frames.
    rx: values.rx ?? (via === "kernel" ? "xdp" : "udp"),
    file: values.file,
    json: values.json,
    options: {
      rate,
      count,
      seconds: bounded ? number("seconds", 0) : 3,
      records: number("records", 1),
      firstSeq: number("first", 0),
      spin: values.spin,
    },
  };
}

let stopped = false;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Tells how it goes until it is over. */
async function follow(traffic: Traffic, quiet: boolean): Promise<void> {
  const shown = !quiet && Deno.stdout.isTerminal();
  while (traffic.running && !stopped) {
    await pause(100);
    if (!shown) continue;
    const { sent, failed } = traffic.tx;
    const line = `${formatCount(sent)} sent, ${formatCount(Math.round(traffic.rate))}/s, ${failed} failed`;
    Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));
  }
  if (shown) Deno.stdout.writeSync(new TextEncoder().encode("\r\x1b[K"));
  traffic.close();
  if (traffic.trouble) throw new Error(traffic.trouble);
}

/** What was sent, as one object. */
function summary(traffic: Traffic) {
  const { p50, p99, p999, max } = traffic.sendCost.percentiles;
  return {
    via: traffic.settings.endpoint.via,
    note: traffic.note,
    ...traffic.counters,
    ...traffic.tx,
    elapsed_ns: traffic.elapsedNs,
    rate: traffic.rate,
    send_ns: { p50, p99, p999, max },
  };
}

/** Everything that was sent has been delivered or is known to be lost, or nothing more comes. */
async function settle(engine: Engine, records: number): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 20; quiet++) {
    const { delivered, lost, datagrams } = engine.feed.counters;
    if (delivered + lost >= records) return;
    if (datagrams !== before) quiet = 0;
    before = datagrams;
    await pause(50);
  }
}

/** What a receiver made of it, as one object. */
function received(engine: Engine, records: number) {
  const { delivered, lost, gaps, duplicates } = engine.feed.counters;
  const { p50, p99, p999, max } = engine.oneWay.percentiles;
  return {
    via: engine.feed.endpoint.via,
    note: engine.feed.note,
    delivered,
    lost,
    gaps,
    duplicates,
    unseen: records - delivered - lost,
    dropped: engine.feed.rx.dropped,
    one_way_ns: { p50, p99, p999, max },
  };
}

function report(traffic: Traffic, engine?: Engine): void {
  console.log(traffic);
  for (const trouble of traffic.troubles) console.log(trouble);
  if (!engine) return;
  const { records } = traffic.counters;
  const { delivered, lost, unseen, one_way_ns: { p50, p99 } } = received(engine, records);
  const tail = unseen ? ` + ${formatCount(unseen)} after the last that arrived` : "";
  console.log(
    `Received via ${engine.feed.endpoint.via}: ${formatCount(records)} records sent = ` +
      `${formatCount(delivered)} delivered + ${formatCount(lost)} lost${tail}`,
  );
  console.log(`  one way, stamp to strategy: p50 ${formatNs(p50)}, p99 ${formatNs(p99)}`);
  for (const trouble of engine.feed.troubles) console.log(trouble);
}

type Configuration = ReturnType<typeof configure>;

async function send(to: string, options: Omit<TrafficOptions, "to">, json: boolean): Promise<void> {
  using traffic = Traffic.open({ ...options, to });
  await follow(traffic, json);
  if (json) console.log(JSON.stringify({ sent: summary(traffic) }));
  else report(traffic);
}

/** A wire of its own: fills it and listens at the other end. */
async function loop({ via, rx, json }: Configuration, options: Omit<TrafficOptions, "to">): Promise<void> {
  await using pair = await Namespaces.up();
  const wait = navigator.hardwareConcurrency >= 4 ? "spin" : "block";
  const qty = options.tape?.info.qtyScale ?? 1;
  const at = (name: string) => `if=${name}&netns=${name}`;
  using engine = Engine.open({
    feed: `udp://${GROUP}?via=${rx}&wait=${wait}&qty=${qty}&${at(pair.strategy)}`,
  });
  engine.start();
  using traffic = Traffic.open({ ...options, to: `udp://${GROUP}?via=${via}&${at(pair.exchange)}` });
  await follow(traffic, json);
  const { records } = traffic.counters;
  await settle(engine, records);
  engine.stop(); // its last counters are in
  if (json) console.log(JSON.stringify({ sent: summary(traffic), received: received(engine, records) }));
  else report(traffic, engine);
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stopped = true);
  try {
    const configuration = configure(Deno.args);
    const { to, file, json, options } = configuration;
    const isCapture = file !== undefined && /\.(pcap|pcapng|cap)(\.gz)?$/.test(file);
    using tape = file && !isCapture ? Tape.load(file, 5) : undefined;
    const what = { ...options, tape, capture: isCapture ? file : "" };
    if (to === undefined) await loop(configuration, what);
    else await send(to, what, json);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}

await main();
