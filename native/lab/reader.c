// SPDX-License-Identifier: MIT
/*
 * A market-data file's life cycle and its loop, which is that of a live feed: hand on, fetch ahead, apply. It
 * stops after some milliseconds so that whoever calls can show how far it is and write best bids and offers
 * out. This is no hot path: a list of holes may grow here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book/books.h"
#include "lab/reader.h"
#include "measure/clock.h"
#include "measure/error.h"

#define HOLE_NS 1000000000.0 /* of recorded time: nobody waits for a file, so it may be long */
#define STRIDE	256	     /* messages between two looks at the clock */

/* ---- messages ---- */

/* The best bid and offer, where the message changed it. Within an event they are not valid yet. */
static void note_best(struct hp_reader *reader, const struct hp_message *message)
{
	const struct hp_symbol *symbol;
	struct reader_best *best, now;
	int first;

	if (message->flags & HP_MESSAGE_OPEN || message->symbol >= reader->options.symbols)
		return;
	symbol = books_symbol(reader->books, message->symbol);
	if (!symbol->bid_levels || !symbol->ask_levels)
		return;
	best = &reader->best[message->symbol];
	now = (struct reader_best){symbol->ask, symbol->ask_qty, symbol->bid, symbol->bid_qty};
	if (!memcmp(best, &now, sizeof(now)))
		return;
	first = !best->ask_qty && !best->bid_qty;
	*best = now;
	if (first)
		return;
	reader->rows[reader->stats->rows++] = (struct hp_reader_row){.seq = (double)message->seq,
								     .ask = now.ask,
								     .ask_qty = now.ask_qty,
								     .bid = now.bid,
								     .bid_qty = now.bid_qty,
								     .symbol = message->symbol};
}

/* A run of snapshot records begins a book of levels anew. Other feeds say CLEAR. */
static void begin_snapshot(struct hp_reader *reader, const struct hp_message *message)
{
	int snapshot = message->flags & HP_FLAG_SNAPSHOT;

	if (snapshot && !reader->snapshot)
		books_clear(reader->books, message->symbol);
	reader->snapshot = snapshot;
}

static void take_message(struct hp_reader *reader, const struct hp_message *message)
{
	const struct hp_message *ahead;
	int32_t fault;

	if ((ahead = feed_ahead(reader->feed, BOOKS_FAR)))
		books_fetch_far(reader->books, ahead);
	if ((ahead = feed_ahead(reader->feed, BOOKS_NEAR)))
		books_fetch_near(reader->books, ahead);
	if ((ahead = feed_ahead(reader->feed, BOOKS_NEXT)))
		books_fetch_next(reader->books, ahead);
	if (message->kind == HP_MESSAGE_LEVEL && reader->stats->feed >= HP_READER_LLL)
		begin_snapshot(reader, message);
	fault = books_apply(reader->books, message);
	if (fault < 0)
		report_fault(reader->report, (enum hp_fault) - fault, (double)message->seq, message->bytes,
			     message->length);
	reader->stats->messages += message->kind != HP_MESSAGE_CLEAR;
	if (reader->rows)
		note_best(reader, message);
}

static void stale(struct hp_reader *reader, int stale)
{
	books_mark_stale(reader->books, stale);
	reader->stats->stale = (uint32_t)stale;
}

static int take_gap(struct hp_reader *reader)
{
	const struct feed_gap *gap = &reader->feed->gap;

	stale(reader, 1);
	if (!gap->lost)
		return 1;
	if (reader->gap_count == reader->gap_room) {
		size_t room = reader->gap_room ? 2 * reader->gap_room : 64;
		struct reader_gap *gaps = realloc(reader->gaps, room * sizeof(*gaps));

		if (!gaps)
			return fail(ENOMEM, "Cannot keep a list of %zu gaps: out of memory", room);
		reader->gaps = gaps;
		reader->gap_room = room;
	}
	reader->gaps[reader->gap_count++] = (struct reader_gap){gap->first, gap->first + gap->count - 1};
	reader->stats->gaps = (double)reader->gap_count;
	return 1;
}

/* The feed has nothing more: brings the next piece. At the end all holes are given up. */
static int more(struct hp_reader *reader)
{
	int got;

	if (reader->ended)
		return 0;
	got = reader->pump(reader);
	if (got < 0)
		reader_trouble(reader);
	if (got <= 0) {
		reader->ended = 1;
		reader->now += clock_to_ticks(2 * (uint64_t)reader->options.hole_ns);
	}
	return 1;
}

/* IEX names symbols in each message and in no message of their own: the books learn their names from here. */
static void name_symbols(struct hp_reader *reader)
{
	const struct symbols *symbols = &reader->symbols;

	for (; reader->named < symbols->count; reader->named++) {
		struct hp_symbol *symbol = books_symbol(reader->books, reader->named);

		if (symbol && !symbols_unwanted(symbols, reader->named))
			memcpy(symbol->name, &symbols->names[reader->named], sizeof(symbol->name));
	}
}

/* 1: there is more, 0: the end, or fail(...). */
static int step(struct hp_reader *reader)
{
	const struct hp_message *message;

	switch (reader->feed->ops->next(reader->feed, &message, reader->now)) {
	case FEED_MESSAGE:
		take_message(reader, message);
		return 1;
	case FEED_GAP:
		return take_gap(reader);
	case FEED_REPAIR:
		stale(reader, 0);
		return 1;
	default:
		return more(reader);
	}
}

int32_t hp_reader_run(struct hp_reader *reader, int32_t ms)
{
	uint64_t until;
	int code = 1;

	if (!reader || !reader->books)
		return fail(EINVAL, "Cannot read on: %s",
			    reader ? "it has no books yet" : "no reader was given");
	until = clock_ticks() + clock_to_ticks((ms > 0 ? (uint64_t)ms : 0) * 1000000);
	reader->stats->rows = 0;
	do {
		for (int i = 0; i < STRIDE && code > 0; i++) {
			if (reader->rows && reader->stats->rows == reader->options.rows)
				goto out;
			code = step(reader);
		}
	} while (code > 0 && (int64_t)(until - clock_ticks()) > 0);
out:
	if (reader->stats->feed == HP_READER_DEEP || reader->stats->feed == HP_READER_TOPS)
		name_symbols(reader);
	return code;
}

/* ---- life cycle ---- */

void reader_trouble(struct hp_reader *reader)
{
	if (!reader->stats->trouble[0])
		hp_last_error(reader->stats->trouble, sizeof(reader->stats->trouble) - 1);
}

int reader_open_lll(struct hp_reader *reader)
{
	reader->stats->feed = HP_READER_LLL;
	reader->stats->levels_only = 1;
	reader->stats->price_scale = LLL_PRICE_SCALE;
	reader->stats->qty_scale = 1;
	return lll_feed_open(&reader->feed, &reader->lll, reader->stream->lines, reader->report,
			     (uint64_t)reader->options.hole_ns);
}

/* What the first file is: by its bytes, or as the caller has it. */
static int find_kind(struct hp_reader *reader)
{
	static const int forced[] = {READER_ITCH_FILE, READER_CAPTURE, READER_CAPTURE, READER_RECORDS,
				     READER_CSV};
	const char *path = reader->options.files[0];
	uint8_t head[READER_HEAD];
	int count, kind;

	count = reader_bytes_read(&reader->bytes, head, sizeof(head));
	if (count < 0)
		return count;
	gzrewind(reader->bytes.file);
	reader->stats->size = reader->bytes.size;
	if (reader->options.feed < 0)
		return reader_kind(path, head, (size_t)count);
	kind = reader_is_capture(head, (size_t)count) ? READER_CAPTURE : forced[reader->options.feed];
	if (kind == READER_CAPTURE && !reader_is_capture(head, (size_t)count))
		return fail(EINVAL,
			    "Cannot read \"%s\" as that feed: its packets come in captures, and this is "
			    "neither pcap nor pcapng",
			    path);
	if (kind == READER_CAPTURE && reader->options.feed == HP_READER_TARDIS)
		return fail(EINVAL, "Cannot read \"%s\" as a CSV: it is a capture", path);
	return kind;
}

static int open_kind(struct hp_reader *reader)
{
	int kind = find_kind(reader);

	if (kind < 0)
		return kind;
	if (kind != READER_CAPTURE && reader->files > 1)
		return fail(
			EINVAL,
			"Cannot read \"%s\" with \"%s\": only captures have lines A and B, and the first is "
			"none; read them one by one",
			reader->options.files[0], reader->options.files[1]);
	if (kind == READER_CAPTURE || kind == READER_CSV)
		reader_bytes_close(&reader->bytes); /* they are read whole, by readers of their own */
	switch (kind) {
	case READER_CAPTURE:
		return reader_open_captures(reader);
	case READER_ITCH_FILE:
		return reader_open_itch(reader);
	case READER_RECORDS:
		return reader_open_records(reader);
	default:
		return reader_open_rows(reader);
	}
}

static int check_options(const struct hp_reader_options *options)
{
	for (int i = 0; i < READER_FILES; i++)
		if (!memchr(options->files[i], 0, sizeof(options->files[i])))
			return fail(ENAMETOOLONG, "Cannot read a file: its path has more than %zu bytes",
				    sizeof(options->files[i]) - 1);
	if (options->feed < -1 || options->feed > HP_READER_TARDIS)
		return fail(EINVAL, "Cannot read \"%s\": there is no feed %d", options->files[0],
			    options->feed);
	if (options->symbols < 1 || options->symbols > HP_SYMBOLS)
		return fail(EINVAL, "Cannot keep %u symbols: 1 to %u can be kept", options->symbols,
			    HP_SYMBOLS);
	if (!(options->hole_ns >= 0 && options->hole_ns <= 1e15))
		return fail(EINVAL, "Cannot wait %g ns for a missing packet", options->hole_ns);
	return 0;
}

struct hp_reader *hp_reader_open(const struct hp_reader_options *options, struct hp_reader_stats *stats,
				 struct hp_report *report, struct hp_stream_stats *stream,
				 struct hp_reader_row *rows)
{
	struct hp_reader *reader;

	if (!options || !stats || !report || !stream) {
		fail(EINVAL, "Cannot read a file: options or places for what is counted were not given");
		return NULL;
	}
	if (check_options(options))
		return NULL;
	clock_init();
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		fail(ENOMEM, "Cannot read \"%s\": out of memory", options->files[0]);
		return NULL;
	}
	reader->options = *options;
	if (!reader->options.hole_ns)
		reader->options.hole_ns = HOLE_NS;
	reader->files = 1 + (options->files[1][0] != 0);
	reader->stats = stats;
	reader->report = report;
	reader->stream = stream;
	reader->rows = options->rows ? rows : NULL;
	reader->first = reader->now = clock_ticks();
	symbols_init(&reader->symbols, options->symbols);
	if (reader_bytes_open(&reader->bytes, reader->options.files[0]) || open_kind(reader) < 0) {
		hp_reader_close(reader);
		return NULL;
	}
	return reader;
}

int32_t hp_reader_want(struct hp_reader *reader, const char *symbol)
{
	int error;

	if (!reader || !symbol)
		return fail(EINVAL, "Cannot choose a symbol: no reader or no symbol was given");
	error = symbols_want(&reader->symbols, symbol);
	if (error)
		return fail(-error, "Cannot choose symbol \"%s\": %s", symbol,
			    error == -ENOSPC ? "too many are chosen" : "symbols have 1 to 8 characters");
	return 0;
}

int32_t hp_reader_start(struct hp_reader *reader, struct hp_books *books)
{
	if (!reader || !books || reader->books)
		return fail(EINVAL, "Cannot start to read: %s",
			    !reader  ? "no reader was given"
			    : !books ? "no books were given"
				     : "it has been started");
	if (reader->rows) {
		reader->best = calloc(reader->options.symbols, sizeof(*reader->best));
		if (!reader->best)
			return fail(ENOMEM, "Cannot follow the best prices of %u symbols: out of memory",
				    reader->options.symbols);
	}
	reader->books = books;
	return 0;
}

int32_t hp_reader_gaps(struct hp_reader *reader, int32_t from, int32_t count, double *out)
{
	if (!reader || !out || from < 0 || count < 0)
		return fail(EINVAL, "Cannot list gaps: no reader, no place for them, or a number below 0");
	if ((size_t)from >= reader->gap_count)
		return 0;
	if ((size_t)count > reader->gap_count - (size_t)from)
		count = (int32_t)(reader->gap_count - (size_t)from);
	for (int32_t i = 0; i < count; i++) {
		*out++ = (double)reader->gaps[from + i].first;
		*out++ = (double)reader->gaps[from + i].last;
	}
	return count;
}

int32_t hp_reader_close(struct hp_reader *reader)
{
	if (!reader)
		return fail(EINVAL, "Cannot close the reader: none was given");
	if (reader->feed)
		reader->feed->ops->close(reader->feed);
	for (int i = 0; i < READER_FILES; i++) {
		if (reader->lines[i])
			capture_close(&reader->lines[i]->capture);
		free(reader->lines[i]);
	}
	reader_bytes_close(&reader->bytes);
	free(reader->gaps);
	free(reader->best);
	free(reader);
	return 0;
}
