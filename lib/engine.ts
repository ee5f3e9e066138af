/**
 * The engine: one feed, its book or books, one order session and the loop that joins them. It runs in one of two ways: polled
 * by the TypeScript that owns it (inline), or on a native thread of its own, watched from seats.
 *
 * @module
 */
import { Book } from "./book/book.ts";
import { Books, type BooksOptions } from "./book/books.ts";
import {
  asFeed,
  asOrders,
  asServer,
  type FeedEndpoint,
  type OrderEndpoint,
  type ServerEndpoint,
} from "./endpoint.ts";
import { Feed } from "./feed/feed.ts";
import { protocolOf } from "./feed/protocol.ts";
import { CONTROL, RING, SEAT } from "./layout.ts";
import { Breakdown } from "./measure/breakdown.ts";
import { Histogram } from "./measure/histogram.ts";
import { formatCount } from "./measure/format.ts";
import { drawTable, fieldsTable, type InspectContext, picture, pictured } from "./measure/print.ts";
import { check, cString, native, SharedMemory } from "./native.ts";
import { Desk, type GapNote } from "./order/desk.ts";
import { InlineOrders, type OrderCounters, type Orders, readOrderCounters } from "./order/orders.ts";
import { type EngineLimits, openEngine, openRecording } from "./permission.ts";
import { Recording } from "./rx/recording.ts";
import { Update } from "./strategy/update.ts";

/** What an engine is opened with. */
export interface EngineOptions extends EngineLimits {
  /** Market data: `udp://group:port?feed=itch50&via=…`; of two lines, line A. */
  feed: string | URL | FeedEndpoint;
  /** Line B, which brings the same: each message is taken from the line that has it first. */
  lineB?: string | URL | FeedEndpoint | undefined;
  /** Who is asked for messages that no line brought: `udp://host:port`. Left out, a hole is given up. */
  requests?: string | URL | ServerEndpoint | undefined;
  /** Who hands out snapshots when that fails, too: `tcp://host:port`. Left out, the books stay stale. */
  snapshots?: string | URL | ServerEndpoint | undefined;
  /** Order entry: `tcp://host:port`; left out, the engine only watches. */
  orders?: string | URL | OrderEndpoint | undefined;
  /** `lll`: levels a side of the book, a power of two. @default {16384} */
  levels?: number;
  /** Other feeds: names of the symbols that are wanted; left out, or none, all of them are. */
  symbols?: readonly string[];
  /** Other feeds: what the books have room for. By default enough for a whole exchange, or for the symbols named. */
  room?: Omit<BooksOptions, "priceScale" | "qtyScale">;
}

/** A seat taken at a running engine. */
export interface Seat {
  /** Its index. */
  index: number;
  /** Its memory. */
  memory: SharedMemory;
}

/** Live orders and levels a whole exchange has at its busiest, and what one symbol is given. */
const ROOM = { orders: 2 ** 21, levels: 2 ** 19, of: 2 ** 16 } as const;

function makeBooks(feed: FeedEndpoint, { symbols, room }: EngineOptions): Books {
  const { byLevels, priceScale, qtyScale } = protocolOf(feed.protocol);
  const share = symbols?.length ? Math.min(1, symbols.length * ROOM.of / ROOM.orders) : 1;
  return Books.create({
    symbols: 16384,
    orders: byLevels ? 0 : ROOM.orders * share,
    levels: ROOM.levels * share,
    ...room,
    priceScale,
    qtyScale,
  });
}

/** Line B is spoken like line A. */
function lineBOf({ lineB }: EngineOptions, { protocol }: FeedEndpoint): FeedEndpoint | undefined {
  if (lineB === undefined) return undefined;
  const endpoint = asFeed(lineB);
  if (endpoint.protocol !== protocol && endpoint.protocol !== "lll") {
    throw new TypeError(`Cannot use feed=${endpoint.protocol} on line B: line A has feed=${protocol}`);
  }
  return { ...endpoint, protocol };
}

/**
 * Feed, books and order entry, joined by the native loop.
 *
 * @example
 * ```ts ignore
 * using engine = Engine.open({
 *   feed: "udp://239.255.0.1:12345?via=xdp&if=eth1&qty=1000",
 *   orders: "tcp://10.77.0.1:9012",
 * });
 * engine.start(); // on a thread of its own
 * console.log(engine.book.top, engine.breakdown);
 * ```
 *
 * @example Many symbols, two lines
 * ```ts ignore
 * using engine = Engine.open({
 *   feed: "udp://233.54.12.111:26400?feed=itch50&if=eth1",
 *   lineB: "udp://233.49.196.111:26400?if=eth2",
 *   requests: "udp://10.77.0.1:18000",
 *   snapshots: "tcp://10.77.0.1:18001",
 *   symbols: ["AAPL", "MSFT"],
 * });
 * engine.start();
 * console.log(engine.books.at("AAPL").ladder(5), engine.feed.report);
 * ```
 */
export class Engine implements Disposable {
  /** Market data: endpoint and counters. */
  readonly feed: Feed;
  /** Where the nanoseconds go. */
  readonly breakdown: Breakdown;
  /**
   * The feed's own stamp to the strategy's first order, or its return, ns: true where both share a clock. Empty for a
   * capture, whose stamps are of another day.
   */
  readonly oneWay: Histogram;
  /** The receive stamp (`stamps=1`) to the datagram in hand, ns. Empty for a capture likewise. */
  readonly wireToHand: Histogram;
  /** The datagram in hand to its order about to be handed to the kernel, ns: tick-to-trade seen from inside. */
  readonly tickToSend: Histogram;
  /** Orders of a strategy that polls this engine itself (inline). Scaled integers. */
  readonly inlineOrders: InlineOrders;
  /** The event an inline turn brought. */
  readonly update: Update;
  /** The order-entry endpoint, if any. */
  readonly orderEndpoint: OrderEndpoint | undefined;

  readonly #control: SharedMemory;
  readonly #bookMemory: SharedMemory;
  readonly #book: Book | undefined;
  readonly #books: Books | undefined;
  #handle: Deno.PointerValue;
  #bookFd = -1;
  #desk: Desk | undefined;

  private constructor(feed: FeedEndpoint, orders: OrderEndpoint | undefined, options: EngineOptions) {
    const levels = options.levels ?? 16384;
    const lineB = lineBOf(options, feed);
    const requests = options.requests === undefined ? undefined : asServer(options.requests, "udp");
    const snapshots = options.snapshots === undefined ? undefined : asServer(options.snapshots, "tcp");
    const endpoints = { feed, lineB, orders, requests, snapshots };
    this.#control = new SharedMemory(check(native().hp_control_bytes()));
    this.#books = feed.protocol === "lll" ? undefined : makeBooks(feed, options);
    this.#books?.lend(() => this.running);
    this.#bookMemory = this.#books?.memory ?? Book.allocate(levels);
    this.#handle = openEngine(endpoints, options, this.#control, this.#bookMemory, levels);
    this.#book = this.#books ? undefined : new Book(this.#bookMemory);
    try {
      for (const name of options.symbols ?? []) this.want(name);
    } catch (error) {
      check(native().hp_engine_close(this.handle)); // nobody else could: there will be no engine
      throw error;
    }
    this.feed = new Feed(feed, this.#control, lineB);
    this.breakdown = new Breakdown(this.#control);
    this.oneWay = new Histogram(this.#control, CONTROL.one_way);
    this.wireToHand = new Histogram(this.#control, CONTROL.wire_to_hand);
    this.tickToSend = new Histogram(this.#control, CONTROL.tick_to_send);
    this.inlineOrders = new InlineOrders(this.#handle, this.#control);
    this.update = new Update(this.#control, CONTROL.event);
    this.orderEndpoint = orders &&
      pictured({ ...orders }, (fields) => fieldsTable("order endpoint", fields));
  }

  /**
   * Opens the feed's lines and, when given, the order session; asks Deno for each first.
   *
   * @param options Endpoints and limits.
   * @returns An engine that stands still: take turns with {@linkcode next}, or {@linkcode start} its thread.
   * @throws {Deno.errors.NotCapable} naming the missing flag; {@linkcode NativeError} with what failed and why.
   */
  static open(options: EngineOptions): Engine {
    const { feed, orders } = options;
    return new Engine(asFeed(feed), orders === undefined ? undefined : asOrders(orders), options);
  }

  /** The native handle; throws when the engine is closed. */
  get handle(): Deno.PointerObject {
    if (this.#handle === null) throw new TypeError("Cannot use the engine: it is closed");
    return this.#handle;
  }

  /**
   * The book of a feed of one symbol (`lll`).
   *
   * @throws {TypeError} when the feed has many: see {@linkcode books}.
   */
  get book(): Book {
    if (this.#book) return this.#book;
    throw new TypeError(
      `Cannot look at the book: feed ${this.feed.endpoint.protocol} has one a symbol; use books.at("NAME")`,
    );
  }

  /**
   * The books of a feed of many symbols.
   *
   * @throws {TypeError} when the feed has one: see {@linkcode book}.
   */
  get books(): Books {
    if (this.#books) return this.#books;
    throw new TypeError("Cannot look at books: feed lll has one; use book");
  }

  /** What strategies are given: the one book, or the books of many symbols. */
  get shelf(): Book | Books {
    return this.#book ?? this.books;
  }

  /**
   * Subscribes to one more symbol, from its next message on. Not while the native thread runs.
   *
   * @param name As the exchange writes it, 1 to 8 characters.
   */
  want(name: string): this {
    check(native().hp_engine_want(this.handle, cString(name)));
    return this;
  }

  /** It has not been closed. */
  get open(): boolean {
    return this.#handle !== null;
  }

  /** A native thread of its own runs the loop. */
  get running(): boolean {
    return this.#control.u32[CONTROL.running / 4] === 1;
  }

  /** The order session stands. */
  get connected(): boolean {
    return this.orderCounters.connected === 1;
  }

  /** Counters of order entry. */
  get orderCounters(): OrderCounters {
    return readOrderCounters(this.#control);
  }

  /** Every order that was sent is acknowledged or has failed. */
  get ordersSettled(): boolean {
    const { sent, acked, failed } = this.orderCounters;
    return acked + failed >= sent;
  }

  /** Turns that brought a record. */
  get loops(): number {
    return this.#control.f64[CONTROL.loops / 8]!;
  }

  /** What reading the clock costs, ns: taken off every stage of {@linkcode breakdown}. */
  get stampNs(): number {
    return this.#control.f64[CONTROL.stamp_ns / 8]!;
  }

  /** Why the native thread ended by itself, in one sentence; "" when it has not. */
  get trouble(): string {
    return this.#control.text(CONTROL.trouble, 256);
  }

  /** Sessions whose last record was applied. */
  get ended(): number {
    return this.#control.f64[CONTROL.ended / 8]!;
  }

  /** Events that seats were too slow for. */
  get overruns(): number {
    return this.#control.f64[CONTROL.overruns / 8]!;
  }

  /** The last gaps a running engine met (at most 100, told from the first use of {@linkcode orders} on). */
  get gaps(): readonly GapNote[] {
    return pictured([...this.#desk?.gaps ?? []], gapsTable);
  }

  // -- inline -----------------------------------------------------------------------------------------

  /** One turn of the loop: the kind of the event now in {@linkcode update} (`KIND`), 0 for none. */
  next(): number {
    return check(native().hp_engine_next(this.handle));
  }

  /** Trusts the book after a gap. */
  goOn(): void {
    if (this.running) this.#takeDesk().orders.raw.goOn();
    else check(native().hp_engine_go_on(this.handle));
  }

  /**
   * Arms the native trigger: the decision of `scripts/strategies/large_trade.ts`, made in C.
   *
   * @param threshold Change of notional (scaled price x scaled quantity); 0 disarms.
   * @param qty Quantity of each order, scaled.
   */
  arm(threshold: number, qty = 1): void {
    check(native().hp_engine_arm(this.handle, threshold, qty));
  }

  /** Runs the loop in C on this thread until the session ends or `ms` without an event have passed. */
  runArmed(ms: number): number {
    return check(native().hp_engine_run(this.handle, ms));
  }

  // -- on a thread of its own ---------------------------------------------------------------------------

  /**
   * Connects the order entry that was opened with `connectLater`: an exchange may start sending the moment it is
   * connected to, so strategies take their seats first. No-op when it stands.
   */
  connect(): this {
    const { running } = this;
    if (running && (!this.orderEndpoint || this.orderCounters.connects > 0)) return this;
    // The session must not appear under a running loop.
    this.#standingStill(() => check(native().hp_engine_connect(this.handle)));
    return this;
  }

  /** Starts the native thread (no-op when it runs). */
  start(): this {
    if (this.running) return this;
    this.#shareBook();
    check(native().hp_engine_start(this.handle));
    return this;
  }

  /** Before the thread starts: the mapping under a running writer must not change. */
  #shareBook(): void {
    if (this.#bookFd < 0) {
      this.#bookFd = check(native().hp_share(this.#bookMemory.u8, this.#bookMemory.bytes));
    }
  }

  /** Stops the native thread. */
  stop(): void {
    if (this.#handle !== null) check(native().hp_engine_stop(this.handle));
  }

  /** The memory of the book, or of the books, as a file another process can join. */
  get bookFile(): { path: string; bytes: number } {
    this.#shareBook();
    return { path: `/proc/${Deno.pid}/fd/${this.#bookFd}`, bytes: this.#bookMemory.bytes };
  }

  /** The engine's wake pipe as a file another process can open. */
  get wakeFile(): string {
    return `/proc/${Deno.pid}/fd/${check(native().hp_engine_wake_fd(this.handle))}`;
  }

  /**
   * Takes a seat at the running engine.
   *
   * @param memory Memory for it (see {@linkcode seatMemory}).
   * @param wants Bit (1 << kind) for each kind of event to be told; 0 is every kind.
   */
  sit(memory: SharedMemory, wants = 0): Seat {
    const { hp_engine_sit } = native();
    const index = check(hp_engine_sit(this.handle, memory.u8, memory.bytes, SEAT_EVENTS, SEAT_ORDERS, wants));
    return { index, memory };
  }

  /** Gives a seat back. */
  leave(seat: Seat): void {
    if (this.#handle !== null) check(native().hp_engine_leave(this.handle, seat.index));
  }

  /** Memory for a seat. */
  static seatMemory(): SharedMemory {
    return new SharedMemory(check(native().hp_seat_bytes(SEAT_EVENTS, SEAT_ORDERS)));
  }

  /** Order entry for people: decimal prices and quantities. Starts the native thread. */
  get orders(): Orders {
    return this.#takeDesk().orders;
  }

  #takeDesk(): Desk {
    this.start();
    return this.#desk ??= new Desk(this, Engine.seatMemory(), check(native().hp_engine_wake_fd(this.handle)));
  }

  // -- recording ------------------------------------------------------------------------------------------

  /**
   * Records every datagram from now on to a pcapng file, until {@linkcode Recording.stop} or {@linkcode close}. A second
   * thread writes; the loop copies and never waits. A thread that runs stands still for the moment it takes to begin.
   *
   * @param path The file: created, or emptied. Deno is asked for `write` on it.
   * @param options `room`: bytes that may wait for the file, a power of two. @default {64 MiB}
   * @throws {Deno.errors.NotCapable} naming the flag; {@linkcode NativeError} when it cannot be written, or one is under way.
   */
  record(path: string, options: { room?: number } = {}): Recording {
    const stats = Recording.stats();
    this.#standingStill(() => openRecording(this.handle, path, options.room ?? 0, stats));
    return new Recording(
      path,
      stats,
      () => this.#standingStill(() => check(native().hp_engine_record_stop(this.handle))),
    );
  }

  #standingStill(change: () => void): void {
    const { running } = this;
    this.stop();
    try {
      change();
    } finally {
      if (running) this.start();
    }
  }

  // -- end ------------------------------------------------------------------------------------------------

  /**
   * Drop mode: receives and releases on this thread without looking at a byte, which is what the path alone takes.
   *
   * @param ms How long.
   * @returns Datagrams received.
   */
  drain(ms: number): number {
    return check(native().hp_engine_drain(this.handle, ms));
  }

  /** Forgets the stages' histograms. */
  reset(): void {
    check(native().hp_engine_reset(this.handle));
  }

  /** Stops, leaves the group, detaches, closes every socket. Its counters and book can still be read. */
  close(): void {
    if (this.#handle === null) return;
    this.#desk?.close();
    this.#desk = undefined;
    const handle = this.#handle;
    this.#handle = null;
    this.inlineOrders.close();
    check(native().hp_engine_close(handle));
    if (this.#bookFd >= 0) native().hp_unshare(this.#bookFd);
    this.#bookFd = -1;
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** How it runs, in three lines. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { address, port, via } = this.feed.endpoint;
    const state = !this.open ? "closed" : this.running ? "running on its own thread" : "standing still";
    const { sent, acked, failed, refused } = this.orderCounters;
    const trouble = this.trouble ? `\n  ${this.trouble}` : "";
    const orders = this.orderEndpoint
      ? `orders to ${this.orderEndpoint.address}:${this.orderEndpoint.port} (${
        this.connected ? "connected" : "no link"
      }): ${sent} sent, ${acked} acknowledged, ${failed} failed, ${refused} refused`
      : "no order entry";
    const records = this.#book
      ? `${formatCount(this.feed.counters.delivered)} records`
      : `${formatCount(this.feed.stream.counters.delivered)} messages`;
    return picture(context, `Engine via ${via}, ${state}, ${records}`, () =>
      [
        `Engine ${state}`,
        `  feed ${address}:${port} via ${via} (${this.feed.note}): ${records}`,
        `  ${orders}${trouble}`,
      ].join("\n"));
  }
}

function gapsTable(gaps: GapNote[]): string {
  if (gaps.length === 0) return "no gaps";
  return drawTable(["first lost", "records"], gaps.map(({ seq, lost }) => [seq, lost]), 0);
}

const SEAT_EVENTS = 8192;
const SEAT_ORDERS = 1024;
const SEAT_HEARTBEAT = SEAT.heartbeat / 4;
const SEAT_HEAD = (SEAT.bytes + RING.head) / 4;
const SEAT_TAIL = (SEAT.bytes + RING.tail) / 4;

/** Events in a seat's ring that the strategy has not taken yet. */
export function backlog(seat: Seat): number {
  const { u32 } = seat.memory;
  return (Atomics.load(u32, SEAT_TAIL) - Atomics.load(u32, SEAT_HEAD)) >>> 0;
}

/** A seat's heartbeat: it stands still when the strategy no longer answers. */
export function heartbeat(seat: Seat): number {
  return Atomics.load(seat.memory.u32, SEAT_HEARTBEAT);
}
