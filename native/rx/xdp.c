// SPDX-License-Identifier: MIT
/*
 * AF_XDP: frames of the granted flow land in memory of ours, the kernel's UDP stack never sees them.
 *
 * Who owns a frame of the UMEM: the kernel, while its address is in the fill ring or the driver; we, from the
 * receive ring's descriptor until release() puts the address back into the fill ring. There are as many fill
 * slots as frames, so giving back never has to wait. It trades the stack's services for latency: no
 * reassembly, no checksum (frame.h, steer.bpf.c), frames above 1792 bytes dropped by the kernel, one queue,
 * and a program on the interface while it is open. See Documentation/networking/af_xdp.rst.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "measure/error.h"
#include "rx.h"
#include "steering.h"
#include "xsk.h"

#define COMPLETIONS 64 /* nothing is sent, but there has to be a ring */

struct xdp {
	struct rx rx;
	struct rx_endpoint endpoint;
	struct steering steering;
	int group; /* keeps the IGMP membership; -1 for unicast */
	int drive; /* busy polling: each empty look drives the driver */
	struct xsk_umem umem;
	struct xsk socket;
	uint32_t held; /* peeked from the receive ring and not released */
};

/* Receive queues of the interface; 0 when its driver does not tell. */
static uint32_t count_queues(const struct rx_endpoint *endpoint)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&channels};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return 0;
	memcpy(request.ifr_name, endpoint->ifname, sizeof(request.ifr_name));
	error = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return error ? 0 : channels.rx_count + channels.combined_count;
}

static int check(const struct rx_endpoint *endpoint, uint32_t queue, uint32_t queues)
{
	if (!endpoint->ifindex)
		return fail(EINVAL, "Cannot receive %s by xdp: no interface named; add if=NAME",
			    endpoint->address);
	if (!endpoint->ip)
		return fail(EINVAL,
			    "Cannot receive 0.0.0.0 by xdp: it redirects one address; name the group or the "
			    "interface's own");
	if (queues && queue >= queues)
		return fail(EINVAL, "Cannot use queue %u of \"%s\": it has %u, counted from 0", queue,
			    endpoint->ifname, queues);
	return 0;
}

/* Natively neither copy nor zero-copy is asked for: the kernel takes zero-copy where the driver has it. */
static int open_socket(struct xdp *xdp, const struct hp_rx_options *options)
{
	struct xsk_options wanted = {
		.ifname = xdp->endpoint.ifname,
		.ifindex = xdp->endpoint.ifindex,
		.queue = options->queue,
		.completion_size = COMPLETIONS,
		.mode = xdp->steering.generic ? XDP_COPY : 0,
	};
	int error = xsk_umem_open(&xdp->umem, options->frame_bytes, options->frames);

	if (error)
		return error;
	wanted.rx_size = wanted.fill_size = xdp->umem.frames;
	error = xsk_open(&xdp->socket, &xdp->umem, &wanted);
	if (error)
		return error;
	xsk_fill(&xdp->socket, &xdp->umem, xdp->umem.frames);
	rx_note(xdp->rx.stats, "%s, need-wakeup, %s pages", xdp->socket.zero_copy ? "zero-copy" : "copy",
		xdp->umem.huge ? "huge" : "small");
	return 0;
}

/* From here on the flow is redirected. */
static int connect_queue(struct xdp *xdp, uint32_t queues, const struct hp_rx_options *options)
{
	uint32_t queue = options->queue;
	int error = steering_connect(&xdp->steering, queue, xdp->socket.fd);

	if (error)
		return error;
	if (queues > 1)
		rx_note(xdp->rx.stats, "queue %u of %u", queue, queues);
	if (options->wait != HP_WAIT_BUSY_POLL)
		return 0;
	error = rx_socket_busy_poll(xdp->socket.fd, options->budget);
	if (error)
		rx_note(xdp->rx.stats, "no busy-poll: %s", strerror(-error));
	else
		xdp->drive = 1;
	return 0;
}

/* The program first: once it is off, nothing can be redirected into a socket that goes. */
static void xdp_close(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;

	steering_close(&xdp->steering);
	xsk_close(&xdp->socket);
	xsk_umem_close(&xdp->umem);
	rx_socket_close(xdp->group, &xdp->endpoint);
	free(xdp);
}

static int xdp_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct xdp *xdp = calloc(1, sizeof(*xdp));
	uint32_t queues;
	int error;

	if (!xdp)
		return fail(ENOMEM, "Cannot open the xdp path: no memory");
	xdp->rx.ops = &rx_xdp;
	xdp->rx.stats = stats;
	xdp->group = xdp->socket.fd = xdp->umem.fd = xdp->steering.link = -1;
	stats->note[0] = 0;
	stats->generic = 0;
	error = rx_endpoint(&xdp->endpoint, options);
	if (error)
		goto out;
	queues = count_queues(&xdp->endpoint);
	error = check(&xdp->endpoint, options->queue, queues);
	if (error)
		goto out;
	error = steering_open(&xdp->steering, &xdp->endpoint, queues ? queues : options->queue + 1, stats);
	if (error)
		goto out;
	error = open_socket(xdp, options);
	if (error)
		goto out;
	error = connect_queue(xdp, queues, options);
	if (error)
		goto out;
	error = rx_socket_join(&xdp->endpoint, &xdp->group);
	if (error)
		goto out;
	if (options->flags & HP_RX_STAMPS)
		rx_note(stats, "no stamps");
	*out = &xdp->rx;
	return 0;
out:
	xdp_close(&xdp->rx);
	return error;
}

static void wake(struct xdp *xdp)
{
	xdp->rx.stats->kicks += 1;
	recvfrom(xdp->socket.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* The descriptors still lie where they were read: their frames go back from there. */
static void xdp_release(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;
	struct xsk *socket = &xdp->socket;
	uint32_t from = socket->rx.next - xdp->held, index = 0;

	if (!xdp->held)
		return;
	xsk_reserve(&socket->fill, xdp->held, &index); /* a slot for every frame: cannot fail */
	for (uint32_t i = 0; i < xdp->held; i++)
		*xsk_address(&socket->fill, index + i) =
			xsk_desc(&socket->rx, from + i)->addr & ~(uint64_t)(xdp->umem.frame_bytes - 1);
	xsk_submit(&socket->fill);
	xsk_release(&socket->rx, xdp->held);
	xdp->held = 0;
	if (xsk_needs_wakeup(&socket->fill))
		wake(xdp); /* the driver ran dry and waits to be told */
}

static int xdp_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct xdp *xdp = (struct xdp *)rx;
	struct xsk *socket = &xdp->socket;
	struct rx_datagram *next = out;
	uint32_t index, frames;

	rx->stats->polls += 1;
	frames = xsk_peek(&socket->rx, (uint32_t)(max < RX_BATCH ? max : RX_BATCH), &index);
	if (!frames && (xdp->drive || xsk_needs_wakeup(&socket->fill))) {
		wake(xdp);
		frames = xsk_peek(&socket->rx, (uint32_t)(max < RX_BATCH ? max : RX_BATCH), &index);
	}
	if (!frames) {
		rx->stats->empty += 1;
		return 0;
	}
	xdp->held += frames;
	for (uint32_t i = 0; i < frames; i++) {
		const struct xdp_desc *desc = xsk_desc(&socket->rx, index + i);

		next->truncated = 0;
		next->wire_ns = 0;
		next->data = frame_payload(xdp->umem.area + desc->addr, desc->len, xdp->endpoint.ip,
					   xdp->endpoint.port, &next->len);
		if (!next->data) {
			rx->stats->malformed += 1;
			continue;
		}
		rx->stats->bytes += next->len;
		next++;
	}
	rx->stats->datagrams += (double)(next - out);
	if (next == out)
		xdp_release(rx); /* the caller got nothing and owes no release */
	return (int)(next - out);
}

static int xdp_fd(struct rx *rx)
{
	return ((struct xdp *)rx)->socket.fd;
}

/* An empty fill ring is counted in rx_dropped as well, so it is not added. */
static void xdp_refresh(struct rx *rx)
{
	struct xdp_statistics counts = {0};
	socklen_t size = sizeof(counts);

	if (!getsockopt(((struct xdp *)rx)->socket.fd, SOL_XDP, XDP_STATISTICS, &counts, &size))
		rx->stats->dropped = (double)(counts.rx_dropped + counts.rx_ring_full);
}

const struct rx_ops rx_xdp = {
	.name = "xdp",
	.open = xdp_open,
	.poll = xdp_poll,
	.release = xdp_release,
	.fd = xdp_fd,
	.refresh = xdp_refresh,
	.close = xdp_close,
};
