/** What scripts make of the command line beyond `parseArgs`. @module */

/**
 * The number an option was given.
 *
 * @param name The option, without dashes.
 * @param given Its text; `undefined`: it was left out.
 * @param otherwise What it is then.
 * @throws {TypeError} that names the option.
 */
export function numberOf(name: string, given: string | boolean | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!Number.isFinite(value)) throw new TypeError(`Cannot use --${name}=${given}: a number is needed`);
  return value;
}
