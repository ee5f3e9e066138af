/** What a feed's description leaves to be worked out: header, widths, offsets from the message's first byte. @module */
import type { FeedSchema, FieldSchema, FieldType, MessageSchema } from "./schema.ts";

/** The header that `"sbe"` stands for. */
const SBE_HEADER: readonly FieldSchema[] = ["blockLength", "templateId", "schemaId", "version"]
  .map((name, i) => ({ name, type: "u16", offset: 2 * i }));

/** Bytes of an SBE header. */
export const SBE_BYTES = 8;

/** Has it an SBE header? */
export function isSbe(schema: FeedSchema): boolean {
  return schema.header === "sbe";
}

/** Fields every message begins with. */
export function headerOf(schema: FeedSchema): readonly FieldSchema[] {
  return schema.header === "sbe" ? SBE_HEADER : schema.header;
}

/** The name of the header's field that is the type. */
export function typeFieldOf(schema: FeedSchema): string | undefined {
  return isSbe(schema) ? "templateId" : schema.type;
}

/** Bytes of a type; 0 for one that is none, and for text. */
export function widthOf(type: FieldType): number {
  const [, letter, digits] = /^([uia])(\d{1,3})$/.exec(type) ?? [];
  const size = Number(digits ?? 0);
  if (letter === "a") return size;
  return letter && (letter === "u" ? [8, 16, 32, 48, 64] : [8, 16, 32, 64]).includes(size) ? size / 8 : 0;
}

/** Is it text? */
export function isText(type: FieldType): boolean {
  return type.startsWith("a") || type === "text";
}

/** The byte that a value in a description stands for: a number below 256, or one character; -1 for anything else. */
export function byteOf(value: unknown): number {
  if (typeof value === "string") {
    return value.length === 1 && value.charCodeAt(0) < 256 ? value.charCodeAt(0) : -1;
  }
  return Number.isInteger(value) && value as number >= 0 && value as number < 256 ? value as number : -1;
}

/** The number of a message's type on the wire; -1 when it is none. */
export function typeNumber(type: string | number): number {
  if (typeof type === "string") return byteOf(type);
  return Number.isInteger(type) && type >= 0 && type < 65536 ? type : -1;
}

/** A field with its place. */
export interface PlacedField extends FieldSchema {
  /** It lies in a group's entry, and its offset counts from there. */
  entry: boolean;
  /** Every message begins with it. */
  header: boolean;
}

/** All fields of a message: the header's, its own, its entries'. Offsets count from the message's first byte. */
export function placedFields(schema: FeedSchema, message: MessageSchema): PlacedField[] {
  const body = isSbe(schema) ? SBE_BYTES : 0;
  return [
    ...headerOf(schema).map((field) => ({ ...field, entry: false, header: true })),
    ...message.fields.map((field) => ({
      ...field,
      offset: field.offset + body,
      entry: false,
      header: false,
    })),
    ...(message.group?.fields ?? []).map((field) => ({ ...field, entry: true, header: false })),
  ];
}

/** A message's bytes, its header included. */
export function lengthOf(schema: FeedSchema, message: MessageSchema): number {
  return message.length + (isSbe(schema) ? SBE_BYTES : 0);
}
