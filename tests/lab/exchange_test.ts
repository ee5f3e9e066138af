/** The exchange's wire, byte by byte, as a client of the seed laboratory would see it: plain Deno sockets on loopback. */
import assert from "node:assert/strict";
import { Engine, Exchange, type ExchangeOptions, KIND, Tape } from "hotpath";
import {
  decodeOrder,
  decodeRecords,
  encodeOrder,
  encodeRecords,
  freePort,
  ORDER_BYTES,
  Udp,
  until,
  WIRE,
} from "../wire.ts";

/** An exchange on loopback that sends to `port`. */
function open(tape: Tape, port: number, options: Partial<ExchangeOptions> = {}): Exchange {
  return Exchange.open({
    tape,
    group: "127.0.0.1",
    port,
    listen: "127.0.0.1",
    orderPort: freePort(),
    pace: { rate: 5000 },
    ...options,
  });
}

function connect(exchange: Exchange): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: exchange.settings.orderPort });
}

/** Triggers that were sent for certain: connects, and waits for the first datagrams. */
async function session(exchange: Exchange): Promise<Deno.TcpConn> {
  const before = exchange.counters.datagrams;
  const client = await connect(exchange);
  await until("the session's first datagrams", () => exchange.counters.datagrams > before + 2);
  return client;
}

Deno.test("Exchange sends the records of wire format 11, byte by byte", async () => {
  using tape = Tape.generate({ seed: 2, records: 500, levels: 20 });
  using udp = await Udp.open();
  using exchange = open(tape, udp.port);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(exchange.state, "INIT");
  assert.equal(udp.received.length, 0, "nothing is sent before a client is there");

  const before = Date.now() * 1e6;
  {
    using client = await connect(exchange);
    await until("a session", () => exchange.state !== "INIT");
    await until("the last record", () => udp.received.length === tape.info.datagrams);
    client.closeWrite();
    await exchange.ready();
  }
  assert.equal(exchange.counters.vanished, 0);
  assert.ok(udp.received.every(({ length }) => length % 40 === 0 && length >= 40 && length <= 200));
  const records = udp.received.flatMap(decodeRecords);
  const expected = tape.read();
  assert.equal(records.length, tape.info.records);
  records.forEach((record, i) => {
    assert.equal(record.type, 1);
    assert.ok(record.padded, "padding is 0");
    assert.equal(record.seq, i);
    assert.equal(record.price, expected[3 * i]);
    assert.equal(record.qty, expected[3 * i + 1]);
    assert.equal(record.flags, expected[3 * i + 2]);
    assert.equal(
      (record.flags & WIRE.SNAPSHOT) !== 0,
      i < tape.info.snapshotRecords,
      "the snapshot comes first",
    );
    assert.equal((record.flags & WIRE.LAST) !== 0, i === records.length - 1, "one record is the last");
    assert.ok(i === 0 || record.sentNs >= records[i - 1]!.sentNs);
  });
  assert.ok(records[0]!.sentNs > before - 1e9 && records[0]!.sentNs < before + 60e9, "ns since the epoch");
});

Deno.test("Exchange serves one client after the other, each from sequence number 0", async () => {
  using tape = Tape.generate({ seed: 2, records: 200, levels: 10 });
  using udp = await Udp.open();
  using exchange = open(tape, udp.port);
  using first = await connect(exchange);
  using _second = await connect(exchange); // waits in the backlog
  await until("the first session's end", () => udp.received.length === tape.info.datagrams);
  assert.equal(exchange.counters.sessions, 1);
  first.close();
  await until("the second session's end", () => udp.received.length === 2 * tape.info.datagrams);
  assert.equal(exchange.counters.sessions, 2);
  assert.equal(decodeRecords(udp.received[tape.info.datagrams]!)[0]!.seq, 0);
});

Deno.test("Exchange goes back to INIT when its client vanishes, and serves the next", async () => {
  using tape = Tape.generate({ seed: 2, records: 50_000, levels: 10 });
  using udp = await Udp.open();
  using exchange = open(tape, udp.port);
  (await session(exchange)).close();
  await exchange.ready();
  assert.equal(exchange.counters.vanished, 1);
  assert.deepEqual(exchange.troubles, ["1 clients vanished in the middle of a session"]);
  using _next = await session(exchange);
  assert.equal(exchange.state, "TRANSMIT");
});

Deno.test("Exchange accepts, cancels and refuses orders, each with its counter and a sentence", async () => {
  const cases: [what: string, order: Uint8Array, counter: string, sentence: RegExp][] = [
    ["id 0", encodeOrder({ triggerSeq: 0, id: 0, price: 1, qty: 1 }), "refused_id", /ids begin at 1/],
    [
      "id used",
      encodeOrder({ triggerSeq: 0, id: 1, price: 1, qty: 1 }),
      "refused_id",
      /id 1: was used before/,
    ],
    ["price 0", encodeOrder({ triggerSeq: 0, id: 9, price: 0, qty: 1 }), "refused_price", /price 0 is not/],
    [
      "price < 0",
      encodeOrder({ triggerSeq: 0, id: 9, price: -5, qty: 1 }),
      "refused_price",
      /price -5 is not/,
    ],
    [
      "qty < 0",
      encodeOrder({ triggerSeq: 0, id: 9, price: 1, qty: -2 }),
      "refused_qty",
      /quantity -2 is negative/,
    ],
    [
      "future",
      encodeOrder({ triggerSeq: 1e9, id: 9, price: 1, qty: 1 }),
      "refused_trigger",
      /was never sent/,
    ],
    ["past", encodeOrder({ triggerSeq: -1, id: 9, price: 1, qty: 1 }), "refused_trigger", /was never sent/],
    ["cancel", encodeOrder({ triggerSeq: 0, id: 9, price: 1, qty: 0 }), "refused_id", /cancels no order/],
    [
      "cancel again",
      encodeOrder({ triggerSeq: 0, id: 1, price: 1, qty: 0 }),
      "refused_id",
      /cancels no order/,
    ],
  ];
  using tape = Tape.generate({ seed: 2, records: 50_000, levels: 10 });
  for (const [what, order, counter, sentence] of cases) {
    using exchange = open(tape, freePort());
    using client = await session(exchange);
    await client.write(encodeOrder({ triggerSeq: 1, id: 1, price: 5e6, qty: 3, flags: WIRE.BID }));
    if (what === "cancel again") await client.write(order);
    for (const byte of order) await client.write(Uint8Array.of(byte)); // as TCP may deliver it
    await until(`${what}: refused`, () => exchange.counters.refused === 1);
    const { orders, cancels, bad_orders } = exchange.counters;
    assert.equal((exchange.counters as Record<string, number>)[counter], 1, what);
    assert.deepEqual([orders, cancels, bad_orders], [1, what === "cancel again" ? 1 : 0, 0], what);
    assert.equal(exchange.troubles.length, 1);
    assert.match(exchange.troubles[0]!, sentence, what);
    assert.equal(exchange.tickToOrder.count, 1, "only the good one is timed");
    assert.equal(exchange.state, "TRANSMIT", "a refused order ends nothing");
  }
});

Deno.test("Exchange closes a session over bytes that are no order, and serves the next client", async () => {
  using tape = Tape.generate({ seed: 2, records: 50_000, levels: 10 });
  using exchange = open(tape, freePort());
  using client = await session(exchange);
  await client.write(encodeOrder({ type: 7, triggerSeq: 0, id: 1, price: 1, qty: 1 }));
  const read = await client.read(new Uint8Array(1)).catch(() => null); // closed, or reset
  assert.equal(read, null);
  await exchange.ready();
  assert.equal(exchange.counters.bad_orders, 1);
  assert.equal(exchange.counters.refused_type, 1);
  assert.equal(exchange.counters.orders, 0);
  assert.match(
    exchange.troubles[0]!,
    /1 sessions were closed over bytes that are no order; the first: type 7/,
  );
  using _next = await session(exchange);
});

Deno.test("Exchange with once ends after a session; with log it writes every order", async () => {
  using tape = Tape.generate({ seed: 2, records: 100, levels: 10 });
  const log = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    using exchange = open(tape, freePort(), { once: true, log });
    {
      using client = await session(exchange);
      await client.write(encodeOrder({ triggerSeq: 1, id: 1, price: 5e6, qty: 3, flags: WIRE.BID }));
      await client.write(encodeOrder({ triggerSeq: 1, id: 2, price: -1, qty: 3 }));
      await client.write(encodeOrder({ triggerSeq: 1, id: 1, price: 5e6, qty: 0 }));
      await until("all three", () => exchange.counters.cancels === 1);
    }
    await until("its thread's end", () => !exchange.running);
    exchange.close();
    const lines = (await Deno.readTextFile(log)).trim().split("\n");
    assert.equal(lines.length, 4, "a header and three orders");
    await assert.rejects(connect(exchange), Deno.errors.ConnectionRefused);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("Engine reads a hand-made sender's datagrams of 1 to 5 records", async () => {
  using sender = await Udp.open();
  const port = freePort();
  using engine = Engine.open({ feed: `udp://127.0.0.1:${port}?wait=block&qty=100` });
  const records = Array.from({ length: 40 }, (_, seq) => ({
    seq,
    price: seq % 2 ? 100e6 + seq * 1e6 : 100e6 - seq * 1e6,
    qty: seq + 1,
    flags: (seq % 2 ? 0 : WIRE.BID) | (seq < 10 ? WIRE.SNAPSHOT : 0) | (seq === 39 ? WIRE.LAST : 0),
  }));
  const seen: number[] = [];
  for (let at = 0, size = 1; at < records.length; at += size, size = size % 5 + 1) {
    await sender.send(port, encodeRecords(...records.slice(at, at + size)));
  }
  for (let kind = 0; kind !== KIND.END;) {
    kind = engine.next();
    if (kind === KIND.BOOK) {
      const { seq, price, qty, isBid, isSnapshot, isLast } = engine.update;
      const flags = (isBid ? WIRE.BID : 0) | (isSnapshot ? WIRE.SNAPSHOT : 0) | (isLast ? WIRE.LAST : 0);
      assert.deepEqual({ seq, price, qty, flags }, records[seen.length]);
      seen.push(seq);
    }
  }
  assert.deepEqual(seen, records.map(({ seq }) => seq));
  assert.equal(engine.feed.counters.datagrams, 14);
  assert.equal(engine.book.stale, false);
  assert.deepEqual(engine.book.top.bid, { price: 100, qty: 0.01 });
  assert.deepEqual(engine.book.top.ask, { price: 101, qty: 0.02 });
});

Deno.test("Engine sends orders of wire format 11, byte by byte, to a plain TCP server", async () => {
  using sender = await Udp.open();
  const port = freePort();
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port: orderPort } = server.addr as Deno.NetAddr;
  for (const via of ["send", "uring"] as const) {
    using engine = Engine.open({
      feed: `udp://127.0.0.1:${port}?wait=block`,
      orders: `tcp://127.0.0.1:${orderPort}?via=${via}`,
      reconnectMs: 0,
    });
    using connection = await server.accept();
    await sender.send(
      port,
      encodeRecords(
        { seq: 0, price: 100e6, qty: 5, flags: WIRE.BID | WIRE.SNAPSHOT },
        { seq: 1, price: 101e6, qty: 6, flags: WIRE.SNAPSHOT },
      ),
    );
    const before = Date.now() * 1e6;
    while (engine.next() !== KIND.BOOK || engine.update.seq !== 1);
    const ids = [
      engine.inlineOrders.buy(101e6, 2),
      engine.inlineOrders.sell(100e6, 3),
      engine.inlineOrders.cancel(1),
    ];
    assert.deepEqual(ids, [1, 2, 0]);

    const bytes = new Uint8Array(3 * ORDER_BYTES);
    for (let got = 0; got < bytes.length;) {
      got += (await connection.read(bytes.subarray(got))) ?? assert.fail("closed");
    }
    const [buy, sell, cancel] = [0, 1, 2].map((i) =>
      decodeOrder(bytes.slice(i * ORDER_BYTES, (i + 1) * ORDER_BYTES))
    );
    for (const order of [buy!, sell!, cancel!]) {
      assert.equal(order.type, 2);
      assert.ok(order.padded);
      assert.ok(order.submitNs > before - 1e9 && order.submitNs < before + 60e9, "ns since the epoch");
    }
    for (const order of [buy!, sell!]) {
      assert.equal(order.triggerSeq, 1);
      assert.ok(order.triggerNs <= order.submitNs && order.triggerNs > before - 1e9);
    }
    assert.deepEqual([buy!.id, buy!.price, buy!.qty, buy!.flags], [1, 101e6, 2, WIRE.BID]);
    assert.deepEqual([sell!.id, sell!.price, sell!.qty, sell!.flags], [2, 100e6, 3, 0]);
    assert.deepEqual([cancel!.id, cancel!.qty], [1, 0]);
    await until("the acknowledgements", () => {
      engine.next();
      return engine.orderCounters.acked === 2;
    });
    assert.equal(engine.orderCounters.cancelled, 1);
  }
});
