/**
 * Two network namespaces joined by a veth pair, made with iproute2 and gone when the lab goes:
 *
 * ```text
 *   namespace hp<pid>-<n>x              namespace hp<pid>-<n>s
 *   exchange  10.77.0.1/24  ── veth ──  10.77.0.2/24  strategy
 * ```
 *
 * Names carry the process id, so that what a killed run left behind is known as such and swept by the next.
 *
 * @module
 */

/** Address of the exchange's end. */
export const EXCHANGE_ADDRESS = "10.77.0.1";
/** Address of the strategy's end. */
export const STRATEGY_ADDRESS = "10.77.0.2";

/** Name of a lab's namespace; its first group is the process id of the lab. */
export const LAB_NAMESPACE = /^hp(\d+)-\d+[xs]$/;

const EXCHANGE_MAC = "02:68:70:00:00:01";
const STRATEGY_MAC = "02:68:70:00:00:02";

async function ip(args: string[], batch?: string[]): Promise<string> {
  let process: Deno.ChildProcess;
  try {
    const stdin = batch ? "piped" : "null";
    process = new Deno.Command("ip", { args, stdin, stdout: "piped", stderr: "piped" }).spawn();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new Error("Cannot raise the lab: the program `ip` is missing; run `sh scripts/setup.sh`", {
      cause,
    });
  }
  if (batch) {
    const writer = process.stdin.getWriter();
    // When ip ends early its own words say why; the broken pipe does not.
    await writer.write(new TextEncoder().encode(batch.join("\n") + "\n")).catch(() => {});
    await writer.close().catch(() => {});
  }
  const { success, stdout, stderr } = await process.output();
  if (!success) {
    const why = new TextDecoder().decode(stderr).trim().split("\n")[0] ?? "";
    const hint = /not permitted|Permission denied/.test(why)
      ? "; network namespaces need root or an unprivileged user namespace"
      : "";
    throw new Error(`Cannot raise the lab: ip ${[...args, ...(batch ?? [])].join(" / ")}: ${why}${hint}`);
  }
  return new TextDecoder().decode(stdout);
}

/** Asked through `ip`, because Deno lets nobody without every permission look into /proc. */
async function alive(pid: number): Promise<boolean> {
  try {
    await ip(["netns", "identify", String(pid)]);
    return true;
  } catch (error) {
    // Whatever else went wrong: what cannot be seen is not known to be dead.
    return !/No such file/.test((error as Error).message);
  }
}

/** Removes the namespaces of labs whose process is gone (killed before it could). Returns their names. */
export async function sweep(): Promise<string[]> {
  const names = (await ip(["netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  const left: string[] = [];
  for (const name of names) {
    const pid = Number(LAB_NAMESPACE.exec(name)?.[1] ?? Deno.pid);
    if (pid === Deno.pid || await alive(pid)) continue;
    await ip(["netns", "del", name]).catch(() => {}); // another run may sweep as well
    left.push(name);
  }
  return left;
}

let raised = 0;

/** A pair of namespaces with a wire between them. */
export class Namespaces implements AsyncDisposable {
  /** Namespace and interface of the exchange. */
  readonly exchange: string;
  /** Namespace and interface of the strategy. */
  readonly strategy: string;

  private constructor(name: string) {
    this.exchange = `${name}x`;
    this.strategy = `${name}s`;
  }

  /** Makes them, after sweeping what dead runs left. */
  static async up(): Promise<Namespaces> {
    await sweep();
    const pair = new Namespaces(`hp${Deno.pid}-${++raised}`);
    try {
      await pair.#make();
    } catch (error) {
      await pair.down();
      throw error;
    }
    return pair;
  }

  async #make(): Promise<void> {
    const { exchange: x, strategy: s } = this;
    await ip(["-batch", "-"], [`netns add ${x}`, `netns add ${s}`]);
    const queues = "numrxqueues 1 numtxqueues 1";
    await ip(["-n", x, "link", "add", "dev", x, "address", EXCHANGE_MAC, ...queues.split(" "), "type", "veth"]
      .concat(["peer", "name", s, "address", STRATEGY_MAC, ...queues.split(" "), "netns", s]));
    // No IPv6 chatter, and neighbours known beforehand: nothing on the wire but the market.
    const side = (dev: string, address: string, peer: string, mac: string) => [
      `link set dev ${dev} addrgenmode none`,
      `addr add ${address}/24 dev ${dev}`,
      "link set dev lo up",
      `link set dev ${dev} up`,
      `neigh replace ${peer} lladdr ${mac} dev ${dev} nud permanent`,
      `route add 224.0.0.0/4 dev ${dev}`,
    ];
    await ip(["-n", x, "-batch", "-"], side(x, EXCHANGE_ADDRESS, STRATEGY_ADDRESS, STRATEGY_MAC));
    await ip(["-n", s, "-batch", "-"], side(s, STRATEGY_ADDRESS, EXCHANGE_ADDRESS, EXCHANGE_MAC));
  }

  /** Removes both; the wire goes with them. */
  async down(): Promise<void> {
    for (const name of [this.exchange, this.strategy]) await ip(["netns", "del", name]).catch(() => {});
  }

  /** {@linkcode down} without waiting for anybody: for a process that is about to end. */
  downNow(): void {
    for (const name of [this.exchange, this.strategy]) {
      new Deno.Command("ip", { args: ["netns", "del", name], stdout: "null", stderr: "null" }).outputSync();
    }
  }

  /** One line. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Namespaces ${this.exchange} ${EXCHANGE_ADDRESS} ── veth ── ${STRATEGY_ADDRESS} ${this.strategy}`;
  }

  /** {@linkcode down}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}
