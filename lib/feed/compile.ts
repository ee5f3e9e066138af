/** A feed's description as the table that `native/feed/schema.c` runs: `struct hp_schema`. @module */
import {
  FLAG,
  MESSAGE_FLAG,
  MESSAGE_KINDS,
  SCHEMA,
  SCHEMA_CHECK,
  SCHEMA_LOADS,
  SCHEMA_MAGIC,
  SCHEMA_MEANING,
  SCHEMA_MESSAGE,
  SCHEMA_NONE,
  SCHEMA_ROOM,
  SCHEMA_STEP,
  SCHEMA_TARGETS,
  SCHEMA_TEST,
} from "../layout.ts";
import {
  byteOf,
  headerOf,
  isSbe,
  isText,
  lengthOf,
  type PlacedField,
  placedFields,
  SBE_BYTES,
  typeFieldOf,
  typeNumber,
  widthOf,
} from "./fields.ts";
import type {
  AboutSchema,
  AmountSchema,
  FeedSchema,
  FlagSchema,
  MeaningSchema,
  MessageSchema,
} from "./schema.ts";

type Target = (typeof SCHEMA_TARGETS)[number];
type Kind = MeaningSchema["kind"];

/** Largest whole number that a double holds with all below it. */
const EXACT = 2 ** 53;
const TIME_UNITS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 } as const;
/** Kinds whose price, or quantity, cannot be 0. */
const PRICED: readonly Kind[] = ["level", "add", "execute at", "replace", "trade"];
const SIZED: readonly Kind[] = ["add", "execute", "execute at", "reduce", "replace", "trade"];

interface Step {
  target: Target;
  field: PlacedField;
  scale: number;
  check: number;
  most: number;
  value: number;
  otherwise: number;
  mask: number;
  flags: number;
}

const plain = (target: Target, field: PlacedField): Step => (
  { target, field, scale: 1, check: 0, most: EXACT, value: 0, otherwise: 0, mask: 255, flags: 0 }
);

/** The number `hp_message.type` has for a message: its type byte, or where types are u16 its place. */
function messageNumber(schema: FeedSchema, at: number): number {
  const wide = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))?.type === "u16";
  return wide ? at : typeNumber(schema.messages[at]!.type);
}

/** What holds for a message: what it says itself, else what is said of every message and it has a field for. */
export function aboutOf(schema: FeedSchema, message: MessageSchema): AboutSchema {
  const fields = placedFields(schema, message);
  const every = Object.entries(schema.every ?? {}).filter(([, name]) =>
    fields.some((field) => field.name === name)
  );
  const own = (["symbol", "named", "time", "seq"] as const).filter((what) => message[what] !== undefined)
    .map((what) => [what, message[what]]);
  return Object.fromEntries([...every, ...own]);
}

/** What a message can mean; nothing, when nothing is said. */
export function meaningsOf({ means }: MessageSchema): MeaningSchema[] {
  return means === undefined ? [{ kind: "other" }] : [means].flat() as MeaningSchema[];
}

/** Steps and tests of one message. */
class MessageCompiler {
  readonly #schema: FeedSchema;
  readonly #message: MessageSchema;
  readonly #fields: PlacedField[];

  constructor(schema: FeedSchema, message: MessageSchema) {
    this.#schema = schema;
    this.#message = message;
    this.#fields = placedFields(schema, message);
  }

  #field(name: string): PlacedField {
    return this.#fields.find((field) => field.name === name)!;
  }

  /** Whose it is first; then the rest of what does not depend on its meaning. */
  head(): Step[] {
    const { symbol, named, time, seq } = aboutOf(this.#schema, this.#message);
    const steps: Step[] = [];
    if (symbol) steps.push(this.#symbol(this.#field(symbol)));
    const directory = meaningsOf(this.#message).find(({ kind }) => kind === "symbol");
    const name = directory ? nameOf(directory.other) : named;
    if (symbol && name && steps[0]!.target === "symbol number") {
      steps.push(plain(directory ? "rename" : "learn", this.#field(name)));
    }
    if (time) {
      const unit = TIME_UNITS[this.#schema.time?.unit ?? "ns"];
      steps.push({ ...plain("time", this.#field(time)), scale: unit });
    }
    if (seq) steps.push(plain("seq", this.#field(seq)));
    return steps;
  }

  #symbol(field: PlacedField): Step {
    const target = isText(field.type)
      ? "symbol name"
      : widthOf(field.type) <= 2
      ? "symbol number"
      : "symbol id";
    return plain(target, field);
  }

  steps(meaning: MeaningSchema): Step[] {
    const { kind, state, halted, side } = meaning;
    const steps: Step[] = [];
    for (const what of ["price", "qty", "order", "other"] as const) {
      const amount = meaning[what];
      if (amount !== undefined) {
        steps.push(this.#word(kind, what, typeof amount === "string" ? { field: amount } : amount));
      }
    }
    if (state) steps.push(plain("trading", this.#field(state)));
    if (halted) steps.push({ ...this.#flag(halted, 0), target: "halted" });
    if (typeof side === "object") {
      const { field, mask, bid, ask } = side;
      const flag: FlagSchema = {
        field,
        is: bid,
        ...mask === undefined ? {} : { mask },
        ...ask === undefined ? {} : { isNot: ask },
      };
      steps.push(this.#flag(flag, FLAG.BID));
    }
    const flags = {
      silent: MESSAGE_FLAG.SILENT,
      open: MESSAGE_FLAG.OPEN,
      snapshot: FLAG.SNAPSHOT,
      last: FLAG.LAST,
    };
    for (const [what, bits] of Object.entries(flags)) {
      const flag = meaning[what as keyof typeof flags];
      if (flag) steps.push(this.#flag(flag, bits));
    }
    return steps;
  }

  #flag({ field, mask, is, isNot }: FlagSchema, flags: number): Step {
    return {
      ...plain("flag", this.#field(field)),
      mask: mask ?? 255,
      value: byteOf(is),
      otherwise: isNot === undefined ? 0 : byteOf(isNot),
      check: isNot === undefined ? 0 : SCHEMA_CHECK.EITHER,
      flags,
    };
  }

  /** Prices and quantities are checked and brought to the feed's scale; references are taken as they are. */
  #word(kind: Kind, what: "price" | "qty" | "order" | "other", amount: AmountSchema): Step {
    const field = this.#field(amount.field);
    const isPrice = what === "price" || (kind === "quote" && what === "order");
    const isQty = what === "qty" || ((kind === "quote" || kind === "imbalance") && what === "other");
    if (!isPrice && !isQty) return plain(what, field);
    const scale = isPrice ? this.#schema.priceScale : this.#schema.qtyScale;
    const cannotBeZero = (what === "price" ? PRICED : what === "qty" ? SIZED : []).includes(kind);
    const isPositive = amount.zero === undefined ? cannotBeZero : !amount.zero;
    return {
      ...plain(what, field),
      scale: factor(field, scale),
      check: SCHEMA_CHECK.AMOUNT | (isPositive ? SCHEMA_CHECK.POSITIVE : 0),
      most: Math.min(EXACT, (amount.most ?? EXACT) * scale),
    };
  }

  tests(meaning: MeaningSchema): { field: PlacedField; values: number[] }[] {
    return Object.entries(meaning.when ?? {}).map(([name, wanted]) => (
      { field: this.#field(name), values: [wanted].flat().map(byteOf) }
    ));
  }
}

function nameOf(amount: string | AmountSchema | undefined): string | undefined {
  return typeof amount === "object" ? amount.field : amount;
}

/** From a field's scale to the feed's: > 0 times it, < 0 divided by -it. */
function factor({ name, scale = 1 }: PlacedField, wanted: number): number {
  const value = wanted >= scale ? wanted / scale : -scale / wanted;
  if (!Number.isInteger(value) || Math.abs(value) > 2 ** 31 - 1) {
    throw new TypeError(
      `field "${name}" has scale ${scale}, which is no whole multiple or part of the feed's ${wanted}`,
    );
  }
  return value;
}

/** Writes one `struct hp_schema`. */
class Writer {
  readonly bytes = new Uint8Array(SCHEMA.bytes);
  readonly #view = new DataView(this.bytes.buffer);
  readonly #used = { meanings: 0, tests: 0, steps: 0 };

  header(schema: FeedSchema): void {
    const view = this.#view;
    const type = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))!;
    const big = (order: "big" | "little" | undefined) =>
      (order ?? schema.byteOrder ?? "big") === "big" ? 1 : 0;
    const prefix = schema.prefix === "none" ? undefined : schema.prefix ?? {};
    view.setUint32(SCHEMA.magic, SCHEMA_MAGIC, true);
    view.setUint8(SCHEMA.big, big(undefined));
    view.setUint8(SCHEMA.prefix, prefix ? 2 : 0);
    view.setUint8(SCHEMA.prefix_big, big(prefix?.byteOrder));
    view.setUint8(SCHEMA.prefix_whole, prefix?.whole ? 1 : 0);
    view.setUint8(SCHEMA.prefix_implied, prefix?.implied ? 1 : 0);
    view.setFloat64(SCHEMA.price_scale, schema.priceScale, true);
    view.setFloat64(SCHEMA.qty_scale, schema.qtyScale, true);
    view.setUint16(SCHEMA.type_at, type.offset, true);
    view.setUint16(SCHEMA.block_at, isSbe(schema) ? 0 : SCHEMA_NONE, true);
    view.setUint16(SCHEMA.block, isSbe(schema) ? SBE_BYTES : 0, true);
    view.setUint8(SCHEMA.type_bytes, widthOf(type.type));
    view.setUint16(SCHEMA.messages, schema.messages.length, true);
  }

  #step(step: Step): void {
    const at = SCHEMA.step + SCHEMA_STEP.bytes * this.#take("steps", 1);
    const { type, offset, entry } = step.field;
    const load = isText(type) && step.target !== "seq"
      ? "text"
      : type.startsWith("i")
      ? "signed"
      : "unsigned";
    const view = this.#view;
    view.setUint8(at + SCHEMA_STEP.target, SCHEMA_TARGETS.indexOf(step.target));
    view.setUint8(at + SCHEMA_STEP.load, SCHEMA_LOADS.indexOf(load));
    view.setUint8(at + SCHEMA_STEP.width, widthOf(type));
    view.setUint8(at + SCHEMA_STEP.entry, entry ? 1 : 0);
    view.setUint16(at + SCHEMA_STEP.offset, offset, true);
    for (const byte of ["value", "otherwise", "mask", "flags", "check"] as const) {
      view.setUint8(at + SCHEMA_STEP[byte], step[byte]);
    }
    view.setInt32(at + SCHEMA_STEP.scale, step.scale, true);
    view.setFloat64(at + SCHEMA_STEP.most, step.most, true);
  }

  #take(what: "meanings" | "tests" | "steps", count: number): number {
    const first = this.#used[what];
    this.#used[what] += count;
    if (this.#used[what] > SCHEMA_ROOM[what]) {
      throw new TypeError(`it takes more than the ${SCHEMA_ROOM[what]} ${what} there is room for`);
    }
    return first;
  }

  #meaning(compiler: MessageCompiler, meaning: MeaningSchema): void {
    const at = SCHEMA.meaning + SCHEMA_MEANING.bytes * this.#take("meanings", 1);
    const [tests, steps] = [compiler.tests(meaning), compiler.steps(meaning)];
    const view = this.#view;
    view.setUint8(at + SCHEMA_MEANING.kind, MESSAGE_KINDS.indexOf(meaning.kind));
    view.setUint8(at + SCHEMA_MEANING.flags, meaning.side === "bid" ? FLAG.BID : 0);
    view.setUint8(at + SCHEMA_MEANING.tests, tests.length);
    view.setUint8(at + SCHEMA_MEANING.steps, steps.length);
    view.setUint16(at + SCHEMA_MEANING.first_test, this.#used.tests, true);
    view.setUint16(at + SCHEMA_MEANING.first_step, this.#used.steps, true);
    for (const { field, values } of tests) {
      const test = SCHEMA.test + SCHEMA_TEST.bytes * this.#take("tests", 1);
      view.setUint16(test + SCHEMA_TEST.offset, field.offset, true);
      view.setUint8(test + SCHEMA_TEST.entry, field.entry ? 1 : 0);
      view.setUint8(test + SCHEMA_TEST.count, values.length);
      this.bytes.set(values, test + SCHEMA_TEST.values);
    }
    for (const step of steps) this.#step(step);
  }

  message(schema: FeedSchema, i: number): void {
    const message = schema.messages[i]!;
    const compiler = new MessageCompiler(schema, message);
    const [head, meanings, group] = [compiler.head(), meaningsOf(message), message.group];
    const at = SCHEMA.message + SCHEMA_MESSAGE.bytes * i;
    const view = this.#view;
    view.setUint16(at + SCHEMA_MESSAGE.type, typeNumber(message.type), true);
    view.setUint8(at + SCHEMA_MESSAGE.number, messageNumber(schema, i));
    view.setUint8(at + SCHEMA_MESSAGE.exact, group || isSbe(schema) ? 0 : 1);
    view.setUint16(at + SCHEMA_MESSAGE.length, lengthOf(schema, message), true);
    view.setUint16(at + SCHEMA_MESSAGE.first_meaning, this.#used.meanings, true);
    view.setUint16(at + SCHEMA_MESSAGE.first_step, this.#used.steps, true);
    view.setUint8(at + SCHEMA_MESSAGE.meanings, meanings.length);
    view.setUint8(at + SCHEMA_MESSAGE.steps, head.length);
    if (group) {
      view.setUint8(at + SCHEMA_MESSAGE.group, group.header ?? 4);
      view.setUint8(at + SCHEMA_MESSAGE.group_length, group.lengthAt ?? 0);
      view.setUint8(at + SCHEMA_MESSAGE.group_count, group.countAt ?? 2);
      view.setUint8(at + SCHEMA_MESSAGE.count_bytes, widthOf(group.countType ?? "u16"));
      view.setUint16(at + SCHEMA_MESSAGE.entry_length, group.length, true);
    }
    for (const step of head) this.#step(step);
    for (const meaning of meanings) this.#meaning(compiler, meaning);
  }

  finish(): Uint8Array<ArrayBuffer> {
    for (const what of ["meanings", "tests", "steps"] as const) {
      this.#view.setUint16(SCHEMA[what], this.#used[what], true);
    }
    return this.bytes;
  }
}

/**
 * Compiles a description that has no problems.
 *
 * @returns `struct hp_schema`.
 * @throws {TypeError} when it takes more room than there is, or scales do not fit each other.
 */
export function compileFeed(schema: FeedSchema): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.header(schema);
  schema.messages.forEach((_, i) => writer.message(schema, i));
  return writer.finish();
}
