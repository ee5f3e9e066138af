/**
 * Nothing is allocated per event: how much V8's heap grows over a million of them, in a process of its own whose young
 * generation is so large that nothing is collected in between.
 *
 * An event costs nothing. An order costs its boxed numbers, and only where V8 does not inline the call because it is
 * rare: 16 bytes for the price, 16 more for the id when the seat is not the first (ids from 2^32 on).
 *
 * The first rounds run before V8 has optimised the loop, and then every number is boxed; what is allocated for each
 * event is allocated in every round, so the best round is the one that counts.
 */
import assert from "node:assert/strict";
import { LIBRARY } from "../lib/native.ts";
import { itch, moldCapture } from "./feed/moldudp.ts";

const PROGRAM = new URL("./allocation.ts", import.meta.url).pathname;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;
const EVENTS = 1_000_000;
/** What reading the heap's size and tiering up may cost a round, whatever its length. */
const ROUND_BYTES = 64 * 1024;
/** V8's box of a double. */
const BOX = 16;

interface Round {
  bytes: number;
  orders: number;
}

/** The round that allocated least. */
function best(how: string, events: number, every: number, args: string[] = [], flags: string[] = []): Round {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--config=${CONFIG}`,
      "--v8-flags=--expose-gc,--min-semi-space-size=64,--max-semi-space-size=64",
      `--allow-ffi=${LIBRARY}`,
      ...flags,
      PROGRAM,
      how,
      String(events),
      String(every),
      ...args,
    ],
  }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  const rounds = JSON.parse(new TextDecoder().decode(stdout)) as Round[];
  console.log(`${how}, ${events} events: ${rounds.map(({ bytes }) => bytes).join(", ")} bytes`);
  return rounds.reduce((a, b) => b.bytes < a.bytes ? b : a);
}

for (const how of ["inline", "seat"]) {
  Deno.test(`Handlers.dispatch() allocates nothing per event (${how})`, () => {
    for (const events of [EVENTS, 2 * EVENTS]) {
      const { bytes, orders } = best(how, events, 0);
      assert.equal(orders, 0);
      assert.ok(bytes < ROUND_BYTES, `${bytes} bytes for ${events} events`);
    }
  });
}

Deno.test("Handlers.dispatch() allocates at most one boxed price per order (inline)", () => {
  const { bytes, orders } = best("inline", EVENTS, 200);
  assert.equal(orders, 2 * EVENTS / 200);
  assert.ok(bytes < ROUND_BYTES + orders * BOX, `${bytes} bytes for ${orders} orders`);
});

for (const [seat, boxes] of [[0, 1], [3, 2]] as const) {
  Deno.test(`SeatOrders allocates at most ${boxes} boxed numbers per order (seat ${seat})`, () => {
    const { bytes, orders } = best("seat", EVENTS, 200, [String(seat)]);
    assert.equal(orders, 2 * EVENTS / 200);
    assert.ok(bytes < ROUND_BYTES + orders * boxes * BOX, `${bytes} bytes for ${orders} orders`);
  });
}

Deno.test("runInline() allocates nothing per event of a whole session", () => {
  const address = "127.0.0.1";
  using market = Deno.listen({ hostname: address, port: 0 }); // its number is as good as free for UDP
  const orders = Deno.listen({ hostname: address, port: 0 });
  const ports = [market.addr.port, orders.addr.port];
  orders.close();
  const net = `--allow-net=${ports.map((port) => `${address}:${port}`).join(",")}`;
  const { bytes } = best("engine", EVENTS, 0, ports.map(String), [net]);
  // Ten times a second timers get a turn, which costs a few hundred bytes.
  assert.ok(bytes < 3 * ROUND_BYTES, `${bytes} bytes for ${EVENTS} events`);
});

/** Orders of three symbols that come, trade, shrink, move and go. */
function manySymbols(events: number): Uint8Array[] {
  const messages = [1, 2, 3].map((locate) => itch("R", { locate, stock: `S${locate}` }));
  for (let ref = 10; messages.length < events + 10; ref += 10) {
    const locate = 1 + ref / 10 % 3;
    const side = ref % 20 ? "B" : "S";
    const price = side === "B" ? 990_000 - ref % 700 : 1_000_000 + ref % 900;
    const of = { locate, ref };
    messages.push(
      itch("A", { ...of, side, shares: 300, price, stock: `S${locate}` }),
      itch("E", { ...of, shares: 10 }),
    );
    messages.push(
      itch("X", { ...of, shares: 20 }),
      itch("U", { ...of, newRef: ref + 1, shares: 100, price }),
    );
    messages.push(
      itch("P", { locate, side, shares: 5, price, stock: `S${locate}` }),
      itch("D", { locate, ref: ref + 1 }),
    );
  }
  return messages;
}

Deno.test("runInline() allocates nothing per event of a capture with books of many symbols", () => {
  const events = 300_000;
  const to = "233.54.12.111:26400";
  const file = Deno.makeTempFileSync({ prefix: "hotpath-", suffix: ".pcap" });
  try {
    Deno.writeFileSync(file, moldCapture(manySymbols(events), { to }));
    const { bytes } = best("books", events, 0, [to, file], [`--allow-read=${file}`]);
    assert.ok(bytes < 3 * ROUND_BYTES, `${bytes} bytes for ${events} events`);
  } finally {
    Deno.removeSync(file);
  }
});
