/** How things print themselves for people: a picture at the prompt, one line inside of others. @module */
import Table from "cli-table3";
import { formatCount } from "./format.ts";

const INSPECT = Symbol.for("Deno.customInspect");

/** What Deno tells an object that prints itself; all that matters here is how deep inside of others it stands. */
export interface InspectContext {
  /** 0 or absent: it is printed by itself. */
  currentDepth?: number;
}

/** `full` when something is printed by itself, `line` when it stands inside an array or an object. */
export function picture(context: InspectContext | undefined, line: string, full: () => string): string {
  return context?.currentDepth ? line : full();
}

/**
 * Gives a plain object or array a picture of its own. It stays what it was: keys, JSON and comparisons do not see the
 * picture, and inside of others it prints its fields.
 *
 * @param value What is to be printed well.
 * @param full How.
 * @returns The same object.
 */
export function pictured<T extends object>(value: T, full: (value: T) => string): T {
  const inspect = (inspect: (value: unknown, context: unknown) => string, context?: InspectContext) =>
    context?.currentDepth ? inspect(Array.isArray(value) ? [...value] : { ...value }, context) : full(value);
  return Object.defineProperty(value, INSPECT, { value: inspect, configurable: true });
}

/**
 * A table as the whole project draws them. The first column is aligned left, the others right unless said otherwise.
 *
 * @param head Titles of the columns.
 * @param rows Cells.
 * @param left How many columns are aligned left.
 */
export function drawTable(head: string[], rows: (string | number)[][], left = 1): string {
  const table = new Table({
    head,
    colAligns: head.map((_, i) => i < left ? "left" : "right"),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return table.toString();
}

/** An object's fields as a two-column table; empty ones are left out. */
export function fieldsTable(title: string, fields: object): string {
  const rows = Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined);
  return drawTable(
    [title, ""],
    rows.map(([name, value]) => [name, fieldText(value)]),
    2,
  );
}

/** Numbers are grouped only where counting digits would be work: a port stays a port. */
function fieldText(value: unknown): string {
  if (typeof value === "number" && value >= 1e5) return formatCount(value);
  return typeof value === "string" ? value : Deno.inspect(value, { breakLength: Infinity });
}

/** A bar of `share` (0..1) of `width` characters; never none at all. */
export function bar(share: number, width = 24): string {
  return "█".repeat(Math.max(1, Math.round(share * width)));
}

/** Sentences one under the other, or `none` when there are none. */
export function sentences(lines: string[], none: string): string[] {
  return pictured(lines, () => lines.length ? lines.join("\n") : none);
}
