/* SPDX-License-Identifier: MIT */
/*
 * The hot loop: wire -> rx -> feed -> book -> strategy -> order -> wire, one record a turn, a stamp at every
 * arrow. A turn ends when its event is handed out; it is closed when the next turn begins, so that what the
 * strategy took is known and the histograms are written after the order has left.
 *
 * One record a turn costs one call a record where a batch would need one call a datagram (a few ns), and buys
 * that the book a strategy looks at, to any depth, is the book as of its event.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "engine.h"

#define REFRESH_NS 50000000u /* how often counters that need a system call are refreshed, at most */
/* Records of a wire that is never quiet, before what is due on a quiet one is done all the same. */
#define BUSY_RECORDS  256
#define DISCARD_LOOKS 1000

static inline void stage(struct hp_engine *engine, enum hp_stage stage, uint64_t ticks)
{
	histogram_record(&engine->control->stages[stage], clock_between_ns(ticks));
}

/* From a time of the engine's epoch to a stamp. Other machines' clocks may lie ahead of ours: those do not
 * count. Nor do times in a capture, which are of another day. */
static void record_since(const struct hp_engine *engine, struct hp_histogram *histogram, double from_ns,
			 uint64_t stamp)
{
	double ns = (double)(clock_realtime_ns(stamp) - engine->epoch_ns) - from_ns;

	if (ns >= 0)
		histogram_record(histogram, (uint64_t)ns);
}

/* What was noted on the way to the strategy goes into the histograms: they are not on that way. */
static void write_down(struct hp_engine *engine)
{
	if (engine->noted.received) {
		stage(engine, HP_STAGE_WAIT, engine->noted.wait);
		stage(engine, HP_STAGE_RECV, engine->noted.recv);
	}
	if (engine->noted.applied) {
		stage(engine, HP_STAGE_DECODE, engine->noted.decode);
		stage(engine, HP_STAGE_BOOK, engine->noted.book);
	}
	engine->noted.received = engine->noted.applied = 0;
}

/* The strategy has returned (it asked for the next turn): write down what the turn cost. */
static void close_turn(struct hp_engine *engine, uint64_t now)
{
	engine->turn_open = 0;
	write_down(engine);
	if (!engine->recorded)
		record_since(engine, &engine->control->one_way, engine->control->event.sent_ns,
			     engine->answered ? engine->answered : now);
	engine->strategy_ticks += now - engine->mark;
	stage(engine, HP_STAGE_STRATEGY, engine->strategy_ticks);
	stage(engine, HP_STAGE_LOOP, now - engine->turn_start);
}

void engine_hand_over(struct hp_engine *engine)
{
	engine->turn_open = 0;
	write_down(engine);
	engine->mark = clock_ticks();
	engine->turn_start = engine->mark;
}

static int emit(struct hp_engine *engine, enum hp_event_kind kind, double seq, double detail)
{
	struct hp_event *event = &engine->control->event;

	event->kind = kind;
	event->flags = engine->book->flags << HP_FLAG_BOOK_SHIFT;
	event->seq = seq;
	event->detail = detail;
	event->ready_tsc = 0; /* causes no order of its own: not a turn of the loop */
	return kind;
}

static int emit_gap(struct hp_engine *engine, const struct sequenced *update)
{
	engine->gap = 1;
	if (!engine->options.go_on)
		book_mark_stale(engine->book, 1);
	return emit(engine, HP_EVENT_GAP, (double)update->seq, (double)update->count);
}

/* A snapshot that is seen from its first record on makes a stale book good again. */
static void begin_run(struct hp_engine *engine, const struct sequenced *update)
{
	int snapshot = update->flags & HP_FLAG_SNAPSHOT;

	if (update->fresh && (!snapshot || engine->book->snapshot))
		hp_book_clear(engine->book);
	if (snapshot && !engine->book->snapshot && !engine->gap)
		book_mark_stale(engine->book, 0);
	else if (update->fresh && !snapshot && !engine->options.go_on)
		book_mark_stale(engine->book, 1); /* joined in the middle: the levels before are unknown */
}

static void fill_book_event(struct hp_engine *engine, const struct sequenced *update)
{
	const struct hp_book *book = engine->book;
	struct hp_event *event = &engine->control->event;

	event->kind = HP_EVENT_BOOK;
	event->flags = update->flags | book->flags << HP_FLAG_BOOK_SHIFT;
	event->seq = (double)update->seq;
	event->recv_ns = (double)(clock_realtime_ns(engine->recv_end) - engine->epoch_ns);
	event->sent_ns = (double)(update->sent_ns - engine->epoch_ns);
	event->wire_ns = engine->wire_ns ? (double)(engine->wire_ns - engine->epoch_ns) : 0;
	event->price = update->price;
	event->qty = update->qty;
	event->bid = book->bid.price;
	event->bid_qty = book->bid.qty;
	event->ask = book->ask.price;
	event->ask_qty = book->ask.qty;
}

/* Applies one record and opens its turn: DECODE ended at `decoded`. */
static int emit_book(struct hp_engine *engine, const struct sequenced *update, uint64_t decoded)
{
	uint64_t applied;

	if (__builtin_expect(update->fresh || (update->flags & HP_FLAG_SNAPSHOT), 0))
		begin_run(engine, update);
	engine->gap = 0;
	engine->end = (update->flags & HP_FLAG_LAST) != 0;
	book_apply(engine->book, (double)update->seq, update->flags, update->price, update->qty);
	applied = clock_ticks();
	fill_book_event(engine, update);
	engine->noted.decode = decoded - engine->mark;
	engine->noted.book = applied - decoded;
	engine->noted.applied = 1;
	engine->control->loops += 1;
	engine->since_idle++;
	engine->strategy_ticks = 0;
	engine->answered = 0;
	engine->turn_open = 1;
	engine->mark = clock_ticks();
	engine->control->event.ready_tsc = engine->mark;
	engine->control->event.start_tsc = engine->turn_start;
	if (engine_armed(engine)) {
		int32_t buy;
		double price;

		if (trigger_decide(&engine->trigger, &engine->control->event, &buy, &price) &&
		    engine_submit(engine, engine->next_order + 1, buy, price, engine->trigger.qty,
				  engine->control->event.seq, engine->control->event.recv_ns) >= 0)
			engine->next_order++;
	}
	return HP_EVENT_BOOK;
}

/* Next record of the datagrams at hand, or NONE when they are used up. */
static int next_record(struct hp_engine *engine)
{
	for (;;) {
		if (engine->feeding) {
			struct sequenced update;
			int kind = sequencer_next(&engine->feed, &update, engine->mark);

			if (kind == SEQUENCED_UPDATE)
				return emit_book(engine, &update, clock_ticks());
			if (kind == SEQUENCED_GAP)
				return emit_gap(engine, &update);
			engine->feeding = 0;
		}
		if (engine->batch_next == engine->batch_count)
			return HP_EVENT_NONE;
		const struct rx_datagram *datagram = &engine->batch[engine->batch_next++];
		engine->wire_ns = datagram->wire_ns;
		if (engine->wire_ns && !engine->recorded)
			record_since(engine, &engine->control->wire_to_hand,
				     (double)(engine->wire_ns - engine->epoch_ns), engine->recv_end);
		sequencer_push(&engine->feed, datagram->data, datagram->len, datagram->truncated);
		engine->feeding = 1;
	}
}

/* What was received goes to the recorder, under the path's own stamp where it gives one. */
static void record_batch(struct hp_engine *engine, uint64_t received)
{
	int64_t now_ns = clock_realtime_ns(received);

	for (int i = 0; i < engine->batch_count; i++) {
		const struct rx_datagram *datagram = &engine->batch[i];

		recorder_take(engine->recorder, datagram, 0, datagram->wire_ns ? datagram->wire_ns : now_ns);
	}
}

/* Looks at the wire once. Stamps WAIT and RECV when something came. */
static int receive(struct hp_engine *engine)
{
	uint64_t before, after;
	int count;

	if (engine->batch_count) {
		engine->rx->ops->release(engine->rx);
		engine->batch_count = engine->batch_next = 0;
	}
	before = engine->looked = clock_ticks();
	count = engine->rx->ops->poll(engine->rx, engine->batch, RX_BATCH);
	if (count <= 0)
		return count;
	after = clock_ticks();
	if (engine->noted.received)
		write_down(engine); /* of a receive that held no record for anybody */
	engine->noted.wait = before - engine->mark;
	engine->noted.recv = after - before;
	engine->noted.received = 1;
	engine->batch_count = count;
	engine->batch_next = 0;
	if (engine->recorder)
		record_batch(engine, after);
	engine->turn_start = before;
	engine->recv_end = engine->mark = after;
	engine->control->now_ns = (double)(clock_realtime_ns(after) - engine->epoch_ns);
	return count;
}

/* Looks after the order session; the event it has to tell of, if any. */
static int serve_orders(struct hp_engine *engine, uint64_t now)
{
	struct hp_event *event = &engine->control->event;
	struct order_event change;

	if (!engine->orders || !order_service(engine->orders, &change, now))
		return HP_EVENT_NONE;
	if (change.state < 0)
		return emit(engine, HP_EVENT_LINK, 0, change.linked);
	event->order_id = change.id;
	return emit(engine, HP_EVENT_ORDER, event->seq, change.state);
}

/* What is due while the wire is quiet: order states, holes that grew too old, counters. */
static int idle(struct hp_engine *engine, uint64_t now)
{
	int changed = serve_orders(engine, now);

	if (changed)
		return changed;
	if (engine->feed.waiting) {
		uint64_t mark = engine->mark;
		int kind;

		engine->mark = now; /* sequencer_next() judges the hole's age by it */
		engine->turn_start = now;
		engine->feeding = 1;
		kind = next_record(engine);
		if (kind != HP_EVENT_NONE)
			return kind;
		engine->mark = mark;
	}
	if (now > engine->refresh_at) {
		engine->rx->ops->refresh(engine->rx);
		engine->refresh_at = now + clock_to_ticks(REFRESH_NS);
		return interface_watch_check(&engine->interface, &engine->control->rx);
	}
	return HP_EVENT_NONE;
}

int engine_discard(struct hp_engine *engine)
{
	for (int i = 0; i < DISCARD_LOOKS; i++) {
		int count = engine->rx->ops->poll(engine->rx, engine->batch, RX_BATCH);

		if (count < 0)
			return count;
		if (count)
			engine->rx->ops->release(engine->rx);
	}
	return 0;
}

int engine_turn(struct hp_engine *engine, uint32_t polls)
{
	int kind;

	if (engine->turn_open) {
		close_turn(engine, clock_ticks());
		engine->mark = clock_ticks();
		engine->turn_start = engine->mark;
	}
	if (engine->end) {
		engine->end = 0;
		engine->control->ended += 1;
		engine->rx->ops->refresh(engine->rx);
		return emit(engine, HP_EVENT_END, engine->book->seq, 0);
	}
	kind = next_record(engine);
	while (kind == HP_EVENT_NONE && polls--) {
		/* Nothing of a batch is left: acknowledgements cannot wait for a quiet wire for ever. */
		int busy = engine->since_idle >= BUSY_RECORDS;
		int count = busy ? 0 : receive(engine);

		if (count < 0)
			return count;
		kind = count ? next_record(engine) : idle(engine, busy ? clock_ticks() : engine->looked);
		if (kind == HP_EVENT_NONE && !count)
			engine->since_idle = 0;
	}
	return kind;
}

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
	if (engine->book->flags & HP_BOOK_STALE) {
		engine->control->order.refused += 1;
		engine->control->order.refused_stale += 1;
		return -ESTALE;
	}
	error = order_prepare(engine->orders, &order);
	encoded = clock_ticks();
	if (!error) {
		error = order_flush(engine->orders) > 0; /* a lost link is told by order_service() */
		sent = clock_ticks();
		stage(engine, HP_STAGE_ORDER, encoded - start);
		stage(engine, HP_STAGE_SEND, sent - encoded);
		if (trigger_recv_ns > 0)
			record_since(engine, &engine->control->tick_to_send, trigger_recv_ns, encoded);
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

void engine_sleep(struct hp_engine *engine, int ms)
{
	struct pollfd fds[3] = {
		{.fd = engine->rx->ops->fd(engine->rx), .events = POLLIN},
		{.fd = engine->orders ? order_fd(engine->orders) : -1, .events = POLLIN},
		{.fd = engine->wake[0], .events = POLLIN},
	};
	char bytes[64];

	if (!seats_sleeping(engine, 1))
		poll(fds, 3, ms);
	seats_sleeping(engine, 0);
	if (fds[2].revents & POLLIN)
		(void)!read(engine->wake[0], bytes, sizeof(bytes));
}
