/* SPDX-License-Identifier: MIT */
/*
 * A receive path: one file a path behind this interface. The engine polls, hands each datagram to the
 * feed, and releases the batch; the path owns every byte it points at until release.
 */
#ifndef HP_RX_H
#define HP_RX_H

#include "hotpath.h"

#define RX_BATCH 64
#define RX_FRAME 2048 /* largest datagram kept whole; longer ones arrive cut, with `truncated` set */

/* One UDP payload, valid until the next release(). */
struct rx_datagram {
	const uint8_t *data;
	uint32_t len;
	uint32_t truncated; /* 1: the datagram was longer than `len` */
};

struct rx;

struct rx_ops {
	const char *name;
	/*
	 * Opens the endpoint in the caller's current network namespace and joins its group. Counters go to
	 * `stats`, which outlives the path. 0 and *out, or fail(...).
	 */
	int (*open)(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats);
	/* Never blocks. Up to `max` datagrams; 0 = nothing there; -errno = the path is broken. */
	int (*poll)(struct rx *rx, struct rx_datagram *out, int max);
	/* Gives back everything the last poll handed out (buffer ring, fill ring). */
	void (*release)(struct rx *rx);
	/* A descriptor that polls readable when poll() would bring something. */
	int (*fd)(struct rx *rx);
	/* Refreshes the counters that cost a system call (kernel drops). Off the hot path. */
	void (*refresh)(struct rx *rx);
	/* Leaves the group, detaches, closes, frees. */
	void (*close)(struct rx *rx);
};

/* Every path's struct begins with this. */
struct rx {
	const struct rx_ops *ops;
	struct hp_rx_stats *stats;
};

extern const struct rx_ops rx_udp;
extern const struct rx_ops rx_uring;
extern const struct rx_ops rx_xdp;

/* The ops of an enum hp_rx_path, or NULL. */
const struct rx_ops *rx_path(int32_t path);

/* ---- shared by the paths (native/rx/socket.c) ---- */

/*
 * A UDP socket for the endpoint: non-blocking, SO_REUSEADDR, receive buffer, busy-poll options when asked,
 * bound to group:port and joined on the interface (or bound to the unicast address). fd or fail(...).
 */
int rx_socket_open(const struct hp_rx_options *options);
/* A socket that only joins the group (IGMP) and is never bound: what the xdp path needs. fd, or -1 for
 * unicast. */
int rx_socket_join(const struct hp_rx_options *options);
/* Adds SO_RXQ_OVFL-style drop counts of the socket to stats->dropped (SO_MEMINFO's drops field). */
void rx_socket_drops(int fd, struct hp_rx_stats *stats);

#endif
