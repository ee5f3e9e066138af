/**
 * The chain of a feed of many symbols: captures of ITCH 5.0 over MoldUDP64 through lines, stream, decoder and books to the
 * events of a strategy.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import {
  captureFlows,
  defineFeed,
  Engine,
  type EngineOptions,
  feeds,
  runInline,
  type Strategy,
  type Update,
} from "hotpath";
import { noData, SHARED, testWhen } from "../fixture.ts";
import { Handlers } from "../../lib/strategy/handlers.ts";
import { Program } from "../process.ts";
import { itch, moldCapture, type MoldOptions, moldPacket } from "./moldudp.ts";

const A = "233.54.12.111:26400";
const B = "233.49.196.111:26400";
const MOLD = `${SHARED}/data/moldudp`;
const BBO = `${SHARED}/data/itch/aapl_20120621_0930-1030.bbo.csv.gz`;

const url = (to: string, file: string, speed = "flat") =>
  `udp://${to}?feed=itch50&via=pcap&speed=${speed}&file=${file}`;

/** The lines of a packed CSV file behind its head. */
async function unpackedLines(path: string): Promise<string[]> {
  const file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
  return text.trim().split("\n").slice(1);
}

/** Files with these captures for as long as `use` takes. */
async function withFiles(captures: Uint8Array[], use: (...paths: string[]) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "hotpath-" });
  try {
    const paths = captures.map((_, i) => `${directory}/${i}.pcap`);
    for (const [i, path] of paths.entries()) await Deno.writeFile(path, captures[i]!);
    await use(...paths);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Runs inline to the session's end, and lets the program do other things whenever the wire is quiet. */
async function runAwake(engine: Engine, strategy: Strategy): Promise<"end" | "quiet"> {
  const { update, shelf, inlineOrders } = engine;
  const handlers = new Handlers(strategy, update, shelf, inlineOrders, {});
  for (const deadline = performance.now() + 5000; performance.now() < deadline;) {
    const kind = engine.next();
    if (kind > 0 && handlers.dispatch(kind)) return "end";
    if (kind === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return "quiet";
}

/** Plays a capture of these messages into a strategy. */
function play(
  messages: Uint8Array[],
  strategy: Strategy,
  look: (engine: Engine) => void,
  options: Partial<EngineOptions & MoldOptions> = {},
): Promise<void> {
  const { to: _to, perDatagram, lost, stepNs, ...rest } = options;
  const packing = { perDatagram: perDatagram ?? 20, lost: lost ?? (() => false), stepNs: stepNs ?? 1000 };
  return withFiles([moldCapture(messages, { to: A, ...packing })], async (file) => {
    using engine = Engine.open({ feed: url(A, file!), ...rest });
    assert.equal(await runAwake(engine, strategy), "end");
    look(engine);
  });
}

/** One update as plain fields. */
const noted = (
  { kind, type, symbol, isBid, price, qty, orderRef, other, bid, bidQty, ask, askQty }: Update,
) => ({
  kind,
  type,
  symbol,
  isBid,
  price,
  qty,
  orderRef,
  other,
  top: [bid, bidQty, ask, askQty],
});

Deno.test("A strategy sees each ITCH message with its symbol's top, what the book knows of the order, and the book", async () => {
  const seen: ReturnType<typeof noted>[] = [];
  const messages = [
    itch("S", { code: "O" }),
    itch("R", { locate: 7, stock: "ABC" }),
    itch("H", { locate: 7, stock: "ABC", code: "T" }),
    itch("A", { locate: 7, ref: 1, side: "B", shares: 300, price: 990_000, stock: "ABC" }),
    itch("A", { locate: 7, ref: 2, side: "S", shares: 200, price: 1_010_000, stock: "ABC" }),
    itch("A", { locate: 7, ref: 3, side: "S", shares: 500, price: 1_010_000, stock: "ABC" }),
    itch("E", { locate: 7, ref: 2, shares: 50, match: 77 }),
    itch("X", { locate: 7, ref: 1, shares: 100 }),
    itch("U", { locate: 7, ref: 3, newRef: 4, shares: 400, price: 1_005_000 }),
    itch("P", { locate: 7, side: "B", shares: 10, price: 1_000_000, stock: "ABC", match: 78 }),
    itch("D", { locate: 7, ref: 2 }),
    itch("D", { locate: 7, ref: 99 }), // never seen
    itch("H", { locate: 7, stock: "ABC", code: "H" }),
  ];
  const none = 2 ** 32 - 1;
  await play(messages, {
    onBook(update, book) {
      seen.push(noted(update));
      assert.deepEqual([update.bid, update.bidQty, update.ask, update.askQty], [
        book.bid,
        book.bidQty,
        book.ask,
        book.askQty,
      ]);
    },
    onTrade: (update) => void seen.push(noted(update)),
    onStatus: (update) => void seen.push(noted(update)),
  }, ({ feed, books, ended }) => {
    assert.equal(ended, 1);
    assert.deepEqual(feed.report.faults, { "unknown order": 1 });
    assert.equal(feed.report.examples[0]!.seq, 12);
    assert.match(feed.report.examples[0]!.hex, /^44 00 07 /);
    assert.deepEqual(feed.report.messages, { A: 3, D: 2, E: 1, H: 2, P: 1, R: 1, S: 1, U: 1, X: 1 });
    assert.match(
      feed.troubles.join("\n"),
      /^1 messages were about an order that was never seen, or is gone; the first \(message 12\) began 44 00 07/,
    );
    assert.deepEqual(feed.lines.map(({ line, packets, messages, ends }) => [line, packets, messages, ends]), [
      ["A", 2, 13, 1],
    ]);
    assert.equal(books.at("ABC").bidQty, 200);
  });
  const order = { type: "", symbol: 7, isBid: false, price: 0, qty: 0, orderRef: 0, other: 0 };
  const bids = [990_000, 300];
  assert.deepEqual(seen, [
    { ...order, kind: "system", type: "S", symbol: none, other: 79, top: [0, 0, 0, 0] },
    { ...order, kind: "status", type: "H", other: 84, top: [0, 0, 0, 0] },
    {
      ...order,
      kind: "add",
      type: "A",
      isBid: true,
      price: 990_000,
      qty: 300,
      orderRef: 1,
      top: [...bids, 0, 0],
    },
    {
      ...order,
      kind: "add",
      type: "A",
      price: 1_010_000,
      qty: 200,
      orderRef: 2,
      top: [...bids, 1_010_000, 200],
    },
    {
      ...order,
      kind: "add",
      type: "A",
      price: 1_010_000,
      qty: 500,
      orderRef: 3,
      top: [...bids, 1_010_000, 700],
    },
    {
      ...order,
      kind: "execute",
      type: "E",
      price: 1_010_000,
      qty: 50,
      orderRef: 2,
      other: 77,
      top: [...bids, 1_010_000, 650],
    },
    {
      ...order,
      kind: "reduce",
      type: "X",
      isBid: true,
      price: 990_000,
      qty: 100,
      orderRef: 1,
      top: [990_000, 200, 1_010_000, 650],
    },
    {
      ...order,
      kind: "replace",
      type: "U",
      price: 1_005_000,
      qty: 400,
      orderRef: 3,
      other: 4,
      top: [990_000, 200, 1_005_000, 400],
    },
    {
      ...order,
      kind: "trade",
      type: "P",
      isBid: true,
      price: 1_000_000,
      qty: 10,
      other: 78,
      top: [990_000, 200, 1_005_000, 400],
    },
    {
      ...order,
      kind: "delete",
      type: "D",
      price: 1_010_000,
      orderRef: 2,
      top: [990_000, 200, 1_005_000, 400],
    },
    { ...order, kind: "status", type: "H", other: 72, top: [990_000, 200, 1_005_000, 400] },
  ]);
});

/** Two symbols that take turns. */
function twoSymbols(count: number): Uint8Array[] {
  const names = ["AAA", "BBB"];
  const messages = names.map((stock, locate) => itch("R", { locate: locate + 1, stock }));
  for (let ref = 1; ref <= count; ref++) {
    const locate = ref % 2 + 1;
    const side = ref % 4 < 2 ? "B" : "S";
    const price = side === "B" ? 1_000_000 - ref : 1_000_100 + ref;
    messages.push(itch("A", { locate, ref, side, shares: ref, price, stock: names[locate - 1]! }));
  }
  return messages;
}

Deno.test("A subscription lets only the symbols through that were named; the others are counted", async () => {
  const symbols = new Set<number>();
  let events = 0;
  await play(twoSymbols(1000), {
    onBook({ symbol }, book) {
      symbols.add(symbol);
      events++;
      assert.equal(book.priceScale, 10_000);
    },
  }, ({ feed, books }) => {
    assert.deepEqual([...symbols], [2]);
    assert.equal(events, 500);
    assert.equal(feed.report.skipped, 501, "the other's orders and its name");
    assert.equal(feed.report.messages["A"], 1000);
    assert.ok(books.at("BBB").bid > 0);
    assert.equal(books.has("AAA"), false);
  }, { symbols: ["BBB"] });
});

Deno.test("No names at all subscribe to everything, and the books have room for it", async () => {
  let events = 0;
  await play(twoSymbols(1000), { onBook: () => void events++ }, ({ feed, books }) => {
    assert.equal(events, 1000);
    assert.deepEqual(feed.report.faults, {});
    assert.ok(books.has("AAA") && books.has("BBB"));
  }, { symbols: [], room: {} });
});

Deno.test("Handlers give each symbol's events the book of that symbol, always the same object", async () => {
  const met = new Map<number, unknown>();
  await play(twoSymbols(200), {
    onBook({ symbol, bid, ask }, book) {
      assert.equal(met.get(symbol) ?? book, book);
      met.set(symbol, book);
      assert.deepEqual([book.bid, book.ask], [bid, ask]);
    },
  }, () => assert.deepEqual([...met.keys()].sort(), [1, 2]));
});

Deno.test("Events say which messages share a datagram, and only a datagram's first has its stages stamped", async () => {
  let last = 0;
  await play(
    twoSymbols(400),
    { onBook: ({ more }) => void (more || last++) },
    ({ breakdown, loops, feed }) => {
      assert.equal(last, Math.ceil(402 / 20));
      assert.equal(loops, 402);
      assert.equal(feed.stream.counters.delivered, 402);
      assert.equal(breakdown.decode.count, last);
      assert.equal(breakdown.strategy.count, last);
    },
  );
});

Deno.test("What is missing is told as a gap, the books are stale from there on, and orders are refused", async () => {
  using market = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const gaps: unknown[] = [];
  let stale = 0;
  let fresh = 0;
  await play(twoSymbols(400), {
    onBook(update, book, orders) {
      assert.equal(update.stale, gaps.length > 0);
      assert.equal(book.stale, update.stale);
      if (update.seq === 50) assert.equal(orders.buy(update.bid, 1), 1);
      if (update.seq === 200) assert.equal(orders.buy(update.bid, 1), -116); // ESTALE
      if (update.stale) stale++;
      else fresh++;
    },
    onGap: (gap) => void gaps.push({ ...gap }),
  }, ({ feed, books, orderCounters }) => {
    assert.equal(orderCounters.refused_stale, 1);
    assert.deepEqual(gaps, [{ seq: 101, lost: 20, recovering: false, overrun: 0 }]);
    assert.deepEqual([fresh, stale], [98, 282]);
    assert.deepEqual(feed.stream.holes, [[101, 120]]);
    assert.equal(feed.stream.counters.stale, 1);
    assert.equal(books.symbol(1).stale, true);
    assert.match(
      feed.troubles.join("\n"),
      /^20 messages were lost in 1 gaps: 101 to 120\nthe books are stale/,
    );
  }, { lost: (i) => i === 5, orders: `tcp://127.0.0.1:${market.addr.port}` });
});

Deno.test("A strategy may go on after a gap, or the engine be told to from the start", async () => {
  for (const goOn of [false, true]) {
    let gaps = 0;
    await play(
      twoSymbols(400),
      {
        onBook: ({ stale }) => assert.equal(stale, false),
        onGap: () => {
          gaps++;
          return "go on";
        },
      },
      ({ books }) => assert.equal(books.symbol(1).stale, false),
      { lost: (i) => i === 5, goOn },
    );
    assert.equal(gaps, 1);
  }
});

Deno.test("Two captures are two lines: what one has lost the other brings, in the order recorded, flat out or paced", async () => {
  const messages = twoSymbols(4000);
  const line = (to: string, lost: (i: number) => boolean) => moldCapture(messages, { to, lost, stepNs: 100 });
  const captures = [line(A, (i) => i % 10 === 3), line(B, (i) => i % 10 === 7)];
  for (const speed of ["flat", "1"]) {
    await withFiles(captures, async (a, b) => {
      using engine = Engine.open({ feed: url(A, a!, speed), lineB: url(B, b!, speed) });
      let next = 3;
      const end = await runInline(engine, {
        onBook: ({ seq }) => assert.equal(seq, next++),
        onGap: (gap) => assert.fail(JSON.stringify(gap)),
      }, { quietMs: 5000 });
      assert.equal(end, "end");
      assert.equal(next, messages.length + 1);
      const [lineA, lineB] = engine.feed.lines;
      assert.equal(lineA!.won + lineB!.won, messages.length);
      // Both have the same stamps, so A is first wherever it has the packet.
      assert.equal(lineB!.won, lineA!.missing);
      assert.ok(lineB!.won > 0 && lineA!.duplicates === 0);
      assert.equal(engine.feed.rx.stamped + engine.feed.rxB.stamped, lineA!.packets + lineB!.packets);
      assert.match(engine.feed.note, /^A: pcap, .*; B: pcap, /);
    });
  }
});

Deno.test("A feed that is only described runs like the one in C: the same events, the same books", async () => {
  defineFeed({ ...feeds["itch50"]!.schema, name: "described" });
  const messages = [
    itch("S", { code: "O" }),
    ...twoSymbols(300),
    itch("E", { locate: 2, ref: 3, shares: 1, match: 9 }),
    itch("U", { locate: 2, ref: 5, newRef: 1005, shares: 7, price: 999_000 }),
    itch("X", { locate: 2, ref: 7, shares: 2 }),
    itch("P", { locate: 1, shares: 3, price: 1_000_000, stock: "AAA" }),
    itch("D", { locate: 1, ref: 2 }),
  ];
  await withFiles([moldCapture(messages, { to: A })], async (file) => {
    const runs = [];
    for (const name of ["itch50", "described"]) {
      const events: unknown[] = [];
      const note = (update: Update) => {
        const { type: _type, ...event } = noted(update); // a description numbers its messages
        events.push(event);
      };
      using engine = Engine.open({ feed: url(A, file!).replace("feed=itch50", `feed=${name}`) });
      assert.equal(await runAwake(engine, { onBook: note, onTrade: note, onStatus: note }), "end");
      assert.deepEqual(engine.feed.report.faults, {});
      assert.equal(Object.values(engine.feed.report.messages).reduce((a, b) => a + b), messages.length);
      runs.push({ events, checksum: engine.books.checksum });
    }
    assert.equal((runs[0]!.events as unknown[]).length, messages.length - 2, "all but the two names");
    assert.deepEqual(runs[1], runs[0]);
    const open = (name: string) => () => Engine.open({ feed: `udp://${A}?feed=${name}` });
    assert.throws(open("nasdaq"), /There is no feed "nasdaq"; those are lll, itch50, /);
    assert.throws(open("mdp3"), {
      message: 'Cannot receive feed "mdp3": it comes over UDP, SBE; MoldUDP64 and IEX-TP can be received',
    });
  });
});

/** A re-request server that answers with at most `most` messages a packet; `undefined` leaves a request unanswered. */
async function withServer(
  messages: Uint8Array[],
  most: (first: number) => number | undefined,
  use: (url: string, asked: number[]) => Promise<void>,
): Promise<void> {
  const socket = createSocket("udp4");
  const asked: number[] = [];
  socket.on("message", (request: Uint8Array, { address, port }: { address: string; port: number }) => {
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const first = Number(view.getBigUint64(10));
    const count = Math.min(view.getUint16(18), most(first) ?? 0);
    asked.push(first);
    if (count > 0) {
      socket.send(moldPacket(first, messages.slice(first - 1, first - 1 + count)), port, address);
    }
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  try {
    await use(`udp://127.0.0.1:${socket.address().port}`, asked);
  } finally {
    socket.close();
  }
}

Deno.test("What is missing is asked for; live messages wait, all comes in order, and the strategy hears of the repair", async () => {
  const messages = twoSymbols(2000);
  await withServer(messages, () => 7, async (requests, asked) => {
    const told: unknown[] = [];
    let next = 3;
    await play(messages, {
      onBook: (update, book) => {
        assert.equal(update.seq, next++);
        assert.equal(update.stale, told.length === 1);
        assert.equal(book.stale, update.stale);
      },
      onGap: (gap) => void told.push({ ...gap }),
      onRepair: (repair) => void told.push(repair),
    }, ({ feed, books }) => {
      assert.equal(next, messages.length + 1);
      assert.deepEqual(told, [{ seq: 101, lost: 20, recovering: true, overrun: 0 }, { seq: 2002 }]);
      assert.deepEqual(asked, [101, 108, 115]);
      assert.equal(feed.stream.counters.recovered, 20);
      assert.equal(feed.stream.counters.requests, 3);
      assert.equal(feed.stream.counters.lost, 0);
      assert.equal(feed.repair.count, 1);
      assert.deepEqual(feed.lines.map(({ line, won }) => [line, won]), [["A", 1982], ["recovery", 20]]);
      assert.equal(books.symbol(1).stale, false);
    }, { lost: (i) => i === 5, requests, recovery: { timeoutMs: 400, boundMs: 5000 } });
  });
});

Deno.test("A recovery that is given up says so: the gap again, lost now, and the books stay stale", async () => {
  const messages = twoSymbols(400);
  await withServer(messages, () => undefined, async (requests, asked) => {
    const gaps: unknown[] = [];
    await play(messages, { onGap: (gap) => void gaps.push({ ...gap }) }, ({ feed, books }) => {
      assert.deepEqual(gaps, [
        { seq: 101, lost: 20, recovering: true, overrun: 0 },
        { seq: 101, lost: 20, recovering: false, overrun: 0 },
      ]);
      assert.ok(asked.every((first) => first === 101));
      assert.equal(feed.stream.counters.gave_up, 1);
      assert.equal(books.symbol(1).stale, true);
      assert.match(
        feed.troubles.join("\n"),
        /^20 messages were lost in 1 gaps: 101 to 120\n1 recoveries were given up\n/,
      );
    }, { lost: (i) => i === 5, requests, recovery: { timeoutMs: 5, attempts: 3 } });
  });
});

Deno.test("Engine.open() refuses lines that do not fit together, and asks for the book a feed has", async () => {
  const capture = moldCapture(twoSymbols(20), { to: A });
  await withFiles([capture], async (file) => {
    const open = (options: Partial<EngineOptions>) => Engine.open({ feed: url(A, file!), ...options });
    assert.throws(() => open({ lineB: `udp://${B}?feed=deep` }), {
      message: "Cannot use feed=deep on line B: line A has feed=itch50",
    });
    assert.throws(
      () => open({ lineB: "udp://127.0.0.1:26400" }),
      /^NativeError: Cannot receive one line from a capture and the other from a wire/,
    );
    assert.throws(() => open({ lineB: url(A, file!, "2") }), /give both the same speed/);
    const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = descriptors();
    assert.throws(
      () => open({ symbols: ["NINE CHARS"] }),
      /^NativeError: Cannot subscribe to "NINE CHARS": names have 1 to 8 characters/,
    );
    assert.equal(descriptors(), before, "what it had opened is closed");
    using engine = open({});
    assert.throws(() => engine.book, {
      message: 'Cannot look at the book: feed itch50 has one a symbol; use books.at("NAME")',
    });
    assert.match(
      Deno.inspect(engine),
      /^Engine standing still\n {2}feed 233\.54\.12\.111:26400 via pcap .* 0 messages/,
    );
    await Promise.resolve();
  });
});

Deno.test("An isolated strategy gets the same events, and the books to read", async () => {
  const messages = twoSymbols(2000);
  const script = `
    let events = 0, books;
    export default {
      onStart(_params, market) { books = market.books; },
      onBook({ symbol, stale }, book) { events += book === books.symbol(symbol) || !stale ? 1 : 0; },
      onStop() { console.log("told " + JSON.stringify([events, books.symbol(1).bid, books.symbol(2).ask])); },
    };`;
  await withFiles([moldCapture(messages, { to: A, stepNs: 200_000 })], async (file) => {
    const path = `${file}.ts`;
    await Deno.writeTextFile(path, script);
    await using program = new Program(`
      import { Engine, runIsolated } from "hotpath";
      using engine = Engine.open({ feed: ${JSON.stringify(`${url(A, file!, "1")}&wait=block`)} });
      const run = await runIsolated(engine, ${JSON.stringify(path)});
      for (let i = 0; engine.ended === 0 && i < 1000; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      await run.settle();
      const end = await run.stop();
      console.log("end " + JSON.stringify({ ...end, overruns: engine.overruns, bid: engine.books.symbol(1).bid, ask: engine.books.symbol(2).ask }));
    `);
    const told = JSON.parse(await program.line("told "));
    const end = JSON.parse(await program.line("end "));
    assert.equal(end.killed, undefined);
    assert.equal(end.overruns, 0);
    assert.deepEqual(told, [2000, end.bid, end.ask]);
  });
});

testWhen(
  noData(`${MOLD}/aapl_mold_clean.pcap.gz`),
  "The AAPL hour over MoldUDP64 ends in the stated book, and passes every stated top",
  async () => {
    const rows = (await unpackedLines(BBO)).map((line) => line.split(",").map(Number));
    const kinds: Record<string, number> = {};
    let row = 0;
    let top = "";
    using engine = Engine.open({ feed: url(A, `${MOLD}/aapl_mold_clean.pcap.gz`), symbols: ["AAPL"] });
    const end = await runInline(engine, {
      onBook({ kind, seq, bid, bidQty, ask, askQty, wireNs }) {
        kinds[kind] = (kinds[kind] ?? 0) + 1;
        assert.notEqual(wireNs, 0);
        const now = `${ask},${askQty},${bid},${bidQty}`;
        // The file begins some messages after both sides have a level.
        if (now === top || seq < rows[0]![0]!) return;
        top = now;
        assert.deepEqual([seq, ask, askQty, bid, bidQty], rows[row++]);
      },
      onTrade: ({ kind }) => void (kinds[kind] = (kinds[kind] ?? 0) + 1),
      onStatus: ({ kind }) => void (kinds[kind] = (kinds[kind] ?? 0) + 1),
      onGap: (gap) => assert.fail(JSON.stringify(gap)),
    }, { quietMs: 5000 });
    assert.equal(end, "end");
    assert.equal(row, rows.length);
    assert.deepEqual(kinds, {
      add: 40408,
      delete: 37076,
      execute: 4067,
      replace: 3928,
      reduce: 469,
      trade: 2201,
      system: 6,
      status: 1,
    });
    const book = engine.books.at("AAPL");
    assert.deepEqual([book.bid, book.bidQty, book.ask, book.askQty], [5_856_900, 10, 5_859_500, 100]);
    assert.deepEqual([book.bidLevels, book.askLevels, book.orders], [121, 103, 380]);
    assert.equal(book.stale, false);
    assert.deepEqual(engine.feed.report.faults, {});
  },
);

testWhen(
  noData(`${MOLD}/aapl_mold_lossyA.pcap.gz`),
  "Two lossy lines of the AAPL hour miss exactly what both have lost",
  async () => {
    const expected = JSON.parse(await Deno.readTextFile(`${MOLD}/aapl_mold_lossy.expected.json`));
    const gaps: number[][] = [];
    using engine = Engine.open({
      feed: url(A, `${MOLD}/aapl_mold_lossyA.pcap.gz`),
      lineB: url(B, `${MOLD}/aapl_mold_lossyB.pcap.gz`),
    });
    const end = await runInline(engine, {
      onGap: ({ seq, lost, recovering }) => {
        assert.equal(recovering, false);
        gaps.push([seq, seq + lost - 1]);
      },
    }, { quietMs: 5000 });
    assert.equal(end, "end");
    assert.deepEqual(gaps, expected.bothLostRanges);
    assert.deepEqual(engine.feed.stream.holes, expected.bothLostRanges);
    const { delivered, lost } = engine.feed.stream.counters;
    assert.equal(delivered + lost, expected.messages);
    assert.ok(engine.feed.skew.count > 50_000);
  },
);

const DEEP = `${SHARED}/data/iex/DEEP10`;

testWhen(
  noData(`${DEEP}.pcap.gz`),
  "IEX's own DEEP sample runs through twelve sessions to the stated books",
  async () => {
    const [flow] = captureFlows(`${DEEP}.pcap.gz`);
    using engine = Engine.open({
      feed: `udp://${flow!.address}:${flow!.port}?feed=deep&via=pcap&speed=flat&file=${DEEP}.pcap.gz`,
    });
    let clears = 0;
    let incomplete = 0;
    const played = runInline(engine, {
      onBook: (update) => void (incomplete += update.incomplete ? 1 : 0),
      onStatus: ({ kind }) => void (clears += kind === "clear" ? 1 : 0),
      onGap: (gap) => assert.fail(JSON.stringify(gap)),
    }, { quietMs: 5000 });
    await assert.rejects(played, /beyond byte \d+ \(unpacked\): a packet/);
    assert.equal(clears, 11);
    assert.ok(incomplete > 1000);
    const { messages, faults } = engine.feed.report;
    const stated = { 5: 14627, 8: 12941, T: 83343, H: 93638, O: 93638, P: 93636, B: 73, E: 59, S: 44 };
    assert.deepEqual({ ...messages }, stated);
    assert.deepEqual(faults, {});
    const rows = await unpackedLines(`${DEEP}.final_book_last_run.csv.gz`);
    for (const [name, bidLevels, askLevels, bid, bidQty, ask, askQty] of rows.map((row) => row.split(","))) {
      const book = engine.books.at(name!);
      const found = [book.bidLevels, book.askLevels, book.bid, book.bidQty, book.ask, book.askQty];
      assert.deepEqual(found, [bidLevels, askLevels, bid, bidQty, ask, askQty].map(Number), name!);
    }
  },
);
