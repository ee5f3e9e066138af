/** What a description costs beside a decoder written in C: ITCH 5.0 by both, in turns. @module */
import { feeds } from "hotpath";
import { report, say } from "./rounds.ts";

const SHARED = Deno.env.get("HOTPATH_SHARED") ?? new URL("../../shared", import.meta.url).pathname;
const FILE = `${SHARED}/data/itch/aapl_20120621_0930-1030.itch50.gz`;
const NATIVE = new URL("../native/", import.meta.url).pathname;

async function output(command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (code) throw new Error(`Cannot run ${command}: ${text(stderr)}`);
  return text(stdout);
}

/** Runs it. */
export async function bench(): Promise<void> {
  try {
    await Deno.stat(FILE);
  } catch {
    return say(`not measured: ${FILE} is absent (HOTPATH_SHARED names another folder)`);
  }
  await output("make", ["-s", "-C", NATIVE, "build/bench/schema_bench"]);
  const table = await Deno.makeTempFile({ prefix: "hotpath-table-" });
  try {
    await Deno.writeFile(table, feeds.itch50!.table!);
    const lines = (await output(`${NATIVE}build/bench/schema_bench`, [table, FILE])).split("\n");
    const names: Record<string, string> = { itch50: "written in C", schema: "by its description" };
    const contestants = lines.map((line) => line.split(" ")).map(([name, ...ns]) => {
      const [median, least, largest] = ns.map(Number);
      return { name: names[name!]!, median: median!, least: least!, largest: largest! };
    });
    report({ unit: "ITCH 5.0, ns a message", contestants });
  } finally {
    await Deno.remove(table);
  }
}
