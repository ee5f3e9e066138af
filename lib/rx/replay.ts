/** Captures as the lines of an engine: which flow of them, and how fast. @module */
import { type FeedEndpoint, parseFeed } from "../endpoint.ts";
import { type CaptureFlow, captureFlows } from "./capture.ts";

/** How captures are to be played. */
export interface ReplayOptions {
  /** Line A's flow: "239.255.0.1:12345". Left out: the one with most datagrams that reads as a feed. */
  to?: string | undefined;
  /** What is spoken there; left out, what its first datagram reads as. */
  feed?: string | undefined;
  /** Times faster than recorded, or `"flat"`: without waiting. @default {"flat"} */
  speed?: number | "flat";
  /** `lll`: quantity scale, which a capture does not tell. @default {1} */
  qtyScale?: number;
  /** What the loop does when nothing is due. @default {"spin"} */
  wait?: "spin" | "block";
}

/** Lines of an engine that plays captures. */
export interface ReplayLines {
  /** Line A. */
  feed: FeedEndpoint;
  /** Line B, where there is one. */
  lineB?: FeedEndpoint;
}

/**
 * What to open an engine with so that it plays captures: through the code a live feed goes through, with the recorded
 * stamps. Line B is the second capture's, or, in a single capture, another flow of the same feed and session.
 *
 * @example
 * ```ts ignore
 * using engine = Engine.open({ ...replayOf("session.pcapng"), symbols: ["AAPL"] });
 * await runInline(engine, strategy, { quietMs: 100 });
 * ```
 *
 * @param paths A capture (pcap or pcapng, plain or .gz), or one a line.
 * @param options Which flow, how fast.
 * @throws {TypeError} when it has no such flow, or none that reads as a feed; {@linkcode NativeError} when it is no capture;
 * {@linkcode Deno.errors.NotCapable} without `read` for it.
 */
export function replayOf(
  paths: string | readonly [string, string],
  options: ReplayOptions = {},
): ReplayLines {
  const [a, b = a] = typeof paths === "string" ? [paths] : paths;
  const flows = captureFlows(a);
  const flowA = choose(a, flows, options);
  const feed = options.feed ?? flowA.feed ?? "lll";
  const lineA = endpoint(a, flowA, feed, options);
  const flowB = a === b ? twin(flows, flowA) : chooseB(b, flowA, feed);
  return flowB ? { feed: lineA, lineB: endpoint(b, flowB, feed, options) } : { feed: lineA };
}

function endpoint(
  path: string,
  { address, port }: CaptureFlow,
  feed: string,
  options: ReplayOptions,
): FeedEndpoint {
  const { speed = "flat", qtyScale = 1, wait = "spin" } = options;
  const query = new URLSearchParams({ feed, via: "pcap", file: path, speed: `${speed}`, wait });
  if (feed === "lll") query.set("qty", `${qtyScale}`);
  return parseFeed(`udp://${address}:${port}?${query}`);
}

/** Another flow of the same feed and session. */
function twin(flows: CaptureFlow[], of: CaptureFlow): CaptureFlow | undefined {
  if (of.session === undefined) return undefined;
  return flows.find((flow) => flow !== of && flow.feed === of.feed && flow.session === of.session);
}

/** Line B in a capture of its own: what shares line A's session, else what would be played if it were alone. */
function chooseB(path: string, flowA: CaptureFlow, feed: string): CaptureFlow {
  const flows = captureFlows(path);
  return twin(flows, flowA) ?? choose(path, flows, { feed });
}

/** Of a feed that was named the largest flow counts where none reads as it: a described one reads as none of ours. */
function choose(path: string, flows: CaptureFlow[], { to, feed }: ReplayOptions): CaptureFlow {
  const chosen = to !== undefined
    ? flows.find(({ address, port }) => `${address}:${port}` === to)
    : feed !== undefined
    ? flows.find((flow) => flow.feed === feed) ?? flows[0]
    : flows.find((flow) => flow.feed !== undefined);
  if (chosen) return chosen;
  const there = flows.map(({ address, port, datagrams }) => `${address}:${port} (${datagrams})`).join(", ");
  throw new TypeError(
    `Cannot replay "${path}": ${
      to === undefined ? "no flow of it reads as a feed" : `it has nothing for ${to}`
    }; ` +
      (there ? `it has datagrams for ${there}` : "it has no UDP datagrams at all"),
  );
}
