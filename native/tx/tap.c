// SPDX-License-Identifier: MIT
/*
 * Into the kernel through a TAP: this program is the card, and a frame written here arrives at the sockets of
 * the interface's namespace as if from a wire. One write() a frame: the kernel takes the datagram all the way
 * to its socket inside that call, so what it costs is a receive, not a send. It is a sender where there is no
 * wire, and the other end of rx/tap.c.
 *
 * Nobody stands behind the card but this program: it has to be told from which address it sends (the
 * interface's own would be taken for a forgery), and its frames go to the interface's own MAC unless a
 * group's or another is named. See Documentation/networking/tuntap.rst.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tap.h"
#include "measure/error.h"
#include "queue.h"

struct tap_tx {
	struct tx tx;
	struct tx_endpoint endpoint;
	struct tx_header header;
	struct tap tap;
	int fd; /* of the queue that was asked for */
	struct tx_queue queue;
};

static void tap_tx_close(struct tx *tx)
{
	struct tap_tx *tap = (struct tap_tx *)tx;

	tap_close(&tap->tap);
	free(tap);
}

static int read_endpoint(struct tap_tx *tap, const struct hp_tx_options *options)
{
	struct tx_endpoint *endpoint = &tap->endpoint;
	struct hp_tx_options bare = *options;
	int error;

	bare.ifname[0] = 0; /* it need not exist yet */
	error = tx_endpoint(endpoint, &bare);
	if (error)
		return error;
	memcpy(endpoint->ifname, options->ifname, sizeof(endpoint->ifname) - 1);
	if (!endpoint->source_ip)
		return fail(
			EINVAL,
			"Cannot send to %s into TAP \"%s\": it needs a source that is not the kernel's own; "
			"add source=ADDRESS, another of the same network",
			endpoint->address, endpoint->ifname);
	return 0;
}

static int open_path(struct tap_tx *tap, const struct hp_tx_options *options)
{
	struct tx_endpoint *endpoint = &tap->endpoint;
	struct hp_tx_options towards = *options;
	struct ifreq request = {0};
	int error = read_endpoint(tap, options);

	if (!error && options->queue >= TAP_QUEUES)
		return fail(EINVAL, "Cannot send on queue %u of TAP \"%s\": 0..%d are possible",
			    options->queue, endpoint->ifname, TAP_QUEUES - 1);
	if (!error)
		error = tap_open(&tap->tap, endpoint->ifname, options->queue + 1, 0);
	if (error)
		return error;
	tap->fd = tap->tap.fds[options->queue];
	endpoint->ifindex = tap->tap.ifindex;
	if (!towards.mac[0] && !endpoint->multicast) {
		const uint8_t *mac = (const uint8_t *)request.ifr_hwaddr.sa_data;

		memcpy(request.ifr_name, endpoint->ifname, sizeof(request.ifr_name));
		if (ioctl(tap->tap.link, SIOCGIFHWADDR, &request))
			return fail(errno, "Cannot read the MAC of TAP \"%s\": %s", endpoint->ifname,
				    strerror(errno));
		snprintf(towards.mac, sizeof(towards.mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			 mac[2], mac[3], mac[4], mac[5]);
	}
	error = tx_endpoint_link(endpoint, &towards);
	if (error)
		return error;
	endpoint->source_mac[5] ^= 1; /* not the interface's own: this is the wire's other end */
	tx_header_init(&tap->header, endpoint);
	tap->tx.largest = tx_endpoint_largest(endpoint, TX_PAYLOAD - TX_HEADERS);
	return 0;
}

static int tap_tx_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	struct tap_tx *tap = aligned_alloc(64, sizeof(*tap));
	int error;

	if (!tap)
		return fail(ENOMEM, "Cannot open the tap path: no memory");
	memset(tap, 0, sizeof(*tap)); /* touches every page, too */
	tap->tx = (struct tx){.ops = &tx_tap, .stats = stats};
	tap->tap.link = -1;
	tx_queue_init(&tap->queue, TX_HEADERS);
	error = open_path(tap, options);
	if (error) {
		tap_tx_close(&tap->tx);
		return error;
	}
	tx_note(stats, tap->tap.kept ? "a TAP that was there" : "a TAP of its own");
	if (options->queue)
		tx_note(stats, "queue %u of %u", options->queue, tap->tap.queues);
	*out = &tap->tx;
	return 0;
}

static uint8_t *tap_reserve(struct tx *tx, uint32_t len)
{
	struct tap_tx *tap = (struct tap_tx *)tx;
	uint8_t *payload = tx_queue_reserve(tx, &tap->queue, len);

	if (payload)
		tx_header_write(&tap->header, payload - TX_HEADERS, len);
	return payload;
}

static int tap_flush(struct tx *tx)
{
	struct tap_tx *tap = (struct tap_tx *)tx;
	struct tx_queue *queue = &tap->queue;
	int taken = 0;

	tx->stats->calls += tx->waiting > 0;
	while (tx->waiting) {
		const struct iovec *frame = &queue->parts[queue->head];

		if (write(tap->fd, frame->iov_base, frame->iov_len) >= 0) {
			tx_sent(tx, 1, frame->iov_len - TX_HEADERS);
			taken++;
		} else if (errno == EAGAIN) {
			tx->stats->partial += 1;
			break;
		} else if (errno == EBADFD) {
			return fail(EBADFD, "Cannot write to TAP \"%s\": it was deleted", tap->tap.name);
		} else if (errno == EINTR) {
			continue;
		} else {
			tx_failed(tx, errno == EIO ? ENETDOWN : errno, 1); /* EIO: it is down */
		}
		queue->head = (queue->head + 1) % TX_BATCH;
	}
	return taken;
}

static void tap_refresh(struct tx *tx)
{
	struct tap_counts found = tap_look(&((struct tap_tx *)tx)->tap);

	tx->stats->link_downs += !found.up;
	tx->stats->link_drops = (double)found.refused;
}

const struct tx_ops tx_tap = {
	.name = "tap",
	.open = tap_tx_open,
	.reserve = tap_reserve,
	.flush = tap_flush,
	.refresh = tap_refresh,
	.close = tap_tx_close,
};
