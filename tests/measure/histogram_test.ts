/** Histograms against sorted arrays and against hdr-histogram-js, and how figures are written. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { formatCount, formatExact, formatNs, formatScaled, Histogram, SharedMemory } from "hotpath";
import { HISTOGRAM } from "../../lib/layout.ts";
import { native } from "../../lib/native.ts";

const PERCENTS = [0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

function histogramOf(values: readonly number[], offset = 0): Histogram {
  const memory = new SharedMemory(offset + HISTOGRAM.bytes);
  const at = memory.u8.subarray(offset);
  for (const value of values) assert.equal(native().hp_histogram_record(at, value), 0);
  return new Histogram(memory, offset);
}

/** The value that `percent` of the sorted values do not exceed; percent in whole hundredths, so that it is exact. */
function exactPercentile(sorted: readonly number[], percent: number): number {
  const rank = Math.ceil((Math.round(percent * 100) * sorted.length) / 10_000);
  return sorted[Math.max(1, rank) - 1]!;
}

/** Durations of every order of magnitude that has buckets of its own. */
const nanoseconds = fc.tuple(fc.integer({ min: 0, max: 39 }), fc.double({ min: 1, max: 1.999, noNaN: true }))
  .map(([octave, share]) => Math.floor(share * 2 ** octave) - (octave === 0 ? 1 : 0));
const durations = fc.array(nanoseconds, { minLength: 1, maxLength: 1500, size: "max" });

Deno.test("Histogram.percentile() is within 1/64 of the exact percentile", () => {
  fc.assert(
    fc.property(durations, fc.constantFrom(0, 8, 64), (values, offset) => {
      const histogram = histogramOf(values, offset);
      const sorted = values.toSorted((a, b) => a - b);
      for (const percent of PERCENTS) {
        const exact = exactPercentile(sorted, percent);
        const error = Math.abs(histogram.percentile(percent) - exact);
        assert.ok(
          error === 0 || error < exact / 64,
          `p${percent}: ${histogram.percentile(percent)}, not ${exact}`,
        );
      }
      assert.equal(histogram.count, values.length);
      assert.equal(histogram.min, sorted[0]);
      assert.equal(histogram.max, sorted.at(-1));
      assert.ok(
        Math.abs(histogram.mean - values.reduce((a, b) => a + b) / values.length) <= 1e-9 * histogram.max,
      );
    }),
    { numRuns: 150 },
  );
});

Deno.test("Histogram.percentile() takes the value of exactly the right rank", () => {
  const values = Array.from({ length: 1000 }, (_, i) => i < 998 ? 10 : i === 998 ? 50 : 100);
  const histogram = histogramOf(values);
  assert.deepEqual({ ...histogram.percentiles }, { p50: 10, p99: 10, p999: 50, max: 100 });
  assert.equal(histogram.percentile(99.8), 10);
  assert.equal(histogram.percentile(99.91), 100);
});

Deno.test("Histogram is exact below 128 ns", () => {
  for (let ns = 0; ns < 128; ns++) assert.equal(histogramOf([ns, ns, 1e6]).percentile(50), ns);
});

Deno.test("Histogram counts what is too long for its buckets in the last one and in max", () => {
  const histogram = histogramOf([1, 2 ** 41, 2 ** 50]);
  assert.equal(histogram.count, 3);
  assert.equal(histogram.max, 2 ** 50);
  assert.ok(histogram.percentile(100) >= 2 ** 40 * (1 - 1 / 64));
  assert.equal([...histogram.entries()].reduce((sum, [, count]) => sum + count, 0), 3);
});

Deno.test("hp_histogram_record() refuses what is no duration", () => {
  const memory = new SharedMemory(HISTOGRAM.bytes);
  for (const ns of [-1, NaN, Infinity, 2 ** 63]) {
    assert.equal(native().hp_histogram_record(memory.u8, ns), -22);
  }
  assert.equal(new Histogram(memory, 0).count, 0);
});

/** Everything a histogram tells. */
const told = (histogram: Histogram) => ({
  entries: [...histogram.entries()],
  count: histogram.count,
  min: histogram.min,
  max: histogram.max,
  percentiles: PERCENTS.map((percent) => histogram.percentile(percent)),
});

Deno.test("Histogram.merge() is the histogram of all values", () => {
  fc.assert(
    fc.property(fc.array(durations, { maxLength: 4 }), (parts) => {
      const merged = Histogram.merge(parts.map((values) => histogramOf(values)));
      assert.deepEqual(told(merged), told(histogramOf(parts.flat())));
    }),
    { numRuns: 50 },
  );
});

Deno.test("Histogram.snapshot() no longer moves", () => {
  const memory = new SharedMemory(HISTOGRAM.bytes);
  const live = new Histogram(memory, 0);
  native().hp_histogram_record(memory.u8, 7);
  const snapshot = live.snapshot();
  native().hp_histogram_record(memory.u8, 70_000);
  assert.deepEqual([live.count, live.max], [2, 70_000]);
  assert.deepEqual([snapshot.count, snapshot.max, snapshot.percentile(100)], [1, 7, 7]);
});

Deno.test("Histogram without values tells zeros and prints", () => {
  const empty = histogramOf([]);
  assert.deepEqual({ ...empty.percentiles }, { p50: 0, p99: 0, p999: 0, max: 0 });
  assert.deepEqual([empty.count, empty.mean, empty.sparkline(), [...empty.entries()].length], [0, 0, "", 0]);
  assert.equal(Deno.inspect(empty), "Histogram (empty)");
  assert.match(empty.toHgrm(), /Total count\s+=\s+0/);
});

/** The rows of a .hgrm text: value, share of the values, count so far. */
function hgrmRows(text: string): [value: number, share: number, total: number][] {
  const [head, ...lines] = text.split("\n");
  assert.match(head!, /^\s*Value\s+Percentile\s+TotalCount\s+1\/\(1-Percentile\)$/);
  return lines.filter((line) => /^\s*[\d.]+ [\d.]+/.test(line)).map((line) => {
    const [value, share, total] = line.trim().split(/\s+/).map(Number);
    return [value!, share!, total!];
  });
}

Deno.test("Histogram.toHgrm() can be read back and tells the same percentiles", () => {
  fc.assert(
    fc.property(durations, (values) => {
      const histogram = histogramOf(values);
      const text = histogram.toHgrm();
      const rows = hgrmRows(text);
      assert.ok(rows.length > 0);
      rows.forEach(([value, share, total], i) => {
        assert.ok(
          i === 0 || (value >= rows[i - 1]![0] && share >= rows[i - 1]![1] && total >= rows[i - 1]![2]),
        );
      });
      assert.deepEqual(rows.at(-1)!.slice(1), [1, values.length]);
      // The row's value is the one its share of the values do not exceed: three digits there, 1/64 here.
      const sorted = values.toSorted((a, b) => a - b);
      for (const [value, , total] of rows) {
        const exact = sorted[total - 1]!;
        assert.ok(
          Math.abs(value - exact) <= Math.max(1, exact * (1 / 64 + 1 / 1000)),
          `${value}, not ${exact}`,
        );
      }
      assert.match(text, new RegExp(`Total count\\s*=\\s*${values.length}\\b`));
    }),
    { numRuns: 50 },
  );
});

Deno.test("Histogram.toHdr() agrees with hdr-histogram-js about every percentile", () => {
  fc.assert(
    fc.property(durations, (values) => {
      const histogram = histogramOf(values);
      const hdr = histogram.toHdr();
      assert.equal(hdr.totalCount, values.length);
      for (const percent of PERCENTS.slice(1)) {
        const [here, there] = [histogram.percentile(percent), hdr.getValueAtPercentile(percent)];
        // Neighbouring ranks are allowed: the package rounds a rank where this one takes the next above.
        const ranks = [Math.ceil, Math.round, Math.floor].map((round) =>
          values.toSorted((a, b) => a - b)[Math.max(1, round(percent / 100 * values.length)) - 1]!
        );
        const fits = [here, ...ranks].some((value) => Math.abs(value - there) <= Math.max(1, value / 50));
        assert.ok(fits, `p${percent}: ${here} here, ${there} there`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("Histogram prints every value it holds", () => {
  // The middle of 4,995's bucket lies beyond it, on the next step of the scale.
  const edges = fc.constantFrom([4995], [4995, 1, 4996]);
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: durations }, { weight: 1, arbitrary: edges }), (values) => {
      const histogram = histogramOf(values);
      const text = Deno.inspect(histogram, { colors: false });
      const [title, ...bars] = text.split("\n");
      assert.ok(title!.startsWith(`Histogram  ${formatCount(values.length)} values  p50 `), title!);
      const counts = bars.map((line) => Number(/[nµm]?s +([\d,]+) /.exec(line)![1]!.replaceAll(",", "")));
      assert.equal(counts.reduce((a, b) => a + b), values.length, text);
      assert.equal(histogram.sparkline(20).length, 20);
      assert.doesNotMatch(text, /NaN|undefined/);
      assert.match(Deno.inspect({ histogram }, { colors: false }), /Histogram of .* values, p50 /);
    }),
    { numRuns: 100 },
  );
});

Deno.test("formatNs() chooses a fitting unit", () => {
  const wanted: [number, string][] = [
    [0, "0 ns"],
    [87.4, "87 ns"],
    [999, "999 ns"],
    [999.7, "1.00 µs"],
    [3412, "3.41 µs"],
    [999_499, "999 µs"],
    [999_600, "1.00 ms"],
    [12e6, "12.0 ms"],
    [999.9e6, "1.00 s"],
    [1.5e9, "1.50 s"],
    [3600e9, "3600 s"],
    [-1500, "-1.50 µs"],
    [NaN, "-"],
    [Infinity, "-"],
  ];
  for (const [ns, text] of wanted) assert.equal(formatNs(ns), text);
});

Deno.test("formatNs() writes three digits that mean what was given", () => {
  const units: Record<string, number> = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9 };
  fc.assert(
    fc.property(fc.double({ min: -1e14, max: 1e14, noNaN: true }), (ns) => {
      const [, number, unit] = /^(-?\d+(?:\.\d{1,2})?) (ns|µs|ms|s)$/.exec(formatNs(ns)) ?? [];
      assert.ok(number !== undefined, formatNs(ns));
      assert.ok(unit === "s" || Math.abs(Number(number)) < 1000, formatNs(ns));
      assert.ok(
        Math.abs(Number(number) * units[unit!]! - ns) <= Math.max(0.5, Math.abs(ns) * 0.0051),
        formatNs(ns),
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("formatExact() writes a scaled integer digit by digit", () => {
  const cases: [number, number, string][] = [
    [5_856_900, 1e4, "585.69"],
    [7, 1e4, "0.0007"],
    [-7, 1e4, "-0.0007"],
    [100_0000, 1e4, "100"],
    [0, 1e6, "0"],
    [42, 1, "42"],
    [2 ** 53, 1e6, "9007199254.740992"],
  ];
  for (const [value, scale, text] of cases) assert.equal(formatExact(value, scale), text);
});

Deno.test("formatScaled() and formatCount() write decimals and thousands", () => {
  assert.equal(formatScaled(61_659_700_000, 1e6), "61659.7");
  assert.equal(formatScaled(1486, 1000), "1.486");
  assert.equal(formatScaled(1, 1e9), "0.000000001");
  assert.equal(formatCount(1_234_567), "1,234,567");
});

Deno.test("Histogram.since() has what was recorded after a snapshot, and all of it after a reset", () => {
  fc.assert(
    fc.property(durations, durations, (before, after) => {
      const memory = new SharedMemory(HISTOGRAM.bytes);
      const histogram = new Histogram(memory, 0);
      for (const value of before) native().hp_histogram_record(memory.u8, value);
      const earlier = histogram.snapshot();
      assert.equal(histogram.since(earlier).count, 0);
      for (const value of after) native().hp_histogram_record(memory.u8, value);
      const rest = histogram.since(earlier);
      const wanted = histogramOf(after);
      assert.deepEqual([...rest.entries()], [...wanted.entries()]);
      assert.equal(rest.count, after.length);
      assert.ok(Math.abs(rest.mean - wanted.mean) <= 1e-6 * histogram.max);
      assert.ok(rest.min <= wanted.min && wanted.min - rest.min <= wanted.min / 64 + 1);
      assert.ok(rest.max >= wanted.max && rest.max - wanted.max <= wanted.max / 64 + 1);
      memory.u8.fill(0);
      native().hp_histogram_record(memory.u8, 7);
      assert.equal(histogram.since(earlier.snapshot()).count, earlier.count === 0 ? 1 : histogram.count);
    }),
    { numRuns: 50 },
  );
});
