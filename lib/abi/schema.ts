/**
 * `native/include/hotpath/schema.h`: functions and layouts.
 *
 * @module
 */

/** Its functions. */
export const SCHEMA_SYMBOLS = {
  hp_schema_check: { parameters: ["buffer"], result: "i32" },
  hp_decode: {
    parameters: [
      "i32", // int32_t feed
      "buffer", // const struct hp_schema *schema
      "buffer", // const uint8_t *bytes
      "i32", // int32_t length
      "buffer", // struct hp_message *out
      "i32", // int32_t max
      "buffer", // struct hp_report *report
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** How a field is read, in the order of `enum hp_schema_load`. */
export const SCHEMA_LOADS = ["unsigned", "signed", "text"] as const;

/** Where a field goes, in the order of `enum hp_schema_target`. */
export const SCHEMA_TARGETS = [
  "time",
  "price",
  "qty",
  "order",
  "other",
  "seq",
  "flag",
  "symbol number",
  "symbol name",
  "symbol id",
  "learn",
  "rename",
  "trading",
  "halted",
] as const;

/** `enum hp_schema_check`: what makes a value bad. */
export const SCHEMA_CHECK = { AMOUNT: 1, POSITIVE: 2, EITHER: 4 } as const;

/** First word of a table. */
export const SCHEMA_MAGIC = 0x6d656853;

/** "There is none", of an offset. */
export const SCHEMA_NONE = 0xffff;

/** How much a table has room for. */
export const SCHEMA_ROOM = { messages: 64, meanings: 128, tests: 128, steps: 768, values: 10 } as const;

/** `struct hp_schema`: a feed as a table. */
export const SCHEMA = {
  bytes: 22824,
  magic: 0,
  big: 4,
  prefix: 5,
  prefix_big: 6,
  prefix_whole: 7,
  price_scale: 8,
  qty_scale: 16,
  type_at: 24,
  block_at: 26,
  block: 28,
  type_bytes: 30,
  prefix_implied: 31,
  messages: 32,
  meanings: 34,
  tests: 36,
  steps: 38,
  message: 40,
  meaning: 1320,
  test: 2344,
  step: 4392,
} as const;

/** `struct hp_schema_message`: one type of message. */
export const SCHEMA_MESSAGE = {
  bytes: 20,
  type: 0,
  number: 2,
  exact: 3,
  length: 4,
  first_meaning: 6,
  first_step: 8,
  meanings: 10,
  steps: 11,
  group: 12,
  group_length: 13,
  group_count: 14,
  count_bytes: 15,
  entry_length: 16,
} as const;

/** `struct hp_schema_meaning`: what a message means when its tests hold. */
export const SCHEMA_MEANING = {
  bytes: 8,
  kind: 0,
  flags: 1,
  tests: 2,
  steps: 3,
  first_test: 4,
  first_step: 6,
} as const;

/** `struct hp_schema_test`: a byte that has to be one of some values. */
export const SCHEMA_TEST = { bytes: 16, offset: 0, entry: 2, count: 3, values: 4 } as const;

/** `struct hp_schema_step`: one field that is read. */
export const SCHEMA_STEP = {
  bytes: 24,
  target: 0,
  load: 1,
  width: 2,
  entry: 3,
  offset: 4,
  value: 6,
  otherwise: 7,
  mask: 8,
  flags: 9,
  check: 10,
  scale: 12,
  most: 16,
} as const;
