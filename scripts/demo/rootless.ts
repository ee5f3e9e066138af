/** Without root: the same demo inside an unprivileged user namespace. @module */

const PRELUDE = 'mount -t tmpfs tmpfs /run && exec "$@"';

/**
 * Does nothing and returns false for root. Otherwise runs this very command again as root of a user, mount and network
 * namespace of its own (where `ip netns` works without being root outside), and returns true when that has ended.
 *
 * @param say Told, in one sentence, what does not work there.
 * @throws {Error} when the kernel grants no such namespace.
 */
export async function inUserNamespace(say: (line: string) => void): Promise<boolean> {
  if (Deno.uid() === 0) return false;
  say(
    "Not root: runs in an unprivileged user namespace with udp and uring; xdp needs root (CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW), so use `sudo` for it.",
  );
  const paths = Deno.args.some((arg) => arg.startsWith("--paths")) ? [] : ["--paths", "udp,uring"];
  const again = ["deno", "run", "-q", "-P=lab", new URL("../demo.ts", import.meta.url).pathname];
  const { code } = await new Deno.Command("unshare", {
    args: [
      "--user",
      "--map-root-user",
      "--net",
      "--mount",
      "sh",
      "-c",
      PRELUDE,
      "sh",
      ...again,
      ...Deno.args,
      ...paths,
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code === 1) {
    throw new Error("Cannot run without root: see above; if the kernel refuses user namespaces, use `sudo`");
  }
  Deno.exitCode = code;
  return true;
}
