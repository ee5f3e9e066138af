/**
 * The shape of a feed's description: JSON has no compiler that would know it. What the words mean together is
 * `check.ts`'s.
 *
 * @module
 */
import { MESSAGE_KINDS, SCHEMA_ROOM } from "../layout.ts";
import { byteOf, typeNumber, widthOf } from "./fields.ts";
import type { FieldType } from "./schema.ts";

/** Says what is wrong with a value, where. */
type Say = (where: string, what: string) => void;
type Shape = (value: unknown, where: string, say: Say) => void;

const MAX_BYTES = 4096;
const shown = (value: unknown) => JSON.stringify(value) ?? String(value);

/** A value that passes a test, or a sentence that ends with what is needed. */
const value = (needed: string, passes: (value: unknown) => boolean): Shape => (value, where, say) => {
  if (!passes(value)) say(where, `is ${shown(value)}; ${needed}`);
};

const whole = (least: number, most: number): Shape =>
  value(
    `a whole number from ${least} ${most === Infinity ? "on" : `to ${most}`} is needed`,
    (n) => Number.isInteger(n) && n as number >= least && n as number <= most,
  );
const text = value("text is needed", (value) => typeof value === "string");
const word = value(
  "a word is needed",
  (value) => typeof value === "string" && /^[A-Za-z_]\w{0,31}$/.test(value),
);
const bool = value("true or false is needed", (value) => typeof value === "boolean");
const byte = value("a character or 0 to 255 is needed", (value) => byteOf(value) >= 0);
const oneOf = (...known: readonly unknown[]): Shape =>
  value(`it can be ${known.map((one) => String(one)).join(", ")}`, (value) => known.includes(value));
const fieldType = value(
  "it can be u8 u16 u32 u48 u64 i8 i16 i32 i64, a1 a2 …, and in a CSV text",
  (type) => typeof type === "string" && (type === "text" || widthOf(type as FieldType) > 0),
);
const messageType = value(
  "a character or a number is needed",
  (type) => (typeof type === "string" || typeof type === "number") && typeNumber(type) >= 0,
);

const list = (shape: Shape, least: number, most: number): Shape => (value, where, say) => {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    const wanted = most === Infinity ? `${least} or more` : `${least} to ${most}`;
    return say(
      where,
      `is ${
        Array.isArray(value) && value.length ? `${value.length} of them` : shown(value)
      }; a list of ${wanted} is needed`,
    );
  }
  value.forEach((one, i) => shape(one, `${where}[${i}]`, say));
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const record = (shape: Shape): Shape => (value, where, say) => {
  if (!isObject(value)) return say(where, `is ${shown(value)}; an object is needed`);
  for (const [key, one] of Object.entries(value)) shape(one, `${where} "${key}"`, say);
};

/** `message "A", field "price"` of a field at `message "A": fields[2]`. */
const placeOf = (kind: string, name: unknown, where: string) =>
  [where.replace(/(^|: |\.)\w*(\[\d+\])?$/, ""), `${kind} ${shown(name)}`].filter(Boolean).join(", ");

/** An object of certain words; those that end in `?` may be missing. */
const object = (kind: string, words: Readonly<Record<string, Shape>>): Shape => (value, where, say) => {
  if (!isObject(value)) return say(where, `is ${shown(value)}; a ${kind} is an object`);
  const called = kind === "message"
    ? value.type
    : kind === "field" || kind === "group"
    ? value.name
    : undefined;
  const self = called === undefined ? where : placeOf(kind, called, where);
  const known = Object.keys(words).map((word) => word.replace("?", ""));
  for (const word of Object.keys(value)) {
    if (!known.includes(word)) say(self, `: a ${kind} has no "${word}"; it has ${known.join(", ")}`);
  }
  for (const [word, shape] of Object.entries(words)) {
    const name = word.replace("?", "");
    const at = called === undefined ? [self, name].filter(Boolean).join(".") : `${self}: ${name}`;
    if (value[name] !== undefined) shape(value[name], at, say);
    else if (word === name) say(self, `: a ${kind} needs "${name}"`);
  }
};

const either =
  (passes: (value: unknown) => boolean, first: Shape, second: Shape): Shape => (value, where, say) =>
    (passes(value) ? first : second)(value, where, say);
const isText = (value: unknown) => typeof value === "string";

const order = oneOf("big", "little");
const fields = list(
  object("field", {
    name: word,
    type: fieldType,
    offset: whole(0, MAX_BYTES),
    "scale?": whole(1, Number.MAX_SAFE_INTEGER),
    "values?": record(text),
  }),
  0,
  256,
);
const flag = object("flag", { field: word, "mask?": whole(0, 255), is: byte, "isNot?": byte });
const amount = either(
  isText,
  word,
  object("amount", {
    field: word,
    "zero?": bool,
    "most?": value("a number from 0 on is needed", (most) => Number.isFinite(most) && most as number >= 0),
  }),
);
const side = either(
  isText,
  oneOf("bid", "ask"),
  object("side", { field: word, "mask?": whole(0, 255), bid: byte, "ask?": byte }),
);
const meaning = object("meaning", {
  kind: oneOf(...MESSAGE_KINDS),
  "when?": record(either(Array.isArray, list(byte, 1, SCHEMA_ROOM.values), byte)),
  ...Object.fromEntries(["price?", "qty?", "order?", "other?"].map((name) => [name, amount])),
  "state?": word,
  "side?": side,
  ...Object.fromEntries(["halted?", "silent?", "open?", "snapshot?", "last?"].map((name) => [name, flag])),
});
const nullable = (shape: Shape) => either((value) => value === null, () => {}, shape);
const about = { "symbol?": nullable(word), "named?": word, "time?": nullable(word), "seq?": word };
const group = object("group", {
  name: word,
  "header?": whole(3, 16),
  "lengthAt?": whole(0, 14),
  "countAt?": whole(0, 15),
  "countType?": oneOf("u8", "u16"),
  length: whole(8, MAX_BYTES),
  fields,
});
const message = object("message", {
  type: messageType,
  name: text,
  length: whole(0, MAX_BYTES),
  fields,
  "group?": group,
  "means?": either(Array.isArray, list(meaning, 1, 32), meaning),
  ...about,
});
const feed = object("feed", {
  name: word,
  title: text,
  transport: text,
  "encoding?": oneOf("binary", "csv"),
  "byteOrder?": order,
  "prefix?": either(
    (value) => value === "none",
    () => {},
    object("prefix", { "byteOrder?": order, "whole?": bool, "implied?": bool }),
  ),
  header: either((value) => value === "sbe", () => {}, fields),
  "type?": word,
  priceScale: whole(1, 2 ** 53),
  qtyScale: whole(1, 2 ** 53),
  "time?": object("time", {
    base: oneOf("epoch", "midnight", "unknown"),
    unit: oneOf("ns", "us", "ms", "s"),
  }),
  "every?": object("every", about),
  messages: list(message, 1, SCHEMA_ROOM.messages),
});

/** Sentences about a description that has not the shape of one. */
export function shapeProblems(schema: unknown): string[] {
  const problems: string[] = [];
  feed(schema, "", (where, what) => {
    const space = what.startsWith(":") ? "" : " ";
    problems.push(where ? `${where}${space}${what}` : what.replace(/^: /, "").replace(/^is /, "it is "));
  });
  return problems;
}
