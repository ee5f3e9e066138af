/** What help() and ls() answer with: text that the prompt prints as it is. @module */

/** Text with a place at the prompt: printed without quotes. */
export class Page {
  readonly #text: string;

  /**
   * A page.
   *
   * @param text Its lines.
   */
  constructor(text: string) {
    this.#text = text;
  }

  /** The text. */
  toString(): string {
    return this.#text;
  }

  /** The text. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.#text;
  }
}

/** Columns side by side, each as wide as its widest cell; the last is cut where the terminal ends. */
export function columns(rows: string[][], indent = "  "): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]!.length))) ?? [];
  return rows.map((row) =>
    cut(indent + row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd(), terminalWidth())
  ).join("\n");
}

/** At most `width` characters; what is missing is marked. */
export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

function terminalWidth(): number {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 110;
}

/** An error that is a sentence to the person at the prompt: no stack, because there is nothing to debug. */
export class Hint extends Error {
  /** Always `"Hint"`. */
  override name = "Hint";

  /**
   * A hint.
   *
   * @param message What is missing and what to type.
   */
  constructor(message: string) {
    super(message);
    this.stack = `Hint: ${message}`;
  }
}
