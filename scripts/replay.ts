/**
 * Plays a capture through the code a live feed goes through, and shows what became of it.
 *
 *   deno task replay FILE [FILE_B] [--to=233.54.12.111:26400] [--feed=itch50] [--speed=1] [--symbol=AAPL …]
 *                    [--strategy=scripts/strategies/large_trade.ts [--NAME=VALUE …]] [--depth=5] [--qty=1] [--json]
 *
 * FILE_B is line B of the same feed; in a single capture, another flow of the same session is. Flat out unless --speed
 * says how many times faster than recorded. Without --to the flow with most datagrams that reads as a feed is played.
 * --strategy runs a script inline on it: it sees every event, and its orders are refused, for nobody is at the other
 * end.
 */
import { parseArgs } from "node:util";
import {
  type Book,
  Engine,
  formatCount,
  replayOf,
  type ReplayOptions,
  runInline,
  type Strategy,
  type SymbolBook,
} from "hotpath";
import { scriptUrl } from "../lib/strategy/program.ts";
import { numberOf } from "./arguments.ts";

function configure(args: string[]) {
  const text = { type: "string" } as const;
  const { values, positionals, tokens } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    tokens: true,
    options: {
      to: text,
      feed: text,
      speed: text,
      symbol: { type: "string", multiple: true },
      strategy: text,
      depth: text,
      qty: text,
      json: { type: "boolean", default: false },
    },
  });
  const [file, second] = positionals;
  if (file === undefined || positionals.length > 2) {
    throw new TypeError(
      "Cannot replay: one capture is needed, or two (lines A and B); `deno task replay session.pcapng`",
    );
  }
  const known = ["to", "feed", "speed", "symbol", "strategy", "depth", "qty", "json"];
  const params = Object.fromEntries(
    tokens.flatMap((token) =>
      token.kind === "option" && !known.includes(token.name) ? [[token.name, token.value ?? "true"]] : []
    ),
  );
  if (values.strategy === undefined && Object.keys(params).length > 0) {
    throw new TypeError(`Cannot use --${Object.keys(params)[0]}: only a --strategy has parameters`);
  }
  const replay: ReplayOptions = {
    to: values.to as string | undefined,
    feed: values.feed as string | undefined,
    speed: values.speed === undefined || values.speed === "flat"
      ? "flat"
      : numberOf("speed", values.speed as string, 1),
    qtyScale: numberOf("qty", values.qty as string | undefined, 1),
  };
  return {
    captures: second === undefined ? file : [file, second] as const,
    replay,
    params,
    symbols: values.symbol as string[] | undefined,
    strategy: values.strategy as string | undefined,
    depth: numberOf("depth", values.depth as string | undefined, 5),
    json: values.json === true,
  };
}

/** Books shown in full. */
const LADDERS = 3;

const stop = new AbortController();

type Configuration = ReturnType<typeof configure>;

function open({ captures, replay, symbols }: Configuration): Engine {
  return Engine.open({ ...replayOf(captures, replay), ...(symbols ? { symbols } : {}) });
}

/** Everything was played: the capture has ended, or is torn where it says. */
function over(engine: Engine): boolean {
  const { note, endpointB } = engine.feed;
  const notes = endpointB ? note.split("; B: ") : [note];
  return notes.every((note) => /, (ended|torn)$/.test(note));
}

/** Plays it all; a torn capture up to where it is torn, which is told at the end. */
async function play(engine: Engine, strategy: Strategy, params: Record<string, unknown>): Promise<string> {
  const done = new AbortController();
  const looking = setInterval(() => over(engine) && done.abort(), 20);
  try {
    await runInline(engine, strategy, {
      params,
      signal: AbortSignal.any([done.signal, stop.signal]),
      untilEnd: false,
    });
    return "";
  } catch (error) {
    if (over(engine) && error instanceof Error) return error.message;
    throw error;
  } finally {
    clearInterval(looking);
  }
}

/** The books that something is in, by symbol; "" is that of a feed of one. */
function booksOf(engine: Engine): [string, Book | SymbolBook][] {
  if (engine.feed.endpoint.protocol === "lll") return [["", engine.book]];
  return engine.books.names.map((name): [string, SymbolBook] => [name, engine.books.at(name)])
    .filter(([, { bidLevels, askLevels }]) => bidLevels + askLevels > 0);
}

/** What became of it, as one object. */
function summary(engine: Engine, torn: string) {
  const { endpoint, report, stream, counters, note } = engine.feed;
  const lll = endpoint.protocol === "lll";
  return {
    feed: endpoint.protocol,
    note,
    torn,
    messages: lll ? { level: counters.delivered } : report.messages,
    errors: report.faults,
    delivered: lll ? counters.delivered : stream.counters.delivered,
    lost: lll ? counters.lost : stream.counters.lost,
    symbols: booksOf(engine).map(([symbol, { top, bidLevels, askLevels }]) => ({
      symbol,
      bid: top.bid,
      ask: top.ask,
      bid_levels: bidLevels,
      ask_levels: askLevels,
    })),
  };
}

function show(engine: Engine, torn: string, depth: number): void {
  const { endpoint, troubles, note, report } = engine.feed;
  const { delivered, lost } = summary(engine, torn);
  console.log(
    `${endpoint.protocol} (${note}): ${formatCount(delivered)} delivered, ${formatCount(lost)} lost`,
  );
  if (endpoint.protocol !== "lll") console.log(report);
  const books = booksOf(engine);
  for (const [, book] of books.slice(0, LADDERS)) console.log(book.ladder(depth));
  if (books.length > LADDERS) {
    console.log(`and ${books.length - LADDERS} more symbols: --symbol=NAME chooses`);
  }
  for (const line of troubles) console.log(line);
  if (torn) console.log(torn);
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());
  try {
    const configuration = configure(Deno.args);
    const { strategy, params, depth, json } = configuration;
    using engine = open(configuration);
    const script = strategy === undefined
      ? {}
      : (await import(scriptUrl(strategy)) as { default: Strategy }).default;
    const torn = await play(engine, script, params);
    if (json) console.log(JSON.stringify(summary(engine, torn)));
    else show(engine, torn, depth);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}

await main();
