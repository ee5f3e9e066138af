/* SPDX-License-Identifier: MIT */
/*
 * The publisher's inside: the whole session in memory, and three threads that share nothing of it but how far
 * it was published.
 *
 *   publisher_store.c      the session: ITCH messages behind their lengths, by number
 *   publisher_market.c     ... made of tapes (publisher_itch.c: the messages it writes)
 *   publisher.c            opening and closing (publisher_check.c, publisher_sockets.c)
 *   publisher_run.c        the publishing thread: schedule, datagrams, heartbeats, end
 *   publisher_line.c       one line: faults, skew, sending
 *   publisher_requests.c   the re-request server's thread
 *   publisher_snapshots.c  the snapshot server's thread: SoupBinTCP (publisher_soup.c: one client)
 *   publisher_orders.c     live orders, by replaying the session; publisher_image.c: a snapshot of them
 *
 * What was published is never copied for anybody: a datagram is a place in the store, re-requests are
 * answered from there, and the snapshot server replays from there up to `published`. So nothing that a client
 * does can hold up the publishing thread, except by the core it takes.
 */
#ifndef HP_PUBLISHER_H
#define HP_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>

#include "hotpath.h"
#include "lab/publisher_line.h"
#include "lab/publisher_store.h"
#include "threads.h"

struct hp_publisher {
	struct hp_publisher_options options;
	struct hp_publisher_stats *stats; /* the caller's; every field has one writing thread */
	struct store store;		  /* read-only once the threads run */
	char session[MOLD_SESSION];	  /* padded */
	struct line lines[HP_PUBLISHER_LINES];
	uint32_t line_count;
	int quit;  /* eventfd; once written it ends every sleep for good */
	int nudge; /* eventfd that wakes the publishing thread */
	int request_socket, listener;
	pthread_t threads[3];
	uint32_t thread_count;
	struct owned_thread owned;
	atomic_int stop;
	_Atomic uint64_t published;   /* messages that clients may know of */
	_Atomic uint64_t until;	      /* publish up to this message, then hold */
	atomic_int refuse;	      /* of the re-request server */
	_Atomic uint64_t delay, loss; /* ticks; share x 2^32 */
};

static inline int publisher_stops(struct hp_publisher *publisher)
{
	return atomic_load_explicit(&publisher->stop, memory_order_acquire);
}

/* The threads; each returns when publisher->stop is set. */
void publisher_run(struct hp_publisher *publisher);
void publisher_answer(struct hp_publisher *publisher);
void publisher_snapshot(struct hp_publisher *publisher);

/* ---- checks of what is asked for (publisher_check.c): 0 or fail(EINVAL) ---- */

int publisher_check(const struct hp_publisher_options *options);
int publisher_check_server(double delay_us, double loss);

/* ---- sockets of the servers (publisher_sockets.c), opened in their namespaces; fd or fail(...) ---- */

int publisher_socket_requests(const struct hp_publisher_requests *options);
int publisher_socket_snapshots(const struct hp_publisher_snapshots *options);

#endif
