/** Named counters in native memory, read on demand. @module */
import type { SharedMemory } from "../native.ts";
import { formatCount } from "./format.ts";
import { drawTable, pictured } from "./print.ts";

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
  const counters = Object.fromEntries(names.map((name) => [name, memory.f64[(base + layout[name]) / 8]!]));
  return pictured(counters as Record<K, number>, () => countersTable("counter", counters, true));
}

/** Counters as a two-column table; zeros are left out unless `all`. */
export function countersTable(title: string, counters: Record<string, number>, all = false): string {
  const shown = Object.entries(counters).filter(([, value]) => all || value !== 0);
  if (shown.length === 0) return `${title}: nothing yet`;
  return drawTable([title, ""], shown.map(([name, value]) => [name, formatCount(value)]));
}
