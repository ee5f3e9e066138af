/* SPDX-License-Identifier: MIT */
/*
 * What each kind of message does to orders and levels. Compiled twice (books_side.h): whoever includes this
 * names the function it makes, BOOKS_APPLY.
 */
#include "book/books_order.h"

/* The key of a price: negative on the ask side, without asking which it is. */
BOOKS_INLINE double key_of(int64_t price, uint32_t side)
{
	double key = (double)price;
	uint64_t bits;

	__builtin_memcpy(&bits, &key, sizeof(bits));
	bits ^= (uint64_t)side << 63;
	__builtin_memcpy(&key, &bits, sizeof(key));
	return key;
}

/*
 * Notes the message, and the best of a side if it is another or another quantity. Most messages are about
 * worse levels, and this is a sixth of all the work.
 */
BOOKS_INLINE void publish(const struct books *books, struct symbol *symbol, uint32_t side, uint32_t best,
			  const struct hp_message *message)
{
	uint32_t open = (message->flags & HP_MESSAGE_OPEN) / 2, no_bid, no_ask;
	const struct hp_book_level *level;

	symbol->seq = (double)message->seq;
	symbol->updates += 1;
	if (best == SAME) {
		if (__builtin_expect((symbol->flags & HP_BOOK_OPEN) == open, 1))
			return;
		best = side_best(books, &symbol->side[side]);
	}
	level = &books->levels[best];
	symbol->best[side].price = fabs(level->key);
	symbol->best[side].qty = (double)(int64_t)level->qty;
	symbol->best_orders[side] = level->orders;
	no_bid = !symbol->levels[BID];
	no_ask = !symbol->levels[ASK];
	symbol->flags =
		(symbol->flags & HP_BOOK_STALE) | open | no_bid * HP_BOOK_NO_BID | no_ask * HP_BOOK_NO_ASK |
		(!(no_bid | no_ask) & (symbol->best[BID].price >= symbol->best[ASK].price)) * HP_BOOK_CROSSED;
}
_Static_assert(HP_MESSAGE_OPEN / 2 == HP_BOOK_OPEN, "publish()");

BOOKS_APART static int32_t apply_add(struct books *books, const struct hp_message *message)
{
	uint32_t side = !(message->flags & HP_FLAG_BID), best;
	struct symbol *symbol = &books->symbols[message->symbol];
	struct fresh fresh = {NULL, message->order, (uint64_t)message->qty};
	int32_t result;

	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (__builtin_expect(!(in_range(message->price) & in_range(message->qty)), 0))
		return -HP_FAULT_BAD_VALUE;
	if (__builtin_expect(order_find(books, message->order, &fresh.link), 0))
		return -HP_FAULT_DUPLICATE_ORDER;
	symbol_begin(symbol);
	result = order_append(books, symbol, side, key_of(message->price, side), &fresh, &best);
	publish(books, symbol, side, best, message);
	symbol_end(symbol);
	return result;
}

BOOKS_APART static int32_t apply_delete(struct books *books, const struct hp_message *message)
{
	struct found found;
	int32_t result = order_of(books, message, &found);

	if (__builtin_expect(result, 0))
		return result;
	symbol_begin(found.symbol);
	publish(books, found.symbol, found.side, order_leave(books, &found), message);
	symbol_end(found.symbol);
	return 0;
}

/* Executions, which are printed, and cancellations. */
BOOKS_APART static int32_t apply_reduce(struct books *books, const struct hp_message *message)
{
	uint64_t qty = (uint64_t)message->qty, left;
	int at_price = message->kind == HP_MESSAGE_EXECUTE_AT;
	struct hp_book_level *level;
	struct found found;
	uint32_t best;
	int32_t result;
	double price;

	if (!in_range(message->qty) || (at_price && !in_range(message->price)))
		return -HP_FAULT_BAD_VALUE;
	result = order_of(books, message, &found);
	if (result)
		return result;
	level = &books->levels[found.level];
	price = at_price ? (double)message->price : fabs(level->key);
	left = books->orders[found.index].qty;
	symbol_begin(found.symbol);
	if (qty < left) {
		if (level->owner & WATCHED)
			watch_order(books, found.level, found.index, qty, 0);
		books->orders[found.index].qty = left - qty;
		level->qty -= qty;
		best = side_best(books, &found.symbol->side[found.side]);
	} else {
		result = qty > left ? -HP_FAULT_EXCESS : 0;
		qty = left;
		best = order_leave(books, &found);
	}
	if (message->kind != HP_MESSAGE_REDUCE && !(message->flags & HP_MESSAGE_SILENT))
		tape_print(books, found.symbol, message, price, (double)qty, !found.side);
	publish(books, found.symbol, found.side, best, message);
	symbol_end(found.symbol);
	return result;
}

BOOKS_APART static int32_t apply_replace(struct books *books, const struct hp_message *message)
{
	struct fresh fresh = {NULL, message->other, (uint64_t)message->qty};
	struct found found;
	int32_t result;
	uint32_t best;

	if (!in_range(message->price) || !in_range(message->qty))
		return -HP_FAULT_BAD_VALUE;
	result = order_of(books, message, &found);
	if (result)
		return result;
	if (message->other != message->order && order_find(books, message->other, &fresh.link))
		return -HP_FAULT_DUPLICATE_ORDER;
	symbol_begin(found.symbol);
	order_leave(books, &found);
	order_find(books, message->other, &fresh.link); /* again: the chain may have been the old order's */
	result = order_append(books, found.symbol, found.side, key_of(message->price, found.side), &fresh,
			      &best);
	best = side_best(books, &found.symbol->side[found.side]);
	publish(books, found.symbol, found.side, best, message);
	symbol_end(found.symbol);
	return result;
}

/* Makes, changes or takes away a level without orders, wherever it is. 0, or the negative of a fault. */
BOOKS_APART static int32_t set_level_anywhere(struct books *books, struct symbol *symbol, uint32_t side,
					      double key, uint64_t qty, uint32_t depth)
{
	uint32_t at = side_at(books, &symbol->side[side], symbol->levels[side], key, depth);
	uint32_t index = books->rungs[at];

	if (books->keys[at] == key) {
		if (books->levels[index].orders)
			return -HP_FAULT_BAD_VALUE;
		if (books->levels[index].owner & WATCHED)
			watch_level(books, index, qty);
		if (!qty)
			level_free(books, symbol, side, index, at);
	} else if (qty) {
		index = level_make(books, symbol, side, at, key);
		if (!index)
			return -HP_FAULT_NO_ROOM;
	} else {
		books->head.unknown_levels += 1;
	}
	if (qty)
		books->levels[index].qty = qty;
	return 0;
}

/* The same, near the best without a search. */
BOOKS_INLINE int32_t set_level(struct books *books, struct symbol *symbol, uint32_t side, double key,
			       uint64_t qty)
{
	struct side *of = &symbol->side[side];
	uint32_t end = of->end, place, known, index, made, gone;
	struct near near = side_near(books, end, key);
	struct hp_book_level *level;

	place = end - 1 - near.depth;
	known = near.known;
	index = known ? books->rungs[place] : books->free_level;
	level = &books->levels[index];
	made = !known & (qty != 0);
	gone = known & !qty;
	if (__builtin_expect((near.depth == NEAR) | (end == of->base + of->room) | !index |
				     (known & (((level->owner & WATCHED) | level->orders) != 0)) |
				     (gone & (symbol->levels[side] * 4 + ROOM_LEAST < of->room)),
			     0))
		return set_level_anywhere(books, symbol, side, key, qty, near.depth);
	if (made | gone) {
		side_move(books, end, &near, mask_of(1), made ? 1 : -1);
		of->end += made - gone;
		symbol->levels[side] += made - gone;
		books->head.live_levels += made - gone;
		if (gone) {
			*level = (struct hp_book_level){.head = books->free_level};
			books->free_level = index;
			return 0;
		}
		books->keys[place + 1] = key;
		books->rungs[place + 1] = index;
		books->free_level = level->head;
		*level = (struct hp_book_level){.key = key, .owner = owner_of(books, symbol, side)};
	} else if (!known) {
		books->head.unknown_levels += 1;
		return 0;
	}
	level->qty = qty;
	return 0;
}

BOOKS_APART static int32_t apply_level(struct books *books, const struct hp_message *message)
{
	uint32_t side = !(message->flags & HP_FLAG_BID);
	struct symbol *symbol = &books->symbols[message->symbol];
	int32_t result;

	if (__builtin_expect(message->symbol >= books->head.symbols, 0))
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if (__builtin_expect(!in_range(message->price) || (uint64_t)message->qty > EXACT_MAX, 0))
		return -HP_FAULT_BAD_VALUE;
	symbol_begin(symbol);
	result = set_level(books, symbol, side, key_of(message->price, side), (uint64_t)message->qty);
	publish(books, symbol, side, side_best(books, &symbol->side[side]), message);
	symbol_end(symbol);
	return result;
}

/* Takes away whatever level a side without orders has besides `key`. */
static void leave_only(struct books *books, struct symbol *symbol, uint32_t side, double key)
{
	for (uint32_t left = symbol->levels[side]; left; left--) {
		double other = books->keys[symbol->side[side].end - left];

		if (other != key)
			set_level(books, symbol, side, other, 0);
	}
}

/* One side of a quote: a price or a quantity of 0 means that there is none. */
static int32_t quote_side(struct books *books, struct symbol *symbol, uint32_t side, int64_t price,
			  uint64_t qty)
{
	double key = key_of(price, side);

	if (!price || !qty) {
		leave_only(books, symbol, side, 0);
		return 0;
	}
	leave_only(books, symbol, side, key);
	return set_level(books, symbol, side, key, qty);
}

BOOKS_APART static int32_t apply_quote(struct books *books, const struct hp_message *message)
{
	struct symbol *symbol = &books->symbols[message->symbol];
	int32_t bid, ask;

	if (message->symbol >= books->head.symbols)
		return -HP_FAULT_UNKNOWN_SYMBOL;
	if ((uint64_t)message->price > EXACT_MAX || (uint64_t)message->qty > EXACT_MAX ||
	    message->order > EXACT_MAX || message->other > EXACT_MAX || symbol->orders)
		return -HP_FAULT_BAD_VALUE;
	symbol_begin(symbol);
	bid = quote_side(books, symbol, BID, message->price, (uint64_t)message->qty);
	ask = quote_side(books, symbol, ASK, (int64_t)message->order, message->other);
	publish(books, symbol, BID, side_best(books, &symbol->side[BID]), message);
	symbol->updates -= 1;
	publish(books, symbol, ASK, side_best(books, &symbol->side[ASK]), message);
	symbol_end(symbol);
	return bid ? bid : ask;
}

/* Kinds that change levels or orders here, the others by books.c. */
int32_t BOOKS_APPLY(struct books *books, const struct hp_message *message)
{
	if (message->kind == HP_MESSAGE_ADD)
		return apply_add(books, message);
	if (message->kind == HP_MESSAGE_DELETE)
		return apply_delete(books, message);
	switch (message->kind) {
	case HP_MESSAGE_EXECUTE:
	case HP_MESSAGE_EXECUTE_AT:
	case HP_MESSAGE_REDUCE:
		return apply_reduce(books, message);
	case HP_MESSAGE_REPLACE:
		return apply_replace(books, message);
	case HP_MESSAGE_LEVEL:
		return apply_level(books, message);
	case HP_MESSAGE_QUOTE:
		return apply_quote(books, message);
	default:
		return apply_note(books, message);
	}
}
