/**
 * The one door: what is not granted is not opened. Each test runs a program with exactly the named flags and looks from
 * outside, through /proc, at what that program holds while it still lives.
 */
import assert from "node:assert/strict";
import { LIBRARY } from "../lib/native.ts";
import type { Answer, Request } from "./door.ts";
import { DERIBIT, noData, noNamespaces, testWhen } from "./fixture.ts";
import { writeCapture } from "./rx/capture.ts";

const LO = "127.0.0.1";
const GROUP = "239.255.7.1";
const DOOR = new URL("./door.ts", import.meta.url).pathname;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;
const LIB = new URL("../lib/", import.meta.url).pathname;

/** "7F000001:1F90" as people write it (/proc has addresses in the machine's byte order, ports as numbers). */
function socketAddress(hex: string): string {
  const [address, port] = hex.split(":");
  const bytes = address!.match(/../g)!.map((byte) => Number.parseInt(byte, 16)).reverse();
  return `${bytes.join(".")}:${Number.parseInt(port!, 16)}`;
}

const STATES: Record<string, string> = { "01": "connected", "0A": "listens" };

/**
 * Every IPv4 and packet socket of this network namespace by inode: "udp LOCAL", "tcp LOCAL connected REMOTE",
 * "tcp LOCAL listens", "packet on INDEX" of an interface.
 */
function wireSockets(): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of Deno.readTextFileSync("/proc/net/packet").trim().split("\n").slice(1)) {
    const [, , , , index, , , , inode] = line.trim().split(/\s+/);
    found.set(inode!, `packet on ${index}`);
  }
  for (const protocol of ["udp", "tcp"]) {
    for (const line of Deno.readTextFileSync(`/proc/net/${protocol}`).trim().split("\n").slice(1)) {
      const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
      const text = `${protocol} ${socketAddress(local!)}`;
      const peer = state === "01" && protocol === "tcp" ? ` ${socketAddress(remote!)}` : "";
      found.set(inode!, protocol === "udp" ? text : `${text} ${STATES[state!] ?? state}${peer}`);
    }
  }
  return found;
}

/**
 * Links of sockets that lead nowhere: Unix ones, Deno's own, which it opens when it likes, and netlink ones, which
 * hear from this very kernel what becomes of an interface.
 */
function innerSockets(): Set<string> {
  const links = (table: string, column: number) =>
    Deno.readTextFileSync(`/proc/net/${table}`).trim().split("\n").slice(1)
      .map((line) => `socket:[${line.trim().split(/\s+/)[column]}]`);
  return new Set([...links("unix", 6), ...links("netlink", 9)]);
}

/** Everything a process holds open that leads out of it, by descriptor link. */
function held(pid: number): Set<string> {
  const links: string[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      links.push(Deno.readLinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // Closed since it was listed.
    }
  }
  const inner = innerSockets();
  // Deno opens its caches when it likes, too.
  return new Set(links.filter((link) => !inner.has(link) && !link.includes("_cache_v")));
}

/** A program behind the door, with its flags. */
class Door implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #before = new Set<string>();

  private constructor(flags: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", `--config=${CONFIG}`, `--allow-ffi=${LIBRARY}`, ...flags, DOOR],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const decoder = new TextDecoderStream() as TransformStream<Uint8Array, string>;
    this.#reader = this.#process.stdout.pipeThrough(decoder).getReader();
    this.#writer = this.#process.stdin.getWriter();
  }

  static async start(...flags: string[]): Promise<Door> {
    const door = new Door(flags);
    assert.equal(await door.#line(), "ready");
    door.#before = held(door.#process.pid);
    return door;
  }

  async #line(): Promise<unknown> {
    for (let text = "";;) {
      const { value, done } = await this.#reader.read();
      assert.ok(!done, `the program ended; it said: ${text}`);
      text += value;
      if (text.endsWith("\n")) return JSON.parse(text);
    }
  }

  async ask(request: Request): Promise<Answer> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(request)));
    return await this.#line() as Answer;
  }

  /** What the process holds since it was ready; sockets by what they are. */
  opened(): string[] {
    const known = wireSockets();
    return [...held(this.#process.pid)].filter((link) => !this.#before.has(link))
      .map((link) => known.get(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? "") ?? link).sort();
  }

  /** Its open sockets. */
  sockets(): string[] {
    return this.opened().filter((text) => /^(udp|tcp|packet|socket:)/.test(text));
  }

  /** Asks, and proves that it was refused for want of `flag` with nothing opened. */
  async refuses(request: Request, flag: string): Promise<void> {
    const { name, message } = await this.ask(request);
    assert.equal(name, "Deno.errors.NotCapable", message ?? "it was opened");
    assert.ok(message!.endsWith(`run again with ${flag}`), `"${message}" names ${flag}`);
    assert.deepEqual(this.opened(), []);
  }

  /** Asks, and proves that exactly these sockets were opened; looks further at the open program where asked to. */
  async opens(request: Request, sockets: (string | RegExp)[], look = () => {}): Promise<void> {
    assert.deepEqual(await this.ask(request), {});
    const found = this.sockets();
    assert.equal(found.length, sockets.length, found.join(", "));
    for (const wanted of sockets) {
      assert.ok(
        found.some((text) => wanted instanceof RegExp ? wanted.test(text) : text === wanted),
        found.join(", "),
      );
    }
    look();
    assert.deepEqual(await this.ask({ close: true }), {});
    assert.deepEqual(this.opened(), [], "closed again");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#writer.abort().catch(() => {});
    await this.#reader.cancel();
  }
}

/** A TCP port that is free now; as a UDP port it is as good as free. */
function freePort(): number {
  using listener = Deno.listen({ hostname: LO, port: 0 });
  return listener.addr.port;
}

/** The kernel's number of `lo`. */
function loopbackIndex(): string {
  return Deno.readTextFileSync("/sys/class/net/lo/ifindex").trim();
}

/** Nobody on this machine has a socket of that port. */
function assertUnused(port: number): void {
  const users = [...wireSockets().values()].filter((text) => new RegExp(`:${port}\\b`).test(text));
  assert.deepEqual(users.filter((text) => !/ (06|listens)$/.test(text)), []);
}

for (const address of [LO, GROUP]) {
  for (const via of ["udp", "uring", "xdp", "packet", "tap"] as const) {
    Deno.test(`Engine.open() opens nothing without net for the feed (${address}, ${via})`, async () => {
      const port = freePort();
      await using door = await Door.start();
      await door.refuses(
        { engine: { feed: `udp://${address}:${port}?via=${via}&if=lo` } },
        `--allow-net=${address}:${port}`,
      );
      assertUnused(port);
    });
  }
}

Deno.test("Engine.open() is not satisfied with net for another port or host", async () => {
  const port = freePort();
  await using door = await Door.start(`--allow-net=${LO}:${port + 1},${GROUP}:${port},localhost:${port}`);
  await door.refuses({ engine: { feed: `udp://${LO}:${port}` } }, `--allow-net=${LO}:${port}`);
  assertUnused(port);
});

Deno.test("Engine.open() opens nothing at all with net for the feed but not for the orders", async () => {
  const port = freePort();
  using peer = Deno.listen({ hostname: LO, port: 0 });
  const orderPort = peer.addr.port;
  const engine = { feed: `udp://${LO}:${port}`, orders: `tcp://${LO}:${orderPort}` };
  await using door = await Door.start(`--allow-net=${LO}:${port}`);
  await door.refuses({ engine }, `--allow-net=${LO}:${orderPort}`);
  await door.refuses({ engine: { ...engine, connectLater: true } }, `--allow-net=${LO}:${orderPort}`);
  assertUnused(port);
  assertUnused(orderPort);
});

Deno.test("Engine.open() opens nothing at all with net for the orders but not for the feed", async () => {
  const port = freePort();
  using peer = Deno.listen({ hostname: LO, port: 0 });
  const orderPort = peer.addr.port;
  await using door = await Door.start(`--allow-net=${LO}:${orderPort}`);
  const engine = { feed: `udp://${LO}:${port}`, orders: `tcp://${LO}:${orderPort}` };
  await door.refuses({ engine }, `--allow-net=${LO}:${port}`);
  assertUnused(port);
  assertUnused(orderPort);
});

Deno.test("Engine.open() with exactly its net opens exactly that: one UDP socket, one TCP connection", async () => {
  const port = freePort();
  using peer = Deno.listen({ hostname: LO, port: 0 });
  const orderPort = peer.addr.port;
  await using door = await Door.start(`--allow-net=${LO}:${port},${LO}:${orderPort}`);
  await door.opens({ engine: { feed: `udp://${LO}:${port}` } }, [`udp ${LO}:${port}`]);
  const engine = { feed: `udp://${LO}:${port}`, orders: `tcp://${LO}:${orderPort}` };
  const connection = new RegExp(`^tcp ${LO}:\\d+ connected ${LO}:${orderPort}$`);
  await door.opens({ engine }, [`udp ${LO}:${port}`, connection]);
  await door.opens({ engine: { ...engine, connectLater: true } }, [`udp ${LO}:${port}`]);
  (await peer.accept()).close(); // the one connection
});

Deno.test("Engine.open() asks for line B, requests and snapshots one by one, and opens nothing without any of them", async () => {
  const ports = Array.from({ length: 4 }, freePort);
  const [a, b, requests, snapshots] = ports;
  const engine = {
    feed: `udp://${LO}:${a}?feed=itch50`,
    lineB: `udp://${LO}:${b}`,
    requests: `udp://${LO}:${requests}`,
    snapshots: `tcp://${LO}:${snapshots}`,
    room: { symbols: 64, orders: 1024, levels: 1024 },
  };
  for (const missing of ports) {
    const others = ports.filter((port) => port !== missing).map((port) => `${LO}:${port}`);
    await using door = await Door.start(`--allow-net=${others.join(",")}`);
    await door.refuses({ engine }, `--allow-net=${LO}:${missing}`);
  }
  await using door = await Door.start(`--allow-net=${ports.map((port) => `${LO}:${port}`).join(",")}`);
  await door.opens({ engine }, [`udp ${LO}:${a}`, `udp ${LO}:${b}`, new RegExp(`^udp ${LO}:\\d+$`), /^socket:/ // for the snapshots, not connected to anybody yet
  ]);
});

Deno.test("Engine.open() joins a multicast group with net for the group and its port only", async () => {
  const port = freePort();
  const feed = `udp://${GROUP}:${port}?if=lo`;
  const joined = () => Deno.readTextFileSync("/proc/net/igmp").includes("0107FFEF"); // GROUP in machine byte order
  {
    await using door = await Door.start(`--allow-net=${LO}:${port}`);
    await door.refuses({ engine: { feed } }, `--allow-net=${GROUP}:${port}`);
    assert.ok(!joined());
  }
  await using door = await Door.start(`--allow-net=${GROUP}:${port}`);
  await door.opens({ engine: { feed } }, [`udp ${GROUP}:${port}`], () => assert.ok(joined()));
  assert.ok(!joined(), "closing left the group");
});

testWhen(
  noNamespaces(),
  "Engine.open() through packet opens one packet socket on that interface, beside what keeps group or port",
  async () => {
    const port = freePort();
    await using door = await Door.start(`--allow-net=${LO}:${port},${GROUP}:${port}`);
    const packet = `packet on ${loopbackIndex()}`;
    await door.opens({ engine: { feed: `udp://${LO}:${port}?via=packet&if=lo` } }, [
      packet,
      `udp ${LO}:${port}`,
    ]);
    await door.opens({ engine: { feed: `udp://${GROUP}:${port}?via=packet&if=lo` } }, [packet, /^socket:/]);
  },
);

testWhen(
  noNamespaces() && "BPF needs root",
  "Observer.open() attaches nothing unless feed and orders are granted",
  async () => {
    const [port, orderPort] = [freePort(), freePort()];
    const observer = { feed: `udp://${LO}:${port}?if=lo`, orders: `tcp://${LO}:${orderPort}` };
    {
      await using door = await Door.start(`--allow-net=${LO}:${orderPort}`);
      await door.refuses({ observer }, `--allow-net=${LO}:${port}`);
    }
    {
      await using door = await Door.start(`--allow-net=${LO}:${port}`);
      await door.refuses({ observer }, `--allow-net=${LO}:${orderPort}`);
    }
    await using door = await Door.start(`--allow-net=${LO}:${port},${LO}:${orderPort}`);
    await door.opens({ observer }, [], () => {
      assert.ok(
        door.opened().every((link) => /^anon_inode:\[?(bpf[-_]|btf)/.test(link)),
        door.opened().join(", "),
      );
      assert.ok(door.opened().some((link) => link.includes("link")));
    });
  },
);

Deno.test("Exchange.open() opens nothing unless both of its endpoints are granted", async () => {
  const [port, orderPort] = [freePort(), freePort()];
  const exchange = { group: LO, port, listen: LO, orderPort };
  {
    await using door = await Door.start();
    await door.refuses({ exchange }, `--allow-net=${LO}:${port}`);
  }
  {
    await using door = await Door.start(`--allow-net=${LO}:${port}`);
    await door.refuses({ exchange }, `--allow-net=${LO}:${orderPort}`);
  }
  assertUnused(port);
  assertUnused(orderPort);
  await using door = await Door.start(`--allow-net=${LO}:${port},${LO}:${orderPort}`);
  await door.opens({ exchange }, [/^udp /, `tcp ${LO}:${orderPort} listens`]);
});

Deno.test("Exchange.open() writes no log without write for that file", async () => {
  const [port, orderPort] = [freePort(), freePort()];
  const directory = await Deno.makeTempDir({ prefix: "hotpath-door-" });
  try {
    const log = `${directory}/orders.csv`;
    const exchange = { group: LO, port, listen: LO, orderPort, log };
    const net = `--allow-net=${LO}:${port},${LO}:${orderPort}`;
    {
      await using door = await Door.start(net, `--allow-write=${directory}/other.csv`);
      await door.refuses({ exchange }, `--allow-write=${log}`);
      // C would end the name at the NUL, in another folder than the one that was granted.
      const split = `${log}\0/../other.csv`;
      const { name } = await door.ask({ exchange: { ...exchange, log: split } });
      assert.match(name!, /TypeError|NotCapable/);
      assert.deepEqual(door.opened(), []);
      assert.deepEqual([...Deno.readDirSync(directory)], []);
    }
    await using door = await Door.start(net, `--allow-write=${log}`);
    await door.opens({ exchange }, [/^udp /, `tcp ${LO}:${orderPort} listens`]);
    assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["orders.csv"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (const via of ["udp", "uring", "packet", "xdp", "kernel"] as const) {
  Deno.test(`Traffic.open() sends nothing without net for its destination (${via})`, async () => {
    const port = freePort();
    const traffic = { to: `udp://${LO}:${port}?via=${via}&if=lo`, rate: 1000 };
    await using door = await Door.start(`--allow-net=${LO}:${port + 1}`);
    await door.refuses({ traffic }, `--allow-net=${LO}:${port}`);
    assertUnused(port);
  });
}

Deno.test("Traffic.open() reads no capture without read for that file", async () => {
  const port = freePort();
  const traffic = { to: `udp://${LO}:${port}?if=lo`, capture: "/tmp/hotpath-none.pcap" };
  await using door = await Door.start(`--allow-net=${LO}:${port}`);
  await door.refuses({ traffic }, "--allow-read=/tmp/hotpath-none.pcap");
});

Deno.test("Traffic.open() with exactly its net opens one UDP socket", async () => {
  const port = freePort();
  await using door = await Door.start(`--allow-net=${LO}:${port}`);
  await door.opens({ traffic: { to: `udp://${LO}:${port}?if=lo`, rate: 1000 } }, [/^udp 127\.0\.0\.1:\d+$/]);
});

Deno.test("Publisher.open() opens nothing unless lines, servers and file are all granted", async () => {
  const [a, b, requests, snapshots] = [freePort(), freePort(), freePort(), freePort()] as const;
  const publisher = {
    lines: [`udp://${LO}:${a}?if=lo`, `udp://${GROUP}:${b}?if=lo`],
    requests: `udp://${LO}:${requests}`,
    snapshots: `tcp://${LO}:${snapshots}`,
    source: { records: 10, levels: 10 },
    hold: true,
  };
  const all = [`${LO}:${a}`, `${GROUP}:${b}`, `${LO}:${requests}`, `${LO}:${snapshots}`];
  for (const left of all) {
    await using door = await Door.start(`--allow-net=${all.filter((host) => host !== left).join()}`);
    await door.refuses({ publisher }, `--allow-net=${left}`);
  }
  await using door = await Door.start(`--allow-net=${all.join()}`);
  const file = "/tmp/hotpath-none.itch50";
  await door.refuses({ publisher: { ...publisher, source: file } }, `--allow-read=${file}`);
  await door.opens({ publisher }, [
    /^udp 127\.0\.0\.1:\d+$/,
    /^udp \d+\.\d+\.\d+\.\d+:\d+$/,
    `udp ${LO}:${requests}`,
    `tcp ${LO}:${snapshots} listens`,
  ]);
});

testWhen(noData(DERIBIT), "Tape.load() reads nothing without read for that file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "hotpath-door-" });
  try {
    const path = `${directory}/tape.csv`;
    await Deno.copyFile(DERIBIT, path);
    {
      await using door = await Door.start(`--allow-read=${directory}/granted`);
      await door.refuses({ tape: path }, `--allow-read=${path}`);
      await door.refuses(
        { tape: `${directory}/granted/../tape.csv` },
        `--allow-read=${directory}/granted/../tape.csv`,
      );
      // Deno resolves the whole text, C would end it at the NUL.
      for (
        const split of [`${path}\0/../granted`, `${path}\0/../../${directory.split("/").at(-1)}/granted`]
      ) {
        const { name, message } = await door.ask({ tape: split });
        assert.equal(name, "TypeError", message!);
        assert.match(message!, /^Cannot use path .*: it has a NUL in it$/);
      }
      assert.deepEqual(door.opened(), []);
    }
    await using door = await Door.start(`--allow-read=${path}`);
    assert.deepEqual(await door.ask({ tape: path }), {});
    assert.deepEqual(door.opened(), [], "read whole and closed");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("MarketFile.open() reads nothing without read for each of its files", async () => {
  const directory = await Deno.makeTempDir({ prefix: "hotpath-door-" });
  try {
    const [a, b] = [`${directory}/a.pcap`, `${directory}/b.pcap`];
    const data = new Uint8Array(40);
    data[0] = 1; // an lll record
    for (const path of [a, b]) {
      await Deno.writeFile(path, writeCapture([{ to: `${GROUP}:4000`, stampNs: 1n, data }]));
    }
    {
      await using door = await Door.start(`--allow-read=${a}`);
      await door.refuses({ market: [b] }, `--allow-read=${b}`);
      await door.refuses({ market: [a, b] }, `--allow-read=${b}`);
      const { name } = await door.ask({ market: [`${a}\0/../b.pcap`] });
      assert.match(name!, /TypeError|NotCapable/);
      assert.deepEqual(door.opened(), []);
    }
    await using door = await Door.start(`--allow-read=${a},${b}`);
    await door.opens({ market: [a, b] }, []); // read whole and closed
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Engine.open() reads a capture with read for that file only, and opens no socket", async () => {
  const directory = await Deno.makeTempDir({ prefix: "hotpath-door-" });
  try {
    const path = `${directory}/wire.pcap`;
    const data = new Uint8Array(40);
    await Deno.writeFile(path, writeCapture([{ to: `${GROUP}:4000`, stampNs: 1n, data }]));
    const engine = { feed: `udp://${GROUP}:4000?via=pcap&file=${path}` };
    {
      // Net for the flow it holds opens no file; nor does read for its neighbour.
      await using door = await Door.start(`--allow-net=${GROUP}:4000`, `--allow-read=${directory}/granted`);
      await door.refuses({ engine }, `--allow-read=${path}`);
      const around = `${directory}/granted/../wire.pcap`;
      await door.refuses(
        { engine: { feed: `udp://${GROUP}:4000?via=pcap&file=${around}` } },
        `--allow-read=${around}`,
      );
      // C would end the name at the NUL.
      const { name } = await door.ask({
        engine: { feed: `udp://${GROUP}:4000?via=pcap&file=${path}%00/../granted` },
      });
      assert.equal(name, "TypeError");
      assert.deepEqual(door.opened(), []);
    }
    await using door = await Door.start(`--allow-read=${path}`);
    await door.opens({ engine }, [], () => assert.ok(!door.opened().includes(path), "read whole and closed"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("mod.ts imports with no permission at all and touches none", async () => {
  const audit = await Deno.makeTempFile({ prefix: "hotpath-audit-" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", `--config=${CONFIG}`, "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { DENO_AUDIT_PERMISSIONS: audit },
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`
      import * as hotpath from "hotpath";
      console.log(typeof hotpath.Engine.open);
      try { Deno.env.get("CANARY"); } catch { /* the audit sees it: it works */ }
    `));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.deepEqual([code, text(stdout), text(stderr)], [0, "function\n", ""]);
    const touched = (await Deno.readTextFile(audit)).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(touched.map(({ permission, value }) => [permission, value]), [["env", "CANARY"]]);
  } finally {
    await Deno.remove(audit);
  }
});

/** The project's modules below lib/, by path, without their comments. */
function* modules(directory = ""): Generator<[path: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(LIB + directory)) {
    const path = directory + name;
    if (isDirectory) yield* modules(`${path}/`);
    else yield [path, Deno.readTextFileSync(LIB + path).replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g, "")];
  }
}

/** Files of lib/ whose code matches. */
const filesWith = (pattern: RegExp) =>
  [...modules()].filter(([, text]) => pattern.test(text)).map(([path]) => path).sort();

Deno.test("permission.ts is the only module that calls what opens a wire or a file", () => {
  const openers = [
    "hp_engine_open",
    "hp_exchange_open",
    "hp_tape_load",
    "hp_path_open",
    "hp_traffic_open",
    "hp_observer_open",
    "hp_reader_open",
    "hp_capture_flows",
    "hp_engine_record",
  ];
  const declares = (path: string) => path === "native.ts" || path.startsWith("abi/");
  for (const name of openers) {
    const calling = filesWith(new RegExp(`\\b${name}\\b`)).filter((path) => !declares(path));
    assert.deepEqual(calling, ["permission.ts"], name);
  }
  // The memory and the pipe of an engine, by the path its runner hands over.
  for (const name of ["hp_join", "hp_wake_open"]) {
    assert.deepEqual(filesWith(new RegExp(`\\b${name}\\b`)), ["native.ts", "strategy/child.ts"], name);
  }
});

Deno.test("native.ts is the only module that loads a library", () => {
  assert.deepEqual(filesWith(/\bdlopen\b/), ["native.ts"]);
});

Deno.test("lib/ opens no socket and makes no pointer of its own", () => {
  assert.ok([...modules()].length > 20);
  assert.deepEqual(filesWith(/\bUnsafe(Pointer|PointerView|Callback|FnPointer|Window)/), []);
  assert.deepEqual(filesWith(/\bDeno\s*\.\s*(connect|listen|serve|createHttpClient|startTls|openKv)/), []);
  assert.deepEqual(
    filesWith(/\b(fetch|importScripts)\s*\(|\bnew\s+(WebSocket|EventSource|WebTransport)\b/),
    [],
  );
  assert.deepEqual(
    filesWith(/["']node:(net|dgram|http|https|http2|tls|dns|child_process|worker_threads)["']/),
    [],
  );
});
