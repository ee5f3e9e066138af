/**
 * Following packets through the kernel, stage by stage: where the microseconds go before a program sees anything.
 * The kernel's part is `bpf/path.bpf.c`, attached only while {@linkcode trace} waits.
 *
 * @module
 */
import type { FeedEndpoint, RxPath } from "../endpoint.ts";
import type { Engine } from "../engine.ts";
import type { Feed } from "../feed/feed.ts";
import { PATH_END, PATH_PACKET, PATH_STATS } from "../layout.ts";
import { check, native, SharedMemory } from "../native.ts";
import { openPath } from "../permission.ts";
import { PATH_STAGES, type PathCounters, type PathPacket, type PathStage, PathTrace } from "./path_trace.ts";

const NAMES: readonly PathStage[] = PATH_STAGES.map(([name]) => name);

/** Receive paths that come up through the kernel, and the last stage they share with it. */
const ENDS: Partial<Record<RxPath, readonly [last: PathStage, beyond: string]>> = {
  udp: ["return", ""],
  uring: ["return", ""],
  packet: ["receive", "AF_PACKET takes its copy at the taps and shares nothing after that"],
  xdp: ["redirect", "AF_XDP passes the stack by; the reader finds the packet in a ring"],
};

/** How much to trace. */
export interface PathOptions {
  /** Records to keep, 1 to 100,000. @default {1000} */
  packets?: number;
  /** Give up waiting for them after this long, ms; what came until then is told. @default {10000} */
  timeoutMs?: number;
}

function endpointOf(feed: Engine | Feed | FeedEndpoint): FeedEndpoint {
  if ("feed" in feed) return feed.feed.endpoint;
  return "endpoint" in feed ? feed.endpoint : feed;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const LOOK_MS = 5;
/** Time for the last packets to be read, once each has its record. */
const GRACE_MS = 200;
const TEXT_BYTES = 128;

/** A trace while it is attached. */
class Attached implements Disposable {
  readonly #stats = new SharedMemory(PATH_STATS.bytes);
  readonly #handle: Deno.PointerObject;

  constructor(endpoint: FeedEndpoint, packets: number) {
    this.#handle = openPath(endpoint, packets, this.#stats);
  }

  counters(): PathCounters {
    check(native().hp_path_refresh(this.#handle));
    const { bytes: _, last: __, ...fields } = PATH_STATS;
    return Object.fromEntries(
      Object.entries(fields).map(([name, offset]) => [name, this.#stats.f64[offset / 8]!]),
    ) as PathCounters;
  }

  packets(count: number): PathPacket[] {
    const records = new DataView(new ArrayBuffer(Math.max(1, count) * PATH_PACKET.bytes));
    const read = check(native().hp_path_read(this.#handle, 0, count, new Uint8Array(records.buffer)));
    const reasons = new Map<number, string>();
    return Array.from({ length: read }, (_, i) => {
      const at = new DataView(records.buffer, i * PATH_PACKET.bytes, PATH_PACKET.bytes);
      return this.#packet(at, reasons);
    });
  }

  #packet(record: DataView, reasons: Map<number, string>): PathPacket {
    const packet: PathPacket = {
      at: {},
      end: (["open", "done", "dropped"] as const)[record.getUint32(PATH_PACKET.end, true)]!,
      bytes: record.getUint32(PATH_PACKET.len, true),
      cpu: record.getUint32(PATH_PACKET.cpu, true),
    };
    NAMES.forEach((name, i) => {
      const ns = record.getFloat64(PATH_PACKET.at + i * 8, true);
      if (ns >= 0) packet.at[name] = ns;
    });
    const reader = record.getUint32(PATH_PACKET.reader, true);
    if (reader) packet.reader = reader;
    if (record.getUint32(PATH_PACKET.end, true) === PATH_END.DROPPED) {
      const number = record.getUint32(PATH_PACKET.reason, true);
      if (!reasons.has(number)) reasons.set(number, this.#reason(number));
      packet.reason = reasons.get(number)!;
    }
    return packet;
  }

  #reason(number: number): string {
    const out = new Uint8Array(TEXT_BYTES);
    const length = native().hp_path_reason(this.#handle, number, out, out.length);
    return length < 0 ? `reason ${number}` : new TextDecoder().decode(out.subarray(0, length));
  }

  absent(): Partial<Record<PathStage, string>> {
    const found: Partial<Record<PathStage, string>> = {};
    NAMES.forEach((name, i) => {
      const out = new Uint8Array(TEXT_BYTES);
      const length = check(native().hp_path_absent(this.#handle, i, out, out.length));
      if (length > 0) found[name] = new TextDecoder().decode(out.subarray(0, length));
    });
    return found;
  }

  [Symbol.dispose](): void {
    native().hp_path_close(this.#handle);
  }
}

/**
 * Follows the next packets of a feed through the kernel and says what each stage took. The engine (or whoever reads)
 * must run meanwhile on a thread or in a process of its own. The kernel's programs are attached for as long as this
 * waits, and cost while they are: 0.1 to 0.3 µs a stage, 2 to 3 µs a packet, all of which is in what is told, and a
 * little for every system call, task switch and interrupt of the machine.
 *
 * @param feed An engine, its feed, or any endpoint with `via` udp, uring, packet or xdp.
 * @param options How many packets, how long at most.
 * @returns What was found; fewer packets than asked for when the time was over.
 * @throws {Deno.errors.NotCapable} without `net` for the group and port; {@linkcode NativeError} naming the
 * capabilities that are missing; {@linkcode TypeError} for a receive path that is none of the kernel's.
 *
 * @example
 * ```ts ignore
 * const found = await trace(engine, { packets: 1000 });
 * console.log(found); // a table
 * found.stage("queue")?.p50; // ns since UDP had the socket
 * ```
 */
export async function trace(
  feed: Engine | Feed | FeedEndpoint,
  options: PathOptions = {},
): Promise<PathTrace> {
  const { packets = 1000, timeoutMs = 10_000 } = options;
  const endpoint = endpointOf(feed);
  const shared = ENDS[endpoint.via];
  if (!shared) {
    throw new TypeError(
      `Cannot trace via=${endpoint.via}: its frames do not come up through the kernel's receive path; ` +
        `${Object.keys(ENDS).join(", ")} do`,
    );
  }
  if (!Number.isInteger(packets) || packets < 1 || packets > 100_000) {
    throw new RangeError(`Cannot trace ${packets} packets: 1 to 100,000 are possible`);
  }
  using attached = new Attached(endpoint, packets);
  await enough(attached, packets, timeoutMs);
  const [last, beyond] = shared;
  const past = NAMES.slice(NAMES.indexOf(last) + 1).map((name) => [name, beyond]);
  return new PathTrace({
    what: `${endpoint.address}:${endpoint.port} via ${endpoint.via}`,
    packets: attached.packets(packets),
    counters: attached.counters(),
    absent: { ...Object.fromEntries(past), ...attached.absent() },
  });
}

async function enough(attached: Attached, packets: number, timeoutMs: number): Promise<void> {
  let deadline = performance.now() + timeoutMs;
  for (let all = false; performance.now() < deadline; await sleep(LOOK_MS)) {
    const { seen, ended } = attached.counters();
    if (ended >= packets) return;
    if (seen >= packets && !all) deadline = Math.min(deadline, performance.now() + GRACE_MS);
    all = seen >= packets;
  }
}

/**
 * The word for it at the prompt: `await path.trace(engine)`.
 *
 * @example
 * ```ts ignore
 * await path.trace(engine.feed, { packets: 1000 });
 * ```
 */
export const path: {
  /** See {@linkcode trace}. */
  trace: typeof trace;
} = { trace };
