import assert from "node:assert/strict";
import { Engine, Exchange, KIND, Lab, type LabOptions, NativeError, runInline, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { Program } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { encodeRecords, freePort, Udp, until, WIRE } from "../wire.ts";

const ERANGE = -34;
const EINVAL = -22;
const EDQUOT = -122;
const ENOTCONN = -107;

let tape: Tape | undefined;

async function raise(options: LabOptions = {}): Promise<Lab> {
  tape ??= Tape.generate({ seed: 19, records: 3000, levels: 100 });
  return await Lab.up({ data: tape, ...options });
}

/** An event that is no book update. */
interface Told {
  kind: number;
  detail: number;
}

/** Takes turns until something is so; returns what the engine told meanwhile. */
function turn(engine: Engine, what: string, so: (told: Told[]) => boolean): Told[] {
  const told: Told[] = [];
  for (const deadline = performance.now() + 10_000; !so(told);) {
    if (performance.now() > deadline) throw new Error(`Took turns in vain: ${what}`);
    const kind = engine.next();
    if (kind !== KIND.NONE && kind !== KIND.BOOK) told.push({ kind, detail: engine.update.detail });
  }
  return told;
}

Deno.test("Engine.open() refuses orders by price, quantity and notional, each with its counter", async () => {
  using sender = await Udp.open();
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort();
  using engine = Engine.open({
    feed: `udp://127.0.0.1:${port}?wait=block`,
    orders: `tcp://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    maxQty: 100,
    maxNotional: 5e9,
  });
  using connection = await server.accept();
  const orders = engine.inlineOrders;
  assert.equal(orders.buy(1e6, 1), -116, "no book yet: stale");
  await sender.send(port, encodeRecords({ seq: 0, price: 1e6, qty: 1, flags: WIRE.BID | WIRE.SNAPSHOT }));
  turn(engine, "the snapshot", () => engine.book.seq === 0 && engine.book.bidLevels === 1);

  for (const price of [0, -1, 0.5, NaN, Infinity, 2 ** 53 + 2]) assert.equal(orders.buy(price, 1), EINVAL);
  for (const qty of [0, -1, 0.5, NaN, Infinity, 101, 2 ** 31]) assert.equal(orders.sell(1e6, qty), ERANGE);
  assert.equal(orders.buy(1e9, 6), EDQUOT);
  assert.equal(orders.buy(1e9, 5), 1, "the limit itself is allowed");
  assert.equal(orders.buy(50e6, 100), 2, "and ids count only what leaves");
  const { refused, refused_price, refused_qty, refused_notional, refused_stale, sent } = engine.orderCounters;
  assert.deepEqual(
    { refused, refused_price, refused_qty, refused_notional, refused_stale, sent },
    { refused: 15, refused_price: 6, refused_qty: 7, refused_notional: 1, refused_stale: 1, sent: 2 },
  );
  connection.close();
});

Deno.test("Engine.open() says in a sentence what is wrong with an order endpoint", () => {
  const feed = `udp://127.0.0.1:${freePort()}`;
  const orders = `tcp://127.0.0.1:${freePort()}`;
  assert.throws(
    () => Engine.open({ feed, orders, connectMs: 200 }),
    (error) =>
      error instanceof NativeError &&
      /connection refused; is the exchange listening there\?/.test(error.message),
  );
  using _free = Engine.open({ feed }); // nothing was left behind
});

testWhen(noNamespaces(), "Engine with via=uring sends the orders that via=send does", async () => {
  const logs = [];
  for (const orderVia of ["send", "uring"] as const) {
    const log = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await using lab = await raise({ log });
      using engine = lab.open("udp", { orderVia, connectLater: true });
      await runInline(engine, {
        onBook(update, _book, orders) {
          if (update.isSnapshot || update.seq % 50) return;
          const id = update.isBid ? orders.sell(update.bid, 2) : orders.buy(update.ask, 1);
          if (update.seq % 200 === 0) orders.cancel(id);
        },
      }, { quietMs: 3000 });
      assert.equal(engine.orderCounters.refused, 0);
      assert.equal(engine.orderCounters.acked, engine.orderCounters.sent);
      engine.close();
      await lab.exchange.ready();
      const { orders, cancels, refused } = lab.exchange.counters;
      assert.equal(orders, engine.orderCounters.sent);
      assert.equal(cancels, engine.orderCounters.cancelled);
      assert.equal(refused, 0);
      assert.ok(orders > 50 && cancels > 10);
      lab.exchange.close();
      // Session, id, side, price, quantity and trigger: all but the times.
      const rows = (await Deno.readTextFile(log)).trim().split("\n").map((line) => line.split(","));
      logs.push(rows.map((row) => [...row.slice(0, 6), row[9]].join()).join("\n"));
    } finally {
      await Deno.remove(log);
    }
  }
  assert.equal(logs[0], logs[1]);
});

testWhen(noNamespaces(), "Engine tells that the link is lost, and goes on with a new exchange", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { reconnectMs: 20 });
  turn(engine, "a few records", () => engine.loops > 100);
  assert.ok(engine.inlineOrders.buy(engine.book.ask, 1) > 0);
  turn(engine, "the acknowledgement", () => engine.orderCounters.acked === 1);

  lab.exchange.close();
  const lost = turn(engine, "the loss of the link", (told) => told.some(({ kind }) => kind === KIND.LINK));
  assert.equal(engine.connected, false);
  assert.deepEqual(lost.filter(({ kind }) => kind === KIND.LINK), [{ kind: KIND.LINK, detail: 0 }]);
  assert.equal(engine.inlineOrders.buy(engine.book.ask, 1), ENOTCONN);
  assert.equal(engine.orderCounters.refused_link, 1);

  const { netns, ifname, group, port, listen, orderPort } = lab.exchange.settings;
  using next = Exchange.open({ tape: tape!, netns, ifname, group, port, listen, orderPort });
  const found = turn(engine, "the new exchange's session", () => engine.ended === 1);
  assert.deepEqual(found.filter(({ kind }) => kind === KIND.LINK), [{ kind: KIND.LINK, detail: 1 }]);
  assert.equal(engine.orderCounters.connects, 2);
  assert.equal(engine.feed.counters.sessions, 2);
  assert.equal(engine.book.stale, false, "a snapshot seen whole makes it good");
  assertSides(sidesOf(engine.book), bookOf(tape!));
  assert.equal(engine.inlineOrders.buy(engine.book.ask, 1), 2);
  turn(engine, "the order's acknowledgement", () => engine.orderCounters.acked === 2);
  await until("the order at the new exchange", () => next.counters.orders === 1);
});

Deno.test("Engine tells which orders failed with the link, and never sends them again", async () => {
  using sender = await Udp.open();
  const port = freePort();
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using engine = Engine.open({
    feed: `udp://127.0.0.1:${port}?wait=block`,
    orders: `tcp://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    reconnectMs: 0,
  });
  const connection = await server.accept();
  await sender.send(port, encodeRecords({ seq: 0, price: 1e6, qty: 1, flags: WIRE.BID | WIRE.SNAPSHOT }));
  turn(engine, "the snapshot", () => engine.book.bidLevels === 1);
  // A peer that never reads: in the end its buffer, the kernel's and our own are full.
  let last = 0;
  for (let id = 1; id > 0; id = engine.inlineOrders.buy(1e6, 1)) last = id;
  assert.equal(engine.orderCounters.refused_full, 1);
  const { acked, failed } = engine.orderCounters;
  connection.close(); // unread bytes: the peer resets
  const events = turn(engine, "the loss", () => {
    const { acked, failed } = engine.orderCounters;
    return !engine.connected && acked + failed === last;
  });
  assert.ok(acked + failed < last);
  const states = events.filter(({ kind }) => kind === KIND.ORDER).map(({ detail }) => detail);
  assert.equal(engine.orderCounters.acked + engine.orderCounters.failed, last);
  assert.equal(states.filter((state) => state === 2).length, engine.orderCounters.acked);
  assert.equal(engine.orderCounters.queued_bytes, 0);
});

testWhen(
  noNamespaces(),
  "Exchange serves the next client when one is killed in the middle of a session",
  async () => {
    using long = Tape.generate({ seed: 19, records: 200_000, levels: 100 });
    await using lab = await raise({ data: long });
    const feed = lab.feedUrl("udp");
    const orders = lab.ordersUrl();
    await using client = new Program(`
    import { Engine } from "hotpath";
    const engine = Engine.open({ feed: ${JSON.stringify(feed)}, orders: ${JSON.stringify(orders)} });
    engine.start();
    while (engine.loops < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    console.log("running");
    await new Promise((resolve) => setTimeout(resolve, 60_000));`);
    await client.line("running");
    assert.equal(lab.exchange.state, "TRANSMIT");
    await client.kill();
    await lab.exchange.ready();
    assert.equal(lab.exchange.counters.vanished, 1);

    lab.exchange.pace({ rate: 20_000 }, 200);
    using engine = lab.open("udp");
    turn(engine, "a whole session", () => engine.ended === 1);
    assert.equal(engine.feed.counters.sessions, 1);
    assert.equal(engine.book.stale, false);
  },
);

testWhen(
  noNamespaces(),
  "Orders.buy() and sell() speak in decimals; Order.state follows to the end",
  async () => {
    await using lab = await raise();
    using engine = lab.open("udp", { maxQty: 50 });
    const { orders } = engine;
    await until("the session's end", () => engine.ended === 1);
    const { bid, ask } = engine.book.top;
    const qty = 1 / engine.book.qtyScale;
    const bought = orders.buy(ask!.price, qty);
    const sold = orders.sell(bid!.price, 2 * qty);
    const tooMuch = orders.buy(ask!.price, 51 * qty);
    await until(
      "their states",
      () => [bought, sold].every(({ state }) => state === "acknowledged") && tooMuch.state === "refused",
    );
    bought.cancel();
    await until("the cancel", () => bought.state === "cancelled");
    await until("the exchange's view", () => lab.exchange.counters.cancels === 1);
    assert.equal(lab.exchange.counters.orders, 2);
    assert.equal(lab.exchange.counters.refused, 0);
    assert.equal(engine.orderCounters.refused_qty, 1);
    assert.throws(() => orders.buy(ask!.price, qty / 2), /a positive multiple of/);
    assert.throws(() => orders.buy(-1, qty), RangeError);
    assert.deepEqual(orders.list, [bought, sold, tooMuch]);
    assert.match(Deno.inspect(orders), /cancelled/);
  },
);

Deno.test("Engine without order entry refuses orders, and needs no exchange", () => {
  using engine = Engine.open({ feed: `udp://127.0.0.1:${freePort()}` });
  assert.equal(engine.inlineOrders.buy(1e6, 1), ENOTCONN);
  assert.equal(engine.inlineOrders.cancel(1), ENOTCONN);
  engine.close();
  assert.equal(engine.inlineOrders.buy(1e6, 1) < 0, true, "closed");
  assert.throws(() => engine.next(), /it is closed/);
  engine.close();
});
