// SPDX-License-Identifier: MIT
/*
 * AF_PACKET: whole frames past the kernel's UDP stack, and with PACKET_QDISC_BYPASS past the queue
 * disciplines, straight into the driver. What it gives up is what they would have done: a frame the driver
 * has no room for is dropped and counted, not queued.
 *
 * send() and sendmmsg(), no PACKET_TX_RING: the ring needs the same system call to be looked at, and spares a
 * copy that costs nothing for a small datagram, for pages pinned into the skb, a destructor when it is freed
 * and a status word that travels between cores. One frame of 106 bytes over veth took 1.8 us by send()
 * and 2.4 by the ring (medians of 40,000). It is made for large frames in long runs. See packet(7) and
 * Documentation/networking/packet_mmap.rst.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/error.h"
#include "queue.h"

#define SNDBUF_DEFAULT (4u << 20)

struct packet {
	struct tx tx;
	struct tx_endpoint endpoint;
	struct tx_interface interface;
	struct tx_header header;
	int fd;
	struct tx_queue queue;
};

static void packet_close(struct tx *tx)
{
	struct packet *packet = (struct packet *)tx;

	if (packet->fd >= 0)
		close(packet->fd);
	tx_interface_close(&packet->interface);
	free(packet);
}

/* Protocol 0: it only sends, nothing is copied to it. */
static int open_socket(struct packet *packet, const struct hp_tx_options *options)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = packet->endpoint.ifindex};
	int size = (int)(options->sndbuf ? options->sndbuf : SNDBUF_DEFAULT), on = 1;
	int fd = packet->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 && (errno == EPERM || errno == EACCES))
		return fail(EPERM,
			    "Cannot make a packet socket: not allowed; packet needs CAP_NET_RAW (run as "
			    "root), udp and uring need nothing");
	if (fd < 0)
		return fail(errno, "Cannot make a packet socket: %s; use udp or uring", strerror(errno));
	if (size < 0 || size > INT32_MAX / 2)
		size = INT32_MAX / 2;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(errno, "Cannot bind a packet socket to \"%s\": %s", packet->endpoint.ifname,
			    strerror(errno));
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)))
		tx_note(packet->tx.stats, "through the queue discipline: %s", strerror(errno));
	else
		tx_note(packet->tx.stats, "qdisc bypassed");
	return 0;
}

static int open_path(struct packet *packet, const struct hp_tx_options *options)
{
	int error = tx_endpoint(&packet->endpoint, options);
	uint32_t most = TX_PAYLOAD - TX_HEADERS;

	if (!error)
		error = tx_endpoint_link(&packet->endpoint, options);
	if (!error)
		error = tx_interface_open(&packet->interface, packet->endpoint.ifname);
	if (!error)
		error = open_socket(packet, options);
	if (error)
		return error;
	tx_header_init(&packet->header, &packet->endpoint);
	packet->tx.largest = tx_endpoint_largest(&packet->endpoint, most);
	return 0;
}

static int packet_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	struct packet *packet = aligned_alloc(64, sizeof(*packet));
	int error;

	if (!packet)
		return fail(ENOMEM, "Cannot open the packet path: no memory");
	memset(packet, 0, sizeof(*packet)); /* touches every page, too */
	packet->tx = (struct tx){.ops = &tx_packet, .stats = stats};
	packet->fd = packet->interface.fd = -1;
	tx_queue_init(&packet->queue, TX_HEADERS);
	error = open_path(packet, options);
	if (error) {
		packet_close(&packet->tx);
		return error;
	}
	*out = &packet->tx;
	return 0;
}

static uint8_t *packet_reserve(struct tx *tx, uint32_t len)
{
	struct packet *packet = (struct packet *)tx;
	uint8_t *payload = tx_queue_reserve(tx, &packet->queue, len);

	if (payload)
		tx_header_write(&packet->header, payload - TX_HEADERS, len);
	return payload;
}

static int packet_flush(struct tx *tx)
{
	struct packet *packet = (struct packet *)tx;

	return tx_queue_flush(tx, &packet->queue, packet->fd, packet->endpoint.address);
}

static void packet_refresh(struct tx *tx)
{
	tx_interface_look(&((struct packet *)tx)->interface, tx->stats);
}

const struct tx_ops tx_packet = {
	.name = "packet",
	.open = packet_open,
	.reserve = packet_reserve,
	.flush = packet_flush,
	.refresh = packet_refresh,
	.close = packet_close,
};
