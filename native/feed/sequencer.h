/* SPDX-License-Identifier: MIT */
/*
 * Puts the records of lll in sequence, a record at a time. Pull-shaped, so that
 * the loop can stamp each record on its own:
 *
 *   sequencer_push(feed, data, len, truncated);
 *   while ((kind = sequencer_next(feed, &update, now)) != SEQUENCED_NONE) ...
 *
 * The datagram's bytes must stay valid until sequencer_next() returned SEQUENCED_NONE; records that wait for
 * a missing one are copied into the window.
 */
#ifndef HP_SEQUENCER_H
#define HP_SEQUENCER_H

#include "hotpath.h"

#define SEQUENCER_WINDOW 64 /* records a hole may hold back */

enum sequenced_kind { SEQUENCED_NONE = 0, SEQUENCED_UPDATE = 1, SEQUENCED_GAP = 2 };

/* One record in sequence, or a gap (seq = first lost record, count = how many). */
struct sequenced {
	int64_t seq;
	int64_t sent_ns;    /* ns since the Unix epoch, the sender's stamp */
	int64_t price, qty; /* scaled integers */
	uint32_t flags;	    /* HP_FLAG_BID, _SNAPSHOT, _LAST, _MORE */
	uint32_t fresh;	    /* 1: first record of a new session (sequence restarted) */
	int64_t count;	    /* SEQUENCED_GAP */
};

/* A record as it waits in the window: decoded once. */
struct lll_record {
	int64_t seq, sent_ns, price;
	int32_t qty;
	uint32_t flags;
};

struct sequencer {
	struct hp_feed_stats *stats;
	struct hp_report *report;
	const uint8_t *data;	     /* the datagram being read ... */
	uint32_t left;		     /* ... and its bytes still unread */
	int started;		     /* a first record was seen */
	int ended;		     /* the session's last record was handed on ... */
	int64_t ended_ns;	     /* ... and this was its stamp */
	int64_t expected;	     /* next sequence number to hand on */
	int64_t gap_from, gap_count; /* a gap to report before the next record */
	uint64_t hole_ticks;	     /* age at which a hole is given up */
	uint64_t hole_since;	     /* tick at which the oldest waiting record came; while something waits */
	uint32_t waiting;	     /* records in the window */
	uint32_t fresh;		     /* the next record handed on starts a session */
	uint64_t present;	     /* bit (seq % 64): that slot of the window is filled */
	struct lll_record window[SEQUENCER_WINDOW];
	uint64_t came[SEQUENCER_WINDOW]; /* tick at which each of them came */
};

/* hole_ns: a missing record older than this is a gap; 0 = 1 ms. Counters and report are the caller's and
 * start at 0. */
void sequencer_init(struct sequencer *feed, struct hp_feed_stats *stats, struct hp_report *report,
		    uint64_t hole_ns);
/* Takes a datagram. A truncated or odd-sized one is counted and refused whole: nobody knows what its bytes
 * are. */
void sequencer_push(struct sequencer *feed, const uint8_t *data, uint32_t len, uint32_t truncated);
/* Next record or gap; SEQUENCED_NONE when the datagram is used up and nothing in the window can go. now:
 * clock_ticks(). */
int sequencer_next(struct sequencer *feed, struct sequenced *out, uint64_t now);

#endif
