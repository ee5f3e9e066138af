// SPDX-License-Identifier: MIT
/*
 * The connection of an order session. One socket is used for life: connect(2) to AF_UNSPEC dissolves a broken
 * connection and the next attempt begins on the same socket. So a reconnect needs no entry into the network
 * namespace it was made in, and no privilege, even after the process dropped its own. See tcp(7).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/clock.h"
#include "measure/error.h"
#include "session.h"

#define CONNECT_SLICE_MS 10

static int explain(const struct order_session *session, int error)
{
	switch (error) {
	case ECONNREFUSED:
		return fail(error,
			    "Cannot connect to %s: connection refused; is the exchange listening there?",
			    session->name);
	case ETIMEDOUT:
		return fail(error,
			    "Cannot connect to %s: no answer within %u ms; check address and route, or "
			    "raise connect_ms",
			    session->name, session->options.connect_ms);
	case ENETUNREACH:
	case EHOSTUNREACH:
		return fail(error, "Cannot connect to %s: %s; `ip route get` shows the way there",
			    session->name, strerror(error));
	default:
		return fail(error, "Cannot connect to %s: %s", session->name, strerror(error));
	}
}

static int begin(struct order_session *session)
{
	int on = 1;

	setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(session->fd, (struct sockaddr *)&session->peer, sizeof(session->peer)) &&
	    errno != EINPROGRESS && errno != EINTR)
		return -errno;
	return 0;
}

int tcp_connected(struct order_session *session, int timeout_ms)
{
	struct pollfd wait = {.fd = session->fd, .events = POLLOUT};
	int error = 0, ready = poll(&wait, 1, timeout_ms);
	socklen_t size = sizeof(error);

	if (ready < 0 && errno != EINTR)
		return -errno;
	if (ready <= 0)
		return 0;
	getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? -error : 1;
}

int tcp_open(struct order_session *session)
{
	const struct hp_order_options *options = &session->options;
	char address[sizeof(options->address) + 1] = {0};
	uint64_t deadline = clock_ticks() + session->connect_ticks;
	int error;

	memcpy(address, options->address, sizeof(options->address));
	snprintf(session->name, sizeof(session->name), "%s:%u", address, options->port);
	session->peer.sin_family = AF_INET;
	session->peer.sin_port = htons((uint16_t)options->port);
	if (inet_pton(AF_INET, address, &session->peer.sin_addr) != 1)
		return fail(EINVAL, "Cannot connect to \"%s\": not a dotted IPv4 address", address);
	if (!options->port || options->port > 65535)
		return fail(EINVAL, "Cannot connect to %s: port %u is not 1..65535", address, options->port);
	session->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (session->fd < 0)
		return fail(errno, "Cannot make a TCP socket: %s", strerror(errno));
	error = begin(session);
	while (!error && clock_ticks() < deadline)
		error = tcp_connected(session, CONNECT_SLICE_MS);
	if (error == 1)
		return 0;
	return explain(session, error ? -error : ETIMEDOUT);
}

int tcp_reconnect(struct order_session *session)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int stale;
	socklen_t size = sizeof(stale);

	if (connect(session->fd, &nowhere, sizeof(nowhere)))
		return -errno;
	getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &stale,
		   &size); /* dissolving leaves ECONNRESET behind */
	return begin(session);
}

int tcp_unacked(const struct order_session *session)
{
	int bytes;

	return ioctl(session->fd, SIOCOUTQ, &bytes) ? -errno : bytes;
}

int tcp_drain(const struct order_session *session)
{
	/* TCP's MSG_TRUNC discards instead of copying: no buffer is needed. */
	ssize_t got = recv(session->fd, NULL, 1 << 20, MSG_DONTWAIT | MSG_TRUNC);

	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return got ? -errno : -ECONNRESET;
}

void tcp_hang_up(struct order_session *session)
{
	shutdown(session->fd, SHUT_RDWR);
}
