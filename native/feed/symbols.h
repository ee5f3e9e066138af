/* SPDX-License-Identifier: MIT */
/*
 * A feed's symbols: name to number, number to name, and which of them somebody wants. ITCH numbers its
 * symbols itself (stock locate, new every day); IEX names them in each message, and they are numbered here in
 * the order they appear. A subscription is by name, so a number's state is known once its name is.
 *
 * A name belongs to one number at a time, and the last word counts: a number may get another name, a name
 * another number (a new day); the number that had it before is nameless then.
 */
#ifndef HP_SYMBOLS_H
#define HP_SYMBOLS_H

#include "hotpath.h"

enum symbol_state {
	SYMBOL_UNKNOWN = 0, /* not named yet */
	SYMBOL_WANTED = 1,
	SYMBOL_UNWANTED = 2,
};

/* Names are 8 bytes as on the wire, space padded, loaded as one little-endian number. 0 = none. */
struct symbols {
	uint32_t count;		   /* numbers given out, highest + 1 */
	uint32_t limit;		   /* numbers at most: HP_SYMBOLS, or what the books have room for */
	uint32_t everything;	   /* 1: no subscription, every symbol is wanted */
	uint32_t wishes;	   /* names subscribed to */
	uint32_t wish_mask;	   /* of the part of wish_slots in use, which stays small with few wishes */
	uint8_t state[HP_SYMBOLS]; /* enum symbol_state */
	uint64_t names[HP_SYMBOLS];
	uint32_t slots[2 * HP_SYMBOLS];	     /* name -> number + 1, open addressing */
	uint64_t wish_slots[2 * HP_SYMBOLS]; /* names subscribed to, open addressing */
	uint64_t wish_names[HP_SYMBOLS];     /* the same in the order they came */
};

/* A subscription to nothing in particular: every symbol. limit: 1..HP_SYMBOLS; beyond is brought into it. */
void symbols_init(struct symbols *symbols, uint32_t limit);
/* Adds one name ("AAPL", up to 8 characters) to the subscription; symbols known already change their state
 * too. 0, -EINVAL (empty or too long) or -ENOSPC. */
int symbols_want(struct symbols *symbols, const char *name);
/*
 * The feed says that `number` is called `name`. 0, -EINVAL (name 0) or -ERANGE: beyond the limit. It keeps no
 * name then, but is passed over from now on where nobody wants the name.
 */
int symbols_name(struct symbols *symbols, uint32_t number, uint64_t name);
/* The number of `name`, given out when it is new; or HP_SYMBOL_ALL when there is no room, or no name (0). */
uint32_t symbols_number(struct symbols *symbols, uint64_t name);
/* The number of `name`, or HP_SYMBOL_ALL: it has not appeared. */
uint32_t symbols_find(const struct symbols *symbols, uint64_t name);
/* 1: its messages are wanted, whether it has appeared or not. */
int symbols_wants(const struct symbols *symbols, uint64_t name);
/* "AAPL" as it stands on the wire; 0 when it is empty or longer than 8. */
uint64_t symbols_pack(const char *name);

/* May its messages be passed over? An unnamed number is wanted: its name may come with this very message. */
static inline int symbols_unwanted(const struct symbols *symbols, uint32_t number)
{
	return symbols->state[number % HP_SYMBOLS] == SYMBOL_UNWANTED;
}

#endif
