/* SPDX-License-Identifier: MIT */
/*
 * Which feed an engine runs, and the books that go with it: lll has one symbol and the fast book of one;
 * every other feed is a decoder behind a stream and has books of many symbols.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"
#include "feed/lll.h"
#include "feed/recovery.h"
#include "feed/stream.h"
#include "measure/error.h"

#define WAITING_MS 1 /* longest sleep while lll waits for something missing */

_Static_assert(STREAM_FDS == ENGINE_FEED_FDS, "engine_feed_fds()");

static int open_lll(struct hp_engine *engine, void *memory, int32_t bytes, int32_t levels)
{
	struct hp_engine_options *options = &engine->options;
	struct hp_control *control = engine->control;

	if (!(options->price_scale > 0))
		options->price_scale = LLL_PRICE_SCALE;
	if (!(options->qty_scale > 0))
		options->qty_scale = 1;
	engine->sent_from = engine->epoch_ns;
	engine->book = hp_book_open(memory, bytes, levels);
	if (!engine->book)
		return -EINVAL;
	engine->book->price_scale = options->price_scale;
	engine->book->qty_scale = options->qty_scale;
	if (!options->go_on)
		engine_mark_stale(engine, 1); /* empty until a snapshot says otherwise */
	return lll_feed_open(&engine->feed, &control->feed, control->stream.lines, &control->report,
			     (uint64_t)options->hole_ns);
}

static const struct framing *framing_of(const struct hp_engine_options *options)
{
	if (options->feed == HP_FEED_SCHEMA)
		return options->framing == HP_FRAMING_IEXTP ? &framing_iextp : &framing_moldudp64;
	return framing_of_feed((int32_t)options->feed);
}

/* The books are laid out already: their room is who made them's choice. */
static int take_books(struct hp_engine *engine, void *memory, int32_t bytes)
{
	struct hp_books *books = memory;

	if ((uintptr_t)memory % 64 || (size_t)bytes < sizeof(*books) || !(books->bytes <= bytes) ||
	    books->symbols - 1 >= HP_SYMBOLS)
		return fail(EINVAL,
			    "Cannot open the feed: its memory holds no books; hp_books_open() lays them out");
	engine->books = books;
	engine->symbol_books = books_symbol(books, 0);
	engine->symbols = malloc(sizeof(*engine->symbols));
	if (!engine->symbols)
		return fail(ENOMEM, "Cannot open the feed: out of memory");
	symbols_init(engine->symbols, books->symbols);
	return 0;
}

static int has_recovery(const struct hp_engine_options *options)
{
	return options->recovery.request_address[0] || options->recovery.snapshot_address[0];
}

/* The stream takes decoder and recovery over. */
static int join(struct hp_engine *engine, struct decoder *decoder, const struct framing *framing)
{
	const struct hp_engine_options *options = &engine->options;
	struct hp_stream_stats *stats = &engine->control->stream;
	struct recovery *recovery = NULL;
	int error = 0;

	if (has_recovery(options))
		error = recovery_open(&recovery, &options->recovery, framing, stats);
	if (!error)
		error = stream_open(&engine->feed, framing, decoder, recovery, stats,
				    (uint64_t)options->hole_ns);
	if (!error)
		return 0;
	recovery_close(recovery);
	if (decoder->ops->close)
		decoder->ops->close(decoder);
	return error;
}

static int open_stream(struct hp_engine *engine, void *memory, int32_t bytes)
{
	struct hp_engine_options *options = &engine->options;
	struct decoder *decoder = NULL;
	int error = take_books(engine, memory, bytes);

	if (!error)
		error = decoder_open_feed(&decoder, (int32_t)options->feed, engine->schema,
					  &engine->control->report, engine->symbols);
	if (error)
		return error;
	options->price_scale = engine->books->price_scale = decoder->ops->price_scale;
	options->qty_scale = engine->books->qty_scale = decoder->ops->qty_scale;
	engine->stamp_sparely = 1;
	engine->sent_from = options->feed == HP_FEED_ITCH50 || options->day_stamps ? 0 : engine->epoch_ns;
	return join(engine, decoder, framing_of(options));
}

int engine_open_feed(struct hp_engine *engine, void *memory, int32_t bytes, int32_t levels)
{
	if (engine->options.feed != HP_FEED_LLL)
		return open_stream(engine, memory, bytes);
	if (has_recovery(&engine->options))
		return fail(EINVAL, "Cannot recover what is missing of feed lll: it knows no requests and no "
				    "snapshots; leave the servers out");
	return open_lll(engine, memory, bytes, levels);
}

void engine_go_on(struct hp_engine *engine)
{
	engine_mark_stale(engine, 0);
	if (engine->books)
		stream_go_on(engine->feed);
}

int engine_feed_fds(const struct hp_engine *engine, struct pollfd *fds, uint64_t now, int *timeout_ms)
{
	if (engine->books)
		return stream_fds(engine->feed, fds, now, timeout_ms);
	*timeout_ms = engine->feed->waits ? WAITING_MS : -1;
	return 0;
}

void engine_close_feed(struct hp_engine *engine)
{
	if (engine->feed)
		engine->feed->ops->close(engine->feed);
	free(engine->symbols);
}
