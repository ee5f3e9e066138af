/* SPDX-License-Identifier: MIT */
/* What concerns whole books and not one message: emptying them, staleness, the checksum, and the ABI's doors.
 */
#include <errno.h>

#include "book/books_order.h"
#include "measure/error.h"

struct hp_symbol *books_symbol(struct hp_books *handle, uint32_t symbol)
{
	struct books *books = books_of(handle);

	return symbol < books->head.symbols ? (struct hp_symbol *)&books->symbols[symbol] : NULL;
}

void books_mark_stale(struct hp_books *handle, int stale)
{
	struct books *books = books_of(handle);

	for (uint32_t i = 0; i < books->head.symbols; i++) {
		struct symbol *symbol = &books->symbols[i];

		symbol_begin(symbol);
		symbol->flags = (symbol->flags & ~(uint32_t)HP_BOOK_STALE) | (stale ? HP_BOOK_STALE : 0);
		symbol_end(symbol);
	}
}

/* Gives back a level's orders, and the level. */
static void empty_level(struct books *books, uint32_t index)
{
	struct hp_book_level *level = &books->levels[index];
	uint32_t next, *link;

	if (level->owner & WATCHED)
		watch_lost(books, index);
	for (uint32_t order = level->orders ? level->head : 0; order; order = next) {
		next = books->orders[order].next;
		order_find(books, books->orders[order].reference, &link);
		*link = books->orders[order].chain;
		books->orders[order].chain = books->free_order;
		books->free_order = order;
	}
	books->head.live_orders -= level->orders;
	books->head.live_levels -= 1;
	*level = (struct hp_book_level){.head = books->free_level};
	books->free_level = index;
}

static void empty_symbol(struct books *books, struct symbol *symbol)
{
	symbol_begin(symbol);
	for (uint32_t side = BID; side <= ASK; side++) {
		for (uint32_t i = 1; i <= symbol->levels[side]; i++)
			empty_level(books, books->rungs[symbol->side[side].end - i]);
		side_reset(books, &symbol->side[side]);
		symbol->levels[side] = 0;
		symbol->best[side].price = symbol->best[side].qty = 0;
		symbol->best_orders[side] = 0;
	}
	symbol->orders = 0;
	symbol->flags = (symbol->flags & HP_BOOK_STALE) | HP_BOOK_NO_BID | HP_BOOK_NO_ASK;
	symbol_end(symbol);
}

void books_clear(struct hp_books *handle, uint32_t symbol)
{
	struct books *books = books_of(handle);

	if (symbol < books->head.symbols)
		empty_symbol(books, &books->symbols[symbol]);
	for (uint32_t i = 0; symbol == HP_SYMBOL_ALL && i < books->head.symbols; i++)
		empty_symbol(books, &books->symbols[i]);
}

/* A step of the checksum: every bit of both goes into every bit of the result. */
static uint64_t stir(uint64_t sum, uint64_t value)
{
	unsigned __int128 product =
		(unsigned __int128)(sum ^ value ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

	return (uint64_t)product ^ (uint64_t)(product >> 64) ^ sum << 1;
}

static uint64_t stir_level(const struct books *books, uint64_t sum, const struct hp_book_level *level)
{
	sum = stir(sum, (uint64_t)(int64_t)level->key);
	sum = stir(sum, level->qty);
	sum = stir(sum, level->orders);
	for (uint32_t i = level->orders ? level->head : 0; i; i = books->orders[i].next) {
		sum = stir(sum, books->orders[i].reference);
		sum = stir(sum, books->orders[i].qty);
	}
	return sum;
}

HP_API double hp_books_checksum(const struct hp_books *handle)
{
	const struct books *books = (const struct books *)handle;
	uint64_t sum = 0;

	if (!books)
		return fail(EINVAL, "Cannot take a checksum: no books were given");
	for (uint32_t i = 0; i < books->head.symbols; i++) {
		const struct symbol *symbol = &books->symbols[i];

		if (!(symbol->levels[BID] + symbol->levels[ASK]))
			continue;
		sum = stir(sum, i);
		for (uint32_t side = BID; side <= ASK; side++)
			for (uint32_t k = 1; k <= symbol->levels[side]; k++)
				sum = stir_level(books, sum,
						 &books->levels[books->rungs[symbol->side[side].end - k]]);
	}
	return (double)(sum >> 12);
}

HP_API int32_t hp_books_apply(struct hp_books *books, const struct hp_message *message)
{
	if (!books || !message)
		return fail(EINVAL, "Cannot apply a message: no books or no message were given");
	return books_apply(books, message);
}

HP_API int32_t hp_books_mark_stale(struct hp_books *books, int32_t stale)
{
	if (!books)
		return fail(EINVAL, "Cannot mark books stale: none were given");
	books_mark_stale(books, stale);
	return 0;
}
