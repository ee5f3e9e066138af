/**
 * The seed laboratory's strategy. With an update's price and quantity and the top of its side after it,
 *
 *   change = price x quantity - top price x top quantity
 *
 * above the threshold aggresses on the other side; below minus the threshold joins the same side's top.
 *
 *   deno task run scripts/strategies/large_trade.ts --feed=udp://… --orders=tcp://…          (isolated)
 *   deno run -P=strategy scripts/strategies/large_trade.ts --feed=udp://… --orders=tcp://…   (inline)
 */
import { defineStrategy, main } from "hotpath";

const strategy = defineStrategy({
  name: "large_trade",
  params: {
    /** Notional change, price x quantity in the wire's lots. */
    threshold: 3e9,
    /** Lots of each order. */
    qty: 1,
  },
  onBook(update, _book, orders, params) {
    if (update.isSnapshot) return;
    const { isBid, bid, ask } = update;
    const top = isBid ? bid * update.bidQty : ask * update.askQty;
    const change = update.price * update.qty - top;
    const limit = params.threshold * 1e6; // prices are scaled by 1e6
    if (change <= limit && change >= -limit) return;
    const price = change > limit === isBid ? ask : bid; // the other side's top when it grew, this side's when it shrank
    if (price === 0) return; // that side is empty
    if (isBid) orders.buy(price, params.qty);
    else orders.sell(price, params.qty);
  },
});

export default strategy;

if (import.meta.main) await main(strategy);
