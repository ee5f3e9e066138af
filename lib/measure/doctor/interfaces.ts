/** Which interfaces there are, and what `ip` and `ethtool` say of them. @module */
import { field, type Sight } from "./check.ts";

/** An interface, as far as checks need it. */
export interface Nic {
  /** Its name. */
  name: string;
  /** What made it, when no hardware did: `veth`, `bridge`, …; "" for hardware. */
  kind: string;
  /** Largest packet, bytes. */
  mtu: number;
  /** Bus address or device of the hardware: `0000:01:00.0`, `virtio2`; "" without. */
  parent: string;
  /** Its driver; "" when nobody tells. */
  driver: string;
  /** Features by ethtool's names; none when ethtool does not answer. */
  features: Record<string, Feature | undefined>;
  /** The XDP program that is attached. */
  xdp: XdpProgram | undefined;
}

/** One of `ethtool -k`. */
export interface Feature {
  /** It is on. */
  active: boolean;
  /** It cannot be switched. */
  fixed: boolean | null;
}

/** An XDP program on an interface. */
export interface XdpProgram {
  /** The kernel's number of it. */
  id: number;
  /** Its name. */
  name: string;
  /** It runs behind the driver, on packets that are allocated already. */
  generic: boolean;
}

/** The fields read from `ip -d -j link`. */
interface Link {
  ifname: string;
  flags: string[];
  mtu: number;
  link_type: string;
  parentdev?: string;
  linkinfo?: { info_kind?: string };
  xdp?: {
    mode: number;
    prog?: { id: number; name?: string };
    attached?: { prog?: { id: number; name?: string } }[];
  };
}

/** XDP_ATTACHED_SKB of linux/if_link.h. */
const GENERIC_MODE = 2;

function program({ xdp }: Link): XdpProgram | undefined {
  const prog = xdp?.prog ?? xdp?.attached?.[0]?.prog;
  return prog && { id: prog.id, name: prog.name ?? "", generic: xdp?.mode === GENERIC_MODE };
}

async function nic({ net }: Sight, link: Link): Promise<Nic> {
  const name = link.ifname;
  const info = await net.run("ethtool", "-i", name);
  const features = await net.run("ethtool", "--json", "-k", name);
  const uevent = await net.readText(`/sys/class/net/${name}/device/uevent`);
  return {
    name,
    kind: link.linkinfo?.info_kind ?? "",
    mtu: link.mtu,
    parent: link.parentdev ?? "",
    driver: field(info.stdout, "driver") ?? /^DRIVER=(.*)$/m.exec(uevent ?? "")?.[1] ??
      link.linkinfo?.info_kind ?? "",
    features: features.code === 0 ? JSON.parse(features.stdout)[0] ?? {} : {},
    xdp: program(link),
  };
}

/**
 * The interfaces to look at.
 *
 * @param names Those; empty: all that are up and made of hardware, or where there is none (a namespace, a container)
 * all that are up, without loopback.
 * @throws {Error} when a name is none, or `ip` cannot look.
 */
export async function interfaces(sight: Sight, names: string[]): Promise<Nic[]> {
  const { code, stdout, stderr } = await sight.net.run("ip", "-d", "-j", "link", "show");
  const where = sight.netns && ` in namespace ${sight.netns}`;
  if (code !== 0) throw new Error(`Cannot list the interfaces${where}: ${stderr.trim().split("\n")[0]}`);
  const links: Link[] = JSON.parse(stdout === "" ? "[]" : stdout);
  const unknown = names.find((name) => !links.some(({ ifname }) => ifname === name));
  if (unknown !== undefined) {
    const there = links.map(({ ifname }) => ifname).join(", ");
    throw new Error(`Cannot look at interface "${unknown}"${where}: no such interface; there are ${there}`);
  }
  const up = links.filter(({ link_type, flags }) => link_type === "ether" && flags.includes("UP"));
  const hardware = up.filter(({ linkinfo }) => linkinfo?.info_kind === undefined);
  const chosen = names.length
    ? links.filter(({ ifname }) => names.includes(ifname))
    : hardware.length
    ? hardware
    : up;
  return await Promise.all(chosen.map((link) => nic(sight, link)));
}
