/** Bytes of a feed as people read them, and as a book gets them. @module */
import { FAULTS, FEED_NAMES, FLAG, MESSAGE, MESSAGE_FLAG, MESSAGE_KINDS, REPORT } from "../layout.ts";
import { check, native, SharedMemory } from "../native.ts";
import { drawTable, type InspectContext, picture } from "../measure/print.ts";
import type { FeedLayout } from "./feed_layout.ts";
import { feedNamed } from "./feeds.ts";
import {
  headerOf,
  isSbe,
  isText,
  lengthOf,
  placedFields,
  SBE_BYTES,
  typeFieldOf,
  typeNumber,
  widthOf,
} from "./fields.ts";
import type { FeedSchema, FieldSchema, GroupSchema, MessageSchema } from "./schema.ts";

/** A field's value: scaled, a bigint where a number would not be exact, text; absent when the bytes end before it. */
export type FieldValue = number | bigint | string | Readonly<Record<string, number | bigint | string>>[];

/** A message as its fields by name. */
export type DecodedMessage = Readonly<Record<string, FieldValue>> & {
  /** What people call the message. */
  readonly message: string;
};

const INSPECT = Symbol.for("Deno.customInspect");

/** Fields by name, printed as a table under what it is. */
class Decoded {
  constructor(fields: Record<string, FieldValue>, title: string) {
    Object.assign(this, fields);
    const inspect = (_: unknown, context?: InspectContext) =>
      picture(context, title, () => {
        const rows = Object.entries(this).filter(([name]) => name !== "message").map(([name, value]) => [
          name,
          typeof value === "object" ? Deno.inspect(value) : String(value),
        ]);
        return `${title}\n${drawTable(["field", "value"], rows, 2)}`;
      });
    Object.defineProperty(this, INSPECT, { value: inspect });
  }
}

/** Bytes from hex as faults print it: `"41 00 0d"`. */
function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s|0x/g, "");
  if (!/^([0-9a-f]{2})+$/i.test(digits)) {
    throw new TypeError(`Cannot decode "${hex}": it is not bytes in hex, two digits each`);
  }
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

/**
 * One message's bytes as an object with names and scaled values: for people, who look at the example of a fault.
 * Bytes that end too early give the fields that are there; what is wrong with the length is in `trouble`.
 *
 * @param feed The feed, or its name.
 * @param bytes The message from its first byte on (a length before it left out), or the same in hex; of a CSV a row.
 * @returns Its fields by name, `message` before them; a group's entries as an array.
 * @throws {TypeError} when there is no such feed, or it has no message of this type.
 *
 * @example
 * ```ts
 * import { decodeMessage } from "hotpath";
 *
 * const bytes = "44 000d 0000 2ad8e9c0a1f1 0000000001a2b3c4";
 * decodeMessage("itch50", bytes).order_ref; // 27440068
 * ```
 */
export function decodeMessage(feed: FeedLayout | string, bytes: Uint8Array | string): DecodedMessage {
  const { schema } = typeof feed === "string" ? feedNamed(feed) : feed;
  if (schema.encoding === "csv") {
    return decodeRow(schema, typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes));
  }
  return decodeBytes(schema, typeof bytes === "string" ? bytesOf(bytes) : bytes);
}

function decodeRow(schema: FeedSchema, row: string): DecodedMessage {
  const message = schema.messages[0]!;
  const cells = row.trim().split(",");
  const trouble = cells.length === message.length
    ? {}
    : { trouble: `${cells.length} columns, not ${message.length}` };
  const fields = message.fields.filter(({ offset }) => offset < cells.length)
    .map(({ name, offset }) => [name, cells[offset]!]);
  return decoded(
    { message: message.name, ...Object.fromEntries(fields), ...trouble },
    `${schema.name} ${message.name}`,
  );
}

const decoded = (fields: Record<string, FieldValue>, title: string) =>
  new Decoded(fields, title) as unknown as DecodedMessage;

function decodeBytes(schema: FeedSchema, bytes: Uint8Array): DecodedMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const typeField = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))!;
  const type = rawOf(schema, view, typeField, 0);
  if (type === undefined) {
    throw new TypeError(`Cannot decode ${bytes.length} bytes of ${schema.name}: its type is not in them`);
  }
  const number = typeof type === "string" ? type.charCodeAt(0) : Number(type);
  const message = schema.messages.find((message) => typeNumber(message.type) === number);
  if (!message) {
    const known = schema.messages.map(({ type }) => type).join(" ");
    throw new TypeError(
      `Cannot decode: ${schema.name} has no message of type ${
        JSON.stringify(type)
      } (${number}); it has ${known}`,
    );
  }
  const fields = placedFields(schema, message).filter(({ entry }) => !entry).sort((a, b) =>
    a.offset - b.offset
  );
  const trouble = troubleOf(schema, message, bytes.length);
  const entries = message.group
    ? { [message.group.name]: entriesOf(schema, message, message.group, view) }
    : {};
  return decoded(
    {
      message: message.name,
      ...valuesOf(schema, view, fields, 0),
      ...entries,
      ...trouble ? { trouble } : {},
    },
    `${schema.name} ${message.type} ${message.name}`,
  );
}

function troubleOf(schema: FeedSchema, message: MessageSchema, length: number): string {
  const wanted = lengthOf(schema, message);
  const atLeast = isSbe(schema) || message.group;
  if (atLeast ? length >= wanted : length === wanted) return "";
  return `it has ${length} bytes, not ${atLeast ? "at least " : ""}${wanted}`;
}

/** Fields that are there, by name. */
function valuesOf(schema: FeedSchema, view: DataView, fields: readonly FieldSchema[], from: number) {
  const values: Record<string, number | bigint | string> = {};
  for (const field of fields) {
    const value = rawOf(schema, view, field, from);
    if (value !== undefined) {
      values[field.name] = field.scale && typeof value !== "string" ? Number(value) / field.scale : value;
    }
  }
  return values;
}

/** A field's value as it is on the wire; undefined when the bytes end before it does. */
function rawOf(schema: FeedSchema, view: DataView, { type, offset }: FieldSchema, from: number) {
  const [at, width] = [from + offset, widthOf(type)];
  if (at + width > view.byteLength) return undefined;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, width);
  if (isText(type)) return String.fromCharCode(...bytes).replace(/[ \0]+$/, "");
  const bigEndian = (schema.byteOrder ?? "big") === "big";
  let value = 0n;
  for (const byte of bigEndian ? bytes : bytes.toReversed()) value = value << 8n | BigInt(byte);
  if (type.startsWith("i")) value = BigInt.asIntN(8 * width, value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Entries of a group that are whole. */
function entriesOf(schema: FeedSchema, message: MessageSchema, group: GroupSchema, view: DataView) {
  const little = schema.byteOrder === "little";
  const { header = 4, lengthAt = 0, countAt = 2, countType = "u16" } = group;
  const block = isSbe(schema) ? SBE_BYTES + view.getUint16(0, true) : lengthOf(schema, message);
  if (block + header > view.byteLength) return [];
  const length = view.getUint16(block + lengthAt, little);
  const count = countType === "u8" ? view.getUint8(block + countAt) : view.getUint16(block + countAt, little);
  const there = Math.min(
    count,
    Math.floor((view.byteLength - block - header) / Math.max(length, group.length)),
  );
  return Array.from(
    { length: there },
    (_, i) => valuesOf(schema, view, group.fields, block + header + i * length),
  );
}

/** A message as a book gets it. */
export interface FeedMessage {
  /** What it does. */
  kind: (typeof MESSAGE_KINDS)[number];
  /** Its type on the wire; where types are u16, its place in the description. */
  type: number;
  /** Its sequence number, from 1. */
  seq: number;
  /** The feed's number of its symbol; -1: of none. */
  symbol: number;
  /** The sender's stamp, ns. */
  timeNs: number;
  /** Price, unscaled. */
  price: number;
  /** Quantity, unscaled. */
  qty: number;
  /** Order reference. */
  order: bigint;
  /** What the kind says. */
  other: bigint;
  /** Flags that are set: `bid`, `snapshot`, `last`, `silent`, `open`. */
  flags: string[];
}

/** What became of a run of messages. */
export interface DecodedRun {
  /** Those that were good. */
  messages: FeedMessage[];
  /** How many there were by type, good or bad. */
  counts: Record<string, number>;
  /** How many were bad, by fault. */
  faults: Partial<Record<(typeof FAULTS)[number], number>>;
}

const FLAG_NAMES = {
  bid: FLAG.BID,
  snapshot: FLAG.SNAPSHOT,
  last: FLAG.LAST,
  silent: MESSAGE_FLAG.SILENT,
  open: MESSAGE_FLAG.OPEN,
};

/**
 * Decodes a run of messages natively: each behind its length, as in a file or in a packet's payload.
 *
 * @param feed The feed, or its name.
 * @param bytes The run.
 * @param options `by`: the decoder; a built-in feed's own, or the one that runs descriptions.
 * @returns Messages, counts by type, faults by kind.
 * @throws {TypeError} when the feed is a CSV, or has no such decoder.
 *
 * @example
 * ```ts
 * import { decodeRun } from "hotpath";
 *
 * const { messages } = decodeRun("itch50", new Uint8Array([0, 12, 0x53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x4f]));
 * messages[0]!.kind; // "system"
 * ```
 */
export function decodeRun(
  feed: FeedLayout | string,
  bytes: Uint8Array<ArrayBuffer>,
  options: { by?: "schema" | "native" } = {},
): DecodedRun {
  const layout = typeof feed === "string" ? feedNamed(feed) : feed;
  const { count, memory, report } = decodeInto(layout, bytes, options.by ?? "schema");
  const messages = Array.from({ length: count }, (_, i) => readMessage(layout, memory, i * MESSAGE.bytes));
  const numbers = new Float64Array(report.buffer);
  const counted = Array.from(
    { length: 256 },
    (_, type) => [nameOfNumber(layout, type), numbers[type]!] as const,
  );
  const faults = FAULTS.map((fault, i) => [fault, numbers[REPORT.faults / 8 + i]!] as const);
  return {
    messages,
    counts: Object.fromEntries(counted.filter(([, count]) => count > 0)),
    faults: Object.fromEntries(faults.filter(([, count]) => count > 0)),
  };
}

/** The type of a message by `hp_message.type`. */
function nameOfNumber({ schema, table }: FeedLayout, number: number): string {
  const wide = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))?.type === "u16";
  if (wide && table) return String(schema.messages[number]?.type ?? "unknown");
  return number > 32 && number < 127 ? String.fromCharCode(number) : String(number);
}

/** `struct hp_message`s and the `struct hp_report` of a run. */
export function decodeInto(
  layout: FeedLayout,
  bytes: Uint8Array<ArrayBuffer>,
  by: "schema" | "native",
): { count: number; memory: SharedMemory; report: Uint8Array<ArrayBuffer> } {
  const { name, table, schema } = layout;
  if (!table) throw new TypeError(`Cannot decode a run of ${name}: it is a CSV; Tape.load() reads one`);
  const number = FEED_NAMES.findIndex((known) => known === (by === "schema" ? "schema" : name));
  if (number < 0) throw new TypeError(`Cannot decode ${name} natively: it has no decoder of its own`);
  const report = new Uint8Array(REPORT.bytes);
  const max = roomFor(schema, bytes.length);
  const memory = new SharedMemory(max * MESSAGE.bytes);
  const count = check(
    native().hp_decode(
      number,
      table,
      bytes.length ? bytes : new Uint8Array(1),
      bytes.length,
      memory.u8,
      max,
      report,
    ),
  );
  return { count, memory, report };
}

/** Messages (or entries) that so many bytes can hold at most. */
function roomFor(schema: FeedSchema, bytes: number): number {
  const prefix = schema.prefix === "none" ? 0 : 2;
  const shortest = schema.messages.map((message) =>
    Math.min(prefix + lengthOf(schema, message), message.group?.length ?? Infinity)
  );
  return 1 + Math.floor(bytes / Math.min(...shortest));
}

function readMessage({ priceScale, qtyScale }: FeedLayout, memory: SharedMemory, at: number): FeedMessage {
  const view = new DataView(memory.u8.buffer, at, MESSAGE.bytes);
  const flags = view.getUint8(MESSAGE.flags);
  const symbol = view.getUint32(MESSAGE.symbol, true);
  return {
    kind: MESSAGE_KINDS[view.getUint8(MESSAGE.kind)]!,
    type: view.getUint8(MESSAGE.type),
    seq: Number(view.getBigInt64(MESSAGE.seq, true)),
    symbol: symbol === 0xffffffff ? -1 : symbol,
    timeNs: Number(view.getBigInt64(MESSAGE.time_ns, true)),
    price: Number(view.getBigInt64(MESSAGE.price, true)) / priceScale,
    qty: Number(view.getBigInt64(MESSAGE.qty, true)) / qtyScale,
    order: view.getBigUint64(MESSAGE.order, true),
    other: view.getBigUint64(MESSAGE.other, true),
    flags: Object.entries(FLAG_NAMES).filter(([, bit]) => flags & bit).map(([name]) => name),
  };
}
