// SPDX-License-Identifier: MIT
/*
 * AF_XDP: frames written in memory that the kernel sends from, past the UDP stack and the queue disciplines.
 * A frame keeps its headers as long as payloads keep their length, so that a datagram costs a descriptor.
 * Every frame is built for the one endpoint that was granted; nothing else can leave this way.
 *
 * A frame is ours until flush() submits its descriptor, the kernel's until it comes back on the completion
 * ring. In copy mode the kernel sends only inside a system call of ours, 32 descriptors each, straight into
 * the driver; where the driver works by itself (zero-copy) need-wakeup tells when it must be told. No XDP
 * program is needed to send; an xdp receive path on the same queue has it already and is refused. See
 * Documentation/networking/af_xdp.rst and, for the codes, net/xdp/xsk.c.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "tx.h"
#include "xsk.h"

#define RING	  (2 * TX_BATCH) /* a batch that waits, and one that was given up */
#define NEVER_ANY 64		 /* nothing is received, but there has to be a fill ring */
#define GIVEN_UP  UINT64_MAX	 /* no frame's address: the kernel passes the descriptor over */

struct slot {
	uint16_t built; /* payload length that the frame's headers say; 0: none yet */
	uint16_t lent;	/* taken from the stack and not given back */
};

/* Frames of descriptors that were given up: the kernel's until it has passed them. */
struct limbo {
	uint32_t count;
	uint32_t end; /* index on the tx ring after the last of them */
	uint64_t addresses[RING];
};

struct xdp {
	struct tx tx;
	struct tx_endpoint endpoint;
	struct tx_interface interface;
	struct tx_header header;
	struct xsk_umem umem;
	struct xsk socket;
	uint32_t first; /* index on the tx ring of the oldest of tx.waiting */
	uint32_t lost;	/* of those the kernel is about to give back: the driver dropped them */
	int down;	/* the interface was, when last asked */
	struct limbo limbo;
	struct slot *slots; /* one a frame */
};

static void xdp_close(struct tx *tx)
{
	struct xdp *xdp = (struct xdp *)tx;

	xsk_close(&xdp->socket);
	xsk_umem_close(&xdp->umem);
	tx_interface_close(&xdp->interface);
	free(xdp->slots);
	free(xdp);
}

static int open_socket(struct xdp *xdp, const struct hp_tx_options *options)
{
	struct xsk_options wanted = {
		.ifname = xdp->endpoint.ifname,
		.ifindex = xdp->endpoint.ifindex,
		.queue = options->queue,
		.tx_size = RING,
		.fill_size = NEVER_ANY,
		.mode = options->flags & HP_TX_ZERO_COPY ? XDP_ZEROCOPY
			: options->flags & HP_TX_COPY	 ? XDP_COPY
							 : 0,
	};
	int error = xsk_umem_open(&xdp->umem, 0, options->frames);

	if (error)
		return error;
	xdp->slots = calloc(xdp->umem.frames, sizeof(xdp->slots[0]));
	if (!xdp->slots)
		return fail(ENOMEM, "Cannot open the xdp path: no memory");
	wanted.completion_size = xdp->umem.frames; /* all of them may come back before we look */
	error = xsk_open(&xdp->socket, &xdp->umem, &wanted);
	if (error)
		return error;
	tx_note(xdp->tx.stats, "%s, need-wakeup, %s pages", xdp->socket.zero_copy ? "zero-copy" : "copy",
		xdp->umem.huge ? "huge" : "small");
	return 0;
}

static int open_path(struct xdp *xdp, const struct hp_tx_options *options)
{
	int error = tx_endpoint(&xdp->endpoint, options);

	if (!error)
		error = tx_endpoint_link(&xdp->endpoint, options);
	if (!error)
		error = tx_interface_open(&xdp->interface, xdp->endpoint.ifname);
	if (!error)
		error = open_socket(xdp, options);
	if (error)
		return error;
	tx_header_init(&xdp->header, &xdp->endpoint);
	xdp->tx.largest = tx_endpoint_largest(&xdp->endpoint, xdp->umem.frame_bytes - TX_HEADERS);
	return 0;
}

static int xdp_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	struct xdp *xdp = calloc(1, sizeof(*xdp));
	int error;

	if (!xdp)
		return fail(ENOMEM, "Cannot open the xdp path: no memory");
	xdp->tx = (struct tx){.ops = &tx_xdp, .stats = stats};
	xdp->socket.fd = xdp->umem.fd = xdp->interface.fd = -1;
	error = open_path(xdp, options);
	if (error) {
		xdp_close(&xdp->tx);
		return error;
	}
	*out = &xdp->tx;
	return 0;
}

static struct slot *slot_of(const struct xdp *xdp, uint64_t address)
{
	return &xdp->slots[address / xdp->umem.frame_bytes];
}

static void give_back(struct xdp *xdp, uint64_t address)
{
	struct slot *slot = slot_of(xdp, address);

	if (!slot->lent)
		return;
	slot->lent = 0;
	xsk_umem_give(&xdp->umem, address);
}

/* Frames the kernel has done with: those it sent, then those that were given up and that it has passed. */
static void collect(struct xdp *xdp)
{
	struct xsk_ring *ring = &xdp->socket.completion;
	struct limbo *limbo = &xdp->limbo;
	uint32_t passed = limbo->count ? __atomic_load_n(xdp->socket.tx.consumer, __ATOMIC_ACQUIRE) : 0;
	uint32_t index, count = xsk_peek(ring, ring->size, &index);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = *xsk_address(ring, index + i);

		if (address == GIVEN_UP) /* newer kernels hand these back as well */
			continue;
		give_back(xdp, address);
		xdp->tx.stats->completed += 1;
	}
	if (count)
		xsk_release(ring, count);
	if (!limbo->count || (int32_t)(passed - limbo->end) < 0)
		return;
	while (limbo->count)
		give_back(xdp, limbo->addresses[--limbo->count]);
}

static uint8_t *xdp_reserve(struct tx *tx, uint32_t len)
{
	struct xdp *xdp = (struct xdp *)tx;
	struct xdp_desc *desc;
	struct slot *slot;
	uint32_t index;
	uint8_t *frame;

	if (!xsk_umem_available(&xdp->umem))
		collect(xdp);
	if (!len || len > tx->largest || tx->waiting == TX_BATCH || !xsk_umem_available(&xdp->umem) ||
	    !xsk_reserve(&xdp->socket.tx, 1, &index)) {
		tx->stats->no_room += 1;
		return NULL;
	}
	desc = xsk_desc(&xdp->socket.tx, index);
	*desc = (struct xdp_desc){.addr = xsk_umem_take(&xdp->umem), .len = TX_HEADERS + len};
	frame = xdp->umem.area + desc->addr;
	slot = slot_of(xdp, desc->addr);
	slot->lent = 1;
	if (slot->built != len) {
		tx_header_write(&xdp->header, frame, len);
		slot->built = (uint16_t)len;
	}
	tx->waiting++;
	return frame + TX_HEADERS;
}

/* Tells the kernel to look at the tx ring. 0 or a positive errno. */
static int kick(struct xdp *xdp)
{
	xdp->tx.stats->kicks += 1;
	return sendto(xdp->socket.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;
}

/*
 * Until the ring is empty, or the kernel makes no headway. EAGAIN: 32 were sent, or there is no room now;
 * EBUSY: one was taken and the driver dropped it, which the ring may show later. 0 or the errno of the
 * interface.
 */
static int push(struct xdp *xdp)
{
	struct xsk_ring *ring = &xdp->socket.tx;
	uint32_t left = xsk_pending(ring), was;

	while (left && xsk_needs_wakeup(ring)) {
		int error = kick(xdp);

		was = left;
		left = xsk_pending(ring);
		if (error == EBUSY)
			xdp->lost++;
		else if (error && error != EAGAIN && error != ENOBUFS)
			return error;
		else if (left == was)
			break;
	}
	return 0;
}

/* Why the driver dropped one: nobody at the other end, or no room. Off the usual way. */
static int reason(const struct xdp *xdp)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq request = {.ifr_data = (char *)&link};

	memcpy(request.ifr_name, xdp->endpoint.ifname, sizeof(request.ifr_name));
	return ioctl(xdp->interface.fd, SIOCETHTOOL, &request) || link.data ? ENOBUFS : ENETDOWN;
}

/* Counts what the kernel has taken of the waiting ones. How many were sent. */
static uint32_t account(struct xdp *xdp)
{
	struct xsk_ring *ring = &xdp->socket.tx;
	uint32_t left = xsk_pending(ring), waiting = xdp->tx.waiting;
	uint32_t taken = left < waiting ? waiting - left : 0, lost = xdp->lost < taken ? xdp->lost : taken;
	uint64_t bytes = 0;

	for (uint32_t i = lost; i < taken; i++)
		bytes += xsk_desc(ring, xdp->first + i)->len - TX_HEADERS;
	xdp->first += taken;
	xdp->lost = taken == waiting ? 0 : xdp->lost - lost;
	if (lost)
		tx_failed(&xdp->tx, reason(xdp), lost);
	tx_sent(&xdp->tx, taken - lost, bytes);
	return taken - lost;
}

/*
 * The interface is down: whatever waits is given up rather than sent late. What the kernel has not been shown
 * is taken back; the rest stays on the ring, pointing nowhere.
 */
static void give_up(struct xdp *xdp, int error)
{
	struct xsk_ring *ring = &xdp->socket.tx;
	struct limbo *limbo = &xdp->limbo;
	int shown = (int32_t)(*ring->producer - xdp->first) > 0;

	for (uint32_t i = 0; i < xdp->tx.waiting; i++) {
		struct xdp_desc *desc = xsk_desc(ring, xdp->first + i);

		if (!shown)
			give_back(xdp, desc->addr);
		else if (limbo->count < RING)
			limbo->addresses[limbo->count++] = desc->addr;
		desc->addr = GIVEN_UP;
	}
	if (shown)
		limbo->end = ring->next;
	else
		ring->next = *ring->producer;
	xdp->first = ring->next;
	xdp->lost = 0;
	xdp->down = 1;
	tx_failed(&xdp->tx, error, xdp->tx.waiting);
}

static int broken(const struct xdp *xdp, int error)
{
	if (error == ENXIO || error == ENODEV)
		return fail(ENODEV,
			    "Cannot go on sending on \"%s\": the interface was deleted or moved; open the "
			    "endpoint again when it is back",
			    xdp->endpoint.ifname);
	return fail(error, "Cannot send to %s by xdp: %s", xdp->endpoint.address, strerror(error));
}

static int xdp_flush(struct tx *tx)
{
	struct xdp *xdp = (struct xdp *)tx;
	uint32_t sent;
	int error = 0;

	collect(xdp);
	if (!tx->waiting)
		return 0;
	tx->stats->calls += 1;
	if (xdp->down) /* nothing is submitted before it is up again */
		error = kick(xdp);
	if (error != ENETDOWN) {
		xdp->down = 0;
		xsk_submit(&xdp->socket.tx);
		error = push(xdp);
	}
	sent = account(xdp);
	if (error && error != ENETDOWN)
		return broken(xdp, error);
	if (error && tx->waiting)
		give_up(xdp, error);
	if (tx->waiting)
		tx->stats->partial += 1;
	return (int)sent;
}

static void xdp_refresh(struct tx *tx)
{
	tx_interface_look(&((struct xdp *)tx)->interface, tx->stats);
}

const struct tx_ops tx_xdp = {
	.name = "xdp",
	.open = xdp_open,
	.reserve = xdp_reserve,
	.flush = xdp_flush,
	.refresh = xdp_refresh,
	.close = xdp_close,
};
