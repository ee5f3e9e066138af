/* SPDX-License-Identifier: MIT */
/* The kernel's part of the xdp path: loads bpf/steer.bpf.c, grants one flow, attaches it to an interface. */
#ifndef HP_STEERING_H
#define HP_STEERING_H

#include "rx.h"

struct steer;

struct steering {
	struct steer *skeleton;
	int link; /* the attachment lives as long as this fd: it goes with the process, however that dies */
	int generic;
};

/*
 * Loads, grants the endpoint's flow and attaches: natively, or where the driver cannot, in generic mode (and
 * says so in stats). queues: of the interface. Nothing is redirected before steering_connect(). 0 or
 * fail(...); call steering_close() either way.
 */
int steering_open(struct steering *steering, const struct rx_endpoint *endpoint, uint32_t queues,
		  struct hp_rx_stats *stats);
/* From here on what arrives on `queue` is redirected to `socket`. 0 or fail(...). */
int steering_connect(const struct steering *steering, uint32_t queue, int socket);
void steering_close(struct steering *steering);

#endif
