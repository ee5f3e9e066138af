// SPDX-License-Identifier: MIT
/*
 * Captures as a feed's packets: of one file the flows that carry the same session, of two files line A and
 * line B, merged by their recorded stamps, which are also the time by which a hole grows old. So it does not
 * matter how fast a file is read, and reading it twice gives the same. Captures are in memory whole (2 GiB at
 * most, rx/capture.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed/stream.h"
#include "lab/reader.h"
#include "measure/clock.h"
#include "measure/error.h"

static const char *const feed_names[] = {"itch50", "deep", "tops", "lll"};

/* ---- which flows ---- */

/* Most of it reads as that feed, or may be nothing else. */
static int qualifies(const struct reader_flow *flow, int feed, int forced)
{
	return forced ? flow->fits[feed] > 0
		      : flow->whole[feed] > 0 && 2 * flow->fits[feed] >= flow->datagrams;
}

/* The flow with most packets of `feed`, of all files; NULL = there is none. */
static struct reader_flow *largest(struct hp_reader *reader, int feed, int forced)
{
	struct reader_flow *best = NULL;

	for (uint32_t i = 0; i < reader->files; i++) {
		struct reader_flows *flows = &reader->lines[i]->flows;

		for (uint32_t n = 0; n < flows->count; n++) {
			struct reader_flow *flow = &flows->flows[n];

			if (qualifies(flow, feed, forced) && (!best || flow->fits[feed] > best->fits[feed]))
				best = flow;
		}
	}
	return best;
}

static struct reader_flow *choose_feed(struct hp_reader *reader, int *chosen)
{
	struct reader_flow *best = NULL;

	if (reader->options.feed >= 0) {
		*chosen = reader->options.feed;
		return largest(reader, *chosen, 1);
	}
	for (int feed = 0; feed < HP_READER_TARDIS; feed++) {
		struct reader_flow *flow = largest(reader, feed, 0);

		if (flow && (!best || flow->fits[feed] > best->fits[*chosen])) {
			best = flow;
			*chosen = feed;
		}
	}
	return best;
}

static int no_market_data(const struct hp_reader *reader)
{
	const struct reader_line *line = reader->lines[0];

	if (!line->flows.count)
		return fail(ENODATA, "Cannot read \"%s\": there is no UDP datagram in it",
			    line->capture.path);
	if (reader->options.feed >= 0)
		return fail(ENODATA, "Cannot read \"%s\" as %s: no UDP datagram in it has such a header",
			    line->capture.path, feed_names[reader->options.feed]);
	if (line->flows.unread)
		return fail(
			ENOTSUP,
			"Cannot read \"%s\": its IEX-TP packets carry protocol 0x%04x; DEEP 1.0 (0x8004) and "
			"TOPS 1.6 (0x8003) can be read",
			line->capture.path, line->flows.unread);
	return fail(ENODATA,
		    "Cannot read \"%s\": none of its %u UDP flows is MoldUDP64, IEX-TP or lll; --feed takes "
		    "whatever has such a header",
		    line->capture.path, line->flows.count);
}

/* Takes the flows of one file that carry that session. How many. */
static uint32_t take_flows(struct hp_reader *reader, uint32_t file, int feed, const uint64_t *session)
{
	struct reader_flows *flows = &reader->lines[file]->flows;
	int forced = reader->options.feed >= 0;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < flows->count; i++) {
		struct reader_flow *flow = &flows->flows[i];

		if (!qualifies(flow, feed, forced) ||
		    memcmp(flow->sessions[feed], session, sizeof(flow->sessions[feed])))
			continue;
		if (reader->files == 1 && taken == FEED_LINES)
			break;
		flow->taken = 1;
		flow->line = reader->files == 1 ? taken : file;
		taken++;
	}
	reader->stats->flows += taken;
	return taken;
}

static void note_ignored(struct hp_reader *reader)
{
	const struct reader_flow *first = NULL;
	char ip[INET_ADDRSTRLEN];
	double datagrams = 0;
	uint32_t others = 0;

	for (uint32_t i = 0; i < reader->files; i++) {
		const struct reader_flows *flows = &reader->lines[i]->flows;

		for (uint32_t n = 0; n < flows->count; n++) {
			if (flows->flows[n].taken)
				continue;
			first = first ? first : &flows->flows[n];
			datagrams += flows->flows[n].datagrams;
			others++;
		}
	}
	if (!others)
		return;
	inet_ntop(AF_INET, &first->ip, ip, sizeof(ip));
	snprintf(reader->stats->note, sizeof(reader->stats->note),
		 "%u other %s ignored (%.0f datagrams), the first to %s:%u", others,
		 others == 1 ? "flow was" : "flows were", datagrams, ip, ntohs(first->port));
}

static int choose_flows(struct hp_reader *reader)
{
	struct reader_flow *main;
	int feed = 0;

	for (uint32_t i = 0; i < reader->files; i++)
		reader_flows_find(reader->lines[i]);
	main = choose_feed(reader, &feed);
	if (!main)
		return no_market_data(reader);
	reader->stats->feed = feed;
	for (uint32_t i = 0; i < reader->files; i++)
		if (!take_flows(reader, i, feed, main->sessions[feed]))
			return fail(
				EINVAL,
				"Cannot read \"%s\" and \"%s\" as lines A and B: the second is no %s of the "
				"session that the first is of; read them one by one",
				reader->options.files[0], reader->options.files[1], feed_names[feed]);
	note_ignored(reader);
	return 0;
}

/* ---- playing them ---- */

/* Goes to the next packet of a flow that is taken. */
static void advance(struct hp_reader *reader, struct reader_line *line)
{
	struct hp_reader_stats *stats = reader->stats;
	const struct reader_flow *flow;
	int code;

	line->left = 0;
	while ((code = capture_next(&line->capture, &line->packet)) > 0) {
		if (capture_datagram(&line->packet, &line->found) != DISSECT_OURS) {
			stats->not_udp += 1;
			continue;
		}
		flow = reader_flow_of(&line->flows, &line->found);
		if (flow && flow->taken) {
			stats->datagrams += 1;
			line->line = flow->line;
			line->left = 1;
			return;
		}
		stats->ignored += 1;
	}
	if (code < 0)
		reader_trouble(reader);
}

static struct reader_line *next_line(struct hp_reader *reader)
{
	struct reader_line *next = NULL;

	for (uint32_t i = 0; i < reader->files; i++) {
		struct reader_line *line = reader->lines[i];

		if (line->left && (!next || line->packet.stamp_ns < next->packet.stamp_ns))
			next = line;
	}
	return next;
}

/* Recorded time goes forward only: packets swapped on the wire come at the time of the one before. */
static void go_to(struct hp_reader *reader, int64_t stamp_ns)
{
	uint64_t now;

	if (!reader->first_ns)
		reader->first_ns = stamp_ns;
	if (!stamp_ns || stamp_ns < reader->first_ns)
		return;
	now = reader->first + clock_to_ticks((uint64_t)(stamp_ns - reader->first_ns));
	if (now > reader->now)
		reader->now = now;
}

static int capture_pump(struct hp_reader *reader)
{
	struct reader_line *line = next_line(reader);
	struct feed_packet packet;
	double at = 0;

	if (!line)
		return 0;
	go_to(reader, line->packet.stamp_ns);
	packet = (struct feed_packet){
		.data = line->found.payload,
		.len = line->found.there,
		.truncated = line->found.there < line->found.len,
		.line = line->line,
		.now = reader->now,
	};
	advance(reader, line);
	for (uint32_t i = 0; i < reader->files; i++)
		at += reader->lines[i]->disk * (double)reader->lines[i]->capture.at /
		      (double)reader->lines[i]->capture.size;
	reader->stats->at = at;
	reader->feed->ops->push(reader->feed, &packet);
	return 1;
}

/* ---- opening ---- */

static int open_feed(struct hp_reader *reader)
{
	int kind = reader->stats->feed;
	int32_t feed = kind == HP_READER_ITCH50 ? HP_FEED_ITCH50
		       : kind == HP_READER_DEEP ? HP_FEED_DEEP
						: HP_FEED_TOPS;
	struct decoder *decoder;
	int error;

	if (kind == HP_READER_LLL)
		return reader_open_lll(reader);
	error = decoder_open_feed(&decoder, feed, NULL, reader->report, &reader->symbols);
	if (error)
		return error;
	reader->stats->levels_only = feed != HP_FEED_ITCH50;
	reader->stats->price_scale = decoder->ops->price_scale;
	reader->stats->qty_scale = decoder->ops->qty_scale;
	error = stream_open(&reader->feed, framing_of_feed(feed), decoder, NULL, reader->stream,
			    (uint64_t)reader->options.hole_ns);
	if (error)
		decoder->ops->close(decoder);
	return error;
}

static int load(struct hp_reader *reader, uint32_t file)
{
	struct reader_line *line = calloc(1, sizeof(*line));
	struct reader_bytes bytes = {0};
	int error;

	if (!line)
		return fail(ENOMEM, "Cannot read \"%s\": out of memory", reader->options.files[file]);
	reader->lines[file] = line;
	error = reader_bytes_open(&bytes, reader->options.files[file]);
	if (error)
		return error;
	line->disk = bytes.size;
	reader_bytes_close(&bytes);
	return capture_open(&line->capture, reader->options.files[file]);
}

int reader_open_captures(struct hp_reader *reader)
{
	int error = 0;

	reader->pump = capture_pump;
	reader->stats->capture = 1;
	reader->stats->size = 0;
	for (uint32_t i = 0; i < reader->files && !error; i++) {
		error = load(reader, i);
		reader->stats->size += error ? 0 : reader->lines[i]->disk;
	}
	error = error ? error : choose_flows(reader);
	error = error ? error : open_feed(reader);
	for (uint32_t i = 0; i < reader->files && !error; i++)
		advance(reader, reader->lines[i]);
	return error;
}
