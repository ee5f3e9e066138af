/* SPDX-License-Identifier: MIT */
/*
 * An io_uring set up to be looked at cheaply, for the rooms that use one (rx/uring.c, order/send.c).
 *
 * The kernel lets a SINGLE_ISSUER ring be used by one task only: the one that enables it. So a ring is
 * opened disabled, on whichever thread opens the endpoint, and enabled by the thread that first uses it.
 * A later thread gets -EEXIST from every call that enters the kernel; its owner then closes the ring and
 * opens another (the file behind it stays). A ring with SQPOLL may be used by any thread, one at a time.
 */
#ifndef HP_URING_H
#define HP_URING_H

#include <liburing.h>

struct uring {
	struct io_uring ring;
	const char *mode; /* how completions reach us: "defer-taskrun" ... */
	int open, enabled;
};

/* Opens it disabled, in the best mode the kernel has. what: completes "Cannot ...". 0 or fail(...). */
int uring_open(struct uring *uring, unsigned entries, unsigned completions, const char *what);
/*
 * The same with SQPOLL: a kernel thread of the ring's own submits and runs completions, so that nobody else
 * enters the kernel; pinned to core `cpu` unless -1. It spins: on a core that others want it is slower than none.
 */
int uring_open_sqpoll(struct uring *uring, unsigned entries, unsigned completions, int cpu, const char *what);
/* Has waits on the ring poll the NAPI instances its sockets receive through (Linux 6.9). 0 or -errno. */
int uring_busy_poll(struct uring *uring, unsigned us);
/* The calling thread becomes the ring's user. 0 or fail(...). */
int uring_enable(struct uring *uring);
void uring_close(struct uring *uring);

/* Completions wait inside the kernel for us to enter it (the ring's flags are in shared memory). */
static inline int uring_wants_entry(const struct uring *uring)
{
	return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) !=
	       0;
}

#endif
