/* SPDX-License-Identifier: MIT */
/*
 * From an Ethernet frame to the UDP payload of one granted flow. Every length is checked against the frame's:
 * what the kernel's stack would have checked was passed by. Checksums are not (veth does not fill them in, a
 * NIC checked them).
 */
#ifndef HP_FRAME_H
#define HP_FRAME_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ETHERNET 14
#define FRAME_IPV4     20 /* without options */
#define FRAME_UDP      8

static inline uint16_t frame_u16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
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

#endif
