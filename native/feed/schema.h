/* SPDX-License-Identifier: MIT */
/*
 * A decoder that runs a table: a feed described by a schema (lib/feed/schema.ts) is compiled into a struct
 * hp_schema, and that, at open, into the plan below. A field is one 8-byte load at a place that is known to
 * be inside of the message, two shifts, and a store: no step asks again what type a field has. The price is
 * that a message takes a few ns for each of its fields, where a decoder written in C (native/feed/itch50.c)
 * takes that for all of them together.
 */
#ifndef HP_SCHEMA_H
#define HP_SCHEMA_H

#include "feed/decoder.h"

enum schema_do {
	SCHEMA_STORE,
	SCHEMA_AMOUNT, /* scaled and checked */
	SCHEMA_FLAG,
	SCHEMA_SYMBOL,
	SCHEMA_NAMING,
	SCHEMA_STATUS,
};

/* A step that needs no thought: where 8 bytes are loaded that hold the field, the shifts that leave the field
 * alone, and where it goes. */
struct schema_op {
	uint8_t what;  /* enum schema_do */
	uint8_t entry; /* index of the bytes it counts from: 0 message, 1 group entry */
	uint16_t at;
	uint8_t swap, is_signed, left, right;
	uint8_t to; /* offset in struct hp_message */
	uint8_t target, check, value, otherwise, mask, flags;
	uint8_t bytes;
	int32_t scale;
	int64_t most;
};

struct schema_decoder {
	struct decoder decoder;
	struct decoder_ops ops; /* its scales are the table's */
	struct hp_schema table; /* a copy: the caller's may change under our feet */
	struct schema_op op[HP_SCHEMA_STEPS];
	uint8_t index[1 << 16];	     /* type -> message + 1; 0 = unknown */
	uint8_t trading[HP_SYMBOLS]; /* who trades: native/feed/run.h */
	/* Messages by number, added to the report when decode() returns, and which of them are not zero. */
	uint32_t counts[HP_SCHEMA_MESSAGES];
	uint64_t counted;
};

/* Opens a decoder for a table, which is checked and copied. 0 and *out, or fail(...): -EINVAL, -ENOMEM. */
int schema_open(struct decoder **out, const struct hp_schema *table, struct hp_report *report,
		struct symbols *symbols);

/* Makes the op of a step; `length`: bytes known to be there from where the step counts
 * (native/feed/schema_check.c). */
struct schema_op schema_plan(const struct hp_schema *table, const struct hp_schema_step *step,
			     uint32_t length);

#endif
