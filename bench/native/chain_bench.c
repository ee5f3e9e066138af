/* SPDX-License-Identifier: MIT */
/*
 * What each layer of ITCH 5.0 over MoldUDP64 costs a message, in C, before there is an engine around them:
 * the receive path (a capture, flat out), the stream and the decoder behind it, the books behind them. Each
 * layer is timed with all those before it, over the whole capture, without a stamp in between; a pass opens
 * everything anew, since numbers and references may not come twice.
 *
 *   chain_bench CAPTURE ADDRESS PORT [PASSES]
 *
 * Prints one line of JSON a pass: messages, and ns a message of each layer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book/books.h"
#include "feed/itch50.h"
#include "feed/stream.h"
#include "measure/clock.h"
#include "rx/rx.h"

enum layer { LAYER_RX, LAYER_FEED, LAYER_BOOKS, LAYERS };

struct chain {
	struct hp_rx_options options;
	struct hp_rx_stats rx_stats;
	struct hp_report report;
	struct hp_stream_stats stream_stats;
	struct hp_books_options room;
	void *memory;
	double bytes;
	struct symbols symbols;
	struct rx *rx;
	struct feed *feed;
	struct hp_books *books;
	uint32_t far, near, next;
	double messages;
};

static void die(const char *what)
{
	char sentence[512] = "";

	hp_last_error(sentence, sizeof(sentence) - 1);
	fprintf(stderr, "Cannot %s: %s\n", what, sentence);
	exit(1);
}

static void open_chain(struct chain *chain)
{
	struct decoder *decoder;

	memset(&chain->rx_stats, 0, sizeof(chain->rx_stats));
	memset(&chain->report, 0, sizeof(chain->report));
	memset(&chain->stream_stats, 0, sizeof(chain->stream_stats));
	symbols_init(&chain->symbols, HP_SYMBOLS);
	if (rx_path_open(&chain->rx, &chain->options, &chain->rx_stats))
		die("open the capture");
	if (itch50_open(&decoder, &chain->report, &chain->symbols) ||
	    stream_open(&chain->feed, &framing_moldudp64, decoder, NULL, &chain->stream_stats, 0))
		die("open the feed");
	chain->books = hp_books_open(chain->memory, chain->bytes, &chain->room);
	if (!chain->books)
		die("lay out the books");
	chain->far = chain->near = chain->next = 0;
	chain->messages = 0;
}

static void close_chain(struct chain *chain)
{
	chain->feed->ops->close(chain->feed);
	chain->rx->ops->close(chain->rx);
}

static inline uint32_t ahead(const struct feed *feed, uint32_t distance)
{
	uint32_t decoded = feed->tail - feed->head;

	return feed->head + (decoded < distance ? decoded : distance);
}

static void fetch(struct chain *chain)
{
	const struct feed *feed = chain->feed;
	uint32_t far = ahead(feed, BOOKS_FAR), near = ahead(feed, BOOKS_NEAR), next = ahead(feed, BOOKS_NEXT);

	for (; (int32_t)(far - chain->far) > 0; chain->far++)
		books_fetch_far(chain->books, &feed->ring[chain->far % FEED_RING]);
	for (; (int32_t)(near - chain->near) > 0; chain->near++)
		books_fetch_near(chain->books, &feed->ring[chain->near % FEED_RING]);
	for (; (int32_t)(next - chain->next) > 0; chain->next++)
		books_fetch_next(chain->books, &feed->ring[chain->next % FEED_RING]);
}

/* As the engine does it (native/events.c). */
static inline void apply(struct chain *chain, const struct hp_message *message)
{
	if (chain->books->live_orders > 8192) {
		if ((int32_t)(chain->feed->head - chain->far) > 0)
			chain->far = chain->near = chain->next = chain->feed->head;
		fetch(chain);
	}
	books_apply(chain->books, message);
}

static void take(struct chain *chain, const struct rx_datagram *datagram, enum layer layer, uint64_t now)
{
	const struct feed_packet packet = {.data = datagram->data, .len = datagram->len, .now = now};
	const struct hp_message *message;
	uint32_t messages = 0; /* a double in memory would cost as much as the stream does */

	chain->feed->ops->push(chain->feed, &packet);
	while (feed_take(chain->feed, &message, now) != FEED_NONE) {
		messages++;
		if (layer == LAYER_BOOKS)
			apply(chain, message);
	}
	chain->messages += messages;
}

static double pass(struct chain *chain, enum layer layer)
{
	struct rx_datagram batch[RX_BATCH];
	uint64_t start = clock_ticks();
	int count;

	while ((count = chain->rx->ops->poll(chain->rx, batch, RX_BATCH)) > 0) {
		uint64_t now = clock_ticks();

		for (int i = 0; i < count; i++)
			if (layer > LAYER_RX)
				take(chain, &batch[i], layer, now);
		chain->rx->ops->release(chain->rx);
	}
	return (double)(clock_ticks() - start) * hp_clock.ns_per_tick;
}

int main(int argc, char **argv)
{
	static struct chain chain;
	int passes = argc > 4 ? atoi(argv[4]) : 7;

	if (argc < 4)
		return fprintf(stderr, "usage: chain_bench CAPTURE ADDRESS PORT [PASSES]\n"), 2;
	clock_init();
	chain.options = (struct hp_rx_options){.path = HP_RX_PCAP, .pace = HP_PACE_FLAT};
	chain.options.port = (uint32_t)atoi(argv[3]);
	snprintf(chain.options.file, sizeof(chain.options.file), "%s", argv[1]);
	snprintf(chain.options.address, sizeof(chain.options.address), "%s", argv[2]);
	chain.room = (struct hp_books_options){.symbols = 16384, .orders = 1 << 20, .levels = 1 << 18};
	chain.bytes = hp_books_bytes(&chain.room);
	chain.memory = aligned_alloc(1 << 21, ((size_t)chain.bytes + (1 << 21) - 1) >> 21 << 21);
	if (!chain.memory)
		die("take memory");
	for (int i = 0; i < passes; i++) {
		double ns[LAYERS];

		for (int layer = LAYERS - 1; layer >= 0; layer--) {
			double messages = chain.messages;

			open_chain(&chain);
			ns[layer] = pass(&chain, (enum layer)layer);
			if (layer == LAYER_RX)
				chain.messages = messages;
			close_chain(&chain);
		}
		printf("{\"messages\":%.0f,\"rx\":%.2f,\"feed\":%.2f,\"books\":%.2f}\n", chain.messages,
		       ns[LAYER_RX] / chain.messages, ns[LAYER_FEED] / chain.messages,
		       ns[LAYER_BOOKS] / chain.messages);
	}
	return 0;
}
