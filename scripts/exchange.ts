/**
 * The exchange alone: for a second machine, or a namespace of one's own.
 *
 *   deno task exchange [--data FILE] [--group 239.255.0.1] [--port 12345] [--listen 0.0.0.0] [--order-port 9012]
 *                      [--if NAME] [--netns NAME] [--rate 20000 | --recorded 1 | --flat] [--datagrams 0] [--pack 5]
 *                      [--loss 0] [--duplicate 0] [--reorder 0] [--seed 1] [--log orders.csv] [--once] [--cpu -1]
 *
 * Waits for an order-entry connection, sends the snapshot, then the rest, and logs every order (trigger → latency) to
 * the CSV; --log= logs none.
 * Ends with Ctrl-C, or with --once after one session.
 */
import { numberOf } from "./arguments.ts";
import { parseArgs } from "node:util";
import { Exchange, type Pace, Tape } from "hotpath";
import { netnsPath } from "../lib/endpoint.ts";

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
      flat: flag,
      once: flag,
    },
  });
  const number = (name: keyof typeof values, otherwise: number) => numberOf(name, values[name], otherwise);
  const pace: Pace = values.flat
    ? "flat"
    : values.recorded !== undefined
    ? { recorded: number("recorded", 1) }
    : { rate: number("rate", 20_000) };
  return {
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
    const { data, pack, options } = configure(Deno.args);
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
