/* SPDX-License-Identifier: MIT */
/*
 * The client of a snapshot server in GLIMPSE's manner: SoupBinTCP, one message of the feed a sequenced
 * packet, and at the end 'G' with the number (20 characters) of the first live message to apply after it.
 */
#ifndef HP_SNAPSHOT_H
#define HP_SNAPSHOT_H

#include "feed/decoder.h"

enum snapshot_says {
	SNAPSHOT_NOTHING,
	SNAPSHOT_BEGINS, /* messages follow: whatever came of an attempt before is void */
	SNAPSHOT_RUN,	 /* some messages; they stay until the next poll */
	SNAPSHOT_DONE,	 /* it is complete */
	SNAPSHOT_FAILED, /* stats->trouble says why */
};

struct snapshot;

/* Makes the socket, in the caller's network namespace; connects nowhere yet. 0 or fail(...). */
int snapshot_open(struct snapshot **out, const struct hp_recovery_options *options, int little_endian,
		  struct hp_stream_stats *stats);
/* NULL is a no-op. */
void snapshot_close(struct snapshot *snapshot);
/* Begins to take a snapshot. */
void snapshot_start(struct snapshot *snapshot, uint64_t now);
/* Ends it, whatever its state. */
void snapshot_stop(struct snapshot *snapshot);
/* A look at the socket. *run is set for SNAPSHOT_RUN, *next for SNAPSHOT_DONE. */
enum snapshot_says snapshot_poll(struct snapshot *snapshot, uint64_t now, struct run *run, int64_t *next);
/* The attempt was no use, says the caller: another one, or SNAPSHOT_FAILED. */
enum snapshot_says snapshot_reject(struct snapshot *snapshot, uint64_t now, const char *why);
/* The socket, and the poll(2) events it waits for. */
int snapshot_fd(const struct snapshot *snapshot, short *events);

#endif
