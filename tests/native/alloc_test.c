/* SPDX-License-Identifier: MIT */
/*
 * The hot path's first law: after open, no malloc. The address sanitizer calls us at every allocation of the
 * process, in whatever library; between the marks there must be none. Without that sanitizer: skipped.
 */
#include <string.h>

#include "book/book.h"
#include "check.h"
#include "feed/lll.h"
#include "lab/random.h"
#include "measure/clock.h"
#include "measure/histogram.h"

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
	static _Alignas(64) char memory[sizeof(struct hp_book) + 4 * CAPACITY * sizeof(double)];
	static struct hp_feed_stats stats;
	static struct hp_histogram histogram;
	static struct sequencer feed;
	struct hp_book *book = hp_book_open(memory, sizeof(memory), CAPACITY);
	struct random random = {5};
	size_t allocated, freed;
	int64_t seq = 0;

	sequencer_init(&feed, &stats, 0);
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
			book_apply(book, (double)update.seq, update.flags, update.price, update.qty);
			histogram_record(&histogram, clock_ns(clock_ticks() - now));
		}
	}
	CHECK_EQ(allocations - allocated, 0);
	CHECK_EQ(frees - freed, 0);
	CHECK(stats.sessions > 1 && stats.gaps > 100 && stats.duplicates > 100 && stats.reordered > 100);
	CHECK(stats.bad_size > 100 && stats.bad_type > 100 && stats.bad_value > 100);
	CHECK(book->overflowed > 100 && book->removed > 100);
}

int main(void)
{
	if (!__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free))
		SKIP("the sanitizer does not take malloc hooks");
	RUN(the_hook_counts);
	RUN(feed_book_and_histogram_never_allocate);
	return 0;
}

#else

int main(void)
{
	SKIP("allocations are counted by the address sanitizer, which this build does not have");
}

#endif
