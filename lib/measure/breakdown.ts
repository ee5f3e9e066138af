/**
 * Where the nanoseconds of the loop go: one histogram a stage, and the table people read.
 *
 * @module
 */
import { CONTROL, HISTOGRAM } from "../layout.ts";
import { type SharedMemory, SharedMemory as Memory } from "../native.ts";
import { formatCount, formatNs } from "./format.ts";
import { Histogram, type Percentiles } from "./histogram.ts";
import { drawTable, type InspectContext, picture } from "./print.ts";

/** Stages in the order of `enum hp_stage`, with what the seed laboratory called them. */
export const STAGES = [
  ["wait", "Wait (quiet wire)"],
  ["recv", "Recv"],
  ["decode", "Message handling"],
  ["book", "Book update"],
  ["strategy", "Strategy"],
  ["order", "Order: checks, encoding"],
  ["send", "Order submission"],
  ["loop", "Total loop"],
] as const;

/** A stage of the loop. */
export type Stage = (typeof STAGES)[number][0];

/**
 * The loop's breakdown. Each stage is a histogram of ns over the turns that had it: `wait` and `recv` once a
 * receive, `decode`, `book`, `strategy` and `loop` once a record, `order` and `send` once an order. `loop` leaves
 * `wait` out. With a strategy on another thread or process, `strategy` and `loop` count the turns that led to an
 * order.
 *
 * @example
 * ```ts ignore
 * console.log(engine.breakdown); // a table
 * await Deno.writeTextFile("loop.hgrm", engine.breakdown.loop.toHgrm());
 * ```
 */
export class Breakdown {
  readonly #stages = new Map<Stage, Histogram>();

  /**
   * A view of the stages that lie in memory.
   *
   * @param memory An engine's control page.
   * @param offset Where its stages begin.
   */
  constructor(memory: SharedMemory, offset: number = CONTROL.stages) {
    STAGES.forEach(([name], i) =>
      this.#stages.set(name, new Histogram(memory, offset + i * HISTOGRAM.bytes))
    );
  }

  /** Several rounds as one: a copy of its own. */
  static merge(parts: readonly Breakdown[]): Breakdown {
    const merged = new Breakdown(new Memory(STAGES.length * HISTOGRAM.bytes), 0);
    for (const part of parts) for (const [name] of STAGES) merged.stage(name).add(part.stage(name));
    return merged;
  }

  /** A copy that no longer moves. */
  snapshot(): Breakdown {
    return Breakdown.merge([this]);
  }

  /** The histogram of one stage. */
  stage(name: Stage): Histogram {
    return this.#stages.get(name)!;
  }
  /** End of one turn to the start of the receive that brought something. */
  get wait(): Histogram {
    return this.stage("wait");
  }
  /** The receive itself. */
  get recv(): Histogram {
    return this.stage("recv");
  }
  /** Decoding and sequencing one record. */
  get decode(): Histogram {
    return this.stage("decode");
  }
  /** Applying it to the book. */
  get book(): Histogram {
    return this.stage("book");
  }
  /** The strategy's own time. */
  get strategy(): Histogram {
    return this.stage("strategy");
  }
  /** Checks and encoding of an order. */
  get order(): Histogram {
    return this.stage("order");
  }
  /** Its system call or submission. */
  get send(): Histogram {
    return this.stage("send");
  }
  /** The whole turn but the waiting. */
  get loop(): Histogram {
    return this.stage("loop");
  }

  /** p50, p99, p99.9 and max of every stage, under `wait_ns`, `recv_ns` and so on. */
  toJSON(): Record<`${Stage}_ns`, Percentiles> {
    return Object.fromEntries(
      STAGES.map(([name]) => [`${name}_ns`, this.stage(name).percentiles]),
    ) as Record<`${Stage}_ns`, Percentiles>;
  }

  /** The table. */
  toString(): string {
    const rows = STAGES.map(([name, label]) => {
      const h = this.stage(name);
      const { p50, p99, p999, max } = h.percentiles;
      const figures = h.count === 0 ? ["-", "-", "-", "-", "-"] : [h.mean, p50, p99, p999, max].map(formatNs);
      return [label, formatCount(h.count), ...figures];
    });
    return drawTable(["stage", "count", "mean", "p50", "p99", "p99.9", "max"], rows);
  }

  /** The table. */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, context?: InspectContext): string {
    const { count } = this.loop;
    const line = `Breakdown of ${formatCount(count)} turns, p50 ${formatNs(this.loop.percentile(50))}`;
    return picture(context, line, () => this.toString());
  }
}
