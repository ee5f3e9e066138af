/* SPDX-License-Identifier: MIT */
/* The L2 book's inside interface; its memory layout is the ABI's struct hp_book. */
#ifndef HP_BOOK_H
#define HP_BOOK_H

#include "hotpath.h"

/*
 * Applies one record inside the seqlock: snapshot-run clear (first snapshot record after others), level
 * update or removal, flags, seq. Result as hp_book_apply().
 */
int32_t book_apply(struct hp_book *book, double seq, uint32_t flags, double price, double qty);
/* Sets or clears HP_BOOK_STALE inside the seqlock. */
void book_mark_stale(struct hp_book *book, int stale);

static inline double *book_bid_price(struct hp_book *book)
{
	return (double *)(book + 1);
}
static inline double *book_bid_qty(struct hp_book *book)
{
	return book_bid_price(book) + book->capacity;
}
static inline double *book_ask_price(struct hp_book *book)
{
	return book_bid_price(book) + 2 * (size_t)book->capacity;
}
static inline double *book_ask_qty(struct hp_book *book)
{
	return book_bid_price(book) + 3 * (size_t)book->capacity;
}

#endif
