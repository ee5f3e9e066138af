/** The publisher in the lab: what a client of its own, in the strategy's namespace, gets of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Lab, Publisher, type PublisherOptions, Tape } from "hotpath";
import { noData, noNamespaces, SHARED, testWhen } from "../fixture.ts";
import { ENV, Program, ROOT, run } from "../process.ts";
import { freePort, Udp, until } from "../wire.ts";
import type { Collected } from "./mold_client.ts";

const AAPL = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;

/** The client, until it has what it came for. */
class Client implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #done: Promise<void>;
  #text = "";

  constructor(namespace: string) {
    const line = ["233.54.12.111:26400", "233.49.196.111:26400"];
    this.#process = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, Deno.execPath(), "run", "-q", "--no-lock", "-A"].concat(
        [`${ROOT}tests/lab/mold_client.ts`, "10.77.0.2", ...line, "10.77.0.1:18000", "10.77.0.1:18001"],
      ),
      stdout: "piped",
      env: ENV,
    }).spawn();
    this.#done = this.#take();
  }

  async #take(): Promise<void> {
    for await (const chunk of this.#process.stdout) this.#text += new TextDecoder().decode(chunk);
  }

  /** Both lines are joined and the snapshot is taken. */
  async ready(): Promise<void> {
    await until("the client", () => (this.#text.match(/^joined|^ready$/gm) ?? []).length === 3, 30_000);
  }

  async collected(): Promise<Collected> {
    await this.#done;
    const line = /^collected (.*)$/m.exec(this.#text);
    assert.ok(line, `the client said: ${this.#text}`);
    return JSON.parse(line[1]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#done;
    await this.#process.status;
  }
}

/** SHA-256 over the session, lengths included. */
function digestOf(publisher: Publisher): string {
  const hash = createHash("sha256");
  for (let i = 1; i <= publisher.counters.messages; i++) {
    const message = publisher.message(i);
    hash.update(new Uint8Array([message.length >> 8, message.length & 255]));
    hash.update(message);
  }
  return hash.digest("hex");
}

/** What a line brought, as its own counters tell it. */
function seen(datagrams: [number, number][]) {
  const times = new Map<number, number>();
  let highest = 0, reordered = 0, duplicated = 0;
  for (const [seq] of datagrams) {
    const before = times.get(seq) ?? 0;
    times.set(seq, before + 1);
    if (before > 0) duplicated++;
    else if (seq < highest) reordered++;
    highest = Math.max(highest, seq);
  }
  return { datagrams: datagrams.length, duplicated, reordered };
}

/** At a pace that a client in TypeScript keeps up with on a busy machine; if it does not, the kernel says so. */
async function collectsAll(source: PublisherOptions["source"], pack: number): Promise<void> {
  await using lab = await Lab.up();
  using publisher = lab.publish({
    ...source === undefined ? {} : { source },
    pace: { rate: 400 },
    pack,
    hold: true,
    heartbeatMs: 50,
    faults: {
      a: { loss: 0.05, duplicate: 0.02, reorder: 0.05, distance: 3 },
      b: { loss: 0.05, duplicate: 0.01, reorder: 0.02, skewUs: 500 },
    },
    answers: { delayUs: 300, loss: 0.02 },
  });
  publisher.go(100);
  await publisher.reached(100);
  await until("quiet lines", () => publisher.lines.every(({ counters }) => counters.heartbeats > 0));
  await using client = new Client(lab.namespaces.strategy);
  await client.ready();
  const before = publisher.lines;
  publisher.go();
  const { lines, dropped, missing, requests, digest, snapshot } = await client.collected();
  assert.equal(snapshot.next, 101);
  assert.ok(snapshot.orders > 0);
  assert.ok(missing >= 100, "the first hundred left before it had joined");
  assert.equal(digest, digestOf(publisher), "with the answers everything is there");
  assert.equal(publisher.requests.requests, requests);
  await until(
    "the last answer's count",
    () => publisher.requests.served + publisher.requests.lost === requests,
  );
  publisher.lines.forEach(({ counters, tx }, i) => {
    assert.equal(tx.failed, 0);
    assert.equal(counters.datagrams, publisher.counters.datagrams - counters.lost + counters.duplicated);
    assert.ok(counters.lost > 0 && counters.duplicated > 0 && counters.reordered > 0);
    const found = seen(lines[i]!);
    const since = (name: keyof typeof found) => counters[name] - before[i]!.counters[name];
    if (dropped[i]! > 0) {
      console.log(`line ${"AB"[i]}: the client was too slow for ${dropped[i]} packets (the machine is busy)`);
      // Heartbeats and ends may be among those.
      assert.ok(found.datagrams <= since("datagrams") && found.datagrams >= since("datagrams") - dropped[i]!);
      return;
    }
    assert.deepEqual(found, {
      datagrams: since("datagrams"),
      duplicated: since("duplicated"),
      reordered: since("reordered"),
    });
  });
}

testWhen(noNamespaces(), "Lab.publish(): a client has every message of two faulty lines", async () => {
  await collectsAll({ seed: 3, records: 5000, levels: 100, symbols: 2 }, 10);
});

testWhen(noNamespaces() ?? noData(AAPL), "Lab.publish(): a real hour on two faulty lines", async () => {
  await collectsAll(AAPL, 40);
});

testWhen(noNamespaces(), "Lab.publish() on packet sockets, and what the lab says of it", async () => {
  await using lab = await Lab.up();
  {
    using publisher = lab.publish({ endpoint: { via: "packet" }, pace: "flat", source: { records: 500 } });
    await publisher.ended();
    assert.match(Deno.inspect(publisher), /^Publisher ENDING: ([\d,]+) of \1 messages, session HOTPATH001\n/);
    assert.match(
      Deno.inspect(publisher),
      /\n {2}line B {5}233\.49\.196\.111:26400 via packet: [\d,]+ datagrams\n/,
    );
    assert.match(Deno.inspect([publisher]), /^\[ Publisher ENDING: /);
    assert.match(Deno.inspect(lab), /\n {2}ITCH {5}ENDING: seeded market \(seed 1\)$/);
    assert.equal(publisher.lines[1]!.tx.failed, 0);
    assert.equal(publisher.lines[0]!.counters.messages, publisher.counters.messages);
  }
  assert.doesNotMatch(Deno.inspect(lab), /ITCH/);
  lab.publish({ hold: true });
});

/** On loopback, line A alone. */
function open(port: number, options: PublisherOptions = {}): Publisher {
  return Publisher.open({
    lines: [`udp://127.0.0.1:${port}`],
    source: { records: 200, levels: 20 },
    pace: { rate: 5000 },
    heartbeatMs: 20,
    ...options,
  });
}

Deno.test("Publisher publishes a tape, and a CSV alike, and keeps neither", async () => {
  const path = await Deno.makeTempFile({ suffix: ".csv" });
  const tape = Tape.generate({ records: 100, levels: 10 });
  try {
    await Deno.writeTextFile(
      path,
      "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n" +
        "x,TEST,1,1,true,bid,10.5,3\nx,TEST,1,1,true,ask,11,4\nx,TEST,2,2,false,bid,10.5,1\n",
    );
    using udp = await Udp.open();
    using made = open(udp.port, { source: tape });
    tape.close();
    assert.ok(made.counters.messages > 20);
    await made.ended();
    using read = open(udp.port, { source: path, session: "CSV" });
    await read.ended();
    assert.equal(read.counters.symbols, 1);
    const text = (number: number) => new TextDecoder("latin1").decode(read.message(number));
    assert.equal(text(3).slice(11, 19), "TEST    ");
    assert.equal(text(6)[0] === "A" || text(6)[0] === "F", true);
    await until("the end on the wire", () => udp.received.some((packet) => packet[18] === 255));
    assert.throws(() => read.message(1e6), /there are 1 to \d+/);
  } finally {
    tape.close();
    await Deno.remove(path);
  }
});

Deno.test("Publisher holds, goes on, and answers as it is told", async () => {
  using udp = await Udp.open();
  const requests = freePort();
  using publisher = open(udp.port, { hold: true, requests: `udp://127.0.0.1:${requests}` });
  await until("heartbeats", () => udp.received.length > 1);
  assert.equal(publisher.state, "HELD");
  assert.ok(udp.received.every((packet) => packet.length === 20));
  await publisher.go(7).reached(7);
  assert.equal(publisher.hold().published, 7);
  const request = new Uint8Array(20);
  request.set(new TextEncoder().encode("HOTPATH001"));
  request.set([2], 17);
  request.set([3], 19);
  publisher.answer({ refuse: true });
  await udp.send(requests, request);
  await until("a refusal", () => publisher.requests.refused === 1);
  publisher.answer();
  await udp.send(requests, request);
  await until("an answer", () => publisher.requests.messages === 3);
  assert.equal(publisher.requests.served, 1);
  publisher.close();
  assert.throws(() => publisher.go(), /it is closed/);
  assert.equal(publisher.published, 7);
});

Deno.test("Publisher says what it cannot be opened with", async () => {
  using udp = await Udp.open();
  assert.throws(() => open(udp.port, { lines: [] }), /give line A, or A and B/);
  assert.throws(() => open(udp.port, { requests: "tcp://127.0.0.1:1" }), /its scheme is not udp/);
  assert.throws(() => open(udp.port, { session: "TOOLONGNAME" }), /1 to 10 characters/);
  assert.throws(() => open(udp.port, { source: "/nowhere/x.itch50" }), /No such file/);
  assert.throws(() => open(udp.port, { faults: { a: { loss: 2 } } }), /shares are 0 to 1/);
  assert.throws(() => open(udp.port, { lines: ["udp://127.0.0.1:1?via=kernel&if=lo"] }), /another via=/);
});

Deno.test("Publisher leaves nothing when its process is killed", async () => {
  const [line, requests, snapshots] = [freePort(), freePort(), freePort()];
  const options = {
    lines: [`udp://127.0.0.1:${line}`],
    requests: `udp://127.0.0.1:${requests}`,
    snapshots: `tcp://127.0.0.1:${snapshots}`,
    source: { records: 1000 },
  };
  {
    await using program = new Program(
      `import { Publisher } from "hotpath"; Publisher.open(${
        JSON.stringify(options)
      }); console.log("open");` +
        `setInterval(() => {}, 1000);`,
    );
    await program.line("open");
    assert.throws(() => Publisher.open(options), /Address already in use/);
  }
  Publisher.open(options).close();
});

Deno.test("deno task exchange --itch publishes a made market to its end", async () => {
  using udp = await Udp.open();
  const { code, stdout, stderr } = await run(Deno.execPath(), [
    ...["run", "-q", "-A", "scripts/exchange.ts", "--itch", "generated", "--flat", "--once", "--pack", "30"],
    ...["--line-a", `udp://127.0.0.1:${udp.port}`, "--faults-a", "loss=0.1", "--listen", "127.0.0.1"],
    ...["--request-port", "0", "--snapshot-port", String(freePort())],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /ENDING\nENDED\nPublisher closed: ([\d,]+) of \1 messages/);
  assert.match(stdout, /line A .* datagrams, [\d,]+ lost/);
  for (const [option, word] of [["--loss", "--faults-a"], ["--faults-b", "loss"]]) {
    const refused = await run(Deno.execPath(), [
      ...["run", "-q", "-A", "scripts/exchange.ts", "--itch", "generated", option!, "much"],
    ]);
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(word!), refused.stderr);
  }
});
