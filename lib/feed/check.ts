/** What is wrong with a feed's description, in sentences that say where. @module */
import {
  headerOf,
  isSbe,
  lengthOf,
  type PlacedField,
  placedFields,
  SBE_BYTES,
  typeFieldOf,
  typeNumber,
  widthOf,
} from "./fields.ts";
import type { FeedSchema, GroupSchema, MeaningSchema, MessageSchema } from "./schema.ts";
import { shapeProblems } from "./shape.ts";

/** Collects sentences about a description that has the shape of one. */
class Checker {
  readonly problems: string[] = [];
  readonly #schema: FeedSchema;
  readonly #isCsv: boolean;

  constructor(schema: FeedSchema) {
    this.#schema = schema;
    this.#isCsv = schema.encoding === "csv";
  }

  say(where: string, what: string): void {
    this.problems.push(`${where}: ${what}`);
  }

  /** Bytes of a field; in a CSV columns. */
  #width(field: PlacedField): number {
    return this.#isCsv ? 1 : widthOf(field.type);
  }

  feed(): void {
    if (!this.#isCsv) this.#typeField();
    this.#schema.messages.forEach((message, i) => this.#message(message, i));
    this.#every();
  }

  #typeField(): void {
    const name = typeFieldOf(this.#schema);
    const field = headerOf(this.#schema).find((field) => field.name === name);
    if (!field) this.say("header", `no field of it is the type ("${name}")`);
    else if (!["u8", "a1", "u16"].includes(field.type)) {
      this.say("header", `the type "${name}" is ${field.type}; it can be u8, a1 or u16`);
    }
  }

  /** What is said of every message holds for those that have such a field; one at least has. */
  #every(): void {
    const fields = this.#schema.messages.flatMap((message) => placedFields(this.#schema, message));
    for (const [what, name] of Object.entries(this.#schema.every ?? {})) {
      if (name !== null && !fields.some((field) => field.name === name)) {
        this.say("every", `${what} is ${JSON.stringify(name)}, which no message has a field for`);
      }
    }
  }

  #message(message: MessageSchema, at: number): void {
    const schema = this.#schema;
    const where = `message ${JSON.stringify(message.type)}`;
    const wide = headerOf(schema).find(({ name }) => name === typeFieldOf(schema))?.type === "u16";
    const number = typeNumber(message.type);
    if (!wide && number > 255) this.say(where, "its type does not fit the header's one byte");
    if (schema.messages.slice(0, at).some(({ type }) => typeNumber(type) === number)) {
      this.say(where, "another message has this type");
    }
    const fields = placedFields(schema, message);
    this.#bounds(where, message, fields);
    this.#overlaps(where, fields);
    if (message.group) this.#group(`${where}, group "${message.group.name}"`, message.group);
    this.#about(where, message, fields);
    const means = message.means === undefined ? [] : [message.means].flat() as MeaningSchema[];
    means.forEach((meaning, i) =>
      this.#meaning(means.length > 1 ? `${where}, meaning ${i}` : where, meaning, fields)
    );
  }

  #bounds(where: string, message: MessageSchema, fields: readonly PlacedField[]): void {
    const length = lengthOf(this.#schema, message);
    if (length < 1) this.say(where, "it has no bytes");
    for (const field of fields) {
      const [end, there] = [field.offset + this.#width(field), field.entry ? message.group!.length : length];
      const at = `${where}, field "${field.name}"`;
      if (this.#isCsv !== (field.type === "text")) {
        this.say(at, `type "${field.type}" is for ${this.#isCsv ? "bytes" : "a CSV"}`);
      }
      if (end <= there) continue;
      const body = isSbe(this.#schema) && !field.header && !field.entry ? SBE_BYTES : 0;
      this.say(
        at,
        `its ${this.#width(field)} bytes at ${field.offset - body} reach beyond the ${
          there - body
        } there are`,
      );
    }
  }

  /** No two fields of the same name or the same bytes. */
  #overlaps(where: string, fields: readonly PlacedField[]): void {
    const names = fields.map(({ name }) => name);
    for (const name of new Set(names.filter((name, i) => names.indexOf(name) < i))) {
      this.say(where, `field "${name}" is there twice`);
    }
    for (const entry of [false, true]) {
      const sorted = fields.filter((field) => field.entry === entry).sort((a, b) => a.offset - b.offset);
      sorted.forEach((field, i) => {
        const next = sorted[i + 1];
        if (next && field.offset + this.#width(field) > next.offset) {
          this.say(where, `fields "${field.name}" and "${next.name}" overlap at ${next.offset}`);
        }
      });
    }
  }

  #group(where: string, { header = 4, lengthAt = 0, countAt = 2, countType = "u16" }: GroupSchema): void {
    if (this.#schema.prefix === "none") {
      this.say(where, "messages without a length before them have no groups");
    }
    if (lengthAt + 2 > header || countAt + widthOf(countType) > header) {
      this.say(where, `its header of ${header} bytes is too short for an entry's length and their number`);
    }
  }

  /** The field of that name, or a sentence. */
  #find(where: string, what: string, name: string, fields: readonly PlacedField[]): PlacedField | undefined {
    const field = fields.find((field) => field.name === name);
    if (!field) {
      const known = fields.map((field) => field.name).join(", ");
      this.say(where, `${what} is "${name}", which is no field of it; those are ${known}`);
    } else if (this.#width(field) > 8) {
      this.say(where, `${what} is "${name}" of ${widthOf(field.type)} bytes; at most 8 can be taken`);
    }
    return field;
  }

  #about(where: string, message: MessageSchema, fields: readonly PlacedField[]): void {
    for (const what of ["symbol", "named", "time", "seq"] as const) {
      const name = message[what];
      if (typeof name === "string") this.#find(where, what, name, fields);
    }
  }

  #meaning(where: string, meaning: MeaningSchema, fields: readonly PlacedField[]): void {
    for (const what of ["price", "qty", "order", "other"] as const) {
      const amount = meaning[what];
      if (amount !== undefined) {
        this.#find(where, what, typeof amount === "string" ? amount : amount.field, fields);
      }
    }
    if (meaning.state !== undefined) this.#byte(where, "state", meaning.state, fields);
    for (const what of ["halted", "silent", "open", "snapshot", "last", "side"] as const) {
      const flag = meaning[what];
      if (typeof flag === "object") this.#byte(where, what, flag.field, fields);
    }
    for (const name of Object.keys(meaning.when ?? {})) this.#byte(where, "when", name, fields);
  }

  /** A field that decides has one byte. */
  #byte(where: string, what: string, name: string, fields: readonly PlacedField[]): void {
    const field = this.#find(where, what, name, fields);
    if (field && this.#width(field) > 1) {
      this.say(where, `${what} is "${name}", which is ${field.type}: one byte can decide`);
    }
  }
}

/**
 * What is wrong with a description.
 *
 * @returns A sentence for each problem; none when it can be compiled.
 */
export function problemsOf(schema: FeedSchema): string[] {
  const problems = shapeProblems(schema);
  if (problems.length) return problems;
  const checker = new Checker(schema);
  checker.feed();
  return checker.problems;
}
