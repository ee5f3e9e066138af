/** Endpoints: every option, every sentence, and no text that makes the parser throw anything but a TypeError. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type FeedEndpoint,
  netnsPath,
  ORDER_VIAS,
  type OrderEndpoint,
  RX_PATHS,
  WAITS,
} from "../lib/endpoint.ts";
import { parseFeed, parseOrders } from "hotpath";

const FEED: FeedEndpoint = {
  protocol: "lll",
  address: "239.255.0.1",
  port: 12345,
  via: "udp",
  if: "",
  netns: "",
  queue: 0,
  cpu: -1,
  wait: "spin",
  qtyScale: 1,
  rcvbuf: 0,
  queues: 1,
  stamps: false,
  budget: 0,
  mode: "auto",
  frame: 2048,
  frames: 4096,
  also: undefined,
  ring: "v2",
  fanout: 0,
  sqpoll: undefined,
  file: "",
  speed: 1,
};
const ORDERS: OrderEndpoint = { address: "10.77.0.1", port: 9012, via: "send", netns: "" };

Deno.test("parseFeed() fills in every default", () => {
  assert.deepEqual(parseFeed("udp://239.255.0.1:12345"), FEED);
});

Deno.test("parseFeed() takes every option", () => {
  const text =
    "udp://127.0.0.1:1?via=xdp&if=eth0&netns=blue&queue=3&cpu=2&wait=busy-poll&qty=1000&rcvbuf=65536" +
    "&queues=2&stamps=1&budget=16&mode=copy&frame=4096&frames=1024&also=eth1@green";
  const wanted: FeedEndpoint = {
    ...FEED,
    address: "127.0.0.1",
    port: 1,
    via: "xdp",
    if: "eth0",
    netns: "/run/netns/blue",
    queue: 3,
    cpu: 2,
    wait: "busy-poll",
    qtyScale: 1000,
    rcvbuf: 65536,
    queues: 2,
    stamps: true,
    budget: 16,
    mode: "copy",
    frame: 4096,
    frames: 1024,
    also: { if: "eth1", netns: "/run/netns/green" },
  };
  assert.deepEqual(parseFeed(text), wanted);
  assert.deepEqual(parseFeed(new URL(text)), wanted);
  const options = (text: string) => parseFeed(`udp://239.255.0.1:12345?${text}`);
  const packet = { ...FEED, via: "packet", if: "e", ring: "v3", fanout: 7 } as const;
  assert.deepEqual(options("via=packet&if=e&ring=v3&fanout=7"), packet);
  assert.deepEqual(options("via=uring&sqpoll=1"), { ...FEED, via: "uring", sqpoll: 1 });
  assert.deepEqual(options("via=tap&if=t&queues=2"), { ...FEED, via: "tap", if: "t", queues: 2 });
  assert.deepEqual(options("via=pcap&file=/a&speed=2.5"), { ...FEED, via: "pcap", file: "/a", speed: 2.5 });
  assert.equal(options("via=pcap&file=/a&speed=flat").speed, "flat");
  assert.equal(options("via=pcap&file=/a&if=e&queue=0&cpu=1&wait=block").if, "e"); // as on every path
});

Deno.test("parseFeed() refuses an option that only another path has, and a path without what it needs", () => {
  for (
    const [text, message] of [
      ["via=udp&ring=v3", /Cannot use ring in .*: it is an option of via=packet$/],
      ["via=packet&if=e&queues=2", /Cannot use queues in .*: it is an option of via=xdp and via=tap$/],
      ["via=packet", /it needs the interface, add if=NAME$/],
      ["via=tap", /it needs the interface, add if=NAME$/],
      ["via=pcap", /it needs the capture, add file=PATH$/],
      ["via=pcap&file=a&stamps=1", /Cannot use stamps in .*: a capture is a file, not a wire$/],
      ["via=pcap&file=a&speed=0", /Cannot use speed=0 in .*: a number above 0, or flat, is needed$/],
      ["via=xdp&if=e&also=@n", /Cannot use also=@n in .*: write also=IF or also=IF@NAMESPACE$/],
    ] as const
  ) assert.throws(() => parseFeed(`udp://1.2.3.4:1?${text}`), { name: "TypeError", message });
});

Deno.test("parseOrders() fills in every default and takes every option", () => {
  assert.deepEqual(parseOrders("tcp://10.77.0.1:9012"), ORDERS);
  const wanted: OrderEndpoint = { ...ORDERS, via: "uring", netns: "/tmp/ns" };
  assert.deepEqual(parseOrders("tcp://10.77.0.1:9012?via=uring&netns=/tmp/ns"), wanted);
  assert.deepEqual(parseOrders(new URL("tcp://10.77.0.1:9012")), ORDERS);
});

const choiceOf = (via: string) =>
  `udp://239.255.0.1:1?via=${via}&${via === "pcap" ? "file=capture" : "if=lo"}`;

Deno.test("parseFeed() and parseOrders() take every choice there is", () => {
  for (const via of RX_PATHS) assert.equal(parseFeed(choiceOf(via)).via, via);
  for (const wait of WAITS) assert.equal(parseFeed(`udp://239.255.0.1:1?wait=${wait}`).wait, wait);
  for (const via of ORDER_VIAS) assert.equal(parseOrders(`tcp://10.0.0.1:1?via=${via}`).via, via);
});

Deno.test("netnsPath() takes names and files", () => {
  assert.equal(netnsPath(""), "");
  assert.equal(netnsPath("blue"), "/run/netns/blue");
  assert.equal(netnsPath("/proc/1/ns/net"), "/proc/1/ns/net");
});

const FEED_HINT = "write it like udp://239.255.0.1:12345?via=xdp&if=eth0";
const ORDER_HINT = "write it like tcp://10.77.0.1:9012";
const NEEDED = "to 2147483647 is needed";

for (
  const [text, message] of [
    ["", `Cannot parse endpoint "": it is not a URL; ${FEED_HINT}`],
    ["239.255.0.1:12345", `Cannot parse endpoint "239.255.0.1:12345": it is not a URL; ${FEED_HINT}`],
    [
      "udp://239.255.0.1:65536",
      `Cannot parse endpoint "udp://239.255.0.1:65536": it is not a URL; ${FEED_HINT}`,
    ],
    [
      "tcp://239.255.0.1:1",
      `Cannot parse endpoint "tcp://239.255.0.1:1": its scheme is not udp; ${FEED_HINT}`,
    ],
    ["udp://eth0:1", `Cannot parse endpoint "udp://eth0:1": "eth0" is not an IPv4 address; ${FEED_HINT}`],
    ["udp://[::1]:1", `Cannot parse endpoint "udp://[::1]:1": "[::1]" is not an IPv4 address; ${FEED_HINT}`],
    ["udp://1.2.3:1", `Cannot parse endpoint "udp://1.2.3:1": "1.2.3" is not an IPv4 address; ${FEED_HINT}`],
    [
      "udp://1.2.3.256:1",
      `Cannot parse endpoint "udp://1.2.3.256:1": "1.2.3.256" is not an IPv4 address; ${FEED_HINT}`,
    ],
    [
      "udp://1.2.3.04:1",
      `Cannot parse endpoint "udp://1.2.3.04:1": "1.2.3.04" is not an IPv4 address; ${FEED_HINT}`,
    ],
    ["udp://239.255.0.1", `Cannot parse endpoint "udp://239.255.0.1": it names no port; ${FEED_HINT}`],
    ["udp://239.255.0.1:0", `Cannot parse endpoint "udp://239.255.0.1:0": it names no port; ${FEED_HINT}`],
    [
      "udp://239.255.0.1:1?iface=lo",
      'Cannot parse endpoint "udp://239.255.0.1:1?iface=lo": no option "iface"; ' +
      "there are feed, via, if, netns, queue, cpu, wait, qty, rcvbuf, stamps, budget, sqpoll, queues, mode, frame, frames, also, ring, fanout, file, speed",
    ],
    [
      "udp://1.2.3.4:1?via=tcp",
      'Cannot use via=tcp in "udp://1.2.3.4:1?via=tcp": udp, uring, xdp, packet, tap, pcap are possible',
    ],
    [
      "udp://1.2.3.4:1?wait=no",
      'Cannot use wait=no in "udp://1.2.3.4:1?wait=no": spin, busy-poll, block are possible',
    ],
    [
      "udp://1.2.3.4:1?via=xdp",
      'Cannot use via=xdp in "udp://1.2.3.4:1?via=xdp": it needs the interface, add if=NAME',
    ],
    [
      "udp://1.2.3.4:1?queue=-1",
      `Cannot use queue=-1 in "udp://1.2.3.4:1?queue=-1": an integer from 0 ${NEEDED}`,
    ],
    ["udp://1.2.3.4:1?cpu=-2", `Cannot use cpu=-2 in "udp://1.2.3.4:1?cpu=-2": an integer from -1 ${NEEDED}`],
    ["udp://1.2.3.4:1?cpu=", `Cannot use cpu= in "udp://1.2.3.4:1?cpu=": an integer from -1 ${NEEDED}`],
    ["udp://1.2.3.4:1?qty=0", `Cannot use qty=0 in "udp://1.2.3.4:1?qty=0": an integer from 1 ${NEEDED}`],
    [
      "udp://1.2.3.4:1?qty=1.5",
      `Cannot use qty=1.5 in "udp://1.2.3.4:1?qty=1.5": an integer from 1 ${NEEDED}`,
    ],
    // One more would wrap around in the 32 bits it travels in.
    [
      "udp://1.2.3.4:1?rcvbuf=4294967296",
      `Cannot use rcvbuf=4294967296 in "udp://1.2.3.4:1?rcvbuf=4294967296": an integer from 0 ${NEEDED}`,
    ],
  ] as const
) {
  Deno.test(`parseFeed() refuses "${text}" in one sentence`, () => {
    assert.throws(() => parseFeed(text), { name: "TypeError", message });
  });
}

for (
  const [text, message] of [
    ["localhost:9012", `Cannot parse endpoint "localhost:9012": its scheme is not tcp; ${ORDER_HINT}`],
    [
      "udp://10.77.0.1:9012",
      `Cannot parse endpoint "udp://10.77.0.1:9012": its scheme is not tcp; ${ORDER_HINT}`,
    ],
    [
      "tcp://localhost:1",
      `Cannot parse endpoint "tcp://localhost:1": "localhost" is not an IPv4 address; ${ORDER_HINT}`,
    ],
    ["tcp://10.77.0.1", `Cannot parse endpoint "tcp://10.77.0.1": it names no port; ${ORDER_HINT}`],
    [
      "tcp://1.2.3.4:1?if=lo",
      'Cannot parse endpoint "tcp://1.2.3.4:1?if=lo": no option "if"; there are via, netns',
    ],
    ["tcp://1.2.3.4:1?via=udp", 'Cannot use via=udp in "tcp://1.2.3.4:1?via=udp": send, uring are possible'],
  ] as const
) {
  Deno.test(`parseOrders() refuses "${text}" in one sentence`, () => {
    assert.throws(() => parseOrders(text), { name: "TypeError", message });
  });
}

/** Texts that look like endpoints, and texts that do not. */
const endpointLike = fc.tuple(
  fc.constantFrom("udp", "tcp", "http", "", "UDP"),
  fc.oneof(fc.ipV4(), fc.ipV6().map((text) => `[${text}]`), fc.domain(), fc.string({ unit: "binary" })),
  fc.oneof(fc.integer({ min: -1, max: 70000 }).map(String), fc.string()),
  fc.array(
    fc.tuple(
      fc.constantFrom("via", "if", "netns", "queue", "cpu", "wait", "qty", "rcvbuf", "x", ""),
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom("xdp", "udp", "uring", "send", "spin", "1", "NaN"),
      ),
    ).map(([key, value]) => `${key}=${value}`),
  ),
).map(([scheme, host, port, options]) => `${scheme}://${host}:${port}?${options.join("&")}`);
const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.webUrl(), endpointLike);

/** The endpoint, or undefined where it was refused as it should be. */
function parsed<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    assert.ok(error instanceof TypeError, `${JSON.stringify(text)} throws ${error}`);
    assert.match(error.message, /^Cannot (parse|use) [\s\S]*: [\s\S]*[^.]$/);
    return undefined;
  }
}

const isAddress = (text: string) =>
  /^\d+(\.\d+){3}$/.test(text) && text.split(".").every((part) => +part < 256);
const isPort = (port: number) => Number.isInteger(port) && port > 0 && port < 65536;

Deno.test("parseFeed() throws nothing but a TypeError, and what it returns fits the ABI", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const feed = parsed(parseFeed, text);
      if (feed === undefined) return;
      assert.ok(isAddress(feed.address) && isPort(feed.port), text);
      assert.ok(RX_PATHS.includes(feed.via) && WAITS.includes(feed.wait), text);
      for (const number of [feed.queue, feed.cpu, feed.qtyScale, feed.rcvbuf]) {
        assert.equal(number, number | 0, text);
      }
      assert.ok(feed.queue >= 0 && feed.cpu >= -1 && feed.qtyScale >= 1 && feed.rcvbuf >= 0, text);
      assert.ok(feed.via !== "xdp" || feed.if !== "", text);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("parseOrders() throws nothing but a TypeError, and what it returns fits the ABI", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const orders = parsed(parseOrders, text);
      if (orders === undefined) return;
      assert.ok(isAddress(orders.address) && isPort(orders.port), text);
      assert.ok(ORDER_VIAS.includes(orders.via), text);
    }),
    { numRuns: 3000 },
  );
});

const nameOf = fc.string({ minLength: 1, unit: fc.constantFrom(..."abcxyz0189-_@ &=#%+é") });

Deno.test("parseFeed() reads back every endpoint that was written with URLSearchParams", () => {
  const feeds = fc.record({
    address: fc.ipV4(),
    port: fc.integer({ min: 1, max: 65535 }),
    via: fc.constantFrom(...RX_PATHS.filter((via) => via !== "pcap")),
    if: nameOf,
    netns: nameOf.map(netnsPath),
    queue: fc.nat(),
    cpu: fc.integer({ min: -1, max: 1023 }),
    wait: fc.constantFrom(...WAITS),
    qtyScale: fc.integer({ min: 1, max: 1e9 }),
    rcvbuf: fc.nat(),
  });
  fc.assert(
    fc.property(feeds, ({ address, port, qtyScale, ...rest }) => {
      const options = new URLSearchParams({ qty: String(qtyScale) });
      for (const [key, value] of Object.entries(rest)) options.set(key, String(value));
      const feed = parseFeed(`udp://${address}:${port}?${options}`);
      assert.deepEqual(feed, { ...FEED, address, port, qtyScale, ...rest });
    }),
  );
});
