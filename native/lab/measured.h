/* SPDX-License-Identifier: MIT */
/*
 * What was measured on one real hour's recording of a large perpetual future, for the seeded market
 * (generator.c, its only user) to imitate: 445,262 rows, 6,547 messages after the snapshot, 344 s, tick 0.1,
 * quantities x 1000. Another market is another table.
 */
#ifndef HP_MEASURED_H
#define HP_MEASURED_H

#include <stdint.h>

#define KNOTS	 15
#define SHARE(x) ((uint64_t)((x)*4294967296.0)) /* a probability for random_chance() */

/* The quantiles' places, x 1e6: 0 5 10 20 30 40 50 60 70 80 90 95 99 99.9 100 %. */
static const uint32_t knots[KNOTS] = {0,      50000,  100000, 200000, 300000, 400000, 500000, 600000,
				      700000, 800000, 900000, 950000, 990000, 999000, 1000000};

/* Quantity depends on the distance from the top, in ticks. */
#define NEAR   60
#define MIDDLE 1300

/* Quantile tables, at the knots above. */
static const struct {
	uint32_t message[KNOTS];    /* records of one message; mean 67.7, lag-1 autocorrelation 0.72 */
	uint32_t gap_us[KNOTS];	    /* time between messages; mean 52.6 ms */
	uint32_t distance[KNOTS];   /* ticks from the top of its side, of records below the top */
	uint32_t move[KNOTS];	    /* ticks the price moved by, where it moved */
	uint32_t qty_top[KNOTS];    /* quantity at the top, */
	uint32_t qty_near[KNOTS];   /* ... up to NEAR ticks away, */
	uint32_t qty_middle[KNOTS]; /* ... up to MIDDLE ticks away, */
	uint32_t qty_deep[KNOTS];   /* ... beyond */
} real = {
	.message = {1, 13, 16, 20, 24, 29, 34, 42, 53, 74, 142, 252, 611, 999, 1226},
	.gap_us = {20339, 49919, 50497, 51028, 51429, 51824, 52206, 52603, 53024, 53522, 54470, 56883, 66218,
		   87109, 389984},
	/* measured up to 95 %; above it 287,000 at 97 % and 5,595,634 at most are brought within REACH */
	.distance = {1, 48, 87, 159, 234, 317, 433, 575, 832, 1344, 6220, 19004, 40000, 55000, 60000},
	.move = {1, 2, 4, 8, 13, 19, 23, 31, 40, 49, 73, 97, 266, 600, 685},
	.qty_top = {1, 21, 92, 320, 792, 1368, 2254, 3024, 3672, 4631, 6497, 8658, 16986, 93869, 146283},
	.qty_near = {1, 2, 2, 16, 49, 92, 136, 157, 251, 470, 1004, 1860, 7130, 40000, 131661},
	.qty_middle = {1, 2, 4, 10, 25, 51, 104, 178, 317, 532, 1098, 2194, 16454, 100000, 507564},
	.qty_deep = {1, 4, 12, 51, 120, 318, 803, 1554, 2321, 6516, 505073, 606675, 606825, 606825, 858739},
};

/* Shares of the records of a message (the rest change a level that is there); 21.6 % are removals in all. */
#define REAL_BID      SHARE(0.519)
#define REAL_TOP      SHARE(0.730) /* messages that change the quantity at a side's top */
#define REAL_NEW      SHARE(0.176) /* measured 0.193: there the book grows */
#define REAL_REMOVED  SHARE(0.176)
#define REAL_UNKNOWN  SHARE(0.040) /* removals of a level that is not there */
#define REAL_WIDE     SHARE(0.010) /* moves after which the spread is more than one tick */
#define REAL_NEW_MOOD SHARE(0.280) /* activity starts afresh: what gives the 0.72 above */

/* Share of messages in which the price moves, by how busy they are (places of `message`, x 1e6): 7.2 % in
 * all. */
static const struct {
	uint32_t above;
	uint64_t chance;
} real_moves[] = {{900000, SHARE(0.575)}, {750000, SHARE(0.082)}, {500000, SHARE(0.006)}, {0, 0}};

/* Mean ticks from one snapshot level to the next, from level `from` on: 1,613 ticks for 1,000 levels. */
static const struct {
	uint32_t from, widest; /* a step is 1..widest ticks */
} real_steps[] = {{50, 2}, {20, 3}, {0, 8}};

#endif
