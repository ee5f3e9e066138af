/**
 * Records what a feed receives to a pcapng file, ns stamps, until its session ends, or Ctrl-C.
 *
 *   deno task record --feed='udp://239.255.0.1:12345?if=eth1&stamps=1' --out=session.pcapng [--seconds=60]
 *                    [--orders=tcp://10.77.0.1:9012] [--room=67108864] [--json]
 *
 * --orders opens an order session too: the lab's exchange starts to send when one is connected. --room is how many bytes may
 * wait for the file (a power of two). What the file did not take is counted and said, and the exit code is 1 then.
 */
import { parseArgs } from "node:util";
import { Engine, formatCount, type Recording } from "hotpath";
import { numberOf } from "./arguments.ts";

function configure(args: string[]) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      feed: text,
      orders: text,
      out: text,
      seconds: text,
      room: text,
      json: { type: "boolean", default: false },
    },
  });
  const { feed, orders, out, json } = values;
  if (feed === undefined || out === undefined) {
    throw new TypeError(
      "Cannot record: which feed, into which file? `deno task record --feed='udp://239.255.0.1:12345?if=eth1' --out=FILE`",
    );
  }
  return {
    feed,
    orders,
    out,
    json,
    seconds: values.seconds === undefined ? Infinity : numberOf("seconds", values.seconds, 0),
    room: numberOf("room", values.room, 0),
  };
}

const stop = new AbortController();

/** Shows how it goes until it is over. */
async function follow(engine: Engine, recording: Recording, seconds: number): Promise<void> {
  const shown = Deno.stderr.isTerminal();
  const until = performance.now() + seconds * 1000;
  const say = (text: string) => shown && Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  while (engine.ended === 0 && engine.running && !stop.signal.aborted && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { written, lost, file_bytes } = recording.counters;
    say(`${formatCount(written)} datagrams, ${formatCount(lost)} lost, ${formatCount(file_bytes)} bytes`);
  }
  say("");
}

function report(engine: Engine, recording: Recording, json: boolean): void {
  if (json) {
    const { path, trouble, counters } = recording;
    console.log(JSON.stringify({ file: path, ...counters, trouble }));
    return;
  }
  console.log(recording);
  for (const trouble of engine.feed.troubles) console.log(`  ${trouble}`);
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());
  try {
    const { feed, orders, out, json, seconds, room } = configure(Deno.args);
    using engine = Engine.open({ feed, orders, connectLater: true });
    const recording = engine.record(out, { room });
    engine.connect();
    engine.start();
    await follow(engine, recording, seconds);
    engine.stop();
    recording.stop();
    report(engine, recording, json);
    if (engine.trouble) throw new Error(engine.trouble);
    if (recording.counters.lost > 0) Deno.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}

await main();
