/* SPDX-License-Identifier: MIT */
/* The engine's inside, shared by engine.c (life cycle), lines.c (where datagrams come from), feeds.c (which
 * feed), loop.c (the hot loop), events.c (what a message becomes), orders.c (what is sent) and seats.c (other
 * threads' places). */
#ifndef HP_ENGINE_H
#define HP_ENGINE_H

#include <poll.h>
#include <pthread.h>

#include "book/book.h"
#include "book/books.h"
#include "feed/feed.h"
#include "feed/symbols.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "order/order.h"
#include "rx/interface.h"
#include "rx/recorder.h"
#include "rx/rx.h"
#include "strategy/ring.h"
#include "strategy/trigger.h"
#include "threads.h"

#define ENGINE_SEATS	8
#define ENGINE_FEED_FDS 1

enum seat_state { SEAT_FREE = 0, SEAT_TAKEN = 1, SEAT_LEAVING = 2 };

/*
 * The memory behind `shared` belongs to a process nobody trusts: geometry and our own indices are kept here
 * and never read back from it.
 */
struct seat {
	uint32_t state;	     /* enum seat_state; released by whoever changes it */
	uint32_t overruns;   /* events not delivered since the last one that was */
	uint32_t wants;	     /* bit (1 << kind) of every kind it is told */
	uint32_t next_order; /* survives the seat's users, so that ids stay unique in the session */
	uint32_t event_capacity, event_tail;
	uint32_t order_capacity, order_head;
	struct hp_seat *shared;
	struct hp_ring *events, *orders;
};

/* Where a line's datagrams come from. */
struct engine_line {
	const struct hp_rx_options *options;
	struct hp_rx_stats *stats;
	struct rx *rx;
	struct interface_watch interface;
};

struct hp_engine {
	struct hp_engine_options options;
	struct hp_control *control;
	struct hp_book *book;		      /* lll: one symbol, level by level */
	struct hp_books *books;		      /* every other feed; one of the two is NULL */
	const struct hp_symbol *symbol_books; /* theirs, by the symbol's number */
	struct engine_line lines[FEED_LINES];
	uint32_t line_count, line; /* `line` brought the batch at hand */
	struct feed *feed;
	const struct hp_schema *schema; /* while opening */
	struct symbols *symbols;      /* NULL: a feed of one symbol */
	struct recorder *recorder;    /* NULL: nothing is recorded */
	struct order_session *orders; /* NULL: no order entry */
	struct trigger trigger;
	int64_t epoch_ns;  /* control->epoch_ms, exact */
	int64_t sent_from; /* where the feed's stamps become the engine's time: epoch_ns; 0: they are a day's
			    */
	double seq;	   /* of the last message */
	struct {
		uint32_t far, near, next;
	} fetched; /* of the feed's ring: up to where the books have begun to fetch, gone on, and ended */

	/* The batch that the last receive brought, and how far it is used up. */
	struct rx_datagram batch[RX_BATCH];
	int batch_count, batch_next;
	int feeding;	   /* the feed's next() has not said NONE yet */
	int end;	   /* the session's last record was handed on: END is due */
	int over;	   /* the feed says that its session is over, which has been told */
	int gap;	   /* the last thing handed on was a gap */
	int stale;	   /* messages are missing: the books are not to be trusted */
	int recorded;	   /* what comes was sent and stamped long ago */
	int stamp_sparely; /* only the first message of a datagram has its stages stamped */
	int timing;	   /* the message that comes next has its stages stamped */

	/* Stamps, in ticks: `mark` is where the running stage began. */
	uint64_t mark, turn_start, recv_end;
	double recv_ns;	 /* recv_end in the engine's time */
	uint64_t looked; /* when the last look at the wire began */
	struct {
		uint64_t wait, recv, decode, book;
		int received, applied;
	} noted; /* stages of this turn, written into the histograms once the strategy has answered */
	uint64_t strategy_ticks; /* time the strategy had in this turn so far */
	int turn_open;		 /* an event is with the strategy */
	uint64_t answered;	 /* when it sent its first order in this turn; 0 = not yet */
	double wire_ns;		 /* receive stamp of the datagram at hand, in the engine's time; 0 = none */
	uint64_t refresh_at;
	uint32_t since_idle; /* records since the order session last had its turn */
	uint64_t loops;	     /* control->loops, which is told from here: adding to a double in memory waits for it */
	uint32_t next_order; /* inline ids */

	struct seat seats[ENGINE_SEATS];
	int wake[2]; /* pipe: [0] ours, [1] for whoever must wake us */
	pthread_t thread;
	struct owned_thread owned;
	uint32_t running, stop;
};

/* Opens options.rx and, when it has a port, options.rx_b. 0 or fail(...). */
int engine_open_lines(struct hp_engine *engine);
/* Brings the counters up to date that cost a system call. */
void engine_refresh_lines(struct hp_engine *engine);
/* Likewise, and sees that the interfaces are still there. 0 or fail(...). */
int engine_watch_lines(struct hp_engine *engine);
void engine_close_lines(struct hp_engine *engine);
/* Opens options.feed, which is handed the datagrams, and its books in `memory`. 0 or fail(...). */
int engine_open_feed(struct hp_engine *engine, void *memory, int32_t bytes, int32_t levels);
/* The reader goes on with books that miss something. */
void engine_go_on(struct hp_engine *engine);
/* What a sleeper has to wake up for besides datagrams: up to ENGINE_FEED_FDS descriptors, how many of them;
 * and when the feed wants to be asked at the latest, -1 = never. */
int engine_feed_fds(const struct hp_engine *engine, struct pollfd *fds, uint64_t now, int *timeout_ms);
/* Closes it. */
void engine_close_feed(struct hp_engine *engine);

/* One turn of the loop: the kind of the event now in control->event, NONE after `polls` empty polls, or
 * -errno. */
int engine_turn(struct hp_engine *engine, uint32_t polls);
/* Applies one message to its book and fills control->event; the event's kind, NONE when nobody is to be told.
 */
int engine_take(struct hp_engine *engine, const struct hp_message *message);
/* Is a message decoded already, and its datagram's first past the strategy? Then nothing but engine_take() is
 * to be done. Of lll never: its feed decodes nothing ahead. */
static inline int engine_at_hand(const struct hp_engine *engine)
{
	return feed_ready(engine->feed) && !(engine->turn_open | engine->end);
}
/* Fills control->event with something that is no message: an order's state, a link, the end ... Its kind. */
int engine_emit(struct hp_engine *engine, enum hp_event_kind kind, double seq, double detail);
/* Messages are missing (the feed's gap says which), or what was missing has come. The event's kind. */
int engine_gap(struct hp_engine *engine);
int engine_repair(struct hp_engine *engine);
/* Sets or clears the staleness of every book. */
void engine_mark_stale(struct hp_engine *engine, int stale);
/* The open turn goes to the seats: told by the orders it causes. */
void engine_hand_over(struct hp_engine *engine);
/* Looks at the wire a thousand times and gives back what comes. 0 or -errno. */
int engine_discard(struct hp_engine *engine);
/* Checks, encodes, sends. 0 sent, 1 queued (SENT is told when it has gone), or -errno. */
int engine_submit(struct hp_engine *engine, double id, int32_t buy, double price, double qty,
		  double trigger_seq, double trigger_recv_ns);
int engine_cancel(struct hp_engine *engine, double id);
/* Sleeps until the wire, the order session or a seat wants something; at most `ms`. */
void engine_sleep(struct hp_engine *engine, int ms);
static inline void engine_stage(struct hp_engine *engine, enum hp_stage stage, uint64_t ticks)
{
	histogram_record(&engine->control->stages[stage], clock_between_ns(ticks));
}
static inline double engine_time(const struct hp_engine *engine, uint64_t stamp)
{
	return (double)(clock_realtime_ns(stamp) - engine->epoch_ns);
}
/* From a time of the engine's epoch to a stamp. Other machines' clocks may lie ahead of ours: those do not
 * count. Nor do times in a capture, which are of another day. */
static inline void engine_record_since(const struct hp_engine *engine, struct hp_histogram *histogram,
				       double from_ns, uint64_t stamp)
{
	double ns = engine_time(engine, stamp) - from_ns;

	if (ns >= 0)
		histogram_record(histogram, (uint64_t)ns);
}
static inline int engine_armed(const struct hp_engine *engine)
{
	return engine->trigger.threshold > 0;
}

/* Hands control->event to the seats that should see it, waking sleepers. */
void seats_publish(struct hp_engine *engine);
/* Takes what the seats ask for: orders, cancels, go-on. Returns how many requests there were. */
int seats_serve(struct hp_engine *engine);
/* Says in every seat that the engine sleeps (1) or not (0); returns 1 when a request came in meanwhile. */
int seats_sleeping(struct hp_engine *engine, int sleeping);

#endif
