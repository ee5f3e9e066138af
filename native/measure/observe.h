/* SPDX-License-Identifier: MIT */
/* The outside observer's inside: observe.c reads, observe_hooks.c finds a place on the interface. */
#ifndef HP_MEASURE_OBSERVE_H
#define HP_MEASURE_OBSERVE_H

#include <linux/types.h>

#include "../../bpf/observe.h"
#include "hotpath.h"

struct observe; /* the skeleton of bpf/observe.bpf.c */

struct hp_observer {
	struct observe *skeleton;
	int entry, exit; /* links: what is attached lives as long as these; -1 */
	int observed;	 /* the flow is written: `on` is to be taken back */
	struct observe_flow flow;
	struct observe_enters before; /* counters at open or reset */
	int ifindex;
	char ifname[16];
	char note[128];
};

/*
 * Puts the observer on its interface, in the calling thread's network namespace: joins our XDP program where
 * it has the hook, else takes the hook, else tc ingress; tc egress. 0 or fail(...); observe_unhook() either
 * way.
 */
int observe_hook(struct hp_observer *observer, enum hp_observe_entry entry);
void observe_unhook(struct hp_observer *observer);

#endif
