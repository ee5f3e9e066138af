/* SPDX-License-Identifier: MIT */
/*
 * Blocks of rungs, ROOM_LEAST << class of them each, by the buddy method: a block is halved until it is as
 * small as is wanted, and grows together again with its other half as soon as both are free, so that the room
 * of sides which were large in the morning serves others in the afternoon. A free block keeps its neighbours
 * in the list of its class in its own first key. Off the hot path: a side asks once it has doubled.
 */
#include <string.h>

#include "book/books_memory.h"

/* What the first key of a free block holds. */
struct free_block {
	uint32_t next, prev; /* blocks' first rungs; 0 = none */
};

static struct free_block get(const struct books *books, uint32_t rung)
{
	struct free_block block;

	memcpy(&block, &books->keys[rung], sizeof(block));
	return block;
}

static void set(struct books *books, uint32_t rung, struct free_block block)
{
	memcpy(&books->keys[rung], &block, sizeof(block));
}

static void push(struct books *books, uint32_t rung, uint32_t class)
{
	uint32_t next = books->free_block[class];

	if (next)
		set(books, next, (struct free_block){get(books, next).next, rung});
	set(books, rung, (struct free_block){next, 0});
	books->free_block[class] = rung;
	books->block_class[rung / ROOM_LEAST] = (uint8_t)(class + 1);
}

static void unlink_block(struct books *books, uint32_t rung, uint32_t class)
{
	struct free_block block = get(books, rung);

	if (block.next)
		set(books, block.next, (struct free_block){get(books, block.next).next, block.prev});
	if (block.prev)
		set(books, block.prev, (struct free_block){block.next, get(books, block.prev).prev});
	else
		books->free_block[class] = block.next;
	books->block_class[rung / ROOM_LEAST] = 0;
}

uint32_t room_take(struct books *books, uint32_t class)
{
	uint32_t from = class, rung;

	while (from < ROOM_CLASSES && !books->free_block[from])
		from++;
	if (from == ROOM_CLASSES)
		return 0;
	rung = books->free_block[from];
	unlink_block(books, rung, from);
	while (from > class) {
		from--;
		push(books, rung + (ROOM_LEAST << from), from);
	}
	books->head.live_rungs += ROOM_LEAST << class;
	return rung;
}

void room_give(struct books *books, uint32_t rung, uint32_t class)
{
	uint32_t block = rung / ROOM_LEAST;

	books->head.live_rungs -= ROOM_LEAST << class;
	while (class + 1 < ROOM_CLASSES) {
		uint32_t other = block ^ 1u << class;

		if (other >= books->blocks || books->block_class[other] != class + 1)
			break;
		unlink_block(books, other * ROOM_LEAST, class);
		block &= ~(1u << class);
		class ++;
	}
	push(books, block * ROOM_LEAST, class);
}

/* The first rungs belong to nobody: they are the end of every side that has no block. */
void room_init(struct books *books)
{
	for (uint32_t block = 1; block < books->blocks;) {
		uint32_t class = (uint32_t)__builtin_ctz(block);

		while (class >= ROOM_CLASSES || block + (1u << class) > books->blocks)
			class --;
		push(books, block * ROOM_LEAST, class);
		block += 1u << class;
	}
}
