/** `deno task book` as people run it: with its permission set and nothing more. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { deno, type Ended, ENV, ROOT, run } from "../process.ts";
import { framed, gzip, itch } from "./itch.ts";

const MESSAGES = [
  itch.directory(1, "AAA"),
  itch.directory(2, "BBB"),
  itch.add(1, "AAA", 1, "B", 100, 10_0000),
  itch.add(1, "AAA", 2, "S", 300, 10_0500),
  itch.remove(2, 9),
  itch.add(1, "AAA", 3, "B", 50, 10_0100),
  itch.add(2, "BBB", 4, "S", 7, 20_0000),
];

/** The script in a folder with a file `market.itch`, which is torn, and `packed`, which is whole and gzip. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hotpath-script-" });
  try {
    await Deno.writeFile(`${folder}/market.itch`, framed([...MESSAGES, itch.remove(1, 1)]).slice(0, -3));
    await Deno.writeFile(`${folder}/packed`, await gzip(framed(MESSAGES)));
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function book(...args: string[]): Promise<Ended> {
  return deno(["run", "-q", "--no-prompt", "-P=book", "scripts/book.ts", ...args]);
}

const JSON_OBJECT = {
  feed: "itch50",
  messages: { A: 4, D: 1, R: 2 },
  errors: { "unknown order": 1 },
  gaps: [],
  symbols: [
    {
      symbol: "AAA",
      bid: { price: "10.01", size: 50, orders: 1 },
      ask: { price: "10.05", size: 300, orders: 1 },
      bid_levels: 2,
      ask_levels: 1,
      orders: 3,
      crossed: false,
    },
    {
      symbol: "BBB",
      bid: null,
      ask: { price: "20", size: 7, orders: 1 },
      bid_levels: 0,
      ask_levels: 1,
      orders: 1,
      crossed: false,
    },
  ],
};

Deno.test("book --json prints exactly one object, and nothing on stderr", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await book(`${folder}/packed`, "--json");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout.trimEnd().split("\n").length, 1);
    assert.deepEqual(JSON.parse(stdout), JSON_OBJECT);
    const keys = ["feed", "messages", "errors", "gaps", "symbols"];
    assert.deepEqual(Object.keys(JSON.parse(stdout)), keys);
  }));

Deno.test("book reads a torn file up to there; --json says so beside the object", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await book(`${folder}/market.itch`, "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      ...JSON_OBJECT,
      errors: { ...JSON_OBJECT.errors, "past end": 1 },
    });
    assert.match(
      stderr,
      /^Cannot read ".*market\.itch" beyond byte \d+ \(unpacked\): it ends within a message/,
    );
  }));

Deno.test("book prints tables; --symbol and --depth show ladders", () =>
  inFolder(async (folder) => {
    const tables = await book(`${folder}/packed`);
    assert.deepEqual([tables.code, tables.stderr], [0, ""]);
    assert.match(tables.stdout, /^packed: NASDAQ TotalView-ITCH 5\.0, 7 messages$/m);
    assert.match(tables.stdout, /unknown order: 1; the first \(message 5\): 44 00 02/);
    assert.match(tables.stdout, /│ AAA +│ +50 │ 10\.01 │ 10\.05 │ +300 │/);
    assert.doesNotMatch(tables.stdout, /spread/);

    const ladder = await book(`${folder}/packed`, "--symbol", "AAA", "CCC", "--depth", "1");
    assert.match(
      ladder.stdout,
      /Book {2}AAA {2}2 bids {2}1 asks\n {2}ask.*10\.05 .*\n.*spread 0\.04\n {2}bid +10\.01 .*\n/,
    );
    assert.match(ladder.stdout, /There is no CCC in the file/);
    assert.doesNotMatch(ladder.stdout, /│ BBB/);
    const all = await book("--depth=2", `${folder}/packed`);
    assert.match(all.stdout, /Book {2}AAA[^]*Book {2}BBB/);
  }));

Deno.test("book --bbo writes a CSV wherever it is told to", () =>
  inFolder(async (folder) => {
    const { code, stderr } = await book(`${folder}/packed`, "--bbo", `${folder}/out.csv`, "--json");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      await Deno.readTextFile(`${folder}/out.csv`),
      "itch_msgs_processed,ask_px,ask_qty,bid_px,bid_qty\n6,100500,300,100100,50\n",
    );
    const nowhere = await book(`${folder}/packed`, "--bbo", `${folder}/no/out.csv`);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /No such file or directory.*out\.csv/);
  }));

Deno.test("book ends in one sentence and exit code 1 when something is wrong", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "nothing of the kind");
    const cases: [args: string[], sentence: RegExp][] = [
      [[], /^Cannot read a book: no file was named\n\ndeno task book FILE…/],
      [[`${folder}/missing`], /^Cannot read ".*missing": no such file$/],
      [[`${folder}/text`], /^Cannot tell what ".*text" is: it begins with 6e 6f 74 .*"nothing of the k"/],
      [
        [`${folder}/packed`, "--feed", "fix"],
        /^Cannot read as --feed=fix: it is one of itch50, deep, tops, lll, tardis$/,
      ],
      [[`${folder}/packed`, "--depth", "0"], /^Cannot use --depth=0: a whole number from 1 on is needed$/],
      [[`${folder}/packed`, "--nonsense"], /^Unknown option '--nonsense'/],
      [[`${folder}/packed`, `${folder}/packed`], /only captures have lines A and B/],
      [[`${folder}/packed`, "--orders", "1e12"], /orders/],
    ];
    for (const [args, sentence] of cases) {
      const { code, stdout, stderr } = await book(...args);
      assert.equal(code, 1, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr.trimEnd(), sentence);
      assert.doesNotMatch(stderr, /\bat file:/, "no stack");
    }
  }));

Deno.test("book --help says what there is", async () => {
  const { code, stdout, stderr } = await book("--help");
  assert.deepEqual([code, stderr], [0, ""]);
  for (const option of ["--feed", "--symbol", "--depth", "--orders", "--bbo", "--json"]) {
    assert.ok(stdout.includes(option), option);
  }
});

Deno.test("book draws a bar on a terminal, and takes it away", () =>
  inFolder(async (folder) => {
    assert.ok(existsSync("/usr/bin/script"), "script (util-linux) makes the terminal");
    const command = `${Deno.execPath()} run -q --no-prompt -P=book scripts/book.ts ${folder}/packed --json`;
    const { stdout } = await run("script", ["-qec", command, "/dev/null"], {
      cwd: ROOT,
      env: { ...ENV, TERM: "xterm" },
    });
    assert.match(stdout, /100 % /);
    assert.deepEqual(JSON.parse(/\{"feed".*\}/.exec(stdout)![0]), JSON_OBJECT);
  }));
