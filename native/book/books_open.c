/* SPDX-License-Identifier: MIT */
/*
 * How the books' memory is laid out: the head, then one table after the other, each on a cache line of its
 * own. Everything is written once when it is opened, so that no message takes a page fault, and in huge pages
 * where the kernel gives them: four tables at random would otherwise miss the TLB with every line they miss.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "book/books_side.h"
#include "measure/clock.h"
#include "measure/error.h"

#define ORDERS_MAX     (1u << 28)
#define LEVELS_MAX     (1u << 26)
#define TRADES_DEFAULT 4096u
#define TRADES_MAX     (1u << 24)
#define SLOTS_LEAST    32u
#define HUGE_PAGE      (2u << 20)

/* Where each table lies, in bytes from the start. */
struct plan {
	uint32_t symbols, orders, levels, trades, slots, blocks;
	uint64_t symbols_at, orders_at, levels_at, keys_at, rungs_at, trades_at, watches_at, slots_at,
		classes_at, bytes;
};

static int is_count(double value, double least, double most)
{
	return value >= least && value <= most && value == (double)(uint64_t)value;
}

static int is_power(uint32_t value)
{
	return !(value & (value - 1));
}

static int check_options(const struct hp_books_options *options)
{
	if (!options)
		return fail(EINVAL, "Cannot size books: no options were given");
	if (!is_count(options->symbols, 1, HP_SYMBOLS))
		return fail(EINVAL, "Cannot size books for %.17g symbols: 1 to %d", options->symbols,
			    HP_SYMBOLS);
	if (!is_count(options->orders, 0, ORDERS_MAX))
		return fail(EINVAL, "Cannot size books for %.17g orders: 0 to %u", options->orders,
			    ORDERS_MAX);
	if (!is_count(options->levels, 1, LEVELS_MAX))
		return fail(EINVAL, "Cannot size books for %.17g levels: 1 to %u", options->levels,
			    LEVELS_MAX);
	if (!is_count(options->trades, 0, TRADES_MAX) || !is_power((uint32_t)options->trades))
		return fail(EINVAL, "Cannot size books for a tape of %.17g trades: a power of two up to %u",
			    options->trades, TRADES_MAX);
	return 0;
}

/* Reserves `count` records of `size` and returns where. */
static uint64_t place(struct plan *plan, uint64_t count, uint64_t size)
{
	uint64_t at = plan->bytes;

	plan->bytes = (at + count * size + 63) / 64 * 64;
	return at;
}

/* Slots twice the orders keep chains short; rungs lie in blocks at least a quarter full. */
static void make_plan(struct plan *plan, const struct hp_books_options *options)
{
	*plan = (struct plan){
		.symbols = (uint32_t)options->symbols,
		.orders = (uint32_t)options->orders,
		.levels = (uint32_t)options->levels,
		.trades = options->trades ? (uint32_t)options->trades : TRADES_DEFAULT,
		.slots = SLOTS_LEAST,
		.bytes = (sizeof(struct books) + 63) / 64 * 64,
	};
	while (plan->slots < 2 * plan->orders)
		plan->slots *= 2;
	plan->blocks = 1 + 2 * plan->symbols + 4 * plan->levels / ROOM_LEAST;
	plan->symbols_at = place(plan, plan->symbols, sizeof(struct hp_symbol));
	plan->watches_at = place(plan, HP_WATCHES, sizeof(struct hp_watch));
	plan->trades_at = place(plan, plan->trades, sizeof(struct hp_trade));
	plan->orders_at = place(plan, plan->orders + 1ull, sizeof(struct hp_book_order));
	plan->levels_at = place(plan, plan->levels + 1ull, sizeof(struct hp_book_level));
	plan->keys_at = place(plan, (uint64_t)plan->blocks * ROOM_LEAST, sizeof(double));
	plan->rungs_at = place(plan, (uint64_t)plan->blocks * ROOM_LEAST, sizeof(uint32_t));
	plan->slots_at = place(plan, plan->slots, sizeof(uint32_t));
	plan->classes_at = place(plan, plan->blocks, 1);
}

HP_API double hp_books_bytes(const struct hp_books_options *options)
{
	struct plan plan;
	int result = check_options(options);

	if (result)
		return result;
	make_plan(&plan, options);
	return (double)plan.bytes;
}

static void write_head(struct hp_books *head, const struct plan *plan, const struct hp_books_options *options)
{
	*head = (struct hp_books){
		.bytes = (double)plan->bytes,
		.price_scale = options->price_scale ? options->price_scale : 1,
		.qty_scale = options->qty_scale ? options->qty_scale : 1,
		.symbols_at = (double)plan->symbols_at,
		.orders_at = (double)plan->orders_at,
		.levels_at = (double)plan->levels_at,
		.keys_at = (double)plan->keys_at,
		.rungs_at = (double)plan->rungs_at,
		.trades_at = (double)plan->trades_at,
		.watches_at = (double)plan->watches_at,
		.symbols = plan->symbols,
		.orders = plan->orders,
		.levels = plan->levels,
		.trades = plan->trades,
	};
}

/* Every order and level but 0 is in the list of the free ones, the first at its head. */
static void fill_tables(struct books *books)
{
	for (uint32_t i = 0; i < books->head.symbols; i++) {
		books->symbols[i].flags = HP_BOOK_NO_BID | HP_BOOK_NO_ASK;
		books->symbols[i].side[BID] = books->symbols[i].side[ASK] = NO_SIDE;
	}
	for (uint32_t i = books->head.orders; i; i--) {
		books->orders[i].chain = books->free_order;
		books->free_order = i;
	}
	for (uint32_t i = books->head.levels; i; i--) {
		books->levels[i].head = books->free_level;
		books->free_level = i;
	}
	for (uint32_t i = 0; i < ROOM_LEAST; i++)
		books->keys[i] = -INFINITY;
	room_init(books);
}

static uint64_t secret(const void *memory)
{
	uint64_t mix;

	if (getrandom(&mix, sizeof(mix), GRND_NONBLOCK) != sizeof(mix))
		mix = (uint64_t)(uintptr_t)memory * 0x9e3779b97f4a7c15u ^ clock_ticks();
	return mix | 1;
}

/* A wish: whoever refuses it costs time only. */
static void ask_for_huge_pages(void *memory, uint64_t bytes)
{
	uintptr_t from = ((uintptr_t)memory + HUGE_PAGE - 1) & -(uintptr_t)HUGE_PAGE;
	uintptr_t to = ((uintptr_t)memory + bytes) & -(uintptr_t)HUGE_PAGE;

	if (to > from)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
}

HP_API struct hp_books *hp_books_open(void *memory, double bytes, const struct hp_books_options *options)
{
	struct books *books = memory;
	char *start = memory;
	struct plan plan;

	if (check_options(options))
		return NULL;
	make_plan(&plan, options);
	if (!memory || (uintptr_t)memory % 64) {
		fail(EINVAL, "Cannot lay out books at address %p: memory aligned to 64 bytes is needed",
		     memory);
		return NULL;
	}
	if (!(bytes >= (double)plan.bytes)) {
		fail(EINVAL, "Cannot lay out these books in %.17g bytes: they take %.0f", bytes,
		     (double)plan.bytes);
		return NULL;
	}
	ask_for_huge_pages(memory, plan.bytes);
	memset(memory, 0, plan.bytes);
	write_head(&books->head, &plan, options);
	books->symbols = (struct symbol *)(start + plan.symbols_at);
	books->watches = (struct hp_watch *)(start + plan.watches_at);
	books->trades = (struct hp_trade *)(start + plan.trades_at);
	books->orders = (struct hp_book_order *)(start + plan.orders_at);
	books->levels = (struct hp_book_level *)(start + plan.levels_at);
	books->keys = (double *)(start + plan.keys_at);
	books->rungs = (uint32_t *)(start + plan.rungs_at);
	books->slots = (uint32_t *)(start + plan.slots_at);
	books->block_class = (uint8_t *)(start + plan.classes_at);
	books->blocks = plan.blocks;
	books->mix = secret(memory);
	books->shift = 64 - (uint32_t)__builtin_ctz(plan.slots / 16);
	books->wide = apply_wide_runs();
	fill_tables(books);
	return &books->head;
}
