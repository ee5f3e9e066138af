/* SPDX-License-Identifier: MIT */
/*
 * Books that are too simple to be wrong: one list of orders in the order they came, and one of levels without
 * orders. Everything else is found by looking through all of it.
 */
#ifndef HP_BOOKS_MODEL_H
#define HP_BOOKS_MODEL_H

#include <string.h>

#include "book/books_memory.h"
#include "check.h"

#define MODEL_ORDERS 4096

struct model_order {
	uint64_t reference; /* 0: of an L2 level, whose only entry this is */
	uint32_t symbol, bid;
	int64_t price, qty;
	int64_t born; /* counts up: the place in time */
};

struct model {
	uint32_t symbols, count;
	int64_t births, trades;
	struct model_order orders[MODEL_ORDERS];
};

static inline struct model_order *model_find(struct model *model, uint64_t reference)
{
	for (uint32_t i = 0; i < model->count; i++)
		if (model->orders[i].reference == reference && reference)
			return &model->orders[i];
	return NULL;
}

static inline struct model_order *model_level(struct model *model, uint32_t symbol, uint32_t bid,
					      int64_t price)
{
	for (uint32_t i = 0; i < model->count; i++)
		if (model->orders[i].symbol == symbol && model->orders[i].bid == bid &&
		    model->orders[i].price == price)
			return &model->orders[i];
	return NULL;
}

static inline void model_remove(struct model *model, struct model_order *order)
{
	memmove(order, order + 1, (size_t)(model->orders + --model->count - order) * sizeof(*order));
}

static inline void model_append(struct model *model, struct model_order order)
{
	CHECK(model->count < MODEL_ORDERS);
	order.born = ++model->births;
	model->orders[model->count++] = order;
}

static inline int model_bad(int64_t value)
{
	return value < 1 || value > (int64_t)EXACT_MAX;
}

static inline int32_t model_add(struct model *model, const struct hp_message *m)
{
	uint32_t bid = m->flags & HP_FLAG_BID;
	struct model_order *level;

	if (m->symbol >= model->symbols)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (model_bad(m->price) || model_bad(m->qty))
		return -HP_FAULT_BAD_VALUE;
	if (model_find(model, m->order))
		return -HP_FAULT_DUPLICATE_ORDER;
	level = model_level(model, m->symbol, bid, m->price);
	if (level && !level->reference)
		return -HP_FAULT_BAD_VALUE;
	model_append(model, (struct model_order){m->order, m->symbol, bid, m->price, m->qty, 0});
	return 0;
}

/* Execute, reduce, delete, replace. */
static inline int32_t model_order(struct model *model, const struct hp_message *m)
{
	struct model_order *order = model_find(model, m->order), old;
	int reduces = m->kind <= HP_MESSAGE_REDUCE, replaces = m->kind == HP_MESSAGE_REPLACE;
	int prints = m->kind <= HP_MESSAGE_EXECUTE_AT && !(m->flags & HP_MESSAGE_SILENT);

	if ((reduces || replaces) && model_bad(m->qty))
		return -HP_FAULT_BAD_VALUE;
	if ((replaces || m->kind == HP_MESSAGE_EXECUTE_AT) && model_bad(m->price))
		return -HP_FAULT_BAD_VALUE;
	if (m->symbol >= model->symbols && m->symbol != HP_SYMBOL_ALL)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (!order || (order->symbol != m->symbol && m->symbol != HP_SYMBOL_ALL))
		return -HP_FAULT_UNKNOWN_ORDER;
	if (replaces && m->other != m->order && model_find(model, m->other))
		return -HP_FAULT_DUPLICATE_ORDER;
	model->trades += prints;
	if (reduces && m->qty < order->qty) {
		order->qty -= m->qty;
		return 0;
	}
	old = *order;
	model_remove(model, order);
	if (replaces) {
		old.reference = m->other;
		old.price = m->price;
		old.qty = m->qty;
		model_append(model, old);
	}
	return reduces && m->qty > old.qty ? -HP_FAULT_EXCESS : 0;
}

static inline int32_t model_set(struct model *model, const struct hp_message *m)
{
	uint32_t bid = m->flags & HP_FLAG_BID;
	struct model_order *level;

	if (m->symbol >= model->symbols)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (model_bad(m->price) || (m->qty && model_bad(m->qty)))
		return -HP_FAULT_BAD_VALUE;
	level = model_level(model, m->symbol, bid, m->price);
	if (level && level->reference)
		return -HP_FAULT_BAD_VALUE;
	if (level && m->qty)
		level->qty = m->qty;
	else if (level)
		model_remove(model, level);
	else if (m->qty)
		model_append(model, (struct model_order){0, m->symbol, bid, m->price, m->qty, 0});
	return 0;
}

static inline void model_clear(struct model *model, uint32_t symbol)
{
	for (uint32_t i = model->count; i--;)
		if (symbol == HP_SYMBOL_ALL || model->orders[i].symbol == symbol)
			model_remove(model, &model->orders[i]);
}

static inline int32_t model_apply(struct model *model, const struct hp_message *m)
{
	switch (m->kind) {
	case HP_MESSAGE_ADD:
		return model_add(model, m);
	case HP_MESSAGE_LEVEL:
		return model_set(model, m);
	case HP_MESSAGE_CLEAR:
		if (m->symbol >= model->symbols && m->symbol != HP_SYMBOL_ALL)
			return -HP_FAULT_UNKNOWN_SYMBOL;
		model_clear(model, m->symbol);
		return 0;
	default:
		return model_order(model, m);
	}
}

/* ---- what lies in the memory, read as anybody would ------------------------------------------ */

static inline const void *table(const struct hp_books *books, double at)
{
	return (const char *)books + (size_t)at;
}

static inline const struct hp_symbol *symbol_at(const struct hp_books *books, uint32_t symbol)
{
	return (const struct hp_symbol *)table(books, books->symbols_at) + symbol;
}

/* The level `i` from the best. */
static inline const struct hp_book_level *level_at(const struct hp_books *books, uint32_t symbol, int bid,
						   uint32_t i)
{
	const struct hp_symbol *of = symbol_at(books, symbol);
	uint32_t rung = (bid ? of->bid_end : of->ask_end) - 1 - i;
	const struct hp_book_level *level = (const struct hp_book_level *)table(books, books->levels_at) +
					    ((const uint32_t *)table(books, books->rungs_at))[rung];

	CHECK_EQ(level->key, ((const double *)table(books, books->keys_at))[rung]);
	return level;
}

/* The next worse price than `price` (0: the best), or 0. */
static inline int64_t model_worse(const struct model *model, uint32_t symbol, uint32_t bid, int64_t price)
{
	int64_t found = 0;

	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->symbol != symbol || order->bid != bid)
			continue;
		if (price && (bid ? order->price >= price : order->price <= price))
			continue;
		if (!found || (bid ? order->price > found : order->price < found))
			found = order->price;
	}
	return found;
}

static inline void same_level(const struct hp_books *books, const struct model *model, uint32_t symbol,
			      uint32_t bid, int64_t price, const struct hp_book_level *level)
{
	const struct hp_book_order *orders = table(books, books->orders_at);
	uint32_t index = level->head, prev = 0, count = 0;
	int64_t qty = 0;

	CHECK_EQ(bid ? level->key : -level->key, price);
	CHECK_EQ(level->owner & ~WATCHED, symbol << 1 | bid);
	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->symbol != symbol || order->bid != bid || order->price != price)
			continue;
		qty += order->qty;
		if (!order->reference)
			continue;
		CHECK(index);
		CHECK(orders[index].reference == order->reference);
		CHECK_EQ(orders[index].qty, order->qty);
		CHECK_EQ(orders[index].prev, prev);
		prev = index;
		index = orders[index].next;
		count++;
	}
	CHECK_EQ(index, 0);
	CHECK_EQ(level->orders, count);
	CHECK_EQ(level->qty, qty);
	if (count)
		CHECK_EQ(level->tail, prev);
}

/* One side, every level and queue; returns its orders. */
static inline uint32_t same_side(const struct hp_books *books, const struct model *model, uint32_t symbol,
				 uint32_t bid)
{
	const struct hp_symbol *of = symbol_at(books, symbol);
	uint32_t levels = bid ? of->bid_levels : of->ask_levels, orders = 0;
	int64_t price = 0;

	for (uint32_t i = 0; i < levels; i++) {
		const struct hp_book_level *level = level_at(books, symbol, (int)bid, i);

		price = model_worse(model, symbol, bid, price);
		same_level(books, model, symbol, bid, price, level);
		orders += level->orders;
		if (i)
			continue;
		CHECK_EQ(bid ? of->bid : of->ask, price);
		CHECK_EQ(bid ? of->bid_qty : of->ask_qty, level->qty);
		CHECK_EQ(bid ? of->bid_orders : of->ask_orders, level->orders);
	}
	CHECK_EQ(model_worse(model, symbol, bid, price), 0);
	if (!levels)
		CHECK_EQ(bid ? of->bid + of->bid_qty + of->bid_orders
			     : of->ask + of->ask_qty + of->ask_orders,
			 0);
	return orders;
}

/* Every level, queue and flag of every symbol. */
static inline void same_books(const struct hp_books *books, const struct model *model)
{
	uint32_t live = 0;

	for (uint32_t symbol = 0; symbol < model->symbols; symbol++) {
		const struct hp_symbol *of = symbol_at(books, symbol);
		uint32_t orders = same_side(books, model, symbol, 1) + same_side(books, model, symbol, 0);
		uint32_t flags = 0;

		if (!of->bid_levels)
			flags |= HP_BOOK_NO_BID;
		if (!of->ask_levels)
			flags |= HP_BOOK_NO_ASK;
		if (!flags && of->bid >= of->ask)
			flags |= HP_BOOK_CROSSED;
		CHECK_EQ(of->flags, flags);
		CHECK_EQ(of->version % 2, 0);
		CHECK_EQ(of->orders, orders);
		live += orders;
	}
	CHECK_EQ(books->live_orders, live);
	CHECK_EQ(books->printed, model->trades);
}

#endif
