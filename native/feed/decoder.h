/* SPDX-License-Identifier: MIT */
/*
 * A decoder: the bytes of one protocol's messages, one file a protocol behind this interface. It knows
 * nothing of packets, lines and gaps (native/feed/stream.h), only of a run: messages that follow each other,
 * each behind its length (two bytes, in the protocol's byte order). A MoldUDP64 or IEX-TP payload is a run,
 * and so is an ITCH file.
 */
#ifndef HP_DECODER_H
#define HP_DECODER_H

#include "feed/feed.h"
#include "feed/symbols.h"

/* Messages still to be decoded. */
struct run {
	const uint8_t *at, *end;
	uint32_t left;	/* messages; a file that does not know: UINT32_MAX */
	int64_t seq;	/* of the first of them */
	uint8_t flags;	/* HP_FLAG_* every message of the run gets (SNAPSHOT) */
	uint16_t entry; /* of a repeating group in the message at `at`: entries handed on already */
};

struct decoder;

struct decoder_ops {
	const char *name;
	double price_scale, qty_scale;
	/*
	 * Decodes up to `max` messages of the run into `out`, which is 64-byte aligned, and moves the run on.
	 * Messages of symbols nobody wants, or of types not in `decoder->wanted_types`, are counted and
	 * passed over. A message with a fault is counted, kept as example and passed over; one that passes
	 * the run's end uses the run up. Returns how many were written; less than `max` only when the run is
	 * used up. Never reads beyond `end`.
	 */
	int (*decode)(struct decoder *decoder, struct run *run, struct hp_message *out, int max);
	void (*close)(struct decoder *decoder); /* frees what opening took; NULL = nothing */
};

/* Every decoder's struct begins with this. */
struct decoder {
	const struct decoder_ops *ops;
	struct hp_report *report;  /* the caller's */
	struct symbols *symbols;   /* the caller's: names, numbers, and who is wanted */
	uint8_t wanted_types[256]; /* 0: count messages of this type and go on; all 1 to begin with */
	uint32_t protocol;	   /* that a packet's header must name (IEX-TP: 0x8004 DEEP, ...); 0 = any
				      its framing knows */
};

struct hp_schema;

/* Opens the decoder of an enum hp_feed (native/feed/decode.c); `schema` is looked at for HP_FEED_SCHEMA
 * alone. 0 and *out, or fail(...). */
int decoder_open_feed(struct decoder **out, int32_t feed, const struct hp_schema *schema,
		      struct hp_report *report, struct symbols *symbols);

#endif
