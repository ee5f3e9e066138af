/* SPDX-License-Identifier: MIT */
/*
 * Where a packet's messages go: what is next is decoded where it lies, what is ahead of a hole waits in the
 * window, what has come before is dropped. Packets of two lines, or of a line and a re-request server, need
 * not begin at the same numbers; so a packet that is not simply the next one is walked, length by length, and
 * each part of it that is new goes its own way.
 */
#include "feed/stream_inside.h"
#include "measure/clock.h"
#include "measure/histogram.h"

uint32_t stream_whole(const struct stream *stream, const uint8_t *bytes, uint32_t len, uint32_t count)
{
	const uint8_t *at = bytes, *end = bytes + len;

	for (uint32_t whole = 0; whole < count; whole++) {
		if (end - at < 2 || end - at - 2 < (int64_t)stream_length(stream, at))
			return whole;
		at += 2 + stream_length(stream, at);
	}
	return count;
}

void stream_run(struct stream *stream, enum stream_source source, int64_t first, uint32_t count,
		const uint8_t *bytes, uint32_t len)
{
	stream->run = (struct run){.at = bytes, .end = bytes + len, .left = count, .seq = first};
	stream->source = source;
	stream->run_first = first;
	stream->run_count = count;
	stream->run_bytes = bytes;
	stream->past_ends = stream->feed.report->faults[HP_FAULT_PAST_END];
}

/* A line's own numbers: its holes, and what fills them late. */
static void note_line(struct stream *stream, uint32_t number, int64_t first, uint32_t count)
{
	struct stream_line *line = &stream->lines[number];
	struct hp_line_stats *stats = &stream->stats->lines[number];
	int64_t next = line->seen.next, end = first + count;
	uint32_t fresh, ahead;

	if (!line->started) {
		line->started = 1;
		seen_reset(&line->seen, first);
		next = first;
		stream->both = stream->lines[0].started && stream->lines[1].started;
	}
	if (first > next) {
		stats->gaps += 1;
		stats->missing += (double)(first - next);
	}
	ahead = end <= next ? 0 : first >= next ? count : (uint32_t)(end - next);
	fresh = seen_mark(&line->seen, first, count);
	stats->reordered += fresh - ahead;
}

/* How far apart the two lines bring the same packet. */
static void note_skew(struct stream *stream, const struct feed_packet *packet, int64_t seq)
{
	struct arrival *arrival = &stream->arrivals[(uint32_t)seq % STREAM_SKEW];

	if (arrival->seq != seq) {
		*arrival = (struct arrival){.seq = seq, .came = packet->now, .line = packet->line};
		return;
	}
	if (arrival->line == packet->line || arrival->line == FEED_LINES)
		return;
	arrival->line = FEED_LINES;
	histogram_record(&stream->stats->skew,
			 packet->now > arrival->came ? clock_ns(packet->now - arrival->came) : 0);
}

static inline void note(struct stream *stream, const struct feed_packet *packet, int64_t first,
			uint32_t count)
{
	struct stream_line *line;

	stream->stats->lines[packet->line].messages += count;
	if (packet->line >= FEED_LINES)
		return;
	line = &stream->lines[packet->line];
	if (__builtin_expect(line->started && first == line->seen.next, 1))
		seen_mark(&line->seen, first, count);
	else
		note_line(stream, packet->line, first, count);
	if (stream->both)
		note_skew(stream, packet, first);
}

static inline void note_won(struct stream *stream, uint32_t line, uint32_t count)
{
	stream->stats->lines[line].won += count;
	if (__builtin_expect(line >= FEED_LINES, 0))
		stream->stats->recovered += count;
}

/* A number beyond what has come is known to exist. */
static void learn(struct stream *stream, int64_t known, uint64_t now)
{
	if (known <= stream->known)
		return;
	if (stream->known <= stream->window.seen.next)
		stream->known_since = now;
	stream->known = known;
}

/* Part of a packet that nobody has brought yet. */
static void place_part(struct stream *stream, const struct feed_packet *packet, int64_t first, uint32_t count,
		       const uint8_t *bytes, uint32_t len)
{
	struct held what = {
		.seq = first, .came = packet->now, .count = count, .len = len, .line = (uint8_t)packet->line};
	struct hp_stream_stats *stats = stream->stats;

	if (!count)
		return;
	note_won(stream, packet->line, count);
	if (first == stream->expected && !stream->frozen) {
		seen_mark(&stream->window.seen, first, count);
		stream->run_line = packet->line;
		stream_run(stream, SOURCE_PACKET, first, count, bytes, len);
		return;
	}
	window_hold(&stream->window, &what, bytes);
	stats->waiting = stream->window.messages;
	if (stats->waiting > stats->waiting_max)
		stats->waiting_max = stats->waiting;
}

/* Has message `number` come before? Counted; 0: it is new, and neither too late. */
static int is_old(struct stream *stream, struct hp_line_stats *line, int64_t number)
{
	if (seen_has(&stream->window.seen, number)) {
		line->duplicates += 1;
		return 1;
	}
	if (number >= stream->expected)
		return 0;
	line->late += 1;
	seen_mark(&stream->window.seen, number, 1);
	return 1;
}

static void place_parts(struct stream *stream, const struct feed_packet *packet,
			const struct packet_header *header, uint32_t count)
{
	struct hp_line_stats *line = &stream->stats->lines[packet->line];
	const uint8_t *at = header->payload, *from = at;
	int64_t first = header->seq, number = first;

	for (; number < header->seq + count; number++) {
		const uint8_t *next = at + 2 + stream_length(stream, at);

		if (is_old(stream, line, number)) {
			place_part(stream, packet, first, (uint32_t)(number - first), from,
				   (uint32_t)(at - from));
			from = next;
			first = number + 1;
		}
		at = next;
	}
	place_part(stream, packet, first, (uint32_t)(number - first), from, (uint32_t)(at - from));
}

/* There is no room for a packet: 1, give a hole up first; or 0, it was thrown away. */
static int no_room(struct stream *stream, const struct feed_packet *packet,
		   const struct packet_header *header, uint32_t count)
{
	if (stream->window.messages && !stream->asking && !stream->frozen)
		return 1;
	note(stream, packet, header->seq, count);
	stream->stats->overflowed += count;
	learn(stream, header->seq + count, packet->now);
	return 0;
}

/* A packet that is not simply the next one. */
static int place_odd(struct stream *stream, const struct feed_packet *packet,
		     const struct packet_header *header)
{
	uint32_t count = stream_whole(stream, header->payload, header->payload_len, header->count);

	if (header->seq + count > stream->expected &&
	    !window_fits(&stream->window, count, header->payload_len))
		return no_room(stream, packet, header, count);
	if (count < header->count)
		report_fault(stream->feed.report, HP_FAULT_PAST_END, (double)(header->seq + count),
			     packet->data, packet->len);
	note(stream, packet, header->seq, count);
	place_parts(stream, packet, header, count);
	/* What was cut off exists; what a packet only claims to hold may not. */
	learn(stream, header->seq + (packet->truncated ? header->count : count), packet->now);
	return 0;
}

/* All of it has come before, as half of what two lines bring: nothing of it is looked at. */
static inline int is_copy(const struct stream *stream, const struct packet_header *header)
{
	return header->seq < stream->expected && 2 * header->count <= header->payload_len &&
	       seen_all(&stream->window.seen, header->seq, header->count);
}

int stream_place(struct stream *stream, const struct feed_packet *packet, const struct packet_header *header)
{
	struct hp_line_stats *line = &stream->stats->lines[packet->line];
	uint32_t count = header->count;

	if (!count) {
		line->heartbeats += !header->end;
		line->ends += header->end;
		stream->ended |= (int)header->end;
		if (packet->line < FEED_LINES)
			note_line(stream, packet->line, header->seq, 0);
		learn(stream, header->seq, packet->now);
		return 0;
	}
	if (is_copy(stream, header)) {
		note(stream, packet, header->seq, count);
		line->duplicates += count;
		return 0;
	}
	if (__builtin_expect(header->seq != stream->expected || header->seq != stream->window.seen.next ||
				     2 * count > header->payload_len || packet->truncated || stream->frozen,
			     0))
		return place_odd(stream, packet, header);
	note(stream, packet, header->seq, count);
	note_won(stream, packet->line, count);
	seen_mark(&stream->window.seen, header->seq, count);
	stream->run_line = packet->line;
	stream_run(stream, SOURCE_PACKET, header->seq, count, header->payload, header->payload_len);
	if (header->seq + count > stream->known)
		stream->known = header->seq + count;
	return 0;
}
