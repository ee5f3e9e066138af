/* SPDX-License-Identifier: MIT */
/*
 * Orders, their queues and the levels they lie in. An order is found by its reference (books_slot()), knows
 * its level, and the level knows the rest. Records are taken from a list that gives out what came back last,
 * which is still in the cache.
 *
 * Whether an add makes a level, whether a delete takes one away, whether an order has neighbours in its
 * queue: each is a coin. So both ways are one way: what does not happen is done with a count of 0, or to the
 * record 0 that nobody reads (orders[0]). Written out, that is many small selections, and it is a third
 * faster.
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

/*
 * The message's own order, which must be of its symbol if it names one. 0, or the negative of a fault. Symbol
 * and side are known before the level is there, so that the rungs are fetched beside it and not behind it.
 */
BOOKS_INLINE int32_t order_of(const struct books *books, const struct hp_message *message,
			      struct found *found)
{
	uint32_t number = message->symbol, place, owner;

	found->index = order_find(books, message->order, &found->link);
	place = books->orders[found->index].level;
	found->level = place >> 1;
	found->side = place & 1;
	owner = (books->levels[found->level].owner & ~WATCHED) >> 1;
	if (__builtin_expect(number == HP_SYMBOL_ALL, 0))
		number = owner;
	if (__builtin_expect(!found->index, 0) || __builtin_expect(owner != number, 0))
		return number < books->head.symbols ? -HP_FAULT_UNKNOWN_ORDER : -HP_FAULT_UNKNOWN_SYMBOL;
	found->symbol = &books->symbols[number];
	found->symbol->touched = books->levels[found->level].key;
	return 0;
}

#define SAME UINT32_MAX /* a side's best is as it was, its quantity included */

/* The level that is a side's best; 0: none. */
BOOKS_INLINE uint32_t side_best(const struct books *books, const struct side *side)
{
	return books->rungs[side->end - 1];
}

/* The writer of a symbol's number and side in a level. */
BOOKS_INLINE uint32_t owner_of(const struct books *books, const struct symbol *symbol, uint32_t side)
{
	return (uint32_t)(symbol - books->symbols) << 1 | (side ^ 1);
}

/* Takes a free level and gives it a rung behind `at`. Its index, or 0: no room. Anywhere in a side. */
BOOKS_APART static uint32_t level_make(struct books *books, struct symbol *symbol, uint32_t side, uint32_t at,
				       double key)
{
	uint32_t index = books->free_level;
	struct hp_book_level *level = &books->levels[index];

	if (!index)
		return 0;
	at = side_make_hole(books, &symbol->side[side], symbol->levels[side], at + 1);
	if (!at)
		return 0;
	books->keys[at] = key;
	books->rungs[at] = index;
	books->free_level = level->head;
	books->head.live_levels += 1;
	symbol->levels[side] += 1;
	*level = (struct hp_book_level){.key = key, .owner = owner_of(books, symbol, side)};
	return index;
}

/* Gives a level back, and its rung at `at`. Anywhere in a side. A free level is 0 but for its key, owner and
 * head: order_append() relies on it. */
BOOKS_APART static void level_free(struct books *books, struct symbol *symbol, uint32_t side, uint32_t index,
				   uint32_t at)
{
	struct side *of = &symbol->side[side];
	uint32_t levels = symbol->levels[side]--;

	side_close_hole(books, of, levels, at);
	books->levels[index] = (struct hp_book_level){.head = books->free_level};
	books->free_level = index;
	books->head.live_levels -= 1;
	if (of->room > ROOM_LEAST && levels * 4 < of->room)
		side_shrink(books, of, levels - 1);
}

/* The level an order goes into: of `key`, made if there is none. 0, or the negative of a fault. */
BOOKS_APART static int32_t level_for_order(struct books *books, struct symbol *symbol, uint32_t side,
					   double key, uint32_t depth, uint32_t *level)
{
	uint32_t at = side_at(books, &symbol->side[side], symbol->levels[side], key, depth);

	if (!books->free_order)
		return -HP_FAULT_NO_ROOM;
	if (books->keys[at] != key) {
		*level = level_make(books, symbol, side, at, key);
		return *level ? 0 : -HP_FAULT_NO_ROOM;
	}
	*level = books->rungs[at];
	return books->levels[*level].orders ? 0 : -HP_FAULT_BAD_VALUE;
}

/* A new order: where its reference belongs (order_find()), what it is. */
struct fresh {
	uint32_t *link;
	uint64_t reference, qty;
};

/* Puts an order last into its level, which is as level_make() left it if it is new. */
BOOKS_INLINE void order_queue(struct books *books, const struct fresh *fresh, uint32_t index,
			      uint32_t level_index, uint32_t side)
{
	struct hp_book_order *order = &books->orders[index];
	struct hp_book_level *level = &books->levels[level_index];
	uint32_t tail = level->tail;

	books->free_order = order->chain;
	*order = (struct hp_book_order){.reference = fresh->reference,
					.qty = fresh->qty,
					.level = level_index << 1 | side,
					.prev = tail};
	*fresh->link = index;
	books->orders[tail].next = index;
	level->head = choose(mask_of(tail == 0), index, level->head);
	level->tail = index;
	level->qty += fresh->qty;
	level->orders += 1;
	books->head.live_orders += 1;
}

/*
 * Puts a new order last into its level. 0 and the side's best level, or SAME; or -NO_ROOM, or
 * -BAD_VALUE: the level is one of an L2 book.
 */
BOOKS_INLINE int32_t order_append(struct books *books, struct symbol *symbol, uint32_t side, double key,
				  const struct fresh *new, uint32_t *best)
{
	struct side *of = &symbol->side[side];
	uint32_t end = of->end, index = books->free_order, fresh = books->free_level;
	uint32_t made, known, level_index, place;
	uint64_t fresh_only;
	struct near near = side_near(books, end, key);
	struct hp_book_level *level;

	*best = side_best(books, of);
	if (__builtin_expect((near.depth == NEAR) | (end == of->base + of->room) | !index | !fresh, 0)) {
		int32_t result = level_for_order(books, symbol, side, key, near.depth, &level_index);

		*best = side_best(books, of);
		if (result)
			return result;
		symbol->orders += 1;
		order_queue(books, new, index, level_index, side);
		return 0;
	}
	place = end - 1 - near.depth;
	known = near.known;
	made = known ^ 1;
	fresh_only = mask_of(made);
	level_index = choose(fresh_only, fresh, books->rungs[place]);
	level = &books->levels[level_index];
	if (__builtin_expect(known & !level->orders, 0))
		return -HP_FAULT_BAD_VALUE;
	side_move(books, end, &near, fresh_only, 1);
	books->keys[place + made] = key;
	books->rungs[place + made] = level_index;
	of->end = end + made;
	symbol->levels[side] += made;
	books->head.live_levels += made;
	books->free_level = choose(fresh_only, level->head, fresh);
	level->key = key;
	level->owner = owner_of(books, symbol, side) | (level->owner & WATCHED);
	symbol->orders += 1;
	order_queue(books, new, index, level_index, side);
	*best = choose(mask_of(near.depth == 0), level_index, SAME);
	return 0;
}

/* Takes an order out, and its level if it was the last. Returns the side's best level, or SAME. */
BOOKS_INLINE uint32_t order_leave(struct books *books, const struct found *found)
{
	struct hp_book_order *order = &books->orders[found->index];
	struct hp_book_level *level = &books->levels[found->level];
	struct symbol *symbol = found->symbol;
	struct side *of = &symbol->side[found->side];
	uint32_t end = of->end, next = order->next, prev = order->prev, gone = level->orders == 1;
	uint32_t best = books->rungs[end - 1];
	uint64_t leaves = mask_of(gone);
	struct near near;

	if (__builtin_expect(level->owner & WATCHED, 0))
		watch_order(books, found->level, found->index, order->qty, 1);
	near = side_near(books, end, level->key);
	*found->link = order->chain;
	order->chain = books->free_order;
	books->free_order = found->index;
	books->head.live_orders -= 1;
	symbol->orders -= 1;
	level->orders -= 1;
	level->qty -= order->qty;
	books->orders[prev].next = next;
	books->orders[next].prev = prev;
	level->tail = choose(mask_of(next == 0), prev, level->tail);
	level->head = choose(mask_of(prev == 0), next, level->head);
	if (__builtin_expect(
		    gone & ((near.depth == NEAR) | (symbol->levels[found->side] * 4 + ROOM_LEAST < of->room)),
		    0)) {
		level_free(books, symbol, found->side, found->level,
			   side_at(books, of, symbol->levels[found->side], level->key, near.depth));
		return side_best(books, of);
	}
	best = choose(mask_of(found->level == best), choose(leaves, books->rungs[end - 2], best), SAME);
	side_move(books, end, &near, leaves, -1);
	of->end = end - gone;
	symbol->levels[found->side] -= gone;
	books->head.live_levels -= gone;
	level->head = choose(leaves, books->free_level, level->head);
	books->free_level = choose(leaves, found->level, books->free_level);
	return best;
}

#endif
