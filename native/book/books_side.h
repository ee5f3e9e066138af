/* SPDX-License-Identifier: MIT */
/*
 * A side: rungs (key and level) sorted by key, the best at the end. On a real NASDAQ name two adds of three
 * make a level and two deletes of three take one away, half of them within three levels of the best and nine
 * of ten within sixteen. What costs there is neither the search nor the move but guessing how long they are:
 * a loop that ends where the data says is mispredicted each time, and that is longer than looking at all
 * sixteen. So the best NEAR rungs are compared at once, and moved, or not, without a branch: with AVX-512 by
 * masked stores of exactly the better ones. Below the worst level lie NEAR keys of -infinity, so that no side
 * is too short to be looked at, and level 0, which is empty, is the best of an empty side: no code asks
 * whether a side is. What is further away is left to books_side.c.
 *
 * Compiled twice: for any processor (books_plain.c), and with BOOKS_WIDE (books_wide.c).
 */
#ifndef HP_BOOKS_SIDE_H
#define HP_BOOKS_SIDE_H

#include <math.h>

#include "book/books_memory.h"

#ifdef BOOKS_WIDE
#include <immintrin.h>

/* A side's best rungs as they were, and which of them are better than a key. */
struct near {
	__m512d low, high; /* keys */
	__m512i rungs;
	__mmask16 better; /* bit 15: the best */
	uint32_t depth;	  /* how many are better */
	uint32_t known;	  /* 1: one of them has the very key */
};

BOOKS_INLINE struct near side_near(const struct books *books, uint32_t end, double key)
{
	__m512d low = _mm512_loadu_pd(books->keys + end - NEAR);
	__m512d high = _mm512_loadu_pd(books->keys + end - NEAR / 2);
	__mmask16 better = _mm512_kunpackb(_mm512_cmp_pd_mask(high, _mm512_set1_pd(key), _CMP_GT_OQ),
					   _mm512_cmp_pd_mask(low, _mm512_set1_pd(key), _CMP_GT_OQ));

	__mmask8 known = _mm512_cmp_pd_mask(high, _mm512_set1_pd(key), _CMP_EQ_OQ) |
			 _mm512_cmp_pd_mask(low, _mm512_set1_pd(key), _CMP_EQ_OQ);

	return (struct near){low,
			     high,
			     _mm512_loadu_si512(books->rungs + end - NEAR),
			     better,
			     (uint32_t)__builtin_popcount(better),
			     known != 0};
}

/* Moves the better ones by one rung (+1 or -1), if `moved` is not 0 but all ones. */
BOOKS_INLINE void side_move(struct books *books, uint32_t end, const struct near *near, uint64_t moved,
			    int by)
{
	__mmask16 better = near->better & (__mmask16)moved;

	_mm512_mask_storeu_pd(books->keys + end - NEAR + by, (__mmask8)better, near->low);
	_mm512_mask_storeu_pd(books->keys + end - NEAR / 2 + by, (__mmask8)(better >> 8), near->high);
	_mm512_mask_storeu_epi32(books->rungs + end - NEAR + by, better, near->rungs);
}

/* side_find(), from the second NEAR rungs on, window by window as long as it may be near. */
BOOKS_INLINE uint32_t side_find_far(const struct books *books, const struct side *side, uint32_t levels,
				    double key)
{
	uint32_t first = side->end - levels, behind = side->end - NEAR;

	for (uint32_t window = 1; window < 8 && behind > first; window++) {
		uint32_t depth = side_near(books, behind, key).depth;

		behind -= depth;
		if (depth < NEAR)
			return behind - 1;
	}
	return side_find(books, side, levels, key);
}

#else

struct near {
	uint32_t depth, known;
};

BOOKS_INLINE uint32_t side_find_far(const struct books *books, const struct side *side, uint32_t levels,
				    double key)
{
	return side_find(books, side, levels, key);
}

BOOKS_INLINE struct near side_near(const struct books *books, uint32_t end, double key)
{
	const double *keys = books->keys + end - NEAR;
	uint64_t depth = 0;

	for (uint32_t i = 0; i < NEAR; i++)
		depth += keys[i] > key;
	return (struct near){(uint32_t)depth, depth < NEAR && keys[NEAR - 1 - depth] == key};
}

BOOKS_INLINE void side_move(struct books *books, uint32_t end, const struct near *near, uint64_t moved,
			    int by)
{
	uint32_t count = near->depth & (uint32_t)moved;
	double *key = books->keys + end - (by < 0 ? count : 1);
	uint32_t *rung = books->rungs + end - (by < 0 ? count : 1);

	for (; count; count--, key -= by, rung -= by) {
		key[by] = *key;
		rung[by] = *rung;
	}
}

#endif

/* The last rung whose key is at most `key`, given that `depth` of the best NEAR are better. */
BOOKS_INLINE uint32_t side_at(const struct books *books, const struct side *side, uint32_t levels, double key,
			      uint32_t depth)
{
	return depth < NEAR ? side->end - 1 - depth : side_find_far(books, side, levels, key);
}

#endif
