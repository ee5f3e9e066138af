/* SPDX-License-Identifier: MIT */
/* The engine's inside, shared by engine.c (life cycle), loop.c (the hot loop) and seats.c (other threads'
 * places). */
#ifndef HP_ENGINE_H
#define HP_ENGINE_H

#include <pthread.h>

#include "book/book.h"
#include "feed/sequencer.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "order/order.h"
#include "rx/interface.h"
#include "rx/recorder.h"
#include "rx/rx.h"
#include "strategy/ring.h"
#include "strategy/trigger.h"
#include "threads.h"

#define ENGINE_SEATS 8

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

struct hp_engine {
	struct hp_engine_options options;
	struct hp_control *control;
	struct hp_book *book;
	struct rx *rx;
	struct interface_watch interface;
	struct recorder *recorder; /* NULL: nothing is recorded */
	struct sequencer feed;
	struct order_session *orders; /* NULL: no order entry */
	struct trigger trigger;
	int64_t epoch_ns; /* control->epoch_ms, exact */

	/* The batch that the last receive brought, and how far it is used up. */
	struct rx_datagram batch[RX_BATCH];
	int batch_count, batch_next;
	int feeding; /* sequencer_next() has not said NONE yet */
	int end;     /* the session's last record was handed on: END is due */
	int gap;     /* the last thing handed on was a gap */
	int recorded; /* what comes was sent and stamped long ago */

	/* Stamps, in ticks: `mark` is where the running stage began. */
	uint64_t mark, turn_start, recv_end;
	uint64_t looked; /* when the last look at the wire began */
	struct {
		uint64_t wait, recv, decode, book;
		int received, applied;
	} noted; /* stages of this turn, written into the histograms once the strategy has answered */
	uint64_t strategy_ticks; /* time the strategy had in this turn so far */
	int turn_open;		 /* an event is with the strategy */
	uint64_t answered;	 /* when it sent its first order in this turn; 0 = not yet */
	int64_t wire_ns;	 /* receive stamp of the datagram at hand; 0 = none */
	uint64_t refresh_at;
	uint32_t since_idle; /* records since the order session last had its turn */
	uint32_t next_order; /* inline ids */

	struct seat seats[ENGINE_SEATS];
	int wake[2]; /* pipe: [0] ours, [1] for whoever must wake us */
	pthread_t thread;
	struct owned_thread owned;
	uint32_t running, stop;
};

/* One turn of the loop: the kind of the event now in control->event, NONE after `polls` empty polls, or
 * -errno. */
int engine_turn(struct hp_engine *engine, uint32_t polls);
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
