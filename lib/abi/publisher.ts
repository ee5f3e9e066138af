/**
 * `native/include/hotpath/publisher.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const PUBLISHER_SYMBOLS = {} as const satisfies Deno.ForeignLibraryInterface;
