/* SPDX-License-Identifier: MIT */
/*
 * The hot path's first law: after open, no malloc. The address sanitizer calls us at every allocation of the
 * process, in whatever library; between the marks there must be none. Without that sanitizer: skipped.
 */
#include <endian.h>
#include <string.h>

#include "book/book.h"
#include "book/books.h"
#include "check.h"
#include "feed/lll.h"
#include "feed/recovery.h"
#include "lab/random.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "plain_decoder.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_HOOKS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_HOOKS
#endif

#ifdef HAS_HOOKS

/* Of sanitizer/allocator_interface.h, which Debian's gcc comes without. 0: no more hooks fit. */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
					      void (*free_hook)(const volatile void *));

#define UPDATES	 200000
#define CAPACITY 64

/* volatile: the compiler knows that malloc() changes no variable of ours. */
static volatile size_t allocations, frees;

static void count_malloc(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	allocations++;
}

static void count_free(const volatile void *address)
{
	(void)address;
	frees++;
}

static void the_hook_counts(void)
{
	size_t before = allocations;
	void *volatile memory = malloc(1);

	free(memory);
	CHECK_EQ(allocations, before + 1);
	CHECK(frees > 0);
}

/* Loss, repeats, time-outs, restarts, overflow and bad records included: the rare paths obey as well. */
static void feed_book_and_histogram_never_allocate(void)
{
	static _Alignas(64) char memory[sizeof(struct hp_book) + CAPACITY * 97];
	static struct hp_feed_stats stats;
	static struct hp_report report;
	static struct hp_histogram histogram;
	static struct sequencer feed;
	struct hp_book *book = hp_book_open(memory, sizeof(memory), CAPACITY);
	struct random random = {5};
	size_t allocated, freed;
	int64_t seq = 0;

	sequencer_init(&feed, &stats, &report, 0);
	histogram_reset(&histogram);
	allocated = allocations;
	freed = frees;
	for (int i = 0; i < UPDATES; i++) {
		uint8_t bytes[LLL_RECORD_BYTES];
		struct lll_record record = {.seq = seq++,
					    .price = (int64_t)random_below(&random, 300),
					    .qty = (int32_t)random_below(&random, 3),
					    .flags = random_below(&random, 2)};
		struct sequenced update;
		uint64_t now = clock_ticks();

		if (seq > 5000 && !random_below(&random, 5000)) {
			record.flags |= HP_FLAG_LAST;
			seq = 0;
		} else if (!random_below(&random, 50)) {
			seq += random_below(&random, 100);
		} else if (!random_below(&random, 50)) {
			seq -= random_below(&random, seq > 100 ? 100 : 1);
		}
		lll_encode(bytes, &record);
		if (!random_below(&random, 100))
			bytes[0] = 0;
		sequencer_push(&feed, bytes, random_below(&random, 100) ? sizeof(bytes) : 17, 0);
		while (sequencer_next(&feed, &update, now) != SEQUENCED_NONE) {
			book_apply(book, (double)update.seq, update.flags, (double)update.price,
				   (double)update.qty);
			histogram_record(&histogram, clock_ns(clock_ticks() - now));
		}
	}
	CHECK_EQ(allocations - allocated, 0);
	CHECK_EQ(frees - freed, 0);
	CHECK(stats.sessions > 1 && stats.gaps > 100 && stats.duplicates > 100 && stats.reordered > 100);
	CHECK(stats.bad_size > 100 && stats.bad_type > 100 && stats.bad_value > 100);
	CHECK(book->overflowed > 100 && book->removed > 100);
}

/* A MoldUDP64 packet of `count` messages of 30 bytes. */
static uint32_t make_packet(uint8_t *out, const char *session, int64_t seq, uint32_t count)
{
	uint64_t first = htobe64((uint64_t)seq);
	uint16_t many = htobe16((uint16_t)count);

	memset(out, 'A', 20 + 32 * count);
	memcpy(out, session, 10);
	memcpy(out + 10, &first, 8);
	memcpy(out + 18, &many, 2);
	for (uint32_t i = 0; i < count; i++) {
		out[20 + 32 * i] = 0;
		out[21 + 32 * i] = 30;
	}
	return 20 + 32 * count;
}

static void push(struct feed *feed, const uint8_t *bytes, uint32_t len, uint32_t line, uint64_t now)
{
	const struct hp_message *message;
	struct feed_packet packet = {.data = bytes, .len = len, .line = line, .now = now};

	feed->ops->push(feed, &packet);
	while (feed->ops->next(feed, &message, now) != FEED_NONE)
		;
}

/* Losses, copies, swaps, new sessions, nonsense; requests and snapshots of which nothing comes. */
static void stream_never_allocates(void)
{
	static struct hp_stream_stats stats;
	static struct plain_decoder decoder;
	static uint8_t bytes[2048];
	struct hp_recovery_options options = {.request_address = "127.0.0.1",
					      .snapshot_address = "127.0.0.1",
					      .request_port = 9,
					      .snapshot_port = 9,
					      .timeout_ms = 1,
					      .hold_bytes = 1 << 20};
	struct random random = {7};
	struct recovery *recovery;
	struct feed *feed;
	size_t allocated, freed;
	int64_t seq = 1;
	uint64_t now = clock_ticks();
	char session[] = "SESSION  0";

	CHECK_EQ(recovery_open(&recovery, &options, &framing_moldudp64, &stats), 0);
	CHECK_EQ(stream_open(&feed, &framing_moldudp64, plain_open(&decoder, 0), recovery, &stats, 0), 0);
	allocated = allocations;
	freed = frees;
	for (int i = 0; i < 20000; i++, seq += 10) {
		uint32_t len, line = random_below(&random, 2);

		if (!random_below(&random, 2000)) {
			session[9]++;
			seq = 1;
		}
		seq += 10 * (random_below(&random, 30) == 0);
		len = make_packet(bytes, session, seq, 10);
		now += clock_to_ticks(random_below(&random, 200000));
		push(feed, bytes, random_below(&random, 100) ? len : random_below(&random, len), line, now);
		if (random_below(&random, 3))
			push(feed, bytes, len, !line, now);
	}
	CHECK_EQ(allocations - allocated, 0);
	CHECK_EQ(frees - freed, 0);
	CHECK(stats.sessions > 3 && stats.gaps > 10 && stats.requests > 10 && stats.snapshot_failures > 2);
	CHECK(stats.waiting_max > 100 && stats.lines[1].duplicates > 100);
	feed->ops->close(feed);
}

/* Any message, faults and growing sides included, and full books. */
static void books_never_allocate(void)
{
	static _Alignas(64) char memory[1 << 20];
	const struct hp_books_options options = {.symbols = 4, .orders = 1000, .levels = 900};
	struct hp_books *books = hp_books_open(memory, sizeof(memory), &options);
	struct random random = {6};
	size_t allocated = allocations, freed = frees;
	int faults[HP_FAULTS] = {0};

	CHECK(books);
	for (int i = 0; i < UPDATES; i++) {
		struct hp_message message = {
			.kind = (uint8_t)(random_below(&random, 3) ? HP_MESSAGE_ADD
								   : random_below(&random, HP_MESSAGE_KINDS)),
			.flags = (uint8_t)random_below(&random, 2),
			.symbol = (uint32_t)random_below(&random, 5),
			.price = (int64_t)random_below(&random, 3000),
			.qty = (int64_t)random_below(&random, 50),
			.order = random_below(&random, 4000),
			.other = random_below(&random, 4000),
		};

		if (message.kind == HP_MESSAGE_CLEAR && random_below(&random, 100))
			continue;
		books_fetch_far(books, &message);
		books_fetch_near(books, &message);
		books_fetch_next(books, &message);
		faults[-books_apply(books, &message)]++;
		if (!random_below(&random, 100))
			hp_books_watch(books, 0, 1, 1 + (double)random_below(&random, 3000), 1);
	}
	CHECK_EQ(allocations - allocated, 0);
	CHECK_EQ(frees - freed, 0);
	CHECK(faults[HP_FAULT_UNKNOWN_ORDER] > 100 && faults[HP_FAULT_DUPLICATE_ORDER] > 100);
	CHECK(faults[HP_FAULT_NO_ROOM] > 100 && faults[HP_FAULT_EXCESS] > 100);
}

int main(void)
{
	if (!__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free))
		SKIP("the sanitizer does not take malloc hooks");
	RUN(the_hook_counts);
	RUN(feed_book_and_histogram_never_allocate);
	RUN(stream_never_allocates);
	RUN(books_never_allocate);
	return 0;
}

#else

int main(void)
{
	SKIP("allocations are counted by the address sanitizer, which this build does not have");
}

#endif
