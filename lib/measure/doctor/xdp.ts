/** What an interface can do for AF_XDP, and what stands in its way. @module */
import {
  costs,
  type Examination,
  field,
  type Finding,
  green,
  inside,
  kernelAtLeast,
  quote,
  type Sight,
} from "./check.ts";
import { DRIVERS } from "./drivers.ts";
import type { Nic } from "./interfaces.ts";

/** What the driver can do. */
interface Support {
  native: boolean;
  zeroCopy: boolean;
  /** Who says so. */
  from: string;
}

/** The kernel's own answer, where a program is there that asks. */
async function asked({ net }: Sight, nic: Nic): Promise<Support | undefined> {
  const { code, stdout } = await net.run("xdp-loader", "features", nic.name);
  const says = (name: string) => new RegExp(`^NETDEV_XDP_ACT_${name}:\\s+yes`, "m").test(stdout);
  if (code !== 0 || !stdout.includes("NETDEV_XDP_ACT_BASIC")) return undefined;
  return { native: says("BASIC"), zeroCopy: says("XSK_ZEROCOPY"), from: "the kernel says so" };
}

async function known({ machine }: Sight, { driver }: Nic): Promise<Support | undefined> {
  const entry = DRIVERS[driver];
  if (!entry) return undefined;
  const since = async (version: [number, number] | undefined) =>
    version !== undefined && await kernelAtLeast(machine, ...version) === true;
  return {
    native: await since(entry.native),
    zeroCopy: await since(entry.zeroCopy),
    from: "known of this driver, not asked",
  };
}

async function support(sight: Sight, nic: Nic): Promise<Finding> {
  const driver = nic.driver || "a driver that nobody names";
  const answer = await asked(sight, nic) ?? await known(sight, nic);
  if (!answer) {
    return costs(
      "yellow",
      `${driver}: unknown`,
      "xdp tries native mode, then generic: its note says which",
      "`xdp-loader features` of xdp-tools 1.4 or newer asks the kernel",
    );
  }
  // virtio_net merges in the host; what the guest may not switch off there keeps its driver from running programs.
  if (nic.driver === "virtio_net" && nic.features["rx-gro-hw"]?.active && nic.features["rx-gro-hw"].fixed) {
    return costs(
      "yellow",
      `${driver}: generic only, the host merges packets (rx-gro-hw is fixed on)`,
      "the XDP program runs after the packet was allocated: little is saved over udp",
      "start the guest with ctrl_guest_offloads=on, or guest_csum, guest_tso4, guest_tso6, guest_ufo off",
    );
  }
  const found = `${driver}: ${answer.native ? "native" : "generic only"}, ${
    answer.zeroCopy ? "zero-copy" : "copy"
  } (${answer.from})`;
  if (answer.native && (answer.zeroCopy || nic.kind === "veth")) return green(found);
  return costs(
    "yellow",
    found,
    answer.native
      ? "each frame is copied once, 50 to 200 ns"
      : "the XDP program runs after the packet was allocated, and each frame is copied",
    "a newer kernel, or a NIC with zero-copy (i40e, ice, ixgbe, igc, mlx5)",
  );
}

/** Frames of 2048 bytes less the kernel's headroom of 256, less an Ethernet header: what xdp.c receives whole. */
const FRAME_MTU = 2048 - 256 - 14;
/** Most drivers keep a packet in one page; above this they refuse programs that know no fragments. */
const PAGE_MTU = 3498;

function mtu(sight: Sight, nic: Nic): Finding {
  const found = `${nic.mtu} bytes, frames hold ${FRAME_MTU}`;
  if (nic.mtu <= FRAME_MTU) return green(found);
  const refused = nic.mtu > PAGE_MTU;
  return costs(
    refused ? "red" : "yellow",
    found,
    refused
      ? "most drivers refuse XDP programs at this size: xdp falls back to generic mode or fails"
      : "xdp never sees packets larger than a frame: the kernel drops them",
    inside(sight, `ip link set dev ${quote(nic.name)} mtu 1500`),
  );
}

/** Name of this project's own program (bpf/steer.bpf.c), as far as the kernel keeps it. */
const OURS = "hotpath_steer";

/** Who holds a BPF program: `firewalld 812`. Not every bpftool tells; file descriptors do, to root. */
async function holders({ machine }: Sight, id: number): Promise<string[]> {
  const { code, stdout } = await machine.run("bpftool", "-j", "prog", "show", "id", String(id));
  const pids: { pid: number; comm: string }[] = code === 0 ? JSON.parse(stdout).pids ?? [] : [];
  const names = pids.map(({ pid, comm }) => `${comm} ${pid}`);
  if (names.length) return names;
  for (const pid of (await machine.list("/proc")).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await machine.list(`/proc/${pid}/fdinfo`)) {
      if (field(await machine.readText(`/proc/${pid}/fdinfo/${fd}`), "prog_id") !== String(id)) continue;
      names.push(`${await machine.readText(`/proc/${pid}/comm`)} ${pid}`);
      break;
    }
  }
  return names;
}

async function attached(sight: Sight, nic: Nic): Promise<Finding> {
  if (!nic.xdp) return green("none");
  const { id, name, generic } = nic.xdp;
  const held = await holders(sight, id);
  const whose = `held by ${held.length ? held.join(", ") : "nobody that is seen"}`;
  const found = `program ${id} "${name}", ${generic ? "generic" : "native"}, ${whose}`;
  if (name === OURS) return green(`${found}: an engine of this project`);
  return costs(
    "red",
    found,
    "xdp refuses to replace somebody else's program; every packet pays for it on every path",
    `when its owner agrees: ${
      inside(sight, `ip link set dev ${quote(nic.name)} ${generic ? "xdpgeneric" : "xdp"} off`)
    }`,
  );
}

/** What XDP asks of an interface. */
export const XDP_CHECKS: Examination<[Nic]>[] = [
  { id: "nic.xdp", title: "XDP and zero-copy", look: support },
  { id: "nic.mtu", title: "MTU", look: mtu },
  { id: "nic.attached", title: "XDP program", look: attached },
];
