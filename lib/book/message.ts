/** A message for books, and how it is written for native code. @module */
import { type FAULTS, FLAG, MESSAGE, MESSAGE_FLAG, MESSAGE_KINDS } from "../layout.ts";
import type { Side } from "./ladder.ts";

/** What a message does to the books. */
export type MessageKind = typeof MESSAGE_KINDS[number];

/** What was wrong with a message. */
export type BookFault = typeof FAULTS[number];

/** A message for {@linkcode Books.apply}: what a kind does not need is left out. Prices and quantities are scaled. */
export interface BookMessage {
  /** What it does. */
  kind: MessageKind;
  /** The feed's number of the symbol; left out: of none, or of all. */
  symbol?: number;
  /** Side of an added order, a level or a trade's resting order; default "ask". */
  side?: Side;
  /** Price; of a quote the bid's. */
  price?: number;
  /** Quantity; of a quote the bid's. */
  qty?: number;
  /** The exchange's reference of the order. */
  order?: number | bigint;
  /** `replace`: the reference of the order that takes its place. */
  newOrder?: number | bigint;
  /** `execute`, `trade`, `cross`, `break`: match number. */
  match?: number | bigint;
  /** `quote`: best ask's price, 0 for none. */
  askPrice?: number;
  /** `quote`: best ask's quantity. */
  askQty?: number;
  /** `symbol`: the name, up to 8 letters. */
  name?: string;
  /** `status`: the trading state's letter. */
  state?: string;
  /** Sequence number; default 0. */
  seq?: number;
  /** The sender's stamp in ns; default 0. */
  timeNs?: number;
  /** The wire's type letter. */
  type?: string;
  /** A trade that is not to be printed. */
  silent?: boolean;
  /** More of the same event is to come. */
  open?: boolean;
}

/** What message kinds put into `hp_message.other`. */
function otherOf(message: BookMessage): bigint {
  switch (message.kind) {
    case "replace":
      return BigInt(message.newOrder ?? 0);
    case "quote":
      return BigInt(message.askQty ?? 0);
    case "status":
      return BigInt((message.state ?? "\0").charCodeAt(0));
    case "symbol": {
      const bytes = new TextEncoder().encode((message.name ?? "").padEnd(8));
      return new DataView(bytes.buffer).getBigUint64(0, true);
    }
    default:
      return BigInt(message.match ?? 0);
  }
}

/** Writes `message` as a `struct hp_message`. */
export function encodeMessage(message: BookMessage, out: DataView): void {
  const flags = (message.side === "bid" ? FLAG.BID : 0) | (message.silent ? MESSAGE_FLAG.SILENT : 0) |
    (message.open ? MESSAGE_FLAG.OPEN : 0);
  const order = message.kind === "quote" ? message.askPrice : message.order;
  out.setUint8(MESSAGE.kind, MESSAGE_KINDS.indexOf(message.kind));
  out.setUint8(MESSAGE.type, (message.type ?? "\0").charCodeAt(0));
  out.setUint8(MESSAGE.flags, flags);
  out.setUint32(MESSAGE.symbol, message.symbol ?? 0xffffffff, true);
  out.setBigInt64(MESSAGE.seq, BigInt(message.seq ?? 0), true);
  out.setBigInt64(MESSAGE.time_ns, BigInt(message.timeNs ?? 0), true);
  out.setBigInt64(MESSAGE.price, BigInt(message.price ?? 0), true);
  out.setBigInt64(MESSAGE.qty, BigInt(message.qty ?? 0), true);
  out.setBigUint64(MESSAGE.order, BigInt(order ?? 0), true);
  out.setBigUint64(MESSAGE.other, otherOf(message), true);
}
