/** What the demo plays. @module */
import { Tape } from "hotpath";

/** The named file, or the seeded market. */
export function openTape(data: string, seed: number): Tape {
  return data ? Tape.load(data) : Tape.generate({ seed });
}
