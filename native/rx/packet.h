/* SPDX-License-Identifier: MIT */
/* The packet path's inside: packet.c (life), packet_v2.c (frames), packet_v3.c (blocks), packet_filter.c
 * (what may enter). */
#ifndef HP_PACKET_H
#define HP_PACKET_H

#include <linux/if_packet.h>

#include "frame.h"
#include "rx.h"

struct packet {
	struct rx rx;
	uint8_t *ring;
	uint32_t unit;	/* bytes of a slot: a frame (V2) or a block (V3) */
	uint32_t count; /* slots, a power of two */
	uint32_t next;	/* slot to look at */
	uint32_t held;	/* slots that are ours until release(): V2 those before `next`, V3 `next` */
	uint32_t left;	/* V3: packets of the block at `next` not handed out yet ... */
	uint8_t *at;	/* ... and the first of them */
	int stamps;
	struct rx_endpoint endpoint;
	int fd;
	int group;  /* keeps the IGMP membership; -1 for unicast */
	int holder; /* keeps the kernel from answering for an unused port; -1 for multicast */
	size_t ring_bytes;
};

/* What the ring says of one frame. */
struct packet_frame {
	const uint8_t *data;
	uint32_t len;	   /* on the wire */
	uint32_t captured; /* in the ring */
	uint32_t status;   /* TP_STATUS_... */
	uint32_t sec, nsec;
};

int packet_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats);
int packet_fd(struct rx *rx);
void packet_refresh(struct rx *rx);
void packet_close(struct rx *rx);
extern const struct rx_ops rx_packet_v3;

/* Lets nothing in; before the socket is bound. 0 or -errno. */
int packet_filter_nothing(int fd);
/* Lets in the endpoint's datagrams and the headers of fragments to its address, for good. 0 or fail(...). */
int packet_filter_flow(int fd, const struct rx_endpoint *endpoint);

static inline uint8_t *packet_slot(const struct packet *packet, uint32_t index)
{
	return packet->ring + (size_t)index * packet->unit;
}

/* Not ready: it never was on a wire (veth, loopback); valid: somebody looked already; cut: there is no
 * telling.
 */
static inline int packet_checksums_right(const struct packet_frame *frame, const uint8_t *ethernet,
					 const uint8_t *payload, uint32_t len)
{
	if (!frame_header_right(ethernet))
		return 0;
	return frame->status & (TP_STATUS_CSUM_VALID | TP_STATUS_CSUMNOTREADY) ||
	       frame->captured != frame->len || frame_checksum_right(ethernet, payload, len);
}

/*
 * One frame as a datagram: 1, or 0 where it is counted and left out. The length checked is the wire's: the
 * filter lets no header in but whole or as cut as the frame, only payloads are cut short. Of a fragment there
 * is less, and frame_payload() reads no further than what says so. The kernel takes a frame's outer tag off;
 * a second one is ours to look past.
 */
static inline int packet_take(struct packet *packet, const struct packet_frame *frame,
			      struct rx_datagram *out)
{
	struct hp_rx_stats *stats = packet->rx.stats;
	uint32_t len, room, tags = frame_tags(frame->data, frame->captured);
	const uint8_t *ethernet = frame->data + tags;
	const uint8_t *data =
		frame_payload(ethernet, frame->len - tags, packet->endpoint.ip, packet->endpoint.port, &len);

	if (__builtin_expect(!data, 0)) {
		if (frame_is_fragment(ethernet, frame->captured - tags))
			stats->fragments += 1;
		else
			stats->malformed += 1;
		return 0;
	}
	if (__builtin_expect(!packet_checksums_right(frame, ethernet, data, len), 0)) {
		stats->bad_checksum += 1;
		return 0;
	}
	room = frame->captured - (uint32_t)(data - frame->data);
	room = room < RX_FRAME ? room : RX_FRAME;
	stats->bytes += len;
	out->data = data;
	out->truncated = len > room;
	out->len = len > room ? room : len;
	out->wire_ns = packet->stamps ? frame->sec * 1000000000LL + frame->nsec : 0;
	if (__builtin_expect(out->truncated, 0))
		stats->truncated += 1;
	if (frame->status & TP_STATUS_VLAN_VALID || tags)
		stats->tagged += 1;
	stats->stamped += packet->stamps;
	return 1;
}

#endif
