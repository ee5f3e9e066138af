import assert from "node:assert/strict";
import { Namespaces, NativeError, pingPong, type PingPongSide } from "hotpath";
import { noNamespaces, testWhen } from "../fixture.ts";

const PORT = 11111;

/** Both sides of a wire, each through its path. */
function sides({ exchange, strategy }: Namespaces, rx: string, tx: string): [PingPongSide, PingPongSide] {
  const at = (address: string, namespace: string, via: string) =>
    `udp://${address}:${PORT}?via=${via}&netns=${namespace}&if=${namespace}`;
  return [
    { rx: at("10.77.0.2", strategy, rx), tx: at("10.77.0.1", strategy, tx) },
    { rx: at("10.77.0.1", exchange, rx), tx: at("10.77.0.2", exchange, tx) },
  ];
}

for (
  const [rx, tx] of [["udp", "udp"], ["uring", "uring"], ["packet", "packet"], ["xdp", "packet"]] as const
) {
  testWhen(noNamespaces(), `pingPong() counts every round trip through ${rx} and ${tx}`, async () => {
    await using wire = await Namespaces.up();
    const { roundTrip, returned, lost } = pingPong(...sides(wire, rx, tx), 500);
    assert.equal(returned + lost, 500);
    assert.equal(roundTrip.count, returned);
    assert.ok(returned > 400, `${lost} of 500 pings were lost on a wire of nobody else's`);
    assert.ok(roundTrip.min > 100, "two crossings and two programs take longer than 100 ns");
  });
}

testWhen(noNamespaces(), "pingPong() says that nothing comes back, and leaves nothing open", async () => {
  await using wire = await Namespaces.up();
  const [near, far] = sides(wire, "udp", "udp");
  const elsewhere = { ...near, tx: `udp://10.77.0.1:9?netns=${wire.strategy}&if=${wire.strategy}` };
  assert.throws(() => pingPong(elsewhere, far, 1000), (error: Error) => {
    assert.ok(error instanceof NativeError);
    assert.match(error.message, /100 pings in a row did not come back/);
    return true;
  });
  assert.equal(pingPong(near, far, 10).returned, 10); // the same ports are free again
  assert.throws(() => pingPong(near, far, 0), /1 to 1e9 round trips are needed/);
});
