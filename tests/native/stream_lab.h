/* SPDX-License-Identifier: MIT */
/*
 * A stream on a bench: packets are made, pushed on lines A and B at chosen times, and what is handed on is
 * written down. A message's bytes are its number as text and some filling, so that it can be told whether the
 * right bytes came.
 */
#ifndef HP_STREAM_LAB_H
#define HP_STREAM_LAB_H

#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "feed/stream.h"
#include "lab/random.h"
#include "measure/clock.h"
#include "plain_decoder.h"

#define LAB_HANDED 400000
#define LAB_PACKET 65536

struct lab_gap {
	int64_t first, count;
	int lost;
	int64_t after; /* messages handed on before it */
};

struct lab {
	struct feed *feed;
	struct plain_decoder decoder;
	struct hp_stream_stats stats;
	uint64_t now;
	int64_t *handed; /* numbers in the order handed on; 0: books were cleared */
	uint32_t handed_count;
	struct lab_gap gaps[1024];
	uint32_t gap_count, repairs;
	int stale;
	int any_bytes;	    /* the messages are not of lab_message() */
	int hash;	    /* write nothing down but counts */
	void (*idle)(void); /* after each packet: a server's turn */
	int64_t last;
};

/* The packet being made. */
static uint8_t lab_bytes[LAB_PACKET];
static uint32_t lab_len;

static inline uint32_t lab_message(uint8_t *out, int64_t number)
{
	uint32_t len = (uint32_t)(number % 23 == 0 ? 0 : 1 + number % 41);

	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)(number + i * 7);
	return len;
}

static inline void lab_header(const char *session, int64_t seq, uint32_t count)
{
	uint64_t first = htobe64((uint64_t)seq);
	uint16_t many = htobe16((uint16_t)count);

	CHECK_EQ(strlen(session), 10);
	memcpy(lab_bytes, session, 10);
	memcpy(lab_bytes + 10, &first, 8);
	memcpy(lab_bytes + 18, &many, 2);
	lab_len = 20;
}

/* A MoldUDP64 packet of `count` messages from `seq` on. */
static inline void lab_make(const char *session, int64_t seq, uint32_t count)
{
	lab_header(session, seq, count);
	for (int64_t number = seq; number < seq + count; number++) {
		uint32_t len = lab_message(lab_bytes + lab_len + 2, number);

		lab_bytes[lab_len] = (uint8_t)(len >> 8);
		lab_bytes[lab_len + 1] = (uint8_t)len;
		lab_len += 2 + len;
		CHECK(lab_len < LAB_PACKET - 64);
	}
}

static inline void lab_check_message(const struct hp_message *message)
{
	uint8_t want[64];

	CHECK_EQ(message->length, lab_message(want, message->seq));
	CHECK(!memcmp(message->bytes, want, message->length));
}

static inline void lab_hand(struct lab *lab, const struct hp_message *message)
{
	int clear = message->kind == HP_MESSAGE_CLEAR;

	if (!clear && !lab->any_bytes)
		lab_check_message(message);
	CHECK(clear || message->seq > lab->last);
	lab->last = clear ? 0 : message->seq;
	if (lab->hash) {
		lab->handed_count++;
		return;
	}
	CHECK(lab->handed_count < LAB_HANDED);
	lab->handed[lab->handed_count++] = clear ? 0 : message->seq;
}

/* All that can be handed on now. */
static inline void lab_drain(struct lab *lab)
{
	const struct hp_message *message;
	enum feed_kind kind;

	while ((kind = lab->feed->ops->next(lab->feed, &message, lab->now))) {
		if (kind == FEED_MESSAGE) {
			lab_hand(lab, message);
		} else if (kind == FEED_GAP) {
			CHECK(lab->gap_count < 1024);
			lab->gaps[lab->gap_count++] =
				(struct lab_gap){lab->feed->gap.first, lab->feed->gap.count,
						 lab->feed->gap.lost, lab->handed_count};
			lab->stale = 1;
		} else {
			CHECK_EQ(kind, FEED_REPAIR);
			lab->repairs++;
			lab->stale = 0;
		}
	}
	CHECK_EQ(lab->stats.stale, lab->stale);
}

static inline void lab_push_bytes(struct lab *lab, uint32_t line, const uint8_t *bytes, uint32_t len)
{
	struct feed_packet packet = {.data = bytes, .len = len, .line = line, .now = lab->now};

	lab->feed->ops->push(lab->feed, &packet);
	lab_drain(lab);
}

/* What lab_make() made, in memory of exactly its size. */
static inline void lab_push(struct lab *lab, uint32_t line)
{
	uint8_t *exact = malloc(lab_len);

	memcpy(exact, lab_bytes, lab_len);
	lab_push_bytes(lab, line, exact, lab_len);
	free(exact);
}

static inline void lab_send(struct lab *lab, uint32_t line, int64_t seq, uint32_t count)
{
	lab_make("SESSION  A", seq, count);
	lab_push(lab, line);
}

static inline void lab_later(struct lab *lab, uint64_t ns)
{
	lab->now += clock_to_ticks(ns);
	lab_drain(lab);
}

static inline void lab_open_with(struct lab *lab, const struct framing *framing, struct recovery *recovery)
{
	memset(lab, 0, sizeof(*lab));
	lab->handed = malloc(LAB_HANDED * sizeof(*lab->handed));
	CHECK_EQ(stream_open(&lab->feed, framing, plain_open(&lab->decoder, framing == &framing_iextp),
			     recovery, &lab->stats, 1000000),
		 0);
	lab->now = clock_ticks();
}

static inline void lab_open(struct lab *lab)
{
	lab_open_with(lab, &framing_moldudp64, NULL);
}

static inline void lab_close(struct lab *lab)
{
	lab->feed->ops->close(lab->feed);
	free(lab->handed);
}

/* Whether what was handed on is first..last, and nothing else. */
static inline void lab_handed(const struct lab *lab, int64_t first, int64_t last)
{
	CHECK_EQ(lab->handed_count, last - first + 1);
	for (uint32_t i = 0; i < lab->handed_count; i++)
		CHECK_EQ(lab->handed[i], first + i);
}

static inline void lab_gap(const struct lab *lab, uint32_t at, int64_t first, int64_t count, int lost)
{
	CHECK(at < lab->gap_count);
	CHECK_EQ(lab->gaps[at].first, first);
	CHECK_EQ(lab->gaps[at].count, count);
	CHECK_EQ(lab->gaps[at].lost, lost);
}

/* The path of a real file, or NULL with the reason printed. */
static inline const char *lab_shared(const char *name)
{
	static char paths[4][1024];
	static int turn;
	char *path = paths[turn++ % 4];
	const char *folder = getenv("HOTPATH_SHARED");
	const char *file = __FILE__, *tests = strstr(file, "tests/native/");

	if (folder)
		snprintf(path, 1024, "%s/data/%s", folder, name);
	else
		snprintf(path, 1024, "%.*s../shared/data/%s", (int)(tests - file), file, name);
	if (!access(path, R_OK))
		return path;
	printf("not checked: %s is not there (set HOTPATH_SHARED)\n", path);
	return NULL;
}

#endif
