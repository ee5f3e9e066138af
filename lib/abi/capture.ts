/**
 * `native/include/hotpath/capture.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const CAPTURE_SYMBOLS = {
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
  hp_capture_flows: {
    parameters: [
      "buffer", // const char *path
      "buffer", // struct hp_capture_flow *out
      "i32", // int32_t max
    ],
    result: "i32",
  },
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

/** `struct hp_capture_flow`: what a capture has for one address and port. */
export const CAPTURE_FLOW = {
  bytes: 120,
  address: 0,
  port: 16,
  sample_len: 20,
  datagrams: 24,
  payload_bytes: 32,
  first_ms: 40,
  last_ms: 48,
  sample: 56,
} as const;
