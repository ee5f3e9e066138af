/* SPDX-License-Identifier: MIT */
/*
 * The traffic generator's inside: traffic.c opens, starts and closes it; traffic_run.c is its thread, on
 * source.c (what to send) and a transmit path, or on the kernel's own generator (tx/kernel.c).
 */
#ifndef HP_TRAFFIC_H
#define HP_TRAFFIC_H

#include <pthread.h>
#include <stdatomic.h>

#include "lab/source.h"
#include "threads.h"
#include "tx/kernel.h"
#include "tx/tx.h"

struct hp_traffic {
	struct hp_traffic_options options;
	struct hp_traffic_stats *stats; /* the caller's; written by the thread only */
	struct source source;
	struct tx *tx; /* NULL: the kernel generates */
	struct kernel_tx kernel;
	int wake; /* eventfd that ends every sleep */
	pthread_t thread;
	struct owned_thread owned;
	atomic_int stop; /* close() asks */

	/* The thread's own. */
	uint32_t batch;
	double left;	    /* datagrams to come before the closing one; HUGE_VAL without a bound */
	uint64_t base, end; /* ticks: the schedule counts from, and ends; end 0 = no bound */
	double due;	    /* ticks after base when the next datagram is due */
	uint64_t started, refreshed;
	uint32_t ready; /* datagrams of the next flush */
	uint8_t *payloads[TX_BATCH];
	uint32_t records[TX_BATCH];
};

/* Sends everything. Returns when it came to its bound, was stopped, or broke (stats->trouble). */
void traffic_run(struct hp_traffic *traffic);

#endif
