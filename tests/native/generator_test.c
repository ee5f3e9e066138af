/* SPDX-License-Identifier: MIT */
/*
 * The seeded market: the same tape for the same seed, on every machine (one hash is pinned); a book that
 * stays sane, judged by the most naive book there is; and statistics near the measured ones.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "lab/tape.h"

#define SPAN   (1 << 18)		    /* ticks the naive book covers */
#define PINNED UINT64_C(0xa1ac9d11a814d41a) /* hash of seed 7, 20,000 records */

/* Quantity by price: index = tick - base. */
struct naive {
	int64_t base;
	int32_t *qty[2]; /* [1] bids */
	int64_t best[2]; /* index; found again at the end of a message */
	uint32_t levels[2];
};

static struct hp_tape *generate(double seed, double records, double levels)
{
	struct hp_market_options options = {.seed = seed, .records = records, .levels = levels};
	struct hp_tape *tape = hp_tape_generate(&options, 5);

	CHECK(tape);
	return tape;
}

static uint64_t hash(const struct hp_tape *tape)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < tape->count; i++) {
		const struct tape_record *record = &tape->records[i];
		uint64_t words[4] = {(uint64_t)record->price, (uint64_t)record->qty,
				     (uint64_t)(record->flags | record->first << 8), (uint64_t)record->at_ns};

		for (int j = 0; j < 4; j++)
			hash = (hash ^ words[j]) * 0x100000001b3u;
	}
	return hash;
}

static void same_seed_same_tape(void)
{
	struct hp_tape *one = generate(7, 20000, 0), *two = generate(7, 20000, 0),
		       *other = generate(8, 20000, 0);

	CHECK_EQ(one->count, 22000);
	CHECK(hash(one) == hash(two));
	CHECK(hash(one) != hash(other));
	if (hash(one) != PINNED)
		fprintf(stderr, "hash is 0x%016llx\n", (unsigned long long)hash(one));
	CHECK(hash(one) == PINNED);
	CHECK(!strcmp(one->info.symbol, "hotpath SEED-7"));
	CHECK_EQ(one->info.price_scale, 1e6);
	CHECK_EQ(one->info.qty_scale, 1000);
	hp_tape_close(one);
	hp_tape_close(two);
	hp_tape_close(other);
}

static void apply(struct naive *book, const struct tape_record *record, int64_t tick)
{
	int bid = record->flags & HP_FLAG_BID;
	int64_t index = record->price / tick - book->base;
	int32_t *qty;

	CHECK(record->price % tick == 0);
	CHECK(index >= 0 && index < SPAN);
	qty = &book->qty[bid][index];
	book->levels[bid] += (record->qty != 0) - (*qty != 0);
	*qty = record->qty;
	if (record->qty && (bid ? index > book->best[1] : index < book->best[0]))
		book->best[bid] = index;
}

/* What a message must leave behind. */
static void check_book(struct naive *book, double levels)
{
	while (book->best[1] > 0 && !book->qty[1][book->best[1]])
		book->best[1]--;
	while (book->best[0] < SPAN - 1 && !book->qty[0][book->best[0]])
		book->best[0]++;
	for (int bid = 0; bid < 2; bid++) {
		CHECK(book->levels[bid] > 0);
		CHECK(book->levels[bid] <= levels * 1.3 + 20);
		CHECK(levels < 500 || book->levels[bid] >= levels * 0.4);
	}
	CHECK(book->best[1] < book->best[0]);
}

/* What a tape's updates look like, to be held against the table. */
struct statistics {
	double removed, bids, unknown, fresh, messages, moves, top, median_distance;
};

static int by_value(const void *a, const void *b)
{
	int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

	return (left > right) - (left < right);
}

/* Plays a tape, checks the book after every message, counts. */
static struct statistics play(const struct hp_tape *tape, int64_t tick, double levels)
{
	struct naive book = {.base = tape->records[0].price / tick - SPAN / 2, .best = {SPAN - 1, 0}};
	double updates = (double)tape->count - tape->info.snapshot_records;
	int32_t *distances = malloc(tape->count * sizeof(*distances));
	struct statistics seen = {0};
	int64_t tops[2] = {0};
	size_t below = 0;

	for (int side = 0; side < 2; side++)
		book.qty[side] = calloc(SPAN, sizeof(int32_t));
	for (size_t i = 0; i < tape->count; i++) {
		const struct tape_record *record = &tape->records[i];
		int bid = record->flags & HP_FLAG_BID;
		int64_t index = record->price / tick - book.base;
		int64_t distance = bid ? tops[1] - index : index - tops[0];

		if (!(record->flags & HP_FLAG_SNAPSHOT)) {
			int known = index >= 0 && index < SPAN && book.qty[bid][index];

			seen.removed += !record->qty;
			seen.bids += bid;
			seen.unknown += !record->qty && !known;
			seen.fresh += record->qty && !known;
			seen.top += distance == 0;
			if (distance > 0)
				distances[below++] = (int32_t)distance;
		}
		apply(&book, record, tick);
		if (i + 1 < tape->count && record[1].at_ns == record->at_ns)
			continue;
		check_book(&book, levels);
		seen.messages++;
		seen.moves += seen.messages > 1 && tops[1] != book.best[1];
		memcpy(tops, book.best, sizeof(tops));
	}
	seen.removed /= updates, seen.bids /= updates, seen.unknown /= updates, seen.fresh /= updates;
	seen.top /= updates, seen.moves /= seen.messages;
	qsort(distances, below, sizeof(*distances), by_value);
	seen.median_distance = distances[below / 2];
	free(distances);
	free(book.qty[0]);
	free(book.qty[1]);
	return seen;
}

static void like_the_real_hour(void)
{
	for (int seed = 1; seed <= 3; seed++) {
		struct hp_tape *tape = generate(seed, 0, 0);
		struct statistics seen = play(tape, 100000, 1000);
		double seconds = (double)tape->records[tape->count - 1].at_ns / 1e9;
		double per_message = 400000 / (seen.messages - 1);

		CHECK_EQ(tape->info.records, 402000);
		CHECK_EQ(tape->info.snapshot_records, 2000);
		CHECK_EQ(tape->info.messages, seen.messages);
		CHECK(fabs(seen.removed - 0.216) < 0.01);
		CHECK(fabs(seen.bids - 0.519) < 0.01);
		CHECK(fabs(seen.unknown - 0.040) < 0.005);
		CHECK(fabs(seen.fresh - 0.185) < 0.015);
		CHECK(fabs(seen.top - 0.022) < 0.005);
		CHECK(fabs(seen.moves - 0.072) < 0.02);
		CHECK(fabs(seen.median_distance - 433) < 30);
		CHECK(fabs(per_message - 67.7) < 10);
		CHECK(fabs(seconds / (seen.messages - 1) - 0.0526) < 0.001);
		hp_tape_close(tape);
	}
}

static void sane_at_every_size(void)
{
	static const double levels[] = {10, 11, 50, 300, 5000, 20000};

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		struct hp_tape *tape = generate((double)i, 60000, levels[i]);

		CHECK_EQ(tape->info.snapshot_records, 2 * levels[i]);
		CHECK_EQ(tape->count, 60000 + 2 * levels[i]);
		play(tape, 100000, levels[i]);
		hp_tape_close(tape);
	}
	for (double records = 1; records < 3000; records = records * 2 + 1) {
		struct hp_tape *tape = generate(records, records, 20);

		CHECK_EQ(tape->count, records + 40);
		play(tape, 100000, 20);
		hp_tape_close(tape);
	}
}

static void other_instruments(void)
{
	struct hp_market_options options = {
		.seed = 1, .records = 50000, .levels = 200, .price = 7000, .tick = 1};
	struct hp_tape *tape = hp_tape_generate(&options, 1);

	CHECK(tape);
	CHECK_EQ(tape->records[0].price, 7000);
	CHECK_EQ(tape->info.datagrams, tape->info.records);
	play(tape, 1, 200);
	hp_tape_close(tape);
}

static void refuses(struct hp_market_options options, const char *says)
{
	char text[512];
	int32_t len;

	CHECK(!hp_tape_generate(&options, 5));
	len = hp_last_error(text, sizeof(text) - 1);
	text[len] = 0;
	CHECK(strstr(text, says));
}

static void sentences(void)
{
	refuses((struct hp_market_options){.seed = -1}, "seed");
	refuses((struct hp_market_options){.seed = NAN}, "seed");
	refuses((struct hp_market_options){.records = -1}, "records");
	refuses((struct hp_market_options){.records = 1e12}, "records");
	refuses((struct hp_market_options){.levels = 9}, "levels");
	refuses((struct hp_market_options){.levels = 20001}, "levels");
	refuses((struct hp_market_options){.price = 5000}, "at least 10000 ticks");
	refuses((struct hp_market_options){.tick = 1e12}, "tick");
	refuses((struct hp_market_options){.tick = NAN}, "tick");
	CHECK(!hp_tape_generate(NULL, 5));
	CHECK(!hp_tape_generate(&(struct hp_market_options){0}, 0));
}

int main(void)
{
	RUN(same_seed_same_tape);
	RUN(like_the_real_hour);
	RUN(sane_at_every_size);
	RUN(other_instruments);
	RUN(sentences);
	return 0;
}
