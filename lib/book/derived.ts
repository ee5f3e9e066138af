/** What follows from a book's best levels, whichever kind it is. @module */

/**
 * Figures that follow from the levels of a book: the same for a book of one symbol and for one of many. Nothing is
 * allocated.
 */
export abstract class DerivedBook {
  /** Best bid, scaled; 0 when there is none. */
  abstract get bid(): number;
  /** Quantity at the best bid, scaled; 0 when there is none. */
  abstract get bidQty(): number;
  /** Best ask, scaled; 0 when there is none. */
  abstract get ask(): number;
  /** Quantity at the best ask, scaled; 0 when there is none. */
  abstract get askQty(): number;
  /** Bid levels. */
  abstract get bidLevels(): number;
  /** Ask levels. */
  abstract get askLevels(): number;
  /** Sum of the best `n` bid quantities, scaled. */
  abstract bidSize(n: number): number;
  /** Sum of the best `n` ask quantities, scaled. */
  abstract askSize(n: number): number;

  /** Middle of the best prices, scaled; NaN when a side is empty. */
  get mid(): number {
    return this.bidLevels && this.askLevels ? (this.bid + this.ask) / 2 : NaN;
  }
  /** Best ask less best bid, scaled; NaN when a side is empty. */
  get spread(): number {
    return this.bidLevels && this.askLevels ? this.ask - this.bid : NaN;
  }
  /** Mid weighted by the opposite sides' best quantities, scaled; NaN when a side is empty. */
  get microprice(): number {
    const bidQty = this.bidQty;
    const askQty = this.askQty;
    return bidQty && askQty ? (this.bid * askQty + this.ask * bidQty) / (bidQty + askQty) : NaN;
  }
  /** (bid qty - ask qty) / (bid qty + ask qty) at the top, -1..1; NaN when both sides are empty. */
  get imbalance(): number {
    const bidQty = this.bidQty;
    const askQty = this.askQty;
    return (bidQty - askQty) / (bidQty + askQty);
  }
  /** {@linkcode imbalance} of the best `levels`. */
  imbalanceOf(levels: number): number {
    const bids = this.bidSize(levels);
    const asks = this.askSize(levels);
    return (bids - asks) / (bids + asks);
  }

  /** Its best prices, scaled; each kind of book prints more. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Book ${this.bid} / ${this.ask}`;
  }
}
