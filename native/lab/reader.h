/* SPDX-License-Identifier: MIT */
/*
 * Reads market-data files into books, a few milliseconds at a time. Whatever the file is, it ends up as a
 * struct feed: the one of the live protocol that a capture's packets are pushed into, or one of two made here
 * that take their messages from a file. `pump` brings the next piece when the feed has nothing more to hand
 * on.
 *
 *   reader.c            life cycle and the loop
 *   reader_kind.c       what a file is, by its first bytes
 *   reader_bytes.c      a file as a stream of bytes, plain or gzip
 *   reader_itch.c       a length-prefixed ITCH 5.0 file, in pieces: a day is 5 GB packed
 *   reader_capture.c    one or two captures, merged by their recorded stamps
 *   reader_flows.c      which flows of a capture are market data
 *   reader_rows.c       a Tardis CSV
 *   reader_records.c    lll records one behind the other
 */
#ifndef HP_READER_INSIDE_H
#define HP_READER_INSIDE_H

#include <zlib.h>

#include "feed/decoder.h"
#include "feed/feed.h"
#include "feed/lll.h"
#include "lab/tape.h"
#include "rx/capture.h"
#include "rx/dissect.h"

#define READER_FILES 2
#define READER_FLOWS 256	       /* of one capture; what is in none of them is ignored */
#define READER_PIECE ((size_t)1 << 20) /* of an ITCH file, unpacked; no message is as long as 64 KiB */
#define READER_HEAD  4096	       /* bytes looked at to tell what a file is */

/* A file as bytes, unpacked where it is packed. */
struct reader_bytes {
	const char *path;
	gzFile file;
	double size; /* as it lies on the disk */
};

/* A UDP destination seen in a capture, and what its payloads read as. */
struct reader_flow {
	uint32_t ip; /* network byte order, as the port is */
	uint16_t port;
	uint32_t line;
	int taken;
	double datagrams;
	/* By enum hp_reader_feed: how many of them have such a header, how many of those are whole, and the
	 * session of the first whole one. */
	double fits[HP_READER_TARDIS], whole[HP_READER_TARDIS];
	uint64_t sessions[HP_READER_TARDIS][2];
};

struct reader_flows {
	uint32_t count;
	uint32_t unread; /* an IEX-TP protocol that cannot be read; 0 = none */
	struct reader_flow flows[READER_FLOWS];
};

/* One capture being played. */
struct reader_line {
	struct capture capture;
	struct reader_flows flows;
	struct capture_packet packet; /* the next one of a flow that is taken ... */
	struct dissected found;	      /* ... and its datagram */
	uint32_t line;
	int left;    /* there is one */
	double disk; /* bytes of the file as it lies there */
};

/* The hole between two messages that was given up. */
struct reader_gap {
	int64_t first, last;
};

/* The best bid and offer written last. */
struct reader_best {
	double ask, ask_qty, bid, bid_qty;
};

struct hp_reader {
	struct hp_reader_options options;
	struct hp_reader_stats *stats;
	struct hp_report *report;
	struct hp_stream_stats *stream;
	struct hp_reader_row *rows;
	struct hp_books *books;
	struct feed *feed; /* ours */
	/* Brings more into the feed: 1, 0 at the end, or -errno where it cannot be read on (a sentence). */
	int (*pump)(struct hp_reader *reader);
	int ended;	/* pump() has come to the end */
	int snapshot;	/* the last record was of a snapshot */
	uint64_t now;	/* ticks: recorded time, by which holes are judged */
	uint32_t files; /* of `options` in use */
	struct reader_bytes bytes;
	uint8_t packet[LLL_RECORDS_MAX * LLL_RECORD_BYTES]; /* records of a file on their way ... */
	int part;		  /* ... and bytes of one behind them: the file is torn */
	struct hp_feed_stats lll; /* what lll counts besides */
	struct reader_line *lines[READER_FILES];
	int64_t first_ns; /* recorded stamp of the first packet; 0 = none yet ... */
	uint64_t first;	  /* ... and the ticks it stands for */
	struct reader_gap *gaps;
	size_t gap_count, gap_room;
	uint32_t named;		  /* symbols whose names the books have */
	struct reader_best *best; /* by symbol */
	struct symbols symbols;
};

/* ---- what a file is ---- */

enum reader_kind {
	READER_CAPTURE = 0,
	READER_ITCH_FILE = 1,
	READER_RECORDS = 2,
	READER_CSV = 3,
};

/* By the file's first bytes, unpacked. enum reader_kind, or fail(...): what was looked for and what is there.
 */
int reader_kind(const char *path, const uint8_t *head, size_t count);
int reader_is_capture(const uint8_t *head, size_t count);
/* Have 40 bytes the type, flags and zeros of an lll record? */
int reader_is_record(const uint8_t *at);
/* Opens a file; `path` must outlive it. 0 or fail(...). */
int reader_bytes_open(struct reader_bytes *bytes, const char *path);
/* Reads up to `count` bytes: how many, less only at the end; or fail(...): damaged, or cut off, behind what
 * was read before. */
int reader_bytes_read(struct reader_bytes *bytes, uint8_t *out, size_t count);
void reader_bytes_close(struct reader_bytes *bytes);

/* ---- the ways to read one: each makes `feed` and `pump`, and fills `stats`. 0 or fail(...) ---- */

int reader_open_itch(struct hp_reader *reader);
int reader_open_captures(struct hp_reader *reader);
int reader_open_rows(struct hp_reader *reader);
int reader_open_records(struct hp_reader *reader);
/* The feed alone of lll, for records and for captures. */
int reader_open_lll(struct hp_reader *reader);

/* Counts what the flows of a capture are, to its end or to where it is torn. */
void reader_flows_find(struct reader_line *line);
/* The flow of a datagram, or NULL. */
struct reader_flow *reader_flow_of(struct reader_flows *flows, const struct dissected *found);

/* ---- shared ---- */

/* Keeps the sentence of the last error in stats->trouble, unless there is one. */
void reader_trouble(struct hp_reader *reader);

/* Hands on the next message of a feed whose ring is all it has. */
static inline enum feed_kind reader_ring_next(struct feed *feed, const struct hp_message **message)
{
	if (feed->head == feed->tail)
		return FEED_NONE;
	*message = &feed->ring[feed->head++ % FEED_RING];
	return FEED_MESSAGE;
}

#endif
