/**
 * Endpoints are URLs: `udp://group:port?via=xdp&if=eth0` is a feed, or where datagrams go; `tcp://host:port` is order
 * entry; `udp://host:port` and `tcp://host:port` are servers that repair a feed. This file only parses them;
 * `permission.ts` is where one becomes a socket.
 *
 * @module
 */

/** A receive path: how datagrams reach the loop. */
export type RxPath = "udp" | "uring" | "xdp" | "packet" | "tap" | "pcap";
/** What the loop does when nothing is there: spin, spin with the driver polled, or sleep. */
export type Wait = "spin" | "busy-poll" | "block";
/** How AF_XDP gets its frames. */
export type XdpMode = "auto" | "copy" | "zero-copy";
/** Which AF_PACKET ring. */
export type PacketRing = "v2" | "v3";
/** A transmit path: how datagrams leave. `zc` is io_uring's zero-copy send, `kernel` a generator inside the kernel. */
export type TxPath = "udp" | "uring" | "zc" | "packet" | "xdp" | "tap" | "kernel";
/** How an order leaves: `send(2)` or an io_uring submission. */
export type OrderVia = "send" | "uring";

/** Receive paths in the order of `enum hp_rx_path`. */
export const RX_PATHS = [
  "udp",
  "uring",
  "xdp",
  "packet",
  "tap",
  "pcap",
] as const satisfies readonly RxPath[];
/** Transmit paths in the order of `enum hp_tx_path`. */
export const TX_PATHS = [
  "udp",
  "uring",
  "zc",
  "packet",
  "xdp",
  "tap",
  "kernel",
] as const satisfies readonly TxPath[];
/** Wait modes in the order of `enum hp_wait`. */
export const WAITS = ["spin", "busy-poll", "block"] as const satisfies readonly Wait[];
/** Ways to send in the order of `enum hp_order_via`. */
export const ORDER_VIAS = ["send", "uring"] as const satisfies readonly OrderVia[];

/** A market-data endpoint. */
export interface FeedEndpoint {
  /** Which feed it is: `feed=`, a name of `feeds`. @default {"lll"} */
  protocol: string;
  /** Multicast group to join, or local unicast address. */
  address: string;
  /** UDP port. */
  port: number;
  /** Receive path. @default {"udp"} */
  via: RxPath;
  /** Interface; needed by `packet`, `xdp` and `tap` (which makes it). @default {""} */
  if: string;
  /** Namespace name or file to open the socket in. @default {""} */
  netns: string;
  /** First NIC queue (`xdp`; the others get every queue's datagrams). @default {0} */
  queue: number;
  /** Queues served from there on (`xdp`, `tap`). @default {1} */
  queues: number;
  /** Core for the receiving thread; -1 does not pin. @default {-1} */
  cpu: number;
  /** What to do when nothing is there. @default {"spin"} */
  wait: Wait;
  /** `lll`: quantity scale, as the exchange states it; other feeds have theirs. @default {1} */
  qtyScale: number;
  /** Socket buffer in bytes, or the ring's (`packet`: a power of two up to 256 MiB); 0 is 8 MiB. @default {0} */
  rcvbuf: number;
  /** Ask the kernel, NIC or XDP metadata when each datagram arrived: `update.wireNs`. @default {false} */
  stamps: boolean;
  /** Packets a round of busy polling may take; 0 is 64, more needs `CAP_NET_ADMIN`. @default {0} */
  budget: number;
  /** `xdp`: zero-copy where the driver has it ("auto"), or one of the two by name. @default {"auto"} */
  mode: XdpMode;
  /** `xdp`: bytes of a UMEM frame, 2048 or 4096. @default {2048} */
  frame: number;
  /** `xdp`: frames of the UMEM, a power of two. @default {4096} */
  frames: number;
  /** `xdp`: a second interface that shares the UMEM, `NAME` or `NAME@NAMESPACE`. @default {undefined} */
  also: { if: string; netns: string } | undefined;
  /** `packet`: "v2" delivers frame by frame (latency), "v3" by blocks (throughput). @default {"v2"} */
  ring: PacketRing;
  /** `packet`: fanout group shared with other sockets, 1 to 65535; 0 is none. @default {0} */
  fanout: number;
  /** `uring`: core of a kernel thread that receives (SQPOLL), best its own; -1: any. @default {undefined} */
  sqpoll: number | undefined;
  /** `pcap`: the capture. @default {""} */
  file: string;
  /** `pcap`: times faster than recorded; "flat" does not wait. @default {1} */
  speed: number | "flat";
}

/** Where datagrams go, and how. */
export interface TxEndpoint {
  /** Multicast group or host. */
  address: string;
  /** UDP port. */
  port: number;
  /** Transmit path. @default {"udp"} */
  via: TxPath;
  /** Interface; needed by `packet`, `xdp`, `tap` and `kernel`. @default {""} */
  if: string;
  /** Namespace name or file to open the socket in. @default {""} */
  netns: string;
  /** Source address; "" is the interface's own (`tap` needs another). @default {""} */
  source: string;
  /** Source port; 0 is any (frames: the destination's). @default {0} */
  sourcePort: number;
  /** Destination MAC of frames; "" is the group's, or the neighbour's (`tap`: the interface's). @default {""} */
  mac: string;
  /** NIC queue (`xdp`, `tap`). @default {0} */
  queue: number;
  /** Core for the sending thread; -1 does not pin. @default {-1} */
  cpu: number;
  /** Datagrams handed over at once, 1 to 64; 0 is 1 at a rate, 32 flat out. @default {0} */
  batch: number;
  /** Hops; 0 is 1 for a group, 64 for a host. @default {0} */
  ttl: number;
  /** Socket buffer in bytes; 0 is 4 MiB. @default {0} */
  sndbuf: number;
  /** `xdp`: zero-copy where the driver has it ("auto"), or one of the two by name. @default {"auto"} */
  mode: XdpMode;
  /** `xdp`: frames of the UMEM, a power of two. @default {4096} */
  frames: number;
}

/** An order-entry endpoint. */
export interface OrderEndpoint {
  /** IPv4 address of the exchange. */
  address: string;
  /** TCP port. */
  port: number;
  /** How an order leaves. @default {"send"} */
  via: OrderVia;
  /** Namespace name or file to open the socket in. @default {""} */
  netns: string;
}

/** A server of a feed: re-requests (UDP) or snapshots (TCP). */
export interface ServerEndpoint {
  /** IPv4 address: who is asked, or on which address of this host the lab answers. */
  address: string;
  /** UDP or TCP port. */
  port: number;
  /** Namespace name or file to open the socket in. @default {""} */
  netns: string;
}

const FEED_OPTIONS = [
  "feed",
  "via",
  "if",
  "netns",
  "queue",
  "cpu",
  "wait",
  "qty",
  "rcvbuf",
  "stamps",
  "budget",
];
/** Options that belong to some paths only: on another they would be a wish nobody hears. */
const PATH_OPTIONS: Record<RxPath, string[]> = {
  udp: [],
  uring: ["sqpoll"],
  xdp: ["queues", "mode", "frame", "frames", "also"],
  packet: ["ring", "fanout"],
  tap: ["queues"],
  pcap: ["file", "speed"],
};
const TX_OPTIONS = [
  "via",
  "if",
  "netns",
  "source",
  "sport",
  "mac",
  "queue",
  "cpu",
  "batch",
  "ttl",
  "sndbuf",
  "mode",
  "frames",
];
/** Of them, those that other paths would not hear. */
const TX_PATH_OPTIONS: Record<TxPath, string[]> = {
  udp: ["sndbuf"],
  uring: ["sndbuf"],
  zc: ["sndbuf"],
  packet: ["mac", "sndbuf"],
  xdp: ["mac", "queue", "mode", "frames"],
  tap: ["mac", "queue"],
  kernel: ["mac"],
};
/** What a capture cannot do: refused there, while a wire's `if=`, `netns=` and `queue=` are merely without effect. */
const WIRE_OPTIONS = ["rcvbuf", "stamps", "budget"];
const ORDER_OPTIONS = ["via", "netns"];

function parse(text: string | URL, scheme: string, options: string[], example: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`Cannot parse endpoint "${text}": it is not a URL; write it like ${example}`);
  }
  const fault = url.protocol !== `${scheme}:`
    ? `its scheme is not ${scheme}`
    : !isIPv4(url.hostname)
    ? `"${url.hostname}" is not an IPv4 address`
    : !(Number(url.port) > 0)
    ? "it names no port"
    : undefined;
  if (fault) throw new TypeError(`Cannot parse endpoint "${text}": ${fault}; write it like ${example}`);
  for (const key of url.searchParams.keys()) {
    if (!options.includes(key)) {
      throw new TypeError(
        `Cannot parse endpoint "${text}": no option "${key}"; there are ${options.join(", ")}`,
      );
    }
  }
  return url;
}

function isIPv4(text: string): boolean {
  const parts = text.split(".");
  // No leading zeros: half of the world reads them as octal.
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function choice<T extends string>(url: URL, key: string, among: readonly T[], otherwise: T): T {
  const value = url.searchParams.get(key) ?? otherwise;
  if (!among.includes(value as T)) {
    throw new TypeError(`Cannot use ${key}=${value} in "${url}": ${among.join(", ")} are possible`);
  }
  return value as T;
}

/** Largest integer the ABI's options hold. */
const INT_MAX = 2 ** 31 - 1;

function integer(url: URL, key: string, otherwise: number, least: number, most = INT_MAX): number {
  const text = url.searchParams.get(key) ?? String(otherwise);
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < least || value > most) {
    throw new TypeError(
      `Cannot use ${key}=${text} in "${url}": an integer from ${least} to ${most} is needed`,
    );
  }
  return value;
}

/** A namespace's name as the file that stands for it. */
export function netnsPath(name: string): string {
  return name === "" || name.startsWith("/") ? name : `/run/netns/${name}`;
}

function also(url: URL): FeedEndpoint["also"] {
  const text = url.searchParams.get("also");
  if (text === null) return undefined;
  const [name = "", netns = ""] = text.split("@", 2);
  if (name === "") {
    throw new TypeError(`Cannot use also=${text} in "${url}": write also=IF or also=IF@NAMESPACE`);
  }
  return { if: name, netns: netnsPath(netns) };
}

function speed(url: URL): number | "flat" {
  const text = url.searchParams.get("speed") ?? "1";
  if (text === "flat") return text;
  if (!/^\d+(\.\d+)?$/.test(text) || !(Number(text) > 0)) {
    throw new TypeError(`Cannot use speed=${text} in "${url}": a number above 0, or flat, is needed`);
  }
  return Number(text);
}

/** What a path cannot do without, and what is not for it. */
function refuseUnfit(
  { via, if: name }: FeedEndpoint | TxEndpoint,
  url: URL,
  pathOptions: Record<string, string[]>,
): void {
  const others = Object.entries(pathOptions).filter(([path]) => path !== via);
  for (const key of url.searchParams.keys()) {
    const paths = others.filter(([, options]) => options.includes(key)).map(([path]) => path);
    if (paths.length > 0 && !pathOptions[via]!.includes(key)) {
      throw new TypeError(`Cannot use ${key} in "${url}": it is an option of via=${paths.join(" and via=")}`);
    }
  }
  if (["packet", "xdp", "tap", "kernel"].includes(via) && name === "") {
    throw new TypeError(`Cannot use via=${via} in "${url}": it needs the interface, add if=NAME`);
  }
}

/** A capture is not just another wire. */
function refuseNoFile(feed: FeedEndpoint, url: URL): void {
  if (feed.via === "pcap" && feed.file === "") {
    throw new TypeError(`Cannot use via=pcap in "${url}": it needs the capture, add file=PATH`);
  }
  const wire = feed.via === "pcap" && WIRE_OPTIONS.find((key) => url.searchParams.has(key));
  if (wire) throw new TypeError(`Cannot use ${wire} in "${url}": a capture is a file, not a wire`);
}

/** Feeds of many symbols state their scales themselves. */
function refuseScale({ protocol }: FeedEndpoint, url: URL): void {
  if (protocol !== "lll" && url.searchParams.has("qty")) {
    throw new TypeError(`Cannot use qty in "${url}": feed ${protocol} states its own scale`);
  }
}

/**
 * Parses a feed's endpoint. Every path takes
 * `udp://address:port?feed=lll|itch50|deep|tops|NAME&via=…&if=&netns=&queue=&cpu=&wait=spin|busy-poll|block&qty=`
 * (a capture has no use for `if`, `netns` and `queue`), every one but `pcap` `rcvbuf= stamps= budget=`; besides,
 * `uring` takes `sqpoll=`, `xdp` takes `queues= mode= frame= frames= also=`, `packet` takes `ring= fanout=`, `tap` takes
 * `queues=` and `pcap` takes `file= speed=`.
 *
 * @param text The endpoint.
 * @returns Every option, defaults filled in.
 * @throws {TypeError} with what is wrong and how to write it.
 *
 * @example
 * ```ts
 * import { parseFeed } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * const feed = parseFeed("udp://239.255.0.1:12345?via=xdp&if=eth0&mode=zero-copy");
 * assert.equal(feed.via, "xdp");
 * assert.equal(feed.wait, "spin");
 * ```
 */
export function parseFeed(text: string | URL): FeedEndpoint {
  const options = [...FEED_OPTIONS, ...new Set(Object.values(PATH_OPTIONS).flat())];
  const url = parse(text, "udp", options, "udp://239.255.0.1:12345?via=xdp&if=eth0");
  const feed: FeedEndpoint = {
    protocol: url.searchParams.get("feed") ?? "lll",
    address: url.hostname,
    port: Number(url.port),
    via: choice(url, "via", RX_PATHS, "udp"),
    if: url.searchParams.get("if") ?? "",
    netns: netnsPath(url.searchParams.get("netns") ?? ""),
    queue: integer(url, "queue", 0, 0),
    queues: integer(url, "queues", 1, 1),
    cpu: integer(url, "cpu", -1, -1),
    wait: choice(url, "wait", WAITS, "spin"),
    qtyScale: integer(url, "qty", 1, 1),
    rcvbuf: integer(url, "rcvbuf", 0, 0),
    stamps: choice(url, "stamps", ["0", "1"], "0") === "1",
    budget: integer(url, "budget", 0, 0),
    mode: choice(url, "mode", ["auto", "copy", "zero-copy"], "auto"),
    frame: Number(choice(url, "frame", ["2048", "4096"], "2048")),
    frames: integer(url, "frames", 4096, 64),
    also: also(url),
    ring: choice(url, "ring", ["v2", "v3"], "v2"),
    fanout: integer(url, "fanout", 0, 0),
    sqpoll: url.searchParams.has("sqpoll") ? integer(url, "sqpoll", -1, -1) : undefined,
    file: url.searchParams.get("file") ?? "",
    speed: speed(url),
  };
  refuseUnfit(feed, url, PATH_OPTIONS);
  refuseNoFile(feed, url);
  refuseScale(feed, url);
  return feed;
}

/**
 * Parses where datagrams go: `udp://address:port?via=…&if=&netns=&source=&sport=&cpu=&batch=&ttl=`; besides, sockets
 * take `sndbuf=`, the paths that write frames `mac=`, `xdp` `queue= mode= frames=` and `tap` `queue=`.
 *
 * @param text The endpoint.
 * @returns Every option, defaults filled in.
 * @throws {TypeError} with what is wrong and how to write it.
 *
 * @example
 * ```ts
 * import { parseTx } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseTx("udp://239.255.0.1:12345?via=packet&if=eth0").batch, 0);
 * ```
 */
export function parseTx(text: string | URL): TxEndpoint {
  const url = parse(text, "udp", TX_OPTIONS, "udp://239.255.0.1:12345?via=packet&if=eth0");
  const source = url.searchParams.get("source") ?? "";
  const mac = url.searchParams.get("mac") ?? "";
  if (source !== "" && !isIPv4(source)) {
    throw new TypeError(`Cannot use source=${source} in "${url}": an IPv4 address is needed`);
  }
  if (mac !== "" && !/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(mac)) {
    throw new TypeError(`Cannot use mac=${mac} in "${url}": write it as 02:00:00:00:00:01`);
  }
  const endpoint: TxEndpoint = {
    address: url.hostname,
    port: Number(url.port),
    via: choice(url, "via", TX_PATHS, "udp"),
    if: url.searchParams.get("if") ?? "",
    netns: netnsPath(url.searchParams.get("netns") ?? ""),
    source,
    sourcePort: integer(url, "sport", 0, 0, 65535),
    mac,
    queue: integer(url, "queue", 0, 0),
    cpu: integer(url, "cpu", -1, -1),
    batch: integer(url, "batch", 0, 0, 64),
    ttl: integer(url, "ttl", 0, 0, 255),
    sndbuf: integer(url, "sndbuf", 0, 0),
    mode: choice(url, "mode", ["auto", "copy", "zero-copy"], "auto"),
    frames: integer(url, "frames", 4096, 64),
  };
  refuseUnfit(endpoint, url, TX_PATH_OPTIONS);
  return endpoint;
}

/**
 * Parses `tcp://address:port?via=send|uring&netns=`.
 *
 * @param text The endpoint.
 * @returns Every option, defaults filled in.
 * @throws {TypeError} with what is wrong and how to write it.
 *
 * @example
 * ```ts
 * import { parseOrders } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseOrders("tcp://10.77.0.1:9012").port, 9012);
 * ```
 */
export function parseOrders(text: string | URL): OrderEndpoint {
  const url = parse(text, "tcp", ORDER_OPTIONS, "tcp://10.77.0.1:9012");
  return {
    address: url.hostname,
    port: Number(url.port),
    via: choice(url, "via", ORDER_VIAS, "send"),
    netns: netnsPath(url.searchParams.get("netns") ?? ""),
  };
}

/** A server's endpoint as it was given: an endpoint already, or `udp://address:port?netns=`, `tcp://…`, to be parsed. */
export function asServer(given: string | URL | ServerEndpoint, scheme: "udp" | "tcp"): ServerEndpoint {
  if (typeof given !== "string" && !(given instanceof URL)) return given;
  const url = parse(given, scheme, ["netns"], `${scheme}://10.77.0.1:18000`);
  return {
    address: url.hostname,
    port: Number(url.port),
    netns: netnsPath(url.searchParams.get("netns") ?? ""),
  };
}

/** A feed as it was given: still to be parsed, or an endpoint already. */
export function asFeed(given: string | URL | FeedEndpoint): FeedEndpoint {
  return typeof given === "string" || given instanceof URL ? parseFeed(given) : given;
}

/** Order entry as it was given: still to be parsed, or an endpoint already. */
export function asOrders(given: string | URL | OrderEndpoint): OrderEndpoint {
  return typeof given === "string" || given instanceof URL ? parseOrders(given) : given;
}

/** A destination as it was given: still to be parsed, or an endpoint already. */
export function asTx(given: string | URL | TxEndpoint): TxEndpoint {
  return typeof given === "string" || given instanceof URL ? parseTx(given) : given;
}
