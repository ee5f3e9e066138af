/* SPDX-License-Identifier: MIT */
/*
 * Watching the interface a path receives on. Sockets and rings stay open and silent when their interface is
 * deleted or moved away, so somebody has to ask: rtnetlink(7) tells, one non-blocking read every refresh.
 */
#ifndef HP_INTERFACE_H
#define HP_INTERFACE_H

#include "hotpath.h"

/* How an interface ends: deleted, moved to another namespace, or gone while too much happened to be told. */
enum interface_end { INTERFACE_THERE, INTERFACE_DELETED, INTERFACE_MOVED, INTERFACE_MISSED };

struct interface_watch {
	int fd; /* -1: no interface was named, nothing is watched */
	int index;
	int up;
	int gone; /* enum interface_end: said at every check from then on */
	char name[16];
};

/* Begins to watch `ifname` of the caller's current namespace; "" watches nothing. 0 or fail(...). */
int interface_watch_open(struct interface_watch *watch, const char *ifname);
/* Reads what happened since: counts downs in stats->link_downs. fail(ENODEV, ...) as soon as it is gone, and
 * again each time. */
int interface_watch_check(struct interface_watch *watch, struct hp_rx_stats *stats);
void interface_watch_close(struct interface_watch *watch);

#endif
