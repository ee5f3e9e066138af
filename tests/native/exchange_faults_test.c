/* SPDX-License-Identifier: MIT */
/*
 * Injected faults: each kind does to the wire what it says, the counters say exactly what was done, and one
 * seed always does the same.
 */
#include "exchange_lab.h"

static struct heard heard_before;

/* Plays a session with these faults; what was heard is left in `heard`. */
static void faulty(double loss, double duplicate, double reorder, double seed, int32_t pace,
		   struct hp_exchange_stats *stats)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 4000);
	lab.options.pace = pace;
	lab.options.loss = loss;
	lab.options.duplicate = duplicate;
	lab.options.reorder = reorder;
	lab.options.seed = seed;
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK(!hear(&lab, 5)); /* nothing comes after the last record */
	CHECK_EQ(heard.record[heard.records - 1].seq, lab.tape->count - 1);
	CHECK_EQ(lab.stats.sequenced, lab.tape->count);
	CHECK_EQ(lab.stats.datagrams, lab.tape->info.datagrams - lab.stats.dropped + lab.stats.duplicated);
	CHECK_EQ(lab.stats.datagrams, heard.datagrams);
	CHECK_EQ(lab.stats.records, heard.records);
	*stats = lab.stats;
	lab_end(&lab);
}

/* Counts the faults in what was heard: records never seen, seen again at once, seen after a later one. */
static void faults_heard(double *lost, double *doubled, double *late)
{
	static uint8_t seen[RECORDS_MAX];
	int64_t highest = -1;

	memset(seen, 0, sizeof(seen));
	*lost = *doubled = *late = 0;
	for (uint32_t i = 0; i < heard.records; i++) {
		int64_t seq = heard.record[i].seq;

		*doubled += seen[seq];
		*late += seq < highest && !seen[seq];
		highest = seq > highest ? seq : highest;
		seen[seq] = 1;
	}
	for (int64_t seq = 0; seq <= highest; seq++)
		*lost += !seen[seq];
}

static void no_faults(void)
{
	struct hp_exchange_stats stats;

	faulty(0, 0, 0, 1, HP_PACE_RATE, &stats);
	CHECK_EQ(stats.dropped + stats.duplicated + stats.reordered, 0);
}

static void loss(void)
{
	struct hp_exchange_stats stats;
	double lost, doubled, late;

	faulty(0.1, 0, 0, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.dropped > 40 && stats.dropped < 160);
	CHECK(lost >= stats.dropped && lost <= 5 * stats.dropped);
	CHECK_EQ(doubled + late, 0);
}

static void duplicates(void)
{
	struct hp_exchange_stats stats;
	double lost, doubled, late;

	faulty(0, 0.1, 0, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.duplicated > 40 && stats.duplicated < 160);
	CHECK(doubled >= stats.duplicated && doubled <= 5 * stats.duplicated);
	CHECK_EQ(lost + late, 0);
}

static void swaps(void)
{
	struct hp_exchange_stats stats;
	double lost, doubled, late;

	faulty(0, 0, 0.1, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.reordered > 40 && stats.reordered < 160);
	CHECK(late >= stats.reordered && late <= 5 * stats.reordered);
	CHECK_EQ(lost + doubled, 0);
}

/* The same seed does the same again whatever the pace; another seed does not. */
static void one_seed_one_fate(void)
{
	struct hp_exchange_stats stats, again;

	faulty(0.05, 0.05, 0.05, 9, HP_PACE_RATE, &stats);
	heard_before = heard;
	faulty(0.05, 0.05, 0.05, 9, HP_PACE_FLAT, &again);
	CHECK_EQ(again.dropped, stats.dropped);
	CHECK_EQ(again.duplicated, stats.duplicated);
	CHECK_EQ(again.reordered, stats.reordered);
	CHECK_EQ(heard.records, heard_before.records);
	for (uint32_t i = 0; i < heard.records; i++)
		CHECK_EQ(heard.record[i].seq, heard_before.record[i].seq);
	faulty(0.05, 0.05, 0.05, 10, HP_PACE_FLAT, &again);
	CHECK(again.dropped != stats.dropped || again.duplicated != stats.duplicated ||
	      again.reordered != stats.reordered);
}

static void the_last_datagram_is_spared(void)
{
	struct hp_exchange_stats stats;

	faulty(1, 0, 0, 1, HP_PACE_RATE, &stats);
	CHECK_EQ(heard.datagrams, 1);
	CHECK_EQ(heard.last, 1);
	faulty(0, 1, 0, 1, HP_PACE_FLAT, &stats);
	CHECK_EQ(stats.duplicated * 2 + 1, heard.datagrams);
	faulty(0, 0, 1, 1, HP_PACE_FLAT, &stats);
	CHECK_EQ(heard.record[heard.records - 1].flags & HP_FLAG_LAST, HP_FLAG_LAST);
}

int main(void)
{
	lab_choose_home();
	RUN(no_faults);
	RUN(loss);
	RUN(duplicates);
	RUN(swaps);
	RUN(one_seed_one_fate);
	RUN(the_last_datagram_is_spared);
	return 0;
}
