/* SPDX-License-Identifier: MIT */
/*
 * What is rare about a side: holes far from the best, and blocks that have become too small or too large. A
 * side floats in its block with room at both ends, and the shorter part moves: a side of thousands of levels
 * costs half of them at worst.
 */
#include <string.h>

#include "book/books_side.h"

static uint32_t class_of(uint32_t room)
{
	return (uint32_t)__builtin_ctz(room / ROOM_LEAST);
}

/* Puts levels and the rung below them into the middle of a block: `first` is where they lie now. */
static void settle(struct books *books, struct side *side, uint32_t first, uint32_t levels, uint32_t base,
		   uint32_t room)
{
	uint32_t to = base + (room - levels - 1) / 2;

	memmove(books->rungs + to, books->rungs + first, (levels + 1) * sizeof(*books->rungs));
	*side = (struct side){to + levels + 1, base, room};
}

/* A block of another size. 0, or -1: there is none. */
static int resize(struct books *books, struct side *side, uint32_t levels, uint32_t room)
{
	struct side old = *side;
	uint32_t base = room / ROOM_LEAST >> ROOM_CLASSES ? 0 : room_take(books, class_of(room));

	if (!base)
		return -1;
	settle(books, side, old.end - levels - 1, levels, base, room);
	if (old.base)
		room_give(books, old.base, class_of(old.room));
	return 0;
}

BOOKS_RARE uint32_t side_make_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	struct hp_book_rung *rungs = books->rungs;
	uint32_t deep = levels - (side->end - at), first, spare = side->room - levels - 1;
	int up;

	if (spare < side->room / 8 || !side->base) {
		if (resize(books, side, levels, side->base ? 2 * side->room : ROOM_LEAST) && !spare)
			return 0;
	}
	first = side->end - levels - 1;
	up = levels - deep <= deep;
	if (up ? side->end == side->base + side->room : first == side->base) {
		settle(books, side, first, levels, side->base, side->room);
		first = side->end - levels - 1;
		if (first == side->base)
			up = 1;
	}
	at = first + 1 + deep;
	if (up) {
		memmove(rungs + at + 1, rungs + at, (side->end - at) * sizeof(*rungs));
		side->end += 1;
		return at;
	}
	memmove(rungs + first - 1, rungs + first, (deep + 1) * sizeof(*rungs));
	return at - 1;
}

BOOKS_RARE void side_close_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	struct hp_book_rung *rungs = books->rungs;
	uint32_t first = side->end - levels - 1;

	if (side->end - at <= at - first) {
		memmove(rungs + at, rungs + at + 1, (side->end - at - 1) * sizeof(*rungs));
		side->end -= 1;
	} else {
		memmove(rungs + first + 1, rungs + first, (at - first) * sizeof(*rungs));
	}
	levels -= 1;
	if (side->room > ROOM_LEAST && levels * 4 < side->room)
		resize(books, side, levels, side->room / 2);
}

void side_reset(struct books *books, struct side *side)
{
	if (side->base)
		room_give(books, side->base, class_of(side->room));
	*side = (struct side){1, 0, 1};
}
