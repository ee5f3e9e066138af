/* SPDX-License-Identifier: MIT */
/*
 * From packets to messages in order. A packet that brings the next number is decoded where it lies, in
 * batches, and is not copied; everything else goes through the window (window.h). Nothing is decoded before
 * all that lies before it has been handed on, so that gaps and repairs are said exactly where they are.
 *
 *   push() keeps the packet's header; the rest happens in next(), in this order:
 *   what is decoded → what is due to be said → what waits and is next → the packet → holes
 *
 * What this trades away: the decoder sees no further ahead than the packet's end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/recovery.h"
#include "feed/stream_inside.h"
#include "measure/clock.h"
#include "measure/error.h"

#define AHEAD		 16 /* messages decoded beyond the one handed on, while there are more */
#define DEFAULT_HOLE_NS	 1000000u
#define HOLD_MESSAGES	 65536u
#define HOLD_BYTES	 (4u << 20)
#define SNAPSHOT_LOOK_MS 20 /* a snapshot's client has several clocks, none of them fine */

static int is_protocol(const struct stream *stream, uint32_t protocol)
{
	const uint32_t *known = stream->framing->protocols;

	if (stream->decoder->protocol)
		return protocol == stream->decoder->protocol;
	return !known[0] || protocol == known[0] || protocol == known[1];
}

static void stream_push(struct feed *feed, const struct feed_packet *packet)
{
	struct stream *stream = (struct stream *)feed;
	struct hp_line_stats *line = &stream->stats->lines[packet->line];

	line->packets += 1;
	if (stream->framing->read(packet->data, packet->len, &stream->header) ||
	    !is_protocol(stream, stream->header.protocol)) {
		line->refused += 1;
		report_fault(feed->report, HP_FAULT_FRAMING, -1, packet->data, packet->len);
		return;
	}
	stream->packet = *packet;
	stream->queued = 1;
}

/* Decodes on, while there is room in the ring. An empty one is begun at its beginning: most packets fit it
 * whole, which is one call of the decoder. */
static void decode_ahead(struct stream *stream)
{
	struct feed *feed = &stream->feed;
	uint32_t room, to_end;
	int most, got;

	if (feed->head == feed->tail)
		feed->head = feed->tail = (feed->tail + FEED_RING - 1) / FEED_RING * FEED_RING;
	room = FEED_RING - (feed->tail - feed->head);
	to_end = FEED_RING - feed->tail % FEED_RING;
	most = (int)(room < to_end ? room : to_end);
	got = stream->decoder->ops->decode(stream->decoder, &stream->run, &feed->ring[feed->tail % FEED_RING],
					   most);
	feed->tail += (uint32_t)got;
	if (got < most)
		stream->run.left = 0;
	feed->low = stream->run.left ? AHEAD - 1 : 0;
}

/*
 * The run is used up and handed on. Where a message passed its packet's end, what follows it was not read:
 * that has not come.
 */
static void finish_run(struct stream *stream)
{
	struct feed *feed = &stream->feed;
	uint32_t count = stream->run_count;

	if (stream->source == SOURCE_PACKET && feed->report->faults[HP_FAULT_PAST_END] != stream->past_ends) {
		uint32_t whole = stream_whole(stream, stream->run_bytes,
					      (uint32_t)(stream->run.end - stream->run_bytes), count);

		seen_unmark(&stream->window.seen, stream->run_first + whole, count - whole);
		stream->stats->lines[stream->run_line].won -= count - whole;
		if (stream->known == stream->run_first + count)
			stream->known = stream->run_first + whole;
		count = whole;
	}
	if (stream->source == SOURCE_HELD) {
		window_release(&stream->window, stream->held);
		stream->stats->waiting = stream->window.messages;
	}
	if (stream->source != SOURCE_SNAPSHOT) {
		stream->expected = stream->run_first + count;
		stream->stats->delivered += count;
	}
	stream->source = SOURCE_NONE;
}

static int hand_on_gap(struct stream *stream)
{
	stream->gap_due = 0;
	stream->stats->stale = 1;
	return FEED_GAP;
}

static int hand_on_repair(struct stream *stream)
{
	stream->repair_due = 0;
	stream_go_on(&stream->feed);
	return FEED_REPAIR;
}

/* All that is decoded has been handed on. An enum feed_kind, or STREAM_AGAIN. */
static int turn(struct stream *stream, uint64_t now)
{
	if (stream->source)
		finish_run(stream);
	if (stream->gap_due)
		return hand_on_gap(stream);
	if (stream->repair_due)
		return hand_on_repair(stream);
	if (__builtin_expect(stream->wanted, 0) && stream_wants_snapshot(stream, now))
		stream_begin_snapshot(stream, now);
	if (stream->window.messages && !stream->frozen && seen_has(&stream->window.seen, stream->expected)) {
		stream->held = window_at(&stream->window, stream->expected);
		stream_run(stream, SOURCE_HELD, stream->held->seq, stream->held->count, stream->held->bytes,
			   stream->held->len);
		return STREAM_AGAIN;
	}
	if (stream->queued || stream->replay)
		return stream_take(stream);
	stream->feed.waits = stream->expected != stream->known || stream->asked || stream->frozen;
	stream->feed.over = stream->ended && !stream->feed.waits;
	return stream->feed.waits ? stream_look_at_hole(stream, now) : FEED_NONE;
}

static enum feed_kind stream_next(struct feed *feed, const struct hp_message **message, uint64_t now)
{
	struct stream *stream = (struct stream *)feed;
	int kind;

	for (;;) {
		if (stream->run.left && feed->tail - feed->head < AHEAD)
			decode_ahead(stream);
		if (feed->head != feed->tail) {
			*message = &feed->ring[feed->head++ % FEED_RING];
			return FEED_MESSAGE;
		}
		kind = turn(stream, now);
		if (kind != STREAM_AGAIN)
			return (enum feed_kind)kind;
	}
}

static void free_memory(struct stream *stream)
{
	for (int i = 0; i < FEED_LINES; i++)
		seen_close(&stream->lines[i].seen);
	window_close(&stream->window);
	free(stream->arrivals);
	free(stream->outlier.bytes);
	free(stream);
}

static void stream_close(struct feed *feed)
{
	struct stream *stream = (struct stream *)feed;

	recovery_close(stream->recovery);
	if (stream->decoder->ops->close)
		stream->decoder->ops->close(stream->decoder);
	free_memory(stream);
}

void stream_go_on(struct feed *feed)
{
	struct stream *stream = (struct stream *)feed;

	stream->asked = stream->broken = stream->wanted = 0;
	stream->stats->stale = 0;
}

/* ms until `ticks` from now on, rounded up. */
static int ms_until(uint64_t ticks, uint64_t now)
{
	return (int64_t)(ticks - now) <= 0 ? 0 : (int)(clock_ns(ticks - now) / 1000000 + 1);
}

int stream_fds(const struct feed *feed, struct pollfd fds[STREAM_FDS], uint64_t now, int *timeout_ms)
{
	const struct stream *stream = (const struct stream *)feed;
	int count = 0;

	*timeout_ms = -1;
	if (stream->frozen) {
		fds[0].fd = snapshot_fd(stream->recovery->snapshot, &fds[0].events);
		*timeout_ms = SNAPSHOT_LOOK_MS;
		return fds[0].fd >= 0;
	}
	if (stream->asking) {
		fds[count++] = (struct pollfd){.fd = stream->recovery->fd, .events = POLLIN};
		*timeout_ms = ms_until(stream->recovery->due, now);
	} else if (stream->expected != stream->known) {
		*timeout_ms = ms_until(stream_hole_since(stream) + stream->hole_ticks, now);
	}
	return count;
}

static const struct feed_ops stream_ops = {
	.name = "stream",
	.push = stream_push,
	.next = stream_next,
	.close = stream_close,
};

static int take_memory(struct stream *stream)
{
	const struct recovery *recovery = stream->recovery;
	int error = window_open(&stream->window, recovery ? recovery->options.hold_messages : HOLD_MESSAGES,
				recovery ? recovery->options.hold_bytes : HOLD_BYTES);

	if (error)
		return error;
	for (int i = 0; i < FEED_LINES; i++)
		if (seen_open(&stream->lines[i].seen, STREAM_SKEW))
			return fail(ENOMEM, "Cannot open a stream: out of memory");
	stream->arrivals = calloc(STREAM_SKEW, sizeof(*stream->arrivals));
	stream->outlier.bytes = malloc(STREAM_PACKET);
	if (!stream->arrivals || !stream->outlier.bytes)
		return fail(ENOMEM, "Cannot open a stream: out of memory");
	return 0;
}

int stream_open(struct feed **out, const struct framing *framing, struct decoder *decoder,
		struct recovery *recovery, struct hp_stream_stats *stats, uint64_t hole_ns)
{
	struct stream *stream = aligned_alloc(64, (sizeof(*stream) + 63) / 64 * 64);
	int error;

	clock_init();
	if (!stream)
		return fail(ENOMEM, "Cannot open a stream: out of memory");
	memset(stream, 0, sizeof(*stream));
	stream->feed.ops = &stream_ops;
	stream->feed.report = decoder->report;
	stream->framing = framing;
	stream->decoder = decoder;
	stream->recovery = recovery;
	stream->stats = stats;
	stream->hole_ticks = clock_to_ticks(hole_ns ? hole_ns : DEFAULT_HOLE_NS);
	error = take_memory(stream);
	if (error) {
		free_memory(stream);
		return error;
	}
	*out = &stream->feed;
	return 0;
}
