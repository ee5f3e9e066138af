/* SPDX-License-Identifier: MIT */
/*
 * Books of many symbols, order by order where the feed tells of orders (L3), else level by level (L2), in one
 * piece of memory that both sides read. Part of hotpath.h, which includes it.
 */
#ifndef HOTPATH_BOOKS_H
#define HOTPATH_BOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "hotpath/feed.h"

/* How much there is room for. */
struct hp_books_options {
	double symbols;		       /* 1..65536 */
	double orders;		       /* live at once, all symbols; 0 = an L2 feed */
	double levels;		       /* live at once, all symbols and sides */
	double trades;		       /* of the tape kept, a power of two; 0 = 4096 */
	double price_scale, qty_scale; /* of the feed */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_books_options) == 64, "hp_books_options");

/*
 * One symbol: what a strategy looks at first. Everything deeper is found from here (native/book/books.c says
 * how). A reader on another thread takes `version` before and after: odd or changed = try again.
 */
struct hp_symbol {
	uint32_t version;		   /* seqlock */
	uint32_t flags;			   /* enum hp_book_flags */
	char name[8];			   /* as on the wire, space padded; zeros: not named yet */
	double bid, bid_qty, ask, ask_qty; /* best levels, scaled; 0 where a side is empty */
	uint32_t bid_orders, ask_orders;   /* orders in the best levels; 0 in an L2 book */
	uint32_t bid_levels, ask_levels;
	uint32_t orders; /* live */
	uint32_t state;	 /* trading state, the wire's byte ('T', 'H', 'P', 'Q'); 0 = never told */
	double seq;	 /* of the last message applied */
	double updates;	 /* messages applied */
	double trades, volume,
		notional;	     /* executions and trades printed: how many, quantity, price x quantity */
	double last_price, last_qty; /* of the last one */
	double reserved[16];	     /* the writer's: where the sides lie */
};
_Static_assert(sizeof(struct hp_symbol) == 256, "hp_symbol");
_Static_assert(offsetof(struct hp_symbol, bid) == 16, "hp_symbol.bid");
_Static_assert(offsetof(struct hp_symbol, last_price) == 112, "hp_symbol.last_price");

/* One printed trade, in the tape (a ring over all symbols). */
struct hp_trade {
	double seq, time_ns, price, qty;
	uint32_t symbol;
	uint32_t flags; /* HP_FLAG_BID: the resting order bought; type byte << 8 */
	double match;	/* match number */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_trade) == 64, "hp_trade");

struct hp_books; /* begins the memory; a handle elsewhere */

#endif
