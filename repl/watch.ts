/** Looking at something while it moves. @module */

/** How {@linkcode watch} looks. */
export interface WatchOptions {
  /** Stop by itself after this long; left out, a key stops it. */
  seconds?: number;
  /** Pictures a second. @default {10} */
  rate?: number;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

/**
 * Draws something again and again in place, until a key is pressed or the seconds are over: `watch(book)`, or a
 * function for more than one thing: `watch(() => book.ladder(12))`. Gives the last picture back, for the prompt to
 * print.
 */
export async function watch(what: unknown, options: WatchOptions = {}): Promise<unknown> {
  const look = typeof what === "function" ? () => what() : () => what;
  const screen = Deno.stdout.isTerminal() ? new Screen() : undefined;
  const timer = setInterval(() => screen?.draw(Deno.inspect(look())), 1000 / (options.rate ?? 10));
  try {
    await stopped(options.seconds);
  } finally {
    clearInterval(timer);
    screen?.clear();
  }
  return look();
}

/** Resolves after the seconds, or on a key. A read from the terminal cannot be taken back, so it is one or the other. */
async function stopped(seconds: number | undefined): Promise<void> {
  if (seconds !== undefined || !Deno.stdin.isTerminal()) {
    return await new Promise((resolve) => setTimeout(resolve, (seconds ?? 1) * 1000));
  }
  Deno.stdin.setRaw(true);
  try {
    await Deno.stdin.read(new Uint8Array(16));
  } finally {
    Deno.stdin.setRaw(false);
  }
}

/** A part of the terminal that is drawn over. */
class Screen {
  #lines = 0;

  draw(text: string): void {
    // A raw terminal does not return the carriage by itself.
    this.#write(`${HIDE_CURSOR}${this.#erase()}${text.replaceAll("\n", "\r\n")}\r\n`);
    this.#lines = text.split("\n").length;
  }

  clear(): void {
    this.#write(`${this.#erase()}${SHOW_CURSOR}`);
    this.#lines = 0;
  }

  #erase(): string {
    return this.#lines ? `\x1b[${this.#lines}A\r\x1b[J` : "";
  }

  #write(text: string): void {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  }
}
