/** What a recording costs the loop: a capture played flat out, with and without a recording of it. @module */
import { Engine, Tape } from "hotpath";
import { encodeRecords } from "../tests/wire.ts";
import { writeCapture } from "../tests/rx/capture.ts";
import { compete, say } from "./rounds.ts";

const TO = "239.255.0.1:12345";
const PACK = 5;

/** A session of the seeded market as a capture. */
function makeCapture(path: string): number {
  using tape = Tape.generate({ seed: 1, records: 200_000, levels: 500 });
  const { records } = tape.info;
  const numbers = tape.read(0, records);
  const datagrams = Array.from({ length: Math.ceil(records / PACK) }, (_, at) => {
    const count = Math.min(PACK, records - at * PACK);
    const batch = Array.from({ length: count }, (_, i) => {
      const seq = at * PACK + i;
      const [price, qty, flags] = numbers.subarray(seq * 3, seq * 3 + 3);
      return { seq, price: price!, qty: qty!, flags: flags! | (seq === records - 1 ? 4 : 0) };
    });
    return { to: TO, stampNs: 1_700_000_000_000_000_000n, data: encodeRecords(...batch) };
  });
  Deno.writeFileSync(path, writeCapture(datagrams));
  return datagrams.length;
}

/** Runs it. */
export async function bench(): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "hotpath-bench-" });
  const path = `${directory}/session.pcap`;
  try {
    const datagrams = makeCapture(path);
    let lost = 0;
    const play = (record: boolean) => () => {
      using engine = Engine.open({ feed: `udp://${TO}?via=pcap&file=${path}&speed=flat` });
      const recording = record ? engine.record(`${directory}/again.pcapng`) : undefined;
      const start = performance.now();
      engine.runArmed(1000);
      const ns = (performance.now() - start) * 1e6 / datagrams;
      recording?.stop();
      lost += recording?.counters.lost ?? 0;
      return ns;
    };
    await compete(`ns a datagram of ${PACK} records`, [
      { name: "feed and book", round: play(false) },
      { name: "feed and book, recorded", round: play(true) },
    ]);
    say(`${lost} datagrams were not recorded for want of room`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}
