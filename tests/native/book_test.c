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
#include "book_levels.h"
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

/* Price of one level. */
static double price_at(struct hp_book *book, int bid, uint32_t place)
{
	static double price[65536], qty[65536];

	CHECK(place < book_levels(book, bid, price, qty));
	return price[place];
}

static uint32_t levels(const struct hp_book *book, int bid)
{
	return bid ? book->bid.levels : book->ask.levels;
}

/* ---- the reference: one sorted list a side, searched from the top, moved a level at a time ---- */

#define REFERENCE_MAX 2048

struct reference {
	uint32_t capacity, snapshot, count[2]; /* [1] is the bid side */
	double price[2][REFERENCE_MAX + 1], qty[2][REFERENCE_MAX + 1];
	double updates, inserted, removed, unknown_removed, overflowed, clears;
};

/* Sets or removes the level at `place`, where `price` is or belongs. */
static void reference_set(struct reference *ref, int bid, uint32_t place, int known, double price, double qty)
{
	double *prices = ref->price[bid], *qtys = ref->qty[bid];

	if (known && qty == 0) {
		for (uint32_t i = place; i + 1 < ref->count[bid]; i++) {
			prices[i] = prices[i + 1];
			qtys[i] = qtys[i + 1];
		}
		ref->count[bid]--;
		ref->removed += 1;
		return;
	}
	if (!known) {
		for (uint32_t i = ref->count[bid]; i > place; i--) {
			prices[i] = prices[i - 1];
			qtys[i] = qtys[i - 1];
		}
		prices[place] = price;
		ref->inserted += 1;
		ref->count[bid]++;
	}
	qtys[place] = qty;
	if (ref->count[bid] > ref->capacity) {
		ref->count[bid]--;
		ref->overflowed += 1;
	}
}

static int32_t reference_apply(struct reference *ref, uint32_t flags, double price, double qty)
{
	int bid = (flags & HP_FLAG_BID) != 0, known;
	uint32_t place = 0, snapshot = (flags & HP_FLAG_SNAPSHOT) != 0;

	if (snapshot && !ref->snapshot) {
		ref->count[0] = ref->count[1] = 0;
		ref->clears += 1;
	}
	ref->snapshot = snapshot;
	ref->updates += 1;
	while (place < ref->count[bid] &&
	       (bid ? ref->price[bid][place] > price : ref->price[bid][place] < price))
		place++;
	known = place < ref->count[bid] && ref->price[bid][place] == price;
	if (!known && qty == 0) {
		ref->unknown_removed += 1;
		return -ENOENT;
	}
	reference_set(ref, bid, place, known, price, qty);
	return place > 0;
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
	static double price[REFERENCE_MAX], qty[REFERENCE_MAX];

	CHECK_EQ(book->flags, reference_flags(ref));
	CHECK_EQ(book->version % 2, 0);
	CHECK_EQ(book->inserted, ref->inserted);
	CHECK_EQ(book->removed, ref->removed);
	CHECK_EQ(book->unknown_removed, ref->unknown_removed);
	CHECK_EQ(book->overflowed, ref->overflowed);
	CHECK_EQ(book->clears, ref->clears);
	CHECK_EQ(book_updates(book), ref->updates);
	for (int bid = 0; bid < 2; bid++) {
		CHECK_EQ(book_levels(book, bid, price, qty), ref->count[bid]);
		for (uint32_t i = 0; i < ref->count[bid]; i++) {
			CHECK_EQ(price[i], ref->price[bid][i]);
			CHECK_EQ(qty[i], ref->qty[bid][i]);
		}
	}
}

/* What a flow must have seen of a side, or it has not tried what it is for. */
enum { LAID = 1, BEFORE = 2, BEHIND = 4, TAKEN_UP = 8, FULL = 16, MOVED = 32, FINER = 64 };

static unsigned int seen_of(const struct hp_book_side *side, const struct hp_book_side *before,
			    uint32_t capacity)
{
	unsigned int seen = 0;
	int laid = side->width > 0, was_laid = before->width > 0;

	seen |= laid ? LAID : 0;
	seen |= laid && side->cut ? BEFORE : 0;
	seen |= laid && side->top != BOOK_NO_POSITION && side->count > side->cut ? BEHIND : 0;
	seen |= was_laid && !laid ? TAKEN_UP : 0;
	seen |= laid && side->levels == capacity && side->count < capacity ? FULL : 0;
	seen |= laid && before->anchor > 0 && side->anchor != before->anchor ? MOVED : 0;
	seen |= laid && before->step != 0 && fabs(side->step) < fabs(before->step) ? FINER : 0;
	return seen;
}

/* A made-up market. */
struct flow {
	int32_t capacity;
	uint32_t spread; /* ticks on either side of the middle */
	double drift;	 /* ticks the middle wanders by an update */
	double tick;
	uint32_t odd; /* every how manieth price lies between two ticks; 0 = none */
	int updates, look_every;
};

/* Runs in order of price, and a share of jumps; a snapshot now and then. */
static unsigned int play_flow(uint64_t seed, const struct flow *flow)
{
	static struct reference ref;
	struct hp_book *book = open_book(flow->capacity);
	struct random random = {seed};
	double middle = 1e6, at = middle;
	unsigned int seen = 0;

	memset(&ref, 0, sizeof(ref));
	ref.capacity = (uint32_t)flow->capacity;
	for (int i = 1; i <= flow->updates; i++) {
		uint32_t flags = random_below(&random, 2) ? HP_FLAG_BID : 0;
		double qty = random_below(&random, 3) ? 1 + random_below(&random, 1000) : 0, price;
		uint32_t what = random_below(&random, 2000);
		struct hp_book_side before = flags & HP_FLAG_BID ? book->bid : book->ask;

		if (what < 2 || (ref.snapshot && what < 1900))
			flags |= HP_FLAG_SNAPSHOT;
		if (what % 4)
			at += 1 + random_below(&random, 4);
		else
			at = floor(middle) + random_below(&random, 2 * flow->spread);
		if (at > middle + 2 * flow->spread)
			at = floor(middle);
		middle += flow->drift;
		price = at * flow->tick;
		if (flow->odd && !random_below(&random, flow->odd))
			price += random_below(&random, (uint32_t)flow->tick);

		CHECK_EQ(book_apply(book, i, flags, price, qty), reference_apply(&ref, flags, price, qty));
		CHECK_EQ(book->seq, i);
		CHECK_EQ(book->snapshot, ref.snapshot);
		seen |= seen_of(flags & HP_FLAG_BID ? &book->bid : &book->ask, &before, book->capacity);
		if (i % flow->look_every == 0)
			compare(book, &ref);
	}
	compare(book, &ref);
	free(book);
	return seen;
}

static void random_flow_matches_the_reference(void)
{
	static const struct flow small = {16, 6, 0, 1, 0, 5000, 1}, wandering = {16, 30, 0.1, 1, 0, 5000, 1},
				 fast = {64, 100, -0.2, 5, 0, 5000, 1},
				 wide = {64, 2000, 0.5, 100, 0, 8000, 3},
				 large = {2048, 1000, 0.5, 1, 0, 20000, 500},
				 odd = {64, 40, 0.02, 100, 400, 20000, 7},
				 tickless = {256, 300, 0, 7919, 2, 5000, 50};
	unsigned int seen = 0;

	for (uint64_t seed = 0; seed < 20; seed++) {
		CHECK(play_flow(seed, &small) & LAID);
		CHECK(play_flow(seed, &wandering) & FULL);
		seen |= play_flow(seed, &fast) | play_flow(seed, &wide) | play_flow(seed, &large);
		seen |= play_flow(seed, &odd) | play_flow(seed, &tickless);
	}
	CHECK_EQ(seen, LAID | BEFORE | BEHIND | TAKEN_UP | FULL | MOVED | FINER);
}

/* ---- the grid ---- */

static void fill(struct hp_book *book, struct reference *ref, double first, double step, int levels)
{
	for (int i = 0; i < levels; i++)
		for (uint32_t flags = 0; flags < 2; flags++) {
			double price = first + i * step;

			CHECK_EQ(book_apply(book, i, flags, price, 1 + i),
				 reference_apply(ref, flags, price, 1 + i));
		}
}

/* Prices go as far as the numbers do, on both sides. */
static void grid_ends_where_prices_end(void)
{
	static const double tops[][2] = {{1, 1}, {100, 100}, {0x1p53, -1}, {0x1p53, -64}, {0x1p52, 0x1p40}};

	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++) {
		static struct reference ref;
		struct hp_book *book = open_book(512);
		double first = tops[i][0], step = tops[i][1];

		memset(&ref, 0, sizeof(ref));
		ref.capacity = 512;
		fill(book, &ref, first, step, 300);
		CHECK(book->bid.width > 0 && book->ask.width > 0);
		for (int bid = 0; bid < 2; bid++) {
			const struct hp_book_side *side = bid ? &book->bid : &book->ask;
			double last = side->anchor + (side->width - 1) * side->step;

			CHECK(side->anchor >= 1 && side->anchor <= 0x1p53 && last >= 1 && last <= 0x1p53);
			CHECK_EQ(book_apply(book, 0, (uint32_t)bid, 0, 1), -ERANGE);
			CHECK_EQ(book_apply(book, 0, (uint32_t)bid, -fabs(step), 1), -ERANGE);
			CHECK_EQ(book_apply(book, 0, (uint32_t)bid, 0x1p53 + 2 * fabs(step), 1), -ERANGE);
		}
		compare(book, &ref);
		free(book);
	}
}

/* One odd price takes the grid up; it comes back, and with the old tick when that price has gone. */
static void grid_survives_an_odd_price(void)
{
	static struct reference ref;
	struct hp_book *book = open_book(1024);

	memset(&ref, 0, sizeof(ref));
	ref.capacity = 1024;
	fill(book, &ref, 1000000, 100, 400);
	CHECK_EQ(book->bid.step, -100);
	CHECK_EQ(hp_book_apply(book, 1, 1000050, 0), -ENOENT); /* nothing to put between two positions */
	CHECK_EQ(book->bid.step, -100);
	CHECK(book->bid.width > 0);
	CHECK_EQ(hp_book_apply(book, 1, 1000050, 7), 1);
	CHECK_EQ(book->bid.width, 0);
	CHECK_EQ(book->bid.count, 401);
	CHECK_EQ(hp_book_apply(book, 1, 1000050, 0), 1);
	ref.inserted++, ref.removed++, ref.unknown_removed++, ref.updates += 3;
	compare(book, &ref);
	for (int i = 0; i < 10; i++)
		fill(book, &ref, 1000000, 100, 400);
	CHECK_EQ(book->bid.step, -100);
	CHECK_EQ(book->bid.count, 0);
	compare(book, &ref);
	free(book);
}

/* A market that jumps away is followed once it has stayed; one that jumps to and fro is not, at any price. */
static void grid_follows_the_market(void)
{
	static struct reference ref;
	struct hp_book *book = open_book(512);
	int laid = 0;

	memset(&ref, 0, sizeof(ref));
	ref.capacity = 512;
	fill(book, &ref, 1000000, 1, 300);
	for (int i = 0; i < 300; i++)
		for (uint32_t flags = 0; flags < 2; flags++) {
			book_apply(book, i, flags, 1000000 + i, 0);
			reference_apply(&ref, flags, 1000000 + i, 0);
		}
	fill(book, &ref, 5000000, 1, 300);
	fill(book, &ref, 5000000, 1, 300);
	compare(book, &ref);
	CHECK_EQ(book->bid.count + book->ask.count, 0);
	for (int i = 0; i < 20000; i++) {
		double price = i % 2 ? 1000001 : 9000000, laid_at = book->bid.laid_at;

		book_apply(book, i, HP_FLAG_BID, price, i % 4 < 2 ? 1 : 0);
		reference_apply(&ref, HP_FLAG_BID, price, i % 4 < 2 ? 1 : 0);
		laid += book->bid.laid_at != laid_at;
	}
	compare(book, &ref);
	CHECK(laid > 1 && laid < 20);
	free(book);
}

static void apply_all_is_apply_many_times(void)
{
	static const double updates[] = {
		100, 1, HP_FLAG_BID, 101, 2, 0,	  0.5, 1, 0, 99, 3, HP_FLAG_BID,
		102, 1, -1,	     103, 1, NAN, 101, 0, 0, 98, 4, HP_FLAG_BID | HP_FLAG_SNAPSHOT};
	struct hp_book *book = open_book(16);

	CHECK_EQ(hp_book_apply_all(book, updates, 7), 4);
	CHECK_EQ(book->refused, 3);
	CHECK_EQ(book->seq, 4);
	CHECK_EQ(levels(book, 1), 2);
	CHECK_EQ(levels(book, 0), 0);
	CHECK_EQ(book->bid.price, 100);
	CHECK_EQ(hp_book_apply_all(book, updates + 21, 1), 1);
	CHECK_EQ(levels(book, 1), 1);
	CHECK_EQ(book->clears, 1);
	CHECK_EQ(hp_book_apply_all(book, updates, 0), 0);
	CHECK_EQ(hp_book_apply_all(book, updates, -1), -EINVAL);
	CHECK_EQ(hp_book_apply_all(book, NULL, 1), -EINVAL);
	CHECK_EQ(hp_book_apply_all(NULL, updates, 1), -EINVAL);
	CHECK_EQ(book->seq, 5);
	free(book);
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
			book->inserted = book->removed = book->unknown_removed = book->changed = 0;
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
	CHECK_EQ(levels(book, 1), 16);
	CHECK_EQ(hp_book_apply(book, 1, 50, 1), 1); /* deepest itself: does not come in */
	CHECK_EQ(book->overflowed, 1);
	CHECK_EQ(price_at(book, 1, 15), 100);
	CHECK_EQ(hp_book_apply(book, 1, 105, 1), 1); /* takes the place of the deepest */
	CHECK_EQ(price_at(book, 1, 15), 105);
	CHECK_EQ(hp_book_apply(book, 1, 1000, 1), 0);
	CHECK_EQ(price_at(book, 1, 0), 1000);
	CHECK_EQ(price_at(book, 1, 15), 110);
	CHECK_EQ(book->overflowed, 3);
	CHECK_EQ(levels(book, 1), book->inserted - book->removed - book->overflowed);
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
	CHECK_EQ(levels(book, 1) + levels(book, 0), 1);
	book_apply(book, 3, HP_FLAG_SNAPSHOT | HP_FLAG_BID, 91, 1);
	book_apply(book, 4, HP_FLAG_SNAPSHOT, 95, 1);
	CHECK_EQ(levels(book, 1) + levels(book, 0), 3);
	CHECK_EQ(book->clears, 1);
	CHECK_EQ(book->snapshot, 1);
	book_apply(book, 5, HP_FLAG_BID, 92, 1);
	CHECK_EQ(book->snapshot, 0);
	CHECK_EQ(levels(book, 1) + levels(book, 0), 4);
	/* A run may begin with a removal, and then leaves nothing. */
	CHECK_EQ(book_apply(book, 6, HP_FLAG_SNAPSHOT, 95, 0), -ENOENT);
	CHECK_EQ(levels(book, 1) + levels(book, 0), 0);
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

#define BYTES_16 (384 + 2 * (2 * 16 * 8 + 4 * 16 * 8 + 8)) /* two lists, a grid and its bits a side */

static void calls_check_their_arguments(void)
{
	static _Alignas(8) char memory[BYTES_16 + 8];
	static const int32_t bad[] = {-16, 0, 1, 8, 15, 17, 24, 131072, INT32_MAX, INT32_MIN};
	char sentence[256];
	struct hp_book *book;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(hp_book_bytes(bad[i]), -EINVAL);
		CHECK(!hp_book_open(memory, sizeof(memory), bad[i]));
	}
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0 && strstr(sentence, "power of two"));
	CHECK_EQ(hp_book_bytes(16), BYTES_16);
	CHECK_EQ(hp_book_bytes(65536), 384 + 65536 * 97);
	CHECK(!hp_book_open(NULL, 1 << 20, 16));
	CHECK(!hp_book_open(memory + 4, sizeof(memory) - 4, 16));
	CHECK(!hp_book_open(memory, hp_book_bytes(16) - 1, 16));
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0 && strstr(sentence, "it takes 1936"));
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

/* Many levels, so that taking the grid up and laying it takes long; few of them are read. */
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
		/* Now and then a price between two ticks, which moves all levels out of the grid. */
		double price = 1000 + 2 * random_below(&random, RACE_PRICES) + !random_below(&random, 20000);
		int remove = random_below(&random, 2) && race->book->bid.levels > TOP;

		book_apply(race->book, seq++, HP_FLAG_BID, price, remove ? 0 : quantity_at(price));
	}
	return NULL;
}

/* As a reader of another thread does it: whatever it sees, it comes to an end within the book's memory. */
static uint32_t read_top(struct hp_book *book, double *price, double *qty)
{
	volatile struct hp_book_side *side = &book->bid;
	volatile uint64_t *taken = book_taken(book, &book->bid);
	volatile double *grid = book_grid_qty(book, &book->bid);
	volatile double *prices = book_list_price(book, &book->bid), *qtys = book_list_qty(book, &book->bid);
	uint32_t n = 0, head = side->head, count = side->count, cut = side->cut;
	double anchor = side->anchor, step = side->step;

	for (uint32_t i = 0; i < cut && n < TOP && head + i < RACE_CAPACITY; i++) {
		price[n] = prices[head + i];
		qty[n++] = qtys[head + i];
	}
	for (uint32_t i = side->top; i < HP_BOOK_GRID * RACE_CAPACITY && n < TOP; i++) {
		if (!(taken[i / 64] >> i % 64 & 1))
			continue;
		price[n] = anchor + i * step;
		qty[n++] = grid[i];
	}
	for (uint32_t i = cut; i < count && n < TOP && head + i < RACE_CAPACITY; i++) {
		price[n] = prices[head + i];
		qty[n++] = qtys[head + i];
	}
	return n;
}

static void reader_never_sees_a_torn_top(void)
{
	struct race race = {.book = open_book(RACE_CAPACITY)};
	pthread_t writer;
	int whole = 0, again = 0;

	for (int i = 0; i < RACE_PRICES; i += 2)
		hp_book_apply(race.book, 1, 1000 + 2 * i, quantity_at(1000 + 2 * i));
	CHECK(!pthread_create(&writer, NULL, write_levels, &race));
	while (whole < 50000) {
		double price[TOP], qty[TOP];
		uint32_t n, version = __atomic_load_n(&race.book->version, __ATOMIC_ACQUIRE);

		n = read_top(race.book, price, qty);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version % 2 || version != __atomic_load_n(&race.book->version, __ATOMIC_RELAXED)) {
			if (++again % 64 == 0)
				sched_yield();
			continue;
		}
		whole++;
		CHECK_EQ(n, TOP);
		for (int i = 0; i < TOP; i++) {
			CHECK_EQ(qty[i], quantity_at(price[i]));
			CHECK(i == 0 || price[i] < price[i - 1]);
		}
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
	CHECK(!pthread_join(writer, NULL));
	free(race.book);
}

/* ---- real data ---- */

static void binance_session_ends_in_the_known_book(void)
{
	static double price[8192], qty[8192];
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
	CHECK_EQ(book_levels(book, 1, price, qty), 5018);
	CHECK_EQ(price[0], 61659.7e6);
	CHECK_EQ(qty[0], 1486);
	CHECK_EQ(book_levels(book, 0, price, qty), 4578);
	CHECK_EQ(price[0], 61659.8e6);
	CHECK_EQ(qty[0], 981);
	CHECK_EQ(book->flags, 0);
	CHECK_EQ(book->clears, 1);
	CHECK_EQ(book->refused + book->overflowed, 0);
	CHECK(book->bid.width > 0 && book->bid.count < 1000 && book->ask.width > 0 && book->ask.count < 1000);
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
	RUN(grid_ends_where_prices_end);
	RUN(grid_survives_an_odd_price);
	RUN(grid_follows_the_market);
	RUN(apply_all_is_apply_many_times);
	RUN(reader_never_sees_a_torn_top);
	RUN(binance_session_ends_in_the_known_book);
	return 0;
}
