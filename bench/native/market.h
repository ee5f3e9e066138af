/* SPDX-License-Identifier: MIT */
/*
 * Markets to measure with, as ITCH 5.0 files in memory, a slice at a time.
 *
 * A replayed market is one real hour of one symbol, played by K symbols, each `step` messages later than the
 * one before it; between two messages of a symbol come one of every other. Order references are given out
 * anew in the order orders come, as an exchange does. What is real about it: sizes, prices, the life of
 * orders, the mix of types. What is not: symbols are alike and take turns, which no cache or branch predictor
 * gets from a real day; the sum of it is harder than a day of as many symbols.
 *
 * A made market holds a number of live orders over a number of symbols and price levels, all of them equally
 * likely to be the next that goes: nothing is ever in a cache by chance.
 */
#ifndef HP_MARKET_H
#define HP_MARKET_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "feed/run.h"
#include "lab/random.h"

#define MESSAGE_ROOM 64 /* bytes: more than any message with its length */
#define NONE	     UINT32_MAX

static inline void store_be(uint8_t *bytes, uint64_t value, int size)
{
	while (size--) {
		bytes[size] = (uint8_t)value;
		value >>= 8;
	}
}

/* ---- the hour that is replayed ---- */

struct hour {
	const uint8_t *bytes;
	size_t size;
	uint32_t messages, orders;
	uint32_t *at;	   /* where each message begins, its length included */
	uint32_t *touches; /* the order (dense number) it is about, or NONE ... */
	uint32_t *creates; /* ... and the one it makes, or NONE */
};

/* Reference -> dense number; given out when new. */
struct order_numbers {
	uint64_t *keys;
	uint32_t *numbers;
	uint32_t mask, count;
};

static inline uint32_t order_number(struct order_numbers *of, uint64_t order)
{
	uint32_t slot = (uint32_t)(order * 0x9e3779b97f4a7c15u >> 32) & of->mask;

	while (of->keys[slot] && of->keys[slot] != order + 1)
		slot = (slot + 1) & of->mask;
	if (!of->keys[slot]) {
		of->keys[slot] = order + 1;
		of->numbers[slot] = of->count++;
	}
	return of->numbers[slot];
}

static inline void hour_message(struct hour *hour, struct order_numbers *orders, uint32_t at)
{
	const uint8_t *message = hour->bytes + at + 2;
	uint32_t i = hour->messages++;

	hour->at[i] = at;
	hour->touches[i] = hour->creates[i] = NONE;
	if (message[0] == 'A')
		hour->creates[i] = order_number(orders, load_be64(message + 11));
	if (strchr("EXDU", message[0]))
		hour->touches[i] = order_number(orders, load_be64(message + 11));
	if (message[0] == 'U')
		hour->creates[i] = order_number(orders, load_be64(message + 19));
}

/* Reads the bytes of a file, which must stay. 1, or 0: no memory. */
static inline int hour_read(struct hour *hour, const uint8_t *bytes, size_t size)
{
	size_t most = size / 14 + 1;
	struct order_numbers orders = {.mask = 1};

	while (orders.mask < 2 * most)
		orders.mask = 2 * orders.mask + 1;
	orders.keys = calloc((size_t)orders.mask + 1, sizeof(*orders.keys));
	orders.numbers = calloc((size_t)orders.mask + 1, sizeof(*orders.numbers));
	*hour = (struct hour){.bytes = bytes, .size = size};
	hour->at = calloc(most, sizeof(uint32_t));
	hour->touches = calloc(most, sizeof(uint32_t));
	hour->creates = calloc(most, sizeof(uint32_t));
	if (!orders.keys || !orders.numbers || !hour->at || !hour->touches || !hour->creates)
		return 0;
	for (size_t at = 0; at + 2 < size; at += 2u + load_be16(bytes + at))
		hour_message(hour, &orders, (uint32_t)at);
	hour->orders = orders.count;
	free(orders.keys);
	free(orders.numbers);
	return 1;
}

/* ---- the hour, played by many ---- */

struct replay {
	const struct hour *hour;
	uint32_t symbols, step;
	uint32_t round, symbol; /* whose turn it is */
	uint64_t last_order;
	uint32_t *orders; /* [symbol][dense number]: the reference it has here */
};

static inline int replay_open(struct replay *replay, const struct hour *hour, uint32_t symbols, uint32_t step)
{
	*replay = (struct replay){.hour = hour, .symbols = symbols, .step = step};
	replay->orders = malloc((size_t)symbols * hour->orders * sizeof(*replay->orders));
	return replay->orders != NULL;
}

static inline void replay_close(struct replay *replay)
{
	free(replay->orders);
}

static inline void replay_message(struct replay *replay, uint32_t i, uint8_t *out)
{
	const struct hour *hour = replay->hour;
	uint32_t *orders = replay->orders + (size_t)replay->symbol * hour->orders;
	char name[16];
	int name_at;

	if (out[2] == 'S')
		return;
	store_be(out + 3, replay->symbol + 1, 2);
	if (hour->touches[i] != NONE)
		store_be(out + 13, orders[hour->touches[i]], 8);
	if (hour->creates[i] != NONE) {
		orders[hour->creates[i]] = (uint32_t)++replay->last_order;
		store_be(out + (out[2] == 'U' ? 21 : 13), replay->last_order, 8);
	}
	name_at = out[2] == 'A' || out[2] == 'P' ? 26 : out[2] == 'R' || out[2] == 'H' ? 13 : 0;
	if (!name_at)
		return;
	memcpy(name, "N0000   ", 9);
	for (uint32_t digit = 4, rest = replay->symbol; digit; digit--, rest /= 10)
		name[digit] = (char)('0' + rest % 10);
	memcpy(out + name_at, name, 8);
}

/* Writes the next messages, as many as fit; returns the bytes, 0 at the end. */
static inline size_t replay_slice(struct replay *replay, uint8_t *out, size_t room, uint32_t *messages)
{
	const struct hour *hour = replay->hour;
	uint32_t rounds = hour->messages + (replay->symbols - 1) * replay->step;
	size_t size = 0;

	*messages = 0;
	for (; replay->round < rounds; replay->round++, replay->symbol = 0) {
		for (; replay->symbol < replay->symbols; replay->symbol++) {
			int64_t i = (int64_t)replay->round - (int64_t)replay->symbol * replay->step;
			const uint8_t *message;

			if (i < 0)
				break;
			if (i >= hour->messages)
				continue;
			message = hour->bytes + hour->at[i];
			if (message[2] == 'S' && replay->symbol)
				continue; /* events of the market come once */
			if (room - size < MESSAGE_ROOM)
				return size;
			memcpy(out + size, message, 2u + load_be16(message));
			replay_message(replay, (uint32_t)i, out + size);
			size += 2u + load_be16(message);
			++*messages;
		}
	}
	return size;
}

/* ---- a made market ---- */

struct made {
	uint32_t symbols, depth; /* price levels a side */
	uint32_t live, most;	 /* orders */
	uint64_t last_order;
	uint64_t *orders; /* live ones: reference << 16 | symbol */
	struct random random;
};

static inline int made_open(struct made *made, uint32_t symbols, uint32_t orders, uint32_t depth)
{
	*made = (struct made){.symbols = symbols, .depth = depth, .most = orders, .random = {20120621}};
	made->orders = malloc((size_t)orders * sizeof(*made->orders));
	return made->orders != NULL;
}

static inline void made_close(struct made *made)
{
	free(made->orders);
}

static inline size_t made_add(struct made *made, uint8_t *out)
{
	uint32_t symbol = random_below(&made->random, made->symbols);
	uint32_t level = random_below(&made->random, made->depth), buy = random_below(&made->random, 2);

	memset(out, 0, 38);
	store_be(out, 36, 2);
	out[2] = 'A';
	store_be(out + 3, symbol, 2);
	store_be(out + 13, ++made->last_order, 8);
	out[21] = buy ? 'B' : 'S';
	store_be(out + 22, 1 + random_below(&made->random, 1000), 4);
	memcpy(out + 26, "M       ", 8);
	store_be(out + 27, symbol | 0x20000000u, 4);
	store_be(out + 34, 5000000 + (buy ? -(int64_t)(level + 1) * 100 : (int64_t)level * 100), 4);
	made->orders[made->live++] = made->last_order << 16 | symbol;
	return 38;
}

static inline size_t made_delete(struct made *made, uint8_t *out)
{
	uint32_t victim = random_below(&made->random, made->live);
	uint64_t order = made->orders[victim];

	made->orders[victim] = made->orders[--made->live];
	memset(out, 0, 21);
	store_be(out, 19, 2);
	out[2] = 'D';
	store_be(out + 3, order & 0xffff, 2);
	store_be(out + 13, order >> 16, 8);
	return 21;
}

/* Adds until the market is full, then deletes and adds in turn; always fills the room. */
static inline size_t made_slice(struct made *made, uint8_t *out, size_t room, uint32_t *messages)
{
	size_t size = 0;

	for (*messages = 0; room - size >= MESSAGE_ROOM; ++*messages)
		size += made->live < made->most ? made_add(made, out + size) : made_delete(made, out + size);
	return size;
}

#endif
