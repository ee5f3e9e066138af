/**
 * Reading the native histograms: percentiles, a one-line picture, and `.hgrm` export through hdr-histogram-js.
 *
 * @module
 */
import { build } from "hdr-histogram-js";
import { HISTOGRAM, HISTOGRAM_BUCKETS } from "../layout.ts";
import { check, native, SharedMemory } from "../native.ts";
import { formatCount, formatNs } from "./format.ts";
import { bar, type InspectContext, picture, pictured } from "./print.ts";

/** The figures a latency is told by, ns. */
export interface Percentiles {
  /** Median. */
  p50: number;
  /** 99th percentile. */
  p99: number;
  /** 99.9th percentile. */
  p999: number;
  /** Largest value, exact. */
  max: number;
}

/** An hdr-histogram-js histogram: what of it is used here. The object is a whole one, for that package's functions. */
export interface HdrHistogram {
  /** Values recorded. */
  readonly totalCount: number;
  /** Value (ns) that `percentile` percent of the records do not exceed. */
  getValueAtPercentile(percentile: number): number;
  /** The `.hgrm` text. */
  outputPercentileDistribution(): string;
  /** Frees it, where it lives in WebAssembly. */
  destroy(): void;
}

/** Lowest value of a bucket (ns); see `struct hp_histogram`. */
function bucketFloor(bucket: number): number {
  if (bucket < 128) return bucket;
  const octave = Math.floor(bucket / 64) + 5;
  return (bucket - (octave - 6) * 64) * 2 ** (octave - 6);
}

/** Value a bucket is told as: its middle, which halves the error of the width. */
function bucketMiddle(bucket: number): number {
  const floor = bucketFloor(bucket);
  return bucket < 128 ? floor : (floor + bucketFloor(bucket + 1)) / 2;
}

const TICKS = " ▁▂▃▄▅▆▇█";

/**
 * A latency histogram: log-linear buckets in memory that native code writes, read here without copying.
 *
 * @example
 * ```ts ignore
 * engine.breakdown.loop.percentile(99); // ns
 * ```
 */
export class Histogram {
  readonly #buckets: Uint32Array;
  readonly #head: Float64Array;

  /**
   * A view of a histogram that lies in memory.
   *
   * @param memory Where it lies.
   * @param offset Byte offset of its `struct hp_histogram`.
   */
  constructor(memory: SharedMemory, offset: number) {
    const { buffer } = memory.u8;
    this.#head = new Float64Array(buffer, offset, 4);
    this.#buckets = new Uint32Array(buffer, offset + HISTOGRAM.buckets, HISTOGRAM_BUCKETS);
  }

  /**
   * A histogram of these values.
   *
   * @param values Durations, ns.
   * @throws {NativeError} for one that is negative or not a number.
   */
  static of(values: Iterable<number>): Histogram {
    const memory = new SharedMemory(HISTOGRAM.bytes);
    for (const value of values) check(native().hp_histogram_record(memory.u8, value));
    return new Histogram(memory, 0);
  }

  /** Several histograms as one (rounds of a benchmark): a copy of its own. */
  static merge(parts: readonly Histogram[]): Histogram {
    const merged = new Histogram(new SharedMemory(HISTOGRAM.bytes), 0);
    for (const part of parts) merged.add(part);
    return merged;
  }

  /** Adds another's values. */
  add(other: Histogram): void {
    if (other.count === 0) return;
    const head = this.#head;
    head[2] = this.count === 0 ? other.min : Math.min(head[2]!, other.min);
    head[3] = Math.max(head[3]!, other.max);
    head[0]! += other.count;
    head[1]! += other.#head[1]!;
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) this.#buckets[i]! += other.#buckets[i]!;
  }

  /** A copy that no longer moves. */
  snapshot(): Histogram {
    return Histogram.merge([this]);
  }

  /**
   * What was recorded since an earlier {@linkcode snapshot} of this histogram: a copy of its own. Its least and largest
   * value are exact where they are new ones of the whole histogram, and within a bucket (1/64) otherwise. When the
   * histogram was emptied in between, everything it holds.
   */
  since(earlier: Histogram): Histogram {
    const rest = new Histogram(new SharedMemory(HISTOGRAM.bytes), 0);
    let [first, last] = [-1, -1];
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
      const count = this.#buckets[i]! - earlier.#buckets[i]!;
      if (count < 0) return this.snapshot();
      if (count === 0) continue;
      rest.#buckets[i] = count;
      rest.#head[0]! += count;
      if (first < 0) first = i;
      last = i;
    }
    if (last < 0) return rest;
    rest.#head[1] = this.#head[1]! - earlier.#head[1]!;
    rest.#head[2] = Math.max(this.min, bucketFloor(first));
    rest.#head[3] = this.max > earlier.max ? this.max : Math.min(this.max, bucketFloor(last + 1) - 1);
    return rest;
  }

  /** Values recorded. */
  get count(): number {
    return this.#head[0]!;
  }
  /** Mean, ns, exact. */
  get mean(): number {
    return this.count === 0 ? 0 : this.#head[1]! / this.count;
  }
  /** Smallest value, ns, exact. */
  get min(): number {
    return this.#head[2]!;
  }
  /** Largest value, ns, exact. */
  get max(): number {
    return this.#head[3]!;
  }

  /** Value (ns) that `percent` of the records do not exceed, within 1/64. */
  percentile(percent: number): number {
    // 99.9 is not exact in binary: but for the last factor, 99.9 % of 1,000 would be 1,000 and not 999.
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.count * (1 - 1e-12)));
    let seen = 0;
    for (let i = 0; i < HISTOGRAM_BUCKETS && this.count > 0; i++) {
      seen += this.#buckets[i]!;
      if (seen >= wanted) return Math.max(this.min, Math.min(bucketMiddle(i), this.max));
    }
    return this.max;
  }

  /** p50, p99, p99.9 and max, ns. */
  get percentiles(): Percentiles {
    return pictured(
      { p50: this.percentile(50), p99: this.percentile(99), p999: this.percentile(99.9), max: this.max },
      percentilesText,
    );
  }

  /** The same values as an hdr-histogram-js histogram. The caller calls its `destroy()` if it uses WebAssembly. */
  toHdr(): HdrHistogram {
    const hdr = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 2 ** 41,
      numberOfSignificantValueDigits: 3,
    });
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
      const count = this.#buckets[i]!;
      if (count > 0) hdr.recordValueWithCount(Math.max(1, Math.round(bucketMiddle(i))), count);
    }
    return hdr;
  }

  /** The percentile distribution in HdrHistogram's `.hgrm` text format, values in ns. */
  toHgrm(): string {
    return this.toHdr().outputPercentileDistribution();
  }

  /** Value and count of each bucket that holds something. */
  *entries(): Generator<[ns: number, count: number]> {
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
      if (this.#buckets[i]! > 0) yield [bucketMiddle(i), this.#buckets[i]!];
    }
  }

  /** The shape in `width` characters, from min to p99.9 on a log scale. */
  sparkline(width = 32): string {
    if (this.count === 0) return "";
    const low = Math.log(Math.max(1, this.min));
    const high = Math.max(low + 1e-9, Math.log(Math.max(1, this.percentile(99.9))));
    const columns = new Array<number>(width).fill(0);
    for (const [ns, count] of this.entries()) {
      const at = Math.floor(((Math.log(Math.max(1, ns)) - low) / (high - low)) * width);
      columns[Math.min(width - 1, Math.max(0, at))]! += count;
    }
    const peak = Math.max(...columns);
    return columns.map((n) => TICKS[n === 0 ? 0 : Math.max(1, Math.round((n / peak) * 8))]).join("");
  }

  /** Figures and a bar for each step of the logarithmic scale. */
  toString(): string {
    if (this.count === 0) return "Histogram (empty)";
    const title = `Histogram  ${formatCount(this.count)} values  ${percentilesText(this.percentiles)}`;
    return [title, ...this.#bars()].join("\n");
  }

  /** One line for each of the steps 1, 2, 5, 10, 20 … ns between the smallest and the largest value. */
  #bars(): string[] {
    const counts = new Map<number, number>();
    for (const [ns, count] of this.entries()) {
      const step = stepBelow(Math.max(this.min, Math.min(ns, this.max))); // a bucket's middle may lie outside
      counts.set(step, (counts.get(step) ?? 0) + count);
    }
    const most = Math.max(...counts.values());
    const lines: string[] = [];
    for (let step = stepBelow(this.min); step <= this.max; step = stepAfter(step)) {
      const count = counts.get(step) ?? 0;
      const share = `${((100 * count) / this.count).toFixed(count === this.count ? 0 : 2)}%`;
      lines.push(
        `  ${formatNs(step).padStart(8)}  ${formatCount(count).padStart(9)}  ${share.padStart(6)}  ${
          count ? bar(count / most, 40) : ""
        }`.trimEnd(),
      );
    }
    return lines;
  }

  /** Figures and bars. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const line = `Histogram of ${formatCount(this.count)} values, p50 ${formatNs(this.percentile(50))} ▕${
      this.sparkline(16)
    }▏`;
    return picture(context, line, () => this.toString());
  }
}

function percentilesText({ p50, p99, p999, max }: Percentiles): string {
  return `p50 ${formatNs(p50)}  p99 ${formatNs(p99)}  p99.9 ${formatNs(p999)}  max ${formatNs(max)}`;
}

/** Largest of 0, 1, 2, 5, 10, 20, 50 … that is not above `ns`. */
function stepBelow(ns: number): number {
  if (ns < 1) return 0;
  const decade = 10 ** Math.floor(Math.log10(ns) + 1e-9);
  return decade * (ns >= 5 * decade ? 5 : ns >= 2 * decade ? 2 : 1);
}

function stepAfter(step: number): number {
  if (step === 0) return 1;
  const decade = 10 ** Math.floor(Math.log10(step) + 1e-9);
  return step === 2 * decade ? 5 * decade : 2 * step;
}
