/* SPDX-License-Identifier: MIT */
/*
 * The list of a side: two arrays, prices and quantities, sorted best first and without holes, for the levels
 * that are not in the grid (l2_grid.h). A level that appears or goes moves its neighbours. So the list floats
 * in its arrays with room at both ends, and the shorter part moves; when it has drifted to an end it is put
 * back into the middle.
 *
 * Finding a price: updates come in messages sorted by price, so the level wanted is near the last one found.
 * Hence
 *
 *   1. gallop from the last index found ("finger") until the price is bracketed;
 *   2. quarter the bracket: three compares that wait for one another's cache lines no longer than for one;
 *   3. count the better levels among the last 16 without a branch: a scan whose length depended on the data
 *      would cost a misprediction more than it saves.
 *
 * `bid` is a constant in every caller, so that each side gets code of its own with its own compare.
 */
#ifndef HP_L2_LIST_H
#define HP_L2_LIST_H

#include <string.h>

#include "book/book.h"

#define LIST_SCAN 16 /* levels counted in one go */
#define LIST_GROW 4  /* each step of the gallop is this many times the one before */

#define BOOK_INLINE static inline __attribute__((always_inline))

/* Two doubles at any address, and what a compare of two makes of them: 0 or -1 each. */
typedef double list_pair __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t list_mask __attribute__((vector_size(16)));

/* Bids: higher is better. Asks: lower. */
BOOK_INLINE int is_better(double level, double price, int bid)
{
	return bid ? level > price : level < price;
}

/* How many of LIST_SCAN levels are better than `price`. */
BOOK_INLINE uint32_t list_better(const double *levels, double price, int bid)
{
	const list_pair *pairs = (const list_pair *)levels;
	list_pair wanted = {price, price};
	list_mask sum = {0, 0};

	for (int i = 0; i < LIST_SCAN / 2; i++)
		sum -= bid ? pairs[i] > wanted : pairs[i] < wanted;
	return (uint32_t)(sum[0] + sum[1]);
}

/* Index of the first of `count` levels that is not better than `price`: its place. finger: where to begin. */
BOOK_INLINE uint32_t list_find(const double *levels, uint32_t count, uint32_t finger, double price, int bid)
{
	uint32_t low, length, step = LIST_SCAN; /* the place is in [low, low + length] */

	if (count < LIST_SCAN) {
		for (low = 0; low < count && is_better(levels[low], price, bid); low++)
			;
		return low;
	}
	if (finger >= count)
		finger = count - 1;
	if (is_better(levels[finger], price, bid)) {
		for (low = finger;; low += step, step *= LIST_GROW) {
			length = count - low;
			if (length <= step)
				break;
			length = step;
			if (!is_better(levels[low + step], price, bid))
				break;
		}
	} else {
		for (low = finger;; step *= LIST_GROW) {
			length = low < step ? low : step;
			low -= length;
			if (!low || is_better(levels[low], price, bid))
				break;
		}
	}
	while (length > LIST_SCAN) {
		const double *last = levels + low - 1; /* last[n]: last of the first n levels */
		uint32_t quarter = length / 4;
		uint32_t skipped = quarter * (uint32_t)(is_better(last[quarter], price, bid) +
							is_better(last[2 * quarter], price, bid) +
							is_better(last[3 * quarter], price, bid));

		low += skipped;
		length -= 3 * quarter;
	}
	if (low > count - LIST_SCAN)
		low = count - LIST_SCAN;
	return low + list_better(levels + low, price, bid);
}

/* Puts the list into the middle of its arrays. Rare: it has to drift by half of its room first. */
static inline void list_recentre(struct hp_book *book, struct hp_book_side *side)
{
	uint32_t head = (book->capacity - side->count) / 2;
	double *price = book_list_price(book, side), *qty = book_list_qty(book, side);

	memmove(price + head, price + side->head, side->count * sizeof(double));
	memmove(qty + head, qty + side->head, side->count * sizeof(double));
	side->head = head;
}

/* Inserts at `place` from the best. There is room at one end at least. */
static inline void list_insert(struct hp_book *book, struct hp_book_side *side, uint32_t place, double price,
			       double qty)
{
	uint32_t count = side->count, room = book->capacity - count;
	int front = place < count - place;
	double *prices, *qtys;

	if (front ? !side->head : side->head + count == book->capacity) {
		/* With little room left, centring would be due every few inserts: use the other end. */
		if (room >= book->capacity / 8)
			list_recentre(book, side);
		else
			front = !front;
	}
	side->head -= (uint32_t)front;
	prices = book_list_price(book, side) + side->head;
	qtys = book_list_qty(book, side) + side->head;
	if (front) {
		memmove(prices, prices + 1, place * sizeof(double));
		memmove(qtys, qtys + 1, place * sizeof(double));
	} else {
		memmove(prices + place + 1, prices + place, (count - place) * sizeof(double));
		memmove(qtys + place + 1, qtys + place, (count - place) * sizeof(double));
	}
	prices[place] = price;
	qtys[place] = qty;
	side->count = count + 1;
}

static inline void list_remove(struct hp_book *book, struct hp_book_side *side, uint32_t place)
{
	uint32_t behind = side->count - place - 1;
	double *price = book_list_price(book, side) + side->head;
	double *qty = book_list_qty(book, side) + side->head;

	if (place < behind) {
		memmove(price + 1, price, place * sizeof(double));
		memmove(qty + 1, qty, place * sizeof(double));
		side->head++;
	} else {
		memmove(price + place, price + place + 1, behind * sizeof(double));
		memmove(qty + place, qty + place + 1, behind * sizeof(double));
	}
	side->count--;
}

#endif
