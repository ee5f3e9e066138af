/** Runs the native tests: C programs built with AddressSanitizer and UBSan, one Deno test each. */
import assert from "node:assert/strict";

const NATIVE = new URL("../../native/", import.meta.url).pathname;
const SKIPPED = 77;

function output(command: string, args: string[]): { code: number; text: string } {
  const PATH = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;
  const { code, stdout, stderr } = new Deno.Command(command, { args, cwd: NATIVE, env: { PATH } })
    .outputSync();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stdout) + decode(stderr) };
}

const programs = [...Deno.readDirSync(new URL(".", import.meta.url))]
  .map(({ name }) => name)
  .filter((name) => name.endsWith("_test.c"))
  .map((name) => name.slice(0, -2))
  .sort();

Deno.test("native: the tests build without a warning", () => {
  const { code, text } = output("make", ["-s", "-j", String(navigator.hardwareConcurrency), "tests"]);
  assert.equal(code, 0, text);
});

for (const program of programs) {
  Deno.test(`native: ${program} passes under AddressSanitizer and UBSan`, () => {
    const { code, text } = output(`${NATIVE}build/test/${program}`, []);
    console.log(text.trimEnd());
    assert.ok(code === 0 || code === SKIPPED, `${program} exited with ${code}:\n${text}`);
  });
}
