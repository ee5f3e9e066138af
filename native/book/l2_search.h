/* SPDX-License-Identifier: MIT */
/*
 * Finding a price among a side's levels: a sorted array of a few thousand doubles, most of them outside the
 * L1 cache. A plain binary search pays a cache miss and a dependent compare a step. Updates come in messages
 * sorted by price, so the level wanted is near the last one found: half of them within 6 levels, nine of ten
 * within 211 (Binance futures, 5,000 levels a side). Hence
 *
 *   1. gallop from the last index found ("finger") until the price is bracketed;
 *   2. quarter the bracket: three compares that wait for one another's cache lines no longer than for one;
 *   3. count the better levels among the last 16 without a branch: a scan whose length depended on the data
 *      would cost a misprediction more than it saves.
 *
 * Far jumps pay for the gallop on top of the search. `bid` is a constant in every caller, so that each side
 * gets code of its own with its own compare.
 */
#ifndef HP_L2_SEARCH_H
#define HP_L2_SEARCH_H

#include <stdint.h>

#define L2_SCAN 16 /* levels counted in one go */
#define L2_GROW 4  /* each step of the gallop is this many times the one before */

#define L2_INLINE static inline __attribute__((always_inline))

/* Two doubles at any address, and what a compare of two makes of them: 0 or -1 each. */
typedef double l2_pair __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t l2_mask __attribute__((vector_size(16)));

/* Bids: higher is better. Asks: lower. */
L2_INLINE int l2_better(double level, double price, int bid)
{
	return bid ? level > price : level < price;
}

/* How many of L2_SCAN levels are better than `price`. */
L2_INLINE uint32_t l2_count(const double *levels, double price, int bid)
{
	const l2_pair *pairs = (const l2_pair *)levels;
	l2_pair wanted = {price, price};
	l2_mask sum = {0, 0};

	for (int i = 0; i < L2_SCAN / 2; i++)
		sum -= bid ? pairs[i] > wanted : pairs[i] < wanted;
	return (uint32_t)(sum[0] + sum[1]);
}

/* Index of the first of `count` levels that is not better than `price`: its place. finger: where to begin. */
L2_INLINE uint32_t l2_find(const double *levels, uint32_t count, uint32_t finger, double price, int bid)
{
	uint32_t low, length, step = L2_SCAN; /* the place is in [low, low + length] */

	if (count < L2_SCAN) {
		for (low = 0; low < count && l2_better(levels[low], price, bid); low++)
			;
		return low;
	}
	if (finger >= count)
		finger = count - 1;
	if (l2_better(levels[finger], price, bid)) {
		for (low = finger;; low += step, step *= L2_GROW) {
			length = count - low;
			if (length <= step)
				break;
			length = step;
			if (!l2_better(levels[low + step], price, bid))
				break;
		}
	} else {
		for (low = finger;; step *= L2_GROW) {
			length = low < step ? low : step;
			low -= length;
			if (!low || l2_better(levels[low], price, bid))
				break;
		}
	}
	while (length > L2_SCAN) {
		const double *last = levels + low - 1; /* last[n]: last of the first n levels */
		uint32_t quarter = length / 4;
		uint32_t skipped = quarter * (uint32_t)(l2_better(last[quarter], price, bid) +
							l2_better(last[2 * quarter], price, bid) +
							l2_better(last[3 * quarter], price, bid));

		low += skipped;
		length -= 3 * quarter;
	}
	if (low > count - L2_SCAN)
		low = count - L2_SCAN;
	return low + l2_count(levels + low, price, bid);
}

#endif
