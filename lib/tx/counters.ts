/** What became of every datagram that was to leave. @module */
import { TX_STATS } from "../layout.ts";
import { readCounters } from "../measure/counters.ts";
import { formatCount } from "../measure/format.ts";
import { sentences } from "../measure/print.ts";
import type { SharedMemory } from "../native.ts";

/** Counters of a transmit path: every datagram is in `sent` or in `failed`, and `failed` is the sum of the next four. */
export type TxCounters = Record<
  | "sent"
  | "calls"
  | "failed"
  | "failed_link"
  | "failed_room"
  | "failed_size"
  | "failed_other"
  | "last_errno"
  | "no_room"
  | "partial"
  | "kicks"
  | "completed"
  | "copied"
  | "link_drops"
  | "link_downs",
  number
>;
const NAMES = [
  "sent",
  "calls",
  "failed",
  "failed_link",
  "failed_room",
  "failed_size",
  "failed_other",
  "last_errno",
  "no_room",
  "partial",
  "kicks",
  "completed",
  "copied",
  "link_drops",
  "link_downs",
] as const satisfies readonly (keyof TxCounters)[];

/**
 * Reads a `struct hp_tx_stats`.
 *
 * @param memory Where it lies.
 * @param base Byte offset of the struct.
 */
export function readTxCounters(memory: SharedMemory, base: number): TxCounters {
  return readCounters(memory, base, TX_STATS, NAMES);
}

/** How the path runs: `"send_zc, registered memory, defer-taskrun"`. */
export function readTxNote(memory: SharedMemory, base: number): string {
  return memory.text(base + TX_STATS.note, 128);
}

/** Sentences about what did not leave, and what may have been dropped after it did. */
export function txTroubles(counters: TxCounters): string[] {
  const { failed_link, failed_room, failed_size, failed_other, last_errno, link_drops, link_downs } =
    counters;
  const lines = [
    failed_link &&
    `${formatCount(failed_link)} datagrams did not leave: the interface or the route was down`,
    failed_room &&
    `${formatCount(failed_room)} datagrams did not leave: no queue had room for them; send slower`,
    failed_size && `${formatCount(failed_size)} datagrams did not leave: longer than the interface's MTU`,
    failed_other && `${formatCount(failed_other)} datagrams did not leave: errno ${last_errno}`,
    link_drops &&
    `the interface dropped ${formatCount(link_drops)} frames after it had taken them, whoever sent them`,
    link_downs && `the interface was found down, or without carrier, ${formatCount(link_downs)} times`,
  ].filter((line) => typeof line === "string");
  return sentences(lines, "no troubles: everything left");
}
