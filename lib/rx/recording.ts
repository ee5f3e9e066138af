/** A capture that is written while an engine receives. @module */
import { RECORDER_STATS } from "../layout.ts";
import { formatCount } from "../measure/format.ts";
import { type InspectContext, picture } from "../measure/print.ts";
import { readCounters } from "../measure/counters.ts";
import { SharedMemory } from "../native.ts";

/** Counters of a recording. Once it has ended, `datagrams` is `written` and `lost` together. */
export type RecordingCounters = Record<
  | "datagrams"
  | "lost"
  | "written"
  | "file_bytes"
  | "waiting_max",
  number
>;
const NAMES = ["datagrams", "lost", "written", "file_bytes", "waiting_max"] as const;

/**
 * What {@linkcode Engine.record} writes: a pcapng file with every datagram the engine receives, ns stamps, an interface a
 * line. A second thread writes it; the loop only copies. What it has no room for is counted as `lost`, here and in the
 * file.
 *
 * @example
 * ```ts ignore
 * const recording = engine.record("session.pcapng");
 * recording.counters.written; // datagrams in the file so far
 * recording.stop(); // the file is complete
 * ```
 */
export class Recording {
  /** The file. */
  readonly path: string;
  readonly #stats: SharedMemory;
  readonly #stop: () => void;

  /**
   * A recording that has been started.
   *
   * @param path The file.
   * @param stats Memory with its `struct hp_recorder_stats`.
   * @param stop Ends it.
   */
  constructor(path: string, stats: SharedMemory, stop: () => void) {
    this.path = path;
    this.#stats = stats;
    this.#stop = stop;
  }

  /** Memory for the counters of one. */
  static stats(): SharedMemory {
    return new SharedMemory(RECORDER_STATS.bytes);
  }

  /** What became of every datagram since it began. */
  get counters(): RecordingCounters {
    return readCounters(this.#stats, 0, RECORDER_STATS, NAMES);
  }

  /** It has not been stopped. */
  get recording(): boolean {
    return this.#stats.u32[RECORDER_STATS.recording / 4] === 1;
  }

  /** Why the file takes no more (a full disk), in one sentence; "" when it does. */
  get trouble(): string {
    return this.#stats.text(RECORDER_STATS.trouble, 128);
  }

  /**
   * Ends it: the file is complete when this returns. The engine goes on. No-op when it has ended.
   *
   * @throws {NativeError} saying what the file lacks.
   */
  stop(): void {
    if (this.recording) this.#stop();
  }

  /** File, datagrams, losses. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { written, lost, file_bytes } = this.counters;
    const state = this.recording ? "recording" : "complete";
    const line = `Recording ${this.path} (${state}): ${formatCount(written)} datagrams, ${
      formatCount(lost)
    } lost`;
    return picture(
      context,
      line,
      () => `${line}, ${formatCount(file_bytes)} bytes${this.trouble ? `\n  ${this.trouble}` : ""}`,
    );
  }
}
