/**
 * The inside of an isolated strategy's process. Importing this module takes the seat the runner prepared and then
 * gives up every permission; the script is imported after it, so not even its top level holds any. What is left is
 * the mapped memory: events in, orders out, and the book to look at (read-only).
 *
 * @module
 */
import { Book } from "../book/book.ts";
import { Books } from "../book/books.ts";
import { SEAT } from "../layout.ts";
import { check, checkHandle, cString, seatNative, SharedMemory } from "../native.ts";
import { Handlers, marketOf } from "./handlers.ts";
import { EventRing, SeatOrders } from "./seat.ts";
import { type Params, type Strategy, withParams } from "./strategy.ts";
import { Update } from "./update.ts";

/** What the runner tells its child, as JSON in the first argument. */
export interface ChildOptions {
  /** File of the seat's memory ("/proc/PID/fd/N") and its size. */
  seat: { path: string; bytes: number };
  /** File of the memory of the book, or the books, and its size. */
  book: { path: string; bytes: number };
  /** What the engine's feed speaks: whether there is one book or many. */
  feed: string;
  /** The engine's wake pipe. */
  wake: string;
  /** Parameters set anew. */
  params: Record<string, unknown>;
  /** Spin for events (a core of its own), or sleep. */
  spin: boolean;
  /** Core to pin to; -1 does not pin. */
  cpu: number;
  /** Process of the engine: when it is gone, so is this one. */
  parent: number;
}

const SLEEP_US = 10_000;
const options = JSON.parse(Deno.args[0]!) as ChildOptions;
// Ctrl-C reaches every process of a terminal; it is the runner's to tell this one to stop.
Deno.addSignalListener("SIGINT", () => {});
const symbols = seatNative();
check(symbols.hp_die_with(options.parent), symbols); // also while the script is in a loop of its own
const seat = new SharedMemory(options.seat.bytes);
const bookMemory = new SharedMemory(options.book.bytes);
check(symbols.hp_join(cString(options.seat.path), seat.u8, options.seat.bytes, 0), symbols);
check(symbols.hp_join(cString(options.book.path), bookMemory.u8, options.book.bytes, 1), symbols);
const handle = checkHandle(symbols.hp_seat_open(seat.u8, options.seat.bytes), symbols);
const wakeFd = check(symbols.hp_wake_open(cString(options.wake)), symbols);
if (options.cpu >= 0) check(symbols.hp_pin(options.cpu), symbols);
for (const name of ["ffi", "net", "read", "write", "env", "run", "sys", "import"] as const) {
  Deno.permissions.revokeSync({ name });
}

/** Feeds the strategy from its seat until the engine closes it. Called once, by the runner's entry module. */
export function serve<P extends Params>(strategy: Strategy<P>): void {
  const events = new EventRing(seat);
  const orders = new SeatOrders(seat, events, () => symbols.hp_seat_wake(handle, wakeFd));
  const update = new Update(seat, events.slot);
  const shelf = options.feed === "lll" ? new Book(bookMemory) : Books.view(bookMemory);
  const handlers = new Handlers(strategy, update, shelf, orders, params(strategy));
  handlers.start(marketOf(shelf));
  turn(handlers, events, update);
  handlers.stop();
}

function params<P extends Params>(strategy: Strategy<P>): P {
  try {
    return withParams(strategy, options.params);
  } catch (error) {
    console.error((error as Error).message); // a person's slip of the pen: where in our code it showed is no help
    Deno.exit(1);
  }
}

function turn<P extends Params>(handlers: Handlers<P>, events: EventRing, update: Update): void {
  const heartbeat = SEAT.heartbeat / 4;
  const closed = SEAT.closed / 4;
  for (let idle = 0; Atomics.load(seat.i32, closed) === 0;) {
    const kind = events.peek(update);
    if (kind !== 0) {
      handlers.dispatch(kind);
      events.release();
      idle = 0;
    } else {
      idle++;
      if (!options.spin && idle > 64) symbols.hp_seat_wait(handle, SLEEP_US);
    }
    seat.i32[heartbeat]!++;
  }
}
