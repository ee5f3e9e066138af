/* SPDX-License-Identifier: MIT */
/*
 * Any datagrams on two lines, into a stream and its decoder. The sanitizers look for memory errors; checked
 * besides is what must hold for any input: a packet is counted on its line, what is handed on can be read and
 * is numbered upwards within a session, gaps are of something, holding has its bound.
 *
 * An input is a run of steps: u16 length (little-endian), u8 (bit 0: line; bit 1: truncated; the rest: how
 * much time passes), `length` bytes of a datagram, fewer at the input's end.
 */
#ifndef HP_FUZZ_STREAM_H
#define HP_FUZZ_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "feed/stream.h"
#include "measure/clock.h"
#include "symbols.h"

#define HOLE_NS 1000

struct fuzzed_stream {
	struct hp_report report;
	struct hp_stream_stats stats;
	struct feed *feed;
	uint64_t now;
	double pushed[FEED_LINES];
	double handed;
	int64_t last;		 /* number handed on */
	struct symbols *symbols; /* kept */
};

typedef int (*decoder_open)(struct decoder **, struct hp_report *, struct symbols *);

static void stream_begin(struct fuzzed_stream *fuzzed, const struct framing *framing, decoder_open open)
{
	struct decoder *decoder;

	memset(fuzzed, 0, offsetof(struct fuzzed_stream, symbols));
	clock_init();
	fresh_symbols(&fuzzed->symbols, 64);
	CHECK(open(&decoder, &fuzzed->report, fuzzed->symbols) == 0);
	CHECK(stream_open(&fuzzed->feed, framing, decoder, NULL, &fuzzed->stats, HOLE_NS) == 0);
	fuzzed->now = 1;
}

/* Takes everything that can be handed on now. */
static void drain(struct fuzzed_stream *fuzzed)
{
	const struct hp_message *message;
	enum feed_kind kind;
	volatile uint8_t read;

	while ((kind = fuzzed->feed->ops->next(fuzzed->feed, &message, fuzzed->now)) != FEED_NONE) {
		if (kind == FEED_GAP)
			CHECK(fuzzed->feed->gap.count > 0 && fuzzed->feed->gap.first >= 0);
		if (kind != FEED_MESSAGE)
			continue;
		CHECK(message->kind < HP_MESSAGE_KINDS);
		for (uint32_t i = 0; i < message->length; i++)
			read = message->bytes[i];
		(void)read;
		/* A session begins with CLEAR, which is numbered as the first message after it. */
		CHECK(message->kind == HP_MESSAGE_CLEAR || message->seq > fuzzed->last);
		fuzzed->last = message->kind == HP_MESSAGE_CLEAR ? message->seq - 1 : message->seq;
		fuzzed->handed++;
	}
}

static void check_stats(const struct fuzzed_stream *fuzzed)
{
	const struct hp_stream_stats *stats = &fuzzed->stats;

	for (int line = 0; line < FEED_LINES; line++) {
		const struct hp_line_stats *of = &stats->lines[line];

		CHECK(of->packets == fuzzed->pushed[line]);
		CHECK(of->heartbeats + of->ends + of->refused <= of->packets);
		CHECK(of->won + of->duplicates <= of->messages);
	}
	CHECK(stats->waiting >= 0 && stats->waiting <= stats->waiting_max);
	CHECK(stats->delivered >= 0 && stats->lost >= 0 && stats->holes <= HP_STREAM_HOLES);
}

static int fuzz_stream(const struct framing *framing, decoder_open open, const uint8_t *data, size_t size)
{
	static struct fuzzed_stream fuzzed;

	stream_begin(&fuzzed, framing, open);
	while (size >= 3) {
		uint32_t length = data[0] | (uint32_t)data[1] << 8, how = data[2];
		struct feed_packet packet = {.truncated = how >> 1 & 1, .line = how & 1};
		uint8_t *exact;

		data += 3;
		size -= 3;
		if (length > size)
			length = (uint32_t)size;
		/* A copy of exactly that size: reading past a datagram must show. */
		exact = malloc(length ? length : 1);
		CHECK(exact);
		if (length)
			memcpy(exact, data, length);
		fuzzed.now += clock_to_ticks(HOLE_NS) * (how >> 2) / 32;
		packet.data = exact;
		packet.len = length;
		packet.now = fuzzed.now;
		fuzzed.feed->ops->push(fuzzed.feed, &packet);
		fuzzed.pushed[packet.line]++;
		drain(&fuzzed);
		free(exact);
		check_stats(&fuzzed);
		data += length;
		size -= length;
	}
	fuzzed.feed->ops->close(fuzzed.feed);
	return 0;
}

#endif
