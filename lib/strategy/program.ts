/** Which program runs a strategy's process, and which module it is to run. @module */

/** This very Deno where running it is allowed, else the `deno` that `--allow-run=deno` names. */
export function denoProgram(): string {
  const path = Deno.execPath();
  return Deno.permissions.querySync({ name: "run", command: path }).state === "granted" ? path : "deno";
}

/** A script's path, relative to the current directory, as the URL a module is imported by; a file URL stays. */
export function scriptUrl(script: string): string {
  return script.startsWith("file:") ? script : new URL(script, `file://${Deno.cwd()}/`).href;
}
