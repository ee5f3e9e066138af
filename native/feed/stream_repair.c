/* SPDX-License-Identifier: MIT */
/*
 * Holes: how old they are, and what is done about them. A hole is as old as the oldest message that waits
 * behind it; one behind which nothing waits (a heartbeat told of it) as the knowledge of it. An old one is
 * asked for, where there is a server and the hole is not too long for it, and else given up:
 *
 *   hole ──hole_ns──► asked for (GAP, lost 0) ──► filled; REPAIR once nothing at all is missing
 *                          │ no answer, too slow
 *   too long ──────────────┴──► given up (GAP, lost 1) ──► snapshot (stream_snapshot.c), REPAIR; or none
 */
#include "feed/recovery.h"
#include "feed/stream_inside.h"
#include "measure/clock.h"
#include "measure/histogram.h"

int64_t stream_hole_end(const struct stream *stream)
{
	int64_t end = seen_find(&stream->window.seen, stream->expected);

	return end < stream->window.seen.next ? end : stream->known;
}

static void list_hole(struct hp_stream_stats *stats, int64_t first, int64_t end)
{
	uint32_t at = (uint32_t)stats->holes;

	stats->gaps += 1;
	stats->lost += (double)(end - first);
	if (at >= HP_STREAM_HOLES)
		return;
	stats->first_hole[at] = (double)first;
	stats->last_hole[at] = (double)(end - 1);
	stats->holes += 1;
}

void stream_pass_over(struct stream *stream, int64_t end)
{
	stream->expected = end;
	if (end > stream->known)
		stream->known = end;
	if (end > stream->window.seen.next)
		seen_mark(&stream->window.seen, end, 0);
}

static int say_gap(struct stream *stream, int64_t first, int64_t end, int lost)
{
	stream->feed.gap = (struct feed_gap){.first = first, .count = end - first, .lost = lost};
	stream->stats->stale = 1;
	stream->asked |= !lost;
	stream->broken |= lost;
	stream->wanted |= lost;
	return FEED_GAP;
}

int stream_give_up(struct stream *stream, int64_t end)
{
	int64_t first = stream->expected;

	list_hole(stream->stats, first, end);
	stream_pass_over(stream, end);
	return say_gap(stream, first, end, 1);
}

void stream_joined_late(struct stream *stream, int64_t first)
{
	say_gap(stream, 1, first, 1);
	stream->gap_due = 1;
}

uint64_t stream_hole_since(const struct stream *stream)
{
	return stream->window.messages ? window_oldest(&stream->window) : stream->known_since;
}

int stream_can_catch_up(const struct stream *stream, const struct packet_header *header)
{
	return header->seq <= STREAM_NEAR || (recovery_can_ask(stream->recovery, header->seq - 1) &&
					      header->seq + header->count - 1 <= stream->window.span);
}

int stream_stop_repair(struct stream *stream)
{
	if (stream->frozen) {
		snapshot_stop(stream->recovery->snapshot);
		if (stream->begun)
			stream_clear(stream);
		stream->frozen = 0;
		return 1;
	}
	stream->asking = 0;
	return 0;
}

static int ask(struct stream *stream, uint64_t now)
{
	int64_t end = stream_hole_end(stream);
	struct packet_header like = {.session = {stream->session[0], stream->session[1]}};

	stream->asking = 1;
	stream->ask_end = end;
	recovery_ask(stream->recovery, &like, stream->expected, end, now);
	return say_gap(stream, stream->expected, end, 0);
}

/* A request is under way. */
static int await_answer(struct stream *stream, uint64_t now)
{
	struct recovery *recovery = stream->recovery;
	struct feed_packet packet;

	if (stream->expected >= stream->ask_end) {
		stream->asking = 0;
		histogram_record(&stream->stats->repair,
				 now > recovery->since ? clock_ns(now - recovery->since) : 0);
		return STREAM_AGAIN;
	}
	switch (recovery_poll(recovery, stream->expected, now, &packet)) {
	case RECOVERY_PACKET:
		stream->feed.ops->push(&stream->feed, &packet);
		return STREAM_AGAIN;
	case RECOVERY_GAVE_UP:
		stream->asking = 0;
		stream->given_up_end = stream->ask_end;
		return STREAM_AGAIN;
	case RECOVERY_NOTHING:
		break;
	}
	return FEED_NONE;
}

int stream_look_at_hole(struct stream *stream, uint64_t now)
{
	if (stream->frozen)
		return stream_take_snapshot(stream, now);
	if (stream->asking)
		return await_answer(stream, now);
	if (stream->expected == stream->known) {
		stream->repair_due = stream->asked && !stream->broken;
		stream->asked = 0;
		return stream->repair_due ? STREAM_AGAIN : FEED_NONE;
	}
	if (stream->expected < stream->given_up_end)
		return stream_give_up(stream, stream_hole_end(stream));
	/* Signed: stamps of two cores can be a little out of order. */
	if ((int64_t)(now - stream_hole_since(stream)) < (int64_t)stream->hole_ticks)
		return FEED_NONE;
	if (recovery_can_ask(stream->recovery, stream_hole_end(stream) - stream->expected))
		return ask(stream, now);
	return stream_give_up(stream, stream_hole_end(stream));
}
