// SPDX-License-Identifier: MIT
/*
 * What the kernel drops after it has said yes: a queue discipline or a driver that has no room, a veth whose
 * peer is down. Only the interface's own counter tells, and it counts every sender, so it stands beside
 * `sent` and is never subtracted from it. One RTM_GETLINK a look; see rtnetlink(7).
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "tx.h"

/* Flags and tx_dropped of the interface. 0 or -errno. */
static int look(const struct tx_interface *interface, unsigned *flags, uint64_t *dropped)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct rtattr attribute;
		char name[16];
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
		.attribute = {.rta_len = RTA_LENGTH(sizeof(request.name)), .rta_type = IFLA_IFNAME},
	};
	_Alignas(struct nlmsghdr) char answer[16384];
	const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attribute = IFLA_RTA(info);
	struct rtnl_link_stats64 counts;
	ssize_t got;
	int left;

	memcpy(request.name, interface->name, sizeof(request.name));
	if (send(interface->fd, &request, sizeof(request), 0) < 0)
		return -errno;
	got = recv(interface->fd, answer, sizeof(answer), 0);
	if (got < 0)
		return -errno;
	if (!NLMSG_OK(message, (uint32_t)got) || message->nlmsg_type != RTM_NEWLINK)
		return -ENODEV;
	*flags = info->ifi_flags;
	left = (int)IFLA_PAYLOAD(message);
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != IFLA_STATS64 || RTA_PAYLOAD(attribute) < sizeof(counts))
			continue;
		memcpy(&counts, RTA_DATA(attribute), sizeof(counts));
		*dropped = counts.tx_dropped;
	}
	return 0;
}

int tx_interface_open(struct tx_interface *interface, const char *ifname)
{
	unsigned flags;
	int error;

	*interface = (struct tx_interface){.fd = -1};
	if (!ifname[0])
		return 0;
	memcpy(interface->name, ifname, strnlen(ifname, sizeof(interface->name) - 1));
	interface->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	error = interface->fd < 0 ? -errno : look(interface, &flags, &interface->dropped_before);
	if (!error)
		return 0;
	tx_interface_close(interface);
	return fail(-error, "Cannot look at interface \"%s\": %s", ifname, strerror(-error));
}

void tx_interface_look(struct tx_interface *interface, struct hp_tx_stats *stats)
{
	uint64_t dropped = interface->dropped_before;
	unsigned flags = 0;

	if (interface->fd < 0)
		return;
	if (look(interface, &flags, &dropped) || !(flags & IFF_UP) || !(flags & IFF_RUNNING))
		stats->link_downs += 1;
	if (dropped > interface->dropped_before)
		stats->link_drops = (double)(dropped - interface->dropped_before);
}

void tx_interface_close(struct tx_interface *interface)
{
	if (interface->fd >= 0)
		close(interface->fd);
	interface->fd = -1;
}
