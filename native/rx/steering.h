/* SPDX-License-Identifier: MIT */
/* The kernel's part of the xdp path: loads bpf/steer.bpf.c for one flow and attaches it to an interface. */
#ifndef HP_STEERING_H
#define HP_STEERING_H

#include <linux/types.h>

#include "../../bpf/steer.h"
#include "rx.h"

struct bpf_object;

struct steering {
	struct bpf_object *object;
	int link; /* the attachment lives as long as this fd: it goes with the process, however that dies */
	int sockets, counts; /* maps, the object's */
	int generic;
	int metadata; /* stamps hold the NIC's where it tells one */
	int cpus;
	struct steer_counts *per_cpu; /* room for the kernel's answer */
};

/*
 * Loads for the endpoint's flow and attaches: natively, or where the driver cannot, in generic mode (and says
 * so in stats). queues: of the interface; stamp: a struct steer_stamp before each frame. Nothing is
 * redirected before steering_connect(). 0 or fail(...); call steering_close() either way.
 */
int steering_open(struct steering *steering, const struct rx_endpoint *endpoint, uint32_t queues, int stamp,
		  struct hp_rx_stats *stats);
/* From here on what arrives on `queue` is redirected to `socket`. 0 or fail(...). */
int steering_connect(const struct steering *steering, uint32_t queue, int socket);
/* Adds what the program has counted so far. One system call. */
void steering_count(const struct steering *steering, struct steer_counts *sum);
void steering_close(struct steering *steering);

#endif
