// SPDX-License-Identifier: MIT
/*
 * Setting AF_XDP sockets up: memory, rings, bind, and what the kernel's few error codes mean at each step.
 * The rings' layout is asked of the kernel (XDP_MMAP_OFFSETS), their memory is the kernel's, mapped. See
 * Documentation/networking/af_xdp.rst and, for the codes, net/xdp/xsk.c.
 */
#include <errno.h>
#include <linux/ethtool.h>
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

#include "measure/error.h"
#include "xsk.h"

#define HUGE_PAGE   (2u << 20)
#define HUGE_FLAGS  (MAP_HUGETLB | 21 << MAP_HUGE_SHIFT) /* of 2 MiB, whatever the default is */
#define BUSY_TRIES  2000				 /* a millisecond each */
#define MOST_FRAMES (1u << 20)

/* ---- frames ----------------------------------------------------------------------------------- */

static void *map_pages(size_t bytes, int flags)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | flags,
		    -1, 0);
}

/* Huge pages are reserved by mmap() itself: what it gives cannot fail later. */
static int map_frames(struct xsk_umem *umem)
{
	size_t bytes = (size_t)umem->frames * umem->frame_bytes;
	size_t rounded = (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	void *area = map_pages(rounded, HUGE_FLAGS);

	umem->huge = area != MAP_FAILED;
	umem->bytes = umem->huge ? rounded : bytes;
	if (!umem->huge)
		area = map_pages(bytes, 0);
	if (area == MAP_FAILED)
		return fail(errno, "Cannot map %zu MiB for %u frames: %s; use fewer (frames=)", bytes >> 20,
			    umem->frames, strerror(errno));
	umem->area = area;
	madvise(area, umem->bytes, MADV_DONTFORK); /* a fork would copy pages that the kernel has pinned */
	return 0;
}

int xsk_umem_open(struct xsk_umem *umem, uint32_t frame_bytes, uint32_t frames)
{
	int error;

	*umem = (struct xsk_umem){
		.frame_bytes = frame_bytes ? frame_bytes : 2048, .frames = frames ? frames : 4096, .fd = -1};
	if (umem->frame_bytes != 2048 && umem->frame_bytes != 4096)
		return fail(EINVAL, "Cannot use frames of %u bytes: 2048 or 4096", frame_bytes);
	if (umem->frames < 64 || umem->frames > MOST_FRAMES || umem->frames & (umem->frames - 1))
		return fail(EINVAL, "Cannot use %u frames: a power of two from 64 to %u", frames,
			    MOST_FRAMES);
	error = map_frames(umem);
	if (error)
		return error;
	umem->free = malloc(umem->frames * sizeof(umem->free[0]));
	if (!umem->free)
		return fail(ENOMEM, "Cannot list %u frames: no memory", umem->frames);
	for (uint32_t i = 0; i < umem->frames; i++)
		umem->free[i] = (uint64_t)i * umem->frame_bytes;
	return 0;
}

void xsk_umem_close(struct xsk_umem *umem)
{
	if (umem->area)
		munmap(umem->area, umem->bytes);
	free(umem->free);
	*umem = (struct xsk_umem){.fd = -1};
}

/* Old kernels count UMEM and BPF against RLIMIT_MEMLOCK; raising it is often not allowed, and seldom needed.
 */
static int register_umem(struct xsk *xsk, struct xsk_umem *umem)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	const struct xdp_umem_reg registration = {
		.addr = (uintptr_t)umem->area,
		.len = (uint64_t)umem->frames * umem->frame_bytes,
		.chunk_size = umem->frame_bytes,
	};

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (setsockopt(xsk->fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration))) {
		if (errno == ENOBUFS || errno == ENOMEM)
			return fail(errno,
				    "Cannot lock %zu MiB for frames: raise RLIMIT_MEMLOCK (ulimit -l), or "
				    "use fewer (frames=)",
				    umem->bytes >> 20);
		return fail(errno, "Cannot register %zu MiB of frames: %s", umem->bytes >> 20,
			    strerror(errno));
	}
	umem->fd = xsk->fd;
	return 0;
}

void xsk_fill(struct xsk *xsk, struct xsk_umem *umem, uint32_t count)
{
	uint32_t index = 0;

	count = count < xsk_umem_available(umem) ? count : xsk_umem_available(umem);
	count = xsk_reserve(&xsk->fill, count, &index);
	for (uint32_t i = 0; i < count; i++)
		*xsk_address(&xsk->fill, index + i) = xsk_umem_take(umem);
	xsk_submit(&xsk->fill);
}

/* ---- rings ------------------------------------------------------------------------------------ */

struct ring_kind {
	const char *name;
	int option; /* of setsockopt */
	off_t page; /* of mmap */
	size_t slot_bytes;
	int produce; /* we fill it */
};

static int open_ring(const struct xsk *xsk, struct xsk_ring *ring, const struct ring_kind *kind,
		     const struct xdp_ring_offset *at, uint32_t size)
{
	uint8_t *map;

	if (setsockopt(xsk->fd, SOL_XDP, kind->option, &size, sizeof(size)))
		return fail(errno, "Cannot make a %s ring of %u slots: %s", kind->name, size,
			    strerror(errno));
	ring->map_bytes = at->desc + size * kind->slot_bytes;
	map = mmap(NULL, ring->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, xsk->fd,
		   kind->page);
	if (map == MAP_FAILED)
		return fail(errno, "Cannot map the %s ring: %s", kind->name, strerror(errno));
	ring->map = map;
	ring->size = size;
	ring->mask = size - 1;
	ring->producer = (uint32_t *)(map + at->producer);
	ring->consumer = (uint32_t *)(map + at->consumer);
	ring->flags = (const uint32_t *)(map + at->flags);
	ring->slots = map + at->desc;
	ring->next = kind->produce ? *ring->producer : *ring->consumer;
	ring->seen = ring->next + (kind->produce ? size : 0);
	return 0;
}

static void close_ring(struct xsk_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_bytes);
	ring->map = NULL;
}

static int open_rings(struct xsk *xsk, const struct xsk_options *options)
{
	static const struct ring_kind fill = {"fill", XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, 8, 1};
	static const struct ring_kind completion = {"completion", XDP_UMEM_COMPLETION_RING,
						    XDP_UMEM_PGOFF_COMPLETION_RING, 8, 0};
	static const struct ring_kind rx = {"receive", XDP_RX_RING, XDP_PGOFF_RX_RING,
					    sizeof(struct xdp_desc), 0};
	static const struct ring_kind tx = {"transmit", XDP_TX_RING, XDP_PGOFF_TX_RING,
					    sizeof(struct xdp_desc), 1};
	struct xdp_mmap_offsets at = {0};
	socklen_t size = sizeof(at);
	int error;

	if (getsockopt(xsk->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size))
		return fail(errno, "Cannot ask for the layout of AF_XDP rings: %s", strerror(errno));
	if (size != sizeof(at))
		return fail(ENOSYS,
			    "Cannot use AF_XDP: its rings have no flags; it needs Linux 5.4 or later");
	error = open_ring(xsk, &xsk->fill, &fill, &at.fr, options->fill_size);
	if (!error)
		error = open_ring(xsk, &xsk->completion, &completion, &at.cr, options->completion_size);
	if (!error && options->rx_size)
		error = open_ring(xsk, &xsk->rx, &rx, &at.rx, options->rx_size);
	if (!error && options->tx_size)
		error = open_ring(xsk, &xsk->tx, &tx, &at.tx, options->tx_size);
	return error;
}

/* ---- bind ------------------------------------------------------------------------------------- */

static struct ifreq name_request(const char *ifname)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, ifname, strnlen(ifname, sizeof(request.ifr_name) - 1));
	return request;
}

static int ask_interface(unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 || ioctl(fd, what, request);

	if (fd >= 0)
		close(fd);
	return error;
}

uint32_t xsk_mtu(const char *ifname)
{
	struct ifreq request = name_request(ifname);

	return ask_interface(SIOCGIFMTU, &request) ? 0 : (uint32_t)request.ifr_mtu;
}

static int refuse_zero_copy(const struct xsk_options *options, int error)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = name_request(options->ifname);

	request.ifr_data = (char *)&driver;
	if (ask_interface(SIOCETHTOOL, &request) || !driver.driver[0])
		memcpy(driver.driver, "unknown", sizeof("unknown"));
	return fail(error,
		    "Cannot use zero-copy on queue %u of \"%s\": its driver (%.31s) has none (%s), nor has "
		    "veth or any other without a NIC; use mode=copy",
		    options->queue, options->ifname, driver.driver, strerror(error));
}

static int refuse(const struct xsk_options *options, const struct xsk_umem *umem, int error)
{
	uint32_t mtu = xsk_mtu(options->ifname);

	if (error == EBUSY)
		return fail(EBUSY, "Cannot bind to queue %u of \"%s\": another AF_XDP socket has it",
			    options->queue, options->ifname);
	if (error == EINVAL && mtu + 14 > xsk_umem_largest(umem))
		return fail(EINVAL,
			    "Cannot bind to queue %u of \"%s\": its MTU is %u, and a frame of %u bytes holds "
			    "%u; use frame=4096, or `ip link set %s mtu 1500`",
			    options->queue, options->ifname, mtu, umem->frame_bytes, xsk_umem_largest(umem),
			    options->ifname);
	if ((options->mode & XDP_ZEROCOPY || umem->zero_copy) && (error == EOPNOTSUPP || error == EINVAL))
		return refuse_zero_copy(options, error);
	if (error == EINVAL)
		return fail(EINVAL, "Cannot bind to queue %u of \"%s\": no such queue", options->queue,
			    options->ifname);
	if (error == ENETDOWN)
		return fail(ENETDOWN, "Cannot bind to queue %u of \"%s\": it is down; `ip link set %s up`",
			    options->queue, options->ifname, options->ifname);
	return fail(error, "Cannot bind an AF_XDP socket to queue %u of \"%s\": %s", options->queue,
		    options->ifname, strerror(error));
}

/*
 * The kernel gives a closed socket's queue back in its own time, which a loaded machine draws out: busy may
 * mean "a moment ago". A sharing socket states no flags: mode and need-wakeup are those of the first one.
 */
static int bind_queue(struct xsk *xsk, struct xsk_umem *umem, const struct xsk_options *options)
{
	int shared = umem->fd != xsk->fd, tries = 0;
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = (uint16_t)(shared ? XDP_SHARED_UMEM : options->mode | XDP_USE_NEED_WAKEUP),
		.sxdp_ifindex = (uint32_t)options->ifindex,
		.sxdp_queue_id = options->queue,
		.sxdp_shared_umem_fd = shared ? (uint32_t)umem->fd : 0,
	};
	struct xdp_options got = {0};
	socklen_t size = sizeof(got);

	while (bind(xsk->fd, (const struct sockaddr *)&address, sizeof(address))) {
		if (errno != EBUSY || tries++ >= BUSY_TRIES)
			return refuse(options, umem, errno);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	if (!getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &got, &size))
		umem->zero_copy = xsk->zero_copy = (got.flags & XDP_OPTIONS_ZEROCOPY) != 0;
	return 0;
}

static int open_fd(struct xsk *xsk, const struct xsk_options *options)
{
	xsk->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (xsk->fd >= 0)
		return 0;
	if (errno == EPERM || errno == EACCES)
		return fail(
			EPERM,
			"Cannot make an AF_XDP socket: not allowed; xdp needs %sCAP_NET_RAW (run as root), "
			"udp and uring need nothing",
			options->rx_size ? "CAP_BPF, CAP_NET_ADMIN and " : "");
	return fail(errno,
		    "Cannot make an AF_XDP socket: %s; it needs Linux 5.11 or later with CONFIG_XDP_SOCKETS",
		    strerror(errno));
}

int xsk_open(struct xsk *xsk, struct xsk_umem *umem, const struct xsk_options *options)
{
	int error;

	*xsk = (struct xsk){.fd = -1};
	error = open_fd(xsk, options);
	if (!error && umem->fd < 0)
		error = register_umem(xsk, umem);
	if (!error)
		error = open_rings(xsk, options);
	if (!error)
		error = bind_queue(xsk, umem, options);
	return error;
}

void xsk_close(struct xsk *xsk)
{
	close_ring(&xsk->rx);
	close_ring(&xsk->tx);
	close_ring(&xsk->fill);
	close_ring(&xsk->completion);
	if (xsk->fd >= 0)
		close(xsk->fd);
	*xsk = (struct xsk){.fd = -1};
}
