// SPDX-License-Identifier: MIT
/*
 * Only the calling thread moves (setns(2)), and only for as long as the sockets are made. Sysfs stays the
 * one that was mounted before: ask the kernel by ioctl or netlink about interfaces, never /sys.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "measure/error.h"
#include "netns.h"

/* -EPERM is -1, which means "stayed": a failure says EACCES instead. */
static int refuse(int error, const char *path)
{
	if (error == ENOENT)
		return fail(ENOENT,
			    "Cannot enter the network namespace \"%s\": no such file; `ip netns` lists them",
			    path);
	if (error == EPERM || error == EACCES)
		return fail(EACCES,
			    "Cannot enter the network namespace \"%s\": not allowed; it needs CAP_SYS_ADMIN "
			    "(run as root)",
			    path);
	if (error == EINVAL)
		return fail(EINVAL,
			    "Cannot enter the network namespace \"%s\": that file is not one; \"ip "
			    "netns add NAME\" makes /run/netns/NAME",
			    path);
	return fail(error, "Cannot enter the network namespace \"%s\": %s", path, strerror(error));
}

int netns_enter(const char *path)
{
	int before = -1, wanted = -1, error = 0;

	if (!path[0])
		return -1;
	before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	wanted = open(path, O_RDONLY | O_CLOEXEC);
	if (before < 0 || wanted < 0 || setns(wanted, CLONE_NEWNET))
		error = errno;
	if (wanted >= 0)
		close(wanted);
	if (!error)
		return before;
	if (before >= 0)
		close(before);
	return refuse(error, path);
}

void netns_leave(int before)
{
	if (before < 0)
		return;
	setns(before, CLONE_NEWNET);
	close(before);
}
