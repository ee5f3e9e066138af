/* SPDX-License-Identifier: MIT */
/*
 * Bytes nobody should send, through the sequencer into a small book. Under the sanitizers this shows memory
 * errors; beyond that it checks what must hold for any input: every record is in one counter, what is handed
 * on is in order and on the scale, a datagram is dealt with in a bounded number of steps, the book stays
 * sorted.
 *
 * With libFuzzer:    clang -fsanitize=fuzzer,address,undefined -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION ...
 * Without (make check): 200,000 inputs from a seeded mutator. FEED_FUZZ_RUNS changes how many.
 *
 * An input is a run of steps: u8 length, u8 (bit 0: truncated; the rest: how much time passes), `length`
 * bytes of a datagram, fewer at the input's end.
 */
#include <string.h>

#include "book/book.h"
#include "book_levels.h"
#include "check.h"
#include "feed/lll.h"
#include "lab/random.h"
#include "measure/clock.h"

#define CAPACITY 16
#define STEPS_MAX                                                                                            \
	(LLL_RECORDS_MAX + 2 * SEQUENCER_WINDOW + 4) /* results one datagram can cause: see check_step() */

struct target {
	struct sequencer feed;
	struct hp_feed_stats stats;
	struct hp_report report;
	struct hp_book *book;
	int64_t next; /* sequence number that must come now */
	double delivered, lost;
};

static void check_update(struct target *target, int kind, const struct sequenced *update)
{
	CHECK(kind == SEQUENCED_UPDATE || kind == SEQUENCED_GAP);
	if (kind == SEQUENCED_GAP) {
		CHECK(update->count > 0 && update->seq >= 0);
		target->lost += (double)update->count;
		target->next = update->seq + update->count;
		return;
	}
	target->delivered += 1;
	/* Only the first record of a session, or a gap, may move the place where we are. */
	CHECK(update->fresh || update->seq == target->next);
	CHECK(update->seq >= 0 && update->seq <= INT64_C(1) << 53);
	CHECK(update->price > 0 && update->price <= 0x1p53);
	CHECK(update->qty >= 0 && update->qty <= INT32_MAX);
	CHECK(!(update->flags & ~(uint32_t)(HP_FLAG_BID | HP_FLAG_SNAPSHOT | HP_FLAG_LAST | HP_FLAG_MORE)));
	target->next = update->seq + 1;
	book_apply(target->book, (double)update->seq, update->flags, update->price, update->qty);
}

static void check_side(struct hp_book *book, int bid)
{
	static double price[CAPACITY], qty[CAPACITY];

	book_levels(book, bid, price, qty);
}

/* One datagram: at most its own records, what waited, and a gap before each record. */
static void check_step(struct target *target, const uint8_t *data, uint32_t length, uint32_t truncated,
		       uint64_t now)
{
	const struct hp_feed_stats *stats = &target->stats;
	struct hp_book *book = target->book;
	struct sequenced update;
	int kind, steps = 0;

	sequencer_push(&target->feed, data, length, truncated);
	while ((kind = sequencer_next(&target->feed, &update, now)) != SEQUENCED_NONE) {
		CHECK(++steps <= STEPS_MAX);
		check_update(target, kind, &update);
	}
	CHECK_EQ(stats->records, stats->delivered + stats->duplicates + stats->bad_type + stats->bad_value +
					 target->feed.waiting);
	CHECK_EQ(stats->delivered, target->delivered);
	CHECK_EQ(stats->lost, target->lost);
	CHECK_EQ(target->report.faults[HP_FAULT_FRAMING], stats->bad_size);
	CHECK_EQ(target->report.faults[HP_FAULT_UNKNOWN_TYPE], stats->bad_type);
	CHECK_EQ(target->report.faults[HP_FAULT_BAD_VALUE], stats->bad_value);
	CHECK(stats->example_len <= sizeof(stats->example));
	check_side(book, 1);
	check_side(book, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) char memory[sizeof(struct hp_book) + CAPACITY * 97];
	static struct target target;
	uint64_t now = 1;

	memset(&target, 0, sizeof(target));
	sequencer_init(&target.feed, &target.stats, &target.report, 1000);
	target.book = hp_book_open(memory, sizeof(memory), CAPACITY);
	while (size >= 2) {
		uint32_t length = data[0], how = data[1];

		data += 2;
		size -= 2;
		if (length > size)
			length = (uint32_t)size;
		now += target.feed.hole_ticks * (how >> 1) / 64;
		/* A copy of exactly that size: reading past a datagram must show. */
		uint8_t *exact = malloc(length ? length : 1);

		CHECK(exact);
		if (length)
			memcpy(exact, data, length);
		check_step(&target, exact, length, how & 1, now);
		free(exact);
		data += length;
		size -= length;
	}
	return 0;
}

#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

#define INPUT_MAX 1024

static int64_t pick_seq(struct random *random, int64_t *seq)
{
	switch (random_below(random, 24)) {
	case 0:
		return *seq = random_below(random, 64);
	case 1:
		return (int64_t)random_next(random);
	case 2:
		return *seq + (int64_t)(random_next(random) >> random_below(random, 64));
	case 3:
	case 4:
	case 5:
		return *seq += random_below(random, 80);
	case 6:
	case 7:
		return *seq - random_below(random, 100);
	default:
		return (*seq)++;
	}
}

/* A session as it may be sent, with a few bytes changed afterwards: mostly valid, so that it gets deep. */
static size_t make_input(uint8_t *input, struct random *random)
{
	int64_t seq = random_below(random, 3) ? 0 : random_below(random, 1000);
	uint32_t datagrams = 1 + random_below(random, 12);
	size_t size = 0;

	for (uint32_t i = 0; i < datagrams; i++) {
		uint32_t records = 1 + random_below(random, LLL_RECORDS_MAX);
		uint32_t length = records * LLL_RECORD_BYTES;

		if (size + 2 + length > INPUT_MAX)
			break;
		input[size++] = (uint8_t)length;
		input[size++] = random_below(random, 3) ? 0 : (uint8_t)random_next(random) & 0xfe;
		for (uint32_t k = 0; k < records; k++, size += LLL_RECORD_BYTES) {
			struct lll_record record = {.seq = pick_seq(random, &seq),
						    .sent_ns = seq,
						    .price = 1 + random_below(random, 40),
						    .qty = (int32_t)random_below(random, 4),
						    .flags = random_below(random, 8)
								     ? random_below(random, 2)
								     : random_below(random, 8)};

			lll_encode(input + size, &record);
		}
	}
	for (uint32_t changes = random_below(random, 6); changes; changes--)
		input[random_below(random, (uint32_t)size)] = (uint8_t)random_next(random);
	return size - (random_below(random, 4) ? 0 : random_below(random, (uint32_t)size));
}

int main(void)
{
	const char *wanted = getenv("FEED_FUZZ_RUNS");
	int runs = wanted ? atoi(wanted) : 200000;
	static uint8_t input[INPUT_MAX];
	struct random random = {20240808};

	for (int run = 0; run < runs; run++)
		LLVMFuzzerTestOneInput(input, make_input(input, &random));
	printf("ok %d mutated inputs\n", runs);
	return 0;
}

#endif
