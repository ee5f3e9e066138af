/** NASDAQ TotalView-ITCH 5.0, every message type. @module */
import type { FeedSchema, FieldSchema, FieldType, MeaningSchema, MessageSchema } from "../schema.ts";

/** Prices are x 1e4, up to 200,000. */
const PRICE = 1e4;
const MOST = 200_000;

const SIDE = { B: "buy", S: "sell" } as const;
const bidOrAsk = { field: "side", bid: "B", ask: "S" } as const;
const price = { field: "price", most: MOST } as const;

const field = (
  name: string,
  type: FieldType,
  offset: number,
  values?: Record<string, string>,
): FieldSchema => (
  { name, type, offset, ...values ? { values } : {} }
);
const money = (name: string, offset: number): FieldSchema => ({ name, type: "u32", offset, scale: PRICE });

/** A message; its symbol's name, where it has one, is `stock`. */
function message(
  type: string,
  name: string,
  length: number,
  fields: FieldSchema[],
  means?: MeaningSchema | MeaningSchema[],
): MessageSchema {
  return { type, name, length, fields, ...means ? { means } : {} };
}

const wholeMarket = (message: MessageSchema): MessageSchema => ({ ...message, symbol: null });

const ORDER_FIELDS = [
  field("order_ref", "u64", 11),
  field("side", "a1", 19, SIDE),
  field("shares", "u32", 20),
  field("stock", "a8", 24),
  money("price", 32),
];
const ADDS: MeaningSchema = { kind: "add", order: "order_ref", side: bidOrAsk, qty: "shares", price };
const CROSSES = { O: "opening", C: "closing", H: "halt or IPO", I: "intraday" };

/** The feed. */
export const ITCH50: FeedSchema = {
  name: "itch50",
  title: "NASDAQ TotalView-ITCH 5.0",
  transport: "MoldUDP64, files",
  byteOrder: "big",
  prefix: { implied: true },
  header: [
    field("type", "a1", 0),
    field("stock_locate", "u16", 1),
    field("tracking", "u16", 3),
    field("timestamp", "u48", 5),
  ],
  type: "type",
  priceScale: PRICE,
  qtyScale: 1,
  time: { base: "midnight", unit: "ns" },
  every: { symbol: "stock_locate", named: "stock", time: "timestamp" },
  messages: [
    wholeMarket(message("S", "system event", 12, [
      field("event", "a1", 11, {
        O: "start of messages",
        S: "start of system hours",
        Q: "start of market hours",
        M: "end of market hours",
        E: "end of system hours",
        C: "end of messages",
      }),
    ], { kind: "system", other: "event" })),
    message("R", "stock directory", 39, [
      field("stock", "a8", 11),
      field("market_category", "a1", 19),
      field("financial_status", "a1", 20),
      field("round_lot", "u32", 21),
      field("round_lots_only", "a1", 25),
      field("issue_class", "a1", 26),
      field("issue_subtype", "a2", 27),
      field("authenticity", "a1", 29, { P: "production", T: "test" }),
      field("short_sale_threshold", "a1", 30),
      field("ipo", "a1", 31),
      field("luld_tier", "a1", 32),
      field("etp", "a1", 33),
      field("etp_leverage", "u32", 34),
      field("inverse", "a1", 38),
    ], { kind: "symbol", other: "stock" }),
    message("H", "trading action", 25, [
      field("stock", "a8", 11),
      field("state", "a1", 19, { H: "halted", P: "paused", Q: "quotation only", T: "trading" }),
      field("reserved", "a1", 20),
      field("reason", "a4", 21),
    ], { kind: "status", when: { state: ["H", "P", "Q", "T"] }, state: "state" }),
    message("Y", "Reg SHO restriction", 20, [field("stock", "a8", 11), field("action", "a1", 19)]),
    message("L", "market participant position", 26, [
      field("mpid", "a4", 11),
      field("stock", "a8", 15),
      field("primary", "a1", 23),
      field("mode", "a1", 24),
      field("state", "a1", 25),
    ]),
    wholeMarket(message("V", "circuit breaker levels", 35, [
      { ...field("level_1", "u64", 11), scale: 1e8 },
      { ...field("level_2", "u64", 19), scale: 1e8 },
      { ...field("level_3", "u64", 27), scale: 1e8 },
    ])),
    wholeMarket(message("W", "circuit breaker status", 12, [field("level", "a1", 11)])),
    message("K", "IPO quoting period", 28, [
      field("stock", "a8", 11),
      field("release_time", "u32", 19),
      field("qualifier", "a1", 23),
      money("price", 24),
    ]),
    message("J", "LULD auction collar", 35, [
      field("stock", "a8", 11),
      money("reference", 19),
      money("upper", 23),
      money("lower", 27),
      field("extension", "u32", 31),
    ]),
    message("h", "operational halt", 21, [
      field("stock", "a8", 11),
      field("market", "a1", 19, { Q: "NASDAQ", B: "BX", X: "PSX" }),
      field("action", "a1", 20, { H: "halted", T: "trading" }),
    ], [
      { kind: "status", when: { market: "Q" }, halted: { field: "action", is: "H", isNot: "T" } },
      { kind: "other", when: { action: ["H", "T"] } },
    ]),
    message("A", "add order", 36, ORDER_FIELDS, ADDS),
    message("F", "add order with MPID", 40, [...ORDER_FIELDS, field("mpid", "a4", 36)], ADDS),
    message("E", "order executed", 31, [
      field("order_ref", "u64", 11),
      field("shares", "u32", 19),
      field("match", "u64", 23),
    ], { kind: "execute", order: "order_ref", qty: "shares", other: "match" }),
    message("C", "order executed with price", 36, [
      field("order_ref", "u64", 11),
      field("shares", "u32", 19),
      field("match", "u64", 23),
      field("printable", "a1", 31, { Y: "yes", N: "no" }),
      money("price", 32),
    ], {
      kind: "execute at",
      order: "order_ref",
      qty: "shares",
      other: "match",
      price,
      silent: { field: "printable", is: "N", isNot: "Y" },
    }),
    message("X", "order cancel", 23, [field("order_ref", "u64", 11), field("shares", "u32", 19)], {
      kind: "reduce",
      order: "order_ref",
      qty: "shares",
    }),
    message("D", "order delete", 19, [field("order_ref", "u64", 11)], { kind: "delete", order: "order_ref" }),
    message("U", "order replace", 35, [
      field("order_ref", "u64", 11),
      field("new_order_ref", "u64", 19),
      field("shares", "u32", 27),
      money("price", 31),
    ], { kind: "replace", order: "order_ref", other: "new_order_ref", qty: "shares", price }),
    message("P", "trade", 44, [...ORDER_FIELDS, field("match", "u64", 36)], {
      ...ADDS,
      kind: "trade",
      other: "match",
    }),
    message("Q", "cross trade", 40, [
      field("shares", "u64", 11),
      field("stock", "a8", 19),
      money("price", 27),
      field("match", "u64", 31),
      field("cross", "a1", 39, CROSSES),
    ], { kind: "cross", qty: "shares", price, other: "match" }),
    message("B", "broken trade", 19, [field("match", "u64", 11)], { kind: "break", other: "match" }),
    message("I", "net order imbalance", 50, [
      field("paired", "u64", 11),
      field("imbalance", "u64", 19),
      field("direction", "a1", 27, { B: "buy", S: "sell", N: "none", O: "too few orders" }),
      field("stock", "a8", 28),
      money("far", 36),
      money("near", 40),
      money("reference", 44),
      field("cross", "a1", 48, CROSSES),
      field("variation", "a1", 49),
    ], {
      kind: "imbalance",
      qty: "paired",
      other: "imbalance",
      price: { field: "reference", most: MOST },
      side: { field: "direction", bid: "B" },
    }),
    message("N", "retail interest", 20, [
      field("stock", "a8", 11),
      field("interest", "a1", 19, { ...SIDE, A: "both", N: "none" }),
    ]),
    message("O", "direct listing price discovery", 48, [
      field("stock", "a8", 11),
      field("open_eligible", "a1", 19),
      money("minimum", 20),
      money("maximum", 24),
      money("near_price", 28),
      field("near_time", "u64", 32),
      money("lower", 40),
      money("upper", 44),
    ]),
  ],
};
