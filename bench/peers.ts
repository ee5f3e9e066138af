/**
 * Other books that JavaScript programs use, fed with the same updates: a Map a side, and the order books of two npm
 * packages, which are downloaded for this alone and left out where they cannot be.
 *
 * @module
 */
import { FLAG } from "hotpath";

/** What every book must agree on in the end. */
export interface End {
  bids: number;
  asks: number;
  /** Best prices, scaled; undefined where a book does not know them. */
  bid?: number | undefined;
  ask?: number | undefined;
}

/** A book under test: `play` begins with an empty one. */
export interface Peer {
  name: string;
  play(): void;
  end(): End;
}

/** Updates that come as one message: a real feed's have some 70. */
const MESSAGE = 64;

const isBid = (flags: number) => (flags & FLAG.BID) !== 0;
const isSnapshot = (flags: number) => (flags & FLAG.SNAPSHOT) !== 0;

/** The peer: two Maps, and nothing that knows the best price. */
export function maps(records: Float64Array): Peer {
  let sides = [new Map<number, number>(), new Map<number, number>()];
  return {
    name: "JavaScript Map, no best price",
    play() {
      sides = [new Map(), new Map()];
      for (let i = 0; i < records.length; i += 3) {
        const side = sides[records[i + 2]! & FLAG.BID]!;
        if (records[i + 1] === 0) side.delete(records[i]!);
        else side.set(records[i]!, records[i + 1]!);
      }
    },
    end: () => ({ bids: sides[1]!.size, asks: sides[0]!.size }),
  };
}

interface TardisLevel {
  price: number;
  amount: number;
}

interface TardisMessage {
  isSnapshot: boolean;
  bids: TardisLevel[];
  asks: TardisLevel[];
}

interface TardisBook {
  update(message: TardisMessage): void;
  bestBid(): TardisLevel | undefined;
  bestAsk(): TardisLevel | undefined;
  bids(): Iterable<TardisLevel>;
  asks(): Iterable<TardisLevel>;
}

/** The updates as messages, made before anything is timed. */
function messagesOf(records: Float64Array): TardisMessage[] {
  const messages: TardisMessage[] = [];
  for (let i = 0, inMessage = MESSAGE; i < records.length; i += 3, inMessage++) {
    const [price, amount, flags] = [records[i]!, records[i + 1]!, records[i + 2]!];
    const last = messages.at(-1);
    if (!last || last.isSnapshot !== isSnapshot(flags) || (!last.isSnapshot && inMessage >= MESSAGE)) {
      messages.push({ isSnapshot: isSnapshot(flags), bids: [], asks: [] });
      inMessage = 0;
    }
    messages.at(-1)![isBid(flags) ? "bids" : "asks"].push({ price, amount });
  }
  return messages;
}

async function tardis(records: Float64Array): Promise<Peer> {
  const name = "npm:tardis-dev@13"; // in a variable: who only checks or tests this project downloads nothing
  const { OrderBook } = await import(name) as { OrderBook: new () => TardisBook };
  const messages = messagesOf(records);
  let book = new OrderBook();
  return {
    name: `${name} OrderBook`,
    play() {
      book = new OrderBook();
      for (const message of messages) book.update(message);
    },
    end: () => ({
      bids: [...book.bids()].length,
      asks: [...book.asks()].length,
      bid: book.bestBid()?.price,
      ask: book.bestAsk()?.price,
    }),
  };
}

interface CcxtSide extends Array<[price: number, amount: number]> {
  store(price: number, amount: number): void;
}

interface CcxtBook {
  bids: CcxtSide;
  asks: CcxtSide;
  reset(): void;
}

async function ccxt(records: Float64Array): Promise<Peer> {
  const name = "npm:ccxt@4";
  const { default: library } = await import(name) as {
    default: { Exchange: new () => { orderBook(): CcxtBook } };
  };
  const exchange = new library.Exchange();
  let book = exchange.orderBook();
  return {
    name: `${name} OrderBook`,
    play() {
      book = exchange.orderBook();
      for (let i = 0, inSnapshot = false; i < records.length; i += 3) {
        const flags = records[i + 2]!;
        if (isSnapshot(flags) && !inSnapshot) book.reset();
        inSnapshot = isSnapshot(flags);
        (isBid(flags) ? book.bids : book.asks).store(records[i]!, records[i + 1]!);
      }
    },
    end: () => ({
      bids: book.bids.length,
      asks: book.asks.length,
      bid: book.bids[0]?.[0],
      ask: book.asks[0]?.[0],
    }),
  };
}

/** The libraries that can be had. `trouble` is told of the others. */
export async function libraries(records: Float64Array, trouble: (line: string) => void): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const load of [tardis, ccxt]) {
    try {
      peers.push(await load(records));
    } catch (error) {
      trouble(`Left out ${load.name}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  return peers;
}
