/* SPDX-License-Identifier: MIT */
/*
 * SplitMix64: one 64-bit word of state, three multiplies a number, the same sequence on every machine. Enough
 * for a market and for faults that must be repeatable; not for secrets.
 */
#ifndef HP_RANDOM_H
#define HP_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0..limit-1. Multiply and shift: the bias (below limit / 2^32) is far under what anybody here can see. */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)(((random_next(random) >> 32) * limit) >> 32);
}

/* True with probability chance / 2^32; chance may be 2^32 itself: always. */
static inline int random_chance(struct random *random, uint64_t chance)
{
	return (random_next(random) >> 32) < chance;
}

#endif
