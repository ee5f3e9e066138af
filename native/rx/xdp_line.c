// SPDX-License-Identifier: MIT
/*
 * A line of the xdp path: one interface with its XDP program, a socket for each of its queues, and the
 * group's membership. All sockets of both lines share the UMEM of the first; which interface a socket is on
 * is the kernel's knowledge (its namespace and index), so two namespaces that count alike do not get in each
 * other's way. See Documentation/networking/af_xdp.rst, "XDP_SHARED_UMEM bind flag".
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "measure/error.h"
#include "netns.h"
#include "xdp.h"

#define MOST_QUEUES 4096u
#define COMPLETIONS 64 /* nothing is sent, but there has to be a ring */

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

static int check(const struct rx_endpoint *endpoint, uint32_t first, uint32_t wanted, uint32_t queues)
{
	if (!endpoint->ifindex)
		return fail(EINVAL, "Cannot receive %s by xdp: no interface named; add if=NAME",
			    endpoint->address);
	if (!endpoint->ip)
		return fail(EINVAL,
			    "Cannot receive 0.0.0.0 by xdp: it redirects one address; name the group or the "
			    "interface's own");
	if (queues && (first >= queues || wanted > queues - first))
		return fail(EINVAL, "Cannot use queue %u of \"%s\": it has %u, counted from 0",
			    first >= queues ? first : first + wanted - 1, endpoint->ifname, queues);
	if (!queues && first >= MOST_QUEUES)
		return fail(EINVAL, "Cannot use queue %u of \"%s\": no interface has so many", first,
			    endpoint->ifname);
	return 0;
}

/* The smallest power of two that holds a socket's share of the frames. */
static uint32_t ring_size(uint32_t share)
{
	uint32_t size = 64;

	while (size < share)
		size *= 2;
	return size;
}

/* Natively neither copy nor zero-copy is asked for: the kernel takes zero-copy where the driver has it. */
static uint32_t mode_of(const struct xdp_line *line, uint32_t flags)
{
	if (flags & HP_RX_ZERO_COPY)
		return XDP_ZEROCOPY;
	return line->steering.generic || flags & HP_RX_COPY ? XDP_COPY : 0;
}

/* From the end of this on, what arrives on the queue is redirected. */
static int open_queue(struct xdp *xdp, const struct xdp_line *line, uint32_t number, uint32_t share,
		      const struct hp_rx_options *options)
{
	struct xdp_queue *queue = &xdp->queues[xdp->count];
	const struct xsk_options wanted = {
		.ifname = line->endpoint.ifname,
		.ifindex = line->endpoint.ifindex,
		.queue = number,
		.rx_size = ring_size(share),
		.fill_size = ring_size(share),
		.completion_size = COMPLETIONS,
		.mode = mode_of(line, options->flags),
	};
	int error;

	xdp->count++;
	error = xsk_open(&queue->socket, &xdp->umem, &wanted);
	if (error)
		return error;
	xsk_fill(&queue->socket, &xdp->umem, share);
	if (options->wait == HP_WAIT_BUSY_POLL) {
		error = rx_socket_busy_poll(queue->socket.fd, options->budget);
		if (error && xdp->count == 1)
			rx_note(xdp->rx.stats, "no busy-poll: %s", strerror(-error));
		xdp->drive = !error;
	}
	return steering_connect(&line->steering, number, queue->socket.fd);
}

/* What it costs to know: how the first socket runs holds for all. */
static void note_queues(const struct xdp *xdp, const struct xdp_line *line, uint32_t first, uint32_t wanted,
			uint32_t queues)
{
	struct hp_rx_stats *stats = xdp->rx.stats;
	uint32_t mtu = xsk_mtu(line->endpoint.ifname), most = xsk_umem_largest(&xdp->umem);

	if (line == xdp->lines)
		rx_note(stats, "%s, need-wakeup, %s pages", xdp->umem.zero_copy ? "zero-copy" : "copy",
			xdp->umem.huge ? "huge" : "small");
	if (queues > 1 && wanted == 1)
		rx_note(stats, "queue %u of %u", first, queues);
	if (wanted > 1)
		rx_note(stats, "queues %u-%u of %u", first, first + wanted - 1, queues);
	if (xdp->stamps && !line->steering.metadata && line == xdp->lines)
		rx_note(stats, "no rx-timestamp metadata, stamps by XDP");
	if (mtu + FRAME_ETHERNET > most)
		rx_note(stats, "MTU %u: over %u dropped%s", mtu, most,
			xdp->umem.frame_bytes < 4096 ? "; frame=4096" : "");
}

/* In the line's namespace. */
static int raise_line(struct xdp *xdp, struct xdp_line *line, uint32_t share,
		      const struct hp_rx_options *options)
{
	uint32_t wanted = options->queues ? options->queues : 1, queues = count_queues(&line->endpoint);
	int error = check(&line->endpoint, options->queue, wanted, queues);

	if (!error)
		error = steering_open(&line->steering, &line->endpoint,
				      queues ? queues : options->queue + wanted, xdp->stamps, xdp->rx.stats);
	for (uint32_t i = 0; i < wanted && !error; i++)
		error = open_queue(xdp, line, options->queue + i, share, options);
	if (error)
		return error;
	note_queues(xdp, line, options->queue, wanted, queues);
	return rx_socket_join(&line->endpoint, &line->group);
}

int xdp_line_open(struct xdp *xdp, uint32_t share, const struct hp_rx_options *options)
{
	struct xdp_line *line = &xdp->lines[0];
	int error = rx_endpoint(&line->endpoint, options);

	return error ? error : raise_line(xdp, line, share, options);
}

int xdp_line_open_also(struct xdp *xdp, uint32_t share, const struct hp_rx_options *options)
{
	struct hp_rx_options also = *options;
	struct xdp_line *line = &xdp->lines[1];
	char netns[sizeof(also.also_netns)] = {0};
	int before, error;

	memcpy(also.ifname, options->also_ifname, sizeof(also.ifname));
	memcpy(netns, options->also_netns, sizeof(netns) - 1);
	before = netns_enter(netns);
	if (before < -1)
		return before;
	error = rx_endpoint(&line->endpoint, &also);
	if (!error)
		error = interface_watch_open(&line->watch, line->endpoint.ifname);
	if (!error) {
		rx_note(xdp->rx.stats, "also %s", line->endpoint.ifname);
		error = raise_line(xdp, line, share, options);
	}
	netns_leave(before);
	return error;
}

void xdp_line_close(struct xdp_line *line)
{
	steering_close(&line->steering);
	interface_watch_close(&line->watch);
	rx_socket_close(line->group, &line->endpoint);
}
