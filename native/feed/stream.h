/* SPDX-License-Identifier: MIT */
/*
 * A stream: numbered packets of numbered messages on two lines, put in order and decoded. MoldUDP64 and
 * IEX-TP are the same to it: a framing reads a packet's header, a decoder its messages.
 *
 *   lines A, B ──► framing ──► arbitration ──► window ──► decoder ──► messages
 *                                  ▲              │ hole
 *                                  └── recovery ◄─┘
 */
#ifndef HP_STREAM_H
#define HP_STREAM_H

#include <poll.h>

#include "feed/decoder.h"
#include "feed/feed.h"

#define STREAM_SEQ_MAX (UINT64_C(1) << 53) /* numbers cross the ABI in a double */

/* What a packet's header says. */
struct packet_header {
	uint64_t session[2]; /* its name, as comparable numbers */
	int64_t seq;	     /* of the first message; heartbeat, end: the next one expected */
	uint32_t count;	     /* messages; 0 = heartbeat */
	uint32_t end;	     /* 1: the session is over */
	uint32_t protocol;   /* of the messages, as the header names it; 0 = it does not */
	int64_t sent_ns;     /* the sender's stamp; 0 = none */
	const uint8_t *payload;
	uint32_t payload_len;
};

struct framing {
	const char *name;
	int little_endian;     /* the two bytes of length before each message */
	uint32_t protocols[2]; /* that the header may name where the decoder does not say which; 0 = any */
	/* 0, or -EBADMSG: no packet of this protocol. Lengths of messages are not looked at. */
	int (*read)(const uint8_t *data, uint32_t len, struct packet_header *out);
	/* Writes a request for `count` messages from `seq` on; bytes written (at most 64). */
	uint32_t (*request)(uint8_t *out, const struct packet_header *like, int64_t seq, uint32_t count);
};

extern const struct framing framing_moldudp64; /* native/feed/moldudp64.c */
extern const struct framing framing_iextp;     /* native/feed/iextp.c */

/* What carries a feed whose packets are its own affair (enum hp_feed; a schema says itself what carries it).
 */
static inline const struct framing *framing_of_feed(int32_t feed)
{
	return feed == HP_FEED_DEEP || feed == HP_FEED_TOPS ? &framing_iextp : &framing_moldudp64;
}

struct recovery; /* native/feed/recovery.h */

/*
 * Opens a stream. The decoder becomes the stream's, which closes it, and so does the recovery
 * (recovery_open()); without one (NULL) a hole is given up when it is hole_ns old (0 = 1 ms), with one it is
 * asked for then. Counters of lines and recovery go to `stats`, of messages to the decoder's report. 0 and
 * *out, or fail(...): decoder and recovery are still the caller's then.
 */
int stream_open(struct feed **out, const struct framing *framing, struct decoder *decoder,
		struct recovery *recovery, struct hp_stream_stats *stats, uint64_t hole_ns);
/* The reader goes on with books that miss something: they are good from now on. */
void stream_go_on(struct feed *feed);

#define STREAM_FDS 1

/*
 * What an owner that sleeps must wake up for, besides its packets: fills in up to STREAM_FDS descriptors and
 * returns how many; *timeout_ms is when next() wants to be called at the latest, -1 = only with a packet. The
 * feed must be a stream, drained.
 */
int stream_fds(const struct feed *feed, struct pollfd fds[STREAM_FDS], uint64_t now, int *timeout_ms);

#endif
