/**
 * What costs latency on this machine, line by line, and what would fix it.
 *
 *   deno task doctor [--if NAME …] [--netns NAME] [--only ID …] [--json] [--fix]
 *
 * --fix applies what can be taken back, on the machine as well as in the namespace (--only narrows it), and prints the
 * command that takes each back. The task runs with -A, because Deno lets nobody read /sys and /proc with less. Exit
 * code: 0 for a look, whatever it finds; 1 when a check itself broke, a fix failed, or the arguments name what is not
 * there.
 */
import { Command } from "commander";
import {
  type Check,
  type CheckLevel,
  diagnose,
  type Diagnosis,
  machine,
  treat,
  type Treatment,
} from "hotpath";

interface Settings {
  if: string[];
  netns: string;
  only: string[];
  json: boolean;
  fix: boolean;
}

function configure(args: string[]): Settings {
  const collect = (value: string, before: string[]) => [...before, value];
  const program = new Command("deno task doctor")
    .description("What costs latency on this machine, and what would fix it.")
    .option(
      "--if <name>",
      "interface to look at (repeatable)",
      (name, names: string[]) => [...names, name],
      [],
    )
    .option("--netns <name>", "network namespace to look inside of", "")
    .option("--only <id>", "checks whose id begins so, like cpu or nic.gro (repeatable)", collect, [])
    .option("--json", "print one JSON object", false)
    .option("--fix", "apply what can be taken back, and say how", false);
  return program.parse(args, { from: "user" }).opts<Settings>();
}

const COLOURS: Record<CheckLevel, string> = {
  green: "green",
  yellow: "#d7a800",
  red: "red; font-weight: bold",
};
const TOPICS: Record<string, string> = {
  cpu: "Cores",
  memory: "Memory",
  kernel: "Kernel",
  capabilities: "Receive paths that this process may open",
  network: "Network stack",
  nic: "Interface",
};

/** What a check belongs to: its topic, and the interface. */
function topic({ id }: Check): string {
  const [, room, on] = /^(\w+)\.[^@]+(?:@(.*))?$/.exec(id)!;
  return on === undefined ? TOPICS[room!]! : `${TOPICS[room!]} ${on}`;
}

/** Colours only on a terminal; Deno itself leaves them out where NO_COLOR is set. */
function say(level: CheckLevel, text: string): void {
  if (Deno.stdout.isTerminal()) console.log(`%c${level.padEnd(6)}%c ${text}`, `color: ${COLOURS[level]}`, "");
  else console.log(`${level.padEnd(6)} ${text}`);
}

function print({ checks }: Diagnosis): void {
  let last = "";
  for (const check of checks) {
    if (topic(check) !== last) console.log(`\n${last = topic(check)}`);
    say(check.level, `${check.title.padEnd(22)} ${check.found}`);
    if (check.why) console.log(`         ${check.why}`);
    if (check.fix) console.log(`         ${check.fixable ? "fix: " : "by hand: "}${check.fix}`);
  }
}

function printTreatment({ id, fix, undo, failed }: Treatment): void {
  console.log(`\n${id}: ${failed ? `cannot: ${failed}` : "done"}`);
  console.log(`  ran   ${fix}`);
  if (undo) console.log(`  undo  ${undo}`);
}

function printSummary({ checks, summary, broken }: Diagnosis, treated: boolean): void {
  console.log(`\n${summary.red} red, ${summary.yellow} yellow, ${summary.green} green`);
  const fixable = checks.filter((check) => check.fixable).length;
  if (!treated && fixable) {
    console.log(`\`deno task doctor --fix\` applies ${fixable} of the fixes and says how to undo each`);
  }
  for (const why of broken) console.error(why);
}

async function main(): Promise<void> {
  const { if: interfaces, netns, only, json, fix } = configure(Deno.args);
  try {
    const options = { interfaces, netns, only };
    const found = fix
      ? await treat(options, json ? undefined : printTreatment)
      : { ...await diagnose(options), treatments: [] };
    const { treatments, checks, summary, broken } = found;
    if (json) {
      const done = fix ? { treatments } : {};
      console.log(JSON.stringify({ checks, summary, machine: machine(), broken, ...done }, null, 2));
    } else {
      print(found);
      printSummary(found, fix);
    }
    Deno.exitCode = broken.length || treatments.some(({ failed }) => failed) ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
}

await main();
