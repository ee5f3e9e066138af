import assert from "node:assert/strict";
import { Engine, IsolatedRun, Lab, type LabOptions, runIsolated, Tape } from "hotpath";
import { REQUEST, RING, SEAT as LAYOUT } from "../../lib/layout.ts";
import { noNamespaces, testWhen } from "../fixture.ts";
import { alive, Program, ROOT } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const SEAT = 2 ** 32; // an order id is seat x 2^32 + n

let tape: Tape | undefined;

/** A lab that plays 20,000 updates in every test, for about half a second. */
async function raise(options: LabOptions = {}): Promise<Lab> {
  tape ??= Tape.generate({ seed: 17, records: 20_000, levels: 100 });
  return await Lab.up({ data: tape, pace: { rate: 8000 }, ...options });
}

/** A script file, gone at the end of its scope. */
class Script implements Disposable {
  readonly path = Deno.makeTempFileSync({ suffix: ".ts" });

  constructor(source: string) {
    Deno.writeTextFileSync(this.path, source);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

const IDLE = "export default { onBook() {} };";
const ONE_ORDER_A_HUNDRED = `export default {
  onBook(update, _book, orders) {
    if (update.seq % 100 === 99) orders.buy(update.bid, 1);
  },
};`;

/** A program that runs one script isolated in a lab of its own to the session's end and tells what came of it. */
function harness(script: string, then = "await run.stop()"): Program {
  return new Program(`
    import { Lab, runIsolated, Tape } from "hotpath";
    using tape = Tape.generate({ seed: 17, records: 20_000, levels: 100 });
    await using lab = await Lab.up({ data: tape });
    using engine = lab.open("udp", { connectLater: true });
    const run = await runIsolated(engine, ${JSON.stringify(script)});
    console.log("pid " + run.pid);
    for (let i = 0; engine.ended === 0 && i < 1000; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const end = ${then};
    await lab.exchange.ready();
    console.log("end " + JSON.stringify({ ...end, overruns: engine.overruns, orders: lab.exchange.counters.orders }));
  `);
}

testWhen(noNamespaces(), "runIsolated() gives a script no permission, from its first line on", async () => {
  using secret = new Script("export default 'told';");
  using script = new Script(`
    import { readFileSync } from "node:fs";
    import { native, seatNative } from "${ROOT}lib/native.ts";
    const path = ${JSON.stringify(secret.path)};
    const attempts = {
      read: () => Deno.readTextFileSync("/etc/hostname"),
      nodeRead: () => readFileSync("/etc/hostname"),
      write: () => Deno.writeTextFileSync(path, "overwritten"),
      env: () => Deno.env.get("HOME"),
      run: () => new Deno.Command("true").outputSync(),
      listen: () => Deno.listen({ port: 0 }).close(),
      dlopen: () => Deno.dlopen("${ROOT}native/build/libhotpath.so", { hp_clock_now: { parameters: [], result: "f64" } }),
      library: () => native(),
      seatLibrary: () => seatNative(),
      pointer: () => Deno.UnsafePointer.create(4096n),
      hostname: () => Deno.hostname(),
      ask: () => { if (Deno.permissions.requestSync({ name: "read" }).state !== "granted") throw new Deno.errors.NotCapable(); },
    };
    const later = {
      connect: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
      fetch: () => fetch("http://127.0.0.1:19999/"),
      readLater: () => Deno.readTextFile("/etc/hostname"),
      importFile: () => import(path + "?computed"),
      importNet: () => import("http://127.0.0.1:19999/" + "x.ts"),
      worker: () => new Promise((resolve, reject) => {
        const worker = new Worker("data:application/typescript," + encodeURIComponent(
          "try { Deno.readTextFileSync('/etc/hostname'); postMessage('allowed') } catch (error) { postMessage(error.name) }"),
          { type: "module" });
        worker.onmessage = ({ data }) => { worker.terminate(); data === "allowed" ? resolve(0) : reject({ name: data }); };
        worker.onerror = (event) => { event.preventDefault(); reject({ name: "NotCapable" }); };
      }),
    };
    const told = [];
    const note = (when, name, how) => told.push([when, name, how]);
    const every = (when) => {
      for (const [name, attempt] of Object.entries(attempts)) {
        try { attempt(); note(when, name, "allowed"); } catch (error) { note(when, name, error.name); }
      }
    };
    every("top");
    for (const [name, attempt] of Object.entries(later)) {
      await attempt().then(() => note("top", name, "allowed"), (error) => note("top", name, error.name === "TypeError" ? String(error.message) : error.name));
    }
    let done = false;
    export default {
      onBook() { if (!done) every("book"); done = true; },
      onStop() { console.log("told " + JSON.stringify(told)); },
    };`);
  await using program = harness(script.path);
  const told = JSON.parse(await program.line("told ")) as [string, string, string][];
  const allowed = told.filter(([, , how]) => !/^NotCapable$|Requires .* access/.test(how));
  assert.deepEqual(allowed, []);
  assert.equal(told.length, 12 + 6 + 12);
  assert.equal(await Deno.readTextFile(secret.path), "export default 'told';");
  assert.equal(JSON.parse(await program.line("end ")).code, 0);
});

testWhen(
  noNamespaces(),
  "runIsolated() hands on every record and takes orders; its seat counts on",
  async () => {
    await using lab = await raise();
    using script = new Script(ONE_ORDER_A_HUNDRED);
    using engine = lab.open("udp", { connectLater: true });
    const run = await runIsolated(engine, script.path);
    assert.ok(run.alive && alive(run.pid));
    assert.match(Deno.inspect(run), /running/);
    await until("the session's end", () => engine.ended === 1);
    const orders = tape!.info.records / 100;
    await until("its orders", () => engine.orderCounters.acked + engine.overruns >= orders);
    assert.equal(engine.overruns, 0);
    assert.equal(lab.exchange.counters.orders, orders);
    assert.equal(lab.exchange.counters.refused, 0);
    assert.equal(lab.exchange.tickToOrder.count, orders);
    assert.equal(engine.breakdown.strategy.count, orders);
    assert.deepEqual(await run.stop(), { killed: undefined, code: 0 });
    assert.equal(alive(run.pid), false);

    // The engine runs on, in the same session: another order under a number used before would be refused.
    using next = new Script(`export default { onStart() {}, onBook() {} };`);
    await using again = await runIsolated(engine, next.path);
    assert.equal(again.alive, true);
    const seat = engine.sit(Engine.seatMemory());
    assert.equal(seat.index, 1, "the first seat was taken again");
    engine.leave(seat);
  },
);

testWhen(
  noNamespaces(),
  "Engine.sit() goes on counting order ids where the seat's last user stopped",
  async () => {
    using long = Tape.generate({ seed: 17, records: 400_000, levels: 100 });
    await using lab = await raise({ data: long });
    using script = new Script(`let sent = 0;
    export default { onBook(u, _b, orders) { if (!u.isSnapshot && sent < 5) { sent++; orders.buy(u.bid, 1); } } };`);
    using engine = lab.open("udp", { connectLater: true });
    for (const orders of [5, 10]) {
      await using _run = await runIsolated(engine, script.path);
      await until(
        `${orders} orders`,
        () => lab.exchange.counters.orders + lab.exchange.counters.refused >= orders,
      );
    }
    assert.equal(lab.exchange.counters.orders, 10);
    assert.equal(lab.exchange.counters.refused, 0, "no id was used twice");
  },
);

testWhen(
  noNamespaces(),
  "runIsolated() serves two strategies at once, each with orders of its own",
  async () => {
    const log = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await using lab = await raise({ log });
      using script = new Script(ONE_ORDER_A_HUNDRED);
      using engine = lab.open("udp", { connectLater: true });
      const first = new IsolatedRun(engine, script.path, {});
      const second = new IsolatedRun(engine, script.path, {});
      await Promise.all([first.started(), second.started()]);
      engine.connect().start();
      await until("the session's end", () => engine.ended === 1);
      const each = tape!.info.records / 100;
      await until("both strategies' orders", () => engine.orderCounters.acked >= 2 * each);
      assert.equal((await first.stop()).code, 0);
      assert.equal((await second.stop()).code, 0);
      engine.close();
      await lab.exchange.ready();
      lab.exchange.close();
      const ids = (await Deno.readTextFile(log)).trim().split("\n").slice(1).map((line) =>
        Number(line.split(",")[1])
      );
      assert.equal(ids.filter((id) => id > 0 && id < SEAT).length, each);
      assert.equal(ids.filter((id) => id > SEAT && id < 2 * SEAT).length, each);
      assert.equal(new Set(ids).size, 2 * each);
    } finally {
      await Deno.remove(log);
    }
  },
);

testWhen(
  noNamespaces(),
  "runIsolated() kills a script that gives no answer; engine and book go on",
  async () => {
    await using lab = await raise();
    using script = new Script("export default { onBook(update) { while (update.seq > 300); } };");
    using engine = lab.open("udp", { connectLater: true });
    const run = await runIsolated(engine, script.path, { answerMs: 150 });
    const end = await run.ended;
    assert.equal(end.killed, "killed: it gave no answer for 150 ms");
    assert.notEqual(end.code, 0);
    assert.equal(alive(run.pid), false);
    assert.equal(run.alive, false);
    assert.deepEqual(await run.stop(), end, "stopping what has ended is nothing");
    await until("the session's end", () => engine.ended === 1);
    assert.equal(engine.feed.counters.delivered, tape!.info.records);
    assertSides(sidesOf(engine.book), bookOf(tape!));
    assert.equal(engine.sit(Engine.seatMemory()).index, 0, "its seat is free again");
  },
);

testWhen(noNamespaces(), "runIsolated() says why a script does not start", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { connectLater: true });
  const failures: [
    source: string,
    options: { startMs?: number; params?: Record<string, unknown> },
    why: RegExp,
  ][] = [
    [
      "throw new Error('at import: expected in this test'); export default {};",
      {},
      /its process ended with code 1/,
    ],
    [
      "export default { onStart() { throw new Error('in onStart: expected in this test') } }",
      {},
      /ended with code 1/,
    ],
    ["syntax error (expected in this test)", {}, /its process ended with code 1/],
    [
      "await new Promise((resolve) => setTimeout(resolve, 1e6)); export default {}",
      { startMs: 800 },
      /killed: it did not start within 800 ms/,
    ],
    [IDLE, { params: { unknown: 1 } }, /its process ended with code 1/],
  ];
  for (const [source, options, why] of failures) {
    using script = new Script(source);
    await assert.rejects(runIsolated(engine, script.path, options), why);
  }
  await assert.rejects(
    runIsolated(engine, "/no/such/script.ts"),
    /Cannot run \/no\/such\/script.ts: its process ended with code 1/,
  );
  assert.equal(lab.exchange.state, "INIT", "nothing was connected");
  assert.equal(engine.sit(Engine.seatMemory()).index, 0, "every seat is free again");
});

testWhen(
  noNamespaces(),
  "IsolatedRun ends with code 1 when the script throws; its error is printed",
  async () => {
    using script = new Script(
      "export default { onBook(u) { if (u.seq === 100) throw new Error('thrown in onBook'); } };",
    );
    await using program = new Program(
      `
    import { Lab, runIsolated } from "hotpath";
    await using lab = await Lab.up();
    using engine = lab.open("udp", { connectLater: true });
    const run = await runIsolated(engine, ${JSON.stringify(script.path)});
    console.log("end " + JSON.stringify(await run.ended));`,
      "piped",
    );
    assert.deepEqual(JSON.parse(await program.line("end ")), { code: 1 });
    await until("the error", () => program.stderr.includes("thrown in onBook"));
  },
);

testWhen(noNamespaces(), "IsolatedRun.stop() lets onStop() run, and kills what does not stop", async () => {
  await using lab = await raise();
  using script = new Script("export default { onStop() { for (;;); } };");
  using engine = lab.open("udp", { connectLater: true });
  const run = await runIsolated(engine, script.path);
  const end = await run.stop();
  assert.match(end.killed!, /^killed: it (did not stop within a second|gave no answer for 1000 ms)$/);
  assert.equal(alive(run.pid), false);
});

testWhen(noNamespaces(), "IsolatedRun counts events a slow script missed, and tells the script", async () => {
  using script = new Script(`let seen = 0, overrun = 0, ordered = true, last = -1;
    export default {
      onBook(update) {
        seen++;
        ordered &&= update.seq > last;
        last = update.seq;
        if (seen < 200) for (const wake = performance.now() + 1; performance.now() < wake;);
      },
      onGap(gap) { if (gap.lost === 0) overrun += gap.overrun; },
      onStop() { console.log("told " + JSON.stringify({ seen, overrun, ordered, last })); },
    };`);
  await using program = harness(script.path, "20_000 / 100");
  const told = JSON.parse(await program.line("told "));
  const { overruns } = JSON.parse(await program.line("end "));
  assert.ok(overruns > 0);
  assert.equal(told.overrun, overruns, "every event that was not delivered was told of");
  const others = told.seen + told.overrun - 20_200; // the session's end and the link's may be among the missed
  assert.ok(others >= 0 && others <= 2, `${others} events too many`);
  assert.ok(told.ordered);
});

for (
  const [what, source] of [["idle", IDLE], ["busy", "export default { onBook(u) { while (u.seq > 300); } };"]]
) {
  testWhen(noNamespaces(), `IsolatedRun ends with its engine's process, ${what} as it may be`, async () => {
    using script = new Script(source!);
    await using program = new Program(`
      import { Lab, runIsolated } from "hotpath";
      await using lab = await Lab.up();
      using engine = lab.open("udp", { connectLater: true });
      const run = await runIsolated(engine, ${JSON.stringify(script.path)}, { answerMs: 60_000 });
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log("pid " + run.pid);
      await run.ended;`);
    const pid = Number(await program.line("pid "));
    assert.ok(alive(pid));
    await program.kill();
    await until("the child's end", () => !alive(pid), 5000);
  });
}

testWhen(noNamespaces(), "Engine survives a seat whose memory is full of garbage", async () => {
  await using lab = await raise();
  using engine = lab.open("udp", { connectLater: true });
  const hostile = engine.sit(Engine.seatMemory());
  const honest = engine.orders; // another seat
  const { u32, f64 } = hostile.memory;
  const orders = u32[LAYOUT.orders_offset / 4]! / 4;
  const slots = orders + RING.bytes / 4;
  const numbers = [NaN, -1, 0, 0.5, 1, 2, 5e6, 2 ** 53, 1e300, Infinity];
  const below = (n: number) => Math.floor(Math.random() * n);
  engine.connect();
  for (let round = 0; engine.ended === 0 && round < 10_000; round++) {
    const noise = () => crypto.getRandomValues(new Uint32Array(RING.bytes / 4));
    u32.set(noise(), 0); // the seat's header and most of the event ring's
    if (round % 2) u32.set(noise(), orders);
    else u32[orders + RING.tail / 4]! += 1 + below(2000); // claims more requests than there is room for
    for (let i = 0; i < 200; i++) {
      const at = slots + below(1024) * REQUEST.bytes / 4;
      u32[at] = below(5); // most of the kinds there are, and two there are not
      for (let field = REQUEST.id; field < REQUEST.bytes; field += 8) {
        f64[at / 2 + field / 8] = numbers[below(numbers.length)]!;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.equal(engine.ended, 1);
  assert.equal(engine.feed.counters.delivered, tape!.info.records);
  assertSides(sidesOf(engine.book), bookOf(tape!));
  assert.equal(lab.exchange.counters.bad_orders, 0, "whatever left was an order");
  const order = honest.buy(engine.book.top.ask!.price, 1 / engine.book.qtyScale);
  await until("an honest order", () => order.state === "acknowledged");
  engine.leave(hostile);
});
