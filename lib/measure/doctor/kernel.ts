/** What the kernel offers: io_uring, AF_XDP, BPF and its file systems, and what runs in it uninvited. @module */
import { LAB_NAMESPACE } from "../../lab/namespaces.ts";
import { hasCapability } from "./capabilities.ts";
import {
  costs,
  type Examination,
  field,
  type Finding,
  green,
  kernelAtLeast,
  quote,
  type Sight,
  sysctlCure,
  sysctlFile,
  unknown,
} from "./check.ts";

async function uring({ machine }: Sight): Promise<Finding> {
  const why = "via=uring cannot open its ring";
  const recent = await kernelAtLeast(machine, 6, 0);
  if (recent === undefined) return unknown("the kernel's release may not be read");
  if (!recent) return costs("red", "older than Linux 6.0", why, "Linux 6.0 or newer");
  const disabled = await machine.readText(sysctlFile("kernel/io_uring_disabled")) ?? "0";
  if (disabled === "2" || (disabled === "1" && !await hasCapability(machine, "SYS_ADMIN"))) {
    const whom = disabled === "2" ? "nobody" : "only kernel.io_uring_group and root";
    return costs("red", `switched off: ${whom} may use it`, why, "sysctl -w kernel.io_uring_disabled=0");
  }
  if (field(await machine.readText("/proc/self/status"), "Seccomp") === "2") {
    return costs(
      "yellow",
      "there, behind a seccomp filter",
      "the default filter of containers denies it",
      "start the container with a profile that allows io_uring_setup, _enter and _register",
    );
  }
  return green("there");
}

async function afXdp({ machine }: Sight): Promise<Finding> {
  const protocols = await machine.readText("/proc/net/protocols");
  if (protocols === undefined) return unknown("/proc/net/protocols may not be read");
  if (/^XDP\s/m.test(protocols)) return green("there");
  return costs("red", "not in this kernel", "via=xdp cannot open", "a kernel with CONFIG_XDP_SOCKETS");
}

async function btf({ machine }: Sight): Promise<Finding> {
  if ((await machine.list("/sys/kernel/btf")).includes("vmlinux")) return green("/sys/kernel/btf/vmlinux");
  if ((await machine.list("/sys/kernel")).length === 0) return unknown("/sys/kernel may not be read");
  return costs(
    "yellow",
    "none",
    "BPF programs that read kernel structures cannot be loaded",
    "a kernel with CONFIG_DEBUG_INFO_BTF",
  );
}

async function jit({ machine }: Sight): Promise<Finding> {
  const value = await machine.readText(sysctlFile("net/core/bpf_jit_enable"));
  if (value === undefined) {
    return unknown(
      "net.core.bpf_jit_enable may not be read",
      "look as root, in the machine's own network namespace",
    );
  }
  if (value !== "0") return green("on");
  return costs(
    "red",
    "off",
    "every XDP program is interpreted: several times slower, on every packet",
    sysctlCure(["net/core/bpf_jit_enable", value, 1]),
  );
}

async function unprivileged({ machine }: Sight): Promise<Finding> {
  const value = await machine.readText(sysctlFile("kernel/unprivileged_bpf_disabled"));
  if (value === undefined) return unknown("kernel.unprivileged_bpf_disabled may not be read");
  return value === "0"
    ? green("anybody may load some", "no latency, but a risk: sysctl -w kernel.unprivileged_bpf_disabled=2")
    : green(`only with CAP_BPF (kernel.unprivileged_bpf_disabled is ${value})`);
}

async function tcx({ machine }: Sight): Promise<Finding> {
  const recent = await kernelAtLeast(machine, 6, 6);
  if (recent === undefined) return unknown("the kernel's release may not be read");
  if (recent) return green("there (Linux 6.6 or newer)");
  return costs(
    "yellow",
    "older than Linux 6.6",
    "BPF on the way out attaches through clsact, without a link that goes with the process",
    "Linux 6.6 or newer",
  );
}

/** A file system of the kernel's that must be mounted by somebody. */
function mounted(type: string, at: string, why: string) {
  return async ({ machine }: Sight): Promise<Finding> => {
    const mounts = await machine.readText("/proc/mounts");
    if (mounts === undefined) return unknown("/proc/mounts may not be read");
    const line = mounts.split("\n").map((line) => line.split(" ")).find((fields) => fields[2] === type);
    if (line) return green(line[1]!);
    return costs("yellow", "not mounted", why, {
      fix: `mount -t ${type} ${type} ${at}`,
      undo: `umount ${at}`,
    });
  };
}

async function watchdogs({ machine }: Sight): Promise<Finding> {
  const names = ["nmi_watchdog", "soft_watchdog"];
  const changes: [string, string, number][] = [];
  let seen = 0;
  for (const name of names) {
    const value = await machine.readText(sysctlFile(`kernel/${name}`));
    if (value !== undefined) seen++;
    if (value !== undefined && value !== "0") changes.push([`kernel/${name}`, value, 0]);
  }
  if (seen === 0) return unknown("kernel.nmi_watchdog may not be read");
  if (changes.length === 0) return green("off");
  return costs(
    "yellow",
    changes.map(([path]) => path.slice("kernel/".length)).join(", "),
    "interrupts every core every few seconds for some µs",
    sysctlCure(...changes),
  );
}

async function leftovers({ machine }: Sight): Promise<Finding> {
  const { code, stdout, stderr } = await machine.run("ip", "netns", "list");
  if (code !== 0) return unknown(`ip netns list: ${stderr.trim()}`);
  const labs = stdout.split("\n").map((line) => LAB_NAMESPACE.exec(line.split(" ")[0] ?? ""));
  const left: string[] = [];
  let alive = 0;
  for (const lab of labs) {
    if (!lab) continue;
    if (await machine.readText(`/proc/${lab[1]}/stat`) === undefined) left.push(lab[0]);
    else alive++;
  }
  if (left.length === 0) return green(alive ? `none; ${alive} of labs that run` : "none");
  return costs(
    "yellow",
    left.join(", "),
    "of runs that were killed: memory, and names that confuse",
    `${left.map((name) => `ip netns del ${quote(name)}`).join(" && ")} (the next lab sweeps them)`,
  );
}

/** What is asked about the kernel. */
export const KERNEL_CHECKS: Examination[] = [
  { id: "kernel.io_uring", title: "io_uring", look: uring },
  { id: "kernel.af_xdp", title: "AF_XDP", look: afXdp },
  { id: "kernel.btf", title: "BTF", look: btf },
  { id: "kernel.jit", title: "BPF JIT", look: jit },
  { id: "kernel.unprivileged_bpf", title: "Unprivileged BPF", look: unprivileged },
  { id: "kernel.tcx", title: "tcx", look: tcx },
  {
    id: "kernel.tracefs",
    title: "tracefs",
    look: mounted(
      "tracefs",
      "/sys/kernel/tracing",
      "classic tracepoints cannot be found: no path of a packet",
    ),
  },
  {
    id: "kernel.bpffs",
    title: "bpffs",
    look: mounted(
      "bpf",
      "/sys/fs/bpf",
      "BPF objects cannot be pinned; programs go with their process all the same",
    ),
  },
  { id: "kernel.watchdog", title: "Watchdogs", look: watchdogs },
  { id: "kernel.leftovers", title: "Leftover namespaces", look: leftovers },
];
