/** The inline runner: the thread that receives is the thread that decides. @module */
import { setImmediate } from "node:timers";
import type { Engine } from "../engine.ts";
import { KIND } from "../layout.ts";
import { native } from "../native.ts";
import { Handlers, marketOf } from "./handlers.ts";
import { type Params, type Strategy, withParams } from "./strategy.ts";

/** How an inline run ends. */
export interface InlineOptions {
  /** Parameters set anew. */
  params?: Record<string, unknown>;
  /** Ends the run between two turns. */
  signal?: AbortSignal;
  /** Give up after this long without any event, ms; 0 waits for ever. @default {0} */
  quietMs?: number;
  /** End when the session's last record came. @default {true} */
  untilEnd?: boolean;
}

/** Why an inline run ended. */
export type InlineEnd = "end" | "quiet" | "aborted";

/** How long the loop keeps the thread before timers and signals get a turn, ms. */
const YIELD_MS = 100;
/** How long the last orders may take to be acknowledged, ms: TCP may delay an acknowledgement by 200. */
const SETTLE_MS = 250;

/**
 * Runs a strategy in the thread that receives.
 *
 * The loop below is the hot path: one native call a turn, nothing allocated. Every 100 ms it lets timers and
 * signals in, which costs one turn some tens of microseconds.
 *
 * @param engine An engine that stands still (not started).
 * @param strategy What decides.
 * @param options When to end.
 */
export async function runInline<P extends Params>(
  engine: Engine,
  strategy: Strategy<P>,
  options: InlineOptions = {},
): Promise<InlineEnd> {
  const { update, shelf, inlineOrders } = engine;
  const handlers = new Handlers(
    strategy,
    update,
    shelf,
    inlineOrders,
    withParams(strategy, options.params ?? {}),
  );
  const untilEnd = options.untilEnd ?? true;
  inlineOrders.rehearse();
  engine.connect();
  handlers.start(marketOf(shelf));
  try {
    for (let quietSince = performance.now();;) {
      const before = engine.loops;
      if (burst(engine, handlers, untilEnd)) {
        settle(engine, handlers);
        return "end";
      }
      if (options.signal?.aborted) return "aborted";
      const now = performance.now();
      if (engine.loops !== before) quietSince = now;
      else if (options.quietMs && now - quietSince > options.quietMs) return "quiet";
      await new Promise((resolve) => setImmediate(resolve)); // 5 µs; setTimeout(0) would take 2 ms
    }
  } finally {
    handlers.stop();
  }
}

/** Lets the last orders be acknowledged before the engine is closed. */
function settle<P extends Params>(engine: Engine, handlers: Handlers<P>): void {
  for (const deadline = performance.now() + SETTLE_MS; performance.now() < deadline;) {
    if (engine.ordersSettled) return;
    const kind = engine.next();
    if (kind > 0) handlers.dispatch(kind);
  }
}

/**
 * Takes turns for YIELD_MS. True when the session ended. What a book event needs is kept in variables of the loop: V8
 * would read a field again after every native call. The handler is called as a method and not bound: V8 knows such a
 * call's target, and puts it into the loop.
 */
function burst<P extends Params>(engine: Engine, handlers: Handlers<P>, untilEnd: boolean): boolean {
  const next = native().hp_engine_next;
  const handle = engine.handle;
  const { strategy, hearsBook, update, orders, params } = handlers;
  const deadline = performance.now() + YIELD_MS;
  for (let turn = 1;; turn++) {
    const kind = next(handle);
    if (kind === KIND.BOOK) {
      if (hearsBook) strategy.onBook!(update, handlers.book(), orders, params);
    } else if (kind < 0) engine.next(); // fails the same way, with the sentence
    else if (kind > 0 && handlers.dispatch(kind) && untilEnd) return true;
    // An empty turn has time to read the clock; a busy one only now and then.
    if ((kind === KIND.NONE || (turn & 255) === 0) && performance.now() > deadline) return false;
  }
}
