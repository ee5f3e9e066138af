/* SPDX-License-Identifier: MIT */
/*
 * A session of messages in memory: as in a file of ITCH 5.0 and in a MoldUDP64 packet, each behind its length
 * (u16, big-endian), one after the other. So a run of messages is published by one memcpy. Numbered from 1.
 */
#ifndef HP_PUBLISHER_STORE_H
#define HP_PUBLISHER_STORE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STORE_BYTES  ((size_t)2 << 30) /* most a session may have */
#define STORE_STRIDE 64		       /* messages between two places of the index */

#define MOLD_HEADER  20
#define MOLD_SESSION 10
#define MOLD_BYTES   1400 /* a packet at most: fits every Ethernet, tunnels included */
#define MOLD_END     0xffff

struct store {
	uint8_t *bytes;
	size_t size, room;
	size_t *index; /* where messages 1, 1 + STORE_STRIDE ... begin */
	size_t index_room;
	uint64_t count; /* messages */
	size_t torn;	/* bytes at the file's end that are no whole message */
};

/* Reads a file, plain or .gz. 0 or fail(...); store_free() in either case. */
int store_load(struct store *store, const char *path);
/* Appends a message. 0 or fail(ENOMEM, EFBIG). */
int store_append(struct store *store, const void *message, uint16_t length);
void store_free(struct store *store);

/* Length and bytes of message `number` (1..count), and of those after it. */
const uint8_t *store_at(const struct store *store, uint64_t number);

static inline uint64_t get_be(const uint8_t *at, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static inline void put_be(uint8_t *at, int bytes, uint64_t value)
{
	for (int i = bytes - 1; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

/* Of a message with its length in front. */
static inline uint32_t store_length(const uint8_t *block)
{
	return (uint32_t)get_be(block, 2);
}

/* ITCH: ns since midnight; 0 where a message is too short to have a stamp. */
static inline uint64_t store_time(const uint8_t *block)
{
	return store_length(block) >= 11 ? get_be(block + 2 + 5, 6) : 0;
}

/* Writes a MoldUDP64 header: MOLD_HEADER bytes. */
static inline void mold_header(uint8_t *out, const char *session, uint64_t seq, uint32_t count)
{
	memcpy(out, session, MOLD_SESSION);
	put_be(out + 10, 8, seq);
	put_be(out + 18, 2, count);
}

#endif
