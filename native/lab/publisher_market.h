/* SPDX-License-Identifier: MIT */
/* Tapes as ITCH 5.0: a session that orders could have made of the levels they tell of. */
#ifndef HP_PUBLISHER_MARKET_H
#define HP_PUBLISHER_MARKET_H

#include "lab/publisher_store.h"
#include "lab/random.h"
#include "lab/tape.h"

#define MARKET_SYMBOLS 64 /* most in one session */

/*
 * Writes the session of `count` (1..MARKET_SYMBOLS) tapes, one symbol each, merged by their time. Same tapes
 * and seed, same session. 0 or fail(...).
 */
int market_write(struct store *store, const struct hp_tape *const *tapes, uint32_t count, uint64_t seed);

/* ---- its messages (publisher_itch.c): each appends one; 0 or what store_append() says ---- */

struct itch {
	struct store *store;
	uint64_t time; /* stamp of what is written: ns since midnight */
	uint64_t next_order, next_match;
};

/* An order that stands, as messages name it. */
struct itch_order {
	uint64_t order;
	uint32_t qty, price; /* x 1e4 */
	uint16_t symbol;     /* stock_locate */
	uint8_t side;	     /* 'B' or 'S' */
	char name[8];
};

int itch_system(struct itch *itch, char event);
int itch_directory(struct itch *itch, uint16_t symbol, const char *name);
int itch_trading(struct itch *itch, uint16_t symbol, const char *name, char state);
/* attributed: with a participant's name (F). */
int itch_add(struct itch *itch, const struct itch_order *order, int attributed);
/* with_price: as C, which states the price. */
int itch_execute(struct itch *itch, const struct itch_order *order, uint32_t qty, int with_price);
int itch_cancel(struct itch *itch, const struct itch_order *order, uint32_t qty);
int itch_delete(struct itch *itch, const struct itch_order *order);
/* order: as it is from now on; before: its reference until now. */
int itch_replace(struct itch *itch, const struct itch_order *order, uint64_t before);
/* A trade against an order nobody sees. */
int itch_trade(struct itch *itch, const struct itch_order *order, uint32_t qty);

#endif
