/* SPDX-License-Identifier: MIT */
/*
 * The L2 order book (layout: struct hp_book, hotpath.h). Near the top, where nearly all updates are, a
 * level's place is its price: a grid of quantities with a bit for each position (l2_grid.h). Setting,
 * changing and removing a level there are the same few loads and stores, without a search, a move or a branch
 * that depends on the data. The few levels beyond the grid are a sorted list (l2_list.h).
 *
 * What that trades away: memory (HP_BOOK_GRID positions a level of capacity, most of them empty), and
 * readers. The best level of each side stands in the header, one load. Deeper ones have to be counted through
 * the bits, a word at a time: from TypeScript some 10 ns a level on the way down a side, 60 ns a side for the
 * first few after a change, where sorted arrays cost 1 ns a level. Strategies look at the top at every update
 * and at the depth at few, and updates are what there are most of. A side whose prices know no tick has no
 * use for a grid, and is a sorted list, a fifth slower than it would be without the attempt.
 *
 * One thread writes; readers on other threads use the seqlock (book_begin(), book_end()). They may copy torn
 * levels, and find out by the version that they must try again; the writer never waits for them.
 *
 * A full side keeps its best levels: the deepest is dropped and counted, and does not come back when room
 * returns until the feed mentions it again. inserted - removed - overflowed is the number of levels, as long
 * as nothing is cleared: a level dropped for being the deepest itself counts as inserted and as overflowed.
 */
#include <errno.h>

#include "book/book.h"
#include "book/l2_grid.h"
#include "measure/error.h"

#define CAPACITY_MIN 16
#define CAPACITY_MAX 65536

/*
 * The writer's half of the seqlock. The version turns odd before the first change and even after the last.
 * The release fence keeps the changes from becoming visible before the odd version does; the release store
 * keeps the even version from becoming visible before the changes. A reader mirrors this: acquire-load the
 * version, read, acquire fence, load the version again. On x86 all of it is two plain stores: only the
 * compiler is held back.
 */
BOOK_INLINE uint32_t book_begin(struct hp_book *book)
{
	uint32_t version = book->version;

	__atomic_store_n(&book->version, version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return version;
}

BOOK_INLINE void book_end(struct hp_book *book, uint32_t version)
{
	__atomic_store_n(&book->version, version + 2, __ATOMIC_RELEASE);
}

/* Everything but STALE follows from the tops. */
static inline void update_flags(struct hp_book *book)
{
	uint32_t flags = book->flags & HP_BOOK_STALE;

	if (!book->bid.levels)
		flags |= HP_BOOK_NO_BID;
	if (!book->ask.levels)
		flags |= HP_BOOK_NO_ASK;
	if (book->bid.levels && book->ask.levels && book->bid.price >= book->ask.price)
		flags |= HP_BOOK_CROSSED;
	book->flags = flags;
}

/* Copies the best level to where everybody looks for it. */
static void show_best(struct hp_book *book, struct hp_book_side *side)
{
	if (!side->cut && side->top != BOOK_NO_POSITION) {
		side->price = grid_price(side, side->top);
		side->qty = book_grid_qty(book, side)[side->top];
	} else {
		side->price = side->count ? book_list_price(book, side)[side->head] : 0;
		side->qty = side->count ? book_list_qty(book, side)[side->head] : 0;
	}
	update_flags(book);
}

/* The grid stays where it is: the market does, too, over a snapshot. */
static void empty_side(struct hp_book *book, struct hp_book_side *side)
{
	memset(book_taken(book, side), 0, HP_BOOK_GRID * (size_t)book->capacity / 8);
	side->price = side->qty = 0;
	side->top = BOOK_NO_POSITION;
	side->levels = side->count = side->cut = 0;
	side->head = book->capacity / 2;
}

static void empty_sides(struct hp_book *book)
{
	empty_side(book, &book->bid);
	empty_side(book, &book->ask);
	update_flags(book);
}

/* Drops a full side's deepest level to make room for `price`. 0, or -1: it would itself be the deepest. */
static int drop_deepest(struct hp_book *book, struct hp_book_side *side, double price)
{
	int in_list = side->count > side->cut || side->levels == side->count;
	uint32_t last = in_list ? side->head + side->count - 1 : grid_last(book, side);
	double deepest = in_list ? book_list_price(book, side)[last] : grid_price(side, last);

	book->overflowed += 1;
	if (!is_better(price, deepest, side == &book->bid))
		return -1;
	if (in_list) {
		side->count--;
		if (side->cut > side->count)
			side->cut = side->count;
	} else {
		grid_free(book, side, last);
		if (last == side->top)
			side->top = BOOK_NO_POSITION;
	}
	side->levels--;
	return 0;
}

/* Inserts into the list at `place`, or where the place is once the grid had to be taken up. */
static void list_appear(struct hp_book *book, struct hp_book_side *side, uint32_t place, double price,
			double qty)
{
	book->inserted += 1;
	if (side->levels == book->capacity && drop_deepest(book, side, price))
		return;
	if (grid_reaches(side, grid_position(side, price))) {
		grid_take_up(book, side);
		place = list_find(book_list_price(book, side), side->count, place, price, side == &book->bid);
	}
	list_insert(book, side, place, price, qty);
	side->cut += side->width > 0 && grid_position(side, price) < 0;
	side->levels++;
}

/* An update of a price that is no position of the grid. */
static int32_t apply_list(struct hp_book *book, struct hp_book_side *side, double price, double qty)
{
	double *prices = book_list_price(book, side) + side->head, best = side->price;
	int bid = side == &book->bid;
	uint32_t place = bid ? list_find(prices, side->count, side->finger, price, 1)
			     : list_find(prices, side->count, side->finger, price, 0);
	int known = place < side->count && prices[place] == price;

	side->finger = place;
	if (known && qty > 0) {
		book_list_qty(book, side)[side->head + place] = qty;
		book->changed += 1;
	} else if (known) {
		list_remove(book, side, place);
		side->cut -= place < side->cut;
		side->levels--;
		book->removed += 1;
	} else if (qty > 0) {
		list_appear(book, side, place, price, qty);
	} else {
		book->unknown_removed += 1;
		return -ENOENT;
	}
	if (++side->missed > side->bear + side->levels / 2)
		grid_review(book, side, bid);
	show_best(book, side);
	return price != best && price != side->price;
}

/*
 * Sets or frees a position of the grid; what it was and is: 0 nothing, 1 appeared, 2 went, 3 changed. There
 * is no branch in it: the four counters stand in that order.
 */
BOOK_INLINE uint32_t set_position(struct hp_book *book, struct hp_book_side *side, uint32_t position,
				  double qty)
{
	uint64_t *word = book_taken(book, side) + position / 64, before = *word;
	uint32_t had = before >> position % 64 & 1, has = qty > 0, what = 2 * had + has;

	_Static_assert(offsetof(struct hp_book, inserted) == offsetof(struct hp_book, unknown_removed) + 8 &&
			       offsetof(struct hp_book, removed) == offsetof(struct hp_book, inserted) + 8 &&
			       offsetof(struct hp_book, changed) == offsetof(struct hp_book, removed) + 8,
		       "the counters' order");
	*word = (before & ~(UINT64_C(1) << position % 64)) | (uint64_t)has << position % 64;
	book_grid_qty(book, side)[position] = qty;
	side->levels += has - had;
	((double *)((char *)book + offsetof(struct hp_book, unknown_removed)))[what] += 1;
	return what;
}

/* An update of a position of the grid: perhaps of a full side, perhaps of its top. */
static int32_t apply_grid(struct hp_book *book, struct hp_book_side *side, uint32_t position, double qty)
{
	int had = book_taken(book, side)[position / 64] >> position % 64 & 1;
	int32_t result = position > side->top || side->cut;

	if (qty > 0 && !had && side->levels == book->capacity &&
	    drop_deepest(book, side, grid_price(side, position))) {
		book->inserted += 1;
		return 1;
	}
	if (!set_position(book, side, position, qty))
		return -ENOENT;
	if (position <= side->top) {
		side->top = qty > 0 ? position : grid_next(book, side, position + 1);
		show_best(book, side);
	}
	return result;
}

/* Numbers are integers that a double holds exactly; NaN fails every compare. */
BOOK_INLINE int is_price(double price)
{
	return price > 0 && price <= EXACT_MAX && __builtin_trunc(price) == price;
}

BOOK_INLINE int is_qty(double qty)
{
	return qty >= 0 && qty <= EXACT_MAX && __builtin_trunc(qty) == qty;
}

/* Applies any update inside the seqlock; refuses it before. */
static __attribute__((noinline)) int32_t apply_any(struct hp_book *book, double seq, uint32_t flags,
						   double price, double qty)
{
	struct hp_book_side *side = flags & HP_FLAG_BID ? &book->bid : &book->ask;
	uint32_t snapshot = (flags & HP_FLAG_SNAPSHOT) != 0, version;
	double position = grid_position(side, price);
	int32_t result;

	if (!is_qty(qty) || !is_price(price)) {
		book->refused += 1;
		return -ERANGE;
	}
	version = book_begin(book);
	if (snapshot != book->snapshot) {
		book->snapshot = snapshot;
		if (snapshot) {
			empty_sides(book);
			book->clears += 1;
		}
	}
	if (grid_reaches(side, position) && grid_price(side, (uint32_t)position) == price)
		result = apply_grid(book, side, (uint32_t)position, qty);
	else
		result = apply_list(book, side, price, qty);
	book->seq = seq;
	book_end(book, version);
	return result;
}

/*
 * The way nearly every update goes: a position of the grid (its price is a good one), deeper than the top, on
 * a side with room. It calls nothing, so that it saves no registers; all else is handed on as it came.
 */
BOOK_INLINE int32_t apply(struct hp_book *book, double seq, uint32_t flags, double price, double qty)
{
	struct hp_book_side *side = flags & HP_FLAG_BID ? &book->bid : &book->ask;
	uint32_t snapshot = (flags & HP_FLAG_SNAPSHOT) != 0, version, what;
	double position = grid_position(side, price);

	if (__builtin_expect(!grid_reaches(side, position) || grid_price(side, (uint32_t)position) != price ||
				     !is_qty(qty) || (uint32_t)position <= side->top ||
				     side->levels == book->capacity || snapshot != book->snapshot,
			     0))
		return apply_any(book, seq, flags, price, qty);
	version = book_begin(book);
	what = set_position(book, side, (uint32_t)position, qty);
	book->seq = seq;
	book_end(book, version);
	return what ? 1 : -ENOENT;
}

int32_t book_apply(struct hp_book *book, double seq, uint32_t flags, double price, double qty)
{
	return apply(book, seq, flags, price, qty);
}

void book_mark_stale(struct hp_book *book, int stale)
{
	uint32_t version = book_begin(book);

	if (stale)
		book->flags |= HP_BOOK_STALE;
	else
		book->flags &= ~(uint32_t)HP_BOOK_STALE;
	book_end(book, version);
}

HP_API int32_t hp_book_bytes(int32_t capacity)
{
	if (capacity < CAPACITY_MIN || capacity > CAPACITY_MAX || capacity & (capacity - 1))
		return fail(EINVAL,
			    "Cannot size a book for %d levels a side: choose a power of two, %d to %d",
			    capacity, CAPACITY_MIN, CAPACITY_MAX);
	return (int32_t)(sizeof(struct hp_book) + 2 * (2 + HP_BOOK_GRID) * (size_t)capacity * sizeof(double) +
			 2 * HP_BOOK_GRID * (size_t)capacity / 8);
}

static void lay_out(struct hp_book_side *side, size_t at, int32_t capacity)
{
	side->list_at = (uint32_t)at;
	side->grid_at = side->list_at + 2 * (uint32_t)capacity * sizeof(double);
	side->taken_at = side->grid_at + HP_BOOK_GRID * (uint32_t)capacity * sizeof(double);
	side->bear = BEAR_MIN;
}

/* Every byte is written, so that the first updates take no page fault. */
HP_API struct hp_book *hp_book_open(void *memory, int32_t bytes, int32_t capacity)
{
	struct hp_book *book = memory;
	int32_t needed = hp_book_bytes(capacity);

	if (needed < 0)
		return NULL;
	if (!memory || (uintptr_t)memory % sizeof(double)) {
		fail(EINVAL, "Cannot lay out a book at address %p: memory aligned to %zu bytes is needed",
		     memory, sizeof(double));
		return NULL;
	}
	if (bytes < needed) {
		fail(EINVAL, "Cannot lay out a book of %d levels a side in %d bytes: it takes %d", capacity,
		     bytes, needed);
		return NULL;
	}
	memset(memory, 0, (size_t)needed);
	book->capacity = (uint32_t)capacity;
	book->price_scale = 1;
	book->qty_scale = 1;
	lay_out(&book->bid, sizeof(*book), capacity);
	lay_out(&book->ask, ((uint32_t)needed + sizeof(*book)) / 2, capacity);
	empty_sides(book);
	return book;
}

/* A book that is fed by hand numbers its records itself. */
HP_API int32_t hp_book_apply(struct hp_book *book, int32_t side, double price, double qty)
{
	int32_t result;

	if (!book)
		return fail(EINVAL, "Cannot apply an update: no book was given");
	if (side != 0 && side != 1)
		return fail(EINVAL, "Cannot apply an update to side %d: 1 is bid, 0 is ask", side);
	result = apply(book, book->seq + 1, side ? HP_FLAG_BID : 0, price, qty);
	if (result == -ERANGE)
		return fail(ERANGE,
			    "Cannot apply price %.17g, quantity %.17g: both are scaled integers up to 2^53, "
			    "the price above 0",
			    price, qty);
	return result;
}

/* Every update by itself: a reader sees the book in between, and a bad one leaves the others alone. */
HP_API int32_t hp_book_apply_all(struct hp_book *book, const double *updates, int32_t count)
{
	int32_t applied = 0;

	if (!book || !updates || count < 0)
		return fail(EINVAL, "Cannot apply %d updates: a book, and three doubles an update are needed",
			    count);
	for (int32_t i = 0; i < count; i++, updates += 3) {
		if (!(updates[2] >= 0 && updates[2] <= UINT32_MAX))
			book->refused += 1;
		else if (apply(book, book->seq + 1, (uint32_t)updates[2], updates[0], updates[1]) != -ERANGE)
			applied++;
	}
	return applied;
}

/* A snapshot run that is under way ends: the next snapshot record begins another. */
HP_API int32_t hp_book_clear(struct hp_book *book)
{
	uint32_t version;

	if (!book)
		return fail(EINVAL, "Cannot clear a book: no book was given");
	version = book_begin(book);
	book->snapshot = 0;
	empty_sides(book);
	book_end(book, version);
	return 0;
}
