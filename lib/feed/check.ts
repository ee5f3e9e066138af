/** What is wrong with a feed's description, in sentences that say where. @module */
import { MESSAGE_KINDS, SCHEMA_ROOM } from "../layout.ts";
import {
  byteOf,
  headerOf,
  isSbe,
  isText,
  lengthOf,
  type PlacedField,
  placedFields,
  typeFieldOf,
  typeNumber,
  widthOf,
} from "./fields.ts";
import type {
  FeedSchema,
  FieldSchema,
  FlagSchema,
  GroupSchema,
  MeaningSchema,
  MessageSchema,
} from "./schema.ts";

/** Every word a description may have, by where it stands: JSON has no compiler that would know. */
const WORDS = {
  feed: [
    ..."name title transport encoding byteOrder prefix header type priceScale qtyScale time every messages"
      .split(" "),
  ],
  prefix: ["byteOrder", "whole", "implied"],
  every: ["symbol", "named", "time", "seq"],
  message: ["type", "name", "length", "fields", "group", "means", "symbol", "named", "time", "seq"],
  field: ["name", "type", "offset", "scale", "values"],
  group: ["name", "header", "lengthAt", "countAt", "countType", "length", "fields"],
  meaning: [
    ..."kind when price qty order other state halted side silent open snapshot last".split(" "),
  ],
  flag: ["field", "mask", "is", "isNot"],
  side: ["field", "mask", "bid", "ask"],
  amount: ["field", "zero", "most"],
} as const;

const NAME = /^[A-Za-z_]\w{0,31}$/;
const MAX_BYTES = 4096;

/** Collects sentences about one description. */
class Checker {
  readonly problems: string[] = [];
  readonly #schema: FeedSchema;

  constructor(schema: FeedSchema) {
    this.#schema = schema;
  }

  say(where: string, what: string): void {
    this.problems.push(where ? `${where}: ${what}` : what);
  }

  /** An object with no word it should not have. */
  words(where: string, thing: unknown, kind: keyof typeof WORDS): boolean {
    if (typeof thing !== "object" || thing === null || Array.isArray(thing)) {
      this.say(where, `${kind} is not an object`);
      return false;
    }
    const known: readonly string[] = WORDS[kind];
    for (const word of Object.keys(thing)) {
      if (!known.includes(word)) this.say(where, `a ${kind} has no "${word}"; it has ${known.join(", ")}`);
    }
    return true;
  }

  oneOf(where: string, what: string, value: unknown, known: readonly unknown[]): void {
    if (!known.includes(value)) {
      this.say(where, `${what} ${JSON.stringify(value)} is none of ${known.filter((one) => one).join(", ")}`);
    }
  }

  feed(): void {
    const schema = this.#schema;
    if (!this.words("", schema, "feed")) return;
    if (!NAME.test(schema.name ?? "")) this.say("", `name ${JSON.stringify(schema.name)} is not a word`);
    for (const text of ["title", "transport"] as const) {
      if (typeof schema[text] !== "string") this.say("", `it has no ${text}`);
    }
    this.oneOf("", "encoding", schema.encoding, [undefined, "binary", "csv"]);
    this.oneOf("", "byteOrder", schema.byteOrder, [undefined, "big", "little"]);
    for (const scale of ["priceScale", "qtyScale"] as const) this.scale("", scale, schema[scale]);
    if (schema.time !== undefined) {
      this.oneOf("", "time.base", schema.time?.base, ["epoch", "midnight", "unknown"]);
      this.oneOf("", "time.unit", schema.time?.unit, ["ns", "us", "ms", "s"]);
    }
    if (schema.prefix !== undefined && schema.prefix !== "none") this.words("", schema.prefix, "prefix");
    if (schema.every !== undefined) this.words("every", schema.every, "every");
    const isList = Array.isArray(schema.header);
    if (!isSbe(schema) && !isList) return this.say("", 'header is neither a list of fields nor "sbe"');
    if (!Array.isArray(schema.messages) || !schema.messages.length) return this.say("", "it has no messages");
    if (isList && !this.fields("header", headerOf(schema), MAX_BYTES)) return;
    this.typeField();
    if (schema.messages.length > SCHEMA_ROOM.messages) {
      this.say("", `it has ${schema.messages.length} messages; ${SCHEMA_ROOM.messages} are possible`);
    }
    schema.messages.forEach((message, i) => this.message(message, i));
    if (!this.problems.length) this.every();
  }

  /** What is said of every message holds for those that have such a field; one at least has. */
  every(): void {
    const fields = this.#schema.messages.flatMap((message) => placedFields(this.#schema, message));
    for (const [what, name] of Object.entries(this.#schema.every ?? {})) {
      if (name !== null && !fields.some((field) => field.name === name)) {
        this.say("every", `${what} is ${JSON.stringify(name)}, which no message has a field for`);
      }
    }
  }

  typeField(): void {
    const name = typeFieldOf(this.#schema);
    if (this.#schema.encoding === "csv") return;
    const field = headerOf(this.#schema).find((field) => field.name === name);
    if (!field) return this.say("header", `no field of it is the type ("${name}")`);
    if (!["u8", "a1", "u16"].includes(field.type)) {
      this.say("header", `the type "${name}" is ${field.type}; it can be u8, a1 or u16`);
    }
  }

  scale(where: string, what: string, value: unknown): void {
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
      this.say(where, `${what} is ${JSON.stringify(value)}; a whole number from 1 on is needed`);
    }
  }

  /** Fields by themselves and beside each other. True when they can be worked with. */
  fields(where: string, fields: readonly FieldSchema[], length: number): boolean {
    const before = this.problems.length;
    if (!Array.isArray(fields)) {
      this.say(where, "fields is not a list");
      return false;
    }
    for (const field of fields) if (this.words(where, field, "field")) this.field(where, field, length);
    return this.problems.length === before;
  }

  field(where: string, { name, type, offset, scale }: FieldSchema, length: number): void {
    const csv = this.#schema.encoding === "csv";
    const width = csv ? 1 : widthOf(type ?? "");
    if (!NAME.test(name ?? "")) {
      return this.say(where, `a field's name ${JSON.stringify(name)} is not a word`);
    }
    const at = `${where ? `${where}, ` : ""}field "${name}"`;
    if (!width || csv !== (type === "text")) {
      return this.say(
        at,
        `type "${type}" is none; ${csv ? "text" : "u8 u16 u32 u48 u64 i8 i16 i32 i64 a1 …"}`,
      );
    }
    if (!Number.isInteger(offset) || offset < 0) {
      return this.say(at, `offset ${JSON.stringify(offset)} is no whole number from 0 on`);
    }
    if (scale !== undefined) this.scale(at, "scale", scale);
    if (offset + width > length) {
      this.say(at, `its ${width} bytes at ${offset} reach beyond the ${length} there are`);
    }
  }

  /** No two fields of the same name or the same bytes. */
  overlaps(where: string, fields: readonly PlacedField[]): void {
    const csv = this.#schema.encoding === "csv";
    const names = new Set<string>();
    for (const { name } of fields) {
      if (names.has(name)) this.say(where, `field "${name}" is there twice`);
      names.add(name);
    }
    for (const entry of [false, true]) {
      const sorted = fields.filter((field) => field.entry === entry).sort((a, b) => a.offset - b.offset);
      sorted.forEach((field, i) => {
        const next = sorted[i + 1];
        if (next && field.offset + (csv ? 1 : widthOf(field.type)) > next.offset) {
          this.say(where, `fields "${field.name}" and "${next.name}" overlap at ${next.offset}`);
        }
      });
    }
  }

  message(message: MessageSchema, at: number): void {
    const schema = this.#schema;
    if (!this.words(`message ${at}`, message, "message")) return;
    const where = `message ${JSON.stringify(message.type)}`;
    const wide = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))?.type === "u16";
    const number = typeNumber(message.type);
    if (number < 0 || (!wide && number > 255)) {
      this.say(where, "its type is neither a character nor a number");
    }
    if (schema.messages.slice(0, at).some(({ type }) => typeNumber(type) === number)) {
      this.say(where, "another message has this type");
    }
    if (typeof message.name !== "string") this.say(where, "it has no name");
    if (!Number.isInteger(message.length) || message.length < 0 || lengthOf(schema, message) > MAX_BYTES) {
      return this.say(
        where,
        `its length is ${JSON.stringify(message.length)}; up to ${MAX_BYTES} is possible`,
      );
    }
    const group = message.group;
    const sound = [
      this.fields(where, message.fields, message.length),
      group === undefined || this.group(where, group),
    ];
    if (sound.includes(false)) return;
    const fields = placedFields(schema, message);
    this.overlaps(where, fields);
    for (const { name, entry, offset, type } of fields) {
      if (!entry && schema.encoding !== "csv" && offset + widthOf(type) > lengthOf(schema, message)) {
        this.say(where, `it is too short for "${name}" of the header`);
      }
    }
    this.about(where, message, fields);
    const means = message.means === undefined ? [] : [message.means].flat() as MeaningSchema[];
    means.forEach((meaning, i) =>
      this.meaning(means.length > 1 ? `${where}, meaning ${i}` : where, meaning, fields)
    );
  }

  group(where: string, group: GroupSchema): boolean {
    if (!this.words(where, group, "group")) return false;
    const at = `${where}, group "${group.name}"`;
    const { header = 4, lengthAt = 0, countAt = 2, countType = "u16" } = group;
    this.oneOf(at, "countType", countType, ["u8", "u16"]);
    if (this.#schema.prefix === "none") this.say(at, "messages without a length before them have no groups");
    if (![header, lengthAt, countAt].every((n) => Number.isInteger(n) && n >= 0) || header > 16) {
      this.say(at, "header, lengthAt and countAt are whole numbers, and the header has at most 16 bytes");
    }
    if (lengthAt + 2 > header || countAt + widthOf(countType) > header) {
      this.say(at, `its header of ${header} bytes is too short for an entry's length and their number`);
    }
    if (!Number.isInteger(group.length) || group.length < 8 || group.length > MAX_BYTES) {
      this.say(at, `its entries have ${group.length} bytes; 8 to ${MAX_BYTES} are possible`);
      return false;
    }
    return this.fields(at, group.fields, group.length);
  }

  /** The field of that name, or a sentence. */
  find(where: string, what: string, name: unknown, fields: readonly PlacedField[]): PlacedField | undefined {
    const field = fields.find((field) => field.name === name);
    if (!field) {
      const known = fields.map((field) => field.name).join(", ");
      this.say(where, `${what} is ${JSON.stringify(name)}, which is no field of it; those are ${known}`);
    } else if (this.#schema.encoding !== "csv" && widthOf(field.type) > 8) {
      this.say(where, `${what} is "${field.name}" of ${widthOf(field.type)} bytes; at most 8 can be taken`);
    }
    return field;
  }

  about(where: string, message: MessageSchema, fields: readonly PlacedField[]): void {
    for (const what of ["symbol", "named", "time", "seq"] as const) {
      // What is said of every message holds where there is such a field.
      const name = message[what] === undefined ? this.#schema.every?.[what] : message[what];
      if (message[what] === undefined && !fields.some((field) => field.name === name)) continue;
      if (name !== null && name !== undefined) this.find(where, what, name, fields);
    }
  }

  meaning(where: string, meaning: MeaningSchema, fields: readonly PlacedField[]): void {
    if (!this.words(where, meaning, "meaning")) return;
    this.oneOf(where, "kind", meaning.kind, MESSAGE_KINDS);
    for (const what of ["price", "qty", "order", "other"] as const) {
      const amount = meaning[what];
      if (amount === undefined) continue;
      if (typeof amount === "string") this.find(where, what, amount, fields);
      else if (this.words(where, amount, "amount")) this.find(where, what, amount.field, fields);
    }
    if (meaning.state !== undefined) this.byte(where, "state", meaning.state, fields);
    for (const what of ["halted", "silent", "open", "snapshot", "last"] as const) {
      if (meaning[what] !== undefined) this.flag(where, what, meaning[what], fields);
    }
    if (typeof meaning.side === "string") this.oneOf(where, "side", meaning.side, ["bid", "ask"]);
    else if (meaning.side !== undefined && this.words(where, meaning.side, "side")) {
      const { field, mask, bid, ask } = meaning.side;
      this.byte(where, "side", field, fields);
      this.values(where, "side", [
        bid,
        ...ask === undefined ? [] : [ask],
        ...mask === undefined ? [] : [mask],
      ]);
    }
    for (const [name, wanted] of Object.entries(meaning.when ?? {})) {
      const values = [wanted].flat();
      this.byte(where, "when", name, fields);
      this.values(where, `when ${name}`, values);
      if (values.length < 1 || values.length > SCHEMA_ROOM.values) {
        this.say(
          where,
          `when "${name}" has ${values.length} values; 1 to ${SCHEMA_ROOM.values} are possible`,
        );
      }
    }
  }

  flag(where: string, what: string, flag: FlagSchema, fields: readonly PlacedField[]): void {
    if (!this.words(where, flag, "flag")) return;
    this.byte(where, what, flag.field, fields);
    this.values(where, what, [flag.is, ...flag.isNot === undefined ? [] : [flag.isNot], flag.mask ?? 255]);
  }

  values(where: string, what: string, values: readonly unknown[]): void {
    for (const value of values) {
      if (byteOf(value) < 0) {
        this.say(where, `${what} has ${JSON.stringify(value)}, which is neither a character nor 0 to 255`);
      }
    }
  }

  /** A field that decides has one byte. */
  byte(where: string, what: string, name: string, fields: readonly PlacedField[]): void {
    const field = this.find(where, what, name, fields);
    if (
      field && !isText(field.type) && widthOf(field.type) > 1 ||
      field && isText(field.type) && field.type !== "a1"
    ) {
      if (this.#schema.encoding !== "csv") {
        this.say(where, `${what} is "${name}", which is ${field.type}: one byte can decide`);
      }
    }
  }
}

/**
 * What is wrong with a description.
 *
 * @returns A sentence for each problem; none when it can be compiled.
 */
export function problemsOf(schema: FeedSchema): string[] {
  const checker = new Checker(schema);
  checker.feed();
  return checker.problems;
}
