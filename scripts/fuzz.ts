/**
 * Fuzzes what reads bytes of strangers: decoders, capture files, recorded markets.
 *
 *   deno task fuzz [--seconds 60] [NAME …]
 *
 * Each target of tests/native/fuzz/ is built by clang with libFuzzer, AddressSanitizer and UBSan, and runs for its
 * seconds over a corpus that begins with real messages where the data is there, else with a few made here; what it finds new
 * stays in native/build/fuzz/corpus/NAME for the next time. A crash fails, and says which bytes did it.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { numberOf } from "./arguments.ts";
import { seedsOf } from "./fuzz_seeds.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const BUILD = join(ROOT, "native/build/fuzz");

/** What one target came to. */
export interface Fuzzed {
  /** The target. */
  name: string;
  /** Inputs run. */
  runs: number;
  /** Inputs a second. */
  perSecond: number;
  /** Edges of the code it has seen, by libFuzzer's count. */
  coverage: number;
  /** The input that crashed it. */
  crash: string | undefined;
  /** What libFuzzer wrote, for people. */
  log: string;
}

/** Every target there is. */
export function targets(): string[] {
  return readdirSync(join(ROOT, "tests/native/fuzz")).filter((file) => file.endsWith(".c"))
    .map((file) => file.slice(0, -2)).sort();
}

/** Why nothing can be fuzzed here; undefined when it can. */
export function noFuzzer(): string | undefined {
  try {
    const { stdout } = new Deno.Command("clang", { args: ["-print-resource-dir"] }).outputSync();
    const lib = join(new TextDecoder().decode(stdout).trim(), "lib");
    const has = readdirSync(lib).some((folder) =>
      readdirSync(join(lib, folder)).some((file) => file.startsWith("libclang_rt.fuzzer"))
    );
    if (has) return undefined;
  } catch { /* no clang, or one without runtimes */ }
  return "clang's libFuzzer runtime is not installed: deno task setup (Debian: libclang-rt-dev, Fedora: compiler-rt)";
}

/** Builds targets. @throws {Error} with the compiler's words. */
export function build(names: string[]): void {
  const { success, stdout, stderr } = new Deno.Command("make", {
    args: ["-s", "-j", String(navigator.hardwareConcurrency), ...names.map((name) => `build/fuzz/${name}`)],
    cwd: join(ROOT, "native"),
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` },
  }).outputSync();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`Cannot build the fuzz targets:\n${decode(stdout)}${decode(stderr)}`);
}

/** Writes a target's first inputs where there are none yet. */
function seed(name: string, corpus: string): void {
  mkdirSync(corpus, { recursive: true });
  for (const [i, bytes] of seedsOf(name).entries()) {
    const path = join(corpus, `seed-${i}`);
    if (!existsSync(path)) writeFileSync(path, bytes);
  }
}

/** Runs one target, which must have been built. */
export async function fuzz(name: string, seconds: number): Promise<Fuzzed> {
  const corpus = join(BUILD, "corpus", name);
  seed(name, corpus);
  const { code, stderr } = await new Deno.Command(join(BUILD, name), {
    args: [
      `-max_total_time=${seconds}`,
      "-max_len=2048",
      "-timeout=10",
      "-print_final_stats=1",
      `-artifact_prefix=${join(BUILD, name)}-`,
      corpus,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const log = new TextDecoder().decode(stderr);
  const number = (pattern: RegExp) => Number([...log.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const crash = /Test unit written to (\S+)/.exec(log)?.[1];
  return {
    name,
    runs: number(/number_of_executed_units: (\d+)/g),
    perSecond: number(/average_exec_per_sec: *(\d+)/g),
    coverage: number(/cov: (\d+)/g),
    crash: code === 0 ? undefined : crash ?? "(it wrote none)",
    log,
  };
}

function tell({ name, runs, perSecond, coverage, crash, log }: Fuzzed): void {
  console.log(
    `${crash ? "FAILED" : "ok    "} ${name}: ${runs} inputs, ${perSecond} a second, ${coverage} edges`,
  );
  if (!crash) return;
  console.log(log.split("\n").filter((line) => !/^#\d|^INFO|^\tNEW/.test(line)).slice(0, 40).join("\n"));
  console.log(`The input is ${crash}; once more with it alone:\n  native/build/fuzz/${name} ${crash}`);
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { seconds: { type: "string" } },
    allowPositionals: true,
  });
  const seconds = numberOf("seconds", values.seconds, 60);
  const all = targets();
  const unknown = positionals.find((name) => !all.includes(name));
  if (unknown) throw new TypeError(`Cannot fuzz "${unknown}": there are ${all.join(", ")}`);
  const missing = noFuzzer();
  if (missing) throw new Error(`Cannot fuzz: ${missing}`);
  const names = positionals.length ? positionals : all;
  build(names);
  for (const name of names) {
    const result = await fuzz(name, seconds);
    tell(result);
    if (result.crash) Deno.exitCode = 1;
  }
}

if (import.meta.main) {
  await main(Deno.args).catch((error: Error) => {
    console.error(error.message);
    Deno.exit(1);
  });
}
