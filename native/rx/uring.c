// SPDX-License-Identifier: MIT
/*
 * io_uring: one multishot receive that stays armed, and a ring of buffers the kernel picks from. A look for
 * datagrams is a load from shared memory; the kernel is entered only when its flag says that work waits. It
 * trades a little latency against recv() (the receive runs as task work) for looks that cost no system call.
 *
 * With stamps it is a multishot recvmsg: a buffer then begins with the kernel's header and the control
 * message. Without it is a multishot recv, which brings the datagram alone: measured on veth, recvmsg costs
 * 50 ns more in each datagram of a burst and 80 ns more for a lone one.
 *
 * SQPOLL (sqpoll=CPU) has a kernel thread receive, which spins, so that we never enter the kernel; it wants a
 * core of its own. wait=busy-poll: with SQPOLL that thread polls the driver (io_uring's NAPI busy polling);
 * without, an empty look does, by a peek at the socket, which costs some 500 ns. io_uring's own way polls
 * only in a wait, and a wait that brings nothing sleeps: 67 us even with no time to wait.
 *
 * See io_uring_setup(2), io_uring_prep_recv_multishot(3), io_uring_prep_recvmsg_multishot(3) and
 * io_uring_register_buf_ring(3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "rx.h"
#include "uring.h"

#define BUFFERS	     128 /* a power of two */
#define COMPLETIONS  256 /* above BUFFERS, so that the completion ring cannot overflow */
#define GROUP	     0
#define BUSY_POLL_US 50

#define HEAD   (sizeof(struct io_uring_recvmsg_out) + RX_CONTROL) /* before the datagram, with stamps */
#define STRIDE (RX_FRAME + 128)					  /* cache lines of its own */
#define MAPPED (4096 + BUFFERS * STRIDE)
_Static_assert(BUFFERS * sizeof(struct io_uring_buf) <= 4096, "the buffer ring fits its page");
_Static_assert(HEAD + RX_FRAME <= STRIDE, "a datagram fits its buffer");

/* Whether the driver is polled: not asked for; not known yet whether it has NAPI; yes. */
enum napi { NAPI_UNASKED, NAPI_UNKNOWN, NAPI_POLLED };

struct uring_rx {
	struct rx rx;
	struct rx_endpoint endpoint;
	int fd;
	int armed;	/* the multishot receive is with the kernel */
	int sqpoll;	/* a kernel thread does the receiving ... */
	int sqpoll_cpu; /* ... on this core; -1: on any */
	int stamps;
	enum napi napi;
	struct uring uring;
	struct msghdr message; /* what a recvmsg asks for: no name, room for a stamp */
	struct io_uring_buf_ring
		*ring;	  /* ours; the kernel reads it. One mapping: the ring's page, then ... */
	uint8_t *buffers; /* ... BUFFERS x STRIDE */
	uint32_t held;
	uint16_t held_ids[BUFFERS]; /* whoever polls without giving back may come to hold them all */
};

static void give(struct uring_rx *uring, uint16_t id, int offset)
{
	io_uring_buf_ring_add(uring->ring, uring->buffers + (size_t)id * STRIDE,
			      (uring->stamps ? HEAD : 0) + RX_FRAME, id, io_uring_buf_ring_mask(BUFFERS),
			      offset);
}

/* Has the SQPOLL thread poll the driver. */
static void ask_napi(struct uring_rx *uring)
{
	int error;

	if (uring->napi == NAPI_UNASKED || !uring->sqpoll)
		return;
	error = uring_busy_poll(&uring->uring, BUSY_POLL_US);
	if (!error)
		return;
	uring->napi = NAPI_UNASKED;
	rx_note(uring->rx.stats, "no busy-poll: %s", error == -EINVAL ? "needs Linux 6.9" : strerror(-error));
}

/* A fresh ring with every buffer in it; not yet enabled. Nothing may be held. */
static int ring_open(struct uring_rx *uring)
{
	struct io_uring_buf_reg registration = {
		.ring_addr = (uintptr_t)uring->ring, .ring_entries = BUFFERS, .bgid = GROUP};
	const char *what = "open the uring path";
	int error = uring->sqpoll ? uring_open_sqpoll(&uring->uring, 8, COMPLETIONS, uring->sqpoll_cpu, what)
				  : uring_open(&uring->uring, 8, COMPLETIONS, what);

	if (error)
		return error;
	uring->armed = 0;
	io_uring_buf_ring_init(uring->ring);
	for (uint16_t id = 0; id < BUFFERS; id++)
		give(uring, id, id);
	io_uring_buf_ring_advance(uring->ring, BUFFERS);
	error = io_uring_register_buf_ring(&uring->uring.ring, &registration, 0);
	if (error == -ENOMEM)
		return fail(ENOMEM,
			    "Cannot give the kernel a buffer ring: no memory that may be locked; raise "
			    "RLIMIT_MEMLOCK (ulimit -l), or use udp");
	if (error)
		return fail(-error,
			    "Cannot give the kernel a buffer ring: %s; uring needs Linux 6.0 or later",
			    strerror(-error));
	return 0;
}

/* Hands the multishot receive to the kernel, which takes what already waits in the socket at once. */
static int arm(struct uring_rx *uring)
{
	struct io_uring_sqe *sqe;
	int submitted;

	if (!uring->uring.enabled && (submitted = uring_enable(&uring->uring)))
		return submitted;
	sqe = io_uring_get_sqe(&uring->uring.ring);
	if (uring->stamps)
		io_uring_prep_recvmsg_multishot(sqe, uring->fd, &uring->message, MSG_TRUNC);
	else
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
	if (error)
		return error;
	ask_napi(uring);
	return arm(uring);
}

/* SO_BUSY_POLL: a look at the socket polls the driver once. What that brings is taken by the ring. */
static void poll_driver(struct uring_rx *uring)
{
	uring->rx.stats->kicks += 1;
	recv(uring->fd, NULL, 0, MSG_PEEK | MSG_DONTWAIT);
}

static int enter(struct uring_rx *uring)
{
	int error = 0;

	if (uring->napi == NAPI_POLLED && !uring->sqpoll)
		poll_driver(uring);
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

/* What ended the multishot receive. ENOBUFS: every buffer was held; they are back before we arm again. */
static int ended(struct uring_rx *uring, int result)
{
	uring->armed = 0;
	if (result >= 0 || result == -ENOBUFS || result == -ECANCELED || result == -EINTR)
		return 0;
	if (result == -EINVAL)
		return fail(EINVAL, "Cannot receive %s: no multishot receive; uring needs Linux 6.0 or later",
			    uring->endpoint.address);
	return fail(-result, "Cannot receive %s: %s", uring->endpoint.address, strerror(-result));
}

/* The buffer of a completion of `bytes`. */
static void hand_out(struct uring_rx *uring, struct rx_datagram *out, uint16_t id, uint32_t bytes)
{
	uint8_t *buffer = uring->buffers + (size_t)id * STRIDE;
	const struct io_uring_recvmsg_out *head = (const struct io_uring_recvmsg_out *)buffer;

	out->data = buffer;
	out->wire_ns = 0;
	if (uring->stamps) {
		out->data += HEAD;
		out->wire_ns = rx_stamp(head + 1, head->controllen, uring->rx.stats);
		bytes = head->payloadlen;
	}
	out->truncated = bytes > RX_FRAME;
	out->len = out->truncated ? RX_FRAME : bytes;
	uring->rx.stats->truncated += out->truncated;
	uring->rx.stats->bytes += bytes;
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
		if (cqe->flags & IORING_CQE_F_BUFFER) {
			uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

			uring->held_ids[uring->held++] = id;
			hand_out(uring, &out[count++], id, (uint32_t)cqe->res);
		} else { /* an empty datagram takes no buffer */
			out[count++] = (struct rx_datagram){.data = uring->buffers};
		}
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
	struct uring_rx *uring = (struct uring_rx *)rx;

	rx_socket_drops(uring->fd, rx->stats);
	if (uring->napi != NAPI_UNKNOWN || !(rx->stats->datagrams > 0))
		return;
	uring->napi = rx_socket_polls_driver(uring->fd, rx->stats) ? NAPI_POLLED : NAPI_UNASKED;
}

static void uring_rx_close(struct rx *rx)
{
	struct uring_rx *uring = (struct uring_rx *)rx;
	struct io_uring_sync_cancel_reg everything = {
		.fd = -1, .flags = IORING_ASYNC_CANCEL_ANY, .timeout = {.tv_sec = -1, .tv_nsec = -1}};

	/*
	 * The receive holds the socket. Cancelled, and its last work run, by the thread that uses the ring,
	 * it is gone now; from any other thread both fail, and the kernel lets go soon after the ring is
	 * closed.
	 */
	if (uring->uring.enabled && io_uring_register_sync_cancel(&uring->uring.ring, &everything) >= 0)
		io_uring_get_events(&uring->uring.ring);
	uring_close(&uring->uring);
	rx_socket_close(uring->fd, &uring->endpoint);
	if (uring->ring)
		munmap(uring->ring, MAPPED);
	free(uring);
}

static int map_buffers(struct uring_rx *uring)
{
	void *memory =
		mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		return fail(errno, "Cannot map the uring path's buffers: %s", strerror(errno));
	uring->ring = memory;
	uring->buffers = (uint8_t *)memory + 4096;
	return 0;
}

static void note_mode(struct uring_rx *uring)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	rx_note(uring->rx.stats, "multishot %s, %s", uring->stamps ? "recvmsg" : "recv", uring->uring.mode);
	if (!uring->sqpoll)
		return;
	if (uring->sqpoll_cpu >= 0)
		rx_note(uring->rx.stats, "sqpoll thread on core %d", uring->sqpoll_cpu);
	if (cores < 3)
		rx_note(uring->rx.stats, "it needs a core of its own: there are %ld", cores);
}

static int uring_rx_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct uring_rx *uring = calloc(1, sizeof(*uring));
	int error;

	if (!uring)
		return fail(ENOMEM, "Cannot open the uring path: no memory");
	uring->rx.ops = &rx_uring;
	uring->rx.stats = stats;
	uring->fd = -1;
	uring->sqpoll = (options->flags & HP_RX_SQPOLL) != 0;
	uring->sqpoll_cpu = options->helper_cpu;
	uring->napi = options->wait == HP_WAIT_BUSY_POLL ? NAPI_UNKNOWN : NAPI_UNASKED;
	stats->note[0] = 0;
	uring->stamps = (options->flags & HP_RX_STAMPS) != 0;
	uring->message.msg_controllen = uring->stamps ? RX_CONTROL : 0;
	error = rx_endpoint(&uring->endpoint, options);
	if (!error)
		error = map_buffers(uring);
	if (!error)
		error = ring_open(uring);
	if (error)
		goto out;
	note_mode(uring);
	ask_napi(uring);
	error = uring->fd = rx_socket_open(&uring->endpoint, options, stats);
	if (error < 0)
		goto out;
	if (uring->stamps)
		rx_stamps_open(uring->fd, &uring->endpoint, stats);
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
