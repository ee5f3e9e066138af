// SPDX-License-Identifier: MIT
/*
 * Ring set-up, best mode first. DEFER_TASKRUN (6.1) runs completions only when we enter the kernel, so
 * nothing interrupts the spin; COOP_TASKRUN (5.19) at the next entry or tick; without either the kernel
 * interrupts us for each. TASKRUN_FLAG goes with both: without it a spin in user space would not learn
 * that anything waits. See io_uring_setup(2).
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure/error.h"
#include "uring.h"

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
		return fail(ENOMEM, "Cannot %s: no memory for an io_uring; raise RLIMIT_MEMLOCK (ulimit -l)",
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
