/** What an endpoint's `feed=` stands for: a decoder in C, or a description that is run. @module */
import { FEED_NAMES, FRAMINGS } from "../layout.ts";
import { feedNamed } from "./feeds.ts";

/** A feed as the engine opens it. */
export interface Protocol {
  /** Its number in `enum hp_feed`. */
  feed: number;
  /** Price scale. */
  priceScale: number;
  /** Quantity scale. */
  qtyScale: number;
  /** It tells of price levels, not of orders. */
  byLevels: boolean;
  /** `struct hp_schema` of a description; `null` of a decoder in C. */
  table: Uint8Array<ArrayBuffer> | null;
  /** What carries a description's messages: a number of `enum hp_framing`. */
  framing: number;
  /** A description's stamps do not count from 1970. */
  dayStamps: boolean;
}

const IN_C = {
  feed: 0,
  priceScale: 1e4,
  qtyScale: 1,
  byLevels: true,
  table: null,
  framing: 0,
  dayStamps: false,
};
const NATIVE: Record<string, Protocol> = {
  lll: { ...IN_C, feed: FEED_NAMES.indexOf("lll"), priceScale: 1e6 },
  itch50: { ...IN_C, feed: FEED_NAMES.indexOf("itch50"), byLevels: false },
  deep: { ...IN_C, feed: FEED_NAMES.indexOf("deep") },
  tops: { ...IN_C, feed: FEED_NAMES.indexOf("tops") },
};

/**
 * The protocol of a name.
 *
 * @throws {TypeError} when there is no such feed, or none that can be received.
 */
export function protocolOf(name: string): Protocol {
  if (Object.hasOwn(NATIVE, name)) return NATIVE[name]!;
  const { transport, table, priceScale, qtyScale, messages, schema } = feedNamed(name);
  const framing = FRAMINGS.findIndex((framing) => transport.includes(framing));
  if (framing < 0 || table === null) {
    throw new TypeError(
      `Cannot receive feed "${name}": it comes over ${transport}; ${FRAMINGS.join(" and ")} can be received`,
    );
  }
  const byLevels = !Object.values(messages).some(({ kinds }) => kinds.includes("add"));
  const dayStamps = schema.time?.base !== "epoch";
  return { feed: FEED_NAMES.indexOf("schema"), priceScale, qtyScale, byLevels, table, framing, dayStamps };
}
