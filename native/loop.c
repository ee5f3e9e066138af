/* SPDX-License-Identifier: MIT */
/*
 * The hot loop: wire -> rx -> feed -> book -> strategy -> order -> wire, one message a turn, a stamp at every
 * arrow. A turn ends when its event is handed out; it is closed when the next turn begins, so that what the
 * strategy took is known and the histograms are written after the order has left. events.c is what happens to
 * a message.
 *
 * One message a turn costs one call a message where a batch would need one call a datagram (a few ns), and
 * buys that the book a strategy looks at, to any depth, is the book as of its event. Two lines are looked at
 * in turn: a busy one does not keep the loop from the other for longer than a batch.
 */
#include <unistd.h>

#include "engine.h"

#define REFRESH_NS 50000000u /* how often counters that need a system call are refreshed, at most */
/* Records of a wire that is never quiet, before what is due on a quiet one is done all the same. */
#define BUSY_RECORDS  256
#define DISCARD_LOOKS 1000

/* What was noted on the way to the strategy goes into the histograms: they are not on that way. */
static void write_down(struct hp_engine *engine)
{
	if (engine->noted.received) {
		engine_stage(engine, HP_STAGE_WAIT, engine->noted.wait);
		engine_stage(engine, HP_STAGE_RECV, engine->noted.recv);
	}
	if (engine->noted.applied) {
		engine_stage(engine, HP_STAGE_DECODE, engine->noted.decode);
		engine_stage(engine, HP_STAGE_BOOK, engine->noted.book);
	}
	engine->noted.received = engine->noted.applied = 0;
}

/* The strategy has returned (it asked for the next turn): write down what the turn cost. */
static void close_turn(struct hp_engine *engine, uint64_t now)
{
	engine->turn_open = 0;
	write_down(engine);
	if (!engine->recorded && engine->sent_from)
		engine_record_since(engine, &engine->control->one_way, engine->control->event.sent_ns,
				    engine->answered ? engine->answered : now);
	engine->strategy_ticks += now - engine->mark;
	engine_stage(engine, HP_STAGE_STRATEGY, engine->strategy_ticks);
	engine_stage(engine, HP_STAGE_LOOP, now - engine->turn_start);
}

void engine_hand_over(struct hp_engine *engine)
{
	engine->turn_open = 0;
	write_down(engine);
	engine->mark = clock_ticks();
	engine->turn_start = engine->mark;
}

/* The next datagram of the batch goes to the feed. Where only its first message is stamped, its first stage
 * begins now. */
static void feed_datagram(struct hp_engine *engine)
{
	const struct rx_datagram *datagram = &engine->batch[engine->batch_next++];
	struct feed_packet packet = {
		.data = datagram->data,
		.len = datagram->len,
		.truncated = datagram->truncated,
		.line = engine->line,
		.now = engine->recv_end,
	};

	if (engine->stamp_sparely && engine->batch_next > 1)
		engine->mark = engine->turn_start = clock_ticks();
	engine->timing = 1;
	engine->wire_ns = datagram->wire_ns ? (double)(datagram->wire_ns - engine->epoch_ns) : 0;
	if (datagram->wire_ns && !engine->recorded)
		engine_record_since(engine, &engine->control->wire_to_hand, engine->wire_ns,
				    engine->recv_end);
	engine->feed->ops->push(engine->feed, &packet);
	engine->feeding = 1;
}

static int end_session(struct hp_engine *engine)
{
	engine->end = 0;
	engine->control->ended += 1;
	engine_refresh_lines(engine);
	return engine_emit(engine, HP_EVENT_END, engine->seq, 0);
}

/* Next event of the datagrams at hand, or NONE when they are used up. */
static int next_event(struct hp_engine *engine)
{
	const struct hp_message *message;
	int event;

	for (;;) {
		if (engine->end)
			return end_session(engine);
		if (!engine->feeding) {
			if (engine->batch_next == engine->batch_count)
				return HP_EVENT_NONE;
			feed_datagram(engine);
		}
		switch (feed_take(engine->feed, &message, engine->mark)) {
		case FEED_MESSAGE:
			event = engine_take(engine, message);
			if (event != HP_EVENT_NONE)
				return event;
			break;
		case FEED_GAP:
			return engine_gap(engine);
		case FEED_REPAIR:
			return engine_repair(engine);
		case FEED_NONE:
			engine->feeding = 0;
			engine->end |= engine->feed->over && !engine->over;
			engine->over = (int)engine->feed->over;
		}
	}
}

/* What was received goes to the recorder, under the path's own stamp where it gives one. */
static void record_batch(struct hp_engine *engine, uint64_t received)
{
	int64_t now_ns = clock_realtime_ns(received);

	for (int i = 0; i < engine->batch_count; i++) {
		const struct rx_datagram *datagram = &engine->batch[i];

		recorder_take(engine->recorder, datagram, engine->line,
			      datagram->wire_ns ? datagram->wire_ns : now_ns);
	}
}

/* Gives the batch back, and begins with the next line. */
static void release(struct hp_engine *engine)
{
	struct rx *rx = engine->lines[engine->line].rx;

	rx->ops->release(rx);
	engine->batch_count = engine->batch_next = 0;
}

/* Looks at each line once, in turn, until one has something. Stamps WAIT and RECV then. */
static int receive(struct hp_engine *engine)
{
	uint64_t before, after;
	int count = 0;

	before = engine->looked = clock_ticks();
	if (engine->batch_count) {
		release(engine);
		/* What came behind the stamped message was no waiting either. */
		if (engine->stamp_sparely)
			engine->mark = before;
	}
	for (uint32_t looks = engine->line_count; !count && looks; looks--) {
		struct rx *rx;

		engine->line = engine->line + 1 < engine->line_count ? engine->line + 1 : 0;
		rx = engine->lines[engine->line].rx;
		count = rx->ops->poll(rx, engine->batch, RX_BATCH);
	}
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
	engine->recv_ns = engine->control->now_ns = engine_time(engine, after);
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
		return engine_emit(engine, HP_EVENT_LINK, 0, change.linked);
	event->order_id = change.id;
	return engine_emit(engine, HP_EVENT_ORDER, event->seq, change.state);
}

/* What is due while the wire is quiet: order states, holes that grew too old, counters. */
static int idle(struct hp_engine *engine, uint64_t now)
{
	int changed = serve_orders(engine, now);

	if (changed)
		return changed;
	if (engine->feed->waits) {
		uint64_t mark = engine->mark;
		int kind;

		engine->mark = now; /* the feed judges the hole's age by it */
		engine->turn_start = now;
		engine->feeding = engine->timing = 1;
		kind = next_event(engine);
		if (kind != HP_EVENT_NONE)
			return kind;
		engine->mark = mark;
	}
	if (now > engine->refresh_at) {
		engine->refresh_at = now + clock_to_ticks(REFRESH_NS);
		return engine_watch_lines(engine);
	}
	return HP_EVENT_NONE;
}

int engine_discard(struct hp_engine *engine)
{
	for (int i = 0; i < DISCARD_LOOKS; i++) {
		struct rx *rx = engine->lines[i % (int)engine->line_count].rx;
		int count = rx->ops->poll(rx, engine->batch, RX_BATCH);

		if (count < 0)
			return count;
		if (count)
			rx->ops->release(rx);
	}
	return 0;
}

int engine_turn(struct hp_engine *engine, uint32_t polls)
{
	int kind;

	if (engine->turn_open) {
		close_turn(engine, clock_ticks());
		/* What went into the histograms is no part of the next turn. */
		if (!engine->stamp_sparely)
			engine->mark = engine->turn_start = clock_ticks();
	}
	kind = next_event(engine);
	while (kind == HP_EVENT_NONE && polls--) {
		/* Nothing of a batch is left: acknowledgements cannot wait for a quiet wire for ever. */
		int busy = engine->since_idle >= BUSY_RECORDS;
		int count = busy ? 0 : receive(engine);

		if (count < 0)
			return count;
		kind = count ? next_event(engine) : idle(engine, busy ? clock_ticks() : engine->looked);
		if (kind == HP_EVENT_NONE && !count)
			engine->since_idle = 0;
	}
	return kind;
}

void engine_sleep(struct hp_engine *engine, int ms)
{
	struct pollfd fds[2 + FEED_LINES + ENGINE_FEED_FDS] = {
		{.fd = engine->wake[0], .events = POLLIN},
		{.fd = engine->orders ? order_fd(engine->orders) : -1, .events = POLLIN},
	};
	nfds_t count = 2;
	int feed_ms;
	char bytes[64];

	for (uint32_t i = 0; i < engine->line_count; i++) {
		struct rx *rx = engine->lines[i].rx;

		fds[count++] = (struct pollfd){.fd = rx->ops->fd(rx), .events = POLLIN};
	}
	count += (nfds_t)engine_feed_fds(engine, fds + count, clock_ticks(), &feed_ms);
	if (feed_ms >= 0 && feed_ms < ms)
		ms = feed_ms; /* a hole grows old, an answer may come */
	if (!seats_sleeping(engine, 1))
		poll(fds, count, ms);
	seats_sleeping(engine, 0);
	if (fds[0].revents & POLLIN)
		(void)!read(engine->wake[0], bytes, sizeof(bytes));
}
