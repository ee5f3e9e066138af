/**
 * Hotpath: a scriptable tick-to-trade laboratory for Linux.
 *
 * @example
 * ```ts
 * import { Book, defineStrategy } from "hotpath";
 *
 * const strategy = defineStrategy({ onBook({ bid, ask }) { void (ask - bid); } });
 * const book = Book.create();
 * book.apply("bid", 100, 1);
 * console.log(strategy, book);
 * ```
 *
 * @module
 */
export * from "./lib/book/book.ts";
export { DerivedBook } from "./lib/book/derived.ts";
export * from "./lib/book/books.ts";
export {
  type FeedEndpoint,
  type OrderEndpoint,
  type OrderVia,
  type PacketRing,
  parseFeed,
  parseOrders,
  parseTx,
  type RxPath,
  type ServerEndpoint,
  type TxEndpoint,
  type TxPath,
  type Wait,
  type XdpMode,
} from "./lib/endpoint.ts";
export * from "./lib/engine.ts";
export { BestCsv, type BestRow } from "./lib/feed/best_rows.ts";
export {
  type DecodedMessage,
  type DecodedRun,
  decodeMessage,
  decodeRun,
  type FeedMessage,
  type FieldValue,
} from "./lib/feed/decode.ts";
export * from "./lib/feed/feed.ts";
export * from "./lib/feed/feed_layout.ts";
export { feeds } from "./lib/feed/feeds.ts";
export * from "./lib/feed/market_file.ts";
export * from "./lib/feed/read_book.ts";
export * from "./lib/feed/schema.ts";
export type { Fault, FeedReport, ReportExample } from "./lib/feed/report.ts";
export type { FeedLine, StreamCounters, StreamState } from "./lib/feed/stream.ts";
export {
  Exchange,
  EXCHANGE_STATES,
  type ExchangeCounters,
  type ExchangeOptions,
  type Pace,
} from "./lib/lab/exchange.ts";
export * from "./lib/lab/lab.ts";
export { EXCHANGE_ADDRESS, Namespaces, STRATEGY_ADDRESS, sweep } from "./lib/lab/namespaces.ts";
export * from "./lib/lab/pingpong.ts";
export * from "./lib/lab/publisher.ts";
export * from "./lib/lab/tape.ts";
export * from "./lib/lab/threshold.ts";
export * from "./lib/lab/traffic.ts";
export { FAULTS, FEED_NAMES, FLAG, KIND, MESSAGE_KINDS, READER_FEEDS } from "./lib/layout.ts";
export { type Machine, machine } from "./lib/machine.ts";
export * from "./lib/measure/breakdown.ts";
export type { Check, CheckLevel } from "./lib/measure/doctor/check.ts";
export {
  diagnose,
  type DiagnoseOptions,
  type Diagnosis,
  treat,
  type Treatment,
} from "./lib/measure/doctor/checks.ts";
export { machineProbe, type Probe, type Ran } from "./lib/measure/doctor/probe.ts";
export * from "./lib/measure/format.ts";
export * from "./lib/measure/histogram.ts";
export {
  contradiction,
  type ObserveEntry,
  Observer,
  type ObserverCounters,
  type ObserverOptions,
} from "./lib/measure/observer.ts";
export * from "./lib/measure/path.ts";
export * from "./lib/measure/path_trace.ts";
export * from "./lib/measure/plot.ts";
export { NativeError, pin, SharedMemory, threadCpuNs } from "./lib/native.ts";
export { Desk, type GapNote } from "./lib/order/desk.ts";
export { InlineOrders, Order, type OrderCounters, Orders } from "./lib/order/orders.ts";
export type {
  Answers,
  EngineLimits,
  ExchangeSettings,
  LineFaults,
  PublisherSettings,
  RecoveryLimits,
  SnapshotLogin,
  TrafficSettings,
} from "./lib/permission.ts";
export { type CaptureFlow, captureFlows } from "./lib/rx/capture.ts";
export { Recording, type RecordingCounters } from "./lib/rx/recording.ts";
export { type ReplayLines, replayOf, type ReplayOptions } from "./lib/rx/replay.ts";
export * from "./lib/strategy/inline.ts";
export * from "./lib/strategy/isolated.ts";
export type { RunnerOrders } from "./lib/strategy/handlers.ts";
export { main, report, type StrategyArgs, strategyArgs } from "./lib/strategy/main.ts";
export * from "./lib/strategy/strategy.ts";
export { Update } from "./lib/strategy/update.ts";
export { type TxCounters, txTroubles } from "./lib/tx/counters.ts";
