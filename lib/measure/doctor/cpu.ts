/** The cores: how fast they are, whether they sleep, whom they are shared with, and which clock they have. @module */
import {
  costs,
  cpuList,
  type Examination,
  field,
  type Finding,
  green,
  type Setting,
  type Sight,
  unknown,
  writeCure,
} from "./check.ts";
import type { Probe } from "./probe.ts";

const CPU = "/sys/devices/system/cpu";

/** Names of the cores' folders. */
async function cores(machine: Probe): Promise<string[]> {
  return (await machine.list(CPU)).filter((name) => /^cpu\d+$/.test(name));
}

/** One file of every core that has it. */
async function everyCore(machine: Probe, file: string): Promise<Setting[]> {
  const settings: Setting[] = [];
  for (const core of await cores(machine)) {
    const path = `${CPU}/${core}/${file}`;
    const value = await machine.readText(path);
    if (value !== undefined) settings.push({ path, value });
  }
  return settings;
}

async function governor({ machine }: Sight): Promise<Finding> {
  if ((await cores(machine)).length === 0) return unknown(`${CPU} may not be read`);
  const governors = await everyCore(machine, "cpufreq/scaling_governor");
  if (governors.length === 0) return green("none: the firmware or the hypervisor decides");
  const slow = governors.filter(({ value }) => value !== "performance");
  const all = governors.length === 1 ? "1 core" : `${governors.length} cores`;
  if (slow.length === 0) return green(`performance on ${all}`);
  const driver = await machine.readText(`${CPU}/cpu0/cpufreq/scaling_driver`) ?? "";
  const lowest = slow.some(({ value }) => value === "powersave") &&
    !/^(intel_pstate|amd-pstate-epp)$/.test(driver);
  const found = [...new Set(slow.map(({ value }) => value))].join(", ");
  return costs(
    lowest ? "red" : "yellow",
    `${found} on ${slow.length} of ${all}${driver && ` (${driver})`}`,
    lowest
      ? "pins the clock at its lowest: everything takes two to four times as long"
      : "the clock falls between events and takes tens of µs to rise again",
    writeCure(
      slow,
      "performance",
      slow.length === governors.length ? `${CPU}/cpu*/cpufreq/scaling_governor` : undefined,
    ),
  );
}

/** Longest wake-up that nobody notices, µs. */
const QUICK_US = 2;

async function idleStates({ machine }: Sight): Promise<Finding> {
  const names = await cores(machine);
  if (names.length === 0) return unknown(`${CPU} may not be read`);
  // A process may hold the whole machine awake through this device; opened for reading, it tells the limit.
  const { code, stdout } = await machine.run("od", "-An", "-td4", "-N4", "/dev/cpu_dma_latency");
  const limit = code === 0 ? Number(stdout) : Infinity;
  let [deepest, deepestUs] = ["", -1];
  const deep: Setting[] = [];
  for (const core of names) {
    for (const state of await machine.list(`${CPU}/${core}/cpuidle`)) {
      const at = `${CPU}/${core}/cpuidle/${state}`;
      const us = Number(await machine.readText(`${at}/latency`) ?? NaN);
      if (!(us <= limit) || await machine.readText(`${at}/disable`) !== "0") continue;
      if (us > deepestUs) [deepest, deepestUs] = [await machine.readText(`${at}/name`) ?? state, us];
      if (us > QUICK_US) deep.push({ path: `${at}/disable`, value: "0" });
    }
  }
  if (deepestUs < 0) return green("none: idle cores poll, or the hypervisor decides");
  const held = limit < 2_000_000_000 ? `, /dev/cpu_dma_latency holds ${limit} µs` : "";
  const found = `deepest ${deepest}, ${deepestUs} µs to wake${held}`;
  if (deep.length === 0) return green(found);
  const states = [...new Set(deep.map(({ path }) => path.split("/").at(-2)!))];
  const everywhere = deep.length === states.length * names.length;
  const digits = states.map((state) => state.slice("state".length)).join("");
  const glob = everywhere && digits.length === states.length
    ? `${CPU}/cpu*/cpuidle/state[${digits}]/disable`
    : undefined;
  return costs(
    deepestUs > 50 ? "red" : "yellow",
    found,
    `who waits instead of spinning (wait=block, busy-poll) is woken up to ${deepestUs} µs late`,
    writeCure(deep, "1", glob),
  );
}

async function isolation({ machine }: Sight): Promise<Finding> {
  const online = cpuList(await machine.readText(`${CPU}/online`));
  if (online.length === 0) return unknown(`${CPU}/online may not be read`);
  const isolated = cpuList(await machine.readText(`${CPU}/isolated`));
  const tickless = cpuList(await machine.readText(`${CPU}/nohz_full`));
  const missing = isolated.filter((core) => !tickless.includes(core));
  if (isolated.length && !missing.length) {
    return green(`cores ${isolated.join(",")}, without a tick (nohz_full)`);
  }
  const spare = online.length > 3 ? online.slice(2).join(",") : "";
  const parameters = (list: string) =>
    `kernel parameters isolcpus=${list} nohz_full=${list} rcu_nocbs=${list}, reboot`;
  if (isolated.length) {
    return costs(
      "yellow",
      `cores ${isolated.join(",")}, with a timer tick on ${missing.join(",")}`,
      "each tick takes 2 to 5 µs out of a spinning core, 100 to 1000 times a second",
      parameters(isolated.join(",")),
    );
  }
  return costs(
    "yellow",
    "none (no isolcpus, no nohz_full)",
    "other processes, ticks and kernel threads run on the cores that spin: gaps of 10 µs to ms",
    spare ? parameters(spare) : `${online.length} cores leave none to isolate: a machine with four or more`,
  );
}

/** Threads that want a core each in the lab: the engine, an isolated strategy, the exchange. */
const SPINNERS = 3;

async function enough({ machine }: Sight): Promise<Finding> {
  const allowed = cpuList(field(await machine.readText("/proc/self/status"), "Cpus_allowed_list"));
  const count = allowed.length;
  if (count === 0) return unknown("/proc/self/status may not be read");
  const found = `${count} for ${SPINNERS} spinners (engine, isolated strategy, exchange)`;
  if (count > SPINNERS) return green(found);
  return costs(
    count === 1 ? "red" : "yellow",
    found,
    count === 1
      ? "spinners take turns by the scheduler: milliseconds, not microseconds"
      : "fewer than spinners and one for the rest: some wait on a futex, 5 to 50 µs to wake",
    "more cores, or runner=inline and wait=block where cores are scarce",
  );
}

async function quota({ machine }: Sight): Promise<Finding> {
  const own = /^0::(.*)$/m.exec(await machine.readText("/proc/self/cgroup") ?? "")?.[1];
  if (own === undefined) return green("no cgroup v2");
  const path = own.split("/").filter((part) => part !== "" && part !== "..");
  for (let depth = path.length; depth >= 0; depth--) {
    const group = ["/sys/fs/cgroup", ...path.slice(0, depth)].join("/");
    const [most, period] = (await machine.readText(`${group}/cpu.max`) ?? "max 0").split(" ");
    if (most === "max") continue;
    return costs(
      "red",
      `${Number(most) / Number(period)} cores' time (${group}/cpu.max)`,
      "a spinner uses it up, then stands still for the rest of every period",
      `echo max > ${group}/cpu.max, or start the container without a CPU limit (use cpusets)`,
    );
  }
  return green("none");
}

async function siblings({ machine }: Sight): Promise<Finding> {
  const active = await machine.readText(`${CPU}/smt/active`);
  if (active === undefined) return unknown(`${CPU}/smt/active may not be read`);
  if (active === "0") return green("off, or the hypervisor hides it");
  return costs(
    "yellow",
    `on (core 0 is ${await machine.readText(`${CPU}/cpu0/topology/thread_siblings_list`) ?? "two threads"})`,
    "two threads share a core's caches and ports: a busy sibling slows the spinner by a third",
    `pin spinners to different cores and leave siblings idle, or \`echo off > ${CPU}/smt/control\``,
  );
}

async function clock({ machine }: Sight): Promise<Finding> {
  const at = "/sys/devices/system/clocksource/clocksource0";
  const source = await machine.readText(`${at}/current_clocksource`);
  if (source === undefined) return unknown(`${at} may not be read`);
  const flags = (field(await machine.readText("/proc/cpuinfo"), "flags") ?? "").split(" ");
  const invariant = flags.includes("constant_tsc") && flags.includes("nonstop_tsc");
  const arm = source === "arch_sys_counter";
  const found = arm ? source : `${source}, TSC ${invariant ? "invariant" : "not known to be invariant"}`;
  if (arm || (source === "tsc" && invariant)) return green(found);
  const offered = (await machine.readText(`${at}/available_clocksource`) ?? "").split(" ").includes("tsc");
  const slow = !["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"].includes(source);
  return costs(
    slow ? "red" : "yellow",
    found,
    slow
      ? "every stamp is a system call or a device read, 0.2 to 2 µs each"
      : "stamps cost more than the TSC's 10 ns, or cannot be trusted across cores",
    source !== "tsc" && offered && invariant
      ? writeCure([{ path: `${at}/current_clocksource`, value: source }], "tsc")
      : "kernel parameter tsc=reliable where the hardware is known good, reboot",
  );
}

async function hypervisor({ machine }: Sight): Promise<Finding> {
  const info = await machine.readText("/proc/cpuinfo");
  if (info === undefined) return unknown("/proc/cpuinfo may not be read");
  if (!(field(info, "flags") ?? "").split(" ").includes("hypervisor")) return green("none seen");
  const dmi = (file: string) => machine.readText(`/sys/class/dmi/id/${file}`);
  const { stdout } = await machine.run("systemd-detect-virt", "--vm");
  const named = [await dmi("sys_vendor"), await dmi("product_name")].filter(Boolean).join(" ");
  const vm = named || (/^\w+$/.test(stdout.trim()) && stdout.trim() !== "none" ? stdout.trim() : "unnamed");
  const times =
    /^cpu +(.*)$/m.exec(await machine.readText("/proc/stat") ?? "")?.[1]?.split(" ").map(Number) ?? [];
  const stolen = 100 * (times[7] ?? 0) / Math.max(1, times.slice(0, 8).reduce((a, b) => a + b, 0));
  return costs(
    "yellow",
    `virtual machine (${vm}), ${stolen.toFixed(stolen < 1 ? 2 : 1)} % of its time stolen`,
    "the host takes cores away and interrupts exit to it: p99.9 is the host's",
    "bare metal, or dedicated cores pinned by the host",
  );
}

async function mitigations({ machine }: Sight): Promise<Finding> {
  const at = `${CPU}/vulnerabilities`;
  const active: string[] = [];
  for (const name of await machine.list(at)) {
    if ((await machine.readText(`${at}/${name}`))?.startsWith("Mitigation")) active.push(name);
  }
  if (active.length === 0) return green("none active");
  return costs(
    "yellow",
    active.join(", "),
    "each entry into the kernel pays for them: the system calls of udp, uring and the order's send",
    "kernel parameter mitigations=off, only where nobody else's code ever runs",
  );
}

/** What is asked about the cores. */
export const CPU_CHECKS: Examination[] = [
  { id: "cpu.governor", title: "Frequency governor", look: governor },
  { id: "cpu.idle", title: "C-states", look: idleStates },
  { id: "cpu.isolated", title: "Isolated cores", look: isolation },
  { id: "cpu.cores", title: "Cores for spinners", look: enough },
  { id: "cpu.quota", title: "CPU quota", look: quota },
  { id: "cpu.smt", title: "SMT", look: siblings },
  { id: "cpu.clock", title: "Clock source", look: clock },
  { id: "cpu.hypervisor", title: "Hypervisor", look: hypervisor },
  { id: "cpu.mitigations", title: "Mitigations", look: mitigations },
];
