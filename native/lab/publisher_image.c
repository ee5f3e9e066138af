// SPDX-License-Identifier: MIT
/*
 * A snapshot, GLIMPSE's way: what the symbols are and whether they trade, the market's last event, every live
 * order as if it were added now (bids then asks of each symbol, best price first, oldest first), and 'G' with
 * the number of the first message that is not in it. Each is one sequenced packet of SoupBinTCP: a u16 of
 * what follows it, 'S', the message.
 *
 * Orders are sorted here and nowhere else, on the snapshot server's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/publisher_orders.h"
#include "measure/error.h"

#define SOUP	  3 /* bytes before the message */
#define ADD_BYTES (SOUP + 40)
#define G_BYTES	  (SOUP + 21)

static int compare(const void *left, const void *right)
{
	const struct live_order *a = *(const struct live_order *const *)left;
	const struct live_order *b = *(const struct live_order *const *)right;

	if (a->symbol != b->symbol)
		return a->symbol < b->symbol ? -1 : 1;
	if (a->side != b->side)
		return a->side < b->side ? -1 : 1;
	if (a->price != b->price)
		return (a->price < b->price) == (a->side == 'B') ? 1 : -1;
	return a->number < b->number ? -1 : 1;
}

/* Room for a message of `length`, its packet's header written. */
static uint8_t *packet(struct image *image, uint32_t length)
{
	uint8_t *at = image->bytes + image->size;

	put_be(at, 2, length + 1);
	at[2] = 'S';
	image->size += SOUP + length;
	return at + SOUP;
}

static void write_told(struct image *image, const uint8_t *block)
{
	if (block)
		memcpy(packet(image, store_length(block)), block + 2, store_length(block));
}

static void write_add(struct image *image, const struct session_state *state, const struct live_order *order)
{
	uint8_t *at = packet(image, order->mpid ? 40 : 36);

	at[0] = order->mpid ? 'F' : 'A';
	put_be(at + 1, 2, order->symbol);
	put_be(at + 3, 2, 0);
	put_be(at + 5, 6, order->time);
	put_be(at + 11, 8, order->key);
	at[19] = order->side;
	put_be(at + 20, 4, order->qty);
	memcpy(at + 24, state->symbols[order->symbol].name, 8);
	put_be(at + 32, 4, order->price);
	if (order->mpid)
		memcpy(at + 36, &order->mpid, 4);
}

static void write_all(struct image *image, const struct session_state *state,
		      const struct live_order *const *sorted)
{
	char end[22];

	for (uint32_t i = 0; i < ORDER_SYMBOLS; i++) {
		write_told(image, state->symbols[i].directory);
		write_told(image, state->symbols[i].state);
	}
	write_told(image, state->system);
	for (size_t i = 0; i < state->orders.count; i++)
		write_add(image, state, sorted[i]);
	snprintf(end, sizeof(end), "G%20llu", (unsigned long long)image->next_seq);
	memcpy(packet(image, 21), end, 21);
}

static size_t told_bytes(const uint8_t *block)
{
	return block ? SOUP + store_length(block) : 0;
}

/* Of the whole image, at most. */
static size_t bytes_needed(const struct session_state *state)
{
	size_t bytes = told_bytes(state->system) + state->orders.count * ADD_BYTES + G_BYTES;

	for (uint32_t i = 0; i < ORDER_SYMBOLS; i++)
		bytes += told_bytes(state->symbols[i].directory) + told_bytes(state->symbols[i].state);
	return bytes;
}

int image_make(struct image *out, const struct session_state *state)
{
	const struct live_orders *orders = &state->orders;
	const struct live_order **sorted = malloc((orders->count + 1) * sizeof(*sorted));
	size_t at = 0;

	*out = (struct image){.orders = orders->count, .next_seq = state->applied + 1};
	out->bytes = malloc(bytes_needed(state));
	if (!sorted || !out->bytes) {
		free(sorted);
		free(out->bytes);
		out->bytes = NULL;
		return fail(ENOMEM, "Cannot make a snapshot of %zu orders: out of memory", orders->count);
	}
	for (size_t i = 0; i < orders->room; i++)
		if (orders->slots[i].qty)
			sorted[at++] = &orders->slots[i];
	qsort(sorted, orders->count, sizeof(*sorted), compare);
	write_all(out, state, sorted);
	free(sorted);
	return 0;
}
