// SPDX-License-Identifier: MIT
/* Order entry against a TCP peer in another network namespace, by both ways out. */
#include <netinet/tcp.h>

#include "feed/lll.h"
#include "measure/clock.h"
#include "order/order.h"
#include "uring.h"
#include "wire.h"

#define ORDER_PORT 9012

static struct hp_order_options options;
static struct hp_order_stats stats;
static int listener;

/* Events seen since wait_for() began, by order id (index 0: link events up, 1: down). */
static uint8_t seen[65536][6];
static int link_up, link_down;

static int listen_here(int window)
{
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in address = wire_address(WIRE_HERE, ORDER_PORT);

	CHECK(before >= 0 && fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (window)
		setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window, sizeof(window));
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(fd, 4), 0);
	netns_leave(before);
	return fd;
}

static struct order_session *open_session(int *peer)
{
	struct order_session *session = NULL;
	int before = netns_enter(wire_b);

	memset(&stats, 0, sizeof(stats));
	if (order_open(&session, &options, &stats)) {
		wire_said("?");
		CHECK(!"order_open");
	}
	netns_leave(before);
	*peer = accept(listener, NULL, NULL);
	CHECK(*peer >= 0);
	CHECK_EQ(stats.connected, 1);
	link_up = link_down = 0;
	memset(seen, 0, sizeof(seen));
	return session;
}

/* Both kernels hold little: a small window there (not a small buffer, which overhead would fill), a small
 * send buffer here. */
static struct order_session *open_narrow_session(int *peer)
{
	struct order_session *session;
	int bytes = 2048;

	close(listener);
	listener = listen_here(8192);
	session = open_session(peer);
	CHECK_EQ(setsockopt(order_fd(session), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	return session;
}

static void close_session(struct order_session *session, int peer)
{
	char bytes[4096];
	ssize_t got;

	order_close(session);
	while ((got = recv(peer, bytes, sizeof(bytes), 0)) > 0)
		;
	CHECK_EQ(got, 0); /* an orderly end, no reset */
	close(peer);
}

static struct order make_order(double id)
{
	return (struct order){.id = id,
			      .price = 60000.5e6,
			      .qty = 3,
			      .buy = 1,
			      .trigger_seq = 77,
			      .trigger_recv_ns = 1700000000000000001,
			      .submit_ns = 1700000000000000002};
}

/* Takes every event that is due within ms. */
static void serve(struct order_session *session, int ms)
{
	double deadline = wire_seconds() + ms * 1e-3;
	struct order_event event;

	do {
		while (order_service(session, &event, clock_ticks())) {
			if (event.state < 0) {
				link_up += event.linked;
				link_down += !event.linked;
			} else {
				CHECK(event.id >= 1 && event.id < 65536);
				seen[(int)event.id][event.state]++;
			}
		}
	} while (wire_seconds() < deadline);
}

/* Serves until `done`, at most five seconds. */
#define SERVE_UNTIL(session, done)                                                                           \
	do {                                                                                                 \
		double deadline_ = wire_seconds() + 5;                                                       \
		while (!(done) && wire_seconds() < deadline_)                                                \
			serve(session, 1);                                                                   \
		CHECK(done);                                                                                 \
	} while (0)

static void read_order(int peer, struct lll_order *out)
{
	uint8_t bytes[LLL_ORDER_BYTES];

	CHECK_EQ(recv(peer, bytes, sizeof(bytes), MSG_WAITALL), LLL_ORDER_BYTES);
	CHECK_EQ(lll_order_decode(bytes, out), 0);
}

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
	int peer, queued_from = 0, last = 0, error;
	struct order_session *session = open_narrow_session(&peer);
	uint8_t bytes[LLL_ORDER_BYTES];
	struct lll_order got;

	for (int id = 1;; id++) {
		struct order order = make_order(id);

		error = order_prepare(session, &order);
		if (error)
			break;
		last = id;
		if (order_flush(session) && !queued_from)
			queued_from = id;
	}
	CHECK_EQ(error, -ENOBUFS);
	CHECK_EQ(stats.refused_full, 1);
	CHECK(queued_from && stats.partial > 0 && stats.queued_bytes > 0);
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
		CHECK_EQ(seen[id][HP_ORDER_SENT], id >= queued_from);
		CHECK_EQ(seen[id][HP_ORDER_ACKED], 1);
	}
	close_session(session, peer);
}

/* The link goes while orders are outstanding; then it comes back, in the same namespace. */
static void lost_links_come_back(void)
{
	int peer, last = 0;
	struct order_session *session;
	struct linger reset = {.l_onoff = 1};
	struct order order;
	struct lll_order got;

	options.reconnect_ms = 20;
	session = open_narrow_session(&peer);
	do {
		order = make_order(++last);
		CHECK_EQ(order_prepare(session, &order), 0);
	} while (order_flush(session) == 0);
	order = make_order(++last);
	CHECK_EQ(order_prepare_cancel(session, &order), 0);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(peer);
	SERVE_UNTIL(session, link_down == 1);
	CHECK_EQ(stats.disconnects, 1);
	CHECK_EQ(stats.queued_bytes, 0);
	CHECK(stats.failed > 0 && seen[last][HP_ORDER_FAILED] == 1);
	for (int id = 1; id <= last; id++)
		CHECK_EQ(seen[id][HP_ORDER_FAILED] + seen[id][HP_ORDER_ACKED], 1);
	CHECK_EQ(stats.failed + stats.acked, last);
	SERVE_UNTIL(session, link_up == 1);
	CHECK(stats.connects == 2 && stats.connected == 1);
	peer = accept(listener, NULL, NULL);
	order = make_order(60000);
	CHECK_EQ(order_prepare(session, &order), 0);
	CHECK_EQ(order_flush(session), 0);
	read_order(peer, &got);
	CHECK_EQ(got.id, 60000);
	SERVE_UNTIL(session, seen[60000][HP_ORDER_ACKED] == 1);
	close_session(session, peer);
	options.reconnect_ms = 0;
}

/* A peer that closes in order, and stays away for a while. */
static void absent_peers_are_tried_again(void)
{
	int peer;
	struct order_session *session;
	struct order order = make_order(1);
	char byte;

	options.reconnect_ms = 10;
	session = open_session(&peer);
	CHECK(order_fd(session) >= 0);
	close(listener);
	CHECK_EQ(shutdown(peer, SHUT_WR), 0);
	SERVE_UNTIL(session, link_down == 1);
	CHECK_EQ(recv(peer, &byte, 1, 0), 0); /* told in order, not by a reset */
	close(peer);
	CHECK_EQ(order_fd(session), -1);
	CHECK_EQ(order_prepare(session, &order), -ENOTCONN);
	CHECK_EQ(stats.refused_link, 1);
	CHECK(order_flush(session) < 0);
	serve(session, 100);
	CHECK(link_up == 0 && stats.connects == 1);
	listener = listen_here(0);
	SERVE_UNTIL(session, link_up == 1);
	peer = accept(listener, NULL, NULL);
	close_session(session, peer);
	options.reconnect_ms = 0;
}

static void without_reconnect_it_stays_down(void)
{
	int peer;
	struct order_session *session = open_session(&peer);

	close(peer);
	SERVE_UNTIL(session, link_down == 1);
	serve(session, 50);
	CHECK(stats.connects == 1 && stats.connected == 0);
	order_close(session);
}

/* The protocol has nothing inbound; what comes anyway is thrown away and does not block the peer. */
static void inbound_bytes_are_discarded(void)
{
	int peer;
	struct order_session *session = open_session(&peer);
	struct order order = make_order(1);
	static char noise[1 << 20];
	size_t sent = 0;
	double deadline = wire_seconds() + 5;

	while (sent < 8 * sizeof(noise) && wire_seconds() < deadline) {
		ssize_t took = send(peer, noise, sizeof(noise), MSG_DONTWAIT);

		sent += took > 0 ? (size_t)took : 0;
		serve(session, 1);
	}
	CHECK(sent >= 8 * sizeof(noise));
	CHECK_EQ(order_prepare(session, &order), 0);
	CHECK_EQ(order_flush(session), 0);
	SERVE_UNTIL(session, seen[1][HP_ORDER_ACKED] == 1);
	CHECK_EQ(link_down, 0);
	order_close(session);
	close(peer);
}

static void connect_fails(const char *address, uint32_t port, int code, const char *word)
{
	struct hp_order_options wanted = options;
	struct order_session *session;
	int fds = wire_fds(), before = netns_enter(wire_b);

	snprintf(wanted.address, sizeof(wanted.address), "%s", address);
	wanted.port = port;
	wanted.connect_ms = 50;
	CHECK_EQ(order_open(&session, &wanted, &stats), -code);
	CHECK(wire_said(word));
	netns_leave(before);
	CHECK_EQ(wire_fds(), fds);
}

static void failures_to_connect_are_said(void)
{
	connect_fails(WIRE_HERE, ORDER_PORT + 1, ECONNREFUSED,
		      "connection refused; is the exchange listening");
	connect_fails("10.77.0.99", ORDER_PORT, ETIMEDOUT, "no answer within 50 ms");
	connect_fails("192.0.2.1", ORDER_PORT, ENETUNREACH, "`ip route get`");
	connect_fails("exchange", ORDER_PORT, EINVAL, "not a dotted IPv4 address");
	connect_fails(WIRE_HERE, 65536, EINVAL, "port 65536 is not");
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

static void session_conforms(int via)
{
	options.via = via;
	printf("-- via %s\n", via == HP_ORDER_URING ? "uring" : "send");
	RUN(orders_and_cancels_arrive);
	RUN(acknowledgements_are_learned);
	RUN(checks_refuse);
	RUN(slow_peers_hold_orders_back);
	RUN(lost_links_come_back);
	RUN(absent_peers_are_tried_again);
	RUN(without_reconnect_it_stays_down);
	RUN(inbound_bytes_are_discarded);
	RUN(failures_to_connect_are_said);
	RUN(threads_take_turns);
	RUN(nothing_allocates);
	RUN(close_frees_everything);
}

static int uring_is_missing(void)
{
	struct uring probe;
	int error = uring_open(&probe, 4, 8, "test io_uring");

	uring_close(&probe);
	return error == -EPERM || error == -ENOSYS;
}

int main(void)
{
	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	clock_init();
	listener = listen_here(0);
	snprintf(options.address, sizeof(options.address), WIRE_HERE);
	options.port = ORDER_PORT;
	session_conforms(HP_ORDER_SEND);
	options.via = 2;
	connect_fails(WIRE_HERE, ORDER_PORT, EINVAL, "there are send and uring");
	if (uring_is_missing())
		SKIP("no io_uring here: via=uring is untested");
	session_conforms(HP_ORDER_URING);
	return 0;
}
