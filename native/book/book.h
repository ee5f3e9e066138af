/* SPDX-License-Identifier: MIT */
/* The L2 book's inside interface; its memory layout is the ABI's struct hp_book. */
#ifndef HP_BOOK_H
#define HP_BOOK_H

#include "hotpath.h"

#define BOOK_NO_POSITION UINT32_MAX /* hp_book_side.top of an empty grid */

/*
 * Applies one record inside the seqlock: snapshot-run clear (first snapshot record after others), level
 * update or removal, flags, seq. Result as hp_book_apply().
 */
int32_t book_apply(struct hp_book *book, double seq, uint32_t flags, double price, double qty);
/* Sets or clears HP_BOOK_STALE inside the seqlock. */
void book_mark_stale(struct hp_book *book, int stale);

/* Records applied so far. */
static inline double book_updates(const struct hp_book *book)
{
	return book->unknown_removed + book->inserted + book->removed + book->changed;
}

/* The arrays of a side (layout: struct hp_book): the list's, its first slot first; the grid's. */
static inline double *book_list_price(struct hp_book *book, const struct hp_book_side *side)
{
	return (double *)((char *)book + side->list_at);
}
static inline double *book_list_qty(struct hp_book *book, const struct hp_book_side *side)
{
	return book_list_price(book, side) + book->capacity;
}
static inline double *book_grid_qty(struct hp_book *book, const struct hp_book_side *side)
{
	return (double *)((char *)book + side->grid_at);
}
static inline uint64_t *book_taken(struct hp_book *book, const struct hp_book_side *side)
{
	return (uint64_t *)((char *)book + side->taken_at);
}

#endif
