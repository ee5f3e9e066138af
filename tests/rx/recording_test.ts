import assert from "node:assert/strict";
import {
  captureFlows,
  Engine,
  Lab,
  NativeError,
  replayOf,
  runInline,
  type StrategyBook,
  Tape,
} from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { until } from "../wire.ts";

const EVERY = 1000;

/** A number that no two books share: every level of both sides, in order. */
function checksum(book: StrategyBook): number {
  let sum = 0;
  const mix = (value: number) => {
    sum = (Math.imul(sum, 31) + value % 0x1_0000_0000 + Math.floor(value / 0x1_0000_0000)) | 0;
  };
  for (let i = 0; i < book.bidLevels; i++) mix(book.bidPriceAt(i)), mix(book.bidQtyAt(i));
  for (let i = 0; i < book.askLevels; i++) mix(book.askPriceAt(i)), mix(book.askQtyAt(i));
  return sum;
}

/** Runs to the session's end; the book's checksum at every 1000th message, and at the end. */
async function checksums(engine: Engine): Promise<number[]> {
  const sums: number[] = [];
  let messages = 0;
  const end = await runInline(engine, {
    onBook(_update, book) {
      if (++messages % EVERY === 0) sums.push(checksum(book));
    },
  }, { quietMs: 5000 });
  assert.equal(end, "end");
  return [...sums, messages, checksum(engine.book)];
}

async function withFile(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "hotpath-" });
  try {
    await use(`${directory}/recording.pcapng`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const play = (path: string) => Engine.open(replayOf(path));

for (const via of ["udp", "uring", "packet", "xdp"] as const) {
  testWhen(
    noNamespaces(),
    `A session recorded via ${via} and replayed makes the same book at every ${EVERY}th message`,
    () =>
      withFile(async (path) => {
        using tape = Tape.generate({ seed: 41, records: 20_000, levels: 200 });
        await using lab = await Lab.up({ data: tape, pace: { rate: 5000 } });
        using engine = lab.open(via, { connectLater: true });
        const recording = engine.record(path);
        const live = await checksums(engine);
        recording.stop();
        const { datagrams, written, lost } = recording.counters;
        assert.equal(datagrams, engine.feed.counters.datagrams);
        assert.equal(written, datagrams);
        assert.equal(lost, 0);
        assert.ok(live.length > 15, "a checksum a thousand messages");

        using again = play(path);
        assert.deepEqual(await checksums(again), live);
        assert.equal(again.feed.counters.datagrams, datagrams);
        assert.equal(again.feed.rx.stamped, datagrams);
      }),
  );
}

/** The same of books of many symbols, until nothing more comes. */
async function booksChecksums(engine: Engine): Promise<number[]> {
  const sums: number[] = [];
  let messages = 0;
  const count = () => {
    if (++messages % EVERY === 0) sums.push(engine.books.checksum);
  };
  await runInline(engine, { onBook: count, onTrade: count, onStatus: count }, {
    quietMs: 1000,
    untilEnd: false,
  });
  return [...sums, messages, engine.books.checksum];
}

testWhen(
  noNamespaces(),
  `Two lines of ITCH recorded and replayed make the same books at every ${EVERY}th message`,
  () =>
    withFile(async (path) => {
      await using lab = await Lab.up();
      const { strategy } = lab.namespaces;
      const at = `if=${strategy}&netns=${strategy}`;
      using engine = Engine.open({
        feed: `udp://233.54.12.111:26400?feed=itch50&${at}`,
        lineB: `udp://233.49.196.111:26400?${at}`,
        holeNs: 1e9, // a busy machine may hold line B up
      });
      const recording = engine.record(path);
      const publisher = lab.publish({
        source: { seed: 44, records: 12_000, levels: 100, symbols: 3 },
        pace: { rate: 4000 },
        faults: { a: { loss: 0.05, duplicate: 0.02, reorder: 0.02 } },
      });
      const live = await booksChecksums(engine);
      recording.stop();
      const { lost: missing, delivered } = engine.feed.stream.counters;
      assert.equal(missing, 0, "line B brought what A lost");
      assert.equal(delivered, publisher.counters.messages);
      const { written, lost } = recording.counters;
      assert.equal(lost, 0);

      const flows = captureFlows(path);
      assert.equal(flows.length, 2);
      assert.equal(flows.reduce((sum, { datagrams }) => sum + datagrams, 0), written);
      using again = Engine.open(replayOf(path));
      assert.deepEqual(await booksChecksums(again), live);
    }),
);

testWhen(
  noNamespaces(),
  "A recording begins and ends while the engine's own thread runs",
  () =>
    withFile(async (path) => {
      await using lab = await Lab.up({ seed: 5, pace: { rate: 3000 } });
      const engine = lab.open("udp").start();
      await until("the market moves", () => engine.loops > 100);
      const recording = engine.record(path);
      assert.throws(() => engine.record(`${path}.other`), (error) => error instanceof NativeError);
      assert.equal(engine.running, true);
      await until("datagrams are recorded", () => recording.counters.written > 500);
      recording.stop();
      assert.equal(engine.running, true);
      const { written, lost } = recording.counters;
      assert.equal(lost, 0);
      assert.equal(recording.trouble, "");
      assert.match(Deno.inspect(recording), /complete.*: [\d,]+ datagrams, 0 lost, [\d,]+ bytes/);
      recording.stop(); // nothing more to end

      using again = play(path);
      let first = 0;
      await runInline(again, { onBook: ({ seq }) => void (first ||= seq) }, {
        quietMs: 300,
        untilEnd: false,
      });
      assert.ok(first > 0, "it was joined in the middle");
      assert.equal(again.feed.counters.datagrams, written);
      assert.equal(again.feed.counters.lost, 0);
    }),
);

testWhen(
  noNamespaces(),
  "A replay that is recorded again is the same capture, stamps included",
  () =>
    withFile(async (path) => {
      using tape = Tape.generate({ seed: 42, records: 3000, levels: 50 });
      await using lab = await Lab.up({ data: tape, pace: { rate: 20_000 } });
      using engine = lab.open("udp", { connectLater: true });
      engine.record(path);
      await checksums(engine);
      engine.close(); // ends the recording too
      using again = play(path);
      const second = again.record(`${path}.2`);
      await checksums(again);
      second.stop();
      const [one, two] = await Promise.all([Deno.readFile(path), Deno.readFile(`${path}.2`)]);
      const packets = (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 52); // but for the closing statistics
      assert.deepEqual(packets(two), packets(one));
    }),
);

testWhen(
  noNamespaces(),
  "A recording asks for write on its file, and says what cannot be written",
  () =>
    withFile(async (path) => {
      await Deno.writeFile(path, new Uint8Array([1]));
      using tape = Tape.generate({ seed: 43, records: 100, levels: 10 });
      await using lab = await Lab.up({ data: tape });
      using engine = lab.open("udp", { connectLater: true });
      assert.throws(
        () => engine.record("/nonexistent/file"),
        /Cannot record to "\/nonexistent\/file": No such file/,
      );
      assert.throws(() => engine.record(path, { room: 1000 }), /a power of two is needed/);
      assert.deepEqual([...await Deno.readFile(path)], [1], "refused before it was emptied");
    }),
);
