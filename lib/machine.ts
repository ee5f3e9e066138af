/** What machine a figure was measured on. @module */

/** The machine, as far as it matters to a latency. */
export interface Machine {
  /** Logical cores. */
  cores: number;
  /** CPU model; "" where /proc may not be read. */
  cpu: string;
  /** Kernel release. */
  kernel: string;
  /** Frequency governor of core 0; "" where there is none. */
  governor: string;
  /** Clock source. */
  clocksource: string;
  /** Deno's version. */
  deno: string;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return ""; // not there on this kind of machine, or not ours to read
  }
}

/** Reads what can be read about this machine; what cannot stays empty. */
export function machine(): Machine {
  return {
    cores: navigator.hardwareConcurrency,
    cpu: /^model name\s*:\s*(.*)$/m.exec(read("/proc/cpuinfo"))?.[1] ?? "",
    kernel: read("/proc/sys/kernel/osrelease"),
    governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    deno: Deno.version.deno,
  };
}
