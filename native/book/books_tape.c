/* SPDX-License-Identifier: MIT */
/*
 * The tape: the last trades of all symbols in a ring, and each symbol's sums. The entry is written first and
 * counted then, so that a reader elsewhere who knows the count reads whole entries, as long as the ring does
 * not overtake it.
 */
#include "book/books_memory.h"

void tape_print(struct books *books, struct symbol *symbol, const struct hp_message *message, double price,
		double qty, int bid)
{
	double printed = books->head.printed;
	struct hp_trade *trade = &books->trades[(uint64_t)printed & (books->head.trades - 1)];

	*trade = (struct hp_trade){
		.seq = (double)message->seq,
		.time_ns = (double)message->time_ns,
		.price = price,
		.qty = qty,
		.symbol = (uint32_t)(symbol - books->symbols),
		.flags = (bid ? HP_FLAG_BID : 0) | (uint32_t)message->type << 8,
		.match = (double)message->other,
	};
	symbol->trades += 1;
	symbol->volume += qty;
	symbol->notional += price * qty;
	symbol->last_price = price;
	symbol->last_qty = qty;
	printed += 1;
	__atomic_store(&books->head.printed, &printed, __ATOMIC_RELEASE);
}

/* A trade is broken rarely: the ring is searched, the newest first. */
void tape_break(struct books *books, struct symbol *symbol, const struct hp_message *message)
{
	uint64_t printed = (uint64_t)books->head.printed, mask = books->head.trades - 1;
	uint64_t kept = printed < mask + 1 ? printed : mask + 1;
	uint32_t number = (uint32_t)(symbol - books->symbols);

	symbol->breaks += 1;
	for (uint64_t i = 1; i <= kept; i++) {
		struct hp_trade *trade = &books->trades[(printed - i) & mask];

		if (trade->match != (double)message->other || trade->symbol != number)
			continue;
		if (trade->flags & HP_TRADE_BROKEN)
			return;
		trade->flags |= HP_TRADE_BROKEN;
		symbol->trades -= 1;
		symbol->volume -= trade->qty;
		symbol->notional -= trade->price * trade->qty;
		return;
	}
}
