/**
 * Endpoints are URLs: `udp://group:port?via=xdp&if=eth0` is a feed, `tcp://host:port` is order entry. This file
 * only parses them; `permission.ts` is where one becomes a socket.
 *
 * @module
 */

/** A receive path: how datagrams reach the loop. */
export type RxPath = "udp" | "uring" | "xdp";
/** What the loop does when nothing is there: spin, spin with the driver polled, or sleep. */
export type Wait = "spin" | "busy-poll" | "block";
/** How an order leaves: `send(2)` or an io_uring submission. */
export type OrderVia = "send" | "uring";

/** Receive paths in the order of `enum hp_rx_path`. */
export const RX_PATHS = ["udp", "uring", "xdp"] as const satisfies readonly RxPath[];
/** Wait modes in the order of `enum hp_wait`. */
export const WAITS = ["spin", "busy-poll", "block"] as const satisfies readonly Wait[];
/** Ways to send in the order of `enum hp_order_via`. */
export const ORDER_VIAS = ["send", "uring"] as const satisfies readonly OrderVia[];

/** A market-data endpoint. */
export interface FeedEndpoint {
  /** Multicast group to join, or local unicast address. */
  address: string;
  /** UDP port. */
  port: number;
  /** Receive path. @default {"udp"} */
  via: RxPath;
  /** Interface; needed by `xdp`. @default {""} */
  if: string;
  /** Namespace name or file to open the socket in. @default {""} */
  netns: string;
  /** NIC queue (`xdp`). @default {0} */
  queue: number;
  /** Core for the receiving thread; -1 does not pin. @default {-1} */
  cpu: number;
  /** What to do when nothing is there. @default {"spin"} */
  wait: Wait;
  /** Quantity scale of the feed, as the exchange states it. @default {1} */
  qtyScale: number;
  /** Socket buffer in bytes; 0 is 8 MiB. @default {0} */
  rcvbuf: number;
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

const FEED_OPTIONS = ["via", "if", "netns", "queue", "cpu", "wait", "qty", "rcvbuf"];
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

function integer(url: URL, key: string, otherwise: number, least: number): number {
  const text = url.searchParams.get(key) ?? String(otherwise);
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < least || value > INT_MAX) {
    throw new TypeError(
      `Cannot use ${key}=${text} in "${url}": an integer from ${least} to ${INT_MAX} is needed`,
    );
  }
  return value;
}

/** A namespace's name as the file that stands for it. */
export function netnsPath(name: string): string {
  return name === "" || name.startsWith("/") ? name : `/run/netns/${name}`;
}

/**
 * Parses `udp://address:port?via=udp|uring|xdp&if=&queue=&cpu=&wait=spin|busy-poll|block&netns=&qty=&rcvbuf=`.
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
 * const feed = parseFeed("udp://239.255.0.1:12345?via=xdp&if=eth0");
 * assert.equal(feed.via, "xdp");
 * assert.equal(feed.wait, "spin");
 * ```
 */
export function parseFeed(text: string | URL): FeedEndpoint {
  const url = parse(text, "udp", FEED_OPTIONS, "udp://239.255.0.1:12345?via=xdp&if=eth0");
  const feed: FeedEndpoint = {
    address: url.hostname,
    port: Number(url.port),
    via: choice(url, "via", RX_PATHS, "udp"),
    if: url.searchParams.get("if") ?? "",
    netns: netnsPath(url.searchParams.get("netns") ?? ""),
    queue: integer(url, "queue", 0, 0),
    cpu: integer(url, "cpu", -1, -1),
    wait: choice(url, "wait", WAITS, "spin"),
    qtyScale: integer(url, "qty", 1, 1),
    rcvbuf: integer(url, "rcvbuf", 0, 0),
  };
  if (feed.via === "xdp" && feed.if === "") {
    throw new TypeError(`Cannot use via=xdp in "${text}": it needs the interface, add if=NAME`);
  }
  return feed;
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
