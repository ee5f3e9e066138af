/** What is compared: every receive path in every wait mode, and every way to send. @module */
import type { RxPath, TxPath, Wait } from "hotpath";

/** One row: a way in, a way out, a way to wait. */
export interface Case {
  /** Receive path. */
  rx: RxPath;
  /** Transmit path; "file" is a capture played as a wire. */
  tx: TxPath | "file";
  /** What the receiver does when nothing is there. */
  wait: Wait;
  /** More options of the feed's endpoint: `{ ring: "v3" }`. */
  options: Record<string, string>;
  /** What can be measured of it: a kernel-side generator has no latency worth the name, a capture no wire. */
  measures: { latency: boolean; throughput: boolean; drop: boolean };
  /** Why it is not measured here, known without trying. */
  why?: string;
}

const WAITS: readonly Wait[] = ["spin", "busy-poll", "block"];
const BOTH = { latency: true, throughput: true, drop: false };

function row(rx: RxPath, tx: Case["tx"], wait: Wait, more: Partial<Case> = {}): Case {
  return { rx, tx, wait, options: {}, measures: BOTH, ...more };
}

/** Why a combination is not worth trying on this machine. */
function unfit(rx: RxPath, wait: Wait): { why?: string } {
  return rx === "tap" && wait === "busy-poll" ? { why: "a TAP device has no NAPI that could be polled" } : {};
}

/** Every case, available here or not. */
export function cases(): Case[] {
  const cores = navigator.hardwareConcurrency;
  const sqpoll = cores < 3
    ? { why: "the submitting kernel thread needs a core of its own: 3 cores or more" }
    : {};
  return [
    ...(["udp", "uring", "packet", "xdp", "tap"] as const).flatMap((rx) =>
      WAITS.map((wait) => row(rx, "udp", wait, unfit(rx, wait)))
    ),
    row("uring", "udp", "spin", { options: { sqpoll: String(cores - 1) }, ...sqpoll }),
    row("packet", "udp", "block", { options: { ring: "v3" } }),
    row("xdp", "udp", "spin", { options: { mode: "zero-copy" } }),
    ...(["uring", "zc", "packet", "xdp"] as const).map((tx) => row("udp", tx, "spin")),
    row("xdp", "packet", "spin"),
    row("xdp", "xdp", "spin"),
    row("xdp", "kernel", "spin", { measures: { latency: false, throughput: false, drop: true } }),
    row("pcap", "file", "spin", {
      options: { speed: "flat" },
      measures: { latency: false, throughput: true, drop: false },
    }),
  ];
}

/** How a row is called in tables and pictures. */
export function nameOf({ rx, tx, wait, options }: Case): string {
  const more = Object.entries(options).map(([key, value]) => ` ${key}=${value}`).join("");
  return `${tx} → ${rx} ${wait}${more}`;
}
