// SPDX-License-Identifier: MIT
/* Which file serves which enum hp_rx_path, and where it is opened. */
#include <errno.h>

#include "measure/error.h"
#include "netns.h"
#include "rx.h"

const struct rx_ops *rx_path(int32_t path)
{
	switch (path) {
	case HP_RX_UDP:
		return &rx_udp;
	case HP_RX_URING:
		return &rx_uring;
	case HP_RX_XDP:
		return &rx_xdp;
	case HP_RX_PACKET:
		return &rx_packet;
	case HP_RX_TAP:
		return &rx_tap;
	case HP_RX_PCAP:
		return &rx_pcap;
	default:
		return NULL;
	}
}

int rx_path_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	const struct rx_ops *ops = rx_path(options->path);
	int before, error;

	if (!ops)
		return fail(EINVAL, "Cannot open a receive path: %d is none", options->path);
	before = netns_enter(options->netns);
	if (before < -1)
		return before;
	error = ops->open(out, options, stats);
	netns_leave(before);
	return error;
}
