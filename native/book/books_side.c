/* SPDX-License-Identifier: MIT */
/*
 * What is rare about a side: levels far from the best, and blocks that have become too small or too large. A
 * side floats in its block with room at both ends, and the shorter part moves: a change among thousands of
 * levels moves half of them at worst. Below the worst level lie NEAR keys of -infinity and level 0, wherever
 * the side goes (books_side.h).
 */
#include <string.h>

#include "book/books_side.h"

static uint32_t class_of(uint32_t room)
{
	return (uint32_t)__builtin_ctz(room / ROOM_LEAST);
}

/* By halves, without a branch on the data. */
uint32_t side_find(const struct books *books, const struct side *side, uint32_t levels, double key)
{
	const double *keys = books->keys;
	uint32_t first = side->end - levels;

	while (levels) {
		uint32_t half = (levels + 1) / 2;

		first += keys[first + half - 1] <= key ? half : 0;
		levels -= half;
	}
	return first - 1;
}

static void move(struct books *books, uint32_t to, uint32_t from, uint32_t count)
{
	memmove(books->keys + to, books->keys + from, count * sizeof(*books->keys));
	memmove(books->rungs + to, books->rungs + from, count * sizeof(*books->rungs));
}

static void end_below(struct books *books, uint32_t first)
{
	for (uint32_t i = first - NEAR; i < first; i++) {
		books->keys[i] = -INFINITY;
		books->rungs[i] = 0;
	}
}

/* Puts levels into the middle of a block: `first` is where they lie now. */
static void settle(struct books *books, struct side *side, uint32_t first, uint32_t levels, uint32_t base,
		   uint32_t room)
{
	uint32_t to = base + NEAR + (room - NEAR - levels) / 2;

	move(books, to, first, levels);
	end_below(books, to);
	*side = (struct side){to + levels, base, room};
}

/* A block of another size. 0, or -1: there is none. */
static int resize(struct books *books, struct side *side, uint32_t levels, uint32_t room)
{
	struct side old = *side;
	uint32_t base = room / ROOM_LEAST >> ROOM_CLASSES ? 0 : room_take(books, class_of(room));

	if (!base)
		return -1;
	settle(books, side, old.end - levels, levels, base, room);
	if (old.base)
		room_give(books, old.base, class_of(old.room));
	return 0;
}

uint32_t side_make_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	uint32_t better = side->end - at, worse = levels - better, spare = side->room - NEAR - levels;
	uint32_t first;
	int up = better <= worse;

	if (spare <= side->room / 8 &&
	    resize(books, side, levels, side->base ? 2 * side->room : ROOM_LEAST) && !spare)
		return 0;
	first = side->end - levels;
	if (up ? side->end == side->base + side->room : first == side->base + NEAR) {
		settle(books, side, first, levels, side->base, side->room);
		first = side->end - levels;
		up |= first == side->base + NEAR;
	}
	at = first + worse;
	if (up) {
		move(books, at + 1, at, better);
		side->end += 1;
		return at;
	}
	move(books, first - 1, first, worse);
	end_below(books, first - 1);
	return at - 1;
}

void side_close_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at)
{
	uint32_t first = side->end - levels;

	if (side->end - at <= at - first) {
		move(books, at, at + 1, side->end - at - 1);
		side->end -= 1;
	} else {
		move(books, first + 1, first, at - first);
		end_below(books, first + 1);
	}
}

void side_shrink(struct books *books, struct side *side, uint32_t levels)
{
	resize(books, side, levels, side->room / 2);
}

void side_reset(struct books *books, struct side *side)
{
	if (side->base)
		room_give(books, side->base, class_of(side->room));
	*side = NO_SIDE;
}
