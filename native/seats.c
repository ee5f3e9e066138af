/* SPDX-License-Identifier: MIT */
/*
 * Seats: how strategies and shells on other threads and in other processes share an engine that runs on a
 * thread of its own. Events go out through one ring a seat, requests come back through another; neither
 * side ever waits for the other. A seat that does not keep up loses events, is told how many (OVERRUN), and
 * they are counted; the engine never slows down for it.
 */
#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "measure/error.h"

#define ID_BASE		4294967296.0 /* 2^32: an order id is seat x 2^32 + n */
#define REQUESTS_A_TURN 32	     /* of one seat, so that none keeps the loop from the wire */

static void wake_sleeper(struct hp_ring *ring)
{
	/* Pairs with hp_seat_wait(): it sets `waiting`, then looks at tail again before it sleeps. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (load_acquire(&ring->waiting)) {
		store_release(&ring->waiting, 0);
		syscall(SYS_futex, &ring->tail, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

/* 1 when there was room. */
static int push(struct seat *seat, const struct hp_event *event)
{
	uint32_t tail = seat->event_tail;

	if (tail - load_acquire(&seat->events->head) >= seat->event_capacity)
		return 0;
	memcpy(seat_event(seat->events, tail & (seat->event_capacity - 1)), event, sizeof(*event));
	seat->event_tail = tail + 1;
	store_release(&seat->events->tail, tail + 1);
	return 1;
}

/* As soon as there is room: the event that was lost may have been the last for long. */
static void tell_overruns(struct hp_engine *engine, struct seat *seat)
{
	struct hp_event overrun = {.kind = HP_EVENT_OVERRUN,
				   .seq = engine->seq,
				   .detail = seat->overruns,
				   .symbol = HP_SYMBOL_ALL};

	if (!seat->overruns || !push(seat, &overrun))
		return;
	seat->overruns = 0;
	wake_sleeper(seat->events);
}

static void deliver(struct hp_engine *engine, struct seat *seat, const struct hp_event *event)
{
	tell_overruns(engine, seat);
	if (seat->overruns || !push(seat, event)) {
		seat->overruns++;
		seat->events->dropped++;
		engine->control->overruns += 1;
	}
	wake_sleeper(seat->events);
}

void seats_publish(struct hp_engine *engine)
{
	const struct hp_event *event = &engine->control->event;
	int own = event->kind == HP_EVENT_ORDER ? (int)(event->order_id / ID_BASE) : -1;

	for (int i = 0; i < ENGINE_SEATS; i++) {
		struct seat *seat = &engine->seats[i];

		if (load_acquire(&seat->state) == SEAT_TAKEN && (own < 0 || own == i) &&
		    (seat->wants >> event->kind & 1))
			deliver(engine, seat, event);
	}
}

/* Refusals come back as events: the strategy is not there to see a result. */
static void report(struct hp_engine *engine, struct seat *seat, double id, enum hp_order_state state)
{
	struct hp_event event = {.kind = HP_EVENT_ORDER, .order_id = id, .detail = state};

	deliver(engine, seat, &event);
}

static void serve_order(struct hp_engine *engine, struct seat *seat, const struct hp_request *request)
{
	uint64_t popped = clock_ticks();
	int caused = request->ready_tsc != 0; /* by a book update; else by a person, now */
	double seq = caused ? request->trigger_seq : engine->seq;
	double recv_ns = caused ? request->trigger_recv_ns : engine->control->now_ns;
	int error = engine_submit(engine, request->id, request->flags & HP_FLAG_BID, request->price,
				  request->qty, seq, recv_ns);

	if (caused && error >= 0) {
		histogram_record(&engine->control->stages[HP_STAGE_STRATEGY],
				 clock_between_ns(popped - request->ready_tsc));
		histogram_record(&engine->control->stages[HP_STAGE_LOOP],
				 clock_between_ns(clock_ticks() - request->start_tsc));
	}
	seat->next_order = (uint32_t)(request->id - (double)(seat - engine->seats) * ID_BASE) + 1;
	if (error <= 0)
		report(engine, seat, request->id, error ? HP_ORDER_REFUSED : HP_ORDER_SENT);
}

/* A request's numbers come from a process nobody trusts. */
static int well_formed(const struct hp_engine *engine, const struct seat *seat,
		       const struct hp_request *request)
{
	double first = (double)(seat - engine->seats) * ID_BASE;

	return request->id > first && request->id < first + ID_BASE && request->id == floor(request->id) &&
	       request->trigger_seq >= 0 && request->trigger_seq < 9007199254740992.0 &&
	       request->trigger_recv_ns > -9007199254740992.0 &&
	       request->trigger_recv_ns < 9007199254740992.0;
}

static void serve(struct hp_engine *engine, struct seat *seat, const struct hp_request *request)
{
	if (request->kind == HP_REQUEST_GO_ON) {
		engine_go_on(engine);
	} else if (!well_formed(engine, seat, request)) {
		engine->control->order.refused += 1;
		engine->control->order.refused_qty += 1;
		report(engine, seat, request->id, HP_ORDER_REFUSED);
	} else if (request->kind == HP_REQUEST_ORDER) {
		serve_order(engine, seat, request);
	} else if (request->kind == HP_REQUEST_CANCEL) {
		report(engine, seat, request->id,
		       engine_cancel(engine, request->id) ? HP_ORDER_REFUSED : HP_ORDER_CANCELLED);
	}
}

int seats_serve(struct hp_engine *engine)
{
	int served = 0;

	for (int i = 0; i < ENGINE_SEATS; i++) {
		struct seat *seat = &engine->seats[i];
		uint32_t state = load_acquire(&seat->state);

		if (state == SEAT_LEAVING)
			store_release(&seat->state, SEAT_FREE);
		if (state != SEAT_TAKEN)
			continue;
		if (seat->overruns)
			tell_overruns(engine, seat);
		uint32_t waiting = load_acquire(&seat->orders->tail) - seat->order_head;

		/* A producer that claims more than the ring holds is lying: none of it is an order. */
		if (waiting > seat->order_capacity) {
			seat->order_head += waiting;
			store_release(&seat->orders->head, seat->order_head);
			continue;
		}
		for (uint32_t n = waiting < REQUESTS_A_TURN ? waiting : REQUESTS_A_TURN; n; n--) {
			struct hp_request request;

			memcpy(&request,
			       seat_order(seat->orders, seat->order_head & (seat->order_capacity - 1)),
			       sizeof(request));
			store_release(&seat->orders->head, ++seat->order_head);
			serve(engine, seat, &request);
			served++;
		}
	}
	return served;
}

int seats_sleeping(struct hp_engine *engine, int sleeping)
{
	int wanted = 0;

	for (int i = 0; i < ENGINE_SEATS; i++) {
		if (load_acquire(&engine->seats[i].state) != SEAT_TAKEN)
			continue;
		store_release(&engine->seats[i].shared->engine_waiting, (uint32_t)sleeping);
		__atomic_thread_fence(
			__ATOMIC_SEQ_CST); /* the flag first, then the look: pairs with the producer */
		wanted |= load_acquire(&engine->seats[i].orders->tail) != engine->seats[i].order_head;
	}
	return wanted;
}

/* ---- taking and leaving a seat -------------------------------------------------------------- */

static int power_of_two(int32_t n)
{
	return n >= 2 && n <= 1 << 20 && !(n & (n - 1));
}

int32_t hp_seat_bytes(int32_t events, int32_t orders)
{
	if (!power_of_two(events) || !power_of_two(orders))
		return fail(EINVAL,
			    "Cannot size a seat for %d events and %d orders: powers of two are needed",
			    events, orders);
	return (int32_t)(sizeof(struct hp_seat) + 2 * sizeof(struct hp_ring) +
			 (size_t)events * sizeof(struct hp_event) +
			 (size_t)orders * sizeof(struct hp_request));
}

static void lay_out(struct hp_engine *engine, struct hp_seat *shared, int index, int32_t events,
		    int32_t orders)
{
	struct seat *seat = &engine->seats[index];

	memset(shared, 0, (size_t)hp_seat_bytes(events, orders));
	shared->index = (uint32_t)index;
	shared->epoch_ms = engine->control->epoch_ms;
	shared->price_scale = engine->options.price_scale;
	shared->qty_scale = engine->options.qty_scale;
	shared->next_order = seat->next_order;
	shared->events_offset = sizeof(*shared);
	shared->orders_offset = (uint32_t)(sizeof(*shared) + sizeof(struct hp_ring) +
					   (size_t)events * sizeof(struct hp_event));
	seat->shared = shared;
	seat->events = seat_events(shared);
	seat->orders = seat_orders(shared);
	seat->events->capacity = seat->event_capacity = (uint32_t)events;
	seat->events->slot_bytes = sizeof(struct hp_event);
	seat->orders->capacity = seat->order_capacity = (uint32_t)orders;
	seat->orders->slot_bytes = sizeof(struct hp_request);
	seat->event_tail = seat->order_head = seat->overruns = 0;
	store_release(&shared->magic, HP_SEAT_MAGIC);
}

static int free_seat(const struct hp_engine *engine, int watches)
{
	for (int i = 0; i < ENGINE_SEATS; i++) {
		int index = watches ? i : ENGINE_SEATS - 1 - i;

		if (load_acquire(&engine->seats[index].state) == SEAT_FREE)
			return index;
	}
	return -1;
}

int32_t hp_engine_sit(struct hp_engine *engine, struct hp_seat *seat, int32_t bytes, int32_t events,
		      int32_t orders, int32_t wants)
{
	int32_t need = hp_seat_bytes(events, orders);
	uint32_t kinds = wants ? (uint32_t)wants : UINT32_MAX;
	int index;

	if (!engine || !seat || need < 0 || bytes < need)
		return fail(EINVAL, "Cannot take a seat: %d bytes given, %d needed", bytes, need);
	index = free_seat(engine, kinds >> HP_EVENT_BOOK & 1);
	if (index < 0)
		return fail(EBUSY, "Cannot take a seat: all %d are taken; stop a strategy first",
			    ENGINE_SEATS);
	lay_out(engine, seat, index, events, orders);
	engine->seats[index].wants = kinds;
	store_release(&engine->seats[index].state, SEAT_TAKEN);
	__atomic_fetch_add(&engine->control->seats, 1, __ATOMIC_RELEASE);
	return index;
}

int32_t hp_engine_leave(struct hp_engine *engine, int32_t index)
{
	struct seat *seat;

	if (!engine || index < 0 || index >= ENGINE_SEATS || engine->seats[index].state != SEAT_TAKEN)
		return fail(EINVAL, "Cannot leave seat %d: nobody sits there", index);
	seat = &engine->seats[index];
	store_release(&seat->shared->closed, 1);
	store_release(&seat->state, SEAT_LEAVING);
	/* The engine's thread confirms between two turns; a sleeping one wakes within its time-out. */
	while (load_acquire(&engine->running) && load_acquire(&seat->state) == SEAT_LEAVING)
		usleep(50);
	store_release(&seat->state, SEAT_FREE);
	__atomic_fetch_sub(&engine->control->seats, 1, __ATOMIC_RELEASE);
	return 0;
}
