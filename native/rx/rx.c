// SPDX-License-Identifier: MIT
/* Which file serves which enum hp_rx_path. */
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
