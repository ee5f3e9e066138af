/* SPDX-License-Identifier: MIT */
/*
 * Orders, their queues and the levels they lie in. An order is found by its reference (books_slot()), knows
 * its level, and the level knows the rest: no execution, cancellation or deletion searches a side, but for
 * the rung of a level that goes. Records are taken from a list that gives out what came back last, which is
 * still in the cache. Links of neighbours are written without being read: a store nobody waits for.
 */
#ifndef HP_BOOKS_ORDER_H
#define HP_BOOKS_ORDER_H

#include "book/books_side.h"

/* A live order on its way out. */
struct found {
	uint32_t *link; /* what points at it: its slot, or the chain of another order in that slot */
	uint32_t index, level;
	struct symbol *symbol;
	uint32_t side;
};

/* The order of this reference, or 0; *link is what points at it, or at nothing where it would be. */
BOOKS_INLINE uint32_t order_find(const struct books *books, uint64_t reference, uint32_t **link)
{
	uint32_t *at = books_slot(books, reference);

	while (*at && __builtin_expect(books->orders[*at].reference != reference, 0))
		at = &books->orders[*at].chain;
	*link = at;
	return *at;
}

/* The message's own order, which must be of its symbol if it names one. 0, or the negative of a fault. */
BOOKS_INLINE int32_t order_of(const struct books *books, const struct hp_message *message,
			      struct found *found)
{
	uint32_t owner;

	found->index = order_find(books, message->order, &found->link);
	found->level = books->orders[found->index].level;
	owner = books->levels[found->level].owner & ~WATCHED;
	if (__builtin_expect(
		    !found->index || (owner >> 1 != message->symbol && message->symbol != HP_SYMBOL_ALL), 0))
		return message->symbol < books->head.symbols || message->symbol == HP_SYMBOL_ALL
			       ? -HP_FAULT_UNKNOWN_ORDER
			       : -HP_FAULT_UNKNOWN_SYMBOL;
	found->symbol = &books->symbols[owner >> 1];
	found->side = !(owner & 1);
	return 0;
}

/* Takes a level from the free ones and gives it a rung behind `at`. Its index, or 0: no room. */
BOOKS_INLINE uint32_t level_make(struct books *books, struct symbol *symbol, uint32_t side, uint32_t at,
				 double key)
{
	uint32_t index = books->free_level;
	struct hp_book_level *level = &books->levels[index];

	if (__builtin_expect(!index, 0))
		return 0;
	at = side_insert(books, &symbol->side[side], symbol->levels[side], at);
	if (__builtin_expect(!at, 0))
		return 0;
	books->rungs[at] = (struct hp_book_rung){key, index, 0};
	books->free_level = level->head;
	books->head.live_levels += 1;
	symbol->levels[side] += 1;
	*level =
		(struct hp_book_level){.key = key, .owner = (uint32_t)(symbol - books->symbols) << 1 | !side};
	return index;
}

/* Gives a level back whose rung is at `at`. */
BOOKS_INLINE void level_free(struct books *books, struct symbol *symbol, uint32_t side, uint32_t at)
{
	uint32_t index = books->rungs[at].level;

	side_remove(books, &symbol->side[side], symbol->levels[side], at);
	symbol->levels[side] -= 1;
	books->levels[index].head = books->free_level;
	books->free_level = index;
	books->head.live_levels -= 1;
}

/* Puts a new order last into its level. 0, or -NO_ROOM or -BAD_VALUE: a level of an L2 book. */
BOOKS_INLINE int32_t order_append(struct books *books, struct symbol *symbol, uint32_t side, double key,
				  uint64_t reference, uint64_t qty)
{
	uint32_t at = side_find(books, &symbol->side[side], symbol->levels[side], key), index, *slot, tail;
	struct hp_book_level *level;
	struct hp_book_order *order;

	index = books->free_order;
	if (__builtin_expect(!index, 0))
		return -HP_FAULT_NO_ROOM;
	if (books->rungs[at].key == key) {
		level = &books->levels[books->rungs[at].level];
		if (__builtin_expect(!level->orders, 0))
			return -HP_FAULT_BAD_VALUE;
	} else {
		level = &books->levels[level_make(books, symbol, side, at, key)];
		if (__builtin_expect(level == books->levels, 0))
			return -HP_FAULT_NO_ROOM;
	}
	order = &books->orders[index];
	books->free_order = order->chain;
	slot = books_slot(books, reference);
	tail = level->tail;
	*order = (struct hp_book_order){reference, qty, (uint32_t)(level - books->levels), tail, 0, *slot};
	*slot = index;
	*(tail ? &books->orders[tail].next : &level->head) = index;
	level->tail = index;
	level->qty += qty;
	level->orders += 1;
	symbol->orders += 1;
	books->head.live_orders += 1;
	return 0;
}

/* Takes an order out, and its level if it was the last. */
BOOKS_INLINE void order_leave(struct books *books, const struct found *found)
{
	struct hp_book_order *order = &books->orders[found->index];
	struct hp_book_level *level = &books->levels[found->level];
	struct symbol *symbol = found->symbol;

	if (__builtin_expect(level->owner & WATCHED, 0))
		watch_order(books, found->level, found->index, order->qty, 1);
	*found->link = order->chain;
	order->chain = books->free_order;
	books->free_order = found->index;
	books->head.live_orders -= 1;
	symbol->orders -= 1;
	level->orders -= 1;
	if (!level->orders) {
		level_free(books, symbol, found->side,
			   side_find(books, &symbol->side[found->side], symbol->levels[found->side],
				     level->key));
		return;
	}
	level->qty -= order->qty;
	*(order->prev ? &books->orders[order->prev].next : &level->head) = order->next;
	*(order->next ? &books->orders[order->next].prev : &level->tail) = order->prev;
}

#endif
