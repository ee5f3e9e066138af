// SPDX-License-Identifier: MIT
/*
 * The lab's publisher of ITCH 5.0 over MoldUDP64: opened as one, with everything read, made and bound before
 * the first message leaves, and closed as one. What it is made of is in publisher.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lab/publisher.h"
#include "lab/publisher_market.h"
#include "lab/publisher_orders.h"
#include "measure/clock.h"
#include "measure/error.h"

#define EXACT 9007199254740992.0 /* 2^53 */

int32_t hp_publisher_stats_bytes(void)
{
	return sizeof(struct hp_publisher_stats);
}

static double or_else(double value, double otherwise)
{
	return value == 0 ? otherwise : value;
}

static void fill_in(struct hp_publisher *publisher)
{
	struct hp_publisher_options *options = &publisher->options;

	options->symbols = or_else(options->symbols, 1);
	options->speed = or_else(options->speed, 1);
	options->gap_ms = or_else(options->gap_ms, 1000);
	options->heartbeat_ms = or_else(options->heartbeat_ms, 1000);
	options->end_ms = or_else(options->end_ms, 5000);
	memset(publisher->session, ' ', MOLD_SESSION);
	memcpy(publisher->session, options->session, strlen(options->session));
	atomic_store(&publisher->until, options->hold ? 0 : UINT64_MAX);
}

/* The seeded market: a tape a symbol, each of its own seed. */
static int make_market(struct hp_publisher *publisher)
{
	const struct hp_market_options *options = &publisher->options.market;
	struct hp_tape *tapes[MARKET_SYMBOLS] = {0};
	uint32_t count = (uint32_t)publisher->options.symbols;
	int code = 0;

	for (uint32_t i = 0; !code && i < count; i++) {
		struct hp_market_options market = *options;

		market.seed += i;
		tapes[i] = hp_tape_generate(&market, 1);
		code = tapes[i] ? 0 : -hp_last_errno();
	}
	if (!code)
		code = market_write(&publisher->store, (const struct hp_tape *const *)tapes, count,
				    (uint64_t)options->seed);
	for (uint32_t i = 0; i < count; i++)
		if (tapes[i])
			hp_tape_close(tapes[i]);
	return code;
}

/* Names told by the session. */
static double count_symbols(const struct store *store)
{
	static const uint8_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
	uint8_t told[ORDER_SYMBOLS / 8] = {0};
	const uint8_t *at = store->bytes;
	double count = 0;

	for (uint64_t i = 0; i < store->count; i++, at += 2 + store_length(at)) {
		uint32_t symbol;

		if (at[2] != 'R' || store_length(at) < 3)
			continue;
		symbol = (uint32_t)get_be(at + 3, 2);
		count += !(told[symbol / 8] & bit[symbol % 8]);
		told[symbol / 8] |= bit[symbol % 8];
	}
	return count;
}

static int get_session(struct hp_publisher *publisher, const struct hp_tape *tape)
{
	struct store *store = &publisher->store;
	int code;

	if (publisher->options.file[0])
		code = store_load(store, publisher->options.file);
	else if (tape)
		code = market_write(store, &tape, 1, (uint64_t)publisher->options.market.seed);
	else
		code = make_market(publisher);
	if (code)
		return code;
	publisher->stats->messages = (double)store->count;
	publisher->stats->source_bytes = (double)store->size;
	publisher->stats->torn = (double)store->torn;
	publisher->stats->symbols = count_symbols(store);
	return 0;
}

static int open_lines(struct hp_publisher *publisher)
{
	const struct hp_publisher_options *options = &publisher->options;

	for (uint32_t i = 0; i < HP_PUBLISHER_LINES && options->lines[i].port; i++) {
		int code = line_open(&publisher->lines[i], &options->lines[i], &options->faults[i],
				     publisher->session, &publisher->stats->lines[i]);

		publisher->line_count = i + 1;
		if (code)
			return code;
	}
	return 0;
}

static int open_servers(struct hp_publisher *publisher)
{
	const struct hp_publisher_options *options = &publisher->options;

	if (options->requests.port) {
		publisher->request_socket = publisher_socket_requests(&options->requests);
		if (publisher->request_socket < 0)
			return publisher->request_socket;
	}
	if (options->snapshots.port) {
		publisher->listener = publisher_socket_snapshots(&options->snapshots);
		if (publisher->listener < 0)
			return publisher->listener;
	}
	publisher->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	publisher->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (publisher->quit < 0 || publisher->nudge < 0)
		return fail(errno, "Cannot make an eventfd: %s", strerror(errno));
	return 0;
}

static void *run_thread(void *publisher)
{
	publisher_run(publisher);
	return NULL;
}

static void *answer_thread(void *publisher)
{
	publisher_answer(publisher);
	return NULL;
}

static void *snapshot_thread(void *publisher)
{
	publisher_snapshot(publisher);
	return NULL;
}

static int start_thread(struct hp_publisher *publisher, void *(*run)(void *), int32_t cpu, const char *whose)
{
	int code = threads_start(&publisher->threads[publisher->thread_count], cpu, run, publisher, whose);

	publisher->thread_count += !code;
	return code;
}

static int start(struct hp_publisher *publisher)
{
	int code = 0;

	if (publisher->request_socket >= 0)
		code = start_thread(publisher, answer_thread, -1, "the re-request server's");
	if (!code && publisher->listener >= 0)
		code = start_thread(publisher, snapshot_thread, -1, "the snapshot server's");
	if (!code)
		code = start_thread(publisher, run_thread, publisher->options.cpu, "the publisher's");
	return code;
}

static void nudge(int fd)
{
	uint64_t one = 1;

	/* Cannot fail but by being full already, and then its reader is awake. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* Ends the threads; the rest stays. */
static void halt(void *owner)
{
	struct hp_publisher *publisher = owner;

	atomic_store_explicit(&publisher->stop, 1, memory_order_release);
	nudge(publisher->quit);
	while (publisher->thread_count)
		pthread_join(publisher->threads[--publisher->thread_count], NULL);
}

static void release(struct hp_publisher *publisher)
{
	int fds[] = {publisher->request_socket, publisher->listener, publisher->quit, publisher->nudge};

	for (uint32_t i = 0; i < publisher->line_count; i++)
		line_close(&publisher->lines[i]);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	store_free(&publisher->store);
	free(publisher);
}

struct hp_publisher *hp_publisher_open(const struct hp_publisher_options *options, const struct hp_tape *tape,
				       struct hp_publisher_stats *stats)
{
	struct hp_publisher *publisher;

	if (!options || !stats) {
		fail(EINVAL, "Cannot open the publisher: options or stats are missing");
		return NULL;
	}
	if (publisher_check(options))
		return NULL;
	publisher = calloc(1, sizeof(*publisher));
	if (!publisher) {
		fail(ENOMEM, "Cannot open the publisher: out of memory");
		return NULL;
	}
	clock_init();
	memset(stats, 0, sizeof(*stats));
	publisher->options = *options;
	publisher->stats = stats;
	publisher->request_socket = publisher->listener = publisher->quit = publisher->nudge = -1;
	fill_in(publisher);
	hp_publisher_serve(publisher, (int32_t)options->requests.refuse, options->requests.delay_us,
			   options->requests.loss);
	if (!get_session(publisher, tape) && !open_lines(publisher) && !open_servers(publisher)) {
		if (!start(publisher)) {
			threads_add(&publisher->owned, halt, publisher);
			return publisher;
		}
		halt(publisher);
	}
	release(publisher);
	return NULL;
}

int32_t hp_publisher_go(struct hp_publisher *publisher, double until)
{
	if (!publisher)
		return fail(EINVAL, "Cannot publish: no publisher was given");
	if (!(until >= 0 && until <= EXACT) || until != floor(until))
		return fail(EINVAL, "Cannot publish up to message %g: give its number, 0 for all", until);
	atomic_store_explicit(&publisher->until, until == 0 ? UINT64_MAX : (uint64_t)until,
			      memory_order_release);
	nudge(publisher->nudge);
	return 0;
}

int32_t hp_publisher_hold(struct hp_publisher *publisher)
{
	if (!publisher)
		return fail(EINVAL, "Cannot hold the session: no publisher was given");
	atomic_store_explicit(&publisher->until, 0, memory_order_release);
	nudge(publisher->nudge);
	return 0;
}

int32_t hp_publisher_serve(struct hp_publisher *publisher, int32_t refuse, double delay_us, double loss)
{
	if (!publisher)
		return fail(EINVAL, "Cannot change the re-request server: no publisher was given");
	if (publisher_check_server(delay_us, loss))
		return -EINVAL;
	atomic_store(&publisher->refuse, refuse != 0);
	atomic_store(&publisher->delay, clock_to_ticks((uint64_t)(delay_us * 1e3)));
	atomic_store(&publisher->loss, (uint64_t)(loss * 4294967296.0));
	return 0;
}

int32_t hp_publisher_read(struct hp_publisher *publisher, double number, void *out, int32_t size)
{
	const uint8_t *block;

	if (!publisher || !out || size < 0)
		return fail(EINVAL, "Cannot read a message: no publisher or no place for it was given");
	if (!(number >= 1 && number <= (double)publisher->store.count) || number != floor(number))
		return fail(ERANGE, "Cannot read message %g: there are 1 to %llu", number,
			    (unsigned long long)publisher->store.count);
	block = store_at(&publisher->store, (uint64_t)number);
	if (store_length(block) + 2 > (uint32_t)size)
		return fail(EMSGSIZE, "Cannot read message %g into %d bytes: it has %u", number, size,
			    store_length(block) + 2);
	memcpy(out, block, store_length(block) + 2);
	return (int32_t)store_length(block) + 2;
}

int32_t hp_publisher_close(struct hp_publisher *publisher)
{
	if (!publisher)
		return fail(EINVAL, "Cannot close the publisher: none was given");
	threads_remove(&publisher->owned);
	halt(publisher);
	release(publisher);
	return 0;
}
