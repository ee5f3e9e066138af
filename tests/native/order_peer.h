/* SPDX-License-Identifier: MIT */
/* A TCP peer in another network namespace for the order room's tests, and a session to it. */
#ifndef HP_ORDER_PEER_H
#define HP_ORDER_PEER_H

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

/* Events of the open session: by order id and state; of its link. */
static uint8_t seen[65536][6];
static int link_up, link_down;

static inline int listen_here(int window)
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

static inline struct order_session *open_session(int *peer)
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
static inline struct order_session *open_narrow_session(int *peer)
{
	struct order_session *session;
	int bytes = 2048;

	close(listener);
	listener = listen_here(8192);
	session = open_session(peer);
	CHECK_EQ(setsockopt(order_fd(session), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	return session;
}

static inline void close_session(struct order_session *session, int peer)
{
	char bytes[4096];
	ssize_t got;

	order_close(session);
	while ((got = recv(peer, bytes, sizeof(bytes), 0)) > 0)
		;
	CHECK_EQ(got, 0); /* an orderly end, no reset */
	close(peer);
}

static inline struct order make_order(double id)
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
static inline void serve(struct order_session *session, int ms)
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

static inline void read_order(int peer, struct lll_order *out)
{
	uint8_t bytes[LLL_ORDER_BYTES];

	CHECK_EQ(recv(peer, bytes, sizeof(bytes), MSG_WAITALL), LLL_ORDER_BYTES);
	CHECK_EQ(lll_order_decode(bytes, out), 0);
}

static inline int uring_is_missing(void)
{
	struct uring probe;
	int error = uring_open(&probe, 4, 8, "test io_uring");

	uring_close(&probe);
	return error == -EPERM || error == -ENOSYS;
}

/* Everything, by one way out after the other. */
static inline int order_ways(void (*conforms)(void))
{
	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	clock_init();
	listener = listen_here(0);
	snprintf(options.address, sizeof(options.address), WIRE_HERE);
	options.port = ORDER_PORT;
	for (options.via = HP_ORDER_SEND; options.via <= HP_ORDER_URING; options.via++) {
		printf("-- via %s\n", options.via == HP_ORDER_URING ? "uring" : "send");
		if (options.via == HP_ORDER_URING && uring_is_missing())
			SKIP("no io_uring here: via=uring is untested");
		conforms();
	}
	return 0;
}

#endif
