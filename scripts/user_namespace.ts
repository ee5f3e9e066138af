/** An unprivileged user namespace: where `ip netns` works without being root outside. @module */

/**
 * Arguments of `unshare` that run a command as root of a user, mount and network namespace of its own, with a /run of
 * its own for `ip netns`.
 *
 * @param command The command; none only tries whether the kernel grants such a namespace.
 */
export function unshareArgs(command: string[] = []): string[] {
  const flags = ["--user", "--map-root-user", "--net", "--mount"];
  const ownRun = "mount -t tmpfs tmpfs /run";
  return [...flags, "sh", "-c", command.length ? `${ownRun} && exec "$@"` : ownRun, "sh", ...command];
}
