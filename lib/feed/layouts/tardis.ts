/** Tardis `incremental_book_L2`, by column. @module */
import type { FeedSchema } from "../schema.ts";

const COLUMNS = [
  "exchange",
  "symbol",
  "timestamp",
  "local_timestamp",
  "is_snapshot",
  "side",
  "price",
  "amount",
];

/** The feed. Read by `native/lab/tardis.c`; prices there are x 1e6, and quantities as fine as the file's finest. */
export const TARDIS: FeedSchema = {
  name: "tardis",
  title: "Tardis incremental_book_L2",
  transport: "CSV files",
  encoding: "csv",
  header: [],
  priceScale: 1e6,
  qtyScale: 1,
  time: { base: "epoch", unit: "us" },
  messages: [{
    type: 0,
    name: "row",
    length: COLUMNS.length,
    fields: COLUMNS.map((name, offset) => ({
      name,
      type: "text",
      offset,
      ...name === "amount" ? { values: { 0: "the level is gone" } } : {},
    })),
    symbol: "symbol",
    time: "timestamp",
    means: {
      kind: "level",
      price: "price",
      qty: "amount",
      side: { field: "side", bid: "b", ask: "a" },
      snapshot: { field: "is_snapshot", is: "t", isNot: "f" },
    },
  }],
};
