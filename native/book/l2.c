/* SPDX-License-Identifier: MIT */
/*
 * The L2 order book: a side is two arrays, prices and quantities, sorted best first and without holes
 * (layout: struct hp_book). Whoever reads it needs no code of ours: the top is one load, the ladder to any
 * depth is a plain slice, in C and in a typed array alike. The price of that is that a level that appears or
 * goes moves its neighbours. So a side floats in its array with room at both ends, and the shorter part
 * moves; when it has drifted to an end it is put back into the middle. A tree or a hash would move nothing,
 * and would make every reader pay for it. Where the time goes: l2_search.h and l2_move.h.
 *
 * One thread writes; readers on other threads use the seqlock (book_begin(), book_end()). They may copy torn
 * levels, and find out by the version that they must try again; the writer never waits for them.
 *
 * A full side keeps its best levels: the deepest is dropped and counted, and does not come back when room
 * returns until the feed mentions it again. inserted - removed - overflowed is the number of levels, as long
 * as nothing is cleared: a level dropped for being the deepest itself counts as inserted and as overflowed.
 *
 * reserved[0] and [1] are the writer's: where the last level was found on the ask and on the bid side. They
 * are a hint for speed only; any value is correct.
 */
#include <errno.h>
#include <string.h>

#include "book/book.h"
#include "book/l2_move.h"
#include "book/l2_search.h"
#include "measure/error.h"

#define CAPACITY_MIN 16
#define CAPACITY_MAX 65536
#define EXACT_MAX    0x1p53 /* integers up to here are exact in a double */

/* One side of the book as apply_side() works on it; `head` and `count` point into the book. */
struct side {
	double *price, *qty; /* the arrays, from slot 0 */
	uint32_t *head, *count, *finger;
};

L2_INLINE struct side side_of(struct hp_book *book, int bid)
{
	if (bid)
		return (struct side){book_bid_price(book), book_bid_qty(book), &book->bid_head,
				     &book->bid_count, &book->reserved[1]};
	return (struct side){book_ask_price(book), book_ask_qty(book), &book->ask_head, &book->ask_count,
			     &book->reserved[0]};
}

/*
 * The writer's half of the seqlock. The version turns odd before the first change and even after the last.
 * The release fence keeps the changes from becoming visible before the odd version does; the release store
 * keeps the even version from becoming visible before the changes. A reader mirrors this: acquire-load the
 * version, read, acquire fence, load the version again. On x86 all of it is two plain stores: only the
 * compiler is held back.
 */
static inline void book_begin(struct hp_book *book)
{
	__atomic_store_n(&book->version, book->version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void book_end(struct hp_book *book)
{
	__atomic_store_n(&book->version, book->version + 1, __ATOMIC_RELEASE);
}

/* Everything but STALE follows from the tops. */
static inline void update_flags(struct hp_book *book)
{
	uint32_t flags = book->flags & HP_BOOK_STALE;

	if (!book->bid_count)
		flags |= HP_BOOK_NO_BID;
	if (!book->ask_count)
		flags |= HP_BOOK_NO_ASK;
	if (book->bid_count && book->ask_count &&
	    book_bid_price(book)[book->bid_head] >= book_ask_price(book)[book->ask_head])
		flags |= HP_BOOK_CROSSED;
	book->flags = flags;
}

static void empty_sides(struct hp_book *book)
{
	book->bid_head = book->ask_head = book->capacity / 2;
	book->bid_count = book->ask_count = 0;
	update_flags(book);
}

/* Puts the levels into the middle of their arrays. Rare: a side has to drift by half of its room first. */
static void recentre(struct hp_book *book, const struct side *side)
{
	uint32_t head = (book->capacity - *side->count) / 2;

	memmove(side->price + head, side->price + *side->head, *side->count * sizeof(double));
	memmove(side->qty + head, side->qty + *side->head, *side->count * sizeof(double));
	*side->head = head;
}

/* Inserts at `place` from the best. Room at one end at least: the caller dropped a level of a full side. */
L2_INLINE void insert_level(struct hp_book *book, const struct side *side, uint32_t place, double price,
			    double qty)
{
	uint32_t count = *side->count, room = book->capacity - count;
	int front = place < count - place;

	if (__builtin_expect(front ? !*side->head : *side->head + count == book->capacity, 0)) {
		/* With little room left, centring would be due every few inserts: use the other end. */
		if (room >= book->capacity / 8)
			recentre(book, side);
		else
			front = !front;
	}
	if (front) {
		l2_move_closer(side->price + *side->head, side->qty + *side->head, place);
		*side->head -= 1;
	} else {
		l2_move_deeper(side->price + *side->head + place, side->qty + *side->head + place,
			       count - place);
	}
	side->price[*side->head + place] = price;
	side->qty[*side->head + place] = qty;
	*side->count = count + 1;
}

L2_INLINE void remove_level(const struct side *side, uint32_t place)
{
	uint32_t behind = *side->count - place - 1;
	double *price = side->price + *side->head, *qty = side->qty + *side->head;

	if (place < behind) {
		l2_move_deeper(price, qty, place);
		*side->head += 1;
	} else {
		l2_move_closer(price + place + 1, qty + place + 1, behind);
	}
	*side->count -= 1;
}

/* Sets or removes one level inside the seqlock. Its place, or -ENOENT. */
L2_INLINE int32_t apply_side(struct hp_book *book, int bid, double price, double qty)
{
	struct side side = side_of(book, bid);
	uint32_t head = *side.head, count = *side.count;
	uint32_t place = l2_find(side.price + head, count, *side.finger, price, bid);

	*side.finger = place;
	if (place < count && side.price[head + place] == price) {
		if (qty > 0) {
			side.qty[head + place] = qty;
			return (int32_t)place;
		}
		remove_level(&side, place);
		book->removed += 1;
	} else {
		if (!(qty > 0)) {
			book->unknown_removed += 1;
			return -ENOENT;
		}
		book->inserted += 1;
		if (__builtin_expect(count == book->capacity, 0)) {
			book->overflowed += 1;
			if (place == count)
				return (int32_t)place;
			*side.count -= 1;
		}
		insert_level(book, &side, place, price, qty);
	}
	if (!place)
		update_flags(book);
	return (int32_t)place;
}

/* Integers only, and only those that a double holds exactly; NaN fails every compare. */
static inline int is_on_scale(double price, double qty)
{
	return price > 0 && price <= EXACT_MAX && qty >= 0 && qty <= EXACT_MAX &&
	       (double)(int64_t)price == price && (double)(int64_t)qty == qty;
}

int32_t book_apply(struct hp_book *book, double seq, uint32_t flags, double price, double qty)
{
	uint32_t snapshot = (flags & HP_FLAG_SNAPSHOT) != 0;
	int32_t place;

	if (__builtin_expect(!is_on_scale(price, qty), 0)) {
		book->refused += 1;
		return -ERANGE;
	}
	book_begin(book);
	if (__builtin_expect(snapshot != book->snapshot, 0)) {
		book->snapshot = snapshot;
		if (snapshot) {
			empty_sides(book);
			book->clears += 1;
		}
	}
	if (flags & HP_FLAG_BID)
		place = apply_side(book, 1, price, qty);
	else
		place = apply_side(book, 0, price, qty);
	book->seq = seq;
	book->updates += 1;
	book_end(book);
	return place;
}

void book_mark_stale(struct hp_book *book, int stale)
{
	book_begin(book);
	if (stale)
		book->flags |= HP_BOOK_STALE;
	else
		book->flags &= ~(uint32_t)HP_BOOK_STALE;
	book_end(book);
}

HP_API int32_t hp_book_bytes(int32_t capacity)
{
	if (capacity < CAPACITY_MIN || capacity > CAPACITY_MAX || capacity & (capacity - 1))
		return fail(EINVAL,
			    "Cannot size a book for %d levels a side: choose a power of two, %d to %d",
			    capacity, CAPACITY_MIN, CAPACITY_MAX);
	return (int32_t)(sizeof(struct hp_book) + 4 * (size_t)capacity * sizeof(double));
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
	empty_sides(book);
	return book;
}

/* A book that is fed by hand numbers its records itself. */
HP_API int32_t hp_book_apply(struct hp_book *book, int32_t side, double price, double qty)
{
	int32_t place;

	if (!book)
		return fail(EINVAL, "Cannot apply an update: no book was given");
	if (side != 0 && side != 1)
		return fail(EINVAL, "Cannot apply an update to side %d: 1 is bid, 0 is ask", side);
	place = book_apply(book, book->seq + 1, side ? HP_FLAG_BID : 0, price, qty);
	if (place == -ERANGE)
		return fail(ERANGE,
			    "Cannot apply price %.17g, quantity %.17g: both are scaled integers up to 2^53, "
			    "the price above 0",
			    price, qty);
	return place;
}

/* A snapshot run that is under way ends: the next snapshot record begins another. */
HP_API int32_t hp_book_clear(struct hp_book *book)
{
	if (!book)
		return fail(EINVAL, "Cannot clear a book: no book was given");
	book_begin(book);
	book->snapshot = 0;
	empty_sides(book);
	book_end(book);
	return 0;
}
