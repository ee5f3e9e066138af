/** Named counters in native memory, read on demand. @module */
import Table from "cli-table3";
import type { SharedMemory } from "../native.ts";
import { formatCount } from "./format.ts";

/**
 * Reads the doubles of a native stats struct by name.
 *
 * @param memory Where it lies.
 * @param base Byte offset of the struct.
 * @param layout Field offsets (`layout.ts`).
 * @param names Which fields.
 */
export function readCounters<K extends string>(
  memory: SharedMemory,
  base: number,
  layout: Readonly<Record<K, number>>,
  names: readonly K[],
): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, memory.f64[(base + layout[name]) / 8]!])) as Record<
    K,
    number
  >;
}

/** Counters as a two-column table; zeros are left out unless `all`. */
export function countersTable(title: string, counters: Record<string, number>, all = false): string {
  const table = new Table({
    head: [title, ""],
    colAligns: ["left", "right"],
    style: { head: [], border: [], compact: true },
  });
  const shown = Object.entries(counters).filter(([, value]) => all || value !== 0);
  for (const [name, value] of shown) table.push([name, formatCount(value)]);
  return shown.length ? table.toString() : `${title}: nothing yet`;
}
