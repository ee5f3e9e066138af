/* SPDX-License-Identifier: MIT */
/*
 * The tape on the wire. A datagram is encoded while its time is still to come and gets its stamp in the last
 * instant, so that what is measured from the stamp on is the network and the receiver, not this file.
 *
 * The schedule is absolute: a datagram that is late does not make the next one late, it is caught up with;
 * but no more than CATCH_UP_NS of it, since a burst after a long pause of the machine would tell more about
 * the pause than about the receiver.
 *
 * Faults strike datagrams, never records: one is dropped (its sequence numbers are used up), sent twice, or
 * overtaken by the next. A datagram has one fault at most, and one that overtakes has none, so every
 * count says exactly what left. The last datagram of a session is spared: a receiver must be able to tell
 * that the session is over.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/exchange.h"
#include "measure/clock.h"

#define CATCH_UP_NS	  UINT64_C(5000000)
#define LATE_NS		  UINT64_C(50000)
#define SNAPSHOT_RATE_MIN 20000.0
#define STAMP_OFFSET	  14 /* of local_ts_ns in a record: the one field that is written after encoding */

static uint64_t share(double rate)
{
	return (uint64_t)(rate * 4294967296.0);
}

/* One past the last record of the datagram that begins at `at`. */
static size_t datagram_end(const struct hp_tape *tape, size_t at)
{
	for (at++; at < tape->count && !tape->records[at].first; at++)
		;
	return at;
}

/* Where the session stops: after `limit` datagrams that are not the snapshot's, or at the tape's end. */
static size_t session_end(const struct hp_tape *tape, double limit)
{
	double sent = 0;
	size_t at = 0;

	if (limit == 0)
		return tape->count;
	while (at < tape->count && sent < limit) {
		sent += !(tape->records[at].flags & HP_FLAG_SNAPSHOT);
		at = datagram_end(tape, at);
	}
	return at;
}

void market_begin(struct hp_exchange *exchange)
{
	struct session *session = &exchange->session;

	session->next_seq = 0;
	session->at = 0;
	session->end = session_end(exchange->tape, session->pace.limit);
	/* Every session has faults of its own; the first ones of two exchanges with one seed are alike. */
	session->faults.state = (uint64_t)exchange->options.seed + (uint64_t)exchange->stats->sessions;
	session->due = session->from_due = 0;
	session->from_at_ns = exchange->tape->records[0].at_ns;
	session->snapshot = 0;
	session->ready = 0;
	session->holding = 0;
	session->base = clock_ticks();
}

/* Moves `due` on to the datagram that begins with `record`. */
static void schedule(struct hp_exchange *exchange, const struct tape_record *record)
{
	struct session *session = &exchange->session;
	uint32_t snapshot = record->flags & HP_FLAG_SNAPSHOT;
	double second = 1e9 / hp_clock.ns_per_tick; /* in ticks */
	double rate = exchange->options.snapshot_rate;

	if (rate == 0)
		rate = session->pace.rate > SNAPSHOT_RATE_MIN ? session->pace.rate : SNAPSHOT_RATE_MIN;
	if (session->snapshot && !snapshot) {
		/* The recording's clock starts over where the snapshot, sent at a pace of its own, ended. */
		session->from_due = session->due;
		session->from_at_ns = record[-1].at_ns;
	}
	session->snapshot = snapshot;
	if (session->at == 0)
		return;
	if (snapshot) {
		session->due += second / rate;
	} else if (session->pace.pace == HP_PACE_RATE) {
		session->due += second / session->pace.rate;
	} else if (session->pace.pace == HP_PACE_RECORDED) {
		double speed = session->pace.speed == 0 ? 1 : session->pace.speed;
		double ns = (double)(record->at_ns - session->from_at_ns) / speed;
		double due = session->from_due + ns / hp_clock.ns_per_tick;

		if (due > session->due) /* real files step back in time now and then: no waiting then */
			session->due = due;
	}
}

/* Encodes the next datagram of the tape, all but its stamp, and takes it off the tape. */
static void encode(struct hp_exchange *exchange, struct frame *frame)
{
	struct session *session = &exchange->session;
	size_t end = datagram_end(exchange->tape, session->at);

	frame->seq = session->next_seq;
	frame->records = 0;
	while (session->at < end) {
		const struct tape_record *record = &exchange->tape->records[session->at++];
		uint32_t last = session->at == session->end ? HP_FLAG_LAST : 0;
		struct lll_record update = {
			.seq = session->next_seq,
			.price = record->price,
			.qty = record->qty,
			.flags = record->flags | last,
		};

		exchange->sent[session->next_seq++ % EXCHANGE_SENT] = 0;
		lll_encode(frame->bytes + frame->records++ * LLL_RECORD_BYTES, &update);
	}
	exchange->stats->sequenced += frame->records;
}

/* Is the datagram that begins at `at` the session's last? */
static int is_last(const struct hp_exchange *exchange, size_t at)
{
	return datagram_end(exchange->tape, at) == exchange->session.end;
}

/* Adds the tape's next datagram to the batch, or what a fault makes of it: none, or two. */
static void add_datagram(struct hp_exchange *exchange)
{
	const struct hp_exchange_options *options = &exchange->options;
	struct hp_exchange_stats *stats = exchange->stats;
	struct session *session = &exchange->session;
	struct frame *frame = &session->batch[session->ready];

	encode(exchange, frame);
	session->ready++;
	if (session->holding) {
		session->batch[session->ready++] = session->kept;
		session->holding = 0;
		stats->reordered++;
	} else if (session->at == session->end) {
		return;
	} else if (random_chance(&session->faults, share(options->loss))) {
		session->ready--;
		stats->dropped++;
	} else if (random_chance(&session->faults, share(options->duplicate))) {
		session->batch[session->ready++] = *frame;
		stats->duplicated++;
	} else if (random_chance(&session->faults, share(options->reorder)) &&
		   !is_last(exchange, session->at)) {
		session->kept = *frame;
		session->holding = 1;
		session->ready--;
	}
}

int market_prepare(struct hp_exchange *exchange)
{
	struct session *session = &exchange->session;
	int flat;

	do {
		if (session->at == session->end)
			break;
		schedule(exchange, &exchange->tape->records[session->at]);
		flat = session->pace.pace == HP_PACE_FLAT && !session->snapshot;
		session->deadline = flat ? 0 : session->base + (uint64_t)session->due;
		add_datagram(exchange);
		/* At flat pace on to a full batch, but never past the paced snapshot into it. */
	} while (!session->ready || (flat && session->ready < EXCHANGE_BATCH));
	return session->ready > 0;
}

static void stamp(struct hp_exchange *exchange, struct frame *frame, uint64_t now, int64_t now_ns)
{
	uint64_t wire = htole64((uint64_t)now_ns);

	for (uint32_t i = 0; i < frame->records; i++) {
		memcpy(frame->bytes + i * LLL_RECORD_BYTES + STAMP_OFFSET, &wire, sizeof(wire));
		exchange->sent[(frame->seq + i) % EXCHANGE_SENT] = now;
	}
}

/* One system call. How many frames it took, or -errno. */
static int transmit(const struct hp_exchange *exchange, struct frame *frames, uint32_t count)
{
	struct mmsghdr messages[EXCHANGE_BATCH + 1];
	struct iovec parts[EXCHANGE_BATCH + 1];
	ssize_t sent;

	if (count == 1) {
		sent = send(exchange->market, frames->bytes, frames->records * LLL_RECORD_BYTES, 0);
		return sent < 0 ? -errno : 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		parts[i] = (struct iovec){frames[i].bytes, frames[i].records * LLL_RECORD_BYTES};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	sent = sendmmsg(exchange->market, messages, count, 0);
	return sent < 0 ? -errno : (int)sent;
}

void market_send(struct hp_exchange *exchange)
{
	struct hp_exchange_stats *stats = exchange->stats;
	struct session *session = &exchange->session;
	uint64_t now = clock_ticks();
	int64_t now_ns = clock_realtime_ns(now);
	uint32_t at = 0, retried = 0;

	for (uint32_t i = 0; i < session->ready; i++)
		stamp(exchange, &session->batch[i], now, now_ns);
	while (at < session->ready && !atomic_load_explicit(&exchange->stop, memory_order_relaxed)) {
		int sent = transmit(exchange, &session->batch[at], session->ready - at);

		/* Refused: nobody listened when an earlier datagram came (ICMP). This one was not sent yet.
		 */
		if (sent == -ECONNREFUSED && !retried) {
			retried = 1;
			continue;
		}
		retried = 0;
		if (sent <= 0) {
			stats->send_failed++;
			at++;
			continue;
		}
		stats->datagrams += sent;
		for (; sent; sent--)
			stats->records += session->batch[at++].records;
	}
	if (session->deadline && now > session->deadline) {
		uint64_t behind = now - session->deadline;

		if (clock_ns(behind) > LATE_NS)
			stats->late += session->ready;
		if (clock_ns(behind) > CATCH_UP_NS)
			session->base += behind;
	}
	session->ready = 0;
}
