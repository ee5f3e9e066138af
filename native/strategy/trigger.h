/* SPDX-License-Identifier: MIT */
/*
 * The native trigger on large notional changes: the seed laboratory's strategy, decided in C. With `price`
 * and `qty` of an update and (side_price, side_qty) the top of its side after it,
 *
 *   change = price x qty - side_price x side_qty
 *
 * above the threshold an order aggresses on the other side's top; below minus the threshold it is placed at
 * the same side's top. scripts/strategies/large_trade.ts is the same decision in TypeScript, so that what
 * TypeScript costs can be told from the two.
 */
#ifndef HP_TRIGGER_H
#define HP_TRIGGER_H

#include "hotpath.h"

struct trigger {
	double threshold; /* scaled price x scaled quantity; 0 = disarmed */
	double qty;	  /* of each order, scaled */
};

/* 1 and *buy, *price when the event calls for an order, else 0. */
static inline int trigger_decide(const struct trigger *trigger, const struct hp_event *event, int32_t *buy,
				 double *price)
{
	int bid = event->flags & HP_FLAG_BID;
	double top = bid ? event->bid * event->bid_qty : event->ask * event->ask_qty;
	double change = event->price * event->qty - top;

	if (event->flags & HP_FLAG_SNAPSHOT)
		return 0;
	if (change > trigger->threshold) {
		*buy = bid ? 1 : 0;
		*price = bid ? event->ask : event->bid;
	} else if (change < -trigger->threshold) {
		*buy = bid ? 1 : 0;
		*price = bid ? event->bid : event->ask;
	} else {
		return 0;
	}
	return *price > 0;
}

#endif
