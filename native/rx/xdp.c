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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "frame.h"
#include "measure/error.h"
#include "rx.h"
#include "steering.h"

#define FRAMES	   4096u
#define FRAME_SIZE RX_FRAME
#define BUSY_TRIES 200 /* a millisecond each */
#define UMEM_BYTES ((size_t)FRAMES * FRAME_SIZE)

struct xdp {
	struct rx rx;
	struct rx_endpoint endpoint;
	struct steering steering;
	int group; /* keeps the IGMP membership; -1 for unicast */
	int fd;
	int drive; /* busy polling: each empty look drives the driver */
	uint8_t *umem_area;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion; /* never used: nothing is sent */
	struct xsk_ring_cons received;
	uint32_t held;
	uint64_t held_addresses[RX_BATCH];
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

static int open_umem(struct xdp *xdp)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	const struct xsk_umem_config config = {
		.fill_size = FRAMES,
		.comp_size = 64,
		.frame_size = FRAME_SIZE,
	};
	uint32_t index = 0;
	void *area = mmap(NULL, UMEM_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int error;

	if (area == MAP_FAILED)
		return fail(errno, "Cannot map %zu MiB for frames: %s", UMEM_BYTES >> 20, strerror(errno));
	xdp->umem_area = area;
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* old kernels count BPF and UMEM there; often not allowed */
	error = xsk_umem__create(&xdp->umem, area, UMEM_BYTES, &xdp->fill, &xdp->completion, &config);
	if (error == -ENOBUFS || error == -ENOMEM)
		return fail(-error, "Cannot lock %zu MiB for frames: raise RLIMIT_MEMLOCK (ulimit -l)",
			    UMEM_BYTES >> 20);
	if (error == -EPERM)
		return fail(EPERM,
			    "Cannot make an AF_XDP socket: not allowed; xdp needs CAP_BPF, CAP_NET_ADMIN "
			    "and CAP_NET_RAW (run as root), udp and uring need nothing");
	if (error)
		return fail(-error,
			    "Cannot make an AF_XDP socket: %s; it needs Linux 5.11 or later with "
			    "CONFIG_XDP_SOCKETS",
			    strerror(-error));
	xsk_ring_prod__reserve(&xdp->fill, FRAMES, &index); /* empty, and as large: cannot fail */
	for (uint32_t i = 0; i < FRAMES; i++)
		*xsk_ring_prod__fill_addr(&xdp->fill, index + i) = (uint64_t)i * FRAME_SIZE;
	xsk_ring_prod__submit(&xdp->fill, FRAMES);
	return 0;
}

/* Neither XDP_COPY nor XDP_ZEROCOPY natively: the kernel takes zero copy where the driver has it. */
static int open_socket(struct xdp *xdp, uint32_t queue)
{
	const struct xsk_socket_config config = {
		.rx_size = FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP | (xdp->steering.generic ? XDP_COPY : 0),
	};
	struct xdp_options options = {0};
	socklen_t size = sizeof(options);
	const char *ifname = xdp->endpoint.ifname;
	int error, tries = 0;

	/* The kernel gives a closed socket's queue back in its own time: busy may mean "a moment ago". */
	while ((error = xsk_socket__create(&xdp->socket, ifname, queue, xdp->umem, &xdp->received, NULL,
					   &config)) == -EBUSY &&
	       tries++ < BUSY_TRIES)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	if (error == -EBUSY)
		return fail(EBUSY, "Cannot bind to queue %u of \"%s\": another AF_XDP socket has it", queue,
			    ifname);
	if (error == -EINVAL)
		return fail(EINVAL,
			    "Cannot bind to queue %u of \"%s\": no such queue, or its MTU is too large "
			    "for frames of %u bytes",
			    queue, ifname, FRAME_SIZE);
	if (error)
		return fail(-error, "Cannot bind an AF_XDP socket to queue %u of \"%s\": %s", queue, ifname,
			    strerror(-error));
	xdp->fd = xsk_socket__fd(xdp->socket);
	getsockopt(xdp->fd, SOL_XDP, XDP_OPTIONS, &options, &size);
	rx_note(xdp->rx.stats, "%s, need-wakeup",
		options.flags & XDP_OPTIONS_ZEROCOPY ? "zero-copy" : "copy");
	return 0;
}

/* From here on the flow is redirected. */
static int connect_queue(struct xdp *xdp, uint32_t queues, const struct hp_rx_options *options)
{
	uint32_t queue = options->queue;
	int error = xsk_socket__update_xskmap(xdp->socket, steering_sockets(&xdp->steering));

	if (error)
		return fail(-error, "Cannot enter the socket for queue %u in the XDP program's map: %s",
			    queue, strerror(-error));
	if (queues > 1)
		rx_note(xdp->rx.stats, "queue %u of %u", queue, queues);
	if (options->wait != HP_WAIT_BUSY_POLL)
		return 0;
	error = rx_socket_busy_poll(xdp->fd, options->budget);
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
	xsk_socket__delete(xdp->socket);
	if (xdp->umem)
		xsk_umem__delete(xdp->umem);
	if (xdp->umem_area)
		munmap(xdp->umem_area, UMEM_BYTES);
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
	xdp->group = xdp->fd = xdp->steering.link = -1;
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
	error = open_umem(xdp);
	if (error)
		goto out;
	error = open_socket(xdp, options->queue);
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
	recvfrom(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static void xdp_release(struct rx *rx)
{
	struct xdp *xdp = (struct xdp *)rx;
	uint32_t index = 0;

	if (!xdp->held)
		return;
	xsk_ring_prod__reserve(&xdp->fill, xdp->held, &index); /* a slot for every frame: cannot fail */
	for (uint32_t i = 0; i < xdp->held; i++)
		*xsk_ring_prod__fill_addr(&xdp->fill, index + i) = xdp->held_addresses[i];
	xsk_ring_prod__submit(&xdp->fill, xdp->held);
	xdp->held = 0;
	if (xsk_ring_prod__needs_wakeup(&xdp->fill))
		wake(xdp); /* the driver ran dry and waits to be told */
}

static int xdp_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct xdp *xdp = (struct xdp *)rx;
	struct rx_datagram *next = out;
	uint32_t index, frames;

	rx->stats->polls += 1;
	frames = xsk_ring_cons__peek(&xdp->received, (uint32_t)(max < RX_BATCH ? max : RX_BATCH), &index);
	if (!frames && (xdp->drive || xsk_ring_prod__needs_wakeup(&xdp->fill))) {
		wake(xdp);
		frames = xsk_ring_cons__peek(&xdp->received, (uint32_t)(max < RX_BATCH ? max : RX_BATCH),
					     &index);
	}
	if (!frames) {
		rx->stats->empty += 1;
		return 0;
	}
	for (uint32_t i = 0; i < frames; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xdp->received, index + i);

		xdp->held_addresses[xdp->held++] = desc->addr & ~(uint64_t)(FRAME_SIZE - 1);
		next->truncated = 0;
		next->wire_ns = 0;
		next->data = frame_payload(xdp->umem_area + desc->addr, desc->len, xdp->endpoint.ip,
					   xdp->endpoint.port, &next->len);
		if (!next->data) {
			rx->stats->malformed += 1;
			continue;
		}
		rx->stats->bytes += next->len;
		next++;
	}
	xsk_ring_cons__release(&xdp->received,
			       frames); /* the descriptors; the frames are ours until release() */
	rx->stats->datagrams += (double)(next - out);
	if (next == out)
		xdp_release(rx); /* the caller got nothing and owes no release */
	return (int)(next - out);
}

static int xdp_fd(struct rx *rx)
{
	return ((struct xdp *)rx)->fd;
}

/* An empty fill ring is counted in rx_dropped as well, so it is not added. */
static void xdp_refresh(struct rx *rx)
{
	struct xdp_statistics counts = {0};
	socklen_t size = sizeof(counts);

	if (!getsockopt(((struct xdp *)rx)->fd, SOL_XDP, XDP_STATISTICS, &counts, &size))
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
