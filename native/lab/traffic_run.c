// SPDX-License-Identifier: MIT
/*
 * The generator's thread. A batch is written while its time is still to come and stamped in the last instant,
 * so that what is measured from the stamp on is the path, the wire and the receiver.
 *
 * The schedule is absolute: a datagram that is late does not make the next one late, it is caught up with;
 * but no more than CATCH_UP_NS of it, since a burst after a long pause of the machine would tell more about
 * the pause than about the receiver.
 *
 * The closing datagram carries HP_FLAG_LAST. Flat out it waits for PAUSE_NS: a receiver that was overrun has
 * emptied its queue by then, hears the last number and so knows exactly what it lost.
 */
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lab/traffic.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "measure/histogram.h"
#include "rx/netns.h"

#define CATCH_UP_NS UINT64_C(5000000)
#define LATE_NS	    UINT64_C(50000)
#define SPIN_NS	    UINT64_C(50000) /* this close to a deadline nothing but the clock is looked at */
#define PAUSE_NS    UINT64_C(50000000)
#define DRAIN_NS    UINT64_C(200000000) /* for what a path still has at the end */
#define REFRESH_NS  UINT64_C(100000000)
#define RUN_NS                                                                                               \
	UINT64_C(100000000) /* a run of the kernel's that is shorter is followed by one twice as long ... */
#define RUN_MOST (1u << 20) /* ... up to this: close() has to wait for it */

static int stopping(struct hp_traffic *traffic)
{
	return atomic_load_explicit(&traffic->stop, memory_order_acquire);
}

static void refresh(struct hp_traffic *traffic, uint64_t now)
{
	traffic->refreshed = now;
	if (traffic->tx)
		traffic->tx->ops->refresh(traffic->tx);
	else
		kernel_refresh(&traffic->kernel);
}

static int refresh_is_due(const struct hp_traffic *traffic, uint64_t now)
{
	return clock_ns(now - traffic->refreshed) > REFRESH_NS;
}

/* Until the tick `deadline`, or until close() asks. */
static void wait_until(struct hp_traffic *traffic, uint64_t deadline)
{
	struct pollfd wake = {.fd = traffic->wake, .events = POLLIN};
	uint64_t now = clock_ticks();

	while (now < deadline && !stopping(traffic)) {
		uint64_t left = clock_ns(deadline - now);
		struct timespec timeout = {(time_t)((left - SPIN_NS) / 1000000000),
					   (long)((left - SPIN_NS) % 1000000000)};

		if (left > 4 * SPIN_NS && refresh_is_due(traffic, now))
			refresh(traffic, now);
		else if (left > SPIN_NS && !traffic->options.spin)
			ppoll(&wake, 1, &timeout, NULL);
		now = clock_ticks();
	}
}

/* Datagrams the next flush may have; 0: it is time for the closing one. */
static uint32_t allowance(const struct hp_traffic *traffic)
{
	uint32_t most = traffic->batch;
	uint64_t at = traffic->options.rate > 0 ? traffic->base + (uint64_t)traffic->due : clock_ticks();

	if (traffic->end && at >= traffic->end)
		return 0;
	return traffic->left < most ? (uint32_t)traffic->left : most;
}

/* Writes the next `count` datagrams into the path, as far as it has room. */
static void fill(struct hp_traffic *traffic, uint32_t count, int last)
{
	while (traffic->ready < count) {
		uint32_t bytes = source_bytes(&traffic->source);
		uint8_t *payload = traffic->tx->ops->reserve(traffic->tx, bytes);

		if (!payload)
			return;
		traffic->records[traffic->ready] = source_write(&traffic->source, payload, last);
		traffic->payloads[traffic->ready++] = payload;
	}
}

static int flush(struct hp_traffic *traffic, uint64_t now)
{
	int64_t now_ns = clock_realtime_ns(now);

	for (uint32_t i = 0; i < traffic->ready; i++) {
		source_stamp(traffic->payloads[i], traffic->records[i], now_ns);
		traffic->stats->records += traffic->records[i];
	}
	return traffic->tx->ops->flush(traffic->tx);
}

static int run_kernel(struct hp_traffic *traffic, int last)
{
	uint32_t records = traffic->ready * traffic->source.records;
	uint64_t before = clock_ticks();
	int code = kernel_send(&traffic->kernel, traffic->ready, last);

	if (traffic->options.rate == 0 && traffic->batch < RUN_MOST &&
	    clock_ns(clock_ticks() - before) < RUN_NS)
		traffic->batch *= 2;
	traffic->source.seq += records;
	traffic->stats->records += records;
	return code;
}

/* Books what was late, and moves the schedule on. */
static void advance(struct hp_traffic *traffic, uint64_t now)
{
	uint64_t deadline = traffic->base + (uint64_t)traffic->due;

	if (traffic->options.rate == 0)
		return;
	if (now > deadline && clock_ns(now - deadline) > LATE_NS)
		traffic->stats->late += traffic->ready;
	if (now > deadline && clock_ns(now - deadline) > CATCH_UP_NS)
		traffic->base += now - deadline;
	traffic->due += traffic->ready * (1e9 / hp_clock.ns_per_tick) / traffic->options.rate;
}

/* Stamps what is ready, hands it over and measures that. 0 or fail(...). */
static int send_ready(struct hp_traffic *traffic, int last)
{
	struct hp_traffic_stats *stats = traffic->stats;
	uint64_t before = clock_ticks(), after;
	int code;

	if (!traffic->started) {
		traffic->started = before;
		stats->started_ms = (double)clock_realtime_ns(before) / 1e6;
	}
	code = traffic->tx ? flush(traffic, before) : run_kernel(traffic, last);
	after = clock_ticks();
	if (traffic->ready)
		histogram_record(&stats->send, clock_between_ns(after - before) / traffic->ready);
	stats->datagrams += traffic->ready;
	stats->next_seq = (double)traffic->source.seq;
	if (!last)
		stats->elapsed_ns = (double)clock_ns(after - traffic->started);
	advance(traffic, before);
	traffic->left -= traffic->ready;
	traffic->ready = 0;
	return code < 0 ? code : 0;
}

/* Everything but the closing datagram. */
static int send_most(struct hp_traffic *traffic)
{
	uint32_t count;
	int code = 0;

	while (!code && !stopping(traffic) && (count = allowance(traffic)) > 0) {
		if (traffic->tx)
			fill(traffic, count, 0);
		else
			traffic->ready = count;
		if (traffic->options.rate > 0)
			wait_until(traffic, traffic->base + (uint64_t)traffic->due);
		else if (refresh_is_due(traffic, clock_ticks()))
			refresh(traffic, clock_ticks());
		code = send_ready(traffic, 0);
	}
	return code;
}

/* Lets the path hand over what it still has. */
static int drain(struct hp_traffic *traffic)
{
	uint64_t until = clock_ticks() + clock_to_ticks(DRAIN_NS);
	int code = 0;

	while (code >= 0 && traffic->tx && traffic->tx->waiting && clock_ticks() < until)
		code = traffic->tx->ops->flush(traffic->tx);
	return code < 0 ? code : 0;
}

static int send_last(struct hp_traffic *traffic)
{
	int code;

	if (traffic->options.rate > 0)
		wait_until(traffic, traffic->base + (uint64_t)traffic->due);
	code = drain(traffic);
	if (traffic->options.rate == 0)
		wait_until(traffic, clock_ticks() + clock_to_ticks(PAUSE_NS));
	if (code)
		return code;
	if (traffic->tx)
		fill(traffic, 1, 1);
	else
		traffic->ready = 1;
	code = send_ready(traffic, 1);
	return code ? code : drain(traffic);
}

/* The kernel's generator looks its interface up in the namespace of the thread that runs it. */
static int enter(struct hp_traffic *traffic)
{
	int before = traffic->tx ? -1 : netns_enter(traffic->options.tx.netns);

	if (before >= 0)
		close(before); /* there is no way back, and none is needed */
	return before < -1 ? before : 0;
}

void traffic_run(struct hp_traffic *traffic)
{
	struct hp_traffic_stats *stats = traffic->stats;
	int code;

	prctl(PR_SET_NAME, "hp-traffic");
	prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep until a deadline should end there, not 50 us later */
	traffic->base = traffic->refreshed = clock_ticks();
	if (traffic->options.seconds > 0)
		traffic->end = traffic->base + clock_to_ticks((uint64_t)(traffic->options.seconds * 1e9));
	code = enter(traffic);
	if (!code)
		code = send_most(traffic);
	if (!code)
		code = send_last(traffic);
	if (code)
		hp_last_error(stats->trouble, sizeof(stats->trouble));
	refresh(traffic, clock_ticks());
	stats->unsent = traffic->tx ? traffic->tx->waiting : 0;
	stats->finished = !code && !stopping(traffic);
}
