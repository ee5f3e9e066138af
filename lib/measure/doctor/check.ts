/**
 * What a check is: a small function that looks at one thing and says what it found, what that costs and what would fix
 * it. Levels mean:
 *
 * - `red`: costs tens of microseconds, spoils the measurement, or takes a receive path away;
 * - `yellow`: costs microseconds or jitter, narrows a choice, or could not be seen;
 * - `green`: costs nothing, or has no meaning on this machine.
 *
 * @module
 */
import type { Probe } from "./probe.ts";

/** How bad it is. */
export type CheckLevel = "green" | "yellow" | "red";

/** One line of the doctor's report. */
export interface Check {
  /** `topic.name`, and `@interface` where it is about one. */
  id: string;
  /** For people. */
  title: string;
  /** How bad it is. */
  level: CheckLevel;
  /** What is there. */
  found: string;
  /** Why that costs; "" when it does not. */
  why: string;
  /** What would fix it: the exact shell command where `fixable`, else a sentence; "" when nothing is to be done. */
  fix: string;
  /** `--fix` runs `fix`, and `undo` takes it back. */
  fixable: boolean;
  /** The exact shell command that restores what was found; "" unless `fixable`. */
  undo: string;
}

/** A pair of shell commands that undo each other. */
export interface Cure {
  /** Changes the machine. */
  fix: string;
  /** Restores what was found. */
  undo: string;
}

/** What a check function answers: {@linkcode Check} without its name. */
export type Finding = Omit<Check, "id" | "title">;

/** What all checks look at. */
export interface Sight {
  /** The machine. */
  machine: Probe;
  /** The same, from inside of the network namespace that is examined. */
  net: Probe;
  /** That namespace's name; "" is the one the doctor runs in. */
  netns: string;
}

/** One examination: a name and the function that looks. */
export interface Examination<On extends unknown[] = []> {
  /** `topic.name`. */
  id: string;
  /** For people, at most 24 characters. */
  title: string;
  /** Looks. */
  look: (sight: Sight, ...on: On) => Finding | Promise<Finding>;
}

/** Nothing to do. @param why Said only where a green deserves a word. */
export function green(found: string, why = ""): Finding {
  return { level: "green", found, why, fix: "", fixable: false, undo: "" };
}

/** Something costs. @param cure A sentence for people, or commands that can be taken back. */
export function costs(level: "yellow" | "red", found: string, why: string, cure: string | Cure): Finding {
  return typeof cure === "string"
    ? { level, found, why, fix: cure, fixable: false, undo: "" }
    : { level, found, why, fix: cure.fix, fixable: true, undo: cure.undo };
}

/** What could not be seen is not known to be good. */
export function unknown(what: string, fix = "look again as root, outside of containers"): Finding {
  return costs("yellow", `unknown: ${what}`, "", fix);
}

/** A word as the shell reads it back unchanged. */
export function quote(word: string): string {
  return /^[\w.:@%+,/=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A shell command made to run inside of the namespace that is examined. @param shell It needs a shell of its own. */
export function inside({ netns }: Sight, command: string, shell = false): string {
  if (netns === "") return command;
  return `ip netns exec ${quote(netns)} ${shell ? `sh -c '${command.replaceAll("'", `'\\''`)}'` : command}`;
}

/** `/proc/sys` name of a setting; `path` has slashes, because names of interfaces have dots. */
export function sysctlFile(path: string): string {
  return `/proc/sys/${path}`;
}

/** A sysctl: its path below /proc/sys, what it is, and what it should be. */
export type SysctlChange = [path: string, from: string, to: string | number];

/** Sets sysctls, and back. */
export function sysctlCure(...changes: SysctlChange[]): Cure {
  const set = (which: 1 | 2) => changes.map((change) => quote(`${change[0]}=${change[which]}`)).join(" ");
  return { fix: `sysctl -qw ${set(2)}`, undo: `sysctl -qw ${set(1)}` };
}

/** A file and the value it has. */
export interface Setting {
  /** Where. */
  path: string;
  /** What is there now. */
  value: string;
}

/**
 * Writes one value into several files, and each file's own value back.
 *
 * @param settings The files as they are.
 * @param to The new value.
 * @param glob Stands for all the files when they hold the same: shorter to read.
 */
export function writeCure(settings: Setting[], to: string, glob?: string): Cure {
  const write = (value: string, paths: string[]) =>
    paths.length === 1 && !paths[0]!.includes("*")
      ? `echo ${quote(value)} > ${paths[0]}`
      : `echo ${quote(value)} | tee ${paths.join(" ")} > /dev/null`;
  const values = [...new Set(settings.map(({ value }) => value))];
  const all = glob === undefined || settings.length === 1 ? settings.map(({ path }) => quote(path)) : [glob];
  const having = (value: string) =>
    settings.filter((one) => one.value === value).map(({ path }) => quote(path));
  return {
    fix: write(to, all),
    undo: values.map((value) => write(value, values.length === 1 ? all : having(value))).join(" && "),
  };
}

/** `"0-3,8"` → 0, 1, 2, 3, 8; anything else is none. */
export function cpuList(text: string | undefined): number[] {
  const parts = (text ?? "").split(",").map((part) => /^(\d+)(?:-(\d+))?$/.exec(part.trim()));
  return parts.flatMap((part) => {
    if (!part) return [];
    const first = Number(part[1]);
    return Array.from({ length: Number(part[2] ?? first) - first + 1 }, (_, i) => first + i);
  });
}

/** `field: value` of a text like /proc/self/status or what ethtool prints. */
export function field(text: string | undefined, name: string): string | undefined {
  const lines = (text ?? "").split("\n").map((line) => [line, line.indexOf(":")] as const);
  const found = lines.find(([line, colon]) => colon > 0 && line.slice(0, colon).trim() === name);
  return found?.[0].slice(found[1] + 1).trim();
}

/** The kernel is at least this; undefined when its release cannot be read. */
export async function kernelAtLeast(
  machine: Probe,
  major: number,
  minor: number,
): Promise<boolean | undefined> {
  const release = /^(\d+)\.(\d+)/.exec(await machine.readText("/proc/sys/kernel/osrelease") ?? "");
  if (!release) return undefined;
  const [, have, also] = release.map(Number) as [number, number, number];
  return have > major || (have === major && also >= minor);
}
