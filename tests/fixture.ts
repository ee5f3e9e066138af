/**
 * What tests share: real data and its absence, labs, and skips that say why.
 *
 * A test that cannot run here is registered as ignored with the reason in its name and on the console; under CI
 * (`CI=true`) a missing capability that this machine should have is a failure instead.
 */
import { existsSync } from "node:fs";

/** Folder with real market data beside the project; `HOTPATH_SHARED` names another. */
export const SHARED: string = Deno.env.get("HOTPATH_SHARED") ??
  new URL("../../shared", import.meta.url).pathname;

/** One real hour of Binance BTC futures, and the book it must end in. */
export const BINANCE =
  `${SHARED}/data/tardis/binance-futures_incremental_book_L2_2024-08-08_BTCUSDT.csv.gz` as const;

/** Real snapshot rows of the seed laboratory's market. */
export const DERIBIT = `${SHARED}/data/tardis/deribit_incremental_book_L2_BTC-PERPETUAL.csv` as const;

/** Why tests with network namespaces cannot run here; undefined when they can. */
export function noNamespaces(): string | undefined {
  return Deno.uid() === 0 ? undefined : "network namespaces need root";
}

/** Why tests with real data cannot run here; undefined when they can. */
export function noData(path: string): string | undefined {
  return existsSync(path) ? undefined : `${path} is absent`;
}

/** Under CI nothing but absent data is a reason to skip: what the machine lacks, `scripts/setup.sh` should bring. */
const STRICT = Deno.env.get("CI") === "true";

/** Registers a test, or says why it is left out. */
export function testWhen(
  missing: string | undefined,
  name: string,
  test: (t: Deno.TestContext) => void | Promise<void>,
): void {
  if (missing === undefined) {
    Deno.test(name, test);
  } else if (STRICT && !missing.endsWith("is absent")) {
    Deno.test(name, () => {
      throw new Error(`Cannot run on this machine: ${missing}`);
    });
  } else {
    console.log(`skipped: ${name}: ${missing}`);
    Deno.test({ name: `${name} (skipped: ${missing})`, ignore: true, fn: test });
  }
}
