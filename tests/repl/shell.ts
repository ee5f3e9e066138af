/** The shell as a person has it: lines typed into `scripts/repl.ts`, and what came back. @module */
import { ENV, ROOT } from "../process.ts";

const ARGS = ["run", "--quiet", "-P=repl", "scripts/repl.ts"];
/** Colours, cursor movements and the like. */
// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>]|\r/g;

/** How a shell is started. */
export interface ShellOptions {
  /** In a terminal of its own (through `script`), with an editor, completion and signals. @default {false} */
  terminal?: boolean;
  /** File of the history. */
  history: string;
}

/** A running shell. */
export class Shell implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;
  #text = "";
  #asked = 0;

  /** Starts one; it has said its words of welcome when this resolves. */
  static async start(options: ShellOptions): Promise<Shell> {
    const shell = new Shell(options);
    await shell.until(/^Hotpath: .*\n(?:.*\n){3}History is kept in .*\n/m);
    return shell;
  }

  private constructor({ terminal = false, history }: ShellOptions) {
    const command = [Deno.execPath(), ...ARGS];
    const process = new Deno.Command(terminal ? "script" : command[0]!, {
      args: terminal
        ? ["--quiet", "--flush", "--return", "--command", command.join(" "), "/dev/null"]
        : command.slice(1),
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      env: { ...ENV, DENO_REPL_HISTORY: history, TERM: "xterm" },
    }).spawn();
    this.#process = process;
    this.#keys = process.stdin.getWriter();
    this.#read = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of process.stdout) {
        this.#text += decoder.decode(chunk, { stream: true }).replace(ESCAPES, "");
      }
    })();
  }

  /** What it printed so far. */
  get text(): string {
    return this.#text;
  }

  /** Presses keys. */
  async press(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Waits until something matches in what was printed from `from` on. */
  async until(pattern: RegExp, from = 0, ms = 20_000): Promise<RegExpExecArray> {
    for (const deadline = performance.now() + ms;;) {
      const match = pattern.exec(this.#text.slice(from));
      if (match) return match;
      if (performance.now() > deadline) {
        throw new Error(`Waited ${ms} ms in vain for ${pattern}; it printed: ${this.#text.slice(from)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Types a line; what it printed. Without a terminal, where nothing is echoed. */
  async ask(line: string): Promise<string> {
    const from = this.#text.length;
    const mark = `answered ${++this.#asked}`;
    await this.press(`${line}\n"${mark}"\n`);
    const { index } = await this.until(new RegExp(`"${mark}"\n`), from);
    return this.#text.slice(from, from + index);
  }

  /** Ends what it reads from (Ctrl-D without a terminal); its exit code. */
  async end(): Promise<number> {
    await this.#keys.close().catch(() => {}); // it has ended by itself
    return await this.ended();
  }

  /** Waits for it to end; its exit code. */
  async ended(): Promise<number> {
    const { code } = await this.#process.status;
    await this.#read;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.#keys.close().catch(() => {});
    await this.ended();
  }
}
