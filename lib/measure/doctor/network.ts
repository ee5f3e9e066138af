/** Settings of the network stack that no interface owns. @module */
import {
  costs,
  type Examination,
  type Finding,
  green,
  inside,
  type Sight,
  sysctlCure,
  sysctlFile,
  unknown,
} from "./check.ts";

/** The settings of net.core belong to the machine: a namespace shows some, and lets none be written. */
function core({ machine }: Sight, name: string): Promise<string | undefined> {
  return machine.readText(sysctlFile(`net/core/${name}`));
}

const ELSEWHERE = "look from the machine's own network namespace";

/** Time a read polls the driver before it sleeps, µs: what the kernel's documentation recommends. */
const BUSY_US = 50;

async function busyPolling(sight: Sight): Promise<Finding> {
  const [poll, read] = [await core(sight, "busy_poll"), await core(sight, "busy_read")];
  if (poll === undefined || read === undefined) {
    return unknown("net.core.busy_poll is not to be seen", ELSEWHERE);
  }
  const found = `busy_poll ${poll}, busy_read ${read} µs`;
  if (poll !== "0" && read !== "0") return green(found);
  return costs(
    "yellow",
    found,
    "who waits sleeps until the interrupt; wait=busy-poll asks by itself, which takes CAP_NET_ADMIN",
    sysctlCure(["net/core/busy_poll", poll, BUSY_US], ["net/core/busy_read", read, BUSY_US]),
  );
}

/** A limit of net.core that should be at least so much. */
function atLeast(name: string, least: number, why: string) {
  return async (sight: Sight): Promise<Finding> => {
    const value = await core(sight, name);
    if (value === undefined) return unknown(`net.core.${name} is not to be seen`, ELSEWHERE);
    if (Number(value) >= least) return green(value);
    return costs("yellow", value, why, sysctlCure([`net/core/${name}`, value, least]));
  };
}

async function receiveFlowSteering(sight: Sight): Promise<Finding> {
  const value = await core(sight, "rps_sock_flow_entries");
  if (value === undefined) return unknown("net.core.rps_sock_flow_entries is not to be seen", ELSEWHERE);
  if (value === "0") return green("off");
  return costs(
    "yellow",
    `${value} flows`,
    "packets change cores on the way to the reader: an interrupt between cores, 1 to 3 µs",
    sysctlCure(["net/core/rps_sock_flow_entries", value, 0]),
  );
}

async function autocorking(sight: Sight): Promise<Finding> {
  const path = "net/ipv4/tcp_autocorking";
  const value = await sight.net.readText(sysctlFile(path));
  if (value === undefined) return unknown("net.ipv4.tcp_autocorking may not be read");
  if (value === "0") return green("off");
  const { fix, undo } = sysctlCure([path, value, 0]);
  return costs(
    "yellow",
    "on",
    "an order waits while the one before is still with the driver, TCP_NODELAY or not",
    { fix: inside(sight, fix), undo: inside(sight, undo) },
  );
}

/** What is asked about the network stack. */
export const NETWORK_CHECKS: Examination[] = [
  { id: "network.busy_poll", title: "Busy polling", look: busyPolling },
  {
    id: "network.rmem_max",
    title: "rmem_max",
    look: atLeast(
      "rmem_max",
      8 << 20,
      "a feed's socket asks for 8 MiB and gets this much without CAP_NET_ADMIN: bursts overflow it",
    ),
  },
  {
    id: "network.wmem_max",
    title: "wmem_max",
    look: atLeast(
      "wmem_max",
      1 << 20,
      "a sender of bursts (exchange, generator) is stopped when its buffer is full",
    ),
  },
  {
    id: "network.backlog",
    title: "netdev_max_backlog",
    look: atLeast("netdev_max_backlog", 10_000, "veth and loopback drop what a burst has beyond it"),
  },
  { id: "network.rfs", title: "RFS", look: receiveFlowSteering },
  { id: "network.autocorking", title: "TCP autocorking", look: autocorking },
];
