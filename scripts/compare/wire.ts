/** The wire under a comparison: two namespaces, a sender on one core, a receiver on the other. @module */
import { Engine, type EngineOptions, LAB_GROUP, LAB_PORT, type Namespaces, Traffic } from "hotpath";
import type { Case } from "./cases.ts";

/** Core of the generator's thread. */
export const SENDER_CORE = 0;
/** Core of the thread that receives and decides. */
export const RECEIVER_CORE = navigator.hardwareConcurrency > 1 ? 1 : 0;

/** Empty looks at the wire in one native call: a quiet millisecond, so that TypeScript is not asked in between. */
const SPIN_TURNS = 4096;
const TAP = "hptap";

/** What a generator is asked for. */
export interface Load {
  /** Datagrams a second, or as fast as it goes. */
  rate: number | "flat";
  /** For how long. */
  seconds: number;
}

/** Opens the receiver of a case. Throws with the sentence why it cannot. */
export function openReceiver(wire: Namespaces, { rx, wait, options }: Case, capture: string): Engine {
  const query = new URLSearchParams({ via: rx, wait, ...options });
  if (rx === "pcap") query.set("file", capture);
  else {
    query.set("netns", wire.strategy);
    query.set("if", rx === "tap" ? TAP : wire.strategy);
  }
  const open: EngineOptions = {
    feed: `udp://${LAB_GROUP}:${LAB_PORT}?${query}`,
    spinTurns: wait === "block" ? 1 : SPIN_TURNS,
    levels: 1024,
  };
  return Engine.open(open);
}

/** Starts the sender of a case. */
export function openSender(wire: Namespaces, { rx, tx }: Case, { rate, seconds }: Load): Traffic {
  // What a TAP's owner reads is what the kernel sends out of it: both ends are in one namespace.
  const side = rx === "tap" ? wire.strategy : wire.exchange;
  const query = new URLSearchParams({
    via: tx,
    netns: side,
    if: rx === "tap" ? TAP : side,
    cpu: String(SENDER_CORE),
  });
  return Traffic.open({ to: `udp://${LAB_GROUP}:${LAB_PORT}?${query}`, rate, seconds, spin: true });
}
