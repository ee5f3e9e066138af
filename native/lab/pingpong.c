// SPDX-License-Identifier: MIT
/*
 * Ping-pong: one datagram to the other side and back, again and again, the way sockperf measures a round
 * trip, but over any receive and transmit path. The far side runs on a thread of its own and sends back what
 * it gets; the near side runs on the caller's thread. Both spin: a round trip is four paths and nothing else.
 *
 * Each ping carries its number. A pong that is late (its ping was given up) is known by it and not counted.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "measure/clock.h"
#include "measure/error.h"
#include "measure/histogram.h"
#include "rx/rx.h"
#include "strategy/ring.h"
#include "threads.h"
#include "tx/tx.h"

#define PING_BYTES 64	    /* the payload: what the peers are given as well */
#define GIVE_UP_NS 50000000 /* a spinner may have to wait for a shared core */
#define REHEARSAL  64	    /* round trips before the first that counts: caches, neighbours */
#define LOSSES_MAX 100	    /* in a row: nothing comes back at all */

/* One side of the wire. */
struct side {
	struct rx *rx;
	struct tx *tx;
	struct hp_rx_stats rx_stats;
	struct hp_tx_stats tx_stats;
};

struct far {
	struct side side;
	uint32_t stop;
};

static void close_side(struct side *side)
{
	if (side->rx)
		side->rx->ops->close(side->rx);
	if (side->tx)
		side->tx->ops->close(side->tx);
}

static int open_side(struct side *side, const struct hp_rx_options *rx, const struct hp_tx_options *tx)
{
	int error = rx_path_open(&side->rx, rx, &side->rx_stats);

	return error ? error : tx_path_open(&side->tx, tx, &side->tx_stats);
}

/* A path that cannot go on ends the ping-pong by silence, which the near side notices. */
static void *answer(void *argument)
{
	struct far *far = argument;
	struct rx_datagram got[RX_BATCH];

	while (!load_acquire(&far->stop)) {
		int count = far->side.rx->ops->poll(far->side.rx, got, 1);

		if (count < 0)
			break;
		if (count == 0)
			continue;
		uint8_t *payload = got[0].len ? far->side.tx->ops->reserve(far->side.tx, got[0].len) : NULL;

		if (payload) {
			memcpy(payload, got[0].data, got[0].len);
			far->side.tx->ops->flush(far->side.tx);
		}
		far->side.rx->ops->release(far->side.rx);
	}
	return NULL;
}

/* Waits for pong `number`. Ticks of its arrival, 0: it did not come in time; *error when the path broke. */
static uint64_t await_pong(struct side *side, uint64_t number, uint64_t start, int *error)
{
	const uint64_t patience = clock_to_ticks(GIVE_UP_NS);
	struct rx_datagram got[RX_BATCH];
	uint64_t now, came = 0;

	do {
		int count = side->rx->ops->poll(side->rx, got, RX_BATCH);

		now = clock_ticks();
		if (count < 0) {
			*error = count;
			return 0;
		}
		for (int i = 0; i < count; i++) {
			uint64_t is;

			if (got[i].len != PING_BYTES)
				continue;
			memcpy(&is, got[i].data, sizeof(is));
			if (is == number)
				came = now;
		}
		if (count)
			side->rx->ops->release(side->rx);
	} while (!came && now - start < patience);
	return came;
}

/* One round trip in ticks, 0: lost, or -errno through *error. */
static uint64_t trip(struct side *side, uint64_t number, int *error)
{
	uint64_t start, came;
	uint8_t *payload = side->tx->ops->reserve(side->tx, PING_BYTES);
	int sent;

	if (!payload) {
		sent = side->tx->ops->flush(side->tx); /* collects what the kernel gives back */
		*error = sent < 0 ? sent : 0;
		return 0;
	}
	memset(payload, 0, PING_BYTES);
	memcpy(payload, &number, sizeof(number));
	start = clock_ticks();
	sent = side->tx->ops->flush(side->tx);
	if (sent < 0) {
		*error = sent;
		return 0;
	}
	came = await_pong(side, number, start, error);
	return came ? came - start : 0;
}

static double play(struct side *near, double count, struct hp_histogram *round_trip)
{
	double lost_in_a_row = 0, returned = 0;
	int error = 0;

	for (uint64_t number = 1; number <= REHEARSAL + (uint64_t)count && !error; number++) {
		uint64_t ticks = trip(near, number, &error);

		lost_in_a_row = ticks ? 0 : lost_in_a_row + 1;
		if (!error && lost_in_a_row >= LOSSES_MAX)
			return fail(ETIMEDOUT,
				    "Cannot play ping-pong: %d pings in a row did not come back; are both "
				    "addresses right, and nothing between them that filters?",
				    LOSSES_MAX);
		if (ticks && number > REHEARSAL) {
			histogram_record(round_trip, clock_between_ns(ticks));
			returned++;
		}
	}
	return error ? error : returned;
}

double hp_pingpong(const struct hp_pingpong_options *options, struct hp_histogram *round_trip)
{
	struct side near = {0};
	struct far *far;
	pthread_t thread;
	double result;

	if (!options || !round_trip || !(options->count >= 1 && options->count <= 1e9))
		return fail(EINVAL,
			    "Cannot play ping-pong: options, a histogram and 1 to 1e9 round trips are "
			    "needed");
	far = calloc(1, sizeof(*far));
	if (!far)
		return fail(ENOMEM, "Cannot play ping-pong: no memory");
	clock_init();
	if ((result = open_side(&far->side, &options->far_rx, &options->far_tx)) ||
	    (result = open_side(&near, &options->near_rx, &options->near_tx)) ||
	    (result = threads_start(&thread, options->far_rx.cpu, answer, far, "the ping-pong's far")))
		goto out;
	result = play(&near, options->count, round_trip);
	store_release(&far->stop, 1);
	pthread_join(thread, NULL);
out:
	close_side(&near);
	close_side(&far->side);
	free(far);
	return result;
}
