import assert from "node:assert/strict";
import { type Engine, KIND, Lab, type LabEngineOptions, runInline, type RxPath, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { run } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const PATHS = ["udp", "uring"] as const satisfies readonly RxPath[];
/** The engine's clock and the kernel's are the same, read in two ways. */
const CLOCKS_NS = 1e6;

/** A whole session on the engine's own thread; every record is accounted for. */
async function playSession(lab: Lab, via: RxPath, options: LabEngineOptions): Promise<Engine> {
  await lab.exchange.ready();
  const engine = lab.open(via, { ...options, connectLater: true });
  engine.connect().start();
  await until("the session's end", () => engine.ended === 1, 30_000);
  engine.stop();
  const { delivered, lost } = engine.feed.counters;
  assert.equal(delivered + lost, lab.tape.info.records);
  if (lost === 0) assertSides(sidesOf(engine.book), bookOf(lab.tape));
  else assert.ok(engine.feed.rx.dropped > 0);
  return engine;
}

for (const via of PATHS) {
  testWhen(noNamespaces(), `Engine via ${via} with stamps=1 knows when each datagram arrived`, async () => {
    using tape = Tape.generate({ seed: 21, records: 4000, levels: 100 });
    await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
    const engine = lab.open(via, { connectLater: true, endpoint: { stamps: "1" } });
    let stamped = 0;
    const end = await runInline(engine, {
      onBook: ({ wireNs, sentNs, recvNs }) => {
        if (wireNs === 0) return; // the kernel begins to stamp in its own time
        stamped++;
        assert.ok(sentNs - CLOCKS_NS < wireNs && wireNs < recvNs + CLOCKS_NS);
      },
    }, { quietMs: 5000 });
    assert.equal(end, "end");
    assert.match(engine.feed.note, /kernel stamps/);
    assert.ok(stamped > 0);
    assert.ok(engine.wireToHand.count > 0 && engine.wireToHand.count <= engine.feed.rx.stamped);
    assert.ok(engine.feed.rx.stamped <= engine.feed.counters.datagrams);
  });

  testWhen(noNamespaces(), `Engine via ${via} has no stamps unless they are asked for`, async () => {
    using tape = Tape.generate({ seed: 22, records: 1000, levels: 100 });
    await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
    const engine = lab.open(via, { connectLater: true });
    await runInline(engine, { onBook: ({ wireNs }) => assert.equal(wireNs, 0) }, { quietMs: 5000 });
    assert.ok(engine.loops > 0);
    assert.equal(engine.wireToHand.count, 0);
    assert.equal(engine.feed.rx.stamped, 0);
    assert.doesNotMatch(engine.feed.note, /stamps/);
  });

  testWhen(
    noNamespaces(),
    `Engine via ${via} with wait=busy-poll says when there is no driver to poll`,
    async () => {
      using tape = Tape.generate({ seed: 23, records: 2000, levels: 100 });
      await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
      const { strategy } = lab.namespaces;
      const gro = ["gro", "on", "rx-udp-gro-forwarding", "on"];
      const plain = await playSession(lab, via, { wait: "busy-poll", endpoint: { budget: "16" } });
      assert.match(plain.feed.note, /no NAPI to busy-poll/);
      plain.close();
      const { code } = await run("nsenter", [
        `--net=/run/netns/${strategy}`,
        "ethtool",
        "-K",
        strategy,
        ...gro,
      ]);
      if (code !== 0) return console.log("left out: ethtool cannot give veth NAPI here");
      const polled = await playSession(lab, via, { wait: "busy-poll" });
      assert.doesNotMatch(polled.feed.note, /no NAPI|no busy-poll/);
    },
  );
}

for (const wait of ["spin", "busy-poll", "block"] as const) {
  testWhen(
    noNamespaces(),
    `Engine via uring with sqpoll and wait=${wait} sees whole sessions, and says how it runs`,
    async () => {
      using tape = Tape.generate({ seed: 24, records: 2000, levels: 100 });
      await using lab = await Lab.up({ data: tape, pace: { rate: 5000 } });
      const core = String(navigator.hardwareConcurrency - 1);
      for (const endpoint of [{ sqpoll: core }, { sqpoll: "-1", stamps: "1" }]) {
        let engine = await playSession(lab, "uring", { wait, endpoint });
        // The kernel turns its stamps on by a deferred work, which a spinning SQPOLL thread may hold up for a session.
        for (let more = 0; "stamps" in endpoint && engine.feed.rx.stamped === 0 && more < 4; more++) {
          engine.close();
          engine = await playSession(lab, "uring", { wait, endpoint });
        }
        assert.match(engine.feed.note, /sqpoll/);
        assert.equal(engine.feed.note.includes(`sqpoll thread on core ${core}`), endpoint.sqpoll === core);
        assert.equal(/a core of its own/.test(engine.feed.note), navigator.hardwareConcurrency < 3);
        assert.equal(engine.feed.rx.stamped > 0, "stamps" in endpoint);
        engine.close();
      }
    },
  );
}

testWhen(noNamespaces(), "Engine via uring refuses a core that is not there for sqpoll", async () => {
  using tape = Tape.generate({ records: 100, levels: 10 });
  await using lab = await Lab.up({ data: tape });
  assert.throws(
    () => lab.open("uring", { watchOnly: true, endpoint: { sqpoll: "4095" } }),
    /core 4095 for its SQPOLL thread/,
  );
  using engine = lab.open("uring", { watchOnly: true });
  assert.equal(engine.next(), KIND.NONE);
});
