/**
 * The library's own doc comments, read from its source when somebody asks: what ls() and help() tell cannot differ
 * from what the code says. It reads what `deno fmt` writes, and no other TypeScript.
 *
 * @module
 */

/** What the source says about one member of a class or interface. */
export interface MemberDoc {
  /** Its name. */
  name: string;
  /** What to type: `depth(side, n = 10)`. */
  call: string;
  /** It belongs to the class, not to its objects. */
  isStatic: boolean;
  /** First sentence of its comment. */
  doc: string;
}

/** What the source says about a class, an interface or a function. */
export interface Doc {
  /** Its comment, examples and tags left out. */
  doc: string;
  /** Its members in order; none for a function. */
  members: MemberDoc[];
}

const ROOMS = ["lib", "repl"];
const OPENING = /^export (?:default )?(?:async )?(class|interface|function\*?) (\w+)/;
const MEMBER = /^ {2}((?:static |readonly |override |async |get |\*)*)([a-zA-Z]\w*)\??([(:;<]| =)/;

let index: Map<string, Doc> | undefined;

/** What the source says about the class, interface or exported function `name`. */
export function docOf(name: string): Doc | undefined {
  index ??= readIndex();
  return index.get(name);
}

function readIndex(): Map<string, Doc> {
  const docs = new Map<string, Doc>();
  for (const room of ROOMS) {
    for (const file of filesIn(new URL(`../${room}/`, import.meta.url))) {
      readFile(Deno.readTextFileSync(file).split("\n"), docs);
    }
  }
  return docs;
}

function* filesIn(folder: URL): Generator<URL> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesIn(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

function readFile(lines: string[], docs: Map<string, Doc>): void {
  let members: MemberDoc[] | undefined;
  lines.forEach((line, at) => {
    const opening = OPENING.exec(line);
    if (opening) {
      const [, kind, name] = opening;
      members = kind!.startsWith("function") ? undefined : [];
      docs.set(name!, { doc: commentAbove(lines, at), members: members ?? [] });
    } else if (line.startsWith("}")) {
      members = undefined;
    } else if (members) {
      const member = memberAt(lines, at);
      if (member) members.push(member);
    }
  });
}

function memberAt(lines: string[], at: number): MemberDoc | undefined {
  const match = MEMBER.exec(lines[at]!);
  if (!match || match[2] === "constructor") return undefined;
  const [, modifiers, name, next] = match;
  const isCall = next === "(" || next === "<";
  const isGetter = modifiers!.includes("get ");
  return {
    name: name!,
    call: isCall && !isGetter ? `${name}(${parameters(lines, at)})` : name!,
    isStatic: modifiers!.includes("static "),
    doc: firstSentence(commentAbove(lines, at)),
  };
}

/** The comment that ends on the line before `at`, as one paragraph, without its examples and tags. */
function commentAbove(lines: string[], at: number): string {
  let start = at - 1;
  if (!lines[start]?.trimEnd().endsWith("*/")) return "";
  while (start > 0 && !lines[start]!.trimStart().startsWith("/**")) start--;
  const text = lines.slice(start, at)
    .map((line) => line.trim().replace(/^\/\*\*|\*\/$|^\*/g, "").replace(/\*\/$/, "").trim())
    .join(" ");
  return text.split(/(?:^| )@[a-z]+(?: |$)/i)[0]!
    .replace(/\{@linkcode (\w+)\}/g, "$1()")
    .replace(/\s+/g, " ")
    .trim();
}

function firstSentence(text: string): string {
  return /^.*?[.;](?= |$)/.exec(text)?.[0].replace(/[.;]$/, "") ?? text;
}

/** Names and defaults of the parameters that begin on line `at`; their types are left out. */
function parameters(lines: string[], at: number): string {
  const text = lines.slice(at, at + 12).join(" ");
  const names: string[] = [];
  let depth = 0;
  let part = "";
  for (const char of text.slice(text.indexOf("(") + 1)) {
    if (depth === 0 && (char === "," || char === ")")) {
      names.push(part);
      part = "";
      if (char === ")") break;
      continue;
    }
    if ("({[<".includes(char)) depth++;
    if (")}]>".includes(char)) depth--;
    part += char;
  }
  return names.map(withoutType).filter(Boolean).join(", ");
}

function withoutType(parameter: string): string {
  const name = /^\s*(?:\.\.\.)?\w+/.exec(parameter)?.[0].trim() ?? "";
  const otherwise = / = ([^={}]+)$/.exec(parameter)?.[1];
  return otherwise ? `${name} = ${otherwise.trim()}` : name;
}
