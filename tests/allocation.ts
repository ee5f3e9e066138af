/**
 * The program whose allocations allocation_test.ts counts: events through the large-trade strategy, as the inline
 * runner hands them over ("inline"), through a seat's rings as an isolated one gets them ("seat"), as whole sessions
 * of an exchange on the loopback interface ("engine"), or as a capture of ITCH 5.0 with books of many symbols ("books").
 *
 *   deno run --v8-flags=--expose-gc --allow-ffi=… tests/allocation.ts inline|seat|engine|books EVENTS EVERY [SEAT]
 *
 * Two events in EVERY cause an order (0: none does). Prints one line of JSON: for each of some rounds the bytes the heap
 * grew by, and the orders. The semi-space must be large enough that nothing is collected inside a round.
 */
import { Book } from "../lib/book/book.ts";
import { Engine } from "../lib/engine.ts";
import { Exchange } from "../lib/lab/exchange.ts";
import { Tape } from "../lib/lab/tape.ts";
import { EVENT, FLAG, KIND, REQUEST, RING, SEAT } from "../lib/layout.ts";
import { SharedMemory } from "../lib/native.ts";
import { Handlers, type RunnerOrders } from "../lib/strategy/handlers.ts";
import { runInline } from "../lib/strategy/inline.ts";
import { EventRing, SeatOrders } from "../lib/strategy/seat.ts";
import { type OrderState, type StrategyBook, withParams } from "../lib/strategy/strategy.ts";
import { Update } from "../lib/strategy/update.ts";
import largeTrade from "../scripts/strategies/large_trade.ts";

const [how, events, every] = [Deno.args[0], Number(Deno.args[1]), Number(Deno.args[2])];
const ROUNDS = 5;
const LARGE = 1_500_000;
const THRESHOLD = 1e10; // price x LARGE exceeds it, price x any other quantity here stays far below
const collect = (globalThis as unknown as { gc(): void }).gc;

/** An event as native code writes it: both sides, moving prices; the large ones aggress or join in turn. */
function writeEvent(memory: SharedMemory, at: number, n: number): void {
  const large = every > 0 && n % every < 2; // neighbours: one on either side
  const aggress = Math.floor(n / every) % 2 === 0;
  const { u32, f64 } = memory;
  u32[(at + EVENT.kind) / 4] = KIND.BOOK;
  u32[(at + EVENT.flags) / 4] = n % 2 ? FLAG.BID : 0;
  f64[(at + EVENT.seq) / 8] = n;
  f64[(at + EVENT.recv_ns) / 8] = n * 1000.5;
  f64[(at + EVENT.price) / 8] = 61_659_700_000 + (n % 1000) * 100_000;
  f64[(at + EVENT.qty) / 8] = large && aggress ? LARGE : n % 1500;
  f64[(at + EVENT.bid) / 8] = 61_659_700_000 - (n % 7) * 100_000;
  f64[(at + EVENT.bid_qty) / 8] = large && !aggress ? LARGE : 1486;
  f64[(at + EVENT.ask) / 8] = 61_659_800_000 + (n % 5) * 100_000;
  f64[(at + EVENT.ask_qty) / 8] = large && !aggress ? LARGE : 981;
}

/** Order entry that only counts. */
class CountingOrders implements RunnerOrders {
  readonly sums = new Float64Array(2);
  buy(price: number, qty: number): number {
    this.sums[1]! += price * qty;
    return this.sums[0]! += 1;
  }
  sell(price: number, qty: number): number {
    this.sums[1]! -= price * qty;
    return this.sums[0]! += 1;
  }
  cancel(): number {
    return 0;
  }
  state(): OrderState {
    return "unknown";
  }
  note(): void {}
  goOn(): void {}
}

interface Drive {
  run(): void;
  orders(): number;
}

function inline(): Drive {
  const slot = 64;
  const memory = new SharedMemory(slot + EVENT.bytes);
  const orders = new CountingOrders();
  const params = withParams(largeTrade, { threshold: THRESHOLD });
  const handlers = new Handlers(
    largeTrade,
    new Update(memory, slot),
    Book.create({ levels: 16 }),
    orders,
    params,
  );
  const run = () => {
    for (let n = 0; n < events; n++) {
      writeEvent(memory, slot, n);
      handlers.dispatch(memory.u32[slot / 4]!);
    }
  };
  return { run, orders: () => orders.sums[0]! };
}

const SLOTS = 64;
const EVENTS = SEAT.bytes;
const ORDERS = EVENTS + RING.bytes + SLOTS * EVENT.bytes;

/** A seat laid out as the engine does it, with ourselves as the engine. */
function seat(): Drive {
  const memory = new SharedMemory(ORDERS + RING.bytes + SLOTS * REQUEST.bytes);
  const { u32, i32 } = memory;
  u32[SEAT.index / 4] = Number(Deno.args[3] ?? 0);
  u32[SEAT.next_order / 4] = 1;
  u32[SEAT.events_offset / 4] = EVENTS;
  u32[SEAT.orders_offset / 4] = ORDERS;
  u32[(EVENTS + RING.capacity) / 4] = u32[(ORDERS + RING.capacity) / 4] = SLOTS;
  const ring = new EventRing(memory);
  const orders = new SeatOrders(memory, ring, () => {});
  const update = new Update(memory, ring.slot);
  const params = withParams(largeTrade, { threshold: THRESHOLD });
  const handlers = new Handlers(largeTrade, update, Book.create({ levels: 16 }), orders, params);
  let taken = 0;
  const run = () => {
    for (let n = 0; n < events; n++) {
      const tail = i32[(EVENTS + RING.tail) / 4]!;
      writeEvent(memory, EVENTS + RING.bytes + (tail & (SLOTS - 1)) * EVENT.bytes, n);
      Atomics.store(i32, (EVENTS + RING.tail) / 4, (tail + 1) | 0);
      for (let kind = ring.peek(update); kind !== 0; kind = ring.peek(update)) {
        handlers.dispatch(kind);
        ring.release();
      }
      const ordered = Atomics.load(i32, (ORDERS + RING.tail) / 4);
      taken += ordered - i32[(ORDERS + RING.head) / 4]!;
      Atomics.store(i32, (ORDERS + RING.head) / 4, ordered);
    }
  };
  return { run, orders: () => taken };
}

interface Round {
  bytes: number;
  orders: number;
}

function* rounds({ run, orders }: Drive): Generator<Round> {
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    const heapBefore = Deno.memoryUsage().heapUsed;
    const ordersBefore = orders();
    run();
    yield { bytes: Deno.memoryUsage().heapUsed - heapBefore, orders: orders() - ordersBefore };
  }
}

/** The whole way: wire, native loop, inline runner; a session a round. Nothing is ordered. */
async function* sessions(): AsyncGenerator<Round> {
  const [port, orderPort] = [Number(Deno.args[3]), Number(Deno.args[4])];
  const address = "127.0.0.1";
  using tape = Tape.generate({ records: events });
  using exchange = Exchange.open({ tape, pace: "flat", group: address, port, listen: address, orderPort });
  for (let round = 0; round < ROUNDS; round++) {
    using engine = Engine.open({
      feed: `udp://${address}:${port}?wait=block&qty=${tape.info.qtyScale}`,
      orders: `tcp://${address}:${orderPort}`,
      connectLater: true,
    });
    let before = 0;
    let bytes = 0;
    const strategy = {
      ...largeTrade,
      onStart() {
        collect();
        before = Deno.memoryUsage().heapUsed;
      },
      onStop() {
        bytes = Deno.memoryUsage().heapUsed - before;
      },
    };
    await runInline(engine, strategy, { params: { threshold: 1e12 }, quietMs: 5000 });
    if (engine.loops < events / 2) throw new Error(`only ${engine.loops} records came`);
    yield { bytes, orders: engine.orderCounters.sent };
    engine.close();
    await exchange.ready();
  }
}

/** Sums over what was seen, so that nothing of it can be left out; the last counts events. */
const sums = new Float64Array(3);

/** Reads every getter of an event, and its symbol's book. */
function look(update: Update, book: StrategyBook): void {
  sums[0]! += update.symbol + update.orderRef + update.other + update.bid + update.price + book.bid +
    book.askQty;
  if (update.kind === "add" || update.type === "D" || update.isBid || update.incomplete) {
    sums[1]! += book.stale ? 1 : 2;
  }
  sums[2]! += 1;
}

/** Likewise, a capture of many symbols. */
async function* captures(): AsyncGenerator<Round> {
  const [, , , to, file] = Deno.args;
  for (let round = 0; round < ROUNDS; round++) {
    using engine = Engine.open({
      feed: `udp://${to}?feed=itch50&via=pcap&speed=flat&file=${file}`,
      room: { orders: 2 ** 16, levels: 2 ** 14 },
    });
    const seen = sums[2]!;
    let before = 0;
    let bytes = 0;
    await runInline(engine, {
      onBook: look,
      onTrade: look,
      onStatus: look,
      onStart() {
        collect();
        before = Deno.memoryUsage().heapUsed;
      },
      onStop() {
        bytes = Deno.memoryUsage().heapUsed - before;
      },
    });
    if (sums[2]! - seen < events) throw new Error(`only ${sums[2]! - seen} events came`);
    yield { bytes, orders: 0 };
  }
}

function drive(): AsyncGenerator<Round> | Generator<Round> {
  if (how === "engine") return sessions();
  return how === "books" ? captures() : rounds(how === "seat" ? seat() : inline());
}

const result: Round[] = [];
for await (const round of drive()) result.push(round);
console.log(JSON.stringify(result));
