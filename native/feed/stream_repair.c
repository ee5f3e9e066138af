/* SPDX-License-Identifier: MIT */
/*
 * Holes: how old they are, and what is done about them. A hole is as old as the oldest message that waits
 * behind it; one behind which nothing waits (a heartbeat told of it) as the knowledge of it.
 */
#include "feed/stream_inside.h"

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

/* The numbers up to `end` are passed over. */
static void pass_over(struct stream *stream, int64_t end)
{
	stream->expected = end;
	if (end > stream->known)
		stream->known = end;
	if (end > stream->window.seen.next)
		seen_mark(&stream->window.seen, end, 0);
}

int stream_give_up(struct stream *stream, int64_t end)
{
	stream->feed.gap = (struct feed_gap){
		.first = stream->expected,
		.count = end - stream->expected,
		.lost = 1,
	};
	list_hole(stream->stats, stream->expected, end);
	pass_over(stream, end);
	stream->broken = 1;
	stream->stats->stale = 1;
	return FEED_GAP;
}

void stream_joined_late(struct stream *stream, int64_t first)
{
	stream->feed.gap = (struct feed_gap){.first = 1, .count = first - 1, .lost = 1};
	stream->gap_due = 1;
	stream->broken = 1;
}

static uint64_t hole_since(const struct stream *stream)
{
	return stream->window.messages ? window_oldest(&stream->window) : stream->known_since;
}

int stream_look_at_hole(struct stream *stream, uint64_t now)
{
	/* Signed: stamps of two cores can be a little out of order. */
	if ((int64_t)(now - hole_since(stream)) < (int64_t)stream->hole_ticks)
		return FEED_NONE;
	return stream_give_up(stream, stream_hole_end(stream));
}
