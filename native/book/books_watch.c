/* SPDX-License-Identifier: MIT */
/*
 * Where an order stands in its queue. For one that the feed shows: a walk. For one's own, which it does not
 * show: a watch, which remembers the last order of the queue as it was and counts down what is ahead as those
 * before it trade or go. Only a watched level pays for it (WATCHED), with a look at every watch and a walk
 * back from the order remembered: some tens of ns.
 */
#include <errno.h>

#include "book/books_order.h"
#include "measure/error.h"

HP_API int32_t hp_books_ahead(const struct hp_books *handle, struct hp_place *place)
{
	const struct books *books = (const struct books *)handle;
	const struct hp_book_level *level;
	uint32_t index, *link;
	uint64_t qty = 0, orders = 0;

	if (!books || !place)
		return fail(EINVAL, "Cannot find an order's place: no books or no order were given");
	index = order_find(books, place->order, &link);
	if (!index)
		return fail(ENOENT, "Cannot find order %llu: it is not in the book",
			    (unsigned long long)place->order);
	level = &books->levels[books->orders[index].level >> 1];
	for (uint32_t i = books->orders[index].prev; i; i = books->orders[i].prev) {
		qty += books->orders[i].qty;
		orders++;
	}
	*place = (struct hp_place){
		.order = place->order,
		.symbol = (level->owner & ~WATCHED) >> 1,
		.bid = level->owner & 1,
		.price = fabs(level->key),
		.qty = (double)books->orders[index].qty,
		.ahead_qty = (double)qty,
		.ahead_orders = (double)orders,
		.level_qty = (double)level->qty,
		.level_orders = level->orders,
	};
	return 0;
}

/* Nothing is ahead any more, or nobody wants to know: the level is watched no longer, unless by another. */
static void release(struct books *books, uint32_t number)
{
	uint32_t level = books->watched[number];

	books->watched[number] = 0;
	books->watches[number].level = 0;
	books->watches[number].last = 0;
	for (uint32_t i = 0; level && i < HP_WATCHES; i++)
		if (books->watched[i] == level)
			return;
	books->levels[level].owner &= ~WATCHED;
}

void watch_order(struct books *books, uint32_t level, uint32_t order, uint64_t qty, int gone)
{
	for (uint32_t i = 0; i < HP_WATCHES; i++) {
		struct hp_watch *watch = &books->watches[i];
		uint32_t at = watch->last;

		if (books->watched[i] != level)
			continue;
		while (at && at != order)
			at = books->orders[at].prev;
		if (!at)
			continue;
		watch->ahead_qty -= (double)qty;
		watch->ahead_orders -= (uint32_t)gone;
		if (gone && watch->last == order)
			watch->last = books->orders[order].prev;
		if (!watch->last)
			release(books, i);
	}
}

void watch_level(struct books *books, uint32_t level, uint64_t qty)
{
	for (uint32_t i = 0; i < HP_WATCHES; i++) {
		if (books->watched[i] != level)
			continue;
		if (books->watches[i].ahead_qty > (double)qty)
			books->watches[i].ahead_qty = (double)qty;
		if (!qty)
			release(books, i);
	}
}

void watch_lost(struct books *books, uint32_t level)
{
	for (uint32_t i = 0; i < HP_WATCHES; i++) {
		if (books->watched[i] != level)
			continue;
		books->watches[i].state = HP_WATCH_LOST;
		release(books, i);
	}
}

/* Remembers the queue at `rung`. */
static void remember(struct books *books, uint32_t number, uint32_t rung)
{
	struct hp_watch *watch = &books->watches[number];
	struct hp_book_level *level = &books->levels[books->rungs[rung]];

	level->owner |= WATCHED;
	books->watched[number] = books->rungs[rung];
	watch->level = books->rungs[rung];
	watch->last = level->tail;
	watch->ahead_qty = (double)level->qty;
	watch->ahead_orders = level->orders;
}

HP_API int32_t hp_books_watch(struct hp_books *handle, int32_t symbol, int32_t bid, double price, double qty)
{
	struct books *books = books_of(handle);
	uint32_t number = 0, side = !bid, at;
	const struct symbol *of;
	double key = side ? -price : price;

	if (!books)
		return fail(EINVAL, "Cannot watch a queue: no books were given");
	if (symbol < 0 || (uint32_t)symbol >= books->head.symbols)
		return fail(ERANGE, "Cannot watch a queue of symbol %d: the books have room for %u", symbol,
			    books->head.symbols);
	if (!(price > 0 && price <= (double)EXACT_MAX && price == (double)(int64_t)price) || !(qty >= 0))
		return fail(EINVAL,
			    "Cannot watch price %.17g, quantity %.17g: both are scaled numbers, the price "
			    "above 0",
			    price, qty);
	while (number < HP_WATCHES && books->watches[number].state != HP_WATCH_FREE)
		number++;
	if (number == HP_WATCHES)
		return fail(ENOSPC, "Cannot watch another queue: %d are watched; close one", HP_WATCHES);
	of = &books->symbols[symbol];
	books->watches[number] = (struct hp_watch){
		.state = HP_WATCH_LIVE, .symbol = (uint32_t)symbol, .bid = !side, .price = price, .qty = qty};
	at = side_find(books, &of->side[side], of->levels[side], key);
	if (books->keys[at] == key)
		remember(books, number, at);
	books->head.watches += 1;
	return (int32_t)number;
}

HP_API int32_t hp_books_unwatch(struct hp_books *handle, int32_t watch)
{
	struct books *books = books_of(handle);

	if (!books || watch < 0 || watch >= HP_WATCHES || books->watches[watch].state == HP_WATCH_FREE)
		return fail(EINVAL, "Cannot give back watch %d: it is not in use", watch);
	release(books, (uint32_t)watch);
	books->watches[watch].state = HP_WATCH_FREE;
	books->head.watches -= 1;
	return 0;
}
