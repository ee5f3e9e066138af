/** Processes that tests start: Deno programs, commands in namespaces, and what is left of them. @module */
import { sweep } from "hotpath";

/** The project's folder. */
export const ROOT: string = new URL("..", import.meta.url).pathname;

/** How a process ended. */
export interface Ended {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** Variables every started process gets: no colours, and where iproute2 lives. */
export const ENV = { NO_COLOR: "1", PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` };

/** Runs a command to its end, with `ms` of patience. */
export async function run(
  command: string,
  args: string[],
  options: Deno.CommandOptions & { ms?: number } = {},
): Promise<Ended> {
  const { ms = 60_000, ...rest } = options;
  const output = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: ENV,
    signal: AbortSignal.timeout(ms),
    ...rest,
  }).output();
  return {
    code: output.code,
    signal: output.signal,
    stdout: new TextDecoder().decode(output.stdout),
    stderr: new TextDecoder().decode(output.stderr),
  };
}

/** Runs this very Deno. */
export function deno(args: string[], options: Deno.CommandOptions & { ms?: number } = {}): Promise<Ended> {
  return run(Deno.execPath(), args, options);
}

/** A Deno program started from its text, killed at the end of its scope if it still runs. */
export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #text = "";
  #errors = "";
  #read: Promise<unknown>;

  /** @param source A module; `import … from "hotpath"` works. @param stderr "piped" keeps it from the console. */
  constructor(source: string, stderr: "inherit" | "piped" = "inherit") {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-lock", `--config=${ROOT}deno.json`, "-A", "-"],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr,
      env: ENV,
    }).spawn();
    this.#process = process;
    const writer = process.stdin.getWriter();
    writer.write(new TextEncoder().encode(source)).then(() => writer.close()).catch(() => {});
    const take = async (stream: ReadableStream<Uint8Array>, add: (text: string) => void) => {
      for await (const chunk of stream) add(new TextDecoder().decode(chunk));
    };
    this.#read = Promise.all([
      take(process.stdout, (text) => this.#text += text),
      stderr === "piped" && take(process.stderr, (text) => this.#errors += text),
    ]);
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** What it has complained of so far, when that is piped. */
  get stderr(): string {
    return this.#errors;
  }

  /** Waits for a line that begins with `start`; returns the rest of it. */
  async line(start: string, ms = 20_000): Promise<string> {
    for (const deadline = performance.now() + ms; performance.now() < deadline;) {
      const line = this.#text.split("\n").slice(0, -1).find((text) => text.startsWith(start));
      if (line !== undefined) return line.slice(start.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`Waited ${ms} ms in vain for a line "${start}…"; it printed: ${this.#text}`);
  }

  /** Sends it a signal and waits until it is gone. */
  async end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await this.#read;
    return await this.#process.status;
  }

  /** Kills it as nothing can refuse, and removes the namespaces it could not. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
    if (Deno.uid() === 0) await sweep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** A process of that id runs (a zombie does not). */
export function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Names of the lab's namespaces on this machine. */
export async function labNamespaces(): Promise<string[]> {
  const { stdout } = await run("ip", ["netns", "list"]);
  return stdout.split("\n").map((line) => line.split(" ")[0]!).filter((name) => /^hp\d+-\d+[xs]$/.test(name));
}
