/**
 * Everything a change must pass, in one command:
 *
 *   deno task test [NAME …]
 *
 * Without names: formatting, lint, types, documentation, the native tests under sanitizers, every TypeScript test and
 * every example in the documentation. With names (path fragments): only the TypeScript tests that match.
 * Closes with one line: N passed, N failed.
 */

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };

async function run(command: string[]): Promise<{ ok: boolean; output: string }> {
  const process = new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` },
  }).spawn();
  let output = "";
  const take = async (stream: ReadableStream<Uint8Array>, show: boolean) => {
    for await (
      const chunk of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    ) {
      output += chunk;
      if (show) await Deno.stdout.write(new TextEncoder().encode(chunk));
    }
  };
  const show = command.includes("test");
  await Promise.all([take(process.stdout, show), take(process.stderr, show)]);
  return { ok: (await process.status).success, output };
}

/** A check that passes or fails as a whole. */
async function check(name: string, command: string[]): Promise<void> {
  const { ok, output } = await run(command);
  console.log(`${ok ? "ok    " : "FAILED"} ${name}`);
  if (!ok) console.log(output);
  totals[ok ? "passed" : "failed"]++;
}

/** A `deno test` run: its own closing line is what counts. */
async function tests(name: string, args: string[]): Promise<void> {
  console.log(`\n== ${name}`);
  const { ok, output } = await run(["deno", "test", "-A", "--no-check", ...args]);
  const line = /(\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/.exec(
    output,
  );
  totals.passed += Number(line?.[1] ?? 0);
  totals.failed += Number(line?.[2] ?? 0);
  totals.skipped += Number(line?.[3] ?? 0);
  if (!ok && !Number(line?.[2])) totals.failed++; // it broke outside of any test
}

async function sources(): Promise<string[]> {
  const { output } = await run(["git", "ls-files", "*.ts"]);
  return output.trim().split("\n").filter((path) => path !== "");
}

async function main(names: string[]): Promise<void> {
  if (names.length === 0) {
    await check("deno fmt --check", ["deno", "fmt", "--check"]);
    await check("deno lint", ["deno", "lint"]);
    await check("deno check", ["deno", "check", ...await sources()]);
    await check("deno doc --lint mod.ts", ["deno", "doc", "--lint", "mod.ts"]);
    await check("clang-format", ["make", "-s", "-C", "native", "format-check"]);
    await tests("tests", ["tests/"]);
    await tests("examples in the documentation", ["--doc", "--permit-no-files", "mod.ts", "lib/"]);
  } else {
    const matching = (await sources()).filter((path) =>
      path.endsWith("_test.ts") && names.some((name) => path.includes(name))
    );
    await tests(names.join(", "), matching);
  }
  const skipped = totals.skipped ? `, ${totals.skipped} skipped` : "";
  console.log(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`);
  Deno.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

await main(Deno.args);
