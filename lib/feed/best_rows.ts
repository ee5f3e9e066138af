/** Best bids and offers as they leave a file: rows, and rows as CSV. @module */
import { READER_ROW } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import type { SharedMemory } from "../native.ts";

/** The best bid and offer after a message that changed it. Prices and quantities are the feed's scaled integers. */
export interface BestRow {
  /** Sequence number of the message; in a file, the how manieth it is. */
  seq: number;
  /** Best ask. */
  ask: number;
  /** Quantity at it. */
  askQty: number;
  /** Best bid. */
  bid: number;
  /** Quantity at it. */
  bidQty: number;
  /** Whose. */
  symbol: string;
}

/** Bytes of the rows of one go. */
export const BEST_ROWS: number = 32_768 * READER_ROW.bytes;

/** Rows as native code left them. */
export function* readBest(
  memory: SharedMemory | undefined,
  count: number,
  nameOf: (symbol: number) => string,
): Generator<BestRow> {
  if (!memory) return;
  for (let i = 0; i < count; i++) {
    const at = i * READER_ROW.bytes;
    const number = (offset: number) => memory.f64[(at + offset) / 8]!;
    yield {
      seq: number(READER_ROW.seq),
      ask: number(READER_ROW.ask),
      askQty: number(READER_ROW.ask_qty),
      bid: number(READER_ROW.bid),
      bidQty: number(READER_ROW.bid_qty),
      symbol: nameOf(memory.u32[(at + READER_ROW.symbol) / 4]!),
    };
  }
}

const COLUMNS = "itch_msgs_processed,ask_px,ask_qty,bid_px,bid_qty";

/**
 * A CSV file of best bids and offers. A column for the symbol is at the end as soon as there are several: when the second
 * one appears behind rows of the first, these are written again with theirs.
 */
export class BestCsv {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #column = false;
  #only: string | undefined;
  #rows = 0;

  /**
   * Begins the file; one that is there is overwritten.
   *
   * @param path Where.
   */
  constructor(path: string) {
    this.#path = path;
    this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    this.#write(`${COLUMNS}\n`);
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  #addColumn(): void {
    const [head, ...rows] = Deno.readTextFileSync(this.#path).trimEnd().split("\n");
    this.#column = true;
    this.#file.truncateSync();
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#write([`${head},symbol`, ...rows.map((row) => `${row},${this.#only}`)].join("\n") + "\n");
  }

  /** Adds rows. */
  write(rows: Iterable<BestRow>): void {
    let text = "";
    for (const { seq, ask, askQty, bid, bidQty, symbol } of rows) {
      this.#only ??= symbol;
      this.#rows++;
      if (!this.#column && symbol !== this.#only) {
        this.#write(text);
        text = "";
        this.#addColumn();
      }
      text += `${seq},${ask},${askQty},${bid},${bidQty}${this.#column ? `,${symbol}` : ""}\n`;
    }
    this.#write(text);
  }

  /** Its path and how many rows it has. */
  [Symbol.for("Deno.customInspect")](): string {
    return `BestCsv ${this.#path}: ${formatCount(this.#rows)} rows`;
  }

  /** Ends the file. */
  close(): void {
    this.#file.close();
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Where it is. */
  [Symbol.for("Deno.customInspect")](): string {
    return `BestCsv ${this.#path}`;
  }
}
