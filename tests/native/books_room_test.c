/* SPDX-License-Identifier: MIT */
/* Books full to the brim, as large as is promised, and laid out where they cannot be. */
#include <errno.h>
#include <stdint.h>

#include "books_lab.h"

#define LIMIT 400e6 /* bytes: what 8,192 symbols with 2,097,152 orders may take */

static void brim(void)
{
	struct hp_books *books =
		open_books((struct hp_books_options){.symbols = 2, .orders = 300, .levels = 200});
	uint64_t order = 0;

	for (int round = 0; round < 3; round++) {
		for (int64_t i = 0; i < 200; i++)
			CHECK_EQ(
				apply(books, add(++order, (uint32_t)i % 2, i / 2 % 2, 1000 + i * 7 % 200, 1)),
				0);
		CHECK_EQ(apply(books, add(++order, 0, 0, 5000, 1)), -HP_FAULT_NO_ROOM);
		CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_REPLACE,
							  .order = order - 1,
							  .other = 77777,
							  .symbol = HP_SYMBOL_ALL,
							  .price = 1,
							  .qty = 1}),
			 0);
		for (int64_t i = 0; i < 100; i++)
			CHECK_EQ(apply(books, add(++order, 0, 0, 1000, 1)), 0);
		CHECK_EQ(apply(books, add(++order, 0, 0, 1000, 1)), -HP_FAULT_NO_ROOM);
		CHECK_EQ(books->live_orders, 300);
		CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_CLEAR, .symbol = HP_SYMBOL_ALL}),
			 0);
		CHECK_EQ(books->live_orders + books->live_levels + books->live_rungs, 0);
	}
}

/* What the project promises: 8,192 symbols, 2,097,152 orders, all of them there, in 400 MB. */
static void two_million_orders(void)
{
	enum { SYMBOLS = 8192, ORDERS = 2097152 };
	struct hp_books *books =
		open_books((struct hp_books_options){.symbols = SYMBOLS, .orders = ORDERS, .levels = ORDERS});

	CHECK(memory_bytes <= LIMIT);
	for (uint32_t i = 0; i < ORDERS; i++)
		CHECK_EQ(apply(books, add(i, i % SYMBOLS, i / SYMBOLS % 2, 100 + i / SYMBOLS, 1)), 0);
	CHECK_EQ(books->live_orders, ORDERS);
	CHECK_EQ(books->live_levels, ORDERS);
	CHECK_EQ(apply(books, add(ORDERS, 1, 0, 100, 1)), -HP_FAULT_NO_ROOM);
	CHECK_EQ(symbol_at(books, SYMBOLS - 1)->ask_levels, ORDERS / SYMBOLS / 2);
	CHECK_EQ(symbol_at(books, SYMBOLS - 1)->bid, 100 + ORDERS / SYMBOLS - 1);
	for (uint32_t i = 0; i < ORDERS; i++)
		CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_DELETE,
							  .order = i,
							  .symbol = i % SYMBOLS}),
			 0);
	CHECK_EQ(books->live_orders + books->live_levels, 0);
	CHECK_EQ(hp_books_checksum(books), 0);
}

static void refuses_what_it_cannot_be(void)
{
	static _Alignas(64) char bytes[256];
	const struct hp_books_options good = {.symbols = 1, .levels = 1};
	struct hp_books_options bad[] = {good, good, good, good, good, good};

	bad[0].symbols = 0;
	bad[1].symbols = 65537;
	bad[2].orders = -1;
	bad[3].levels = 0.5;
	bad[4].trades = 3;
	bad[5].orders = 1e300;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(hp_books_bytes(&bad[i]), -EINVAL);
		CHECK(!hp_books_open(bytes, sizeof(bytes), &bad[i]));
	}
	CHECK_EQ(hp_books_bytes(NULL), -EINVAL);
	CHECK(!hp_books_open(bytes, sizeof(bytes), &good));
	CHECK(!hp_books_open(bytes + 8, 1e9, &good));
	CHECK(!hp_books_open(NULL, 1e9, &good));
	CHECK_EQ(hp_books_apply(NULL, NULL), -EINVAL);
	CHECK_EQ(hp_books_checksum(NULL), -EINVAL);
	CHECK_EQ(hp_books_mark_stale(NULL, 1), -EINVAL);
	CHECK(!books_symbol(small(), 4));
}

int main(void)
{
	RUN(brim);
	RUN(two_million_orders);
	RUN(refuses_what_it_cannot_be);
	return 0;
}
