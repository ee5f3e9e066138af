/* SPDX-License-Identifier: MIT */
/* The inside interface of books of many symbols; their memory's layout is the ABI's (hotpath/books.h). */
#ifndef HP_BOOKS_INSIDE_H
#define HP_BOOKS_INSIDE_H

#include "hotpath.h"

/*
 * Applies one message inside the seqlock of its symbol. 0, or the negative of an enum hp_fault: the message
 * was wrong, the book is as good as it can be, nothing else is touched. Kinds that no book keeps are 0.
 *
 * - UNKNOWN_SYMBOL: beyond the books' room.
 * - BAD_VALUE: a price or quantity that is not 1..2^53 (a level's quantity may be 0), an order for a level
 *   without orders, or a level or quote where there are orders. Untouched; but an order that was to be
 * replaced by one for a level without orders is gone.
 * - DUPLICATE_ORDER: add, or replace by, a reference that is live. Untouched.
 * - UNKNOWN_ORDER: no such order, or it is another symbol's. Untouched.
 * - EXCESS: more executed or cancelled than there was. The order is gone, what there was is printed.
 * - NO_ROOM: an order, level or rung too many. Untouched; a replaced order is gone.
 *
 * A message about an order may leave out the symbol (HP_SYMBOL_ALL).
 */
int32_t books_apply(struct hp_books *books, const struct hp_message *message);
/*
 * Fetches what books_apply() will touch, for messages that come later, in three looks, each of which reads
 * what the one before has fetched. A look too few or at a message that never comes costs time only. All three
 * at once, at messages BOOKS_FAR, BOOKS_NEAR and BOOKS_NEXT after the one that is due, or one by one.
 */
#define BOOKS_FAR  12u
#define BOOKS_NEAR 6u
#define BOOKS_NEXT 3u

void books_fetch(const struct hp_books *books, const struct hp_message *far, const struct hp_message *near,
		 const struct hp_message *next);
void books_fetch_far(const struct hp_books *books, const struct hp_message *message);
void books_fetch_near(const struct hp_books *books, const struct hp_message *message);
void books_fetch_next(const struct hp_books *books, const struct hp_message *message);
/* Sets or clears HP_BOOK_STALE of every symbol. */
void books_mark_stale(struct hp_books *books, int stale);
/* Empties the books of one symbol, or of all (HP_SYMBOL_ALL); names, states and trades stay. */
void books_clear(struct hp_books *books, uint32_t symbol);
/* The symbol's own part of the memory, or NULL beyond the limit: top of book, flags, state, counters. */
struct hp_symbol *books_symbol(struct hp_books *books, uint32_t symbol);

#endif
