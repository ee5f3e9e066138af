/**
 * The one door. Native code could open any socket and any file, so nothing in this project becomes a native open
 * but here, and here Deno is asked first: `net` for exactly the host and port (a multicast feed's group and port
 * count as one), `read` and `write` for exactly the file. Denied means: nothing was opened, and the error names the
 * flag that would have allowed it.
 *
 * A test fails when any other file calls one of the native functions that open something.
 *
 * @module
 */
import {
  type FeedEndpoint,
  ORDER_VIAS,
  type OrderEndpoint,
  RX_PATHS,
  type ServerEndpoint,
  TX_PATHS,
  type TxEndpoint,
  WAITS,
} from "./endpoint.ts";
import {
  CAPTURE_FLOW,
  ENGINE_OPTIONS,
  EXCHANGE_OPTIONS,
  MARKET_OPTIONS,
  OBSERVE_OPTIONS,
  ORDER_OPTIONS,
  PACE,
  PATH_OPTIONS,
  PATTERN,
  PINGPONG_OPTIONS,
  PUBLISHER_FAULTS,
  PUBLISHER_OPTIONS,
  PUBLISHER_REQUESTS,
  PUBLISHER_SNAPSHOTS,
  READER_FEEDS,
  READER_OPTIONS,
  READER_ROW,
  RECOVERY_OPTIONS,
  RX_FLAG,
  RX_OPTIONS,
  TRAFFIC_OPTIONS,
  TX_FLAG,
  TX_OPTIONS,
} from "./layout.ts";
import { protocolOf } from "./feed/protocol.ts";
import { check, checkHandle, cString, native, putText, type SharedMemory } from "./native.ts";

/** How hard what is missing is asked for, and when that is given up. */
export interface RecoveryLimits {
  /** A request is repeated after this many ms. @default {10} */
  timeoutMs?: number;
  /** Requests in a row without an answer, before a hole is given up. @default {5} */
  attempts?: number;
  /** A hole is given up this many ms after it was first asked for. @default {1000} */
  boundMs?: number;
  /** Longer holes (messages) are not asked for. @default {65536} */
  boundMessages?: number;
  /** A snapshot may take this many ms. @default {10000} */
  snapshotMs?: number;
  /** Attempts at a snapshot. @default {3} */
  snapshotAttempts?: number;
  /** Login of the snapshot server: at most 6 characters. @default {""} */
  username?: string;
  /** And its password: at most 10. @default {""} */
  password?: string;
}

/** Limits and habits of an engine that are no endpoint. */
export interface EngineLimits {
  /** A missing message older than this many ns is asked for, or is a gap. @default {1e6} */
  holeNs?: number;
  /** Trust the books after a gap. @default {false} */
  goOn?: boolean;
  /** How hard what is missing is asked for. */
  recovery?: RecoveryLimits;
  /** Empty looks at the wire before a turn gives up. @default {256} */
  spinTurns?: number;
  /** Largest quantity of one order, scaled; 0 is no limit. @default {0} */
  maxQty?: number;
  /** Largest price x quantity of one order, both scaled; 0 is no limit. @default {0} */
  maxNotional?: number;
  /** Pause between attempts to reconnect, ms; 0 does not reconnect. @default {500} */
  reconnectMs?: number;
  /** Time allowed for the first connect, ms. @default {1000} */
  connectMs?: number;
  /** Connect the order entry when {@linkcode Engine.connect} is called, not at once. @default {false} */
  connectLater?: boolean;
}

/** Every number of the exchange's options, in the units of `struct hp_exchange_options`. */
export interface ExchangeSettings {
  /** Where market data goes: a group or a unicast address. */
  group: string;
  /** UDP port of the market data. */
  port: number;
  /** Address orders are accepted on. */
  listen: string;
  /** TCP port of the order entry. */
  orderPort: number;
  /** Interface for the multicast; "" leaves it to the routing table. */
  ifname: string;
  /** Namespace file to open the sockets in; "" is the current one. */
  netns: string;
  /** Core of its thread; -1 does not pin. */
  cpu: number;
  /** 0 fixed rate, 1 as recorded, 2 as fast as the wire takes. */
  pace: number;
  /** Datagrams a second (fixed rate). */
  rate: number;
  /** Times faster than recorded. */
  speed: number;
  /** Datagrams a session after the snapshot; 0 is all. */
  limit: number;
  /** Share of datagrams lost on purpose, 0..1. */
  loss: number;
  /** Share sent twice. */
  duplicate: number;
  /** Share swapped with the next. */
  reorder: number;
  /** Seed of the faults. */
  seed: number;
  /** Datagrams a second during the snapshot; 0 is the rate, at least 20,000. */
  snapshotRate: number;
  /** Stop after one session. */
  once: boolean;
  /** Never sleep while sending. */
  spin: boolean;
  /** CSV file for the orders; "" is none. */
  log: string;
}

/** What the traffic generator sends, how fast and how much, in the units of `struct hp_traffic_options`. */
export interface TrafficSettings {
  /** Where to, and how. */
  endpoint: TxEndpoint;
  /** Datagrams a second; 0 is flat out. */
  rate: number;
  /** Datagrams; 0 is no bound. */
  count: number;
  /** Seconds; 0 is no bound. */
  seconds: number;
  /** Sequence number of the first record. */
  firstSeq: number;
  /** Records a datagram, 1 to 5. */
  records: number;
  /** Never sleep between datagrams. */
  spin: boolean;
  /** Capture (pcap, pcapng) whose payloads are sent; "" sends a tape or the book pattern. */
  capture: string;
}

/** What happens to the datagrams of one of the publisher's lines on purpose; heartbeats and ends are spared. */
export interface LineFaults {
  /** Share of the datagrams lost, 0..1. @default {0} */
  loss?: number;
  /** Share sent twice. @default {0} */
  duplicate?: number;
  /** Share held back until others have overtaken it. @default {0} */
  reorder?: number;
  /** How many overtake it, 1 to 1000. @default {1} */
  distance?: number;
  /** The line sends this many µs after the schedule. @default {0} */
  skewUs?: number;
  /** Seed of all that. @default {1 for line A, 2 for line B} */
  seed?: number;
}

/** How the publisher's re-request server answers. */
export interface Answers {
  /** An answer leaves so many µs after its request. @default {0} */
  delayUs?: number;
  /** Share of the answers lost, 0..1. @default {0} */
  loss?: number;
  /** Answer nothing. @default {false} */
  refuse?: boolean;
}

/** Who may log in to the publisher's snapshot server, and with how much patience. */
export interface SnapshotLogin {
  /** At most 6 characters; "" is anybody. @default {""} */
  user?: string;
  /** At most 10 characters. @default {""} */
  password?: string;
  /** For the login to come, ms. @default {30000} */
  loginMs?: number;
  /** A client not heard of for so many ms is dead. @default {15000} */
  silenceMs?: number;
}

/** Everything a publisher is opened with, in the units of `struct hp_publisher_options`. */
export interface PublisherSettings {
  /** Lines A and B; one alone is A. */
  lines: readonly TxEndpoint[];
  /** What happens to them, in their order. */
  faults: readonly LineFaults[];
  /** Where re-requests are answered; `undefined`: nowhere. */
  requests: ServerEndpoint | undefined;
  /** How. */
  answers: Answers;
  /** Where snapshots are served; `undefined`: nowhere. */
  snapshots: ServerEndpoint | undefined;
  /** To whom. */
  login: SnapshotLogin;
  /** ITCH 5.0 file; "" is a tape or the seeded market. */
  file: string;
  /** Of the seeded market; with a tape, the seed alone matters. */
  market: { seed: number; records: number; levels: number; symbols: number };
  /** 0 fixed rate, 1 as recorded, 2 as fast as the wire takes. */
  pace: number;
  /** Datagrams a second (fixed rate). */
  rate: number;
  /** Times faster than recorded. */
  speed: number;
  /** Messages a datagram; 0 is those of one stamp. */
  pack: number;
  /** Recorded pauses are cut to so many ms. */
  gapMs: number;
  /** A line silent for so many ms sends a heartbeat. */
  heartbeatMs: number;
  /** The end of the session is repeated for so many ms. */
  endMs: number;
  /** Publish nothing before it is told to. */
  hold: boolean;
  /** Core of the publishing thread; -1 does not pin. */
  cpu: number;
  /** Name of the session, 1 to 10 characters. */
  session: string;
}

function ask(descriptor: Deno.PermissionDescriptor, what: string, flag: string): void {
  if (Deno.permissions.requestSync(descriptor).state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Cannot open ${what}: Deno has not been told to allow it; run again with ${flag}`,
    );
  }
}

function askNet(address: string, port: number, what: string): void {
  const host = `${address}:${port}`;
  ask({ name: "net", host }, `${what} ${host}`, `--allow-net=${host}`);
}

function putRx(at: DataView, feed: FeedEndpoint): void {
  putText(at, RX_OPTIONS.address, 16, feed.address, "address");
  putText(at, RX_OPTIONS.ifname, 16, feed.if, "interface");
  putText(at, RX_OPTIONS.netns, 64, feed.netns, "namespace");
  at.setUint32(RX_OPTIONS.port, feed.port, true);
  at.setInt32(RX_OPTIONS.path, RX_PATHS.indexOf(feed.via), true);
  at.setInt32(RX_OPTIONS.wait, WAITS.indexOf(feed.wait), true);
  at.setInt32(RX_OPTIONS.cpu, feed.cpu, true);
  at.setUint32(RX_OPTIONS.queue, feed.queue, true);
  at.setUint32(RX_OPTIONS.rcvbuf, feed.rcvbuf, true);
  at.setUint32(RX_OPTIONS.flags, rxFlags(feed), true);
  at.setUint32(RX_OPTIONS.queues, feed.queues, true);
  at.setUint32(RX_OPTIONS.budget, feed.budget, true);
  at.setUint32(RX_OPTIONS.fanout, feed.fanout, true);
  at.setInt32(RX_OPTIONS.helper_cpu, feed.sqpoll ?? -1, true);
  at.setUint32(RX_OPTIONS.frame_bytes, feed.frame, true);
  at.setUint32(RX_OPTIONS.frames, feed.frames, true);
  at.setInt32(RX_OPTIONS.pace, feed.speed === "flat" ? PACE.FLAT : PACE.RECORDED, true);
  at.setFloat64(RX_OPTIONS.speed, feed.speed === "flat" ? 0 : feed.speed, true);
  putText(at, RX_OPTIONS.also_ifname, 16, feed.also?.if ?? "", "second interface");
  putText(at, RX_OPTIONS.also_netns, 64, feed.also?.netns ?? "", "second namespace");
  putText(at, RX_OPTIONS.file, 240, feed.file, "capture");
}

/** A capture is a file to read, every other path a wire to listen on. */
function askRx(feed: FeedEndpoint, what: string): void {
  if (feed.via === "pcap") ask({ name: "read", path: feed.file }, feed.file, `--allow-read=${feed.file}`);
  else askNet(feed.address, feed.port, what);
}

function rxFlags({ stamps, mode, ring, sqpoll }: FeedEndpoint): number {
  return (stamps ? RX_FLAG.STAMPS : 0) |
    (mode === "copy" ? RX_FLAG.COPY : mode === "zero-copy" ? RX_FLAG.ZERO_COPY : 0) |
    (ring === "v3" ? RX_FLAG.V3 : 0) |
    (sqpoll === undefined ? 0 : RX_FLAG.SQPOLL);
}

function putOrders(at: DataView, orders: OrderEndpoint, limits: EngineLimits): void {
  putText(at, ORDER_OPTIONS.address, 16, orders.address, "address");
  putText(at, ORDER_OPTIONS.netns, 64, orders.netns, "namespace");
  at.setUint32(ORDER_OPTIONS.port, orders.port, true);
  at.setInt32(ORDER_OPTIONS.via, ORDER_VIAS.indexOf(orders.via), true);
  at.setFloat64(ORDER_OPTIONS.max_qty, limits.maxQty ?? 0, true);
  at.setFloat64(ORDER_OPTIONS.max_notional, limits.maxNotional ?? 0, true);
  at.setUint32(ORDER_OPTIONS.reconnect_ms, limits.reconnectMs ?? 500, true);
  at.setUint32(ORDER_OPTIONS.connect_ms, limits.connectMs ?? 1000, true);
  at.setUint32(ORDER_OPTIONS.later, limits.connectLater ? 1 : 0, true);
}

/** Where an engine's market data comes from and its orders go. */
export interface EngineEndpoints {
  /** Line A. */
  feed: FeedEndpoint;
  /** Line B. */
  lineB: FeedEndpoint | undefined;
  /** Order entry. */
  orders: OrderEndpoint | undefined;
  /** Who is asked for missing messages. */
  requests: ServerEndpoint | undefined;
  /** Who hands out snapshots. */
  snapshots: ServerEndpoint | undefined;
}

/** Both servers are reached from one namespace. */
function putRecovery(
  at: DataView,
  { requests, snapshots }: EngineEndpoints,
  recovery: RecoveryLimits = {},
): void {
  if (requests && snapshots && requests.netns !== snapshots.netns) {
    throw new TypeError(
      "Cannot ask for requests and snapshots from two namespaces: give both the same netns=",
    );
  }
  putText(at, RECOVERY_OPTIONS.request_address, 16, requests?.address ?? "", "address");
  putText(at, RECOVERY_OPTIONS.snapshot_address, 16, snapshots?.address ?? "", "address");
  putText(at, RECOVERY_OPTIONS.netns, 64, (requests ?? snapshots)?.netns ?? "", "namespace");
  putText(at, RECOVERY_OPTIONS.username, 7, recovery.username ?? "", "user name");
  putText(at, RECOVERY_OPTIONS.password, 11, recovery.password ?? "", "password");
  at.setUint32(RECOVERY_OPTIONS.request_port, requests?.port ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.snapshot_port, snapshots?.port ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.timeout_ms, recovery.timeoutMs ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.attempts, recovery.attempts ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.bound_ms, recovery.boundMs ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.bound_messages, recovery.boundMessages ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.snapshot_ms, recovery.snapshotMs ?? 0, true);
  at.setUint32(RECOVERY_OPTIONS.snapshot_attempts, recovery.snapshotAttempts ?? 0, true);
}

function part(options: Uint8Array<ArrayBuffer>, at: number, bytes: number): DataView {
  return new DataView(options.buffer, at, bytes);
}

/**
 * Opens a feed's lines and, when given, an order session and the sockets of recovery, after asking Deno for `net` on
 * each endpoint (for a capture: `read` on it).
 *
 * @param endpoints Where market data comes from, and where orders go.
 * @param limits Limits and habits.
 * @param control Memory for `struct hp_control`.
 * @param book Memory for the book (lll), or with books that are laid out.
 * @param levels lll: levels a side of the book.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function openEngine(
  endpoints: EngineEndpoints,
  limits: EngineLimits,
  control: SharedMemory,
  book: SharedMemory,
  levels: number,
): Deno.PointerObject {
  const { feed, lineB, orders, requests, snapshots } = endpoints;
  const protocol = protocolOf(feed.protocol);
  askRx(feed, "feed");
  if (lineB) askRx(lineB, "line B of the feed");
  if (orders) askNet(orders.address, orders.port, "order entry");
  if (requests) askNet(requests.address, requests.port, "requests to");
  if (snapshots) askNet(snapshots.address, snapshots.port, "snapshots of");
  const options = new Uint8Array(ENGINE_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  putRx(part(options, ENGINE_OPTIONS.rx, RX_OPTIONS.bytes), feed);
  if (lineB) putRx(part(options, ENGINE_OPTIONS.rx_b, RX_OPTIONS.bytes), lineB);
  if (orders) putOrders(part(options, ENGINE_OPTIONS.order, ORDER_OPTIONS.bytes), orders, limits);
  putRecovery(part(options, ENGINE_OPTIONS.recovery, RECOVERY_OPTIONS.bytes), endpoints, limits.recovery);
  view.setInt32(ENGINE_OPTIONS.feed, protocol.feed, true);
  view.setInt32(ENGINE_OPTIONS.framing, protocol.framing, true);
  view.setUint32(ENGINE_OPTIONS.day_stamps, protocol.dayStamps ? 1 : 0, true);
  view.setFloat64(ENGINE_OPTIONS.hole_ns, limits.holeNs ?? 0, true);
  view.setUint32(ENGINE_OPTIONS.go_on, limits.goOn ? 1 : 0, true);
  view.setUint32(ENGINE_OPTIONS.spin_turns, limits.spinTurns ?? 0, true);
  view.setFloat64(ENGINE_OPTIONS.price_scale, 1e6, true);
  view.setFloat64(ENGINE_OPTIONS.qty_scale, feed.qtyScale, true);
  return checkHandle(
    native().hp_engine_open(options, protocol.table, control.u8, book.u8, book.bytes, levels),
  );
}

/**
 * Opens the exchange's sockets and starts it, after asking Deno for `net` on both of its endpoints and `write` on
 * its log.
 *
 * @param settings Endpoints, pace, faults, log.
 * @param tape What it plays; must outlive it.
 * @param stats Memory for `struct hp_exchange_stats`.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function openExchange(
  settings: ExchangeSettings,
  tape: Deno.PointerObject,
  stats: SharedMemory,
): Deno.PointerObject {
  askNet(settings.group, settings.port, "market data to");
  askNet(settings.listen, settings.orderPort, "order entry on");
  if (settings.log) ask({ name: "write", path: settings.log }, settings.log, `--allow-write=${settings.log}`);
  const options = new Uint8Array(EXCHANGE_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  putText(view, EXCHANGE_OPTIONS.group, 16, settings.group, "group");
  putText(view, EXCHANGE_OPTIONS.listen, 16, settings.listen, "address");
  putText(view, EXCHANGE_OPTIONS.ifname, 16, settings.ifname, "interface");
  putText(view, EXCHANGE_OPTIONS.netns, 64, settings.netns, "namespace");
  putText(view, EXCHANGE_OPTIONS.log, 256, settings.log, "log file");
  view.setUint32(EXCHANGE_OPTIONS.port, settings.port, true);
  view.setUint32(EXCHANGE_OPTIONS.order_port, settings.orderPort, true);
  view.setInt32(EXCHANGE_OPTIONS.cpu, settings.cpu, true);
  view.setInt32(EXCHANGE_OPTIONS.pace, settings.pace, true);
  view.setFloat64(EXCHANGE_OPTIONS.rate, settings.rate, true);
  view.setFloat64(EXCHANGE_OPTIONS.speed, settings.speed, true);
  view.setFloat64(EXCHANGE_OPTIONS.limit, settings.limit, true);
  view.setFloat64(EXCHANGE_OPTIONS.loss, settings.loss, true);
  view.setFloat64(EXCHANGE_OPTIONS.duplicate, settings.duplicate, true);
  view.setFloat64(EXCHANGE_OPTIONS.reorder, settings.reorder, true);
  view.setFloat64(EXCHANGE_OPTIONS.seed, settings.seed, true);
  view.setUint32(EXCHANGE_OPTIONS.snapshot_rate, settings.snapshotRate, true);
  view.setUint32(EXCHANGE_OPTIONS.once, settings.once ? 1 : 0, true);
  view.setUint32(EXCHANGE_OPTIONS.spin, settings.spin ? 1 : 0, true);
  return checkHandle(native().hp_exchange_open(options, tape, stats.u8));
}

function putTx(at: DataView, tx: TxEndpoint): void {
  const modes = { auto: 0, copy: TX_FLAG.COPY, "zero-copy": TX_FLAG.ZERO_COPY };
  putText(at, TX_OPTIONS.address, 16, tx.address, "address");
  putText(at, TX_OPTIONS.source, 16, tx.source, "source address");
  putText(at, TX_OPTIONS.ifname, 16, tx.if, "interface");
  putText(at, TX_OPTIONS.netns, 64, tx.netns, "namespace");
  putText(at, TX_OPTIONS.mac, 24, tx.mac, "MAC");
  at.setUint32(TX_OPTIONS.port, tx.port, true);
  at.setUint32(TX_OPTIONS.source_port, tx.sourcePort, true);
  at.setInt32(TX_OPTIONS.path, TX_PATHS.indexOf(tx.via), true);
  at.setInt32(TX_OPTIONS.cpu, tx.cpu, true);
  at.setUint32(TX_OPTIONS.queue, tx.queue, true);
  at.setUint32(TX_OPTIONS.batch, tx.batch, true);
  at.setUint32(TX_OPTIONS.ttl, tx.ttl, true);
  at.setUint32(TX_OPTIONS.flags, modes[tx.mode], true);
  at.setUint32(TX_OPTIONS.sndbuf, tx.sndbuf, true);
  at.setUint32(TX_OPTIONS.frames, tx.frames, true);
}

/**
 * Opens a transmit path and starts the traffic generator on it, after asking Deno for `net` on its destination and
 * `read` on its capture.
 *
 * @param settings Destination, pace, bounds.
 * @param tape What to send; `null` sends the book pattern. Must outlive it.
 * @param stats Memory for `struct hp_traffic_stats`.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function openTraffic(
  settings: TrafficSettings,
  tape: Deno.PointerValue,
  stats: SharedMemory,
): Deno.PointerObject {
  const { endpoint, capture } = settings;
  askNet(endpoint.address, endpoint.port, "traffic to");
  if (capture) ask({ name: "read", path: capture }, capture, `--allow-read=${capture}`);
  const options = new Uint8Array(TRAFFIC_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  putTx(new DataView(options.buffer, TRAFFIC_OPTIONS.tx, TX_OPTIONS.bytes), endpoint);
  view.setFloat64(TRAFFIC_OPTIONS.rate, settings.rate, true);
  view.setFloat64(TRAFFIC_OPTIONS.count, settings.count, true);
  view.setFloat64(TRAFFIC_OPTIONS.seconds, settings.seconds, true);
  view.setFloat64(TRAFFIC_OPTIONS.first_seq, settings.firstSeq, true);
  view.setUint32(TRAFFIC_OPTIONS.records, settings.records, true);
  const pattern = capture ? PATTERN.CAPTURE : tape ? PATTERN.TAPE : PATTERN.BOOK;
  view.setInt32(TRAFFIC_OPTIONS.pattern, pattern, true);
  putText(view, TRAFFIC_OPTIONS.file, 240, capture, "capture");
  view.setUint32(TRAFFIC_OPTIONS.spin, settings.spin ? 1 : 0, true);
  return checkHandle(native().hp_traffic_open(options, tape, stats.u8));
}

/**
 * Has an engine record what it receives, after asking Deno for `write` on the file.
 *
 * @param engine The native handle of one that stands still.
 * @param path The file: created, or emptied.
 * @param room Bytes that may wait for it, a power of two; 0 is 64 MiB.
 * @param stats Memory for `struct hp_recorder_stats`.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was written.
 */
export function openRecording(
  engine: Deno.PointerObject,
  path: string,
  room: number,
  stats: SharedMemory,
): void {
  ask({ name: "write", path }, path, `--allow-write=${path}`);
  check(native().hp_engine_record(engine, cString(path), room, stats.u8));
}

/**
 * Lists the UDP flows of a capture, after asking Deno for `read` on it.
 *
 * @param path A capture: pcap or pcapng, plain or .gz.
 * @param out Memory for as many `struct hp_capture_flow` as are wanted.
 * @returns How many there are.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was read.
 */
export function readFlows(path: string, out: Uint8Array<ArrayBuffer>): number {
  ask({ name: "read", path }, path, `--allow-read=${path}`);
  return check(native().hp_capture_flows(cString(path), out, out.length / CAPTURE_FLOW.bytes));
}

function putFaults(at: DataView, faults: LineFaults, seed: number): void {
  at.setFloat64(PUBLISHER_FAULTS.loss, faults.loss ?? 0, true);
  at.setFloat64(PUBLISHER_FAULTS.duplicate, faults.duplicate ?? 0, true);
  at.setFloat64(PUBLISHER_FAULTS.reorder, faults.reorder ?? 0, true);
  at.setFloat64(PUBLISHER_FAULTS.distance, faults.distance ?? 1, true);
  at.setFloat64(PUBLISHER_FAULTS.skew_us, faults.skewUs ?? 0, true);
  at.setFloat64(PUBLISHER_FAULTS.seed, faults.seed ?? seed, true);
}

function putServers(requests: DataView, snapshots: DataView, settings: PublisherSettings): void {
  const { answers, login } = settings;
  putText(requests, PUBLISHER_REQUESTS.address, 16, settings.requests?.address ?? "", "address");
  putText(requests, PUBLISHER_REQUESTS.netns, 64, settings.requests?.netns ?? "", "namespace");
  requests.setUint32(PUBLISHER_REQUESTS.port, settings.requests?.port ?? 0, true);
  requests.setUint32(PUBLISHER_REQUESTS.refuse, answers.refuse ? 1 : 0, true);
  requests.setFloat64(PUBLISHER_REQUESTS.delay_us, answers.delayUs ?? 0, true);
  requests.setFloat64(PUBLISHER_REQUESTS.loss, answers.loss ?? 0, true);
  requests.setFloat64(PUBLISHER_REQUESTS.seed, settings.market.seed, true);
  putText(snapshots, PUBLISHER_SNAPSHOTS.address, 16, settings.snapshots?.address ?? "", "address");
  putText(snapshots, PUBLISHER_SNAPSHOTS.netns, 64, settings.snapshots?.netns ?? "", "namespace");
  snapshots.setUint32(PUBLISHER_SNAPSHOTS.port, settings.snapshots?.port ?? 0, true);
  putText(snapshots, PUBLISHER_SNAPSHOTS.user, 8, login.user ?? "", "user");
  putText(snapshots, PUBLISHER_SNAPSHOTS.password, 16, login.password ?? "", "password");
  snapshots.setFloat64(PUBLISHER_SNAPSHOTS.login_ms, login.loginMs ?? 0, true);
  snapshots.setFloat64(PUBLISHER_SNAPSHOTS.silence_ms, login.silenceMs ?? 0, true);
}

/**
 * Opens the publisher's lines and servers and starts it, after asking Deno for `net` on each of them and `read` on its
 * file.
 *
 * @param settings Lines, faults, servers, source, pace.
 * @param tape What to publish without a file; `null` is the seeded market.
 * @param stats Memory for `struct hp_publisher_stats`.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function openPublisher(
  settings: PublisherSettings,
  tape: Deno.PointerValue,
  stats: SharedMemory,
): Deno.PointerObject {
  const { lines, requests, snapshots, file, market } = settings;
  for (const { address, port } of lines) askNet(address, port, "market data to");
  if (requests) askNet(requests.address, requests.port, "re-requests on");
  if (snapshots) askNet(snapshots.address, snapshots.port, "snapshots on");
  if (file) ask({ name: "read", path: file }, file, `--allow-read=${file}`);
  const options = new Uint8Array(PUBLISHER_OPTIONS.bytes);
  const { buffer } = options;
  const view = new DataView(buffer);
  lines.forEach((line, i) => {
    putTx(new DataView(buffer, PUBLISHER_OPTIONS.lines + i * TX_OPTIONS.bytes, TX_OPTIONS.bytes), line);
    const at = PUBLISHER_OPTIONS.faults + i * PUBLISHER_FAULTS.bytes;
    putFaults(new DataView(buffer, at, PUBLISHER_FAULTS.bytes), settings.faults[i] ?? {}, i + 1);
  });
  putServers(
    new DataView(buffer, PUBLISHER_OPTIONS.requests, PUBLISHER_REQUESTS.bytes),
    new DataView(buffer, PUBLISHER_OPTIONS.snapshots, PUBLISHER_SNAPSHOTS.bytes),
    settings,
  );
  view.setFloat64(PUBLISHER_OPTIONS.market + MARKET_OPTIONS.seed, market.seed, true);
  view.setFloat64(PUBLISHER_OPTIONS.market + MARKET_OPTIONS.records, market.records, true);
  view.setFloat64(PUBLISHER_OPTIONS.market + MARKET_OPTIONS.levels, market.levels, true);
  view.setFloat64(PUBLISHER_OPTIONS.symbols, market.symbols, true);
  view.setInt32(PUBLISHER_OPTIONS.pace, settings.pace, true);
  view.setUint32(PUBLISHER_OPTIONS.pack, settings.pack, true);
  view.setFloat64(PUBLISHER_OPTIONS.rate, settings.rate, true);
  view.setFloat64(PUBLISHER_OPTIONS.speed, settings.speed, true);
  view.setFloat64(PUBLISHER_OPTIONS.gap_ms, settings.gapMs, true);
  view.setFloat64(PUBLISHER_OPTIONS.heartbeat_ms, settings.heartbeatMs, true);
  view.setFloat64(PUBLISHER_OPTIONS.end_ms, settings.endMs, true);
  view.setUint32(PUBLISHER_OPTIONS.hold, settings.hold ? 1 : 0, true);
  view.setInt32(PUBLISHER_OPTIONS.cpu, settings.cpu, true);
  putText(view, PUBLISHER_OPTIONS.session, 16, settings.session, "session");
  putText(view, PUBLISHER_OPTIONS.file, 240, file, "file");
  return checkHandle(native().hp_publisher_open(options, tape, stats.u8));
}

/** Both sides of a ping-pong and its length. */
export interface PingPongSettings {
  /** The side that pings. */
  near: { rx: FeedEndpoint; tx: TxEndpoint };
  /** The side that answers. */
  far: { rx: FeedEndpoint; tx: TxEndpoint };
  /** Round trips. */
  count: number;
}

/**
 * Plays ping-pong, after asking Deno for `net` on all four endpoints.
 *
 * @param settings Both sides.
 * @param roundTrip Memory for a `struct hp_histogram`.
 * @returns Round trips that came back in time.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function playPingPong({ near, far, count }: PingPongSettings, roundTrip: SharedMemory): number {
  for (const { rx, tx } of [near, far]) {
    askRx(rx, "ping-pong on");
    askNet(tx.address, tx.port, "ping-pong to");
  }
  const { buffer } = new Uint8Array(PINGPONG_OPTIONS.bytes);
  putRx(new DataView(buffer, PINGPONG_OPTIONS.near_rx, RX_OPTIONS.bytes), near.rx);
  putRx(new DataView(buffer, PINGPONG_OPTIONS.far_rx, RX_OPTIONS.bytes), far.rx);
  putTx(new DataView(buffer, PINGPONG_OPTIONS.near_tx, TX_OPTIONS.bytes), near.tx);
  putTx(new DataView(buffer, PINGPONG_OPTIONS.far_tx, TX_OPTIONS.bytes), far.tx);
  new DataView(buffer).setFloat64(PINGPONG_OPTIONS.count, count, true);
  return check(native().hp_pingpong(new Uint8Array(buffer), roundTrip.u8));
}

/**
 * Reads a market-data file, after asking Deno for `read` on it.
 *
 * @param path A Tardis `incremental_book_L2` CSV, plain or .gz.
 * @param pack Records a datagram, 1 to 5.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was read.
 */
export function loadTape(path: string, pack: number): Deno.PointerObject {
  ask({ name: "read", path }, path, `--allow-read=${path}`);
  return checkHandle(native().hp_tape_load(cString(path), pack));
}

/** Which files to read, and as what, in the units of `struct hp_reader_options`. */
export interface ReaderSettings {
  /** One file, or two captures: lines A and B. */
  files: readonly string[];
  /** What they hold; `undefined`: what they look like. */
  feed: (typeof READER_FEEDS)[number] | undefined;
  /** Symbols there is room for. */
  symbols: number;
  /** Recorded time after which a missing packet is given up, ns. */
  holeNs: number;
}

/** Where a reader writes while it runs. */
export interface ReaderMemory {
  /** `struct hp_reader_stats`. */
  stats: SharedMemory;
  /** `struct hp_report`. */
  report: SharedMemory;
  /** `struct hp_stream_stats`. */
  stream: SharedMemory;
  /** `struct hp_reader_row`, as many as fit; `undefined`: best bids and offers are not wanted. */
  rows: SharedMemory | undefined;
}

/**
 * Opens market-data files, after asking Deno for `read` on each.
 *
 * @param settings Which, and as what.
 * @param memory Where it writes; must outlive it.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was opened.
 */
export function openReader(settings: ReaderSettings, memory: ReaderMemory): Deno.PointerObject {
  const { files, feed, symbols, holeNs } = settings;
  for (const path of files) ask({ name: "read", path }, path, `--allow-read=${path}`);
  const options = new Uint8Array(READER_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  files.forEach((path, i) => putText(view, READER_OPTIONS.files + 1024 * i, 1024, path, "file"));
  view.setInt32(READER_OPTIONS.feed, feed === undefined ? -1 : READER_FEEDS.indexOf(feed), true);
  view.setUint32(
    READER_OPTIONS.rows,
    memory.rows ? Math.floor(memory.rows.bytes / READER_ROW.bytes) : 0,
    true,
  );
  view.setUint32(READER_OPTIONS.symbols, symbols, true);
  view.setFloat64(READER_OPTIONS.hole_ns, holeNs, true);
  const { stats, report, stream, rows } = memory;
  return checkHandle(native().hp_reader_open(options, stats.u8, report.u8, stream.u8, rows?.u8 ?? null));
}

/**
 * Attaches a trace of a feed's packets to the kernel, after asking Deno for `net` on the feed: what a trace sees of
 * it is less than what a socket would.
 *
 * @param feed Whose packets.
 * @param packets Records to keep.
 * @param stats Memory for `struct hp_path_stats`.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was attached.
 */
export function openPath(feed: FeedEndpoint, packets: number, stats: SharedMemory): Deno.PointerObject {
  askNet(feed.address, feed.port, "path trace of");
  const options = new Uint8Array(PATH_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  putText(view, PATH_OPTIONS.address, 16, feed.address, "address");
  putText(view, PATH_OPTIONS.ifname, 16, feed.if, "interface");
  putText(view, PATH_OPTIONS.netns, 64, feed.netns, "namespace");
  view.setUint32(PATH_OPTIONS.port, feed.port, true);
  view.setInt32(PATH_OPTIONS.path, RX_PATHS.indexOf(feed.via), true);
  view.setUint32(PATH_OPTIONS.packets, packets, true);
  return checkHandle(native().hp_path_open(options, stats.u8));
}

/**
 * Attaches the outside observer to a feed's interface, after asking Deno for `net` on what it will hear of: the feed
 * and the order entry.
 *
 * @param feed Market data, with its interface and namespace.
 * @param orders Order entry.
 * @param entry Where entry is stamped: a number of `enum hp_observe_entry`.
 * @returns The native handle.
 * @throws {Deno.errors.NotCapable} naming the flag; nothing was attached.
 */
export function openObserver(feed: FeedEndpoint, orders: OrderEndpoint, entry: number): Deno.PointerObject {
  askNet(feed.address, feed.port, "an observer of");
  askNet(orders.address, orders.port, "an observer of orders to");
  const options = new Uint8Array(OBSERVE_OPTIONS.bytes);
  const view = new DataView(options.buffer);
  putText(view, OBSERVE_OPTIONS.ifname, 16, feed.if, "interface");
  putText(view, OBSERVE_OPTIONS.netns, 64, feed.netns, "namespace");
  putText(view, OBSERVE_OPTIONS.group, 16, feed.address, "address");
  putText(view, OBSERVE_OPTIONS.order_address, 16, orders.address, "address");
  view.setUint32(OBSERVE_OPTIONS.port, feed.port, true);
  view.setUint32(OBSERVE_OPTIONS.order_port, orders.port, true);
  view.setInt32(OBSERVE_OPTIONS.entry, entry, true);
  return checkHandle(native().hp_observer_open(options));
}
