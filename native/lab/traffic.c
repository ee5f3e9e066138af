// SPDX-License-Identifier: MIT
/*
 * The traffic generator from outside: what it is opened with is checked, the path is opened in its namespace
 * by the caller's thread, so that what cannot be opened is said at once, and a thread of its own sends. It
 * has no receiver to wait for, unlike the exchange: what it sends is numbered, and whoever listens can tell
 * what was lost.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lab/traffic.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "measure/histogram.h"
#include "rx/netns.h"

#define EXACT	   9007199254740992.0 /* 2^53 */
#define FLAT_BATCH 32
#define KERNEL_RUN 16384 /* datagrams of the kernel's first run flat out */

int32_t hp_traffic_stats_bytes(void)
{
	return sizeof(struct hp_traffic_stats);
}

static int is_count(double value)
{
	return value >= 0 && value <= EXACT && value == floor(value);
}

static int check(const struct hp_traffic_options *options)
{
	if (!(options->rate >= 0 && options->rate <= 1e9))
		return fail(EINVAL,
			    "Cannot send %g datagrams a second: give a rate up to 1e9, 0 for flat out",
			    options->rate);
	if (!is_count(options->count) || !is_count(options->first_seq))
		return fail(EINVAL, "Cannot send %g datagrams from number %g on: whole numbers are needed",
			    options->count, options->first_seq);
	if (!(options->seconds >= 0 && options->seconds <= 1e6))
		return fail(EINVAL, "Cannot send for %g seconds: give up to 1e6, 0 for no bound",
			    options->seconds);
	if (options->records > LLL_RECORDS_MAX)
		return fail(EINVAL, "Cannot put %u records into a datagram: an lll datagram holds 1 to %d",
			    options->records, LLL_RECORDS_MAX);
	return 0;
}

static int check_pattern(const struct hp_traffic_options *options, const struct hp_tape *tape)
{
	if (options->pattern < HP_PATTERN_BOOK || options->pattern > HP_PATTERN_CAPTURE)
		return fail(EINVAL, "Cannot send pattern %d: there are book (0), tape (1) and capture (2)",
			    options->pattern);
	if (options->pattern == HP_PATTERN_CAPTURE &&
	    (!options->file[0] || !memchr(options->file, 0, sizeof(options->file))))
		return fail(EINVAL,
			    "Cannot send a capture: no file was named, or one whose name is too long");
	if (options->pattern == HP_PATTERN_TAPE && (!tape || !tape->count))
		return fail(EINVAL, "Cannot send a tape: none was given, or an empty one");
	if (options->pattern != HP_PATTERN_BOOK && options->tx.path == HP_TX_KERNEL)
		return fail(EINVAL,
			    "Cannot send a tape or a capture from inside the kernel: it makes the book "
			    "pattern; use another via=");
	if (!memchr(options->tx.netns, 0, sizeof(options->tx.netns)))
		return fail(EINVAL, "Cannot enter a namespace whose name is that long");
	return 0;
}

/* The kernel's engine is no path: it makes its datagrams by itself. */
static int open_kernel(struct hp_traffic *traffic)
{
	const struct hp_tx_options *options = &traffic->options.tx;
	int before = netns_enter(options->netns), code;

	if (before < -1)
		return before;
	code = kernel_open(&traffic->kernel, options, traffic->source.records, traffic->source.seq,
			   &traffic->stats->tx);
	netns_leave(before);
	return code;
}

static int open_path(struct hp_traffic *traffic)
{
	const struct hp_tx_options *options = &traffic->options.tx;
	int code = options->path == HP_TX_KERNEL ? open_kernel(traffic)
						 : tx_path_open(&traffic->tx, options, &traffic->stats->tx);

	if (code)
		return code;
	if (traffic->tx && traffic->tx->largest < traffic->source.largest)
		return fail(EMSGSIZE,
			    "Cannot send a datagram of %u bytes on \"%.15s\": its MTU, or the path, leaves "
			    "room for %u",
			    traffic->source.largest, traffic->options.tx.ifname, traffic->tx->largest);
	traffic->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return traffic->wake < 0 ? fail(errno, "Cannot make an eventfd: %s", strerror(errno)) : 0;
}

static void *traffic_thread(void *argument)
{
	struct hp_traffic *traffic = argument;

	traffic_run(traffic);
	__atomic_store_n(&traffic->stats->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

static void release(struct hp_traffic *traffic)
{
	if (traffic->tx)
		traffic->tx->ops->close(traffic->tx);
	kernel_close(&traffic->kernel);
	source_unload(&traffic->source);
	if (traffic->wake >= 0)
		close(traffic->wake);
	free(traffic);
}

/* Ends the thread; the rest stays. */
static void halt(void *owner)
{
	struct hp_traffic *traffic = owner;
	uint64_t one = 1;

	atomic_store_explicit(&traffic->stop, 1, memory_order_release);
	/* Nobody reads it: once written, it ends every sleep. */
	(void)!write(traffic->wake, &one, sizeof(one));
	pthread_join(traffic->thread, NULL);
}

static int prepare(struct hp_traffic *traffic, const struct hp_tape *tape)
{
	const struct hp_traffic_options *options = &traffic->options;
	double datagrams = options->count;
	int flat = options->rate == 0, code;

	traffic->wake = -1;
	traffic->source = (struct source){
		.tape = options->pattern == HP_PATTERN_TAPE ? tape : NULL,
		.records = options->records ? options->records : 1,
		.largest = LLL_RECORDS_MAX * LLL_RECORD_BYTES,
		.first = (int64_t)options->first_seq,
		.seq = (int64_t)options->first_seq,
	};
	traffic->batch = options->tx.batch ? options->tx.batch : flat ? FLAT_BATCH : 1;
	if (options->tx.path == HP_TX_KERNEL && flat)
		traffic->batch = KERNEL_RUN;
	code = options->pattern == HP_PATTERN_CAPTURE
		       ? source_load(&traffic->source, traffic->options.file, &traffic->stats->skipped)
		       : 0;
	if (!datagrams && options->seconds == 0)
		datagrams = source_datagrams(&traffic->source);
	traffic->left = datagrams ? datagrams - 1 : HUGE_VAL; /* before the closing one */
	return code;
}

struct hp_traffic *hp_traffic_open(const struct hp_traffic_options *options, const struct hp_tape *tape,
				   struct hp_traffic_stats *stats)
{
	struct hp_traffic *traffic;

	if (!options || !stats) {
		fail(EINVAL, "Cannot open the traffic generator: options or stats are missing");
		return NULL;
	}
	if (check(options) || check_pattern(options, tape))
		return NULL;
	traffic = calloc(1, sizeof(*traffic));
	if (!traffic) {
		fail(ENOMEM, "Cannot open the traffic generator: out of memory");
		return NULL;
	}
	clock_init();
	memset(stats, 0, sizeof(*stats));
	traffic->options = *options;
	traffic->stats = stats;
	if (!prepare(traffic, tape) && !open_path(traffic)) {
		stats->running = 1;
		if (!threads_start(&traffic->thread, traffic->options.tx.cpu, traffic_thread, traffic,
				   "the generator's")) {
			threads_add(&traffic->owned, halt, traffic);
			return traffic;
		}
		stats->running = 0;
	}
	release(traffic);
	return NULL;
}

int32_t hp_traffic_close(struct hp_traffic *traffic)
{
	if (!traffic)
		return fail(EINVAL, "Cannot close the traffic generator: none was given");
	threads_remove(&traffic->owned);
	halt(traffic);
	release(traffic);
	return 0;
}
