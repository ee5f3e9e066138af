/* SPDX-License-Identifier: MIT */
/*
 * Live orders of a session, found by their reference: what a snapshot is made of. Also the levels of a market
 * that is being written as ITCH, found by symbol, side and price.
 */
#ifndef HP_PUBLISHER_ORDERS_H
#define HP_PUBLISHER_ORDERS_H

#include "lab/publisher_store.h"

#define ORDER_SYMBOLS 65536

struct live_order {
	uint64_t key;	 /* what it is found by */
	uint64_t number; /* who is first at a price: the message that put it there; of a level: its order */
	uint64_t time;	 /* stamp of that message */
	uint32_t price, qty; /* qty 0: the slot is free */
	uint32_t mpid;	     /* 0 = none told */
	uint16_t symbol;
	uint8_t side; /* 'B' or 'S' */
};

/* Open addressing over a power of two of slots; grows. */
struct live_orders {
	struct live_order *slots;
	size_t room, count;
};

/* The entry of a key, or NULL. Valid until the next put or drop. */
struct live_order *live_find(const struct live_orders *orders, uint64_t key);
/* Puts one in whose key is not there. 0 or fail(ENOMEM). */
int live_put(struct live_orders *orders, const struct live_order *order);
/* Takes out what live_find() returned. */
void live_drop(struct live_orders *orders, struct live_order *order);
void live_free(struct live_orders *orders);

/* What a symbol was last told to be; pointers into the store, lengths in front. */
struct session_symbol {
	const uint8_t *directory, *state;
	char name[8];
};

/* A session replayed so far. */
struct session_state {
	struct live_orders orders;
	struct session_symbol *symbols; /* ORDER_SYMBOLS */
	const uint8_t *system;		/* last system event */
	uint64_t applied;		/* messages */
	const uint8_t *at;		/* the next one */
};

/* Before the first message. 0 or fail(ENOMEM); state_free() in either case. */
int state_init(struct session_state *state, const struct store *store);
/* Applies the messages up to `number`. 0 or fail(ENOMEM): then it is of no more use. */
int state_replay(struct session_state *state, uint64_t number);
void state_free(struct session_state *state);

/* A snapshot as the bytes of a SoupBinTCP connection. */
struct image {
	uint8_t *bytes;
	size_t size;
	uint64_t orders, next_seq;
};

/* 0 and *out, whose bytes are the caller's, or fail(ENOMEM). */
int image_make(struct image *out, const struct session_state *state);

#endif
