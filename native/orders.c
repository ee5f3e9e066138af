/* SPDX-License-Identifier: MIT */
/* Orders on their way from a strategy to the order session: refused while the books are stale, timed, and
 * tied to the event that caused them. */
#include <errno.h>

#include "engine.h"

int engine_submit(struct hp_engine *engine, double id, int32_t buy, double price, double qty,
		  double trigger_seq, double trigger_recv_ns)
{
	uint64_t start = clock_ticks(), encoded, sent;
	struct order order = {
		.id = id,
		.price = price,
		.qty = qty,
		.buy = buy,
		.trigger_seq = (int64_t)trigger_seq,
		.trigger_recv_ns = engine->epoch_ns + (int64_t)trigger_recv_ns,
		.submit_ns = clock_realtime_ns(start),
	};
	int error;

	if (engine->turn_open) {
		engine->strategy_ticks += start - engine->mark;
		engine->answered = engine->answered ? engine->answered : start;
	}
	if (!engine->orders)
		return -ENOTCONN;
	if (engine->stale) {
		engine->control->order.refused += 1;
		engine->control->order.refused_stale += 1;
		return -ESTALE;
	}
	error = order_prepare(engine->orders, &order);
	encoded = clock_ticks();
	if (!error) {
		error = order_flush(engine->orders) > 0; /* a lost link is told by order_service() */
		sent = clock_ticks();
		engine_stage(engine, HP_STAGE_ORDER, encoded - start);
		engine_stage(engine, HP_STAGE_SEND, sent - encoded);
		if (trigger_recv_ns > 0)
			engine_record_since(engine, &engine->control->tick_to_send, trigger_recv_ns, encoded);
	}
	engine->mark = clock_ticks();
	return error;
}

int engine_cancel(struct hp_engine *engine, double id)
{
	struct order order = {.id = id, .submit_ns = clock_realtime_ns(clock_ticks())};
	int error;

	if (!engine->orders)
		return -ENOTCONN;
	error = order_prepare_cancel(engine->orders, &order);
	if (!error)
		order_flush(engine->orders);
	return error;
}
