/**
 * `native/include/hotpath/reader.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const READER_SYMBOLS = {} as const satisfies Deno.ForeignLibraryInterface;
