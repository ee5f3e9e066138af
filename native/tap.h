/* SPDX-License-Identifier: MIT */
/*
 * A TAP device: an Ethernet interface whose other end is this program. What its namespace sends out of it is
 * read here, what is written here arrives there.
 */
#ifndef HP_TAP_H
#define HP_TAP_H

#include <stdint.h>

#define TAP_QUEUES 16 /* at most */

struct tap {
	char name[16];
	int fds[TAP_QUEUES]; /* non-blocking; one frame a read() or write(), nothing before it */
	uint32_t queues;
	int ifindex;
	int kept; /* it was there before and stays when this ends */
	int link; /* asks the kernel about the interface */
	struct tap_counts {
		int up;
		uint64_t unread;  /* sent out of it, and no room in the queue for it */
		uint64_t refused; /* written here, and the kernel had no use for it */
	} before;		  /* as it stood at open */
};

/*
 * Makes the TAP `name` in the caller's namespace, or opens one that stands ready and that nobody has, and
 * brings it up. queues above 1: IFF_MULTI_QUEUE, one descriptor a queue. frames: what a queue holds for a
 * slow reader; 0 = the kernel's 500. 0 or fail(...).
 */
int tap_open(struct tap *tap, const char *name, uint32_t queues, uint32_t frames);
/* Whether it is up (one that is gone is not), and what was lost since open. */
struct tap_counts tap_look(const struct tap *tap);
/* The device goes, unless it was kept. */
void tap_close(struct tap *tap);

#endif
