/**
 * The exchange alone: for a second machine, or a namespace of one's own.
 *
 *   deno task exchange [--data FILE] [--group 239.255.0.1] [--port 12345] [--listen 0.0.0.0] [--order-port 9012]
 *                      [--if NAME] [--netns NAME] [--rate 20000 | --recorded 1 | --flat] [--datagrams 0] [--pack 5]
 *                      [--loss 0] [--duplicate 0] [--reorder 0] [--seed 1] [--log orders.csv] [--once] [--cpu -1]
 *
 * or, as MoldUDP64 on two lines with a re-request and a snapshot server,
 *
 *   deno task exchange --itch FILE|generated [--line-a udp://GROUP:PORT?if=… [--line-b udp://…|'']] [--if NAME]
 *                      [--listen 0.0.0.0] [--request-port 18000] [--snapshot-port 18001] [--netns NAME]
 *                      [--faults-a 'loss=0.01&duplicate=0&reorder=0&distance=1&skewUs=0'] [--faults-b …]
 *                      [--answers 'delayUs=0&loss=0&refuse=0'] [--session HOTPATH001] [--pack 0] [--symbols 1]
 *                      [--recorded 1 | --rate N | --flat] [--seed 1] [--once] [--cpu -1]
 *
 * Waits for an order-entry connection, sends the snapshot, then the rest, and logs every order (trigger → latency) to
 * the CSV; --log= logs none. With --itch it publishes at once: ITCH 5.0 (plain or .gz), a Tardis CSV, or a made market.
 * Ends with Ctrl-C, or with --once after one session.
 */
import { numberOf } from "./arguments.ts";
import { parseArgs } from "node:util";
import { Exchange, type Pace, Tape } from "hotpath";
import { netnsPath } from "../lib/endpoint.ts";
import { publish, type PublishArguments } from "./exchange/publish.ts";

/** Options that only one of the two knows: to the other they would be a wish nobody hears. */
const OF_THE_TAPE = [
  "data",
  "group",
  "port",
  "order-port",
  "datagrams",
  "loss",
  "duplicate",
  "reorder",
  "log",
];
const OF_ITCH = [
  "line-a",
  "line-b",
  "request-port",
  "snapshot-port",
  "faults-a",
  "faults-b",
  "answers",
  "session",
  "symbols",
];

function refuseUnheard(values: Record<string, unknown>): void {
  const [others, why] = values.itch === undefined
    ? [OF_ITCH, "it belongs to --itch"]
    : [OF_THE_TAPE, "it does not belong to --itch, whose lines have --faults-a, --line-a and so on"];
  const unheard = others.find((name) => values[name] !== undefined);
  if (unheard) throw new TypeError(`Cannot use --${unheard}: ${why}`);
}

function configure(args: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args,
    options: {
      data: text,
      group: text,
      listen: text,
      if: text,
      netns: text,
      log: text,
      port: text,
      "order-port": text,
      rate: text,
      recorded: text,
      datagrams: text,
      pack: text,
      loss: text,
      duplicate: text,
      reorder: text,
      seed: text,
      cpu: text,
      itch: text,
      "line-a": text,
      "line-b": text,
      "request-port": text,
      "snapshot-port": text,
      "faults-a": text,
      "faults-b": text,
      answers: text,
      session: text,
      symbols: text,
      flat: flag,
      once: flag,
    },
  });
  refuseUnheard(values);
  const number = (name: keyof typeof values, otherwise: number) => numberOf(name, values[name], otherwise);
  const asked = values.flat || values.recorded !== undefined || values.rate !== undefined;
  const pace: Pace = values.flat
    ? "flat"
    : values.recorded !== undefined
    ? { recorded: number("recorded", 1) }
    : { rate: number("rate", 20_000) };
  const itch: PublishArguments | undefined = values.itch === undefined ? undefined : {
    itch: values.itch,
    lineA: values["line-a"],
    // Who names line A has named the lines: the default B goes with the default A only.
    lineB: values["line-b"] ?? (values["line-a"] === undefined ? undefined : ""),
    ifname: values.if ?? "",
    netns: netnsPath(values.netns ?? ""),
    listen: values.listen ?? "0.0.0.0",
    requestPort: number("request-port", 18000),
    snapshotPort: number("snapshot-port", 18001),
    faultsA: values["faults-a"] ?? "",
    faultsB: values["faults-b"] ?? "",
    answers: values.answers ?? "",
    pack: number("pack", 0),
    pace: asked ? pace : undefined,
    seed: number("seed", 1),
    symbols: number("symbols", 1),
    session: values.session ?? "HOTPATH001",
    cpu: number("cpu", -1),
    once: values.once,
  };
  return {
    itch,
    data: values.data,
    pack: number("pack", 5),
    options: {
      pace,
      group: values.group ?? "239.255.0.1",
      port: number("port", 12345),
      listen: values.listen ?? "0.0.0.0",
      orderPort: number("order-port", 9012),
      ifname: values.if ?? "",
      netns: netnsPath(values.netns ?? ""),
      limit: number("datagrams", 0),
      loss: number("loss", 0),
      duplicate: number("duplicate", 0),
      reorder: number("reorder", 0),
      seed: number("seed", 1),
      cpu: number("cpu", -1),
      log: values.log ?? "orders.csv",
      once: values.once,
    },
  };
}

async function main(): Promise<void> {
  let stopped = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stopped = true);
  try {
    const { itch, data, pack, options } = configure(Deno.args);
    if (itch) {
      await publish(itch, () => stopped);
      Deno.exit();
    }
    using tape = data ? Tape.load(data, pack) : Tape.generate({ seed: options.seed }, pack);
    console.log(tape);
    console.log(
      `Quantity scale ${tape.info.qtyScale}: strategies add qty=${tape.info.qtyScale} to their feed endpoint`,
    );
    for (const trouble of tape.troubles) console.log(trouble);
    using exchange = Exchange.open({ tape, ...options });
    console.log(
      `Waits for orders on ${options.listen}:${options.orderPort}, sends to ${options.group}:${options.port}`,
    );
    for (let state = ""; !stopped && exchange.running;) {
      if (exchange.state !== state) console.log(state = exchange.state);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    exchange.close();
    console.log(exchange);
    if (exchange.tickToOrder.count) console.log("tick to order", exchange.tickToOrder);
    for (const trouble of exchange.troubles) console.log(trouble);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}

await main();
