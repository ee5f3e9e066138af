import assert from "node:assert/strict";
import { defineStrategy, FLAG, Lab, type LabOptions, runInline, Tape, thresholdFor } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";

let tape: Tape | undefined;

/** A lab that plays the same 3,000 updates in every test. */
async function raise(options: LabOptions = {}): Promise<Lab> {
  tape ??= Tape.generate({ seed: 9, records: 3000, levels: 100 });
  return await Lab.up({ data: tape, ...options });
}

testWhen(noNamespaces(), "runInline() hands on every record in order, with the book as of it", async () => {
  await using lab = await raise();
  const records = lab.tape.read();
  using engine = lab.open("udp", { connectLater: true });
  const calls: string[] = [];
  let at = 0;
  let previousRecv = 0;
  const end = await runInline(
    engine,
    defineStrategy({
      params: { name: "unset", size: 1, on: false },
      onStart(params, market) {
        calls.push("start");
        assert.deepEqual(params, { name: "given", size: 7, on: true });
        assert.deepEqual(market, { priceScale: 1e6, qtyScale: lab.tape.info.qtyScale });
      },
      onBook(update, book) {
        const flags = records[3 * at + 2]!;
        assert.equal(update.seq, at);
        assert.equal(update.price, records[3 * at]);
        assert.equal(update.qty, records[3 * at + 1]);
        assert.equal(update.isBid, (flags & FLAG.BID) !== 0);
        assert.equal(update.isSnapshot, (flags & FLAG.SNAPSHOT) !== 0);
        assert.equal(update.isLast, (flags & FLAG.LAST) !== 0);
        assert.equal(update.stale, false);
        assert.equal(update.crossed, book.crossed);
        assert.equal(update.bid, book.bid);
        assert.equal(update.bidQty, book.bidQty);
        assert.equal(update.ask, book.ask);
        assert.equal(update.askQty, book.askQty);
        assert.equal(book.seq, at);
        assert.ok(update.recvNs >= previousRecv && update.recvNs > update.sentNs - 1e6, "stamps run forward");
        previousRecv = update.recvNs;
        at++;
      },
      onStop(params) {
        calls.push("stop");
        assert.equal(params.size, 7);
      },
    }),
    { params: { name: "given", size: "7", on: "true" }, quietMs: 3000 },
  );
  assert.equal(end, "end");
  assert.equal(at, lab.tape.info.records);
  assert.deepEqual(calls, ["start", "stop"]);
  assert.equal(engine.loops, at);
  assert.equal(engine.breakdown.strategy.count, at);
  assert.equal(engine.breakdown.loop.count, at);
});

testWhen(noNamespaces(), "runInline() says which records share a datagram", async () => {
  await using lab = await raise();
  using engine = lab.open("uring", { connectLater: true });
  let datagrams = 0;
  await runInline(engine, { onBook: (update) => void (update.more || datagrams++) }, { quietMs: 3000 });
  assert.equal(datagrams, lab.tape.info.datagrams);
});

testWhen(noNamespaces(), "runInline() tells of every order until it is acknowledged", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { connectLater: true });
  const sent: number[] = [];
  const told = new Map<number, string[]>();
  let cancelled = 0;
  await runInline(engine, {
    onBook(update, _book, orders) {
      if (update.isSnapshot || update.seq % 100 !== 0) return;
      const id = update.seq % 200 ? orders.buy(update.ask, 1) : orders.sell(update.bid, 2);
      assert.equal(orders.state(id), "sent");
      sent.push(id);
      if (update.seq % 400 === 0) {
        assert.equal(orders.cancel(id), 0);
        assert.equal(orders.state(id), "cancelled");
        cancelled++;
      }
    },
    onOrder({ id, state }, orders) {
      assert.equal(orders.state(id), state);
      told.set(id, [...told.get(id) ?? [], state]);
    },
  }, { quietMs: 3000 });
  engine.close();
  await lab.exchange.ready();
  assert.ok(sent.length >= 20 && cancelled >= 5);
  assert.deepEqual(sent, sent.map((_, i) => i + 1), "ids count from 1");
  assert.equal(engine.orderCounters.sent, sent.length);
  assert.equal(engine.orderCounters.acked, sent.length);
  assert.equal(engine.orderCounters.cancelled, cancelled);
  for (const id of sent) assert.deepEqual(told.get(id), ["acknowledged"], `order ${id}`);
  assert.equal(lab.exchange.counters.orders, sent.length);
  assert.equal(lab.exchange.counters.cancels, cancelled);
  assert.equal(lab.exchange.counters.refused, 0);
  assert.equal(lab.exchange.tickToOrder.count, sent.length, "every order is timed against its own trigger");
  assert.equal(engine.breakdown.order.count, sent.length);
  assert.equal(engine.breakdown.send.count, sent.length);
});

testWhen(
  noNamespaces(),
  "runInline() tells of acknowledgements even when the wire is never quiet",
  async () => {
    await using lab = await raise();
    using engine = lab.open("udp", { connectLater: true });
    let toldBeforeTheEnd = 0;
    let ended = false;
    await runInline(engine, {
      onBook(update, _book, orders) {
        if (update.isLast) ended = true;
        if (update.seq % 100 === 99) orders.buy(update.bid, 1);
        for (const wake = performance.now() + 0.05; performance.now() < wake;); // slower than the records come
      },
      onOrder: () => void (ended || toldBeforeTheEnd++),
    }, { quietMs: 3000 });
    assert.ok(toldBeforeTheEnd > 0);
  },
);

testWhen(noNamespaces(), "runInline() ends when it is aborted, and when the wire stays quiet", async () => {
  using long = Tape.generate({ seed: 9, records: 100_000, levels: 100 });
  await using lab = await raise({ data: long });
  {
    using engine = lab.open("udp", { connectLater: true });
    const stop = new AbortController();
    let stopped = false;
    const end = await runInline(engine, {
      onBook: (update) => void (update.seq > 500 && stop.abort()),
      onStop: () => void (stopped = true),
    }, { signal: stop.signal });
    assert.equal(end, "aborted");
    assert.ok(stopped);
  }
  using watching = lab.open("udp", { watchOnly: true }); // the exchange has nobody to send for
  assert.equal(await runInline(watching, {}, { quietMs: 200 }), "quiet");
});

testWhen(noNamespaces(), "runInline() passes a strategy's error on, after onStop()", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { connectLater: true });
  let stopped = 0;
  await assert.rejects(
    runInline(engine, {
      onBook() {
        throw new Error("of my own making");
      },
      onStop: () => void stopped++,
    }),
    /of my own making/,
  );
  assert.equal(stopped, 1);
});

testWhen(noNamespaces(), "runInline() refuses parameters the strategy does not have", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { connectLater: true });
  const strategy = defineStrategy({ params: { size: 1 } });
  await assert.rejects(runInline(engine, strategy, { params: { sice: 2 } }), /no such one \(it has: size\)/);
  await assert.rejects(runInline(engine, strategy, { params: { size: "x" } }), /a number is needed/);
  assert.equal(lab.exchange.state, "INIT", "nothing was connected");
});

testWhen(
  noNamespaces(),
  "Engine.arm() and the same decision in TypeScript send the same orders",
  async () => {
    const { default: largeTrade } = await import("../../scripts/strategies/large_trade.ts");
    const log = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await using lab = await raise({ log });
      const threshold = thresholdFor(tape!, 50);
      {
        using engine = lab.open("udp", { connectLater: true });
        await runInline(engine, largeTrade, { params: { threshold: threshold / 1e6 }, quietMs: 3000 });
        assert.ok(engine.orderCounters.sent > 10);
        assert.equal(engine.feed.counters.lost, 0);
      }
      await lab.exchange.ready();
      {
        using engine = lab.open("udp", { connectLater: true });
        engine.arm(threshold);
        engine.connect().runArmed(3000);
        assert.equal(engine.feed.counters.lost, 0);
      }
      await lab.exchange.ready();
      lab.exchange.close();
      const [head, ...rows] = (await Deno.readTextFile(log)).trim().split("\n").map((line) =>
        line.split(",")
      );
      const columns = ["trigger_seq", "id", "side", "price", "qty"].map((name) => head!.indexOf(name));
      const of = (session: string) =>
        rows.filter((row) => row[head!.indexOf("session")] === session)
          .map((row) => columns.map((column) => row[column]).join());
      assert.ok(of("1").length > 10);
      assert.equal(of("1").join("\n"), of("2").join("\n"));
    } finally {
      await Deno.remove(log);
    }
  },
);
