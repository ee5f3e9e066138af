// SPDX-License-Identifier: MIT
/*
 * When did it arrive? The kernel stamps a datagram as its driver hands it over (CLOCK_REALTIME), a NIC that
 * was told to (hwstamp_ctl) as it comes off the wire. Both come beside the datagram in a control message,
 * which costs a few tens of ns each: only where stamps were asked for. The NIC's clock counts for wire_ns
 * only where it lies within a second of the kernel's, so where phc2sys keeps it there: many count TAI, or
 * from when they were switched on. The kernel begins to stamp in its own time, soon after the socket is told:
 * until then a datagram has none. See Documentation/networking/timestamping.rst.
 */
#include <errno.h>
#include <time.h> /* before errqueue.h, which uses struct timespec */

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "rx.h"

#define SECOND_NS 1000000000ll

_Static_assert(CMSG_SPACE(sizeof(struct scm_timestamping)) <= RX_CONTROL, "a stamp fits");

/* The interface's hardware stamps what it receives; whoever looks after the machine has it do so. */
static int nic_stamps(int fd, const struct rx_endpoint *endpoint)
{
	struct hwtstamp_config config = {0};
	struct ifreq request = {.ifr_data = (char *)&config};

	memcpy(request.ifr_name, endpoint->ifname, sizeof(request.ifr_name));
	return endpoint->ifindex && !ioctl(fd, SIOCGHWTSTAMP, &request) &&
	       config.rx_filter != HWTSTAMP_FILTER_NONE;
}

int rx_stamps_open(int fd, const struct rx_endpoint *endpoint, struct hp_rx_stats *stats)
{
	int nic = nic_stamps(fd, endpoint);
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
		    (nic ? SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE : 0);

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags))) {
		rx_note(stats, "no stamps: %s", strerror(errno));
		return 0;
	}
	rx_note(stats, nic ? "NIC and kernel stamps" : "kernel stamps");
	return 1;
}

static int64_t ns_of(const struct timespec *time)
{
	return time->tv_sec * SECOND_NS + time->tv_nsec;
}

int64_t rx_stamp(const void *control, size_t len, struct hp_rx_stats *stats)
{
	struct msghdr message = {.msg_control = (void *)(uintptr_t)control, .msg_controllen = len};
	const struct cmsghdr *part;
	struct scm_timestamping stamp;
	int64_t kernel, nic;

	for (part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, (struct cmsghdr *)part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_TIMESTAMPING)
			continue;
		memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
		kernel = ns_of(&stamp.ts[0]);
		nic = ns_of(&stamp.ts[2]);
		stats->stamped += kernel != 0;
		return nic && llabs(nic - kernel) < SECOND_NS ? nic : kernel;
	}
	return 0;
}
