// SPDX-License-Identifier: MIT
/* The xdp path's sockets that share one UMEM: several queues, and a second line in another namespace. */
#include "xdp_wire.h"

/* ---- several queues ---- */

#define SENDERS 64 /* each its own port: the kernel spreads them over the queues */

static void many_send(const int *fds, int rounds)
{
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < SENDERS; i++)
			wire_send(fds[i], WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
}

static void queues_are_served_from_one_umem(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "qb");
	struct pollfd wait = {.events = POLLIN};
	struct rx_datagram got[RX_BATCH];
	int fds[SENDERS], count, received = 0;
	struct rx *rx;

	for (int i = 0; i < SENDERS; i++)
		fds[i] = sender_on("qa");
	options.queues = QUEUES;
	rx = open_with(&options);
	CHECK(noted("queues 0-3 of 4"));
	for (int round = 0; round < 50; round++) {
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
		many_send(fds, 2);
		wait.fd = rx->ops->fd(rx);
		CHECK_EQ(poll(&wait, 1, 1000), 1);
		receive_all(rx, 2 * SENDERS);
	}
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.dropped, 0);
	CHECK_EQ(path_stats.datagrams, 100 * SENDERS);
	CHECK(!strstr(path_stats.note, "other queues"));
	rx->ops->close(rx);
	CHECK_EQ(program_on(wire_b, "qb"), 0);

	options.queues = 1; /* the rest stays with the kernel, and that is said */
	rx = open_with(&options);
	many_send(fds, 1);
	while ((count = path_poll(rx, got)) > 0) {
		received += count;
		rx->ops->release(rx);
	}
	CHECK(received > 0 && received < SENDERS);
	rx->ops->refresh(rx);
	CHECK(noted("queue 0 of 4") && noted("the flow comes on other queues too: queues="));
	rx->ops->close(rx);
	for (int i = 0; i < SENDERS; i++)
		close(fds[i]);
}

static void queues_that_are_not_there_are_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "qb");

	options.queues = QUEUES + 1;
	refused(&options, EINVAL, "queue 4 of \"qb\": it has 4, counted from 0");
	options.queues = 2;
	options.queue = 3;
	refused(&options, EINVAL, "queue 4 of \"qb\": it has 4");
	options.queue = UINT32_MAX;
	refused(&options, EINVAL, "queue 4294967295 of \"qb\": it has 4, counted from 0");
	snprintf(options.ifname, sizeof(options.ifname), "lo"); /* whose driver does not tell */
	refused(&options, EINVAL, "queue 4294967295 of \"lo\": no interface has so many");
	options.queue = 7;
	refused(&options, EINVAL, "Cannot bind to queue 7 of \"lo\"");
}

/* Loss over several sockets is the sum of theirs. */
static void loss_over_queues_is_exact(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "qb");
	struct rx_datagram got[RX_BATCH];
	int fds[SENDERS], received = 0, count;
	struct rx *rx;

	for (int i = 0; i < SENDERS; i++)
		fds[i] = sender_on("qa");
	options.queues = QUEUES;
	options.frames = 256;
	rx = open_with(&options);
	for (int round = 0; round < 40; round++) {
		many_send(fds, 1);
		wire_pause();
	}
	while ((count = path_poll(rx, got)) > 0) {
		received += count;
		rx->ops->release(rx);
	}
	rx->ops->refresh(rx);
	CHECK(path_stats.dropped > 0);
	CHECK_EQ(received + path_stats.dropped, 40 * SENDERS);
	rx->ops->close(rx);
	for (int i = 0; i < SENDERS; i++)
		close(fds[i]);
}

/* ---- a second line ---- */

static void add_second_line(struct hp_rx_options *options)
{
	snprintf(options->also_ifname, sizeof(options->also_ifname), "vd");
	snprintf(options->also_netns, sizeof(options->also_netns), "%s", wire_c);
}

static struct hp_rx_options both_lines(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");

	add_second_line(&options);
	return options;
}

/* Both interfaces have the same index, each in its own namespace. */
static void two_lines_share_one_umem(void)
{
	struct hp_rx_options options = both_lines();
	int a = wire_sender(), b = sender_on("vc"), fds = wire_fds();
	struct rx *rx = open_with(&options);

	CHECK(noted("also vd, native"));
	CHECK(program_on(wire_b, "vb") && program_on(wire_c, "vd"));
	CHECK_EQ(group_joined_in(wire_b), 1);
	CHECK_EQ(group_joined_in(wire_c), 1);
	wire_send(a, WIRE_GROUP, WIRE_PORT, "line a", 6);
	path_expect(rx, "line a", 6);
	wire_send(b, WIRE_GROUP, WIRE_PORT, "line b", 6);
	path_expect(rx, "line b", 6);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 24; i++) {
			wire_send(a, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
			wire_send(b, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		}
		receive_all(rx, 48);
	}
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.datagrams, 2 + 200 * 48);
	CHECK_EQ(path_stats.dropped, 0);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
	CHECK_EQ(wire_fds(), fds);
	CHECK(!program_on(wire_b, "vb") && !program_on(wire_c, "vd"));
	CHECK_EQ(group_joined_in(wire_b) + group_joined_in(wire_c), 0);
	close(a);
	close(b);
}

static void a_bad_second_line_leaves_nothing(void)
{
	struct hp_rx_options options = both_lines();

	snprintf(options.also_ifname, sizeof(options.also_ifname), "nope1");
	refused(&options, ENODEV, "\"nope1\": no such interface");
	options = both_lines();
	snprintf(options.also_netns, sizeof(options.also_netns), "/run/netns/none");
	refused(&options, ENOENT, "\"/run/netns/none\"");
	CHECK_EQ(group_joined_in(wire_b), 0);
}

/* Whatever a path with one line does, one with two does. */
static void the_common_cases_hold_for_two_lines(void)
{
	struct path_wire both = veth_wire;

	both.prepare = add_second_line;
	path_wire = &both;
	path_conforms(&rx_xdp);
	path_wire = &veth_wire;
}

/* Last: it takes the second wire away. The first line goes on. */
static void a_lost_second_line_is_said(void)
{
	struct hp_rx_options options = both_lines();
	int fd = wire_sender();
	struct rx *rx = open_with(&options);
	double deadline = wire_seconds() + 5;

	CHECK_EQ(wire_run("ip -n hpt%dc link set vd down && ip -n hpt%dc link set vd up", wire_owner,
			  wire_owner),
		 0);
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.link_downs, 1);
	CHECK_EQ(wire_run("ip -n hpt%dc link del vd", wire_owner), 0);
	while (!strstr(path_stats.note, "vd is gone") && wire_seconds() < deadline)
		rx->ops->refresh(rx);
	CHECK(noted("vd is gone"));
	path_burst(rx, fd, 64);
	rx->ops->refresh(rx);
	close(fd);
	rx->ops->close(rx);
}

int main(void)
{
	xdp_wire_up();
	RUN(queues_are_served_from_one_umem);
	RUN(queues_that_are_not_there_are_refused);
	RUN(loss_over_queues_is_exact);
	RUN(two_lines_share_one_umem);
	RUN(a_bad_second_line_leaves_nothing);
	RUN(the_common_cases_hold_for_two_lines);
	RUN(a_lost_second_line_is_said);
	return 0;
}
