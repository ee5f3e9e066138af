// SPDX-License-Identifier: MIT
/* The udp and uring receive paths, and what they share: addresses, namespaces. */
#include <time.h> /* before errqueue.h, which uses struct timespec */

#include <linux/errqueue.h>

#include "conform.h"

/* Fragments come together in the kernel, and what does not fit is said. */
static void cut_with(uint32_t flags)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	struct rx_datagram got[RX_BATCH];
	static uint8_t data[3000];
	int fd = wire_sender();

	options.flags = flags;
	CHECK_EQ(path_try(&rx, &options), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, RX_FRAME);
	path_expect(rx, data, RX_FRAME);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	CHECK_EQ(path_poll(rx, got), 1);
	CHECK_EQ(got[0].len, RX_FRAME);
	CHECK_EQ(got[0].truncated, 1);
	CHECK(!memcmp(got[0].data, data, RX_FRAME));
	rx->ops->release(rx);
	CHECK_EQ(path_stats.truncated, 1);
	CHECK_EQ(path_stats.bytes, RX_FRAME + sizeof(data));
	close(fd);
	rx->ops->close(rx);
}

static void long_datagrams_are_cut(void)
{
	cut_with(0);
	cut_with(HP_RX_STAMPS);
}

static void foreign_addresses_are_refused(void)
{
	refused_with_a_sentence("10.99.9.9", "vb", WIRE_PORT, EADDRNOTAVAIL, "no interface has that address");
	refused_with_a_sentence("239.255.0.1", "", WIRE_PORT, ENODEV, "name the interface with if=");
}

/* In a child without any privilege: both sockets need none, and busy polling is said to be missing. */
static void nobody_may_receive(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		int before = netns_enter(wire_b);
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;

		(void)before;
		options.wait = HP_WAIT_BUSY_POLL;
		if (setresuid(65534, 65534, 65534) || path_ops->open(&rx, &options, &path_stats))
			_exit(1);
		if (!strstr(path_stats.note, "no busy-poll: needs CAP_NET_ADMIN"))
			_exit(2);
		rx->ops->close(rx);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void *poll_once(void *argument)
{
	struct rx_datagram got[RX_BATCH];
	struct rx *rx = argument;

	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	return NULL;
}

/* The kernel tears another thread's ring down in its own time, but soon. */
static void close_by_another_thread(void)
{
	struct rx *rx = path_open();
	double deadline = wire_seconds() + 5;
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, poll_once, rx), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	rx->ops->close(rx);
	CHECK(!wire_table("igmp", "0100FFEF"));
	while (wire_table("udp", ":3039 ") && wire_seconds() < deadline)
		wire_pause();
	CHECK(!wire_table("udp", ":3039 "));
}

/* Whether the note of a path that busy-polls says, after some datagrams, that there is no driver to poll. */
static int note_misses_napi(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int fd = wire_sender(), misses;

	options.wait = HP_WAIT_BUSY_POLL;
	CHECK_EQ(path_try(&rx, &options), 0);
	path_burst(rx, fd, 10);
	rx->ops->refresh(rx);
	path_burst(rx, fd, 200);
	misses = strstr(path_stats.note, "no NAPI to busy-poll") != NULL;
	close(fd);
	rx->ops->close(rx);
	return misses;
}

/* veth polls UDP through NAPI only when it is told to aggregate what it forwards. */
static void a_driver_without_napi_is_said(void)
{
	const char *set = "nsenter --net=%s ethtool -K vb gro %s rx-udp-gro-forwarding %s 2>/dev/null";

	CHECK(note_misses_napi());
	if (wire_run(set, wire_b, "on", "on")) {
		printf("left out: ethtool cannot give veth NAPI here\n");
		return;
	}
	CHECK(!note_misses_napi());
	CHECK_EQ(wire_run(set, wire_b, "off", "off"), 0);
}

static void sqpoll_receives_with(uint32_t flags, int32_t wait, int32_t core)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	double deadline = wire_seconds() + 5;
	struct rx *rx;
	int fd = wire_sender();

	options.flags = HP_RX_SQPOLL | flags;
	options.wait = wait;
	options.helper_cpu = core;
	CHECK_EQ(path_try(&rx, &options), 0);
	CHECK(strstr(path_stats.note, "sqpoll"));
	CHECK_EQ(strstr(path_stats.note, "sqpoll thread on core 0") != NULL, core == 0);
	CHECK_EQ(strstr(path_stats.note, "a core of its own") != NULL, sysconf(_SC_NPROCESSORS_ONLN) < 3);
	path_burst(rx, fd, 500);
	path_burst_asleep(rx, fd, 20);
	path_thread(rx);
	if (flags & HP_RX_STAMPS)
		CHECK(path_stats.stamped > 0);
	close(fd);
	rx->ops->close(rx);
	while (wire_table("udp", ":3039 ") && wire_seconds() < deadline)
		wire_pause(); /* the thread lets go in its own time */
	CHECK(!wire_table("udp", ":3039 "));
}

static void sqpoll_receives(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;

	sqpoll_receives_with(0, HP_WAIT_SPIN, -1);
	sqpoll_receives_with(HP_RX_STAMPS, HP_WAIT_BUSY_POLL, 0);
	sqpoll_receives_with(0, HP_WAIT_BLOCK, 0);
	options.flags = HP_RX_SQPOLL;
	options.helper_cpu = 4095;
	CHECK_EQ(path_try(&rx, &options), -EINVAL);
	CHECK(wire_said("core 4095 for its SQPOLL thread"));
}

/* One control message of this kind, with a stamp of the kernel's and the NIC's. */
static int64_t stamp_of(int type, int64_t kernel, int64_t nic, size_t cut)
{
	union {
		struct cmsghdr header;
		char bytes[RX_CONTROL];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(struct scm_timestamping)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = type}};
	struct scm_timestamping stamp = {0};

	stamp.ts[0] = (struct timespec){.tv_sec = kernel / 1000000000, .tv_nsec = kernel % 1000000000};
	stamp.ts[2] = (struct timespec){.tv_sec = nic / 1000000000, .tv_nsec = nic % 1000000000};
	memcpy(CMSG_DATA(&control.header), &stamp, sizeof(stamp));
	memset(&path_stats, 0, sizeof(path_stats));
	return rx_stamp(&control, sizeof(control) - cut, &path_stats);
}

static void the_better_stamp_is_taken(void)
{
	const int64_t now = 1700000000123456789, second = 1000000000;

	CHECK(stamp_of(SO_TIMESTAMPING, now, 0, 0) == now);
	CHECK_EQ(path_stats.stamped, 1);
	CHECK(stamp_of(SO_TIMESTAMPING, now, now - 1500, 0) == now - 1500);
	CHECK(stamp_of(SO_TIMESTAMPING, now, now + 37 * second, 0) == now); /* a NIC that counts TAI */
	CHECK(stamp_of(SO_TIMESTAMPING, now, 5 * second, 0) == now); /* ... or from when it was switched on */
	CHECK(stamp_of(SO_TIMESTAMPING, 0, now, 0) == 0);
	CHECK_EQ(path_stats.stamped, 0);
	CHECK(stamp_of(SO_TIMESTAMP, now, 0, 0) == 0);
	CHECK(stamp_of(SO_TIMESTAMPING, now, 0, RX_CONTROL) == 0);
}

static void namespaces_are_entered_and_left(void)
{
	struct stat before, inside, after;
	int fds = wire_fds(), left;

	CHECK_EQ(netns_enter(""), -1);
	CHECK_EQ(stat("/proc/thread-self/ns/net", &before), 0);
	left = netns_enter(wire_b);
	CHECK(left >= 0);
	CHECK_EQ(stat("/proc/thread-self/ns/net", &inside), 0);
	netns_leave(left);
	CHECK_EQ(stat("/proc/thread-self/ns/net", &after), 0);
	CHECK(inside.st_ino != before.st_ino && after.st_ino == before.st_ino);
	CHECK_EQ(netns_enter("/run/netns/hpt-none"), -ENOENT);
	CHECK(wire_said("\"/run/netns/hpt-none\": no such file"));
	CHECK_EQ(netns_enter("/proc/self/status"), -EINVAL);
	CHECK_EQ(wire_fds(), fds);
}

static void paths_are_looked_up(void)
{
	CHECK(rx_path(HP_RX_UDP) == &rx_udp);
	CHECK(rx_path(HP_RX_URING) == &rx_uring);
	CHECK(rx_path(HP_RX_XDP) == &rx_xdp);
	CHECK(rx_path(HP_RX_PACKET) == &rx_packet);
	CHECK(rx_path(HP_RX_TAP) == &rx_tap);
	CHECK(rx_path(HP_RX_PCAP) == &rx_pcap);
	CHECK(!rx_path(99) && !rx_path(-1));
}

static void sockets_conform(const struct rx_ops *ops)
{
	path_conforms(ops);
	RUN(long_datagrams_are_cut);
	RUN(foreign_addresses_are_refused);
	RUN(nobody_may_receive);
	RUN(close_by_another_thread);
	RUN(a_driver_without_napi_is_said);
}

int main(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int error;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	RUN(paths_are_looked_up);
	RUN(the_better_stamp_is_taken);
	RUN(namespaces_are_entered_and_left);
	sockets_conform(&rx_udp);
	path_ops = &rx_uring;
	error = path_try(&rx, &options);
	if (error == -EPERM || error == -ENOSYS)
		SKIP("no io_uring here: the uring path is untested");
	CHECK_EQ(error, 0);
	printf("uring runs as: %s\n", path_stats.note);
	rx->ops->close(rx);
	sockets_conform(&rx_uring);
	RUN(sqpoll_receives);
	return 0;
}
