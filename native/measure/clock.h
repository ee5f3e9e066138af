/* SPDX-License-Identifier: MIT */
/*
 * Time. The invariant TSC where the machine has one, calibrated once per process against
 * CLOCK_MONOTONIC_RAW; clock_gettime otherwise. A tick is what clock_ticks() counts: TSC cycles, or
 * nanoseconds where there is no TSC. Ticks order events of one machine; ns are for people.
 */
#ifndef HP_CLOCK_H
#define HP_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* Filled by clock_init(); read-only afterwards. */
struct clock {
	int has_tsc;
	uint64_t start_ticks; /* when the library was loaded */
	int64_t start_realtime_ns;
	double ns_per_tick;
	uint64_t stamp_ticks; /* what reading the clock costs */
	uint64_t mult;	      /* ns = ticks * mult >> 32 */
};
extern struct clock hp_clock;

/* Idempotent; called by every open(). Takes about 20 ms the first time (the calibration). */
void clock_init(void);

static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
	if (__builtin_expect(hp_clock.has_tsc, 1))
		return __rdtsc();
#endif
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A difference of ticks in ns. */
static inline uint64_t clock_ns(uint64_t ticks)
{
	return (uint64_t)(((unsigned __int128)ticks * hp_clock.mult) >> 32);
}

/* What lay between two stamps, in ns: the cost of the second stamp is taken off. */
static inline uint64_t clock_between_ns(uint64_t ticks)
{
	return ticks > hp_clock.stamp_ticks ? clock_ns(ticks - hp_clock.stamp_ticks) : 0;
}

/* ns since the library was loaded. */
static inline uint64_t clock_now_ns(void)
{
	return clock_ns(clock_ticks() - hp_clock.start_ticks);
}

/* ns in ticks, for deadlines. */
static inline uint64_t clock_to_ticks(uint64_t ns)
{
	return (uint64_t)((double)ns / hp_clock.ns_per_tick);
}

/* A tick stamp as ns since the Unix epoch. */
static inline int64_t clock_realtime_ns(uint64_t ticks)
{
	return hp_clock.start_realtime_ns + (int64_t)clock_ns(ticks - hp_clock.start_ticks);
}

#endif
