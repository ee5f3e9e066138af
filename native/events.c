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

/* flags: HP_FLAG_*, the book's among them. */
static inline void fill(struct hp_engine *engine, const struct hp_message *message, uint32_t kind,
			uint32_t flags, double price)
{
	struct hp_event *event = &engine->control->event;

	event->kind = kind;
	event->flags = flags;
	event->seq = engine->seq;
	event->recv_ns = engine->recv_ns;
	event->sent_ns = (double)(message->time_ns - engine->sent_from);
	event->wire_ns = engine->wire_ns;
	event->price = price;
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

/* The event is with the strategy from `ready` on: DECODE ended at `decoded`, BOOK at `applied`. */
static inline void open_turn(struct hp_engine *engine, uint64_t decoded, uint64_t applied, uint64_t ready)
{
	engine->noted.decode = decoded - engine->mark;
	engine->noted.book = applied - decoded;
	engine->noted.applied = 1;
	engine->strategy_ticks = 0;
	engine->answered = 0;
	engine->turn_open = 1;
	engine->mark = ready;
}

static inline void hand_out(struct hp_engine *engine, uint32_t kind)
{
	struct hp_event *event = &engine->control->event;

	event->ready_tsc = engine->mark;
	event->start_tsc = engine->turn_start;
	if (__builtin_expect(engine_armed(engine), 0) && kind == HP_EVENT_BOOK)
		fire(engine);
}

/* Nothing of the book before is true any more; a snapshot will make it good. */
static int clear_book(struct hp_engine *engine, const struct hp_message *message)
{
	hp_book_clear(engine->book);
	if (!engine->options.go_on)
		engine_mark_stale(engine, 1);
	fill(engine, message, HP_EVENT_STATUS, message->flags | engine->book->flags << HP_FLAG_BOOK_SHIFT, 0);
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
	engine->control->loops = (double)++engine->loops;
	book_apply(book, engine->seq, message->flags, (double)message->price, (double)message->qty);
	applied = clock_ticks();
	fill(engine, message, HP_EVENT_BOOK, message->flags | book->flags << HP_FLAG_BOOK_SHIFT,
	     (double)message->price);
	event->bid = book->bid.price;
	event->bid_qty = book->bid.qty;
	event->ask = book->ask.price;
	event->ask_qty = book->ask.qty;
	open_turn(engine, decoded, applied, clock_ticks());
	hand_out(engine, HP_EVENT_BOOK);
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

/* Kinds of a message about an order in the book, of which only the book knows the side, and perhaps the
 * price.
 */
#define OF_AN_ORDER                                                                                          \
	(1u << HP_MESSAGE_EXECUTE | 1u << HP_MESSAGE_EXECUTE_AT | 1u << HP_MESSAGE_REDUCE |                  \
	 1u << HP_MESSAGE_DELETE | 1u << HP_MESSAGE_REPLACE)

/* The event of a message that its book has taken, or (NULL) that is of the whole market. Without a branch on
 * the kind, which nobody could predict. */
static inline void fill_symbol(struct hp_engine *engine, const struct hp_message *message, uint32_t kind,
			       const struct hp_symbol *symbol)
{
	struct hp_event *event = &engine->control->event;
	double touched = symbol->touched, price = (double)message->price;
	uint32_t of_order = OF_AN_ORDER >> message->kind & 1, bid = touched > 0;
	uint32_t more = engine->feed->head != engine->feed->tail;
	uint32_t flags = message->flags | symbol->flags << HP_FLAG_BOOK_SHIFT;

	flags |= (of_order & bid) * HP_FLAG_BID | more * HP_FLAG_MORE;
	price = (of_order & !(message->price > 0)) ? fabs(touched) : price;
	fill(engine, message, kind, flags, price);
	event->bid = symbol->bid;
	event->bid_qty = symbol->bid_qty;
	event->ask = symbol->ask;
	event->ask_qty = symbol->ask_qty;
}

/* Of the whole market: while it is good, and while messages are missing. */
static const struct hp_symbol no_symbol[2] = {{.flags = 0}, {.flags = HP_BOOK_STALE}};

static int refuse(struct hp_engine *engine, const struct hp_message *message, enum hp_fault fault)
{
	report_fault(&engine->control->report, fault, engine->seq, message->bytes, message->length);
	return HP_EVENT_NONE;
}

/* Many books, a datagram's first message stamped: BOOK lasts until the event is filled. */
static int take_message(struct hp_engine *engine, const struct hp_message *message)
{
	const struct hp_symbol *symbol;
	uint64_t decoded = engine->timing ? clock_ticks() : 0, applied;
	uint32_t kind = event_of[message->kind];
	int32_t fault;

	if (engine->books->live_orders > FETCH_FROM)
		fetch_ahead(engine);
	fault = books_apply(engine->books, message);
	engine->end |= (message->flags & HP_FLAG_LAST) != 0;
	engine->control->loops = (double)++engine->loops;
	if (__builtin_expect(fault < 0, 0))
		return refuse(engine, message, (enum hp_fault) - fault);
	if (!kind)
		return HP_EVENT_NONE;
	symbol = &no_symbol[engine->stale != 0];
	if (__builtin_expect(message->symbol < engine->books->symbols, 1)) {
		symbol = &engine->symbol_books[message->symbol];
		if (__builtin_expect(!symbol->name[0], 0))
			name_symbol(engine, message->symbol);
	}
	fill_symbol(engine, message, kind, symbol);
	if (__builtin_expect(engine->timing, 0)) {
		applied = clock_ticks();
		open_turn(engine, decoded, applied, applied);
		engine->timing = 0;
	}
	hand_out(engine, kind);
	return (int)kind;
}

int engine_take(struct hp_engine *engine, const struct hp_message *message)
{
	engine->since_idle++;
	engine->seq = (double)message->seq;
	return engine->book ? take_record(engine, message) : take_message(engine, message);
}
