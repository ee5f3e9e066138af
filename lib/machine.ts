/** What machine a figure was measured on. @module */
import { cpus } from "node:os";

/** The machine, as far as it matters to a latency. */
export interface Machine {
  /** Logical cores. */
  cores: number;
  /** CPU model; "" without `--allow-sys=cpus`. */
  cpu: string;
  /** Kernel release; "" without `--allow-sys=osRelease`. */
  kernel: string;
  /** Frequency governor of core 0; "" where there is none, or /sys may not be read (Deno wants `-A` for it). */
  governor: string;
  /** Clock source; "" where /sys may not be read. */
  clocksource: string;
  /** Deno's version. */
  deno: string;
}

function tried(read: () => string | undefined): string {
  try {
    return read()?.trim() ?? "";
  } catch {
    return ""; // not there on this kind of machine, or not ours to read
  }
}

const SYS = "/sys/devices/system";

/** Reads what can be read about this machine; what cannot stays empty. */
export function machine(): Machine {
  return {
    cores: navigator.hardwareConcurrency,
    cpu: tried(() => cpus()[0]?.model),
    kernel: tried(() => Deno.osRelease()),
    governor: tried(() => Deno.readTextFileSync(`${SYS}/cpu/cpu0/cpufreq/scaling_governor`)),
    clocksource: tried(() => Deno.readTextFileSync(`${SYS}/clocksource/clocksource0/current_clocksource`)),
    deno: Deno.version.deno,
  };
}
