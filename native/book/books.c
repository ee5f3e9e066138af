/* SPDX-License-Identifier: MIT */
/*
 * Books of many symbols, in one piece of memory that is laid out once (books_open.c) and never grows.
 *
 *   reference --books_slot()--> order --> level, side; the message's symbol and the side --> rungs --> levels
 *
 * A message costs the cache lines it touches, and the turns it takes that nobody could guess. With a thousand
 * symbols the books are larger than any cache but the last, and a line from there is as long as all the work
 * on it; a mispredicted branch is a tenth of the work. So
 *
 *   - records are small and lie two to a line: orders and levels of 32 bytes; a rung is 12, a slot 4;
 *   - what is freed last is used first, so that a new order or level is in the cache already;
 *   - what a message will touch is fetched while others before it are worked on. An order's place is found in
 *     three steps, each of which needs the one before: slot, order, level and rungs. Hence three looks ahead
 *     (books_fetch()) at different distances;
 *   - adds and deletes have no branch that depends on the book (books_order.h), and a side's best rungs are
 * looked at and moved all at once (books_side.h).
 *
 * It trades away room and symmetry: a side's rungs are a plain sorted array, so that a reader finds the i-th
 * level by an addition, and a level far from the best costs a move of half its side at worst (books_side.c).
 * Prices are doubles there, because JavaScript reads them: the exact integers up to 2^53.
 *
 * Faults leave everything as it was, except where the message says that something is gone (books.h).
 */
#include "book/books_memory.h"

#define NOTES                                                                                                \
	(1u << HP_MESSAGE_TRADE | 1u << HP_MESSAGE_CROSS | 1u << HP_MESSAGE_BREAK |                          \
	 1u << HP_MESSAGE_STATUS | 1u << HP_MESSAGE_SYMBOL)

static int32_t apply_clear(struct books *books, const struct hp_message *message)
{
	if (message->symbol >= books->head.symbols && message->symbol != HP_SYMBOL_ALL)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	books_clear(&books->head, message->symbol);
	return 0;
}

/* What leaves levels alone: trades, states, names. */
int32_t apply_note(struct books *books, const struct hp_message *message)
{
	struct symbol *symbol = &books->symbols[message->symbol];

	if (message->kind == HP_MESSAGE_CLEAR)
		return apply_clear(books, message);
	if (message->kind >= HP_MESSAGE_KINDS || !(1u << message->kind & NOTES))
		return 0;
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

int32_t books_apply(struct hp_books *handle, const struct hp_message *message)
{
	struct books *books = books_of(handle);

	return books->wide ? apply_wide(books, message) : apply_plain(books, message);
}

/*
 * The looks ahead ask nothing of the message: which kinds come next is what no branch predictor knows. Of an
 * order that is not there yet the slot is empty, and order 0 and level 0 are always in the cache.
 */
BOOKS_INLINE void look_far(const struct books *books, const struct hp_message *message)
{
	const struct symbol *symbol = &books->symbols[message->symbol];

	__builtin_prefetch(books_slot(books, message->order), 1);
	__builtin_prefetch(symbol, 1);
	__builtin_prefetch(&symbol->orders, 1);
}

BOOKS_INLINE void look_near(const struct books *books, const struct hp_message *message)
{
	__builtin_prefetch(&books->orders[*books_slot(books, message->order)], 1);
}

/* An order knows its side, an add says it: whichever it is, it is a number and no branch. */
BOOKS_INLINE void look_next(const struct books *books, const struct hp_message *message)
{
	uint32_t order = *books_slot(books, message->order), place = books->orders[order].level, side, end;

	__builtin_prefetch(&books->levels[place >> 1], 1);
	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return;
	side = choose(mask_of(order == 0), ~message->flags & HP_FLAG_BID, place & 1);
	end = books->symbols[message->symbol].side[side].end;
	__builtin_prefetch(&books->keys[end - NEAR], 1);
	__builtin_prefetch(&books->keys[end - NEAR / 2], 1);
	__builtin_prefetch(&books->rungs[end - 1], 1);
}

void books_fetch(const struct hp_books *handle, const struct hp_message *far, const struct hp_message *near,
		 const struct hp_message *next)
{
	const struct books *books = (const struct books *)handle;

	look_far(books, far);
	look_near(books, near);
	look_next(books, next);
}

void books_fetch_far(const struct hp_books *books, const struct hp_message *message)
{
	look_far((const struct books *)books, message);
}

void books_fetch_near(const struct hp_books *books, const struct hp_message *message)
{
	look_near((const struct books *)books, message);
}

void books_fetch_next(const struct hp_books *books, const struct hp_message *message)
{
	look_next((const struct books *)books, message);
}
