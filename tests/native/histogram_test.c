/* SPDX-License-Identifier: MIT */
/* The histogram: bucket boundaries, precision, and what the exported door refuses. */
#include <errno.h>
#include <math.h>

#include "check.h"
#include "lab/random.h"
#include "measure/histogram.h"

/* The smallest value of a bucket: the layout of hotpath.h, read backwards. */
static uint64_t lower_bound(uint32_t bucket)
{
	if (bucket < 128)
		return bucket;
	return (uint64_t)(bucket % 64 + 64) << (bucket / 64 - 1);
}

static void buckets_join_without_gap_or_overlap(void)
{
	for (uint32_t bucket = 0; bucket < HP_HISTOGRAM_BUCKETS; bucket++) {
		uint64_t low = lower_bound(bucket);

		CHECK_EQ(histogram_bucket(low), bucket);
		if (bucket) {
			CHECK(low > lower_bound(bucket - 1));
			CHECK_EQ(histogram_bucket(low - 1), bucket - 1);
		}
	}
	CHECK_EQ(lower_bound(HP_HISTOGRAM_BUCKETS - 1), 0x1p40 - 0x1p33);
}

static void larger_values_count_in_the_last_bucket(void)
{
	CHECK_EQ(histogram_bucket((UINT64_C(1) << 40) - 1), HP_HISTOGRAM_BUCKETS - 1);
	CHECK_EQ(histogram_bucket(UINT64_C(1) << 40), HP_HISTOGRAM_BUCKETS - 1);
	CHECK_EQ(histogram_bucket(UINT64_MAX), HP_HISTOGRAM_BUCKETS - 1);
}

static void a_bucket_is_within_a_64th_of_its_values(void)
{
	struct random random = {1};

	for (int i = 0; i < 1000000; i++) {
		uint64_t value = (random_next(&random) >> 24) >> random_below(&random, 40);
		uint64_t low = lower_bound(histogram_bucket(value));

		CHECK(low <= value);
		CHECK((double)(value - low) * 64 < (double)value || value == low);
	}
}

static void record_keeps_count_sum_min_and_max(void)
{
	static struct hp_histogram histogram;
	double buckets = 0;

	histogram_reset(&histogram);
	CHECK_EQ(hp_histogram_record(&histogram, 300), 0);
	CHECK_EQ(hp_histogram_record(&histogram, 7.9), 0);
	CHECK_EQ(hp_histogram_record(&histogram, 0x1p50), 0);
	CHECK_EQ(histogram.count, 3);
	CHECK_EQ(histogram.sum, 307 + 0x1p50);
	CHECK_EQ(histogram.min, 7);
	CHECK_EQ(histogram.max, 0x1p50);
	CHECK_EQ(histogram.buckets[7], 1);
	for (int i = 0; i < HP_HISTOGRAM_BUCKETS; i++)
		buckets += histogram.buckets[i];
	CHECK_EQ(buckets, 3);

	histogram_reset(&histogram);
	CHECK_EQ(histogram.count + histogram.sum + histogram.min + histogram.max + histogram.buckets[7], 0);
	histogram_record(&histogram, 0);
	CHECK_EQ(histogram.min + histogram.max, 0);
	CHECK_EQ(histogram.buckets[0], 1);
}

static void record_refuses_what_is_no_duration(void)
{
	static struct hp_histogram histogram;

	CHECK_EQ(hp_histogram_record(NULL, 1), -EINVAL);
	CHECK_EQ(hp_histogram_record(&histogram, -1), -EINVAL);
	CHECK_EQ(hp_histogram_record(&histogram, NAN), -EINVAL);
	CHECK_EQ(hp_histogram_record(&histogram, INFINITY), -EINVAL);
	CHECK_EQ(histogram.count, 0);
}

int main(void)
{
	RUN(buckets_join_without_gap_or_overlap);
	RUN(larger_values_count_in_the_last_bucket);
	RUN(a_bucket_is_within_a_64th_of_its_values);
	RUN(record_keeps_count_sum_min_and_max);
	RUN(record_refuses_what_is_no_duration);
	return 0;
}
