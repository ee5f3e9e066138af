/* SPDX-License-Identifier: MIT */
/*
 * The exchange's two sockets. Market data leaves a connected UDP socket (one route look-up, at open); orders
 * arrive at a listening TCP socket whose backlog is the waiting room: one client has a session, the next gets
 * its own when that one is over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lab/exchange.h"
#include "measure/error.h"

#define SEND_BUFFER (4 << 20)
#define SEND_WAIT   20000 /* us a send may wait for room: what close() may have to wait for */
#define BACKLOG	    8

static int parse_address(const char *text, uint32_t port, struct sockaddr_in *out, const char *what)
{
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (!memchr(text, 0, 16) || inet_pton(AF_INET, text, &out->sin_addr) != 1)
		return fail(EINVAL, "Cannot use \"%.16s\" as the address for %s: write it as 239.255.0.1",
			    text, what);
	if (port < 1 || port > 65535)
		return fail(EINVAL, "Cannot use port %u for %s: ports are 1 to 65535", port, what);
	return 0;
}

/*
 * Multicast leaves through the named interface and goes one hop. Copies for this host's own receivers are
 * made only where they can be meant: on loopback, and when no interface is named. On a veth the receiver
 * sits at the other end, and a copy for nobody would cost the sender time on every datagram.
 */
static int set_multicast(int fd, const struct hp_exchange_options *options)
{
	struct ip_mreqn interface = {0};
	struct ifreq request = {0};
	int loop = !options->ifname[0], ttl = 1;

	if (options->ifname[0]) {
		memcpy(request.ifr_name, options->ifname, sizeof(request.ifr_name) - 1);
		interface.imr_ifindex = (int)if_nametoindex(request.ifr_name);
		if (!interface.imr_ifindex)
			return fail(ENODEV,
				    "Cannot send market data through interface \"%s\": there is none of that "
				    "name "
				    "here; list them with: ip link",
				    request.ifr_name);
		if (!ioctl(fd, SIOCGIFFLAGS, &request))
			loop = (request.ifr_flags & IFF_LOOPBACK) != 0;
	}
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)))
		return fail(
			errno,
			"Cannot send multicast to %s through \"%s\": %s; is it up, and has it an address?",
			options->group, options->ifname, strerror(errno));
	return 0;
}

int exchange_socket_market(const struct hp_exchange_options *options)
{
	struct timeval wait = {.tv_usec = SEND_WAIT};
	struct sockaddr_in address;
	int size = SEND_BUFFER, fd, code;

	code = parse_address(options->group, options->port, &address, "market data");
	if (code)
		return code;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(errno, "Cannot make a UDP socket for market data: %s", strerror(errno));
	if (IN_MULTICAST(ntohl(address.sin_addr.s_addr))) {
		code = set_multicast(fd, options);
		if (code)
			goto out;
	}
	/* A larger buffer is welcome, not needed: without CAP_NET_ADMIN the system's limit holds. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		code = -errno;
	if (!code)
		return fd;
	fail(-code, "Cannot send market data to %s:%u%s%s: %s; name an interface that is up, or add a route",
	     options->group, options->port, options->ifname[0] ? " through " : "", options->ifname,
	     strerror(-code));
out:
	close(fd);
	return code;
}

int exchange_socket_orders(const struct hp_exchange_options *options)
{
	struct sockaddr_in address;
	int on = 1, fd, code;

	code = parse_address(options->listen, options->order_port, &address, "order entry");
	if (code)
		return code;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(errno, "Cannot make a TCP socket for order entry: %s", strerror(errno));
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, BACKLOG))
		return fd;
	code = fail(errno,
		    "Cannot accept orders on %s:%u: %s; choose another port or an address of this host",
		    options->listen, options->order_port, strerror(errno));
	close(fd);
	return code;
}
