/** What TypeScript adds to a turn of the loop: the call, and the dispatch to a strategy. @module */
import { Book, SharedMemory, Update } from "hotpath";
import { EVENT, KIND } from "../lib/layout.ts";
import { native } from "../lib/native.ts";
import { Handlers, type RunnerOrders } from "../lib/strategy/handlers.ts";
import largeTrade from "../scripts/strategies/large_trade.ts";
import { compete } from "./rounds.ts";

const TURNS = 5_000_000;

const quietOrders: RunnerOrders = {
  buy: () => 1,
  sell: () => 1,
  cancel: () => 0,
  state: () => "unknown",
  note() {},
  goOn() {},
};

function perTurn(run: () => void): number {
  const start = performance.now();
  run();
  return ((performance.now() - start) * 1e6) / TURNS;
}

function calls(): number {
  const { hp_clock_now } = native();
  let sum = 0;
  for (let i = 0; i < TURNS; i++) sum += hp_clock_now();
  return sum;
}

function dispatches(): void {
  const memory = new SharedMemory(EVENT.bytes);
  const update = new Update(memory, 0);
  const handlers = new Handlers(largeTrade, update, Book.create({ levels: 16 }), quietOrders, {
    threshold: 3e9,
    qty: 1,
  });
  memory.u32[0] = KIND.BOOK;
  for (let i = 0; i < TURNS; i++) {
    memory.f64[EVENT.price / 8] = i;
    handlers.dispatch(KIND.BOOK);
  }
}

/** Runs it. */
export async function bench(): Promise<void> {
  await compete("ns per turn", [
    { name: "one native call that reads the clock", round: () => perTurn(calls) },
    { name: "dispatch to the large-trade strategy", round: () => perTurn(dispatches) },
  ]);
}
