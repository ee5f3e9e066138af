// SPDX-License-Identifier: MIT
/*
 * The plain path: one recv() a poll into a buffer of our own. It trades system calls for latency: on veth
 * recv() beats recvmmsg() by a third of a microsecond for the datagram that matters, the first one, and needs
 * no privilege. See udp(7).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "rx.h"

struct udp {
	struct rx rx;
	struct rx_endpoint endpoint;
	int fd;
	uint8_t buffer[RX_FRAME] __attribute__((aligned(64)));
};

static void udp_close(struct rx *rx)
{
	struct udp *udp = (struct udp *)rx;

	rx_socket_close(udp->fd, &udp->endpoint);
	free(udp);
}

static int udp_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct udp *udp = aligned_alloc(64, sizeof(*udp));
	int error;

	if (!udp)
		return fail(ENOMEM, "Cannot open the udp path: no memory");
	memset(udp, 0, sizeof(*udp));
	udp->rx.ops = &rx_udp;
	udp->rx.stats = stats;
	udp->fd = -1;
	stats->note[0] = 0;
	error = rx_endpoint(&udp->endpoint, options);
	if (error)
		goto out;
	rx_note(stats, "recv");
	error = udp->fd = rx_socket_open(&udp->endpoint, options, stats);
	if (error < 0)
		goto out;
	*out = &udp->rx;
	return 0;
out:
	udp_close(&udp->rx);
	return error;
}

static int udp_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct udp *udp = (struct udp *)rx;
	ssize_t got;

	(void)max;
	rx->stats->polls += 1;
	/* MSG_TRUNC: the result is the datagram's true length, however much of it fitted. */
	got = recv(udp->fd, udp->buffer, RX_FRAME, MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0) {
		rx->stats->empty += 1;
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return fail(errno, "Cannot receive %s: %s", udp->endpoint.address, strerror(errno));
	}
	out->data = udp->buffer;
	out->wire_ns = 0;
	out->truncated = got > RX_FRAME;
	out->len = out->truncated ? RX_FRAME : (uint32_t)got;
	rx->stats->datagrams += 1;
	rx->stats->bytes += (double)got;
	return 1;
}

/* The next recv() overwrites the buffer: there is nothing to give back. */
static void udp_release(struct rx *rx)
{
	(void)rx;
}

static int udp_fd(struct rx *rx)
{
	return ((struct udp *)rx)->fd;
}

static void udp_refresh(struct rx *rx)
{
	rx_socket_drops(((struct udp *)rx)->fd, rx->stats);
}

const struct rx_ops rx_udp = {
	.name = "udp",
	.open = udp_open,
	.poll = udp_poll,
	.release = udp_release,
	.fd = udp_fd,
	.refresh = udp_refresh,
	.close = udp_close,
};
