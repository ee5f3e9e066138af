/* SPDX-License-Identifier: MIT */
/* Datagrams between reserve() and the system call, for the paths whose system call copies them (udp, packet).
 */
#ifndef HP_TX_QUEUE_H
#define HP_TX_QUEUE_H

#include <sys/socket.h>

#include "tx.h"

/* A ring of TX_BATCH slots, each ready as a message; allocated whole with its path. */
struct tx_queue {
	uint32_t head;	   /* slot of the oldest of tx->waiting */
	uint32_t headroom; /* bytes of headers before each payload */
	struct mmsghdr messages[TX_BATCH];
	struct iovec parts[TX_BATCH];
	uint8_t slots[TX_BATCH][TX_PAYLOAD] __attribute__((aligned(64)));
};

void tx_queue_init(struct tx_queue *queue, uint32_t headroom);
/* The next slot's first byte after the headroom, for `len` more; NULL (counted) when none is free. */
uint8_t *tx_queue_reserve(struct tx *tx, struct tx_queue *queue, uint32_t len);
/* Sends what waits on `fd`, as tx_ops.flush promises. to: "239.255.0.1", for the sentence. */
int tx_queue_flush(struct tx *tx, struct tx_queue *queue, int fd, const char *to);

#endif
