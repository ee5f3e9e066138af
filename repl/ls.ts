/** ls(x): what a live object has, what it holds right now, and what the source says about it. @module */
import { docOf, type MemberDoc } from "./docs.ts";
import { columns, cut, Page } from "./page.ts";

/** Machinery that says nothing to a person, or does something when it is only looked at. */
const UNTOLD = new Set(["handle", "memory", "raw", "inlineOrders", "wakeFile", "bookFile", "update"]);
const VALUE_WIDTH = 30;

/**
 * Lists the members of a live object: what to type, what it is right now, one line about it. Of a class it lists what
 * can be called on the class itself.
 */
export function ls(thing: unknown): Page {
  if (typeof thing === "function") return listClass(thing.name);
  if (typeof thing !== "object" || thing === null) return new Page(Deno.inspect(thing));
  const name = thing.constructor?.name ?? "Object";
  const members = docOf(name)?.members.filter(({ isStatic }) => !isStatic) ?? [];
  const fields = thing as Record<string, unknown>;
  const rows = members.length
    ? members.map((member) => [member.call, valueOf(fields, member), member.doc])
    : Object.keys(fields).map((key) => [key, preview(fields[key]), ""]);
  return new Page(rows.length ? `${name}\n${columns(rows)}` : `${name} (nothing to list)`);
}

function listClass(name: string): Page {
  const source = docOf(name);
  if (!source) return new Page(`${name}: nothing is known about it`);
  const rows = source.members.filter(({ isStatic }) => isStatic)
    .map(({ call, doc }) => [`${name}.${call}`, doc]);
  return new Page([`${name}: ${source.doc}`, ...rows.length ? [columns(rows)] : []].join("\n"));
}

function valueOf(fields: Record<string, unknown>, { name, call }: MemberDoc): string {
  if (call.includes("(") || UNTOLD.has(name)) return "";
  try {
    return preview(fields[name]);
  } catch (error) {
    return cut((error as Error).message, VALUE_WIDTH);
  }
}

/** A value in one short line. */
function preview(value: unknown): string {
  if (typeof value === "function") return "(function)";
  if (typeof value === "number") return value.toLocaleString("en", { maximumFractionDigits: 6 });
  if (typeof value === "string") return cut(value, VALUE_WIDTH);
  // Inside of an array everything prints its one-line form; the brackets are taken off again.
  const text = Deno.inspect([value], { breakLength: Infinity, depth: 2 });
  return cut(text.replace(/^\[\s*|\s*\]$/g, "").replace(/\s+/g, " "), VALUE_WIDTH);
}
