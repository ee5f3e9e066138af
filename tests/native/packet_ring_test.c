// SPDX-License-Identifier: MIT
/* The packet receive path's ring: sizes, loss, stamps; how it shares a flow; what it lives through and what
 * it does not. */
#include "packet_cases.h"
#include "rx/interface.h"

/* ---- the ring --------------------------------------------------------------------------------- */

/* While nobody looks: what does not fit is counted, every one, and what fits is in order. */
static void drops_with(uint32_t rcvbuf, uint32_t count)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender(), taken;
	uint32_t received = 0;

	options.rcvbuf = rcvbuf;
	rx = open_with(options);
	for (uint32_t round = 1; round <= 2; round++) {
		for (uint32_t i = 0; i < count; i++)
			wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		for (uint32_t next = 0; (taken = path_poll(rx, got)) > 0; rx->ops->release(rx)) {
			for (int i = 0; i < taken; i++, next++, received++)
				CHECK(!memcmp(got[i].data, &next, sizeof(next)));
			rx->ops->refresh(rx);
			if (received + path_stats.dropped == round * count)
				break;
		}
		rx->ops->release(rx);
		CHECK(path_stats.dropped > 0);
		CHECK_EQ(received + path_stats.dropped, round * count);
		CHECK_EQ(path_stats.ring_full, path_stats.dropped);
	}
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "on", 2);
	path_expect(rx, "on", 2);
	close(fd);
	rx->ops->close(rx);
}

static void drops_are_counted_exactly(void)
{
	drops_with(1, 500);	 /* the least there is: a page or two */
	drops_with(65536, 3000); /* a block or a few */
	drops_with(0, is_v3() ? 100000 : 6000);
}

/* What was handed out stays as it is while the ring runs full around it. */
static void held_frames_are_left_alone(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender();

	options.rcvbuf = 1;
	rx = open_with(options);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "held", 4);
	CHECK_EQ(path_poll(rx, got), 1);
	for (uint32_t i = 0; i < 2000; i++)
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
	CHECK(!memcmp(got[0].data, "held", 4));
	rx->ops->refresh(rx);
	CHECK(path_stats.dropped > 0);
	rx->ops->release(rx);
	close(fd);
	rx->ops->close(rx);
}

/* Rings come as powers of two within bounds, and the note says what became of the wish. */
static void ring_sizes_are_within_reason(void)
{
	static const struct {
		uint32_t wanted;
		const char *v2, *v3;
	} rings[] = {
		{1, "V2, 2 frames", "V3, 2 blocks of 4 KiB"},
		{12288, "V2, 4 frames", "V3, 2 blocks of 4 KiB"},
		{5000000, "V2, 2048 frames", "V3, 32 blocks of 128 KiB"},
		{UINT32_MAX, "V2, 131072 frames", "V3, 2048 blocks of 128 KiB"},
	};
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");

	if (sysconf(_SC_PAGESIZE) != 4096) {
		printf("pages are not of 4 KiB: the sizes of rings are untested\n");
		return;
	}
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct rx *rx;

		options.rcvbuf = rings[i].wanted;
		rx = open_with(options);
		CHECK(!strcmp(path_stats.note, is_v3() ? rings[i].v3 : rings[i].v2));
		rx->ops->close(rx);
	}
}

static void a_lone_datagram_does_not_wait_for_others(void)
{
	struct rx *rx = path_open();
	struct pollfd wait = {.fd = rx->ops->fd(rx), .events = POLLIN};
	int fd = wire_sender();

	for (int i = 0; i < 20; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		CHECK_EQ(poll(&wait, 1, 1000), 1);
		path_expect(rx, &i, sizeof(i));
	}
	close(fd);
	rx->ops->close(rx);
}

static void the_note_says_how_it_runs(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;

	options.flags = HP_RX_STAMPS;
	options.wait = HP_WAIT_BUSY_POLL;
	options.fanout = 9;
	rx = open_with(options);
	CHECK(!strcmp(path_stats.note,
		      is_v3() ? "V3, 64 blocks of 128 KiB, kernel stamps, no busy-poll on packet sockets: "
				"spins, fanout 9 by hash"
			      : "V2, 4096 frames, kernel stamps, no busy-poll on packet sockets: spins, "
				"fanout 9 by hash"));
	rx->ops->close(rx);
}

/* ---- together with others --------------------------------------------------------------------- */

#define SENDERS 32
#define EACH	50

/* Takes what is there: every sender's datagrams whole and in order at one of the two sockets. */
static uint32_t take_share(struct rx *rx, int socket, int *owner, uint32_t *seen)
{
	struct rx_datagram got[RX_BATCH];
	uint32_t taken = 0;
	int count = rx->ops->poll(rx, got, RX_BATCH);

	for (int i = 0; i < count; i++, taken++) {
		uint32_t word[2];

		memcpy(word, got[i].data, sizeof(word));
		CHECK(word[0] < SENDERS && (owner[word[0]] == socket || owner[word[0]] == -1));
		owner[word[0]] = socket;
		CHECK_EQ(word[1], seen[word[0]]++);
	}
	rx->ops->release(rx);
	return taken;
}

static void a_fanout_group_shares_the_flow(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct hp_rx_stats stats = {0};
	uint32_t seen[SENDERS] = {0}, shares[2] = {0};
	int owner[SENDERS], fds[SENDERS], left;
	double deadline = wire_seconds() + 5;
	struct rx *rx[2];

	options.fanout = 7;
	rx[0] = open_with(options);
	left = netns_enter(wire_b);
	CHECK_EQ(path_ops->open(&rx[1], &options, &stats), 0);
	netns_leave(left);
	for (int i = 0; i < SENDERS; i++) {
		fds[i] = wire_sender();
		owner[i] = -1;
	}
	for (uint32_t i = 0; i < SENDERS * EACH; i++) {
		uint32_t word[2] = {i % SENDERS, i / SENDERS};

		wire_send(fds[word[0]], WIRE_GROUP, WIRE_PORT, word, sizeof(word));
	}
	while (shares[0] + shares[1] < SENDERS * EACH && wire_seconds() < deadline)
		for (int i = 0; i < 2; i++)
			shares[i] += take_share(rx[i], i, owner, seen);
	CHECK_EQ(shares[0] + shares[1], SENDERS * EACH);
	CHECK(shares[0] && shares[1]);
	CHECK_EQ(let_in(rx[0]) + let_in(rx[1]), SENDERS * EACH);

	rx[0]->ops->close(rx[0]); /* the other has it all now */
	path_burst(rx[1], fds[0], 10);
	path_burst(rx[1], fds[1], 10);
	rx[1]->ops->close(rx[1]);
	for (int i = 0; i < SENDERS; i++)
		close(fds[i]);
}

static void odd_fanout_groups_are_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx, *other;
	int fds;

	options.fanout = 65536;
	CHECK_EQ(path_try(&other, &options), -EINVAL);
	CHECK(wire_said("fanout group 65536: 1 to 65535 are possible"));
	options.fanout = 65535;
	rx = open_with(options);
	fds = wire_fds();
	snprintf(options.address, sizeof(options.address), "127.0.0.1");
	snprintf(options.ifname, sizeof(options.ifname), "lo");
	CHECK_EQ(path_try(&other, &options), -EINVAL);
	CHECK(wire_said("has another interface or mode"));
	CHECK_EQ(wire_fds(), fds);
	rx->ops->close(rx);
}

/* Nobody but us has the port: the kernel must not tell the sender that it is not there, and who comes later
 * has it. */
static void an_unused_port_is_not_answered_for(void)
{
	struct rx *rx = path_open_on(WIRE_THERE, "vb");
	struct sockaddr_in to = wire_address(WIRE_THERE, WIRE_PORT);
	int fd = wire_sender(), later, error;
	socklen_t size = sizeof(error);

	CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	CHECK_EQ(send(fd, "one", 3, 0), 3);
	path_expect(rx, "one", 3);
	CHECK_EQ(send(fd, "two", 3, 0), 3);
	path_expect(rx, "two", 3);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	CHECK_EQ(error, 0);
	later = plain_socket(WIRE_THERE, WIRE_PORT);
	CHECK_EQ(send(fd, "three", 5, 0), 5);
	arrives(later, "three");
	path_expect(rx, "three", 5);
	close(later);
	rx->ops->close(rx);

	later = plain_socket(WIRE_THERE, WIRE_PORT); /* and who was there before keeps it */
	rx = path_open_on(WIRE_THERE, "vb");
	CHECK_EQ(send(fd, "four", 4, 0), 4);
	arrives(later, "four");
	path_expect(rx, "four", 4);
	close(later);
	close(fd);
	rx->ops->close(rx);
}

/* ---- what it lives through, and what it does not ---------------------------------------------- */

/* Datagrams come again within a second or so of `up`. */
static void expect_again(struct rx *rx, int fd)
{
	double deadline = wire_seconds() + 10;
	struct rx_datagram got[RX_BATCH];
	struct sockaddr_in to = wire_address(WIRE_GROUP, WIRE_PORT);
	int count = 0;

	while (!count && wire_seconds() < deadline) {
		sendto(fd, "again", 5, 0, (struct sockaddr *)&to, sizeof(to)); /* no route until it is up */
		wire_pause();
		count = rx->ops->poll(rx, got, RX_BATCH);
	}
	CHECK(count > 0);
	CHECK(got[0].len == 5 && !memcmp(got[0].data, "again", 5));
	rx->ops->release(rx);
}

static void down_and_up_again(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	struct pollfd wait = {.fd = rx->ops->fd(rx), .events = POLLIN};
	int fd = wire_sender();

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(wire_run("ip -n hpt%db link set vb down", getpid()), 0);
		CHECK_EQ(poll(&wait, 1, 0), 1); /* ENETDOWN, once */
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
		rx->ops->refresh(rx);
		CHECK_EQ(poll(&wait, 1, 0), 0);
		CHECK_EQ(wire_run("ip -n hpt%db link set vb up", getpid()), 0);
		expect_again(rx, fd);
	}
	close(fd);
	rx->ops->close(rx);
}

static void it_opens_on_an_interface_that_is_down(void)
{
	struct pollfd wait = {.events = POLLIN};
	int fd = wire_sender();
	struct rx *rx;

	CHECK_EQ(wire_run("ip -n hpt%db link set vb down", getpid()), 0);
	rx = path_open();
	wait.fd = rx->ops->fd(rx);
	CHECK_EQ(poll(&wait, 1, 0), 0);
	CHECK_EQ(wire_run("ip -n hpt%db link set vb up", getpid()), 0);
	expect_again(rx, fd);
	close(fd);
	rx->ops->close(rx);
}

static void a_deleted_interface_is_told(void)
{
	struct interface_watch watch;
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int before;

	CHECK_EQ(wire_run("ip -n hpt%db link add vc type veth peer name vd && ip -n hpt%db link set vc up",
			  getpid(), getpid()),
		 0);
	rx = path_open_on(WIRE_GROUP, "vc");
	before = netns_enter(wire_b);
	CHECK_EQ(interface_watch_open(&watch, "vc"), 0);
	netns_leave(before);
	CHECK_EQ(wire_run("ip -n hpt%db link del vc", getpid()), 0);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	rx->ops->refresh(rx);
	CHECK_EQ(interface_watch_check(&watch, &path_stats), -ENODEV);
	CHECK(wire_said("\"vc\": the interface was deleted"));
	interface_watch_close(&watch);
	rx->ops->close(rx);
}

static void unfit_endpoints_are_refused(void)
{
	refused_with_a_sentence(WIRE_GROUP, "", WIRE_PORT, EINVAL, "no interface named");
	refused_with_a_sentence("0.0.0.0", "vb", WIRE_PORT, EINVAL, "it lets in one address");
	if (wire_run("ip -n hpt%db tuntap add dev vt mode tun 2>/dev/null", getpid())) {
		printf("no tun here: frames that are not Ethernet's are untested\n");
		return;
	}
	refused_with_a_sentence(WIRE_GROUP, "vt", WIRE_PORT, EOPNOTSUPP, "its frames are not Ethernet's");
	wire_run("ip -n hpt%db link del vt", getpid());
}

static void ring_holds(const struct rx_ops *ops)
{
	path_ops = ops;
	printf("-- %s\n", ops->name);
	RUN(drops_are_counted_exactly);
	RUN(held_frames_are_left_alone);
	RUN(ring_sizes_are_within_reason);
	RUN(a_lone_datagram_does_not_wait_for_others);
	RUN(the_note_says_how_it_runs);
	RUN(a_fanout_group_shares_the_flow);
	RUN(odd_fanout_groups_are_refused);
	RUN(an_unused_port_is_not_answered_for);
	RUN(down_and_up_again);
	RUN(it_opens_on_an_interface_that_is_down);
	RUN(a_deleted_interface_is_told);
	RUN(unfit_endpoints_are_refused);
}

int main(void)
{
	packet_begin();
	ring_holds(&rx_packet);
	ring_holds(&by_blocks);
	return 0;
}
