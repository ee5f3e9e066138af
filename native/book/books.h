/* SPDX-License-Identifier: MIT */
/* The inside interface of books of many symbols; their memory's layout is the ABI's (hotpath/books.h). */
#ifndef HP_BOOKS_INSIDE_H
#define HP_BOOKS_INSIDE_H

#include "hotpath.h"

/*
 * Applies one message inside the seqlock of its symbol. 0, or the negative of an enum hp_fault: the message
 * was wrong, the book is as good as it can be (an order cancelled or executed beyond its quantity is gone),
 * nothing else is touched. Kinds that no book keeps are 0.
 */
int32_t books_apply(struct hp_books *books, const struct hp_message *message);
/* Fetches what books_apply() will touch, for a message that comes some 8 (far) or 3 (near) messages later:
 * near reads what far has fetched. */
void books_fetch_far(const struct hp_books *books, const struct hp_message *message);
void books_fetch_near(const struct hp_books *books, const struct hp_message *message);
/* Sets or clears HP_BOOK_STALE of every symbol. */
void books_mark_stale(struct hp_books *books, int stale);
/* Empties the books of one symbol, or of all (HP_SYMBOL_ALL); names and trading states stay. */
void books_clear(struct hp_books *books, uint32_t symbol);
/* The symbol's own part of the memory, or NULL beyond the limit: top of book, flags, state, counters. */
struct hp_symbol *books_symbol(struct hp_books *books, uint32_t symbol);

#endif
