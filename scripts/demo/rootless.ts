/** Without root: the same demo inside an unprivileged user namespace. @module */
import { unshareArgs } from "../user_namespace.ts";

/**
 * Does nothing and returns false for root. Otherwise runs this very command again as root of a user, mount and network
 * namespace of its own (where `ip netns` works without being root outside), and returns true when that has ended.
 *
 * @param say Told, in one sentence, what does not work there.
 * @throws {Error} when the kernel grants no such namespace.
 */
export async function inUserNamespace(say: (line: string) => void): Promise<boolean> {
  if (Deno.uid() === 0) return false;
  await tryNamespace();
  say(
    "Not root: runs in an unprivileged user namespace with udp and uring; xdp needs root (CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW), so use `sudo` for it.",
  );
  const paths = Deno.args.some((arg) => arg.startsWith("--paths")) ? [] : ["--paths", "udp,uring"];
  const demo = new URL("../demo.ts", import.meta.url).pathname;
  const again = [Deno.execPath(), "run", "-q", "-P=lab", demo, ...Deno.args, ...paths];
  const { code } = await new Deno.Command("unshare", {
    args: unshareArgs(again),
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  Deno.exitCode = code;
  return true;
}

/** Its own attempt, so that a refusal is told from a demo that fails inside. */
async function tryNamespace(): Promise<void> {
  const { success, stderr } = await new Deno.Command("unshare", { args: unshareArgs() }).output();
  if (success) return;
  const why = new TextDecoder().decode(stderr).trim().split("\n")[0];
  throw new Error(
    `Cannot run without root: the kernel grants no unprivileged user namespace (${why}); use \`sudo\``,
  );
}
