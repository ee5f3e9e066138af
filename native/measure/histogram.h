/* SPDX-License-Identifier: MIT */
/* Recording into struct hp_histogram (layout and precision: hotpath.h). No allocation, no branch on data but
 * one. */
#ifndef HP_HISTOGRAM_H
#define HP_HISTOGRAM_H

#include "hotpath.h"

/* Bucket of a value: 0..127 exact, then 64 linear buckets an octave. */
static inline uint32_t histogram_bucket(uint64_t ns)
{
	if (ns < 128)
		return (uint32_t)ns;
	uint32_t octave = 63u - (uint32_t)__builtin_clzll(ns); /* >= 7 */
	uint32_t bucket = (octave - 6) * 64 + (uint32_t)(ns >> (octave - 6));
	return bucket < HP_HISTOGRAM_BUCKETS ? bucket : HP_HISTOGRAM_BUCKETS - 1;
}

void histogram_reset(struct hp_histogram *histogram);

static inline void histogram_record(struct hp_histogram *histogram, uint64_t ns)
{
	double value = (double)ns;

	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->count += 1;
	histogram->sum += value;
	histogram->buckets[histogram_bucket(ns)]++;
}

#endif
