import assert from "node:assert/strict";
import { type Engine, Lab, NativeError, type RxPath, Tape } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";
import { run } from "../process.ts";
import { assertSides, bookOf, sidesOf } from "../reference.ts";
import { until } from "../wire.ts";

const PATHS = ["udp", "uring", "xdp", "packet"] as const satisfies readonly RxPath[];

/** `ip` in the strategy's namespace, whose interface has its name. */
async function ip(lab: Lab, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run("ip", ["-n", lab.namespaces.strategy, ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The ways an interface is lost, and what is said then. */
const LOSSES = [{
  what: "deleted",
  lose: (lab: Lab) => ip(lab, "link", "del", lab.namespaces.strategy),
  says: /Cannot go on receiving on "hp\S+": the interface was deleted/,
}, {
  what: "moved away",
  lose: (lab: Lab) => ip(lab, "link", "set", lab.namespaces.strategy, "netns", lab.namespaces.exchange),
  says: /Cannot go on receiving on "hp\S+": the interface was moved to another network namespace/,
}] as const;

/** Takes turns until one throws. */
function turnsUntilThrown(engine: Engine): unknown {
  for (const deadline = performance.now() + 5000; performance.now() < deadline;) {
    try {
      engine.next();
    } catch (error) {
      return error;
    }
  }
}

for (const via of PATHS) {
  for (const { what, lose, says } of LOSSES) {
    testWhen(
      noNamespaces(),
      `Engine via ${via} ends with a sentence when its interface is ${what}`,
      async () => {
        using tape = Tape.generate({ records: 100, levels: 10 });
        await using lab = await Lab.up({ data: tape });
        const engine = lab.open(via, { watchOnly: true }).start();
        assert.equal(engine.running, true);
        assert.equal(engine.trouble, "");
        await lose(lab);
        await until("the engine's end", () => !engine.running);
        assert.match(engine.trouble, says);
        assert.match(Deno.inspect(engine), says);
        engine.start(); // it may be asked again, and says the same
        await until("the engine's second end", () => !engine.running && engine.trouble !== "");
        assert.match(engine.trouble, says);
        engine.close();
      },
    );

    testWhen(
      noNamespaces(),
      `Engine.next() via ${via} throws the sentence when its interface is ${what}`,
      async () => {
        using tape = Tape.generate({ records: 100, levels: 10 });
        await using lab = await Lab.up({ data: tape });
        using engine = lab.open(via, { watchOnly: true });
        engine.next();
        await lose(lab);
        for (let i = 0; i < 2; i++) {
          const error = turnsUntilThrown(engine);
          assert.ok(error instanceof NativeError);
          assert.equal(error.errno, 19);
          assert.match(error.message, says);
        }
      },
    );
  }

  testWhen(
    noNamespaces(),
    `Engine via ${via} counts that its interface went down, and goes on when it is up`,
    async () => {
      using tape = Tape.generate({ seed: 31, records: 2000, levels: 100 });
      await using lab = await Lab.up({ data: tape, pace: { rate: 10_000 } });
      const { strategy } = lab.namespaces;
      const engine = lab.open(via, { connectLater: true }).start();
      await ip(lab, "link", "set", strategy, "down");
      await ip(lab, "link", "set", strategy, "up");
      await until("the link's way down to be noticed", () => engine.feed.rx.link_downs === 1);
      assert.ok(engine.feed.troubles.some((line) => line === "the interface went down 1 times"));
      while (!(await ip(lab, "link", "show", strategy)).includes("state UP"));
      engine.connect();
      await until("the session's end", () => engine.ended === 1);
      engine.stop();
      assert.equal(engine.trouble, "");
      if (engine.feed.counters.lost === 0) assertSides(sidesOf(engine.book), bookOf(tape));
      engine.close();
    },
  );
}
