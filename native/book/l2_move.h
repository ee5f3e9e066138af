/* SPDX-License-Identifier: MIT */
/*
 * Making or closing a gap of one level: both arrays of a side move by one double. This is where most of the
 * time of inserting and removing goes (360 levels on average on a real book of 5,000, most of them in the L2
 * cache), and the loop is bound by loads and stores that cross cache lines. memmove() twice is the portable
 * way; with AVX2 one loop over both arrays, with aligned stores, is a tenth of the book's whole time faster.
 * The ends are read before the loop and written after it, unaligned, so that no length needs a tail.
 */
#ifndef HP_L2_MOVE_H
#define HP_L2_MOVE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

#define L2_WIDE 4 /* doubles */
typedef double l2_wide __attribute__((vector_size(8 * L2_WIDE), may_alias));
typedef double l2_loose __attribute__((vector_size(8 * L2_WIDE), aligned(8), may_alias));

/* Levels [0, count) to [1, count + 1). */
__attribute__((target("avx2"))) static void l2_move_deeper_wide(double *price, double *qty, uint32_t count)
{
	ptrdiff_t to_qty = qty - price; /* a multiple of 16 doubles: what is aligned here is so there */
	double *end = price + 1 + count - L2_WIDE;
	double *at = (double *)((uintptr_t)(price + 1 + count) & -sizeof(l2_wide));
	l2_loose first_price = *(l2_loose *)price, first_qty = *(l2_loose *)qty;
	l2_loose last_price = *(l2_loose *)(end - 1), last_qty = *(l2_loose *)(end - 1 + to_qty);

	while (at - L2_WIDE > price + 1) {
		at -= L2_WIDE;
		l2_wide moved_price = *(l2_loose *)(at - 1), moved_qty = *(l2_loose *)(at - 1 + to_qty);
		*(l2_wide *)at = moved_price;
		*(l2_wide *)(at + to_qty) = moved_qty;
	}
	*(l2_loose *)end = last_price;
	*(l2_loose *)(end + to_qty) = last_qty;
	*(l2_loose *)(price + 1) = first_price;
	*(l2_loose *)(qty + 1) = first_qty;
}

/* Levels [0, count) to [-1, count - 1). */
__attribute__((target("avx2"))) static void l2_move_closer_wide(double *price, double *qty, uint32_t count)
{
	ptrdiff_t to_qty = qty - price;
	double *end = price - 1 + count - L2_WIDE;
	double *at = (double *)((uintptr_t)(price - 1 + L2_WIDE - 1) & -sizeof(l2_wide));
	l2_loose first_price = *(l2_loose *)price, first_qty = *(l2_loose *)qty;
	l2_loose last_price = *(l2_loose *)(end + 1), last_qty = *(l2_loose *)(end + 1 + to_qty);

	for (; at < end; at += L2_WIDE) {
		l2_wide moved_price = *(l2_loose *)(at + 1), moved_qty = *(l2_loose *)(at + 1 + to_qty);
		*(l2_wide *)at = moved_price;
		*(l2_wide *)(at + to_qty) = moved_qty;
	}
	*(l2_loose *)(price - 1) = first_price;
	*(l2_loose *)(qty - 1) = first_qty;
	*(l2_loose *)end = last_price;
	*(l2_loose *)(end + to_qty) = last_qty;
}

#define L2_USE_WIDE(count) ((count) >= 2 * L2_WIDE && __builtin_cpu_supports("avx2"))

#else

#define L2_USE_WIDE(count) 0
#define l2_move_deeper_wide(price, qty, count)
#define l2_move_closer_wide(price, qty, count)

#endif

/* Away from the best: the slot at `price` becomes free, the one behind the last is taken. */
static inline void l2_move_deeper(double *price, double *qty, uint32_t count)
{
	if (L2_USE_WIDE(count)) {
		l2_move_deeper_wide(price, qty, count);
		return;
	}
	memmove(price + 1, price, count * sizeof(*price));
	memmove(qty + 1, qty, count * sizeof(*qty));
}

/* Towards the best: the slot before `price` is taken, the last becomes free. */
static inline void l2_move_closer(double *price, double *qty, uint32_t count)
{
	if (L2_USE_WIDE(count)) {
		l2_move_closer_wide(price, qty, count);
		return;
	}
	memmove(price - 1, price, count * sizeof(*price));
	memmove(qty - 1, qty, count * sizeof(*qty));
}

#endif
