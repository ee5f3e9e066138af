/* SPDX-License-Identifier: MIT */
/*
 * Names and numbers, in two tables with open addressing and linear probing. An entry that goes is closed over
 * (no tombstones), so that a feed that renames its symbols for ever cannot fill a table: there are never more
 * entries than HP_SYMBOLS in twice as many slots.
 *
 * What this trades away: 2.6 MiB a feed, of which the hot path reads `state` (one byte a symbol) and, where
 * messages name their symbols, one slot and one name.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "feed/symbols.h"

#define SLOT_MASK  (2u * HP_SYMBOLS - 1)
#define WISHES_MIN 64u /* slots to begin with */

_Static_assert((HP_SYMBOLS & (HP_SYMBOLS - 1)) == 0, "slots are found with a mask");

/* Multiplying carries every letter into the upper half, of which a mask then takes the lower bits. */
static inline uint32_t home_of(uint64_t name, uint32_t mask)
{
	return (uint32_t)((name * 0x9e3779b97f4a7c15u) >> 40) & mask;
}

void symbols_init(struct symbols *symbols, uint32_t limit)
{
	memset(symbols, 0, sizeof(*symbols));
	symbols->limit = !limit ? 1 : limit > HP_SYMBOLS ? HP_SYMBOLS : limit;
	symbols->everything = 1;
	symbols->wish_mask = WISHES_MIN - 1;
}

uint64_t symbols_pack(const char *name)
{
	char padded[8];
	uint64_t packed;
	size_t length = strlen(name);

	if (!length || length > sizeof(padded))
		return 0;
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, name, length);
	memcpy(&packed, padded, sizeof(packed));
	return le64toh(packed);
}

/* ---- who is wanted ---- */

static uint32_t wish_slot(const struct symbols *symbols, uint64_t name)
{
	uint32_t slot = home_of(name, symbols->wish_mask);

	while (symbols->wish_slots[slot] && symbols->wish_slots[slot] != name)
		slot = (slot + 1) & symbols->wish_mask;
	return slot;
}

int symbols_wants(const struct symbols *symbols, uint64_t name)
{
	return symbols->everything || symbols->wish_slots[wish_slot(symbols, name)] == name;
}

/* The table is kept at most half full, and no larger than that: few wishes stay in the first-level cache. */
static void grow_wishes(struct symbols *symbols)
{
	memset(symbols->wish_slots, 0, (symbols->wish_mask + 1) * sizeof(*symbols->wish_slots));
	symbols->wish_mask = 2 * symbols->wish_mask + 1;
	for (uint32_t wish = 0; wish < symbols->wishes; wish++)
		symbols->wish_slots[wish_slot(symbols, symbols->wish_names[wish])] =
			symbols->wish_names[wish];
}

static void judge(struct symbols *symbols, uint32_t number, uint64_t name)
{
	symbols->state[number] = symbols_wants(symbols, name) ? SYMBOL_WANTED : SYMBOL_UNWANTED;
}

int symbols_want(struct symbols *symbols, const char *name)
{
	uint64_t packed = symbols_pack(name);
	uint32_t slot;

	if (!packed)
		return -EINVAL;
	symbols->everything = 0;
	slot = wish_slot(symbols, packed);
	if (symbols->wish_slots[slot] != packed) {
		if (symbols->wishes == HP_SYMBOLS)
			return -ENOSPC;
		symbols->wish_slots[slot] = packed;
		symbols->wish_names[symbols->wishes++] = packed;
		if (symbols->wish_mask < SLOT_MASK && 2 * symbols->wishes > symbols->wish_mask)
			grow_wishes(symbols);
	}
	for (uint32_t number = 0; number < symbols->count; number++)
		if (symbols->names[number])
			judge(symbols, number, symbols->names[number]);
	return 0;
}

/* ---- names and numbers ---- */

/* The slot that holds `name`, or the empty one where it would go. */
static inline uint32_t name_slot(const struct symbols *symbols, uint64_t name)
{
	uint32_t slot = home_of(name, SLOT_MASK);

	while (symbols->slots[slot] && symbols->names[symbols->slots[slot] - 1] != name)
		slot = (slot + 1) & SLOT_MASK;
	return slot;
}

uint32_t symbols_find(const struct symbols *symbols, uint64_t name)
{
	uint32_t number = symbols->slots[name_slot(symbols, name)];

	return number ? number - 1 : HP_SYMBOL_ALL;
}

/* Makes a number nameless. Entries behind its slot move up when they may, so that no probe ends too early. */
static void forget(struct symbols *symbols, uint32_t number)
{
	uint32_t hole = name_slot(symbols, symbols->names[number]), at = hole;

	while (symbols->slots[at = (at + 1) & SLOT_MASK]) {
		uint32_t home = home_of(symbols->names[symbols->slots[at] - 1], SLOT_MASK);

		if (((at - home) & SLOT_MASK) < ((at - hole) & SLOT_MASK))
			continue;
		symbols->slots[hole] = symbols->slots[at];
		hole = at;
	}
	symbols->slots[hole] = 0;
	symbols->names[number] = 0;
	symbols->state[number] = SYMBOL_UNKNOWN;
}

int symbols_name(struct symbols *symbols, uint32_t number, uint64_t name)
{
	uint32_t owner;

	if (!name)
		return -EINVAL;
	if (number >= symbols->limit) {
		if (number < HP_SYMBOLS)
			symbols->state[number] =
				symbols_wants(symbols, name) ? SYMBOL_UNKNOWN : SYMBOL_UNWANTED;
		return -ERANGE;
	}
	if (symbols->names[number] == name)
		return 0;
	if (symbols->names[number])
		forget(symbols, number);
	owner = symbols_find(symbols, name);
	if (owner != HP_SYMBOL_ALL)
		forget(symbols, owner);
	symbols->names[number] = name;
	symbols->slots[name_slot(symbols, name)] = number + 1;
	if (number >= symbols->count)
		symbols->count = number + 1;
	judge(symbols, number, name);
	return 0;
}

uint32_t symbols_number(struct symbols *symbols, uint64_t name)
{
	uint32_t number = symbols_find(symbols, name);

	if (number != HP_SYMBOL_ALL)
		return number;
	number = symbols->count;
	return symbols_name(symbols, number, name) ? HP_SYMBOL_ALL : number;
}
