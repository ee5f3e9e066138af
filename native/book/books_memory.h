/* SPDX-License-Identifier: MIT */
/*
 * The books' memory as their writer sees it: the tables of hotpath/books.h by address, and what is free. A
 * symbol is the ABI's hp_symbol with its sides as arrays, so that one piece of code serves both without
 * asking which it is: whether a message is for the bid or the ask side is a coin that no branch predictor
 * guesses.
 */
#ifndef HP_BOOKS_MEMORY_H
#define HP_BOOKS_MEMORY_H

#include "book/books.h"

#define BOOKS_INLINE static inline __attribute__((always_inline))
#define BOOKS_APART  __attribute__((noinline))
#define BOOKS_RARE   __attribute__((noinline, cold))

#define BID 0 /* indexes of a symbol's sides */
#define ASK 1

#define WATCHED	     0x80000000u /* hp_book_level.owner */
#define NEAR	     16u	 /* rungs at the best end that are looked at at once */
#define ROOM_LEAST   (2 * NEAR)	 /* rungs: the smallest block */
#define ROOM_CLASSES 24		 /* blocks of ROOM_LEAST << class rungs */

/* hp_symbol, its sides as arrays. */
struct symbol {
	uint32_t version, flags;
	char name[8];
	struct {
		double price, qty;
	} best[2];
	uint32_t best_orders[2], levels[2];
	uint32_t orders, state;
	double seq, updates;
	struct side {
		uint32_t end, base, room;
	} side[2];
	double touched;
	uint32_t pad[2];
	double trades, volume, notional, last_price, last_qty, breaks;
	double reserved[10];
} __attribute__((may_alias, aligned(64)));
_Static_assert(sizeof(struct symbol) == sizeof(struct hp_symbol), "struct symbol");
_Static_assert(offsetof(struct symbol, levels) == offsetof(struct hp_symbol, bid_levels), "struct symbol");
_Static_assert(offsetof(struct symbol, side) == offsetof(struct hp_symbol, bid_end), "struct symbol");
_Static_assert(offsetof(struct symbol, touched) == offsetof(struct hp_symbol, touched), "struct symbol");
_Static_assert(offsetof(struct symbol, trades) == offsetof(struct hp_symbol, trades), "struct symbol");

#define NO_SIDE ((struct side){NEAR, 0, NEAR}) /* without a block: full, and empty */

/* What the memory begins with. */
struct books {
	struct hp_books head;
	struct hp_book_order *orders __attribute__((aligned(64)));
	struct hp_book_level *levels;
	double *keys;	 /* of rungs */
	uint32_t *rungs; /* levels */
	struct symbol *symbols;
	uint32_t *slots;		 /* reference -> order */
	uint64_t mix;			 /* of references; odd, another one each time */
	uint32_t shift;			 /* 64 - log2(lines of slots) */
	uint32_t free_order, free_level; /* by chain and head */
	uint32_t wide;			 /* 1: the processor has what books_wide.c is compiled for */
	struct hp_trade *trades __attribute__((aligned(64)));
	struct hp_watch *watches;
	uint8_t *block_class; /* of each ROOM_LEAST rungs: class + 1 where a free block begins */
	uint32_t blocks;      /* of ROOM_LEAST rungs */
	uint32_t free_block[ROOM_CLASSES];
	uint32_t watched[HP_WATCHES]; /* levels, as in the watches */
};

BOOKS_INLINE struct books *books_of(struct hp_books *books)
{
	return (struct books *)books;
}

/*
 * The slot of a reference. 16 references that follow each other share a cache line, since an exchange counts
 * them up and orders that are young together die together; the lines are scattered by a secret factor, so
 * that nobody can choose references that meet in one chain.
 */
BOOKS_INLINE uint32_t *books_slot(const struct books *books, uint64_t reference)
{
	return books->slots + ((reference >> 4) * books->mix >> books->shift << 4 | (reference & 15));
}

/*
 * The writer's half of the seqlock, as in l2.c: odd before the first change, even after the last.
 */
BOOKS_INLINE void symbol_begin(struct symbol *symbol)
{
	__atomic_store_n(&symbol->version, symbol->version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

BOOKS_INLINE void symbol_end(struct symbol *symbol)
{
	__atomic_store_n(&symbol->version, symbol->version + 1, __ATOMIC_RELEASE);
}

/* A choice without a branch: the compiler must not know that `mask` is all ones or 0, or it makes one. */
BOOKS_INLINE uint64_t mask_of(uint32_t flag)
{
	uint64_t mask = -(uint64_t)flag;

	__asm__("" : "+r"(mask));
	return mask;
}

BOOKS_INLINE uint32_t choose(uint64_t mask, uint32_t yes, uint32_t no)
{
	return no ^ ((yes ^ no) & (uint32_t)mask);
}

#define EXACT_MAX (1ull << 53) /* integers up to here are exact in a double */

BOOKS_INLINE int in_range(int64_t value)
{
	return (uint64_t)value - 1 < EXACT_MAX;
}

/* books_messages.h, as books_plain.c and books_wide.c compile it: books_apply(). */
int32_t apply_plain(struct books *books, const struct hp_message *message);
int32_t apply_wide(struct books *books, const struct hp_message *message);
/* Has this processor what apply_wide() needs? */
uint32_t apply_wide_runs(void);
/* books.c: messages that leave levels alone. */
int32_t apply_note(struct books *books, const struct hp_message *message);

/* books_room.c: blocks of rungs. */

/* The first rung of a free block of ROOM_LEAST << class, or 0: there is none. */
uint32_t room_take(struct books *books, uint32_t class);
void room_give(struct books *books, uint32_t rung, uint32_t class);
/* All of the rungs are free. */
void room_init(struct books *books);

/* books_side.c: what is rare about a side. */

/* The last rung whose key is at most `key`: that of its level, or the one it has to follow. */
uint32_t side_find(const struct books *books, const struct side *side, uint32_t levels, double key);
/* Makes a hole of one rung before `at`, in a larger block if need be, and returns where it is; 0 = no room.
 */
uint32_t side_make_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at);
/* Closes the hole left by the rung at `at`; `levels` counts it. */
void side_close_hole(struct books *books, struct side *side, uint32_t levels, uint32_t at);
/* Moves the side into a block half as large, if there is one. */
void side_shrink(struct books *books, struct side *side, uint32_t levels);
/* Gives back the block of a side whose levels are gone. */
void side_reset(struct books *books, struct side *side);

/* books_watch.c. */

/* Order `order` of a watched level is about to lose `qty`, or (gone) to leave. */
void watch_order(struct books *books, uint32_t level, uint32_t order, uint64_t qty, int gone);
/* A watched level has another quantity: of an L2 book; 0 = it goes. */
void watch_level(struct books *books, uint32_t level, uint64_t qty);
/* The book is being cleared: whoever watches this level has lost the place. */
void watch_lost(struct books *books, uint32_t level);

/* books_tape.c. */

/* Prints a trade. */
void tape_print(struct books *books, struct symbol *symbol, const struct hp_message *message, double price,
		double qty, int bid);
/* Takes trade `message->other` back, if the tape still has it. */
void tape_break(struct books *books, struct symbol *symbol, const struct hp_message *message);

#endif
