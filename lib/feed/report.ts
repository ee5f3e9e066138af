/** What became of every message of a feed: `struct hp_report` for people. @module */
import { CONTROL, EXAMPLE, FAULTS, REPORT } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { drawTable, pictured } from "../measure/print.ts";
import type { SharedMemory } from "../native.ts";

/** What can be wrong with a message, or with what carries it. */
export type Fault = (typeof FAULTS)[number];

/** The first message (or packet) of its fault. */
export interface ReportExample {
  /** What is wrong with it. */
  fault: Fault;
  /** Its sequence number (of a CSV: line number); -1 where none is known. */
  seq: number;
  /** Its first bytes, at most 64. */
  bytes: Uint8Array;
  /** The same in hex: "41 00 0d". */
  hex: string;
}

/** What became of every message. */
export interface FeedReport {
  /** Messages by the wire's type ("A", "E" …; of a type that is no character, and of a schema: its number). */
  messages: Record<string, number>;
  /** Messages of symbols that nobody subscribed to. */
  skipped: number;
  /** Messages (or packets) by what is wrong with them; kinds that were not met are left out. */
  faults: Partial<Record<Fault, number>>;
  /** The first of each fault. */
  examples: ReportExample[];
}

const TEXTS: Record<Fault, string> = {
  "framing": "packets were none of the protocol's",
  "unknown type": "messages were of a type nobody knows",
  "wrong length": "messages had another length than their type has",
  "past end": "messages were longer than what was left of their packet",
  "bad value": "messages had a price, quantity or side that cannot be",
  "unknown order": "messages were about an order that was never seen, or is gone",
  "duplicate order": "orders had the reference of one that is live",
  "excess": "orders were executed or cancelled beyond their quantity",
  "unknown symbol": "messages were of a symbol beyond the books' room",
  "no room": "messages found the books full: open the engine with more room",
  "session": "packets changed the session's name in the middle",
  "sequence back": "packets fell back in the sequence without a new session",
};

/** Feeds whose types are characters; a description's messages are numbered. */
const TYPES_ARE_CHARACTERS: readonly string[] = ["itch50", "deep", "tops"];

function typeName(byte: number, feed: string): string {
  return !TYPES_ARE_CHARACTERS.includes(feed) || byte <= 32 || byte > 126
    ? String(byte)
    : String.fromCharCode(byte);
}

/** Reads the first example of each fault from a report at `at`. */
export function readExamples({ f64, u32, u8 }: SharedMemory, at: number): ReportExample[] {
  return FAULTS.flatMap((fault, i) => {
    const example = at + REPORT.examples + i * EXAMPLE.bytes;
    const length = u32[(example + EXAMPLE.length) / 4]!;
    if (length === 0) return [];
    const start = example + EXAMPLE.seq + 8;
    const bytes = u8.slice(start, start + Math.min(length, 64));
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return [{ fault, seq: f64[(example + EXAMPLE.seq) / 8]!, bytes, hex }];
  });
}

/** Reads the report of an engine's control page, or of other memory. */
export function readReport(memory: SharedMemory, feed: string, at: number = CONTROL.report): FeedReport {
  const { f64 } = memory;
  const messages: Record<string, number> = {};
  for (let type = 0; type < 256; type++) {
    const count = f64[(at + REPORT.messages) / 8 + type]!;
    if (count > 0) messages[typeName(type, feed)] = count;
  }
  const faults: FeedReport["faults"] = {};
  FAULTS.forEach((fault, i) => {
    const count = f64[(at + REPORT.faults) / 8 + i]!;
    if (count > 0) faults[fault] = count;
  });
  const examples = readExamples(memory, at);
  const report = { messages, skipped: f64[(at + REPORT.skipped) / 8]!, faults, examples };
  return pictured(report, reportTable);
}

function reportTable({ messages, skipped, faults, examples }: FeedReport): string {
  const rows = Object.entries(messages).map(([type, count]) => [type, formatCount(count)]);
  const table = drawTable(["type", "messages"], [...rows, ["not wanted", formatCount(skipped)]]);
  const lines = faultTroubles({ messages, skipped, faults, examples });
  return [table, ...lines].join("\n");
}

/** One sentence a fault, with its count and its first example. */
export function faultTroubles({ faults, examples }: FeedReport): string[] {
  return Object.entries(faults).map(([fault, count]) => {
    const example = examples.find((example) => example.fault === fault);
    const where = example && example.seq >= 0 ? ` (message ${example.seq})` : "";
    const first = example ? `; the first${where} began ${example.hex.slice(0, 47)}` : "";
    return `${count} ${TEXTS[fault as Fault]}${first}`;
  });
}
