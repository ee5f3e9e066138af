/* SPDX-License-Identifier: MIT */
/*
 * Where a stream's numbers begin anew. Three kinds of packets break with what came before: of another
 * session, with number 1 again (a new run under the same name, as IEX-TP has them), or farther ahead than the
 * window reaches. Each may also be a damaged or stray datagram, and acting on that would empty good books. So
 * the first such packet is kept, and acted upon when a second one confirms it: one that goes on where it
 * ends, or the same from the other line. After an end of session nothing needs to be confirmed.
 *
 * A line is compared with its own numbers, so one that lags behind the other by any time breaks with nothing.
 * Where the sender stamps its packets (IEX-TP), the stamp tells a new run from late copies of the old one.
 *
 * What this trades away: without stamps, a run that begins anew under the same name within STREAM_BACK
 * messages is taken for copies, and so is one whose number 1 is lost on both lines; each is counted
 * (HP_FAULT_SEQUENCE_BACK) where it falls back farther than that.
 */
#include <string.h>

#include "feed/stream_inside.h"
#include "measure/clock.h"

#define OLD_SESSION_NS 1000000000u /* silence after which messages of an old session are taken again */

enum verdict {
	VERDICT_PLACE,
	VERDICT_REFUSE,
	VERDICT_KEEP, /* it breaks; wait for another one */
	VERDICT_LEAP, /* the break is confirmed, or needs no confirmation */
};

/* Was it sent before this run began, and so belongs to the one before? */
static int is_of_old_run(const struct stream *stream)
{
	return stream->header.sent_ns && stream->header.sent_ns < stream->begun_ns;
}

static int breaks_back(struct stream *stream, const struct stream_line *line)
{
	const struct packet_header *header = &stream->header;
	int64_t end = header->seq + header->count;

	if (!line->started || end >= line->seen.next)
		return 0;
	if (header->sent_ns && header->seq == 1)
		return header->sent_ns > stream->newest_ns;
	return line->seen.next - end > STREAM_BACK;
}

/* Does the packet go on where the outlier ends, or bring it on the other line? */
static int confirms(const struct stream *stream)
{
	const struct outlier *outlier = &stream->outlier;
	const struct packet_header *header = &stream->header;
	int64_t end = outlier->header.seq + outlier->header.count;

	if (!outlier->kind || !stream_same_session(header, outlier->header.session))
		return 0;
	if (header->seq == outlier->header.seq && stream->packet.line != outlier->packet.line)
		return 1;
	return header->seq >= end && header->seq - end <= stream->window.span;
}

static void forget_outlier(struct stream *stream)
{
	struct outlier *outlier = &stream->outlier;

	stream->stats->lines[outlier->packet.line].refused += 1;
	if (outlier->kind == BREAK_RESTART)
		report_fault(stream->feed.report, HP_FAULT_SEQUENCE_BACK, (double)outlier->header.seq,
			     outlier->packet.data, outlier->packet.len);
	outlier->kind = BREAK_NONE;
}

static enum verdict judge_break(struct stream *stream, enum stream_break kind)
{
	struct outlier *outlier = &stream->outlier;

	if (outlier->kind == kind && confirms(stream))
		return VERDICT_LEAP;
	if (outlier->kind == kind && outlier->packet.line == stream->packet.line &&
	    outlier->header.seq == stream->header.seq &&
	    stream_same_session(&stream->header, outlier->header.session))
		return VERDICT_REFUSE; /* a copy confirms nothing */
	if (outlier->kind)
		forget_outlier(stream);
	outlier->kind = kind;
	return VERDICT_KEEP;
}

static enum verdict judge_stranger(struct stream *stream)
{
	if (stream->packet.line >= FEED_LINES)
		return VERDICT_REFUSE;
	if (stream->has_old && stream_same_session(&stream->header, stream->old_session) &&
	    (!stream->header.count || clock_ns(stream->packet.now - stream->last_came) < OLD_SESSION_NS))
		return VERDICT_REFUSE;
	if (stream->outlier.kind != BREAK_SESSION ||
	    !stream_same_session(&stream->header, stream->outlier.header.session))
		report_fault(stream->feed.report, HP_FAULT_SESSION, (double)stream->header.seq,
			     stream->packet.data, stream->packet.len);
	if (stream->ended)
		return VERDICT_LEAP;
	return judge_break(stream, BREAK_SESSION);
}

/* The packet is of this session and within reach, and there is an outlier. Does it confirm a new run? */
static int settles_outlier(struct stream *stream, const struct stream_line *line)
{
	int64_t end = stream->header.seq + stream->header.count;

	if (stream->outlier.kind == BREAK_RESTART && end < line->seen.next && confirms(stream))
		return 1;
	/* Its own line goes on as before. */
	if (stream->outlier.packet.line == stream->packet.line && end > line->seen.next)
		forget_outlier(stream);
	return 0;
}

static inline int is_beyond(const struct stream *stream, const struct packet_header *header)
{
	return header->seq + header->count > stream->expected + stream->window.span;
}

static enum verdict judge(struct stream *stream)
{
	const struct packet_header *header = &stream->header;
	const struct stream_line *line = &stream->lines[stream->packet.line];

	if (!stream->started)
		return stream->packet.line < FEED_LINES ? VERDICT_LEAP : VERDICT_REFUSE;
	if (__builtin_expect(!stream_same_session(header, stream->session), 0))
		return judge_stranger(stream);
	if (__builtin_expect(is_of_old_run(stream), 0))
		return VERDICT_REFUSE;
	if (stream->packet.line >= FEED_LINES)
		return header->seq + header->count <= stream->expected + stream->window.span ? VERDICT_PLACE
											     : VERDICT_REFUSE;
	if (__builtin_expect(header->seq + header->count > stream->expected + stream->window.span, 0))
		return judge_break(stream, BREAK_JUMP);
	if (__builtin_expect(stream->outlier.kind && settles_outlier(stream, line), 0))
		return VERDICT_LEAP;
	if (__builtin_expect(breaks_back(stream, line), 0)) {
		if (header->seq == 1)
			return judge_break(stream, BREAK_RESTART);
		report_fault(stream->feed.report, HP_FAULT_SEQUENCE_BACK, (double)header->seq,
			     stream->packet.data, stream->packet.len);
	}
	return VERDICT_PLACE;
}

static void keep_outlier(struct stream *stream)
{
	struct outlier *outlier = &stream->outlier;
	const struct feed_packet *packet = &stream->packet;
	uint32_t len = packet->len < STREAM_PACKET ? packet->len : STREAM_PACKET;

	memcpy(outlier->bytes, packet->data, len);
	outlier->packet = *packet;
	outlier->packet.data = outlier->bytes;
	outlier->packet.len = len;
	outlier->header = stream->header;
	outlier->header.payload = outlier->bytes + (stream->header.payload - packet->data);
	if (outlier->header.payload_len > len - (outlier->header.payload - outlier->bytes))
		outlier->header.payload_len = len - (uint32_t)(outlier->header.payload - outlier->bytes);
}

void stream_clear(struct stream *stream)
{
	struct feed *feed = &stream->feed;

	feed->ring[feed->tail++ % FEED_RING] = (struct hp_message){
		.kind = HP_MESSAGE_CLEAR,
		.symbol = HP_SYMBOL_ALL,
		.seq = stream->expected,
	};
}

/* A sequence space begins with the packet of this header. */
static void begin(struct stream *stream, const struct packet_header *header)
{
	int64_t first = stream_can_catch_up(stream, header) ? 1 : header->seq;
	int again = stream->started;

	if (stream->started && !stream_same_session(header, stream->session)) {
		memcpy(stream->old_session, stream->session, sizeof(stream->session));
		stream->has_old = 1;
	}
	memcpy(stream->session, header->session, sizeof(stream->session));
	stream->started = 1;
	stream->ended = 0;
	stream->begun_ns = stream->newest_ns = header->sent_ns;
	window_reset(&stream->window, first);
	for (int i = 0; i < FEED_LINES; i++)
		stream->lines[i].started = 0;
	stream->expected = stream->known = first;
	stream->known_since = stream->packet.now;
	stream->given_up_end = 0;
	stream->wanted = 0;
	stream->stats->sessions += 1;
	if (again)
		stream_clear(stream);
	if (first > 1)
		stream_joined_late(stream, first);
	else
		stream->repair_due = stream->asked || stream->broken;
}

/* The break is confirmed. What waits is handed on first. */
static int leap(struct stream *stream)
{
	struct outlier *outlier = &stream->outlier;
	const struct packet_header *header = outlier->kind ? &outlier->header : &stream->header;
	enum stream_break kind = outlier->kind;

	if (stream_stop_repair(stream))
		return STREAM_AGAIN; /* what waited for a snapshot may be next */
	if (stream->window.messages)
		return stream_give_up(stream, stream_hole_end(stream));
	stream->leaping = 0;
	stream->replay = kind != BREAK_NONE;
	outlier->kind = BREAK_NONE;
	if (kind != BREAK_JUMP)
		begin(stream, header);
	else if (is_beyond(stream, header))
		return stream_give_up(stream, header->seq);
	return STREAM_AGAIN;
}

int stream_take(struct stream *stream)
{
	struct outlier *outlier = &stream->outlier;

	if (stream->leaping)
		return leap(stream);
	if (stream->replay) {
		stream->replay = 0;
		stream_place(stream, &outlier->packet, &outlier->header);
		return STREAM_AGAIN;
	}
	switch (judge(stream)) {
	case VERDICT_LEAP:
		stream->leaping = 1;
		return STREAM_AGAIN;
	case VERDICT_PLACE:
		if (stream->header.sent_ns > stream->newest_ns)
			stream->newest_ns = stream->header.sent_ns;
		stream->last_came = stream->packet.now;
		if (stream_place(stream, &stream->packet, &stream->header))
			return stream_give_up(stream, stream_hole_end(stream));
		break;
	case VERDICT_KEEP:
		keep_outlier(stream);
		break;
	case VERDICT_REFUSE:
		stream->stats->lines[stream->packet.line].refused += 1;
		break;
	}
	stream->queued = 0;
	return STREAM_AGAIN;
}
