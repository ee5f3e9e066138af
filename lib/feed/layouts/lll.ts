/** The seed laboratory's market data. @module */
import type { FeedSchema } from "../schema.ts";

/** The feed. Each record is numbered by itself; its engine is `native/feed/sequencer.c`. */
export const LLL: FeedSchema = {
  name: "lll",
  title: "the laboratory's own",
  transport: "UDP, 1 to 5 records",
  byteOrder: "little",
  prefix: "none",
  header: [{ name: "type", type: "u8", offset: 0 }],
  type: "type",
  priceScale: 1e6,
  qtyScale: 1,
  time: { base: "epoch", unit: "ns" },
  every: { seq: "seq", time: "timestamp" },
  messages: [{
    type: 1,
    name: "update",
    length: 40,
    fields: [
      { name: "seq", type: "i64", offset: 6 },
      { name: "timestamp", type: "i64", offset: 14 },
      { name: "price", type: "i64", offset: 22, scale: 1e6 },
      { name: "qty", type: "i32", offset: 30 },
      {
        name: "flags",
        type: "u8",
        offset: 34,
        values: { 1: "bid", 2: "snapshot", 4: "last of the session" },
      },
    ],
    means: {
      kind: "level",
      price: "price",
      qty: "qty",
      side: { field: "flags", mask: 1, bid: 1 },
      snapshot: { field: "flags", mask: 2, is: 2 },
      last: { field: "flags", mask: 4, is: 4 },
    },
  }],
};
