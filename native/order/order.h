/* SPDX-License-Identifier: MIT */
/*
 * Order entry: checks (risk.c), the encoder (feed/lll.c's order record), and one TCP session that sends by
 * plain send() or by io_uring. Nothing here allocates or blocks after open, but the first connect.
 */
#ifndef HP_ORDER_H
#define HP_ORDER_H

#include "hotpath.h"

#define ORDER_BUFFER  (64 * 1024) /* bytes a slow peer may hold back before orders are refused */
#define ORDER_TRACKED 8192	  /* orders whose acknowledgement is awaited: peers may delay it by 200 ms */

/* What is to be sent; prices and quantities scaled, times ns since the Unix epoch. */
struct order {
	double id, price, qty;
	int32_t buy;
	int64_t trigger_seq, trigger_recv_ns, submit_ns;
};

/* A change the strategy should hear of. */
struct order_event {
	double id;
	int32_t state;	/* enum hp_order_state; -1: link event */
	int32_t linked; /* link event: 1 connected, 0 lost */
};

struct order_session;

/* Connects (waits at most connect_ms), in the caller's current namespace. 0 and *out, or fail(...). */
int order_open(struct order_session **out, const struct hp_order_options *options,
	       struct hp_order_stats *stats);
/*
 * Checks and encodes into the outbound buffer. 0, or -EINVAL (price), -ERANGE (quantity), -EDQUOT (notional),
 * -ENOTCONN (no link), -ENOBUFS (buffer or tracking full); counted by reason. Stale books are the engine's
 * check.
 */
int order_prepare(struct order_session *session, const struct order *order);
/* An order record with the id and quantity 0. 0 or as order_prepare(). */
int order_prepare_cancel(struct order_session *session, const struct order *order);
/* Hands the buffer to the kernel. Bytes still waiting (0 = all gone), or -errno: the link is lost. */
int order_flush(struct order_session *session);
/*
 * Housekeeping between turns: finishes partial sends, learns acknowledgements (at most one TCP_INFO/SIOCOUTQ
 * a call and only while orders are outstanding), notices a closed peer, reconnects. 1 and *out when there is
 * something to tell (call again), else 0. now: clock_ticks().
 */
int order_service(struct order_session *session, struct order_event *out, uint64_t now);
/* Descriptor for poll(): readable when the peer closed. -1 while disconnected. */
int order_fd(const struct order_session *session);
void order_close(struct order_session *session);

#endif
