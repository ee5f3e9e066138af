/* SPDX-License-Identifier: MIT */
/*
 * What one message costs books of many symbols, and how it grows with symbols and orders. Messages are made
 * up beforehand after a real NASDAQ name: of 100, 45 add, 42 delete, 5 execute, 4 replace and 4 cancel; half
 * of them within three levels of the best, nine of ten within twenty; references count up over all symbols.
 * Symbols take turns at random, which is harder on the caches than any market.
 *
 *   make -C native build/bench/books_bench && native/build/bench/books_bench [ROUNDS]
 *
 * Each row is filled to its number of live orders first, which is not timed. `plain` is what processors
 * without AVX-512 run; `no look-ahead` the same messages without books_fetch(). Medians of the rounds, and
 * the least.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "book/books_memory.h"
#include "lab/random.h"
#include "measure/clock.h"

#define MESSAGES       1000000u
#define DEFAULT_ROUNDS 5
#define MOST_ROUNDS    99

struct live {
	uint64_t reference;
	uint32_t symbol, qty;
};

struct stream {
	struct hp_message *messages;
	struct live *live; /* orders the book has at the end of what was made so far */
	uint32_t count, symbols;
	uint64_t next;
	struct random random;
};

/* Levels from the middle: few far out, most near. */
static int64_t depth(struct random *random)
{
	uint32_t kind = random_below(random, 10);

	return 1 + (int64_t)random_below(random, kind < 5 ? 3 : kind < 9 ? 20 : 120);
}

static struct hp_message add(struct stream *stream)
{
	uint8_t bid = (uint8_t)random_below(&stream->random, 2);
	struct hp_message message = {
		.kind = HP_MESSAGE_ADD,
		.flags = bid ? HP_FLAG_BID : 0,
		.symbol = (uint32_t)random_below(&stream->random, stream->symbols),
		.order = ++stream->next,
		.price = 100000 + (bid ? -1 : 1) * depth(&stream->random),
		.qty = 1000,
	};

	stream->live[stream->count++] = (struct live){message.order, message.symbol, 1000};
	return message;
}

/* About an order that lives: mostly of the young ones, as on a market. */
static struct hp_message about(struct stream *stream, uint8_t kind)
{
	uint32_t young = stream->count < 4096 ? stream->count : 4096;
	uint32_t at = (uint32_t)(random_below(&stream->random, 4)
					 ? stream->count - 1 - random_below(&stream->random, young)
					 : random_below(&stream->random, stream->count));
	struct live *order = &stream->live[at];
	struct hp_message message = {
		.kind = kind, .symbol = order->symbol, .order = order->reference, .qty = order->qty};

	if (kind == HP_MESSAGE_REPLACE) {
		message.price = 100000 - depth(&stream->random);
		message.other = order->reference = ++stream->next;
	} else if (kind == HP_MESSAGE_REDUCE && order->qty > 1) {
		message.qty = 1;
		order->qty--;
	} else {
		*order = stream->live[--stream->count];
	}
	return message;
}

/* The next message of a stream that keeps its number of live orders. */
static struct hp_message any(struct stream *stream, uint32_t orders)
{
	uint32_t kind = random_below(&stream->random, 100);

	if (kind < 8)
		return about(stream, kind < 4 ? HP_MESSAGE_REPLACE : HP_MESSAGE_REDUCE);
	if (stream->count < orders)
		return add(stream);
	return about(stream, kind < 90 ? HP_MESSAGE_DELETE : HP_MESSAGE_EXECUTE);
}

static void *reserve(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "Cannot reserve %zu bytes: choose a smaller row\n", bytes);
		exit(1);
	}
	return memory;
}

/* ns a message. */
static double play(struct hp_books *books, const struct hp_message *messages, int ahead)
{
	uint64_t start = clock_ticks(), faults = 0;

	for (uint32_t i = 0; i < MESSAGES - BOOKS_FAR; i++) {
		if (ahead)
			books_fetch(books, &messages[i + BOOKS_FAR], &messages[i + BOOKS_NEAR],
				    &messages[i + BOOKS_NEXT]);
		faults += books_apply(books, &messages[i]) != 0;
	}
	for (uint32_t i = MESSAGES - BOOKS_FAR; i < MESSAGES; i++)
		faults += books_apply(books, &messages[i]) != 0;
	if (faults) {
		fprintf(stderr, "%llu messages were refused: this measures nothing\n",
			(unsigned long long)faults);
		exit(1);
	}
	return (double)(clock_ticks() - start) * hp_clock.ns_per_tick / MESSAGES;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void row(uint32_t symbols, uint32_t orders, int rounds)
{
	const struct hp_books_options options = {.symbols = symbols,
						 .orders = orders + 16,
						 .levels = orders < 4000000 ? orders + 256 : 4000000};
	double bytes = hp_books_bytes(&options), ns[3][MOST_ROUNDS];
	struct stream stream = {.symbols = symbols, .random = {7}};
	struct hp_books *books = hp_books_open(reserve((size_t)bytes), bytes, &options);

	stream.messages = reserve(MESSAGES * sizeof(*stream.messages));
	stream.live = reserve((orders + 16ull) * sizeof(*stream.live));
	while (stream.count < orders) {
		struct hp_message message = add(&stream);

		books_apply(books, &message);
	}
	for (int round = 0; round < 3 * rounds; round++) {
		int way = round % 3; /* taking turns */

		for (uint32_t i = 0; i < MESSAGES; i++)
			stream.messages[i] = any(&stream, orders);
		books_of(books)->wide = way == 1 ? 0 : apply_wide_runs();
		ns[way][round / 3] = play(books, stream.messages, way != 2);
	}
	for (int way = 0; way < 3; way++)
		qsort(ns[way], (size_t)rounds, sizeof(double), by_value);
	printf("%8u %10u %8.0f %10u   %6.1f (%5.1f) %6.1f %15.1f\n", symbols, orders, bytes / 1e6,
	       books->live_levels, ns[0][rounds / 2], ns[0][0], ns[1][rounds / 2], ns[2][rounds / 2]);
	munmap(stream.messages, MESSAGES * sizeof(*stream.messages));
	munmap(stream.live, (orders + 16ull) * sizeof(*stream.live));
	munmap(books, (size_t)bytes);
}

int main(int argc, char **argv)
{
	static const uint32_t rows[][2] = {
		{1, 400}, {200, 76000}, {1000, 380000}, {8192, 2097152}, {10000, 10000000}};
	int rounds = argc > 1 ? atoi(argv[1]) : DEFAULT_ROUNDS;

	clock_init();
	if (rounds < 1 || rounds > MOST_ROUNDS) {
		fprintf(stderr, "usage: %s [ROUNDS]   1 to %d\n", argv[0], MOST_ROUNDS);
		return 1;
	}
	printf("%8s %10s %8s %10s   %14s %6s %15s   ns a message\n", "symbols", "orders", "MB", "levels",
	       "wide (least)", "plain", "no look-ahead");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		row(rows[i][0], rows[i][1], rounds);
	return 0;
}
