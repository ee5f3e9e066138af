/** What this process may do, and which receive path each capability opens. @module */
import {
  costs,
  type Examination,
  field,
  type Finding,
  green,
  type Sight,
  sysctlFile,
  unknown,
} from "./check.ts";
import type { Probe } from "./probe.ts";

/** Bits of capabilities(7). */
const CAPABILITIES = { NET_ADMIN: 12, NET_RAW: 13, IPC_LOCK: 14, SYS_ADMIN: 21, BPF: 39 } as const;

/** A capability that some receive path asks for. */
export type Capability = keyof typeof CAPABILITIES;

/** This process has a capability; undefined when that cannot be read. */
export async function hasCapability(machine: Probe, name: Capability): Promise<boolean | undefined> {
  const effective = field(await machine.readText("/proc/self/status"), "CapEff");
  if (effective === undefined) return undefined;
  return (BigInt(`0x${effective}`) >> BigInt(CAPABILITIES[name]) & 1n) === 1n;
}

/** Those of `names` that are lacking; undefined when that cannot be read. */
async function lacking(machine: Probe, names: Capability[]): Promise<Capability[] | undefined> {
  const missing: Capability[] = [];
  for (const name of names) {
    const has = await hasCapability(machine, name);
    if (has === undefined) return undefined;
    // CAP_BPF came with Linux 5.8; CAP_SYS_ADMIN still stands in for it.
    if (!has && !(name === "BPF" && await hasCapability(machine, "SYS_ADMIN"))) missing.push(name);
  }
  return missing;
}

function written(names: Capability[]): string {
  return names.map((name) => `CAP_${name}`).join(", ");
}

/** The process lives in a user namespace: its capabilities hold only for what that namespace owns. */
async function inUserNamespace(machine: Probe): Promise<boolean> {
  const map = await machine.readText("/proc/self/uid_map");
  return map !== undefined && !/^\s*0\s+0\s+4294967295$/.test(map);
}

function free(): Finding {
  return green("need nothing");
}

async function packet({ machine }: Sight): Promise<Finding> {
  const missing = await lacking(machine, ["NET_RAW"]);
  if (!missing) return unknown("/proc/self/status may not be read");
  if (missing.length === 0) return green(`CAP_NET_RAW${await whose(machine)}`);
  return costs(
    "yellow",
    `lacks ${written(missing)}`,
    "via=packet cannot open its socket",
    "sudo; or in namespaces of your own: `unshare -Urn`",
  );
}

async function xdp({ machine }: Sight): Promise<Finding> {
  const wanted: Capability[] = ["BPF", "NET_ADMIN", "NET_RAW"];
  const missing = await lacking(machine, wanted);
  if (!missing) return unknown("/proc/self/status may not be read");
  const owned = await inUserNamespace(machine);
  if (missing.length === 0 && !owned) return green(written(wanted));
  return costs(
    "yellow",
    missing.length ? `lacks ${written(missing)}` : "has them, but only in a user namespace",
    "via=xdp cannot load its program: no user namespace grants BPF",
    "sudo; without it udp and uring need nothing, packet works under `unshare -Urn`",
  );
}

async function tap({ machine }: Sight): Promise<Finding> {
  const missing = await lacking(machine, ["NET_ADMIN"]);
  if (!missing) return unknown("/proc/self/status may not be read");
  if (!(await machine.list("/dev/net")).includes("tun")) {
    return costs("yellow", "no /dev/net/tun", "via=tap cannot open its device", "modprobe tun");
  }
  if ((await machine.run("test", "-w", "/dev/net/tun")).code === 1) {
    return costs(
      "yellow",
      "/dev/net/tun is not this user's to open",
      "via=tap cannot open its device, namespaces of its own or not",
      "sudo chmod a+rw /dev/net/tun, as distributions have it",
    );
  }
  if (missing.length === 0) return green(`CAP_NET_ADMIN, /dev/net/tun${await whose(machine)}`);
  return costs(
    "yellow",
    `lacks ${written(missing)}`,
    "via=tap cannot make its device",
    "`sudo ip tuntap add dev tap0 mode tap user $USER` once; or `unshare -Urn`",
  );
}

async function whose(machine: Probe): Promise<string> {
  return await inUserNamespace(machine) ? " (of this user namespace)" : "";
}

/** Switches of distributions that keep ordinary users from namespaces, and what each must be. */
const USERNS_SWITCHES: [path: string, open: (value: string) => boolean][] = [
  ["user/max_user_namespaces", (value) => value !== "0"],
  ["kernel/unprivileged_userns_clone", (value) => value !== "0"],
  ["kernel/apparmor_restrict_unprivileged_userns", (value) => value === "0"],
];

async function userNamespaces({ machine }: Sight): Promise<Finding> {
  if (await machine.readText(sysctlFile("user/max_user_namespaces")) === undefined) {
    return unknown("user.max_user_namespaces may not be read");
  }
  for (const [path, open] of USERNS_SWITCHES) {
    const value = await machine.readText(sysctlFile(path));
    if (value === undefined || open(value)) continue;
    return costs(
      "yellow",
      `refused (${path.replaceAll("/", ".")} is ${value})`,
      "without root there is no lab: it lives in namespaces of its own",
      `sudo, or sysctl -w ${path}=${path.startsWith("user") ? 1024 : path.includes("apparmor") ? 0 : 1}`,
    );
  }
  return green("`unshare -Urn` works without root");
}

/** What is asked about this process. */
export const CAPABILITY_CHECKS: Examination[] = [
  { id: "capabilities.free", title: "udp, uring, pcap", look: free },
  { id: "capabilities.packet", title: "packet", look: packet },
  { id: "capabilities.xdp", title: "xdp", look: xdp },
  { id: "capabilities.tap", title: "tap", look: tap },
  { id: "capabilities.userns", title: "User namespaces", look: userNamespaces },
];
