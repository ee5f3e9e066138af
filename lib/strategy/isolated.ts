/**
 * The isolated runner: the script in a Deno process of its own that holds no permission when its first line runs,
 * fed through a seat, killed when it stops answering.
 *
 * @module
 */
import { backlog, Engine, heartbeat, type Seat } from "../engine.ts";
import { pictured } from "../measure/print.ts";
import { check, LIBRARY, native } from "../native.ts";
import type { ChildOptions } from "./child.ts";
import { denoProgram, scriptUrl } from "./program.ts";

/** How an isolated run is started. */
export interface IsolatedOptions {
  /** Parameters set anew. */
  params?: Record<string, unknown>;
  /** The child spins for events (it wants a core of its own); otherwise it sleeps. @default {cores >= 4} */
  spin?: boolean;
  /** Core to pin the child to; -1 does not pin. @default {-1} */
  cpu?: number;
  /** Killed after this long without a sign of life, ms. @default {1000} */
  answerMs?: number;
  /** Time allowed until its first sign of life, ms. @default {20000} */
  startMs?: number;
}

/** How an isolated run ended. */
export interface IsolatedEnd {
  /** It was killed, with why; undefined when it ended by itself or was asked to. */
  killed: string | undefined;
  /** Exit code of the process. */
  code: number;
}

const CHILD = new URL("./child.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const WATCH_MS = 50;
/** How long the last orders may take to be acknowledged, ms: TCP may delay an acknowledgement by 200. */
const SETTLE_MS = 250;

/**
 * A strategy running in its own process.
 *
 * @example
 * ```ts ignore
 * const run = await runIsolated(engine, "scripts/strategies/large_trade.ts", { params: { threshold: 1e9 } });
 * await run.stop();
 * ```
 */
export class IsolatedRun implements AsyncDisposable {
  /** The script. */
  readonly script: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<IsolatedEnd>;
  readonly #engine: Engine;
  readonly #seat: Seat;
  readonly #seatFd: number;
  readonly #process: Deno.ChildProcess;
  readonly #options: IsolatedOptions;
  #killed: string | undefined;
  #left = false;

  /** Use {@linkcode runIsolated}. */
  constructor(engine: Engine, script: string, options: IsolatedOptions) {
    this.script = script;
    this.#engine = engine;
    this.#options = options;
    const { hp_share } = native();
    const memory = Engine.seatMemory();
    this.#seatFd = check(hp_share(memory.u8, memory.bytes));
    this.#seat = engine.sit(memory);
    this.#process = spawn({
      seat: { path: `/proc/${Deno.pid}/fd/${this.#seatFd}`, bytes: memory.bytes },
      book: engine.bookFile,
      feed: engine.feed.endpoint.protocol,
      wake: engine.wakeFile,
      params: options.params ?? {},
      spin: options.spin ?? navigator.hardwareConcurrency >= 4,
      cpu: options.cpu ?? -1,
      parent: Deno.pid,
    }, script);
    this.ended = this.#watch();
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Events it has not taken yet were dropped this often. */
  get overruns(): number {
    return this.#engine.overruns;
  }

  /** Waits until it has taken every event there is and its orders have left, `ms` at most. */
  async settle(ms = 1000): Promise<void> {
    const deadline = performance.now() + ms;
    while (this.alive && backlog(this.#seat) > 0 && performance.now() < deadline) await delay(5);
    await delay(5); // the engine takes the last requests
    for (let waited = 5; waited < SETTLE_MS && !this.#engine.ordersSettled; waited += 5) await delay(5);
  }

  /** It answers: its loop runs. */
  get alive(): boolean {
    return !this.#left && heartbeat(this.#seat) > 0;
  }

  /** Resolves when its loop runs. */
  async started(): Promise<void> {
    while (!this.alive) {
      if (this.#left) {
        const { killed, code } = await this.ended;
        throw new Error(`Cannot run ${this.script}: ${killed ?? `its process ended with code ${code}`}`);
      }
      await delay(5);
    }
  }

  async #watch(): Promise<IsolatedEnd> {
    const status = this.#process.status.finally(() => this.#leave());
    const { startMs = 20_000, answerMs = 1000 } = this.#options;
    let beat = 0;
    let since = performance.now();
    while (!this.#left) {
      await delay(WATCH_MS);
      const now = heartbeat(this.#seat);
      if (now !== beat) {
        beat = now;
        since = performance.now();
      } else if (performance.now() - since > (beat === 0 ? startMs : answerMs)) {
        this.#kill(
          beat === 0 ? `it did not start within ${startMs} ms` : `it gave no answer for ${answerMs} ms`,
        );
        break;
      }
    }
    const { code } = await status; // only now is it certain whether it had to be killed
    const end: IsolatedEnd = { killed: this.#killed, code };
    return pictured(end, ({ killed, code }) => `${fileName(this.script)} ended: ${killed ?? `code ${code}`}`);
  }

  #kill(why: string): void {
    this.#killed ??= `killed: ${why}`;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself in the meantime.
    }
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#engine.leave(this.#seat);
    native().hp_unshare(this.#seatFd);
  }

  /** Asks the strategy to stop (its `onStop` runs); kills it when it does not within a second. */
  async stop(): Promise<IsolatedEnd> {
    this.#leave();
    const timer = setTimeout(() => this.#kill("it did not stop within a second"), 1000);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** {@linkcode stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    const state = this.#left ? (this.#killed ?? "ended") : this.alive ? "running" : "starting";
    return `IsolatedRun ${fileName(this.script)} (pid ${this.pid}): ${state}`;
  }
}

function fileName(path: string): string {
  return path.split("/").at(-1)!;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function spawn(options: ChildOptions, script: string): Deno.ChildProcess {
  const args = [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-lock",
    `--config=${CONFIG}`,
    `--allow-ffi=${LIBRARY}`,
    "-",
  ];
  const process = new Deno.Command(denoProgram(), {
    args: [...args, JSON.stringify(options)],
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // The main module comes through stdin, so that its static imports are the module graph: no read permission needed.
  const entry = `import { serve } from ${JSON.stringify(CHILD)};\n` +
    `import strategy from ${JSON.stringify(scriptUrl(script))};\nserve(strategy);\n`;
  const writer = process.stdin.getWriter();
  writer.write(new TextEncoder().encode(entry)).then(() => writer.close()).catch(() => {
    // The process ended before it read: its status says so.
  });
  return process;
}

/**
 * Runs a script isolated at an engine. An engine that stands still is connected and started once the script answers, so
 * that it sees the session from its first record on.
 *
 * @param engine Where its events come from.
 * @param script Path or file URL of a module whose default export is a strategy.
 * @param options Parameters and patience.
 * @returns A run whose loop answers.
 * @throws {Error} when the script does not start.
 */
export async function runIsolated(
  engine: Engine,
  script: string,
  options: IsolatedOptions = {},
): Promise<IsolatedRun> {
  const run = new IsolatedRun(engine, script, options);
  await run.started();
  engine.connect().start();
  return run;
}
