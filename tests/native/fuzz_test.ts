/** Every fuzz target for a moment, so that none rots; `deno task fuzz` runs them for as long as they deserve. */
import assert from "node:assert/strict";
import { build, fuzz, noFuzzer, targets } from "../../scripts/fuzz.ts";
import { testWhen } from "../fixture.ts";

const SECONDS = 2;

testWhen(noFuzzer(), "fuzz: every target holds for a moment, and gets somewhere", async (t) => {
  build(targets());
  for (const name of targets()) {
    await t.step(name, async () => {
      const { runs, coverage, crash, log } = await fuzz(name, SECONDS);
      assert.equal(crash, undefined, log);
      assert.ok(runs > 10 && coverage > 20, `${runs} inputs, ${coverage} edges`);
    });
  }
});
