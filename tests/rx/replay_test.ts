import assert from "node:assert/strict";
import { replayOf } from "hotpath";
import { noData, SHARED, testWhen } from "../fixture.ts";
import { deno } from "../process.ts";
import { encodeRecords } from "../wire.ts";
import { type Captured, writeCapture } from "./capture.ts";

function withCapture<T>(datagrams: [to: string, data: Uint8Array][], use: (path: string) => T): T {
  const path = Deno.makeTempFileSync({ prefix: "hotpath-", suffix: ".pcap" });
  const captured = datagrams.map(([to, data], i): Captured => ({
    to,
    data,
    stampNs: 1_700_000_000_000_000_000n + BigInt(i),
  }));
  try {
    Deno.writeFileSync(path, writeCapture(captured));
    return use(path);
  } finally {
    Deno.removeSync(path);
  }
}

/** A MoldUDP64 heartbeat. */
function heartbeat(session: string): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set(new TextEncoder().encode(session.padEnd(10)));
  return bytes;
}

const RECORD = encodeRecords({ seq: 0, price: 1, qty: 1 });

Deno.test("replayOf() takes the flow that reads as a feed, or the one it is told", () => {
  const noise: [string, Uint8Array] = ["239.255.0.9:1", new Uint8Array(30).fill(9)];
  withCapture([noise, noise, ["239.255.0.1:12345", RECORD]], (path) => {
    const { feed, lineB } = replayOf(path, { speed: 2, qtyScale: 1000 });
    const { address, port, protocol, via, file, speed, qtyScale } = feed;
    assert.deepEqual(
      { address, port, protocol, via, file, speed, qtyScale },
      {
        address: "239.255.0.1",
        port: 12345,
        protocol: "lll",
        via: "pcap",
        file: path,
        speed: 2,
        qtyScale: 1000,
      },
    );
    assert.equal(lineB, undefined);
    assert.equal(replayOf(path, { to: "239.255.0.9:1", feed: "itch50" }).feed.port, 1);
    assert.throws(
      () => replayOf(path, { to: "239.255.0.1:1" }),
      /it has nothing for 239\.255\.0\.1:1; it has datagrams for/,
    );
  });
  withCapture([noise], (path) => {
    assert.throws(
      () => replayOf(path),
      /no flow of it reads as a feed; it has datagrams for 239\.255\.0\.9:1 \(1\)/,
    );
  });
});

Deno.test("replayOf() finds line B: in the second capture, or as another flow of the same session", () => {
  const a: [string, Uint8Array] = ["239.255.0.1:1", heartbeat("ONE")];
  const b: [string, Uint8Array] = ["239.255.0.2:1", heartbeat("ONE")];
  const other: [string, Uint8Array] = ["239.255.0.3:1", heartbeat("TWO")];
  withCapture([a, a, other, b], (path) => {
    const { feed, lineB } = replayOf(path);
    assert.deepEqual([feed.address, lineB?.address], ["239.255.0.1", "239.255.0.2"]);
  });
  withCapture([a, other], (one) =>
    withCapture([b, b], (two) => {
      assert.equal(replayOf(one).lineB, undefined);
      const { feed, lineB } = replayOf([one, two]);
      assert.deepEqual([feed.file, lineB?.file, lineB?.address], [one, two, "239.255.0.2"]);
    }));
  const noise: [string, Uint8Array] = ["239.255.0.9:1", new Uint8Array(30).fill(9)];
  withCapture([a], (one) =>
    withCapture([noise, noise, noise, other, other, b], (two) => {
      assert.equal(replayOf([one, two]).lineB?.address, "239.255.0.2", "larger flows are of others");
    }));
});

const LOSSY = ["A", "B"].map((line) => `${SHARED}/data/moldudp/aapl_mold_lossy${line}.pcap.gz`);

testWhen(
  noData(LOSSY[0]!),
  "replay.ts plays both lines of a real hour and tells what neither brought",
  async () => {
    const { code, stdout, stderr } = await deno(
      ["run", "-q", "--no-prompt", "-P=replay", "scripts/replay.ts", ...LOSSY, "--json"],
    );
    assert.equal(stderr, "");
    assert.equal(code, 0);
    const { feed, delivered, lost, symbols } = JSON.parse(stdout);
    assert.deepEqual({ feed, delivered, lost }, { feed: "itch50", delivered: 88_109, lost: 48 });
    assert.equal(symbols[0].symbol, "AAPL");
  },
);

Deno.test("replay.ts says what it cannot play", async () => {
  const replay = (...args: string[]) =>
    deno(["run", "-q", "--no-prompt", "-P=replay", "scripts/replay.ts", ...args]);
  const none = await replay();
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^Cannot replay: one capture is needed, or two/);
  const text = await replay("deno.json");
  assert.equal(text.code, 1);
  assert.match(text.stderr, /neither pcap nor pcapng/);
});
