/** Every feed there is. @module */
import { drawTable, pictured } from "../measure/print.ts";
import { FeedLayout } from "./feed_layout.ts";
import { DEEP, TOPS } from "./layouts/iex.ts";
import { ITCH50 } from "./layouts/itch50.ts";
import { LLL } from "./layouts/lll.ts";
import { MDP3 } from "./layouts/mdp3.ts";
import { TARDIS } from "./layouts/tardis.ts";

const BUILT_IN = [LLL, ITCH50, DEEP, TOPS, TARDIS, MDP3];

/** The built-in feeds, each checked and compiled when it is first looked at: most programs look at one. */
function builtIn(): Record<string, FeedLayout> {
  const feeds: Record<string, FeedLayout> = {};
  for (const schema of BUILT_IN) {
    const get = () => {
      const value = new FeedLayout(schema);
      Object.defineProperty(feeds, schema.name, { value, enumerable: true });
      return value;
    };
    Object.defineProperty(feeds, schema.name, { get, enumerable: true, configurable: true });
  }
  return feeds;
}

/**
 * Every feed by name: those that are built in and those that {@linkcode defineFeed} registered. It prints itself as a
 * table, each feed as its messages, each message as its fields.
 *
 * @example
 * ```ts
 * import { feeds } from "hotpath";
 *
 * console.log(feeds, feeds.itch50, feeds.itch50!.messages.A);
 * ```
 */
export const feeds: Record<string, FeedLayout> = pictured(
  builtIn(),
  (all) => {
    const rows = Object.values(all).map(
      ({ name, title, transport, priceScale, qtyScale, time, messages }) => {
        const types = Object.keys(messages).join(" ");
        return [name, title, transport, `x ${priceScale}`, `x ${qtyScale}`, time, types];
      },
    );
    return drawTable(["feed", "", "transport", "prices", "quantities", "time", "messages"], rows, 7);
  },
);

/**
 * Puts a feed into {@linkcode feeds}.
 *
 * @throws {TypeError} when a feed of that name is built in.
 */
export function register(feed: FeedLayout): FeedLayout {
  if (BUILT_IN.some(({ name }) => name === feed.name)) {
    throw new TypeError(`Cannot define feed "${feed.name}": one of this name is built in; choose another`);
  }
  feeds[feed.name] = feed;
  return feed;
}

/**
 * The feed of a name.
 *
 * @throws {TypeError} when there is none.
 */
export function feedNamed(name: string): FeedLayout {
  const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
  if (!feed) throw new TypeError(`There is no feed "${name}"; those are ${Object.keys(feeds).join(", ")}`);
  return feed;
}
