/**
 * How the doctor looks at a machine: files it reads, commands it runs. Everything goes through here, so that a recorded
 * machine can be examined as well as this one.
 *
 * @module
 */

/** What a command left. */
export interface Ran {
  /** Exit code; 127 when there is no such program, 124 when it did not end in time. */
  code: number;
  /** What it printed. */
  stdout: string;
  /** What it complained of. */
  stderr: string;
}

/** A machine that can be looked at. */
export interface Probe {
  /** A file's text without surrounding white space; undefined where it is absent or may not be read. */
  readText(path: string): Promise<string | undefined>;
  /** Names inside a folder, sorted; none where it is absent or may not be read. */
  list(path: string): Promise<string[]>;
  /** Runs a command to its end; never throws because of what the command does. */
  run(...command: string[]): Promise<Ran>;
}

/** No question to a machine takes longer than this many ms; huge pages may. */
const PATIENCE_MS = 15_000;

/** iproute2 and ethtool live in sbin, which is not everybody's PATH. */
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

/** This machine, as far as Deno and the kernel let this process see it (`-A`: Deno guards /proc and /sys with it). */
export function machineProbe(): Probe {
  const env = { PATH: `${Deno.env.get("PATH") ?? ""}:${SBIN}`, LC_ALL: "C" };
  return {
    async readText(path) {
      try {
        return (await Deno.readTextFile(path)).trim();
      } catch {
        return undefined; // absent, or not ours to read: the check that asks says so
      }
    },
    async list(path) {
      try {
        return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort(naturally);
      } catch {
        return [];
      }
    },
    async run(...[program, ...args]) {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      try {
        const options = { args, env, signal, stdin: "null", stdout: "piped", stderr: "piped" } as const;
        const { code, stdout, stderr } = await new Deno.Command(program!, options).output();
        if (signal.aborted) return { code: 124, stdout: "", stderr: `${program} did not end in time` };
        const text = new TextDecoder();
        return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
      } catch (error) {
        const stderr = error instanceof Deno.errors.NotFound
          ? `the program ${program} is missing; run \`sh scripts/setup.sh\``
          : (error as Error).message;
        return { code: 127, stdout: "", stderr };
      }
    },
  };
}

/**
 * The same machine from inside of a named network namespace: /sys/class/net and /proc/sys/net are that namespace's.
 *
 * @param netns Its name, as `ip netns list` has it.
 */
export function namespaceProbe(machine: Probe, netns: string): Probe {
  const run = (...command: string[]) => machine.run("ip", "netns", "exec", netns, ...command);
  return {
    run,
    async readText(path) {
      const { code, stdout } = await run("cat", path);
      return code === 0 ? stdout.trim() : undefined;
    },
    async list(path) {
      const { code, stdout } = await run("ls", "-1", path);
      return code === 0 ? stdout.split("\n").filter((name) => name !== "").sort(naturally) : [];
    },
  };
}

const ORDER = new Intl.Collator("en", { numeric: true });

/** Orders names so that cpu2 comes before cpu10. */
export function naturally(a: string, b: string): number {
  return ORDER.compare(a, b);
}
