/* SPDX-License-Identifier: MIT */
/* One side of the seeded market's book: the generator's own and simplest, not what a strategy reads. */
#ifndef HP_SIDE_H
#define HP_SIDE_H

#include <stdint.h>

/*
 * Levels lie by rising key with the best last, so that the busy end is the cheap one to
 * insert at; the key is the price in ticks for bids and its negative for asks, and nothing below has to ask
 * which side it works on.
 */
struct level {
	int64_t key;
	int32_t qty;	  /* 0: removed in this message; leaves the array at its end */
	uint32_t touched; /* 1: has a record in this message; a level has one at most */
};

struct side {
	struct level *levels;
	uint32_t count, live; /* of them with a quantity */
};

/* Key of the best level; every side has one between messages and after a move. */
static inline int64_t side_best(const struct side *side)
{
	uint32_t i = side->count;

	while (i > 1 && !side->levels[i - 1].qty)
		i--;
	return side->levels[i - 1].key;
}

/* Index of the first level with this key or a better one. */
static inline uint32_t side_find(const struct side *side, int64_t key)
{
	uint32_t low = 0, high = side->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (side->levels[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline int side_is_at(const struct side *side, uint32_t index, int64_t key)
{
	return index < side->count && side->levels[index].key == key;
}

#endif
