/** The doctor's script on this machine, in namespaces of its own: what it fixes there is really changed, and back. */
import assert from "node:assert/strict";
import { Lab, Namespaces } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { deno, type Ended, run } from "../process.ts";

/** The doctor's script, without colours. */
function doctor(...args: string[]): Promise<Ended> {
  return deno(["run", "-q", "-A", "scripts/doctor.ts", ...args]);
}

async function ethtool(pair: Namespaces): Promise<boolean> {
  const { strategy: name } = pair;
  const { stdout } = await run("ip", ["netns", "exec", name, "ethtool", "--json", "-k", name]);
  return JSON.parse(stdout)[0]["generic-receive-offload"].active;
}

async function sysctl({ strategy: name }: Namespaces, path: string): Promise<string> {
  return (await run("ip", ["netns", "exec", name, "cat", `/proc/sys/${path}`])).stdout.trim();
}

testWhen(noNamespaces(), "doctor looks at this machine: every topic, line by line, exit code 0", async () => {
  await using pair = await Namespaces.up();
  const { code, stdout, stderr } = await doctor("--netns", pair.strategy);
  assert.equal(code, 0, stderr);
  for (
    const topic of [
      "Cores",
      "Memory",
      "Kernel",
      "Receive paths",
      "Network stack",
      `Interface ${pair.strategy}`,
    ]
  ) {
    assert.match(stdout, new RegExp(`^${topic}`, "m"));
  }
  assert.match(stdout, /^\d+ red, \d+ yellow, \d+ green$/m);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /\x1b/, "no colours but on a terminal");
  assert.match(stdout, /^green {2}XDP and zero-copy {6}veth: native, copy/m);
});

testWhen(noNamespaces(), "doctor --json is one object of the stated shape", async () => {
  await using pair = await Namespaces.up();
  const { code, stdout } = await doctor("--json", "--netns", pair.strategy, "--if", pair.strategy);
  assert.equal(code, 0);
  const { checks, summary, machine, broken } = JSON.parse(stdout);
  assert.deepEqual(broken, []);
  for (const one of checks) {
    assert.deepEqual(Object.keys(one).sort(), [
      "fix",
      "fixable",
      "found",
      "id",
      "level",
      "title",
      "undo",
      "why",
    ]);
  }
  assert.deepEqual(Object.keys(summary), ["green", "yellow", "red"]);
  assert.equal(machine.cores, navigator.hardwareConcurrency);
});

testWhen(
  noNamespaces(),
  "doctor --fix really changes GRO in a namespace, and its undo really restores it",
  async () => {
    await using pair = await Namespaces.up();
    const { strategy: name } = pair;
    const only = ["--netns", name, "--if", name, "--only", "nic.gro"];
    assert.equal(await ethtool(pair), false);
    assert.match((await doctor(...only)).stdout, /^green {2}GRO +off$/m);
    await run("ip", ["netns", "exec", name, "ethtool", "-K", name, "gro", "on"]);
    assert.match((await doctor(...only)).stdout, /^yellow GRO +on$/m);

    const { code, stdout } = await doctor(...only, "--fix");
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^nic.gro@${name}: done$`, "m"));
    assert.match(stdout, /^green {2}GRO +off$/m, "what is printed is what is true afterwards");
    assert.equal(await ethtool(pair), false);

    const undo = /^ {2}undo {2}(.*)$/m.exec(stdout)![1]!;
    assert.equal((await run("sh", ["-c", undo])).code, 0);
    assert.equal(await ethtool(pair), true);
  },
);

testWhen(
  noNamespaces(),
  "doctor --fix really changes sysctls and files of a namespace, and back",
  async () => {
    await using pair = await Namespaces.up();
    const { strategy: name } = pair;
    const rpFilter = `net/ipv4/conf/${name}/rp_filter`;
    const machines = await Deno.readTextFile("/proc/sys/net/ipv4/tcp_autocorking");
    await run("ip", ["netns", "exec", name, "sysctl", "-qw", `${rpFilter}=1`]);
    const rps = `/sys/class/net/${name}/queues/rx-0/rps_cpus`;
    await run("ip", ["netns", "exec", name, "sh", "-c", `echo 1 > ${rps}`]);
    const only = ["network.autocorking", "nic.rp_filter", "nic.rps"].flatMap((id) => ["--only", id]);
    const { code, stdout, stderr } = await doctor("--netns", name, "--json", "--fix", ...only);
    assert.equal(code, 0, stderr);
    const { treatments, summary } = JSON.parse(stdout);
    assert.deepEqual(treatments.map(({ failed }: { failed: string }) => failed), ["", "", ""]);
    assert.deepEqual(summary, { green: 3, yellow: 0, red: 0 });
    const now = async () => [
      await sysctl(pair, "net/ipv4/tcp_autocorking"),
      await sysctl(pair, rpFilter),
      (await run("ip", ["netns", "exec", name, "cat", rps])).stdout.trim(),
    ];
    assert.deepEqual(await now(), ["0", "2", "0"]);
    for (const { undo } of treatments) assert.equal((await run("sh", ["-c", undo])).code, 0, undo);
    assert.deepEqual(await now(), ["1", "1", "1"]);
    assert.equal(
      await Deno.readTextFile("/proc/sys/net/ipv4/tcp_autocorking"),
      machines,
      "the machine's own stays",
    );
  },
);

testWhen(noNamespaces(), "doctor tells whose XDP program is there", async () => {
  await using lab = await Lab.up();
  const look = () => doctor("--netns", lab.namespaces.strategy, "--only", "nic.attached");
  assert.match((await look()).stdout, /^green {2}XDP program +none$/m);
  using _engine = lab.open("xdp", { watchOnly: true });
  const { stdout } = await look();
  assert.match(stdout, /^green {2}XDP program +program \d+ "hotpath_steer", native, held by /m);
  assert.match(stdout, new RegExp(`held by .*\\b${Deno.pid}\\b`));
});

testWhen(noNamespaces(), "doctor ends in one sentence and exit code 1 about what is not there", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [["--if", "none0"], /^Cannot look at interface "none0": no such interface; there are lo/],
    [
      ["--netns", "hp-none"],
      /^Cannot list the interfaces in namespace hp-none: Cannot open network namespace/,
    ],
    [["--only", "hat"], /^Cannot look at "hat": no check's id begins with it; the topics are cpu, memory/],
    [["--iff", "eth0"], /^error: unknown option '--iff'/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await doctor(...args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, sentence);
    assert.equal(stdout, "");
  }
});
