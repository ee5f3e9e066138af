/** What `via=xdp` offers beyond the other paths, seen from TypeScript: stamps, frames, a second line, refusals. */
import assert from "node:assert/strict";
import { Engine, Lab, Namespaces, runInline, Tape, Traffic } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const GROUP = "239.255.0.1:12345";
/** The engine's clock and the kernel's are the same, read in two ways. */
const CLOCKS_NS = 1e6;

testWhen(noNamespaces(), "Engine via xdp with stamps=1 knows when each datagram arrived", async () => {
  using tape = Tape.generate({ seed: 31, records: 4000, levels: 100 });
  await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
  const engine = lab.open("xdp", { connectLater: true, endpoint: { stamps: "1" } });
  const end = await runInline(engine, {
    onBook: ({ wireNs, sentNs, recvNs }) => {
      assert.ok(sentNs - CLOCKS_NS < wireNs && wireNs < recvNs + CLOCKS_NS);
    },
  }, { quietMs: 5000 });
  assert.equal(end, "end");
  assert.equal(engine.feed.rx.stamped, engine.feed.counters.datagrams);
  assert.equal(engine.wireToHand.count, engine.feed.counters.datagrams);
  assert.match(engine.feed.note, /no rx-timestamp metadata, stamps by XDP|stamps by the NIC/);
});

testWhen(noNamespaces(), "Engine via xdp takes frame, frames and mode from its URL", async () => {
  using tape = Tape.generate({ seed: 32, records: 4000, levels: 100 });
  await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
  const engine = lab.open("xdp", {
    connectLater: true,
    endpoint: { frame: "4096", frames: "8192", mode: "copy", queues: "1" },
  });
  const end = await runInline(engine, { onBook() {} }, { quietMs: 5000 });
  assert.equal(end, "end");
  assert.match(engine.feed.note, /^native, copy, need-wakeup, (huge|small) pages$/);
  if (engine.feed.counters.lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
  else assert.ok(engine.feed.rx.dropped > 0);
});

testWhen(noNamespaces(), "Engine via xdp says why it does not open", async () => {
  await using pair = await Namespaces.up();
  const name = pair.strategy;
  for (
    const [options, why] of [
      ["mode=zero-copy", /zero-copy on queue 0 of "hp.*": its driver \(veth\) has none .*; use mode=copy$/],
      ["queues=2", /Cannot use queue 1 of "hp.*": it has 1, counted from 0$/],
      ["frame=3000", /frame=3000|frames of 3000 bytes: 2048 or 4096$/],
      ["frames=100", /frames=100|100 frames: a power of two from 64 to 1048576$/],
      ["also=nope0", /"nope0": no such interface/],
      ["also=lo@nowhere", /"\/run\/netns\/nowhere": no such file/],
    ] as const
  ) {
    assert.throws(
      () => Engine.open({ feed: `udp://${GROUP}?via=xdp&if=${name}&netns=${name}&${options}` }),
      (error: Error) => {
        assert.match(error.message, why);
        return true;
      },
    );
  }
});

/** Lines A and B carry the same records; what one loses the other may bring. */
testWhen(noNamespaces(), "Engine via xdp with also= hears two lines of one feed", async () => {
  const COUNT = 1500;
  await using a = await Namespaces.up();
  await using b = await Namespaces.up();
  const feed = `udp://${GROUP}?via=xdp&wait=block&if=${a.strategy}&netns=${a.strategy}&queues=1` +
    `&also=${b.strategy}@${b.strategy}`;
  using engine = Engine.open({ feed });
  assert.match(engine.feed.note, new RegExp(`^native, .*, also ${b.strategy}, native`));
  engine.start();
  const send = (line: Namespaces) =>
    Traffic.open({
      to: `udp://${GROUP}?via=packet&if=${line.exchange}&netns=${line.exchange}`,
      rate: 4000,
      count: COUNT,
    });
  using first = send(a);
  using second = send(b);
  await Promise.all([first.ended(), second.ended()]);
  assert.equal(first.tx.sent + second.tx.sent, 2 * COUNT);
  await until("both lines' records", () => {
    const { datagrams } = engine.feed.counters;
    return datagrams + engine.feed.rx.dropped + first.tx.link_drops + second.tx.link_drops >= 2 * COUNT;
  });
  engine.stop();
  const { delivered, duplicates, lost, datagrams } = engine.feed.counters;
  assert.equal(delivered + lost, COUNT);
  assert.equal(delivered + duplicates, datagrams);
  assert.ok(duplicates > COUNT / 2, "both lines came");
});
