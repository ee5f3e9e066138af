// SPDX-License-Identifier: MIT
/*
 * Ring set-up, best mode first. DEFER_TASKRUN (6.1) runs completions only when we enter the kernel, so
 * nothing interrupts the spin; COOP_TASKRUN (5.19) at the next entry or tick; without either the kernel
 * interrupts us for each. TASKRUN_FLAG goes with both: without it a spin in user space would not learn
 * that anything waits. SQPOLL is none of these steps but another way: it is had by asking for it.
 * See io_uring_setup(2).
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure/error.h"
#include "uring.h"

#define SQPOLL_IDLE_MS 1000 /* the thread sleeps after this long without work */

static const struct {
	unsigned flags;
	const char *name;
} modes[] = {
	{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	 "defer-taskrun"},
	{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, "coop-taskrun"},
	{IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, "coop-taskrun, many issuers"},
	{0, "plain ring"},
};

static int explain(int error, const char *what)
{
	switch (error) {
	case EPERM:
		return fail(EPERM,
			    "Cannot %s: io_uring is forbidden here; see sysctl kernel.io_uring_disabled",
			    what);
	case ENOSYS:
		return fail(ENOSYS,
			    "Cannot %s: no io_uring in this kernel or sandbox; use the plain socket path",
			    what);
	case ENOMEM:
		return fail(ENOMEM,
			    "Cannot %s: no memory for an io_uring; raise RLIMIT_MEMLOCK (ulimit -l), or use "
			    "the plain socket path",
			    what);
	default:
		return fail(error, "Cannot %s: io_uring_setup: %s", what, strerror(error));
	}
}

int uring_open(struct uring *uring, unsigned entries, unsigned completions, const char *what)
{
	int error = -EINVAL;

	memset(uring, 0, sizeof(*uring));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && error == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = modes[i].flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
			.cq_entries = completions,
		};

		error = io_uring_queue_init_params(entries, &uring->ring, &params);
		uring->mode = modes[i].name;
	}
	if (error)
		return explain(-error, what);
	uring->open = 1;
	return 0;
}

int uring_open_sqpoll(struct uring *uring, unsigned entries, unsigned completions, int cpu, const char *what)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQPOLL | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
			 (cpu >= 0 ? IORING_SETUP_SQ_AFF : 0),
		.cq_entries = completions,
		.sq_thread_cpu = cpu >= 0 ? (unsigned)cpu : 0,
		.sq_thread_idle = SQPOLL_IDLE_MS,
	};
	int error;

	memset(uring, 0, sizeof(*uring));
	error = io_uring_queue_init_params(entries, &uring->ring, &params);
	if (error == -EINVAL && cpu >= 0)
		return fail(EINVAL,
			    "Cannot %s: core %d for its SQPOLL thread is not one this process may use", what,
			    cpu);
	if (error)
		return explain(-error, what);
	uring->mode = "sqpoll";
	uring->open = 1;
	return 0;
}

/* The kernel's struct io_uring_napi; neither it nor the opcode is in liburing before 2.6. */
int uring_busy_poll(struct uring *uring, unsigned us)
{
	enum { REGISTER_NAPI = 27 };
	struct {
		uint32_t busy_poll_us;
		uint8_t prefer_busy_poll, opcode,
			pad[2]; /* opcode 0: register, NAPI instances found by use */
		uint32_t parameter, reserved;
	} napi = {.busy_poll_us = us, .prefer_busy_poll = 1};

	_Static_assert(sizeof(napi) == 16, "struct io_uring_napi");
	return syscall(__NR_io_uring_register, uring->ring.ring_fd, REGISTER_NAPI, &napi, 1) ? -errno : 0;
}

/* liburing declares io_uring_enable_rings() but 2.3 does not export it. */
int uring_enable(struct uring *uring)
{
	if (syscall(__NR_io_uring_register, uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return fail(errno, "Cannot enable the io_uring: %s", strerror(errno));
	uring->enabled = 1;
	return 0;
}

void uring_close(struct uring *uring)
{
	if (uring->open)
		io_uring_queue_exit(&uring->ring);
	uring->open = uring->enabled = 0;
}
