/** `deno task compare`, briefly: its object, its picture, what it says of rows that cannot run, what it leaves behind. */
import assert from "node:assert/strict";
import { noNamespaces, testWhen } from "../fixture.ts";
import { deno, labNamespaces, run } from "../process.ts";

const FIGURES = ["max", "p50", "p50_hi", "p50_lo", "p99", "p999"];
const ROW = [
  "available",
  "c_sink_ns",
  "cpu",
  "kpps_before_loss",
  "kpps_drop",
  "lost",
  "lost_flat_out",
  "one_way_ns",
  "options",
  "rx",
  "tx",
  "wait",
  "why",
];

const compare = (...args: string[]) => deno(["run", "-q", "-P=compare", "scripts/compare.ts", ...args]);
const BRIEF = ["--rounds", "1", "--seconds", "0.1"];

// deno-lint-ignore no-explicit-any
function checkRow(row: any): void {
  assert.deepEqual(Object.keys(row).sort(), ROW);
  assert.equal(row.available, row.why === null);
  if (!row.available) return assert.ok(row.why.length > 10 && row.one_way_ns === null);
  for (const figures of [row.one_way_ns, row.c_sink_ns].filter((figures) => figures !== null)) {
    assert.deepEqual(Object.keys(figures).sort(), FIGURES);
    assert.ok(figures.p50 > 100 && figures.p50 <= figures.p99 && figures.p999 <= figures.max);
    assert.ok(figures.p50_lo <= figures.p50 && figures.p50 <= figures.p50_hi);
  }
}

testWhen(
  noNamespaces(),
  "compare --json prints a row for every path, measured or with its reason",
  async () => {
    const { code, stdout, stderr } = await compare("--json", "--only", "spin", ...BRIEF);
    assert.equal(code, 0, stderr);
    const { rows, peers, machine, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {});
    assert.deepEqual(peers, []);
    assert.ok(machine.cores > 0 && machine.kernel !== "");
    rows.forEach(checkRow);
    // deno-lint-ignore no-explicit-any
    const plain = rows.filter((row: any) => Object.keys(row.options).length === 0 && row.tx === "udp");
    for (const rx of ["udp", "uring", "packet", "xdp", "tap"]) {
      // deno-lint-ignore no-explicit-any
      const row = plain.find((row: any) => row.rx === rx);
      assert.ok(row.available, `${rx}: ${row.why}`);
      assert.ok(row.one_way_ns && row.c_sink_ns && row.kpps_before_loss > 0, rx);
    }
    // deno-lint-ignore no-explicit-any
    const find = (rx: string, tx: string) => rows.find((row: any) => row.rx === rx && row.tx === tx);
    assert.ok(find("xdp", "kernel").kpps_drop > 0);
    assert.ok(find("pcap", "file").kpps_before_loss > 0);
    // deno-lint-ignore no-explicit-any
    const zeroCopy = rows.find((row: any) => row.options.mode === "zero-copy");
    assert.match(zeroCopy.why, /zero-copy/);
    const left = await labNamespaces();
    assert.deepEqual(left.filter((name) => name.startsWith("hp-compare")), []);
  },
);

testWhen(
  noNamespaces(),
  "compare --peer runs sockperf beside our ping-pong, and draws the picture",
  async () => {
    const svg = await Deno.makeTempFile({ prefix: "hotpath-", suffix: ".svg" });
    try {
      const { code, stdout, stderr } = await compare("--peer", "--svg", svg, "--only", "block", ...BRIEF);
      assert.equal(code, 0, stderr);
      for (
        const name of ["sockperf --nonblocked", "hotpath ping-pong udp → udp", "udp → udp block", "not here:"]
      ) {
        assert.ok(stdout.includes(name), `${name} in\n${stdout}`);
      }
      assert.doesNotMatch(stdout, /sockperf .*: .*not installed/);
      const picture = await Deno.readTextFile(svg);
      assert.match(picture, /^<svg .*<\/svg>\n$/s);
      assert.ok(picture.includes("udp → udp block"));
      const { stdout: processes } = await run("ps", ["-eo", "comm"]);
      assert.ok(!processes.includes("sockperf"), "no server is left running");
    } finally {
      await Deno.remove(svg);
    }
  },
);

Deno.test("compare refuses what it cannot do in one sentence", async () => {
  for (
    const [args, message] of [
      [["--only", "carrier-pigeon"], /^Cannot compare --only=carrier-pigeon: no row has that word/],
      [["--rounds", "0"], /^Cannot use --rounds=0: a number above 0 is needed/],
      [["--seconds", "soon"], /^Cannot use --seconds=soon: a number above 0 is needed/],
    ] as const
  ) {
    const { code, stderr } = await compare(...args);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
});
