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
    if (change > limit) {
      if (isBid) orders.buy(ask, params.qty);
      else orders.sell(bid, params.qty);
    } else if (change < -limit) {
      if (isBid) orders.buy(bid, params.qty);
      else orders.sell(ask, params.qty);
    }
  },
});

export default strategy;

if (import.meta.main) await main(strategy);
