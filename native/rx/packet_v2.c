// SPDX-License-Identifier: MIT
/*
 * The packet path frame by frame: each is handed over when it is there. Latency, at a fixed room for every
 * frame.
 *
 * Who owns a frame: the kernel, until it has stored TP_STATUS_USER into the frame's status word (our acquire
 * makes what it wrote before visible); we, from then until release() stores TP_STATUS_KERNEL back (a release:
 * whatever we read of the frame is read by then). Frames come in the order of the ring. When the next one is
 * still ours, the kernel drops and counts.
 *
 * An empty look reads one status word. A lone datagram of one record touches four cache lines: its status
 * word's (with lengths and stamp), the headers', the payload's, and the status word of the frame after it,
 * which is looked at before the batch is handed over. Fetching any of them ahead bought nothing measurable.
 */
#include "packet.h"
#include "strategy/ring.h"

static struct tpacket2_hdr *frame_at(const struct packet *packet, uint32_t index)
{
	return (struct tpacket2_hdr *)packet_slot(packet, index & (packet->count - 1));
}

static void v2_release(struct rx *rx)
{
	struct packet *packet = (struct packet *)rx;

	for (; packet->held; packet->held--)
		store_release(&frame_at(packet, packet->next - packet->held)->tp_status, TP_STATUS_KERNEL);
}

/* The frames held must not be met again when the ring goes round. */
static int v2_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct packet *packet = (struct packet *)rx;
	struct rx_datagram *next = out;

	rx->stats->polls += 1;
	while (next - out < max && packet->held < packet->count) {
		const struct tpacket2_hdr *header = frame_at(packet, packet->next);
		const uint32_t status = load_acquire(&header->tp_status);

		if (!(status & TP_STATUS_USER))
			break;
		next += packet_take(packet,
				    &(struct packet_frame){
					    .data = (const uint8_t *)header + header->tp_mac,
					    .len = header->tp_len,
					    .captured = header->tp_snaplen,
					    .status = status,
					    .sec = header->tp_sec,
					    .nsec = header->tp_nsec,
				    },
				    next);
		packet->next++;
		packet->held++;
	}
	rx->stats->datagrams += (double)(next - out);
	if (next != out)
		return (int)(next - out);
	rx->stats->empty += 1;
	if (packet->held)
		v2_release(rx); /* the caller got nothing and owes no release */
	return 0;
}

const struct rx_ops rx_packet = {
	.name = "packet",
	.open = packet_open,
	.poll = v2_poll,
	.release = v2_release,
	.fd = packet_fd,
	.refresh = packet_refresh,
	.close = packet_close,
};
