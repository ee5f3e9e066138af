// SPDX-License-Identifier: MIT
/*
 * rtnetlink's link group, in the namespace the interface was in when it was opened. A move to another
 * namespace arrives as a deletion that names the new one. See rtnetlink(7).
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interface.h"
#include "measure/error.h"

/* linux/if_link.h of before 5.14 does not have it. */
#define NEW_IFINDEX 49 /* IFLA_NEW_IFINDEX */

int interface_watch_open(struct interface_watch *watch, const char *ifname)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct ifreq request = {0};

	*watch = (struct interface_watch){.fd = -1};
	if (!ifname[0])
		return 0;
	memcpy(watch->name, ifname, strnlen(ifname, sizeof(watch->name) - 1));
	memcpy(request.ifr_name, watch->name, sizeof(watch->name));
	watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (watch->fd < 0 || bind(watch->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    ioctl(watch->fd, SIOCGIFINDEX, &request))
		goto out;
	watch->index = request.ifr_ifindex;
	if (ioctl(watch->fd, SIOCGIFFLAGS, &request))
		goto out;
	watch->up = (request.ifr_flags & IFF_UP) != 0;
	return 0;
out:
	fail(errno, "Cannot watch interface \"%s\": %s", watch->name, strerror(errno));
	interface_watch_close(watch);
	return -errno;
}

static int gone(const struct interface_watch *watch, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attribute = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == IFLA_NEW_NETNSID || attribute->rta_type == NEW_IFINDEX)
			return fail(ENODEV,
				    "Cannot go on receiving on \"%s\": the interface was moved to another "
				    "network namespace; open the endpoint again there with netns=NAME",
				    watch->name);
	return fail(ENODEV,
		    "Cannot go on receiving on \"%s\": the interface was deleted; open the endpoint again "
		    "when it is back",
		    watch->name);
}

static int take(struct interface_watch *watch, const struct nlmsghdr *message, struct hp_rx_stats *stats)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	int up;

	if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
		return 0;
	/* A bridge port leaving its bridge is a DELLINK too, of another family. */
	if (info->ifi_index != watch->index || info->ifi_family != AF_UNSPEC)
		return 0;
	if (message->nlmsg_type == RTM_DELLINK)
		return gone(watch, message);
	up = (info->ifi_flags & IFF_UP) != 0;
	stats->link_downs += watch->up && !up;
	watch->up = up;
	return 0;
}

int interface_watch_check(struct interface_watch *watch, struct hp_rx_stats *stats)
{
	_Alignas(struct nlmsghdr) char buffer[8192];
	ssize_t got;
	int error = 0;

	while (watch->fd >= 0 && !error && (got = recv(watch->fd, buffer, sizeof(buffer), 0)) > 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)got;

		for (; !error && NLMSG_OK(message, (uint32_t)left); message = NLMSG_NEXT(message, left))
			error = take(watch, message, stats);
	}
	return error;
}

void interface_watch_close(struct interface_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}
