/* SPDX-License-Identifier: MIT */
/*
 * The seeded market: a made-up instrument whose book behaves like one real hour's, for everybody who has no
 * capture at hand. Same options, same tape, on every machine: one integer generator, integer tables, no
 * floating point in what is emitted.
 *
 * How it works. The market speaks in messages, as the real feed does: a state of activity that lasts a few
 * messages says how many records the next one has; in busy messages the price may move, which removes the
 * levels it runs over and puts new ones behind it; the rest of the message changes, adds and removes levels
 * at distances from the top drawn from the measured ones. Records of a message are emitted in the real
 * feed's order, bids then asks by rising price, so that the book may look crossed inside a message and never
 * does after one.
 *
 * What it trades away: prices beyond a tenth of the real price (2 % of the real updates, orders nobody
 * expects to be hit) are drawn in nearer; levels do not remember how long they have lived; the number of
 * levels stays near the snapshot's, where the real feed uncovers more of the book as it goes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/measured.h"
#include "lab/random.h"
#include "lab/side.h"
#include "lab/tape.h"
#include "measure/error.h"

#define LEVELS_MIN  10
#define LEVELS_MAX  20000
#define RECORDS_MAX 100000000
#define DRIFT_MAX   3000	/* ticks the price strays from its start */
#define REACH	    (64 * 1024) /* ticks: farther from the start nothing is ever emitted */

struct market {
	struct random random;
	struct hp_tape *tape;
	struct side sides[2]; /* [1] bids */
	uint32_t levels;
	uint32_t mood;	     /* activity: a place in real.message */
	uint32_t pending;    /* records of the message being made */
	int64_t start, tick; /* price in ticks, tick x price_scale */
	int64_t at_us;
	uint64_t left; /* records still to make */
};

static uint32_t place(struct market *market)
{
	return random_below(&market->random, 1000000);
}

/* The value of a quantile table at a place: linear between knots. */
static uint32_t quantile(const uint32_t *table, uint32_t at)
{
	int i = 1;

	while (i < KNOTS - 1 && at >= knots[i])
		i++;
	return table[i - 1] + (uint32_t)((uint64_t)(table[i] - table[i - 1]) * (at - knots[i - 1]) /
					 (knots[i] - knots[i - 1]));
}

static uint32_t draw(struct market *market, const uint32_t *table)
{
	return quantile(table, place(market));
}

static int32_t draw_qty(struct market *market, int64_t distance)
{
	const uint32_t *table = distance <= 0	     ? real.qty_top
				: distance <= NEAR   ? real.qty_near
				: distance <= MIDDLE ? real.qty_middle
						     : real.qty_deep;

	return (int32_t)draw(market, table);
}

/* Sets the level at `index` and gives it its record in this message. */
static void touch(struct market *market, struct side *side, uint32_t index, int32_t qty)
{
	struct level *level = &side->levels[index];

	side->live += (qty != 0) - (level->qty != 0);
	level->qty = qty;
	level->touched = 1;
	market->pending++;
}

/* Makes a level that is not there and touches it. With quantity 0: the removal of an unknown level. */
static void insert(struct market *market, struct side *side, uint32_t index, int64_t key, int32_t qty)
{
	for (uint32_t i = side->count; i > index; i--)
		side->levels[i] = side->levels[i - 1];
	side->levels[index] = (struct level){.key = key};
	side->count++;
	touch(market, side, index, qty);
}

static int emit(struct market *market, int bid, const struct level *level, uint32_t flags)
{
	struct tape_record record = {
		.price = (bid ? level->key : -level->key) * market->tick,
		.qty = level->qty,
		.flags = (uint8_t)(flags | (bid ? HP_FLAG_BID : 0)),
		.at_ns = market->at_us * 1000,
	};

	return tape_append(market->tape, &record);
}

/* Emits what a message touched on one side, by rising price, and drops the levels it removed. */
static int emit_side(struct market *market, int bid)
{
	struct side *side = &market->sides[bid];
	uint32_t kept = 0;
	int code;

	for (uint32_t i = 0; i < side->count; i++) {
		struct level *level = &side->levels[bid ? i : side->count - 1 - i];

		if (!level->touched)
			continue;
		level->touched = 0;
		code = emit(market, bid, level, 0);
		if (code)
			return code;
	}
	for (uint32_t i = 0; i < side->count; i++)
		if (side->levels[i].qty)
			side->levels[kept++] = side->levels[i];
	side->count = kept;
	return 0;
}

/* The snapshot: best first, bids first, as exchanges send it. */
static int emit_snapshot(struct market *market)
{
	for (int bid = 1; bid >= 0; bid--) {
		struct side *side = &market->sides[bid];
		int64_t top = bid ? market->start : -(market->start + 1), distance = 0;
		int code;

		side->count = side->live = market->levels;
		for (uint32_t i = 0; i < market->levels; i++) {
			struct level *level = &side->levels[market->levels - 1 - i];
			int step = 0;

			*level = (struct level){.key = top - distance, .qty = draw_qty(market, distance)};
			code = emit(market, bid, level, HP_FLAG_SNAPSHOT);
			if (code)
				return code;
			while (i < real_steps[step].from)
				step++;
			distance += 1 + random_below(&market->random, real_steps[step].widest);
		}
	}
	return 0;
}

/*
 * The price moves by `ticks` towards `away`: that side's levels up to there are removed, its new top stands
 * there, and the other side follows to one tick (rarely more) from it, leaving a few levels on the way.
 */
static void move_price(struct market *market, int away, int64_t ticks)
{
	struct side *gone = &market->sides[away], *follows = &market->sides[!away];
	int64_t edge = side_best(gone) - ticks, from = side_best(follows), key;
	int64_t spread =
		random_chance(&market->random, REAL_WIDE) ? 2 + random_below(&market->random, 60) : 1;
	uint32_t index = gone->count;

	while (index && gone->levels[index - 1].key > edge)
		touch(market, gone, --index, 0);
	if (!side_is_at(gone, index - 1, edge))
		insert(market, gone, index, edge, draw_qty(market, 0));
	for (key = from + 1 + random_below(&market->random, 8); key < -edge - spread;
	     key += 1 + random_below(&market->random, 12))
		insert(market, follows, follows->count, key, draw_qty(market, -edge - spread - key));
	if (-edge - spread > from)
		insert(market, follows, follows->count, -edge - spread, draw_qty(market, 0));
}

/* Whether, how far and which way the price moves in this message. */
static void maybe_move(struct market *market)
{
	int64_t bid = side_best(&market->sides[1]), spread = -side_best(&market->sides[0]) - bid;
	int64_t ticks = draw(market, real.move), up;
	int busy = 0;

	while (market->mood < real_moves[busy].above)
		busy++;
	/* A random walk held on a long leash: the farther out, the likelier the way back. */
	up = (int64_t)random_below(&market->random, 2 * DRIFT_MAX) - DRIFT_MAX > bid - market->start;
	if (!random_chance(&market->random, real_moves[busy].chance))
		return;
	/* At most one removal and one new level a tick, and the new tops: they must fit what is left. */
	if ((uint64_t)(2 * ticks + spread + 2) > market->left || ticks > market->levels)
		return;
	move_price(market, up ? 0 : 1, ticks);
}

/* The level nearest to `key` that may be changed or, never the top, removed. 0: none in reach. */
static int nearest(const struct side *side, int64_t key, int64_t top, int remove, uint32_t *out)
{
	uint32_t index = side_find(side, key);

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t at = i & 1 ? index - 1 - i / 2 : index + i / 2; /* wraps below 0: out of range */

		if (at < side->count && !side->levels[at].touched &&
		    (!remove || side->levels[at].key < top)) {
			*out = at;
			return 1;
		}
	}
	return 0;
}

/* A new level (or the removal of an unknown one) at the first free price from `key` down. */
static void add_level(struct market *market, struct side *side, int64_t key, int64_t top, int unknown)
{
	for (int i = 0; i < 64; i++, key--) {
		uint32_t index = side_find(side, key);

		if (key < top && !side_is_at(side, index, key)) {
			insert(market, side, index, key, unknown ? 0 : draw_qty(market, top - key));
			return;
		}
	}
}

static void change(struct market *market, struct side *side, uint32_t index, int64_t top)
{
	const struct level *level = &side->levels[index];
	int32_t qty = draw_qty(market, top - level->key);

	touch(market, side, index, qty + (qty == level->qty));
}

/* The quantity at the top of both sides changes in most messages. */
static void change_tops(struct market *market)
{
	for (int bid = 1; bid >= 0; bid--) {
		struct side *side = &market->sides[bid];
		int64_t top = side_best(side);
		uint32_t index = side_find(side, top);

		if (random_chance(&market->random, REAL_TOP) && market->pending < market->left &&
		    !side->levels[index].touched)
			change(market, side, index, top);
	}
}

/* One record of a message, if the draw leads to one. */
static void make_record(struct market *market)
{
	int bid = random_chance(&market->random, REAL_BID);
	struct side *side = &market->sides[bid];
	int64_t top = side_best(side), key = top - draw(market, real.distance);
	uint64_t kind = random_next(&market->random) >> 32;
	uint32_t slack = market->levels / 20, index;
	int remove;

	if (key < (bid ? 1 : -market->start - REACH))
		return;
	if (kind < REAL_UNKNOWN) {
		add_level(market, side, key, top, 1);
		return;
	}
	if (kind < REAL_UNKNOWN + REAL_NEW + REAL_REMOVED) {
		remove = kind >= REAL_UNKNOWN + REAL_NEW;
		/* The count is held by turning one into the other; too many, and the deepest goes. */
		if (side->live > market->levels + slack)
			remove = 1, key = INT64_MIN;
		else if (side->live + slack < market->levels)
			remove = 0;
		if (!remove)
			add_level(market, side, key, top, 0);
		else if (side->live > LEVELS_MIN / 2 && nearest(side, key, top, 1, &index))
			touch(market, side, index, 0);
		return;
	}
	if (nearest(side, key, top, 0, &index))
		change(market, side, index, top);
}

static int make_message(struct market *market)
{
	uint32_t size;
	int code;

	if (random_chance(&market->random, REAL_NEW_MOOD))
		market->mood = place(market);
	size = quantile(real.message, market->mood);
	market->at_us += draw(market, real.gap_us);
	market->pending = 0;
	maybe_move(market);
	change_tops(market);
	if (size > market->left)
		size = (uint32_t)market->left;
	/* A small book cannot give every message as many records as the real one: then it is shorter. */
	for (uint32_t tries = 0; market->pending < size && tries < 2 * size; tries++)
		make_record(market);
	market->left -= market->pending;
	code = emit_side(market, 1);
	return code ? code : emit_side(market, 0);
}

/* Options with their defaults filled in. 0 or fail(EINVAL). */
static int check(const struct hp_market_options *in, struct hp_market_options *out)
{
	*out = *in;
	out->records = in->records ? in->records : 400000;
	out->levels = in->levels ? in->levels : 1000;
	out->price = in->price ? in->price : 617000;
	out->tick = in->tick ? in->tick : 100000;
	if (!(out->seed >= 0 && out->seed <= 9007199254740992.0))
		return fail(EINVAL, "Cannot make a market of seed %g: seeds are 0 to 2^53", out->seed);
	if (!(out->records >= 1 && out->records <= RECORDS_MAX))
		return fail(EINVAL, "Cannot make a market of %g records: ask for 1 to %d", out->records,
			    RECORDS_MAX);
	if (!(out->levels >= LEVELS_MIN && out->levels <= LEVELS_MAX))
		return fail(EINVAL, "Cannot make a market of %g levels a side: ask for %d to %d", out->levels,
			    LEVELS_MIN, LEVELS_MAX);
	if (!(out->price >= 2 * DRIFT_MAX + 4 * out->levels))
		return fail(
			EINVAL,
			"Cannot make a market at %g ticks: %g levels and the price's own moves need a start "
			"of at least %g ticks",
			out->price, out->levels, 2 * DRIFT_MAX + 4 * out->levels);
	if (!(out->tick >= 1 && (out->price + REACH) * out->tick <= 9007199254740992.0))
		return fail(
			EINVAL,
			"Cannot make a market of tick %g at %g ticks: the tick must be at least 1 and the "
			"price below 2^53 (both x price_scale)",
			out->tick, out->price);
	return 0;
}

struct hp_tape *hp_tape_generate(const struct hp_market_options *given, int32_t pack)
{
	struct hp_market_options options;
	struct market market = {0};
	int code;

	if (!given) {
		fail(EINVAL, "Cannot make a market: no options were given");
		return NULL;
	}
	if (tape_check_pack(pack) || check(given, &options))
		return NULL;
	market.random.state = (uint64_t)options.seed;
	market.levels = (uint32_t)options.levels;
	market.start = (int64_t)options.price;
	market.tick = (int64_t)options.tick;
	market.left = (uint64_t)options.records;
	market.tape = tape_new(2 * market.levels + market.left);
	if (!market.tape)
		return NULL;
	/*
	 * Room for what a side can hold: its levels and 5 % between messages, a few more after a move; inside
	 * a message also what it removes, and no message touches more than twice the largest move's ticks.
	 */
	for (int bid = 0; bid < 2; bid++)
		market.sides[bid].levels =
			malloc((market.levels + market.levels / 10 + 8192) * sizeof(struct level));
	code = market.sides[0].levels && market.sides[1].levels
		       ? emit_snapshot(&market)
		       : fail(ENOMEM, "Cannot make a market of %u levels a side: out of memory",
			      market.levels);
	while (!code && market.left)
		code = make_message(&market);
	free(market.sides[0].levels);
	free(market.sides[1].levels);
	if (code) {
		hp_tape_close(market.tape);
		return NULL;
	}
	snprintf(market.tape->info.symbol, sizeof(market.tape->info.symbol), "hotpath SEED-%" PRIu64,
		 (uint64_t)options.seed);
	market.tape->info.price_scale = 1e6;
	market.tape->info.qty_scale = 1000;
	tape_pack(market.tape, pack);
	return market.tape;
}
