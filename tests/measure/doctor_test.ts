/** The doctor on recorded machines; `doctor_script_test.ts` has it on this one. */
import assert from "node:assert/strict";
import { type Check, diagnose, type DiagnoseOptions, type Diagnosis, treat } from "hotpath";
import { cpuList, field, inside, quote, writeCure } from "../../lib/measure/doctor/check.ts";
import {
  laptop,
  links,
  type Recorded,
  recorded,
  sealedContainer,
  status,
  tunedBox,
  virtualMachine,
} from "./machines.ts";

/** The check of that id; a test that asks for none fails. */
function check({ checks }: Diagnosis, id: string): Check {
  const found = checks.find((one) => one.id === id);
  assert.ok(found, `no ${id} among ${checks.map(({ id }) => id).join(", ")}`);
  return found;
}

function levels({ checks }: Diagnosis, level: string): string[] {
  return checks.filter((one) => one.level === level).map(({ id }) => id).sort();
}

/** Every machine's report must be well-formed, whatever it says. */
async function examined(probe: Recorded, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const found = await diagnose({ ...options, probe });
  assert.deepEqual(found.broken, []);
  assert.equal(found.checks.length, found.summary.green + found.summary.yellow + found.summary.red);
  assert.equal(new Set(found.checks.map(({ id }) => id)).size, found.checks.length, "ids are unique");
  for (const one of found.checks) {
    const said = JSON.stringify(one);
    assert.ok(one.title.length <= 22 && one.found !== "" && !one.found.includes("\n"), said);
    assert.equal(one.fixable, one.undo !== "", said);
    if (one.level !== "green") assert.notEqual(one.fix, "", said);
    if (one.level === "green") assert.equal(one.fix, "", said);
    if (one.level === "red") assert.notEqual(one.why, "", said);
    assert.ok(!/undefined|NaN|null/.test(said.replace("/dev/null", "").replaceAll("> /dev/null", "")), said);
  }
  return found;
}

Deno.test("diagnose() finds nothing to do on a tuned machine", async () => {
  const found = await examined(tunedBox());
  assert.deepEqual(found.checks.filter(({ level }) => level !== "green"), []);
  assert.match(
    check(found, "nic.xdp@ens1f0").found,
    /^ice: native, zero-copy \(known of this driver, not asked\)$/,
  );
  assert.equal(check(found, "nic.irq@ens1f0").found, "irq 130 on core 1");
  assert.equal(check(found, "nic.steering@ens1f0").found, "2 queues, 1 steering rule");
  assert.ok(!found.checks.some(({ id }) => id.endsWith("@br0")), "bridges are not looked at unasked");
  const asked = await examined(tunedBox(), { interfaces: ["br0"], only: ["nic.irq"] });
  assert.deepEqual(asked.checks.map(({ id, found }) => [id, found]), [["nic.irq@br0", "none (bridge)"]]);
});

Deno.test("diagnose() names what a laptop costs, with the commands that fix it and undo that", async () => {
  const probe = laptop();
  const found = await examined(probe);
  const cures: Record<string, [level: string, fix: string, undo: string]> = {
    "cpu.governor": [
      "yellow",
      "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor > /dev/null",
      "echo powersave | tee " +
      [0, 1, 2, 3].map((core) => `/sys/devices/system/cpu/cpu${core}/cpufreq/scaling_governor`).join(" ") +
      " > /dev/null && echo schedutil | tee " +
      [4, 5, 6, 7].map((core) => `/sys/devices/system/cpu/cpu${core}/cpufreq/scaling_governor`).join(" ") +
      " > /dev/null",
    ],
    "memory.huge_pages": ["yellow", "sysctl -qw vm/nr_hugepages=64", "sysctl -qw vm/nr_hugepages=0"],
    "memory.transparent": [
      "yellow",
      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
      "echo always > /sys/kernel/mm/transparent_hugepage/enabled",
    ],
    "kernel.jit": ["red", "sysctl -qw net/core/bpf_jit_enable=1", "sysctl -qw net/core/bpf_jit_enable=0"],
    "kernel.tracefs": [
      "yellow",
      "mount -t tracefs tracefs /sys/kernel/tracing",
      "umount /sys/kernel/tracing",
    ],
    "kernel.watchdog": [
      "yellow",
      "sysctl -qw kernel/nmi_watchdog=0 kernel/soft_watchdog=0",
      "sysctl -qw kernel/nmi_watchdog=1 kernel/soft_watchdog=1",
    ],
    "network.busy_poll": [
      "yellow",
      "sysctl -qw net/core/busy_poll=50 net/core/busy_read=50",
      "sysctl -qw net/core/busy_poll=0 net/core/busy_read=0",
    ],
    "network.rmem_max": [
      "yellow",
      "sysctl -qw net/core/rmem_max=8388608",
      "sysctl -qw net/core/rmem_max=212992",
    ],
    "network.rfs": [
      "yellow",
      "sysctl -qw net/core/rps_sock_flow_entries=0",
      "sysctl -qw net/core/rps_sock_flow_entries=32768",
    ],
    "nic.gro@enp0s31f6": ["yellow", "ethtool -K enp0s31f6 gro off", "ethtool -K enp0s31f6 gro on"],
    "nic.lro@enp0s31f6": ["red", "ethtool -K enp0s31f6 lro off", "ethtool -K enp0s31f6 lro on"],
    "nic.coalescing@enp0s31f6": [
      "red",
      "ethtool -C enp0s31f6 adaptive-rx off rx-usecs 0",
      "ethtool -C enp0s31f6 adaptive-rx on rx-usecs 50",
    ],
    "nic.rps@enp0s31f6": [
      "yellow",
      "echo 0 > /sys/class/net/enp0s31f6/queues/rx-0/rps_cpus",
      "echo 0f > /sys/class/net/enp0s31f6/queues/rx-0/rps_cpus",
    ],
    "nic.irq@enp0s31f6": [
      "yellow",
      "echo 3 > /proc/irq/126/smp_affinity_list",
      "echo 0-7 > /proc/irq/126/smp_affinity_list",
    ],
    "nic.deferral@enp0s31f6": [
      "yellow",
      "echo 0 | tee /sys/class/net/enp0s31f6/gro_flush_timeout /sys/class/net/enp0s31f6/napi_defer_hard_irqs > /dev/null",
      "echo 20000 > /sys/class/net/enp0s31f6/gro_flush_timeout && echo 2 > /sys/class/net/enp0s31f6/napi_defer_hard_irqs",
    ],
    "nic.rp_filter@enp0s31f6": [
      "yellow",
      "sysctl -qw net/ipv4/conf/enp0s31f6/rp_filter=2",
      "sysctl -qw net/ipv4/conf/enp0s31f6/rp_filter=1",
    ],
  };
  for (const [id, [level, fix, undo]] of Object.entries(cures)) {
    const one = check(found, id);
    assert.deepEqual([one.level, one.fix, one.undo], [level, fix, undo], id);
  }
  const byHand: Record<string, [level: string, found: RegExp, fix: RegExp]> = {
    "cpu.isolated": ["yellow", /^none/, /isolcpus=2,3,4,5,6,7 nohz_full=2,3,4,5,6,7/],
    "cpu.smt": ["yellow", /^on \(core 0 is 0-1\)$/, /smt\/control/],
    "cpu.mitigations": ["yellow", /^spectre_v2$/, /mitigations=off/],
    "memory.locked": ["yellow", /^8 MiB$/, /ulimit -l/],
    "memory.swap": ["yellow", /^\/dev\/zram0$/, /swapoff/],
    "kernel.io_uring": ["red", /nobody may use it/, /io_uring_disabled=0/],
    "kernel.leftovers": [
      "yellow",
      /^hp11-1x, hp11-1s, hp1-2x$/,
      /^ip netns del hp11-1x && ip netns del hp11-1s/,
    ],
    "capabilities.packet": ["yellow", /^lacks CAP_NET_RAW$/, /unshare -Urn/],
    "capabilities.xdp": [
      "yellow",
      /^lacks CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW$/,
      /udp and uring need nothing/,
    ],
    "capabilities.tap": ["yellow", /^lacks CAP_NET_ADMIN$/, /ip tuntap add/],
    "capabilities.userns": ["yellow", /apparmor_restrict_unprivileged_userns is 1/, /=0$/],
    "nic.xdp@enp0s31f6": ["yellow", /^e1000e: unknown$/, /xdp-loader features/],
    "nic.mtu@enp0s31f6": ["red", /^9000 bytes/, /mtu 1500/],
    "nic.attached@enp0s31f6": [
      "red",
      /77 "xdp_dispatcher", native, held by firewalld 4242/,
      /when its owner agrees/,
    ],
  };
  for (const [id, [level, what, fix]] of Object.entries(byHand)) {
    const one = check(found, id);
    assert.equal(one.level, level, id);
    assert.match(one.found, what, id);
    assert.match(one.fix, fix, id);
    assert.equal(one.fixable, false, id);
  }
  assert.equal(check(found, "capabilities.free").level, "green", "udp, uring and pcap need nothing");
  // hpet: the machine offers its invariant TSC, so it can be switched, and back.
  assert.equal(check(found, "cpu.clock").level, "red");
  assert.match(check(found, "cpu.clock").undo, /^echo hpet > /);
  // C1E and C10 on four cores, none on the others: exactly those are switched off, and on again.
  const idle = check(found, "cpu.idle");
  assert.deepEqual([idle.level, idle.found], ["red", "deepest C10, 890 µs to wake"]);
  assert.equal(idle.fix.match(/cpuidle\/state[12]\/disable/g)?.length, 8);
  assert.ok(!probe.ran.some((line) => line.startsWith("sh ")), "a look changes nothing");
});

Deno.test("diagnose() knows a virtual machine's limits", async () => {
  const found = await examined(virtualMachine());
  assert.deepEqual(levels(found, "red"), ["cpu.quota"]);
  assert.match(check(found, "cpu.quota").found, /^1\.5 cores' time \(\/sys\/fs\/cgroup\/cpu\.max\)$/);
  assert.match(check(found, "cpu.hypervisor").found, /^virtual machine \(QEMU\), 1\.0 % of its time stolen$/);
  assert.match(check(found, "cpu.cores").found, /^2 for 3 spinners/);
  assert.match(check(found, "cpu.isolated").fix, /^2 cores leave none/);
  assert.equal(check(found, "cpu.governor").level, "green");
  assert.equal(check(found, "nic.irq@eth0").found, "irq 38 on core 1", "only the receive queue's");
  assert.match(check(found, "nic.xdp@eth0").found, /generic only, the host merges/);
  assert.equal(
    check(found, "nic.gro@eth0").fix,
    "ethtool -K eth0 gro off",
    "what is fixed stays out of the command",
  );
});

Deno.test("diagnose() says unknown where nothing may be read, and breaks nowhere", async () => {
  const found = await examined(sealedContainer());
  assert.deepEqual(levels(found, "red"), []);
  assert.equal(check(found, "nic.interfaces").level, "yellow");
  for (const id of ["cpu.governor", "cpu.clock", "memory.locked", "kernel.af_xdp", "network.rmem_max"]) {
    assert.match(check(found, id).found, /^unknown: /, id);
  }
  assert.ok(found.summary.yellow > 25, "what cannot be seen is not called good");
});

Deno.test("diagnose() tells kinds of the same trouble apart", async () => {
  const after = async (change: (files: Record<string, string>) => void, id: string, probe = tunedBox()) => {
    change(probe.files);
    return check(await examined(probe), id);
  };
  const CPU = "/sys/devices/system/cpu";
  const lowest = await after((files) => {
    files[`${CPU}/cpu0/cpufreq/scaling_driver`] = "acpi-cpufreq";
    files[`${CPU}/cpu7/cpufreq/scaling_governor`] = "powersave";
  }, "cpu.governor");
  assert.equal(lowest.level, "red", "acpi-cpufreq's powersave is the lowest clock there is");
  assert.equal(lowest.undo, `echo powersave > ${CPU}/cpu7/cpufreq/scaling_governor`);
  const idle = await after((files) => {
    for (let core = 0; core < 8; core++) files[`${CPU}/cpu${core}/cpuidle/state2/disable`] = "0";
  }, "cpu.idle");
  assert.equal(idle.fix, `echo 1 | tee ${CPU}/cpu*/cpuidle/state[2]/disable > /dev/null`);
  assert.equal(idle.undo, `echo 0 | tee ${CPU}/cpu*/cpuidle/state[2]/disable > /dev/null`);
  const tick = await after((files) => files[`${CPU}/nohz_full`] = "(null)", "cpu.isolated");
  assert.match(tick.found, /with a timer tick on 2,3,4,5,6,7/);
  const one = await after((files) => files["/proc/self/status"] = status("0", "3"), "cpu.cores");
  assert.equal(one.level, "red");
  const moved = await after(
    (files) => files["/proc/irq/130/effective_affinity_list"] = "5",
    "nic.irq@ens1f0",
  );
  assert.match(moved.found, /core 5, isolated/);
  assert.deepEqual([moved.fix, moved.undo], [
    "echo 0 > /proc/irq/130/smp_affinity_list",
    "echo 1 > /proc/irq/130/smp_affinity_list",
  ]);
  const userns = await after((files) => files["/proc/self/uid_map"] = "0 1000 1", "capabilities.xdp");
  assert.match(userns.found, /only in a user namespace/);
  const closed = tunedBox();
  const tun = {
    ...closed,
    run: (...command: string[]) =>
      command[0] === "test" ? Promise.resolve({ code: 1, stdout: "", stderr: "" }) : closed.run(...command),
  };
  assert.match(check(await diagnose({ probe: tun }), "capabilities.tap").found, /not this user's to open/);
  const seccomp = await after((files) => {
    files["/proc/self/status"] = status("000001ffffffffff", "0-7", 2);
  }, "kernel.io_uring");
  assert.equal(seccomp.level, "yellow");
  const old = await after((files) => files["/proc/sys/kernel/osrelease"] = "5.4.0", "kernel.io_uring");
  assert.equal(old.level, "red");
  const copies = await after((files) => files["/proc/sys/kernel/osrelease"] = "5.4.0", "nic.xdp@ens1f0");
  assert.match(copies.found, /^ice: generic only, copy/);
  const alive = tunedBox();
  alive.files["/proc/11/stat"] = "11 (deno) S";
  const list = "hp11-1x\nhp12-1x\n";
  const busy = {
    ...alive,
    run: (...command: string[]) =>
      command.join(" ") === "ip netns list"
        ? Promise.resolve({ code: 0, stdout: list, stderr: "" })
        : alive.run(...command),
  };
  assert.equal(
    check(await diagnose({ probe: busy }), "kernel.leftovers").found,
    "hp12-1x",
    "whose lab runs, stays",
  );
});

Deno.test("diagnose() believes xdp-loader more than its table", async () => {
  const probe = recorded({
    files: tunedBox().files,
    commands: {
      "ip -d -j link show": links({ ifname: "ens1f0" }),
      "ethtool -i ens1f0": "driver: ice\n",
      "xdp-loader features ens1f0":
        "NETDEV_XDP_ACT_BASIC:\t\tyes\nNETDEV_XDP_ACT_REDIRECT:\tyes\nNETDEV_XDP_ACT_XSK_ZEROCOPY:\tno\n",
    },
  });
  assert.equal(
    check(await examined(probe), "nic.xdp@ens1f0").found,
    "ice: native, copy (the kernel says so)",
  );
});

Deno.test("treat() goes on after a fix that fails, and says why", async () => {
  const box = laptop();
  const files = box.files;
  const probe: Recorded = {
    ...box,
    run(...command) {
      const [sh, , line = ""] = command;
      if (sh !== "sh") return box.run(...command);
      box.ran.push(command.join(" "));
      if (line.includes("rmem_max")) {
        return Promise.resolve({ code: 1, stdout: "", stderr: "sysctl: permission denied on key\nmore\n" });
      }
      for (const [, path, value] of line.matchAll(/([\w/]+)=(\d+)/g)) {
        if (!path!.includes("wmem_max")) files[`/proc/sys/${path}`] = value!; // wmem_max takes it without a word
      }
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    },
  };
  const told: string[] = [];
  const { treatments, checks, summary, broken } = await treat(
    { probe, only: ["network"] },
    ({ id }) => told.push(id),
  );
  assert.deepEqual(broken, []);
  assert.deepEqual(told, treatments.map(({ id }) => id));
  assert.deepEqual(Object.fromEntries(treatments.map(({ id, failed }) => [id, failed])), {
    "network.busy_poll": "",
    "network.rmem_max": "sysctl: permission denied on key",
    "network.wmem_max": "the machine took it without a word and stayed as it was",
    "network.backlog": "",
    "network.rfs": "",
    "network.autocorking": "",
  });
  assert.deepEqual(treatments.map(({ undo }) => undo), [
    "sysctl -qw net/core/busy_poll=0 net/core/busy_read=0",
    "", // nothing was changed, nothing is to be undone
    "",
    "sysctl -qw net/core/netdev_max_backlog=1000",
    "sysctl -qw net/core/rps_sock_flow_entries=32768",
    "sysctl -qw net/ipv4/tcp_autocorking=1",
  ]);
  assert.deepEqual(summary, { green: 4, yellow: 2, red: 0 });
  assert.equal(checks.length, 6);
  assert.ok(box.ran.filter((line) => line.startsWith("sh -c")).length === 6);
});

Deno.test("a check that breaks is red, counted, and stops no other", async () => {
  const box = tunedBox();
  const probe = {
    ...box,
    readText: (path: string) =>
      path === "/proc/swaps" ? Promise.reject(new Error("odd")) : box.readText(path),
  };
  const found = await diagnose({ probe });
  assert.deepEqual(found.broken, ["memory.swap broke: odd"]);
  assert.deepEqual(levels(found, "red"), ["memory.swap"]);
  assert.ok(found.checks.length > 40);
});

Deno.test("helpers of the checks", () => {
  assert.deepEqual(cpuList("0-2,5"), [0, 1, 2, 5]);
  assert.deepEqual(cpuList("(null)"), []);
  assert.deepEqual(cpuList(undefined), []);
  assert.equal(field("flags\t\t: a b\nmodel name : x: y", "model name"), "x: y");
  assert.equal(field("flagship: no", "flags"), undefined);
  assert.equal(quote("eth0.100"), "eth0.100");
  assert.equal(quote("e'th; rm"), "'e'\\''th; rm'");
  const sight = { machine: sealedContainer(), net: sealedContainer(), netns: "a b" };
  assert.equal(inside(sight, "echo 'x' > y", true), "ip netns exec 'a b' sh -c 'echo '\\''x'\\'' > y'");
  assert.deepEqual(writeCure([{ path: "/a", value: "1" }], "0", "/*"), {
    fix: "echo 0 > /a",
    undo: "echo 1 > /a",
  });
});
