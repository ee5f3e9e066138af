/* SPDX-License-Identifier: MIT */
/*
 * The engine: wires a receive path, a feed, a book and an order session into one loop, and owns their lives.
 * This is the only place that knows every room; the rooms know nothing of each other's insides. loop.c is
 * what runs, seats.c is who watches.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
#include "measure/error.h"
#include "rx/netns.h"

#define SLEEP_MS   10 /* longest sleep without looking at stop requests */
#define SPIN_TURNS 256
#define HOLE_NS	   1000000

int32_t hp_control_bytes(void)
{
	return (int32_t)sizeof(struct hp_control);
}

/* ---- opening and closing ---------------------------------------------------------------------- */

static void set_defaults(struct hp_engine_options *options)
{
	if (!(options->hole_ns > 0))
		options->hole_ns = HOLE_NS;
	if (!options->spin_turns)
		options->spin_turns = SPIN_TURNS;
}

static int open_orders(struct hp_engine *engine)
{
	const struct hp_order_options *options = &engine->options.order;
	int before, error;

	if (!options->port || engine->orders)
		return 0;
	before = netns_enter(options->netns);
	if (before < -1)
		return before;
	error = order_open(&engine->orders, options, &engine->control->order);
	netns_leave(before);
	return error;
}

/* Fills the options from `options`, `control`'s clock and the feed; opens the market data before the orders:
 * the exchange starts sending as soon as it is connected to. */
static int open_rooms(struct hp_engine *engine, void *book_memory, int32_t book_bytes, int32_t levels)
{
	int error;

	set_defaults(&engine->options);
	engine->epoch_ns = hp_clock.start_realtime_ns / 1000000 * 1000000;
	engine->control->epoch_ms = (double)(engine->epoch_ns / 1000000);
	engine->control->tsc_hz = hp_clock.has_tsc ? 1e9 / hp_clock.ns_per_tick : 0;
	engine->control->stamp_ns = (double)hp_clock.stamp_ticks * hp_clock.ns_per_tick;
	error = engine_open_feed(engine, book_memory, book_bytes, levels);
	if (!error && pipe2(engine->wake, O_NONBLOCK | O_CLOEXEC))
		error = fail(errno, "Cannot create the engine's wake pipe: %m");
	if (!error)
		error = engine_open_lines(engine);
	if (!error && !engine->options.order.later)
		error = open_orders(engine);
	engine->mark = clock_ticks();
	return error;
}

struct hp_engine *hp_engine_open(const struct hp_engine_options *options, const struct hp_schema *schema,
				 struct hp_control *control, void *book_memory, int32_t book_bytes,
				 int32_t levels)
{
	struct hp_engine *engine;

	if (!options || !control || !book_memory) {
		fail(EINVAL, "Cannot open an engine: options, control page and book memory are needed");
		return NULL;
	}
	engine = aligned_alloc(64, (sizeof(*engine) + 63) / 64 * 64);
	if (!engine) {
		fail(ENOMEM, "Cannot open an engine: out of memory");
		return NULL;
	}
	clock_init();
	memset(engine, 0, sizeof(*engine));
	memset(control, 0, sizeof(*control));
	engine->options = *options;
	engine->control = control;
	engine->schema = schema;
	engine->wake[0] = engine->wake[1] = -1;
	for (int i = 0; i < ENGINE_SEATS; i++)
		engine->seats[i].next_order = 1;
	if (open_rooms(engine, book_memory, book_bytes, levels)) {
		hp_engine_close(engine);
		return NULL;
	}
	return engine;
}

int32_t hp_engine_connect(struct hp_engine *engine)
{
	if (!engine || engine->running)
		return fail(EBUSY, "Cannot connect the order entry: the engine is closed, or runs already");
	return open_orders(engine);
}

int32_t hp_engine_close(struct hp_engine *engine)
{
	if (!engine)
		return fail(EBADF, "Cannot close the engine: it is closed");
	hp_engine_stop(engine);
	for (int i = 0; i < ENGINE_SEATS; i++)
		if (engine->seats[i].state == SEAT_TAKEN)
			hp_engine_leave(engine, i);
	if (engine->orders)
		order_close(engine->orders);
	hp_engine_record_stop(engine);
	engine_close_lines(engine);
	engine_close_feed(engine);
	for (int i = 0; i < 2; i++)
		if (engine->wake[i] >= 0)
			close(engine->wake[i]);
	free(engine);
	return 0;
}

/* ---- recording ---------------------------------------------------------------------------------- */

int32_t hp_engine_record(struct hp_engine *engine, const char *path, double room,
			 struct hp_recorder_stats *stats)
{
	const struct hp_rx_options *lines[FEED_LINES];

	if (!engine || engine->running || engine->recorder)
		return fail(
			EBUSY,
			"Cannot record: the engine is closed, runs on its own thread, or records already");
	if (!path || !stats)
		return fail(EINVAL, "Cannot record: a file and memory for the counters are needed");
	for (uint32_t i = 0; i < engine->line_count; i++)
		lines[i] = engine->lines[i].options;
	return recorder_open(&engine->recorder, path, lines, engine->line_count, room, stats);
}

int32_t hp_engine_record_stop(struct hp_engine *engine)
{
	struct recorder *recorder;

	if (!engine || engine->running)
		return fail(EBUSY,
			    "Cannot end the recording: the engine is closed, or runs on its own thread");
	recorder = engine->recorder;
	engine->recorder = NULL;
	return recorder ? recorder_close(recorder) : 0;
}

/* ---- inline ----------------------------------------------------------------------------------- */

static __attribute__((noinline)) int whole_turn(struct hp_engine *engine)
{
	int kind = engine_turn(engine, engine->options.spin_turns);

	if (kind == HP_EVENT_NONE && engine->options.rx.wait == HP_WAIT_BLOCK)
		engine_sleep(engine, SLEEP_MS);
	return kind;
}

int32_t hp_engine_next(struct hp_engine *engine)
{
	const struct hp_message *message;
	int kind;

	if (__builtin_expect(!engine || engine->running, 0))
		return fail(EBUSY, "Cannot take a turn: the engine is closed, or runs on its own thread");
	while (engine_at_hand(engine)) {
		feed_take(engine->feed, &message, engine->mark);
		kind = engine_take(engine, message);
		if (kind != HP_EVENT_NONE)
			return kind;
	}
	return whole_turn(engine);
}

double hp_engine_order(struct hp_engine *engine, int32_t side, double price, double qty)
{
	const struct hp_event *event;
	int error;

	if (__builtin_expect(!engine || engine->running, 0))
		return fail(EBUSY, "Cannot send an order: the engine is closed, or runs on its own thread");
	event = &engine->control->event;
	error = engine_submit(engine, engine->next_order + 1, side, price, qty, event->seq, event->recv_ns);
	return error < 0 ? error : (double)++engine->next_order;
}

int32_t hp_engine_cancel(struct hp_engine *engine, double id)
{
	if (!engine || engine->running)
		return fail(EBUSY, "Cannot cancel: the engine is closed, or runs on its own thread");
	return engine_cancel(engine, id);
}

int32_t hp_engine_go_on(struct hp_engine *engine)
{
	if (!engine || engine->running)
		return fail(EBUSY, "Cannot go on: the engine is closed, or runs on its own thread");
	engine_go_on(engine);
	return 0;
}

int32_t hp_engine_want(struct hp_engine *engine, const char *name)
{
	int error;

	if (!engine || engine->running || !name)
		return fail(EBUSY, "Cannot subscribe: the engine is closed, or runs on its own thread");
	if (!engine->symbols)
		return fail(ENOTSUP, "Cannot subscribe to \"%s\": feed %s has one symbol and no name for it",
			    name, engine->feed->ops->name);
	error = symbols_want(engine->symbols, name);
	if (error)
		return fail(-error, "Cannot subscribe to \"%s\": %s", name,
			    error == -ENOSPC ? "there is no room for more names"
					     : "names have 1 to 8 characters");
	return 0;
}

int32_t hp_engine_arm(struct hp_engine *engine, double threshold, double qty)
{
	if (!engine || !isfinite(threshold) || threshold < 0 || !isfinite(qty) || qty < 0)
		return fail(EINVAL,
			    "Cannot arm the trigger: threshold and quantity must be finite and not negative");
	engine->trigger.qty = qty;
	engine->trigger.threshold = threshold;
	return 0;
}

int32_t hp_engine_run(struct hp_engine *engine, int32_t ms)
{
	uint64_t patience, quiet_since = 0;
	int kind;

	if (!engine || engine->running || ms < 0)
		return fail(EBUSY,
			    "Cannot run: the engine is closed, runs on its own thread, or is to run for "
			    "less than 0 ms");
	patience = clock_to_ticks((uint64_t)ms * 1000000);
	for (;;) {
		kind = hp_engine_next(engine);
		if (kind < 0 || kind == HP_EVENT_END)
			return kind;
		if (kind) {
			quiet_since = 0;
			continue;
		}
		uint64_t now = clock_ticks();

		if (!quiet_since)
			quiet_since = now;
		if (now - quiet_since >= patience)
			return kind;
	}
}

double hp_engine_drain(struct hp_engine *engine, int32_t ms)
{
	uint64_t end;
	double before;

	if (!engine || engine->running || ms < 0)
		return fail(EBUSY,
			    "Cannot drain: the engine is closed, runs on its own thread, or is to drain for "
			    "less than 0 ms");
	before = engine->control->rx.datagrams + engine->control->rx_b.datagrams;
	end = clock_ticks() + clock_to_ticks((uint64_t)ms * 1000000);
	do {
		int error = engine_discard(engine);

		if (error)
			return error;
	} while (clock_ticks() < end);
	engine_refresh_lines(engine);
	return engine->control->rx.datagrams + engine->control->rx_b.datagrams - before;
}

int32_t hp_engine_reset(struct hp_engine *engine)
{
	if (!engine)
		return fail(EBADF, "Cannot reset the stages: the engine is closed");
	for (int i = 0; i < HP_STAGES; i++)
		histogram_reset(&engine->control->stages[i]);
	histogram_reset(&engine->control->one_way);
	histogram_reset(&engine->control->wire_to_hand);
	histogram_reset(&engine->control->tick_to_send);
	return 0;
}

/* ---- on a thread of its own ------------------------------------------------------------------- */

static void *run_thread(void *arg)
{
	struct hp_engine *engine = arg;
	int spin = engine->options.rx.wait != HP_WAIT_BLOCK;
	uint32_t empty = 0;

	if (engine->options.rx.cpu >= 0)
		hp_pin(engine->options.rx.cpu);
	while (!load_acquire(&engine->stop)) {
		int served = seats_serve(engine);
		int kind = engine_turn(engine, 1);

		if (kind > 0)
			seats_publish(engine);
		if (kind > 0 && engine->turn_open && engine->control->seats)
			engine_hand_over(engine);
		if (kind < 0) {
			hp_last_error(engine->control->trouble, sizeof(engine->control->trouble) - 1);
			break;
		}
		empty = kind || served ? 0 : empty + 1;
		if (!spin && empty >= engine->options.spin_turns)
			engine_sleep(engine, SLEEP_MS);
		else if (empty)
			cpu_relax();
	}
	store_release(&engine->control->running, 0);
	return NULL;
}

static void stop_owned(void *engine)
{
	hp_engine_stop(engine);
}

int32_t hp_engine_start(struct hp_engine *engine)
{
	int error;

	if (engine && engine->running && !load_acquire(&engine->control->running))
		hp_engine_stop(engine); /* it has ended by itself, which its owner may not have noticed */
	if (!engine || engine->running)
		return fail(EBUSY, "Cannot start the engine: it is closed, or runs already");
	memset(engine->control->trouble, 0, sizeof(engine->control->trouble));
	engine->stop = 0;
	engine->control->running = 1;
	store_release(&engine->running, 1);
	error = pthread_create(&engine->thread, NULL, run_thread, engine);
	if (error) {
		engine->running = 0;
		engine->control->running = 0;
		return fail(error, "Cannot start the engine's thread: %s", strerror(error));
	}
	threads_add(&engine->owned, stop_owned, engine);
	return 0;
}

int32_t hp_engine_stop(struct hp_engine *engine)
{
	char byte = 1;

	if (!engine)
		return fail(EBADF, "Cannot stop the engine: it is closed");
	if (!engine->running)
		return 0;
	threads_remove(&engine->owned);
	store_release(&engine->stop, 1);
	(void)!write(engine->wake[1], &byte, 1);
	pthread_join(engine->thread, NULL);
	store_release(&engine->running, 0);
	return 0;
}

int32_t hp_engine_wake_fd(struct hp_engine *engine)
{
	return engine ? engine->wake[1] : fail(EBADF, "Cannot give out the wake pipe: the engine is closed");
}
