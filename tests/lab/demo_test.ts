/** `deno task demo`, as a program: what it prints, with which exit code, as root and as nobody. */
import assert from "node:assert/strict";
import { DERIBIT, noData, noNamespaces, testWhen } from "../fixture.ts";
import { alive, deno, type Ended, ENV, labNamespaces, ROOT, run } from "../process.ts";

const SHORT = ["--rounds", "1", "--datagrams", "1500", "--rate", "20000"];
const NS_KEYS = [
  "wait_ns",
  "recv_ns",
  "decode_ns",
  "book_ns",
  "strategy_ns",
  "order_ns",
  "send_ns",
  "loop_ns",
  "tick_to_order_ns",
  "baseline_tick_to_order_ns",
  "inside_ns",
];
const OUTSIDE_KEY = "wire_to_wire_ns";

type Figures = { p50: number; p99: number; p999: number; max: number };
type Report = { loops: number; orders: number; lost: number; runner: string; error?: string };
type Answer = { paths: Record<string, Report>; machine: Record<string, unknown>; error?: string };

function demo(...args: string[]): Promise<Ended> {
  return deno(["run", "-q", "--no-prompt", "-P=lab", "scripts/demo.ts", ...args]);
}

/** The one JSON object on stdout. */
function answerOf({ stdout, stderr }: Ended): Answer {
  assert.equal(stdout.trim().split("\n").length, 1, `one line on stdout, and not: ${stdout}\n${stderr}`);
  return JSON.parse(stdout) as Answer;
}

/** Seen from outside too, unless there is a reason why not. */
function checkReport(report: Report, runner: string, unseen?: RegExp): void {
  const { wire_to_wire_absent: absent, ...rest } = report as Report & { wire_to_wire_absent?: string };
  const keys = unseen ? NS_KEYS : [...NS_KEYS, OUTSIDE_KEY];
  assert.equal(report.error, undefined);
  assert.deepEqual(Object.keys(rest).sort(), ["loops", "orders", "lost", "runner", ...keys].sort());
  if (unseen) assert.match(absent!, unseen);
  else assert.equal(absent, undefined);
  assert.ok(report.loops > 1500, "snapshot and 1,500 datagrams");
  assert.ok(report.orders > 0);
  assert.equal(typeof report.lost, "number");
  assert.equal(report.runner, runner);
  const figures = report as unknown as Record<string, Figures>;
  for (const key of keys) {
    assert.deepEqual(Object.keys(figures[key]!), ["p50", "p99", "p999", "max"]);
    const { p50, p99, p999, max } = figures[key]!;
    assert.ok(0 <= p50 && p50 <= p99 && p99 <= p999 && p999 <= max, `${key}: ${JSON.stringify(figures)}`);
  }
  if (!unseen) checkNesting(figures);
}

/** The program's own time is part of the wire's, and that of the exchange's, at every percentile. */
function checkNesting(figures: Record<string, Figures>): void {
  for (const at of ["p50", "p99", "p999", "max"] as const) {
    const [inside, outside, exchange] = ["inside_ns", OUTSIDE_KEY, "tick_to_order_ns"].map((key) =>
      figures[key]![at]
    );
    const within = (ns: number) => ns * (1 + 1 / 64) + 1; // a bucket's width
    assert.ok(inside! <= within(outside!), `${at}: claimed ${inside}, seen ${outside}`);
    assert.ok(outside! <= within(exchange!), `${at}: seen ${outside}, at the exchange ${exchange}`);
  }
}

/** Nothing of the demo is left on this machine. */
async function assertTidy(): Promise<void> {
  for (const name of await labNamespaces()) {
    assert.ok(alive(Number(/^hp(\d+)/.exec(name)![1])), `${name} was left behind`);
  }
}

testWhen(noNamespaces(), "demo --json prints one object with every path's figures", async () => {
  const ended = await demo("--json", ...SHORT);
  assert.equal(ended.code, 0, ended.stderr);
  const answer = answerOf(ended);
  assert.deepEqual(Object.keys(answer), ["paths", "machine"]);
  assert.deepEqual(Object.keys(answer.paths), ["udp", "uring", "xdp"]);
  const runner = navigator.hardwareConcurrency < 4 ? "inline" : "isolated";
  for (const report of Object.values(answer.paths)) checkReport(report, runner);
  assert.equal(answer.machine.cores, navigator.hardwareConcurrency);
  assert.equal(answer.machine.kernel, Deno.osRelease());
  assert.notEqual(answer.machine.cpu, "");
  await assertTidy();
});

for (const runner of ["inline", "isolated"]) {
  testWhen(noNamespaces(), `demo --runner ${runner} runs; without --json it prints tables`, async () => {
    const machine = await demo("--json", "--runner", runner, "--paths", "udp", ...SHORT);
    assert.equal(machine.code, 0, machine.stderr);
    checkReport(answerOf(machine).paths.udp!, runner);

    const people = await demo("--runner", runner, "--paths", "uring", ...SHORT);
    assert.equal(people.code, 0, people.stderr);
    for (
      const line of [
        "uring (",
        "Total loop",
        "tick to order",
        "the same, decided in C",
        "lost ",
        "wire to wire",
      ]
    ) {
      assert.ok(people.stdout.includes(line), `${line} in ${people.stdout}`);
    }
    await assertTidy();
  });
}

testWhen(
  noNamespaces(),
  "demo --json stays one object when something is wrong, and exits with 1",
  async () => {
    const broken = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await Deno.writeTextFile(broken, "this,is\nno,market\ndata\n");
      for (
        const [args, sentence] of [
          [["--paths", "udp,carrier-pigeon"], /Cannot use --paths=udp,carrier-pigeon: udp, uring, xdp and/],
          [["--runner", "outside"], /Cannot use --runner=outside: inline and isolated are possible/],
          [["--rate", "fast"], /Cannot use --rate=fast: a number above 0 is needed/],
          [["--no-such-option"], /no-such-option/],
          [["--data", "/no/such/file.csv"], /"\/no\/such\/file.csv"/],
          [["--data", broken], new RegExp(broken)],
        ] as [string[], RegExp][]
      ) {
        const ended = await demo("--json", ...SHORT, ...args);
        const answer = answerOf(ended);
        assert.equal(ended.code, 1, args.join(" "));
        assert.deepEqual(answer.paths, {});
        assert.match(answer.error!, sentence);
        assert.doesNotMatch(ended.stderr, /^\s+at /m, "a sentence, no stack");
      }
    } finally {
      await Deno.remove(broken);
    }
    await assertTidy();
  },
);

testWhen(
  noNamespaces() ?? noData(DERIBIT),
  "demo --data plays a file and tells of lines it could not read",
  async () => {
    const mended = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      const rows = (await Deno.readTextFile(DERIBIT)).trim().split("\n");
      const updates = rows.slice(1).flatMap((row, i) => {
        const columns = row.split(",");
        columns[4] = "false"; // is_snapshot
        columns[3] = String(Number(columns[3]) + 1000 * (i + 1)); // local_timestamp
        return [columns.join(","), columns.with(-1, "1").join(",")];
      });
      await Deno.writeTextFile(mended, [...rows, "not,a,row", ...updates].join("\n") + "\n");
      const ended = await demo("--json", "--data", mended, "--paths", "udp", ...SHORT);
      assert.equal(ended.code, 0, ended.stderr);
      const report = answerOf(ended).paths.udp!;
      assert.equal(report.loops, rows.length - 1 + updates.length);
      assert.equal(report.lost, 0);
      assert.match(ended.stderr, /1 lines did not parse; the first is line \d+: not,a,row/);
    } finally {
      await Deno.remove(mended);
    }
  },
);

/** Why the demo cannot be run as nobody here; undefined when it can. */
async function noNobody(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "only root can become nobody";
  const able = await run("setpriv", [
    ...NOBODY,
    ...["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run"],
  ]).catch(() => ({ code: 1, stderr: "setpriv is missing" }));
  return able.code === 0
    ? undefined
    : `no unprivileged user namespaces: ${able.stderr.trim().split("\n")[0]}`;
}

/** Deno, its npm packages and the project, where nobody may read them: homes and caches are often closed to others. */
async function nobodysHome(): Promise<string> {
  const home = await Deno.makeTempDir();
  const { npmCache } = JSON.parse((await deno(["info", "--json"])).stdout) as { npmCache: string };
  await Deno.mkdir(`${home}/project/native/build`, { recursive: true });
  await run("cp", ["-r", npmCache, `${home}/npm`]);
  await run("cp", [Deno.execPath(), `${home}/deno`]);
  const project = ["lib", "scripts", "mod.ts", "deno.json", "deno.lock"].map((name) => `${ROOT}${name}`);
  await run("cp", ["-r", ...project, `${home}/project`]);
  await run("cp", [`${ROOT}native/build/libhotpath.so`, `${home}/project/native/build`]);
  await run("chown", ["-R", "65534:65534", home]);
  return home;
}

const NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"];

testWhen(
  await noNobody(),
  "demo runs as nobody, in a user namespace of its own, with udp and uring",
  async () => {
    const home = await nobodysHome();
    try {
      const asNobody = (...args: string[]) =>
        run("setpriv", [
          ...NOBODY,
          ...[`${home}/deno`, "run", "-q", "--no-prompt", "--cached-only", "-P=lab", "scripts/demo.ts"],
          ...args,
        ], {
          cwd: `${home}/project`,
          env: { ...ENV, HOME: home, DENO_DIR: home, PATH: `${home}:${ENV.PATH ?? Deno.env.get("PATH")}` },
        });

      const ended = await asNobody("--json", ...SHORT);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stderr, /^Not root: .*xdp needs root.*use `sudo` for it\.$/m);
      const { paths } = answerOf(ended);
      assert.deepEqual(Object.keys(paths), ["udp", "uring"]);
      const runner = navigator.hardwareConcurrency < 4 ? "inline" : "isolated";
      for (const report of Object.values(paths)) {
        checkReport(report, runner, /^Cannot observe ".*": not allowed; it needs CAP_BPF/);
      }

      const refused = await asNobody("--json", "--paths", "xdp", ...SHORT);
      assert.equal(refused.code, 1);
      assert.match(answerOf(refused).paths.xdp!.error!, /xdp needs CAP_BPF.*udp and uring need nothing/);

      const wrong = await asNobody("--json", "--data", "/no/such/file.csv", ...SHORT);
      assert.equal(wrong.code, 1);
      assert.match(answerOf(wrong).error!, /no\/such\/file/);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
);
