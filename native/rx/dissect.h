/* SPDX-License-Identifier: MIT */
/*
 * What a packet is to one flow, for the paths that see everything: a TAP has the kernel's own chatter on it,
 * a capture whatever was on the wire. frame.h only says "ours" or not; here a broken datagram of ours, a
 * fragment and another's packet are told apart, tags are taken off, and packets may be cut short. Every
 * length is checked against the one before it. See RFC 791, RFC 768, IEEE 802.1Q.
 */
#ifndef HP_DISSECT_H
#define HP_DISSECT_H

#include "frame.h"

enum dissect {
	DISSECT_OURS = 0,      /* a whole datagram of the flow, though its end may not be there */
	DISSECT_OTHER = 1,     /* somebody else's: normal */
	DISSECT_MALFORMED = 2, /* an IPv4 packet that is none, or a datagram to us that contradicts itself */
	DISSECT_FRAGMENT = 3,  /* a part of a datagram to our address */
	DISSECT_CUT = 4,       /* too little of it is there to tell */
};

struct dissected {
	const uint8_t *packet;	/* its IPv4 header */
	const uint8_t *payload; /* of DISSECT_OURS ... */
	uint32_t len;		/* ... its length as sent ... */
	uint32_t there;		/* ... and how much of that is there */
	uint32_t tags;		/* 802.1Q and 802.1ad headers taken off */
	uint32_t ip;		/* where it goes (network byte order); port 0: not a UDP datagram, or cut */
	uint16_t port;
};

static inline int dissect_is_tag(uint16_t type)
{
	return type == htons(0x8100) || type == htons(0x88a8) || type == htons(0x9100);
}

/* An IPv4 packet of `length` bytes, `there` of which are at hand, against a flow to ip:port. */
static inline enum dissect dissect_ipv4(struct dissected *out, const uint8_t *packet, uint32_t there,
					uint32_t length, uint32_t ip, uint16_t port)
{
	uint32_t header, total, len;
	const uint8_t *udp;

	if (there < FRAME_IPV4)
		return length < FRAME_IPV4 ? DISSECT_MALFORMED : DISSECT_CUT;
	header = (packet[0] & 15u) * 4;
	total = ntohs(frame_u16(packet + 2));
	if (packet[0] >> 4 != 4 || header < FRAME_IPV4)
		return DISSECT_MALFORMED;
	out->packet = packet;
	memcpy(&out->ip, packet + 16, sizeof(out->ip));
	if (packet[9] != 17)
		return DISSECT_OTHER;
	if (frame_u16(packet + 6) & htons(0x3fff))
		return out->ip == ip ? DISSECT_FRAGMENT : DISSECT_OTHER;
	udp = packet + header;
	if (there >= header + FRAME_UDP)
		out->port = frame_u16(udp + 2);
	if (out->ip != ip)
		return DISSECT_OTHER;
	if (total > length || total < header + FRAME_UDP)
		return DISSECT_MALFORMED;
	if (there < header + FRAME_UDP)
		return DISSECT_CUT;
	if (out->port != port)
		return DISSECT_OTHER;
	len = ntohs(frame_u16(udp + 4));
	if (len < FRAME_UDP || len > total - header)
		return DISSECT_MALFORMED;
	out->payload = udp + FRAME_UDP;
	out->len = len - FRAME_UDP;
	out->there = there - header - FRAME_UDP;
	if (out->there > out->len)
		out->there = out->len; /* the rest is padding */
	return DISSECT_OURS;
}

/* The same behind a link layer's header of `header` bytes whose protocol (an EtherType) stands at `type_at`.
 */
static inline enum dissect dissect_frame(struct dissected *out, const uint8_t *frame, uint32_t there,
					 uint32_t length, uint32_t header, uint32_t type_at, uint32_t ip,
					 uint16_t port)
{
	uint16_t type;

	if (there < header)
		return length < header ? DISSECT_MALFORMED : DISSECT_CUT;
	type = frame_u16(frame + type_at);
	for (; dissect_is_tag(type); header += 4, out->tags++) {
		if (there < header + 4)
			return length < header + 4 ? DISSECT_MALFORMED : DISSECT_CUT;
		type = frame_u16(frame + header + 2);
	}
	if (type != htons(0x0800))
		return DISSECT_OTHER;
	return dissect_ipv4(out, frame + header, there - header, length - header, ip, port);
}

static inline enum dissect dissect_ethernet(struct dissected *out, const uint8_t *frame, uint32_t there,
					    uint32_t length, uint32_t ip, uint16_t port)
{
	return dissect_frame(out, frame, there, length, FRAME_ETHERNET, 12, ip, port);
}

#endif
