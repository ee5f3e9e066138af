/**
 * What the shell begins with: the library and the verbs by name, the lab taken down on the way out, a few words of
 * welcome. `scripts/repl.ts` has Deno's REPL import it first.
 *
 * @module
 */
import * as hotpath from "../mod.ts";
import { help } from "./help.ts";
import { ls } from "./ls.ts";
import {
  down,
  leave,
  listen,
  observe,
  open,
  publish,
  replay,
  run,
  theBook,
  theEngine,
  theLab,
  theObserver,
  thePublisher,
  up,
} from "./shell.ts";
import { watch } from "./watch.ts";

/** Two Ctrl-C within this time, while something is being evaluated, end the shell. */
const AGAIN_MS = 2000;

function nameEverything(): void {
  const verbs = { up, open, observe, publish, listen, replay, run, watch, down, help, ls };
  Object.assign(globalThis, hotpath, verbs);
  const live = {
    lab: theLab,
    engine: theEngine,
    book: theBook,
    observer: theObserver,
    publisher: thePublisher,
  };
  for (const [name, get] of Object.entries(live)) {
    Object.defineProperty(globalThis, name, {
      get,
      set: (value) => Object.defineProperty(globalThis, name, { value, writable: true }),
      configurable: true,
      enumerable: true,
    });
  }
}

/** Deno's REPL ends without an `unload` event but after Deno.exit(), so close() is taken over. */
function leaveInOrder(): void {
  const close = globalThis.close;
  globalThis.close = () => {
    leave();
    close.call(globalThis);
  };
  globalThis.addEventListener("unload", leave);
  let before = -Infinity;
  Deno.addSignalListener("SIGINT", () => {
    const now = performance.now();
    if (now - before < AGAIN_MS) Deno.exit(130);
    before = now;
    console.log("still at it; Ctrl-C once more leaves");
  });
}

function welcome(): void {
  const history = Deno.env.get("DENO_REPL_HISTORY");
  console.log([
    "Hotpath: a tick-to-trade laboratory, by hand. help() lists what there is, Tab completes.",
    "  await up()      raise the lab: two namespaces, a wire, an exchange",
    '  open("xdp")     open a feed with its book and order entry ("udp", "uring", "xdp", "packet")',
    "  book            look at it; then book.ladder(10), engine.breakdown, await watch(book)",
    ...history ? [`History is kept in ${history}. close() or Ctrl-D leaves and takes the lab down.`] : [],
  ].join("\n"));
}

nameEverything();
leaveInOrder();
welcome();
