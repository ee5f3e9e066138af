/* SPDX-License-Identifier: MIT */
/*
 * From a message to an event: the book is changed, and what a strategy sees of it is filled in. lll has one
 * book and one record a turn, each stage of it stamped. Feeds of many symbols bring many messages a datagram:
 * there a stamp would cost more than the work, so only a datagram's first message has its stages stamped, and
 * the books are told what comes next, to have it in the cache by then.
 *
 * A message that no book keeps and no event tells of (a symbol's name, a type nobody needs) ends here.
 */
#include <math.h>

#include "engine.h"

#define FETCH_FROM 8192 /* live orders: fewer lie in the cache anyway */

/* What a kind of message becomes. An execution changes a book, so it is a BOOK event; a trade does not. */
static const uint8_t event_of[HP_MESSAGE_KINDS] = {
	[HP_MESSAGE_LEVEL] = HP_EVENT_BOOK,	  [HP_MESSAGE_ADD] = HP_EVENT_BOOK,
	[HP_MESSAGE_EXECUTE] = HP_EVENT_BOOK,	  [HP_MESSAGE_EXECUTE_AT] = HP_EVENT_BOOK,
	[HP_MESSAGE_REDUCE] = HP_EVENT_BOOK,	  [HP_MESSAGE_DELETE] = HP_EVENT_BOOK,
	[HP_MESSAGE_REPLACE] = HP_EVENT_BOOK,	  [HP_MESSAGE_QUOTE] = HP_EVENT_BOOK,
	[HP_MESSAGE_TRADE] = HP_EVENT_TRADE,	  [HP_MESSAGE_CROSS] = HP_EVENT_TRADE,
	[HP_MESSAGE_BREAK] = HP_EVENT_TRADE,	  [HP_MESSAGE_STATUS] = HP_EVENT_STATUS,
	[HP_MESSAGE_IMBALANCE] = HP_EVENT_STATUS, [HP_MESSAGE_SYSTEM] = HP_EVENT_STATUS,
	[HP_MESSAGE_CLEAR] = HP_EVENT_STATUS,
};

/* ---- what is no message ---- */

static uint32_t general_flags(const struct hp_engine *engine)
{
	uint32_t flags = engine->book ? engine->book->flags : engine->stale ? HP_BOOK_STALE : 0;

	return flags << HP_FLAG_BOOK_SHIFT;
}

int engine_emit(struct hp_engine *engine, enum hp_event_kind kind, double seq, double detail)
{
	struct hp_event *event = &engine->control->event;

	event->kind = kind;
	event->flags = general_flags(engine);
	event->seq = seq;
	event->detail = detail;
	event->symbol = HP_SYMBOL_ALL;
	event->message = event->type = 0;
	event->ready_tsc = 0; /* causes no order of its own: not a turn of the loop */
	return kind;
}

void engine_mark_stale(struct hp_engine *engine, int stale)
{
	engine->stale = stale;
	if (engine->book)
		book_mark_stale(engine->book, stale);
	else
		books_mark_stale(engine->books, stale);
}

int engine_gap(struct hp_engine *engine)
{
	const struct feed_gap *gap = &engine->feed->gap;

	engine->gap = 1;
	if (!engine->options.go_on)
		engine_mark_stale(engine, 1);
	engine_emit(engine, HP_EVENT_GAP, (double)gap->first, (double)gap->count);
	if (gap->lost)
		engine->control->event.flags |= HP_FLAG_LOST;
	return HP_EVENT_GAP;
}

int engine_repair(struct hp_engine *engine)
{
	engine->gap = 0;
	engine_mark_stale(engine, 0);
	return engine_emit(engine, HP_EVENT_REPAIR, engine->seq, 0);
}

/* ---- messages ---- */

static inline void fill(struct hp_engine *engine, const struct hp_message *message, uint32_t kind,
			uint32_t book_flags)
{
	struct hp_event *event = &engine->control->event;

	event->kind = kind;
	event->flags = message->flags | book_flags << HP_FLAG_BOOK_SHIFT;
	event->seq = engine->seq;
	event->recv_ns = engine->recv_ns;
	event->sent_ns = (double)(message->time_ns - engine->sent_from);
	event->wire_ns = engine->wire_ns;
	event->price = (double)message->price;
	event->qty = (double)message->qty;
	event->order_id = (double)(int64_t)message->other;
	event->detail = (double)(int64_t)message->order;
	event->symbol = message->symbol;
	event->message = message->kind;
	event->type = message->type;
}

static void fire(struct hp_engine *engine)
{
	const struct hp_event *event = &engine->control->event;
	int32_t buy;
	double price;

	if (trigger_decide(&engine->trigger, event, &buy, &price) &&
	    engine_submit(engine, engine->next_order + 1, buy, price, engine->trigger.qty, event->seq,
			  event->recv_ns) >= 0)
		engine->next_order++;
}

/* The event is with the strategy from here on: DECODE ended at `decoded`, BOOK at `applied`. */
static inline void open_turn(struct hp_engine *engine, uint64_t decoded, uint64_t applied)
{
	engine->noted.decode = decoded - engine->mark;
	engine->noted.book = applied - decoded;
	engine->noted.applied = 1;
	engine->strategy_ticks = 0;
	engine->answered = 0;
	engine->turn_open = 1;
	engine->mark = clock_ticks();
}

static inline void hand_out(struct hp_engine *engine)
{
	struct hp_event *event = &engine->control->event;

	event->ready_tsc = engine->mark;
	event->start_tsc = engine->turn_start;
	if (__builtin_expect(engine_armed(engine), 0) && event->kind == HP_EVENT_BOOK)
		fire(engine);
}

/* Nothing of the book before is true any more; a snapshot will make it good. */
static int clear_book(struct hp_engine *engine, const struct hp_message *message)
{
	hp_book_clear(engine->book);
	if (!engine->options.go_on)
		engine_mark_stale(engine, 1);
	fill(engine, message, HP_EVENT_STATUS, engine->book->flags);
	engine->control->event.ready_tsc = 0;
	return HP_EVENT_STATUS;
}

/* One book of one symbol: every record in turn, every stage stamped. */
static int take_record(struct hp_engine *engine, const struct hp_message *message)
{
	uint64_t decoded = clock_ticks(), applied;
	struct hp_book *book = engine->book;
	struct hp_event *event = &engine->control->event;

	if (__builtin_expect(message->kind == HP_MESSAGE_CLEAR, 0))
		return clear_book(engine, message);
	/* A snapshot that is seen from its first record on makes a stale book good again. */
	if (__builtin_expect(message->flags & HP_FLAG_SNAPSHOT, 0) && !book->snapshot && !engine->gap)
		engine_mark_stale(engine, 0);
	engine->gap = 0;
	engine->end = (message->flags & HP_FLAG_LAST) != 0;
	engine->control->loops += 1;
	book_apply(book, engine->seq, message->flags, (double)message->price, (double)message->qty);
	applied = clock_ticks();
	fill(engine, message, HP_EVENT_BOOK, book->flags);
	event->bid = book->bid.price;
	event->bid_qty = book->bid.qty;
	event->ask = book->ask.price;
	event->ask_qty = book->ask.qty;
	open_turn(engine, decoded, applied);
	hand_out(engine);
	return HP_EVENT_BOOK;
}

/* The index in the feed's ring that is `distance` messages ahead, or behind the last that is decoded. */
static inline uint32_t ahead(const struct feed *feed, uint32_t distance)
{
	uint32_t decoded = feed->tail - feed->head;

	return feed->head + (decoded < distance ? decoded : distance);
}

/* What the books will touch is fetched while they work: messages that have just been decoded at once, then
 * one at each distance (book/books.h) a turn. */
static void fetch_ahead(struct hp_engine *engine)
{
	const struct feed *feed = engine->feed;
	const struct hp_message *ring = feed->ring;
	uint32_t far = ahead(feed, BOOKS_FAR), near = ahead(feed, BOOKS_NEAR), next = ahead(feed, BOOKS_NEXT);

	if ((int32_t)(feed->head - engine->fetched.far) > 0)
		engine->fetched.far = engine->fetched.near = engine->fetched.next = feed->head;
	if (far - engine->fetched.far == 1 && near - engine->fetched.near == 1 &&
	    next - engine->fetched.next == 1) {
		books_fetch(engine->books, &ring[engine->fetched.far++ % FEED_RING],
			    &ring[engine->fetched.near++ % FEED_RING],
			    &ring[engine->fetched.next++ % FEED_RING]);
		return;
	}
	for (; (int32_t)(far - engine->fetched.far) > 0; engine->fetched.far++)
		books_fetch_far(engine->books, &ring[engine->fetched.far % FEED_RING]);
	for (; (int32_t)(near - engine->fetched.near) > 0; engine->fetched.near++)
		books_fetch_near(engine->books, &ring[engine->fetched.near % FEED_RING]);
	for (; (int32_t)(next - engine->fetched.next) > 0; engine->fetched.next++)
		books_fetch_next(engine->books, &ring[engine->fetched.next % FEED_RING]);
}

/* Top of book, and for a message about an order in it what only the book knows: its side and price. */
static inline void fill_symbol(struct hp_event *event, const struct hp_symbol *symbol)
{
	event->bid = symbol->bid;
	event->bid_qty = symbol->bid_qty;
	event->ask = symbol->ask;
	event->ask_qty = symbol->ask_qty;
	if (event->message >= HP_MESSAGE_EXECUTE && event->message <= HP_MESSAGE_REPLACE) {
		event->flags |= symbol->touched > 0 ? HP_FLAG_BID : 0;
		event->price = event->price > 0 ? event->price : fabs(symbol->touched);
	}
}

/* Feeds that name a symbol in each of its messages have no message that names it: the book is told here. */
static void name_symbol(struct hp_engine *engine, uint32_t symbol)
{
	const struct hp_message naming = {
		.kind = HP_MESSAGE_SYMBOL,
		.symbol = symbol,
		.seq = (int64_t)engine->seq,
		.other = engine->symbols->names[symbol],
	};

	if (naming.other)
		books_apply(engine->books, &naming);
}

/* Of the whole market. */
static const struct hp_symbol no_symbol;

/* Many books, a datagram's first message stamped. */
static int take_message(struct hp_engine *engine, const struct hp_message *message)
{
	uint64_t decoded = engine->timing ? clock_ticks() : 0, applied;
	uint32_t kind = event_of[message->kind];
	const struct hp_symbol *symbol;
	int32_t fault;

	if (engine->books->live_orders > FETCH_FROM)
		fetch_ahead(engine);
	fault = books_apply(engine->books, message);
	engine->end |= (message->flags & HP_FLAG_LAST) != 0;
	engine->control->loops += 1;
	if (__builtin_expect(fault < 0, 0)) {
		report_fault(&engine->control->report, (enum hp_fault) - fault, engine->seq, message->bytes,
			     message->length);
		return HP_EVENT_NONE;
	}
	if (!kind)
		return HP_EVENT_NONE;
	applied = engine->timing ? clock_ticks() : 0;
	symbol = message->symbol < engine->books->symbols ? &engine->symbol_books[message->symbol] : NULL;
	fill(engine, message, kind, symbol ? symbol->flags : general_flags(engine) >> HP_FLAG_BOOK_SHIFT);
	if (symbol && __builtin_expect(!symbol->name[0], 0))
		name_symbol(engine, message->symbol);
	fill_symbol(&engine->control->event, symbol ? symbol : &no_symbol);
	if (engine->feed->head != engine->feed->tail)
		engine->control->event.flags |= HP_FLAG_MORE;
	if (engine->timing) {
		open_turn(engine, decoded, applied);
		engine->timing = 0;
	}
	hand_out(engine);
	return (int)kind;
}

int engine_take(struct hp_engine *engine, const struct hp_message *message)
{
	engine->since_idle++;
	engine->seq = (double)message->seq;
	return engine->book ? take_record(engine, message) : take_message(engine, message);
}
