/**
 * `native/include/hotpath/schema.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const SCHEMA_SYMBOLS = {} as const satisfies Deno.ForeignLibraryInterface;
