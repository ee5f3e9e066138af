/**
 * The only `Deno.dlopen` of the project, and the memory both sides read.
 *
 * Two tables: {@linkcode SYMBOLS} is all of `native/include/hotpath.h`; {@linkcode SEAT_SYMBOLS} is the handful
 * that a strategy in a process of its own needs, none of which can open anything.
 *
 * @module
 */
import { BOOKS_SYMBOLS } from "./abi/books.ts";
import { PUBLISHER_SYMBOLS } from "./abi/publisher.ts";
import { READER_SYMBOLS } from "./abi/reader.ts";
import { CAPTURE_SYMBOLS } from "./abi/capture.ts";
import { SCHEMA_SYMBOLS } from "./abi/schema.ts";
import { ABI_VERSION } from "./layout.ts";

/** Every function of the ABI, one parameter a line where there are several. */
export const SYMBOLS = {
  ...BOOKS_SYMBOLS,
  ...PUBLISHER_SYMBOLS,
  ...READER_SYMBOLS,
  ...CAPTURE_SYMBOLS,
  ...SCHEMA_SYMBOLS,
  hp_abi_version: { parameters: [], result: "i32" },
  hp_last_error: {
    parameters: [
      "buffer", // char *out
      "i32", // int32_t size
    ],
    result: "i32",
  },
  hp_last_errno: { parameters: [], result: "i32" },
  hp_clock_now: { parameters: [], result: "f64" },
  hp_thread_cpu: { parameters: [], result: "f64" },
  hp_pin: { parameters: ["i32"], result: "i32" },
  hp_histogram_record: {
    parameters: [
      "buffer", // struct hp_histogram *histogram
      "f64", // double ns
    ],
    result: "i32",
  },
  hp_book_bytes: { parameters: ["i32"], result: "i32" },
  hp_book_open: {
    parameters: [
      "buffer", // void *memory
      "i32", // int32_t bytes
      "i32", // int32_t capacity
    ],
    result: "pointer",
  },
  hp_book_apply: {
    parameters: [
      "pointer", // struct hp_book *book
      "i32", // int32_t side
      "f64", // double price
      "f64", // double qty
    ],
    result: "i32",
  },
  hp_book_apply_all: {
    parameters: [
      "pointer", // struct hp_book *book
      "buffer", // const double *updates
      "i32", // int32_t count
    ],
    result: "i32",
  },
  hp_book_clear: { parameters: ["pointer"], result: "i32" },
  hp_share: {
    parameters: [
      "buffer", // void *memory
      "i32", // int32_t bytes
    ],
    result: "i32",
  },
  hp_join: {
    parameters: [
      "buffer", // const char *path
      "buffer", // void *memory
      "i32", // int32_t bytes
      "i32", // int32_t readonly
    ],
    result: "i32",
  },
  hp_unshare: { parameters: ["i32"], result: "i32" },
  hp_seat_bytes: {
    parameters: [
      "i32", // int32_t events
      "i32", // int32_t orders
    ],
    result: "i32",
  },
  hp_seat_open: {
    parameters: [
      "buffer", // void *memory
      "i32", // int32_t bytes
    ],
    result: "pointer",
  },
  hp_seat_wait: {
    parameters: [
      "pointer", // struct hp_seat *seat
      "i32", // int32_t timeout_us
    ],
    result: "i32",
  },
  hp_seat_wake: {
    parameters: [
      "pointer", // struct hp_seat *seat
      "i32", // int32_t wake_fd
    ],
    result: "i32",
  },
  hp_wake_open: { parameters: ["buffer"], result: "i32" },
  hp_die_with: { parameters: ["i32"], result: "i32" },
  hp_engine_open: {
    parameters: [
      "buffer", // const struct hp_engine_options *options
      "buffer", // const struct hp_schema *schema
      "buffer", // struct hp_control *control
      "buffer", // void *book_memory
      "i32", // int32_t book_bytes
      "i32", // int32_t levels
    ],
    result: "pointer",
  },
  hp_engine_connect: { parameters: ["pointer"], result: "i32" },
  hp_control_bytes: { parameters: [], result: "i32" },
  hp_engine_next: { parameters: ["pointer"], result: "i32" },
  hp_engine_order: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "i32", // int32_t side
      "f64", // double price
      "f64", // double qty
    ],
    result: "f64",
  },
  hp_engine_cancel: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "f64", // double id
    ],
    result: "i32",
  },
  hp_engine_go_on: { parameters: ["pointer"], result: "i32" },
  hp_engine_want: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "buffer", // const char *name
    ],
    result: "i32",
  },
  hp_engine_arm: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "f64", // double threshold
      "f64", // double qty
    ],
    result: "i32",
  },
  hp_engine_run: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "i32", // int32_t ms
    ],
    result: "i32",
  },
  hp_engine_sit: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "buffer", // struct hp_seat *seat
      "i32", // int32_t bytes
      "i32", // int32_t events
      "i32", // int32_t orders
      "i32", // int32_t wants
    ],
    result: "i32",
  },
  hp_engine_leave: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "i32", // int32_t index
    ],
    result: "i32",
  },
  hp_engine_wake_fd: { parameters: ["pointer"], result: "i32" },
  hp_engine_start: { parameters: ["pointer"], result: "i32" },
  hp_engine_stop: { parameters: ["pointer"], result: "i32" },
  hp_engine_reset: { parameters: ["pointer"], result: "i32" },
  hp_engine_drain: {
    parameters: [
      "pointer", // struct hp_engine *engine
      "i32", // int32_t ms
    ],
    result: "f64",
  },
  hp_engine_close: { parameters: ["pointer"], result: "i32" },
  hp_tape_load: {
    parameters: [
      "buffer", // const char *path
      "i32", // int32_t pack
    ],
    result: "pointer",
  },
  hp_tape_generate: {
    parameters: [
      "buffer", // const struct hp_market_options *options
      "i32", // int32_t pack
    ],
    result: "pointer",
  },
  hp_tape_info: {
    parameters: [
      "pointer", // const struct hp_tape *tape
      "buffer", // struct hp_tape_info *out
    ],
    result: "i32",
  },
  hp_tape_read: {
    parameters: [
      "pointer", // const struct hp_tape *tape
      "i32", // int32_t from
      "i32", // int32_t count
      "buffer", // double *out
    ],
    result: "i32",
  },
  hp_tape_close: { parameters: ["pointer"], result: "i32" },
  hp_exchange_stats_bytes: { parameters: [], result: "i32" },
  hp_exchange_open: {
    parameters: [
      "buffer", // const struct hp_exchange_options *options
      "pointer", // const struct hp_tape *tape
      "buffer", // struct hp_exchange_stats *stats
    ],
    result: "pointer",
  },
  hp_exchange_pace: {
    parameters: [
      "pointer", // struct hp_exchange *exchange
      "i32", // int32_t pace
      "f64", // double rate
      "f64", // double limit
    ],
    result: "i32",
  },
  hp_exchange_reset: { parameters: ["pointer"], result: "i32" },
  hp_exchange_close: { parameters: ["pointer"], result: "i32" },
  hp_path_open: {
    parameters: [
      "buffer", // const struct hp_path_options *options
      "buffer", // struct hp_path_stats *stats
    ],
    result: "pointer",
  },
  hp_path_refresh: { parameters: ["pointer"], result: "i32" },
  hp_path_read: {
    parameters: [
      "pointer", // struct hp_path *path
      "i32", // int32_t from
      "i32", // int32_t count
      "buffer", // struct hp_path_packet *out
    ],
    result: "i32",
  },
  hp_path_absent: {
    parameters: [
      "pointer", // struct hp_path *path
      "i32", // int32_t stage
      "buffer", // char *out
      "i32", // int32_t size
    ],
    result: "i32",
  },
  hp_path_reason: {
    parameters: [
      "pointer", // struct hp_path *path
      "i32", // int32_t reason
      "buffer", // char *out
      "i32", // int32_t size
    ],
    result: "i32",
  },
  hp_path_close: { parameters: ["pointer"], result: "i32" },
  hp_traffic_stats_bytes: { parameters: [], result: "i32" },
  hp_traffic_open: {
    parameters: [
      "buffer", // const struct hp_traffic_options *options
      "pointer", // const struct hp_tape *tape
      "buffer", // struct hp_traffic_stats *stats
    ],
    result: "pointer",
  },
  hp_traffic_close: { parameters: ["pointer"], result: "i32" },
  hp_observe_stats_bytes: { parameters: [], result: "i32" },
  hp_observer_open: { parameters: ["buffer"], result: "pointer" },
  hp_observer_read: {
    parameters: [
      "pointer", // struct hp_observer *observer
      "buffer", // struct hp_observe_stats *stats
    ],
    result: "i32",
  },
  hp_observer_reset: { parameters: ["pointer"], result: "i32" },
  hp_observer_close: { parameters: ["pointer"], result: "i32" },
  hp_pingpong: {
    parameters: [
      "buffer", // const struct hp_pingpong_options *options
      "buffer", // struct hp_histogram *round_trip
    ],
    result: "f64",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** What a strategy in its own process is given: waiting and waking, nothing that opens. */
export const SEAT_SYMBOLS = {
  hp_abi_version: SYMBOLS.hp_abi_version,
  hp_pin: SYMBOLS.hp_pin,
  hp_last_error: SYMBOLS.hp_last_error,
  hp_last_errno: SYMBOLS.hp_last_errno,
  hp_join: SYMBOLS.hp_join,
  hp_wake_open: SYMBOLS.hp_wake_open,
  hp_die_with: SYMBOLS.hp_die_with,
  hp_seat_open: SYMBOLS.hp_seat_open,
  hp_seat_wait: SYMBOLS.hp_seat_wait,
  hp_seat_wake: SYMBOLS.hp_seat_wake,
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded library's functions. */
export type Native = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
/** The functions of a strategy's own process. */
export type SeatNative = Deno.DynamicLibrary<typeof SEAT_SYMBOLS>["symbols"];

/** The shared object, relative to the project: the one file `--allow-ffi` needs to name. */
export const LIBRARY: string = new URL("../native/build/libhotpath.so", import.meta.url).pathname;

/**
 * A native call failed. `message` is the whole sentence: what failed, on what, why, what to do next.
 *
 * @example
 * ```ts
 * import { NativeError } from "hotpath";
 * import assert from "node:assert/strict";
 *
 * const error = new NativeError("Cannot open it: EBUSY", 16);
 * assert.equal(error.errno, 16);
 * ```
 */
export class NativeError extends Error {
  /** Always `"NativeError"`. */
  override name = "NativeError";
  /** The positive errno. */
  readonly errno: number;

  /**
   * An error with its sentence and number.
   *
   * @param message The sentence.
   * @param errno The positive errno.
   */
  constructor(message: string, errno: number) {
    super(message);
    this.errno = errno;
  }
}

function load<T extends Deno.ForeignLibraryInterface>(table: T): Deno.DynamicLibrary<T>["symbols"] {
  let library: Deno.DynamicLibrary<T>;
  try {
    library = Deno.dlopen(LIBRARY, table);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable || cause instanceof Deno.errors.PermissionDenied) throw cause;
    throw new Error(
      `Cannot load ${LIBRARY}: ${(cause as Error).message}; build it with \`deno task build\``,
      {
        cause,
      },
    );
  }
  const symbols = library.symbols as unknown as Pick<Native, "hp_abi_version">;
  const version = symbols.hp_abi_version();
  if (version !== ABI_VERSION) {
    throw new Error(
      `Cannot use ${LIBRARY}: it has ABI ${version}, this module needs ${ABI_VERSION}; run \`deno task build\``,
    );
  }
  return library.symbols;
}

let loaded: Native | undefined;

/** The library's functions; loads it the first time (asks Deno for `ffi` on that one file). */
export function native(): Native {
  return loaded ??= load(SYMBOLS);
}

/** The few functions a strategy's own process needs. Not remembered: after its permissions are gone it cannot be had again. */
export function seatNative(): SeatNative {
  return load(SEAT_SYMBOLS);
}

/** The sentence the last failing call of this thread left behind. */
export function lastError(symbols: Pick<Native, "hp_last_error"> = native()): string {
  const out = new Uint8Array(512);
  const length = symbols.hp_last_error(out, out.length);
  return new TextDecoder().decode(out.subarray(0, Math.max(0, length)));
}

/** Turns a negative result into a {@linkcode NativeError}; passes every other through. */
export function check(result: number, symbols?: Pick<Native, "hp_last_error">): number {
  if (result < 0) throw new NativeError(lastError(symbols), -result);
  return result;
}

/** Turns a null handle into a {@linkcode NativeError}. */
export function checkHandle(
  handle: Deno.PointerValue,
  symbols: Pick<Native, "hp_last_error" | "hp_last_errno"> = native(),
): Deno.PointerObject {
  if (handle === null) throw new NativeError(lastError(symbols), symbols.hp_last_errno());
  return handle;
}

/**
 * Pins the calling thread to a core.
 *
 * @param cpu The core.
 * @throws {NativeError} when there is no such core, or it is not ours.
 */
export function pin(cpu: number): void {
  check(native().hp_pin(cpu));
}

/** CPU time the calling thread has used, ns, the kernel's on its behalf included. */
export function threadCpuNs(): number {
  return native().hp_thread_cpu();
}

const PAGE = 65536;

/**
 * Memory that C and TypeScript both read: page-aligned, never moved, in whole 64 KiB pages. It must stay
 * referenced for as long as a native handle uses it.
 */
export class SharedMemory {
  /** All of it, as bytes: what `buffer` parameters are given. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** The same bytes as 32-bit unsigned integers. */
  readonly u32: Uint32Array;
  /** The same bytes as 32-bit integers (what `Atomics` works on). */
  readonly i32: Int32Array;
  /** The same bytes as doubles. */
  readonly f64: Float64Array;

  /**
   * Allocates memory, zeroed.
   *
   * @param bytes At least this much.
   */
  constructor(bytes: number) {
    const pages = Math.max(1, Math.ceil(bytes / PAGE));
    const buffer = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
    // Deno's types know no shared `buffer` parameter; the runtime takes it.
    this.u8 = new Uint8Array(buffer) as unknown as Uint8Array<ArrayBuffer>;
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Size in bytes: a multiple of 64 KiB. */
  get bytes(): number {
    return this.u8.length;
  }

  /** One line, and never the bytes. */
  [Symbol.for("Deno.customInspect")](): string {
    return `SharedMemory of ${this.bytes} bytes`;
  }

  /** NUL-terminated text in a fixed field. */
  text(offset: number, size: number): string {
    const field = this.u8.slice(offset, offset + size);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  }
}

/** C ends a text at its first NUL: what Deno was asked about and what is opened must be the same text. */
function refuseNul(text: string, name: string): void {
  if (text.includes("\0")) {
    throw new TypeError(`Cannot use ${name} ${JSON.stringify(text)}: it has a NUL in it`);
  }
}

/**
 * A NUL-terminated C string.
 *
 * @throws {TypeError} when the text has a NUL of its own.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  refuseNul(text, "path");
  return new TextEncoder().encode(text + "\0");
}

/** Writes `text` into a fixed field of an options struct; too long a text, or a NUL in it, is refused by name. */
export function putText(struct: DataView, offset: number, size: number, text: string, name: string): void {
  refuseNul(text, name);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length >= size) {
    throw new RangeError(`Cannot use ${name} "${text}": longer than ${size - 1} bytes`);
  }
  new Uint8Array(struct.buffer, struct.byteOffset + offset, bytes.length).set(bytes);
}
