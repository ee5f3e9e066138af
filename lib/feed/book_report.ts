/** What a person sees of a market-data file that was read. @module */
import { Ladder } from "../book/ladder.ts";
import { formatCount } from "../measure/format.ts";
import { drawTable } from "../measure/print.ts";
import { feeds } from "./feeds.ts";
import type { MarketFile, SymbolSummary } from "./market_file.ts";
import type { ReportExample } from "./report.ts";
import type { FeedLine } from "./stream.ts";
import { messageName } from "./message_types.ts";

const GAPS_SHOWN = 12;

const many = (count: number, what: string) => `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;

function title(file: MarketFile): string {
  const [first, second] = file.files.map((path) => path.split("/").at(-1));
  const where = second === undefined ? `${first}` : `${first} (line A), ${second} (line B)`;
  const messages = Object.values(file.messages).reduce((sum, count) => sum + count, 0);
  const sessions = file.sessions > 1 ? `, ${formatCount(file.sessions)} sessions one after the other` : "";
  const kind = `${file.feed === "lll" ? "lll records" : feeds[file.feed]!.title}${
    file.isCapture ? " in a capture" : ""
  }`;
  return `${where}: ${kind}, ${many(messages, "message")}${sessions}`;
}

function messageTable(file: MarketFile): string {
  const rows = Object.entries(file.messages).sort(([, a], [, b]) => b - a)
    .map(([type, count]) => [type, messageName(file.feed, type), formatCount(count)]);
  return rows.length ? drawTable(["type", "message", "count"], rows, 2) : "No messages";
}

function lineTable(lines: FeedLine[]): string {
  return drawTable(
    ["line", "packets", "heartbeats", "ends", "refused", "messages", "won", "duplicates", "gaps", "missing"],
    lines.map((line) => [
      line.line,
      ...[
        line.packets,
        line.heartbeats,
        line.ends,
        line.refused,
        line.messages,
        line.won,
        line.duplicates,
        line.gaps,
        line.missing,
      ].map(formatCount),
    ]),
  );
}

/** Bytes as hex; those of a CSV line as the text they are. */
function bytesText(file: MarketFile, { bytes, hex }: ReportExample): string {
  if (file.feed === "tardis") return new TextDecoder().decode(bytes);
  return hex;
}

function errorLines(file: MarketFile): string[] {
  const examples = new Map<string, ReportExample>(
    file.examples.map((example) => [example.fault, example] as const),
  );
  const lines = Object.entries(file.errors).map(([kind, count]) => {
    const example = examples.get(kind);
    if (!example) return `  ${kind}: ${formatCount(count)}`;
    const what = file.feed === "tardis" ? "line" : "message";
    const where = example.seq >= 0 ? ` (${what} ${formatCount(example.seq)})` : "";
    return `  ${kind}: ${formatCount(count)}; the first${where}: ${bytesText(file, example)}`;
  });
  return lines.length ? ["Errors", ...lines] : ["No errors"];
}

function gapLine({ gaps, stale }: MarketFile): string {
  if (gaps.length === 0) return "No gaps";
  const missing = gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const shown = gaps.slice(0, GAPS_SHOWN).map(([first, last]) =>
    first === last ? `${first}` : `${first}-${last}`
  );
  const rest = gaps.length > GAPS_SHOWN
    ? ` … (${formatCount(gaps.length - GAPS_SHOWN)} more; --json lists all)`
    : "";
  return `${many(gaps.length, "gap")}, ${many(missing, "message")} missing: ${shown.join(", ")}${rest}${
    stale ? "\nThe books are stale: nothing came that would have made up for what is missing" : ""
  }`;
}

function bookTable(symbols: SymbolSummary[]): string {
  const withBook = symbols.filter(({ bid, ask }) => bid ?? ask);
  const empty = symbols.length - withBook.length;
  const left = empty ? `${many(empty, "symbol")} ${empty === 1 ? "ends" : "end"} with an empty book` : "";
  if (withBook.length === 0) return left || "No books";
  const columns: [string, (symbol: SymbolSummary) => string | number][] = [
    ["symbol", ({ symbol }) => symbol],
    ["bid size", ({ bid }) => bid?.size ?? "-"],
    ["bid", ({ bid }) => bid?.price ?? "-"],
    ["ask", ({ ask }) => ask?.price ?? "-"],
    ["ask size", ({ ask }) => ask?.size ?? "-"],
    ["bid levels", ({ bid_levels }) => formatCount(bid_levels)],
    ["ask levels", ({ ask_levels }) => formatCount(ask_levels)],
  ];
  if (withBook.some(({ orders }) => orders)) columns.push(["orders", ({ orders }) => formatCount(orders)]);
  if (withBook.some(({ crossed }) => crossed)) columns.push(["", ({ crossed }) => crossed ? "crossed" : ""]);
  const rows = withBook.map((symbol) => columns.map(([, cell]) => cell(symbol)));
  const table = drawTable(columns.map(([name]) => name), rows);
  return left ? `${table}\n${left}` : table;
}

/**
 * What is in a file, as tables.
 *
 * @param file The file, read.
 */
export function reportText(file: MarketFile): string {
  const { lines, note, trouble } = file;
  return [
    title(file),
    messageTable(file),
    ...file.isCapture ? [lineTable(lines)] : [],
    ...note ? [note] : [],
    ...errorLines(file),
    gapLine(file),
    bookTable(file.symbols),
    ...trouble ? [`Read up to where it is torn: ${trouble}`] : [],
  ].join("\n");
}

/**
 * The ladder of one symbol's final book.
 *
 * @param file The file, read.
 * @param symbol Whose.
 * @param depth Levels a side.
 */
export function ladderOf(file: MarketFile, symbol: string, depth: number): Ladder {
  const book = file.book(symbol);
  const { bids, asks } = book.ladder(depth);
  const title = `${symbol}  ${formatCount(book.bidLevels)} bids  ${formatCount(book.askLevels)} asks`;
  return new Ladder(bids, asks, title);
}
