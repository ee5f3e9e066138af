/** Transmit endpoints: every option, every sentence, and nothing but a TypeError for what is no endpoint. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseTx, type TxEndpoint } from "hotpath";
import { TX_PATHS } from "../../lib/endpoint.ts";

const TX: TxEndpoint = {
  address: "239.255.0.1",
  port: 12345,
  via: "udp",
  if: "",
  netns: "",
  source: "",
  sourcePort: 0,
  mac: "",
  queue: 0,
  cpu: -1,
  batch: 0,
  ttl: 0,
  sndbuf: 0,
  mode: "auto",
  frames: 4096,
};

const options = (text: string) => parseTx(`udp://239.255.0.1:12345?${text}`);

Deno.test("parseTx() fills in every default", () => {
  assert.deepEqual(parseTx("udp://239.255.0.1:12345"), TX);
  assert.deepEqual(parseTx(new URL("udp://239.255.0.1:12345")), TX);
});

Deno.test("parseTx() takes every option", () => {
  const common = "if=e&netns=n&source=10.0.0.1&sport=7&cpu=1&batch=64&ttl=255";
  const wanted: TxEndpoint = {
    ...TX,
    if: "e",
    netns: "/run/netns/n",
    source: "10.0.0.1",
    sourcePort: 7,
    cpu: 1,
    batch: 64,
    ttl: 255,
  };
  assert.deepEqual(options(common), wanted);
  const mac = "02:00:00:00:00:Ff";
  assert.deepEqual(options(`${common}&via=packet&mac=${mac}&sndbuf=1`), {
    ...wanted,
    via: "packet",
    mac,
    sndbuf: 1,
  });
  assert.deepEqual(options(`${common}&via=xdp&mac=${mac}&queue=3&mode=copy&frames=128`), {
    ...wanted,
    via: "xdp",
    mac,
    queue: 3,
    mode: "copy",
    frames: 128,
  });
  for (const via of TX_PATHS) assert.equal(options(`if=e&via=${via}`).via, via);
});

for (
  const [text, message] of [
    ["udp://eth0:1", /"eth0" is not an IPv4 address; write it like udp:/],
    ["tcp://1.2.3.4:1", /its scheme is not udp/],
    ["udp://1.2.3.4", /it names no port/],
    ["udp://1.2.3.4:1?wait=spin", /no option "wait"; there are via, if, netns, source, sport, mac, queue, /],
    ["udp://1.2.3.4:1?via=pcap", /udp, uring, zc, packet, xdp, tap, kernel are possible$/],
    ["udp://1.2.3.4:1?via=packet", /it needs the interface, add if=NAME$/],
    ["udp://1.2.3.4:1?via=kernel", /it needs the interface, add if=NAME$/],
    [
      "udp://1.2.3.4:1?mac=02:00:00:00:00:01",
      /it is an option of via=packet and via=xdp and via=tap and via=kernel$/,
    ],
    ["udp://1.2.3.4:1?via=packet&if=e&mac=02:00", /write it as 02:00:00:00:00:01$/],
    ["udp://1.2.3.4:1?via=packet&if=e&queue=1", /it is an option of via=xdp and via=tap$/],
    ["udp://1.2.3.4:1?source=here", /an IPv4 address is needed$/],
    ["udp://1.2.3.4:1?sport=65536", /an integer from 0 to 65535 is needed$/],
    ["udp://1.2.3.4:1?batch=65", /an integer from 0 to 64 is needed$/],
    ["udp://1.2.3.4:1?ttl=256", /an integer from 0 to 255 is needed$/],
    ["udp://1.2.3.4:1?cpu=-2", /an integer from -1 to 2147483647 is needed$/],
  ] as const
) {
  Deno.test(`parseTx() refuses "${text}" in one sentence`, () => {
    assert.throws(() => parseTx(text), { name: "TypeError", message });
  });
}

Deno.test("parseTx() throws nothing but a TypeError, and what it returns fits the ABI", () => {
  const key = fc.constantFrom("via", "if", "netns", "source", "sport", "mac", "queue", "batch", "ttl", "x");
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("packet", "xdp", "1", "-1", "1e3", "1.2.3.4"),
  );
  const text = fc.tuple(fc.ipV4(), fc.integer({ min: -1, max: 70_000 }), fc.array(fc.tuple(key, value)))
    .map(([host, port, pairs]) => `udp://${host}:${port}?${pairs.map(([k, v]) => `${k}=${v}`).join("&")}`);
  fc.assert(
    fc.property(text, (text) => {
      let tx: TxEndpoint;
      try {
        tx = parseTx(text);
      } catch (error) {
        assert.ok(error instanceof TypeError, `${text} throws ${error}`);
        assert.match(error.message, /^Cannot (parse|use) [\s\S]*: [\s\S]*[^.]$/);
        return;
      }
      assert.ok(tx.port > 0 && tx.port < 65536 && TX_PATHS.includes(tx.via), text);
      assert.ok(tx.batch <= 64 && tx.ttl <= 255 && tx.sourcePort < 65536, text);
      for (const number of [tx.queue, tx.cpu, tx.batch, tx.ttl, tx.sndbuf, tx.frames]) {
        assert.equal(number, number | 0, text);
      }
    }),
    { numRuns: 2000 },
  );
});
