/* SPDX-License-Identifier: MIT */
/*
 * Books of many symbols against a model too simple to be wrong (books_model.h), on both ways they are
 * compiled; every kind of message and every fault by hand.
 */
#include <stdint.h>

#include "books_lab.h"
#include "lab/random.h"

#define BID_FLAG HP_FLAG_BID

static void kinds_of_orders(void)
{
	struct hp_books *books = small();
	const struct hp_symbol *symbol = symbol_at(books, 1);
	struct hp_message trade = {
		.kind = HP_MESSAGE_EXECUTE, .order = 1, .symbol = 1, .qty = 30, .other = 77};

	CHECK_EQ(apply(books, add(1, 1, BID_FLAG, 100, 50)), 0);
	CHECK_EQ(apply(books, add(2, 1, BID_FLAG, 100, 70)), 0);
	CHECK_EQ(apply(books, add(3, 1, 0, 101, 10)), 0);
	CHECK_EQ(symbol->bid_qty, 120);
	CHECK_EQ(symbol->bid_orders, 2);
	CHECK_EQ(apply(books, trade), 0);
	CHECK_EQ(symbol->bid_qty, 90);
	CHECK_EQ(symbol->last_price, 100);
	trade.kind = HP_MESSAGE_EXECUTE_AT;
	trade.price = 99;
	trade.qty = 20;
	CHECK_EQ(apply(books, trade), 0);
	CHECK_EQ(symbol->bid_orders, 1);
	CHECK_EQ(symbol->last_price, 99);
	CHECK_EQ(symbol->volume, 50);
	CHECK_EQ(symbol->notional, 30 * 100 + 20 * 99);
	CHECK_EQ(symbol->trades, 2);
	CHECK_EQ(apply(books,
		       (struct hp_message){.kind = HP_MESSAGE_REDUCE, .order = 2, .symbol = 1, .qty = 5}),
		 0);
	CHECK_EQ(symbol->bid_qty, 65);
	CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_REPLACE,
						  .order = 2,
						  .other = 9,
						  .symbol = 1,
						  .price = 102,
						  .qty = 6}),
		 0);
	CHECK_EQ(symbol->bid, 102);
	CHECK_EQ(symbol->bid_levels, 1);
	CHECK(symbol->flags & HP_BOOK_CROSSED);
	CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_DELETE, .order = 9, .symbol = 1}), 0);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_BID);
	CHECK_EQ(symbol->bid + symbol->bid_qty, 0);
	CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_CLEAR, .symbol = HP_SYMBOL_ALL}), 0);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_BID | HP_BOOK_NO_ASK);
	CHECK_EQ(books->live_orders + books->live_levels + books->live_rungs, 0);
	CHECK_EQ(symbol->volume, 50);
}

static void kinds_beside_orders(void)
{
	struct hp_books *books = small();
	const struct hp_symbol *symbol = symbol_at(books, 2);
	const struct hp_trade *tape = table(books, books->trades_at);
	struct hp_message m = {.symbol = 2};

	m.kind = HP_MESSAGE_SYMBOL;
	memcpy(&m.other, "AAPL    ", 8);
	CHECK_EQ(apply(books, m), 0);
	CHECK(!memcmp(symbol->name, "AAPL    ", 8));
	m = (struct hp_message){.kind = HP_MESSAGE_STATUS, .symbol = 2, .other = 'H'};
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->state, 'H');
	m = (struct hp_message){.kind = HP_MESSAGE_TRADE,
				.type = 'P',
				.symbol = 2,
				.price = 7,
				.qty = 3,
				.other = 11,
				.time_ns = 5};
	CHECK_EQ(apply(books, m), 0);
	m.kind = HP_MESSAGE_CROSS;
	m.other = 12;
	CHECK_EQ(apply(books, m), 0);
	m.qty = 0; /* an auction that did not come about */
	CHECK_EQ(apply(books, m), 0);
	m.qty = 3;
	m.flags = HP_MESSAGE_SILENT;
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(books->printed, 2);
	CHECK_EQ(tape[0].match, 11);
	CHECK_EQ(tape[0].time_ns, 5);
	CHECK_EQ(tape[0].flags, 'P' << 8);
	for (int again = 0; again < 2; again++)
		CHECK_EQ(
			apply(books, (struct hp_message){.kind = HP_MESSAGE_BREAK, .symbol = 2, .other = 11}),
			0);
	CHECK(tape[0].flags & HP_TRADE_BROKEN);
	CHECK_EQ(symbol->trades, 1);
	CHECK_EQ(symbol->volume, 3);
	CHECK_EQ(symbol->breaks, 2);
	m = (struct hp_message){.kind = HP_MESSAGE_IMBALANCE, .symbol = 2, .price = 7, .qty = 3};
	CHECK_EQ(apply(books, m), 0);
	m = (struct hp_message){.kind = HP_MESSAGE_SYSTEM, .symbol = HP_SYMBOL_ALL, .other = 'O'};
	CHECK_EQ(apply(books, m), 0);
	m = (struct hp_message){.kind = 200, .symbol = HP_SYMBOL_ALL};
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->bid_levels + symbol->ask_levels, 0);
}

static void quotes_and_open_events(void)
{
	struct hp_books *books = small();
	const struct hp_symbol *symbol = symbol_at(books, 3);
	struct hp_message m = {
		.kind = HP_MESSAGE_QUOTE, .symbol = 3, .price = 50, .qty = 5, .order = 60, .other = 6};

	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->bid, 50);
	CHECK_EQ(symbol->ask_qty, 6);
	m.price = 55;
	m.order = 0; /* no ask */
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->bid, 55);
	CHECK_EQ(symbol->bid_levels, 1);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_ASK);
	CHECK_EQ(symbol->updates, 2);
	m = (struct hp_message){.kind = HP_MESSAGE_LEVEL,
				.symbol = 3,
				.price = 55,
				.qty = 9,
				.flags = BID_FLAG | HP_MESSAGE_OPEN};
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_ASK | HP_BOOK_OPEN);
	m.flags = BID_FLAG;
	m.qty = 0;
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_ASK | HP_BOOK_NO_BID);
	CHECK_EQ(apply(books, m), 0);
	CHECK_EQ(books->unknown_levels, 1);
	books_mark_stale(books, 1);
	CHECK(symbol->flags & HP_BOOK_STALE);
	m.qty = 1;
	CHECK_EQ(apply(books, m), 0);
	CHECK(symbol->flags & HP_BOOK_STALE);
	books_mark_stale(books, 0);
	CHECK_EQ(symbol->flags, HP_BOOK_NO_ASK);
}

static void faults(void)
{
	struct hp_books *books = small();
	double before;
	const struct {
		struct hp_message message;
		int32_t fault;
	} cases[] = {
		{add(1, 1, 0, 10, 5), HP_FAULT_DUPLICATE_ORDER},
		{add(9, 4, 0, 10, 5), HP_FAULT_UNKNOWN_SYMBOL},
		{add(9, HP_SYMBOL_ALL, 0, 10, 5), HP_FAULT_UNKNOWN_SYMBOL},
		{add(9, 1, 0, 0, 5), HP_FAULT_BAD_VALUE},
		{add(9, 1, 0, -10, 5), HP_FAULT_BAD_VALUE},
		{add(9, 1, 0, INT64_MIN, 5), HP_FAULT_BAD_VALUE},
		{add(9, 1, 0, (1ll << 53) + 1, 5), HP_FAULT_BAD_VALUE},
		{add(9, 1, 0, 10, 0), HP_FAULT_BAD_VALUE},
		{add(9, 1, 0, 10, INT64_MAX), HP_FAULT_BAD_VALUE},
		{add(9, 2, 0, 10, 5), HP_FAULT_BAD_VALUE}, /* an L2 level */
		{{.kind = HP_MESSAGE_DELETE, .order = 9, .symbol = 1}, HP_FAULT_UNKNOWN_ORDER},
		{{.kind = HP_MESSAGE_DELETE, .order = 1, .symbol = 2}, HP_FAULT_UNKNOWN_ORDER},
		{{.kind = HP_MESSAGE_DELETE, .order = 1, .symbol = 9}, HP_FAULT_UNKNOWN_SYMBOL},
		{{.kind = HP_MESSAGE_EXECUTE, .order = 9, .symbol = 1, .qty = 1}, HP_FAULT_UNKNOWN_ORDER},
		{{.kind = HP_MESSAGE_EXECUTE, .order = 1, .symbol = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_EXECUTE_AT, .order = 1, .symbol = 1, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_REDUCE, .order = 1, .symbol = 1, .qty = -1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_REPLACE, .order = 8, .other = 9, .symbol = 1, .price = 3, .qty = 1},
		 HP_FAULT_UNKNOWN_ORDER},
		{{.kind = HP_MESSAGE_REPLACE, .order = 1, .other = 2, .symbol = 1, .price = 3, .qty = 1},
		 HP_FAULT_DUPLICATE_ORDER},
		{{.kind = HP_MESSAGE_REPLACE, .order = 1, .other = 9, .symbol = 1, .price = -3, .qty = 1},
		 HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_LEVEL, .symbol = 7, .price = 3, .qty = 1}, HP_FAULT_UNKNOWN_SYMBOL},
		{{.kind = HP_MESSAGE_LEVEL, .symbol = 1, .price = 10, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_LEVEL, .symbol = 1, .price = 10, .qty = -1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_LEVEL, .symbol = 1, .price = 0, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_QUOTE, .symbol = 1, .price = 3, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_QUOTE, .symbol = 3, .price = -3, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_QUOTE, .symbol = 4, .price = 3, .qty = 1}, HP_FAULT_UNKNOWN_SYMBOL},
		{{.kind = HP_MESSAGE_TRADE, .symbol = 1, .price = -3, .qty = 1}, HP_FAULT_BAD_VALUE},
		{{.kind = HP_MESSAGE_STATUS, .symbol = 4}, HP_FAULT_UNKNOWN_SYMBOL},
		{{.kind = HP_MESSAGE_CLEAR, .symbol = 4}, HP_FAULT_UNKNOWN_SYMBOL},
	};

	CHECK_EQ(apply(books, add(1, 1, 0, 10, 5)), 0);
	CHECK_EQ(apply(books, add(2, 1, 0, 10, 5)), 0);
	CHECK_EQ(apply(books,
		       (struct hp_message){.kind = HP_MESSAGE_LEVEL, .symbol = 2, .price = 10, .qty = 1}),
		 0);
	before = hp_books_checksum(books);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_EQ(apply(books, cases[i].message), -cases[i].fault);
		CHECK_EQ(hp_books_checksum(books), before);
	}
	CHECK_EQ(apply(books,
		       (struct hp_message){.kind = HP_MESSAGE_EXECUTE, .order = 1, .symbol = 1, .qty = 9}),
		 -HP_FAULT_EXCESS);
	CHECK_EQ(symbol_at(books, 1)->ask_qty, 5);
	CHECK_EQ(symbol_at(books, 1)->volume, 5);
}

/* A message of any kind, right or wrong, about few orders at `prices` prices. */
static struct hp_message anything(struct random *random, int64_t prices, uint64_t references)
{
	static const uint8_t kinds[] = {HP_MESSAGE_ADD,	   HP_MESSAGE_ADD,     HP_MESSAGE_ADD,
					HP_MESSAGE_ADD,	   HP_MESSAGE_EXECUTE, HP_MESSAGE_EXECUTE_AT,
					HP_MESSAGE_REDUCE, HP_MESSAGE_DELETE,  HP_MESSAGE_DELETE,
					HP_MESSAGE_DELETE, HP_MESSAGE_REPLACE, HP_MESSAGE_LEVEL};
	struct hp_message m = {
		.kind = kinds[random_below(random, sizeof(kinds))],
		.flags = (uint8_t)random_below(random, 2),
		.symbol = (uint32_t)random_below(random, 3),
		.price = 1000 + (int64_t)random_below(random, (uint64_t)prices),
		.qty = 1 + (int64_t)random_below(random, 50),
		.order = 1 + random_below(random, references),
		.other = 1 + random_below(random, references),
	};

	if (m.kind == HP_MESSAGE_LEVEL) { /* L2 symbols are others */
		m.symbol += 3;
		m.qty -= m.qty < 15 ? m.qty : 0;
	} else if (m.kind != HP_MESSAGE_ADD && random_below(random, 10)) {
		m.symbol = HP_SYMBOL_ALL;
	}
	if (!random_below(random, 200))
		m.symbol = (uint32_t)random_below(random, 9);
	if (!random_below(random, 100))
		m.price = -m.price;
	if (!random_below(random, 5000))
		m = (struct hp_message){.kind = HP_MESSAGE_CLEAR,
					.symbol = (uint32_t)random_below(random, 7)};
	return m;
}

static struct model model;

static void follow(uint64_t seed, uint32_t wide, int64_t prices, uint64_t references, int messages, int every)
{
	struct random random = {seed};
	struct hp_books *books =
		open_books((struct hp_books_options){.symbols = 6, .orders = 4000, .levels = 8000});

	books_of(books)->wide &= wide;
	model = (struct model){.symbols = 6};
	for (int i = 0; i < messages; i++) {
		struct hp_message m = anything(&random, prices, references);

		books_fetch_far(books, &m);
		books_fetch_near(books, &m);
		books_fetch_next(books, &m);
		CHECK_EQ(apply(books, m), model_apply(&model, &m));
		if (i % every == 0)
			same_books(books, &model);
	}
	same_books(books, &model);
}

static void follows_the_model(void)
{
	for (uint32_t wide = 0; wide < 2; wide++) {
		follow(1, wide, 5, 60, 20000, 1);
		follow(2, wide, 40, 300, 20000, 7);
		follow(3, wide, 3000, 1500, 40000, 500);
	}
}

/* The same books give the same checksum, whatever way they came about, and others another. */
static void checksums(void)
{
	struct hp_books *books = small();
	double empty = hp_books_checksum(books), sums[3];

	for (int round = 0; round < 3; round++) {
		CHECK_EQ(apply(books, add(5, 1, 0, 10, 5)), 0);
		if (round == 1) {
			CHECK_EQ(apply(books, add(7, 1, 0, 12, 5)), 0);
			CHECK_EQ(apply(books, add(6, 1, 0, 10, 5)), 0);
			CHECK_EQ(apply(books, (struct hp_message){.kind = HP_MESSAGE_DELETE,
								  .symbol = 1,
								  .order = 7}),
				 0);
		} else {
			CHECK_EQ(apply(books, add(6, 1, 0, 10, round ? 6 : 5)), 0);
		}
		sums[round] = hp_books_checksum(books);
		CHECK(sums[round] >= 0 && sums[round] < 0x1p52 &&
		      sums[round] == (double)(int64_t)sums[round]);
		books_clear(books, 1);
		CHECK_EQ(hp_books_checksum(books), empty);
	}
	CHECK_EQ(sums[0], sums[1]);
	CHECK(sums[0] != sums[2] && sums[0] != empty);
}

int main(void)
{
	RUN(kinds_of_orders);
	RUN(kinds_beside_orders);
	RUN(quotes_and_open_events);
	RUN(faults);
	RUN(follows_the_model);
	RUN(checksums);
	return 0;
}
