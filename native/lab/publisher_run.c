// SPDX-License-Identifier: MIT
/*
 * The publishing thread. The schedule is absolute: a datagram that is late does not make the next one late,
 * it is caught up with, but no more than CATCH_UP_NS of it. Recorded pace follows the messages' own stamps,
 * and a datagram leaves when its last message happened; stamps that step back do not wait, and pauses are cut
 * to gap_ms: nobody wants to sit out the hours between a directory at three in the morning and the market.
 *
 * A line that has nothing to send says once per heartbeat_ms which number it would send next, and repeats the
 * end of the session likewise. Held (hp_publisher_hold()), a session is a quiet one.
 */
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lab/publisher.h"
#include "measure/clock.h"
#include "measure/error.h"

#define CATCH_UP_NS UINT64_C(5000000)
#define LATE_NS	    UINT64_C(50000)
#define SPIN_NS	    UINT64_C(2000)  /* this close to a deadline no sleep is begun */
#define RETRY_NS    UINT64_C(50000) /* until a path without room is tried again */
#define REFRESH_NS  UINT64_C(100000000)
#define BATCH	    32 /* datagrams between two looks at the lines */

struct run {
	struct hp_publisher *publisher;
	const uint8_t *at;  /* message `seq` in the store */
	uint64_t seq;	    /* of the next message */
	uint64_t time;	    /* ITCH stamp of the message before it */
	double due;	    /* tick of the datagram before, with its fraction */
	double next_due;    /* ... and of the one that is ready; */
	uint64_t next_time; /* the stamp of its last message */
	uint64_t heartbeat; /* ticks */
	uint64_t end;	    /* tick at which the end has been repeated enough; 0 = not there yet */
	uint64_t refreshed;
	int prepared;
	int stuck; /* a path had no room */
	struct datagram next;
};

static void set_state(struct run *run, uint32_t state)
{
	__atomic_store_n(&run->publisher->stats->state, state, __ATOMIC_RELEASE);
}

/* The messages of the next datagram: of one stamp, or `pack` of them, and never more than a packet holds. */
static void collect(struct run *run, uint64_t last)
{
	uint32_t pack = run->publisher->options.pack;
	struct datagram *next = &run->next;
	const uint8_t *at = run->at;

	*next = (struct datagram){.blocks = at, .seq = run->seq};
	do {
		uint32_t bytes = store_length(at) + 2;

		if (MOLD_HEADER + next->bytes + bytes > MOLD_BYTES)
			break;
		next->bytes += bytes;
		next->count++;
		at += bytes;
	} while (next->seq + next->count <= last &&
		 (pack ? next->count < pack : store_time(at) == store_time(next->blocks)));
}

/* Stamp of a datagram's last message. */
static uint64_t last_time(const struct datagram *datagram)
{
	const uint8_t *at = datagram->blocks;

	for (uint32_t i = 1; i < datagram->count; i++)
		at += store_length(at) + 2;
	return store_time(at);
}

static void schedule(struct run *run, uint64_t now)
{
	const struct hp_publisher_options *options = &run->publisher->options;
	double second = 1e9 / hp_clock.ns_per_tick; /* in ticks */

	run->next_time = last_time(&run->next);
	run->next_due = run->due;
	if (run->seq == 1 || options->pace == HP_PACE_FLAT) {
		run->next_due = (double)now;
	} else if (options->pace == HP_PACE_RATE) {
		run->next_due += second / options->rate;
	} else if (run->next_time > run->time) {
		double ns = (double)(run->next_time - run->time), most = options->gap_ms * 1e6;

		run->next_due += (ns < most ? ns : most) / options->speed / hp_clock.ns_per_tick;
	}
	run->next.due = (uint64_t)run->next_due;
}

/* Gets the next datagram ready. 0: none may go yet. */
static int prepare(struct run *run, uint64_t now)
{
	struct hp_publisher *publisher = run->publisher;
	uint64_t until = atomic_load_explicit(&publisher->until, memory_order_acquire);
	uint64_t last = until < publisher->store.count ? until : publisher->store.count;

	if (run->prepared && run->next.seq + run->next.count - 1 <= last)
		return 1;
	run->prepared = 0;
	if (run->seq > last)
		return 0;
	collect(run, last);
	schedule(run, now);
	run->prepared = 1;
	return 1;
}

/* Gives the prepared datagram to the lines. */
static void publish(struct run *run, uint64_t now)
{
	struct hp_publisher *publisher = run->publisher;
	struct hp_publisher_stats *stats = publisher->stats;
	struct datagram *next = &run->next;

	if (publisher->options.pace != HP_PACE_FLAT && now > next->due && clock_ns(now - next->due) > LATE_NS)
		stats->late += 1;
	if (now > next->due && clock_ns(now - next->due) > CATCH_UP_NS) {
		run->next_due = (double)now;
		next->due = now;
	}
	run->due = run->next_due;
	run->time = run->next_time;
	for (uint32_t i = 0; i < publisher->line_count; i++)
		line_offer(&publisher->lines[i], next);
	run->at += next->bytes;
	run->seq += next->count;
	run->prepared = 0;
	stats->datagrams += 1;
	stats->published = (double)(run->seq - 1);
	atomic_store_explicit(&publisher->published, run->seq - 1, memory_order_release);
}

static int have_room(const struct hp_publisher *publisher)
{
	for (uint32_t i = 0; i < publisher->line_count; i++)
		if (!line_has_room(&publisher->lines[i]))
			return 0;
	return 1;
}

/* Everything that is due, a batch at most. */
static void publish_due(struct run *run, uint64_t now)
{
	for (int i = 0; i < BATCH && have_room(run->publisher) && prepare(run, now); i++) {
		if (run->next.due > now)
			return;
		publish(run, now);
	}
}

static int is_over(const struct run *run)
{
	return run->seq > run->publisher->store.count;
}

/* Sends what is due on a line; when it has nothing to send, what there is to say. 0 or fail(...). */
static int serve_line(struct run *run, struct line *line, uint64_t now)
{
	int over = is_over(run), due = now - line->spoke >= run->heartbeat, code;

	/* A quiet market has nobody who might overtake. */
	if (line->held && (over || (due && line->head == line->tail)))
		line_release(line);
	code = line_send(line, now);
	if (code == 0 && line_is_quiet(line) && (due || (over && !line->stats->ends)))
		code = line_say(line, run->seq, over ? MOLD_END : 0, now);
	run->stuck |= code > 0;
	return code < 0 ? code : 0;
}

/* Moves on to the next state. 1: that of a session that has been over for long enough. */
static int settle(struct run *run, uint64_t now)
{
	struct hp_publisher *publisher = run->publisher;
	uint64_t until = atomic_load_explicit(&publisher->until, memory_order_acquire);
	int said = is_over(run);

	if (!said)
		set_state(run, run->seq > until ? HP_PUBLISHER_HELD : HP_PUBLISHER_PUBLISHING);
	for (uint32_t i = 0; i < publisher->line_count; i++)
		said = said && publisher->lines[i].stats->ends > 0;
	if (said && !run->end) {
		run->end = now + clock_to_ticks((uint64_t)(publisher->options.end_ms * 1e6));
		set_state(run, HP_PUBLISHER_ENDING);
	}
	return run->end && now >= run->end;
}

/* When there is something to do again, as far as it is known. */
static uint64_t next_deadline(struct run *run, uint64_t now)
{
	struct hp_publisher *publisher = run->publisher;
	uint64_t first = have_room(publisher) && prepare(run, now) ? run->next.due : UINT64_MAX;

	if (run->stuck && first > now + clock_to_ticks(RETRY_NS))
		first = now + clock_to_ticks(RETRY_NS);
	if (run->end && run->end < first)
		first = run->end;
	for (uint32_t i = 0; i < publisher->line_count; i++) {
		const struct line *line = &publisher->lines[i];
		uint64_t due = line_due(line);

		if (!line->tx->waiting && due == UINT64_MAX)
			due = line->spoke + run->heartbeat;
		if (due < first)
			first = due;
	}
	return first;
}

/* Sleeps until the tick, or until another thread wants something. */
static void sleep_until(struct run *run, uint64_t deadline)
{
	struct hp_publisher *publisher = run->publisher;
	struct pollfd fds[2] = {{.fd = publisher->quit, .events = POLLIN},
				{.fd = publisher->nudge, .events = POLLIN}};
	uint64_t now = clock_ticks(), least = run->stuck ? clock_to_ticks(RETRY_NS) : 0, ns, count;
	struct timespec timeout;

	if (deadline < now + least)
		deadline = now + least;
	if (deadline <= now)
		return;
	ns = clock_ns(deadline - now);
	if (ns < SPIN_NS) {
		while (clock_ticks() < deadline)
			;
		return;
	}
	timeout = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	/* Whoever nudges has set what we look at next, so the nudge itself may be thrown away. */
	if (ppoll(fds, 2, &timeout, NULL) > 0 && fds[1].revents &&
	    read(publisher->nudge, &count, sizeof(count)) < 0)
		return;
}

static void refresh(struct run *run, uint64_t now)
{
	if (clock_ns(now - run->refreshed) < REFRESH_NS)
		return;
	run->refreshed = now;
	for (uint32_t i = 0; i < run->publisher->line_count; i++)
		run->publisher->lines[i].tx->ops->refresh(run->publisher->lines[i].tx);
}

static int turn(struct run *run)
{
	struct hp_publisher *publisher = run->publisher;
	uint64_t now = clock_ticks();
	int code = 0;

	run->stuck = 0;
	publish_due(run, now);
	for (uint32_t i = 0; !code && i < publisher->line_count; i++)
		code = serve_line(run, &publisher->lines[i], now);
	if (code)
		return code;
	if (settle(run, now))
		return 1;
	refresh(run, now);
	sleep_until(run, next_deadline(run, now));
	return 0;
}

void publisher_run(struct hp_publisher *publisher)
{
	struct hp_publisher_stats *stats = publisher->stats;
	struct run run = {
		.publisher = publisher,
		.at = store_at(&publisher->store, 1),
		.seq = 1,
		.heartbeat = clock_to_ticks((uint64_t)(publisher->options.heartbeat_ms * 1e6)),
		.refreshed = clock_ticks(),
	};
	int code = 0;

	prctl(PR_SET_NAME, "hp-publisher");
	prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep until a deadline should end there, not 50 us later */
	for (uint32_t i = 0; i < publisher->line_count; i++)
		publisher->lines[i].spoke = run.refreshed;
	while (!code && !publisher_stops(publisher))
		code = turn(&run);
	if (code < 0)
		hp_last_error(stats->trouble, sizeof(stats->trouble) - 1);
	run.refreshed = 0;
	refresh(&run, clock_ticks());
	set_state(&run, HP_PUBLISHER_ENDED);
}
