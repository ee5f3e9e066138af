/**
 * CME MDP 3.0, market by price: how a published SBE layout is described. Of its many templates the one that keeps
 * books of futures and options, MDIncrementalRefreshBook (46).
 *
 * In a packet (sequence number u32, sending time u64) each message stands behind a u16 that counts itself. Prices are
 * x 1e9; instruments are known by numbers, which are their names here.
 *
 * CME's levels are numbered; here they are known by their price, so that a level which falls off the published depth
 * unsaid stays in the book until it is deleted. DeleteThru and DeleteFrom (actions 3 and 4) name no price each and are
 * counted as bad values. Implied books (E, F) are books of their own and left to whoever wants them. The entries of a
 * message that are about one instrument are one event here; CME's may go on in the next message, and end in one that is
 * about other instruments only, so that no flag of it can say when one instrument's book is whole again.
 *
 * @module
 */
import type { FeedSchema } from "../schema.ts";

const SIDE = { field: "entry_type", bid: "0", ask: "1" } as const;

/** The feed. */
export const MDP3: FeedSchema = {
  name: "mdp3",
  title: "CME MDP 3.0, market by price",
  transport: "UDP, SBE",
  byteOrder: "little",
  prefix: { whole: true },
  header: "sbe",
  priceScale: 1e9,
  qtyScale: 1,
  time: { base: "epoch", unit: "ns" },
  every: { symbol: "security_id", time: "transact_time" },
  messages: [{
    type: 46,
    name: "incremental refresh of the book",
    length: 11,
    fields: [
      { name: "transact_time", type: "u64", offset: 0 },
      {
        name: "match_event",
        type: "u8",
        offset: 8,
        values: { 4: "last of its event about quotes", 16: "last about implied", 128: "end of the event" },
      },
    ],
    group: {
      name: "entries",
      header: 3,
      countType: "u8",
      length: 32,
      fields: [
        { name: "price", type: "i64", offset: 0, scale: 1e9 },
        { name: "size", type: "i32", offset: 8 },
        { name: "security_id", type: "i32", offset: 12 },
        { name: "report_seq", type: "u32", offset: 16 },
        { name: "orders", type: "i32", offset: 20 },
        { name: "level", type: "u8", offset: 24 },
        {
          name: "action",
          type: "u8",
          offset: 25,
          values: { 0: "new", 1: "change", 2: "delete", 3: "delete thru", 4: "delete from", 5: "overlay" },
        },
        {
          name: "entry_type",
          type: "a1",
          offset: 26,
          values: { 0: "bid", 1: "offer", E: "implied bid", F: "implied offer", J: "book reset" },
        },
      ],
    },
    means: [
      {
        kind: "level",
        when: { entry_type: ["0", "1"], action: [0, 1, 5] },
        price: "price",
        qty: { field: "size", zero: false },
        side: SIDE,
      },
      { kind: "level", when: { entry_type: ["0", "1"], action: 2 }, price: "price", side: SIDE },
      { kind: "clear", when: { entry_type: "J" } },
      { kind: "other", when: { entry_type: ["E", "F"] } },
    ],
  }],
};
