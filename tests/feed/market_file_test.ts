/** Files made by hand: every format, every way to be wrong, and what is made of each. */
import assert from "node:assert/strict";
import { FLAG, MarketFile, type MarketFileSummary, NativeError, readBook } from "hotpath";
import { type Captured, writeCapture } from "../rx/capture.ts";
import { encodeRecords } from "../wire.ts";
import { framed, gzip, itch, join, level, mold, quote, segment } from "./itch.ts";

const A = "233.54.12.111:26400";
const B = "233.49.196.111:26400";

/** Files in a folder of their own, for as long as `use` takes. */
async function withFiles<T>(
  files: Record<string, Uint8Array | string>,
  use: (path: (name: string) => string) => T | Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "hotpath-market-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeFile(
        `${folder}/${name}`,
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    return await use((name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One file, read. */
function read(
  content: Uint8Array | string,
  options: Parameters<typeof readBook>[1] = {},
): Promise<MarketFile> {
  return withFiles({ file: content }, (path) => readBook(path("file"), options));
}

/** Datagrams 10 ms apart. */
function packets(...datagrams: [to: string, data: Uint8Array][]): Captured[] {
  return datagrams.map(([to, data], i) => ({
    to,
    data,
    stampNs: 1_700_000_000_000_000_000n + BigInt(i) * 10_000_000n,
  }));
}

/** Two symbols, a few orders, one of them changed in every way. */
const MESSAGES = [
  itch.system("O"),
  itch.directory(1, "AAA"),
  itch.directory(2, "BBB"),
  itch.add(1, "AAA", 1, "B", 100, 10_0000),
  itch.add(1, "AAA", 2, "S", 300, 10_0500),
  itch.add(1, "AAA", 3, "B", 50, 10_0000),
  itch.execute(1, 1, 40),
  itch.add(2, "BBB", 4, "B", 7, 20_0001),
  itch.cancel(1, 2, 100),
  itch.replace(1, 3, 5, 60, 10_0100),
  itch.add(2, "BBB", 6, "S", 9, 20_0000),
  itch.noii(2, "BBB"),
  itch.remove(1, 1),
];

const SUMMARY: MarketFileSummary = {
  feed: "itch50",
  messages: { A: 5, D: 1, E: 1, I: 1, R: 2, S: 1, U: 1, X: 1 },
  errors: {},
  gaps: [],
  symbols: [
    {
      symbol: "AAA",
      bid: { price: "10.01", size: 60, orders: 1 },
      ask: { price: "10.05", size: 200, orders: 1 },
      bid_levels: 1,
      ask_levels: 1,
      orders: 2,
      crossed: false,
    },
    {
      symbol: "BBB",
      bid: { price: "20.0001", size: 7, orders: 1 },
      ask: { price: "20", size: 9, orders: 1 },
      bid_levels: 1,
      ask_levels: 1,
      orders: 2,
      crossed: true,
    },
  ],
};

const plain = (file: MarketFile): MarketFileSummary => JSON.parse(JSON.stringify(file));

// -- formats ---------------------------------------------------------------------------------------------

Deno.test("MarketFile reads an ITCH file, plain and packed, and says the same", async () => {
  const bytes = framed(MESSAGES);
  for (
    const content of [
      bytes,
      await gzip(bytes),
      join(await gzip(bytes.subarray(0, 100)), await gzip(bytes.subarray(100))),
    ]
  ) {
    const file = await read(content);
    assert.deepEqual(plain(file), SUMMARY);
    assert.equal(file.isCapture, false);
    assert.equal(file.trouble, "");
    assert.deepEqual(file.lines, []);
  }
});

Deno.test("MarketFile keeps the books of the symbols asked for, and counts the messages of all", async () => {
  const file = await read(framed(MESSAGES), { symbols: ["BBB", "ZZZ"] });
  assert.deepEqual(file.messages, SUMMARY.messages);
  assert.deepEqual(file.symbols, [SUMMARY.symbols[1]]);
  assert.ok(file.skipped > 0);
  assert.deepEqual(file.book("BBB").levels("bid"), [{ price: 20.0001, qty: 7 }]);
  assert.throws(() => file.book("AAA"), /^RangeError: Cannot show AAA/);
  await assert.rejects(
    read(framed(MESSAGES), { symbols: ["TOO LONG A NAME"] }),
    /symbols have 1 to 8 characters/,
  );
});

Deno.test("MarketFile reads MoldUDP64 in a capture: heartbeats, ends, and the flows beside it", async () => {
  const capture = writeCapture(packets(
    [A, mold(1, MESSAGES.slice(0, 5))],
    ["10.0.0.1:53", Uint8Array.from([1, 2, 3])],
    [A, mold(6, [])],
    [A, mold(6, MESSAGES.slice(5))],
    ["10.0.0.2:9", new Uint8Array(60)],
    [A, mold(14, [], "SESSION001", 0xffff)],
  ));
  for (const content of [capture, await gzip(capture)]) {
    const file = await read(content);
    assert.deepEqual(plain(file), SUMMARY);
    assert.equal(file.isCapture, true);
    assert.equal(file.sessions, 1);
    assert.equal(file.note, "2 other flows were ignored (2 datagrams), the first to 10.0.0.1:53");
    const [{ packets, heartbeats, ends }] = file.lines as [MarketFile["lines"][0]];
    assert.deepEqual({ packets, heartbeats, ends }, { packets: 4, heartbeats: 1, ends: 1 });
  }
});

Deno.test("MarketFile takes two flows of one session as lines A and B, and leaves other sessions out", async () => {
  const file = await read(writeCapture(packets(
    [A, mold(1, MESSAGES.slice(0, 5))],
    [B, mold(1, MESSAGES.slice(0, 5))],
    ["233.1.1.1:5", mold(1, [itch.add(9, "OTHER", 1, "B", 1, 1)], "ANOTHER")],
    [B, mold(6, MESSAGES.slice(5, 8))],
    [A, mold(9, MESSAGES.slice(8))],
  )));
  assert.deepEqual(plain(file), SUMMARY);
  assert.deepEqual(file.lines.map(({ won }) => won), [10, 3]);
  assert.match(file.note, /^1 other flow was ignored \(1 datagrams\), the first to 233\.1\.1\.1:5$/);
});

Deno.test("MarketFile merges two captures by their stamps; what both lack is a gap", async () => {
  const [first, second, third, fourth] = packets(
    [A, mold(1, MESSAGES.slice(0, 5))],
    [A, mold(6, MESSAGES.slice(5, 6))],
    [A, mold(7, MESSAGES.slice(6, 7))],
    [A, mold(8, MESSAGES.slice(7))],
  ) as [Captured, Captured, Captured, Captured];
  const lineB = (captured: Captured) => ({ ...captured, to: B, stampNs: captured.stampNs + 1500n });
  await withFiles({
    a: writeCapture([first, third, fourth]),
    b: writeCapture([first, second, fourth].map(lineB)),
    c: writeCapture([first, fourth].map(lineB)),
    other: writeCapture(packets([B, mold(1, MESSAGES, "ANOTHER")])),
    itch: framed(MESSAGES),
  }, async (path) => {
    const both = await readBook([path("a"), path("b")]);
    assert.deepEqual(plain(both), SUMMARY);
    assert.deepEqual(both.lines.map(({ gaps }) => gaps), [1, 1]);
    const less = await readBook([path("a"), path("c")]);
    assert.deepEqual(less.gaps, [[6, 6]]);
    assert.equal(less.stale, true);
    assert.deepEqual(less.errors, { "unknown order": 1 });
    await assert.rejects(
      readBook([path("a"), path("other")]),
      /^NativeError: .* as lines A and B: the second is no itch50/,
    );
    await assert.rejects(readBook([path("itch"), path("a")]), /only captures have lines A and B/);
    await assert.rejects(
      readBook([path("a"), path("b"), path("c")]),
      /^TypeError: Cannot read 3 files at once/,
    );
  });
});

Deno.test("MarketFile reads DEEP and TOPS over IEX-TP", async () => {
  const deep = await read(writeCapture(packets(
    [A, segment(1, [level("8", "AAA", 100, 10_0000), level("5", "AAA", 70, 10_0100)])],
    [A, segment(3, [])],
    [A, segment(3, [level("8", "BBB", 5, 7), level("8", "AAA", 0, 10_0000)])],
  )));
  assert.equal(deep.feed, "deep");
  assert.deepEqual(deep.messages, { "5": 1, "8": 3 });
  assert.deepEqual(deep.symbols.map(({ symbol, bid, ask }) => [symbol, bid?.price, ask?.price, ask?.size]), [
    ["AAA", undefined, "10.01", 70],
    ["BBB", "0.0007", undefined, undefined],
  ]);
  const tops = await read(
    writeCapture(packets([A, segment(1, [quote("AAA", 1, 9_0000, 9_5000, 2)], 0x8003)])),
  );
  assert.equal(tops.feed, "tops");
  const [book] = tops.symbols as [MarketFileSummary["symbols"][0]];
  assert.deepEqual([book.bid, book.ask], [{ price: "9", size: 1, orders: 0 }, {
    price: "9.5",
    size: 2,
    orders: 0,
  }]);
  await assert.rejects(
    read(writeCapture(packets([A, segment(1, [quote("AAA", 1, 9_0000, 9_5000, 2)], 0x8005)]))),
    /its IEX-TP packets carry protocol 0x8005; DEEP 1\.0 \(0x8004\) and TOPS 1\.6 \(0x8003\) can be read$/,
  );
});

const RECORDS = [
  { seq: 0, price: 99_000_000, qty: 5, flags: 3 },
  { seq: 1, price: 101_000_000, qty: 7, flags: 2 },
  { seq: 2, price: 99_500_000, qty: 1, flags: 1 },
  { seq: 3, price: 101_000_000, qty: 0, flags: 0 },
  { seq: 4, price: 100_250_000, qty: 3, flags: 0 },
  { seq: 5, price: 99_000_000, qty: 6, flags: 1 },
  { seq: 6, price: 99_000_000, qty: 8, flags: 1 },
];

Deno.test("MarketFile reads lll records, in a file and in a capture", async () => {
  const expected = {
    feed: "lll",
    messages: { level: 7 },
    errors: {},
    gaps: [],
    symbols: [{
      symbol: "lll",
      bid: { price: "99.5", size: 1, orders: 0 },
      ask: { price: "100.25", size: 3, orders: 0 },
      bid_levels: 2,
      ask_levels: 1,
      orders: 0,
      crossed: false,
    }],
  };
  assert.deepEqual(plain(await read(encodeRecords(...RECORDS))), expected);
  const capture = packets([A, encodeRecords(...RECORDS.slice(0, 4))], [
    A,
    encodeRecords(...RECORDS.slice(4)),
  ]);
  assert.deepEqual(plain(await read(writeCapture(capture))), expected);
  const holed = await read(encodeRecords(...RECORDS.filter(({ seq }) => seq !== 3)));
  assert.deepEqual(holed.gaps, [[3, 3]]);
  // A run of snapshot records begins the book anew.
  const again = { seq: 7, price: 50_000_000, qty: 1, flags: FLAG.BID | FLAG.SNAPSHOT };
  const anew = await read(encodeRecords(...RECORDS, again, { ...again, seq: 8, price: 49_000_000 }));
  assert.deepEqual(
    anew.symbols.map(({ bid, bid_levels, ask_levels }) => [bid?.price, bid_levels, ask_levels]),
    [["50", 2, 0]],
  );
});

const CSV = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount";

Deno.test("MarketFile reads a Tardis CSV; lines that are none are errors, the first is kept", async () => {
  const rows = [
    CSV,
    "x,Y,1,1,true,bid,10.5,1.25",
    "nonsense",
    "x,Y,1,1,true,ask,11,2",
    "x,Y,2,2,false,bid,-1,2",
    "",
  ];
  const file = await read(rows.join("\n"));
  assert.deepEqual(plain(file), {
    feed: "tardis",
    messages: { level: 3 },
    errors: { framing: 1, "bad value": 1 },
    gaps: [],
    symbols: [{
      symbol: "Y",
      bid: { price: "10.5", size: 1.25, orders: 0 },
      ask: { price: "11", size: 2, orders: 0 },
      bid_levels: 1,
      ask_levels: 1,
      orders: 0,
      crossed: false,
    }],
  });
  const [example] = file.examples;
  assert.equal(new TextDecoder().decode(example!.bytes), "nonsense");
  assert.equal(example!.seq, 3, "the line's number");
});

// -- best bids and offers --------------------------------------------------------------------------------

const HEADER = "itch_msgs_processed,ask_px,ask_qty,bid_px,bid_qty";

async function bbo(content: Uint8Array | string, symbols?: string[]): Promise<string[]> {
  return await withFiles(
    { file: content, out: "what was there before, longer than what comes\n".repeat(99) },
    async (path) => {
      await readBook(path("file"), { bbo: path("out"), ...symbols && { symbols } });
      return (await Deno.readTextFile(path("out"))).trimEnd().split("\n");
    },
  );
}

Deno.test("readBook() writes the best bid and offer after each message that changed it", async () => {
  const both = [
    [7, 100500, 300, 100000, 110, "AAA"], // 6 made the first complete one 150 of 100 + 50
    [9, 100500, 200, 100000, 110, "AAA"],
    [10, 100500, 200, 100100, 60, "AAA"],
  ];
  const first = [6, 100500, 300, 100000, 150, "AAA"];
  const rows = [first, ...both].map((row) => row.join());
  assert.deepEqual(await bbo(framed(MESSAGES), ["AAA"]), [
    HEADER,
    ...rows.map((row) => row.replace(/,AAA$/, "")),
  ]);
  // A second symbol's first row gives all rows their symbol.
  const more = [...MESSAGES, itch.add(2, "BBB", 8, "B", 1, 20_0002)];
  assert.deepEqual(await bbo(framed(more)), [`${HEADER},symbol`, ...rows, "14,200000,9,200002,1,BBB"]);
});

Deno.test("readBook() writes no best bid and offer while a side is empty, or an event is not complete", async () => {
  const messages = [
    itch.add(1, "AAA", 1, "B", 100, 10_0000),
    itch.add(1, "AAA", 2, "S", 100, 10_0500),
    itch.remove(1, 2),
    itch.add(1, "AAA", 3, "S", 100, 10_0500),
    itch.remove(1, 3),
    itch.add(1, "AAA", 4, "S", 90, 10_0500),
  ];
  assert.deepEqual(await bbo(framed(messages)), [HEADER, "6,100500,90,100000,100"]);
  const sweep = segment(1, [
    level("8", "AAA", 100, 10_0000),
    level("5", "AAA", 70, 10_0100),
    level("5", "AAA", 30, 10_0200, false),
    level("5", "AAA", 0, 10_0100, false),
    level("8", "AAA", 1, 10_0100),
  ]);
  assert.deepEqual(await bbo(writeCapture(packets([A, sweep]))), [HEADER, "5,100200,30,100100,1"]);
  const rows = [
    CSV,
    "x,Y,1,1,true,bid,10,1",
    "x,Y,1,1,true,ask,11,1",
    "x,Y,2,2,false,ask,11,0",
    "x,Y,2,2,false,ask,12,1",
    "x,Y,2,2,false,bid,10,3",
  ];
  assert.deepEqual(await bbo(rows.join("\n")), [HEADER, "5,12000000,1,10000000,3"]);
});

// -- files that are not whole ----------------------------------------------------------------------------

Deno.test("MarketFile reads a torn ITCH file up to where it is torn, and says so", async () => {
  const bytes = framed(MESSAGES);
  const whole = framed(MESSAGES.slice(0, 12));
  for (const cut of [1, 2, 3, 10, 20]) {
    const file = await read(bytes.subarray(0, whole.length + cut));
    const { D: _, ...rest } = SUMMARY.messages;
    assert.deepEqual(file.messages, rest);
    assert.equal(
      file.trouble.replace(/".*"/, "F"),
      `Cannot read F beyond byte ${whole.length} (unpacked): it ends within a message, of which ${cut} bytes are there`,
    );
    assert.deepEqual(file.errors, cut > 2 ? { "past end": 1 } : {});
    assert.deepEqual(file.symbols[0]!.orders, 3);
  }
});

Deno.test("MarketFile reads a gzip that is cut off or damaged as far as it goes", async () => {
  const many = Array.from(
    { length: 50_000 },
    (_, i) => itch.add(1, "AAA", i + 1, "B", 1 + i * 7919 % 997, 1 + i * 104_729 % 9973),
  );
  const packed = await gzip(framed([itch.directory(1, "AAA"), ...many]));
  const cut = await read(packed.subarray(0, packed.length / 2));
  assert.match(cut.trouble, /gzip stream breaks off$/);
  assert.ok(cut.messages.A! > 10_000 && cut.messages.A! < 40_000, `${cut.messages.A}`);
  assert.equal(cut.symbols[0]!.orders, cut.messages.A);
  const damaged = packed.slice();
  damaged.fill(0x55, packed.length / 2, packed.length / 2 + 200);
  const broken = await read(damaged);
  assert.match(broken.trouble, /it is damaged, fetch it again$/);
  const whole = packed.slice();
  whole[whole.length - 6]! ^= 1; // the checksum
  assert.match((await read(whole)).trouble, /it is damaged/);
});

Deno.test("MarketFile reads torn captures and records up to there", async () => {
  const capture = writeCapture(packets([A, mold(1, MESSAGES.slice(0, 5))], [A, mold(6, MESSAGES.slice(5))]));
  const file = await read(capture.subarray(0, capture.length - 9));
  assert.equal(file.applied, 5);
  assert.match(file.trouble, /a packet has \d+ bytes, of which \d+ are there$/);
  const records = await read(encodeRecords(...RECORDS).subarray(0, 7 * 40 - 3));
  assert.equal(records.applied, 6);
  assert.match(records.trouble, /a record has 40 bytes, of which 37 are there$/);
});

// -- files that are nothing of it ------------------------------------------------------------------------

Deno.test("MarketFile says what it looked for, and how a file begins that is none of it", async () => {
  const rejects = (content: Uint8Array | string, pattern: RegExp, options = {}) =>
    assert.rejects(read(content, options), (error: Error) => {
      assert.ok(error instanceof NativeError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  await rejects(
    "hello world, this is a text\n",
    /it begins with 68 65 6c 6c 6f .*"hello world, thi", which is no pcap or pcapng, no ITCH 5\.0 .*--feed/,
  );
  await rejects(new Uint8Array(4000), /it begins with 00 00/);
  await rejects("", /: it is empty$/);
  await rejects(
    Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4]),
    /it is packed by zstd; `zstd -d` unpacks it$/,
  );
  await rejects(writeCapture([]), /: there is no UDP datagram in it$/);
  await rejects("hello", /its packets come in captures/, { feed: "deep" });
  await rejects("hello", /names no column/, { feed: "tardis" });
  await rejects(
    writeCapture(packets(["10.0.0.1:53", Uint8Array.from([1, 2, 3])])),
    /none of its 1 UDP flows is MoldUDP64, IEX-TP or lll/,
  );
  await rejects(
    writeCapture(packets([A, mold(1, MESSAGES)])),
    /as deep: no UDP datagram in it has such a header/,
    { feed: "deep" },
  );
  await assert.rejects(
    readBook("/nowhere/file.pcap"),
    /^NativeError: Cannot read "\/nowhere\/file\.pcap": no such file$/,
  );
  await assert.rejects(readBook("/tmp"), /it is a folder; name a file in it/);
});

Deno.test("MarketFile reads what it is told a file is, whatever it looks like", async () => {
  const unknown = framed([
    Uint8Array.of(90, 1, 2),
    Uint8Array.of(91, 1),
    Uint8Array.of(92, 1),
    ...MESSAGES.slice(0, 2),
  ]);
  await assert.rejects(read(unknown), /Cannot tell what/);
  const file = await read(unknown, { feed: "itch50" });
  assert.deepEqual(file.messages, { R: 1, S: 1, Z: 1, "[": 1, "\\": 1 });
  assert.deepEqual(file.errors, { "unknown type": 3 });
});

Deno.test("MarketFile is closed by readBook(), and refuses to read on once closed", async () => {
  await withFiles({ file: framed(MESSAGES) }, (path) => {
    const file = MarketFile.open(path("file"));
    assert.equal(file.progress, 0);
    file.close();
    file.close();
    assert.equal(file.run(), false);
    assert.deepEqual(file.messages, {});
  });
});

// -- bad input -------------------------------------------------------------------------------------------

/** Number of `kind`, and the first example of it. */
function fault(file: MarketFile, kind: string): [count: number | undefined, example: Uint8Array | undefined] {
  return [file.errors[kind], file.examples.find((example) => example.fault === kind)?.bytes];
}

Deno.test("bad messages are counted by kind, the first of each kept; the rest is read", async () => {
  const unknown = Uint8Array.from([..."~?!"].map((c) => c.charCodeAt(0)));
  const short = itch.remove(1, 3).subarray(0, 18);
  const free = itch.add(1, "AAA", 77, "B", 100, 0);
  const nowhere = itch.remove(1, 4711);
  const twice = itch.add(1, "AAA", 3, "S", 1, 99_0000);
  const excess = itch.execute(1, 2, 301);
  const file = await read(framed([
    ...MESSAGES.slice(0, 6),
    unknown,
    short,
    free,
    nowhere,
    twice,
    excess,
    unknown.subarray(0, 1),
    nowhere,
    ...MESSAGES.slice(7, 8),
  ]));
  assert.deepEqual(file.errors, {
    "unknown type": 2,
    "wrong length": 1,
    "bad value": 1,
    "unknown order": 2,
    "duplicate order": 1,
    excess: 1,
  });
  const kept = {
    "unknown type": unknown,
    "wrong length": short,
    "bad value": free,
    "unknown order": nowhere,
  };
  for (const [kind, bytes] of Object.entries({ ...kept, "duplicate order": twice, excess })) {
    assert.deepEqual(fault(file, kind)[1], bytes, kind);
  }
  assert.deepEqual(file.examples.map(({ fault, seq }) => [fault, seq]), [
    ["unknown type", 7],
    ["wrong length", 8],
    ["bad value", 9],
    ["unknown order", 10],
    ["duplicate order", 11],
    ["excess", 12],
  ]);
  assert.deepEqual(file.messages, { A: 6, D: 3, E: 1, R: 2, S: 1, "~": 2 });
  assert.deepEqual(file.symbols.map(({ symbol, orders }) => [symbol, orders]), [["AAA", 2], ["BBB", 1]]);
});

Deno.test("books that are full say so, and go on with what they have", async () => {
  const many = Array.from({ length: 40 }, (_, i) => itch.add(1, "AAA", i + 1, "B", 1, 1 + i));
  const file = await read(framed([itch.directory(1, "AAA"), ...many]), { orders: 16 });
  assert.equal(file.symbols[0]!.orders, 16);
  assert.deepEqual(fault(file, "no room"), [24, many[16]]);
});

Deno.test("bad packets are counted by kind, the first of each kept; other packets are read", async () => {
  const junk = Uint8Array.of(1, 2, 3, 4, 5);
  const packet = mold(6, MESSAGES.slice(5, 7));
  const pastEnd = packet.slice(0, packet.length - 1);
  const file = await read(writeCapture(packets(
    [A, mold(1, MESSAGES.slice(0, 5))],
    [A, junk],
    [A, pastEnd],
    [A, mold(7, MESSAGES.slice(6))],
    [A, junk.subarray(1)],
  )));
  assert.deepEqual(fault(file, "framing"), [2, junk]);
  assert.equal(fault(file, "past end")[0], 1);
  assert.deepEqual({ ...plain(file), errors: {}, messages: {} }, { ...SUMMARY, messages: {} });
});

Deno.test("a session that changes begins the books anew; numbers that fall back are said", async () => {
  const next = [itch.directory(7, "NEXT"), itch.add(7, "NEXT", 1, "B", 5, 5_0000)];
  const file = await read(writeCapture(packets(
    [A, mold(1, MESSAGES)],
    [A, mold(1, next.slice(0, 1), "SESSION002")],
    [A, mold(2, next.slice(1), "SESSION002")],
    [A, mold(3, [], "SESSION002")],
  )));
  assert.equal(fault(file, "session")[0], 1);
  assert.equal(file.sessions, 2);
  assert.deepEqual(file.symbols.filter(({ orders }) => orders).map(({ symbol }) => symbol), ["NEXT"]);

  const many = Array.from(
    { length: 30 },
    (_, i) => mold(1 + 20 * i, Array.from({ length: 20 }, () => itch.system("O"))),
  );
  const back = mold(41, [itch.system("O")]);
  const fallen = await read(
    writeCapture(packets(...[...many, back].map((data) => [A, data] as [string, Uint8Array]))),
  );
  assert.deepEqual(fault(fallen, "sequence back"), [1, back.subarray(0, 64)]);
  assert.deepEqual(fallen.messages, { S: 600 });
});

Deno.test("MarketFile prints itself: counts with names, errors with their first example, gaps, books", async () => {
  const capture = writeCapture(packets(
    [A, mold(1, MESSAGES.slice(0, 6))],
    [A, mold(8, [...MESSAGES.slice(7), itch.remove(1, 4711)])],
  ));
  const text = Deno.inspect(await read(capture), { colors: false });
  assert.match(text, /^file: NASDAQ TotalView-ITCH 5\.0 in a capture, 13 messages$/m);
  assert.match(text, /│ U +│ order replace +│ +1 │/);
  assert.match(text, /unknown order: 1; the first \(message 14\): 44 00 01 .* 12 67$/m);
  assert.match(text, /^1 gap, 1 message missing: 7$/m);
  assert.match(text, /^The books are stale/m);
  assert.match(text, /│ BBB +│ +7 │ 20\.0001 │ +20 │ +9 │ +1 │ +1 │ +2 │ crossed │/);
  assert.match(Deno.inspect([await read(capture)]), /MarketFile .*file \(itch50\)/);
});

Deno.test("readBook() does not write the best prices over what it reads", async () => {
  await assert.rejects(readBook("deno.json", { bbo: "deno.json" }), /it is the file that is read/);
  await assert.rejects(readBook(["a.pcap", "b.pcap"], { bbo: "b.pcap" }), /it is the file that is read/);
});
