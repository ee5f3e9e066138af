// SPDX-License-Identifier: MIT
/*
 * The plain path: a non-blocking socket and buffers of our own. It needs no privilege and trades a system
 * call a look for that.
 *
 * While the wire is calm a look is one recv(): on veth it beats recvmmsg() by a third of a microsecond for
 * the datagram that matters, the lone one. A look that brought all it asked for is followed by a recvmmsg()
 * that asks for four times as much, up to RX_BATCH; one that emptied the socket, by recv() again. So a
 * backlog is worked off in few calls (64 datagrams in 0.43 us each, by recv() alone 0.58), and its first
 * datagram does not wait for many more than were just handed on.
 *
 * wait=busy-poll has each look poll the driver (SO_BUSY_POLL, SO_PREFER_BUSY_POLL), where it has NAPI. veth
 * has with an XDP program on it, or for UDP with `ethtool -K IF gro on rx-udp-gro-forwarding on`. Stamps need
 * recvmsg() and control messages: 0.3 us a lone datagram.
 *
 * See udp(7), recvmmsg(2), socket(7) and Documentation/networking/napi.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "rx.h"

/* A line more than a frame: at 2048 bytes apart the first lines would share a few sets of the cache. */
#define STRIDE (RX_FRAME + 64)
/* MSG_TRUNC: a result is the datagram's true length, however much of it fitted. */
#define FLAGS (MSG_DONTWAIT | MSG_TRUNC)
#define MORE  4 /* times what the last look brought in full is what the next asks for */

struct udp {
	struct rx rx;
	struct rx_endpoint endpoint;
	int fd;
	int stamps;   /* datagrams come with control messages */
	int ask_napi; /* busy polling: whether the driver has NAPI is not known yet */
	int batch;    /* what the next look asks for */
	struct mmsghdr messages[RX_BATCH];
	struct iovec parts[RX_BATCH];
	uint8_t control[RX_BATCH][RX_CONTROL] __attribute__((aligned(64)));
	uint8_t frames[RX_BATCH][STRIDE] __attribute__((aligned(64)));
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
	memset(udp, 0, sizeof(*udp)); /* and every page is there */
	udp->rx.ops = &rx_udp;
	udp->rx.stats = stats;
	udp->fd = -1;
	udp->batch = 1;
	udp->ask_napi = options->wait == HP_WAIT_BUSY_POLL;
	stats->note[0] = 0;
	error = rx_endpoint(&udp->endpoint, options);
	if (error)
		goto out;
	rx_note(stats, "recv, recvmmsg");
	error = udp->fd = rx_socket_open(&udp->endpoint, options, stats);
	if (error < 0)
		goto out;
	udp->stamps = options->flags & HP_RX_STAMPS && rx_stamps_open(udp->fd, &udp->endpoint, stats);
	for (int i = 0; i < RX_BATCH; i++) {
		udp->parts[i] = (struct iovec){.iov_base = udp->frames[i], .iov_len = RX_FRAME};
		udp->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &udp->parts[i],
			.msg_iovlen = 1,
			.msg_control = udp->stamps ? udp->control[i] : NULL,
			.msg_controllen = udp->stamps ? RX_CONTROL : 0,
		};
	}
	*out = &udp->rx;
	return 0;
out:
	udp_close(&udp->rx);
	return error;
}

static void hand_out(struct udp *udp, struct rx_datagram *out, int index, uint32_t bytes)
{
	out->data = udp->frames[index];
	out->truncated = bytes > RX_FRAME;
	out->len = out->truncated ? RX_FRAME : bytes;
	out->wire_ns = 0;
	if (udp->stamps) {
		struct msghdr *header = &udp->messages[index].msg_hdr;

		out->wire_ns = rx_stamp(udp->control[index], header->msg_controllen, udp->rx.stats);
		header->msg_controllen = RX_CONTROL;
	}
	udp->rx.stats->truncated += out->truncated;
	udp->rx.stats->bytes += bytes;
}

static int look_once(struct udp *udp, struct rx_datagram *out)
{
	ssize_t got = udp->stamps ? recvmsg(udp->fd, &udp->messages[0].msg_hdr, FLAGS)
				  : recv(udp->fd, udp->frames[0], RX_FRAME, FLAGS);

	if (got < 0)
		return -1;
	hand_out(udp, out, 0, (uint32_t)got);
	return 1;
}

static int look_at_backlog(struct udp *udp, struct rx_datagram *out, int asked)
{
	int count = recvmmsg(udp->fd, udp->messages, (unsigned)asked, FLAGS, NULL);

	for (int i = 0; i < count; i++)
		hand_out(udp, &out[i], i, udp->messages[i].msg_len);
	return count;
}

static int udp_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct udp *udp = (struct udp *)rx;
	int asked = udp->batch < max ? udp->batch : max;
	int count = asked == 1 ? look_once(udp, out) : look_at_backlog(udp, out, asked);

	rx->stats->polls += 1;
	udp->batch = count < asked ? 1 : asked < RX_BATCH / MORE ? asked * MORE : RX_BATCH;
	if (count < 0) {
		rx->stats->empty += 1;
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return fail(errno, "Cannot receive %s: %s", udp->endpoint.address, strerror(errno));
	}
	rx->stats->datagrams += count;
	return count;
}

/* The next look overwrites the buffers: there is nothing to give back. */
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
	struct udp *udp = (struct udp *)rx;

	rx_socket_drops(udp->fd, rx->stats);
	if (udp->ask_napi && rx->stats->datagrams > 0) {
		udp->ask_napi = 0;
		rx_socket_polls_driver(udp->fd, rx->stats);
	}
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
