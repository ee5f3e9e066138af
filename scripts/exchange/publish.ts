/** What `deno task exchange --itch …` publishes: ITCH 5.0 as MoldUDP64 on two lines, with both servers. @module */
import { type LineFaults, type Pace, Publisher, PUBLISHER_LINES, type PublisherOptions } from "hotpath";

/** What the command line says about it. */
export interface PublishArguments {
  /** An ITCH file, a Tardis CSV, or "generated". */
  itch: string;
  /** Line A's endpoint; left out: the default group, through `if` in `netns`. */
  lineA: string | undefined;
  /** Line B's endpoint likewise; "" is none. */
  lineB: string | undefined;
  /** Interface of the default lines. */
  ifname: string;
  /** Namespace of the default lines and the servers. */
  netns: string;
  /** Address of both servers. */
  listen: string;
  /** UDP port of the re-request server; 0 is none. */
  requestPort: number;
  /** TCP port of the snapshot server; 0 is none. */
  snapshotPort: number;
  /** Faults of line A, as in a URL: `loss=0.01&skewUs=20`. */
  faultsA: string;
  /** Faults of line B likewise. */
  faultsB: string;
  /** Delay, loss, refusal of the re-request server likewise. */
  answers: string;
  /** Messages a datagram. */
  pack: number;
  /** How fast; left out: as recorded. */
  pace: Pace | undefined;
  /** Of the seeded market and its symbols. */
  seed: number;
  /** Symbols of the seeded market. */
  symbols: number;
  /** Name of the session. */
  session: string;
  /** Core of the publishing thread. */
  cpu: number;
  /** End with the session. */
  once: boolean;
}

/** Numbers written as in a URL: `loss=0.01&skewUs=20`. */
function numbersOf<K extends string>(
  option: string,
  text: string,
  names: readonly K[],
): Partial<Record<K, number>> {
  const given: Partial<Record<K, number>> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    if (!names.includes(name as K) || value === "" || !Number.isFinite(Number(value))) {
      throw new TypeError(
        `Cannot use --${option}=${text}: write numbers for ${names.join(", ")}, like ${names[0]}=0.01`,
      );
    }
    given[name as K] = Number(value);
  }
  return given;
}

const FAULTS = ["loss", "duplicate", "reorder", "distance", "skewUs", "seed"] as const satisfies readonly (
  keyof LineFaults
)[];

/** The publisher's options. */
function optionsOf(given: PublishArguments): PublisherOptions {
  const { itch, listen, netns, requestPort, snapshotPort, seed, symbols, pack, session, cpu } = given;
  const line = new URLSearchParams({ if: given.ifname, netns });
  const server = (scheme: string, port: number) =>
    port === 0 ? undefined : `${scheme}://${listen}:${port}?${new URLSearchParams({ netns })}`;
  const lines = [given.lineA, given.lineB].map((url, i) => url ?? `${PUBLISHER_LINES[i]}?${line}`);
  const { refuse, ...answers } = numbersOf("answers", given.answers, ["loss", "delayUs", "refuse"]);
  return {
    source: itch === "generated" ? { seed, symbols } : itch,
    lines: lines.filter((url) => url !== ""),
    requests: server("udp", requestPort),
    snapshots: server("tcp", snapshotPort),
    faults: {
      a: numbersOf("faults-a", given.faultsA, FAULTS),
      b: numbersOf("faults-b", given.faultsB, FAULTS),
    },
    answers: { ...answers, refuse: Boolean(refuse) },
    pack,
    session,
    cpu,
    ...given.pace ? { pace: given.pace } : {},
  };
}

/**
 * Publishes until it is told to stop, or with `once` until the session is over.
 *
 * @param given What the command line says.
 * @param stopped Whether somebody wants it to stop.
 */
export async function publish(given: PublishArguments, stopped: () => boolean): Promise<void> {
  using publisher = Publisher.open(optionsOf(given));
  console.log(publisher);
  for (let state = ""; !stopped();) {
    if (publisher.state !== state) console.log(state = publisher.state);
    if (publisher.trouble !== "" || given.once && state === "ENDED") break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  publisher.close();
  console.log(publisher);
  for (const trouble of publisher.troubles) console.log(trouble);
}
