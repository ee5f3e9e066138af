// SPDX-License-Identifier: MIT
/* What happens to the interface a path receives on: counted, said; and flows go on after a down and up. */
#include "conform.h"
#include "rx/interface.h"

static struct interface_watch watch;
static struct hp_rx_stats stats;

/* ip(8) in namespace b. */
static void ip(const char *command)
{
	CHECK_EQ(wire_run("ip -n hpt%db %s", wire_owner, command), 0);
}

static int open_watch(const char *name)
{
	int before = netns_enter(wire_b), error;

	CHECK(before >= 0);
	memset(&stats, 0, sizeof(stats));
	error = interface_watch_open(&watch, name);
	netns_leave(before);
	return error;
}

/* Messages are queued before the call that changes a link returns: there is nothing to wait for. */
static void still_there_after_downs(int downs)
{
	CHECK_EQ(interface_watch_check(&watch, &stats), 0);
	CHECK_EQ(stats.link_downs, downs);
}

/* Said at once, and each time it is asked again. */
static void gone_with(const char *words)
{
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(interface_watch_check(&watch, &stats), -ENODEV);
		CHECK(wire_said("Cannot go on receiving on \"wx\""));
		CHECK(wire_said(words));
	}
	interface_watch_close(&watch);
	CHECK_EQ(watch.fd, -1);
}

static void downs_are_counted(void)
{
	CHECK_EQ(open_watch("vb"), 0);
	still_there_after_downs(0);
	for (int i = 1; i <= 3; i++) {
		ip("link set vb down");
		still_there_after_downs(i);
		ip("link set vb up");
		still_there_after_downs(i);
	}
	ip("link set vb down");
	ip("link set vb up");
	still_there_after_downs(4); /* over before anybody looked */
	interface_watch_close(&watch);
	ip("link set vb down");
	CHECK_EQ(open_watch("vb"), 0);
	ip("link set vb up");
	still_there_after_downs(0); /* it was down already */
	interface_watch_close(&watch);
}

static void others_do_not_matter(void)
{
	CHECK_EQ(open_watch("vb"), 0);
	ip("link add wx type veth peer name wy");
	ip("link set wx up");
	ip("link set wx down");
	ip("link del wx");
	still_there_after_downs(0);
	interface_watch_close(&watch);
}

static void names_do_not_matter(void)
{
	ip("link add wx type veth peer name wy");
	CHECK_EQ(open_watch("wx"), 0);
	ip("link set wx name wz");
	still_there_after_downs(0);
	ip("link del wz");
	gone_with("the interface was deleted");
}

static void deletion_is_said(void)
{
	ip("link add wx type veth peer name wy");
	CHECK_EQ(open_watch("wx"), 0);
	still_there_after_downs(0);
	ip("link del wy"); /* takes its peer along */
	gone_with("the interface was deleted; open the endpoint again when it is back");
}

static void move_is_said(void)
{
	char command[64];

	ip("link add wx type veth peer name wy");
	CHECK_EQ(open_watch("wx"), 0);
	snprintf(command, sizeof(command), "link set wx netns hpt%da", wire_owner);
	ip(command);
	gone_with("the interface was moved to another network namespace");
	ip("link del wy");
}

/* More happens than the socket holds: messages are lost, the interface is asked. */
static void too_much_to_tell(const char *last)
{
	int least = 1;

	ip("link add wx type veth peer name wy");
	CHECK_EQ(open_watch("wx"), 0);
	CHECK_EQ(setsockopt(watch.fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
	for (int i = 0; i < 5; i++) {
		ip("link set wy up");
		ip("link set wy down");
	}
	ip(last);
}

static void lost_messages_are_made_up_for(void)
{
	too_much_to_tell("link set wx up");
	still_there_after_downs(0);
	CHECK_EQ(watch.up, 1);
	ip("link set wx down");
	still_there_after_downs(1);
	interface_watch_close(&watch);
	ip("link del wx");
	too_much_to_tell("link del wx");
	gone_with("not in this network namespace any more");
}

static void what_is_not_named_is_not_watched(void)
{
	CHECK_EQ(open_watch(""), 0);
	CHECK_EQ(watch.fd, -1);
	still_there_after_downs(0);
	CHECK_EQ(open_watch("nope0"), -ENODEV);
	CHECK(wire_said("Cannot watch interface \"nope0\""));
	CHECK_EQ(watch.fd, -1);
}

/* Sends until one comes: after an up the carrier takes a moment. */
static void flow_comes_back(struct rx *rx, int fd)
{
	double deadline = wire_seconds() + 5;
	struct rx_datagram got[RX_BATCH];
	int count = 0;

	while (!count && wire_seconds() < deadline) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "back", 4);
		wire_pause();
		count = rx->ops->poll(rx, got, RX_BATCH);
	}
	for (; count > 0; count = rx->ops->poll(rx, got, RX_BATCH)) {
		CHECK_EQ(got[0].len, 4);
		CHECK(!memcmp(got[0].data, "back", 4));
		rx->ops->release(rx);
	}
	CHECK_EQ(count, 0);
	CHECK(path_stats.datagrams > 300);
}

static void flow_survives_down_and_up(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	int fd = wire_sender();

	path_burst(rx, fd, 300);
	ip("link set vb down");
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	ip("link set vb up");
	flow_comes_back(rx, fd);
	path_burst(rx, fd, 300);
	close(fd);
	rx->ops->close(rx);
}

int main(void)
{
	static const struct rx_ops *const paths[] = {&rx_udp, &rx_uring, &rx_xdp};

	wire_up();
	RUN(downs_are_counted);
	RUN(others_do_not_matter);
	RUN(names_do_not_matter);
	RUN(deletion_is_said);
	RUN(move_is_said);
	RUN(lost_messages_are_made_up_for);
	RUN(what_is_not_named_is_not_watched);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;

		path_ops = paths[i];
		printf("-- %s\n", path_ops->name);
		if (path_try(&rx, &options)) {
			printf("left out: %s does not open here\n", path_ops->name);
			continue;
		}
		rx->ops->close(rx);
		RUN(flow_survives_down_and_up);
	}
	return 0;
}
