/** One interface: what its driver and the stack above it do to a packet before anybody may read it. @module */
import {
  costs,
  cpuList,
  type Cure,
  type Examination,
  field,
  type Finding,
  green,
  inside,
  quote,
  type Setting,
  type Sight,
  sysctlCure,
  sysctlFile,
  unknown,
  writeCure,
} from "./check.ts";
import type { Nic } from "./interfaces.ts";

function sys({ name }: Nic, file: string): string {
  return `/sys/class/net/${name}/${file}`;
}

/** Switches `ethtool -K` features off, and on again. */
function featuresOff(sight: Sight, { name }: Nic, features: string[]): Cure {
  const set = (to: string) => `ethtool -K ${quote(name)} ${features.map((one) => `${one} ${to}`).join(" ")}`;
  return { fix: inside(sight, set("off")), undo: inside(sight, set("on")) };
}

/** A cure that writes files, inside of the namespace. */
function written(sight: Sight, settings: Setting[], to: string): Cure {
  const { fix, undo } = writeCure(settings, to);
  return { fix: inside(sight, fix, true), undo: inside(sight, undo, true) };
}

function gro(sight: Sight, nic: Nic): Finding {
  const feature = nic.features["generic-receive-offload"];
  const hardware = nic.features["rx-gro-hw"];
  if (!feature) return unknown("ethtool does not tell", "sh scripts/setup.sh (it installs ethtool)");
  const byHardware = hardware?.active ? ", in hardware too" : "";
  if (!feature.active && !byHardware) return green("off");
  const why = nic.kind === "veth"
    ? "TCP's packets are held back to be merged; off, though, takes away veth's NAPI, which busy-poll needs"
    : "every packet is compared for merging, TCP's are held until the poll's end; market data never merges";
  const switchable = [["gro", feature], ["rx-gro-hw", hardware]] as const;
  const names = switchable.filter(([, one]) => one?.active && !one.fixed).map(([name]) => name);
  if (names.length === 0) {
    return costs("yellow", `fixed on${byHardware}`, why, "the driver or the hypervisor decides");
  }
  return costs("yellow", `on${byHardware}`, why, featuresOff(sight, nic, names));
}

function lro(sight: Sight, nic: Nic): Finding {
  const feature = nic.features["large-receive-offload"];
  if (!feature) return unknown("ethtool does not tell", "sh scripts/setup.sh (it installs ethtool)");
  if (!feature.active) return green("off");
  const why = "the NIC holds packets back to merge them, and refuses XDP programs meanwhile";
  if (feature.fixed) return costs("red", "fixed on", why, "the driver or the hypervisor decides");
  return costs("red", "on", why, featuresOff(sight, nic, ["lro"]));
}

async function coalescing(sight: Sight, nic: Nic): Promise<Finding> {
  const { code, stdout, stderr } = await sight.net.run("ethtool", "-c", nic.name);
  if (code === 127) return unknown(stderr);
  if (code !== 0) return green("none to be set");
  const adaptive = /^(on|off)\b/.exec(field(stdout, "Adaptive RX") ?? "")?.[1];
  const usecs = Number(field(stdout, "rx-usecs"));
  const found = [
    `rx-usecs ${Number.isFinite(usecs) ? usecs : "n/a"}`,
    ...adaptive === "on" ? ["adaptive"] : [],
  ].join(", ");
  const change: [string, string, string][] = [];
  if (adaptive === "on") change.push(["adaptive-rx", "on", "off"]);
  if (usecs > 0) change.push(["rx-usecs", String(usecs), "0"]);
  if (change.length === 0) return green(found);
  const set = (which: 1 | 2) =>
    inside(
      sight,
      `ethtool -C ${quote(nic.name)} ${change.map((one) => `${one[0]} ${one[which]}`).join(" ")}`,
    );
  return costs(
    usecs >= 20 ? "red" : "yellow",
    found,
    `an interrupt waits up to ${usecs || "some"} µs for more packets${
      adaptive === "on" ? ", as the driver guesses" : ""
    }`,
    { fix: set(2), undo: set(1) },
  );
}

/** Receive queues in use. */
async function receiveQueues({ net }: Sight, nic: Nic): Promise<number> {
  const { stdout } = await net.run("ethtool", "-l", nic.name);
  const current = stdout.slice(stdout.indexOf("Current hardware settings"));
  const set = (Number(field(current, "Combined")) || 0) + (Number(field(current, "RX")) || 0);
  return set || (await net.list(sys(nic, "queues"))).filter((name) => name.startsWith("rx-")).length;
}

async function steering(sight: Sight, nic: Nic): Promise<Finding> {
  const queues = await receiveQueues(sight, nic);
  if (queues === 0) return unknown("neither ethtool nor /sys tells of queues");
  if (queues === 1) return green("one queue: nothing to steer");
  const name = quote(nic.name);
  const why = `RSS spreads flows over ${queues} queues by a hash; xdp hears only the one it was given`;
  const ntuple = nic.features["ntuple-filters"];
  if (ntuple?.active) {
    const { stdout } = await sight.net.run("ethtool", "-n", nic.name);
    const rules = Number(/Total (\d+) rules/.exec(stdout)?.[1] ?? 0);
    if (rules > 0) return green(`${queues} queues, ${rules} steering rule${rules > 1 ? "s" : ""}`);
    const rule = "flow-type udp4 dst-ip 239.255.0.1 dst-port 12345 action 0";
    return costs("yellow", `${queues} queues, no rule`, why, inside(sight, `ethtool -N ${name} ${rule}`));
  }
  const found = `${queues} queues, no ntuple steering`;
  if (!ntuple || ntuple.fixed) {
    const channels = nic.kind === "veth" ? "rx 1" : "combined 1";
    return costs("yellow", found, why, inside(sight, `ethtool -L ${name} ${channels}`));
  }
  const set = (to: string) => inside(sight, `ethtool -K ${name} ntuple ${to}`);
  return costs("yellow", found, why, { fix: set("on"), undo: set("off") });
}

/** A mask like `00000000,0000000f` selects nothing. */
function empty(mask: string): boolean {
  return /^[0,]*$/.test(mask);
}

async function softwareSteering(sight: Sight, nic: Nic): Promise<Finding> {
  const queues = (await sight.net.list(sys(nic, "queues"))).filter((name) => name.startsWith("rx-"));
  if (queues.length === 0) return unknown(`${sys(nic, "queues")} may not be read`);
  const on: Setting[] = [];
  for (const queue of queues) {
    const path = sys(nic, `queues/${queue}/rps_cpus`);
    const value = await sight.net.readText(path) ?? "0";
    if (!empty(value)) on.push({ path, value });
  }
  if (on.length === 0) return green("off");
  return costs(
    "yellow",
    `on for ${on.length} of ${queues.length} queue${queues.length > 1 ? "s" : ""}`,
    "every packet is handed to another core: an interrupt between cores, 1 to 3 µs",
    written(sight, on, "0"),
  );
}

/** An interrupt of a receive queue. */
interface Interrupt {
  irq: string;
  cores: string;
  effective: string;
}

async function interrupts({ machine, net }: Sight, nic: Nic): Promise<Interrupt[] | undefined> {
  const table = await machine.readText("/proc/interrupts");
  if (table === undefined) return undefined;
  const message = new Set(await net.list(sys(nic, "device/msi_irqs")));
  const rest = table.split("\n").map((line) => /^\s*(\d+):.*\s(\S+)$/.exec(line));
  const found: Interrupt[] = [];
  for (
    const [, irq, action] of rest.filter((line) => line !== null) as unknown as [string, string, string][]
  ) {
    const parts = action.split(/[-@:.]/);
    const named = parts.includes(nic.name) || (nic.parent !== "" && action.includes(nic.parent)) ||
      action.startsWith(`${nic.parent || nic.name}-`);
    if (
      !(named || message.has(irq)) || /output|config|mgmnt|async|cmd|-tx/i.test(action.replace(/tx-?rx/i, ""))
    ) continue;
    const cores = await machine.readText(`/proc/irq/${irq}/smp_affinity_list`);
    if (cores === undefined) continue;
    found.push({
      irq,
      cores,
      effective: await machine.readText(`/proc/irq/${irq}/effective_affinity_list`) ?? cores,
    });
  }
  return found;
}

/** `38→1 39→0`, or how many when that would be long. */
function shortly(list: Interrupt[]): string {
  return list.length > 4
    ? `${list.length} interrupts on cores ${[...new Set(list.map(({ effective }) => effective))].join(",")}`
    : list.map(({ irq, effective }) => `irq ${irq} on core ${effective}`).join(", ");
}

async function affinity(sight: Sight, nic: Nic): Promise<Finding> {
  const list = await interrupts(sight, nic);
  if (!list) return unknown("/proc/interrupts may not be read");
  if (list.length === 0) return nic.kind ? green(`none (${nic.kind})`) : unknown("none found under its name");
  const isolated = cpuList(await sight.machine.readText("/sys/devices/system/cpu/isolated"));
  const path = ({ irq }: Interrupt) => `/proc/irq/${irq}/smp_affinity_list`;
  const setting = (one: Interrupt): Setting => ({ path: path(one), value: one.cores });
  const disturbing = list.filter(({ effective }) =>
    cpuList(effective).some((core) => isolated.includes(core))
  );
  if (disturbing.length) {
    const house = cpuList(await sight.machine.readText("/sys/devices/system/cpu/online"))
      .filter((core) => !isolated.includes(core));
    return costs(
      "yellow",
      `${shortly(disturbing)}, isolated`,
      "interrupts the core that was isolated for a spinner, once a packet or poll",
      house.length ? writeCure(disturbing.map(setting), String(house[0])) : "isolate fewer cores",
    );
  }
  const loose = list.filter(({ cores }) => cpuList(cores).length > 1);
  if (loose.length === 0 || (await sight.machine.run("pgrep", "-x", "irqbalance")).code !== 0) {
    return green(shortly(list));
  }
  const pins = loose.map((one) => writeCure([setting(one)], String(cpuList(one.effective)[0])));
  return costs(
    "yellow",
    `${shortly(list)}; irqbalance moves them`,
    "a queue's interrupt wanders between cores, away from warm caches and onto spinners",
    { fix: pins.map(({ fix }) => fix).join(" && "), undo: pins.map(({ undo }) => undo).join(" && ") },
  );
}

/** Fewer cores than this leave none for a thread that polls. */
const CORES_FOR_THREADS = 4;

async function threaded(sight: Sight, nic: Nic): Promise<Finding> {
  const path = sys(nic, "threaded");
  const value = await sight.net.readText(path);
  if (value === undefined) return green("not in this kernel (Linux 5.12), or not to be read");
  if (value === "0") return green("off: the softirq runs where the interrupt (on veth: the sender) does");
  const cores = cpuList(await sight.machine.readText("/sys/devices/system/cpu/online")).length;
  if (cores >= CORES_FOR_THREADS) return green("on: pin its threads (napi/…) beside the spinners");
  return costs(
    "yellow",
    `on, with ${cores} cores`,
    "the thread that polls competes with the spinners: a wake-up by the scheduler, 5 to 50 µs",
    written(sight, [{ path, value }], "0"),
  );
}

async function deferral(sight: Sight, nic: Nic): Promise<Finding> {
  const settings: Setting[] = [];
  for (const file of ["gro_flush_timeout", "napi_defer_hard_irqs"]) {
    const value = await sight.net.readText(sys(nic, file));
    if (value === undefined) return unknown(`${sys(nic, file)} may not be read`);
    settings.push({ path: sys(nic, file), value });
  }
  const [timeout, defer] = settings.map(({ value }) => Number(value)) as [number, number];
  if (timeout === 0 && defer === 0) return green("off (busy-poll wants 200000 ns and 2)");
  return costs(
    "yellow",
    `gro_flush_timeout ${timeout} ns, napi_defer_hard_irqs ${defer}`,
    `good with busy-poll; everybody else hears of a packet up to ${Math.ceil(timeout / 1000)} µs late`,
    written(sight, settings.filter(({ value }) => value !== "0"), "0"),
  );
}

async function reversePath(sight: Sight, nic: Nic): Promise<Finding> {
  const path = `net/ipv4/conf/${nic.name}/rp_filter`;
  const own = await sight.net.readText(sysctlFile(path));
  const all = await sight.net.readText(sysctlFile("net/ipv4/conf/all/rp_filter"));
  if (own === undefined || all === undefined) return unknown(`${path} may not be read`);
  const value = Math.max(Number(own), Number(all));
  if (value !== 1) return green(value ? "loose" : "off");
  const { fix, undo } = sysctlCure([path, own, 2]);
  return costs(
    "yellow",
    "strict",
    "multicast is dropped without a word unless the route back to its sender leaves by this interface",
    { fix: inside(sight, fix), undo: inside(sight, undo) },
  );
}

/** What is asked about an interface; `xdp.ts` has what AF_XDP asks. */
export const NIC_CHECKS: Examination<[Nic]>[] = [
  { id: "nic.gro", title: "GRO", look: gro },
  { id: "nic.lro", title: "LRO", look: lro },
  { id: "nic.coalescing", title: "Interrupt coalescing", look: coalescing },
  { id: "nic.steering", title: "Queues and steering", look: steering },
  { id: "nic.rps", title: "RPS", look: softwareSteering },
  { id: "nic.irq", title: "Interrupt affinity", look: affinity },
  { id: "nic.threaded", title: "Threaded NAPI", look: threaded },
  { id: "nic.deferral", title: "Deferred interrupts", look: deferral },
  { id: "nic.rp_filter", title: "Reverse-path filter", look: reversePath },
];
