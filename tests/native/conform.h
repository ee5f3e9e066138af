/* SPDX-License-Identifier: MIT */
/* The cases that every receive path must pass, the same for each: path_conforms(). */
#ifndef HP_CONFORM_H
#define HP_CONFORM_H

#include "rx/rx.h"
#include "wire.h"

#define WIRE_GROUP "239.255.0.1"
#define WIRE_PORT  12345

/* ---- the wire of the path under test ---- */

/* What a wire has not: cases that ask for it are left out, and say why. */
enum path_lack {
	PATH_JOINS_NOTHING = 1, /* no group membership */
	PATH_NAMES_NOTHING = 2, /* the interface need not exist */
	PATH_OPENS_LATE = 4,	/* opened anew for what was sent: descriptors and memory change then */
};

/* How a datagram gets onto a path's wire. */
struct path_wire {
	uint32_t lacks;					/* enum path_lack */
	void (*prepare)(struct hp_rx_options *options); /* what every open needs besides; NULL: nothing */
	void (*opened)(void);				/* follows every open; NULL: nothing */
	int (*sender)(void);				/* a descriptor to send by, the caller's to close */
	void (*send)(int fd, const struct sockaddr_in *to, const void *data, size_t len);
};

/* A socket that sends from namespace a. */
static inline int veth_sender(void)
{
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ttl = 4;
	struct ip_mreqn out = {.imr_ifindex = (int)if_nametoindex("va")};

	CHECK(before >= 0 && fd >= 0 && out.imr_ifindex > 0);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)), 0);
	netns_leave(before);
	return fd;
}

static inline void socket_send(int fd, const struct sockaddr_in *to, const void *data, size_t len)
{
	CHECK_EQ(sendto(fd, data, len, 0, (const struct sockaddr *)to, sizeof(*to)), (ssize_t)len);
}

static const struct path_wire veth_wire = {.sender = veth_sender, .send = socket_send};
static const struct path_wire *path_wire = &veth_wire;

static inline int wire_sender(void)
{
	return path_wire->sender();
}

static inline void wire_send(int fd, const char *ip, int port, const void *data, size_t len)
{
	struct sockaddr_in to = wire_address(ip, port);

	path_wire->send(fd, &to, data, len);
}

/* ---- the path under test ---- */

static const struct rx_ops *path_ops;
static struct hp_rx_stats path_stats;

static inline struct hp_rx_options path_options(const char *address, const char *ifname)
{
	struct hp_rx_options options = {.port = WIRE_PORT, .cpu = -1};

	snprintf(options.address, sizeof(options.address), "%s", address);
	snprintf(options.ifname, sizeof(options.ifname), "%s", ifname);
	if (path_wire->prepare)
		path_wire->prepare(&options);
	return options;
}

static inline int path_try(struct rx **out, const struct hp_rx_options *options)
{
	int before = netns_enter(wire_b), error;

	CHECK(before >= 0);
	memset(&path_stats, 0, sizeof(path_stats));
	error = path_ops->open(out, options, &path_stats);
	netns_leave(before);
	if (!error && path_wire->opened)
		path_wire->opened();
	return error;
}

static inline struct rx *path_open_on(const char *address, const char *ifname)
{
	struct hp_rx_options options = path_options(address, ifname);
	struct rx *rx = NULL;

	if (path_try(&rx, &options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

static inline struct rx *path_open(void)
{
	return path_open_on(WIRE_GROUP, "vb");
}

/* Polls until something comes; 0 after a second. */
static inline int path_poll(struct rx *rx, struct rx_datagram *out)
{
	double deadline = wire_seconds() + 1;
	int count;

	do
		count = rx->ops->poll(rx, out, RX_BATCH);
	while (!count && wire_seconds() < deadline);
	return count;
}

/* The next datagram is exactly these bytes. */
static inline void path_expect(struct rx *rx, const void *data, size_t len)
{
	struct rx_datagram got[RX_BATCH];

	CHECK_EQ(path_poll(rx, got), 1);
	CHECK_EQ(got[0].len, len);
	CHECK_EQ(got[0].truncated, 0);
	CHECK(!memcmp(got[0].data, data, len));
	rx->ops->release(rx);
}

static inline void path_sends_bytes_unchanged(const char *to, struct rx *rx)
{
	static const size_t sizes[] = {40, 80, 120, 160, 200, 1, 1472, 0, 40};
	uint8_t data[1472];
	int fd = wire_sender();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			data[at] = (uint8_t)(at * 7 + i);
		wire_send(fd, to, WIRE_PORT, data, sizes[i]);
		path_expect(rx, data, sizes[i]);
	}
	CHECK_EQ(path_stats.datagrams, 9);
	CHECK_EQ(path_stats.bytes, 600 + 1 + 1472 + 40);
	close(fd);
}

static inline void multicast_arrives_unchanged(void)
{
	struct rx *rx = path_open();

	path_sends_bytes_unchanged(WIRE_GROUP, rx);
	rx->ops->close(rx);
}

static inline void unicast_arrives_unchanged(void)
{
	struct rx *rx = path_open_on(WIRE_THERE, "vb");

	path_sends_bytes_unchanged(WIRE_THERE, rx);
	rx->ops->close(rx);
}

/* Sends `count` numbered datagrams at once, then expects them in order. */
static inline void path_burst(struct rx *rx, int fd, uint32_t count)
{
	struct rx_datagram got[RX_BATCH];
	uint32_t number, next = 0;

	for (number = 0; number < count; number++)
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &number, sizeof(number));
	while (next < count) {
		int taken = path_poll(rx, got);

		CHECK(taken > 0);
		for (int i = 0; i < taken; i++, next++) {
			memcpy(&number, got[i].data, sizeof(number));
			CHECK_EQ(number, next);
		}
		rx->ops->release(rx);
	}
}

static inline void bursts_stay_in_order(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender();

	path_burst(rx, fd, 64);
	path_burst(rx, fd, 1000); /* more than the uring path has buffers */
	for (int i = 0; i < 100; i++)
		path_burst(rx, fd, 64); /* every frame and buffer goes round */
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.dropped, 0);
	close(fd);
	rx->ops->close(rx);
}

static inline void only_the_flow_is_delivered(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender();

	wire_send(fd, WIRE_GROUP, WIRE_PORT + 1, "other port", 10);
	wire_send(fd, "239.255.0.2", WIRE_PORT, "other group", 11);
	wire_send(fd, WIRE_THERE, WIRE_PORT, "other address", 13);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "ours", 4);
	path_expect(rx, "ours", 4);
	close(fd);
	rx->ops->close(rx);
}

static inline void fd_polls_readable(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	struct pollfd wait = {.events = POLLIN};
	int fd = wire_sender();

	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	wait.fd = rx->ops->fd(rx);
	CHECK_EQ(poll(&wait, 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "wake", 4);
		CHECK_EQ(poll(&wait, 1, 1000), 1);
		path_expect(rx, "wake", 4);
	}
	close(fd);
	rx->ops->close(rx);
}

static inline void group_is_joined_while_open(void)
{
	struct rx *rx = path_open();

	CHECK(wire_table("igmp", "0100FFEF"));
	rx->ops->close(rx);
	CHECK(!wire_table("igmp", "0100FFEF"));
}

static inline void close_gives_everything_back(void)
{
	int fds = wire_fds();

	for (int i = 0; i < 3; i++) {
		struct rx *rx = path_open();
		struct rx_datagram got[RX_BATCH];

		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
		rx->ops->close(rx);
		CHECK_EQ(wire_fds(), fds);
		CHECK(!wire_table("udp", ":3039 "));
	}
}

static inline void *path_thread(void *argument)
{
	struct rx *rx = argument;
	int fd = wire_sender();

	path_burst(rx, fd, 200);
	close(fd);
	return NULL;
}

/* Open here, poll there, then here again, then on a third thread. */
static inline void threads_take_turns(void)
{
	struct rx *rx = path_open();
	pthread_t thread;
	int fds = wire_fds();

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_create(&thread, NULL, path_thread, rx), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		path_thread(rx);
	}
	CHECK_EQ(wire_fds(), fds);
	rx->ops->close(rx);
}

static inline void nothing_allocates_after_open(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender();

	wire_count_works();
	wire_counting = 1;
	path_burst(rx, fd, 1);
	for (int i = 0; i < 50; i++)
		path_burst(rx, fd, 64);
	rx->ops->refresh(rx);
	wire_counting = 0;
	CHECK_EQ(wire_allocations, 0);
	close(fd);
	rx->ops->close(rx);
}

static inline void refused_with_a_sentence(const char *address, const char *ifname, uint32_t port, int code,
					   const char *word)
{
	struct hp_rx_options options = path_options(address, ifname);
	struct rx *rx;
	int fds = wire_fds();

	options.port = port;
	CHECK_EQ(path_try(&rx, &options), -code);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
}

static inline void unknown_interfaces_are_refused(void)
{
	refused_with_a_sentence("239.255.0.1", "nope0", WIRE_PORT, ENODEV, "\"nope0\": no such interface");
}

static inline void bad_endpoints_are_refused(void)
{
	refused_with_a_sentence("example.org", "vb", WIRE_PORT, EINVAL, "not a dotted IPv4 address");
	refused_with_a_sentence("239.255.0.1", "vb", 0, EINVAL, "port 0 is not");
	refused_with_a_sentence("239.255.0.1", "vb", 65536, EINVAL, "port 65536 is not");
}

#include "conform_faults.h" /* uses the helpers above */

/* A case, or why it says nothing about this path. */
#define RUN_UNLESS(lack, why, test)                                                                          \
	do {                                                                                                 \
		if (path_wire->lacks & (lack))                                                               \
			printf("left out %s: %s\n", #test, why);                                             \
		else                                                                                         \
			RUN(test);                                                                           \
	} while (0)

/* Every case of both files, on one path. */
static inline void path_conforms(const struct rx_ops *ops)
{
	path_ops = ops;
	printf("-- %s\n", ops->name);
	RUN(multicast_arrives_unchanged);
	RUN(unicast_arrives_unchanged);
	RUN(bursts_stay_in_order);
	RUN(only_the_flow_is_delivered);
	RUN_UNLESS(PATH_OPENS_LATE, "a file holds what it holds", fd_polls_readable);
	RUN_UNLESS(PATH_JOINS_NOTHING, "joins no group", group_is_joined_while_open);
	RUN(close_gives_everything_back);
	RUN(threads_take_turns);
	RUN_UNLESS(PATH_OPENS_LATE, "a file holds what it holds", nothing_allocates_after_open);
	RUN_UNLESS(PATH_NAMES_NOTHING, "needs no interface that is there", unknown_interfaces_are_refused);
	RUN(bad_endpoints_are_refused);
	RUN(every_wait_receives);
	RUN_UNLESS(PATH_OPENS_LATE, "its stamps are the file's", stamps_tell_when_it_arrived);
	RUN_UNLESS(PATH_OPENS_LATE, "a file loses nothing", loss_is_counted_exactly);
	RUN_UNLESS(PATH_OPENS_LATE, "a file is not attached to anything", sigkill_leaves_nothing);
}

#endif
