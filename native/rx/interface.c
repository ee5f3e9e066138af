// SPDX-License-Identifier: MIT
/*
 * rtnetlink's link group, in the namespace the interface was in when it was opened. A move to another
 * namespace arrives as a deletion that names the new one. When more happened than the socket holds (ENOBUFS),
 * the interface itself is asked. See rtnetlink(7).
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
	int error;

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
	error = fail(errno, "Cannot watch interface \"%s\": %s", watch->name, strerror(errno));
	interface_watch_close(watch); /* may leave another errno */
	return error;
}

static int say_gone(const struct interface_watch *watch)
{
	switch (watch->gone) {
	case INTERFACE_THERE:
		return 0;
	case INTERFACE_MOVED:
		return fail(ENODEV,
			    "Cannot go on receiving on \"%s\": the interface was moved to another network "
			    "namespace; open the endpoint again there with netns=NAME",
			    watch->name);
	case INTERFACE_DELETED:
		return fail(ENODEV,
			    "Cannot go on receiving on \"%s\": the interface was deleted; open the endpoint "
			    "again when it is back",
			    watch->name);
	default:
		return fail(
			ENODEV,
			"Cannot go on receiving on \"%s\": the interface is not in this network namespace "
			"any more; open the endpoint again when it is back",
			watch->name);
	}
}

static void set_up(struct interface_watch *watch, int up, struct hp_rx_stats *stats)
{
	stats->link_downs += watch->up && !up;
	watch->up = up;
}

static enum interface_end how_it_ended(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attribute = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == IFLA_NEW_NETNSID || attribute->rta_type == NEW_IFINDEX)
			return INTERFACE_MOVED;
	return INTERFACE_DELETED;
}

static void take(struct interface_watch *watch, const struct nlmsghdr *message, struct hp_rx_stats *stats)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);

	if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
		return;
	/* A bridge port leaving its bridge is a DELLINK too, of another family. */
	if (info->ifi_index != watch->index || info->ifi_family != AF_UNSPEC || watch->gone)
		return;
	if (message->nlmsg_type == RTM_DELLINK)
		watch->gone = how_it_ended(message);
	else
		set_up(watch, (info->ifi_flags & IFF_UP) != 0, stats);
}

/* Messages were lost: how is it now? A down and up among them is not seen. */
static void look(struct interface_watch *watch, struct hp_rx_stats *stats)
{
	struct ifreq request = {.ifr_ifindex = watch->index};

	if (ioctl(watch->fd, SIOCGIFNAME, &request) || ioctl(watch->fd, SIOCGIFFLAGS, &request))
		watch->gone = INTERFACE_MISSED;
	else
		set_up(watch, (request.ifr_flags & IFF_UP) != 0, stats);
}

int interface_watch_check(struct interface_watch *watch, struct hp_rx_stats *stats)
{
	_Alignas(struct nlmsghdr) char buffer[8192];

	while (watch->fd >= 0 && !watch->gone) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)recv(watch->fd, buffer, sizeof(buffer), 0);

		if (left < 0 && errno == ENOBUFS)
			look(watch, stats);
		else if (left <= 0)
			break;
		for (; left > 0 && NLMSG_OK(message, (uint32_t)left); message = NLMSG_NEXT(message, left))
			take(watch, message, stats);
	}
	return say_gone(watch);
}

void interface_watch_close(struct interface_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}
