import assert from "node:assert/strict";
import { captureFlows } from "hotpath";
import { noData, SHARED, testWhen } from "../fixture.ts";
import { encodeRecords } from "../wire.ts";
import { type Captured, writeCapture } from "./capture.ts";

const START_NS = 1_700_000_000_000_000_000n;

function flowsOf(datagrams: Captured[]) {
  const path = Deno.makeTempFileSync({ prefix: "hotpath-", suffix: ".pcap" });
  try {
    Deno.writeFileSync(path, writeCapture(datagrams));
    return captureFlows(path);
  } finally {
    Deno.removeSync(path);
  }
}

/** A MoldUDP64 packet: session, number, then blocks. */
function mold(count: number, ...blocks: number[][]): Uint8Array {
  const bytes = new Uint8Array(20 + blocks.reduce((sum, { length }) => sum + 2 + length, 0));
  new DataView(bytes.buffer).setUint16(18, count);
  let at = 20;
  for (const block of blocks) {
    bytes.set([0, block.length, ...block], at);
    at += 2 + block.length;
  }
  return bytes;
}

function iex(protocol: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(40 + payload);
  const at = new DataView(bytes.buffer);
  at.setUint8(0, 1);
  at.setUint16(2, protocol, true);
  at.setUint16(12, payload, true);
  return bytes;
}

Deno.test("captureFlows() lists flows by datagrams, with their time and the feed they read as", () => {
  const record = encodeRecords({ seq: 0, price: 1, qty: 1 });
  const datagrams: [string, Uint8Array][] = [
    ["239.255.0.1:12345", record],
    ["239.255.0.1:12346", mold(2, [65, 1], [66])],
    ["239.255.0.1:12346", mold(0)],
    ["239.255.0.1:12346", mold(0xffff)],
    ["239.255.0.1:12345", record],
    ["239.255.0.2:1", iex(0x8004, 12)],
    ["239.255.0.3:1", iex(0x8003, 0)],
    ["239.255.0.4:1", new Uint8Array(30).fill(9)],
  ];
  const flows = flowsOf(
    datagrams.map(([to, data], i) => ({ to, data, stampNs: START_NS + BigInt(i) * 1_000_000n })),
  );
  const found = flows.map((
    { address, port, feed, datagrams, bytes, firstMs, lastMs },
  ) => [`${address}:${port}`, feed, datagrams, bytes, lastMs - firstMs]);
  assert.deepEqual(found.slice(0, 2), [
    ["239.255.0.1:12346", "itch50", 3, 27 + 20 + 20, 2],
    ["239.255.0.1:12345", "lll", 2, 80, 4],
  ]);
  assert.deepEqual(found.slice(2).map(([to, feed]) => `${to} ${feed}`).sort(), [
    "239.255.0.2:1 deep",
    "239.255.0.3:1 tops",
    "239.255.0.4:1 undefined",
  ]);
  assert.match(Deno.inspect(flows), /239\.255\.0\.1:12346 │ itch50/);
});

Deno.test("captureFlows() says what is no capture", () => {
  assert.throws(
    () => captureFlows("deno.json"),
    /Cannot play capture "deno.json": it is neither pcap nor pcapng/,
  );
  assert.throws(() => captureFlows("/nonexistent.pcap"), /nonexistent/);
});

for (
  const [name, to, feed, datagrams] of [
    ["moldudp/aapl_mold_clean", "233.54.12.111:26400", "itch50", 77_274],
    ["iex/DEEP10", undefined, "deep", 121_314],
  ] as const
) {
  const path = `${SHARED}/data/${name}.pcap.gz`;
  testWhen(noData(path), `captureFlows() finds the one flow of ${name}`, () => {
    const flows = captureFlows(path);
    assert.equal(flows.length, 1);
    assert.equal(flows[0]!.feed, feed);
    assert.equal(flows[0]!.datagrams, datagrams);
    if (to) assert.equal(`${flows[0]!.address}:${flows[0]!.port}`, to);
  });
}
