/* SPDX-License-Identifier: MIT */
/* A side of a book as two plain arrays, read as struct hp_book_side says; checks on the way that it holds. */
#ifndef HP_BOOK_LEVELS_H
#define HP_BOOK_LEVELS_H

#include "book/book.h"
#include "check.h"

static inline uint32_t copy_list(struct hp_book *book, const struct hp_book_side *side, uint32_t from,
				 uint32_t to, uint32_t n, double *price, double *qty)
{
	for (; from < to; from++, n++) {
		price[n] = book_list_price(book, side)[side->head + from];
		qty[n] = book_list_qty(book, side)[side->head + from];
	}
	return n;
}

/* Copies a side's levels, best first; there must be room for `capacity` of them. Returns how many. */
static inline uint32_t book_levels(struct hp_book *book, int bid, double *price, double *qty)
{
	const struct hp_book_side *side = bid ? &book->bid : &book->ask;
	uint32_t positions = HP_BOOK_GRID * book->capacity, n, top = BOOK_NO_POSITION;

	CHECK(side->levels <= book->capacity && side->count <= side->levels && side->cut <= side->count);
	CHECK(side->head + side->count <= book->capacity);
	CHECK(side->width >= 0 && side->width <= positions);
	n = copy_list(book, side, 0, side->cut, 0, price, qty);
	for (uint32_t i = 0; i < positions; i++) {
		if (!(book_taken(book, side)[i / 64] >> i % 64 & 1))
			continue;
		CHECK(i < side->width && n < side->levels);
		if (top == BOOK_NO_POSITION)
			top = i;
		price[n] = side->anchor + i * side->step;
		qty[n++] = book_grid_qty(book, side)[i];
	}
	CHECK_EQ(side->top, top);
	n = copy_list(book, side, side->cut, side->count, n, price, qty);
	CHECK_EQ(n, side->levels);
	for (uint32_t i = 0; i < n; i++) {
		CHECK(qty[i] > 0);
		CHECK(!i || (bid ? price[i] < price[i - 1] : price[i] > price[i - 1]));
	}
	CHECK_EQ(side->price, n ? price[0] : 0);
	CHECK_EQ(side->qty, n ? qty[0] : 0);
	return n;
}

#endif
