/** How the types of a file's messages are written and called. @module */
import { feeds } from "./feeds.ts";

/** How a type byte is written: the character it is, or its number in hex; "level" where every message is one. */
export function messageKey(feed: string, type: number): string {
  if ((feed === "lll" && type === 1) || feed === "tardis") return "level";
  return type > 32 && type < 127 ? String.fromCharCode(type) : `0x${type.toString(16).padStart(2, "0")}`;
}

/** What a feed calls a type; "unknown" when it has none such. */
export function messageName(feed: string, key: string): string {
  if (key === "level") return "price level";
  return feeds[feed]?.messages[key]?.name ?? (key === "0x00" ? "empty" : "unknown");
}
