// SPDX-License-Identifier: MIT
/*
 * Set-up of TAP devices. IFF_NO_PI and no IFF_VNET_HDR: a frame is a frame, and the kernel completes
 * checksums and cuts large packets up before it hands them over, which a virtio header would leave to us. See
 * Documentation/networking/tuntap.rst and rtnetlink(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "tap.h"

#define NEEDS                                                                                                \
	"a TAP needs CAP_NET_ADMIN in its network namespace: run as root, or in a user namespace of your "   \
	"own (unshare -Urn)"

static struct ifreq request_for(const char *name)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
	return request;
}

static int open_device(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return fail(
			errno,
			"Cannot make TAP \"%s\": no /dev/net/tun here; load the module (modprobe tun), or "
			"give the container the device (--device /dev/net/tun)",
			name);
	if (errno == EPERM || errno == EACCES)
		return fail(EPERM,
			    "Cannot make TAP \"%s\": /dev/net/tun may not be opened (its mode is 0666 where "
			    "everybody may); " NEEDS,
			    name);
	return fail(errno, "Cannot make TAP \"%s\": /dev/net/tun: %s", name, strerror(errno));
}

/* An interface that is not ours to open, by what its driver says of itself. */
static int refuse_other(int link, const char *name, uint32_t queues)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = request_for(name);

	request.ifr_data = (char *)&driver;
	if (ioctl(link, SIOCETHTOOL, &request))
		return fail(EEXIST,
			    "Cannot make TAP \"%s\": an interface of that name exists and is no TAP; "
			    "name another with if=",
			    name);
	if (strcmp(driver.driver, "tun"))
		return fail(EEXIST,
			    "Cannot make TAP \"%s\": an interface of that name exists, of driver %s; "
			    "name another with if=",
			    name, driver.driver);
	if (strcmp(driver.bus_info, "tap"))
		return fail(EEXIST,
			    "Cannot make TAP \"%s\": a TUN of that name exists, which carries packets "
			    "without Ethernet; name another with if=",
			    name);
	return fail(EEXIST,
		    "Cannot open TAP \"%s\": it stands ready %s; delete it (`ip link del %s`) or name "
		    "another with if=",
		    name, queues > 1 ? "with a single queue" : "for many queues, and one was asked for",
		    name);
}

static int refuse(int error, int link, const char *name, uint32_t queues)
{
	struct ifreq request = request_for(name);

	if (error == EBUSY)
		return fail(
			EBUSY,
			"Cannot open TAP \"%s\": another program has it open; name another with if=", name);
	if (error == EPERM || error == EACCES)
		return fail(EPERM, "Cannot make TAP \"%s\": not allowed; " NEEDS, name);
	if (error == EINVAL && !ioctl(link, SIOCGIFINDEX, &request))
		return refuse_other(link, name, queues);
	if (error == EINVAL)
		return fail(EINVAL, "Cannot make TAP \"%s\": that is no name for an interface", name);
	return fail(error, "Cannot make TAP \"%s\": %s", name, strerror(error));
}

static int open_queues(struct tap *tap, uint32_t queues)
{
	struct ifreq request = request_for(tap->name);

	tap->kept = !ioctl(tap->link, SIOCGIFINDEX, &request);
	request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (queues > 1 ? IFF_MULTI_QUEUE : 0));
	for (; tap->queues < queues; tap->queues++) {
		int fd = tap->fds[tap->queues] = open_device(tap->name);

		if (fd < 0)
			return fd;
		if (!ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETOFFLOAD, 0))
			continue;
		int error = errno; /* of the ioctl */

		close(fd);
		return refuse(error, tap->link, tap->name, queues);
	}
	return 0;
}

static int bring_up(struct tap *tap, uint32_t frames)
{
	struct ifreq request = request_for(tap->name);

	if (ioctl(tap->link, SIOCGIFINDEX, &request))
		return fail(errno, "Cannot find TAP \"%s\" again: %s", tap->name, strerror(errno));
	tap->ifindex = request.ifr_ifindex;
	request.ifr_qlen = (int)frames;
	if (frames && ioctl(tap->link, SIOCSIFTXQLEN, &request))
		return fail(errno, "Cannot have TAP \"%s\" hold %u frames a queue: %s", tap->name, frames,
			    strerror(errno));
	if (!ioctl(tap->link, SIOCGIFFLAGS, &request)) {
		request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
		if (!ioctl(tap->link, SIOCSIFFLAGS, &request))
			return 0;
	}
	if (errno == EPERM)
		return fail(EPERM, "Cannot bring TAP \"%s\" up: not allowed; " NEEDS, tap->name);
	return fail(errno, "Cannot bring TAP \"%s\" up: %s", tap->name, strerror(errno));
}

/* As the interface itself counts; nothing when it is gone. */
static struct tap_counts read_counts(const struct tap *tap)
{
	struct tap_counts found = {0};
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_index = tap->ifindex},
	};
	_Alignas(struct nlmsghdr) char answer[16384];
	const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
	const struct rtattr *attribute = IFLA_RTA(NLMSG_DATA(message));
	struct rtnl_link_stats64 counts;
	ssize_t got = -1;
	int left;

	if (send(tap->link, &request, sizeof(request), 0) >= 0)
		got = recv(tap->link, answer, sizeof(answer), 0);
	if (got < 0 || !NLMSG_OK(message, (uint32_t)got) || message->nlmsg_type != RTM_NEWLINK)
		return found;
	found.up = (((const struct ifinfomsg *)NLMSG_DATA(message))->ifi_flags & IFF_UP) != 0;
	left = (int)IFLA_PAYLOAD(message);
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != IFLA_STATS64 || RTA_PAYLOAD(attribute) < sizeof(counts))
			continue;
		memcpy(&counts, RTA_DATA(attribute), sizeof(counts));
		found.unread = counts.tx_dropped;
		found.refused = counts.rx_dropped;
	}
	return found;
}

int tap_open(struct tap *tap, const char *name, uint32_t queues, uint32_t frames)
{
	int error;

	*tap = (struct tap){.link = -1};
	if (!name[0] || strchr(name, '%'))
		return fail(EINVAL, "Cannot make TAP \"%s\": name the interface it becomes, add if=NAME",
			    name);
	if (!queues || queues > TAP_QUEUES)
		return fail(EINVAL, "Cannot make TAP \"%s\" of %u queues: 1..%d are possible", name, queues,
			    TAP_QUEUES);
	memcpy(tap->name, name, strnlen(name, sizeof(tap->name) - 1));
	tap->link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (tap->link < 0)
		return fail(errno, "Cannot make a netlink socket: %s", strerror(errno));
	error = open_queues(tap, queues);
	if (!error)
		error = bring_up(tap, frames);
	if (error)
		tap_close(tap);
	else
		tap->before = read_counts(tap);
	return error;
}

struct tap_counts tap_look(const struct tap *tap)
{
	struct tap_counts now = read_counts(tap);

	now.unread -= now.unread > tap->before.unread ? tap->before.unread : now.unread;
	now.refused -= now.refused > tap->before.refused ? tap->before.refused : now.refused;
	return now;
}

void tap_close(struct tap *tap)
{
	while (tap->queues)
		close(tap->fds[--tap->queues]);
	if (tap->link >= 0)
		close(tap->link);
	tap->link = -1;
}
