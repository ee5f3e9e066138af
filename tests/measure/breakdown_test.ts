/** The breakdown of the loop: eight histograms in an engine's control page, and how they are told. */
import assert from "node:assert/strict";
import { Breakdown, SharedMemory, type Stage, STAGES } from "hotpath";
import { CONTROL, HISTOGRAM } from "../../lib/layout.ts";
import { native } from "../../lib/native.ts";

const NAMES: readonly Stage[] = STAGES.map(([name]) => name);

/** A control page whose stage number i holds each of `values[i]`. */
function controlPage(values: readonly number[][]): SharedMemory {
  const memory = new SharedMemory(CONTROL.bytes);
  values.forEach((stage, i) => {
    const at = memory.u8.subarray(CONTROL.stages + i * HISTOGRAM.bytes);
    for (const ns of stage) native().hp_histogram_record(at, ns);
  });
  return memory;
}

/** Stage number i took i + 1 ns, `times` times. */
const page = (times: number) => controlPage(NAMES.map((_, i) => new Array<number>(times).fill(i + 1)));

Deno.test("Breakdown finds every stage at its place in the control page", () => {
  const breakdown = new Breakdown(page(3));
  NAMES.forEach((name, i) => {
    assert.equal(breakdown.stage(name).count, 3, name);
    assert.equal(breakdown[name].max, i + 1, name);
    assert.equal(breakdown[name].min, i + 1, name);
  });
});

Deno.test("Breakdown.toJSON() has the four figures of every stage under its name with _ns", () => {
  const told = JSON.parse(JSON.stringify(new Breakdown(page(1))));
  const keys = [
    "wait_ns",
    "recv_ns",
    "decode_ns",
    "book_ns",
    "strategy_ns",
    "order_ns",
    "send_ns",
    "loop_ns",
  ];
  assert.deepEqual(Object.keys(told), keys);
  keys.forEach((key, i) =>
    assert.deepEqual(told[key], { p50: i + 1, p99: i + 1, p999: i + 1, max: i + 1 }, key)
  );
});

Deno.test("Breakdown.toJSON() is JSON without values too", () => {
  const told = JSON.parse(JSON.stringify(new Breakdown(page(0))));
  for (const figures of Object.values(told)) assert.deepEqual(figures, { p50: 0, p99: 0, p999: 0, max: 0 });
});

Deno.test("Breakdown.merge() adds rounds stage by stage into a copy of its own", () => {
  const parts = [new Breakdown(page(2)), new Breakdown(controlPage([[100], [], [50, 60]]))];
  const merged = Breakdown.merge(parts);
  assert.deepEqual(NAMES.map((name) => merged[name].count), [3, 2, 4, 2, 2, 2, 2, 2]);
  assert.deepEqual([merged.wait.max, merged.recv.max, merged.decode.max, merged.decode.min], [100, 2, 60, 3]);
  assert.deepEqual(parts.map(({ wait }) => wait.count), [2, 1], "the rounds are as they were");
  assert.equal(Breakdown.merge([]).loop.count, 0);
});

Deno.test("Breakdown.snapshot() no longer moves", () => {
  const memory = page(1);
  const live = new Breakdown(memory);
  const snapshot = live.snapshot();
  native().hp_histogram_record(memory.u8.subarray(CONTROL.stages), 500);
  assert.deepEqual([live.wait.count, snapshot.wait.count], [2, 1]);
});

Deno.test("Breakdown prints a row for every stage, dashes where nothing was", () => {
  const lines = Deno.inspect(new Breakdown(controlPage([[1500], [], [250]])), { colors: false }).split("\n");
  for (const [name, label] of STAGES) {
    const row = lines.filter((line) => line.includes(label));
    assert.equal(row.length, 1, label);
    const cells = row[0]!.split("│").map((cell) => cell.trim()).filter((cell) => cell !== "");
    const figures = { wait: "1.50 µs", decode: "250 ns" }[name as string];
    const wanted = figures === undefined
      ? ["0", "-", "-", "-", "-", "-"]
      : ["1", ...new Array(5).fill(figures)];
    assert.deepEqual(cells, [label, ...wanted]);
  }
  assert.match(lines.find((line) => line.includes("p99.9"))!, /stage.*count.*mean.*p50.*p99.*p99\.9.*max/);
});
