// SPDX-License-Identifier: MIT
/* What a captured packet is to a flow, behind the header of whatever link it was on. See
 * https://www.tcpdump.org/linktypes.html. */
#include <errno.h>

#include "capture.h"
#include "dissect.h"

/* The BSD loopback header: the address family in the byte order of whoever captured (LINK_LOOP: of the
 * network). AF_INET is 2 everywhere. */
static enum dissect dissect_loop(struct dissected *found, const struct capture_packet *packet, uint32_t ip,
				 uint16_t port)
{
	uint32_t family;

	if (packet->captured < 4)
		return packet->length < 4 ? DISSECT_MALFORMED : DISSECT_CUT;
	memcpy(&family, packet->data, sizeof(family));
	if (family != 2 && family != __builtin_bswap32(2))
		return DISSECT_OTHER;
	return dissect_ipv4(found, packet->data + 4, packet->captured - 4, packet->length - 4, ip, port);
}

int capture_dissect(const struct capture_packet *packet, struct dissected *found, uint32_t ip, uint16_t port)
{
	const uint8_t *data = packet->data;
	uint32_t there = packet->captured, length = packet->length;

	*found = (struct dissected){0};
	switch (packet->link) {
	case LINK_ETHERNET:
		return dissect_ethernet(found, data, there, length, ip, port);
	case LINK_SLL:
		return dissect_frame(found, data, there, length, 16, 14, ip, port);
	case LINK_SLL2:
		return dissect_frame(found, data, there, length, 20, 0, ip, port);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
		if (there && data[0] >> 4 == 6)
			return DISSECT_OTHER;
		return dissect_ipv4(found, data, there, length, ip, port);
	case LINK_NULL:
	case LINK_LOOP:
		return dissect_loop(found, packet, ip, port);
	default:
		return -ENOTSUP;
	}
}

/* The first look tells the flow, the second takes the packet as one of it. */
int capture_datagram(const struct capture_packet *packet, struct dissected *found)
{
	int verdict = capture_dissect(packet, found, 0, 0);

	return verdict == DISSECT_OTHER && found->port
		       ? capture_dissect(packet, found, found->ip, found->port)
		       : verdict;
}
