// SPDX-License-Identifier: MIT
/* Orders against a TCP peer in another network namespace: bytes, states, refusals, by both ways out. */
#include "order_peer.h"

static void orders_and_cancels_arrive(void)
{
	int peer;
	struct order_session *session = open_session(&peer);
	struct order order = make_order(9007199254740992.0);
	struct lll_order got;

	CHECK_EQ(order_prepare(session, &order), 0);
	CHECK_EQ(stats.queued_bytes, LLL_ORDER_BYTES);
	CHECK_EQ(order_flush(session), 0);
	read_order(peer, &got);
	CHECK(got.id == 9007199254740992u && got.price == 60000500000 && got.qty == 3 && got.flags == 1);
	CHECK(got.trigger_seq == 77 && got.trigger_recv_ns == 1700000000000000001 &&
	      got.submit_ns == 1700000000000000002);
	order = make_order(8);
	order.buy = 0;
	CHECK_EQ(order_prepare_cancel(session, &order), 0);
	CHECK_EQ(order_flush(session), 0);
	read_order(peer, &got);
	CHECK(got.id == 8 && got.qty == 0 && got.flags == 0);
	CHECK_EQ(stats.sent, 1);
	CHECK_EQ(stats.cancelled, 1);
	CHECK_EQ(stats.queued_bytes, 0);
	CHECK_EQ(order_flush(session), 0);
	close_session(session, peer);
}

static void acknowledgements_are_learned(void)
{
	int peer;
	struct order_session *session = open_session(&peer);

	for (int id = 1; id <= 5; id++) {
		struct order order = make_order(id);

		CHECK_EQ(order_prepare(session, &order), 0);
		CHECK_EQ(order_flush(session), 0);
	}
	SERVE_UNTIL(session, stats.acked == 5);
	for (int id = 1; id <= 5; id++) {
		CHECK_EQ(seen[id][HP_ORDER_ACKED], 1);
		CHECK_EQ(seen[id][HP_ORDER_SENT], 0); /* the flush said so already */
	}
	close_session(session, peer);
}

static void refuse(struct order_session *session, double price, double qty, int code, double *reason)
{
	struct order order = make_order(1);
	double before = *reason, all = stats.refused;

	order.price = price;
	order.qty = qty;
	CHECK_EQ(order_prepare(session, &order), -code);
	CHECK(wire_said("Cannot send order 1"));
	CHECK_EQ(*reason, before + 1);
	CHECK_EQ(stats.refused, all + 1);
}

static void checks_refuse(void)
{
	double nan = __builtin_nan("");
	struct order_session *session;
	int peer;

	options.max_qty = 100;
	options.max_notional = 1e9;
	session = open_session(&peer);
	refuse(session, 0, 1, EINVAL, &stats.refused_price);
	refuse(session, -1, 1, EINVAL, &stats.refused_price);
	refuse(session, 1.5, 1, EINVAL, &stats.refused_price);
	refuse(session, nan, 1, EINVAL, &stats.refused_price);
	refuse(session, 9007199254740994.0, 1, EINVAL, &stats.refused_price);
	refuse(session, __builtin_inf(), 1, EINVAL, &stats.refused_price);
	refuse(session, 1, 0, ERANGE, &stats.refused_qty);
	refuse(session, 1, 0.5, ERANGE, &stats.refused_qty);
	refuse(session, 1, nan, ERANGE, &stats.refused_qty);
	refuse(session, 1, 101, ERANGE, &stats.refused_qty);
	refuse(session, 1e8, 11, EDQUOT, &stats.refused_notional);
	CHECK_EQ(stats.queued_bytes, 0);
	close_session(session, peer);
	options.max_qty = options.max_notional = 0;
	session = open_session(&peer);
	refuse(session, 1, 2147483648.0, ERANGE, &stats.refused_qty);
	refuse(session, 1, 4294967297.0, ERANGE, &stats.refused_qty);
	close_session(session, peer);
}

/* A peer that does not read: the kernel's buffers fill, then ours, then orders are refused; nothing is lost.
 */
static void slow_peers_hold_orders_back(void)
{
	static uint8_t queued[2 * ORDER_TRACKED]; /* by id: the flush after it left it here */
	int peer, last = 0, waits = 0, error;
	struct order_session *session = open_narrow_session(&peer);
	uint8_t bytes[LLL_ORDER_BYTES];
	struct lll_order got;

	for (int id = 1;; id++) {
		struct order order = make_order(id);

		error = order_prepare(session, &order);
		if (error)
			break;
		last = id;
		CHECK(id < 2 * ORDER_TRACKED);
		queued[id] = order_flush(session) > 0;
		waits += queued[id];
	}
	CHECK_EQ(error, -ENOBUFS);
	CHECK_EQ(stats.refused_full, 1);
	CHECK(waits && stats.partial > 0 && stats.queued_bytes > 0);
	for (int id = 1; id <= last; id++) {
		SERVE_UNTIL(session,
			    recv(peer, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT) == sizeof(bytes));
		read_order(peer, &got);
		CHECK_EQ(got.id, id);
	}
	SERVE_UNTIL(session, stats.acked == last);
	CHECK_EQ(stats.sent, last);
	CHECK_EQ(stats.queued_bytes, 0);
	for (int id = 1; id <= last; id++) {
		CHECK_EQ(seen[id][HP_ORDER_SENT], queued[id]);
		CHECK_EQ(seen[id][HP_ORDER_ACKED], 1);
	}
	close_session(session, peer);
}

static int thread_peer;

static void *send_ten(void *argument)
{
	struct order_session *session = argument;
	struct lll_order got;

	for (int id = 1; id <= 10; id++) {
		struct order order = make_order(id);

		CHECK_EQ(order_prepare(session, &order), 0);
		CHECK_EQ(order_flush(session), 0);
		read_order(thread_peer, &got);
		CHECK_EQ(got.id, id);
	}
	return NULL;
}

static void threads_take_turns(void)
{
	struct order_session *session = open_session(&thread_peer);
	int fds = wire_fds();
	pthread_t thread;

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_create(&thread, NULL, send_ten, session), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		send_ten(session);
	}
	CHECK_EQ(stats.sent, 60);
	CHECK_EQ(wire_fds(), fds);
	close_session(session, thread_peer);
}

static void nothing_allocates(void)
{
	struct order_session *session = open_session(&thread_peer);

	wire_count_works();
	wire_counting = 1;
	for (int i = 0; i < 500; i++) {
		send_ten(session);
		while (stats.acked < 10 * (i + 1))
			serve(session, 0);
	}
	wire_counting = 0;
	CHECK_EQ(wire_allocations, 0);
	close_session(session, thread_peer);
}

static void close_frees_everything(void)
{
	int fds = wire_fds(), peer;
	struct order_session *session = open_session(&peer);

	close_session(session, peer);
	CHECK_EQ(wire_fds(), fds);
}

static void orders_conform(void)
{
	RUN(orders_and_cancels_arrive);
	RUN(acknowledgements_are_learned);
	RUN(checks_refuse);
	RUN(slow_peers_hold_orders_back);
	RUN(threads_take_turns);
	RUN(nothing_allocates);
	RUN(close_frees_everything);
}

int main(void)
{
	return order_ways(orders_conform);
}
