import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Lab, Namespaces, sweep, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { ENV, labNamespaces, Program, run } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

/** Namespaces of this process that exist. */
async function ours(): Promise<string[]> {
  return (await labNamespaces()).filter((name) => name.startsWith(`hp${Deno.pid}-`)).sort();
}

testWhen(
  noNamespaces(),
  "Namespaces.up() joins two namespaces with a wire; down() removes them",
  async () => {
    assert.deepEqual(await ours(), []);
    {
      await using pair = await Namespaces.up();
      assert.deepEqual(await ours(), [pair.strategy, pair.exchange].sort());
      for (const [name, address] of [[pair.exchange, "10.77.0.1"], [pair.strategy, "10.77.0.2"]] as const) {
        assert.ok(name.length < 16, "an interface of that name is possible");
        const { stdout } = await run("ip", ["-n", name, "-br", "addr", "show", "dev", name]);
        assert.match(stdout, /\bUP\b/);
        assert.match(stdout, new RegExp(`${address}/24`));
        assert.doesNotMatch(stdout, /fe80/, "no IPv6 chatter");
      }
      const { code } = await run("nsenter", [
        `--net=/run/netns/${pair.strategy}`,
        Deno.execPath(),
        "eval",
        "try { await Deno.connect({ hostname: '10.77.0.1', port: 9012 }) } catch (e) { Deno.exit(e.name === 'ConnectionRefused' ? 0 : 1) }",
      ], { env: ENV });
      assert.equal(code, 0, "the other end answers");
    }
    assert.deepEqual(await ours(), []);
  },
);

testWhen(
  noNamespaces(),
  "Lab.up() twice: two labs with the same addresses do not hear each other",
  async () => {
    using first = Tape.generate({ seed: 1, records: 3000, levels: 50 });
    using second = Tape.generate({ seed: 2, records: 3000, levels: 50 });
    {
      await using one = await Lab.up({ data: first });
      await using two = await Lab.up({ data: second });
      assert.equal((await ours()).length, 4);
      assert.notEqual(one.namespaces.exchange, two.namespaces.exchange);
      const engines = [one.open("udp", { connectLater: true }), two.open("xdp", { connectLater: true })];
      for (const engine of engines) engine.connect().start();
      await until("both sessions", () => engines.every(({ ended }) => ended === 1));
      for (const { feed } of engines) assert.equal(feed.counters.lost + feed.counters.bad_size, 0);
      assertSides(sidesOf(engines[0]!.book), bookOf(first));
      assertSides(sidesOf(engines[1]!.book), bookOf(second));
      assert.deepEqual(one.engines, [engines[0]]);
    }
    assert.deepEqual(await ours(), []);
  },
);

testWhen(noNamespaces(), "Lab.down() may come twice, and closes what is open", async () => {
  using tape = Tape.generate({ records: 1000, levels: 50 });
  const lab = await Lab.up({ data: tape });
  const engine = lab.open("uring");
  engine.start();
  await lab.down();
  await lab.down();
  assert.equal(engine.open, false);
  assert.equal(lab.exchange.running, false);
  assert.equal(Deno.inspect(lab), "Lab (down)");
  assert.deepEqual(await ours(), []);
});

testWhen(noNamespaces(), "Lab.up() leaves nothing behind when it fails", async () => {
  await assert.rejects(Lab.up({ data: "/no/such/tape.csv" }), /\/no\/such\/tape\.csv/);
  await assert.rejects(Lab.up({ loss: 2 }), /shares are 0 to 1/);
  assert.deepEqual(await ours(), []);
});

testWhen(noNamespaces(), "Lab.open() twice with xdp: the second is told whose program is there", async () => {
  using tape = Tape.generate({ records: 1000, levels: 50 });
  await using lab = await Lab.up({ data: tape });
  using _engine = lab.open("xdp", { watchOnly: true });
  assert.throws(
    () => lab.open("xdp", { watchOnly: true }),
    /XDP program \d+ "hotpath_steer" is there already/,
  );
});

testWhen(noNamespaces(), "sweep() removes what a killed process left, and nothing else", async () => {
  await using mine = await Namespaces.up();
  const foreign = "hp-not-a-labs"; // somebody else's, and alike in name
  await run("ip", ["netns", "add", foreign]);
  try {
    await using program = new Program(`
      import { Lab } from "hotpath";
      const lab = await Lab.up();
      const engine = lab.open("xdp");
      engine.start();
      while (engine.loops < 100) await new Promise((resolve) => setTimeout(resolve, 1));
      console.log("up " + JSON.stringify([lab.namespaces.exchange, lab.namespaces.strategy]));
      await new Promise((resolve) => setTimeout(resolve, 60_000));`);
    const [exchange, strategy] = JSON.parse(await program.line("up ")) as [string, string];
    assert.deepEqual(await sweep(), [], "it lives: nothing is swept");
    const attached = await run("ip", ["-n", strategy, "link", "show", "dev", strategy]);
    assert.match(attached.stdout, /xdp/);

    await program.end("SIGKILL");
    await until("the XDP program's end", () => {
      const { stdout } = new Deno.Command("ip", {
        args: ["-n", strategy, "link", "show", "dev", strategy],
        env: ENV,
      })
        .outputSync();
      return !/xdp/.test(new TextDecoder().decode(stdout));
    });
    const swept = await sweep(); // or another run did, in this very moment
    assert.ok(swept.every((name) => !name.startsWith(`hp${Deno.pid}-`)));
    assert.equal(existsSync(`/run/netns/${exchange}`), false);
    assert.equal(existsSync(`/run/netns/${strategy}`), false);
    assert.ok(existsSync(`/run/netns/${foreign}`));
    assert.equal((await ours()).length, 2, "one's own stay");
    assert.ok(mine.exchange);
  } finally {
    await run("ip", ["netns", "del", foreign]);
  }
});

testWhen(noNamespaces(), "Namespaces.up() sweeps before it raises", async () => {
  await using program = new Program(`
    import { Namespaces } from "hotpath";
    const { exchange } = await Namespaces.up();
    console.log("up " + exchange);
    await new Promise((resolve) => setTimeout(resolve, 60_000));`);
  const left = await program.line("up ");
  await program.end("SIGKILL");
  assert.ok(existsSync(`/run/netns/${left}`));
  await using _pair = await Namespaces.up();
  assert.equal(existsSync(`/run/netns/${left}`), false);
});
