// SPDX-License-Identifier: MIT
/* The order session's link: lost, tried again, back; and what is said when there is none. */
#include "order_peer.h"

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

static void bad_ways_are_refused(void)
{
	int via = options.via;

	options.via = 2;
	connect_fails(WIRE_HERE, ORDER_PORT, EINVAL, "there are send and uring");
	options.via = via;
}

static void links_conform(void)
{
	RUN(lost_links_come_back);
	RUN(absent_peers_are_tried_again);
	RUN(without_reconnect_it_stays_down);
	RUN(inbound_bytes_are_discarded);
	RUN(failures_to_connect_are_said);
	RUN(bad_ways_are_refused);
}

int main(void)
{
	return order_ways(links_conform);
}
