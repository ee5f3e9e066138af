// SPDX-License-Identifier: MIT
/*
 * A tape tells levels; ITCH tells orders. Each level is made one order: where a level appears an order is
 * added (A, now and then F), where it shrinks the order is cancelled in part (X) or trades (E, C), where it
 * grows the order is replaced (U), where it vanishes the order is deleted (D) or trades away. A snapshot in
 * the middle of a tape deletes what was there before it. So the orders that are live at the end are the
 * tape's own levels, and every reference is one that was given before.
 *
 * What it trades away: queues. A level has one order, and nobody ever stands behind another.
 *
 * Prices are the tape's, in ten-thousandths: a tape with finer ones has them rounded down, and two of its
 * levels may then be two orders at one price.
 */
#include <errno.h>
#include <inttypes.h>

#include "lab/publisher_market.h"
#include "lab/publisher_orders.h"
#include "measure/error.h"

#define OPENING	   (UINT64_C(34200) * 1000000000) /* half past nine, ns since midnight */
#define PRICE_MOST 2000000000			  /* of ITCH: 200,000.0000 */

struct market {
	struct itch itch;
	struct random random;
	const struct hp_tape *const *tapes;
	uint32_t count;
	char names[MARKET_SYMBOLS][8];
	size_t at[MARKET_SYMBOLS]; /* next record of each tape */
	struct live_orders levels; /* by level_key() */
	struct tape_record now;	   /* the record being written ... */
	uint32_t of;		   /* ... and its symbol */
};

/* One in `n`. */
static int now_and_then(struct market *market, uint32_t n)
{
	return random_below(&market->random, n) == 0;
}

static uint64_t level_key(uint32_t symbol, int64_t price, int bid)
{
	return (uint64_t)symbol << 56 | (uint64_t)(bid != 0) << 55 |
	       ((uint64_t)price & ((UINT64_C(1) << 55) - 1));
}

/* The symbol of a tape, "binance-futures BTCUSDT", as ITCH writes it: eight characters of its last word. */
static void name_symbol(char *name, const struct hp_tape *tape)
{
	const char *word = strrchr(tape->info.symbol, ' ');
	size_t length;

	word = word ? word + 1 : tape->info.symbol;
	length = strnlen(word, 8);
	memset(name, ' ', 8);
	memcpy(name, word, length);
}

static struct itch_order order_of(const struct market *market, const struct live_order *level)
{
	struct itch_order order = {
		.order = level->number,
		.qty = level->qty,
		.price = level->price,
		.symbol = (uint16_t)(level->symbol + 1),
		.side = level->side,
	};

	memcpy(order.name, market->names[level->symbol], 8);
	return order;
}

/* A price of the tape, as ITCH writes it. */
static double itch_price(const struct market *market)
{
	return (double)market->now.price * 1e4 / market->tapes[market->of]->info.price_scale;
}

static int appear(struct market *market, uint64_t key)
{
	struct live_order level = {
		.key = key,
		.number = market->itch.next_order++,
		.qty = (uint32_t)market->now.qty,
		.price = (uint32_t)itch_price(market),
		.symbol = (uint16_t)market->of,
		.side = market->now.flags & HP_FLAG_BID ? 'B' : 'S',
	};
	struct itch_order order = order_of(market, &level);
	int code = live_put(&market->levels, &level);

	return code ? code : itch_add(&market->itch, &order, now_and_then(market, 16));
}

/* `qty` of the order go: by a trade or by its owner's will. */
static int shrink(struct market *market, const struct itch_order *order, uint32_t qty)
{
	if (!now_and_then(market, 8))
		return qty == order->qty ? itch_delete(&market->itch, order)
					 : itch_cancel(&market->itch, order, qty);
	if (now_and_then(market, 8)) {
		int code = itch_trade(&market->itch, order, qty);

		if (code)
			return code;
	}
	return itch_execute(&market->itch, order, qty, now_and_then(market, 4));
}

static int change(struct market *market, struct live_order *level, uint32_t qty)
{
	struct itch_order order = order_of(market, level);
	uint64_t before = level->number;

	if (qty == level->qty)
		return 0;
	if (qty < level->qty) {
		uint32_t less = level->qty - qty;

		if (qty)
			level->qty = qty;
		else
			live_drop(&market->levels, level);
		return shrink(market, &order, less);
	}
	order.qty = level->qty = qty;
	order.order = level->number = market->itch.next_order++;
	return itch_replace(&market->itch, &order, before);
}

/* Deletes what a symbol has. */
static int clear(struct market *market)
{
	for (size_t i = 0; i < market->levels.room;) {
		struct live_order *level = &market->levels.slots[i];
		struct itch_order order;
		int code;

		if (!level->qty || level->symbol != market->of) {
			i++;
			continue;
		}
		order = order_of(market, level);
		live_drop(&market->levels, level); /* another one may stand here now: look again */
		code = itch_delete(&market->itch, &order);
		if (code)
			return code;
	}
	return 0;
}

static int write_record(struct market *market, int begins_snapshot)
{
	const struct tape_record *now = &market->now;
	uint64_t key = level_key(market->of, now->price, now->flags & HP_FLAG_BID);
	struct live_order *level;
	int code;

	if (itch_price(market) < 1 || itch_price(market) > PRICE_MOST || now->qty < 0)
		return fail(ERANGE,
			    "Cannot write %d at a price of %" PRId64 "/%g as ITCH: its prices are 0.0001 to "
			    "200,000; take another tape",
			    now->qty, now->price, market->tapes[market->of]->info.price_scale);
	code = begins_snapshot ? clear(market) : 0;
	if (code)
		return code;
	level = live_find(&market->levels, key);
	if (level)
		return change(market, level, (uint32_t)now->qty);
	return now->qty ? appear(market, key) : 0;
}

/* The tape whose next record comes first. 0: none has any more. */
static int choose(struct market *market)
{
	int found = 0;

	for (uint32_t i = 0; i < market->count; i++) {
		const struct hp_tape *tape = market->tapes[i];

		if (market->at[i] == tape->count)
			continue;
		if (found && tape->records[market->at[i]].at_ns >= market->now.at_ns)
			continue;
		market->now = tape->records[market->at[i]];
		market->of = i;
		found = 1;
	}
	return found;
}

static int write_opening(struct market *market)
{
	struct itch *itch = &market->itch;
	int code = itch_system(itch, 'O');

	if (!code)
		code = itch_system(itch, 'S');
	for (uint32_t i = 0; !code && i < market->count; i++)
		code = itch_directory(itch, (uint16_t)(i + 1), market->names[i]);
	for (uint32_t i = 0; !code && i < market->count; i++)
		code = itch_trading(itch, (uint16_t)(i + 1), market->names[i], 'T');
	return code ? code : itch_system(itch, 'Q');
}

static int write_records(struct market *market)
{
	int code = 0;

	while (!code && choose(market)) {
		size_t at = market->at[market->of]++;
		const struct tape_record *record = &market->tapes[market->of]->records[at];
		uint64_t time = OPENING + (record->at_ns > 0 ? (uint64_t)record->at_ns : 0);

		/* Recordings step back in time now and then; an exchange does not. */
		if (time > market->itch.time)
			market->itch.time = time;
		code = write_record(market, at && (record->flags & HP_FLAG_SNAPSHOT) &&
						    !(record[-1].flags & HP_FLAG_SNAPSHOT));
	}
	return code;
}

static int write_closing(struct market *market)
{
	int code = itch_system(&market->itch, 'M');

	if (!code)
		code = itch_system(&market->itch, 'E');
	return code ? code : itch_system(&market->itch, 'C');
}

int market_write(struct store *store, const struct hp_tape *const *tapes, uint32_t count, uint64_t seed)
{
	struct market market = {
		.itch = {.store = store, .time = OPENING, .next_order = 1, .next_match = 1},
		.random = {seed},
		.tapes = tapes,
		.count = count,
	};
	int code;

	for (uint32_t i = 0; i < count; i++)
		name_symbol(market.names[i], tapes[i]);
	code = write_opening(&market);
	if (!code)
		code = write_records(&market);
	if (!code)
		code = write_closing(&market);
	live_free(&market.levels);
	return code;
}
