/* SPDX-License-Identifier: MIT */
/*
 * A feed: a market-data protocol with its sequencing, one file a protocol behind this interface. Pull-shaped,
 * so that the loop can stamp each message on its own:
 *
 *   feed->ops->push(feed, &packet);
 *   while ((kind = feed_take(feed, &message, now)) != FEED_NONE) ...
 *
 * A packet's bytes must stay valid until next() returned FEED_NONE; what has to wait for something missing is
 * copied. A feed decodes ahead of what it hands on, and feed_ahead() shows what comes: who keeps a book has
 * the time to fetch what it will touch.
 */
#ifndef HP_FEED_H
#define HP_FEED_H

#include "hotpath.h"

#define FEED_RING	   64u /* messages decoded and not handed on yet, at most; a power of two */
#define FEED_LINES	   2   /* lines A and B; what a re-request server sends is a third */
#define FEED_LINE_RECOVERY FEED_LINES

enum feed_kind {
	FEED_NONE = 0,	  /* nothing (more) can be handed on now */
	FEED_MESSAGE = 1, /* *message is the next one; valid until the next call */
	FEED_GAP = 2,	  /* feed->gap: messages are missing; from here on books are stale */
	FEED_REPAIR = 3,  /* what was missing since the last GAP has been handed on: books are good again */
};

/* One datagram. */
struct feed_packet {
	const uint8_t *data;
	uint32_t len;
	uint32_t truncated; /* 1: it was longer than `len` */
	uint32_t line;	    /* 0 A, 1 B, FEED_LINE_RECOVERY */
	uint64_t now;	    /* clock_ticks() when it was received */
};

/* What is missing. */
struct feed_gap {
	int64_t first, count;
	int lost; /* 0: it is being asked for, a REPAIR may follow; 1: given up */
};

struct feed;

struct feed_ops {
	const char *name;
	void (*push)(struct feed *feed, const struct feed_packet *packet);
	/* now: clock_ticks(), by which the age of a hole is judged. */
	enum feed_kind (*next)(struct feed *feed, const struct hp_message **message, uint64_t now);
	/* Frees what open took. */
	void (*close)(struct feed *feed);
};

/* Every feed's struct begins with this. */
struct feed {
	const struct feed_ops *ops;
	struct hp_report *report; /* the caller's */
	struct feed_gap gap;
	uint32_t waits;	     /* 1: next() is to be called on a quiet wire as well: something is missing */
	uint32_t over;	     /* 1: the session has ended, and all of it was handed on */
	uint32_t head, tail; /* of the ring; run freely */
	uint32_t low;	     /* with more messages in the ring, next() would only hand on the first of them */
	struct hp_message ring[FEED_RING] __attribute__((aligned(64)));
};

/* There are messages that feed_take() hands on without a call. */
static inline int feed_ready(const struct feed *feed)
{
	return feed->tail - feed->head > feed->low;
}

/* next(), without the call where there is nothing to do but to hand on a message that is decoded. */
static inline enum feed_kind feed_take(struct feed *feed, const struct hp_message **message, uint64_t now)
{
	if (__builtin_expect(!feed_ready(feed), 0))
		return feed->ops->next(feed, message, now);
	*message = &feed->ring[feed->head++ % FEED_RING];
	return FEED_MESSAGE;
}

/* The message that will be handed on after `distance` others, or NULL: not decoded yet. 0 = the next one. */
static inline const struct hp_message *feed_ahead(const struct feed *feed, uint32_t distance)
{
	return feed->tail - feed->head > distance ? &feed->ring[(feed->head + distance) % FEED_RING] : NULL;
}

/* Counts a fault, and keeps it when it is the first of its kind (native/feed/report.c). */
void report_fault(struct hp_report *report, enum hp_fault fault, double seq, const uint8_t *bytes,
		  uint32_t len);

#endif
