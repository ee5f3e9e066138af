// SPDX-License-Identifier: MIT
/*
 * A Tardis CSV as a feed: each row is a level, and rows that share local_timestamp are one event. The file is
 * a tape first (tardis.c), which learns the quantity scale from all of it; so it is in memory whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab/reader.h"
#include "measure/error.h"

struct rows {
	struct feed feed;
	struct hp_tape *tape;
	size_t at; /* the next record */
};

static void put_record(struct rows *rows)
{
	const struct tape_record *record = &rows->tape->records[rows->at];
	struct hp_message *message = &rows->feed.ring[rows->feed.tail++ % FEED_RING];
	int open = rows->at + 1 < rows->tape->count && record[1].at_ns == record->at_ns;

	*message = (struct hp_message){
		.kind = HP_MESSAGE_LEVEL,
		.type = 'L',
		.flags = (uint8_t)(record->flags | (open ? HP_MESSAGE_OPEN : 0)),
		.seq = (int64_t)++rows->at,
		.time_ns = record->at_ns,
		.price = record->price,
		.qty = record->qty,
	};
	rows->feed.report->messages['L'] += 1;
}

static enum feed_kind rows_next(struct feed *feed, const struct hp_message **message, uint64_t now)
{
	struct rows *rows = (struct rows *)feed;

	(void)now;
	while (feed->tail - feed->head < FEED_RING / 2 && rows->at < rows->tape->count)
		put_record(rows);
	return reader_ring_next(feed, message);
}

static int rows_pump(struct hp_reader *reader)
{
	reader->stats->at = reader->stats->size;
	return 0;
}

static void rows_close(struct feed *feed)
{
	struct rows *rows = (struct rows *)feed;

	if (rows->tape)
		hp_tape_close(rows->tape);
	free(rows);
}

static const struct feed_ops rows_ops = {.name = "tardis", .next = rows_next, .close = rows_close};

/* Lines that are none are framing, those off the scale bad values; the first of both is kept. */
static void report_lines(struct hp_report *report, const struct hp_tape_info *info)
{
	enum hp_fault first = info->bad_lines ? HP_FAULT_FRAMING : HP_FAULT_BAD_VALUE;

	if (info->first_bad_line)
		report_fault(report, first, info->first_bad_line, (const uint8_t *)info->first_bad,
			     (uint32_t)strlen(info->first_bad));
	report->faults[HP_FAULT_FRAMING] = info->bad_lines;
	report->faults[HP_FAULT_BAD_VALUE] = info->off_scale;
	report->messages['L'] = info->off_scale;
}

int reader_open_rows(struct hp_reader *reader)
{
	struct rows *rows = aligned_alloc(64, (sizeof(*rows) + 63) / 64 * 64);
	const char *space;

	if (!rows)
		return fail(ENOMEM, "Cannot read \"%s\": out of memory", reader->bytes.path);
	memset(rows, 0, sizeof(*rows));
	rows->feed.ops = &rows_ops;
	rows->feed.report = reader->report;
	reader->feed = &rows->feed;
	reader->pump = rows_pump;
	rows->tape = hp_tape_load(reader->bytes.path, 1);
	if (!rows->tape)
		return -hp_last_errno();
	report_lines(reader->report, &rows->tape->info);
	space = strchr(rows->tape->info.symbol, ' ');
	strcpy(reader->stats->instrument, space ? space + 1 : rows->tape->info.symbol);
	reader->stats->feed = HP_READER_TARDIS;
	reader->stats->levels_only = 1;
	reader->stats->price_scale = rows->tape->info.price_scale;
	reader->stats->qty_scale = rows->tape->info.qty_scale;
	return 0;
}
