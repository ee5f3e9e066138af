/**
 * Any market-data file, one command: recognises it, builds the books, says what was in it.
 */
import { parseArgs } from "node:util";
// @ts-types="@types/cli-progress"
import { SingleBar } from "cli-progress";
import { type MarketFeed, type MarketFile, readBook, READER_FEEDS } from "hotpath";
import { ladderOf } from "../lib/feed/book_report.ts";
import { numberOf } from "./arguments.ts";

const HELP =
  `deno task book FILE… [--feed NAME] [--symbol S…] [--depth N] [--orders N] [--bbo OUT.csv] [--json]

Reads a market-data file into books and prints message counts by type, errors by kind with the first example, gaps,
and each symbol's final book.

  FILE…          ITCH 5.0 messages behind their lengths; a capture (pcap, pcapng) with MoldUDP64, IEX-TP (DEEP 1.0,
                 TOPS 1.6) or lll in it; a Tardis incremental_book_L2 CSV; lll records of 40 bytes. Plain or .gz,
                 recognised by its first bytes. Two captures are lines A and B, merged by their recorded stamps.
  --feed NAME    read it as ${READER_FEEDS.join(", ")}, whatever it looks like
  --symbol S…    only these symbols (several behind one --symbol, or one each), with a ladder of each
  --depth N      levels a side of the ladders (10); without --symbol every symbol gets one
  --orders N     orders live at once there is room for (4,000,000, fewer for a small file; all books: some 390 MB)
  --bbo OUT.csv  the best bid and offer after each message that changed it:
                 itch_msgs_processed,ask_px,ask_qty,bid_px,bid_qty in scaled integers (ITCH and IEX: prices x 1e4),
                 and a column symbol when there are several. Rows begin where both sides were there and one changed.
  --json         one object: {"feed", "messages", "errors", "gaps", "symbols"}. Prices are decimal strings, sizes
                 numbers in the market's unit, an empty side is null
  --help         this

A file that is torn is read up to there, and it is said.`;

/** Arguments behind --symbol are symbols, once there is a file; those anywhere else are files. */
function sortOut(tokens: ReturnType<typeof tokensOf>) {
  const files: string[] = [];
  const symbols: string[] = [];
  let behindSymbol = false;
  for (const token of tokens) {
    if (token.kind === "option") {
      behindSymbol = token.name === "symbol";
      if (behindSymbol) symbols.push(...(token.value ?? "").split(",").filter((name) => name !== ""));
    } else if (token.kind === "positional") {
      if (behindSymbol && files.length) symbols.push(token.value);
      else files.push(token.value);
    }
  }
  return { files, symbols };
}

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

const parse = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    tokens: true,
    options: {
      feed: text,
      symbol: { ...text, multiple: true },
      depth: text,
      orders: text,
      bbo: text,
      json: flag,
      help: flag,
    },
  });
const tokensOf = (args: string[]) => parse(args).tokens;

/** A whole number of one or more, if one was given. */
function count(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = numberOf(name, given, 0);
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`Cannot use --${name}=${given}: a whole number from 1 on is needed`);
  }
  return value;
}

function configure(args: string[]) {
  const { values, tokens } = parse(args);
  const { files, symbols } = sortOut(tokens);
  if (values.help) return { help: true } as const;
  if (files.length === 0) throw new TypeError(`Cannot read a book: no file was named\n\n${HELP}`);
  const feed = READER_FEEDS.find((name) => name === values.feed);
  if (values.feed !== undefined && feed === undefined) {
    throw new TypeError(`Cannot read as --feed=${values.feed}: it is one of ${READER_FEEDS.join(", ")}`);
  }
  return {
    help: false,
    files,
    feed,
    symbols,
    depth: count("depth", values.depth),
    orders: count("orders", values.orders),
    bbo: values.bbo,
    json: values.json,
  } as const;
}

/** A bar on the terminal while `read` goes on; nothing where there is none. */
async function withBar<T>(read: (onProgress: (share: number) => void) => Promise<T>): Promise<T> {
  if (!Deno.stderr.isTerminal()) return await read(() => {});
  const bar = new SingleBar({
    format: "{bar} {percentage} % | {eta_formatted} left",
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1000, 0);
  try {
    return await read((share) => bar.update(Math.round(1000 * share)));
  } finally {
    bar.stop();
  }
}

function show(file: MarketFile, symbols: readonly string[], depth: number | undefined): void {
  console.log(file);
  if (symbols.length === 0 && depth === undefined) return;
  const known = file.symbols.map(({ symbol }) => symbol);
  for (const symbol of symbols.length ? symbols : known) {
    if (known.includes(symbol)) console.log(String(ladderOf(file, symbol, depth ?? 10)));
    else console.log(`There is no ${symbol} in the file`);
  }
}

async function main(): Promise<void> {
  const wanted = configure(Deno.args);
  if (wanted.help) return console.log(HELP);
  const { files, symbols, depth, json, feed, orders, bbo } = wanted;
  if (bbo === undefined) await Deno.permissions.revoke({ name: "write" });
  const options: { feed?: MarketFeed; orders?: number; bbo?: string } = {
    ...feed && { feed },
    ...orders && { orders },
    ...bbo !== undefined && { bbo },
  };
  const file = await withBar((onProgress) => readBook(files, { ...options, symbols, onProgress }));
  if (!json) return show(file, symbols, depth);
  console.log(JSON.stringify(file));
  if (file.trouble) console.error(file.trouble);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
}
