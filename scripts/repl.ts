/**
 * The lab by hand: Deno's own REPL with the shell of repl/ in it.
 *
 *   deno task repl
 *
 * Why a script starts it: the REPL ends on Ctrl-D without telling anybody inside, and network namespaces outlive their
 * process. So the one who outlives the REPL removes what is left. Without root, everything runs inside an unprivileged
 * user namespace (udp and uring; xdp needs root).
 */
import { sweep } from "hotpath";
import { denoProgram } from "../lib/strategy/program.ts";
import { unshareArgs } from "./user_namespace.ts";

const PRELUDE = new URL("../repl/prelude.ts", import.meta.url).href;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;
/** What the person types at is the REPL; its starter only waits. */
const LEFT_TO_THE_REPL = ["SIGINT", "SIGQUIT", "SIGHUP"] as const;

function configure() {
  const home = Deno.env.get("HOME") ?? "/tmp";
  const args = [
    "repl",
    "--quiet",
    `--config=${CONFIG}`,
    "-P=repl",
    // Instead of the set's: strategies run by this very Deno, wherever it lies.
    `--allow-run=ip,${Deno.execPath()}`,
    `--eval=await import(${JSON.stringify(PRELUDE)})`,
  ];
  return { args, history: Deno.env.get("DENO_REPL_HISTORY") ?? `${home}/.hotpath_history` };
}

function start({ args, history }: ReturnType<typeof configure>): Deno.ChildProcess {
  const options = { env: { DENO_REPL_HISTORY: history } };
  if (Deno.uid() === 0) return new Deno.Command(denoProgram(), { ...options, args }).spawn();
  console.log(
    "Not root: this is an unprivileged user namespace; udp and uring work, xdp needs root (`sudo`).",
  );
  return new Deno.Command("unshare", { ...options, args: unshareArgs([denoProgram(), ...args]) }).spawn();
}

async function main(): Promise<void> {
  for (const signal of LEFT_TO_THE_REPL) Deno.addSignalListener(signal, () => {});
  const repl = start(configure());
  Deno.addSignalListener("SIGTERM", () => repl.kill("SIGTERM"));
  const { code } = await repl.status;
  if (Deno.uid() === 0) await sweep();
  Deno.exit(code);
}

await main();
