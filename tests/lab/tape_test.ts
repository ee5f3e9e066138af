/** Tapes: the seeded market, Tardis files, and what becomes of files that are not quite Tardis files. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FLAG, NativeError, Tape } from "hotpath";
import { BINANCE, DERIBIT, noData, testWhen } from "../fixture.ts";
import { readCsv } from "../tardis.ts";

const HEADER = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount";
const ROW = "deribit,BTC-PERPETUAL,1585699200245000,1585699200355684,true,ask,6421.5,18640";
const REFUSED = "give a Tardis incremental_book_L2 file";

/** Calls `use` with the path of a file that has these bytes and is gone afterwards. */
function withFile<T>(content: string | Uint8Array, use: (path: string) => T): T {
  const path = Deno.makeTempFileSync({ prefix: "hotpath-tape-", suffix: ".csv" });
  try {
    Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return use(path);
  } finally {
    Deno.removeSync(path);
  }
}

// -- the seeded market ------------------------------------------------------------------------------------

Deno.test("Tape.generate() makes the same tape of the same seed, and another of another", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 3000 }), (seed, other, records) => {
      using one = Tape.generate({ seed, records, levels: 20 });
      using same = Tape.generate({ seed, records, levels: 20 });
      using different = Tape.generate({ seed: other, records, levels: 20 });
      assert.deepEqual(same.read(), one.read());
      assert.deepEqual({ ...same.info }, { ...one.info });
      if (seed !== other) assert.notDeepEqual(different.read(), one.read());
    }),
    { numRuns: 40 },
  );
});

Deno.test("Tape.generate() tells truly what it made", () => {
  const records = fc.integer({ min: 1, max: 2000 });
  const levels = fc.integer({ min: 10, max: 200 });
  const pack = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(fc.nat(), records, levels, pack, (seed, records, levels, pack) => {
      using tape = Tape.generate({ seed, records: records, levels: levels }, pack);
      const { info } = tape;
      const triples = tape.read();
      const flags = triples.filter((_, i) => i % 3 === 2);
      assert.equal(info.records, records + 2 * levels);
      assert.equal(flags.length, info.records);
      assert.equal(info.snapshotRecords, 2 * levels);
      flags.forEach((flag, i) => {
        assert.equal((flag & FLAG.SNAPSHOT) !== 0, i < info.snapshotRecords, `record ${i}`);
        assert.equal((flag & FLAG.LAST) !== 0, i === info.records - 1, `record ${i}`);
      });
      for (let i = 0; i < triples.length; i += 3) {
        assert.ok(Number.isSafeInteger(triples[i]) && triples[i]! > 0);
        assert.ok(Number.isInteger(triples[i + 1]) && triples[i + 1]! >= 0 && triples[i + 1]! < 2 ** 31);
      }
      assert.ok(info.datagrams >= info.records / pack && info.datagrams <= info.records);
      assert.ok(info.messages >= 1 && info.messages <= info.datagrams);
      assert.deepEqual([info.priceScale, info.badLines, info.offScale], [1e6, 0, 0]);
      assert.deepEqual([...tape.troubles], []);
    }),
    { numRuns: 60 },
  );
});

Deno.test("Tape.generate() packs the same records into more or fewer datagrams", () => {
  using five = Tape.generate({ records: 2000 }, 5);
  using one = Tape.generate({ records: 2000 }, 1);
  assert.deepEqual(one.read(), five.read());
  assert.equal(one.info.datagrams, one.info.records);
  assert.ok(five.info.datagrams < one.info.datagrams / 2);
});

for (
  const [options, pack, message] of [
    [{ levels: 9 }, 5, "Cannot make a market of 9 levels a side: ask for 10 to 20000"],
    [{ records: -1 }, 5, "Cannot make a market of -1 records: ask for 1 to 100000000"],
    [{ seed: -1 }, 5, "Cannot make a market of seed -1: seeds are 0 to 2^53"],
    [{}, 0, "Cannot pack 0 records into a datagram: an lll datagram holds 1 to 5"],
    [{}, 6, "Cannot pack 6 records into a datagram: an lll datagram holds 1 to 5"],
  ] as const
) {
  Deno.test(`Tape.generate() refuses ${JSON.stringify(options)} with pack ${pack}`, () => {
    assert.throws(() => Tape.generate(options, pack), { name: "NativeError", message });
  });
}

Deno.test("Tape.read() returns any part of the records", () => {
  using tape = Tape.generate({ records: 300, levels: 10 });
  const all = tape.read();
  const bounds = fc.integer({ min: 0, max: 400 });
  fc.assert(fc.property(bounds, bounds, (from, count) => {
    assert.deepEqual(tape.read(from, count), all.slice(3 * from, 3 * (from + count)));
  }));
  assert.equal(tape.read(0, -1).length, 0);
  assert.throws(() => tape.read(-1, 1), { name: "NativeError", message: /both must be 0 or more$/ });
});

Deno.test("Tape prints what it is, and refuses to be used once closed", () => {
  const tape = Tape.generate({ seed: 7, records: 1000 });
  assert.match(
    Deno.inspect(tape),
    /^Tape seeded market \(seed 7\): .*, 3,000 records \(2,000 snapshot\) in [\d,]+ datagrams/,
  );
  tape.close();
  tape.close(); // twice is once
  assert.throws(() => tape.read(), { name: "TypeError", message: "Cannot use the tape: it is closed" });
});

// -- Tardis files -----------------------------------------------------------------------------------------

testWhen(noData(DERIBIT), "Tape.load() reads every row of a real Deribit snapshot", () => {
  using tape = Tape.load(DERIBIT);
  const { records, snapshotRecords, datagrams, messages, priceScale, qtyScale, symbol } = tape.info;
  assert.deepEqual([records, snapshotRecords, datagrams, messages], [15, 15, 3, 1]);
  assert.deepEqual([priceScale, qtyScale, symbol], [1e6, 1, "deribit BTC-PERPETUAL"]);
  const triples = tape.read();
  assert.deepEqual([...triples.slice(0, 3)], [6_421_500_000, 18640, FLAG.SNAPSHOT]);
  assert.deepEqual([...triples.slice(-3)], [6_428_500_000, 39950, FLAG.SNAPSHOT | FLAG.LAST]);
  assert.deepEqual([...tape.troubles], []);
});

testWhen(noData(BINANCE), "Tape.load() reads a real hour of Binance as another parser does", async () => {
  using tape = Tape.load(BINANCE);
  const unzip = new DecompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>;
  using file = await Deno.open(BINANCE);
  const wanted = readCsv(await new Response(file.readable.pipeThrough(unzip)).text(), 5, tape.info.qtyScale);
  assert.equal(tape.info.qtyScale, 1000);
  assert.deepEqual({ ...tape.info }, wanted.info);
  assert.ok(tape.read().every((value, i) => value === wanted.triples[i]), "every record");
});

Deno.test("Tape.load() reads a .gz file as the plain one", async () => {
  const text = `${HEADER}\n${ROW}\n`;
  const zip = new CompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>;
  const zipped = new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(zip)).arrayBuffer());
  const [plain, gz] = [text, zipped].map((content) =>
    withFile(content, (path) => {
      using tape = Tape.load(path);
      return { ...tape.info };
    })
  );
  assert.deepEqual(gz, plain);
  const cut = zipped.slice(0, -6);
  const message = /^Cannot unpack ".*": .*; it is cut off or damaged, fetch it again$/;
  withFile(cut, (path) => assert.throws(() => Tape.load(path), { name: "NativeError", message }));
});

/** What loading a text says when nothing of it can be used. */
function refusal(text: string): string {
  return withFile(text, (path) => {
    try {
      Tape.load(path).close();
    } catch (error) {
      assert.ok(error instanceof NativeError, String(error));
      return error.message.replace(path, "FILE");
    }
    return assert.fail("it was loaded");
  });
}

Deno.test("Tape.load() says what is wrong with a file it cannot use at all", () => {
  assert.throws(() => Tape.load("/nonexistent/x.csv"), {
    name: "NativeError",
    message: `Cannot open "/nonexistent/x.csv": No such file or directory; ${REFUSED}`,
  });
  assert.throws(() => Tape.load(Deno.cwd()), {
    message: new RegExp(`^Cannot read ".*": Is a directory; ${REFUSED}$`),
  });
  assert.equal(refusal(""), `Cannot load "FILE": it is empty; ${REFUSED}`);
  for (const column of HEADER.split(",").filter((name) => name !== "timestamp")) {
    const header = HEADER.split(",").filter((name) => name !== column).join(",");
    assert.equal(
      refusal(`${header}\n${ROW}\n`),
      `Cannot load "FILE": its first line names no column "${column}"; ${REFUSED}`,
    );
  }
  assert.equal(refusal(`${HEADER}\n`), 'Cannot load "FILE": none of its 0 rows can be used');
  assert.equal(
    refusal(`${HEADER}\nx\ny\n`),
    'Cannot load "FILE": none of its 2 rows can be used; the first is x',
  );
});

Deno.test("Tape.load() finds its columns in any order and among others", () => {
  const text =
    "price,x,side,is_snapshot,local_timestamp,symbol,amount,exchange\n6421.5,?,bid,false,17,S,0.25,e\n";
  withFile(text, (path) => {
    using tape = Tape.load(path);
    assert.deepEqual([...tape.read()], [6_421_500_000, 25, FLAG.BID | FLAG.LAST]);
    assert.deepEqual([tape.info.qtyScale, tape.info.symbol], [100, "e S"]);
  });
});

Deno.test("Tape.load() counts lines it cannot use, keeps the first, and goes on", () => {
  const text = [
    HEADER,
    ROW,
    "not a row",
    ROW,
    ROW.replace("6421.5", "-1"),
    ROW.replace("deribit", "other"),
    ROW,
    "",
  ].join("\n");
  withFile(text, (path) => {
    using tape = Tape.load(path);
    const { records, badLines, offScale, firstBad } = tape.info;
    assert.deepEqual([records, badLines, offScale], [3, 2, 1]);
    assert.deepEqual(firstBad, { line: 3, text: "not a row" });
    assert.deepEqual([...tape.troubles], [
      "2 lines did not parse; the first is line 3: not a row",
      "1 lines had a price or amount that does not fit the wire; the first is line 3: not a row",
    ]);
  });
});

Deno.test("Tape.troubles names only what there was", () => {
  const troubles = (line: string) =>
    withFile([HEADER, ROW, line].join("\n"), (path) => {
      using tape = Tape.load(path);
      return [...tape.troubles].map((text) => text.split(";")[0]);
    });
  assert.deepEqual(troubles("?"), ["1 lines did not parse"]);
  assert.deepEqual(troubles(ROW.replace("18640", "-1")), [
    "1 lines had a price or amount that does not fit the wire",
  ]);
  assert.deepEqual(troubles(""), []);
});

// -- damaged files ----------------------------------------------------------------------------------------

const row = fc.record({
  time: fc.integer({ min: 0, max: 3 }).map((n) => 1585699200355684 + n),
  snapshot: fc.boolean(),
  side: fc.constantFrom("bid", "ask"),
  price: fc.integer({ min: 1, max: 9_999_999 }).map((n) => String(n / 100)),
  amount: fc.oneof(fc.constant("0"), fc.integer({ min: 0, max: 99_999 }).map((n) => (n / 10).toFixed(1))),
}).map(({ time, snapshot, side, price, amount }) => `e,S,1,${time},${snapshot},${side},${price},${amount}`);

/** Where, how many characters go, and what comes in their place. */
const damage = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  fc.nat({ max: 3 }),
  fc.oneof(
    fc.constantFrom(
      "",
      ",",
      "\n",
      "\r\n",
      "-",
      ".",
      "0",
      "9",
      "true",
      "\0",
      "é",
      "00000000000000000000",
      ROW,
      "\n\n",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  ),
);

Deno.test("Tape.load() makes of a damaged file what another parser makes of it", () => {
  const files = fc.tuple(fc.array(row, { minLength: 1, maxLength: 25 }), fc.array(damage, { maxLength: 6 }));
  fc.assert(
    fc.property(files, fc.integer({ min: 1, max: 5 }), ([rows, damages], pack) => {
      let body = rows.join("\n") + "\n";
      for (const [where, gone, instead] of damages) {
        const at = Math.floor(where * body.length);
        body = body.slice(0, at) + instead + body.slice(at + gone);
      }
      // As the file has it: half of a surrogate pair does not survive being written.
      const text = new TextDecoder().decode(new TextEncoder().encode(`${HEADER}\n${body}`));
      withFile(text, (path) => {
        let tape: Tape;
        try {
          tape = Tape.load(path, pack);
        } catch (error) {
          assert.ok(error instanceof NativeError, String(error));
          assert.match(error.message, /none of its \d+ rows can be used/);
          assert.equal(readCsv(text, pack, 1e6).info.records, 0, body);
          return;
        }
        using _ = tape;
        const wanted = readCsv(text, pack, tape.info.qtyScale);
        assert.deepEqual({ ...tape.info }, wanted.info, body);
        assert.deepEqual([...tape.read()], wanted.triples, body);
      });
    }),
    { numRuns: 500 },
  );
});

Deno.test("Tape.load() takes the quantity scale from the rows it keeps, not from those it refuses", () => {
  const tiny = ROW.replace(/,18640$/, ",0.00000001");
  const other = ROW.replace("BTC-PERPETUAL", "ETH-PERPETUAL").replace(/,18640$/, ",1.5");
  withFile([HEADER, ROW, tiny, other, ROW].join("\n"), (path) => {
    using tape = Tape.load(path);
    const { records, qtyScale, offScale, badLines } = tape.info;
    assert.deepEqual({ records, qtyScale, offScale, badLines }, {
      records: 2,
      qtyScale: 1,
      offScale: 1,
      badLines: 1,
    });
    assert.equal(tape.read()[1], 18640);
  });
});
