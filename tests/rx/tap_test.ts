import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Engine, Exchange, sweep, Tape, Traffic } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { run } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

/** Named as a lab's, so that the sweep after a killed run takes it too. */
const NAMESPACE = `hp${Deno.pid}-900x`;
const ADDRESS = "10.78.0.1";
const GROUP = "239.255.0.1";
const TAP = "tap0";

/** Why a TAP cannot be made here; undefined when it can. */
const noTap = noNamespaces() ?? (existsSync("/dev/net/tun") ? undefined : "there is no /dev/net/tun");

async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await run("ip", args);
  assert.equal(code, 0, stderr);
}

/** A namespace without any wire, for as long as `use` takes. */
async function withNamespace(use: () => Promise<void>): Promise<void> {
  await sweep();
  await ip("netns", "add", NAMESPACE);
  try {
    await ip("-n", NAMESPACE, "link", "set", "lo", "up");
    await use();
  } finally {
    await ip("netns", "del", NAMESPACE);
  }
}

/** An engine whose TAP is the only wire of the namespace, which has an address then. */
async function openTap(options: string): Promise<Engine> {
  const engine = Engine.open({
    feed: `udp://${GROUP}:12345?via=tap&if=${TAP}&netns=${NAMESPACE}&${options}`,
    orders: `tcp://${ADDRESS}:9012?netns=${NAMESPACE}`,
    connectLater: true,
  });
  await ip("-n", NAMESPACE, "address", "add", `${ADDRESS}/24`, "dev", TAP);
  return engine;
}

for (const options of ["wait=spin", "wait=busy-poll", "wait=block", "wait=block&queues=3"]) {
  testWhen(noTap, `Engine via tap (${options}) hears the exchange of its own namespace`, async () => {
    using tape = Tape.generate({ seed: 41, records: 6000, levels: 100 });
    await withNamespace(async () => {
      using engine = await openTap(`${options}&qty=${tape.info.qtyScale}`);
      {
        using exchange = Exchange.open({
          tape,
          group: GROUP,
          port: 12345,
          listen: ADDRESS,
          orderPort: 9012,
          ifname: TAP,
          netns: `/run/netns/${NAMESPACE}`,
          pace: { rate: 20_000 },
        });
        await exchange.ready();
        engine.connect().start();
        await until("the session's end", () => engine.ended === 1, 30_000);
        engine.stop();
      }
      const { delivered, lost } = engine.feed.counters;
      const { dropped, malformed, bad_checksum, fragments } = engine.feed.rx;
      assert.equal(delivered + lost, tape.info.records);
      if (lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
      else assert.ok(dropped > 0, "the queue was full");
      assert.equal(malformed + bad_checksum + fragments, 0, "the kernel's own chatter is nobody's fault");
      assert.match(engine.feed.note, /^a TAP of its own/);
      engine.close();
      assert.notEqual((await run("ip", ["-n", NAMESPACE, "link", "show", TAP])).code, 0, "it went");
    });
  });
}

testWhen(noTap, "Engine via tap ends with a sentence when its TAP is deleted", async () => {
  await withNamespace(async () => {
    using engine = await openTap("wait=block");
    engine.start();
    await ip("-n", NAMESPACE, "link", "del", TAP);
    await until("the engine's end", () => !engine.running);
    assert.match(engine.trouble, /Cannot (read TAP|go on receiving on) "tap0"/);
  });
});

testWhen(noTap, "Engine via tap counts that its TAP went down, and goes on when it is up", async () => {
  await withNamespace(async () => {
    using engine = await openTap("wait=block&queue=3");
    assert.match(engine.feed.note, /every queue's datagrams: queue= is xdp's/);
    engine.start();
    const to = `udp://${GROUP}:12345?if=${TAP}&netns=${NAMESPACE}`;
    for (const downs of [0, 1, 2]) {
      if (downs > 0) {
        await ip("-n", NAMESPACE, "link", "set", TAP, "down");
        await ip("-n", NAMESPACE, "link", "set", TAP, "up");
        await until("the TAP's way down to be noticed", () => engine.feed.rx.link_downs === downs);
      }
      const before = engine.feed.counters.datagrams;
      using traffic = Traffic.open({ to, rate: 5000, count: 100 });
      await traffic.ended();
      assert.equal(traffic.tx.failed, 0);
      await until(
        "the traffic",
        () => engine.feed.counters.datagrams + engine.feed.rx.dropped === before + 100,
      );
    }
    assert.equal(engine.trouble, "");
    assert.ok(engine.feed.troubles.some((line) => line === "the interface went down 2 times"));
  });
});

testWhen(noTap, "Engine.next() via tap throws when its TAP is deleted, and a new one opens", async () => {
  await withNamespace(async () => {
    for (let round = 0; round < 2; round++) {
      const engine = await openTap("wait=block");
      engine.next();
      await ip("-n", NAMESPACE, "link", "del", TAP);
      assert.throws(() => {
        for (const deadline = performance.now() + 5000; performance.now() < deadline;) engine.next();
      }, { name: "NativeError", message: /Cannot (read TAP|go on receiving on) "tap0"/ });
      assert.equal(engine.feed.counters.datagrams, 0);
      engine.close();
    }
  });
});

testWhen(noTap, "Traffic via tap arrives at a plain socket behind the TAP", async () => {
  await withNamespace(async () => {
    await ip("-n", NAMESPACE, "tuntap", "add", TAP, "mode", "tap");
    await ip("-n", NAMESPACE, "address", "add", `${ADDRESS}/24`, "dev", TAP);
    await ip("-n", NAMESPACE, "link", "set", TAP, "up");
    const at = `if=${TAP}&netns=${NAMESPACE}`;
    using engine = Engine.open({ feed: `udp://${GROUP}:12345?via=udp&wait=block&${at}` });
    engine.start();
    assert.throws(
      () => Traffic.open({ to: `udp://${GROUP}:12345?via=tap&${at}` }),
      /it needs a source that is not the kernel's own; add source=ADDRESS/,
    );
    const to = `udp://${GROUP}:12345?via=tap&source=10.78.0.2&${at}`;
    using traffic = Traffic.open({ to, rate: 5000, count: 1500, records: 3 });
    await traffic.ended();
    assert.equal(traffic.tx.sent, 1500);
    assert.equal(traffic.tx.failed, 0);
    const counted = () => engine.feed.counters.delivered + engine.feed.counters.lost;
    await until("every record", () => counted() >= 4500);
    engine.stop();
    assert.equal(counted(), 4500);
    assert.ok(engine.feed.counters.lost === 0 || engine.feed.rx.dropped > 0);
  });
});
