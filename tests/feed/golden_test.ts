/** The end states of real files, as their README has them. */
import assert from "node:assert/strict";
import { MarketFile, readBook } from "hotpath";
import { BINANCE, DERIBIT, noData, SHARED, testWhen } from "../fixture.ts";

const DATA = `${SHARED}/data`;
const AAPL = `${DATA}/itch/aapl_20120621_0930-1030.itch50.gz`;
const AAPL_BBO = `${DATA}/itch/aapl_20120621_0930-1030.bbo.csv.gz`;
const SYNTHETIC = `${DATA}/itch/synthetic_3_symbols.itch50.gz`;
const CLEAN = `${DATA}/moldudp/aapl_mold_clean.pcap.gz`;
const LOSSY_A = `${DATA}/moldudp/aapl_mold_lossyA.pcap.gz`;
const LOSSY_B = `${DATA}/moldudp/aapl_mold_lossyB.pcap.gz`;
const EXPECTED = `${DATA}/moldudp/aapl_mold_lossy.expected.json`;
const DEEP = `${DATA}/iex/DEEP10.pcap.gz`;
const DEEP_BOOK = `${DATA}/iex/DEEP10.final_book_last_run.csv.gz`;

const AAPL_MESSAGES = { A: 40_408, D: 37_076, E: 4067, U: 3928, P: 2201, X: 469, S: 6, R: 1, H: 1 };
const AAPL_BOOK = {
  symbol: "AAPL",
  bid: { price: "585.69", size: 10, orders: 1 },
  ask: { price: "585.95", size: 100, orders: 1 },
  bid_levels: 121,
  ask_levels: 103,
  orders: 380,
  crossed: false,
};

async function bytesOf(path: string): Promise<Uint8Array> {
  const file = await Deno.open(path);
  const unpacked = new Response(file.readable.pipeThrough(new DecompressionStream("gzip")));
  return new Uint8Array(await unpacked.arrayBuffer());
}

const unpacked = async (path: string) => new TextDecoder().decode(await bytesOf(path));

/** A second, slow reader of ITCH files: live orders and orders ever added by stock, and messages of no live order. */
function ordersOf(bytes: Uint8Array) {
  const at = new DataView(bytes.buffer);
  const live = new Map<bigint, { stock: string; shares: number }>();
  const adds: Record<string, number> = {};
  let dangling = 0;
  for (let i = 2; i < bytes.length; i += 2 + at.getUint16(i - 2)) {
    const type = String.fromCharCode(bytes[i]!);
    if (!"AFECXDU".includes(type)) continue;
    const ref = at.getBigUint64(i + 11);
    if (type === "A" || type === "F") {
      const stock = new TextDecoder().decode(bytes.subarray(i + 24, i + 32)).trimEnd();
      adds[stock] = (adds[stock] ?? 0) + 1;
      live.set(ref, { stock, shares: at.getUint32(i + 20) });
      continue;
    }
    const order = live.get(ref);
    if (!order) {
      dangling++;
      continue;
    }
    if (type === "U") live.set(at.getBigUint64(i + 19), { ...order, shares: at.getUint32(i + 27) });
    else if (type !== "D") order.shares -= at.getUint32(i + 19);
    if (type === "U" || type === "D" || order.shares <= 0) live.delete(ref);
  }
  const orders: Record<string, number> = {};
  for (const { stock } of live.values()) orders[stock] = (orders[stock] ?? 0) + 1;
  return { orders, adds, dangling };
}

/** Reads with a CSV of best bids and offers beside it. */
async function withCsv<T>(use: (path: string) => Promise<T>): Promise<{ result: T; csv: string }> {
  const path = await Deno.makeTempFile({ prefix: "hotpath-bbo-", suffix: ".csv" });
  try {
    return { result: await use(path), csv: await Deno.readTextFile(path) };
  } finally {
    await Deno.remove(path);
  }
}

testWhen(
  noData(AAPL) ?? noData(AAPL_BBO),
  "an hour of AAPL as an ITCH file: counts, final book, and every best bid and offer on the way",
  async () => {
    const shares: number[] = [];
    const { result, csv } = await withCsv((bbo) =>
      readBook(AAPL, { bbo, onProgress: (share) => shares.push(share) })
    );
    assert.deepEqual(result.toJSON(), {
      feed: "itch50",
      messages: AAPL_MESSAGES,
      errors: {},
      gaps: [],
      symbols: [AAPL_BOOK],
    });
    assert.equal(result.trouble, "");
    assert.equal(csv, await unpacked(AAPL_BBO));
    assert.equal(csv.trimEnd().split("\n").length, 1 + 22_833);
    assert.equal(shares.at(-1), 1);
  },
);

testWhen(
  noData(CLEAN) ?? noData(AAPL_BBO),
  "the same hour as MoldUDP64 in a capture: the same book, the same best bids and offers",
  async () => {
    const { result, csv } = await withCsv((bbo) => readBook(CLEAN, { bbo }));
    const { feed, messages, errors, gaps, symbols } = result.toJSON();
    assert.deepEqual({ feed, messages, errors, gaps }, {
      feed: "itch50",
      messages: AAPL_MESSAGES,
      errors: {},
      gaps: [],
    });
    assert.deepEqual(symbols, [AAPL_BOOK]);
    assert.equal(csv, await unpacked(AAPL_BBO));
    assert.deepEqual(result.lines, [{
      line: "A",
      packets: 77_274,
      heartbeats: 311,
      ends: 3,
      refused: 0,
      messages: 88_157,
      won: 88_157,
      duplicates: 0,
      reordered: 0,
      late: 0,
      gaps: 0,
      missing: 0,
    }]);
  },
);

testWhen(noData(SYNTHETIC), "three artificial symbols: counts, orders, books that cross", async () => {
  const { messages, errors, gaps, symbols } = await readBook(SYNTHETIC);
  assert.deepEqual(messages, {
    A: 4997,
    D: 1745,
    E: 198,
    F: 3,
    H: 3,
    P: 5000,
    R: 3,
    S: 6,
    U: 12,
    X: 45,
  });
  const { orders, adds, dangling } = ordersOf(await bytesOf(SYNTHETIC));
  assert.deepEqual(adds, { ALC: 950, BOB: 2482, CHAR: 1568 });
  assert.deepEqual(errors, { "unknown order": dangling });
  assert.deepEqual(gaps, []);
  assert.deepEqual(symbols.map(({ symbol, orders, crossed }) => [symbol, orders, crossed]), [
    ["ALC", orders.ALC, true],
    ["BOB", orders.BOB, true],
    ["CHAR", orders.CHAR, true],
  ]);
});

testWhen(
  noData(LOSSY_A),
  "line A alone: every number is delivered or in a gap, and the books are stale",
  async () => {
    const file = await readBook(LOSSY_A);
    const delivered = Object.values(file.messages).reduce((sum, count) => sum + count, 0);
    const missing = file.gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    assert.equal(delivered + missing, 88_157);
    assert.ok(missing > 800, `${missing} messages in 800 packets`);
    assert.equal(file.lines.length, 1);
    assert.equal(file.lines[0]!.won, delivered);
    assert.equal(file.stale, true);
    assert.ok(
      file.gaps.every(([first, last], i) => first <= last && (i === 0 || file.gaps[i - 1]![1] < first)),
    );
  },
);

testWhen(
  noData(LOSSY_A) ?? noData(LOSSY_B) ?? noData(EXPECTED),
  "lines A and B together: exactly what both lost is missing",
  async () => {
    const { bothLostRanges } = JSON.parse(await Deno.readTextFile(EXPECTED));
    assert.equal(bothLostRanges.length, 39);
    for (const files of [[LOSSY_A, LOSSY_B], [LOSSY_B, LOSSY_A]]) {
      const file = await readBook(files);
      assert.deepEqual(file.gaps, bothLostRanges);
      const delivered = Object.values(file.messages).reduce((sum, count) => sum + count, 0);
      assert.equal(delivered, 88_157 - 48);
      assert.deepEqual(file.lines.map(({ won }) => won).reduce((a, b) => a + b), delivered);
    }
  },
);

testWhen(
  noData(DEEP) ?? noData(DEEP_BOOK),
  "IEX's own DEEP sample: counts, eleven restarts, every final book; and that it is torn",
  async () => {
    const file = await readBook(DEEP);
    assert.equal(file.feed, "deep");
    assert.deepEqual(file.messages, {
      "5": 14_627,
      "8": 12_941,
      T: 83_343,
      H: 93_638,
      O: 93_638,
      P: 93_636,
      B: 73,
      E: 59,
      S: 44,
    });
    assert.equal(file.sessions, 12);
    assert.deepEqual(file.gaps, []);
    assert.match(file.trouble, /a packet has 1490 bytes, of which 460 are there$/);
    const { packets, heartbeats } = file.lines[0]!;
    assert.deepEqual({ packets, heartbeats }, { packets: 121_314, heartbeats: 7937 });
    const scaled = (price: string | undefined) => Math.round(Number(price) * 1e4);
    const rows = file.symbols.filter(({ bid, ask }) => bid ?? ask)
      .map(({ symbol, bid, ask, bid_levels, ask_levels }) =>
        [symbol, bid_levels, ask_levels, scaled(bid?.price), bid?.size, scaled(ask?.price), ask?.size].join()
      );
    assert.deepEqual(rows, (await unpacked(DEEP_BOOK)).trimEnd().split("\n").slice(1));
  },
);

testWhen(noData(BINANCE), "an hour of Binance futures: final book and levels", async () => {
  const { feed, messages, errors, gaps, symbols } = await readBook(BINANCE);
  assert.deepEqual({ feed, messages, errors, gaps }, {
    feed: "tardis",
    messages: { level: 445_262 },
    errors: {},
    gaps: [],
  });
  assert.deepEqual(symbols, [{
    symbol: "BTCUSDT",
    bid: { price: "61659.7", size: 1.486, orders: 0 },
    ask: { price: "61659.8", size: 0.981, orders: 0 },
    bid_levels: 5018,
    ask_levels: 4578,
    orders: 0,
    crossed: false,
  }]);
});

testWhen(
  noData(BINANCE),
  "the best bid and offer of Binance is said once a message, not once a row",
  async () => {
    const { csv } = await withCsv((bbo) => readBook(BINANCE, { bbo }));
    const rows = csv.trimEnd().split("\n").slice(1);
    assert.ok(rows.length > 100 && rows.length < 6548, `${rows.length} rows of 6,548 messages`);
    assert.match(rows.at(-1)!, /^\d+,61659800000,981,61659700000,1486$/);
  },
);

testWhen(noData(DERIBIT), "fifteen rows of Deribit: prices with and without a fraction", async () => {
  const file = await readBook(DERIBIT);
  assert.deepEqual(file.toJSON().symbols, [{
    symbol: "BTC-PERPETUAL",
    bid: null,
    ask: { price: "6421.5", size: 18_640, orders: 0 },
    bid_levels: 0,
    ask_levels: 15,
    orders: 0,
    crossed: false,
  }]);
  assert.deepEqual(file.book("BTC-PERPETUAL").levels("ask", 2), [{ price: 6421.5, qty: 18_640 }, {
    price: 6422,
    qty: 1190,
  }]);
});

testWhen(noData(AAPL), "a file is read in pieces as short as one likes", () => {
  using file = MarketFile.open(AAPL);
  let runs = 1;
  while (file.run(0)) runs++;
  assert.ok(runs > 100, `${runs} runs`);
  assert.deepEqual(file.symbols, [AAPL_BOOK]);
});
