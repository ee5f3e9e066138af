/* SPDX-License-Identifier: MIT */
/*
 * A tape: a whole market-data session in memory, ready to be stamped and sent. Loaded from a Tardis CSV
 * (tardis.c) or made by the seeded market (generator.c); played by the exchange (exchange.c). Read-only once
 * made, so that any number of exchanges may play it at the same time.
 */
#ifndef HP_TAPE_H
#define HP_TAPE_H

#include "hotpath.h"

#define TAPE_RECORDS_MAX INT32_MAX /* hp_tape_read() counts in int32_t */

/* One record; datagrams are runs of at most `pack` records of one message. */
struct tape_record {
	int64_t price; /* x price_scale */
	int32_t qty;   /* x qty_scale; 0 cancels */
	uint8_t flags; /* HP_FLAG_BID | HP_FLAG_SNAPSHOT */
	uint8_t first; /* 1: begins a datagram */
	uint16_t reserved;
	int64_t at_ns; /* time since the first record (recorded pace); real files step back now and then */
};

struct hp_tape {
	struct tape_record *records;
	size_t count, capacity;
	struct hp_tape_info info;
};

/* An empty tape for `capacity` records, or NULL and fail(ENOMEM). hp_tape_close() frees it. */
struct hp_tape *tape_new(size_t capacity);
/* Checks a caller's `pack`. 0 or fail(EINVAL). */
int tape_check_pack(int32_t pack);
/* Appends (grows by doubling). 0 or fail(ENOMEM, EFBIG). */
int tape_append(struct hp_tape *tape, const struct tape_record *record);
/* Sets `first` on every record that begins a datagram (a new at_ns, a snapshot edge, or `pack` reached) and
 * info's totals. */
void tape_pack(struct hp_tape *tape, int32_t pack);

#endif
