// SPDX-License-Identifier: MIT
/*
 * A TAP device as a wire: this program is the NIC, and what a program or the kernel sends out of the
 * interface arrives in one read() a frame, Ethernet and all. It works where no wire is to be had (a laptop, a
 * container, a user namespace of one's own) and costs a system call a look, as the plain socket does.
 *
 * The interface also carries the kernel's own chatter (ARP, IPv6, IGMP); that is passed over. No group is
 * joined: the sender's kernel puts multicast on the wire asked or not. Nobody answers ARP for a unicast
 * address: the sender needs a permanent neighbour entry. With several queues the kernel spreads flows over
 * them; they are looked at in turn. See Documentation/networking/tuntap.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tap.h"
#include "dissect.h"
#include "measure/error.h"
#include "rx.h"

#define RCVBUF_DEFAULT (8u << 20)
#define FRAMES_LEAST   16u
#define LOOKS	       64 /* frames of others in a row, after which the caller has a turn */
/* Room for a payload of RX_FRAME behind the longest headers: tags, and IPv4 options. */
#define ROOM (RX_FRAME + 128)

struct tap_rx {
	struct rx rx;
	struct rx_endpoint endpoint;
	struct tap tap;
	uint32_t queue; /* to look at next */
	int epoll;	/* several queues: what fd() gives out; else -1 */
	uint8_t buffer[ROOM] __attribute__((aligned(64)));
};

static void tap_rx_close(struct rx *rx)
{
	struct tap_rx *tap = (struct tap_rx *)rx;

	if (tap->epoll >= 0)
		close(tap->epoll);
	tap_close(&tap->tap);
	free(tap);
}

static int open_epoll(struct tap_rx *tap)
{
	struct epoll_event event = {.events = EPOLLIN};

	tap->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (tap->epoll < 0)
		return fail(errno, "Cannot wait for %u queues of TAP \"%s\": %s", tap->tap.queues,
			    tap->tap.name, strerror(errno));
	for (uint32_t i = 0; i < tap->tap.queues; i++)
		if (epoll_ctl(tap->epoll, EPOLL_CTL_ADD, tap->tap.fds[i], &event))
			return fail(errno, "Cannot wait for queue %u of TAP \"%s\": %s", i, tap->tap.name,
				    strerror(errno));
	return 0;
}

static void describe(const struct tap_rx *tap, const struct hp_rx_options *options)
{
	struct hp_rx_stats *stats = tap->rx.stats;

	rx_note(stats, tap->tap.kept ? "a TAP that was there" : "a TAP of its own");
	if (tap->tap.queues > 1)
		rx_note(stats, "%u queues", tap->tap.queues);
	if (options->wait == HP_WAIT_BUSY_POLL)
		rx_note(stats, "spins: no busy-poll");
	if (options->flags & HP_RX_STAMPS)
		rx_note(stats, "no stamps: a TAP has none");
}

static int open_path(struct tap_rx *tap, const struct hp_rx_options *options)
{
	uint32_t frames = (options->rcvbuf ? options->rcvbuf : RCVBUF_DEFAULT) / RX_FRAME;
	struct hp_rx_options bare = *options;
	char name[sizeof(bare.ifname)] = {0};
	int error;

	memcpy(name, options->ifname, sizeof(name) - 1);
	bare.ifname[0] = 0; /* it need not exist yet */
	error = rx_endpoint(&tap->endpoint, &bare);
	if (!error)
		error = tap_open(&tap->tap, name, options->queues ? options->queues : 1,
				 frames < FRAMES_LEAST ? FRAMES_LEAST : frames);
	if (!error && tap->tap.queues > 1)
		error = open_epoll(tap);
	return error;
}

static int tap_rx_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct tap_rx *tap = aligned_alloc(64, sizeof(*tap));
	int error;

	if (!tap)
		return fail(ENOMEM, "Cannot open the tap path: no memory");
	memset(tap, 0, sizeof(*tap));
	tap->rx.ops = &rx_tap;
	tap->rx.stats = stats;
	tap->epoll = tap->tap.link = -1;
	stats->note[0] = 0;
	error = open_path(tap, options);
	if (error) {
		tap_rx_close(&tap->rx);
		return error;
	}
	describe(tap, options);
	*out = &tap->rx;
	return 0;
}

/* One frame: 1 when it is a datagram of the flow, else it is counted where it should have been one. */
static int take(struct tap_rx *tap, uint32_t got, struct rx_datagram *out)
{
	struct hp_rx_stats *stats = tap->rx.stats;
	/* A full buffer may be the begin of more: how long it was, only the IPv4 header tells. */
	uint32_t length = got == ROOM ? UINT16_MAX + ROOM : got;
	struct dissected found = {0};
	const uint8_t *ethernet;
	enum dissect verdict =
		dissect_ethernet(&found, tap->buffer, got, length, tap->endpoint.ip, tap->endpoint.port);

	if (__builtin_expect(verdict != DISSECT_OURS, 0)) {
		stats->malformed += verdict == DISSECT_MALFORMED;
		stats->fragments += verdict == DISSECT_FRAGMENT;
		return 0;
	}
	ethernet = found.packet - FRAME_ETHERNET; /* as if it had no tags */
	if (!frame_header_right(ethernet) ||
	    (found.there == found.len && !frame_checksum_right(ethernet, found.payload, found.len))) {
		stats->bad_checksum += 1;
		return 0;
	}
	out->data = found.payload;
	out->wire_ns = 0;
	out->len = found.there < RX_FRAME ? found.there : RX_FRAME;
	out->truncated = out->len < found.len;
	stats->truncated += out->truncated;
	stats->tagged += found.tags > 0;
	stats->datagrams += 1;
	stats->bytes += found.len;
	return 1;
}

static int broken(const struct tap_rx *tap)
{
	return fail(errno, "Cannot read TAP \"%s\": %s; it was deleted, or its queue taken away",
		    tap->tap.name, strerror(errno));
}

static int tap_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct tap_rx *tap = (struct tap_rx *)rx;
	uint32_t dry = 0;

	(void)max;
	for (int looks = 0; looks < LOOKS && dry < tap->tap.queues; looks++) {
		ssize_t got = read(tap->tap.fds[tap->queue], tap->buffer, ROOM);

		rx->stats->polls += 1;
		if (++tap->queue == tap->tap.queues)
			tap->queue = 0;
		if (got >= 0 && take(tap, (uint32_t)got, out))
			return 1;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return broken(tap);
		dry = got < 0 ? dry + 1 : 0;
	}
	rx->stats->empty += 1;
	return 0;
}

/* The next read() overwrites the buffer: there is nothing to give back. */
static void tap_release(struct rx *rx)
{
	(void)rx;
}

static int tap_fd(struct rx *rx)
{
	const struct tap_rx *tap = (const struct tap_rx *)rx;

	return tap->epoll >= 0 ? tap->epoll : tap->tap.fds[0];
}

static void tap_refresh(struct rx *rx)
{
	rx->stats->dropped = (double)tap_look(&((struct tap_rx *)rx)->tap).unread;
}

const struct rx_ops rx_tap = {
	.name = "tap",
	.open = tap_rx_open,
	.poll = tap_poll,
	.release = tap_release,
	.fd = tap_fd,
	.refresh = tap_refresh,
	.close = tap_rx_close,
};
