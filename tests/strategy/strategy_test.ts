/** What a strategy is handed: its parameters, its events, its orders' states; and the decisions of the example. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Book,
  defineStrategy,
  type Params,
  SharedMemory,
  type Strategy,
  strategyArgs,
  Update,
} from "hotpath";
import { BOOK_FLAG, EVENT, FLAG, KIND, MESSAGE_FLAG, MESSAGE_KINDS } from "../../lib/layout.ts";
import { Handlers, OrderStates, type RunnerOrders } from "../../lib/strategy/handlers.ts";
import { ORDER_STATES, type OrderState, withParams } from "../../lib/strategy/strategy.ts";
import largeTrade from "../../scripts/strategies/large_trade.ts";

const strategy = defineStrategy({ params: { size: 1.5, venue: "A", live: false } });

Deno.test("defineStrategy() returns the very object", () => {
  const given = { onStop() {} };
  assert.equal(defineStrategy(given), given);
});

Deno.test("withParams() fills in defaults and turns texts into the defaults' types", () => {
  assert.deepEqual(withParams(strategy, {}), { size: 1.5, venue: "A", live: false });
  assert.deepEqual(withParams(strategy, { size: "-2e3", live: "true" }), {
    size: -2000,
    venue: "A",
    live: true,
  });
  assert.deepEqual(withParams(strategy, { size: 3, venue: 7, live: true }), {
    size: 3,
    venue: "7",
    live: true,
  });
  assert.deepEqual(withParams(strategy, { venue: "" }).venue, "");
  assert.deepEqual(strategy.params, { size: 1.5, venue: "A", live: false }, "the defaults are as they were");
});

for (
  const [given, message] of [
    [{ sise: 1 }, 'Cannot set parameter "sise": the strategy has no such one (it has: size, venue, live)'],
    [
      { toString: 1 },
      'Cannot set parameter "toString": the strategy has no such one (it has: size, venue, live)',
    ],
    [{ size: "big" }, 'Cannot set parameter "size" to "big": a number is needed'],
    [{ size: "" }, 'Cannot set parameter "size" to "": a number is needed'],
    [{ size: " " }, 'Cannot set parameter "size" to " ": a number is needed'],
    [{ size: true }, 'Cannot set parameter "size" to "true": a number is needed'], // --size without a value
    [{ size: Infinity }, 'Cannot set parameter "size" to "Infinity": a number is needed'],
    [{ live: "yes" }, 'Cannot set parameter "live" to "yes": a boolean is needed'],
  ] as const
) {
  Deno.test(`withParams() refuses ${JSON.stringify(given)} by name`, () => {
    assert.throws(() => withParams(strategy, given), { name: "TypeError", message });
  });
}

Deno.test("withParams() of a strategy without parameters says it has none", () => {
  const message = 'Cannot set parameter "size": the strategy has no such one (it has: none)';
  assert.throws(() => withParams(defineStrategy({}), { size: 1 }), { name: "TypeError", message });
});

Deno.test("withParams() keeps every parameter's type or throws a TypeError", () => {
  const names = fc.oneof(fc.constantFrom("size", "venue", "live", "__proto__", "constructor"), fc.string());
  const values = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom("1", "true"),
  );
  fc.assert(fc.property(fc.dictionary(names, values), (given) => {
    try {
      const params = withParams(strategy, given);
      assert.deepEqual(Object.keys(params), ["size", "venue", "live"]);
      assert.deepEqual(Object.values(params).map((value) => typeof value), ["number", "string", "boolean"]);
      assert.ok(Number.isFinite(params.size));
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error));
    }
  }));
});

Deno.test("strategyArgs() splits a command line into endpoints and parameters", () => {
  const args = ["--feed=udp://239.255.0.1:1", "--orders=tcp://10.0.0.1:2", "--size=3", "--live"];
  assert.deepEqual(strategyArgs(args), {
    feed: "udp://239.255.0.1:1",
    orders: "tcp://10.0.0.1:2",
    params: { size: "3", live: true },
  });
  assert.deepEqual(strategyArgs(["--feed=x"]), { feed: "x", orders: undefined, params: {} });
  const more = ["--line-b=b", "--requests=r", "--snapshots=s", "--symbols=AAPL,MSFT"];
  assert.deepEqual(strategyArgs(["--feed=x", ...more]), {
    feed: "x",
    orders: undefined,
    lineB: "b",
    requests: "r",
    snapshots: "s",
    symbols: ["AAPL", "MSFT"],
    params: {},
  });
  for (const args of [[], ["--feed"], ["--orders=tcp://10.0.0.1:2"]]) {
    assert.throws(() => strategyArgs(args), {
      name: "TypeError",
      message: /^Cannot run the strategy: no feed; add/,
    });
  }
});

const SLOT = 128;

/** Writes an event into its slot, the way native code does. */
function writeEvent(
  memory: SharedMemory,
  fields: Partial<Record<keyof typeof EVENT, number>>,
  at = SLOT,
): void {
  memory.u8.fill(0, at, at + EVENT.bytes);
  for (const [name, value] of Object.entries(fields)) {
    const offset = at + EVENT[name as keyof typeof EVENT];
    if (name === "message" || name === "type") memory.u8[offset] = value;
    else if (["kind", "flags", "symbol"].includes(name)) memory.u32[offset / 4] = value;
    else memory.f64[offset / 8] = value;
  }
}

Deno.test("Update reads every field of its slot, and of the next one it is moved to", () => {
  const memory = new SharedMemory(4096);
  const update = new Update(memory, SLOT);
  for (const at of [SLOT, 1024]) {
    const numbers = {
      seq: 1,
      recv_ns: 2.5,
      sent_ns: -3,
      price: 4,
      qty: 5,
      bid: 6,
      bid_qty: 7,
      ask: 8,
      ask_qty: 9,
    };
    const message = { symbol: 65535, message: MESSAGE_KINDS.indexOf("execute at"), type: 67 };
    writeEvent(memory, { ...numbers, ...message, order_id: 2 ** 32 + 10, detail: at }, at);
    update.moveTo(at);
    const { seq, recvNs, sentNs, price, qty, bid, bidQty, ask, askQty, orderId, detail } = update;
    assert.deepEqual([update.symbol, update.kind, update.type], [65535, "execute at", "C"]);
    assert.deepEqual([update.orderRef, update.other], [at, 2 ** 32 + 10]);
    assert.deepEqual([seq, recvNs, sentNs, price, qty, bid, bidQty, ask, askQty], Object.values(numbers));
    assert.deepEqual([orderId, detail], [2 ** 32 + 10, at]);
  }
  assert.equal(Deno.inspect(update), "Update #1 execute at ask 4 x 5");
});

Deno.test("Update reads every flag from its own bit", () => {
  const memory = new SharedMemory(4096);
  const update = new Update(memory, SLOT);
  const bits = {
    isBid: FLAG.BID,
    isSnapshot: FLAG.SNAPSHOT,
    isLast: FLAG.LAST,
    more: FLAG.MORE,
    silent: MESSAGE_FLAG.SILENT,
    incomplete: MESSAGE_FLAG.OPEN,
    lost: FLAG.LOST,
    stale: BOOK_FLAG.STALE << FLAG.BOOK_SHIFT,
    crossed: BOOK_FLAG.CROSSED << FLAG.BOOK_SHIFT,
  } as const;
  for (let flags = 0; flags < 1 << 12; flags++) {
    writeEvent(memory, { flags });
    for (const [name, bit] of Object.entries(bits)) {
      assert.equal(update[name as keyof typeof bits], (flags & bit) !== 0, `${name} of ${flags}`);
    }
  }
});

/** Order entry that writes down what it is asked. */
class NotedOrders implements RunnerOrders {
  readonly log: unknown[][] = [];
  buy(price: number, qty: number): number {
    return this.log.push(["buy", price, qty]);
  }
  sell(price: number, qty: number): number {
    return this.log.push(["sell", price, qty]);
  }
  cancel(id: number): number {
    return this.log.push(["cancel", id]);
  }
  state(): OrderState {
    return "unknown";
  }
  note(id: number, state: OrderState): void {
    this.log.push(["note", id, state]);
  }
  goOn(): void {
    this.log.push(["goOn"]);
  }
}

function bind<P extends Params>(given: Strategy<P>, params: Record<string, unknown> = {}) {
  const memory = new SharedMemory(4096);
  const orders = new NotedOrders();
  const book = Book.create({ levels: 16 });
  const handlers = new Handlers(given, new Update(memory, SLOT), book, orders, withParams(given, params));
  const send = (kind: number, fields: Parameters<typeof writeEvent>[1] = {}) => {
    writeEvent(memory, { kind, ...fields });
    return handlers.dispatch(kind);
  };
  return { orders, book, handlers, send };
}

Deno.test("Handlers hands every kind of event to its handler, with the strategy as this", () => {
  const calls: unknown[][] = [];
  const given = {
    params: { size: 1 },
    mark: "this",
    onStart(this: { mark: string }, ...args: unknown[]) {
      calls.push(["start", this.mark, ...args]);
    },
    onBook(this: { mark: string }, update: Update, ...rest: unknown[]) {
      calls.push(["book", this.mark, update.seq, ...rest]);
    },
    onGap(this: { mark: string }, gap: unknown, ...rest: unknown[]) {
      calls.push(["gap", this.mark, gap, ...rest]);
    },
    onOrder(this: { mark: string }, change: unknown, ...rest: unknown[]) {
      calls.push(["order", this.mark, change, ...rest]);
    },
    onTrade(this: { mark: string }, update: Update, ...rest: unknown[]) {
      calls.push(["trade", this.mark, update.kind, ...rest]);
    },
    onStatus(this: { mark: string }, update: Update, ...rest: unknown[]) {
      calls.push(["status", this.mark, update.kind, ...rest]);
    },
    onRepair(this: { mark: string }, repair: unknown, ...rest: unknown[]) {
      calls.push(["repair", this.mark, repair, ...rest]);
    },
    onStop(this: { mark: string }, ...args: unknown[]) {
      calls.push(["stop", this.mark, ...args]);
    },
  };
  const { orders, book, handlers, send } = bind(given as unknown as Strategy<{ size: number }>, { size: 2 });
  const params = { size: 2 };
  const market = { priceScale: 1e6, qtyScale: 1000 };
  handlers.start(market);
  assert.equal(send(KIND.BOOK, { seq: 7 }), false);
  assert.equal(send(KIND.TRADE, { message: MESSAGE_KINDS.indexOf("cross") }), false);
  assert.equal(send(KIND.STATUS, { message: MESSAGE_KINDS.indexOf("imbalance") }), false);
  assert.equal(send(KIND.GAP, { seq: 8, detail: 3 }), false);
  assert.equal(send(KIND.REPAIR, { seq: 10 }), false);
  assert.equal(send(KIND.GAP, { seq: 11, detail: 2, flags: FLAG.LOST }), false);
  assert.equal(send(KIND.OVERRUN, { seq: 11, detail: 5 }), false);
  assert.equal(send(KIND.ORDER, { order_id: 4, detail: 2 }), false);
  assert.equal(send(KIND.ORDER, { order_id: 4, detail: 99 }), false);
  assert.equal(send(KIND.LINK, { detail: 1 }), false);
  assert.equal(send(KIND.END), true);
  handlers.stop();
  assert.deepEqual(calls, [
    ["start", "this", params, market],
    ["book", "this", 7, book, orders, params],
    ["trade", "this", "cross", book, orders, params],
    ["status", "this", "imbalance", book, orders, params],
    ["gap", "this", { seq: 8, lost: 3, recovering: true, overrun: 0 }, book, orders, params],
    ["repair", "this", { seq: 10 }, book, orders, params],
    ["gap", "this", { seq: 11, lost: 2, recovering: false, overrun: 0 }, book, orders, params],
    ["gap", "this", { seq: 11, lost: 0, recovering: false, overrun: 5 }, book, orders, params],
    ["order", "this", { id: 4, state: "acknowledged" }, orders, params],
    ["order", "this", { id: 4, state: "unknown" }, orders, params],
    ["stop", "this", params],
  ]);
  assert.deepEqual(orders.log, [["note", 4, "acknowledged"], ["note", 4, "unknown"]]);
});

Deno.test("Handlers trusts the book after a gap only when the strategy says so", () => {
  for (const [answer, log] of [["go on", [["goOn"]]], [undefined, []]] as const) {
    const { orders, send } = bind({ onGap: () => answer });
    send(KIND.GAP, { detail: 1 });
    assert.deepEqual(orders.log, log);
  }
});

Deno.test("Handlers of an empty strategy notes states and ends with the session", () => {
  const { orders, handlers, send } = bind({});
  handlers.start({ priceScale: 1, qtyScale: 1 });
  for (const kind of [KIND.NONE, KIND.BOOK, KIND.GAP, KIND.OVERRUN, KIND.LINK]) {
    assert.equal(send(kind), false);
  }
  assert.equal(send(KIND.ORDER, { order_id: 1, detail: 1 }), false);
  assert.equal(send(KIND.END), true);
  handlers.stop();
  assert.deepEqual(orders.log, [["note", 1, "sent"]]);
});

Deno.test("OrderStates remembers the last 1,024 orders of any seat", () => {
  fc.assert(
    fc.property(fc.nat({ max: 62 }), fc.integer({ min: 1, max: 3000 }), (seat, orders) => {
      const states = new OrderStates();
      const id = (n: number) => seat * 2 ** 32 + n;
      const state = (n: number) => ORDER_STATES[n % ORDER_STATES.length]!;
      for (let n = 1; n <= orders; n++) states.note(id(n), state(n));
      for (let n = 1; n <= orders; n++) {
        assert.equal(states.get(id(n)), n > orders - 1024 ? state(n) : "unknown", `order ${n} of ${orders}`);
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("OrderStates knows nothing of ids that never were", () => {
  const states = new OrderStates();
  for (const id of [0, 1, -1, -105, 2 ** 32, 0.5, NaN]) assert.equal(states.get(id), "unknown", String(id));
  states.note(5, "unknown");
  assert.equal(states.get(5), "unknown");
});

const TOP = { bid: 99e6, bid_qty: 10, ask: 101e6, ask_qty: 10 };

for (
  const [what, event, wanted] of [
    ["a large bid buys at the ask", { flags: FLAG.BID, price: 99e6, qty: 500 }, ["buy", 101e6, 2]],
    ["a large ask sells at the bid", { price: 101e6, qty: 500 }, ["sell", 99e6, 2]],
    ["a bid far below a large top joins the bid", { flags: FLAG.BID, price: 1e6, bid_qty: 500 }, [
      "buy",
      99e6,
      2,
    ]],
    ["an ask far below a large top joins the ask", { price: 101e6, qty: 0, ask_qty: 500 }, [
      "sell",
      101e6,
      2,
    ]],
    ["a small one does nothing", { flags: FLAG.BID, price: 99e6, qty: 20 }, undefined],
    ["a snapshot does nothing", { flags: FLAG.BID | FLAG.SNAPSHOT, price: 99e6, qty: 500 }, undefined],
  ] as const
) {
  Deno.test(`large_trade: ${what}`, () => {
    const { orders, send } = bind(largeTrade, { threshold: 1000 * 10, qty: 2 });
    send(KIND.BOOK, { ...TOP, ...event });
    assert.deepEqual(orders.log, wanted ? [wanted] : []);
  });
}
