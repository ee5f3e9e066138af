/** The traffic generator against receiving engines: what was sent is what was delivered and what is known to be lost. */
import assert from "node:assert/strict";
import {
  Engine,
  Lab,
  Namespaces,
  type RxPath,
  Tape,
  Traffic,
  type TrafficOptions,
  type TxPath,
} from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { labNamespaces } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { encodeRecords, until } from "../wire.ts";

const GROUP = "239.255.0.1:12345";
const ATTEMPTS = 4;

const at = (name: string) => `if=${name}&netns=${name}`;

function listen(pair: Namespaces, via: RxPath, more = ""): Engine {
  return Engine.open({ feed: `udp://${GROUP}?via=${via}&wait=block&${at(pair.strategy)}${more}` });
}

function send(pair: Namespaces, via: TxPath, options: Omit<TrafficOptions, "to">): Traffic {
  return Traffic.open({ ...options, to: `udp://${GROUP}?via=${via}&${at(pair.exchange)}` });
}

/** Waits until every record up to `next` (exclusive) was delivered or is known to be lost. */
async function accounted(engine: Engine, next: number): Promise<void> {
  const { counters } = engine.feed;
  await until(`${next} records in ${JSON.stringify(counters)}`, () => {
    const { delivered, lost } = engine.feed.counters;
    return delivered + lost >= next;
  });
  engine.stop();
  const { delivered, lost, records, duplicates, bad_size, bad_type, bad_value } = engine.feed.counters;
  assert.equal(delivered + lost, next, "sent = delivered + lost");
  assert.equal(records, delivered);
  assert.equal(duplicates + bad_size + bad_type + bad_value, 0);
}

/**
 * Sends at a rate that the receiver keeps up with. On a machine shared with others it may be held up for longer than
 * its buffers last: that must then be what happened, and what the counters say; each attempt is half as fast.
 */
async function sendsWithoutLoss(tx: TxPath, rx: RxPath): Promise<void> {
  for (let attempt = 1, rate = 5000;; attempt++, rate /= 2) {
    await using pair = await Namespaces.up();
    using engine = listen(pair, rx);
    engine.start();
    using traffic = send(pair, tx, { rate, count: 1500, records: 3 });
    await traffic.ended();
    assert.ok(traffic.finished);
    assert.deepEqual(
      [traffic.counters.datagrams, traffic.counters.records, traffic.counters.next_seq],
      [1500, 4500, 4500],
    );
    assert.equal(traffic.tx.sent, 1500);
    assert.equal(traffic.tx.failed, 0);
    await accounted(engine, 4500);
    const { lost } = engine.feed.counters;
    if (lost === 0) {
      assert.equal(engine.feed.counters.datagrams, 1500);
      assert.equal(engine.ended, 1, "the last record says so");
      assert.equal(engine.oneWay.count, 4500, "every record was stamped");
      assert.equal(engine.book.bidLevels, 10);
      assert.equal(engine.book.askLevels, 10);
      assert.ok(!engine.book.crossed && !engine.book.stale);
      return;
    }
    assert.ok(
      engine.feed.rx.dropped + traffic.tx.link_drops > 0,
      `${lost} records lost, and nobody dropped any`,
    );
    console.log(`${tx} to ${rx}: ${lost} records lost at ${rate}/s (the machine is busy); once more, slower`);
    assert.ok(attempt < ATTEMPTS, "no run without loss");
  }
}

for (
  const [tx, rx] of [
    ["udp", "udp"],
    ["udp", "uring"],
    ["udp", "xdp"],
    ["udp", "packet"],
    ["uring", "udp"],
    ["zc", "udp"],
    ["packet", "udp"],
    ["packet", "xdp"],
    ["xdp", "udp"],
    ["xdp", "xdp"],
    ["kernel", "xdp"],
  ] as const
) {
  testWhen(
    noNamespaces(),
    `Traffic at a comfortable rate, ${tx} to ${rx}: everything arrives`,
    () => sendsWithoutLoss(tx, rx),
  );
}

for (const rx of ["udp", "uring", "xdp"] as const) {
  for (const tx of rx === "xdp" ? ["packet", "xdp", "kernel"] as const : ["packet", "xdp"] as const) {
    testWhen(
      noNamespaces(),
      `Traffic flat out, ${tx} to ${rx} that stands still: every lost record is counted`,
      async () => {
        await using pair = await Namespaces.up();
        using engine = listen(pair, rx, rx === "xdp" ? "" : "&rcvbuf=100000");
        using flood = send(pair, tx, { rate: "flat", count: 20_000, records: 2 });
        await flood.ended();
        const { sent, failed, link_drops } = flood.tx;
        assert.equal(sent + failed, 20_000);
        engine.start();
        await until("what had room", () => engine.feed.counters.datagrams > 0);
        // One more record, to a receiver that listens: it tells where the sequence stands.
        using after = send(pair, "udp", { rate: 1000, count: 1, firstSeq: flood.counters.next_seq });
        await after.ended();
        await accounted(engine, 40_001);
        const { lost, datagrams } = engine.feed.counters;
        assert.ok(lost > 0 && lost % 2 === 0, `${lost} lost`);
        // By datagrams, from the counters of those who dropped them.
        assert.equal(datagrams + engine.feed.rx.dropped + link_drops, sent + 1);
        assert.equal(lost / 2, 20_001 - datagrams, "two records a datagram");
      },
    );
  }
}

testWhen(noNamespaces(), "Traffic flat out to a running engine: sent = delivered + lost", async () => {
  for (const rx of ["udp", "uring", "xdp"] as const) {
    await using pair = await Namespaces.up();
    using engine = listen(pair, rx);
    engine.start();
    using flood = send(pair, rx === "xdp" ? "kernel" : "packet", { rate: "flat", count: 50_000 });
    await flood.ended();
    using after = send(pair, "udp", { rate: 1000, count: 1, firstSeq: flood.counters.next_seq });
    await after.ended();
    await accounted(engine, 50_001);
  }
});

testWhen(noNamespaces(), "Traffic from a tape: the receiver's book ends as the tape's", async () => {
  using tape = Tape.generate({ records: 3000, levels: 100 });
  for (let rate = 20_000;; rate /= 2) {
    await using pair = await Namespaces.up();
    using engine = listen(pair, "udp");
    engine.start();
    using traffic = send(pair, "udp", { rate, tape });
    await traffic.ended();
    await accounted(engine, tape.info.records);
    if (engine.feed.counters.lost > 0 && rate > 1000) continue;
    assert.equal(engine.ended, 1);
    assertSides(sidesOf(engine.book), bookOf(tape));
    return;
  }
});

/** A pcap of UDP datagrams (raw IPv4), from the format's description. */
function pcap(...payloads: Uint8Array[]): Uint8Array {
  const parts = [new Uint8Array(24)];
  const head = new DataView(parts[0]!.buffer);
  head.setUint32(0, 0xa1b2c3d4);
  head.setUint16(4, 2);
  head.setUint16(6, 4);
  head.setUint32(16, 65535);
  head.setUint32(20, 101); // raw IPv4
  for (const payload of payloads) {
    const bytes = new Uint8Array(16 + 28 + payload.length);
    const at = new DataView(bytes.buffer);
    for (const offset of [8, 12]) at.setUint32(offset, 28 + payload.length);
    at.setUint8(16, 0x45);
    at.setUint16(18, 28 + payload.length);
    at.setUint8(25, 17);
    bytes.set([10, 0, 0, 1, 239, 1, 2, 3], 28);
    at.setUint16(36, 1);
    at.setUint16(38, 4711);
    at.setUint16(40, 8 + payload.length);
    bytes.set(payload, 44);
    parts.push(bytes);
  }
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

testWhen(noNamespaces(), "Traffic from a capture: its payloads arrive as they are", async () => {
  const capture = await Deno.makeTempFile({ prefix: "hotpath-traffic-", suffix: ".pcap" });
  try {
    const record = (seq: number) => ({ seq, price: 1e9 + seq, qty: 1 + seq, flags: seq & 1 });
    const payloads = Array.from({ length: 50 }, (_, i) => encodeRecords(record(2 * i), record(2 * i + 1)));
    await Deno.writeFile(capture, pcap(...payloads, new Uint8Array(0)));
    await using pair = await Namespaces.up();
    using engine = listen(pair, "udp");
    engine.start();
    using traffic = send(pair, "packet", { rate: 1000, capture });
    await traffic.ended();
    assert.equal(traffic.counters.skipped, 1, "the one without a payload");
    assert.equal(traffic.tx.sent, 50);
    await accounted(engine, 100);
    assert.ok(Deno.inspect(traffic).includes(`\n  payloads of ${capture}\n`));
    assert.match(traffic.troubles.join("\n"), /1 packets of the capture are no whole UDP datagrams/);
  } finally {
    await Deno.remove(capture);
  }
});

testWhen(
  noNamespaces(),
  "Lab.generate() sends to what lab.open() hears, and goes down with the lab",
  async () => {
    using tape = Tape.generate({ records: 100, levels: 10 });
    let traffic: Traffic;
    {
      await using lab = await Lab.up({ data: tape });
      const engine = lab.open("udp", { watchOnly: true, wait: "block" }).start();
      traffic = lab.generate("uring", { rate: 1000, records: 5, endpoint: { batch: "4" } });
      await until("records", () => engine.feed.counters.delivered > 50);
      assert.equal(lab.exchange.counters.datagrams, 0, "the exchange keeps silent");
      assert.ok(traffic.running && !traffic.finished);
      const text = Deno.inspect(traffic);
      assert.match(text, /^Traffic sending: [\d,]+ datagrams to 239\.255\.0\.1:12345 via uring \(send, /);
      assert.match(text, /\n {2}book pattern: [\d,]+ records\n/);
      assert.match(text, /datagrams\/s of 1,000 asked for, 0 failed\n {2}a send costs p50 /);
      assert.match(Deno.inspect([traffic]), /Traffic sending: [\d,]+ datagrams to .* via uring/);
    }
    assert.ok(!traffic.running && !traffic.finished);
    assert.equal(traffic.tx.sent, traffic.counters.datagrams);
    assert.deepEqual((await labNamespaces()).filter((name) => name.startsWith(`hp${Deno.pid}-`)), []);
  },
);

testWhen(noNamespaces(), "Traffic says why it broke", async () => {
  await using pair = await Namespaces.up();
  using traffic = send(pair, "kernel", { rate: 1000 });
  await assert.rejects(traffic.ended(), /its other end has an XDP program or GRO/);
  assert.match(traffic.troubles.join("\n"), /receive there by xdp, or `ethtool -K PEER gro on`/);
  assert.match(Deno.inspect(traffic), /^Traffic broken: 0 datagrams/);
});

testWhen(noNamespaces(), "Traffic counts what a downed interface refuses", async () => {
  await using pair = await Namespaces.up();
  using traffic = send(pair, "udp", { rate: 1000, count: 100 });
  const down = new Deno.Command("ip", { args: ["-n", pair.exchange, "link", "set", pair.exchange, "down"] });
  assert.ok((await down.output()).success);
  await traffic.ended();
  const { sent, failed, failed_link } = traffic.tx;
  assert.equal(sent + failed, 100);
  assert.ok(failed_link > 0);
  assert.match(traffic.troubles.join("\n"), /datagrams did not leave: the interface or the route was down/);
});

Deno.test("Traffic.open() refuses nonsense in one sentence", () => {
  const to = "udp://127.0.0.1:9";
  assert.throws(() => Traffic.open({ to, rate: 0 }), {
    name: "TypeError",
    message: 'Cannot send at a rate of 0: say "flat" for as fast as possible',
  });
  assert.throws(() => Traffic.open({ to, records: 6 }), /Cannot put 6 records into a datagram/);
  assert.throws(() => Traffic.open({ to, count: 0.5 }), /whole numbers are needed/);
  assert.throws(() => Traffic.open({ to: "tcp://127.0.0.1:9" }), TypeError);
});

for (const rx of ["udp", "packet", "xdp"] as const) {
  testWhen(
    noNamespaces(),
    `Engine.drain() counts what came through ${rx} and shows it to nobody`,
    async () => {
      await using pair = await Namespaces.up();
      using engine = listen(pair, rx);
      using traffic = send(pair, "udp", { rate: 20_000, count: 2000 });
      let drained = 0;
      await until("everything to come", () => {
        drained += engine.drain(20);
        return drained + engine.feed.rx.dropped >= 2000;
      });
      await traffic.ended();
      assert.equal(drained + engine.feed.rx.dropped, traffic.tx.sent);
      assert.equal(engine.feed.counters.datagrams, 0);
      engine.start();
      assert.throws(() => engine.drain(1), /runs on its own thread/);
    },
  );
}
