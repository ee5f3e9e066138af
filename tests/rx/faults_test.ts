/** What goes wrong around an engine, on every receive path alike: it is said, counters stay, and it can be begun again. */
import assert from "node:assert/strict";
import { Engine, Lab, Namespaces, NativeError, runInline, type RxPath, Tape, Traffic } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { run } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const PATHS = ["udp", "uring", "packet", "xdp"] as const satisfies readonly RxPath[];
const ADDRESS = "10.77.0.2/24";

async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await run("ip", args);
  assert.equal(code, 0, stderr);
}

/** What the engine says when it is asked for a turn. */
async function sentenceOf(engine: Engine): Promise<string> {
  let said = "";
  await until("a sentence", () => {
    try {
      engine.next();
    } catch (error) {
      assert.ok(error instanceof NativeError);
      said = error.message;
    }
    return said !== "";
  });
  return said;
}

/** A whole session of the lab's exchange, heard by an engine opened for it. */
async function playsWhole(lab: Lab, via: RxPath): Promise<void> {
  await lab.exchange.ready();
  const engine = lab.open(via, { connectLater: true });
  engine.connect().start();
  await until("the session's end", () => engine.ended === 1, 30_000);
  engine.stop();
  assert.equal(engine.trouble, "");
  const { delivered, lost } = engine.feed.counters;
  assert.equal(delivered + lost, lab.tape.info.records);
  if (lost === 0) assertSides(sidesOf(engine.book), bookOf(lab.tape));
  else assert.ok(engine.feed.rx.dropped > 0);
  engine.close();
}

// -- after a fault ------------------------------------------------------------------------------------------

for (const via of PATHS) {
  for (const how of ["inline", "on its own thread"] as const) {
    testWhen(
      noNamespaces(),
      `Engine via ${via} ${how}: after its interface went, counters stay, close() works, a new one opens`,
      async () => {
        using tape = Tape.generate({ seed: 61, records: 2000, levels: 100 });
        await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
        const { strategy, exchange } = lab.namespaces;
        const engine = lab.open(via, { watchOnly: true, wait: "block" });
        const { delivered } = await hearsSome(lab, engine, how === "inline");
        await ip("-n", strategy, "link", "set", strategy, "netns", exchange);
        if (how === "inline") {
          assert.match(await sentenceOf(engine), /the interface was moved to another network namespace/);
        } else {
          await until("the engine's end", () => !engine.running);
          assert.match(engine.trouble, /the interface was moved to another network namespace/);
        }
        assert.throws(() => lab.open(via, { watchOnly: true }), /"hp\S+": no such interface/);
        assert.equal(engine.feed.counters.delivered, delivered);
        engine.close();
        assert.equal(engine.feed.counters.delivered, delivered);
        assert.throws(() => engine.next(), /it is closed/);

        await ip("-n", exchange, "link", "set", strategy, "netns", strategy);
        await ip("-n", strategy, "address", "add", ADDRESS, "dev", strategy);
        await ip("-n", strategy, "link", "set", strategy, "up");
        await playsWhole(lab, via);
      },
    );
  }
}

/** Some traffic, until it is all in the counters. */
async function hearsSome(lab: Lab, engine: Engine, inline: boolean): Promise<{ delivered: number }> {
  if (!inline) engine.start();
  {
    using traffic = lab.generate("udp", { rate: 5000, count: 100 });
    await traffic.ended();
    if (inline) await runInline(engine, {}, { quietMs: 300, untilEnd: false });
    else await until("the traffic", () => engine.feed.counters.delivered + engine.feed.counters.lost >= 100);
  }
  const { delivered } = engine.feed.counters;
  assert.ok(delivered > 0);
  return { delivered };
}

// -- queues -------------------------------------------------------------------------------------------------

/** What a path says of a queue that a veth has not: in its note, or as the reason not to open. */
const QUEUES: [via: RxPath, options: Record<string, string>, note: RegExp | null, refused: RegExp | null][] =
  [
    ["udp", { queue: "7" }, /every queue's datagrams: queue= is xdp's/, null],
    ["uring", { queue: "7" }, /every queue's datagrams: queue= is xdp's/, null],
    ["packet", { queue: "7" }, /every queue's datagrams: queue= is xdp's/, null],
    ["packet", { queue: "7", ring: "v3" }, /every queue's datagrams: queue= is xdp's/, null],
    ["xdp", { queue: "7" }, null, /Cannot use queue 7 of "hp\S+": it has 1, counted from 0/],
    ["xdp", { queues: "3" }, null, /Cannot use queue 2 of "hp\S+": it has 1, counted from 0/],
    ["xdp", { queue: "1", queues: "2" }, null, /Cannot use queue 1 of "hp\S+": it has 1, counted from 0/],
    ["tap", { queues: "17" }, null, /of 17 queues: 1\.\.16 are possible/],
  ];

testWhen(
  noNamespaces(),
  "Engine.open() with a queue that is not there receives all the same, or says why not",
  async () => {
    using tape = Tape.generate({ records: 100, levels: 10 });
    await using lab = await Lab.up({ data: tape });
    for (const [via, endpoint, note, refused] of QUEUES) {
      const open = () => lab.open(via, { watchOnly: true, endpoint });
      if (refused) {
        assert.throws(open, { name: "NativeError", message: refused });
        continue;
      }
      const engine = open();
      assert.match(engine.feed.note, note!);
      await hearsSome(lab, engine, false);
      engine.close();
    }
    const engine = lab.open("udp", { watchOnly: true, endpoint: { queue: "0" } });
    assert.doesNotMatch(engine.feed.note, /queue/);
  },
);

// -- several engines ----------------------------------------------------------------------------------------

testWhen(noNamespaces(), "Engines via udp, uring and packet hear the same session side by side", async () => {
  using tape = Tape.generate({ seed: 62, records: 2000, levels: 100 });
  await using lab = await Lab.up({ data: tape, pace: { rate: 5000 } });
  await lab.exchange.ready();
  const watchers = (["uring", "packet", "udp"] as const).map((via) =>
    lab.open(via, { watchOnly: true, wait: "block" }).start()
  );
  const engine = lab.open("packet", { connectLater: true, wait: "block", endpoint: { ring: "v3" } });
  engine.connect().start();
  for (const each of [engine, ...watchers]) {
    await until("the session's end", () => each.ended === 1, 30_000);
    each.stop();
    const { delivered, lost } = each.feed.counters;
    assert.equal(delivered + lost, tape.info.records);
    if (lost === 0) assertSides(sidesOf(each.book), bookOf(tape));
    else assert.ok(each.feed.rx.dropped > 0);
  }
});

testWhen(
  noNamespaces(),
  "Engine via xdp takes its flow from the others, and a second one is told of it",
  async () => {
    using tape = Tape.generate({ records: 100, levels: 10 });
    await using lab = await Lab.up({ data: tape });
    const watchers = (["udp", "uring", "packet"] as const).map((via) =>
      lab.open(via, { watchOnly: true, wait: "block" }).start()
    );
    const taker = lab.open("xdp", { watchOnly: true, wait: "block" });
    for (let i = 0; i < 2; i++) {
      assert.throws(() => lab.open("xdp", { watchOnly: true }), {
        name: "NativeError",
        message: /"hotpath_steer" is there already and is left alone: another engine receives by xdp there/,
      });
    }
    await hearsSome(lab, taker, false);
    assert.deepEqual(watchers.map(({ feed }) => feed.counters.datagrams), [0, 0, 0]);
    taker.close();
    await Promise.all(watchers.map((engine) => hearsSome(lab, engine, false)));
  },
);

// -- no room ------------------------------------------------------------------------------------------------

for (const options of ["via=packet&ring=v2", "via=packet&ring=v3"]) {
  testWhen(
    noNamespaces(),
    `Engine with ${options} that stands still: what was sent is there or counted`,
    async () => {
      await using pair = await Namespaces.up();
      const at = (name: string) => `if=${name}&netns=${name}`;
      const feed = `udp://239.255.0.1:12345?${options}&wait=block&rcvbuf=65536&${at(pair.strategy)}`;
      using engine = Engine.open({ feed });
      const to = `udp://239.255.0.1:12345?via=packet&${at(pair.exchange)}`;
      let sent = 0;
      for (let firstSeq = 0, round = 0; round < 2; round++) {
        using flood = Traffic.open({ to, rate: "flat", count: 5000, firstSeq });
        await flood.ended();
        sent += flood.tx.sent - flood.tx.link_drops;
        firstSeq = flood.counters.next_seq;
        await runInline(engine, {}, { quietMs: 100, untilEnd: false });
        assert.ok(engine.feed.rx.dropped > 0);
        assert.equal(engine.feed.rx.ring_full, engine.feed.rx.dropped);
        assert.equal(engine.feed.counters.datagrams + engine.feed.rx.dropped, sent);
      }
    },
  );
}
