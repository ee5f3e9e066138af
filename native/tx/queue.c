// SPDX-License-Identifier: MIT
/*
 * One datagram leaves by send(), more by sendmmsg(): for one, sendmmsg() costs 0.2 us more (it copies a
 * message header in and a length out), for a batch it saves a system call a datagram. The messages stand
 * ready in the slots, so that a flush writes nothing but their lengths.
 */
#include <errno.h>
#include <string.h>

#include "measure/error.h"
#include "queue.h"

void tx_queue_init(struct tx_queue *queue, uint32_t headroom)
{
	queue->headroom = headroom;
	for (uint32_t i = 0; i < TX_BATCH; i++) {
		queue->parts[i].iov_base = queue->slots[i];
		queue->messages[i].msg_hdr = (struct msghdr){.msg_iov = &queue->parts[i], .msg_iovlen = 1};
	}
}

uint8_t *tx_queue_reserve(struct tx *tx, struct tx_queue *queue, uint32_t len)
{
	uint32_t slot = (queue->head + tx->waiting) % TX_BATCH;

	if (tx->waiting == TX_BATCH || len > tx->largest) {
		tx->stats->no_room += 1;
		return NULL;
	}
	tx->waiting++;
	queue->parts[slot].iov_len = queue->headroom + len;
	return queue->slots[slot] + queue->headroom;
}

/* One system call for the oldest `count`, which lie in one piece. How many it took, or -errno. */
static int transmit(struct tx_queue *queue, int fd, uint32_t count)
{
	const struct iovec *part = &queue->parts[queue->head];
	ssize_t sent = count == 1 ? send(fd, part->iov_base, part->iov_len, MSG_DONTWAIT)
				  : sendmmsg(fd, &queue->messages[queue->head], count, MSG_DONTWAIT);

	return sent < 0 ? -errno : count == 1 ? 1 : (int)sent;
}

/* The oldest `count` are done with: sent, or given up for `error`. */
static void advance(struct tx *tx, struct tx_queue *queue, uint32_t count, int error)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += queue->parts[queue->head + i].iov_len - queue->headroom;
	queue->head = (queue->head + count) % TX_BATCH;
	if (error)
		tx_failed(tx, error, count);
	else
		tx_sent(tx, count, bytes);
}

int tx_queue_flush(struct tx *tx, struct tx_queue *queue, int fd, const char *to)
{
	int taken = 0, refused = 0;

	tx->stats->calls += tx->waiting > 0;
	while (tx->waiting) {
		uint32_t piece = TX_BATCH - queue->head;
		int sent = transmit(queue, fd, piece < tx->waiting ? piece : tx->waiting);

		if (sent > 0) {
			advance(tx, queue, (uint32_t)sent, 0);
			taken += sent;
			refused = 0;
		} else if (sent == -EAGAIN) {
			tx->stats->partial += 1;
			break;
		} else if (sent == -EBADF || sent == -ENOTSOCK) {
			return fail(-sent, "Cannot send to %s: the socket is gone", to);
		} else if (sent == -ECONNREFUSED && !refused) {
			refused = 1; /* an ICMP answer to an earlier datagram: this one was not tried yet */
		} else if (sent != -EINTR) {
			advance(tx, queue, 1, -sent);
			refused = 0;
		}
	}
	return taken;
}
