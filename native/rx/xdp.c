// SPDX-License-Identifier: MIT
/*
 * AF_XDP: frames of the granted flow land in memory of ours, the kernel's UDP stack never sees them.
 *
 * A line is an interface with its program and its membership; there may be a second one, in another
 * namespace, for feeds that are sent twice. Each line has a socket a queue, and all sockets share one UMEM. A
 * frame is the kernel's while its address is in a fill ring or the driver; it is ours from the receive ring's
 * descriptor until release() puts the address back into the fill ring of the same socket. There are as many
 * slots as frames, so giving back never has to wait, and whoever never gives back starves the kernel, which
 * counts. A look costs one load a socket.
 *
 * It trades the stack's services for latency: no reassembly (steer.bpf.c), frames
 * longer than frame_bytes - 256 dropped by the kernel, queues without a socket not served, and a program on
 * the interface while it is open. See Documentation/networking/af_xdp.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "measure/error.h"
#include "xdp.h"

#define SECOND_NS 1000000000ll
#define AHEAD	  4 /* frames fetched while others are looked at */

enum said { SAID_STAMPS = 1, SAID_ELSEWHERE = 2, SAID_GONE = 4, SAID_DRIVER = 8 };

/* ---- opening and closing ---------------------------------------------------------------------- */

/* One descriptor for all sockets. */
static int open_fd(struct xdp *xdp)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (xdp->count == 1)
		return 0;
	xdp->fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < xdp->count && xdp->fd >= 0; i++)
		if (epoll_ctl(xdp->fd, EPOLL_CTL_ADD, xdp->queues[i].socket.fd, &event))
			return fail(errno, "Cannot wait for %u AF_XDP sockets: %s", xdp->count,
				    strerror(errno));
	return xdp->fd < 0 ? fail(errno, "Cannot make an epoll descriptor: %s", strerror(errno)) : 0;
}

/* The programs stamp by CLOCK_MONOTONIC; both clocks are slewed alike, a step of one is followed here. */
static int64_t realtime_ahead(void)
{
	int64_t ahead = 0, least = INT64_MAX;

	for (int i = 0; i < 3; i++) {
		struct timespec before, real, after;
		int64_t from, to;

		clock_gettime(CLOCK_MONOTONIC, &before);
		clock_gettime(CLOCK_REALTIME, &real);
		clock_gettime(CLOCK_MONOTONIC, &after);
		from = before.tv_sec * SECOND_NS + before.tv_nsec;
		to = after.tv_sec * SECOND_NS + after.tv_nsec;
		if (to - from >= least)
			continue;
		least = to - from;
		ahead = real.tv_sec * SECOND_NS + real.tv_nsec - from - least / 2;
	}
	return ahead;
}

static void xdp_close(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;

	for (int i = 0; i < XDP_LINES; i++)
		xdp_line_close(&xdp->lines[i]);
	if (xdp->fd >= 0)
		close(xdp->fd);
	while (xdp->count) /* the one that registered the UMEM last */
		xsk_close(&xdp->queues[--xdp->count].socket);
	xsk_umem_close(&xdp->umem);
	free(xdp);
}

static int open_path(struct xdp *xdp, uint32_t total, const struct hp_rx_options *options)
{
	uint32_t share;
	int error = xsk_umem_open(&xdp->umem, options->frame_bytes, options->frames);

	if (error)
		return error;
	share = xdp->umem.frames / total;
	if (share < RX_BATCH)
		return fail(EINVAL, "Cannot share %u frames among %u sockets: %u each at least (frames=)",
			    xdp->umem.frames, total, RX_BATCH);
	error = xdp_line_open(xdp, share, options);
	if (!error && options->also_ifname[0])
		error = xdp_line_open_also(xdp, share, options);
	xdp->ip = xdp->lines[0].endpoint.ip;
	xdp->port = xdp->lines[0].endpoint.port;
	return error ? error : open_fd(xdp);
}

static int xdp_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	uint32_t wanted = options->queues ? options->queues : 1, total = wanted;
	struct xdp *xdp;
	int error;

	if (wanted > XDP_QUEUES)
		return fail(EINVAL, "Cannot serve %u queues: %u at most", wanted, XDP_QUEUES);
	total += options->also_ifname[0] ? wanted : 0;
	xdp = calloc(1, sizeof(*xdp) + total * sizeof(xdp->queues[0]));
	if (!xdp)
		return fail(ENOMEM, "Cannot open the xdp path: no memory");
	xdp->rx.ops = &rx_xdp;
	xdp->rx.stats = stats;
	xdp->umem.fd = xdp->fd = -1;
	for (int i = 0; i < XDP_LINES; i++)
		xdp->lines[i].group = xdp->lines[i].watch.fd = xdp->lines[i].steering.link = -1;
	xdp->stamps = (options->flags & HP_RX_STAMPS) != 0;
	xdp->realtime_ahead = realtime_ahead();
	stats->note[0] = 0;
	stats->generic = 0;
	error = open_path(xdp, total, options);
	if (error) {
		xdp_close(&xdp->rx);
		return error;
	}
	*out = &xdp->rx;
	return 0;
}

/* ---- receiving -------------------------------------------------------------------------------- */

static void wake(struct xdp *xdp, const struct xdp_queue *queue)
{
	xdp->rx.stats->kicks += 1;
	recvfrom(queue->socket.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* The descriptors still lie where they were read: their frames go back from there. */
static void give_back(struct xdp *xdp, struct xdp_queue *queue)
{
	struct xsk *socket = &queue->socket;
	uint32_t from = socket->rx.next - queue->held, index = 0;

	xsk_reserve(&socket->fill, queue->held, &index); /* a slot for every frame: cannot fail */
	for (uint32_t i = 0; i < queue->held; i++)
		*xsk_address(&socket->fill, index + i) =
			xsk_desc(&socket->rx, from + i)->addr & ~(uint64_t)(xdp->umem.frame_bytes - 1);
	xsk_submit(&socket->fill);
	xsk_release(&socket->rx, queue->held);
	queue->held = 0;
	if (socket->zero_copy && xsk_needs_wakeup(&socket->fill))
		wake(xdp, queue); /* the driver ran dry and waits to be told */
}

static void xdp_release(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;

	xdp->owed = 0;
	for (uint32_t i = 0; i < xdp->count; i++)
		if (xdp->queues[i].held)
			give_back(xdp, &xdp->queues[i]);
}

/* The NIC's stamp counts only where it lies within a second of the kernel's: many count TAI, or from when
 * they were switched on. Each is taken once, so that none is left in a frame that went round. */
static int64_t take_stamp(struct xdp *xdp, uint8_t *frame)
{
	struct steer_stamp stamp;
	int64_t kernel, nic;

	memcpy(&stamp, frame - sizeof(stamp), sizeof(stamp));
	if (!stamp.monotonic_ns)
		return 0;
	memset(frame - sizeof(stamp), 0, sizeof(stamp));
	xdp->rx.stats->stamped += 1;
	kernel = (int64_t)stamp.monotonic_ns + xdp->realtime_ahead;
	nic = (int64_t)stamp.nic_ns;
	if (!nic || llabs(nic - kernel) >= SECOND_NS)
		return kernel;
	xdp->by_nic += 1;
	return nic;
}

/* 1: a datagram of the flow; else it is counted. Every payload is checked: a few ns for the usual sizes, and
 * nobody else does (a NIC tells only the stack what it found). */
static inline int dissect(struct xdp *xdp, const struct xdp_desc *desc, struct rx_datagram *out)
{
	uint8_t *frame = xdp->umem.area + desc->addr;
	uint32_t tags = frame_tags(frame, desc->len);

	out->truncated = 0;
	out->wire_ns = xdp->stamps ? take_stamp(xdp, frame) : 0;
	frame += tags;
	out->data = frame_payload(frame, desc->len - tags, xdp->ip, xdp->port, &out->len);
	if (__builtin_expect(!out->data, 0)) {
		xdp->rx.stats->malformed += 1;
		return 0;
	}
	if (__builtin_expect(!frame_header_right(frame) ||
				     (frame_has_checksum(out->data) &&
				      !frame_checksum_unfinished(frame, out->data, out->len) &&
				      !frame_checksum_right(frame, out->data, out->len)),
			     0)) {
		xdp->rx.stats->bad_checksum += 1;
		return 0;
	}
	if (__builtin_expect(tags, 0))
		xdp->rx.stats->tagged += 1;
	return 1;
}

/* Up to `max` datagrams of one socket. */
static inline int take(struct xdp *xdp, struct xdp_queue *queue, struct rx_datagram *out, uint32_t max)
{
	struct xsk *socket = &queue->socket;
	uint32_t index, frames = xsk_peek(&socket->rx, max, &index);
	uint64_t bytes = 0;
	int taken = 0;

	if (!frames && (xdp->drive || (socket->zero_copy && xsk_needs_wakeup(&socket->fill)))) {
		wake(xdp, queue);
		frames = xsk_peek(&socket->rx, max, &index);
	}
	queue->held += frames;
	for (uint32_t i = 0; i < frames; i++) {
		if (i + AHEAD < frames) /* written by another core a moment ago */
			__builtin_prefetch(xdp->umem.area + xsk_desc(&socket->rx, index + i + AHEAD)->addr);
		if (!dissect(xdp, xsk_desc(&socket->rx, index + i), &out[taken]))
			continue;
		bytes += out[taken].len;
		taken++;
	}
	if (taken)
		xdp->rx.stats->bytes += (double)bytes;
	return taken;
}

/* Every socket once, or until the batch is full; the next look begins where this one stopped. */
static int xdp_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct xdp *xdp = (struct xdp *)rx;
	int most = max < RX_BATCH ? max : RX_BATCH, taken = 0;

	rx->stats->polls += 1;
	for (uint32_t left = xdp->count; left && taken < most; left--) {
		taken += take(xdp, &xdp->queues[xdp->turn], out + taken, (uint32_t)(most - taken));
		if (++xdp->turn == xdp->count)
			xdp->turn = 0;
	}
	if (!taken) {
		rx->stats->empty += 1;
		if (!xdp->owed)
			xdp_release(rx); /* the caller got nothing, and will give nothing back */
		return 0;
	}
	xdp->owed = 1;
	rx->stats->datagrams += taken;
	return taken;
}

static int xdp_fd(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;

	return xdp->count == 1 ? xdp->queues[0].socket.fd : xdp->fd;
}

/* ---- counting --------------------------------------------------------------------------------- */

/* An empty fill ring is counted in rx_dropped as well, so it is not added. */
static void count_sockets(struct xdp *xdp)
{
	struct hp_rx_stats *stats = xdp->rx.stats;
	uint64_t dropped = 0, ring_full = 0, fill_empty = 0;

	for (uint32_t i = 0; i < xdp->count; i++) {
		struct xdp_statistics counts = {0};
		socklen_t size = sizeof(counts);

		if (getsockopt(xdp->queues[i].socket.fd, SOL_XDP, XDP_STATISTICS, &counts, &size))
			continue;
		dropped += counts.rx_dropped + counts.rx_ring_full;
		ring_full += counts.rx_ring_full;
		fill_empty += counts.rx_fill_ring_empty_descs;
	}
	stats->dropped = (double)dropped;
	stats->ring_full = (double)ring_full;
	stats->fill_empty = (double)fill_empty;
}

static void count_passed(struct xdp *xdp)
{
	struct hp_rx_stats *stats = xdp->rx.stats;
	struct steer_counts passed = {0};

	for (int i = 0; i < XDP_LINES; i++)
		if (xdp->lines[i].steering.link >= 0)
			steering_count(&xdp->lines[i].steering, &passed);
	stats->fragments = (double)passed.fragments;
	stats->malformed += (double)passed.cut - xdp->cut;
	xdp->cut = (double)passed.cut;
	if (passed.elsewhere && !(xdp->said & SAID_ELSEWHERE)) {
		xdp->said |= SAID_ELSEWHERE;
		rx_note(stats, "the flow comes on other queues too: queues=");
	}
}

/* Asked of a socket that has received: before, none knows its driver. */
static void look_for_driver(struct xdp *xdp)
{
	uint32_t i = 0;

	while (i < xdp->count - 1 && xdp->queues[i].socket.rx.next == 0)
		i++;
	xdp->said |= SAID_DRIVER;
	xdp->drive = rx_socket_polls_driver(xdp->queues[i].socket.fd, xdp->rx.stats);
}

static void xdp_refresh(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;
	struct xdp_line *also = &xdp->lines[1];

	count_sockets(xdp);
	count_passed(xdp);
	xdp->realtime_ahead = realtime_ahead();
	if (xdp->drive && rx->stats->datagrams > 0 && !(xdp->said & SAID_DRIVER))
		look_for_driver(xdp);
	if (rx->stats->stamped > 0 && xdp->lines[0].steering.metadata && !(xdp->said & SAID_STAMPS)) {
		xdp->said |= SAID_STAMPS;
		rx_note(rx->stats,
			xdp->by_nic > 0 ? "stamps by the NIC" : "no rx-timestamp metadata, stamps by XDP");
	}
	if (!(xdp->said & SAID_GONE) && interface_watch_check(&also->watch, rx->stats)) {
		xdp->said |= SAID_GONE; /* the other line goes on */
		rx_note(rx->stats, "%s is gone", also->endpoint.ifname);
	}
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
