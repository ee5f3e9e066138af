// SPDX-License-Identifier: MIT
/*
 * The sockets behind the receive paths: address checks, group membership, buffer, busy polling. Bound to the
 * group itself (not to 0.0.0.0), so that other groups on the same port never arrive; IP_MULTICAST_ALL off,
 * so that a group somebody else joined on another interface does not either. See ip(7), socket(7) and
 * Documentation/networking/napi.rst.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "measure/note.h"
#include "rx.h"

#define RCVBUF_DEFAULT (8u << 20)
#define BUSY_POLL_US   50

int rx_endpoint(struct rx_endpoint *out, const struct hp_rx_options *options)
{
	struct in_addr ip;

	memset(out, 0, sizeof(*out));
	memcpy(out->address, options->address, sizeof(out->address) - 1);
	memcpy(out->ifname, options->ifname, sizeof(out->ifname) - 1);
	if (inet_pton(AF_INET, out->address, &ip) != 1)
		return fail(EINVAL, "Cannot receive on \"%s\": not a dotted IPv4 address", out->address);
	if (!options->port || options->port > 65535)
		return fail(EINVAL, "Cannot receive on %s: port %u is not 1..65535", out->address,
			    options->port);
	out->ip = ip.s_addr;
	out->port = htons((uint16_t)options->port);
	out->multicast = IN_MULTICAST(ntohl(ip.s_addr));
	if (!out->ifname[0])
		return 0;
	out->ifindex = (int)if_nametoindex(out->ifname);
	if (!out->ifindex)
		return fail(ENODEV,
			    "Cannot receive %s on interface \"%s\": no such interface; `ip link` lists them",
			    out->address, out->ifname);
	return 0;
}

void rx_note(struct hp_rx_stats *stats, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_append(stats->note, sizeof(stats->note), format, arguments);
	va_end(arguments);
}

int rx_socket_busy_poll(int fd, uint32_t budget)
{
	int on = 1, us = BUSY_POLL_US, packets = budget ? (int)budget : RX_BATCH;

	if (setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &packets, sizeof(packets)))
		return -errno;
	return 0;
}

int rx_socket_polls_driver(int fd, struct hp_rx_stats *stats)
{
	uint32_t id = 0;
	int us = 0;
	socklen_t size = sizeof(us);

	if (getsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, &size) || us <= 0)
		return 0;
	size = sizeof(id);
	if (!getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &size) && id)
		return 1;
	rx_note(stats, "no NAPI to busy-poll");
	return 0;
}

static void set_busy_poll(int fd, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	int error = rx_socket_busy_poll(fd, options->budget);

	if (error == -EPERM)
		rx_note(stats, "no busy-poll: needs CAP_NET_ADMIN");
	else if (error)
		rx_note(stats, "no busy-poll: %s", strerror(-error));
}

/* FORCE passes net.core.rmem_max by, with CAP_NET_ADMIN; without it less is granted, which is worth saying.
 */
static void set_rcvbuf(int fd, uint32_t wanted, struct hp_rx_stats *stats)
{
	int bytes = (int)(wanted ? wanted : RCVBUF_DEFAULT), granted = 0;
	socklen_t size = sizeof(granted);

	if (bytes < 0 || bytes > INT32_MAX / 2)
		bytes = INT32_MAX / 2; /* the kernel doubles it */
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &size);
	if (granted / 2 < bytes)
		rx_note(stats, "rcvbuf %d KiB", granted / 2048);
}

static int join(int fd, const struct rx_endpoint *endpoint)
{
	struct ip_mreqn group = {.imr_multiaddr.s_addr = endpoint->ip, .imr_ifindex = endpoint->ifindex};
	int off = 0;

	if (!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)) &&
	    !setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)))
		return 0;
	if (errno == ENODEV && !endpoint->ifindex)
		return fail(ENODEV, "Cannot join %s: no route leads to it; name the interface with if=",
			    endpoint->address);
	if (errno == ENOBUFS)
		return fail(ENOBUFS,
			    "Cannot join %s: too many groups; see sysctl net.ipv4.igmp_max_memberships",
			    endpoint->address);
	return fail(errno, "Cannot join %s on interface \"%s\": %s", endpoint->address, endpoint->ifname,
		    strerror(errno));
}

static int bind_to(int fd, const struct rx_endpoint *endpoint)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = endpoint->ip, .sin_port = endpoint->port};

	if (endpoint->ifindex && !endpoint->multicast &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, endpoint->ifname,
		       (socklen_t)strlen(endpoint->ifname)))
		return fail(errno, "Cannot bind to interface \"%s\": %s", endpoint->ifname, strerror(errno));
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return 0;
	if (errno == EADDRNOTAVAIL)
		return fail(EADDRNOTAVAIL,
			    "Cannot bind %s:%u: no interface has that address; `ip address` lists them",
			    endpoint->address, ntohs(endpoint->port));
	if (errno == EADDRINUSE)
		return fail(EADDRINUSE, "Cannot bind %s:%u: another socket has it; `ss -lunp` says whose",
			    endpoint->address, ntohs(endpoint->port));
	if (errno == EACCES)
		return fail(EACCES, "Cannot bind %s:%u: ports below 1024 need CAP_NET_BIND_SERVICE",
			    endpoint->address, ntohs(endpoint->port));
	return fail(errno, "Cannot bind %s:%u: %s", endpoint->address, ntohs(endpoint->port),
		    strerror(errno));
}

int rx_socket_open(const struct rx_endpoint *endpoint, const struct hp_rx_options *options,
		   struct hp_rx_stats *stats)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error;

	if (fd < 0)
		return fail(errno, "Cannot make a UDP socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	set_rcvbuf(fd, options->rcvbuf, stats);
	if (options->wait == HP_WAIT_BUSY_POLL)
		set_busy_poll(fd, options, stats);
	error = bind_to(fd, endpoint);
	if (!error && endpoint->multicast)
		error = join(fd, endpoint);
	if (!error)
		return fd;
	close(fd);
	return error;
}

void rx_socket_close(int fd, const struct rx_endpoint *endpoint)
{
	struct ip_mreqn group = {.imr_multiaddr.s_addr = endpoint->ip, .imr_ifindex = endpoint->ifindex};

	if (fd < 0)
		return;
	if (endpoint->multicast)
		setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof(group));
	close(fd);
}

int rx_socket_join(const struct rx_endpoint *endpoint, int *fd)
{
	int error;

	*fd = -1;
	if (!endpoint->multicast)
		return 0;
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return fail(errno, "Cannot make a socket to join %s with: %s", endpoint->address,
			    strerror(errno));
	error = join(*fd, endpoint);
	if (error) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

void rx_socket_drops(int fd, struct hp_rx_stats *stats)
{
	uint32_t meminfo[SK_MEMINFO_VARS];
	socklen_t size = sizeof(meminfo);

	if (!getsockopt(fd, SOL_SOCKET, SO_MEMINFO, meminfo, &size) &&
	    size > SK_MEMINFO_DROPS * sizeof(meminfo[0]))
		stats->dropped = meminfo[SK_MEMINFO_DROPS];
}
