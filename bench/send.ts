/** How an order leaves best: send(2) or an io_uring submission, on the same session, in turn. @module */
import { formatNs, Histogram, Lab, type OrderVia, pin, Tape, thresholdFor } from "hotpath";
import { compete, say } from "./rounds.ts";

const DATAGRAMS = 6000;

/** Runs it. */
export async function bench(): Promise<void> {
  const tape = Tape.generate();
  const threshold = thresholdFor(tape, 20);
  await using lab = await Lab.up({ data: tape, limit: DATAGRAMS, cpu: 0, spin: true });
  pin(Math.min(1, navigator.hardwareConcurrency - 1));
  const all: Record<OrderVia, Histogram[]> = { send: [], uring: [] };
  const round = (via: OrderVia) => async () => {
    await lab.exchange.ready();
    lab.exchange.reset();
    using engine = lab.open("udp", { wait: "spin", orderVia: via, connectLater: true });
    engine.arm(threshold);
    engine.connect().runArmed(2000);
    all[via].push(lab.exchange.tickToOrder.snapshot());
    return engine.breakdown.send.percentile(50) / 1000;
  };
  await compete("µs per send, median of a round", [
    { name: "send(2)", round: round("send") },
    { name: "io_uring", round: round("uring") },
  ]);
  for (const via of ["send", "uring"] as const) {
    const { p50, p99 } = Histogram.merge(all[via]).percentiles;
    say(`${via}: tick to order, at the exchange: p50 ${formatNs(p50)}, p99 ${formatNs(p99)}`);
  }
}
