/* SPDX-License-Identifier: MIT */
/*
 * From an Ethernet frame to the UDP payload of one granted flow. Every length is checked against the frame's:
 * what the kernel's stack would have checked was passed by. So are the checksums: that of the IPv4 header,
 * which every sender's stack fills in itself, always; UDP's where the path can: a NIC tells only the stack
 * what it found, and over veth, where nothing is sent over a wire, the sender leaves the pseudo-header's sum
 * in the field for a NIC to finish. A packet socket is told so; XDP is not, and takes the unfinished sum for
 * what it is (a payload damaged behind one would pass, but nothing damages memory).
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

/* The one's complement sum (RFC 1071) that a right checksum makes 0xffff, and of its pseudo-header alone. */
static inline uint16_t frame_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint32_t frame_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint64_t frame_pseudo_sum(const uint8_t *frame, uint32_t udp_len)
{
	const uint8_t *addresses = frame + FRAME_ETHERNET + 12;

	return (uint64_t)frame_u32(addresses) + frame_u32(addresses + 4) + htons(17) +
	       htons((uint16_t)udp_len);
}

/* Whether the checksum of the IPv4 header before a payload that frame_payload() found is right. */
static inline int frame_header_right(const uint8_t *frame)
{
	const uint8_t *packet = frame + FRAME_ETHERNET;
	uint32_t header = (packet[0] & 15u) * 4;
	uint64_t sum = (uint64_t)frame_u32(packet) + frame_u32(packet + 4) + frame_u32(packet + 8) +
		       frame_u32(packet + 12) + frame_u32(packet + 16);

	for (uint32_t at = FRAME_IPV4; at < header; at += 4)
		sum += frame_u32(packet + at);
	return frame_fold(sum) == 0xffff;
}

/* Whether there is a UDP checksum before a payload that frame_payload() found. */
static inline int frame_has_checksum(const uint8_t *payload)
{
	return frame_u16(payload - FRAME_UDP + 6) != 0;
}

/* Whether the UDP checksum before a payload that frame_payload() found is right, or was left out by the
 * sender. The whole payload is read. */
static inline int frame_checksum_right(const uint8_t *frame, const uint8_t *payload, uint32_t payload_len)
{
	const uint8_t *udp = payload - FRAME_UDP;
	uint32_t len = payload_len + FRAME_UDP, at;
	uint64_t sum = frame_pseudo_sum(frame, len);

	if (!frame_has_checksum(payload))
		return 1;
	for (at = 0; at + 3 < len; at += 4)
		sum += frame_u32(udp + at);
	if (len & 2)
		sum += frame_u16(udp + at);
	if (len & 1)
		sum += htons((uint16_t)(udp[len - 1] << 8));
	return frame_fold(sum) == 0xffff;
}

/* Whether it is as a sender leaves it for its NIC to finish: the pseudo-header's sum. Over veth nobody does.
 */
static inline int frame_checksum_unfinished(const uint8_t *frame, const uint8_t *payload,
					    uint32_t payload_len)
{
	return frame_u16(payload - FRAME_UDP + 6) ==
	       frame_fold(frame_pseudo_sum(frame, payload_len + FRAME_UDP));
}

#endif
