/* SPDX-License-Identifier: MIT */
/* What observe.bpf.c, steer.bpf.c and native/measure/observe.c share: what is looked for and what was seen.
 */
#ifndef HP_OBSERVE_H
#define HP_OBSERVE_H

#define OBSERVE_SLOTS	16384 /* records whose order is waited for; a power of two */
#define OBSERVE_BUCKETS 2240  /* HP_HISTOGRAM_BUCKETS */

/* What to look for, addresses and ports as in the packet. A program looks for nothing while `on` is 0. */
struct observe_flow {
	__u32 on; /* process id of the observer */
	__u32 daddr, order_daddr;
	__u16 dport, order_dport;
};

/* When a record entered: slot (sequence number mod OBSERVE_SLOTS). */
struct observe_slot {
	__u64 seq, ns;
	__u32 session;	/* of observe_enters: the same number means another record in each */
	__u32 answered; /* 1: an order for it has left */
};

/* Where the feed stands, and what came. One flow comes on one queue: nobody else writes. */
struct observe_enters {
	__u64 datagrams, records, duplicates, malformed;
	__u64 next; /* after the highest sequence number of the session */
	__s64 ended_ns;
	__u32 ended;
	__u32 session;
};

/* What left, and how long it took: one of two, so that one can be emptied while the other is filled. */
struct observe_leaves {
	__u64 orders, matched, repeated, unmatched, overwritten; /* the first is the sum of the others */
	__u64 cancels, unparsed, resent;
	__u64 sum, min, max; /* ns; min is all ones while nothing matched */
	__u32 buckets[OBSERVE_BUCKETS];
};

#endif
