/* SPDX-License-Identifier: MIT */
/*
 * Books of many symbols, order by order where the feed tells of orders (L3), else level by level (L2), in one
 * piece of memory that both sides read. Part of hotpath.h, which includes it.
 *
 * The memory begins with struct hp_books, which says where the tables lie. From a symbol to what it holds:
 *
 *   hp_symbol.bid_end  ->  rungs, the best at bid_end - 1, worse ones below it, bid_levels of them
 *   a rung             ->  its key (a double at keys_at) and its level (uint32_t at rungs_at)
 *   hp_book_level.head ->  an order, and by `next` those behind it
 *
 * A key is the price; of an ask its negative, so that the best is the largest on both sides.
 *
 * Index 0 of levels and orders means none. How it is kept, and why so: native/book/books.c.
 */
#ifndef HOTPATH_BOOKS_H
#define HOTPATH_BOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "hotpath/feed.h"

#define HP_WATCHES 256

/* How much there is room for. */
struct hp_books_options {
	double symbols;		       /* 1..65536 */
	double orders;		       /* live at once, all symbols; 0 = an L2 feed; up to 2^28 */
	double levels;		       /* live at once, all symbols and sides; 1..2^26 */
	double trades;		       /* of the tape kept, a power of two up to 2^24; 0 = 4096 */
	double price_scale, qty_scale; /* of the feed; 0 = 1 */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_books_options) == 64, "hp_books_options");

/*
 * One symbol: its first line is what a strategy looks at first. A reader on another thread takes `version`
 * before and after: odd or changed = try again.
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
	uint32_t bid_end, bid_base, bid_room; /* rungs: one past the best; the block they lie in, its size */
	uint32_t ask_end, ask_base, ask_room;
	double touched; /* price of the order that was last executed, cancelled or replaced; of an ask
			   negative */
	uint32_t pad[2];
	double trades, volume, notional; /* executions and trades printed, less broken ones: how many,
					    quantity, price x quantity */
	double last_price, last_qty;	 /* of the last one */
	double breaks;			 /* trades taken back */
	double reserved[10];
};
_Static_assert(sizeof(struct hp_symbol) == 256, "hp_symbol");
_Static_assert(offsetof(struct hp_symbol, bid) == 16, "hp_symbol.bid");
_Static_assert(offsetof(struct hp_symbol, orders) == 64, "hp_symbol.orders");
_Static_assert(offsetof(struct hp_symbol, bid_end) == 88, "hp_symbol.bid_end");
_Static_assert(offsetof(struct hp_symbol, trades) == 128, "hp_symbol.trades");

/* A price level. */
struct hp_book_level {
	double key;   /* its price; an ask's negative */
	uint64_t qty; /* of all its orders */
	uint32_t orders;
	uint32_t head, tail; /* orders: first and last in priority; 0 in an L2 book */
	uint32_t owner;	     /* symbol << 1, + 1: bid, + 2^31: somebody watches a place in its queue */
};
_Static_assert(sizeof(struct hp_book_level) == 32, "hp_book_level");

/* A live order. */
struct hp_book_order {
	uint64_t reference;  /* the exchange's */
	uint64_t qty;	     /* what is left of it */
	uint32_t level;	     /* << 1, + 1: an ask */
	uint32_t prev, next; /* in the level's queue; 0 = none */
	uint32_t chain;	     /* the writer's */
};
_Static_assert(sizeof(struct hp_book_order) == 32, "hp_book_order");

/* One printed trade, in the tape (a ring over all symbols). */
struct hp_trade {
	double seq;
	double time_ns; /* the sender's stamp; a Unix time is exact to 256 ns */
	double price, qty;
	uint32_t symbol;
	uint32_t flags; /* HP_FLAG_BID: the resting order bought; type byte << 8; 2^31: broken since */
	double match;	/* match number */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_trade) == 64, "hp_trade");

#define HP_TRADE_BROKEN 0x80000000u

enum hp_watch_state {
	HP_WATCH_FREE = 0,
	HP_WATCH_LIVE = 1,
	HP_WATCH_LOST = 2, /* the book was cleared: what is ahead now nobody knows */
};

/* A place in a queue that is held in mind: of an order of one's own that the feed does not show. */
struct hp_watch {
	uint32_t state; /* enum hp_watch_state */
	uint32_t level; /* the writer's: 0 = nothing is ahead any more */
	uint32_t last;	/* the writer's: the order just ahead */
	uint32_t symbol;
	uint32_t bid;	       /* 1: bid */
	uint32_t ahead_orders; /* 0 in an L2 book */
	double price;
	double qty;	  /* of one's own order, as it was given */
	double ahead_qty; /* L2: as if whoever leaves the level had stood behind */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_watch) == 64, "hp_watch");

/* Where a live order stands. */
struct hp_place {
	uint64_t order; /* in: the exchange's reference */
	uint32_t symbol;
	uint32_t bid; /* 1: bid */
	double price, qty;
	double ahead_qty, ahead_orders; /* before it in its level */
	double level_qty, level_orders; /* it included */
};
_Static_assert(sizeof(struct hp_place) == 64, "hp_place");

/* Begins the memory. Tables are found at *_at bytes from its start. */
struct hp_books {
	double bytes; /* used of the memory */
	double price_scale, qty_scale;
	double symbols_at, orders_at, levels_at, keys_at, rungs_at, trades_at, watches_at;
	double printed;	       /* trades printed; the newest is at (printed - 1) % trades */
	double unknown_levels; /* removals of a level that was not there: normal in L2 feeds */
	uint32_t symbols, orders, levels, trades;      /* room for */
	uint32_t live_orders, live_levels, live_rungs; /* in use; rungs with the room of their blocks */
	uint32_t watches;			       /* in use */
	double reserved[8];
};
_Static_assert(sizeof(struct hp_books) == 192, "hp_books");
_Static_assert(offsetof(struct hp_books, symbols) == 96, "hp_books.symbols");

/* ---- functions ------------------------------------------------------------------------------ */

/* Bytes of memory that books with this room take, or a negative errno: an option is out of its range. */
HP_API double hp_books_bytes(const struct hp_books_options *options);
/*
 * Lays out empty books in `memory` (`bytes` long, aligned to 64 bytes, zeroed or not; huge pages are asked
 * for and every byte is touched) and returns them: it is the memory's own address. Nothing has to be closed.
 */
HP_API struct hp_books *hp_books_open(void *memory, double bytes, const struct hp_books_options *options);
/* Applies one message (its `bytes` is not read). 0, or the negative of an enum hp_fault: see books_apply() in
 * native/book/books.h. */
HP_API int32_t hp_books_apply(struct hp_books *books, const struct hp_message *message);
/* Sets (1) or clears (0) HP_BOOK_STALE of every symbol. */
HP_API int32_t hp_books_mark_stale(struct hp_books *books, int32_t stale);
/*
 * A number from 0 to 2^52 - 1 that is the same for equal books, whatever way they came about: over the number
 * of each symbol that is not empty, its levels best first (price, quantity, number of orders), and their
 * orders in priority (reference, quantity). Names, states, flags, trades and counters are left out.
 */
HP_API double hp_books_checksum(const struct hp_books *books);
/* Fills in where place->order stands. 0, or -ENOENT: no such order is live. Walks the orders ahead. */
HP_API int32_t hp_books_ahead(const struct hp_books *books, struct hp_place *place);
/*
 * Holds in mind the end of the queue at `price` (scaled) as it is now, for an order of `qty` of one's own.
 * Returns the number of the watch (its hp_watch is at watches_at + 64 x number; hp_watch.ahead_qty and
 * ahead_orders are kept up to date); -EINVAL, -ERANGE (no such symbol), or -ENOSPC: all HP_WATCHES are in
 * use.
 */
HP_API int32_t hp_books_watch(struct hp_books *books, int32_t symbol, int32_t bid, double price, double qty);
/* Gives a watch back. 0, or -EINVAL: it is not in use. */
HP_API int32_t hp_books_unwatch(struct hp_books *books, int32_t watch);

#endif
