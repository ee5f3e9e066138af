/* SPDX-License-Identifier: MIT */
/*
 * Books from a snapshot: while it comes in, all live messages are held; then those it does not contain
 * follow, and books are good again.
 *
 *   GAP (lost 1) ──► CLEAR, messages (HP_FLAG_SNAPSHOT) ... ──► live messages from the stated number on ──►
 * REPAIR
 *
 * A snapshot that ends before the first number held leaves a hole, which is asked for where that is possible;
 * where not, the snapshot is taken again. After the last attempt what is held is handed on as it is, books
 * stay broken, and for as long as all attempts may take no other one is begun.
 */
#include "feed/recovery.h"
#include "feed/stream_inside.h"
#include "measure/clock.h"

#define MS 1000000u

int stream_wants_snapshot(const struct stream *stream, uint64_t now)
{
	return stream->wanted && !stream->frozen && stream->recovery && stream->recovery->snapshot &&
	       (int64_t)(now - stream->not_before) >= 0;
}

void stream_begin_snapshot(struct stream *stream, uint64_t now)
{
	stream->wanted = 0;
	stream->frozen = 1;
	stream->asking = 0;
	stream->begun = 0;
	stream->pause = 0;
	snapshot_start(stream->recovery->snapshot, now);
}

/* What waits and is older than `next` is in the snapshot. */
static void drop_superseded(struct stream *stream, int64_t next)
{
	struct window *window = &stream->window;
	int64_t at = stream->expected;

	stream->stats->superseded += (double)(next - at);
	while (at < next && at < window->seen.next) {
		struct held *held;

		if (!seen_has(&window->seen, at)) {
			at = seen_find(&window->seen, at);
			continue;
		}
		held = window_at(window, at);
		at += held->count;
		if (at <= next) {
			window_release(window, held);
		} else {
			uint32_t old = held->count - (uint32_t)(at - next);
			const uint8_t *end = held->bytes;

			for (uint32_t i = 0; i < old; i++)
				end += 2 + stream_length(stream, end);
			window_cut(window, held, old, (uint32_t)(end - held->bytes));
		}
	}
	stream->stats->waiting = window->messages;
	stream_pass_over(stream, next);
}

static int failed(struct stream *stream, uint64_t now)
{
	const struct hp_recovery_options *options = &stream->recovery->options;

	if (stream->begun)
		stream_clear(stream); /* of half a book nothing is right */
	stream->frozen = 0;
	stream->not_before =
		now + clock_to_ticks((uint64_t)options->snapshot_ms * options->snapshot_attempts * MS);
	stream->stats->gave_up += 1;
	return STREAM_AGAIN;
}

/* It is complete; `next` is the first number it does not contain. */
static int done(struct stream *stream, int64_t next, uint64_t now)
{
	int64_t back = stream->expected - next;

	/* A hole before what is held can be asked for only while none of it has been handed on. */
	if (back > 0 &&
	    (seen_has(&stream->window.seen, stream->expected - 1) ||
	     !recovery_can_ask(stream->recovery, back) || stream->known - next > stream->window.span)) {
		if (snapshot_reject(stream->recovery->snapshot, now, "it is older than what came live") ==
		    SNAPSHOT_FAILED)
			return failed(stream, now);
		return FEED_NONE;
	}
	if (back > 0)
		stream->expected = next;
	else
		drop_superseded(stream, next);
	stream->frozen = 0;
	stream->broken = 0;
	stream->asked = 1; /* REPAIR as soon as nothing is missing */
	stream->given_up_end = 0;
	stream->stats->snapshots += 1;
	return STREAM_AGAIN;
}

int stream_take_snapshot(struct stream *stream, uint64_t now)
{
	struct run run;
	int64_t next;

	if (stream->pause) {
		stream->pause = 0;
		return FEED_NONE;
	}
	switch (snapshot_poll(stream->recovery->snapshot, now, &run, &next)) {
	case SNAPSHOT_BEGINS:
		stream->begun = 1;
		stream_clear(stream);
		return STREAM_AGAIN;
	case SNAPSHOT_RUN:
		/* However fast it comes in, the owner must look at its wires. */
		stream->pause = 1;
		stream->run = run;
		stream->source = SOURCE_SNAPSHOT;
		return STREAM_AGAIN;
	case SNAPSHOT_DONE:
		return done(stream, next, now);
	case SNAPSHOT_FAILED:
		return failed(stream, now);
	case SNAPSHOT_NOTHING:
		break;
	}
	return FEED_NONE;
}
