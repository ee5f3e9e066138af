/* SPDX-License-Identifier: MIT */
/* What the files of a stream share: stream.c (from packets to messages), stream_place.c (where a packet's
 * messages go), stream_session.c (where numbers begin anew), stream_repair.c (holes), stream_snapshot.c. */
#ifndef HP_STREAM_INSIDE_H
#define HP_STREAM_INSIDE_H

#include "feed/stream.h"
#include "feed/window.h"

#define STREAM_NEAR   64    /* a first number up to here: the session is seen from its beginning */
#define STREAM_BACK   256   /* a line that falls back by more than this many messages has begun anew */
#define STREAM_SKEW   65536 /* packets whose arrival is remembered, by their first number */
#define STREAM_PACKET 65536 /* bytes of the largest datagram */
#define STREAM_AGAIN  (-1)  /* of the functions that return an enum feed_kind: nothing yet, look again */

/* Where the messages being decoded lie. */
enum stream_source {
	SOURCE_NONE,
	SOURCE_PACKET,	 /* in the packet that came */
	SOURCE_HELD,	 /* in the window */
	SOURCE_SNAPSHOT, /* with the snapshot's client */
};

/* How a packet breaks with what came before it. */
enum stream_break {
	BREAK_NONE,
	BREAK_SESSION, /* another session */
	BREAK_RESTART, /* number 1 again */
	BREAK_JUMP,    /* farther ahead than the window */
};

/* A packet that breaks with what came before, until another one confirms it. */
struct outlier {
	enum stream_break kind;
	struct feed_packet packet; /* its bytes are in `bytes` */
	struct packet_header header;
	uint8_t *bytes;
};

struct stream_line {
	int started;
	struct seen seen; /* its own numbers */
};

/* When a packet came first, and on which line; FEED_LINES: both have brought it. */
struct arrival {
	int64_t seq;
	uint64_t came;
	uint32_t line, reserved;
};

struct stream {
	struct feed feed;
	const struct framing *framing;
	struct decoder *decoder;
	struct recovery *recovery; /* NULL: none */
	struct hp_stream_stats *stats;
	uint64_t hole_ticks;

	/* The run being decoded. */
	struct run run;
	enum stream_source source;
	struct held *held; /* SOURCE_HELD */
	int64_t run_first;
	uint32_t run_count, run_line;
	const uint8_t *run_bytes;
	double past_ends; /* of the report, when it began */

	/* The packet that was pushed, until it has been placed. */
	struct feed_packet packet;
	struct packet_header header;
	int queued;

	/* The session. */
	int started, ended;
	uint64_t session[2], old_session[2];
	int has_old;
	int64_t begun_ns, newest_ns; /* stamps of the sender: of its first packet, of the newest */
	uint64_t last_came;
	struct outlier outlier;
	int leaping, replay; /* the outlier is confirmed; ... and is to be placed now */

	/* Numbers. */
	int64_t expected;     /* the first that has not been handed to the decoder */
	int64_t known;	      /* numbers below this are known to exist */
	uint64_t known_since; /* when one beyond what has come became known */
	struct window window;
	struct stream_line lines[FEED_LINES];
	int both; /* both lines have brought something */
	struct arrival *arrivals;

	/* What is to be said before anything else. */
	int gap_due, repair_due;
	/* Books are not good: a REPAIR is due once nothing is missing; or what is missing was given up. */
	int asked, broken;

	/* Requests: [expected, ask_end) is being asked for; below given_up_end no more. */
	int asking;
	int64_t ask_end, given_up_end;

	/* Snapshots. */
	int wanted;	     /* books are broken and nobody has tried yet */
	int frozen;	     /* one is being taken: all that comes is held */
	int begun;	     /* some of it has been handed on */
	int pause;	     /* the owner gets a turn first */
	uint64_t not_before; /* after one that failed */
};

static inline uint32_t stream_length(const struct stream *stream, const uint8_t *at)
{
	return stream->framing->little_endian ? at[0] | (uint32_t)at[1] << 8 : (uint32_t)at[0] << 8 | at[1];
}

static inline int stream_same_session(const struct packet_header *header, const uint64_t *session)
{
	return header->session[0] == session[0] && header->session[1] == session[1];
}

/* stream_place.c: 0, or 1: there is no room; a hole must be given up first. */
int stream_place(struct stream *stream, const struct feed_packet *packet, const struct packet_header *header);
/* Begins to decode messages that begin with `expected`. */
void stream_run(struct stream *stream, enum stream_source source, int64_t first, uint32_t count,
		const uint8_t *bytes, uint32_t len);
/* The messages of a run that are there whole. */
uint32_t stream_whole(const struct stream *stream, const uint8_t *bytes, uint32_t len, uint32_t count);

/* stream_session.c: takes the queued packet. FEED_GAP, or STREAM_AGAIN. */
int stream_take(struct stream *stream);
/* Has books begin anew. */
void stream_clear(struct stream *stream);

/* stream_repair.c: gives the first hole up, up to `end`: FEED_GAP. */
int stream_give_up(struct stream *stream, int64_t end);
/* There is nothing to hand on: what is missing? */
int stream_look_at_hole(struct stream *stream, uint64_t now);
/* Where the hole at `expected` ends. */
int64_t stream_hole_end(const struct stream *stream);
/* The age of that hole is counted from here. */
uint64_t stream_hole_since(const struct stream *stream);
/* The numbers up to `end` are passed over. */
void stream_pass_over(struct stream *stream, int64_t end);
/* May the numbers from 1 to before `first` be asked for? */
int stream_can_catch_up(const struct stream *stream, const struct packet_header *header);
/* Whatever is being repaired: no more. 1: something was. */
int stream_stop_repair(struct stream *stream);
/* Says that messages before `first` were missed by coming late. */
void stream_joined_late(struct stream *stream, int64_t first);

/* stream_snapshot.c: is one wanted, and may it be taken now? */
int stream_wants_snapshot(const struct stream *stream, uint64_t now);
void stream_begin_snapshot(struct stream *stream, uint64_t now);
/* Goes on with it. An enum feed_kind, or STREAM_AGAIN. */
int stream_take_snapshot(struct stream *stream, uint64_t now);

#endif
