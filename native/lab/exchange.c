/* SPDX-License-Identifier: MIT */
/*
 * The lab's exchange: it waits for an order-entry connection (INIT), makes the session ready (HANDSHAKE),
 * plays its tape and reads orders (TRANSMIT), gives the client time to answer the last record and leave, and
 * waits again. A client that goes early ends its session and nothing else.
 *
 * One thread does all of it, because the two halves need each other: an order is timed against the send of
 * its trigger, and both are stamped by one clock on one core. The price is that reading an order (about a
 * microsecond) can delay a datagram that is due in that very microsecond; `late` counts what matters.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/exchange.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "measure/histogram.h"
#include "rx/netns.h"

#define SPIN_NS	   UINT64_C(1000)    /* this close to a deadline no system call is begun */
#define RESPITE_NS UINT64_C(2000000) /* this far from one there is time to write the log */

static void set_state(struct hp_exchange *exchange, uint32_t state)
{
	/* Release: who sees INIT again sees the session's final counts. */
	__atomic_store_n(&exchange->stats->state, state, __ATOMIC_RELEASE);
}

static int stopping(struct hp_exchange *exchange)
{
	return atomic_load_explicit(&exchange->stop, memory_order_acquire);
}

/* Does what other threads asked for. */
static void serve_requests(struct hp_exchange *exchange)
{
	if (!atomic_load_explicit(&exchange->reset, memory_order_acquire))
		return;
	histogram_reset(&exchange->stats->tick_to_order);
	atomic_store_explicit(&exchange->reset, 0, memory_order_release);
}

/*
 * Sleeps until `fd` is readable, another thread wants something, or `ns` passed. Whoever wakes us sets its
 * flag first, and every caller looks at the flags after a sleep, so the wake-up itself may be thrown away.
 */
static void sleep_on(struct hp_exchange *exchange, int fd, uint64_t ns)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = exchange->wake, .events = POLLIN}};
	struct timespec timeout = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	uint64_t count;

	if (ppoll(fds, 2, &timeout, NULL) > 0 && fds[1].revents &&
	    read(exchange->wake, &count, sizeof(count)) < 0)
		return;
}

/* Reads orders, at least once, until the tick `deadline` (0: once only). 0, or what orders_read() says. */
static int read_until(struct hp_exchange *exchange, uint64_t deadline)
{
	int code;

	for (;;) {
		uint64_t now, left;

		code = orders_read(exchange);
		serve_requests(exchange);
		now = clock_ticks();
		if (code || now >= deadline || stopping(exchange))
			return code;
		left = clock_ns(deadline - now);
		if (left < SPIN_NS) {
			while (clock_ticks() < deadline)
				;
			return 0;
		}
		if (left > RESPITE_NS && order_log_presses(&exchange->log))
			order_log_write(&exchange->log);
		else if (!exchange->options.spin)
			sleep_on(exchange, exchange->session.fd, left);
	}
}

/* TRANSMIT. 0: the tape was played and the client stayed to the end. */
static int play(struct hp_exchange *exchange)
{
	int code = 0;

	while (!code && !stopping(exchange) && market_prepare(exchange)) {
		code = read_until(exchange, exchange->session.deadline);
		if (!code)
			market_send(exchange);
	}
	return code;
}

/* Accepts a client and makes everything ready for it. 0, or -errno when there is none after all. */
static int handshake(struct hp_exchange *exchange)
{
	struct session *session = &exchange->session;
	int on = 1;

	session->fd = accept4(exchange->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (session->fd < 0)
		return -errno;
	set_state(exchange, HP_EXCHANGE_HANDSHAKE);
	setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	pthread_mutex_lock(&exchange->lock);
	session->pace = exchange->next;
	pthread_mutex_unlock(&exchange->lock);
	session->held = 0;
	order_ids_clear(exchange->ids);
	exchange->stats->sessions++;
	market_begin(exchange);
	return 0;
}

static void run_session(struct hp_exchange *exchange)
{
	struct session *session = &exchange->session;
	int code;

	set_state(exchange, HP_EXCHANGE_TRANSMIT);
	code = play(exchange);
	if (!code && !stopping(exchange)) {
		/* Everything is sent: late orders, then an orderly close, are what remains to come. */
		code = read_until(exchange, clock_ticks() + clock_to_ticks(EXCHANGE_GRACE_NS));
		if (code == -EPIPE)
			code = 0;
	}
	if (code == -EPIPE || code == -ECONNRESET)
		exchange->stats->vanished++;
	close(session->fd);
	order_log_write(&exchange->log);
	set_state(exchange, HP_EXCHANGE_INIT);
}

static void *exchange_thread(void *argument)
{
	struct hp_exchange *exchange = argument;
	uint64_t second = 1000000000;

	prctl(PR_SET_NAME, "hp-exchange");
	prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep until a deadline should end there, not 50 us later */
	while (!stopping(exchange)) {
		int code = handshake(exchange);

		serve_requests(exchange);
		if (!code) {
			run_session(exchange);
			if (exchange->options.once)
				break;
		} else if (code == -EAGAIN || code == -ECONNABORTED || code == -EINTR) {
			sleep_on(exchange, exchange->listener, second);
		} else {
			/* Out of descriptors or memory: the client waits in the backlog, we do not spin on
			 * it. */
			sleep_on(exchange, -1, second / 10);
		}
	}
	/* Nobody would answer in the backlog any more: connecting is to fail rather than to wait. */
	close(exchange->listener);
	exchange->listener = -1;
	atomic_store_explicit(&exchange->done, 1, memory_order_release);
	__atomic_store_n(&exchange->stats->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

static int is_share(double value)
{
	return value >= 0 && value <= 1;
}

static int check_pace(int32_t pace, double rate, double limit)
{
	if (pace != HP_PACE_RATE && pace != HP_PACE_RECORDED && pace != HP_PACE_FLAT)
		return fail(EINVAL, "Cannot pace the exchange: %d is not rate (0), recorded (1) or flat (2)",
			    pace);
	if (!(rate >= 0 && rate <= 1e9) || (pace == HP_PACE_RATE && rate <= 0))
		return fail(EINVAL, "Cannot send %g datagrams a second: give a rate above 0, 1e9 at most",
			    rate);
	if (!(limit >= 0))
		return fail(EINVAL, "Cannot stop after %g datagrams: give a limit of 1 or more, 0 for all",
			    limit);
	return 0;
}

static int check_options(const struct hp_exchange_options *options, const struct hp_tape *tape)
{
	if (!tape->count)
		return fail(EINVAL, "Cannot open the exchange: its tape is empty");
	if (!is_share(options->loss) || !is_share(options->duplicate) || !is_share(options->reorder))
		return fail(EINVAL,
			    "Cannot inject faults of loss %g, duplicate %g, reorder %g: shares are 0 to 1",
			    options->loss, options->duplicate, options->reorder);
	if (!(options->speed >= 0 && options->speed <= 1e9))
		return fail(EINVAL, "Cannot play %g times as fast as recorded: give a speed above 0",
			    options->speed);
	if (!(options->seed >= 0 && options->seed <= 9007199254740992.0))
		return fail(EINVAL, "Cannot inject faults of seed %g: seeds are 0 to 2^53", options->seed);
	if (!memchr(options->ifname, 0, sizeof(options->ifname)) ||
	    !memchr(options->netns, 0, sizeof(options->netns)) ||
	    !memchr(options->log, 0, sizeof(options->log)))
		return fail(EINVAL, "Cannot open the exchange: a name in its options is too long");
	return check_pace(options->pace, options->rate, options->limit);
}

/* Memory, touched now so that no session pays for a page. */
static int allocate(struct hp_exchange *exchange)
{
	size_t bytes = EXCHANGE_SENT * sizeof(*exchange->sent);

	exchange->sent = malloc(bytes);
	exchange->ids = malloc(sizeof(*exchange->ids));
	if (!exchange->sent || !exchange->ids)
		return fail(ENOMEM, "Cannot open the exchange: no memory for its %zu bytes of send times",
			    bytes);
	memset(exchange->sent, 0, bytes);
	memset(exchange->ids, 0, sizeof(*exchange->ids));
	return order_log_open(&exchange->log, exchange->options.log);
}

static int open_sockets(struct hp_exchange *exchange)
{
	int before = netns_enter(exchange->options.netns);

	if (before < -1)
		return before;
	exchange->market = exchange_socket_market(&exchange->options);
	if (exchange->market >= 0)
		exchange->listener = exchange_socket_orders(&exchange->options);
	netns_leave(before);
	if (exchange->market < 0 || exchange->listener < 0)
		return exchange->market < 0 ? exchange->market : exchange->listener;
	exchange->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return exchange->wake < 0 ? fail(errno, "Cannot make an eventfd: %s", strerror(errno)) : 0;
}

static int release(struct hp_exchange *exchange)
{
	int code = order_log_close(&exchange->log, exchange->options.log);

	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? exchange->market : i == 1 ? exchange->listener : exchange->wake;

		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_destroy(&exchange->lock);
	free(exchange->sent);
	free(exchange->ids);
	free(exchange);
	return code;
}

int32_t hp_exchange_stats_bytes(void)
{
	return sizeof(struct hp_exchange_stats);
}

static void wake(struct hp_exchange *exchange)
{
	uint64_t one = 1;

	/* Cannot fail but by being full already, and then the thread is awake. */
	if (write(exchange->wake, &one, sizeof(one)) < 0)
		return;
}

/* Ends the thread; the rest stays. */
static void halt(void *owner)
{
	struct hp_exchange *exchange = owner;

	atomic_store_explicit(&exchange->stop, 1, memory_order_release);
	wake(exchange);
	pthread_join(exchange->thread, NULL);
}

struct hp_exchange *hp_exchange_open(const struct hp_exchange_options *options, const struct hp_tape *tape,
				     struct hp_exchange_stats *stats)
{
	struct hp_exchange *exchange;

	if (!options || !tape || !stats) {
		fail(EINVAL, "Cannot open the exchange: options, tape or stats are missing");
		return NULL;
	}
	if (check_options(options, tape))
		return NULL;
	exchange = calloc(1, sizeof(*exchange));
	if (!exchange) {
		fail(ENOMEM, "Cannot open the exchange: out of memory");
		return NULL;
	}
	exchange->options = *options;
	exchange->tape = tape;
	exchange->stats = stats;
	exchange->next = (struct exchange_pace){options->pace, options->rate, options->speed, options->limit};
	exchange->market = exchange->listener = exchange->wake = exchange->log.fd = -1;
	pthread_mutex_init(&exchange->lock, NULL);
	clock_init();
	memset(stats, 0, sizeof(*stats));
	histogram_reset(&stats->tick_to_order);
	if (!allocate(exchange) && !open_sockets(exchange)) {
		stats->running = 1;
		if (!threads_start(&exchange->thread, exchange->options.cpu, exchange_thread, exchange,
				   "the exchange's")) {
			threads_add(&exchange->owned, halt, exchange);
			return exchange;
		}
		stats->running = 0;
	}
	release(exchange);
	return NULL;
}

int32_t hp_exchange_pace(struct hp_exchange *exchange, int32_t pace, double rate, double limit)
{
	int code;

	if (!exchange)
		return fail(EINVAL, "Cannot pace the exchange: none was given");
	code = check_pace(pace, rate, limit);
	if (code)
		return code;
	pthread_mutex_lock(&exchange->lock);
	/* One number serves both kinds; a fixed rate is not a speed and leaves that as it was. */
	exchange->next.pace = pace;
	exchange->next.limit = limit;
	if (pace == HP_PACE_RECORDED)
		exchange->next.speed = rate;
	else
		exchange->next.rate = rate;
	pthread_mutex_unlock(&exchange->lock);
	return 0;
}

int32_t hp_exchange_reset(struct hp_exchange *exchange)
{
	struct timespec pause = {.tv_nsec = 50000};

	if (!exchange)
		return fail(EINVAL, "Cannot reset the exchange's histogram: no exchange was given");
	atomic_store_explicit(&exchange->reset, 1, memory_order_release);
	wake(exchange);
	/* The histogram has one writer: the thread zeroes it, or we do once there is no thread. */
	for (int i = 0; i < 10000; i++) {
		if (!atomic_load_explicit(&exchange->reset, memory_order_acquire))
			return 0;
		if (atomic_load_explicit(&exchange->done, memory_order_acquire)) {
			histogram_reset(&exchange->stats->tick_to_order);
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return fail(ETIMEDOUT, "Cannot reset the exchange's histogram yet: its thread is busy; try again");
}

int32_t hp_exchange_close(struct hp_exchange *exchange)
{
	if (!exchange)
		return fail(EINVAL, "Cannot close the exchange: none was given");
	threads_remove(&exchange->owned);
	halt(exchange);
	return release(exchange);
}
