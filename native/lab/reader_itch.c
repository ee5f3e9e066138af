// SPDX-License-Identifier: MIT
/*
 * A length-prefixed ITCH 5.0 file, a piece of it in memory at a time. The decoder is given whole messages
 * only: what is cut by the end of a piece is moved to the beginning of the next. Messages are decoded a few
 * at a time into the feed's ring, so that the loop can fetch what those to come will touch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/itch50.h"
#include "feed/run.h"
#include "lab/reader.h"
#include "measure/error.h"

#define REFILL 16u /* messages left in the ring when it is filled again */

struct itch_file {
	struct feed feed;
	struct decoder *decoder;
	struct run run; /* whole messages of the piece */
	size_t have;	/* bytes in it, the cut message behind the run included */
	double begins;	/* where the piece begins in the file, unpacked */
	uint8_t piece[READER_PIECE];
};

/* The end of the last whole message from `at` on. */
static const uint8_t *whole_messages(const uint8_t *at, const uint8_t *end)
{
	while (end - at > 2) {
		uint32_t length = load_be16(at);

		length = length ? length : itch50_length(at[2]); /* as the decoder has it */
		if (end - at - 2 < (ptrdiff_t)length)
			break;
		at += 2 + length;
	}
	return at;
}

static void fill(struct itch_file *file)
{
	uint32_t at = file->feed.tail % FEED_RING;
	uint32_t room = FEED_RING - (file->feed.tail - file->feed.head);

	room = room < FEED_RING - at ? room : FEED_RING - at;
	file->feed.tail += (uint32_t)file->decoder->ops->decode(file->decoder, &file->run,
								&file->feed.ring[at], (int)room);
}

static enum feed_kind itch_next(struct feed *feed, const struct hp_message **message, uint64_t now)
{
	struct itch_file *file = (struct itch_file *)feed;

	(void)now;
	while (feed->tail - feed->head < REFILL && file->run.at != file->run.end)
		fill(file);
	return reader_ring_next(feed, message);
}

/* The file ends within a message. */
static int torn(struct hp_reader *reader, struct itch_file *file, const uint8_t *cut, size_t left)
{
	if (left > 2)
		report_fault(reader->report, HP_FAULT_PAST_END, (double)file->run.seq, cut + 2,
			     (uint32_t)(left - 2));
	return fail(EBADMSG,
		    "Cannot read \"%s\" beyond byte %.0f (unpacked): it ends within a message, of which %zu "
		    "bytes "
		    "are there",
		    reader->bytes.path, file->begins, left);
}

static int itch_pump(struct hp_reader *reader)
{
	struct itch_file *file = (struct itch_file *)reader->feed;
	const uint8_t *begin = file->piece, *cut = file->run.end;
	size_t left = (size_t)(begin + file->have - cut);
	int got;

	file->begins += (double)(cut - begin);
	memmove(file->piece, cut, left);
	got = reader_bytes_read(&reader->bytes, file->piece + left, READER_PIECE - left);
	file->have = left + (got > 0 ? (size_t)got : 0);
	file->run.at = begin;
	file->run.end = got > 0 ? whole_messages(begin, begin + file->have) : begin;
	file->run.left = RUN_OPEN;
	reader->stats->at = (double)gzoffset(reader->bytes.file);
	if (got > 0)
		return 1;
	return !got && left ? torn(reader, file, begin, left) : got;
}

static void itch_close(struct feed *feed)
{
	struct itch_file *file = (struct itch_file *)feed;

	if (file->decoder)
		file->decoder->ops->close(file->decoder);
	free(file);
}

static const struct feed_ops itch_ops = {.name = "itch50 file", .next = itch_next, .close = itch_close};

int reader_open_itch(struct hp_reader *reader)
{
	struct itch_file *file = aligned_alloc(64, sizeof(*file));

	if (!file)
		return fail(ENOMEM, "Cannot read \"%s\": out of memory", reader->bytes.path);
	memset(file, 0, sizeof(*file));
	file->feed.ops = &itch_ops;
	file->feed.report = reader->report;
	reader->feed = &file->feed;
	reader->pump = itch_pump;
	file->run = (struct run){.at = file->piece, .end = file->piece, .left = RUN_OPEN, .seq = 1};
	reader->stats->feed = HP_READER_ITCH50;
	reader->stats->price_scale = ITCH50_PRICE_SCALE;
	reader->stats->qty_scale = 1;
	return itch50_open(&file->decoder, reader->report, &reader->symbols);
}
