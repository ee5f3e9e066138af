/* SPDX-License-Identifier: MIT */
/*
 * A side: rungs sorted by key, the best at the end (layout: hotpath/books.h). On a real NASDAQ name two adds
 * of three make a level and two deletes of three take one away, half of them within three levels of the best
 * and nine of ten within twenty: so a level is looked for from the best on, and what has to move is short.
 * Below the worst level lies a rung with the key -infinity and level 0, where every search ends, and which is
 * the best of an empty side: no code asks whether a side is empty.
 */
#ifndef HP_BOOKS_SIDE_H
#define HP_BOOKS_SIDE_H

#include <math.h>

#include "book/books_memory.h"

#define SIDE_NEAR 16u /* levels looked at one by one, and moved in place */

/* The first rung from `first` on with a larger key, below `end`. Halves without a branch on the data. */
BOOKS_INLINE uint32_t side_bisect(const struct hp_book_rung *rungs, uint32_t first, uint32_t end, double key)
{
	uint32_t count = end - first;

	while (count) {
		uint32_t half = (count + 1) / 2;

		first += rungs[first + half - 1].key <= key ? half : 0;
		count -= half;
	}
	return first;
}

/* The last rung whose key is at most `key`: that of its level, or the one it has to follow. */
BOOKS_INLINE uint32_t side_find(const struct books *books, const struct side *side, uint32_t levels,
				double key)
{
	const struct hp_book_rung *rungs = books->rungs;
	uint32_t at = side->end - 1, least = levels > SIDE_NEAR ? at - SIDE_NEAR : 0;

	while (rungs[at].key > key) {
		if (__builtin_expect(--at == least, 0))
			return side_bisect(rungs, side->end - levels, at + 1, key) - 1;
	}
	return at;
}

/* A place for one rung behind `at`. 0 = no room. */
BOOKS_INLINE uint32_t side_insert(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	struct hp_book_rung *rungs = books->rungs;
	uint32_t end = side->end;

	if (__builtin_expect(end == side->base + side->room || end - at > SIDE_NEAR, 0))
		return side_make_hole(books, side, levels, at + 1);
	for (uint32_t i = end - 1; i > at; i--)
		rungs[i + 1] = rungs[i];
	side->end = end + 1;
	return at + 1;
}

/* Takes the rung at `at` out; `levels` counts it. */
BOOKS_INLINE void side_remove(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	struct hp_book_rung *rungs = books->rungs;
	uint32_t end = side->end;

	if (__builtin_expect(end - at > SIDE_NEAR || levels * 4 < side->room, 0)) {
		side_close_hole(books, side, levels, at);
		return;
	}
	for (uint32_t i = at + 1; i < end; i++)
		rungs[i - 1] = rungs[i];
	side->end = end - 1;
}

#endif
