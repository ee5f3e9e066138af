// SPDX-License-Identifier: MIT
/*
 * io_uring: one multishot recv that stays armed, and a ring of buffers the kernel picks from. A look for
 * datagrams is a load from shared memory; the kernel is entered only when its flag says that work waits. It
 * trades a little latency against recv() (the receive runs as task work) for looks that cost no system call.
 * See io_uring_setup(2), io_uring_prep_recv_multishot(3) and io_uring_register_buf_ring(3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "rx.h"
#include "uring.h"

#define BUFFERS	    128 /* a power of two */
#define COMPLETIONS 256 /* above BUFFERS, so that the completion ring cannot overflow */
#define GROUP	    0

struct uring_rx {
	struct rx rx;
	struct rx_endpoint endpoint;
	int fd;
	int armed; /* the multishot recv is with the kernel */
	struct uring uring;
	struct io_uring_buf_ring
		*ring;	  /* ours; the kernel reads it. One mapping: the ring's page, then ... */
	uint8_t *buffers; /* ... BUFFERS x RX_FRAME */
	uint32_t held;
	uint16_t held_ids[RX_BATCH];
};

#define MAPPED (4096 + BUFFERS * RX_FRAME)
_Static_assert(BUFFERS * sizeof(struct io_uring_buf) <= 4096, "the buffer ring fits its page");

static void give(struct uring_rx *uring, uint16_t id, int offset)
{
	io_uring_buf_ring_add(uring->ring, uring->buffers + (size_t)id * RX_FRAME, RX_FRAME, id,
			      io_uring_buf_ring_mask(BUFFERS), offset);
}

/* A fresh ring with every buffer in it; not yet enabled. Nothing may be held. */
static int ring_open(struct uring_rx *uring)
{
	struct io_uring_buf_reg registration = {
		.ring_addr = (uintptr_t)uring->ring, .ring_entries = BUFFERS, .bgid = GROUP};
	int error = uring_open(&uring->uring, 8, COMPLETIONS, "open the uring path");

	if (error)
		return error;
	uring->armed = 0;
	io_uring_buf_ring_init(uring->ring);
	for (uint16_t id = 0; id < BUFFERS; id++)
		give(uring, id, id);
	io_uring_buf_ring_advance(uring->ring, BUFFERS);
	error = io_uring_register_buf_ring(&uring->uring.ring, &registration, 0);
	if (error)
		return fail(-error,
			    "Cannot give the kernel a buffer ring: %s; uring needs Linux 6.0 or later",
			    strerror(-error));
	return 0;
}

/* Hands the multishot recv to the kernel, which takes what already waits in the socket at once. */
static int arm(struct uring_rx *uring)
{
	struct io_uring_sqe *sqe;
	int submitted;

	if (!uring->uring.enabled && (submitted = uring_enable(&uring->uring)))
		return submitted;
	sqe = io_uring_get_sqe(&uring->uring.ring);
	io_uring_prep_recv_multishot(sqe, uring->fd, NULL, 0, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	submitted = io_uring_submit(&uring->uring.ring);
	uring->rx.stats->kicks += 1;
	uring->armed = submitted == 1;
	return submitted < 0 ? submitted : 0;
}

/* Another thread polls now, which the kernel refuses: it gets a ring of its own. Datagrams stay in the
 * socket.
 */
static int move_here(struct uring_rx *uring)
{
	int error;

	uring_close(&uring->uring);
	error = ring_open(uring);
	return error ? error : arm(uring);
}

static int enter(struct uring_rx *uring)
{
	int error = 0;

	if (!uring->armed) {
		error = arm(uring);
	} else if (uring_wants_entry(&uring->uring)) {
		uring->rx.stats->kicks += 1;
		error = io_uring_get_events(&uring->uring.ring);
	}
	if (error == -EEXIST)
		error = move_here(uring);
	if (error >= 0 || error == -EINTR || error == -EAGAIN)
		return 0;
	return fail(-error, "Cannot receive %s through io_uring: %s", uring->endpoint.address,
		    strerror(-error));
}

/* What ended the multishot recv. ENOBUFS: every buffer was held; they are back before we arm again. */
static int ended(struct uring_rx *uring, int result)
{
	uring->armed = 0;
	if (result >= 0 || result == -ENOBUFS || result == -ECANCELED || result == -EINTR)
		return 0;
	if (result == -EINVAL)
		return fail(EINVAL, "Cannot receive %s: no multishot recv; uring needs Linux 6.0 or later",
			    uring->endpoint.address);
	return fail(-result, "Cannot receive %s: %s", uring->endpoint.address, strerror(-result));
}

static int take(struct uring_rx *uring, struct rx_datagram *out, int max)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;
	int count = 0, error = 0;

	io_uring_for_each_cqe(&uring->uring.ring, head, cqe)
	{
		if (count == max || error)
			break;
		seen++;
		if (!(cqe->flags & IORING_CQE_F_MORE))
			error = ended(uring, cqe->res);
		if (cqe->res < 0)
			continue;
		out[count] = (struct rx_datagram){.data = uring->buffers};
		if (cqe->flags & IORING_CQE_F_BUFFER) { /* an empty datagram takes none */
			uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

			uring->held_ids[uring->held++] = id;
			out[count].data += (size_t)id * RX_FRAME;
			out[count].truncated = cqe->res > RX_FRAME;
			out[count].len = out[count].truncated ? RX_FRAME : (uint32_t)cqe->res;
		}
		uring->rx.stats->bytes += cqe->res;
		count++;
	}
	io_uring_cq_advance(&uring->uring.ring, seen);
	uring->rx.stats->datagrams += count;
	return error && !count ? error : count;
}

static int uring_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct uring_rx *uring = (struct uring_rx *)rx;
	int count, error;

	if (!uring->uring.open)
		return -EBADF; /* a ring for a new thread could not be had; said then */
	if (max > RX_BATCH)
		max = RX_BATCH;
	rx->stats->polls += 1;
	if (!io_uring_cq_ready(&uring->uring.ring) && (error = enter(uring)))
		return error;
	count = take(uring, out, max);
	if (!count)
		rx->stats->empty += 1;
	return count;
}

static void uring_release(struct rx *rx)
{
	struct uring_rx *uring = (struct uring_rx *)rx;

	for (uint32_t i = 0; i < uring->held; i++)
		give(uring, uring->held_ids[i], (int)i);
	io_uring_buf_ring_advance(uring->ring, (int)uring->held);
	uring->held = 0;
}

/*
 * With DEFER_TASKRUN nothing leaves the socket, and no poller of the ring is woken, until this thread enters
 * the ring: the socket is what tells. Otherwise datagrams are taken into buffers behind our back, and the
 * ring tells (it changes when a thread does).
 */
static int uring_fd(struct rx *rx)
{
	const struct uring_rx *uring = (struct uring_rx *)rx;

	return uring->uring.ring.flags & IORING_SETUP_DEFER_TASKRUN ? uring->fd : uring->uring.ring.ring_fd;
}

static void uring_refresh(struct rx *rx)
{
	rx_socket_drops(((struct uring_rx *)rx)->fd, rx->stats);
}

static void uring_rx_close(struct rx *rx)
{
	struct uring_rx *uring = (struct uring_rx *)rx;
	struct io_uring_sync_cancel_reg everything = {
		.fd = -1, .flags = IORING_ASYNC_CANCEL_ANY, .timeout = {.tv_sec = -1, .tv_nsec = -1}};

	/*
	 * The recv holds the socket. Cancelled, and its last work run, by the thread that uses the ring, it
	 * is gone now; from any other thread both fail, and the kernel lets go soon after the ring is closed.
	 */
	if (uring->uring.enabled && io_uring_register_sync_cancel(&uring->uring.ring, &everything) >= 0)
		io_uring_get_events(&uring->uring.ring);
	uring_close(&uring->uring);
	rx_socket_close(uring->fd, &uring->endpoint);
	if (uring->ring)
		munmap(uring->ring, MAPPED);
	free(uring);
}

static int uring_rx_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct uring_rx *uring = calloc(1, sizeof(*uring));
	void *memory;
	int error;

	if (!uring)
		return fail(ENOMEM, "Cannot open the uring path: no memory");
	uring->rx.ops = &rx_uring;
	uring->rx.stats = stats;
	uring->fd = -1;
	stats->note[0] = 0;
	error = rx_endpoint(&uring->endpoint, options);
	if (error)
		goto out;
	memory =
		mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED) {
		error = fail(errno, "Cannot map the uring path's buffers: %s", strerror(errno));
		goto out;
	}
	uring->ring = memory;
	uring->buffers = (uint8_t *)memory + 4096;
	error = ring_open(uring);
	if (error)
		goto out;
	rx_note(stats, "multishot recv, %s", uring->uring.mode);
	if (options->wait == HP_WAIT_BUSY_POLL)
		rx_note(stats, "spins: no busy-poll");
	error = uring->fd = rx_socket_open(&uring->endpoint, options, stats);
	if (error < 0)
		goto out;
	*out = &uring->rx;
	return 0;
out:
	uring_rx_close(&uring->rx);
	return error;
}

const struct rx_ops rx_uring = {
	.name = "uring",
	.open = uring_rx_open,
	.poll = uring_poll,
	.release = uring_release,
	.fd = uring_fd,
	.refresh = uring_refresh,
	.close = uring_rx_close,
};
