/** Ping-pong: round trips between two sides of a wire, over any receive and transmit path. @module */
import { asFeed, asTx, type FeedEndpoint, type TxEndpoint } from "../endpoint.ts";
import { HISTOGRAM } from "../layout.ts";
import { Histogram } from "../measure/histogram.ts";
import { SharedMemory } from "../native.ts";
import { playPingPong } from "../permission.ts";

/** One side: where it listens and where it sends. */
export interface PingPongSide {
  /** Where the other side's datagrams arrive: `udp://address:port?via=…`; `cpu` pins the far side's thread. */
  rx: string | URL | FeedEndpoint;
  /** To the other side's `rx`. */
  tx: string | URL | TxEndpoint;
}

/** A game of ping-pong, played. */
export interface PingPongResult {
  /** Round trips, ns. */
  roundTrip: Histogram;
  /** Pings that came back in time, 50 ms. */
  returned: number;
  /** Pings that did not. */
  lost: number;
}

/**
 * Plays ping-pong: 64 bytes there and back, one at a time, both sides spinning; what sockperf's `ping-pong` measures.
 * Blocks the calling thread until it is over.
 *
 * @param near This side; the calling thread is the one that pings.
 * @param far The other side, on a thread of its own.
 * @param count Round trips.
 * @throws {Deno.errors.NotCapable} naming the missing flag; {@linkcode NativeError} with what failed and why.
 *
 * @example
 * ```ts ignore
 * const { roundTrip } = pingPong(
 *   { rx: "udp://10.77.0.2:9000?netns=s", tx: "udp://10.77.0.1:9001?netns=s" },
 *   { rx: "udp://10.77.0.1:9001?netns=x&cpu=0", tx: "udp://10.77.0.2:9000?netns=x" },
 *   10_000,
 * );
 * console.log(roundTrip.percentiles);
 * ```
 */
export function pingPong(near: PingPongSide, far: PingPongSide, count: number): PingPongResult {
  const memory = new SharedMemory(HISTOGRAM.bytes);
  const parsed = ({ rx, tx }: PingPongSide) => ({ rx: asFeed(rx), tx: asTx(tx) });
  const returned = playPingPong({ near: parsed(near), far: parsed(far), count }, memory);
  return { roundTrip: new Histogram(memory, 0), returned, lost: count - returned };
}
