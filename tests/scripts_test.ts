/** The scripts as people run them: with the permission sets of deno.json and nothing more. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { captureFlows, Namespaces } from "hotpath";
import { noNamespaces, testWhen } from "./fixture.ts";
import { deno, type Ended, ENV, ROOT, run } from "./process.ts";
import { until } from "./wire.ts";

const LARGE_TRADE = "scripts/strategies/large_trade.ts";
const THRESHOLD = "--threshold=3e10"; // exceeded by about one update in a hundred of the seeded market

/** `scripts/exchange.ts` in a namespace of a pair, stopped at the end of its scope. */
class ExchangeScript implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #read: Promise<void>;
  #text = "";

  constructor(pair: Namespaces, ...args: string[]) {
    const { exchange: name } = pair;
    const where = ["--if", name, "--netns", name, "--listen", "10.77.0.1"];
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=exchange", "scripts/exchange.ts", ...where, "--log=", ...args],
      cwd: ROOT,
      stdout: "piped",
      env: ENV,
    }).spawn();
    const { stdout } = this.#process;
    this.#read = (async () => {
      for await (const chunk of stdout) this.#text += new TextDecoder().decode(chunk);
    })();
  }

  /** Waits until it is in INIT for the `times`th time: a client may come. */
  async ready(times = 1): Promise<void> {
    await until(
      `INIT in ${this.#text}`,
      () => this.#text.split("\n").filter((line) => line === "INIT").length >= times,
    );
  }

  /** Waits until a client's session goes on. */
  async transmits(): Promise<void> {
    await until("TRANSMIT", () => this.#text.includes("TRANSMIT"));
  }

  /** Ctrl-C; what it printed and its exit code. */
  async stop(): Promise<{ code: number; text: string }> {
    try {
      this.#process.kill("SIGINT");
    } catch {
      // It has ended by itself.
    }
    await this.#read;
    return { code: (await this.#process.status).code, text: this.#text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Endpoints of the strategy's side, as arguments. */
function endpoints(
  pair: Namespaces,
  changes: { port?: number; orderPort?: number; if?: string; netns?: string } = {},
) {
  const { port = 12345, orderPort = 9012, if: name = pair.strategy, netns = pair.strategy } = changes;
  return [
    `--feed=udp://239.255.0.1:${port}?if=${name}&netns=${netns}&qty=1000&wait=block`,
    `--orders=tcp://10.77.0.1:${orderPort}?netns=${netns}`,
  ];
}

function script(set: string, ...args: string[]): Promise<Ended> {
  return deno(["run", "-q", "--no-prompt", `-P=${set}`, ...args]);
}

/** "36 orders sent, 36 acknowledged, 0 failed, 0 refused" → 36 */
function ordersIn({ stdout }: Ended): number {
  const line = /^(\d+) orders sent, (\d+) acknowledged, 0 failed, 0 refused$/m.exec(stdout);
  assert.ok(line, stdout);
  assert.equal(line[1], line[2]);
  return Number(line[1]);
}

testWhen(
  noNamespaces(),
  "run and exchange play sessions together: isolated, inline, and as a script of its own",
  async () => {
    await using pair = await Namespaces.up();
    await using exchange = new ExchangeScript(pair, "--datagrams", "1500", "--rate", "10000");
    const counts: number[] = [];
    const ways: [string, string[]][] = [
      ["run", ["scripts/run.ts", LARGE_TRADE]],
      ["run", ["scripts/run.ts", LARGE_TRADE, "--runner=inline"]],
      ["strategy", [LARGE_TRADE]],
    ];
    for (const [i, [set, args]] of ways.entries()) {
      await exchange.ready(i + 1);
      const ended = await script(set, ...args, ...endpoints(pair), THRESHOLD);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stdout, /Total loop/);
      counts.push(ordersIn(ended));
    }
    assert.ok(counts[0]! > 10);
    assert.deepEqual(counts, [counts[0], counts[0], counts[0]], "the same decisions, wherever they are made");
    await exchange.ready(4);
    const { code, text } = await exchange.stop();
    assert.equal(code, 0);
    assert.match(
      text,
      new RegExp(`orders\\s+│\\s+${(3 * counts[0]!).toLocaleString("en")}\\b`),
      "every order arrived",
    );
    assert.match(text, /tick to order/);
  },
);

testWhen(noNamespaces(), "exchange --once --log writes every order and ends by itself", async () => {
  await using pair = await Namespaces.up();
  const log = `${ROOT}orders.csv`; // the one file the permission set names
  assert.equal(existsSync(log), false, `${log} is somebody's`);
  try {
    await using exchange = new ExchangeScript(pair, "--datagrams", "1500", "--once", "--log", "orders.csv");
    await exchange.ready();
    const ended = await script("run", "scripts/run.ts", LARGE_TRADE, ...endpoints(pair), THRESHOLD);
    assert.equal(ended.code, 0, ended.stderr);
    const { code } = await exchange.stop();
    assert.equal(code, 0);
    const rows = (await Deno.readTextFile(log)).trim().split("\n");
    assert.equal(rows.length - 1, ordersIn(ended));
    assert.ok(rows.slice(1).every((row) => row.endsWith(",accepted")));
  } finally {
    await Deno.remove(log).catch(() => {});
  }
});

testWhen(
  noNamespaces(),
  "run and a strategy script end in one sentence and exit code 1 when something is wrong",
  async () => {
    await using pair = await Namespaces.up();
    const cases: [set: string, args: string[], sentence: RegExp][] = [
      ["strategy", [LARGE_TRADE], /^Cannot run the strategy: no feed; add --feed=/],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair, { port: 12346 })],
        /run again with --allow-net=239\.255\.0\.1:12346$/,
      ],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair, { orderPort: 9013 })],
        /run again with --allow-net=10\.77\.0\.1:9013$/,
      ],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair, { if: "none0" })],
        /interface "none0": no such interface/,
      ],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair, { netns: "none" })],
        /namespace "\/run\/netns\/none": no such file/,
      ],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair)],
        /Cannot connect to 10\.77\.0\.1:9012: connection refused/,
      ],
      [
        "strategy",
        [LARGE_TRADE, ...endpoints(pair), "--treshold=1"],
        /"treshold".*\(it has: threshold, qty\)/,
      ],
      ["run", ["scripts/run.ts"], /^Cannot run: no script;/],
      ["run", ["scripts/run.ts", LARGE_TRADE], /^Cannot run the strategy: no feed/],
      [
        "run",
        ["scripts/run.ts", LARGE_TRADE, ...endpoints(pair, { port: 12346 })],
        /--allow-net=239\.255\.0\.1:12346$/,
      ],
      [
        "run",
        ["scripts/run.ts", LARGE_TRADE, ...endpoints(pair, { if: "none0" })],
        /interface "none0": no such interface/,
      ],
      [
        "run",
        ["scripts/run.ts", LARGE_TRADE, ...endpoints(pair), "--runner=outside"],
        /isolated and inline are possible/,
      ],
      [
        "run",
        ["scripts/run.ts", LARGE_TRADE, ...endpoints(pair)],
        /Cannot connect to 10\.77\.0\.1:9012: connection refused/,
      ],
      [
        "run",
        ["scripts/run.ts", LARGE_TRADE, "--feed=http://1.2.3.4:5"],
        /its scheme is not udp; write it like udp:\/\//,
      ],
      ["exchange", ["scripts/exchange.ts", "--port", "1"], /run again with --allow-net=239\.255\.0\.1:1$/],
      ["exchange", ["scripts/exchange.ts", "--data", "/no/such"], /"\/no\/such"/],
      ["exchange", ["scripts/exchange.ts", "--loss", "much"], /^Cannot use --loss=much: a number is needed$/],
      ["exchange", ["scripts/exchange.ts", "--log=", "--if", "none0"], /interface "none0"/],
      [
        "exchange",
        ["scripts/exchange.ts", "--log", "/tmp/elsewhere.csv"],
        /run again with --allow-write=\/tmp\/elsewhere\.csv$/,
      ],
    ];
    for (const [set, args, sentence] of cases) {
      const { code, stderr, stdout } = await script(set, ...args);
      const said = `${args.join(" ")}: ${stderr}`;
      assert.equal(code, 1, said);
      assert.match(stderr.trim(), sentence, said);
      assert.equal(stderr.trim().split("\n").length, 1, said);
      assert.doesNotMatch(stdout, /orders sent/, "no report about nothing");
    }
  },
);

testWhen(noNamespaces(), "run ends the script on Ctrl-C, and prints what there is to report", async () => {
  await using pair = await Namespaces.up();
  await using exchange = new ExchangeScript(pair);
  await exchange.ready();
  // A process group of its own: Ctrl-C at a terminal reaches the script's process as well.
  const process = new Deno.Command("setsid", {
    args: [
      ...["--wait", "sh", "-c", 'echo $$; exec "$@" 2>&1', "sh"],
      ...[Deno.execPath(), "run", "-q", "--no-prompt", "-P=run", "scripts/run.ts", LARGE_TRADE],
      ...[...endpoints(pair), THRESHOLD],
    ],
    cwd: ROOT,
    env: ENV,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const read = (async () => {
    for await (const chunk of process.stdout) text += new TextDecoder().decode(chunk);
  })();
  try {
    await until("a process id", () => /^\d+\n/.test(text));
    await exchange.transmits();
  } finally {
    await run("kill", ["-INT", "--", `-${text.split("\n")[0]}`]);
  }
  const { code } = await process.status;
  await read;
  assert.equal(code, 0, text);
  assert.match(text, /Total loop/);
  assert.match(text, /orders sent/);
  assert.doesNotMatch(text, /its process ended/);
});

/** Runs setup.sh with nothing in PATH but `id` and the programs given as shell text. */
async function setup(user: "root" | "nobody", programs: Record<string, string>): Promise<Ended> {
  const path = await Deno.makeTempDir();
  try {
    await Deno.chmod(path, 0o755);
    await Deno.symlink("/usr/bin/id", `${path}/id`);
    for (const [name, text] of Object.entries(programs)) {
      await Deno.writeTextFile(`${path}/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const as = user === "root" ? [] : ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const command = [...as, "env", "-i", `PATH=${path}`, "/bin/sh", `${ROOT}scripts/setup.sh`];
    return await run(command[0]!, command.slice(1));
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("setup.sh does nothing and says nothing where everything is there", async () => {
  const { code, stdout, stderr } = await run("sh", ["scripts/setup.sh"]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
});

testWhen(
  Deno.uid() === 0 ? undefined : "only root can become nobody",
  "setup.sh exits with 2 and says what to do",
  async () => {
    const byHand = await setup("nobody", {});
    assert.equal(byHand.code, 2, byHand.stderr);
    assert.match(
      byHand.stderr,
      /^Cannot set up: missing gcc make clang .*neither apt-get nor dnf is here; install these by hand\.$/m,
    );

    const bySudo = await setup("nobody", { "apt-get": "exit 9" });
    assert.equal(bySudo.code, 2, bySudo.stderr);
    assert.match(bySudo.stderr, /^Cannot set up: missing gcc .*\. Installing needs root; run once:$/m);
    assert.match(bySudo.stderr, /^ {2}sudo sh -c 'apt-get install -y .*libbpf-dev.*'$/m);

    const fedora = await setup("nobody", { dnf: "exit 9" });
    assert.match(fedora.stderr, /^ {2}sudo sh -c 'dnf install -y .*libbpf-devel.*'$/m);

    const refused = await setup("root", { "apt-get": "echo no network >&2; exit 100" });
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /no network\n.*Cannot set up: 'apt-get install .*' failed \(see above\)\.$/ms,
    );

    const pointless = await setup("root", { "apt-get": "exit 0" });
    assert.equal(pointless.code, 2);
    assert.match(pointless.stderr, /Cannot set up: still missing gcc .* after 'apt-get install/);
    for (const { stdout } of [byHand, bySudo, fedora, refused, pointless]) assert.equal(stdout, "");
  },
);

testWhen(noNamespaces(), "generate fills a wire of its own and accounts for every record", async () => {
  const args = ["--rate", "2000", "--count", "400", "--records", "3", "--via", "packet"];
  const json = await script("generate", "scripts/generate.ts", ...args, "--json");
  assert.equal(json.code, 0, json.stderr);
  const { sent, received } = JSON.parse(json.stdout);
  assert.deepEqual([sent.via, sent.datagrams, sent.sent, sent.failed, sent.records], [
    "packet",
    400,
    400,
    0,
    1200,
  ]);
  assert.ok(sent.rate > 0 && sent.send_ns.p50 > 0);
  assert.equal(received.via, "udp");
  assert.equal(received.delivered + received.lost + received.unseen, 1200);
  const { code, stdout } = await script("generate", "scripts/generate.ts", ...args);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^Traffic finished: 400 datagrams to 239\.255\.0\.1:12345 via packet \(qdisc bypassed\)$/m,
  );
  assert.match(stdout, /^Received via udp: 1,200 records sent = 1,200 delivered \+ 0 lost$/m);
});

testWhen(
  noNamespaces(),
  "generate --to sends where it is told, and ends in one sentence when it cannot",
  async () => {
    await using pair = await Namespaces.up();
    const to = `udp://239.255.0.1:12345?if=${pair.exchange}&netns=${pair.exchange}`;
    const ended = await script(
      "generate",
      "scripts/generate.ts",
      "--to",
      to,
      "--rate",
      "flat",
      "--count",
      "99",
    );
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /^Traffic finished: 99 datagrams to 239\.255\.0\.1:12345 via udp/m);
    for (
      const [args, message] of [
        [["--to", "udp://10.1.1.1:99"], /--allow-net=10\.1\.1\.1:99$/m],
        [["--to", to, "--via", "udp"], /Cannot use --via or --rx with --to/],
        [["--to", to, "--rate", "fast"], /Cannot use --rate=fast: a number is needed/],
        [["--to", `${to}&via=tcp`], /udp, uring, zc, packet, xdp, tap, kernel are possible/],
        [["--via", "kernel", "--rx", "udp"], /its other end has an XDP program or GRO/],
        [["--file", "/nowhere/market.pcap", "--to", to], /\/nowhere\/market\.pcap/],
      ] as const
    ) {
      const { code, stderr } = await script("generate", "scripts/generate.ts", ...args);
      assert.equal(code, 1, args.join(" "));
      assert.match(stderr, message);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
  },
);

testWhen(
  noNamespaces(),
  "record.ts writes what it received until the session ends, and says what it did not",
  async () => {
    await using pair = await Namespaces.up();
    await using exchange = new ExchangeScript(pair, "--datagrams", "1500", "--rate", "10000");
    await exchange.ready();
    const out = await Deno.makeTempFile({ prefix: "hotpath-", suffix: ".pcapng" });
    try {
      const { code, stdout, stderr } = await script(
        "record",
        "scripts/record.ts",
        ...endpoints(pair),
        `--out=${out}`,
        "--json",
      );
      assert.equal(stderr, "");
      assert.equal(code, 0);
      const { file, datagrams, written, lost, file_bytes, trouble } = JSON.parse(stdout);
      assert.deepEqual({ file, lost, trouble }, { file: out, lost: 0, trouble: "" });
      assert.ok(datagrams > 0 && written === datagrams);
      assert.equal(file_bytes, (await Deno.stat(out)).size);
      const [flow] = captureFlows(out);
      assert.deepEqual([flow?.datagrams, flow?.feed], [datagrams, "lll"]);
    } finally {
      await Deno.remove(out);
    }
    const { code, stderr } = await script("record", "scripts/record.ts", `--out=${out}`);
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot record: which feed, into which file\?/);
  },
);
