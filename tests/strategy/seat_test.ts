/** A seat's two rings, with this test as the engine on the other side; and a seat the engine itself laid out. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Engine, SharedMemory, Update } from "hotpath";
import { EVENT, FLAG, KIND, REQUEST, REQUEST_KIND, RING, SEAT, SEAT_MAGIC } from "../../lib/layout.ts";
import { native } from "../../lib/native.ts";
import { EventRing, SeatOrders } from "../../lib/strategy/seat.ts";

const EVENTS = SEAT.bytes;
const ID_BASE = 2 ** 32;

interface Request {
  kind: number;
  flags: number;
  id: number;
  price: number;
  qty: number;
  triggerSeq: number;
  triggerRecvNs: number;
  stamps: number[];
}

/** The engine's side of a seat, in the words of hotpath.h. */
class EngineSide {
  readonly memory: SharedMemory;
  readonly #orders: number;

  /** @param start Where the rings' indices begin: they run freely, mod 2^32. */
  constructor(readonly slots: number, index = 0, start = 0) {
    this.#orders = EVENTS + RING.bytes + slots * EVENT.bytes;
    this.memory = new SharedMemory(this.#orders + RING.bytes + slots * REQUEST.bytes);
    const { u32 } = this.memory;
    u32[SEAT.magic / 4] = SEAT_MAGIC;
    u32[SEAT.index / 4] = index;
    u32[SEAT.next_order / 4] = 1;
    u32[SEAT.events_offset / 4] = EVENTS;
    u32[SEAT.orders_offset / 4] = this.#orders;
    for (const ring of [EVENTS, this.#orders]) {
      u32[(ring + RING.capacity) / 4] = slots;
      u32[(ring + RING.head) / 4] = u32[(ring + RING.tail) / 4] = start;
    }
  }

  /** Publishes an event; false when the ring is full. */
  publish(kind: number, seq: number): boolean {
    const { u32, f64 } = this.memory;
    const [head, tail] = [u32[(EVENTS + RING.head) / 4]!, u32[(EVENTS + RING.tail) / 4]!];
    if (((tail - head) >>> 0) >= this.slots) return false;
    const at = EVENTS + RING.bytes + (tail & (this.slots - 1)) * EVENT.bytes;
    u32[(at + EVENT.kind) / 4] = kind;
    f64[(at + EVENT.seq) / 8] = seq;
    f64[(at + EVENT.recv_ns) / 8] = seq * 10.5;
    for (let i = 0; i < 4; i++) u32[(at + EVENT.ready_tsc) / 4 + i] = (seq * 2654435761 + i) >>> 0;
    u32[(EVENTS + RING.tail) / 4] = tail + 1;
    return true;
  }

  /** Takes the oldest request. */
  take(): Request | undefined {
    const { u32, f64 } = this.memory;
    const head = u32[(this.#orders + RING.head) / 4]!;
    if (head === u32[(this.#orders + RING.tail) / 4]) return undefined;
    const at = this.#orders + RING.bytes + (head & (this.slots - 1)) * REQUEST.bytes;
    u32[(this.#orders + RING.head) / 4] = head + 1;
    return {
      kind: u32[at / 4]!,
      flags: u32[(at + REQUEST.flags) / 4]!,
      id: f64[(at + REQUEST.id) / 8]!,
      price: f64[(at + REQUEST.price) / 8]!,
      qty: f64[(at + REQUEST.qty) / 8]!,
      triggerSeq: f64[(at + REQUEST.trigger_seq) / 8]!,
      triggerRecvNs: f64[(at + REQUEST.trigger_recv_ns) / 8]!,
      stamps: [...u32.subarray((at + REQUEST.ready_tsc) / 4, (at + REQUEST.ready_tsc) / 4 + 4)],
    };
  }
}

function strategySide(engine: EngineSide, wake = () => {}) {
  const ring = new EventRing(engine.memory);
  const update = new Update(engine.memory, ring.slot);
  return { ring, update, orders: new SeatOrders(engine.memory, ring, wake) };
}

Deno.test("EventRing hands events over in order, each once", () => {
  const engine = new EngineSide(4);
  const { ring, update } = strategySide(engine);
  assert.equal(ring.ready, false);
  assert.equal(ring.peek(update), 0);
  for (const [kind, seq] of [[KIND.BOOK, 1], [KIND.GAP, 2], [KIND.END, 3]] as const) {
    engine.publish(kind, seq);
  }
  for (const [kind, seq] of [[KIND.BOOK, 1], [KIND.GAP, 2], [KIND.END, 3]] as const) {
    assert.equal(ring.ready, true);
    assert.equal(ring.peek(update), kind);
    assert.equal(ring.peek(update), kind, "it stays until it is released");
    assert.deepEqual([update.seq, update.recvNs], [seq, seq * 10.5]);
    ring.release();
  }
  assert.equal(ring.ready, false);
  assert.equal(ring.peek(update), 0);
});

/** Where indices begin: at 0, and where they run over 2^31 and 2^32. */
const starts = fc.constantFrom(0, 2 ** 31 - 3, 2 ** 32 - 3);
const slotCounts = fc.constantFrom(2, 4, 16);

Deno.test("EventRing is a queue, whatever comes in between and wherever its indices are", () => {
  const moves = fc.array(fc.boolean(), { maxLength: 200, size: "max" });
  fc.assert(fc.property(starts, slotCounts, moves, (start, slots, moves) => {
    const engine = new EngineSide(slots, 0, start);
    const { ring, update } = strategySide(engine);
    const queue: number[] = [];
    moves.forEach((publish, i) => {
      if (publish) {
        assert.equal(engine.publish(KIND.BOOK, i + 1), queue.length < slots);
        if (queue.length < slots) queue.push(i + 1);
      } else {
        assert.equal(ring.peek(update), queue.length ? KIND.BOOK : 0);
        if (queue.length === 0) return;
        assert.equal(update.seq, queue.shift());
        ring.release();
      }
      assert.equal(ring.ready, queue.length > 0);
    });
  }));
});

Deno.test("SeatOrders is a queue of requests, full or not, wherever its indices are", () => {
  const step = fc.oneof(
    fc.record({ ask: fc.constantFrom("buy", "sell"), price: fc.nat(), qty: fc.nat() }),
    fc.record({ ask: fc.constantFrom("cancel"), id: fc.nat() }),
    fc.constant({ ask: "goOn" as const }),
    fc.constant({ ask: "take" as const }),
  );
  const steps = fc.array(step, { maxLength: 150, size: "max" });
  fc.assert(fc.property(starts, slotCounts, fc.nat({ max: 62 }), steps, (start, slots, index, steps) => {
    const engine = new EngineSide(slots, index, start);
    const { orders } = strategySide(engine);
    const queue: Partial<Request>[] = [];
    let next = index * ID_BASE + 1;
    const take = () => {
      const { kind, flags, id, price, qty } = engine.take() ?? {};
      assert.deepEqual(kind === undefined ? undefined : { kind, flags, id, price, qty }, queue.shift());
    };
    const room = (request: Partial<Request>) => queue.length < slots && queue.push(request) > 0;
    for (const step of steps) {
      if (step.ask === "take") take();
      else if (step.ask === "goOn") {
        orders.goOn();
        room({ kind: REQUEST_KIND.GO_ON, flags: 0, id: 0, price: 0, qty: 0 });
      } else if ("id" in step) {
        const sent = room({ kind: REQUEST_KIND.CANCEL, flags: 0, id: step.id, price: 0, qty: 0 });
        assert.equal(orders.cancel(step.id), sent ? 0 : -105);
      } else {
        const { ask, price, qty } = step as { ask: "buy" | "sell"; price: number; qty: number };
        const flags = ask === "buy" ? FLAG.BID : 0;
        const sent = room({ kind: REQUEST_KIND.ORDER, flags, id: next, price, qty });
        assert.equal(orders[ask](price, qty), sent ? next : -105, "a refused order uses up no id");
        assert.equal(orders.state(next), sent ? "new" : "unknown");
        if (sent) next++;
      }
    }
    while (queue.length) take();
    assert.equal(engine.take(), undefined);
  }));
});

Deno.test("SeatOrders carries the event at hand as its trigger, stamps to the last bit", () => {
  const engine = new EngineSide(4, 3);
  const { ring, update, orders } = strategySide(engine);
  for (let seq = 1; seq <= 9; seq++) {
    engine.publish(KIND.BOOK, seq);
    ring.peek(update);
    assert.equal(orders.sell(1000 + seq, seq), 3 * ID_BASE + seq);
    ring.release();
    assert.deepEqual(engine.take(), {
      kind: REQUEST_KIND.ORDER,
      flags: 0,
      id: 3 * ID_BASE + seq,
      price: 1000 + seq,
      qty: seq,
      triggerSeq: seq,
      triggerRecvNs: seq * 10.5,
      stamps: [0, 1, 2, 3].map((i) => (seq * 2654435761 + i) >>> 0),
    });
  }
});

Deno.test("SeatOrders goes on counting where the seat's last strategy stopped", () => {
  const engine = new EngineSide(4, 1);
  engine.memory.u32[SEAT.next_order / 4] = 42;
  assert.equal(strategySide(engine).orders.buy(1, 1), ID_BASE + 42);
});

Deno.test("SeatOrders wakes the engine only while it sleeps, after the request is there", () => {
  const engine = new EngineSide(4);
  const seen: (Request | undefined)[] = [];
  const { orders } = strategySide(engine, () => seen.push(engine.take()));
  orders.buy(1, 1);
  assert.equal(seen.length, 0);
  engine.memory.u32[SEAT.engine_waiting / 4] = 1;
  orders.buy(2, 2);
  assert.deepEqual(seen.map((request) => request?.id), [1], "the first one was still there");
  assert.equal(engine.take()?.id, 2);
});

Deno.test("SeatOrders tells what the engine has noted of its orders", () => {
  const { orders } = strategySide(new EngineSide(4));
  const id = orders.buy(1, 1);
  for (const state of ["sent", "acknowledged", "cancelled"] as const) {
    orders.note(id, state);
    assert.equal(orders.state(id), state);
  }
  assert.equal(orders.state(id + 1), "unknown");
});

Deno.test("hp_seat_open() and hp_seat_wait() know a seat by its magic and its ring", () => {
  const engine = new EngineSide(4);
  const { hp_seat_open, hp_seat_wait } = native();
  const handle = hp_seat_open(engine.memory.u8, engine.memory.bytes);
  assert.ok(handle);
  assert.equal(hp_seat_wait(handle, 1000), 0);
  engine.publish(KIND.BOOK, 1);
  assert.equal(hp_seat_wait(handle, 1000), 1);
  assert.equal(engine.memory.u32[(EVENTS + RING.waiting) / 4], 0);
  engine.memory.u32[SEAT.magic / 4] = 0;
  assert.equal(hp_seat_open(engine.memory.u8, engine.memory.bytes), null);
});

Deno.test("Engine.sit() lays a seat out as both rings read it", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // its number is as good as free for UDP
  using engine = Engine.open({ feed: `udp://127.0.0.1:${listener.addr.port}?wait=block&qty=1000` });
  const memory = Engine.seatMemory();
  const seat = engine.sit(memory);
  assert.equal(seat.index, 0);
  assert.equal(memory.u32[SEAT.magic / 4], SEAT_MAGIC);
  assert.deepEqual([memory.f64[SEAT.price_scale / 8], memory.f64[SEAT.qty_scale / 8]], [1e6, 1000]);
  const ring = new EventRing(memory);
  const update = new Update(memory, ring.slot);
  const orders = new SeatOrders(memory, ring, () => {});
  assert.equal(ring.peek(update), 0);
  assert.equal(orders.buy(1, 1), 1);
  engine.start(); // there is no order entry: the order comes back refused
  const deadline = performance.now() + 5000;
  while (!ring.ready && performance.now() < deadline);
  assert.equal(ring.peek(update), KIND.ORDER);
  assert.deepEqual([update.orderId, update.detail], [1, 4]);
  engine.leave(seat);
  assert.equal(memory.u32[SEAT.closed / 4], 1);
});
