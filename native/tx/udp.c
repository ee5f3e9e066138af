// SPDX-License-Identifier: MIT
/*
 * The plain path: a connected UDP socket. The kernel writes the headers and looks the neighbour up; what it
 * costs is its whole stack on every datagram. One
 * longer than the MTU leaves in fragments, as from any socket. Needs no privilege. See udp(7) and
 * sendmmsg(2).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/error.h"
#include "queue.h"

struct udp {
	struct tx tx;
	struct tx_endpoint endpoint;
	struct tx_interface interface;
	int fd;
	struct tx_queue queue;
};

static void udp_close(struct tx *tx)
{
	struct udp *udp = (struct udp *)tx;

	if (udp->fd >= 0)
		close(udp->fd);
	tx_interface_close(&udp->interface);
	free(udp);
}

static int udp_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	struct udp *udp = aligned_alloc(64, sizeof(*udp));
	int error;

	if (!udp)
		return fail(ENOMEM, "Cannot open the udp path: no memory");
	memset(udp, 0, sizeof(*udp)); /* touches every page, too */
	udp->tx = (struct tx){.ops = &tx_udp, .stats = stats, .largest = TX_PAYLOAD};
	udp->fd = udp->interface.fd = -1;
	tx_queue_init(&udp->queue, 0);
	error = tx_endpoint(&udp->endpoint, options);
	if (!error)
		error = tx_interface_open(&udp->interface, udp->endpoint.ifname);
	if (!error)
		error = udp->fd = tx_socket_open(&udp->endpoint, options);
	if (error < 0) {
		udp_close(&udp->tx);
		return error;
	}
	tx_note(stats, "send, sendmmsg for more than one");
	*out = &udp->tx;
	return 0;
}

static uint8_t *udp_reserve(struct tx *tx, uint32_t len)
{
	return tx_queue_reserve(tx, &((struct udp *)tx)->queue, len);
}

static int udp_flush(struct tx *tx)
{
	struct udp *udp = (struct udp *)tx;

	return tx_queue_flush(tx, &udp->queue, udp->fd, udp->endpoint.address);
}

static void udp_refresh(struct tx *tx)
{
	tx_interface_look(&((struct udp *)tx)->interface, tx->stats);
}

const struct tx_ops tx_udp = {
	.name = "udp",
	.open = udp_open,
	.reserve = udp_reserve,
	.flush = udp_flush,
	.refresh = udp_refresh,
	.close = udp_close,
};
