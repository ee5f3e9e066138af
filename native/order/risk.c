// SPDX-License-Identifier: MIT
/*
 * The checks before an order leaves. Cheap comparisons, written so that a NaN fails them. They hold one order
 * to its limits; positions and rates are the strategy's own business.
 */
#include <errno.h>

#include "measure/error.h"
#include "session.h"

#define PRICE_MAX 9007199254740992.0 /* 2^53: where a double stops holding every integer */
#define QTY_MAX	  2147483647.0	     /* the wire's i32 */

static int whole(double value, double max)
{
	return value >= 1 && value <= max && value == (double)(int64_t)value;
}

int risk_check(const struct hp_order_options *limits, const struct order *order, struct hp_order_stats *stats)
{
	if (!whole(order->price, PRICE_MAX)) {
		stats->refused_price += 1;
		stats->refused += 1;
		return fail(EINVAL,
			    "Cannot send order %.0f: price %.17g is not a scaled integer of 1 to 2^53; "
			    "multiply by price_scale and round",
			    order->id, order->price);
	}
	if (!whole(order->qty, QTY_MAX) || (limits->max_qty > 0 && order->qty > limits->max_qty)) {
		stats->refused_qty += 1;
		stats->refused += 1;
		return fail(ERANGE, "Cannot send order %.0f: quantity %.17g is not an integer of 1 to %.17g",
			    order->id, order->qty,
			    limits->max_qty > 0 && limits->max_qty < QTY_MAX ? limits->max_qty : QTY_MAX);
	}
	if (limits->max_notional > 0 && order->price * order->qty > limits->max_notional) {
		stats->refused_notional += 1;
		stats->refused += 1;
		return fail(EDQUOT, "Cannot send order %.0f: price x quantity is %.17g, the limit %.17g",
			    order->id, order->price * order->qty, limits->max_notional);
	}
	return 0;
}
