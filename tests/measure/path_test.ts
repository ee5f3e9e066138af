/** The kernel's receive path: the table over fixed records, and real traces of a lab's feed. */
import assert from "node:assert/strict";
import {
  Lab,
  parseFeed,
  path,
  PATH_STAGES,
  type PathFindings,
  type PathPacket,
  type PathStage,
  PathTrace,
  type RxPath,
} from "hotpath";
import { LIBRARY } from "../../lib/native.ts";
import { noNamespaces, testWhen } from "../fixture.ts";

const NAMES: readonly PathStage[] = PATH_STAGES.map(([name]) => name);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const COUNTERS = { seen: 0, ended: 0, beyond: 0, elsewhere: 0, untracked: 0, no_room: 0 };

function packet(at: PathPacket["at"], rest: Partial<PathPacket> = {}): PathPacket {
  return { at, end: "done", bytes: 40, cpu: 0, ...rest };
}

function traceOf(packets: PathPacket[], rest: Partial<PathFindings> = {}): PathTrace {
  return new PathTrace({ what: "10.0.0.1:9 via udp", packets, counters: COUNTERS, absent: {}, ...rest });
}

Deno.test("PathTrace measures each stage from the one before it that the same packet met", () => {
  const trace = traceOf([
    packet({ receive: 1000, ip: 1100, udp: 1300, taken: 2300 }),
    packet({ receive: 5000, ip: 5300, udp: 5400, woken: 5450, taken: 6400 }),
  ]);
  assert.deepEqual(trace.rows.map(({ stage, count, p50, p99, max }) => [stage, count, p50, p99, max]), [
    ["receive", 2, 0, 0, 0],
    ["ip", 2, 100, 300, 300],
    ["udp", 2, 100, 200, 200],
    ["woken", 1, 50, 50, 50],
    ["taken", 2, 950, 1000, 1000],
  ]);
  assert.deepEqual(trace.total, { count: 2, p50: 1300, p99: 1400, max: 1400 });
  const shares = trace.rows.map(({ share }) => share);
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-12);
  assert.equal(trace.stage("ip")!.share, 400 / 2700);
  assert.equal(trace.stage("queue"), undefined);
});

Deno.test("PathTrace prints the table, the drops by reason, and what is absent with why", () => {
  const trace = traceOf([
    packet({ receive: 0, ip: 250, taken: 1250 }),
    packet({ receive: 0, ip: 250 }, { end: "dropped", reason: "SOCKET_RCVBUFF" }),
    packet({ receive: 0, ip: 250 }, { end: "dropped", reason: "SOCKET_RCVBUFF" }),
    packet({ receive: 0 }, { end: "open" }),
  ], { absent: { local: "this kernel has none", udp: "this kernel has none" } });
  const lines = Deno.inspect(trace, { colors: false }).split("\n");
  assert.deepEqual(lines.slice(0, 9), [
    "Path of 4 packets to 10.0.0.1:9 via udp, 1 still on their way",
    "┌─────────┬───────────────────────────┬───────┬─────────┬─────────┬─────────┬───────┐",
    "│ stage   │ what has happened         │ count │     p50 │     p99 │     max │ share │",
    "├─────────┼───────────────────────────┼───────┼─────────┼─────────┼─────────┼───────┤",
    "│ receive │ in the stack, at the taps │     4 │       - │       - │       - │     - │",
    "│ ip      │ IP: header checked        │     3 │  250 ns │  250 ns │  250 ns │ 42.9% │",
    "│ taken   │ read has copied it        │     1 │ 1.00 µs │ 1.00 µs │ 1.00 µs │ 57.1% │",
    "│ total   │ first stage to last       │     1 │ 1.25 µs │ 1.25 µs │ 1.25 µs │       │",
    "└─────────┴───────────────────────────┴───────┴─────────┴─────────┴─────────┴───────┘",
  ]);
  assert.ok(lines.includes("drops: SOCKET_RCVBUFF 2"));
  assert.ok(lines.includes("absent: local, udp (this kernel has none)"));
  assert.ok(lines.includes("absent: woken, run (no reader slept)"));
  assert.equal(Deno.inspect([trace]), "[ PathTrace of 4 packets, p50 1.25 µs ]");
  assert.deepEqual(JSON.parse(JSON.stringify(trace)).drops, { SOCKET_RCVBUFF: 2 });
});

Deno.test("PathTrace of nothing says so and claims nothing absent", () => {
  const trace = traceOf([]);
  assert.equal(trace.toString(), "Path of 0 packets to 10.0.0.1:9 via udp\ndrops: none");
  assert.deepEqual(trace.toJSON().total, { count: 0, p50: 0, p99: 0, max: 0 });
});

Deno.test("trace() refuses paths that are not the kernel's, and counts out of range", async () => {
  const feed = (via: string) => parseFeed(`udp://127.0.0.1:9?via=${via}&if=lo`);
  await assert.rejects(
    path.trace(feed("tap")),
    /^TypeError: Cannot trace via=tap: .*; udp, uring, packet, xdp do$/,
  );
  for (const packets of [0, 1.5, 100_001, NaN]) {
    await assert.rejects(path.trace(feed("udp"), { packets }), /^RangeError: Cannot trace .*: 1 to 100,000/);
  }
});

Deno.test("trace() attaches nothing without net for the group and port", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", `--config=${CONFIG}`, `--allow-ffi=${LIBRARY}`, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`
    import { parseFeed, path } from "hotpath";
    const error = await path.trace(parseFeed("udp://239.255.7.1:4321?if=lo")).catch((error) => error);
    console.log(error instanceof Deno.errors.NotCapable, error.message);
  `));
  await writer.close();
  const { stdout } = await child.output();
  assert.equal(
    new TextDecoder().decode(stdout),
    "true Cannot open path trace of 239.255.7.1:4321: Deno has not been told to allow it; " +
      "run again with --allow-net=239.255.7.1:4321\n",
  );
});

testWhen(noNamespaces(), "trace() ends with what it has when nothing comes", async () => {
  const found = await path.trace(parseFeed("udp://239.255.7.1:4321?if=lo"), { packets: 5, timeoutMs: 50 });
  assert.equal(found.packets.length, 0);
  assert.equal(found.counters.seen, 0);
});

const PACKETS = 200;
const LAST: [via: RxPath, stages: PathStage[]][] = [
  ["udp", ["sent", "backlog", "raised", "poll", "receive", "ip", "local", "udp", "taken", "return"]],
  ["uring", ["sent", "backlog", "raised", "poll", "receive", "ip", "local", "udp", "taken"]],
  ["packet", ["sent", "backlog", "raised", "poll", "receive"]],
  ["xdp", ["raised", "poll", "redirect"]],
];

for (const [via, stages] of LAST) {
  testWhen(
    noNamespaces(),
    `trace() follows a running engine's feed via ${via}, packet by packet`,
    async () => {
      await using lab = await Lab.up({ pace: { rate: 1000 } });
      const engine = lab.open(via).start();
      const found = await path.trace(engine, { packets: PACKETS });
      assert.equal(found.packets.length, PACKETS);
      assert.deepEqual(found.drops, {});
      assert.equal(found.counters.elsewhere + found.counters.no_room, 0);
      for (const name of stages) {
        // Unsaid is only what the kernel at hand cannot show, with its reason.
        if (found.absent[name]) continue;
        // The softirq that was running when the trace began has no beginning.
        assert.ok(found.stage(name)!.count >= PACKETS - 10, `${name}: ${found}`);
      }
      for (const [i, { at, end, bytes }] of found.packets.entries()) {
        assert.equal(end, "done");
        assert.ok(via === "xdp" ? bytes === 0 : bytes > 0 && bytes % 40 === 0);
        const stamps = NAMES.map((name) => at[name]).filter((ns) => ns !== undefined);
        // One that was on its way when the trace began shows what came after that.
        assert.ok(i === 0 || stamps.length >= stages.length - 2, JSON.stringify(at));
        stamps.forEach((ns, i) => assert.ok(i === 0 || ns >= stamps[i - 1]!, JSON.stringify(at)));
      }
      const byFeed = await path.trace(engine.feed, { packets: 1 });
      const byEndpoint = await path.trace(engine.feed.endpoint, { packets: 1 });
      assert.equal(byFeed.what, byEndpoint.what);
      assert.equal(byFeed.packets.length + byEndpoint.packets.length, 2);
    },
  );
}
