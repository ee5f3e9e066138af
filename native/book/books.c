/* SPDX-License-Identifier: MIT */
/*
 * Books of many symbols, in one piece of memory that is laid out once (books_open.c) and never grows.
 *
 *   reference --books_slot()--> order --level--> level --owner--> symbol --side--> rungs --level--> levels
 *
 * A message costs the cache lines it touches: with a thousand symbols the books are larger than any cache but
 * the last, and a line from there is as long as all the work on it. So
 *
 *   - records are small and lie two to a line: orders and levels of 32 bytes, rungs of 16, slots of 4;
 *   - what is freed last is used first, so that a new order or level is in the cache already;
 *   - what a message will touch is fetched while others before it are worked on. An order's place is found in
 *     three steps, each of which needs the one before: slot, order, level. Hence three looks ahead
 *     (books_fetch_far(), _near(), _next()) at different distances. The symbol's lines and the best rungs of
 *     its sides go with them.
 *
 * It trades away room and symmetry: a side's rungs are a plain sorted array, so that a reader finds the i-th
 * level by an addition, and a level far from the best costs a move of half its side at worst (books_side.c).
 * Prices are doubles there, because JavaScript reads them: the exact integers up to 2^53.
 *
 * Faults leave everything as it was, except where the message says that something is gone (books.h).
 */
#include "book/books_order.h"

#define EXACT_MAX (1ull << 53) /* integers up to here are exact in a double */

BOOKS_INLINE int in_range(int64_t value)
{
	return (uint64_t)value - 1 < EXACT_MAX;
}

/* The key of a price: negative on the ask side, without asking which it is. */
BOOKS_INLINE double key_of(int64_t price, uint32_t side)
{
	return (double)(price * (1 - 2 * (int64_t)side));
}

/* The top of a side that may have changed, and what follows from both. */
BOOKS_INLINE void publish(const struct books *books, struct symbol *symbol, uint32_t side,
			  const struct hp_message *message)
{
	const struct hp_book_level *top = &books->levels[books->rungs[symbol->side[side].end - 1].level];
	uint32_t no_bid, no_ask;

	symbol->best[side].price = fabs(top->key);
	symbol->best[side].qty = (double)(int64_t)top->qty;
	symbol->best_orders[side] = top->orders;
	no_bid = !symbol->levels[BID];
	no_ask = !symbol->levels[ASK];
	symbol->flags =
		(symbol->flags & HP_BOOK_STALE) | (message->flags & HP_MESSAGE_OPEN) / 2 |
		no_bid * HP_BOOK_NO_BID | no_ask * HP_BOOK_NO_ASK |
		(!(no_bid | no_ask) & (symbol->best[BID].price >= symbol->best[ASK].price)) * HP_BOOK_CROSSED;
	symbol->seq = (double)message->seq;
	symbol->updates += 1;
}
_Static_assert(HP_MESSAGE_OPEN / 2 == HP_BOOK_OPEN, "publish()");

static int32_t apply_add(struct books *books, const struct hp_message *message)
{
	uint32_t side = !(message->flags & HP_FLAG_BID), *link;
	struct symbol *symbol = &books->symbols[message->symbol];
	int32_t result;

	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (__builtin_expect(!(in_range(message->price) & in_range(message->qty)), 0))
		return -HP_FAULT_BAD_VALUE;
	if (__builtin_expect(order_find(books, message->order, &link), 0))
		return -HP_FAULT_DUPLICATE_ORDER;
	symbol_begin(symbol);
	result = order_append(books, symbol, side, key_of(message->price, side), message->order,
			      (uint64_t)message->qty);
	publish(books, symbol, side, message);
	symbol_end(symbol);
	return result;
}

static int32_t apply_delete(struct books *books, const struct hp_message *message)
{
	struct found found;
	int32_t result = order_of(books, message, &found);

	if (__builtin_expect(result, 0))
		return result;
	symbol_begin(found.symbol);
	order_leave(books, &found);
	publish(books, found.symbol, found.side, message);
	symbol_end(found.symbol);
	return 0;
}

/* Executions, which are printed, and cancellations. */
static int32_t apply_reduce(struct books *books, const struct hp_message *message)
{
	uint64_t qty = (uint64_t)message->qty, left;
	int at_price = message->kind == HP_MESSAGE_EXECUTE_AT;
	struct hp_book_level *level;
	struct found found;
	int32_t result;
	double price;

	if (!in_range(message->qty) || (at_price && !in_range(message->price)))
		return -HP_FAULT_BAD_VALUE;
	result = order_of(books, message, &found);
	if (result)
		return result;
	level = &books->levels[found.level];
	price = at_price ? (double)message->price : fabs(level->key);
	left = books->orders[found.index].qty;
	symbol_begin(found.symbol);
	if (qty < left) {
		if (level->owner & WATCHED)
			watch_order(books, found.level, found.index, qty, 0);
		books->orders[found.index].qty = left - qty;
		level->qty -= qty;
	} else {
		result = qty > left ? -HP_FAULT_EXCESS : 0;
		qty = left;
		order_leave(books, &found);
	}
	if (message->kind != HP_MESSAGE_REDUCE && !(message->flags & HP_MESSAGE_SILENT))
		tape_print(books, found.symbol, message, price, (double)qty, !found.side);
	publish(books, found.symbol, found.side, message);
	symbol_end(found.symbol);
	return result;
}

static int32_t apply_replace(struct books *books, const struct hp_message *message)
{
	struct found found;
	uint32_t *link;
	int32_t result;

	if (!in_range(message->price) || !in_range(message->qty))
		return -HP_FAULT_BAD_VALUE;
	result = order_of(books, message, &found);
	if (result)
		return result;
	if (message->other != message->order && order_find(books, message->other, &link))
		return -HP_FAULT_DUPLICATE_ORDER;
	symbol_begin(found.symbol);
	order_leave(books, &found);
	result = order_append(books, found.symbol, found.side, key_of(message->price, found.side),
			      message->other, (uint64_t)message->qty);
	publish(books, found.symbol, found.side, message);
	symbol_end(found.symbol);
	return result;
}

/* Sets or takes away a level that has no orders. */
static int32_t set_level(struct books *books, struct symbol *symbol, uint32_t side, double key, uint64_t qty)
{
	uint32_t at = side_find(books, &symbol->side[side], symbol->levels[side], key);
	uint32_t index = books->rungs[at].level;

	if (books->rungs[at].key == key) {
		if (books->levels[index].orders)
			return -HP_FAULT_BAD_VALUE;
		if (books->levels[index].owner & WATCHED)
			watch_level(books, index, qty);
		if (!qty)
			level_free(books, symbol, side, at);
	} else if (qty) {
		index = level_make(books, symbol, side, at, key);
		if (!index)
			return -HP_FAULT_NO_ROOM;
	} else {
		books->head.unknown_levels += 1;
	}
	if (qty)
		books->levels[index].qty = qty;
	return 0;
}

static int32_t apply_level(struct books *books, const struct hp_message *message)
{
	uint32_t side = !(message->flags & HP_FLAG_BID);
	struct symbol *symbol = &books->symbols[message->symbol];
	int32_t result;

	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (__builtin_expect(!in_range(message->price) || (uint64_t)message->qty > EXACT_MAX, 0))
		return -HP_FAULT_BAD_VALUE;
	symbol_begin(symbol);
	result = set_level(books, symbol, side, key_of(message->price, side), (uint64_t)message->qty);
	publish(books, symbol, side, message);
	symbol_end(symbol);
	return result;
}

/* Takes away whatever level a side without orders has besides `key`. */
static void leave_only(struct books *books, struct symbol *symbol, uint32_t side, double key)
{
	for (uint32_t left = symbol->levels[side]; left; left--) {
		double other = books->rungs[symbol->side[side].end - left].key;

		if (other != key)
			set_level(books, symbol, side, other, 0);
	}
}

/* One side of a quote: a price or a quantity of 0 means that there is none. */
static int32_t quote_side(struct books *books, struct symbol *symbol, uint32_t side, int64_t price,
			  uint64_t qty)
{
	double key = key_of(price, side);

	if (!price || !qty) {
		leave_only(books, symbol, side, 0);
		return 0;
	}
	leave_only(books, symbol, side, key);
	return set_level(books, symbol, side, key, qty);
}

static int32_t apply_quote(struct books *books, const struct hp_message *message)
{
	struct symbol *symbol = &books->symbols[message->symbol];
	int32_t bid, ask;

	if (message->symbol >= books->head.symbols)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if ((uint64_t)message->price > EXACT_MAX || (uint64_t)message->qty > EXACT_MAX ||
	    message->order > EXACT_MAX || message->other > EXACT_MAX || symbol->orders)
		return -HP_FAULT_BAD_VALUE;
	symbol_begin(symbol);
	bid = quote_side(books, symbol, BID, message->price, (uint64_t)message->qty);
	ask = quote_side(books, symbol, ASK, (int64_t)message->order, message->other);
	publish(books, symbol, BID, message);
	symbol->updates -= 1;
	publish(books, symbol, ASK, message);
	symbol_end(symbol);
	return bid ? bid : ask;
}

/* What leaves levels alone: trades, states, names. */
static int32_t apply_note(struct books *books, const struct hp_message *message)
{
	struct symbol *symbol = &books->symbols[message->symbol];

	if (message->symbol >= books->head.symbols)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if ((message->kind == HP_MESSAGE_TRADE || message->kind == HP_MESSAGE_CROSS) &&
	    ((uint64_t)message->price > EXACT_MAX || (uint64_t)message->qty > EXACT_MAX))
		return -HP_FAULT_BAD_VALUE;
	symbol_begin(symbol);
	if (message->kind == HP_MESSAGE_SYMBOL)
		__builtin_memcpy(symbol->name, &message->other, sizeof(symbol->name));
	else if (message->kind == HP_MESSAGE_STATUS)
		symbol->state = (uint32_t)message->other;
	else if (message->kind == HP_MESSAGE_BREAK)
		tape_break(books, symbol, message);
	else if (message->qty && !(message->flags & HP_MESSAGE_SILENT))
		tape_print(books, symbol, message, (double)message->price, (double)message->qty,
			   message->flags & HP_FLAG_BID);
	symbol->seq = (double)message->seq;
	symbol->updates += 1;
	symbol_end(symbol);
	return 0;
}

static int32_t apply_clear(struct books *books, const struct hp_message *message)
{
	if (message->symbol >= books->head.symbols && message->symbol != HP_SYMBOL_ALL)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	books_clear(&books->head, message->symbol);
	return 0;
}

int32_t books_apply(struct hp_books *handle, const struct hp_message *message)
{
	struct books *books = books_of(handle);

	switch (message->kind) {
	case HP_MESSAGE_ADD:
		return apply_add(books, message);
	case HP_MESSAGE_DELETE:
		return apply_delete(books, message);
	case HP_MESSAGE_EXECUTE:
	case HP_MESSAGE_EXECUTE_AT:
	case HP_MESSAGE_REDUCE:
		return apply_reduce(books, message);
	case HP_MESSAGE_REPLACE:
		return apply_replace(books, message);
	case HP_MESSAGE_LEVEL:
		return apply_level(books, message);
	case HP_MESSAGE_QUOTE:
		return apply_quote(books, message);
	case HP_MESSAGE_TRADE:
	case HP_MESSAGE_CROSS:
	case HP_MESSAGE_BREAK:
	case HP_MESSAGE_STATUS:
	case HP_MESSAGE_SYMBOL:
		return apply_note(books, message);
	case HP_MESSAGE_CLEAR:
		return apply_clear(books, message);
	default:
		return 0;
	}
}

/* Does a message of this kind speak of an order that is in the book? */
BOOKS_INLINE int names_order(const struct hp_message *message)
{
	return message->kind >= HP_MESSAGE_EXECUTE && message->kind <= HP_MESSAGE_REPLACE;
}

void books_fetch_far(const struct hp_books *handle, const struct hp_message *message)
{
	const struct books *books = (const struct books *)handle;
	const struct symbol *symbol = &books->symbols[message->symbol];

	__builtin_prefetch(books_slot(books, message->order), 1);
	__builtin_prefetch(symbol, 1);
	__builtin_prefetch(&symbol->orders, 1);
}

void books_fetch_near(const struct hp_books *handle, const struct hp_message *message)
{
	const struct books *books = (const struct books *)handle;
	const struct symbol *symbol;

	if (names_order(message))
		__builtin_prefetch(&books->orders[*books_slot(books, message->order)], 1);
	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return;
	symbol = &books->symbols[message->symbol];
	__builtin_prefetch(&books->rungs[symbol->side[BID].end - 1], 1);
	__builtin_prefetch(&books->rungs[symbol->side[ASK].end - 1], 1);
}

void books_fetch_next(const struct hp_books *handle, const struct hp_message *message)
{
	const struct books *books = (const struct books *)handle;

	if (names_order(message))
		__builtin_prefetch(&books->levels[books->orders[*books_slot(books, message->order)].level],
				   1);
}
