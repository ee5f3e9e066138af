/** `readBook()`: a market-data file from its path to its books. @module */
import { BestCsv } from "./best_rows.ts";
import { MarketFile, type MarketFileOptions } from "./market_file.ts";

/** How {@linkcode readBook} reads, and what it says meanwhile. */
export interface ReadBookOptions extends Omit<MarketFileOptions, "best"> {
  /**
   * A CSV file for the best bid and offer after each message that changed it; one that is there is overwritten. Columns:
   * `itch_msgs_processed,ask_px,ask_qty,bid_px,bid_qty`, in the feed's scaled integers, and `symbol` when there are
   * several. Rows begin where both sides were there and one of them changed; while a side is empty there are none.
   */
  bbo?: string;
  /** Called every 50 ms or so with the share that has been read, 0 to 1. */
  onProgress?: (share: number) => void;
}

/**
 * Reads a market-data file whole: tells what it is, keeps its books, counts its messages, faults and gaps.
 *
 * @param files Its path, or those of two captures: lines A and B.
 * @param options What of it is wanted, and where best bids and offers go.
 * @returns What is in it; it prints itself. Its files are closed.
 *
 * @example
 * ```ts
 * import { readBook } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(readBook("/tmp/there_is_no_such_file.itch50"), /no such file/);
 * ```
 */
export async function readBook(
  files: string | readonly string[],
  options: ReadBookOptions = {},
): Promise<MarketFile> {
  const { bbo, onProgress, ...rest } = options;
  if (bbo !== undefined && [files].flat().includes(bbo)) {
    throw new TypeError(`Cannot write the best prices to "${bbo}": it is the file that is read`);
  }
  using file = MarketFile.open(files, { ...rest, best: bbo !== undefined });
  using csv = bbo === undefined ? undefined : new BestCsv(bbo);
  for (let more = true; more;) {
    more = file.run();
    csv?.write(file.bestRows());
    onProgress?.(file.progress);
    await new Promise((resolve) => setTimeout(resolve, 0)); // timers, signals and the terminal have their turn
  }
  return file;
}
