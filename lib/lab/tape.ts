/** Tapes: whole market-data sessions in memory, loaded from a file or made by the seeded market. @module */
import { MARKET_OPTIONS, TAPE_INFO } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { fieldsTable, pictured, sentences } from "../measure/print.ts";
import { check, checkHandle, native, SharedMemory } from "../native.ts";
import { loadTape } from "../permission.ts";

/** What a tape holds. */
export interface TapeInfo {
  /** Records, snapshot included. */
  records: number;
  /** Of them, the snapshot's. */
  snapshotRecords: number;
  /** Datagrams they are packed into. */
  datagrams: number;
  /** Messages: groups of records with one local timestamp. */
  messages: number;
  /** Scaled price = decimal x this. */
  priceScale: number;
  /** Scaled quantity = decimal x this. */
  qtyScale: number;
  /** Lines that did not parse. */
  badLines: number;
  /** Lines whose price or amount does not fit the wire. */
  offScale: number;
  /** The first line refused: its number (0: none) and text. */
  firstBad: { line: number; text: string };
  /** Venue and symbol. */
  symbol: string;
}

/** The seeded market's parameters; `native/lab/generator.c` says where the defaults come from. */
export interface MarketOptions {
  /** Same seed, same tape. @default {1} */
  seed?: number;
  /** Updates after the snapshot. @default {400000} */
  records?: number;
  /** Snapshot levels a side. @default {1000} */
  levels?: number;
}

/**
 * A market-data session in memory.
 *
 * @example
 * ```ts
 * import { Tape } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * using tape = Tape.generate({ seed: 7, records: 1000 });
 * assert.equal(tape.info.priceScale, 1e6);
 * ```
 */
export class Tape implements Disposable {
  /** What it holds. */
  readonly info: TapeInfo;
  /** What it is, in a few words. */
  readonly name: string;
  #handle: Deno.PointerValue;

  private constructor(handle: Deno.PointerObject, name: string) {
    this.#handle = handle;
    this.name = name;
    this.info = pictured(
      this.#readInfo(),
      ({ firstBad, ...fields }) =>
        fieldsTable(
          "tape",
          firstBad.line ? { ...fields, firstBad: `line ${firstBad.line}: ${firstBad.text}` } : fields,
        ),
    );
  }

  /**
   * Loads a Tardis `incremental_book_L2` CSV, plain or .gz, after asking Deno to read it.
   *
   * @param path The file.
   * @param pack Records a datagram at most, 1 to 5.
   */
  static load(path: string, pack = 5): Tape {
    return new Tape(loadTape(path, pack), path.split("/").at(-1) ?? path);
  }

  /**
   * Makes a seeded market: bursty order flow around a moving price.
   *
   * @param options Seed and size.
   * @param pack Records a datagram at most, 1 to 5.
   */
  static generate(options: MarketOptions = {}, pack = 5): Tape {
    const struct = new Uint8Array(MARKET_OPTIONS.bytes);
    const view = new DataView(struct.buffer);
    const seed = options.seed ?? 1;
    view.setFloat64(MARKET_OPTIONS.seed, seed, true);
    view.setFloat64(MARKET_OPTIONS.records, options.records ?? 0, true);
    view.setFloat64(MARKET_OPTIONS.levels, options.levels ?? 0, true);
    return new Tape(checkHandle(native().hp_tape_generate(struct, pack)), `seeded market (seed ${seed})`);
  }

  #readInfo(): TapeInfo {
    const memory = new SharedMemory(TAPE_INFO.bytes);
    check(native().hp_tape_info(this.handle, memory.u8));
    const at = (offset: number) => memory.f64[offset / 8]!;
    return {
      records: at(TAPE_INFO.records),
      snapshotRecords: at(TAPE_INFO.snapshot_records),
      datagrams: at(TAPE_INFO.datagrams),
      messages: at(TAPE_INFO.messages),
      priceScale: at(TAPE_INFO.price_scale),
      qtyScale: at(TAPE_INFO.qty_scale),
      badLines: at(TAPE_INFO.bad_lines),
      offScale: at(TAPE_INFO.off_scale),
      firstBad: { line: at(TAPE_INFO.first_bad_line), text: memory.text(TAPE_INFO.first_bad, 96) },
      symbol: memory.text(TAPE_INFO.symbol, 40),
    };
  }

  /** The native handle; throws when the tape is closed. */
  get handle(): Deno.PointerObject {
    if (this.#handle === null) throw new TypeError("Cannot use the tape: it is closed");
    return this.#handle;
  }

  /** Records from `from` on as triples of doubles: price and quantity (scaled), flags (`FLAG`). */
  read(from = 0, count: number = this.info.records): Float64Array {
    const out = new Float64Array(3 * Math.max(0, Math.min(count, this.info.records - from)));
    if (out.length > 0) {
      check(native().hp_tape_read(this.handle, from, out.length / 3, new Uint8Array(out.buffer)));
    }
    return out;
  }

  /** Sentences about lines that were refused. */
  get troubles(): string[] {
    const { badLines, offScale, firstBad } = this.info;
    const first = `; the first is line ${firstBad.line}: ${firstBad.text}`;
    const lines = [
      badLines && `${badLines} lines did not parse${first}`,
      offScale && `${offScale} lines had a price or amount that does not fit the wire${first}`,
    ].filter((line) => typeof line === "string");
    return sentences(lines, "no troubles: every line was read");
  }

  /** Frees it. No exchange may play it any more. */
  close(): void {
    if (this.#handle === null) return;
    check(native().hp_tape_close(this.#handle));
    this.#handle = null;
  }

  /** {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    const { symbol, records, snapshotRecords, datagrams, qtyScale } = this.info;
    return `Tape ${this.name}: ${symbol}, ${formatCount(records)} records (${
      formatCount(snapshotRecords)
    } snapshot) in ${formatCount(datagrams)} datagrams, quantities x ${qtyScale}`;
  }
}
