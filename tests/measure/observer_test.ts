/**
 * The outside observer on a real wire: what it counts is what was sent, and three measurements of the same orders lie
 * inside of one another: the program's own claim, what its interface saw, what the exchange saw.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  contradiction,
  defineStrategy,
  Engine,
  type Exchange,
  Histogram,
  Lab,
  type LabOptions,
  NativeError,
  type ObserveEntry,
  Observer,
  runInline,
  runIsolated,
  type RxPath,
  Tape,
} from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { until } from "../wire.ts";

const EVERY = 50;
const UPDATES = 20_000;

let tape: Tape | undefined;

async function raise(options: LabOptions = {}): Promise<Lab> {
  tape ??= Tape.generate({ seed: 23, records: UPDATES, levels: 100 });
  return await Lab.up({ data: tape, pace: { rate: 8000 }, ...options });
}

/** Orders `times` on each 50th update. */
const steady = (times = 1) =>
  defineStrategy({
    onBook({ seq, bid, isSnapshot }, _book, orders) {
      if (isSnapshot || seq % EVERY !== EVERY - 1) return;
      for (let i = 0; i < times; i++) orders.buy(bid, 1);
    },
  });

/** The larger histogram holds the smaller at every rank, but for the width of a bucket: the check of the library. */
function assertWithin(smaller: Histogram, larger: Histogram): void {
  assert.equal(smaller.count, larger.count);
  for (let percent = 1; percent <= 100; percent++) {
    const [small, large] = [smaller.percentile(percent), larger.percentile(percent)];
    assert.ok(small <= large * (1 + 1 / 64) + 1, `p${percent}: ${small} is not within ${large}`);
  }
}

/** Every order was seen, once, and its three times are nested. */
function assertNested(observer: Observer, engine: Engine, exchange: Exchange): void {
  const { sent } = engine.orderCounters;
  const { orders, matched, repeated, unmatched, overwritten, unparsed } = observer.counters;
  assert.ok(sent > UPDATES / EVERY / 2);
  assert.deepEqual({ orders, matched, unparsed }, { orders: sent, matched: sent, unparsed: 0 });
  assert.equal(repeated + unmatched + overwritten, 0);
  assert.equal(observer.counters.malformed, 0);
  assert.equal(observer.contradiction, undefined);
  assertWithin(observer.inside!, observer.tickToTrade);
  assertWithin(observer.tickToTrade, exchange.tickToOrder);
}

const PLACES: [via: RxPath, entry: ObserveEntry, note: string][] = [
  ["udp", "auto", "entry in xdp (native), exit in tc"],
  ["udp", "tc", "entry in tc, exit in tc"],
  ["uring", "auto", "entry in xdp (native), exit in tc"],
  ["xdp", "auto", "entry in hotpath_steer, exit in tc"],
];

for (const [via, entry, note] of PLACES) {
  testWhen(
    noNamespaces(),
    `Observer of ${via} (${entry}) sees every order: inside lies within outside, and that within the exchange's`,
    async () => {
      await using lab = await raise();
      const engine = lab.open(via, { connectLater: true, goOn: true });
      using observer = Observer.open(engine, entry);
      assert.equal(observer.note, note);
      assert.equal(observer.counters.records, 0);
      assert.equal(await runInline(engine, steady(), { quietMs: 5000 }), "end");
      engine.close();
      await lab.exchange.ready();
      assertNested(observer, engine, lab.exchange);
      const { records, datagrams } = observer.counters;
      const { delivered, lost } = engine.feed.counters;
      assert.ok(delivered <= records && records <= lab.tape.info.records);
      if (lost === 0) {
        assert.deepEqual([records, datagrams], [lab.tape.info.records, lab.exchange.counters.datagrams]);
      }

      const before = observer.counters;
      observer.close();
      assert.equal(observer.open, false);
      assert.deepEqual(observer.counters, before, "what it saw can still be read");
      assert.throws(() => observer.reset(), /^TypeError: Cannot reset the observer: it is closed$/);
      const { stdout } = await new Deno.Command("ip", {
        args: ["-n", lab.namespaces.strategy, "link", "show", lab.namespaces.strategy],
      }).output();
      assert.doesNotMatch(new TextDecoder().decode(stdout), /xdp/);
    },
  );
}

testWhen(noNamespaces(), "Observer sees the orders of an isolated strategy", async () => {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      script,
      `export default {
        onBook(update, _book, orders) {
          if (!update.isSnapshot && update.seq % ${EVERY} === ${EVERY - 1}) orders.buy(update.bid, 1);
        },
      };`,
    );
    await using lab = await raise();
    using engine = lab.open("udp", { connectLater: true, goOn: true });
    using observer = Observer.open(engine);
    await using run = await runIsolated(engine, `file://${script}`);
    await until("the session's end", () => engine.ended === 1, 30_000);
    await run.settle();
    engine.close();
    await lab.exchange.ready();
    assertNested(observer, engine, lab.exchange);
  } finally {
    await Deno.remove(script);
  }
});

testWhen(noNamespaces(), "Observer counts the second order of a record as repeated", async () => {
  await using lab = await raise();
  const engine = lab.open("udp", { connectLater: true, goOn: true });
  using observer = Observer.open(engine);
  await runInline(engine, steady(2), { quietMs: 5000 });
  engine.close();
  const { orders, matched, repeated, unmatched } = observer.counters;
  const { sent } = engine.orderCounters;
  assert.deepEqual({ orders, matched, repeated, unmatched }, {
    orders: sent,
    matched: sent / 2,
    repeated: sent / 2,
    unmatched: 0,
  });
  assert.equal(observer.inside!.count, sent);
  assert.equal(observer.contradiction, undefined);
});

testWhen(
  noNamespaces(),
  "Observer counts orders by hand: unmatched, cancelled, and none before it",
  async () => {
    await using lab = await raise();
    using engine = lab.open("xdp");
    engine.start();
    await until("the session's end", () => engine.ended === 1, 30_000);
    const price = engine.book.top.bid!.price;
    const sent = async (n: number) => {
      engine.orders.buy(price, 0.01);
      await until("the order is sent", () => engine.orderCounters.sent === n);
    };
    await sent(1);
    using observer = Observer.open(engine);
    assert.equal(observer.inside!.count, 0, "what left before it was there is nobody's claim");
    await sent(2); // its record, the session's last, came before the observer
    const order = engine.orders.buy(price, 0.01);
    await until("the order is sent", () => engine.orderCounters.sent === 3);
    order.cancel();
    await until("the cancel is sent", () => engine.orderCounters.cancelled === 1);
    const { orders, matched, unmatched, cancels } = observer.counters;
    assert.deepEqual({ orders, matched, unmatched, cancels }, {
      orders: 2,
      matched: 0,
      unmatched: 2,
      cancels: 1,
    });
    assert.equal(observer.inside!.count, 2);
    assert.equal(observer.contradiction, undefined);
    observer.reset();
    assert.equal(observer.counters.orders, 0);
    assert.equal(observer.inside!.count, 0);
    await sent(4);
    assert.equal(observer.counters.unmatched, 1);
    assert.equal(observer.inside!.count, 1);
    engine.reset();
    assert.equal(observer.inside!.count, 0, "the engine has forgotten its claim");
  },
);

testWhen(
  noNamespaces(),
  "Observer.open(endpoints) needs no engine of this process, and has no inside",
  async () => {
    await using lab = await raise();
    using observer = Observer.open({ feed: lab.feedUrl("udp"), orders: lab.ordersUrl() }, "tc");
    assert.equal(observer.inside, undefined);
    assert.equal(observer.contradiction, undefined);
    const engine = lab.open("xdp", { connectLater: true }); // after it: tc leaves the hook free
    await runInline(engine, steady(), { quietMs: 5000 });
    engine.close();
    const { orders, unmatched, records } = observer.counters;
    // What xdp redirects never comes to tc: this is what opening in the wrong order looks like.
    assert.deepEqual([unmatched, records], [orders, 0]);
    assert.equal(orders, engine.orderCounters.sent);
  },
);

testWhen(noNamespaces(), "Engine.open() via xdp names the observer that is in its way", async () => {
  await using lab = await raise();
  using _observer = Observer.open({ feed: lab.feedUrl("udp"), orders: lab.ordersUrl() });
  assert.throws(
    () => lab.open("xdp", { connectLater: true }),
    (error) => error instanceof NativeError && /"hotpath_observe" is there already/.test(error.message),
  );
});

Deno.test("Observer.open() says what it cannot observe", () => {
  const orders = "tcp://127.0.0.1:9012";
  const refused: [feed: string, why: RegExp][] = [
    ["udp://127.0.0.1:12345", /Cannot observe ".*": it needs the interface, add if=NAME$/],
    ["udp://127.0.0.1:12345?via=pcap&file=x.pcap", /come through no interface that orders leave by$/],
    ["udp://127.0.0.1:12345?via=tap&if=tap0", /come through no interface that orders leave by$/],
    ["udp://127.0.0.1:12345?if=lo&netns=x", /in namespace "\/run\/netns\/x", orders leave from ""$/],
  ];
  for (const [feed, why] of refused) assert.throws(() => Observer.open({ feed, orders }), why);
  using engine = Engine.open({ feed: "udp://127.0.0.1:0?if=lo".replace(":0", ":45871") });
  assert.throws(() => Observer.open(engine), /Cannot observe the engine: it has no order entry$/);
});

testWhen(noNamespaces(), "Observer prints outside beside inside, and one line inside of others", async () => {
  await using lab = await raise();
  const engine = lab.open("udp", { connectLater: true });
  using observer = Observer.open(engine, "tc");
  const [title, , , , outside, inside] = Deno.inspect(observer).split("\n");
  assert.equal(title, `Observer of ${lab.namespaces.strategy} (entry in tc, exit in tc)`);
  assert.match(outside!, /│ outside: enters → leaves the interface │ +0 │ +- │/);
  assert.match(inside!, /│ inside: in hand → handed to the kernel │ +0 │ +- │/);
  await runInline(engine, steady(), { quietMs: 5000 });
  engine.close();
  observer.close();
  assert.match(Deno.inspect(observer), /^Observer of \S+ \(closed\)\n(.*\n){6}inside lies within outside\n┌/);
  assert.match(Deno.inspect(observer), /│ matched +│ +\d+ │/);
  assert.match(Deno.inspect([observer]), /^\[ Observer of \S+ \(closed\), \d+ orders \]$/);
});

// -- the detector, on made-up histograms ------------------------------------------------------------------

Deno.test("contradiction() fires when the claim is larger, at whatever rank, or of more orders", () => {
  const outside = Array.from({ length: 1000 }, (_, i) => 5000 + 10 * i);
  const of = Histogram.of;
  assert.equal(contradiction(of([]), of([])), undefined);
  assert.equal(contradiction(of(outside), of(outside)), undefined, "equal is within");
  assert.equal(contradiction(of(outside.map((ns) => ns / 2)), of(outside)), undefined);

  assert.equal(
    contradiction(of(outside.map((ns) => ns * 1.1)), of(outside)),
    "Inside contradicts outside: the program claims that 10 of 1,000 orders took 16.5 µs or longer, and at most 0 of 1,000 did",
  );
  assert.match(
    contradiction(of(outside.map((ns, i) => i < 50 ? 14_000 : ns)), of(outside))!,
    /claims that \d+ of 1,000 orders took .* or longer, and at most \d+ of 1,000 did$/,
    "50 orders that were quicker outside",
  );
  assert.match(contradiction(of(outside.with(999, 1e6)), of(outside))!, /claims that 1 of .* took 1\.0\d ms/);
  assert.match(
    contradiction(of(outside.map((ns) => ns + 400)), of(outside))!,
    /^Inside contradicts outside: /,
  );
  assert.equal(
    contradiction(of([...outside, 1]), of(outside)),
    "Inside contradicts outside: the program claims 1,001 orders, and 1,000 left the interface",
  );
  assert.equal(contradiction(of([...outside, 1e6]), of(outside), 1), undefined, "the other may be that one");
  assert.match(contradiction(of([...outside, 1e6, 1e6]), of(outside), 1)!, /claims 1,002 orders, and 1,001/);
});

const times = fc.array(fc.integer({ min: 0, max: 1e8 }), { minLength: 1, maxLength: 300 });

Deno.test("contradiction() never fires when each time inside is part of one outside", () => {
  fc.assert(
    fc.property(
      times,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      times,
      (outside, shares, rest) => {
        const share = shares[Symbol.iterator]();
        const inside = outside.map((ns) => Math.floor(ns * share.next().value!));
        assert.equal(contradiction(Histogram.of(inside), Histogram.of(outside)), undefined);
        assert.equal(
          contradiction(Histogram.of([...inside, ...rest]), Histogram.of(outside), rest.length),
          undefined,
        );
      },
    ),
  );
});

Deno.test("contradiction() always fires when the slowest claim is 2 buckets slower than all that was seen", () => {
  fc.assert(
    fc.property(times, (outside) => {
      const inside = outside.with(0, Math.ceil(Math.max(...outside) * (1 + 1 / 24) + 4));
      assert.match(
        contradiction(Histogram.of(inside), Histogram.of(outside))!,
        /^Inside contradicts outside/,
      );
    }),
  );
});
