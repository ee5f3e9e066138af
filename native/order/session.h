/* SPDX-License-Identifier: MIT */
/* The order room's inside: risk.c checks, tcp.c owns the connection, send.c the ways out, session.c the rest.
 */
#ifndef HP_SESSION_H
#define HP_SESSION_H

#include <netinet/in.h>
#include <sys/types.h>

#include "order.h"
#include "uring.h"

enum link { LINK_DOWN = 0, LINK_CONNECTING = 1, LINK_UP = 2 };

/* An order or cancel in the byte stream, until its last byte is acknowledged. */
struct tracked {
	double id;
	uint64_t end; /* stream offset after its last byte */
	uint8_t cancel;
	uint8_t queued; /* a flush left it (or part of it) here: SENT is to be told */
};

struct order_session {
	struct hp_order_options options;
	struct hp_order_stats *stats;
	struct sockaddr_in peer;
	char name[32]; /* "10.0.0.1:9012" */
	int fd;	       /* one socket for life, so that reconnects stay in its network namespace */
	enum link link;
	int lost;	/* the link went; FAILED orders and the loss itself are still to be told */
	int back;	/* the link is up again; to be told */
	int blocked;	/* the kernel took nothing more at the last send */
	uint32_t looks; /* sending on and asking for acknowledgements take turns ... */
	int drained;	/* ... and looking whether the peer closed never comes twice in a row */
	struct uring uring;

	/* Ticks: when what is next due, and the periods. */
	uint64_t check_at, alive_at, connect_at, give_up_at;
	uint64_t check_ticks, alive_ticks, reconnect_ticks, connect_ticks;

	/* Offsets in the stream of this connection: handed to the kernel, acknowledged by the peer's TCP. */
	uint64_t sent, acked;

	/*
	 * Tracked orders, oldest first; indices run freely: first <= told <= handed <= last. Before `first`
	 * acknowledged, before `told` known to the strategy as sent, before `handed` with the kernel.
	 */
	uint32_t first, told, handed, last;
	struct tracked tracked[ORDER_TRACKED];

	uint32_t head, tail; /* of the bytes in the buffer */
	uint8_t buffer[ORDER_BUFFER];
};
_Static_assert((ORDER_TRACKED & (ORDER_TRACKED - 1)) == 0, "indices are masked");

/* ---- risk.c ---- */

/* Price, quantity and notional of a new order. 0 or fail(...), counted. */
int risk_check(const struct hp_order_options *limits, const struct order *order,
	       struct hp_order_stats *stats);

/* ---- tcp.c ---- */

/* Makes the socket and connects within connect_ms. 0 or fail(...). */
int tcp_open(struct order_session *session);
/* Begins another attempt on the same socket. 0 (it is on its way or there) or -errno. */
int tcp_reconnect(struct order_session *session);
/* 1 connected, 0 not yet, -errno failed. Waits at most timeout_ms. */
int tcp_connected(struct order_session *session, int timeout_ms);
/* Bytes the peer has not acknowledged, as the kernel last knew. -errno. */
int tcp_unacked(const struct order_session *session);
/* Discards what the peer sent. 0, or -errno: it closed or the link broke. */
int tcp_drain(const struct order_session *session);
/* Ends the connection in order; the socket stays for tcp_reconnect(). */
void tcp_hang_up(struct order_session *session);

/* ---- send.c ---- */

/* Prepares the options' way out. 0 or fail(...). */
int send_open(struct order_session *session);
/* Hands bytes to the kernel without waiting. How many it took (0: none now), or -errno: the link is lost. */
ssize_t send_bytes(struct order_session *session, const uint8_t *bytes, size_t len);
void send_close(struct order_session *session);

#endif
