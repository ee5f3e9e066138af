/* SPDX-License-Identifier: MIT */
/* The window of a stream (what it is: window.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/window.h"
#include "measure/error.h"

#define ALIGN	  16u
#define SPAN_MIN  65536u  /* no packet has more messages */
#define BYTES_MIN 262144u /* two of the largest packets, with what is kept beside them */

/* ---- numbers that have come ---- */

int seen_open(struct seen *seen, uint32_t size)
{
	seen->size = size;
	seen->next = 0;
	seen->words = calloc(size / 64, sizeof(*seen->words));
	return seen->words ? 0 : -ENOMEM;
}

void seen_close(struct seen *seen)
{
	free(seen->words);
}

void seen_reset(struct seen *seen, int64_t next)
{
	memset(seen->words, 0, seen->size / 8);
	seen->next = next;
}

uint32_t seen_mark_behind(struct seen *seen, int64_t first, uint32_t count)
{
	int64_t end = first + count, at = first;
	uint32_t fresh = 0;

	if (first > seen->next) {
		uint64_t skipped = (uint64_t)(first - seen->next);

		seen_range(seen, seen->next, skipped < seen->size ? skipped : seen->size, 0);
		seen->next = first;
	}
	if (at < seen->next - seen->size)
		at = seen->next - seen->size;
	for (; at < end && at < seen->next; at++) {
		fresh += !seen_has(seen, at);
		seen_range(seen, at, 1, 1);
	}
	if (end <= seen->next)
		return fresh;
	fresh += (uint32_t)(end - seen->next);
	seen_range(seen, seen->next, (uint64_t)(end - seen->next), 1);
	seen->next = end;
	return fresh;
}

int64_t seen_find(const struct seen *seen, int64_t from)
{
	while (from < seen->next) {
		uint32_t at = (uint32_t)from & (seen->size - 1), bit = at & 63;
		uint64_t word = seen->words[at / 64] >> bit;

		if (word) {
			from += __builtin_ctzll(word);
			return from < seen->next ? from : seen->next;
		}
		from += 64 - bit;
	}
	return seen->next;
}

void seen_unmark(struct seen *seen, int64_t first, uint32_t count)
{
	if (first + count == seen->next)
		seen->next = first;
	else
		seen_range(seen, first, count, 0);
}

/* ---- messages that wait ---- */

static uint32_t power_of_two(uint32_t at_least, uint32_t least)
{
	uint32_t power = least;

	while (power < at_least && power < 1u << 30)
		power *= 2;
	return power;
}

int window_open(struct window *window, uint32_t messages, uint32_t bytes)
{
	memset(window, 0, sizeof(*window));
	window->limit = messages;
	window->span = power_of_two(messages, SPAN_MIN);
	window->size = power_of_two(bytes, BYTES_MIN);
	window->bytes = malloc(window->size);
	window->slots = malloc(window->span * sizeof(*window->slots));
	/* Twice the span: as much as can be ahead is remembered of what is behind. */
	if (!window->bytes || !window->slots || seen_open(&window->seen, 2 * window->span)) {
		window_close(window);
		return fail(ENOMEM, "Cannot hold %u messages (%u bytes): out of memory; hold fewer", messages,
			    window->size);
	}
	memset(window->bytes, 0, window->size); /* no page fault later */
	memset(window->slots, 0, window->span * sizeof(*window->slots));
	return 0;
}

void window_close(struct window *window)
{
	free(window->bytes);
	free(window->slots);
	seen_close(&window->seen);
	memset(window, 0, sizeof(*window)); /* its owner closes it again where it could not be opened */
}

void window_reset(struct window *window, int64_t next)
{
	seen_reset(&window->seen, next);
	window->in = window->out = 0;
	window->messages = 0;
}

static inline uint32_t held_size(uint32_t len)
{
	return (uint32_t)(sizeof(struct held) + len + ALIGN - 1) & ~(ALIGN - 1);
}

static inline struct held *held_at(const struct window *window, uint64_t at)
{
	return (struct held *)(window->bytes + (at & (window->size - 1)));
}

int window_fits(const struct window *window, uint32_t count, uint32_t len)
{
	/* At worst each message waits by itself, and as much again is passed over at the ring's end. */
	uint64_t worst = 2 * (len + (uint64_t)count * (sizeof(struct held) + ALIGN) + ALIGN);

	return window->messages + count <= window->limit &&
	       window->size - (window->in - window->out) >= worst;
}

void window_hold(struct window *window, const struct held *what, const uint8_t *bytes)
{
	uint32_t size = held_size(what->len);
	uint32_t to_end = window->size - (uint32_t)(window->in & (window->size - 1));
	struct held *held = held_at(window, window->in);

	if (to_end < size) {
		/* The ring's end is too near: what is left of it is passed over. */
		if (to_end >= sizeof(*held)) {
			held->size = to_end;
			held->gone = 1;
		}
		window->in += to_end;
		held = held_at(window, window->in);
	}
	*held = *what;
	held->size = size;
	held->gone = 0;
	memcpy(held->bytes, bytes, what->len);
	window->slots[(uint32_t)what->seq & (window->span - 1)] =
		(uint32_t)((window->in & (window->size - 1)) / ALIGN);
	window->in += size;
	window->messages += what->count;
	seen_mark(&window->seen, what->seq, what->count);
}

struct held *window_at(const struct window *window, int64_t seq)
{
	return held_at(window, (uint64_t)window->slots[(uint32_t)seq & (window->span - 1)] * ALIGN);
}

void window_release(struct window *window, struct held *held)
{
	held->gone = 1;
	window->messages -= held->count;
	while (window->out != window->in) {
		uint32_t to_end = window->size - (uint32_t)(window->out & (window->size - 1));
		struct held *oldest = held_at(window, window->out);

		if (to_end < sizeof(*oldest))
			window->out += to_end;
		else if (oldest->gone)
			window->out += oldest->size;
		else
			break;
	}
}

void window_cut(struct window *window, struct held *held, uint32_t count, uint32_t len)
{
	uint32_t mask = window->span - 1;

	window->slots[(uint32_t)(held->seq + count) & mask] = window->slots[(uint32_t)held->seq & mask];
	window->messages -= count;
	held->seq += count;
	held->count -= count;
	held->len -= len;
	memmove(held->bytes, held->bytes + len, held->len);
}

uint64_t window_oldest(const struct window *window)
{
	return held_at(window, window->out)->came;
}
