/* SPDX-License-Identifier: MIT */
/*
 * From datagrams to records in sequence. UDP loses, repeats and reorders; a book needs every record once and
 * in order, or must be told what it missed. A record that is the next expected one is handed on at once and
 * never stored. One that comes early waits, decoded, in a window of 64 slots (slot = seq % 64) until the hole
 * before it is filled, or is given up:
 *
 *   - by age: the record that has waited longest came hole_ns ago;
 *   - by need: a record 64 or more ahead of the next expected one has come, so that it would not fit;
 *   - by a restart: the sender has begun a new session.
 *
 * A hole given up is reported as one gap, then the records behind it follow: none that came is thrown away. A
 * hole is given up whole, however long, in one step, so no sequence number a sender can write makes us loop
 * for longer than the window.
 *
 * What this trades away: a record that comes after its hole was given up counts as a duplicate. Nothing
 * authenticates the sender, so a forged record far ahead silences the rest of its session. Sessions carry no
 * name, so a restart is guessed: a copy of a snapshot's first records that comes later than the window is
 * long is taken for one, and a session whose predecessor's end and whose own first 64 records are all lost is
 * taken for old records.
 */
#include <errno.h>
#include <string.h>

#include "feed/feed.h"
#include "feed/lll.h"
#include "feed/sequencer.h"
#include "measure/clock.h"

#define DEFAULT_HOLE_NS 1000000u
#define SEQ_MAX		(INT64_C(1) << 53) /* seq crosses the ABI in a double */

_Static_assert(SEQUENCER_WINDOW == 64, "one bit of `present` a slot");

void sequencer_init(struct sequencer *feed, struct hp_feed_stats *stats, struct hp_report *report,
		    uint64_t hole_ns)
{
	clock_init();
	memset(feed, 0, sizeof(*feed));
	feed->stats = stats;
	feed->report = report;
	feed->hole_ticks = clock_to_ticks(hole_ns ? hole_ns : DEFAULT_HOLE_NS);
}

/* Of what was refused first, its bytes: the datagram's when its size was wrong, else the record's. */
static void keep_example(struct hp_feed_stats *stats, const uint8_t *bytes, uint32_t len)
{
	if (stats->example_len || !len)
		return;
	if (len > sizeof(stats->example))
		len = sizeof(stats->example);
	memcpy(stats->example, bytes, len);
	stats->example_len = len;
}

void sequencer_push(struct sequencer *feed, const uint8_t *data, uint32_t len, uint32_t truncated)
{
	feed->stats->datagrams += 1;
	feed->data = data;
	feed->left = len;
	if (truncated || !len || len % LLL_RECORD_BYTES || len > LLL_RECORDS_MAX * LLL_RECORD_BYTES) {
		feed->stats->bad_size += 1;
		keep_example(feed->stats, data, len);
		report_fault(feed->report, HP_FAULT_FRAMING, -1, data, len);
		feed->left = 0;
	}
}

static inline uint32_t slot_of(int64_t seq)
{
	return (uint32_t)seq % SEQUENCER_WINDOW;
}

static inline int is_waiting(const struct sequencer *feed, int64_t seq)
{
	return feed->present >> slot_of(seq) & 1;
}

/* Gives up the hole that begins at `expected` and ends before `end`. */
static void declare_gap(struct sequencer *feed, int64_t end)
{
	feed->gap_from = feed->expected;
	feed->gap_count = end - feed->expected;
	feed->expected = end;
	feed->stats->gaps += 1;
	feed->stats->lost += (double)feed->gap_count;
}

/* Sequence number of the first record in the window; only while something waits. */
static int64_t first_waiting(const struct sequencer *feed)
{
	uint32_t slot = slot_of(feed->expected);
	uint64_t ahead = feed->present >> slot | feed->present << (-slot % SEQUENCER_WINDOW);

	return feed->expected + __builtin_ctzll(ahead);
}

static int report_gap(struct sequencer *feed, struct sequenced *out)
{
	memset(out, 0, sizeof(*out));
	out->seq = feed->gap_from;
	out->count = feed->gap_count;
	feed->gap_count = 0;
	return SEQUENCED_GAP;
}

static inline int hand_on(struct sequencer *feed, const struct lll_record *record, struct sequenced *out)
{
	out->seq = record->seq;
	out->sent_ns = record->sent_ns;
	out->price = record->price;
	out->qty = record->qty;
	out->flags = record->flags;
	out->fresh = feed->fresh;
	out->count = 0;
	feed->fresh = 0;
	feed->expected = record->seq + 1;
	feed->stats->delivered += 1;
	feed->report->messages[LLL_TYPE_UPDATE] += 1;
	if (record->flags & HP_FLAG_LAST) {
		feed->ended = 1;
		feed->ended_ns = record->sent_ns;
	}
	return SEQUENCED_UPDATE;
}

/* The hole now in front is as old as the record that has waited longest behind it. */
static void find_hole_age(struct sequencer *feed)
{
	uint64_t oldest = UINT64_MAX;

	for (uint64_t rest = feed->present; rest; rest &= rest - 1) {
		uint64_t came = feed->came[__builtin_ctzll(rest)];

		if (came < oldest)
			oldest = came;
	}
	feed->hole_since = oldest;
}

static int hand_on_waiting(struct sequencer *feed, struct sequenced *out)
{
	uint32_t slot = slot_of(feed->expected);

	feed->present &= ~(UINT64_C(1) << slot);
	feed->waiting--;
	feed->stats->reordered += 1;
	hand_on(feed, &feed->window[slot], out);
	if (feed->waiting && !is_waiting(feed, feed->expected))
		find_hole_age(feed);
	return SEQUENCED_UPDATE;
}

static void let_wait(struct sequencer *feed, const struct lll_record *record, uint64_t now)
{
	uint32_t slot = slot_of(record->seq);

	if (!feed->waiting++)
		feed->hole_since = now;
	feed->present |= UINT64_C(1) << slot;
	feed->window[slot] = *record;
	feed->came[slot] = now;
}

static void begin_session(struct sequencer *feed, int64_t first)
{
	feed->started = 1;
	feed->ended = 0;
	feed->expected = first;
	feed->fresh = 1;
	feed->stats->sessions += 1;
}

/*
 * A small sequence number means a restart after the session's last record, or when it is far behind and
 * belongs to a snapshot, with which every session begins. In a session that ended within the window's length
 * a late copy of one of its own records looks the same; there the sender's stamp tells (0: it gives none).
 */
static int is_restart(const struct sequencer *feed, const struct lll_record *record)
{
	if (record->seq >= SEQUENCER_WINDOW)
		return 0;
	if (record->seq + SEQUENCER_WINDOW < feed->expected)
		return feed->ended || record->flags & HP_FLAG_SNAPSHOT;
	return feed->ended && (!record->sent_ns || record->sent_ns > feed->ended_ns);
}

/* Decodes and judges the datagram's next record. 0: it is to be counted as bad, and has been. */
static int read_record(struct sequencer *feed, struct lll_record *record)
{
	int error = lll_decode(feed->data, record);
	enum hp_fault fault = error == -EBADMSG ? HP_FAULT_UNKNOWN_TYPE : HP_FAULT_BAD_VALUE;

	if (!error && record->seq >= 0 && record->seq <= SEQ_MAX)
		return 1;
	if (fault == HP_FAULT_UNKNOWN_TYPE)
		feed->stats->bad_type += 1;
	else
		feed->stats->bad_value += 1;
	keep_example(feed->stats, feed->data, LLL_RECORD_BYTES);
	feed->report->messages[feed->data[0]] += 1;
	report_fault(feed->report, fault, error == -EBADMSG ? -1 : (double)record->seq, feed->data,
		     LLL_RECORD_BYTES);
	return 0;
}

static inline void consume(struct sequencer *feed)
{
	feed->data += LLL_RECORD_BYTES;
	feed->left -= LLL_RECORD_BYTES;
	feed->stats->records += 1;
}

/*
 * Looks at the datagram's next record. SEQUENCED_UPDATE: it was handed on. SEQUENCED_GAP: a hole was given up
 * for it and it stays unread until that is reported. SEQUENCED_NONE: it was put somewhere else, the caller
 * looks again.
 */
static inline int take_record(struct sequencer *feed, struct sequenced *out, uint64_t now)
{
	struct lll_record record;

	if (!read_record(feed, &record)) {
		consume(feed);
		return SEQUENCED_NONE;
	}
	if (!feed->started) {
		begin_session(feed, record.seq < SEQUENCER_WINDOW ? 0 : record.seq);
	} else if (__builtin_expect(is_restart(feed, &record), 0)) {
		if (feed->waiting) {
			declare_gap(feed, first_waiting(feed));
			return SEQUENCED_GAP;
		}
		begin_session(feed, 0);
	}
	if (record.seq >= feed->expected + SEQUENCER_WINDOW) {
		declare_gap(feed, feed->waiting ? first_waiting(feed) : record.seq);
		return SEQUENCED_GAP;
	}

	consume(feed);
	if (feed->left)
		record.flags |= HP_FLAG_MORE;
	if (record.seq == feed->expected)
		return hand_on(feed, &record, out);
	if (record.seq < feed->expected || is_waiting(feed, record.seq))
		feed->stats->duplicates += 1;
	else
		let_wait(feed, &record, now);
	return SEQUENCED_NONE;
}

int sequencer_next(struct sequencer *feed, struct sequenced *out, uint64_t now)
{
	for (;;) {
		if (feed->gap_count)
			return report_gap(feed, out);
		if (feed->waiting && is_waiting(feed, feed->expected))
			return hand_on_waiting(feed, out);
		if (feed->left) {
			if (take_record(feed, out, now) == SEQUENCED_UPDATE)
				return SEQUENCED_UPDATE;
			continue;
		}
		/* Only once the datagram is used up: it may have filled the hole. Signed: stamps of two
		 * cores can be a little out of order. */
		if (!feed->waiting || (int64_t)(now - feed->hole_since) < (int64_t)feed->hole_ticks)
			return SEQUENCED_NONE;
		declare_gap(feed, first_waiting(feed));
	}
}
