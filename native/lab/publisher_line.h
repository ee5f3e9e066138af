/* SPDX-License-Identifier: MIT */
/* One of the publisher's two lines: what is given to it leaves by its transmit path, as its faults let it. */
#ifndef HP_PUBLISHER_LINE_H
#define HP_PUBLISHER_LINE_H

#include "lab/publisher_store.h"
#include "lab/random.h"
#include "tx/tx.h"

#define LINE_QUEUE (1u << 15) /* datagrams that wait for their time; a power of two */
#define LINE_ROOM  3	      /* what one datagram may become: itself twice, and the one it overtook */

/* Messages seq .. seq + count - 1. */
struct datagram {
	const uint8_t *blocks; /* in the store */
	uint64_t seq;
	uint64_t due; /* tick */
	uint32_t count, bytes;
};

struct line {
	struct tx *tx;
	struct hp_publisher_line *stats;
	const char *session;
	struct datagram *queue; /* ring of LINE_QUEUE, by time */
	uint64_t head, tail;
	uint64_t skew;	/* ticks */
	uint64_t spoke; /* tick it last sent anything */
	struct random faults;
	uint64_t loss, duplicate, reorder; /* x 2^32 */
	uint32_t distance;
	uint32_t held, overtaken; /* 1: `late` is to be overtaken by so many; by how many it was */
	struct datagram late;
};

/* Opens the path and gets everything ready. 0 or fail(...); line_close() in either case. */
int line_open(struct line *line, const struct hp_tx_options *options,
	      const struct hp_publisher_faults *faults, const char *session, struct hp_publisher_line *stats);
void line_close(struct line *line);

static inline int line_has_room(const struct line *line)
{
	return line->tail - line->head + LINE_ROOM <= LINE_QUEUE;
}

/* Gives it a datagram, to be sent `skew` after due; faults strike here. There must be room. */
void line_offer(struct line *line, const struct datagram *datagram);
/* Lets go of a datagram that nothing overtakes any more. */
void line_release(struct line *line);
/* Sends what is due at tick `now`. 1: the path had no room for all of it; 0; or fail(...): it is broken. */
int line_send(struct line *line, uint64_t now);
/* Sends a packet without messages: a heartbeat (count 0), or MOLD_END. As line_send(). */
int line_say(struct line *line, uint64_t seq, uint32_t count, uint64_t now);

/* Nothing waits to be sent. */
static inline int line_is_quiet(const struct line *line)
{
	return line->head == line->tail && !line->held && !line->tx->waiting;
}

/* Tick of what it has to send next; UINT64_MAX: nothing. */
static inline uint64_t line_due(const struct line *line)
{
	return line->head == line->tail ? UINT64_MAX : line->queue[line->head % LINE_QUEUE].due;
}

#endif
