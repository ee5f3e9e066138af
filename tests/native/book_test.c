/* SPDX-License-Identifier: MIT */
/*
 * The L2 book: against a naive reference under random flow, at its edges (full, empty, crossed, drifting),
 * under a concurrent reader, and on a real session whose final state is known.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>

#include "book/book.h"
#include "check.h"
#include "lab/random.h"
#include "tardis_rows.h"

static struct hp_book *open_book(int32_t capacity)
{
	int32_t bytes = hp_book_bytes(capacity);
	void *memory = malloc((size_t)bytes);
	struct hp_book *book;

	CHECK(memory);
	book = hp_book_open(memory, bytes, capacity);
	CHECK(book == memory);
	return book;
}

static const double *prices(struct hp_book *book, int bid)
{
	return bid ? book_bid_price(book) + book->bid_head : book_ask_price(book) + book->ask_head;
}

static const double *quantities(struct hp_book *book, int bid)
{
	return bid ? book_bid_qty(book) + book->bid_head : book_ask_qty(book) + book->ask_head;
}

static uint32_t levels(const struct hp_book *book, int bid)
{
	return bid ? book->bid_count : book->ask_count;
}

/* ---- the reference: one sorted list a side, searched from the top, moved a level at a time ---- */

#define REFERENCE_MAX 2048

struct reference {
	uint32_t capacity, snapshot, count[2]; /* [1] is the bid side */
	double price[2][REFERENCE_MAX + 1], qty[2][REFERENCE_MAX + 1];
	double inserted, removed, unknown_removed, overflowed, clears;
};

static int32_t reference_apply(struct reference *ref, uint32_t flags, double price, double qty)
{
	int bid = (flags & HP_FLAG_BID) != 0;
	uint32_t place = 0, snapshot = (flags & HP_FLAG_SNAPSHOT) != 0;

	if (snapshot && !ref->snapshot) {
		ref->count[0] = ref->count[1] = 0;
		ref->clears += 1;
	}
	ref->snapshot = snapshot;
	while (place < ref->count[bid] &&
	       (bid ? ref->price[bid][place] > price : ref->price[bid][place] < price))
		place++;
	if (place < ref->count[bid] && ref->price[bid][place] == price) {
		if (qty > 0) {
			ref->qty[bid][place] = qty;
			return (int32_t)place;
		}
		for (uint32_t i = place; i + 1 < ref->count[bid]; i++) {
			ref->price[bid][i] = ref->price[bid][i + 1];
			ref->qty[bid][i] = ref->qty[bid][i + 1];
		}
		ref->count[bid]--;
		ref->removed += 1;
		return (int32_t)place;
	}
	if (qty == 0) {
		ref->unknown_removed += 1;
		return -ENOENT;
	}
	for (uint32_t i = ref->count[bid]; i > place; i--) {
		ref->price[bid][i] = ref->price[bid][i - 1];
		ref->qty[bid][i] = ref->qty[bid][i - 1];
	}
	ref->price[bid][place] = price;
	ref->qty[bid][place] = qty;
	ref->inserted += 1;
	if (++ref->count[bid] > ref->capacity) {
		ref->count[bid]--;
		ref->overflowed += 1;
	}
	return (int32_t)place;
}

static uint32_t reference_flags(const struct reference *ref)
{
	uint32_t flags = 0;

	if (!ref->count[1])
		flags |= HP_BOOK_NO_BID;
	if (!ref->count[0])
		flags |= HP_BOOK_NO_ASK;
	if (!flags && ref->price[1][0] >= ref->price[0][0])
		flags |= HP_BOOK_CROSSED;
	return flags;
}

static void compare(struct hp_book *book, const struct reference *ref)
{
	CHECK_EQ(book->flags, reference_flags(ref));
	CHECK_EQ(book->version % 2, 0);
	CHECK_EQ(book->inserted, ref->inserted);
	CHECK_EQ(book->removed, ref->removed);
	CHECK_EQ(book->unknown_removed, ref->unknown_removed);
	CHECK_EQ(book->overflowed, ref->overflowed);
	CHECK_EQ(book->clears, ref->clears);
	for (int bid = 0; bid < 2; bid++) {
		CHECK_EQ(levels(book, bid), ref->count[bid]);
		CHECK((bid ? book->bid_head : book->ask_head) + levels(book, bid) <= book->capacity);
		for (uint32_t i = 0; i < ref->count[bid]; i++) {
			CHECK_EQ(prices(book, bid)[i], ref->price[bid][i]);
			CHECK_EQ(quantities(book, bid)[i], ref->qty[bid][i]);
		}
	}
}

/* Prices around a middle that wanders by `drift` an update; a share of jumps; runs in order of price. */
static void play_flow(uint64_t seed, int32_t capacity, uint32_t spread, double drift, int updates,
		      int look_every)
{
	static struct reference ref;
	struct hp_book *book = open_book(capacity);
	struct random random = {seed};
	double middle = 1e6, price = middle;

	memset(&ref, 0, sizeof(ref));
	ref.capacity = (uint32_t)capacity;
	for (int i = 1; i <= updates; i++) {
		uint32_t flags = random_below(&random, 2) ? HP_FLAG_BID : 0;
		double qty = random_below(&random, 3) ? 1 + random_below(&random, 1000) : 0;
		uint32_t what = random_below(&random, 2000);

		if (what < 2 || (ref.snapshot && what < 1900))
			flags |= HP_FLAG_SNAPSHOT;
		if (what % 4)
			price += 1 + random_below(&random, 4);
		else
			price = floor(middle) + random_below(&random, 2 * spread);
		if (price > middle + 2 * spread)
			price = floor(middle);
		middle += drift;

		CHECK_EQ(book_apply(book, i, flags, price, qty), reference_apply(&ref, flags, price, qty));
		CHECK_EQ(book->seq, i);
		CHECK_EQ(book->updates, i);
		CHECK_EQ(book->snapshot, ref.snapshot);
		if (i % look_every == 0)
			compare(book, &ref);
	}
	compare(book, &ref);
	free(book);
}

static void random_flow_matches_the_reference(void)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		play_flow(seed, 16, 6, 0, 5000, 1);
		play_flow(seed, 16, 30, 0.1, 5000, 1);
		play_flow(seed, 64, 100, -0.2, 5000, 1);
		play_flow(seed, 2048, 1000, seed % 2 ? 0.5 : -0.5, 20000, 500);
	}
}

/* Both ends of the arrays are reached and the side is put back into the middle, or shifts the other way. */
static void drifting_tops_match_the_reference(void)
{
	static struct reference ref;
	struct hp_book *book = open_book(32);

	for (int direction = -1; direction <= 1; direction += 2) {
		for (uint32_t keep = 1; keep <= 31; keep += 3) {
			double price = 100000;

			hp_book_clear(book);
			memset(&ref, 0, sizeof(ref));
			ref.capacity = 32;
			book->inserted = book->removed = book->unknown_removed = 0;
			for (uint32_t i = 0; i < 500; i++, price += direction) {
				for (uint32_t flags = 0; flags < 2; flags++) {
					double old = price - direction * (double)keep;

					book_apply(book, i, flags, price, i + 1);
					reference_apply(&ref, flags, price, i + 1);
					if (i >= keep) {
						book_apply(book, i, flags, old, 0);
						reference_apply(&ref, flags, old, 0);
					}
				}
				compare(book, &ref);
			}
		}
	}
	free(book);
}

static void full_side_keeps_its_best_levels(void)
{
	struct hp_book *book = open_book(16);

	for (int i = 0; i < 16; i++)
		CHECK_EQ(hp_book_apply(book, 1, 100 + 10 * i, 1), 0);
	CHECK_EQ(book->bid_count, 16);
	CHECK_EQ(hp_book_apply(book, 1, 50, 1), 16); /* deepest itself: does not come in */
	CHECK_EQ(book->overflowed, 1);
	CHECK_EQ(prices(book, 1)[15], 100);
	CHECK_EQ(hp_book_apply(book, 1, 105, 1), 15); /* takes the place of the deepest */
	CHECK_EQ(prices(book, 1)[15], 105);
	CHECK_EQ(hp_book_apply(book, 1, 1000, 1), 0);
	CHECK_EQ(prices(book, 1)[0], 1000);
	CHECK_EQ(prices(book, 1)[15], 110);
	CHECK_EQ(book->overflowed, 3);
	CHECK_EQ(book->bid_count, book->inserted - book->removed - book->overflowed);
	free(book);
}

static void flags_follow_the_tops(void)
{
	struct hp_book *book = open_book(16);

	CHECK_EQ(book->flags, HP_BOOK_NO_BID | HP_BOOK_NO_ASK);
	hp_book_apply(book, 1, 100, 1);
	CHECK_EQ(book->flags, HP_BOOK_NO_ASK);
	hp_book_apply(book, 0, 101, 1);
	CHECK_EQ(book->flags, 0);
	hp_book_apply(book, 1, 101, 1);
	CHECK_EQ(book->flags, HP_BOOK_CROSSED);
	book_mark_stale(book, 1);
	CHECK_EQ(book->flags, HP_BOOK_CROSSED | HP_BOOK_STALE);
	hp_book_apply(book, 1, 101, 0);
	CHECK_EQ(book->flags, HP_BOOK_STALE);
	hp_book_apply(book, 1, 100, 0);
	CHECK_EQ(book->flags, HP_BOOK_STALE | HP_BOOK_NO_BID);
	CHECK_EQ(hp_book_clear(book), 0);
	CHECK_EQ(book->flags, HP_BOOK_STALE | HP_BOOK_NO_BID | HP_BOOK_NO_ASK);
	book_mark_stale(book, 0);
	CHECK_EQ(book->flags, HP_BOOK_NO_BID | HP_BOOK_NO_ASK);
	free(book);
}

static void snapshot_run_clears_once(void)
{
	struct hp_book *book = open_book(16);

	book_apply(book, 0, HP_FLAG_BID, 100, 1);
	book_apply(book, 1, 0, 101, 1);
	book_apply(book, 2, HP_FLAG_SNAPSHOT | HP_FLAG_BID, 90, 1);
	CHECK_EQ(book->bid_count + book->ask_count, 1);
	book_apply(book, 3, HP_FLAG_SNAPSHOT | HP_FLAG_BID, 91, 1);
	book_apply(book, 4, HP_FLAG_SNAPSHOT, 95, 1);
	CHECK_EQ(book->bid_count + book->ask_count, 3);
	CHECK_EQ(book->clears, 1);
	CHECK_EQ(book->snapshot, 1);
	book_apply(book, 5, HP_FLAG_BID, 92, 1);
	CHECK_EQ(book->snapshot, 0);
	CHECK_EQ(book->bid_count + book->ask_count, 4);
	/* A run may begin with a removal, and then leaves nothing. */
	CHECK_EQ(book_apply(book, 6, HP_FLAG_SNAPSHOT, 95, 0), -ENOENT);
	CHECK_EQ(book->bid_count + book->ask_count, 0);
	CHECK_EQ(book->flags, HP_BOOK_NO_BID | HP_BOOK_NO_ASK);
	CHECK_EQ(book->clears, 2);
	hp_book_clear(book);
	CHECK_EQ(book->snapshot, 0);
	CHECK_EQ(book->clears, 2);
	free(book);
}

static void off_scale_numbers_leave_the_book_alone(void)
{
	static const double bad_prices[] = {0,	 -0.0,	   -1,	      0.5,	  100.25,
					    NAN, INFINITY, -INFINITY, 0x1p53 + 2, 1e300};
	static const double bad_quantities[] = {-1, 0.5, NAN, INFINITY, -INFINITY, 0x1p53 + 2, 1e300};
	struct hp_book *book = open_book(16), before;
	double refused = 0;

	hp_book_apply(book, 1, 100, 1);
	before = *book;
	for (size_t i = 0; i < sizeof(bad_prices) / sizeof(*bad_prices); i++) {
		CHECK_EQ(book_apply(book, 9, HP_FLAG_SNAPSHOT, bad_prices[i], 1), -ERANGE);
		CHECK_EQ(book->refused, ++refused);
	}
	for (size_t i = 0; i < sizeof(bad_quantities) / sizeof(*bad_quantities); i++) {
		CHECK_EQ(hp_book_apply(book, 1, 100, bad_quantities[i]), -ERANGE);
		CHECK_EQ(book->refused, ++refused);
	}
	before.refused = refused;
	CHECK(!memcmp(&before, book, sizeof(before)));
	CHECK_EQ(hp_book_apply(book, 1, 0x1p53, 0x1p53), 0);
	CHECK_EQ(hp_book_apply(book, 1, 1, -0.0), -ENOENT);
	free(book);
}

static void calls_check_their_arguments(void)
{
	static _Alignas(8) char memory[128 + 16 * 32 + 8];
	static const int32_t bad[] = {-16, 0, 1, 8, 15, 17, 24, 131072, INT32_MAX, INT32_MIN};
	char sentence[256];
	struct hp_book *book;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(hp_book_bytes(bad[i]), -EINVAL);
		CHECK(!hp_book_open(memory, sizeof(memory), bad[i]));
	}
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0 && strstr(sentence, "power of two"));
	CHECK_EQ(hp_book_bytes(16), 128 + 16 * 32);
	CHECK_EQ(hp_book_bytes(65536), 128 + 65536 * 32);
	CHECK(!hp_book_open(NULL, 1 << 20, 16));
	CHECK(!hp_book_open(memory + 4, sizeof(memory) - 4, 16));
	CHECK(!hp_book_open(memory, hp_book_bytes(16) - 1, 16));
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0 && strstr(sentence, "it takes 640"));
	book = hp_book_open(memory, sizeof(memory), 16);
	CHECK(book);
	CHECK_EQ(hp_book_apply(NULL, 1, 1, 1), -EINVAL);
	CHECK_EQ(hp_book_apply(book, 2, 1, 1), -EINVAL);
	CHECK_EQ(hp_book_apply(book, -1, 1, 1), -EINVAL);
	CHECK_EQ(hp_book_clear(NULL), -EINVAL);
	CHECK_EQ(hp_book_apply(book, 1, 1, 1), 0);
	CHECK_EQ(book->seq, 1);
}

/* ---- the seqlock ---- */

/* Many levels, so that moving them takes long; few of them read, so that a whole read fits into one move. */
#define RACE_CAPACITY 4096
#define RACE_PRICES   3000
#define TOP	      4

static double quantity_at(double price)
{
	return price * 3 + 1;
}

struct race {
	struct hp_book *book;
	int stop;
};

/* Every quantity follows from its price, so that a reader can tell a level put together from two. */
static void *write_levels(void *argument)
{
	struct race *race = argument;
	struct random random = {7};
	double seq = 0;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		double price = 1000 + random_below(&random, RACE_PRICES);
		int remove = random_below(&random, 2) && race->book->bid_count > TOP;

		book_apply(race->book, seq++, HP_FLAG_BID, price, remove ? 0 : quantity_at(price));
	}
	return NULL;
}

static void reader_never_sees_a_torn_top(void)
{
	struct race race = {.book = open_book(RACE_CAPACITY)};
	volatile struct hp_book *book = race.book;
	volatile double *price = book_bid_price(race.book), *qty = book_bid_qty(race.book);
	pthread_t writer;
	int whole = 0, again = 0;

	for (int i = 0; i < RACE_PRICES; i += 2)
		hp_book_apply(race.book, 1, 1000 + i, quantity_at(1000 + i));
	CHECK(!pthread_create(&writer, NULL, write_levels, &race));
	while (whole < 50000) {
		double top[TOP], top_qty[TOP];
		uint32_t head, count, version = __atomic_load_n(&race.book->version, __ATOMIC_ACQUIRE);

		head = book->bid_head;
		count = book->bid_count;
		for (uint32_t i = 0; i < TOP && head + i < RACE_CAPACITY; i++) {
			top[i] = price[head + i];
			top_qty[i] = qty[head + i];
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version % 2 || version != __atomic_load_n(&race.book->version, __ATOMIC_RELAXED)) {
			if (++again % 64 == 0)
				sched_yield();
			continue;
		}
		whole++;
		CHECK(count >= TOP && head + count <= RACE_CAPACITY);
		for (int i = 0; i < TOP; i++) {
			CHECK_EQ(top_qty[i], quantity_at(top[i]));
			CHECK(i == 0 || top[i] < top[i - 1]);
		}
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
	CHECK(!pthread_join(writer, NULL));
	free(race.book);
}

/* ---- real data ---- */

static void binance_session_ends_in_the_known_book(void)
{
	const char *folder = tardis_folder();
	struct tardis_rows rows;
	struct hp_book *book;

	if (!folder) {
		printf("skipped: the real session is not on this machine\n");
		return;
	}
	CHECK(!tardis_load(folder, &rows));
	CHECK_EQ(rows.count, 445262);
	book = open_book(8192);
	for (size_t i = 0; i < rows.count; i++)
		CHECK(book_apply(book, (double)i, rows.row[i].flags, rows.row[i].price, rows.row[i].qty) !=
		      -ERANGE);
	CHECK_EQ(book->bid_count, 5018);
	CHECK_EQ(book->ask_count, 4578);
	CHECK_EQ(prices(book, 1)[0], 61659.7e6);
	CHECK_EQ(quantities(book, 1)[0], 1486);
	CHECK_EQ(prices(book, 0)[0], 61659.8e6);
	CHECK_EQ(quantities(book, 0)[0], 981);
	CHECK_EQ(book->flags, 0);
	CHECK_EQ(book->clears, 1);
	CHECK_EQ(book->refused + book->overflowed, 0);
	for (int bid = 0; bid < 2; bid++)
		for (uint32_t i = 1; i < levels(book, bid); i++)
			CHECK(bid ? prices(book, 1)[i] < prices(book, 1)[i - 1]
				  : prices(book, 0)[i] > prices(book, 0)[i - 1]);
	free(book);
	free(rows.row);
}

int main(void)
{
	RUN(calls_check_their_arguments);
	RUN(flags_follow_the_tops);
	RUN(snapshot_run_clears_once);
	RUN(off_scale_numbers_leave_the_book_alone);
	RUN(full_side_keeps_its_best_levels);
	RUN(drifting_tops_match_the_reference);
	RUN(random_flow_matches_the_reference);
	RUN(reader_never_sees_a_torn_top);
	RUN(binance_session_ends_in_the_known_book);
	return 0;
}
