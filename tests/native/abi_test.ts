/**
 * One header, one table, one library: hotpath.h against lib/native.ts (functions), lib/layout.ts (data, as the C
 * compiler lays it out) and what libhotpath.so exports.
 */
import assert from "node:assert/strict";
import * as layout from "../../lib/layout.ts";
import { ORDER_VIAS, RX_PATHS, TX_PATHS, WAITS } from "../../lib/endpoint.ts";
import { EXCHANGE_STATES } from "../../lib/lab/exchange.ts";
import { PUBLISHER_STATES } from "../../lib/lab/publisher.ts";
import { STAGES } from "../../lib/measure/breakdown.ts";
import { OBSERVE_ENTRIES } from "../../lib/measure/observer.ts";
import { PATH_STAGES } from "../../lib/measure/path_trace.ts";
import { LIBRARY, SEAT_SYMBOLS, SYMBOLS } from "../../lib/native.ts";
import { ORDER_STATES } from "../../lib/strategy/strategy.ts";

const INCLUDE = new URL("../../native/include/", import.meta.url).pathname;
const PARTS = [...Deno.readDirSync(`${INCLUDE}hotpath`)].map(({ name }) => `hotpath/${name}`).sort();
const HEADER = ["hotpath.h", ...PARTS].map((name) => Deno.readTextFileSync(`${INCLUDE}${name}`)).join("\n")
  .replaceAll(/\/\*[\s\S]*?\*\//g, " ");
const EXPORTS = new URL("../../native/exports.map", import.meta.url).pathname;

interface Declaration {
  result: string;
  parameters: string[];
}

const squeeze = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll(/ ?\* ?/g, " *").trim();

/** Every HP_API function of the header: C types, parameter names dropped. */
function declarations(): Map<string, Declaration> {
  const found = new Map<string, Declaration>();
  for (const [, result, name, list] of HEADER.matchAll(/HP_API\s+([\w\s*]+?)(hp_\w+)\s*\(([^)]*)\)\s*;/g)) {
    const parameters = squeeze(list!) === "void" ? [] : list!.split(",").map((parameter) => {
      const text = squeeze(parameter);
      assert.match(text, /^[\w ]+ \*?\w+$/, `${name}: cannot read the parameter "${text}"`);
      return text.replace(/\w+$/, "").trim();
    });
    found.set(name!, { result: squeeze(result!), parameters });
  }
  return found;
}

const functions = declarations();
/** Structs the header only names: nothing outside can lay them out. */
const opaque = new Set([...HEADER.matchAll(/^struct (\w+);/gm)].map(([, name]) => `struct ${name}`));
/** What some function returns the address of: handles. */
const handles = new Set([...functions.values()].map(({ result }) => result.replace(/^const /, "")));

/** The FFI types that may stand for a C type. */
function ffiTypes(type: string): string[] {
  if (type === "int32_t") return ["i32"];
  if (type === "double") return ["f64"];
  const plain = type.replace(/^const /, "");
  assert.ok(plain.endsWith(" *"), `the ABI has no rule for "${type}"`);
  if (opaque.has(plain.slice(0, -2))) return ["pointer"];
  return handles.has(plain) ? ["pointer", "buffer"] : ["buffer"];
}

Deno.test("hotpath.h is read whole: every HP_API is a function this test understands", () => {
  const mentions = [...HEADER.matchAll(/\bHP_API\b/g)].length - 1; // its own #define
  assert.equal(functions.size, mentions);
  assert.ok(functions.size > 30 && opaque.size >= 6);
});

Deno.test("SYMBOLS has every function of hotpath.h and no other", () => {
  assert.deepEqual(Object.keys(SYMBOLS).sort(), [...functions.keys()].sort());
});

Deno.test("SYMBOLS gives every function the types of its declaration", () => {
  for (const [name, { result, parameters }] of functions) {
    const symbol: Deno.ForeignFunction = SYMBOLS[name as keyof typeof SYMBOLS];
    const wanted = parameters.map(ffiTypes);
    assert.equal(symbol.parameters.length, wanted.length, `${name}: number of parameters`);
    symbol.parameters.forEach((type, i) => {
      assert.ok(
        wanted[i]!.includes(type as string),
        `${name}: parameter ${i} is ${parameters[i]}, not ${type}`,
      );
    });
    const results = result === "void" ? ["void"] : result.endsWith("*") ? ["pointer"] : ffiTypes(result);
    assert.ok(
      results.includes(symbol.result as string),
      `${name}: it returns ${result}, not ${symbol.result}`,
    );
    assert.ok(!symbol.nonblocking, `${name}: the library's error sentence is one per thread`);
  }
});

Deno.test("SYMBOLS passes every opaque handle and no data as a pointer it cannot make", () => {
  for (const [name, { parameters }] of functions) {
    const symbol: Deno.ForeignFunction = SYMBOLS[name as keyof typeof SYMBOLS];
    // Only a first parameter is a handle, but for the tape an exchange plays, a generator or a publisher sends, and the
    // books a reader keeps.
    const pointers = symbol.parameters.filter((type, i) => type === "pointer" && i > 0).length;
    assert.equal(
      pointers,
      /^hp_((exchange|publisher|traffic)_open|reader_start)$/.test(name) ? 1 : 0,
      `${name}(${parameters.join(", ")})`,
    );
  }
});

Deno.test("SEAT_SYMBOLS is part of SYMBOLS and opens neither wire nor file of the user's", () => {
  for (const [name, symbol] of Object.entries(SEAT_SYMBOLS)) {
    assert.equal(symbol, SYMBOLS[name as keyof typeof SYMBOLS], name);
    assert.doesNotMatch(name, /^hp_(engine|exchange|publisher|tape|traffic)_/);
  }
});

Deno.test("exports.map and libhotpath.so export the functions of hotpath.h and nothing else", () => {
  const [, list, rest] = /global:([^:]*)local:([^:]*)\}/.exec(Deno.readTextFileSync(EXPORTS)) ?? [];
  assert.equal(rest?.trim(), "*;", "exports.map hides everything it does not list");
  const patterns = list!.split(";").map((line) => line.trim()).filter((line) => line !== "")
    .map((pattern) => new RegExp(`^${pattern.replaceAll("*", "\\w*")}$`));
  for (const name of functions.keys()) assert.ok(patterns.some((pattern) => pattern.test(name)), name);
  assert.ok(!patterns.some((pattern) => pattern.test("main")));

  const { success, stdout } = new Deno.Command("nm", { args: ["-D", "--defined-only", LIBRARY] })
    .outputSync();
  assert.ok(success, "nm reads the library; is it built?");
  const symbols = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split(" "));
  assert.deepEqual(symbols.map(([, , name]) => name).sort(), [...functions.keys()].sort());
  assert.ok(symbols.every(([, kind]) => kind === "T"), "functions only, no data");
});

/** What the C compiler makes of integer constant expressions over hotpath.h. */
function compile(expressions: readonly string[]): Record<string, number> {
  const directory = Deno.makeTempDirSync({ prefix: "hotpath-abi-" });
  try {
    const lines = expressions.map((expression) => `printf("%lld\\n", (long long)(${expression}));`);
    const source = `#include <stdio.h>\n#include "hotpath.h"\nint main(void) {\n${lines.join("\n")}\n}\n`;
    Deno.writeTextFileSync(`${directory}/abi.c`, source);
    const args = ["-std=c11", `-I${INCLUDE}`, "-o", `${directory}/abi`, `${directory}/abi.c`];
    const { success, stderr } = new Deno.Command("gcc", { args }).outputSync();
    assert.ok(success, new TextDecoder().decode(stderr));
    const values = new TextDecoder().decode(new Deno.Command(`${directory}/abi`).outputSync().stdout);
    const numbers = values.trim().split("\n").map(Number);
    assert.equal(numbers.length, expressions.length);
    return Object.fromEntries(expressions.map((expression, i) => [expression, numbers[i]!]));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function agrees(wanted: Record<string, number>): void {
  assert.deepEqual(wanted, compile(Object.keys(wanted)));
}

type Table = Readonly<Record<string, number>>;
const structs = Object.entries(layout as Readonly<Record<string, unknown>>).flatMap(([name, table]) =>
  typeof table === "object" && table && "bytes" in table ? [[name, table as Table] as const] : []
);
const structName = (name: string) => `struct hp_${name.toLowerCase()}`;

Deno.test("layout.ts has a table for every struct of hotpath.h", () => {
  const laidOut = [...HEADER.matchAll(/^(struct \w+) \{/gm)].map(([, name]) => name!);
  assert.deepEqual(structs.map(([name]) => structName(name)).sort(), laidOut.sort());
});

for (const [name, table] of structs) {
  const { bytes, ...fields } = table;
  Deno.test(`layout.ts ${name} agrees with the compiler's ${structName(name)}`, () => {
    const struct = structName(name);
    const offsets = Object.entries(fields).map(([field, at]) => [`offsetof(${struct}, ${field})`, at]);
    agrees({ [`sizeof(${struct})`]: bytes!, ...Object.fromEntries(offsets) });
  });
}

/** Enumerators of an enum of the header, in its order. */
function enumerators(name: string): string[] {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(HEADER)?.[1] ?? "";
  return [...body.matchAll(/\b(HP_\w+)\s*(?:=|,|$)/g)].map(([, enumerator]) => enumerator!);
}

/** Names with their values must be the whole enum. */
function agreesWithEnum(name: string, wanted: Record<string, number>): void {
  assert.deepEqual(Object.keys(wanted).sort(), enumerators(name).sort());
  agrees(wanted);
}

const prefixed = (prefix: string, table: Table) =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [`${prefix}${name}`, value]));
const upper = (table: Table) =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name.toUpperCase(), value]));
const numbered = (prefix: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name, i) => [`${prefix}${name.toUpperCase().replaceAll("-", "_")}`, i]));

Deno.test("layout.ts enums are the header's", () => {
  agreesWithEnum("hp_event_kind", prefixed("HP_EVENT_", layout.KIND));
  agreesWithEnum("hp_event_flags", prefixed("HP_FLAG_", layout.FLAG));
  agreesWithEnum("hp_book_flags", prefixed("HP_BOOK_", layout.BOOK_FLAG));
  agreesWithEnum("hp_pace", prefixed("HP_PACE_", layout.PACE));
  agreesWithEnum("hp_rx_flags", prefixed("HP_RX_", layout.RX_FLAG));
  agreesWithEnum("hp_path_end", prefixed("HP_PATH_", layout.PATH_END));
  agreesWithEnum("hp_tx_flags", prefixed("HP_TX_", layout.TX_FLAG));
  agreesWithEnum("hp_pattern", prefixed("HP_PATTERN_", layout.PATTERN));
  agreesWithEnum("hp_request_kind", prefixed("HP_REQUEST_", layout.REQUEST_KIND));
  agreesWithEnum("hp_watch_state", prefixed("HP_WATCH_", layout.WATCH_STATE));
  agreesWithEnum("hp_message_flags", prefixed("HP_MESSAGE_", layout.MESSAGE_FLAG));
  agreesWithEnum("hp_schema_check", prefixed("HP_SCHEMA_", layout.SCHEMA_CHECK));
});

Deno.test("layout.ts constants are the header's", () => {
  agrees({
    HP_HISTOGRAM_BUCKETS: layout.HISTOGRAM_BUCKETS,
    HP_SEAT_MAGIC: layout.SEAT_MAGIC,
    HP_ABI_VERSION: layout.ABI_VERSION,
    HP_SCHEMA_MAGIC: layout.SCHEMA_MAGIC,
    HP_SCHEMA_NONE: layout.SCHEMA_NONE,
    ...prefixed("HP_SCHEMA_", upper(layout.SCHEMA_ROOM)),
    HP_TRADE_BROKEN: layout.TRADE_BROKEN,
  });
});

Deno.test("RX_PATHS, TX_PATHS, WAITS, ORDER_VIAS and OBSERVE_ENTRIES stand in the order of their enums", () => {
  agreesWithEnum("hp_rx_path", numbered("HP_RX_", RX_PATHS));
  agreesWithEnum("hp_tx_path", numbered("HP_TX_", TX_PATHS));
  agreesWithEnum("hp_wait", numbered("HP_WAIT_", WAITS));
  agreesWithEnum("hp_order_via", numbered("HP_ORDER_", ORDER_VIAS));
  agreesWithEnum("hp_observe_entry", numbered("HP_OBSERVE_", OBSERVE_ENTRIES));
});

Deno.test("SCHEMA_LOADS and SCHEMA_TARGETS stand in the order of their enums", () => {
  agreesWithEnum("hp_schema_load", numbered("HP_SCHEMA_", layout.SCHEMA_LOADS));
  const targets = layout.SCHEMA_TARGETS.map((target) => target.replaceAll(" ", "_"));
  agreesWithEnum("hp_schema_target", numbered("HP_SCHEMA_", targets));
});

Deno.test("FEED_NAMES, READER_FEEDS, MESSAGE_KINDS and FAULTS stand in the order of their enums", () => {
  agreesWithEnum("hp_feed", numbered("HP_FEED_", layout.FEED_NAMES));
  agreesWithEnum("hp_reader_feed", numbered("HP_READER_", layout.READER_FEEDS));
  const framings = layout.FRAMINGS.map((framing) => framing.replace("-", ""));
  agreesWithEnum("hp_framing", numbered("HP_FRAMING_", framings));
  const kinds = numbered("HP_MESSAGE_", layout.MESSAGE_KINDS.map((kind) => kind.replaceAll(" ", "_")));
  agreesWithEnum("hp_message_kind", { ...kinds, HP_MESSAGE_KINDS: layout.MESSAGE_KINDS.length });
  const faults = numbered("HP_FAULT_", layout.FAULTS.map((fault) => fault.replaceAll(" ", "_")));
  agreesWithEnum("hp_fault", { ...faults, HP_FAULTS: layout.FAULTS.length });
});

Deno.test("ORDER_STATES, EXCHANGE_STATES, PUBLISHER_STATES, STAGES and PATH_STAGES stand in the order of their enums", () => {
  const states = ORDER_STATES.map((state) => state === "acknowledged" ? "acked" : state);
  agreesWithEnum("hp_order_state", numbered("HP_ORDER_", states));
  agreesWithEnum("hp_exchange_state", numbered("HP_EXCHANGE_", EXCHANGE_STATES));
  agreesWithEnum("hp_publisher_state", numbered("HP_PUBLISHER_", PUBLISHER_STATES));
  const stages = numbered("HP_STAGE_", STAGES.map(([name]) => name));
  agreesWithEnum("hp_stage", { ...stages, HP_STAGES: STAGES.length });
  const path = numbered("HP_PATH_", PATH_STAGES.map(([name]) => name));
  agreesWithEnum("hp_path_stage", { ...path, HP_PATH_STAGES: PATH_STAGES.length });
});
