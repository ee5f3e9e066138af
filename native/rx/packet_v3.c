// SPDX-License-Identifier: MIT
/*
 * The packet path by blocks: the kernel packs frames tightly into a block and hands it over when it is full
 * or a millisecond old. One status word a block, and small datagrams take little room: throughput; a lone
 * datagram waits. A block is ours from its status word's TP_STATUS_USER (acquire) until release() finds that
 * all of it was handed out, and stores TP_STATUS_KERNEL (release).
 */
#include "packet.h"
#include "strategy/ring.h"

static struct tpacket_hdr_v1 *block_at(const struct packet *packet)
{
	uint8_t *slot = packet_slot(packet, packet->next & (packet->count - 1));

	return &((struct tpacket_block_desc *)slot)->hdr.bh1;
}

static void v3_release(struct rx *rx)
{
	struct packet *packet = (struct packet *)rx;

	if (!packet->held || packet->left)
		return;
	store_release(&block_at(packet)->block_status, TP_STATUS_KERNEL);
	packet->held = 0;
	packet->next++;
}

/* Whether there is a block of ours at `next`. */
static int open_block(struct packet *packet)
{
	struct tpacket_hdr_v1 *block = block_at(packet);

	if (packet->held)
		return 1;
	if (!(load_acquire(&block->block_status) & TP_STATUS_USER))
		return 0;
	packet->held = 1;
	packet->left = block->num_pkts;
	packet->at = packet_slot(packet, packet->next & (packet->count - 1)) + block->offset_to_first_pkt;
	return 1;
}

static int v3_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct packet *packet = (struct packet *)rx;
	struct rx_datagram *next = out;

	rx->stats->polls += 1;
	if (open_block(packet)) {
		for (; packet->left && next - out < max; packet->left--) {
			const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)packet->at;

			next += packet_take(packet,
					    &(struct packet_frame){
						    .data = packet->at + header->tp_mac,
						    .len = header->tp_len,
						    .captured = header->tp_snaplen,
						    .status = header->tp_status,
						    .sec = header->tp_sec,
						    .nsec = header->tp_nsec,
					    },
					    next);
			packet->at += header->tp_next_offset;
		}
	}
	rx->stats->datagrams += (double)(next - out);
	if (next != out)
		return (int)(next - out);
	rx->stats->empty += 1;
	v3_release(rx); /* the caller got nothing and owes no release */
	return 0;
}

const struct rx_ops rx_packet_v3 = {
	.name = "packet",
	.open = packet_open,
	.poll = v3_poll,
	.release = v3_release,
	.fd = packet_fd,
	.refresh = packet_refresh,
	.close = packet_close,
};
