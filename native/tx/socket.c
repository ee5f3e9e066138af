// SPDX-License-Identifier: MIT
/*
 * The connected UDP socket behind the paths that leave headers to the kernel: one route look-up at open, an
 * error of its own for a datagram that found no room (IP_RECVERR: without it the kernel swallows ENOBUFS, see
 * ip(7)). Multicast leaves through the named interface; copies for this host's own receivers are made only
 * where they can be meant, on loopback and when no interface is named: elsewhere a copy for nobody would cost
 * the sender time on every datagram.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "tx.h"

#define SNDBUF_DEFAULT (4u << 20)

static int set_multicast(int fd, const struct tx_endpoint *endpoint)
{
	struct ip_mreqn interface = {.imr_ifindex = endpoint->ifindex,
				     .imr_address.s_addr = endpoint->source_ip};
	struct ifreq request = {0};
	int loop = !endpoint->ifindex, ttl = endpoint->ttl;

	memcpy(request.ifr_name, endpoint->ifname, sizeof(request.ifr_name));
	if (endpoint->ifindex && !ioctl(fd, SIOCGIFFLAGS, &request))
		loop = (request.ifr_flags & IFF_LOOPBACK) != 0;
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)))
		return -errno;
	return 0;
}

static int bind_source(int fd, const struct tx_endpoint *endpoint)
{
	struct sockaddr_in source = {.sin_family = AF_INET,
				     .sin_addr.s_addr = endpoint->source_ip,
				     .sin_port = endpoint->source_port};
	int ttl = endpoint->ttl, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)))
		return -errno;
	if (!source.sin_addr.s_addr && !source.sin_port)
		return 0;
	return bind(fd, (struct sockaddr *)&source, sizeof(source)) ? -errno : 0;
}

/* Up to here nothing needs a privilege; SO_BINDTODEVICE does before Linux 5.7. */
static int connect_to(int fd, const struct tx_endpoint *endpoint)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = endpoint->ip, .sin_port = endpoint->port};

	if (endpoint->ifindex && !endpoint->multicast &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, endpoint->ifname,
		       (socklen_t)strlen(endpoint->ifname)))
		return -errno;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

static int explain(int error, const struct tx_endpoint *endpoint)
{
	if (error == EADDRNOTAVAIL)
		return fail(error,
			    "Cannot send to %s from the stated source: no interface has that address; `ip "
			    "address` lists them",
			    endpoint->address);
	if (error == ENETUNREACH || error == ENETDOWN || error == ENODEV)
		return fail(error,
			    "Cannot send to %s%s%s: %s; name an interface that is up (if=), or add a route",
			    endpoint->address, endpoint->ifname[0] ? " through " : "", endpoint->ifname,
			    strerror(error));
	if (error == EACCES && !endpoint->multicast)
		return fail(error,
			    "Cannot send to %s from port %u: ports below 1024 need CAP_NET_BIND_SERVICE, and "
			    "a broadcast address is refused",
			    endpoint->address, ntohs(endpoint->source_port));
	return fail(error, "Cannot send to %s:%u: %s", endpoint->address, ntohs(endpoint->port),
		    strerror(error));
}

int tx_socket_open(const struct tx_endpoint *endpoint, const struct hp_tx_options *options)
{
	int size = (int)(options->sndbuf ? options->sndbuf : SNDBUF_DEFAULT), on = 1, error = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(errno, "Cannot make a UDP socket: %s", strerror(errno));
	if (size < 0 || size > INT32_MAX / 2)
		size = INT32_MAX / 2; /* the kernel doubles it */
	/* A larger buffer is welcome, not needed: without CAP_NET_ADMIN the system's limit holds. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)))
		error = -errno;
	if (!error && endpoint->multicast)
		error = set_multicast(fd, endpoint);
	if (!error)
		error = bind_source(fd, endpoint);
	if (!error)
		error = connect_to(fd, endpoint);
	if (!error)
		return fd;
	close(fd);
	return explain(-error, endpoint);
}
