/* SPDX-License-Identifier: MIT */
/*
 * The window of a stream: which numbers have come, and the messages that wait for one before them.
 *
 * Numbers are kept as one bit each, for the last so many. What waits is copied into a ring of bytes in the
 * order it came: the oldest is found at once, which is what a hole's age is judged by, and space comes back
 * as the oldest goes. What goes earlier than something older leaves its space with that until then; a hole is
 * given up soon, so that costs little.
 */
#ifndef HP_WINDOW_H
#define HP_WINDOW_H

#include <stdint.h>

/* ---- numbers that have come ---- */

/* Of the `size` numbers before `next`. */
struct seen {
	int64_t next; /* the highest that has come, + 1 */
	uint64_t *words;
	uint32_t size; /* a power of two, 64 or more */
};

/* 0, or -ENOMEM. */
int seen_open(struct seen *seen, uint32_t size);
void seen_close(struct seen *seen);
/* None has come; the first will be `next`. */
void seen_reset(struct seen *seen, int64_t next);
/* seen_mark() of numbers of which some are below `next`. */
uint32_t seen_mark_behind(struct seen *seen, int64_t first, uint32_t count);
/* Numbers from `from` on that have not come, up to the first that has; or up to `next`. */
int64_t seen_find(const struct seen *seen, int64_t from);
/* They have not come after all. */
void seen_unmark(struct seen *seen, int64_t first, uint32_t count);

static inline void seen_range(struct seen *seen, int64_t first, uint64_t count, int come)
{
	while (count) {
		uint32_t at = (uint32_t)first & (seen->size - 1), bit = at & 63;
		uint32_t some = 64 - bit < count ? 64 - bit : (uint32_t)count;
		uint64_t mask = (~UINT64_C(0) >> (64 - some)) << bit;

		if (come)
			seen->words[at / 64] |= mask;
		else
			seen->words[at / 64] &= ~mask;
		first += some;
		count -= some;
	}
}

/* Has it come? Numbers too old to be kept have. */
static inline int seen_has(const struct seen *seen, int64_t number)
{
	uint32_t at = (uint32_t)number & (seen->size - 1);

	if (number >= seen->next)
		return 0;
	return number < seen->next - seen->size || (seen->words[at / 64] >> (at & 63) & 1);
}

/* Have all of them come? */
static inline int seen_all(const struct seen *seen, int64_t first, uint32_t count)
{
	if (first + count > seen->next || first < seen->next - seen->size)
		return 0;
	while (count) {
		uint32_t at = (uint32_t)first & (seen->size - 1), bit = at & 63;
		uint32_t some = 64 - bit < count ? 64 - bit : count;

		if (~seen->words[at / 64] >> bit << (64 - some))
			return 0;
		first += some;
		count -= some;
	}
	return 1;
}

/* `count` numbers (at most size) from `first` on have come; how many of them are new. */
static inline uint32_t seen_mark(struct seen *seen, int64_t first, uint32_t count)
{
	if (__builtin_expect(first != seen->next, 0))
		return seen_mark_behind(seen, first, count);
	seen_range(seen, first, count, 1);
	seen->next += count;
	return count;
}

/* ---- messages that wait ---- */

/* Messages in a row. */
struct held {
	int64_t seq;
	uint64_t came; /* clock_ticks() */
	uint32_t count, len;
	uint32_t size; /* of all of this, in the ring */
	uint8_t line;
	uint8_t gone;
	uint8_t reserved[2];
	uint8_t bytes[];
};

struct window {
	struct seen seen;  /* what any line has brought */
	uint8_t *bytes;	   /* the ring */
	uint64_t in, out;  /* run freely */
	uint32_t size;	   /* of the ring, a power of two */
	uint32_t *slots;   /* number % span -> offset / 16 of what begins with it */
	uint32_t span;	   /* numbers ahead at most, a power of two */
	uint32_t limit;	   /* messages that may wait */
	uint32_t messages; /* that wait */
};

/* Takes all the memory it will ever use. 0 or fail(...). */
int window_open(struct window *window, uint32_t messages, uint32_t bytes);
void window_close(struct window *window);
/* Forgets everything; the first number will be `next`. */
void window_reset(struct window *window, int64_t next);
/* Is there room for `count` messages of `len` bytes, whatever becomes of them? */
int window_fits(const struct window *window, uint32_t count, uint32_t len);
/* Copies messages none of which has come; there must be room. */
void window_hold(struct window *window, const struct held *what, const uint8_t *bytes);
/* What begins with `seq`: only where that waits. */
struct held *window_at(const struct window *window, int64_t seq);
void window_release(struct window *window, struct held *held);
/* Drops its first messages: `count` of `len` bytes, fewer than it has. */
void window_cut(struct window *window, struct held *held, uint32_t count, uint32_t len);
/* When what has waited longest came; only while something waits. */
uint64_t window_oldest(const struct window *window);

#endif
