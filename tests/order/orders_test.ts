/** Order entry for people: decimal numbers in, scaled integers out, states told as the engine notes them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Book, InlineOrders, Orders, type OrderState, type RunnerOrders, SharedMemory } from "hotpath";
import { CONTROL, ORDER_STATS } from "../../lib/layout.ts";
import { readOrderCounters } from "../../lib/order/orders.ts";
import { OrderStates } from "../../lib/strategy/handlers.ts";
import { ORDER_STATES } from "../../lib/strategy/strategy.ts";

/** A seat's order entry that writes down what it is asked; negative answers refuse. */
class NotedOrders implements RunnerOrders {
  readonly log: unknown[][] = [];
  readonly #states = new OrderStates();
  answer = 0;
  buy(price: number, qty: number): number {
    return this.answer || this.log.push(["buy", price, qty]);
  }
  sell(price: number, qty: number): number {
    return this.answer || this.log.push(["sell", price, qty]);
  }
  cancel(id: number): number {
    this.log.push(["cancel", id]);
    return this.answer;
  }
  state(id: number): OrderState {
    return this.#states.get(id);
  }
  note(id: number, state: OrderState): void {
    this.#states.note(id, state);
  }
  goOn(): void {
    this.log.push(["goOn"]);
  }
}

function desk(scales: { priceScale?: number; qtyScale?: number } = { priceScale: 1e6, qtyScale: 1000 }) {
  const raw = new NotedOrders();
  const news: (() => void)[] = [];
  const orders = new Orders(raw, Book.create({ levels: 16, ...scales }), () => {
    for (const tell of news.splice(0)) tell();
  });
  return { raw, news, orders };
}

Deno.test("Orders.buy() and sell() send scaled integers and return the order", () => {
  const { raw, orders } = desk();
  const bought = orders.buy(61659.7, 0.01);
  const sold = orders.sell(0.1 + 0.2, 1.486);
  assert.deepEqual(raw.log, [["buy", 61_659_700_000, 10], ["sell", 300_000, 1486]]);
  assert.deepEqual([bought.id, bought.side, bought.price, bought.qty], [1, "buy", 61659.7, 0.01]);
  assert.deepEqual([sold.id, sold.side], [2, "sell"]);
  assert.deepEqual(orders.list, [bought, sold]);
});

Deno.test("Orders.buy() sends exactly the integer a decimal stands for", () => {
  const scales = fc.constantFrom(1, 10, 100, 1000, 1e6, 1e8);
  // From 2^51 on a decimal has too few bits left to name every integer.
  const integers = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 50 }));
  fc.assert(
    fc.property(scales, scales, integers, integers, (priceScale, qtyScale, price, qty) => {
      const { raw, orders } = desk({ priceScale, qtyScale });
      orders.buy(price / priceScale, qty / qtyScale);
      assert.deepEqual(raw.log, [["buy", price, qty]]);
    }),
    { numRuns: 1000 },
  );
});

for (const value of [0, -1, NaN, Infinity, -Infinity, 1e30, 0.0004, 1.0005, 61659.700001]) {
  Deno.test(`Orders.buy() refuses ${value} and sends nothing`, () => {
    const { raw, orders } = desk({ priceScale: 1000, qtyScale: 100 });
    for (const send of [orders.buy, orders.sell]) {
      assert.throws(() => send.call(orders, value, 1), {
        name: "RangeError",
        message: `Cannot send an order with price ${value}: a positive multiple of 0.001 is needed`,
      });
      assert.throws(() => send.call(orders, 1, value), {
        name: "RangeError",
        message: `Cannot send an order with quantity ${value}: a positive multiple of 0.01 is needed`,
      });
    }
    assert.deepEqual([raw.log, orders.list], [[], []]);
  });
}

Deno.test("Orders says so when the ring of requests is full", () => {
  const { raw, orders } = desk();
  raw.answer = -105;
  const why = "1,024 requests wait already; is the engine running?";
  assert.throws(() => orders.buy(1, 1), { message: `Cannot send the order: ${why}` });
  assert.throws(() => orders.cancel(1), { message: `Cannot cancel: ${why}` });
  assert.deepEqual(orders.list, []);
});

Deno.test("Order.state takes in what the engine has told before it answers", () => {
  const { news, orders } = desk();
  const order = orders.buy(1, 1);
  assert.equal(order.state, "unknown");
  ORDER_STATES.forEach((state, number) => {
    news.push(() => orders.note(order.id, number));
    assert.equal(order.state, state);
  });
  news.push(() => orders.note(order.id, 99));
  assert.equal(order.state, "unknown");
});

Deno.test("Order.cancel() cancels by its id and returns the order", () => {
  const { raw, orders } = desk();
  orders.buy(1, 1);
  const order = orders.sell(2, 1);
  assert.equal(order.cancel(), order);
  assert.deepEqual(raw.log.at(-1), ["cancel", 2]);
});

Deno.test("Orders print the last orders with their states", () => {
  const { orders } = desk();
  const inspect = (value: unknown) => Deno.inspect(value, { colors: false });
  assert.equal(inspect(orders), "Orders (none sent from here yet)");
  for (let i = 1; i <= 25; i++) orders.note(orders.buy(100 + i, 0.5).id, 2);
  const text = inspect(orders);
  assert.match(text, /last 20 of 25/);
  assert.match(text, /25 .*buy .*0\.5 .*125 .*acknowledged/);
  assert.doesNotMatch(text, /\b105\b/);
  assert.equal(inspect(orders.list[0]), "Order 1: buy 0.5 @ 101, acknowledged");
});

Deno.test("InlineOrders without an engine refuses every order and notes none", () => {
  const orders = new InlineOrders(null, new SharedMemory(CONTROL.bytes));
  assert.ok(orders.buy(1, 1) < 0 && orders.sell(1, 1) < 0 && orders.cancel(1) < 0);
  orders.goOn();
  assert.equal(orders.state(1), "unknown");
  orders.note(1, "sent");
  assert.equal(orders.state(1), "sent");
});

Deno.test("readOrderCounters() reads every counter of the control page from its own place", () => {
  const control = new SharedMemory(CONTROL.bytes);
  const { bytes: _, ...fields } = ORDER_STATS;
  const wanted = Object.fromEntries(
    Object.entries(fields).map(([name, offset], i) => {
      control.f64[(CONTROL.order + offset) / 8] = i + 1;
      return [name, i + 1];
    }),
  );
  assert.deepEqual({ ...readOrderCounters(control) }, wanted);
});
