/**
 * A market-data file read into books: what is in it, what is wrong with it, and how every book ends.
 *
 * @module
 */
import { FAULTS, READER_FEEDS, READER_STATS, REPORT, STREAM_STATS } from "../layout.ts";
import { check, cString, native, SharedMemory } from "../native.ts";
import { openReader } from "../permission.ts";
import { Books, type SymbolBook } from "../book/books.ts";
import { BEST_ROWS, type BestRow, readBest } from "./best_rows.ts";
import { messageKey } from "./message_types.ts";
import { reportText } from "./book_report.ts";
import { readExamples, type ReportExample } from "./report.ts";
import { type FeedLine, readLines } from "./stream.ts";
import { formatExact } from "../measure/format.ts";
import { type InspectContext, picture } from "../measure/print.ts";

/** What a file's messages are: the name of their protocol or format. */
export type MarketFeed = (typeof READER_FEEDS)[number];

/** How a market-data file is read. */
export interface MarketFileOptions {
  /** What it holds. @default what its first bytes look like */
  feed?: MarketFeed;
  /** Only these symbols' books; messages of others are counted all the same. @default every symbol */
  symbols?: readonly string[];
  /** Orders live at once there is room for. @default 4 million, fewer for a file that cannot hold as many */
  orders?: number;
  /** Collect the best bid and offer after each message that changed it. @default {false} */
  best?: boolean;
  /** Recorded time after which a missing packet of a capture is given up, ms. @default {1000} */
  holeMs?: number;
}

/** One side's best level, as JSON has it. */
export interface BestLevel {
  /** Decimal, exact. */
  price: string;
  /** Quantity in the market's unit. */
  size: number;
  /** Orders in it; 0 where the feed tells of levels only. */
  orders: number;
}

/** How a symbol's book ends. */
export interface SymbolSummary {
  /** Its name; "#7" when the file gives symbol 7 none. */
  symbol: string;
  /** Best bid; null when there is none. */
  bid: BestLevel | null;
  /** Best ask; null when there is none. */
  ask: BestLevel | null;
  /** Bid levels. */
  bid_levels: number;
  /** Ask levels. */
  ask_levels: number;
  /** Live orders; 0 where the feed tells of levels only. */
  orders: number;
  /** Best bid at or above best ask. */
  crossed: boolean;
}

/** A file in one object: what `--json` prints. */
export interface MarketFileSummary {
  /** What it holds. */
  feed: MarketFeed;
  /** Messages by the wire's type character ("level" in CSV and lll files), good or bad. */
  messages: Record<string, number>;
  /** Faults by kind, those that happened. */
  errors: Record<string, number>;
  /** Sequence numbers given up, first and last of each hole. */
  gaps: [first: number, last: number][];
  /** Each symbol's final book. */
  symbols: SymbolSummary[];
}

const MOST_ORDERS = 4_000_000;
const MOST_LEVELS = 2_000_000;
const LEAST = 65_536;
const SYMBOLS = 65_536;

/** No message takes less than two bytes of a file, however well it is packed. */
const room = (size: number, most: number) => Math.min(most, Math.max(LEAST, Math.ceil(size / 2)));

function bestOf(
  { priceScale, qtyScale }: SymbolBook,
  levels: number,
  price: number,
  qty: number,
  orders: number,
): BestLevel | null {
  return levels ? { price: formatExact(price, priceScale), size: qty / qtyScale, orders } : null;
}

/**
 * A market-data file being read, or read. {@linkcode MarketFile.open} tells what it is, {@linkcode run} reads on;
 * `readBook()` does both. Files are recognised by their first bytes: ITCH 5.0 messages behind their lengths, captures
 * (pcap, pcapng) with MoldUDP64, IEX-TP or lll in them, Tardis `incremental_book_L2` CSV, and lll records one behind the
 * other; plain or gzip. Two captures are lines A and B of one feed.
 *
 * An ITCH file is read in pieces and may be as long as it likes; captures and CSVs are in memory whole, captures up to
 * 2 GiB.
 *
 * @example
 * ```ts
 * import { MarketFile } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => MarketFile.open("/tmp/there_is_no_such_file.pcap"), /no such file/);
 * ```
 */
export class MarketFile implements Disposable {
  /** Its paths. */
  readonly files: readonly string[];
  /** What it holds. */
  readonly feed: MarketFeed;
  /** It is a capture: packets, not a file of messages. */
  readonly isCapture: boolean;
  /** Every symbol's book. */
  readonly books: Books;
  readonly #stats = new SharedMemory(READER_STATS.bytes);
  readonly #report = new SharedMemory(REPORT.bytes);
  readonly #stream = new SharedMemory(STREAM_STATS.bytes);
  readonly #rows: SharedMemory | undefined;
  readonly #asked: readonly string[];
  readonly #gaps: [first: number, last: number][] = [];
  #handle: Deno.PointerValue;
  #ended = false;

  private constructor(files: readonly string[], options: MarketFileOptions) {
    this.files = files;
    this.#asked = options.symbols ?? [];
    this.#rows = options.best ? new SharedMemory(BEST_ROWS) : undefined;
    this.#handle = openReader(
      { files, feed: options.feed, symbols: SYMBOLS, holeNs: (options.holeMs ?? 0) * 1e6 },
      { stats: this.#stats, report: this.#report, stream: this.#stream, rows: this.#rows },
    );
    try {
      this.feed = READER_FEEDS[this.#stats.i32[READER_STATS.feed / 4]!]!;
      this.isCapture = this.#stats.u32[READER_STATS.capture / 4] === 1;
      // A CSV or lll file has one symbol, whose name is the file's to tell.
      const named = this.feed !== "tardis" && this.feed !== "lll";
      if (named) {
        for (const name of this.#asked) check(native().hp_reader_want(this.#handle, cString(name)));
      }
      this.books = this.#makeBooks(options.orders, named ? SYMBOLS : 1);
      check(native().hp_reader_start(this.#handle, this.books.lend()));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Opens a file, or two captures as lines A and B, and tells what it is, after asking Deno to read each.
   *
   * @param files Its path, or two.
   * @param options What of it is wanted.
   * @throws {NativeError} that says what was looked for when it is nothing known.
   */
  static open(files: string | readonly string[], options: MarketFileOptions = {}): MarketFile {
    const list = typeof files === "string" ? [files] : files;
    if (list.length < 1 || list.length > 2) {
      throw new TypeError(
        `Cannot read ${list.length} files at once: give one, or two captures (lines A and B)`,
      );
    }
    return new MarketFile(list, options);
  }

  #makeBooks(orders: number | undefined, symbols: number): Books {
    const size = this.#stat(READER_STATS.size);
    return Books.create({
      symbols,
      orders: this.#stats.u32[READER_STATS.levels_only / 4] ? 0 : orders ?? room(size, MOST_ORDERS),
      levels: room(size, MOST_LEVELS),
      priceScale: this.#stat(READER_STATS.price_scale),
      qtyScale: this.#stat(READER_STATS.qty_scale),
    });
  }

  #stat(offset: number): number {
    return this.#stats.f64[offset / 8]!;
  }

  // -- reading -----------------------------------------------------------------------------------------

  /**
   * Reads on for about `ms` milliseconds, or until {@linkcode bestRows} are full.
   *
   * @returns Whether there is more.
   */
  run(ms = 50): boolean {
    if (this.#ended) return false;
    if (this.#handle === null) throw new TypeError("Cannot read on: the file is closed");
    const more = check(native().hp_reader_run(this.#handle, ms)) === 1;
    this.#readGaps();
    if (!more) this.#ended = true;
    return more;
  }

  #readGaps(): void {
    const pairs = new Float64Array(2 * (this.#stat(READER_STATS.gaps) - this.#gaps.length));
    if (pairs.length === 0) return;
    const out = new Uint8Array(pairs.buffer);
    check(native().hp_reader_gaps(this.#handle, this.#gaps.length, pairs.length / 2, out));
    for (let i = 0; i < pairs.length; i += 2) this.#gaps.push([pairs[i]!, pairs[i + 1]!]);
  }

  /** How much of it has been read, 0 to 1. */
  get progress(): number {
    return this.#ended ? 1 : Math.min(1, this.#stat(READER_STATS.at) / this.#stat(READER_STATS.size));
  }

  /** Best bids and offers of the last {@linkcode run}, in order; valid until the next. Nothing unless asked for. */
  bestRows(): Generator<BestRow> {
    const count = this.#stats.u32[READER_STATS.rows / 4]!;
    const names: string[] = []; // by number: looking one up costs more than a row
    return readBest(this.#rows, count, (symbol) => names[symbol] ??= this.#nameOf(symbol));
  }

  // -- what was in it ----------------------------------------------------------------------------------

  /** Messages handed to the books, in order. */
  get applied(): number {
    return this.#stat(READER_STATS.messages);
  }

  /** Messages by the wire's type character ("level" in CSV and lll files), good or bad; zeros left out. */
  get messages(): Record<string, number> {
    const counts = this.#report.f64.subarray(REPORT.messages / 8, REPORT.messages / 8 + 256);
    const entries = [...counts].map((count, type) => [messageKey(this.feed, type), count] as const);
    return Object.fromEntries(entries.filter(([, count]) => count > 0));
  }

  /** Messages of symbols that were not asked for. */
  get skipped(): number {
    return this.#report.f64[REPORT.skipped / 8]!;
  }

  /** Faults by kind; zeros left out. */
  get errors(): Record<string, number> {
    const count = (i: number) => this.#report.f64[REPORT.faults / 8 + i]!;
    return Object.fromEntries(FAULTS.map((kind, i) => [kind, count(i)] as const).filter(([, n]) => n > 0));
  }

  /** The first message of each fault there was. */
  get examples(): ReportExample[] {
    return readExamples(this.#report, 0);
  }

  /** Sequence numbers that were given up: first and last of each hole. */
  get gaps(): [first: number, last: number][] {
    return this.#gaps.map(([first, last]) => [first, last]);
  }

  /** What lines A and B of a capture brought; nothing for other files. */
  get lines(): FeedLine[] {
    return readLines(this.#stream, 0);
  }

  /** Sequence spaces, one after the other, a capture's packets were of; 1 for files of messages. */
  get sessions(): number {
    return Math.max(1, this.#stream.f64[STREAM_STATS.sessions / 8]!);
  }

  /** Messages are missing and nothing has come since that makes the books good again. */
  get stale(): boolean {
    return this.#stats.u32[READER_STATS.stale / 4] === 1;
  }

  /** Why not all of it could be read, where it is torn or damaged; "" when it could. */
  get trouble(): string {
    return this.#stats.text(READER_STATS.trouble, 512);
  }

  /** What of a capture was no market data, or not this feed's; "" when nothing. */
  get note(): string {
    return this.#stats.text(READER_STATS.note, 512);
  }

  #nameOf(symbol: number): string {
    return this.books.symbol(symbol).name || this.#stats.text(READER_STATS.instrument, 40) ||
      (this.feed === "lll" ? "lll" : `#${symbol}`);
  }

  /** Each symbol's book, by name, in alphabetical order; of those asked for. */
  get #byName(): [name: string, book: SymbolBook][] {
    const named = [...this.books].map((book) => [this.#nameOf(book.number), book] as [string, SymbolBook]);
    const wanted = this.#asked.length ? named.filter(([name]) => this.#asked.includes(name)) : named;
    return wanted.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  }

  /** How each symbol's book ends, by name. */
  get symbols(): SymbolSummary[] {
    return this.#byName.map(([symbol, book]) => ({
      symbol,
      bid: bestOf(book, book.bidLevels, book.bid, book.bidQty, book.bidOrders),
      ask: bestOf(book, book.askLevels, book.ask, book.askQty, book.askOrders),
      bid_levels: book.bidLevels,
      ask_levels: book.askLevels,
      orders: book.orders,
      crossed: book.crossed,
    }));
  }

  /**
   * A symbol's final book.
   *
   * @param symbol Its name, as {@linkcode symbols} has it.
   * @throws {RangeError} when there is no such symbol in the file, or it was not asked for.
   */
  book(symbol: string): SymbolBook {
    const found = this.#byName.find(([name]) => name === symbol);
    if (!found) throw new RangeError(`Cannot show ${symbol}: there is no such symbol in the file`);
    return found[1];
  }

  /** All of it as one plain object. */
  toJSON(): MarketFileSummary {
    const { feed, messages, errors, gaps, symbols } = this;
    return { feed, messages, errors, gaps, symbols };
  }

  /** Closes the files and frees what reading them took; what was read stays. */
  close(): void {
    if (this.#handle === null) return;
    check(native().hp_reader_close(this.#handle));
    this.#handle = null;
    this.#ended = true;
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What is in it, as tables. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    return picture(context, `MarketFile ${this.files.join(", ")} (${this.feed})`, () => reportText(this));
  }
}
