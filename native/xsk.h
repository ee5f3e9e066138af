/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP sockets against the kernel's own ABI (linux/if_xdp.h), for the rooms that use one (rx/xdp.c,
 * tx/xdp.c). No libxdp: it finds a UMEM's rings by interface index alone, and two namespaces may count their
 * interfaces alike; here a socket is told whose UMEM it shares. See Documentation/networking/af_xdp.rst.
 *
 * Rings are single producer, single consumer, the kernel on the other side. Indices run freely (mod 2^32);
 * whoever hands slots over stores its own index with release, and the other side loads it with acquire, so
 * that what was written into the slots before is seen. Each side keeps the other's index as it last saw it
 * (`seen`): a look that finds something there already, or a reserve() that has room, loads nothing shared.
 *
 *   fill, tx:	     xsk_reserve() .. write slots .. xsk_submit()
 *   rx, completion: xsk_peek()	   .. read slots  .. xsk_release()
 *
 * Who owns a frame of the UMEM: the kernel, from submit() on fill or tx until its address comes back on rx or
 * completion; we, in between.
 */
#ifndef HP_XSK_H
#define HP_XSK_H

#include <linux/if_xdp.h>
#include <stddef.h>
#include <stdint.h>

#define XSK_HEADROOM 256u /* bytes the kernel keeps before a received frame (XDP_PACKET_HEADROOM) */
#define XSK_TX_BURST 32u  /* descriptors that one system call sends in copy mode */

/* ---- rings ----------------------------------------------------------------------------------- */

struct xsk_ring {
	uint32_t mask, size;
	uint32_t next; /* our own index: slots before it were peeked or reserved */
	uint32_t seen; /* the other side's index as last loaded; of a producer: plus size */
	uint32_t *producer, *consumer;
	const uint32_t *flags;
	void *slots;
	void *map; /* NULL: not open */
	size_t map_bytes;
};

/* Slots to read, `max` at most, from *index on: one acquire load, and none while some are known of. */
static inline uint32_t xsk_peek(struct xsk_ring *ring, uint32_t max, uint32_t *index)
{
	uint32_t count = ring->seen - ring->next;

	if (!count) {
		ring->seen = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
		count = ring->seen - ring->next;
	}
	*index = ring->next;
	count = count < max ? count : max;
	ring->next += count;
	return count;
}

/* Gives the oldest `count` peeked slots back to the kernel. */
static inline void xsk_release(struct xsk_ring *ring, uint32_t count)
{
	__atomic_store_n(ring->consumer, *ring->consumer + count, __ATOMIC_RELEASE);
}

/* Free slots, `wanted` at most, to be written from *index on. */
static inline uint32_t xsk_reserve(struct xsk_ring *ring, uint32_t wanted, uint32_t *index)
{
	uint32_t count = ring->seen - ring->next;

	if (count < wanted) {
		ring->seen = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE) + ring->size;
		count = ring->seen - ring->next;
	}
	*index = ring->next;
	count = count < wanted ? count : wanted;
	ring->next += count;
	return count;
}

/* Hands everything reserved to the kernel. */
static inline void xsk_submit(struct xsk_ring *ring)
{
	__atomic_store_n(ring->producer, ring->next, __ATOMIC_RELEASE);
}

/* Submitted and not taken by the kernel yet. */
static inline uint32_t xsk_pending(const struct xsk_ring *ring)
{
	return *ring->producer - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

/* The kernel waits for a system call before it looks at this (fill or tx) ring again. */
static inline int xsk_needs_wakeup(const struct xsk_ring *ring)
{
	return (__atomic_load_n(ring->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) != 0;
}

/* A slot of a fill or completion ring: the address of a frame, from the start of the UMEM. */
static inline uint64_t *xsk_address(const struct xsk_ring *ring, uint32_t index)
{
	return (uint64_t *)ring->slots + (index & ring->mask);
}

/* A slot of an rx or tx ring. */
static inline struct xdp_desc *xsk_desc(const struct xsk_ring *ring, uint32_t index)
{
	return (struct xdp_desc *)ring->slots + (index & ring->mask);
}

/* ---- frames ---------------------------------------------------------------------------------- */

struct xsk_umem {
	uint8_t *area; /* NULL: not open */
	size_t bytes;  /* of the area, as mapped */
	uint32_t frame_bytes, frames;
	int huge;	 /* on huge pages */
	int fd;		 /* of the socket that registered it, borrowed; -1: none has */
	int zero_copy;	 /* that socket's mode */
	uint32_t unfree; /* frames taken from the stack */
	uint64_t *free;	 /* stack of `frames` addresses */
};

/*
 * Maps frames, every page touched: huge pages where the machine has them, else small ones. frame_bytes: 2048
 * or 4096 (0 = 2048); frames: a power of two from 64 to 2^20 (0 = 4096). All of them lie on the free stack.
 * 0 or fail(...).
 */
int xsk_umem_open(struct xsk_umem *umem, uint32_t frame_bytes, uint32_t frames);
/* After its sockets. */
void xsk_umem_close(struct xsk_umem *umem);

/* Longest frame the kernel receives into one of ours. */
static inline uint32_t xsk_umem_largest(const struct xsk_umem *umem)
{
	return umem->frame_bytes - XSK_HEADROOM;
}

static inline uint32_t xsk_umem_available(const struct xsk_umem *umem)
{
	return umem->frames - umem->unfree;
}

/* A free frame's address; only while some are available. */
static inline uint64_t xsk_umem_take(struct xsk_umem *umem)
{
	return umem->free[umem->unfree++];
}

static inline void xsk_umem_give(struct xsk_umem *umem, uint64_t address)
{
	umem->free[--umem->unfree] = address & ~(uint64_t)(umem->frame_bytes - 1);
}

/* ---- sockets --------------------------------------------------------------------------------- */

struct xsk_options {
	const char *ifname; /* in the current namespace */
	int ifindex;
	uint32_t queue;
	uint32_t rx_size, tx_size; /* slots, powers of two; 0: it does not receive, or send */
	uint32_t fill_size, completion_size;
	uint32_t mode; /* 0: zero-copy where the driver has it; XDP_COPY; XDP_ZEROCOPY: that or nothing */
};

struct xsk {
	int fd; /* -1: not open */
	int zero_copy;
	struct xsk_ring fill, completion, rx, tx;
};

/*
 * Opens a socket on one queue, in the current namespace, with need-wakeup. The first one on a UMEM registers
 * it and decides the mode; those after it share it (XDP_SHARED_UMEM), on other queues or interfaces of
 * whatever namespace, each with its own four rings. The first one goes last. 0 or fail(...); call
 * xsk_close() either way.
 */
int xsk_open(struct xsk *xsk, struct xsk_umem *umem, const struct xsk_options *options);
void xsk_close(struct xsk *xsk);

/* Hands `count` frames of the free stack to the kernel to receive into; fewer when there are fewer. */
void xsk_fill(struct xsk *xsk, struct xsk_umem *umem, uint32_t count);

/* The MTU of an interface of the current namespace, 0 when it cannot be told. */
uint32_t xsk_mtu(const char *ifname);

#endif
