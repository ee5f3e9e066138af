// SPDX-License-Identifier: MIT
/*
 * The exchange's own view of its session: a hash of live orders and nothing sorted, since only a snapshot
 * asks for an order among them and sorts then. It believes what the session says; a message about an order
 * that is not there changes nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "lab/publisher_orders.h"
#include "measure/error.h"

#define ROOM_FIRST 4096

static size_t slot_of(const struct live_orders *orders, uint64_t key)
{
	return (size_t)(((key ^ key >> 32) * 0x9e3779b97f4a7c15u) >> 20) & (orders->room - 1);
}

struct live_order *live_find(const struct live_orders *orders, uint64_t key)
{
	if (!orders->room)
		return NULL;
	for (size_t i = slot_of(orders, key); orders->slots[i].qty; i = (i + 1) & (orders->room - 1))
		if (orders->slots[i].key == key)
			return &orders->slots[i];
	return NULL;
}

static void place(struct live_orders *orders, const struct live_order *order)
{
	size_t i = slot_of(orders, order->key);

	while (orders->slots[i].qty)
		i = (i + 1) & (orders->room - 1);
	orders->slots[i] = *order;
}

static int grow(struct live_orders *orders)
{
	struct live_orders larger = {.room = orders->room ? 2 * orders->room : ROOM_FIRST,
				     .count = orders->count};

	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return fail(ENOMEM, "Cannot hold %zu live orders: out of memory", orders->count + 1);
	for (size_t i = 0; i < orders->room; i++)
		if (orders->slots[i].qty)
			place(&larger, &orders->slots[i]);
	free(orders->slots);
	*orders = larger;
	return 0;
}

int live_put(struct live_orders *orders, const struct live_order *order)
{
	int code = orders->count + orders->count / 2 >= orders->room ? grow(orders) : 0;

	if (code)
		return code;
	place(orders, order);
	orders->count++;
	return 0;
}

/* What follows moves up, so that nobody is looked for beyond a hole. */
void live_drop(struct live_orders *orders, struct live_order *order)
{
	size_t mask = orders->room - 1, hole = (size_t)(order - orders->slots), i = hole;

	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (!orders->slots[i].qty)
			break;
		home = slot_of(orders, orders->slots[i].key);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* it stands between its home and itself: the hole is before its home */
		orders->slots[hole] = orders->slots[i];
		hole = i;
	}
	orders->slots[hole].qty = 0;
	orders->count--;
}

void live_free(struct live_orders *orders)
{
	free(orders->slots);
	*orders = (struct live_orders){0};
}

static int add(struct session_state *state, const uint8_t *message, uint32_t length)
{
	struct live_order order = {
		.key = get_be(message + 11, 8),
		.number = state->applied + 1,
		.time = get_be(message + 5, 6),
		.qty = (uint32_t)get_be(message + 20, 4),
		.price = (uint32_t)get_be(message + 32, 4),
		.symbol = (uint16_t)get_be(message + 1, 2),
		.side = message[19],
	};

	if (length >= 40)
		memcpy(&order.mpid, message + 36, 4);
	if (!order.qty || live_find(&state->orders, order.key))
		return 0;
	memcpy(state->symbols[order.symbol].name, message + 24, 8);
	return live_put(&state->orders, &order);
}

static void reduce(struct session_state *state, uint64_t key, uint32_t by)
{
	struct live_order *order = live_find(&state->orders, key);

	if (!order)
		return;
	if (by < order->qty)
		order->qty -= by;
	else
		live_drop(&state->orders, order);
}

static int replace(struct session_state *state, const uint8_t *message)
{
	struct live_order *before = live_find(&state->orders, get_be(message + 11, 8)), order;

	if (!before)
		return 0;
	order = *before;
	live_drop(&state->orders, before);
	order.key = get_be(message + 19, 8);
	order.number = state->applied + 1;
	order.time = get_be(message + 5, 6);
	order.qty = (uint32_t)get_be(message + 27, 4);
	order.price = (uint32_t)get_be(message + 31, 4);
	if (!order.qty || live_find(&state->orders, order.key))
		return 0;
	return live_put(&state->orders, &order);
}

static void tell(struct session_state *state, const uint8_t *block)
{
	struct session_symbol *symbol = &state->symbols[get_be(block + 3, 2)];

	memcpy(symbol->name, block + 2 + 11, 8);
	if (block[2] == 'R')
		symbol->directory = block;
	else
		symbol->state = block;
}

static int apply(struct session_state *state, const uint8_t *block)
{
	static const uint8_t least['X' + 1] = {['A'] = 36, ['F'] = 40, ['E'] = 31, ['C'] = 36, ['X'] = 23,
					       ['D'] = 19, ['U'] = 35, ['R'] = 39, ['H'] = 25, ['S'] = 12};
	const uint8_t *message = block + 2;
	uint32_t length = store_length(block);

	if (!length || message[0] > 'X' || !least[message[0]] || length < least[message[0]])
		return 0;
	switch (message[0]) {
	case 'A':
	case 'F':
		return add(state, message, message[0] == 'F' ? length : 36);
	case 'U':
		return replace(state, message);
	case 'E':
	case 'C':
	case 'X':
		reduce(state, get_be(message + 11, 8), (uint32_t)get_be(message + 19, 4));
		return 0;
	case 'D':
		reduce(state, get_be(message + 11, 8), UINT32_MAX);
		return 0;
	case 'S':
		state->system = block;
		return 0;
	default:
		tell(state, block);
		return 0;
	}
}

int state_init(struct session_state *state, const struct store *store)
{
	*state = (struct session_state){.symbols = calloc(ORDER_SYMBOLS, sizeof(*state->symbols)),
					.at = store->bytes};
	return state->symbols ? 0 : fail(ENOMEM, "Cannot make snapshots: out of memory");
}

int state_replay(struct session_state *state, uint64_t number)
{
	while (state->applied < number) {
		int code = apply(state, state->at);

		if (code)
			return code;
		state->at += store_length(state->at) + 2;
		state->applied++;
	}
	return 0;
}

void state_free(struct session_state *state)
{
	live_free(&state->orders);
	free(state->symbols);
	state->symbols = NULL;
}
