/** The percentile plot: well-formed, every line there, and drawn where its figures say. */
import assert from "node:assert/strict";
import { Histogram, percentilePlot } from "hotpath";

const ramp = Histogram.of(Array.from({ length: 10_000 }, (_, i) => 1000 + i));
const slow = Histogram.of(Array.from({ length: 100 }, (_, i) => 50_000 + 1000 * i));

/** Tags in order; fails when one is left open or closed twice. */
function tags(svg: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  for (const [, close, name, self] of svg.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
    seen.push(name!);
    if (close) assert.equal(open.pop(), name);
    else if (!self) open.push(name!);
  }
  assert.deepEqual(open, []);
  return seen;
}

/** The points of the curves, in their order. */
function curves(svg: string): [number, number][][] {
  return [...svg.matchAll(/<path d="M([\d. L]+)" stroke="#/g)].map(([, points]) =>
    points!.split("L").map((point) => point.split(" ").map(Number) as [number, number])
  );
}

Deno.test("percentilePlot() draws each distribution that holds something", () => {
  const svg = percentilePlot("a < b & c", [
    { name: 'fast "one"', histogram: ramp },
    { name: "slow", histogram: slow, dashed: true },
    { name: "none", histogram: Histogram.of([]) },
  ]);
  assert.equal(tags(svg)[0], "svg");
  assert.ok(svg.includes("a &lt; b &amp; c") && svg.includes("fast &quot;one&quot;"));
  assert.ok(!svg.includes(">none<"));
  const [fast, other] = curves(svg);
  assert.equal(curves(svg).length, 2);
  // To the right the percentile grows and so does the latency, which on paper is upwards.
  for (const line of [fast!, other!]) {
    for (let i = 1; i < line.length; i++) {
      assert.ok(line[i]![0] > line[i - 1]![0] && line[i]![1] <= line[i - 1]![1]);
    }
  }
  const frame = /<path d="M(\d+) \d+\.?\d*H(\d+)"/.exec(svg)!.slice(1).map(Number);
  const rows = [...svg.matchAll(/<path d="M\d+ ([\d.]+)H/g)].map(([, y]) => Number(y));
  for (const [x, y] of [...fast!, ...other!]) {
    assert.ok(x >= frame[0]! && x <= frame[1]! && y >= Math.min(...rows) && y <= Math.max(...rows));
  }
  // A hundred values cannot tell a 99.9th percentile, ten thousand can.
  assert.ok(other!.at(-1)![0] < fast!.at(-1)![0]);
  assert.ok(other![0]![1] < fast![0]![1], "the slower line lies above");
});

Deno.test("percentilePlot() gives the lines of a group one colour, and stands on nothing at all", () => {
  const colours = [
    ...percentilePlot("t", [
      { name: "a", histogram: ramp, group: "g" },
      { name: "b", histogram: slow, group: "g" },
      { name: "c", histogram: slow },
    ]).matchAll(/fill="none".*/g),
  ][0]![0].matchAll(/stroke="(#\w+)"/g);
  const [a, b, c] = [...colours].map(([, colour]) => colour);
  assert.ok(a === b && b !== c);
  assert.equal(tags(percentilePlot("empty", [])).at(-1), "svg");
});
