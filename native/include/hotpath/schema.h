/* SPDX-License-Identifier: MIT */
/*
 * Feeds described by a schema instead of code: the table that lib/feed/compile.ts makes of one, and what runs
 * it. Part of hotpath.h, which includes it.
 */
#ifndef HOTPATH_SCHEMA_H
#define HOTPATH_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "hotpath/feed.h"

#define HP_SCHEMA_MAGIC	   0x6d656853 /* "Shem", little-endian */
#define HP_SCHEMA_MESSAGES 64
#define HP_SCHEMA_MEANINGS 128
#define HP_SCHEMA_TESTS	   128
#define HP_SCHEMA_STEPS	   768
#define HP_SCHEMA_VALUES   10
#define HP_SCHEMA_NONE	   0xffff

/* How the bytes of a field are read. */
enum hp_schema_load {
	HP_SCHEMA_UNSIGNED = 0, /* in the schema's byte order */
	HP_SCHEMA_SIGNED = 1,
	HP_SCHEMA_TEXT = 2, /* as they stand; the first byte is the number's lowest */
};

/* Where a field goes. */
enum hp_schema_target {
	HP_SCHEMA_TIME = 0,
	HP_SCHEMA_PRICE = 1,
	HP_SCHEMA_QTY = 2,
	HP_SCHEMA_ORDER = 3,
	HP_SCHEMA_OTHER = 4,
	HP_SCHEMA_SEQ = 5,
	HP_SCHEMA_FLAG = 6, /* `flags` when the masked byte is `value`, none when it is `otherwise` */
	HP_SCHEMA_SYMBOL_NUMBER = 7, /* the wire numbers symbols as hp_message does */
	HP_SCHEMA_SYMBOL_NAME = 8,   /* up to 8 characters of text */
	HP_SCHEMA_SYMBOL_ID =
		9,		/* a number too large for that: its decimal digits, at most 8, are the name */
	HP_SCHEMA_LEARN = 10,	/* the name of the symbol numbered before, if it has none yet */
	HP_SCHEMA_RENAME = 11,	/* its name from now on: a directory */
	HP_SCHEMA_TRADING = 12, /* STATUS: the byte is the state; `other` tells it unless halted below */
	HP_SCHEMA_HALTED = 13,	/* STATUS: the byte is `value`: halted, `otherwise`: not any more; if nothing
				 * changed by that, the message is of kind OTHER */
};

/* hp_schema_step.check: what makes the message a HP_FAULT_BAD_VALUE. */
enum hp_schema_check {
	HP_SCHEMA_AMOUNT = 1,	/* below 0 or above `most` */
	HP_SCHEMA_POSITIVE = 2, /* 0 or less */
	HP_SCHEMA_EITHER = 4,	/* FLAG, HALTED: neither `value` nor `otherwise` */
};

/* One field that is read. */
struct hp_schema_step {
	uint8_t target; /* enum hp_schema_target */
	uint8_t load;	/* enum hp_schema_load */
	uint8_t width;	/* bytes, 1..8 */
	uint8_t entry;	/* 0: `offset` counts from the message's first byte; 1: from its group entry's */
	uint16_t offset;
	uint8_t value, otherwise, mask, flags;
	uint8_t check; /* enum hp_schema_check, added up */
	uint8_t reserved;
	int32_t scale; /* > 0: times it; < 0: divided by -it, a remainder is a bad value */
	double most;   /* after that; 0..2^53 */
};
_Static_assert(sizeof(struct hp_schema_step) == 24, "hp_schema_step");
_Static_assert(offsetof(struct hp_schema_step, most) == 16, "hp_schema_step.most");

/* A byte that has to be one of some values for a meaning to hold. */
struct hp_schema_test {
	uint16_t offset;
	uint8_t entry; /* as in a step */
	uint8_t count; /* values in use */
	uint8_t values[HP_SCHEMA_VALUES];
	uint8_t reserved[2];
};
_Static_assert(sizeof(struct hp_schema_test) == 16, "hp_schema_test");

/*
 * What a message means when all tests hold. The first such meaning is taken; without one it is a bad value.
 * Tests and steps are nobody else's, and stand in the order of the messages and their meanings.
 */
struct hp_schema_meaning {
	uint8_t kind;  /* enum hp_message_kind */
	uint8_t flags; /* HP_FLAG_*, HP_MESSAGE_* it always has */
	uint8_t tests, steps;
	uint16_t first_test, first_step;
};
_Static_assert(sizeof(struct hp_schema_meaning) == 8, "hp_schema_meaning");

/*
 * One type of message: steps that are taken whatever it means (whose it is, first: those of symbols nobody
 * wants are passed over then and there), then its first meaning that holds. With a group each entry is a
 * message of its own; what follows the group is passed over.
 */
struct hp_schema_message {
	uint16_t type;	 /* on the wire */
	uint8_t number;	 /* hp_message.type and hp_report.messages of it; 255 is that of unknown ones */
	uint8_t exact;	 /* 1: `length` bytes; 0: at least */
	uint16_t length; /* header included */
	uint16_t first_meaning, first_step;
	uint8_t meanings;      /* at least one */
	uint8_t steps;	       /* of the first kind */
	uint8_t group;	       /* bytes of the group's header; 0 = there is none */
	uint8_t group_length;  /* offset in it of the u16 that is an entry's length */
	uint8_t group_count;   /* and of the number of entries */
	uint8_t count_bytes;   /* 1 or 2 */
	uint16_t entry_length; /* bytes of an entry that are known, 8 at least; there may be more */
	uint16_t reserved;
};
_Static_assert(sizeof(struct hp_schema_message) == 20, "hp_schema_message");

/* A feed. Nothing in it is trusted: hp_schema_check() says what is refused. */
struct hp_schema {
	uint32_t magic;
	uint8_t big;	      /* 1: big-endian */
	uint8_t prefix;	      /* bytes of length before each message: 2, or 0: `length` of its type */
	uint8_t prefix_big;   /* 1: big-endian */
	uint8_t prefix_whole; /* 1: it counts itself */
	double price_scale, qty_scale;
	uint16_t type_at;	/* where a message's type lies */
	uint16_t block_at;	/* where the u16 length of what is before the group lies; HP_SCHEMA_NONE */
	uint16_t block;		/* where what that length counts begins: SBE: 8 */
	uint8_t type_bytes;	/* 1 or 2 */
	uint8_t prefix_implied; /* 1: in a file a length of 0 stands for that of the type */
	uint16_t messages, meanings, tests, steps; /* in use */
	struct hp_schema_message message[HP_SCHEMA_MESSAGES];
	struct hp_schema_meaning meaning[HP_SCHEMA_MEANINGS];
	struct hp_schema_test test[HP_SCHEMA_TESTS];
	struct hp_schema_step step[HP_SCHEMA_STEPS];
};
_Static_assert(offsetof(struct hp_schema, price_scale) == 8, "hp_schema.price_scale");
_Static_assert(offsetof(struct hp_schema, messages) == 32, "hp_schema.messages");
_Static_assert(offsetof(struct hp_schema, message) == 40, "hp_schema.message");
_Static_assert(sizeof(struct hp_schema) == 40 + 1280 + 1024 + 2048 + 18432, "hp_schema");

/* 0, or -EINVAL with the first thing that is wrong: numbers beyond their arrays, a field beyond its message,
 * a type twice. */
HP_API int32_t hp_schema_check(const struct hp_schema *schema);

/*
 * Decodes a run of messages, each behind its length (an ITCH file, the payload of a MoldUDP64 or IEX-TP
 * packet, or what a schema says), with the decoder of `feed` (enum hp_feed; `schema` for HP_FEED_SCHEMA, else
 * not looked at) into out[max], 64-byte aligned. Every symbol is wanted; seq counts from 1. What became of
 * the messages is added to *report. hp_message.bytes are addresses inside of `bytes`. For tests and people:
 * it allocates and frees what a decoder needs.
 * Returns messages written, at most max; -EINVAL: no such feed, a schema that is refused, `out` not aligned;
 * -ENOMEM.
 */
HP_API int32_t hp_decode(int32_t feed, const struct hp_schema *schema, const uint8_t *bytes, int32_t length,
			 struct hp_message *out, int32_t max, struct hp_report *report);

#endif
