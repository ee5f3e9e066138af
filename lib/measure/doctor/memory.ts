/** Memory: large pages, locked pages, and what moves or evicts pages behind a program's back. @module */
import {
  costs,
  type Examination,
  field,
  type Finding,
  green,
  type Sight,
  sysctlCure,
  sysctlFile,
  unknown,
  writeCure,
} from "./check.ts";
import { hasCapability } from "./capabilities.ts";

/** Huge pages of 2 MiB that the doctor reserves: frames and books fit several times over. */
const WANTED_PAGES = 64;

async function hugePages({ machine }: Sight): Promise<Finding> {
  const pages = await machine.readText(sysctlFile("vm/nr_hugepages"));
  const info = await machine.readText("/proc/meminfo");
  if (pages === undefined || info === undefined) return unknown("vm.nr_hugepages may not be read");
  const kib = (name: string) => parseInt(field(info, name) ?? "0");
  const size = kib("Hugepagesize");
  if (Number(pages) > 0) {
    return green(`${pages} of ${size} KiB, ${field(info, "HugePages_Free") ?? "?"} free`);
  }
  const why = "frames in small pages miss the TLB: 10 to 100 ns now and then";
  const room = kib("MemAvailable") > 4 * WANTED_PAGES * size;
  return costs(
    "yellow",
    "none (vm.nr_hugepages is 0)",
    why,
    room
      ? sysctlCure(["vm/nr_hugepages", pages, WANTED_PAGES])
      : `sysctl -w vm.nr_hugepages=${WANTED_PAGES} on a machine with more free memory`,
  );
}

/** `"always [madvise] never"` → `madvise` */
function chosen(text: string): string {
  return /\[(.+?)\]/.exec(text)?.[1] ?? text;
}

async function transparent({ machine }: Sight): Promise<Finding> {
  const path = "/sys/kernel/mm/transparent_hugepage/enabled";
  const text = await machine.readText(path);
  if (text === undefined) return green("not in this kernel, or not to be read");
  const value = chosen(text);
  if (value !== "always") return green(value);
  return costs(
    "yellow",
    "always",
    "the kernel compacts and moves pages of running programs: stalls of 10 µs to ms",
    writeCure([{ path, value }], "madvise"),
  );
}

/** Enough for the frames of several AF_XDP sockets, bytes. */
const LOCKED_BYTES = 64 << 20;

async function locked({ machine }: Sight): Promise<Finding> {
  const limits = await machine.readText("/proc/self/limits");
  const soft = /^Max locked memory +(\S+)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return unknown("/proc/self/limits may not be read");
  if (soft === "unlimited" || Number(soft) >= LOCKED_BYTES) {
    return green(soft === "unlimited" ? soft : size(soft));
  }
  if (await hasCapability(machine, "IPC_LOCK")) return green(`${size(soft)}, not held against CAP_IPC_LOCK`);
  return costs(
    "yellow",
    size(soft),
    "AF_XDP frames are counted against it: xdp may not open; pages that cannot be locked may fault",
    "ulimit -l unlimited as root, or `* - memlock unlimited` in /etc/security/limits.conf",
  );
}

function size(bytes: string): string {
  const kib = Number(bytes) / 1024;
  return kib >= 1024 ? `${Math.round(kib / 1024)} MiB` : `${Math.round(kib)} KiB`;
}

async function swap({ machine }: Sight): Promise<Finding> {
  const table = await machine.readText("/proc/swaps");
  if (table === undefined) return unknown("/proc/swaps may not be read");
  const devices = table.split("\n").slice(1).map((line) => line.split(/\s/)[0]!);
  if (devices.length === 0) return green("none");
  return costs(
    "yellow",
    devices.join(", "),
    "a page that was swapped out costs milliseconds to touch",
    "swapoff -a, where memory suffices without",
  );
}

async function balancing({ machine }: Sight): Promise<Finding> {
  const nodes =
    (await machine.list("/sys/devices/system/node")).filter((name) => /^node\d+$/.test(name)).length;
  const value = await machine.readText(sysctlFile("kernel/numa_balancing"));
  const found = nodes > 1 ? `${nodes} nodes` : "one node";
  if (value === undefined || value === "0" || nodes <= 1) return green(`${found}, balancing off`);
  return costs(
    "yellow",
    `${found}, balancing on`,
    "pages are unmapped on purpose to see who touches them: a fault of 1 to 10 µs each",
    sysctlCure(["kernel/numa_balancing", value, 0]),
  );
}

/** What is asked about memory. */
export const MEMORY_CHECKS: Examination[] = [
  { id: "memory.huge_pages", title: "Huge pages", look: hugePages },
  { id: "memory.transparent", title: "Transparent huge pages", look: transparent },
  { id: "memory.locked", title: "RLIMIT_MEMLOCK", look: locked },
  { id: "memory.swap", title: "Swap", look: swap },
  { id: "memory.numa", title: "NUMA balancing", look: balancing },
];
