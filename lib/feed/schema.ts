/**
 * A feed described instead of programmed: what each message looks like and what it means. The description is plain
 * data (TypeScript or JSON), is checked and compiled into a table where it is registered, and that table is run
 * natively (`native/feed/schema.c`). Nothing is generated.
 *
 * @module
 */
import type { MESSAGE_KINDS } from "../layout.ts";
import { FeedLayout } from "./feed_layout.ts";
import { register } from "./feeds.ts";

/**
 * Type of a field: unsigned and signed integers by their bits, `a8` (eight ASCII bytes, padded with spaces), and
 * `text` (a column of a CSV).
 */
export type FieldType =
  | "u8"
  | "u16"
  | "u32"
  | "u48"
  | "u64"
  | "i8"
  | "i16"
  | "i32"
  | "i64"
  | `a${number}`
  | "text";

/** One field of a message. */
export interface FieldSchema {
  /** Its name: letters, digits and `_`. */
  name: string;
  /** Its type. */
  type: FieldType;
  /** Bytes from the message's first (of an entry: from the entry's); in a CSV the column, from 0. */
  offset: number;
  /** The wire has the value times this. @default {1} */
  scale?: number;
  /** What its values stand for, for people. */
  values?: Readonly<Record<string, string>>;
}

/** What decides on a flag: a field of one byte. */
export interface FlagSchema {
  /** A field of one byte. */
  field: string;
  /** Bits of it to look at. @default {255} */
  mask?: number;
  /** The flag is set when it is this: a number or one character. */
  is: number | string;
  /** And not set when it is this; anything else is a bad value. Left out: anything else. */
  isNot?: number | string;
}

/** A field that is a price or a quantity, with what makes it a bad value. */
export interface AmountSchema {
  /** Which field. */
  field: string;
  /** 0 is a good value. Left out: what fits the message's kind. */
  zero?: boolean;
  /** Largest good value, unscaled. Left out: what a double holds exactly. */
  most?: number;
}

/** What a message, or an entry of one, means to a book. What is left out is 0. */
export interface MeaningSchema {
  /** What it does: see `enum hp_message_kind`. */
  kind: (typeof MESSAGE_KINDS)[number];
  /** Fields of one byte and the values they must have; the first meaning that fits is taken, else it is a bad value. */
  when?: Readonly<Record<string, number | string | readonly (number | string)[]>>;
  /** Price; of an imbalance the reference price, of a quote the best bid. */
  price?: string | AmountSchema;
  /** Quantity; of an imbalance the paired one, of a quote the bid's. */
  qty?: string | AmountSchema;
  /** Order reference; of a quote the best ask. */
  order?: string | AmountSchema;
  /** What the kind says: match number, new reference, name, event … */
  other?: string | AmountSchema;
  /** Of a status: the field that is the trading state. */
  state?: string;
  /** Of a status: this market cannot trade the symbol, whatever its state. */
  halted?: FlagSchema;
  /** Whose side. */
  side?: "bid" | "ask" | { field: string; mask?: number; bid: number | string; ask?: number | string };
  /** A trade not to be printed. */
  silent?: FlagSchema;
  /** More messages of the same event follow. */
  open?: FlagSchema;
  /** Part of a snapshot. */
  snapshot?: FlagSchema;
  /** Last of the session. */
  last?: FlagSchema;
}

/** Whose message it is and when it was sent. */
export interface AboutSchema {
  /**
   * The field that says which symbol; `null`: none. Text is its name; a u8 or u16 its number; anything wider is an
   * id, whose decimal digits are its name.
   */
  symbol?: string | null;
  /** Where the symbol is numbered: the field with its name, if the message has one. */
  named?: string;
  /** The sender's stamp. */
  time?: string | null;
  /** Its sequence number, where the message itself has one. */
  seq?: string;
}

/** A group that repeats: each entry is a message of its own. */
export interface GroupSchema {
  /** Its name. */
  name: string;
  /** Bytes of its header. @default {4} */
  header?: number;
  /** Offset in the header of the u16 that is an entry's length. @default {0} */
  lengthAt?: number;
  /** Offset in the header of the number of entries. @default {2} */
  countAt?: number;
  /** Type of that number. @default {"u16"} */
  countType?: "u8" | "u16";
  /** Bytes of an entry, as far as described: at least 8. */
  length: number;
  /** Fields of an entry. */
  fields: readonly FieldSchema[];
}

/** One type of message. */
export interface MessageSchema extends AboutSchema {
  /** Its type on the wire: one character, or a number. */
  type: string | number;
  /** What people call it. */
  name: string;
  /** Its bytes: exactly; with an SBE header or a group at least. An SBE header is not counted. */
  length: number;
  /** Fields beyond the header's. */
  fields: readonly FieldSchema[];
  /** A group after them. */
  group?: GroupSchema;
  /** What it means. Left out: nothing a book keeps. */
  means?: MeaningSchema | readonly MeaningSchema[];
}

/** A feed. */
export interface FeedSchema {
  /** By which it is known: letters, digits and `_`. */
  name: string;
  /** What people call it. */
  title: string;
  /** What carries it, for people. */
  transport: string;
  /** Bytes, or lines of a CSV, which are described here but not run. @default {"binary"} */
  encoding?: "binary" | "csv";
  /** Of its numbers. @default {"big"} */
  byteOrder?: "big" | "little";
  /**
   * The length before each message: none, or two bytes in a byte order, `whole` when it counts itself, `implied` when
   * in a file 0 stands for the length of the type. Left out: two bytes in the feed's byte order.
   */
  prefix?: "none" | { byteOrder?: "big" | "little"; whole?: boolean; implied?: boolean };
  /**
   * Fields that every message begins with, or `"sbe"`: blockLength, templateId, schemaId and version, each u16;
   * offsets in messages then count from behind them.
   */
  header: readonly FieldSchema[] | "sbe";
  /** The header's field that is the type: of one byte, or u16. With `"sbe"`: templateId. */
  type?: string;
  /** Its prices are integers: the price times this. */
  priceScale: number;
  /** Its quantities likewise. */
  qtyScale: number;
  /** From when its stamps count, and in what. */
  time?: { base: "epoch" | "midnight" | "unknown"; unit: "ns" | "us" | "ms" | "s" };
  /** What holds for every message that does not say otherwise. */
  every?: AboutSchema;
  /** Its messages. */
  messages: readonly MessageSchema[];
}

/**
 * Registers a feed: checks its description, compiles it, and puts it into `feeds`, from where an engine or a reader
 * takes it by name. A feed of your own of that name is replaced; the ones that are built in stay.
 *
 * @param schema The description, or the same as JSON text.
 * @returns The feed.
 * @throws {TypeError} with everything that is wrong: what overlaps, lies beyond its message, is not a field …
 *
 * @example
 * ```ts
 * import { decodeMessage, defineFeed } from "hotpath";
 *
 * defineFeed({
 *   name: "minimal",
 *   title: "One level a message",
 *   transport: "MoldUDP64",
 *   header: [{ name: "type", type: "a1", offset: 0 }, { name: "time", type: "u64", offset: 1 }],
 *   type: "type",
 *   priceScale: 100,
 *   qtyScale: 1,
 *   every: { symbol: "symbol", time: "time" },
 *   messages: [{
 *     type: "L",
 *     name: "level",
 *     length: 26,
 *     fields: [
 *       { name: "symbol", type: "a8", offset: 9 },
 *       { name: "price", type: "u32", offset: 17, scale: 100 },
 *       { name: "size", type: "u32", offset: 21 },
 *       { name: "side", type: "a1", offset: 25 },
 *     ],
 *     means: { kind: "level", price: "price", qty: "size", side: { field: "side", bid: "B", ask: "S" } },
 *   }],
 * });
 * decodeMessage("minimal", "4c 0000000000000001 4142432020202020 000027d8 00000005 42").price; // 102
 * ```
 */
export function defineFeed(schema: FeedSchema | string): FeedLayout {
  return register(new FeedLayout(typeof schema === "string" ? parse(schema) : schema));
}

function parse(text: string): FeedSchema {
  try {
    return JSON.parse(text) as FeedSchema;
  } catch (error) {
    throw new TypeError(`Cannot define a feed: it is not JSON (${(error as Error).message})`);
  }
}
