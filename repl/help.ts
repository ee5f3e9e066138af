/** help(): what there is, with one example each. One table of data, which a test runs line by line. @module */
import { docOf } from "./docs.ts";
import { ls } from "./ls.ts";
import { Page } from "./page.ts";

/** One thing there is. */
export interface Entry {
  /** What `help(name)` knows it by. */
  name: string;
  /** One line to type, which works after those above it. */
  example: string;
  /** What it does. */
  what: string;
}

/** Width of the examples; a longer one has what it does on the next line. */
const COLUMN = 48;

/** Everything there is, in the order of a first session. */
export const ENTRIES: readonly Entry[] = [
  { name: "up", example: "await up()", what: "raise the lab: namespaces, a wire, an exchange" },
  { name: "lab", example: "lab", what: "what is up, and what it plays" },
  { name: "open", example: 'open("xdp")', what: 'an engine over a path: "udp", "uring", "xdp", "packet"' },
  { name: "engine", example: "engine", what: "the engine opened last" },
  { name: "book", example: "book", what: "its book: five levels a side" },
  { name: "top", example: "book.top", what: "best levels, mid, spread, imbalance" },
  { name: "ladder", example: "book.ladder(10)", what: "ten levels a side, with bars" },
  { name: "depth", example: 'book.depth("bid", 5)', what: "a side with its running sum" },
  {
    name: "watch",
    example: "await watch(book, { seconds: 1 })",
    what: "the same while it moves; no seconds: until a key",
  },
  { name: "feed", example: "engine.feed", what: "what became of every datagram and record" },
  { name: "feeds", example: "feeds", what: "every feed: what carries it, scales, message types" },
  {
    name: "messages",
    example: "feeds.itch50",
    what: "one feed's messages; feeds.itch50.A: the fields of one",
  },
  {
    name: "decodeMessage",
    example: 'decodeMessage("itch50", "58 0007 0000 000000000001 00000000000004d2 00000064")',
    what: "what bytes say: a fault's example, in hex",
  },
  { name: "breakdown", example: "engine.breakdown", what: "where the nanoseconds go, stage by stage" },
  {
    name: "path",
    example: "await path.trace(engine.feed, { packets: 200 })",
    what: "the kernel's part of it: interrupt to socket, as root",
  },
  { name: "histogram", example: "engine.breakdown.loop", what: "one stage as a histogram" },
  { name: "observe", example: "observe()", what: "watch its wire from outside: market data in, orders out" },
  {
    name: "buy",
    example: "const order = engine.orders.buy(61000, 0.01)",
    what: "send an order (sell: the same)",
  },
  { name: "order", example: "order", what: "where it stands now" },
  { name: "cancel", example: "order.cancel()", what: "cancel it" },
  { name: "orders", example: "engine.orders", what: "all sent from here" },
  {
    name: "run",
    example: 'const script = await run("scripts/strategies/large_trade.ts", { threshold: 1e9 })',
    what: "start a strategy script",
  },
  { name: "stop", example: "await script.stop()", what: "stop it" },
  { name: "exchange", example: "lab.exchange", what: "what the other side saw" },
  { name: "tickToOrder", example: "lab.exchange.tickToOrder", what: "wire to order, timed by the exchange" },
  { name: "observer", example: "observer", what: "tick to trade: seen from outside, claimed from inside" },
  {
    name: "pace",
    example: "lab.exchange.pace({ rate: 2000 })",
    what: "datagrams a second from the next session on",
  },
  {
    name: "record",
    example: 'const recording = engine.record("/tmp/hotpath-session.pcapng")',
    what: "write what it receives to a capture",
  },
  { name: "recording", example: "recording.stop()", what: "the capture is complete" },
  {
    name: "replay",
    example: 'replay("/tmp/hotpath-session.pcapng")',
    what: "play it through the same code; engine is it from then on",
  },
  {
    name: "readBook",
    example: 'await readBook("/tmp/hotpath-session.pcapng")',
    what: "any market-data file: its counts and books",
  },
  { name: "ls", example: "ls(book)", what: "members of a live object and their values" },
  {
    name: "publish",
    example: "publish({ faults: { a: { loss: 0.01 } } })",
    what: "ITCH on two lines, re-requests, snapshots",
  },
  { name: "publisher", example: "publisher", what: "what it sent, lost on purpose, answered" },
  { name: "listen", example: 'listen("udp")', what: "an engine on that: lines A and B, holes asked for" },
  { name: "books", example: "engine.books", what: "its books, one a symbol" },
  { name: "lines", example: "engine.feed.lines", what: "what each line brought, and who was first" },
  { name: "report", example: "engine.feed.report", what: "messages by type, and what was wrong with any" },
  { name: "help", example: "help(open)", what: "more about one thing" },
  { name: "down", example: "await down()", what: "take the lab down" },
];

/** Lists what there is with one example each; of one thing (a name, a function, an object) it tells more. */
export function help(topic?: unknown): Page {
  if (topic === undefined) return new Page(overview());
  const name = typeof topic === "function" ? topic.name : topic;
  if (typeof name !== "string") return ls(topic);
  const entry = ENTRIES.find((entry) => entry.name === name);
  const source = docOf(name);
  if (entry) return new Page(`${entry.example}\n  ${source?.doc || entry.what}`);
  if (source) return ls(topic);
  return new Page(`Nothing is called "${name}"; help() lists what there is`);
}

function overview(): string {
  const lines = ENTRIES.map(({ example, what }) =>
    example.length > COLUMN
      ? `  ${example}\n  ${" ".repeat(COLUMN)}  ${what}`
      : `  ${example.padEnd(COLUMN)}  ${what}`
  );
  return [
    ...lines,
    "The whole library is here by name as well: ls(Tape), new Ladder … Leave with close() or Ctrl-D.",
  ].join("\n");
}
