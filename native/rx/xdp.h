/* SPDX-License-Identifier: MIT */
/* What the two files of the xdp path share: xdp.c polls, xdp_line.c raises an interface. */
#ifndef HP_XDP_H
#define HP_XDP_H

#include "interface.h"
#include "rx.h"
#include "steering.h"
#include "xsk.h"

#define XDP_LINES  2
#define XDP_QUEUES 64u /* of a line, at most */

struct xdp_line {
	struct rx_endpoint endpoint;
	struct steering steering;
	struct interface_watch watch; /* of the second line: the engine watches the first */
	int group;		      /* keeps the IGMP membership; -1 for unicast */
};

struct xdp_queue {
	struct xsk socket;
	uint32_t held; /* peeked from the receive ring and not released */
};

struct xdp {
	struct rx rx;
	struct xsk_umem umem;
	uint32_t count; /* queues open */
	uint32_t turn;	/* the one to look at first */
	int owed;	/* datagrams were handed out and not released */
	int drive;	/* busy polling: each empty look drives the driver */
	int stamps;
	int64_t realtime_ahead; /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
	uint32_t ip;
	uint16_t port;
	int fd;	  /* epoll over several sockets, -1 for one */
	int said; /* the notes that only traffic tells */
	double by_nic;
	double cut;
	struct xdp_line lines[XDP_LINES];
	struct xdp_queue queues[]; /* room for all that were asked for */
};

/*
 * Raises the first line in the current namespace: program, a socket a queue with `share` frames each,
 * membership. Says in the note how it runs. 0 or fail(...); xdp_line_close() and xsk_close() either way.
 */
int xdp_line_open(struct xdp *xdp, uint32_t share, const struct hp_rx_options *options);
/* The same for the second line that the options name: the same flow, maybe in another namespace. */
int xdp_line_open_also(struct xdp *xdp, uint32_t share, const struct hp_rx_options *options);
/* Before its sockets: once the program is off, nothing can be redirected into one that goes. */
void xdp_line_close(struct xdp_line *line);

#endif
