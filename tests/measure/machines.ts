/** Machines as they were recorded: what their files hold and what their commands print. @module */
import type { Probe, Ran } from "hotpath";
import { naturally } from "../../lib/measure/doctor/probe.ts";

/** A machine that is not there. */
export interface Recorded extends Probe {
  /** Commands that were run, in order. */
  ran: string[];
  /** Its files; tests may change them. */
  files: Record<string, string>;
}

/** What a machine holds. */
interface Recording {
  files: Record<string, string>;
  commands?: Record<string, string | Ran>;
}

/** Makes a probe of a recording. A command that was not recorded is a missing program. */
export function recorded({ files, commands = {} }: Recording): Recorded {
  const ran: string[] = [];
  return {
    ran,
    files,
    readText: (path) => Promise.resolve(files[path]?.trim()),
    list(path) {
      const inside = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      const names = new Set(inside.map((file) => file.slice(path.length + 1).split("/")[0]!));
      return Promise.resolve([...names].sort(naturally));
    },
    run(...command) {
      const line = command.join(" ");
      ran.push(line);
      const answer = commands[line];
      if (answer === undefined) {
        return Promise.resolve({ code: 127, stdout: "", stderr: `the program ${command[0]} is missing` });
      }
      return Promise.resolve(typeof answer === "string" ? { code: 0, stdout: answer, stderr: "" } : answer);
    },
  };
}

const CPU = "/sys/devices/system/cpu";
const CLOCK = "/sys/devices/system/clocksource/clocksource0";
const FULL = "000001ffffffffff";

/** The same files of every core. */
function cores(count: number, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Array.from(
      { length: count },
      (_, core) =>
        Object.entries({ "topology/core_id": String(core), ...files }).map((
          [name, value],
        ) => [`${CPU}/cpu${core}/${name}`, value]),
    ).flat(),
  );
}

function sysctls(values: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([path, value]) => [`/proc/sys/${path}`, String(value)]),
  );
}

/** What `ethtool --json -k` prints. */
export function features(name: string, on: string[], fixed: string[] = []): string {
  const all = ["generic-receive-offload", "large-receive-offload", "rx-gro-hw", "ntuple-filters"];
  const entry = (feature: string) => [feature, {
    active: on.includes(feature),
    fixed: fixed.includes(feature),
    requested: on.includes(feature),
  }];
  return JSON.stringify([{ ifname: name, ...Object.fromEntries(all.map(entry)) }]);
}

/** What `ip -d -j link show` prints. */
export function links(...nics: Record<string, unknown>[]): string {
  const loopback = { ifname: "lo", flags: ["LOOPBACK", "UP"], mtu: 65536, link_type: "loopback" };
  return JSON.stringify([
    loopback,
    ...nics.map((nic) => ({ flags: ["UP"], mtu: 1500, link_type: "ether", ...nic })),
  ]);
}

const LINKS = "ip -d -j link show";

/** /proc/self/status, as far as the doctor reads it. */
export function status(capabilities: string, allowed: string, seccomp = 0): string {
  return `Name:\tdeno\nUid:\t0\nCapEff:\t${capabilities}\nSeccomp:\t${seccomp}\nCpus_allowed_list:\t${allowed}\n`;
}

/** A server of a trading firm: everything done. */
export function tunedBox(): Recorded {
  return recorded({
    files: {
      ...cores(8, {
        "cpufreq/scaling_governor": "performance",
        "cpufreq/scaling_driver": "intel_pstate",
        "cpuidle/state0/name": "POLL",
        "cpuidle/state0/latency": "0",
        "cpuidle/state0/disable": "0",
        "cpuidle/state1/name": "C1",
        "cpuidle/state1/latency": "2",
        "cpuidle/state1/disable": "0",
        "cpuidle/state2/name": "C6",
        "cpuidle/state2/latency": "133",
        "cpuidle/state2/disable": "1",
      }),
      [`${CPU}/online`]: "0-7",
      [`${CPU}/isolated`]: "2-7",
      [`${CPU}/nohz_full`]: "2-7",
      [`${CPU}/smt/active`]: "0",
      [`${CPU}/vulnerabilities/spectre_v2`]: "Vulnerable",
      [`${CLOCK}/current_clocksource`]: "tsc",
      [`${CLOCK}/available_clocksource`]: "tsc hpet acpi_pm",
      "/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n",
      "/proc/self/status": status(FULL, "0-7"),
      "/proc/self/uid_map": "         0          0 4294967295",
      "/proc/self/cgroup": "0::/user.slice/session-1.scope",
      "/sys/fs/cgroup/user.slice/cpu.max": "max 100000",
      "/proc/self/limits": "Max locked memory         unlimited            unlimited            bytes",
      "/proc/meminfo": "MemAvailable:   60000000 kB\nHugePages_Free:      512\nHugepagesize:       2048 kB\n",
      "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority",
      "/proc/mounts": "tracefs /sys/kernel/tracing tracefs rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n",
      "/proc/net/protocols": "protocol  size sockets\nXDP       1088      0\nUDP       1344      3\n",
      "/proc/interrupts":
        "           CPU0\n 130:  9  IR-PCI-MSI-0000:01:00.0 0-edge  ice-ens1f0-TxRx-0\n 131:  4  IR-PCI-MSI 1-edge  ice-ens1f0-mgmnt\n",
      "/proc/irq/130/smp_affinity_list": "1",
      "/proc/irq/130/effective_affinity_list": "1",
      "/sys/kernel/btf/vmlinux": "",
      "/sys/devices/system/node/node0/cpulist": "0-7",
      "/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]",
      "/dev/net/tun": "",
      "/sys/class/net/ens1f0/device/msi_irqs/130": "msix",
      "/sys/class/net/ens1f0/queues/rx-0/rps_cpus": "00",
      "/sys/class/net/ens1f0/queues/rx-1/rps_cpus": "00",
      "/sys/class/net/ens1f0/threaded": "0",
      "/sys/class/net/ens1f0/gro_flush_timeout": "0",
      "/sys/class/net/ens1f0/napi_defer_hard_irqs": "0",
      ...sysctls({
        "kernel/osrelease": "6.12.9-trading",
        "kernel/io_uring_disabled": 0,
        "kernel/unprivileged_bpf_disabled": 2,
        "kernel/nmi_watchdog": 0,
        "kernel/soft_watchdog": 0,
        "kernel/numa_balancing": 0,
        "user/max_user_namespaces": 200000,
        "vm/nr_hugepages": 512,
        "net/core/bpf_jit_enable": 1,
        "net/core/busy_poll": 50,
        "net/core/busy_read": 50,
        "net/core/rmem_max": 67108864,
        "net/core/wmem_max": 67108864,
        "net/core/netdev_max_backlog": 250000,
        "net/core/rps_sock_flow_entries": 0,
        "net/ipv4/tcp_autocorking": 0,
        "net/ipv4/conf/all/rp_filter": 0,
        "net/ipv4/conf/ens1f0/rp_filter": 0,
      }),
    },
    commands: {
      "od -An -td4 -N4 /dev/cpu_dma_latency": "  2000000000\n",
      [LINKS]: links({ ifname: "ens1f0", parentbus: "pci", parentdev: "0000:01:00.0" }, {
        ifname: "br0",
        linkinfo: { info_kind: "bridge" },
      }),
      "ip netns list": "",
      "ethtool -i ens1f0": "driver: ice\nversion: 6.12\n",
      "ethtool --json -k ens1f0": features("ens1f0", ["ntuple-filters"]),
      "ethtool -c ens1f0":
        "Coalesce parameters for ens1f0:\nAdaptive RX: off  TX: off\nrx-usecs: 0\nrx-frames: n/a\n",
      "ethtool -l ens1f0":
        "Pre-set maximums:\nRX:\t\t8\nCombined:\t8\nCurrent hardware settings:\nRX:\t\t0\nTX:\t\t0\nCombined:\t2\n",
      "ethtool -n ens1f0": "2 RX rings available\nTotal 1 rules\n\nFilter: 0\n",
    },
  });
}

/** A laptop as it comes, used by somebody who is not root. */
export function laptop(): Recorded {
  const box = tunedBox();
  const name = "enp0s31f6";
  return recorded({
    files: {
      ...box.files,
      ...cores(4, {
        "cpufreq/scaling_governor": "powersave",
        "cpufreq/scaling_driver": "intel_pstate",
        "cpuidle/state0/name": "POLL",
        "cpuidle/state0/latency": "0",
        "cpuidle/state0/disable": "0",
        "cpuidle/state1/name": "C1E",
        "cpuidle/state1/latency": "10",
        "cpuidle/state1/disable": "0",
        "cpuidle/state2/name": "C10",
        "cpuidle/state2/latency": "890",
        "cpuidle/state2/disable": "0",
      }),
      ...Object.fromEntries(
        Object.entries(cores(8, { "cpufreq/scaling_governor": "schedutil" })).slice(8),
      ),
      [`${CPU}/isolated`]: "",
      [`${CPU}/nohz_full`]: "(null)",
      [`${CPU}/smt/active`]: "1",
      [`${CPU}/cpu0/topology/thread_siblings_list`]: "0-1",
      [`${CPU}/vulnerabilities/spectre_v2`]: "Mitigation: Enhanced / Automatic IBRS",
      [`${CLOCK}/current_clocksource`]: "hpet",
      "/proc/self/status": status("0000000000000000", "0-7"),
      "/proc/self/limits": "Max locked memory         8388608              8388608              bytes",
      "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0  partition 8388604 0 100",
      "/proc/mounts": "sysfs /sys sysfs rw 0 0\n",
      "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
      "/proc/interrupts": `           CPU0\n 126:  9  IR-PCI-MSI-0000:00:1f.6 0-edge  ${name}\n`,
      "/proc/irq/126/smp_affinity_list": "0-7",
      "/proc/irq/126/effective_affinity_list": "3",
      [`/sys/class/net/${name}/queues/rx-0/rps_cpus`]: "0f",
      [`/sys/class/net/${name}/threaded`]: "1",
      [`/sys/class/net/${name}/gro_flush_timeout`]: "20000",
      [`/sys/class/net/${name}/napi_defer_hard_irqs`]: "2",
      ...sysctls({
        "kernel/io_uring_disabled": 2,
        "kernel/nmi_watchdog": 1,
        "kernel/soft_watchdog": 1,
        "kernel/apparmor_restrict_unprivileged_userns": 1,
        "vm/nr_hugepages": 0,
        "net/core/busy_poll": 0,
        "net/core/busy_read": 0,
        "net/core/rmem_max": 212992,
        "net/core/wmem_max": 212992,
        "net/core/netdev_max_backlog": 1000,
        "net/core/rps_sock_flow_entries": 32768,
        "net/core/bpf_jit_enable": 0,
        "net/ipv4/tcp_autocorking": 1,
        "net/ipv4/conf/all/rp_filter": 0,
        [`net/ipv4/conf/${name}/rp_filter`]: 1,
      }),
    },
    commands: {
      [LINKS]: links({
        ifname: name,
        mtu: 9000,
        parentbus: "pci",
        parentdev: "0000:00:1f.6",
        xdp: { mode: 1, prog: { id: 77, name: "xdp_dispatcher" } },
      }),
      "ip netns list": "hp11-1x (id: 0)\nhp11-1s\nhp1-2x\nsomething\n",
      "pgrep -x irqbalance": "812\n",
      [`ethtool -i ${name}`]: "driver: e1000e\n",
      [`ethtool --json -k ${name}`]: features(name, ["generic-receive-offload", "large-receive-offload"]),
      [`ethtool -c ${name}`]: "Adaptive RX: on  TX: n/a\nrx-usecs: 50\n",
      [`ethtool -l ${name}`]: { code: 1, stdout: "", stderr: "netlink error: Operation not supported" },
      "bpftool -j prog show id 77":
        '{"id":77,"type":"xdp","name":"xdp_dispatcher","pids":[{"pid":4242,"comm":"firewalld"}]}',
    },
  });
}

/** A virtual machine with two cores and virtio, recorded as it was. */
export function virtualMachine(): Recorded {
  const box = tunedBox();
  const kept = Object.entries(box.files).filter(([path]) =>
    !path.startsWith(`${CPU}/`) && !path.includes("ens1f0")
  );
  return recorded({
    files: {
      ...Object.fromEntries(kept),
      ...cores(2, {
        "cpuidle/state0/name": "POLL",
        "cpuidle/state0/latency": "0",
        "cpuidle/state0/disable": "0",
        "cpuidle/state1/name": "haltpoll idle",
        "cpuidle/state1/latency": "1",
        "cpuidle/state1/disable": "0",
      }),
      [`${CPU}/online`]: "0-1",
      [`${CPU}/isolated`]: "",
      [`${CPU}/smt/active`]: "0",
      "/proc/self/status": status(FULL, "0-1"),
      "/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc hypervisor\n",
      "/proc/stat": "cpu  600 0 300 9000 0 0 0 100 0 0\ncpu0 1 2\n",
      "/sys/class/dmi/id/sys_vendor": "QEMU",
      "/proc/self/cgroup": "0::/",
      "/sys/fs/cgroup/cpu.max": "150000 100000",
      "/proc/interrupts":
        "           CPU0       CPU1\n 37:  0  0 PCI-MSIX-0000:00:03.0   0-edge      virtio2-config\n 38:  0  1052 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n 39:  839  0 PCI-MSIX-0000:00:03.0   2-edge      virtio2-output.0\n",
      "/proc/irq/38/smp_affinity_list": "0-1",
      "/proc/irq/38/effective_affinity_list": "1",
      "/sys/class/net/eth0/queues/rx-0/rps_cpus": "0",
      "/sys/class/net/eth0/threaded": "0",
      "/sys/class/net/eth0/gro_flush_timeout": "0",
      "/sys/class/net/eth0/napi_defer_hard_irqs": "0",
      "/proc/sys/net/ipv4/conf/eth0/rp_filter": "0",
      "/proc/sys/kernel/osrelease": "6.18.44",
    },
    commands: {
      [LINKS]: links({ ifname: "eth0", mtu: 1400, parentbus: "virtio", parentdev: "virtio2" }),
      "ip netns list": "",
      "ethtool -i eth0": "driver: virtio_net\nversion: 1.0.0\n",
      "ethtool --json -k eth0": features("eth0", ["generic-receive-offload", "rx-gro-hw"], [
        "rx-gro-hw",
        "large-receive-offload",
        "ntuple-filters",
      ]),
      "ethtool -c eth0": "Adaptive RX: off  TX: n/a\nrx-usecs: 0\n",
      "ethtool -l eth0": "Current hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nCombined:\t1\n",
    },
  });
}

/** A container where nothing may be read and no program is there. */
export function sealedContainer(): Recorded {
  return recorded({ files: {} });
}
