/* SPDX-License-Identifier: MIT */
/* The packet path under test, by frames (V2) or by blocks (V3). */
#ifndef HP_PACKET_CASES_H
#define HP_PACKET_CASES_H

#include "frames.h"

static inline int open_v3(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct hp_rx_options v3 = *options;

	v3.flags |= HP_RX_V3;
	return rx_packet.open(out, &v3, stats);
}

static const struct rx_ops by_blocks = {.name = "packet, V3", .open = open_v3};

static inline int is_v3(void)
{
	return path_ops == &by_blocks;
}

static inline struct rx *open_with(struct hp_rx_options options)
{
	struct rx *rx = NULL;

	if (path_try(&rx, &options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

/* How many frames the filter has let in since this was last asked. */
static inline uint32_t let_in(struct rx *rx)
{
	struct tpacket_stats_v3 counts = {0};
	socklen_t size = sizeof(counts);

	CHECK_EQ(getsockopt(rx->ops->fd(rx), SOL_PACKET, PACKET_STATISTICS, &counts, &size), 0);
	return counts.tp_packets;
}

/* Raises the wire; skips where there are no packet sockets. */
static inline void packet_begin(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int error;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	path_ops = &rx_packet;
	error = path_try(&rx, &options);
	if (error == -EPERM || error == -EAFNOSUPPORT) {
		wire_said("?");
		SKIP("no packet sockets here");
	}
	CHECK_EQ(error, 0);
	printf("packet runs as: %s\n", path_stats.note);
	rx->ops->close(rx);
}

#endif
