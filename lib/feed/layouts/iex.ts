/** IEX DEEP 1.0 and TOPS 1.6, every message type. @module */
import type {
  FeedSchema,
  FieldSchema,
  FieldType,
  FlagSchema,
  MeaningSchema,
  MessageSchema,
} from "../schema.ts";

const PRICE = 1e4;

const field = (
  name: string,
  type: FieldType,
  offset: number,
  values?: Record<string, string>,
): FieldSchema => (
  { name, type, offset, ...values ? { values } : {} }
);
const money = (name: string, offset: number): FieldSchema => ({ name, type: "i64", offset, scale: PRICE });

/** A message about one symbol; its second byte is `flags`, or what the type says. */
function message(
  type: string,
  name: string,
  length: number,
  second: FieldSchema,
  fields: FieldSchema[] = [],
  means?: MeaningSchema | MeaningSchema[],
): MessageSchema {
  return {
    type,
    name,
    length,
    fields: [second, field("symbol", "a8", 10), ...fields],
    ...means ? { means } : {},
  };
}

const FLAGS = field("flags", "u8", 1);

/** DEEP's best prices hold when an event is complete. */
const UNTIL_COMPLETE: FlagSchema = { field: "flags", mask: 1, is: 0 };

function level(type: string, name: string, side: "bid" | "ask"): MessageSchema {
  return message(type, name, 30, field("flags", "u8", 1, { 1: "event complete" }), [
    field("size", "u32", 18),
    money("price", 22),
  ], { kind: "level", qty: "size", price: "price", side, open: UNTIL_COMPLETE });
}

const SALE_FLAGS = field("sale_flags", "u8", 1, {
  0x80: "intermarket sweep",
  0x40: "extended hours",
  0x20: "odd lot",
  0x10: "trade-through exempt",
  0x08: "single price",
});
const TRADE_FIELDS = [field("size", "u32", 18), money("price", 22), field("trade_id", "i64", 30)];

/** What both feeds have. */
const COMMON: readonly MessageSchema[] = [
  {
    type: "S",
    name: "system event",
    length: 10,
    symbol: null,
    fields: [field("event", "a1", 1, {
      O: "start of messages",
      S: "start of system hours",
      R: "start of regular hours",
      M: "end of regular hours",
      E: "end of system hours",
      C: "end of messages",
    })],
    means: { kind: "system", other: "event" },
  },
  message("D", "security directory", 31, FLAGS, [
    field("round_lot", "u32", 18),
    money("adjusted_close", 22),
    field("luld_tier", "u8", 30),
  ], { kind: "symbol", other: "symbol" }),
  message(
    "H",
    "trading status",
    22,
    field("status", "a1", 1, { H: "halted", O: "order acceptance", P: "paused", T: "trading" }),
    [field("reason", "a4", 18)],
    { kind: "status", when: { status: ["H", "O", "P", "T"] }, state: "status" },
  ),
  message("I", "retail liquidity indicator", 18, field("indicator", "a1", 1)),
  message("O", "operational halt", 18, field("status", "a1", 1, { O: "halted", N: "not halted" }), [], {
    kind: "status",
    halted: { field: "status", is: "O", isNot: "N" },
  }),
  message(
    "P",
    "short sale price test",
    19,
    field("status", "u8", 1, { 0: "not in effect", 1: "in effect" }),
    [
      field("detail", "a1", 18),
    ],
  ),
  message("T", "trade", 38, SALE_FLAGS, TRADE_FIELDS, {
    kind: "trade",
    qty: "size",
    price: "price",
    other: "trade_id",
  }),
  message("X", "official price", 26, field("price_type", "a1", 1, { Q: "opening", M: "closing" }), [
    money("price", 18),
  ]),
  message("B", "trade break", 38, SALE_FLAGS, TRADE_FIELDS, { kind: "break", other: "trade_id" }),
  message("A", "auction information", 80, field("auction", "a1", 1), [
    field("paired", "u32", 18),
    money("reference", 22),
    money("clearing", 30),
    field("imbalance", "u32", 38),
    field("imbalance_side", "a1", 42, { B: "buy", S: "sell", N: "none" }),
    field("extensions", "u8", 43),
    field("auction_time", "u32", 44),
    money("book_clearing", 48),
    money("collar", 56),
    money("lower_collar", 64),
    money("upper_collar", 72),
  ], {
    kind: "imbalance",
    when: { imbalance_side: ["B", "S", "N"] },
    qty: "paired",
    price: "reference",
    other: "imbalance",
    side: { field: "imbalance_side", bid: "B" },
  }),
];

const IEX = {
  transport: "IEX-TP",
  byteOrder: "little",
  header: [field("type", "a1", 0), field("timestamp", "i64", 2)],
  type: "type",
  priceScale: PRICE,
  qtyScale: 1,
  time: { base: "epoch", unit: "ns" },
  every: { symbol: "symbol", time: "timestamp" },
} as const satisfies Partial<FeedSchema>;

/** DEEP. */
export const DEEP: FeedSchema = {
  name: "deep",
  title: "IEX DEEP 1.0",
  ...IEX,
  messages: [
    ...COMMON,
    message("E", "security event", 18, field("event", "a1", 1, { O: "opening done", C: "closing done" })),
    level("8", "price level, buy", "bid"),
    level("5", "price level, sell", "ask"),
  ],
};

/** TOPS. */
export const TOPS: FeedSchema = {
  name: "tops",
  title: "IEX TOPS 1.6",
  ...IEX,
  messages: [
    ...COMMON,
    message("Q", "quote", 42, FLAGS, [
      field("bid_size", "u32", 18),
      money("bid", 22),
      money("ask", 30),
      field("ask_size", "u32", 38),
    ], { kind: "quote", qty: "bid_size", price: "bid", order: "ask", other: "ask_size" }),
  ],
};
