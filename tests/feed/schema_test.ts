/**
 * Feeds by description: what is refused and how that is said, and that a description means the same as a decoder
 * written in C, message by message, counter by counter.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeMessage, decodeRun, defineFeed, FeedLayout, feeds, type FeedSchema } from "hotpath";
import { decodeInto } from "../../lib/feed/decode.ts";
import { lengthOf, placedFields, widthOf } from "../../lib/feed/fields.ts";
import { MESSAGE, SCHEMA } from "../../lib/layout.ts";
import { native } from "../../lib/native.ts";
import { noData, SHARED, testWhen } from "../fixture.ts";

const AAPL = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;
const SYNTHETIC = `${SHARED}/data/itch/synthetic_3_symbols.itch50.gz`;
const DEEP10 = `${SHARED}/data/iex/DEEP10.pcap.gz`;

const MINIMAL = {
  name: "minimal",
  title: "One level a message",
  transport: "nothing",
  header: [{ name: "type", type: "a1", offset: 0 }],
  type: "type",
  priceScale: 100,
  qtyScale: 1,
  every: { symbol: "symbol" },
  messages: [{
    type: "L",
    name: "level",
    length: 14,
    fields: [
      { name: "symbol", type: "u16", offset: 1 },
      { name: "price", type: "u32", offset: 3, scale: 100 },
      { name: "size", type: "u48", offset: 7 },
      { name: "side", type: "a1", offset: 13 },
    ],
    means: { kind: "level", price: "price", qty: "size", side: { field: "side", bid: "B", ask: "S" } },
  }],
} as const satisfies FeedSchema;

/** MINIMAL with something else in its message. */
function other(message: object): FeedSchema {
  return { ...MINIMAL, messages: [{ ...MINIMAL.messages[0], ...message }] };
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

const BAD: [what: string, schema: unknown, problem: RegExp][] = [
  [
    "fields that overlap",
    other({
      fields: [...MINIMAL.messages[0].fields, { name: "more", type: "u16", offset: 6 }],
    }),
    /^Cannot define feed "minimal": message "L": fields "price" and "more" overlap at 6; message "L": fields "more" and/,
  ],
  [
    "a field over the header's",
    other({
      fields: [{ name: "symbol", type: "u16", offset: 0 }],
      means: undefined,
    }),
    /message "L": fields "type" and "symbol" overlap at 0/,
  ],
  [
    "a field beyond its message",
    other({ length: 10 }),
    /message "L", field "size": its 6 bytes at 7 reach beyond the 10 there are/,
  ],
  [
    "a field that is not there",
    other({ means: { kind: "level", price: "prize" } }),
    /price is "prize", which is no field of it; those are type, symbol, price, size, side$/,
  ],
  [
    "a type of field that is none",
    other({ fields: [{ name: "symbol", type: "u24", offset: 1 }] }),
    /: message "L", field "symbol": type is "u24"; it can be u8 u16 u32 u48 u64 i8/,
  ],
  [
    "a kind that is none",
    other({ means: { kind: "sell" } }),
    /message "L": means\.kind is "sell"; it can be other, level, add/,
  ],
  ["a word nobody knows", { ...MINIMAL, byteorder: "big" }, /a feed has no "byteorder"; it has name, title/],
  [
    "a word nobody knows in a meaning",
    other({ means: { kind: "level", cost: "price" } }),
    /a meaning has no "cost"/,
  ],
  [
    "a name twice",
    other({
      fields: [...MINIMAL.messages[0].fields.slice(0, 3), { name: "price", type: "a1", offset: 13 }],
      means: undefined,
    }),
    /field "price" is there twice/,
  ],
  [
    "a type twice",
    { ...MINIMAL, messages: [MINIMAL.messages[0], MINIMAL.messages[0]] },
    /message "L": another message has this type/,
  ],
  [
    "a type that is no byte",
    other({ type: "LL" }),
    /message "LL": type is "LL"; a character or a number is needed/,
  ],
  [
    "a side of several bytes",
    other({ means: { kind: "level", side: { field: "price", bid: "B" } } }),
    /side is "price", which is u32: one byte can decide/,
  ],
  [
    "a value that is no byte",
    other({ means: { kind: "level", side: { field: "side", bid: 300 } } }),
    /message "L": means\.side\.bid is 300; a character or 0 to 255 is needed/,
  ],
  [
    "a header without the type",
    { ...MINIMAL, type: "kind" },
    /header: no field of it is the type \("kind"\)/,
  ],
  [
    "a scale that is none",
    { ...MINIMAL, priceScale: 0.5 },
    /: priceScale is 0\.5; a whole number from 1 to \d+ is needed/,
  ],
  [
    "scales that do not fit",
    { ...MINIMAL, priceScale: 150 },
    /field "price" has scale 100, which is no whole multiple or part of the feed's 150/,
  ],
  [
    "short group entries",
    other({ group: { name: "g", length: 4, fields: [] } }),
    /message "L", group "g": length is 4; a whole number from 8 to 4096 is needed/,
  ],
  ["no messages", { ...MINIMAL, messages: [] }, /: messages is \[\]; a list of 1 to 64 is needed/],
  [
    "a name of every message that none has",
    { ...MINIMAL, every: { symbol: "stock" } },
    /every: symbol is "stock", which no message has a field for/,
  ],
  [
    "a built-in feed's name",
    { ...MINIMAL, name: "itch50" },
    /Cannot define feed "itch50": one of this name is built in; choose another/,
  ],
  ["text that is no JSON", "{", /Cannot define a feed: it is not JSON/],
  ["no object", null, /Cannot define a feed: it is null; a feed is an object/],
  ["a list", [], /Cannot define a feed: it is \[\]; a feed is an object/],
  [
    "things of the wrong kind",
    { name: 1, header: [1], messages: [null, { fields: 3 }] },
    /: name is 1; a word is needed; a feed needs "title"; .*header\[0\] is 1; .*messages\[0\] is null; a message is an object/,
  ],
];

for (const [what, schema, problem] of BAD) {
  Deno.test(`defineFeed() refuses ${what}`, () => {
    assert.throws(() => defineFeed(schema as FeedSchema), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, problem);
      return true;
    });
    assert.equal(Object.hasOwn(feeds, "minimal"), false);
  });
}

/** Every place in a description, as the keys that lead to it. */
function* places(thing: unknown, path: string[] = []): Generator<string[]> {
  if (path.length) yield path;
  if (typeof thing !== "object" || thing === null) return;
  for (const [key, value] of Object.entries(thing)) yield* places(value, [...path, key]);
}

/** The same with another value at one place. */
function replaced(thing: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(thing) ? [...thing] : { ...thing as object }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, value);
  return copy;
}

for (const name of ["itch50", "mdp3", "lll"]) {
  Deno.test(`defineFeed() has a sentence for any JSON at any place of ${name}, and makes nothing that C refuses`, () => {
    const { schema } = feeds[name]!;
    const at = fc.constantFrom(...places(schema));
    const value = fc.oneof(
      fc.jsonValue(),
      fc.integer({ min: -2, max: 70_000 }),
      fc.constantFrom("", "A", "u8", "a9", "i64", "type", "price", "level", null, undefined, [], {}),
    );
    fc.assert(
      fc.property(at, value, (path, value) => {
        try {
          const { table } = new FeedLayout(replaced(schema, path, value) as FeedSchema);
          if (table) assert.equal(native().hp_schema_check(table), 0, `${path} = ${JSON.stringify(value)}`);
        } catch (error) {
          assert.ok(error instanceof TypeError && error.message.startsWith("Cannot define "), String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
}

Deno.test("defineFeed() takes JSON, and a definition of one's own again", () => {
  try {
    const run = bytes("000e 4c 0007 000027d8 000000000005 42");
    const feed = defineFeed(JSON.stringify(MINIMAL));
    assert.equal(feeds.minimal, feed);
    const { messages, counts, faults } = decodeRun("minimal", run);
    assert.deepEqual(messages, [{
      kind: "level",
      type: 76,
      seq: 1,
      symbol: 7,
      timeNs: 0,
      price: 102,
      qty: 5,
      order: 0n,
      other: 0n,
      flags: ["bid"],
    }]);
    assert.deepEqual([counts, faults], [{ L: 1 }, {}]);
    defineFeed({ ...MINIMAL, byteOrder: "little", prefix: { byteOrder: "big" } });
    assert.equal(decodeRun("minimal", run).messages[0]!.symbol, 0x0700);
    defineFeed({ ...MINIMAL, byteOrder: "little" });
    assert.deepEqual(decodeRun("minimal", run).faults, { "past end": 1 });
  } finally {
    delete feeds.minimal;
  }
});

Deno.test("every built-in feed's table is accepted natively", () => {
  for (const { name, table } of Object.values(feeds)) {
    if (table) assert.equal(native().hp_schema_check(table), 0, name);
  }
  assert.equal(feeds.tardis!.table, null);
  assert.equal(feeds.itch50!.table!.length, SCHEMA.bytes);
});

/** mulberry32: the same numbers in each run. */
function randomness(seed: number): (n: number) => number {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const LETTERS = "BSYNOHPQTXRMCEA";

/** A run of messages of every type: mostly as they may be, some with a field, a length or a type gone wrong. */
function randomRun(name: string, count: number, seed: number): Uint8Array<ArrayBuffer> {
  const { schema } = feeds[name]!;
  const below = randomness(seed);
  const big = schema.byteOrder === "big";
  const run: number[] = [];
  for (let i = 0; i < count; i++) {
    const message = schema.messages[i % schema.messages.length]!;
    let length = lengthOf(schema, message);
    const data = new Uint8Array(length);
    for (const { name, offset, type } of placedFields(schema, message)) {
      const width = widthOf(type);
      if (type === "a1") data[offset] = LETTERS.charCodeAt(below(LETTERS.length));
      else if (type === "a8") {
        data.set(new TextEncoder().encode(["AAPL    ", "MSFT    ", "A       "][below(3)]), offset);
      } else if (below(12) === 0) { for (let k = 0; k < width; k++) data[offset + k] = below(256); }
      else if (below(12)) {
        data[big ? offset + width - 1 : offset] = 1 + below(name === "stock_locate" ? 3 : 200);
      }
    }
    data[0] = String(message.type).charCodeAt(0);
    if (below(40) === 0) data[0] = below(256);
    if (below(60) === 0) data.fill(0, 1);
    const stated = below(40) === 0 ? below(length + 3) : length;
    run.push(...big ? [0, stated] : [stated, 0]);
    length = below(2) ? stated : Math.min(stated, length);
    for (let k = 0; k < stated; k++) run.push(data[k] ?? 0);
  }
  return Uint8Array.from(run);
}

/** Both decoders make the same of a run: each word of each message, each counter, each example. */
function assertSame(name: string, run: Uint8Array<ArrayBuffer>): { count: number; report: Uint8Array } {
  const schema = decodeInto(feeds[name]!, run, "schema");
  const coded = decodeInto(feeds[name]!, run, "native");
  assert.equal(schema.count, coded.count);
  const words = (schema.count * MESSAGE.bytes) / 8;
  const [ours, theirs] = [schema, coded].map(({ memory }) => new BigUint64Array(memory.u8.buffer, 0, words));
  const at = ours!.findIndex((word, i) => word !== theirs![i]);
  assert.equal(at, -1, `message ${at >> 3}, word ${at % 8}: ${ours![at]} by the schema, ${theirs![at]} in C`);
  assert.deepEqual(schema.report, coded.report);
  return schema;
}

for (const name of ["itch50", "deep", "tops"]) {
  Deno.test(`${name}: its description and its decoder agree on messages of every type, good and bad`, () => {
    const types = feeds[name]!.schema.messages.length;
    let good = 0;
    for (let seed = 0; seed < 40; seed++) {
      const run = randomRun(name, 20 * types, seed);
      good += assertSame(name, run).count;
      assertSame(name, run.slice(0, run.length - seed)); // cut short
    }
    assert.ok(good > 40 * 20 * types / 4, `${good} good messages`);
    const { counts, faults } = decodeRun(name, randomRun(name, 20 * types, 1));
    assert.ok(
      feeds[name]!.schema.messages.every(({ type }) => counts[type]! > 0),
      Object.keys(counts).join(""),
    );
    assert.ok(faults["bad value"]! > 0 && faults["wrong length"]! > 0 && faults["unknown type"]! > 0);
  });
}

async function unpacked(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { readable } = await Deno.open(path);
  return new Uint8Array(
    await new Response(readable.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
  );
}

for (const [path, messages] of [[AAPL, 88_157], [SYNTHETIC, 12_012]] as const) {
  testWhen(
    noData(path),
    `itch50: its description and its decoder agree on ${path.split("/").at(-1)}`,
    async () => {
      assert.equal(assertSame("itch50", await unpacked(path)).count, messages);
    },
  );
}

/** The messages of a capture of IEX-TP, one after the other. */
function iexRun(capture: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(capture.buffer);
  const run = new Uint8Array(capture.length);
  let size = 0;
  for (let at = 24; at + 16 <= capture.length;) {
    const length = view.getUint32(at + 8, true);
    const segment = at + 16 + 14 + 4 * (view.getUint8(at + 16 + 14) & 15) + 8;
    at += 16 + length;
    if (at > capture.length) break; // the last record is not whole
    const payload = capture.subarray(segment + 40, segment + 40 + view.getUint16(segment + 12, true));
    run.set(payload, size);
    size += payload.length;
  }
  return run.slice(0, size);
}

testWhen(noData(DEEP10), "deep: its description and its decoder agree on IEX's own capture", async () => {
  assert.equal(assertSame("deep", iexRun(await unpacked(DEEP10))).count, 391_999);
});

/** CME MDP 3.0: an SBE message with three entries for 118, and one for 119; then a group nobody described. */
const REFRESH = `
  a000 0b00 2e00 0100 0900
  15cd853dfe9c9717 04 0000
  2000 04
  8036a496dd030000 07000000 76000000 01000000 03000000 01 00 30 0000000000
  00e98aa5dd030000 04000000 76000000 02000000 02000000 01 00 31 0000000000
  0084bd87dd030000 00000000 76000000 03000000 00000000 02 02 30 0000000000
  809b71b4dd030000 09000000 77000000 04000000 01000000 01 01 31 0000000000
  1800 0000000000 00`;

Deno.test("mdp3: each entry of a book's refresh is a message", () => {
  const { messages, counts, faults } = decodeRun("mdp3", bytes(REFRESH));
  assert.deepEqual([counts, faults], [{ 46: 1 }, {}]);
  assert.deepEqual(
    messages.map(({ kind, symbol, price, qty, flags }) => [kind, symbol, price, qty, flags]),
    [
      ["level", 0, 4250.25, 7, ["bid", "open"]],
      ["level", 0, 4250.5, 4, ["open"]],
      ["level", 0, 4250, 0, ["bid"]],
      ["level", 1, 4250.75, 9, []],
    ],
  );
  assert.ok(messages.every(({ timeNs, seq }) => timeNs === Number(1700000000123456789n) && seq === 1));
});

Deno.test("mdp3: a template nobody described is counted and passed over", () => {
  const { messages, counts, faults } = decodeRun("mdp3", bytes(`0a00 0000 0c00 0100 0900 ${REFRESH}`));
  assert.equal(messages.length, 4);
  assert.deepEqual([counts, faults], [{ 46: 1, unknown: 1 }, { "unknown type": 1 }]);
});

Deno.test("lll: records stand behind each other without a length", () => {
  const record = bytes(
    `01 0000000000 0900000000000000 0000000000000000 40420f0000000000 03000000 03 0000000000`,
  );
  const { messages } = decodeRun("lll", Uint8Array.from([...record, ...record]));
  assert.deepEqual(
    messages.map(({ kind, seq, price, qty, flags }) => [kind, seq, price, qty, flags]),
    Array(2).fill(["level", 9, 1, 3, ["bid", "snapshot"]]),
  );
});

Deno.test("decodeMessage() names and scales what is in a message", () => {
  const add = "41 0007 0000 1f1aba3b4c7b 00000000000004d2 42 00000064 4141504c20202020 00595f58";
  assert.deepEqual({ ...decodeMessage("itch50", add) }, {
    message: "add order",
    type: "A",
    stock_locate: 7,
    tracking: 0,
    timestamp: 0x1f1aba3b4c7b,
    order_ref: 1234,
    side: "B",
    shares: 100,
    stock: "AAPL",
    price: 585.7112,
  });
  const large = decodeMessage("itch50", add.replace("00000000000004d2", "ffffffffffffffff"));
  assert.equal(large.order_ref, 0xffffffffffffffffn);
  const { levels } = {
    levels: decodeMessage("mdp3", bytes(REFRESH).slice(2)).entries as Record<string, unknown>[],
  };
  assert.deepEqual(levels.map(({ price, action, entry_type }) => [price, action, entry_type]), [
    [4250.25, 0, "0"],
    [4250.5, 0, "1"],
    [4250, 2, "0"],
    [4250.75, 1, "1"],
  ]);
  const row = decodeMessage(
    "tardis",
    "deribit,BTC-PERPETUAL,1585699200245000,1585699209920000,true,ask,6401.5,700\n",
  );
  assert.deepEqual([row.side, row.price, row.amount], ["ask", "6401.5", "700"]);
});

Deno.test("decodeMessage() shows what there is of a message that is cut, and says what is wrong", () => {
  const { message, order_ref, shares, trouble } = decodeMessage(
    "itch50",
    "58 0007 0000 000000000001 00000000000004d2 0000",
  );
  assert.deepEqual([message, order_ref, shares, trouble], [
    "order cancel",
    1234,
    undefined,
    "it has 21 bytes, not 23",
  ]);
  assert.throws(
    () => decodeMessage("itch50", "7a"),
    /itch50 has no message of type "z" \(122\); it has S R H/,
  );
  assert.throws(() => decodeMessage("itch50", "4g"), /Cannot decode "4g": it is not bytes in hex/);
  assert.throws(
    () => decodeMessage("itch", "41"),
    /There is no feed "itch"; those are lll, itch50, deep, tops/,
  );
  assert.throws(() => decodeMessage("mdp3", "0b"), /its type is not in them/);
  assert.throws(() => decodeRun("tardis", bytes("00")), /it is a CSV; Tape\.load\(\) reads one/);
  assert.throws(() => decodeRun("mdp3", bytes("00"), { by: "native" }), /it has no decoder of its own/);
});

Deno.test("decodeMessage() has an object or a sentence for any bytes", () => {
  for (const feed of Object.values(feeds)) {
    const types = Object.values(feed.messages).map(({ type }) =>
      typeof type === "number" ? type : type.charCodeAt(0)
    );
    const bytes = fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 120 })).map(
      ([type, rest]) => {
        const at = feed.name === "mdp3" ? 2 : 0;
        if (rest.length > at + 1) rest.set(at ? [type, 0] : [type], at);
        return rest;
      },
    );
    fc.assert(fc.property(bytes, (bytes) => {
      try {
        assert.ok(decodeMessage(feed, bytes).message.length > 0);
      } catch (error) {
        assert.ok(error instanceof TypeError && error.message.startsWith("Cannot decode"), String(error));
      }
    }));
  }
});

Deno.test("feeds print as tables: all, one, a message", () => {
  const printed = (thing: unknown) => Deno.inspect(thing, { colors: false });
  assert.match(
    printed(feeds),
    /│ itch50 │ NASDAQ TotalView-ITCH 5\.0 .*│ x 10000 .*│ ns since midnight │ S R H Y L V W K J h A/,
  );
  const itch50 = printed(feeds.itch50);
  assert.match(itch50, /^Feed itch50: NASDAQ TotalView-ITCH 5\.0, MoldUDP64, files\n/);
  assert.match(
    itch50,
    /│ C +│ order executed with price +│ 36 +│ execute at +│ order_ref shares match printable price +│/,
  );
  const fields = printed((feeds.itch50 as unknown as Record<string, unknown>).A);
  assert.equal(fields, printed(feeds.itch50!.messages.A));
  assert.match(fields, /^Message A add order, 36 bytes \(add\)\n/);
  assert.match(fields, /│ 19 +│ side +│ a1 +│ +│ side +│ B buy, S sell +│/);
  assert.match(fields, /│ 32 +│ price +│ u32 +│ x 10000 +│ price +│ +│/);
  assert.equal(printed([feeds.tops]), "[ FeedLayout tops (11 messages) ]");
  assert.match(
    printed(decodeMessage("itch50", "44 000d 0000 2ad8e9c0a1f1 0000000001a2b3c4")),
    /^itch50 D order delete\n/,
  );
});
