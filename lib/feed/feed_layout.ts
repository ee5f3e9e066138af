/** A feed as it was described: what it prints, and its table. @module */
import { drawTable, type InspectContext, picture, pictured } from "../measure/print.ts";
import { problemsOf } from "./check.ts";
import { aboutOf, compileFeed, meaningsOf } from "./compile.ts";
import { isSbe, lengthOf, type PlacedField, placedFields, typeNumber } from "./fields.ts";
import type { FeedSchema, MeaningSchema, MessageSchema } from "./schema.ts";

/** One field of a message, for people. */
export interface FieldLayout {
  /** Bytes from the message's first, or from its entry's; in a CSV the column. */
  readonly offset: number;
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly type: string;
  /** The wire has the value times this. */
  readonly scale: number;
  /** It is one of a group's entry. */
  readonly entry: boolean;
  /** Every message of the feed begins with it. */
  readonly header: boolean;
  /** What becomes of it: `price`, `symbol`, … */
  readonly role: string;
  /** What its values stand for. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * One type of message of a feed.
 *
 * @example
 * ```ts
 * import { feeds } from "hotpath";
 *
 * feeds.itch50!.messages.A!.length; // 36
 * ```
 */
export class MessageLayout {
  /** Its type on the wire. */
  readonly type: string | number;
  /** What people call it. */
  readonly name: string;
  /** Its bytes, header included; of a CSV its columns. */
  readonly length: number;
  /** It may be longer than that. */
  readonly atLeast: boolean;
  /** What it does to a book, by kind. */
  readonly kinds: readonly string[];
  /** Its fields in the order of their offsets; those of a group's entry last. */
  readonly fields: readonly FieldLayout[];

  /**
   * A message of a feed whose description has no problems.
   *
   * @param schema The feed.
   * @param message The message.
   */
  constructor(schema: FeedSchema, message: MessageSchema) {
    this.type = message.type;
    this.name = message.name;
    this.length = lengthOf(schema, message);
    this.atLeast = isSbe(schema) || message.group !== undefined;
    this.kinds = [...new Set(meaningsOf(message).map(({ kind }) => kind))];
    const roles = rolesOf(schema, message);
    this.fields = placedFields(schema, message)
      .sort((a, b) => Number(a.entry) - Number(b.entry) || a.offset - b.offset)
      .map((field) => fieldLayout(field, roles.get(field.name) ?? ""));
  }

  /** Type, name, length. */
  toString(): string {
    return `${this.type} ${this.name}, ${this.atLeast ? "at least " : ""}${this.length} bytes`;
  }

  /** Its fields as a table. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    return picture(context, `Message ${this}`, () => {
      const rows = this.fields.map(({ offset, name, type, scale, entry, role, values }) => [
        `${entry ? "+" : ""}${offset}`,
        name,
        type,
        scale === 1 ? "" : `x ${scale}`,
        role,
        Object.entries(values).map(([value, what]) => `${value} ${what}`).join(", "),
      ]);
      const head = ["offset", "field", "type", "scale", "goes to", "values"];
      return `Message ${this} (${this.kinds.join(", ")})\n${drawTable(head, rows, 6)}`;
    });
  }
}

function fieldLayout(
  { name, type, offset, scale = 1, values = {}, entry, header }: PlacedField,
  role: string,
): FieldLayout {
  return { offset, name, type, scale, entry, header, role, values };
}

/** Where each field goes. */
function rolesOf(schema: FeedSchema, message: MessageSchema): Map<string, string> {
  const roles = new Map<string, Set<string>>();
  const add = (field: unknown, role: string) => {
    if (typeof field !== "string") return;
    roles.set(field, (roles.get(field) ?? new Set()).add(role));
  };
  for (const [what, field] of Object.entries(aboutOf(schema, message))) {
    add(field, what === "named" ? "symbol" : what);
  }
  for (const meaning of meaningsOf(message)) {
    for (
      const what of [
        "price",
        "qty",
        "order",
        "other",
        "state",
        "side",
        "halted",
        "silent",
        "open",
        "snapshot",
        "last",
      ] as const
    ) {
      const value: MeaningSchema[typeof what] = meaning[what];
      add(typeof value === "object" ? value.field : what === "side" ? undefined : value, what);
    }
    for (const field of Object.keys(meaning.when ?? {})) add(field, "when");
  }
  return new Map([...roles].map(([field, set]) => [field, [...set].join(", ")]));
}

/**
 * A feed: what is on its wire and what that means. Its messages are there by their types as well: `feeds.itch50.A`.
 *
 * @example
 * ```ts
 * import { feeds } from "hotpath";
 *
 * const { priceScale, messages } = feeds.deep!;
 * console.log(priceScale, Object.keys(messages)); // 10000 [ "5", "8", … ]
 * ```
 */
export class FeedLayout {
  /** By which it is known. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** What carries it. */
  readonly transport: string;
  /** Its prices are integers: the price times this. */
  readonly priceScale: number;
  /** Its quantities likewise. */
  readonly qtyScale: number;
  /** What its stamps count: `"ns since midnight"`. */
  readonly time: string;
  /** Its messages by type. */
  readonly messages: Readonly<Record<string, MessageLayout>>;
  /** As it was described. */
  readonly schema: FeedSchema;
  /** `struct hp_schema`, which the native decoder runs; `null` of a CSV. */
  readonly table: Uint8Array<ArrayBuffer> | null;

  /**
   * Checks a description and compiles it.
   *
   * @param schema The description.
   * @throws {TypeError} with everything that is wrong.
   */
  constructor(schema: FeedSchema) {
    const problems = problemsOf(schema);
    const name = typeof schema?.name === "string" ? `feed "${schema.name}"` : "a feed";
    if (problems.length) throw new TypeError(`Cannot define ${name}: ${problems.join("; ")}`);
    this.name = schema.name;
    this.title = schema.title;
    this.transport = schema.transport;
    this.priceScale = schema.priceScale;
    this.qtyScale = schema.qtyScale;
    this.time = schema.time ? `${schema.time.unit} since ${TIME_BASES[schema.time.base]}` : "none";
    this.schema = schema;
    const messages = schema.messages.map((message) =>
      [message.type, new MessageLayout(schema, message)] as const
    );
    this.messages = pictured(Object.fromEntries(messages), (all) => messagesTable(Object.values(all)));
    for (const [type, message] of messages) {
      if (!(type in this)) Object.defineProperty(this, type, { value: message });
    }
    try {
      this.table = schema.encoding === "csv" ? null : compileFeed(schema);
    } catch (error) {
      throw new TypeError(`Cannot define ${name}: ${(error as Error).message}`);
    }
  }

  /** The message of a type on the wire, given as character or number. */
  message(type: string | number): MessageLayout | undefined {
    return Object.values(this.messages).find((message) => typeNumber(message.type) === typeNumber(type));
  }

  /** Name, transport, scales, and its messages as a table. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { name, title, transport, priceScale, qtyScale, time } = this;
    const messages = Object.values(this.messages);
    return picture(context, `FeedLayout ${name} (${messages.length} messages)`, () =>
      [
        `Feed ${name}: ${title}, ${transport}`,
        `  prices x ${priceScale}, quantities x ${qtyScale}, time: ${time}`,
        messagesTable(messages),
      ].join("\n"));
  }
}

const TIME_BASES = { epoch: "1970", midnight: "midnight", unknown: "a start of its own" } as const;

function messagesTable(messages: readonly MessageLayout[]): string {
  const rows = messages.map(({ type, name, length, atLeast, kinds, fields }) => [
    String(type),
    name,
    `${atLeast ? "≥ " : ""}${length}`,
    kinds.join(", "),
    cutFields(fields.filter(({ header }) => !header).map((field) => field.name).join(" ")),
  ]);
  return drawTable(["type", "message", "bytes", "kind", "fields"], rows, 5);
}

/** A row stays a row: the rest of the fields is in the message's own table. */
function cutFields(text: string, width = 56): string {
  return text.length > width ? `${text.slice(0, text.lastIndexOf(" ", width - 2))} …` : text;
}
