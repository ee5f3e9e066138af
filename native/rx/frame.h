/* SPDX-License-Identifier: MIT */
/*
 * From an Ethernet frame to the UDP payload of one granted flow. Every length is checked against the frame's:
 * what the kernel's stack would have checked was passed by. The checksum is a question of its own: over veth
 * the sender leaves the sum of the pseudo-header in the field and says so only beside the packet, where
 * packet sockets see it and XDP does not; a NIC has checked what it hands over. So only the path knows.
 */
#ifndef HP_FRAME_H
#define HP_FRAME_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ETHERNET 14
#define FRAME_IPV4     20 /* without options */
#define FRAME_UDP      8
#define FRAME_TAG      4 /* IEEE 802.1Q, 802.1ad */
#define FRAME_TAGS     2 /* looked past, at most */

static inline uint16_t frame_u16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Bytes of VLAN tags between the addresses and the type: so much later the frame reads as if it had none. */
static inline uint32_t frame_tags(const uint8_t *frame, uint32_t len)
{
	uint32_t bytes = 0;

	while (bytes < FRAME_TAGS * FRAME_TAG && len >= FRAME_ETHERNET + bytes + FRAME_TAG &&
	       (frame_u16(frame + 12 + bytes) == htons(0x8100) ||
		frame_u16(frame + 12 + bytes) == htons(0x88a8)))
		bytes += FRAME_TAG;
	return bytes;
}

/* The payload and its length, or NULL: not an unfragmented IPv4 UDP datagram to ip:port (network byte order).
 */
static inline const uint8_t *frame_payload(const uint8_t *frame, uint32_t len, uint32_t ip, uint16_t port,
					   uint32_t *payload_len)
{
	const uint8_t *packet = frame + FRAME_ETHERNET, *udp;
	uint32_t header, total, udp_len, daddr;

	if (len < FRAME_ETHERNET + FRAME_IPV4 + FRAME_UDP || frame_u16(frame + 12) != htons(0x0800))
		return NULL;
	header = (packet[0] & 15u) * 4;
	total = ntohs(frame_u16(packet + 2)); /* the frame may be longer: padding */
	if (packet[0] >> 4 != 4 || header < FRAME_IPV4 || total > len - FRAME_ETHERNET ||
	    total < header + FRAME_UDP)
		return NULL;
	memcpy(&daddr, packet + 16, sizeof(daddr));
	if (packet[9] != 17 || daddr != ip || frame_u16(packet + 6) & htons(0x3fff))
		return NULL;
	udp = packet + header;
	udp_len = ntohs(frame_u16(udp + 4));
	if (frame_u16(udp + 2) != port || udp_len < FRAME_UDP || udp_len > total - header)
		return NULL;
	*payload_len = udp_len - FRAME_UDP;
	return udp + FRAME_UDP;
}

/* An IPv4 packet that is only a part of one; of `len` bytes the Ethernet and the IPv4 header are looked at.
 */
static inline int frame_is_fragment(const uint8_t *frame, uint32_t len)
{
	return len >= FRAME_ETHERNET + FRAME_IPV4 && frame_u16(frame + 12) == htons(0x0800) &&
	       frame_u16(frame + FRAME_ETHERNET + 6) & htons(0x3fff);
}

/* Whether the UDP checksum before a payload that frame_payload() found is right, or was left out by the
 * sender. The whole payload is read. */
static inline int frame_checksum_right(const uint8_t *frame, const uint8_t *payload, uint32_t payload_len)
{
	const uint8_t *udp = payload - FRAME_UDP, *addresses = frame + FRAME_ETHERNET + 12;
	uint32_t len = payload_len + FRAME_UDP, at;
	uint64_t sum = htons(17) + (uint64_t)htons((uint16_t)len);

	if (!frame_u16(udp + 6))
		return 1;
	for (at = 0; at < 8; at += 2)
		sum += frame_u16(addresses + at);
	for (at = 0; at + 1 < len; at += 2)
		sum += frame_u16(udp + at);
	if (len & 1)
		sum += htons((uint16_t)(udp[len - 1] << 8));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

#endif
