/* SPDX-License-Identifier: MIT */
/*
 * The exchange's inside: one thread, one session at a time, four files.
 *
 *   exchange.c       opening and closing, the thread, INIT -> HANDSHAKE -> TRANSMIT
 *   market_data.c    tape -> datagrams: schedule, faults, stamps, sending
 *   order_entry.c    bytes -> orders: reading, checking, counting
 *   order_log.c, order_ids.c, sockets.c    what those three stand on
 *
 * Everything is allocated in open(); from the first datagram of a session to its last nothing is.
 */
#ifndef HP_EXCHANGE_H
#define HP_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "feed/lll.h"
#include "lab/random.h"
#include "lab/tape.h"
#include "threads.h"

#define EXCHANGE_BATCH	  32		       /* datagrams a system call at flat pace */
#define EXCHANGE_SENT	  (1u << 20)	       /* records whose send time is remembered */
#define EXCHANGE_ORDERS	  64		       /* orders a read takes at most */
#define EXCHANGE_GRACE_NS UINT64_C(2000000000) /* for the client to answer the last record and leave */

/* ---- the orders' ids (order_ids.c) ---- */

#define ORDER_IDS      (1u << 16) /* remembered; the oldest is forgotten for a new one */
#define ORDER_ID_SLOTS (2 * ORDER_IDS)

struct order_id {
	uint64_t id;   /* 0 = free */
	uint64_t live; /* 1 until cancelled */
};

/* A set of the last ORDER_IDS ids: open addressing, and a ring of them in order of arrival. */
struct order_ids {
	uint32_t count, oldest;
	uint64_t order[ORDER_IDS];
	struct order_id slots[ORDER_ID_SLOTS];
};

void order_ids_clear(struct order_ids *ids);
/* The entry of an id (never 0), or NULL. Valid until the next add. */
struct order_id *order_ids_find(struct order_ids *ids, uint64_t id);
/* Adds an id that is not there, live. */
void order_ids_add(struct order_ids *ids, uint64_t id);

/* ---- the orders' log (order_log.c) ---- */

enum order_result {
	ORDER_ACCEPTED,
	ORDER_CANCELLED,
	ORDER_REFUSED_PRICE,
	ORDER_REFUSED_QTY,
	ORDER_REFUSED_TRIGGER,
	ORDER_REFUSED_ID,
	ORDER_RESULTS
};

#define ORDER_LOG_ROWS (1u << 16)

struct order_log_row {
	uint64_t session;
	struct lll_order order;
	int64_t latency_ns; /* -1: unknown */
	int64_t received_ns;
	enum order_result result;
};

/* Rows wait in memory until the thread has time to write them. */
struct order_log {
	int fd;	   /* -1: no log */
	int error; /* errno of the write that failed: the file is incomplete */
	uint32_t count;
	struct order_log_row *rows;
};

/* Creates the file with its header row; path "" = no log. 0 or fail(...). */
int order_log_open(struct order_log *log, const char *path);
void order_log_add(struct order_log *log, const struct order_log_row *row);
/* Half full: to be written as soon as there is time. */
static inline int order_log_presses(const struct order_log *log)
{
	return log->count >= ORDER_LOG_ROWS / 2;
}
/* Writes out every waiting row. */
void order_log_write(struct order_log *log);
/* 0, or fail(...) when rows could not be written. Frees. */
int order_log_close(struct order_log *log, const char *path);

/* ---- sockets (sockets.c) ---- */

/* A UDP socket connected to group:port, in the calling thread's namespace. fd or fail(...). */
int exchange_socket_market(const struct hp_exchange_options *options);
/* The listening order-entry socket. fd or fail(...). */
int exchange_socket_orders(const struct hp_exchange_options *options);

/* ---- the exchange ---- */

/* A datagram as it goes out. */
struct frame {
	uint8_t bytes[LLL_RECORDS_MAX * LLL_RECORD_BYTES];
	uint32_t records;
	int64_t seq; /* of the first */
};

struct exchange_pace {
	int32_t pace;	    /* enum hp_pace */
	double rate, speed; /* HP_PACE_RATE; HP_PACE_RECORDED */
	double limit;
};

/* What lives as long as one client's connection. */
struct session {
	int fd;		  /* order entry */
	uint32_t held;	  /* bytes of `orders` that are not a whole order yet */
	int64_t next_seq; /* records sequenced so far */
	size_t at, end;	  /* next record of the tape, and where this session stops */
	struct random faults;
	struct exchange_pace pace;
	uint64_t base;	    /* tick the schedule counts from */
	double due;	    /* ticks after it when the next datagram is due */
	uint64_t deadline;  /* tick the batch is due; 0 = at once */
	uint32_t snapshot;  /* the datagram before was of the snapshot */
	double from_due;    /* recorded pace: `due` ... */
	int64_t from_at_ns; /* ... that stands for this at_ns */
	uint32_t ready;	    /* frames of `batch` to send at the deadline */
	int holding;	    /* `kept` waits for the datagram after it to overtake it */
	struct frame kept;
	struct frame batch[EXCHANGE_BATCH + 1]; /* a fault may turn the last datagram into two */
	uint8_t orders[EXCHANGE_ORDERS * LLL_ORDER_BYTES];
};

struct hp_exchange {
	struct hp_exchange_options options;
	const struct hp_tape *tape;	 /* the caller's */
	struct hp_exchange_stats *stats; /* the caller's; written by the thread only */
	int market, listener, wake;	 /* wake: eventfd that ends every sleep */
	pthread_t thread;
	struct owned_thread owned;
	pthread_mutex_t lock;	   /* of `next` */
	struct exchange_pace next; /* pace of the sessions to come */
	atomic_int stop;	   /* close() asks */
	atomic_int reset;	   /* hp_exchange_reset() asks; the thread clears it when done */
	atomic_int done;	   /* the thread has left */
	struct order_log log;
	struct order_ids *ids;
	uint64_t *sent; /* tick at which record seq % EXCHANGE_SENT went out; 0 = not yet, or never */
	struct session session;
};

/* Makes the session ready to play the tape from its beginning. */
void market_begin(struct hp_exchange *exchange);
/* Encodes what is due next into the batch and sets its deadline. 0: the tape (or the limit) is used up. */
int market_prepare(struct hp_exchange *exchange);
/* Stamps the batch and hands it to the kernel. */
void market_send(struct hp_exchange *exchange);

/*
 * Reads, checks and counts the orders that are there; never blocks. 0, -EPIPE when the client closed,
 * -ECONNRESET when it is gone without, -EBADMSG when what it sent is no order.
 */
int orders_read(struct hp_exchange *exchange);

#endif
