import assert from "node:assert/strict";
import { threadCpuNs } from "hotpath";

Deno.test("threadCpuNs() counts what the thread does, not what it waits for", () => {
  const start = threadCpuNs();
  let sum = 0;
  for (let i = 0; i < 3e7; i++) sum += i;
  const worked = threadCpuNs() - start;
  assert.ok(sum > 0 && worked > 0);
  const before = threadCpuNs();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  assert.ok(threadCpuNs() - before < 200e6, "200 ms of sleep are no work");
});
