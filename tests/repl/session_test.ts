/** A session by hand, typed line by line: what is printed, and what is left behind when it ends. */
import assert from "node:assert/strict";
import { ENTRIES } from "../../repl/help.ts";
import { noNamespaces, testWhen } from "../fixture.ts";
import { labNamespaces } from "../process.ts";
import { Shell } from "./shell.ts";

const LADDER =
  /^Book {2}seq [\d,]+ {2}[\d,]+ bids {2}[\d,]+ asks\n(?: {2}ask .*█\n){5} {2}─── {2}spread 0\.\d+\n(?: {2}bid .*█\n){5}$/;

async function temporary(): Promise<{ history: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  return {
    history: `${folder}/history`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Raises a lab in the shell; the names of its namespaces. */
async function raise(shell: Shell): Promise<string[]> {
  const [, exchange, strategy] = /^Lab {2}(\S+) .* (\S+)\n {2}exchange INIT/.exec(
    await shell.ask("await up()"),
  )!;
  return [exchange!, strategy!];
}

async function assertGone(names: string[]): Promise<void> {
  const left = await labNamespaces();
  assert.deepEqual(names.filter((name) => left.includes(name)), []);
}

testWhen(noNamespaces(), "a session: lab, both paths, book, order, strategy, down", async () => {
  await using folder = await temporary();
  await using shell = await Shell.start(folder);
  assert.match(await shell.ask("lab"), /^Uncaught Hint: no lab is up; `await up\(\)` raises one\n$/);
  const names = await raise(shell);
  assert.deepEqual((await labNamespaces()).filter((name) => names.includes(name)).sort(), names.toSorted());
  assert.match(await shell.ask("engine"), /^Uncaught Hint: no engine is open; `open\("udp"\)`/);

  for (const via of ["udp", "xdp"]) {
    assert.match(
      await shell.ask(`open("${via}")`),
      new RegExp(
        `^Engine running on its own thread\n  feed 239.255.0.1:12345 via ${via} .*\n  orders to 10.77.0.1:9012`,
      ),
    );
    assert.match(await shell.ask("book"), LADDER);
    assert.match(await shell.ask("book.ladder(2)"), /^Book .*\n(?: {2}ask .*\n){2} .*\n(?: {2}bid .*\n){2}$/);
    assert.match(await shell.ask("book.top"), /│ bid qty │ +bid │ +ask │ ask qty │/);
    assert.match(
      await shell.ask('book.depth("ask", 3)'),
      /│ ask │ +price │ +qty │ cumulative │(?:.*\n){5}└.*┘\n$/,
    );
    assert.match(await shell.ask("engine.breakdown"), /│ Book update +│ +[\d,]{4,} │/);
    const seq = Number(await shell.ask("console.log(book.seq)").then((text) => text.split("\n")[0]));
    await shell.ask("await watch(book, { seconds: 0.3 })");
    assert.ok(Number((await shell.ask("console.log(book.seq)")).split("\n")[0]) > seq, "the book moves");
  }

  await shell.ask("const order = engine.orders.buy(61000, 0.01)");
  await shell.ask('while (order.state !== "acknowledged") await new Promise((done) => setTimeout(done, 5))');
  assert.match(await shell.ask("order"), /^Order \d+: buy 0\.01 @ 61000, acknowledged\n$/);
  await shell.ask("order.cancel()");
  await shell.ask('while (order.state !== "cancelled") await new Promise((done) => setTimeout(done, 5))');
  assert.match(await shell.ask("engine.orders"), /│ \d+ │ +buy │ 0\.01 │ 61000 │ cancelled │/);
  await shell.ask(
    "while (lab.exchange.counters.cancels === 0) await new Promise((done) => setTimeout(done, 5))",
  );
  assert.match(await shell.ask("lab.exchange"), /│ orders +│ +1 │\n│ cancels +│ +1 │/);
  assert.match(
    await shell.ask("engine.orders.buy(61000.00000001, 1)"),
    /^Uncaught RangeError: Cannot send an order with price 61000\.00000001: a positive multiple of 0\.000001 is needed/,
  );

  await shell.ask('const script = await run("scripts/strategies/large_trade.ts", { threshold: 1e6 })');
  assert.match(await shell.ask("script"), /^IsolatedRun large_trade\.ts \(pid \d+\): running\n$/);
  await shell.ask(
    "while (lab.exchange.counters.orders < 5) await new Promise((done) => setTimeout(done, 5))",
  );
  assert.match(await shell.ask("await script.stop()"), /^large_trade\.ts ended: code 0\n$/);

  assert.match(await shell.ask("await down()"), /^Lab \(down\)\n$/);
  await assertGone(names);
  assert.equal(await shell.end(), 0);
});

testWhen(noNamespaces(), "help(): every example does what it says, in order", async () => {
  await using folder = await temporary();
  await using shell = await Shell.start(folder);
  const overview = await shell.ask("help()");
  for (const { name, example, what } of ENTRIES) {
    assert.ok(overview.includes(example) && overview.includes(what), name);
    const answer = await shell.ask(example);
    assert.doesNotMatch(answer, /Uncaught|Error:/, `${example} printed ${answer}`);
    assert.doesNotMatch(answer, /\[object |Promise \{/, `${example} printed ${answer}`);
    assert.notEqual(answer, "");
  }
  await Deno.remove("/tmp/hotpath-session.pcapng"); // what the example records
  assert.equal(await shell.end(), 0);
});

const WAYS_OUT: [name: string, leave: (shell: Shell) => Promise<unknown>][] = [
  ["the end of its input", (shell) => shell.end()],
  ["close()", (shell) => shell.press("close()\n")],
  ["Deno.exit()", (shell) => shell.press("Deno.exit()\n")],
  ["an engine that is still open, and close()", async (shell) => {
    await shell.ask('open("xdp")');
    await shell.press("close()\n");
  }],
];

for (const [name, leave] of WAYS_OUT) {
  testWhen(noNamespaces(), `leaving by ${name} takes the lab down`, async () => {
    await using folder = await temporary();
    await using shell = await Shell.start(folder);
    const names = await raise(shell);
    await leave(shell);
    assert.equal(await shell.ended(), 0);
    await assertGone(names);
  });
}
