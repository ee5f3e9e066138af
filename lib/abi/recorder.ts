/**
 * `native/include/hotpath/recorder.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const RECORDER_SYMBOLS = {
  hp_engine_record: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "buffer", // const char *path
      "f64", // double room
      "buffer", // struct hp_recorder_stats *stats
    ],
    result: "i32",
  },
  hp_engine_record_stop: { parameters: ["pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** `struct hp_recorder_stats`: counters of a recording. */
export const RECORDER_STATS = {
  bytes: 192,
  datagrams: 0,
  lost: 8,
  written: 16,
  file_bytes: 24,
  waiting_max: 32,
  recording: 40,
  trouble: 64,
} as const;
