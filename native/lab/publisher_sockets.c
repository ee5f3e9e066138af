// SPDX-License-Identifier: MIT
/* The servers' sockets, each opened in its namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lab/publisher.h"
#include "measure/error.h"
#include "rx/netns.h"

#define RECEIVE_BUFFER (1 << 20)
#define BACKLOG	       16

static int open_here(int type, const char *address, uint32_t port, const char *what)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int size = RECEIVE_BUFFER, on = 1, fd, code;

	if (!memchr(address, 0, 16) || inet_pton(AF_INET, address, &here.sin_addr) != 1)
		return fail(EINVAL, "Cannot serve %s on \"%.15s\": write the address as 10.77.0.1", what,
			    address);
	if (port > 65535)
		return fail(EINVAL, "Cannot serve %s on port %u: ports are 1 to 65535", what, port);
	fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(errno, "Cannot make a socket for %s: %s", what, strerror(errno));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (struct sockaddr *)&here, sizeof(here)) && (type == SOCK_DGRAM || !listen(fd, BACKLOG)))
		return fd;
	code = fail(errno, "Cannot serve %s on %s:%u: %s; choose another port or an address of this host",
		    what, address, port, strerror(errno));
	close(fd);
	return code;
}

static int open_in(const char *netns, int type, const char *address, uint32_t port, const char *what)
{
	int before, fd;

	if (!memchr(netns, 0, 64))
		return fail(EINVAL, "Cannot enter a namespace whose name is that long");
	before = netns_enter(netns);
	if (before < -1)
		return before;
	fd = open_here(type, address, port, what);
	netns_leave(before);
	return fd;
}

int publisher_socket_requests(const struct hp_publisher_requests *options)
{
	return open_in(options->netns, SOCK_DGRAM, options->address, options->port, "re-requests");
}

int publisher_socket_snapshots(const struct hp_publisher_snapshots *options)
{
	return open_in(options->netns, SOCK_STREAM, options->address, options->port, "snapshots");
}
