/* SPDX-License-Identifier: MIT */
/*
 * The traffic generator's second engine: the kernel builds, numbers, stamps and sends the datagrams of the
 * book pattern by itself (bpf/generate.bpf.c). It has no payload that a caller could write, so it is no tx
 * path; it shares their endpoint, headers and counters.
 */
#ifndef HP_TX_KERNEL_H
#define HP_TX_KERNEL_H

#include "tx.h"

struct generate;

struct kernel_tx {
	struct tx tx; /* counters only; no ops */
	struct tx_endpoint endpoint;
	struct tx_interface interface;
	struct generate *skeleton;
	uint32_t records;
	uint32_t len;
	uint8_t frame[256];
};

/*
 * Loads and prepares; sends nothing. records a datagram, first_seq of the first record. Counters go to
 * `stats`. 0 or fail(...).
 */
int kernel_open(struct kernel_tx *kernel, const struct hp_tx_options *options, uint32_t records,
		int64_t first_seq, struct hp_tx_stats *stats);
/*
 * Sends `datagrams`; the very last record is marked so when `last`. The calling thread must be in the
 * endpoint's network namespace. Returns how many the interface took, or fail(...): none can be sent.
 */
int kernel_send(struct kernel_tx *kernel, uint32_t datagrams, int last);
void kernel_refresh(struct kernel_tx *kernel);
/* Of an object that is all zero: nothing. */
void kernel_close(struct kernel_tx *kernel);

#endif
