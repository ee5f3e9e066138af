/**
 * The doctor: looks at a machine and says, line by line, what costs latency and what would fix it; on request it applies
 * what can be taken back.
 *
 * @module
 */
import { CAPABILITY_CHECKS } from "./capabilities.ts";
import { type Check, type CheckLevel, costs, type Examination, type Finding, type Sight } from "./check.ts";
import { CPU_CHECKS } from "./cpu.ts";
import { interfaces, type Nic } from "./interfaces.ts";
import { KERNEL_CHECKS } from "./kernel.ts";
import { MEMORY_CHECKS } from "./memory.ts";
import { NETWORK_CHECKS } from "./network.ts";
import { NIC_CHECKS } from "./nic.ts";
import { machineProbe, namespaceProbe, type Probe } from "./probe.ts";
import { XDP_CHECKS } from "./xdp.ts";

/** What to look at. */
export interface DiagnoseOptions {
  /** Names of interfaces; none: those made of hardware that are up, else all that are up. */
  interfaces?: string[];
  /** Network namespace to look inside of, as `ip netns list` has it. @default {""} */
  netns?: string;
  /** Only checks whose id begins with one of these, like `cpu` or `nic.gro`; none: all. */
  only?: string[];
  /** The machine. @default {machineProbe()} */
  probe?: Probe;
}

/** What the doctor found. */
export interface Diagnosis {
  /** One for each thing that was looked at. */
  checks: Check[];
  /** How many of each level. */
  summary: Record<CheckLevel, number>;
  /** Checks that failed themselves, a sentence each; they are in `checks` as red. */
  broken: string[];
}

/** What became of a fix. */
export interface Treatment {
  /** Of which check. */
  id: string;
  /** The command that was run. */
  fix: string;
  /** The command that takes it back; "" when nothing was changed. */
  undo: string;
  /** "" when it worked, else why not. */
  failed: string;
}

const MACHINE_CHECKS: Examination[] = [
  ...CPU_CHECKS,
  ...MEMORY_CHECKS,
  ...KERNEL_CHECKS,
  ...CAPABILITY_CHECKS,
  ...NETWORK_CHECKS,
];

/** An examination of something definite, ready to be made and made again. */
interface Task {
  id: string;
  title: string;
  /** @param again The machine was changed since its interfaces were listed. */
  look: (again: boolean) => Finding | Promise<Finding>;
}

function ofNic(sight: Sight, nic: Nic) {
  return ({ id, title, look }: Examination<[Nic]>): Task => ({
    id: `${id}@${nic.name}`,
    title,
    look: async (again) => await look(sight, again ? (await interfaces(sight, [nic.name]))[0]! : nic),
  });
}

async function tasks(options: DiagnoseOptions): Promise<Task[]> {
  const list = await everyTask(options);
  const { only = [] } = options;
  const vain = only.find((start) => !list.some(({ id }) => id.startsWith(start)));
  if (vain !== undefined) {
    const topics = [...new Set(list.map(({ id }) => id.split(".")[0]))].join(", ");
    throw new Error(`Cannot look at "${vain}": no check's id begins with it; the topics are ${topics}`);
  }
  return only.length ? list.filter(({ id }) => only.some((start) => id.startsWith(start))) : list;
}

async function everyTask(options: DiagnoseOptions): Promise<Task[]> {
  const machine = options.probe ?? machineProbe();
  const netns = options.netns ?? "";
  const sight: Sight = { machine, net: netns ? namespaceProbe(machine, netns) : machine, netns };
  const list: Task[] = MACHINE_CHECKS.map(({ look, ...named }) => ({ ...named, look: () => look(sight) }));
  const asked = options.interfaces ?? [];
  let nics: Nic[];
  try {
    nics = await interfaces(sight, asked);
  } catch (error) {
    // Without a wish there is a machine to report on all the same.
    if (asked.length || netns) throw error;
    const { message } = error as Error;
    return [...list, {
      id: "nic.interfaces",
      title: "Interfaces",
      look: () =>
        Promise.resolve(costs("yellow", `unknown: ${message}`, "", "sh scripts/setup.sh (it installs ip)")),
    }];
  }
  for (const nic of nics) list.push(...[...NIC_CHECKS, ...XDP_CHECKS].map(ofNic(sight, nic)));
  return list;
}

async function examine({ id, title, look }: Task, broken: string[], again = false): Promise<Check> {
  try {
    return { id, title, ...await look(again) };
  } catch (error) {
    const why = `${id} broke: ${error instanceof Error ? error.message : error}`;
    broken.push(why);
    return { id, title, ...costs("red", why, "", "report it") };
  }
}

function diagnosis(checks: Check[], broken: string[]): Diagnosis {
  const summary = { green: 0, yellow: 0, red: 0 };
  for (const { level } of checks) summary[level]++;
  return { checks, summary, broken };
}

/**
 * Looks at a machine; changes nothing.
 *
 * @throws {Error} when a namespace or an interface that was asked for is not there.
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const broken: string[] = [];
  const checks: Check[] = [];
  for (const task of await tasks(options)) checks.push(await examine(task, broken));
  return diagnosis(checks, broken);
}

/**
 * Looks at a machine, applies every fix that can be taken back, and looks again at what was treated. A fix that fails
 * stops nobody.
 *
 * @param told Hears of each treatment when it is over.
 * @returns What the machine is like afterwards, and what was done.
 * @throws {Error} as {@linkcode diagnose}.
 */
export async function treat(
  options: DiagnoseOptions = {},
  told: (treatment: Treatment) => void = () => {},
): Promise<Diagnosis & { treatments: Treatment[] }> {
  const probe = options.probe ?? machineProbe();
  const broken: string[] = [];
  const checks: Check[] = [];
  const treatments: Treatment[] = [];
  for (const task of await tasks({ ...options, probe })) {
    const before = await examine(task, broken);
    if (!before.fixable) {
      checks.push(before);
      continue;
    }
    const { code, stderr } = await probe.run("sh", "-c", before.fix);
    const after = await examine(task, broken, true);
    const changed = after.found !== before.found;
    const failed = code !== 0
      ? stderr.trim().split("\n")[0] || `it ended with code ${code}`
      : changed
      ? ""
      : "the machine took it without a word and stayed as it was";
    checks.push(after);
    treatments.push({ id: before.id, fix: before.fix, undo: changed ? before.undo : "", failed });
    told(treatments.at(-1)!);
  }
  return { ...diagnosis(checks, broken), treatments };
}
