/* SPDX-License-Identifier: MIT */
/*
 * The grid of a side: prices near the top of a real book are multiples of one tick, so a level's place is its
 * price, (price - anchor) / step, and nothing has to be searched or moved. Positions run from the best to the
 * deepest on both sides (a bid grid steps down), so that nothing here knows which side it is on.
 *
 * The tick is not told by anybody: laying the grid takes the greatest common divisor of the prices at hand.
 * What does not fit (prices beyond its ends) lives in the list. A level between two positions takes the whole
 * grid up: everything is in the list then, until so many updates have gone there that laying it anew, some
 * 10 ns a level, is paid for. The same count brings the grid after a market that walks off it, and the old
 * tick back when an odd price has gone. If a new grid did not help, the next one has to wait twice as long.
 */
#ifndef HP_L2_GRID_H
#define HP_L2_GRID_H

#include "book/l2_list.h"

#define EXACT_MAX 0x1p53 /* integers up to here are exact in a double */
#define LEAD	  8	 /* a grid begins an eighth of its positions before the best price */
#define USEFUL	  8	 /* a grid helps while it misses fewer than one update in that many */
#define BEAR_MIN  64	 /* updates beside the grid before it is laid anew, on top of one for two levels */
#define BEAR_MAX  (1u << 20)

/* Position of a price, if the grid reaches there (grid_reaches()); the price may lie beside the position. */
BOOK_INLINE double grid_position(const struct hp_book_side *side, double price)
{
	return (price - side->anchor) * side->per_step + 0.5;
}

BOOK_INLINE int grid_reaches(const struct hp_book_side *side, double position)
{
	return position >= 0 && position < side->width;
}

BOOK_INLINE double grid_price(const struct hp_book_side *side, uint32_t position)
{
	return side->anchor + position * side->step;
}

/* First position taken from `from` on, or BOOK_NO_POSITION. */
static inline uint32_t grid_next(struct hp_book *book, const struct hp_book_side *side, uint32_t from)
{
	const uint64_t *taken = book_taken(book, side);
	uint32_t word = from / 64, words = ((uint32_t)side->width + 63) / 64;
	uint64_t bits;

	if (word >= words)
		return BOOK_NO_POSITION;
	bits = taken[word] & ~UINT64_C(0) << from % 64;
	while (!bits) {
		if (++word == words)
			return BOOK_NO_POSITION;
		bits = taken[word];
	}
	return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* Last position taken; there is one. */
static inline uint32_t grid_last(struct hp_book *book, const struct hp_book_side *side)
{
	const uint64_t *taken = book_taken(book, side);
	uint32_t word = ((uint32_t)side->width - 1) / 64;

	while (!taken[word])
		word--;
	return word * 64 + 63 - (uint32_t)__builtin_clzll(taken[word]);
}

static inline void grid_free(struct hp_book *book, const struct hp_book_side *side, uint32_t position)
{
	book_taken(book, side)[position / 64] &= ~(UINT64_C(1) << position % 64);
}

/* Takes the grid up: its levels go to the list, between those before and those behind it. */
static void grid_take_up(struct hp_book *book, struct hp_book_side *side)
{
	double *price = book_list_price(book, side), *qty = book_list_qty(book, side);
	const double *grid = book_grid_qty(book, side);
	uint32_t gap = side->levels - side->count, to = side->cut;

	memmove(price, price + side->head, side->count * sizeof(double));
	memmove(qty, qty + side->head, side->count * sizeof(double));
	memmove(price + to + gap, price + to, (side->count - to) * sizeof(double));
	memmove(qty + to + gap, qty + to, (side->count - to) * sizeof(double));
	for (uint32_t from = side->top; from != BOOK_NO_POSITION; from = grid_next(book, side, from + 1)) {
		price[to] = grid_price(side, from);
		qty[to++] = grid[from];
		grid_free(book, side, from);
	}
	side->head = 0;
	side->count = side->levels;
	side->cut = 0;
	side->top = BOOK_NO_POSITION;
	side->width = 0;
}

static inline int64_t divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Where a grid of `tick` lies whose market is at `best`: within the numbers a price may have. */
static inline void grid_place(struct hp_book_side *side, int bid, double best, double tick,
			      uint32_t positions)
{
	double lead = bid ? (EXACT_MAX - best) / tick : best / tick - 1;
	double room;

	if (lead > positions / LEAD)
		lead = positions / LEAD;
	lead = (double)(int64_t)lead;
	side->step = bid ? -tick : tick;
	side->per_step = 1 / side->step;
	side->anchor = best - lead * side->step;
	room = (double)(int64_t)(bid ? side->anchor / tick : (EXACT_MAX - side->anchor) / tick);
	side->width = room < positions ? room : positions;
}

/* Lays the grid around the best price of a list that holds every level, and moves there what fits. */
static void grid_lay(struct hp_book *book, struct hp_book_side *side, int bid)
{
	double *price = book_list_price(book, side) + side->head,
	       *qty = book_list_qty(book, side) + side->head;
	double *grid = book_grid_qty(book, side);
	uint64_t *taken = book_taken(book, side);
	uint32_t last;
	int64_t tick = 0;

	if (!side->count)
		return;
	for (uint32_t i = 0; i < side->count && tick != 1; i++)
		tick = divisor((int64_t)price[i], tick);
	grid_place(side, bid, price[0], (double)tick, HP_BOOK_GRID * book->capacity);
	for (last = 0; last < side->count; last++) {
		double position = grid_position(side, price[last]);
		uint32_t to;

		if (!grid_reaches(side, position))
			break;
		to = (uint32_t)position;
		grid[to] = qty[last];
		taken[to / 64] |= UINT64_C(1) << to % 64;
		if (!last)
			side->top = to;
	}
	side->head += last;
	side->count -= last;
}

/* Lays the grid anew when it has missed enough to pay for that, and too much to be any good. */
static void grid_review(struct hp_book *book, struct hp_book_side *side, int bid)
{
	double updates = book_updates(book);

	if (side->missed * (double)USEFUL <= updates - side->laid_at) {
		side->bear = BEAR_MIN;
	} else {
		if (side->width > 0)
			grid_take_up(book, side);
		grid_lay(book, side, bid);
		if (side->bear < BEAR_MAX)
			side->bear *= 2;
	}
	side->missed = 0;
	side->laid_at = updates;
}

#endif
