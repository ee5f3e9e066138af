/** The lab: two namespaces, a wire, an exchange; everything a strategy needs on one machine. @module */
import type { FeedEndpoint, OrderVia, RxPath, TxPath, Wait } from "../endpoint.ts";
import { netnsPath, parseFeed, parseOrders } from "../endpoint.ts";
import { Engine, type EngineOptions } from "../engine.ts";
import { formatCount } from "../measure/format.ts";
import { type InspectContext, picture } from "../measure/print.ts";
import type { EngineLimits } from "../permission.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { EXCHANGE_ADDRESS, Namespaces, STRATEGY_ADDRESS } from "./namespaces.ts";
import { Publisher, PUBLISHER_LINES, type PublisherOptions } from "./publisher.ts";
import { Tape } from "./tape.ts";
import { Traffic, type TrafficOptions } from "./traffic.ts";

/** The group and port the lab's exchange sends to. */
export const LAB_GROUP = "239.255.0.1";
/** UDP port of the lab's market data. */
export const LAB_PORT = 12345;
/** TCP port of the lab's order entry. */
export const LAB_ORDER_PORT = 9012;

/** Live orders there is room for in books of a published session, however long it is. */
const MOST_ORDERS = 2 ** 21;

/** UDP port of the lab's re-request server. */
export const LAB_REQUEST_PORT = 18000;
/** TCP port of the lab's snapshot server. */
export const LAB_SNAPSHOT_PORT = 18001;

/** What a lab is raised with. */
export interface LabOptions
  extends Partial<Omit<ExchangeOptions, "tape" | "group" | "listen" | "ifname" | "netns">> {
  /** A tape (it stays the caller's to close), a file to load, or nothing for the seeded market. */
  data?: Tape | string | undefined;
}

/** How an engine listens in the lab. */
export interface LabEngineOptions extends EngineLimits {
  /** What to do when nothing is there. @default {"spin"} with 4 cores or more, else {"block"} */
  wait?: Wait;
  /** Core of the receiving thread. @default {-1} */
  cpu?: number;
  /** More options of the feed's endpoint, as in its URL: `{ stamps: "1" }`. @default {{}} */
  endpoint?: Record<string, string>;
  /** How orders leave. @default {"send"} */
  orderVia?: OrderVia;
  /** Open no order entry: the exchange will not start for it. @default {false} */
  watchOnly?: boolean;
  /** Levels a side of the book. @default {16384} */
  levels?: number;
}

/** How the lab's generator sends. */
export interface LabTrafficOptions extends Omit<TrafficOptions, "to"> {
  /** More options of its endpoint, as in its URL: `{ batch: "16" }`. @default {{}} */
  endpoint?: Record<string, string>;
}

/** How the lab's publisher sends. */
export interface LabPublisherOptions extends PublisherOptions {
  /** More options of its lines' endpoints, as in their URLs: `{ via: "packet" }`. @default {{}} */
  endpoint?: Record<string, string>;
}

/** How an engine listens to what the lab's publisher sends. */
export interface LabListenOptions extends Partial<Omit<EngineOptions, "feed" | "levels">> {
  /** What to do when nothing is there. @default {"spin"} with 4 cores or more, else {"block"} */
  wait?: Wait;
  /** Core of the receiving thread. @default {-1} */
  cpu?: number;
  /** More options of its lines' endpoints, as in their URLs: `{ stamps: "1" }`. @default {{}} */
  endpoint?: Record<string, string>;
}

/** What to do when nothing is there, if nobody says. */
const restful = (): Wait => navigator.hardwareConcurrency >= 4 ? "spin" : "block";

/**
 * A raised lab.
 *
 * @example
 * ```ts ignore
 * await using lab = await Lab.up();
 * using engine = lab.open("xdp");
 * engine.start();
 * ```
 */
export class Lab implements AsyncDisposable {
  /** The namespaces and their interfaces. */
  readonly namespaces: Namespaces;
  /** The exchange, in its namespace. */
  readonly exchange: Exchange;
  /** What it plays. */
  readonly tape: Tape;
  readonly #engines: Engine[] = [];
  readonly #traffic: Traffic[] = [];
  readonly #publishers: Publisher[] = [];
  readonly #ownsTape: boolean;
  #down = false;

  private constructor(namespaces: Namespaces, exchange: Exchange, tape: Tape, ownsTape: boolean) {
    this.namespaces = namespaces;
    this.exchange = exchange;
    this.tape = tape;
    this.#ownsTape = ownsTape;
  }

  /**
   * Raises namespaces and wire, loads or makes the tape, starts the exchange.
   *
   * @param options What to play, how fast, with which faults.
   * @throws {Error} in one sentence: what is missing and what to do.
   */
  static async up(options: LabOptions = {}): Promise<Lab> {
    const { data, ...rest } = options;
    const namespaces = await Namespaces.up();
    const ownsTape = !(data instanceof Tape);
    let tape: Tape | undefined;
    try {
      tape = data instanceof Tape ? data : data ? Tape.load(data) : Tape.generate();
      const exchange = Exchange.open({
        orderPort: LAB_ORDER_PORT,
        port: LAB_PORT,
        ...rest,
        tape,
        group: LAB_GROUP,
        listen: EXCHANGE_ADDRESS,
        ifname: namespaces.exchange,
        netns: netnsPath(namespaces.exchange),
      });
      return new Lab(namespaces, exchange, tape, ownsTape);
    } catch (error) {
      if (ownsTape) tape?.close();
      await namespaces.down();
      throw error;
    }
  }

  /** The endpoint of the lab's market data, on the strategy's side. */
  feedUrl(via: RxPath = "udp", wait?: Wait, cpu = -1, more: Record<string, string> = {}): string {
    const { strategy } = this.namespaces;
    const options = new URLSearchParams({
      via,
      if: strategy,
      netns: strategy,
      qty: String(this.tape.info.qtyScale),
      wait: wait ?? restful(),
      cpu: String(cpu),
      ...more,
    });
    return `udp://${LAB_GROUP}:${this.exchange.settings.port}?${options}`;
  }

  /** The endpoint of the lab's order entry. */
  ordersUrl(via: OrderVia = "send"): string {
    const { orderPort } = this.exchange.settings;
    return `tcp://${EXCHANGE_ADDRESS}:${orderPort}?netns=${this.namespaces.strategy}&via=${via}`;
  }

  /**
   * Opens an engine in the strategy's namespace: connecting its order entry makes the exchange start.
   *
   * @param via Receive path.
   * @param options Waiting, pinning, limits.
   */
  open(via: RxPath = "udp", options: LabEngineOptions = {}): Engine {
    const { wait, cpu, orderVia, watchOnly, endpoint, ...limits } = options;
    const feed: FeedEndpoint = parseFeed(this.feedUrl(via, wait, cpu, endpoint));
    const orders = watchOnly ? undefined : parseOrders(this.ordersUrl(orderVia));
    const engine = Engine.open({ ...limits, feed, orders });
    this.#engines.push(engine);
    return engine;
  }

  /** Where the lab's generator sends to, from the exchange's side: what {@linkcode feedUrl} listens to. */
  trafficUrl(via: TxPath = "udp", more: Record<string, string> = {}): string {
    const { exchange } = this.namespaces;
    const options = new URLSearchParams({ via, if: exchange, netns: exchange, ...more });
    return `udp://${LAB_GROUP}:${this.exchange.settings.port}?${options}`;
  }

  /**
   * Starts the traffic generator in the exchange's namespace, beside the exchange, which stays silent while nobody has
   * connected to its order entry: open the receiving engine with `watchOnly`.
   *
   * @param via Transmit path.
   * @param options Pace, bounds, what to send.
   */
  generate(via: TxPath = "udp", options: LabTrafficOptions = {}): Traffic {
    const { endpoint, ...rest } = options;
    const traffic = Traffic.open({ ...rest, to: this.trafficUrl(via, endpoint) });
    this.#traffic.push(traffic);
    return traffic;
  }

  /**
   * Starts a publisher of ITCH 5.0 in the exchange's namespace, beside the exchange: lines A and B to the groups of
   * {@linkcode PUBLISHER_LINES}, re-requests and snapshots on the exchange's address.
   *
   * @param options What to publish, how fast, with which faults.
   */
  publish(options: LabPublisherOptions = {}): Publisher {
    const { endpoint, ...rest } = options;
    const { exchange } = this.namespaces;
    const line = new URLSearchParams({ if: exchange, netns: exchange, ...endpoint });
    const publisher = Publisher.open({
      lines: PUBLISHER_LINES.map((url) => `${url}?${line}`),
      requests: `udp://${EXCHANGE_ADDRESS}:${LAB_REQUEST_PORT}?netns=${exchange}`,
      snapshots: `tcp://${EXCHANGE_ADDRESS}:${LAB_SNAPSHOT_PORT}?netns=${exchange}`,
      ...rest,
    });
    this.#publishers.push(publisher);
    return publisher;
  }

  /**
   * Opens an engine in the strategy's namespace on what the publisher opened last sends: its lines, its re-request server
   * and its snapshots, whichever of them it has. Each can be named otherwise, or left out (`{ snapshots: undefined }`);
   * order entry is only opened where `orders` says where ({@linkcode ordersUrl}).
   *
   * @param via Receive path of both lines; with xdp line B comes by udp, as an interface has one XDP program.
   * @param options What else {@linkcode Engine.open} takes.
   * @throws {TypeError} when nothing is published.
   */
  listen(via: RxPath = "udp", options: LabListenOptions = {}): Engine {
    const publisher = this.#publishers.findLast(({ open }) => open);
    if (!publisher) throw new TypeError("Cannot listen: nothing is published; lab.publish() does");
    const { wait = restful(), cpu = -1, endpoint, ...rest } = options;
    const { strategy } = this.namespaces;
    const { lines, requests, snapshots } = publisher.settings;
    const [feed, lineB] = lines.map(({ address, port }, i) => {
      // One interface has one XDP program, and that has one flow: line B comes past it, through the stack.
      const path = via === "xdp" && i === 1 ? "udp" : via;
      const options = { feed: "itch50", via: path, if: strategy, netns: strategy, wait, cpu: String(cpu) };
      return `udp://${address}:${port}?${new URLSearchParams({ ...options, ...endpoint })}`;
    });
    const reached = (scheme: string, server: typeof requests) =>
      server && `${scheme}://${server.address}:${server.port}?netns=${strategy}`;
    const orders = Math.min(MOST_ORDERS, publisher.counters.messages); // no session has more alive
    const engine = Engine.open({
      lineB,
      requests: reached("udp", requests),
      snapshots: reached("tcp", snapshots),
      room: { orders, levels: orders },
      ...rest,
      feed: feed!,
    });
    this.#engines.push(engine);
    return engine;
  }

  /** Engines opened here that are still open. */
  get engines(): readonly Engine[] {
    return this.#engines.filter(({ open }) => open);
  }

  /** It has not been taken down. */
  get isUp(): boolean {
    return !this.#down;
  }

  /** Closes its generators, publishers, engines and the exchange, removes the namespaces. */
  async down(): Promise<void> {
    if (this.#close()) await this.namespaces.down();
  }

  /** {@linkcode down} without waiting for anybody: for a process that is about to end. */
  downNow(): void {
    if (this.#close()) this.namespaces.downNow();
  }

  /** Closes everything native; false when that was done before. */
  #close(): boolean {
    if (this.#down) return false;
    this.#down = true;
    for (const sender of [...this.#traffic, ...this.#publishers]) sender.close();
    for (const engine of this.engines) engine.close();
    this.exchange.close();
    if (this.#ownsTape) this.tape.close();
    return true;
  }

  /** {@linkcode down}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  /** The topology and what runs in it. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { exchange: x, strategy: s } = this.namespaces;
    if (this.#down) return "Lab (down)";
    const { group, port, listen, orderPort } = this.exchange.settings;
    const engines = this.engines.map(({ feed }) => feed.endpoint.via).join(", ") ||
      "none; lab.open() opens one";
    return picture(context, `Lab (up, exchange ${this.exchange.state})`, () =>
      [
        `Lab  ${x} ${EXCHANGE_ADDRESS} ── veth ── ${STRATEGY_ADDRESS} ${s}`,
        `  exchange ${this.exchange.state}: market data to ${group}:${port}, orders on ${listen}:${orderPort}`,
        `  tape     ${this.tape.name}: ${formatCount(this.tape.info.records)} records`,
        `  engines  ${engines}`,
        ...this.#publishers.filter(({ open }) => open).map(({ name, state }) =>
          `  ITCH     ${state}: ${name}`
        ),
      ].join("\n"));
  }
}
