/** How numbers are written for people. @module */

/** Nanoseconds with a fitting unit: `"87 ns"`, `"3.41 µs"`, `"12.0 ms"`. */
export function formatNs(ns: number): string {
  if (!Number.isFinite(ns)) return "-";
  // What would round to 1000 of a unit is 1.00 of the next.
  if (Math.abs(ns) < 999.5) return `${Math.round(ns)} ns`;
  if (Math.abs(ns) < 999.5e3) return `${(ns / 1e3).toPrecision(3)} µs`;
  if (Math.abs(ns) < 999.5e6) return `${(ns / 1e6).toPrecision(3)} ms`;
  return `${Math.abs(ns) < 999.5e9 ? (ns / 1e9).toPrecision(3) : Math.round(ns / 1e9)} s`;
}

/** A count with thousands separated. */
export function formatCount(n: number): string {
  return n.toLocaleString("en");
}

/** A scaled integer as the decimal it stands for: `formatScaled(61659700000, 1e6)` is `"61659.7"`. */
export function formatScaled(value: number, scale: number): string {
  return (value / scale).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 9 });
}

/**
 * A scaled integer as the decimal it is, digit by digit, with no floating point in between: `formatExact(5856900, 1e4)` is
 * `"585.69"`.
 *
 * @param value An integer below 2^53.
 * @param scale A power of ten.
 */
export function formatExact(value: number, scale: number): string {
  const decimals = Math.round(Math.log10(scale));
  const digits = String(Math.abs(value)).padStart(decimals + 1, "0");
  const fraction = decimals ? digits.slice(-decimals).replace(/0+$/, "") : "";
  const whole = decimals ? digits.slice(0, -decimals) : digits;
  return `${value < 0 ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}
