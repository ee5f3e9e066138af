/* SPDX-License-Identifier: MIT */
/*
 * Which ids this session has seen. Linear probing at half load at most, ids forgotten in order of arrival, so
 * that a session may be of any length in memory of one size: a duplicate is caught among the last 65,536
 * orders, not among all there ever were.
 */
#include <string.h>

#include "lab/exchange.h"

static uint32_t home(uint64_t id)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 47); /* the top 17 bits: ORDER_ID_SLOTS of them */
}
_Static_assert(ORDER_ID_SLOTS == 1u << 17, "home() shifts by 64 - 17");

void order_ids_clear(struct order_ids *ids)
{
	ids->count = ids->oldest = 0;
	memset(ids->slots, 0, sizeof(ids->slots));
}

struct order_id *order_ids_find(struct order_ids *ids, uint64_t id)
{
	for (uint32_t i = home(id);; i++) {
		struct order_id *slot = &ids->slots[i % ORDER_ID_SLOTS];

		if (slot->id == id)
			return slot;
		if (!slot->id)
			return NULL;
	}
}

/* Frees a slot and moves up those behind it that had to make way, so that no search stops short of them. */
static void forget(struct order_ids *ids, uint32_t gap)
{
	for (uint32_t i = gap + 1;; i++) {
		struct order_id *slot = &ids->slots[i % ORDER_ID_SLOTS];

		if (!slot->id)
			break;
		if ((i - home(slot->id)) % ORDER_ID_SLOTS >= (i - gap) % ORDER_ID_SLOTS) {
			ids->slots[gap % ORDER_ID_SLOTS] = *slot;
			gap = i;
		}
	}
	ids->slots[gap % ORDER_ID_SLOTS].id = 0;
}

void order_ids_add(struct order_ids *ids, uint64_t id)
{
	uint32_t i;

	if (ids->count == ORDER_IDS) {
		struct order_id *oldest = order_ids_find(ids, ids->order[ids->oldest]);

		forget(ids, (uint32_t)(oldest - ids->slots));
		ids->oldest = (ids->oldest + 1) % ORDER_IDS;
		ids->count--;
	}
	ids->order[(ids->oldest + ids->count++) % ORDER_IDS] = id;
	for (i = home(id); ids->slots[i % ORDER_ID_SLOTS].id; i++)
		;
	ids->slots[i % ORDER_ID_SLOTS] = (struct order_id){.id = id, .live = 1};
}
