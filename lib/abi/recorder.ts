/**
 * `native/include/hotpath/recorder.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const RECORDER_SYMBOLS = {} as const satisfies Deno.ForeignLibraryInterface;
