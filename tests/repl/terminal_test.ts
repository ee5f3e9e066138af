/** What only a terminal has: completion, history, Ctrl-C and Ctrl-D, questions about permissions. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { noNamespaces, testWhen } from "../fixture.ts";
import { labNamespaces } from "../process.ts";
import { Shell } from "./shell.ts";

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_U = "\x15";
const UP = "\x1b[A";

function noTerminal(): string | undefined {
  const found = ["/usr/bin", "/bin"].some((folder) => existsSync(`${folder}/script`));
  return noNamespaces() ?? (found ? undefined : "the program `script` is absent");
}

/** Starts a shell in a terminal, raises a lab and opens an engine; the namespaces' common name. */
async function atWork(history: string): Promise<{ shell: Shell; name: string }> {
  const shell = await Shell.start({ terminal: true, history });
  await shell.press("await up()\r");
  const [, name] = await shell.until(/Lab {2}(hp\d+-\d+)x/);
  await shell.press('open("udp")\r');
  await shell.until(/Engine running/);
  return { shell, name: name! };
}

async function assertGone(name: string): Promise<void> {
  assert.deepEqual((await labNamespaces()).filter((left) => left.startsWith(name)), []);
}

/** Presses keys and waits for what they bring on. */
async function brings(shell: Shell, keys: string, pattern: RegExp): Promise<void> {
  const from = shell.text.length;
  await shell.press(keys);
  await shell.until(pattern, from);
}

/** The same for a question that throws away what was typed before it was asked. */
async function insist(shell: Shell, keys: string, pattern: RegExp): Promise<void> {
  const timer = setInterval(() => shell.press(keys), 1000);
  await brings(shell, "", pattern).finally(() => clearInterval(timer));
}

testWhen(
  noTerminal(),
  "a terminal: live members complete, history outlives the session, Ctrl-D",
  async () => {
    const history = await Deno.makeTempFile();
    try {
      {
        const { shell, name } = await atWork(history);
        await using _ = shell;
        await brings(shell, "engine.feed.tr\t", /engine\.feed\.troubles/);
        await brings(shell, `${CTRL_U}book.askLev\t\r`, /book\.askLevels(?:.|\n)*\n\d+\n/);
        await brings(shell, "lab.\t\t", /exchange +(?:.|\n)*engines/);
        await brings(shell, `${CTRL_U}hel\t`, /help/);
        await shell.press(CTRL_U + CTRL_D);
        assert.equal(await shell.ended(), 0);
        await assertGone(name);
      }
      await using later = await Shell.start({ terminal: true, history });
      await brings(later, UP + UP, /open\("udp"\)/);
      await later.press(CTRL_U + CTRL_D);
      assert.equal(await later.ended(), 0);
    } finally {
      await Deno.remove(history);
    }
  },
);

testWhen(
  noTerminal(),
  "a terminal: Ctrl-C twice leaves, at the prompt and out of an evaluation",
  async () => {
    const history = await Deno.makeTempFile();
    try {
      for (const line of ["", "await new Promise(() => setTimeout(() => {}, 1e9))\r"]) {
        const { shell, name } = await atWork(history);
        await using _ = shell;
        if (line) await brings(shell, line, /1e9\)\)\n/);
        await brings(shell, CTRL_C, line ? /once more leaves/ : /ctrl\+c again/);
        await shell.press(CTRL_C);
        assert.equal(await shell.ended(), line ? 130 : 0);
        await assertGone(name);
      }
    } finally {
      await Deno.remove(history);
    }
  },
);

testWhen(noTerminal(), "a terminal: watch() draws until a key is pressed", async () => {
  const history = await Deno.makeTempFile();
  try {
    const { shell } = await atWork(history);
    await using _ = shell;
    await brings(shell, "await watch(book)\r", /(?:Book {2}seq(?:.|\n)*){3}/);
    await brings(shell, "q", /bid .*█\n> /);
    await brings(shell, "book.stale\r", /\nfalse\n/);
    await shell.press(CTRL_D);
    await shell.ended();
  } finally {
    await Deno.remove(history);
  }
});

testWhen(noTerminal(), "a terminal: a file that was not granted is asked for, and no is no", async () => {
  const history = await Deno.makeTempFile();
  try {
    await using shell = await Shell.start({ terminal: true, history });
    await brings(shell, `Tape.load("${history}")\r`, /Deno requests read access to ".*"(?:.|\n)*Allow\?/);
    await insist(
      shell,
      "n\r",
      /NotCapable: Cannot open .*: Deno has not been told to allow it.*--allow-read=/,
    );
    await shell.press(CTRL_D);
    await shell.ended();
  } finally {
    await Deno.remove(history);
  }
});
