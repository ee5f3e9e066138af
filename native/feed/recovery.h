/* SPDX-License-Identifier: MIT */
/*
 * Where a stream gets again what no line brought: a client of a re-request server (recovery.c) and one of a
 * snapshot server (snapshot.h). Sockets are opened once; after that nothing is allocated, and nothing blocks.
 *
 *	recovery_open(&recovery, &options, &framing_moldudp64, &stats);
 *	stream_open(&feed, &framing_moldudp64, decoder, recovery, &stats, 0);	 the stream closes it
 */
#ifndef HP_RECOVERY_H
#define HP_RECOVERY_H

#include <stdarg.h>
#include <stdio.h>

#include "feed/snapshot.h"
#include "feed/stream.h"

enum recovery_says {
	RECOVERY_NOTHING,
	RECOVERY_PACKET,  /* one came */
	RECOVERY_GAVE_UP, /* stats->trouble says why */
};

struct recovery {
	struct hp_recovery_options options; /* every 0 replaced by its default */
	const struct framing *framing;
	struct hp_stream_stats *stats;
	int fd; /* -1: no re-request server */
	uint8_t *reply;
	uint64_t timeout_ticks, bound_ticks;

	/* What is being asked for. */
	struct packet_header like; /* the session */
	int64_t first, end;
	int64_t asked_end;	   /* of the request under way */
	uint64_t since, due;	   /* asked first; the answer's deadline */
	uint32_t unanswered;	   /* requests, in a row */
	uint32_t burst;		   /* packets taken in without a pause */
	int refused;		   /* the last request was */
	struct snapshot *snapshot; /* NULL: no snapshot server */
};

/* Opens the sockets in the options' namespace. The framing and `stats` must be the stream's. 0 or fail(...).
 */
int recovery_open(struct recovery **out, const struct hp_recovery_options *options,
		  const struct framing *framing, struct hp_stream_stats *stats);
/* NULL is a no-op. */
void recovery_close(struct recovery *recovery);

/* May a hole of that many messages be asked for? */
int recovery_can_ask(const struct recovery *recovery, int64_t count);
/* Begins to ask for [first, end) of the session of `like`. */
void recovery_ask(struct recovery *recovery, const struct packet_header *like, int64_t first, int64_t end,
		  uint64_t now);
/* What has come? `first`: the hole begins there by now. A packet's bytes stay until the next call. */
enum recovery_says recovery_poll(struct recovery *recovery, int64_t first, uint64_t now,
				 struct feed_packet *out);

#endif
