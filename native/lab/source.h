/* SPDX-License-Identifier: MIT */
/* What the traffic generator sends: lll datagrams numbered without a hole, from the book pattern or a tape.
 */
#ifndef HP_SOURCE_H
#define HP_SOURCE_H

#include "feed/lll.h"
#include "lab/tape.h"
#include "rx/capture.h"

struct source_payload {
	const uint8_t *data;
	uint32_t len;
};

struct source {
	const struct hp_tape *tape;	 /* NULL: another pattern */
	struct capture *capture;	 /* likewise; ours, as are the payloads in it */
	struct source_payload *payloads; /* every one of the capture ... */
	size_t count;			 /* ... and how many */
	size_t at;			 /* next record of the tape, or payload of the capture */
	uint32_t largest;		 /* bytes of the longest datagram there is */
	uint32_t records;		 /* a datagram of the book pattern */
	int64_t first, seq;		 /* sequence numbers: of the run's first record, of the next */
};

/* Bytes of the next datagram. */
uint32_t source_bytes(const struct source *source);
/*
 * Writes the next datagram, all but its stamp, and goes on to the one after it. last: it ends the session.
 * How many records want a stamp: none of a capture's.
 */
uint32_t source_write(struct source *source, uint8_t *bytes, int last);
/* Writes the stamp into the records of a datagram: ns since the Unix epoch. */
void source_stamp(uint8_t *bytes, uint32_t records, int64_t now_ns);
/* Datagrams of a tape or capture once through; 0: the book pattern has no end. */
double source_datagrams(const struct source *source);

/*
 * Reads the capture `path`, which must outlive the source, and finds its payloads. skipped: packets that are
 * none. 0 or fail(...).
 */
int source_load(struct source *source, const char *path, double *skipped);
/* Frees what source_load() made. */
void source_unload(struct source *source);

#endif
