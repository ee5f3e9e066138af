/* SPDX-License-Identifier: MIT */
/* Places in queues: of orders in the feed by walking, of one's own by watching, against the model's memory.
 */
#include <errno.h>

#include "books_model.h"
#include "lab/random.h"

#define MESSAGES 20000
#define SYMBOLS	 2

static _Alignas(64) char memory[1 << 20];
static struct model model;

static struct hp_books *open_books(void)
{
	const struct hp_books_options options = {.symbols = SYMBOLS, .orders = 4000, .levels = 1000};

	CHECK(hp_books_bytes(&options) <= (double)sizeof(memory));
	return hp_books_open(memory, sizeof(memory), &options);
}

/* What the model knows of a watch: everything born until then at its level was ahead. */
struct known {
	int64_t born;
	int cleared;
};

static const struct hp_watch *watch_at(const struct hp_books *books, int32_t number)
{
	return (const struct hp_watch *)table(books, books->watches_at) + number;
}

static void same_watch(const struct hp_watch *watch, const struct known *known)
{
	int64_t qty = 0;
	uint32_t orders = 0;

	if (known->cleared)
		return;
	CHECK_EQ(watch->state, HP_WATCH_LIVE);
	for (uint32_t i = 0; i < model.count; i++) {
		const struct model_order *order = &model.orders[i];

		if (order->symbol != watch->symbol || order->bid != watch->bid ||
		    order->price != (int64_t)watch->price || order->born > known->born)
			continue;
		qty += order->qty;
		orders++;
	}
	CHECK_EQ(watch->ahead_qty, qty);
	CHECK_EQ(watch->ahead_orders, orders);
}

static void same_places(const struct hp_books *books)
{
	for (uint32_t i = 0; i < model.count; i++) {
		const struct model_order *order = &model.orders[i];
		struct hp_place place = {.order = order->reference};
		int64_t ahead = 0, count = 0;

		for (uint32_t k = 0; k < i; k++) {
			if (model.orders[k].symbol != order->symbol || model.orders[k].bid != order->bid ||
			    model.orders[k].price != order->price)
				continue;
			ahead += model.orders[k].qty;
			count++;
		}
		CHECK_EQ(hp_books_ahead(books, &place), 0);
		CHECK_EQ(place.ahead_qty, ahead);
		CHECK_EQ(place.ahead_orders, count);
		CHECK_EQ(place.symbol, order->symbol);
		CHECK_EQ(place.bid, order->bid);
		CHECK_EQ(place.price, order->price);
		CHECK_EQ(place.qty, order->qty);
		CHECK(place.level_orders > place.ahead_orders);
		CHECK(place.level_qty >= place.ahead_qty + place.qty);
	}
}

static struct hp_message anything(struct random *random)
{
	static const uint8_t kinds[] = {HP_MESSAGE_ADD,	    HP_MESSAGE_ADD,    HP_MESSAGE_ADD,
					HP_MESSAGE_EXECUTE, HP_MESSAGE_REDUCE, HP_MESSAGE_DELETE,
					HP_MESSAGE_REPLACE};

	return (struct hp_message){
		.kind = kinds[random_below(random, sizeof(kinds))],
		.flags = (uint8_t)random_below(random, 2),
		.symbol = (uint32_t)random_below(random, SYMBOLS),
		.price = 1000 + (int64_t)random_below(random, 4),
		.qty = 1 + (int64_t)random_below(random, 50),
		.order = 1 + random_below(random, 60),
		.other = 1 + random_below(random, 60),
	};
}

/* Watches come and go while messages do; each knows what is ahead after every one. */
static void watches_follow_the_model(void)
{
	static struct known known[HP_WATCHES];
	struct random random = {9};
	struct hp_books *books = open_books();
	uint64_t live = 0; /* bit n: watch n */

	model = (struct model){.symbols = SYMBOLS};
	for (int i = 0; i < MESSAGES; i++) {
		struct hp_message m = anything(&random);
		uint64_t number = random_below(&random, 20);

		if (!(live >> number & 1) && !random_below(&random, 4)) {
			int32_t got =
				hp_books_watch(books, (int32_t)m.symbol, m.flags & 1, (double)m.price, 5);

			CHECK(got >= 0 && got < 64);
			known[got] = (struct known){model.births, 0};
			live |= 1ull << got;
		} else if (live >> number & 1 && !random_below(&random, 8)) {
			CHECK_EQ(hp_books_unwatch(books, (int32_t)number), 0);
			live &= ~(1ull << number);
		}
		if (!random_below(&random, 2000)) {
			books_clear(books, m.symbol);
			model_clear(&model, m.symbol);
			for (int32_t k = 0; k < 64; k++)
				if (live >> k & 1 && watch_at(books, k)->symbol == m.symbol)
					known[k].cleared = 1;
		}
		CHECK_EQ(books_apply(books, &m), model_apply(&model, &m));
		for (int32_t k = 0; k < 64; k++)
			if (live >> k & 1)
				same_watch(watch_at(books, k), &known[k]);
		CHECK_EQ(books->watches, __builtin_popcountll(live));
		if (i % 50 == 0)
			same_places(books);
	}
	same_books(books, &model);
}

static void clearing_loses_the_place(void)
{
	struct hp_books *books = open_books();
	struct hp_message add = {.kind = HP_MESSAGE_ADD, .order = 1, .price = 10, .qty = 5};
	int32_t behind, nowhere;

	CHECK_EQ(books_apply(books, &add), 0);
	behind = hp_books_watch(books, 0, 0, 10, 1);
	nowhere = hp_books_watch(books, 0, 0, 11, 1);
	CHECK_EQ(watch_at(books, behind)->ahead_qty, 5);
	CHECK_EQ(watch_at(books, nowhere)->ahead_qty, 0);
	books_clear(books, HP_SYMBOL_ALL);
	CHECK_EQ(watch_at(books, behind)->state, HP_WATCH_LOST);
	CHECK_EQ(watch_at(books, nowhere)->state, HP_WATCH_LIVE);
}

/* Without orders whoever leaves is taken to have stood behind: what is ahead is never too little. */
static void watches_levels(void)
{
	struct hp_books *books = open_books();
	struct hp_message level = {
		.kind = HP_MESSAGE_LEVEL, .symbol = 1, .flags = HP_FLAG_BID, .price = 10, .qty = 50};
	int32_t number;

	CHECK_EQ(books_apply(books, &level), 0);
	number = hp_books_watch(books, 1, 1, 10, 7);
	CHECK_EQ(watch_at(books, number)->ahead_qty, 50);
	level.qty = 80;
	CHECK_EQ(books_apply(books, &level), 0);
	CHECK_EQ(watch_at(books, number)->ahead_qty, 50);
	level.qty = 20;
	CHECK_EQ(books_apply(books, &level), 0);
	CHECK_EQ(watch_at(books, number)->ahead_qty, 20);
	level.qty = 0;
	CHECK_EQ(books_apply(books, &level), 0);
	CHECK_EQ(watch_at(books, number)->ahead_qty, 0);
	level.qty = 9;
	CHECK_EQ(books_apply(books, &level), 0);
	CHECK_EQ(watch_at(books, number)->ahead_qty, 0);
	CHECK_EQ(watch_at(books, number)->state, HP_WATCH_LIVE);
}

static void refusals(void)
{
	struct hp_books *books = open_books();
	struct hp_place place = {.order = 1};

	CHECK_EQ(hp_books_ahead(books, &place), -ENOENT);
	CHECK_EQ(hp_books_ahead(books, NULL), -EINVAL);
	CHECK_EQ(hp_books_watch(NULL, 0, 0, 1, 1), -EINVAL);
	CHECK_EQ(hp_books_watch(books, SYMBOLS, 0, 1, 1), -ERANGE);
	CHECK_EQ(hp_books_watch(books, -1, 0, 1, 1), -ERANGE);
	CHECK_EQ(hp_books_watch(books, 0, 0, 0, 1), -EINVAL);
	CHECK_EQ(hp_books_watch(books, 0, 0, 1.5, 1), -EINVAL);
	CHECK_EQ(hp_books_watch(books, 0, 0, 1, -1), -EINVAL);
	CHECK_EQ(hp_books_unwatch(books, 0), -EINVAL);
	CHECK_EQ(hp_books_unwatch(books, HP_WATCHES), -EINVAL);
	for (int32_t i = 0; i < HP_WATCHES; i++)
		CHECK_EQ(hp_books_watch(books, 0, 0, 1, 1), i);
	CHECK_EQ(hp_books_watch(books, 0, 0, 1, 1), -ENOSPC);
	CHECK_EQ(hp_books_unwatch(books, 7), 0);
	CHECK_EQ(hp_books_watch(books, 0, 0, 1, 1), 7);
}

int main(void)
{
	RUN(watches_follow_the_model);
	RUN(clearing_loses_the_place);
	RUN(watches_levels);
	RUN(refusals);
	return 0;
}
