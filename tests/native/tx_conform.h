/* SPDX-License-Identifier: MIT */
/*
 * The cases that every transmit path must pass, the same for each: tx_conforms(). What arrives is read by a
 * plain socket at the other end of the wire, so that the kernel there has checked every header.
 */
#ifndef HP_TX_CONFORM_H
#define HP_TX_CONFORM_H

#include <netinet/in.h>

#include "tx/tx.h"
#include "wire.h"

#define WIRE_GROUP "239.255.0.1"
#define WIRE_PORT  12345

/* Where the path under test sends: a side of the wire, its interface, and the source it must be told. */
static struct {
	char side;
	const char *ifname, *source;
	int made; /* by the path: it need not be there */
} tx_wire = {'a', "va", "", 0};

static const struct tx_ops *tx_ops;
static struct hp_tx_stats tx_stats;

static inline struct hp_tx_options tx_options(const char *address)
{
	struct hp_tx_options options = {.port = WIRE_PORT, .cpu = -1};

	snprintf(options.ifname, sizeof(options.ifname), "%s", tx_wire.ifname);
	snprintf(options.source, sizeof(options.source), "%s", tx_wire.source);
	snprintf(options.address, sizeof(options.address), "%s", address);
	return options;
}

static inline const char *tx_namespace(void)
{
	return tx_wire.side == 'a' ? wire_a : wire_b;
}

static inline int tx_try(struct tx **out, const struct hp_tx_options *options)
{
	int before = netns_enter(tx_namespace()), error;

	CHECK(before >= 0);
	memset(&tx_stats, 0, sizeof(tx_stats));
	error = tx_ops->open(out, options, &tx_stats);
	netns_leave(before);
	return error;
}

static inline struct tx *tx_open_with(const struct hp_tx_options *options)
{
	struct tx *tx = NULL;

	if (tx_try(&tx, options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return tx;
}

static inline struct tx *tx_open(const char *address)
{
	struct hp_tx_options options = tx_options(address);

	return tx_open_with(&options);
}

/* A socket of namespace b on address:port, joined where it is a group; waits a second at most. */
static inline int tx_receiver(const char *ip)
{
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	int size = 4 << 20;
	struct sockaddr_in address = wire_address(ip, WIRE_PORT);
	struct timeval second = {.tv_sec = 1};
	struct ip_mreqn group = {.imr_multiaddr = address.sin_addr, .imr_ifindex = (int)if_nametoindex("vb")};

	CHECK(before >= 0 && fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (IN_MULTICAST(ntohl(address.sin_addr.s_addr)))
		CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	netns_leave(before);
	return fd;
}

/* What arrived with one datagram. */
struct tx_arrival {
	uint8_t data[4096];
	ssize_t len; /* -1: nothing within a second */
	char from[16];
	int from_port, ttl;
};

static inline struct tx_arrival tx_arrival(int fd)
{
	struct tx_arrival got = {.ttl = -1};
	struct sockaddr_in from = {0};
	struct iovec part = {got.data, sizeof(got.data)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header;

	do /* a ring that was closed a moment ago may interrupt whoever used it */
		got.len = recvmsg(fd, &message, 0);
	while (got.len < 0 && errno == EINTR);
	inet_ntop(AF_INET, &from.sin_addr, got.from, sizeof(got.from));
	got.from_port = ntohs(from.sin_port);
	header = got.len < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == IP_TTL)
		memcpy(&got.ttl, CMSG_DATA(header), sizeof(got.ttl));
	return got;
}

/* Reserves, writes and flushes one datagram; again while there is no room, for a second. */
static inline void tx_put(struct tx *tx, const void *data, uint32_t len)
{
	double deadline = wire_seconds() + 1;
	uint8_t *payload;

	while (!(payload = tx->ops->reserve(tx, len)) && wire_seconds() < deadline)
		CHECK(tx->ops->flush(tx) >= 0);
	CHECK(payload);
	memcpy(payload, data, len);
	do
		CHECK(tx->ops->flush(tx) >= 0);
	while (tx->waiting && wire_seconds() < deadline);
	CHECK_EQ(tx->waiting, 0);
}

static inline void tx_arrives_unchanged(const char *to, int ttl)
{
	static const uint32_t sizes[] = {40, 80, 120, 160, 200, 1, 1472, 41, 40};
	struct tx *tx = tx_open(to);
	int fd = tx_receiver(to);
	uint8_t data[1472];
	double bytes = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tx_arrival got;

		for (size_t at = 0; at < sizes[i]; at++)
			data[at] = (uint8_t)(at * 7 + i);
		tx_put(tx, data, sizes[i]);
		got = tx_arrival(fd);
		CHECK_EQ(got.len, sizes[i]);
		CHECK(!memcmp(got.data, data, sizes[i]));
		CHECK(!strcmp(got.from, WIRE_HERE));
		CHECK_EQ(got.ttl, ttl);
		bytes += sizes[i];
	}
	CHECK_EQ(tx_stats.sent, 9);
	CHECK_EQ(tx_stats.bytes, bytes);
	CHECK_EQ(tx_stats.failed, 0);
	tx->ops->close(tx);
	close(fd);
}

static inline void group_gets_it_unchanged(void)
{
	tx_arrives_unchanged(WIRE_GROUP, 1);
}

/* The neighbour is not known yet: a path that writes frames has it resolved. */
static inline void host_gets_it_unchanged(void)
{
	wire_run("ip -n hpt%d%c neigh flush dev %s", wire_owner, tx_wire.side, tx_wire.ifname);
	tx_arrives_unchanged(WIRE_THERE, 64);
}

static inline void source_and_ttl_are_as_stated(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);
	struct tx_arrival got;
	struct tx *tx;

	snprintf(options.source, sizeof(options.source), WIRE_HERE);
	options.source_port = 4711;
	options.ttl = 9;
	tx = tx_open_with(&options);
	tx_put(tx, "stated", 6);
	got = tx_arrival(fd);
	CHECK_EQ(got.len, 6);
	CHECK(!strcmp(got.from, WIRE_HERE));
	CHECK_EQ(got.from_port, 4711);
	CHECK_EQ(got.ttl, 9);
	tx->ops->close(tx);
	close(fd);
}

/* Reserves `count` numbered datagrams, flushes until they have left, and expects them in order. */
static inline void tx_burst(struct tx *tx, int fd, uint32_t count)
{
	double deadline = wire_seconds() + 2;
	uint32_t number, heard = 0;

	for (number = 0; number < count; number++) {
		uint8_t *payload = tx->ops->reserve(tx, sizeof(number));

		CHECK(payload);
		memcpy(payload, &number, sizeof(number));
	}
	do
		CHECK(tx->ops->flush(tx) >= 0);
	while (tx->waiting && wire_seconds() < deadline);
	CHECK_EQ(tx->waiting, 0);
	while (fd >= 0 && heard < count) {
		CHECK_EQ(recv(fd, &number, sizeof(number), 0), sizeof(number));
		CHECK_EQ(number, heard);
		heard++;
	}
}

static inline void batches_leave_in_order(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);

	for (uint32_t count = 1; count <= TX_BATCH; count++) {
		tx_burst(tx, fd, count);
		/* Lent buffers come back within the second. */
		for (int i = 0; i < 1000 && tx_stats.completed && tx_stats.completed < tx_stats.sent; i++) {
			tx->ops->flush(tx);
			wire_pause();
		}
	}
	CHECK_EQ(tx_stats.sent, TX_BATCH * (TX_BATCH + 1) / 2);
	CHECK_EQ(tx_stats.bytes, tx_stats.sent * 4);
	CHECK_EQ(tx_stats.calls, TX_BATCH);
	CHECK_EQ(tx_stats.failed + tx_stats.partial + tx_stats.no_room, 0);
	tx->ops->close(tx);
	close(fd);
}

static inline void no_room_is_counted(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);

	CHECK(tx->largest >= 1472);
	CHECK(!tx->ops->reserve(tx, tx->largest + 1));
	CHECK_EQ(tx_stats.no_room, 1);
	for (int i = 0; i < TX_BATCH; i++)
		CHECK(tx->ops->reserve(tx, 40));
	CHECK(!tx->ops->reserve(tx, 40));
	CHECK_EQ(tx_stats.no_room, 2);
	CHECK_EQ(tx->waiting, TX_BATCH);
	tx->ops->close(tx); /* what still waits is lost, not leaked */
}

static inline void tx_refuses(const struct hp_tx_options *options, int error, const char *word)
{
	int fds = wire_fds();
	struct tx *tx;

	CHECK_EQ(tx_try(&tx, options), -error);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
}

static inline void bad_endpoints_are_refused(void)
{
	struct hp_tx_options options = tx_options("nowhere");

	tx_refuses(&options, EINVAL, "Cannot send to \"nowhere\": not a dotted IPv4 address");
	options = tx_options(WIRE_GROUP);
	options.port = 0;
	tx_refuses(&options, EINVAL, "port 0 is not 1..65535");
	options.port = 65536;
	tx_refuses(&options, EINVAL, "port 65536 is not");
	options = tx_options(WIRE_GROUP);
	options.source_port = 70000;
	tx_refuses(&options, EINVAL, "port 70000 is not");
	options = tx_options(WIRE_GROUP);
	memset(options.ifname, 'x', sizeof(options.ifname)); /* no NUL */
	if (!tx_wire.made)
		tx_refuses(&options, ENODEV, "no such interface");
	options = tx_options(WIRE_GROUP);
	options.ttl = 256;
	tx_refuses(&options, EINVAL, "TTL of 256");
	options = tx_options(WIRE_GROUP);
	options.batch = TX_BATCH + 1;
	tx_refuses(&options, EINVAL, "65 datagrams a batch");
	options = tx_options(WIRE_GROUP);
	snprintf(options.source, sizeof(options.source), "here");
	tx_refuses(&options, EINVAL, "Cannot send from \"here\"");
}

/* Nothing leaves through an interface that is down, and nothing is lost silently. */
static inline void a_downed_interface_is_counted(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);
	double fate;

	tx_put(tx, "before", 6);
	CHECK_EQ(tx_arrival(fd).len, 6);
	CHECK_EQ(wire_run("ip -n hpt%d%c link set %s down", wire_owner, tx_wire.side, tx_wire.ifname), 0);
	for (int i = 0; i < 10; i++)
		tx_put(tx, "down", 4);
	tx->ops->refresh(tx);
	fate = tx_stats.failed + tx_stats.link_drops;
	CHECK(fate >= 10 && tx_stats.link_downs == 1);
	CHECK_EQ(tx_stats.failed,
		 tx_stats.failed_link + tx_stats.failed_room + tx_stats.failed_size + tx_stats.failed_other);
	CHECK_EQ(wire_run("ip -n hpt%d%c link set %s up", wire_owner, tx_wire.side, tx_wire.ifname), 0);
	CHECK_EQ(recv(fd, &fate, sizeof(fate), MSG_DONTWAIT), -1);
	do { /* the carrier takes a moment */
		fate = tx_stats.link_downs;
		wire_pause();
		tx->ops->refresh(tx);
	} while (tx_stats.link_downs > fate && tx_stats.link_downs < 1000);
	tx_put(tx, "after", 5);
	CHECK_EQ(tx_arrival(fd).len, 5);
	tx->ops->close(tx);
	close(fd);
}

static inline void sending_never_allocates(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);

	wire_count_works();
	tx_burst(tx, fd, 8); /* a ring is enabled by the first flush */
	wire_counting = 1;
	for (int i = 0; i < 100; i++)
		tx_burst(tx, fd, 8);
	tx->ops->refresh(tx);
	wire_counting = 0;
	CHECK_EQ(wire_allocations, 0);
	tx->ops->close(tx);
	close(fd);
}

static inline void tx_close_frees_everything(void)
{
	int fds = wire_fds();

	for (int i = 0; i < 20; i++) {
		struct tx *tx = tx_open(WIRE_GROUP);

		tx_burst(tx, -1, 4);
		tx->ops->close(tx);
	}
	CHECK_EQ(wire_fds(), fds);
}

/* Lines of a table of namespace a. */
static inline int tx_table_lines(const char *table)
{
	int before = netns_enter(tx_namespace()), lines = 0, byte;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", table);
	file = fopen(path, "r");
	while (file && (byte = fgetc(file)) != EOF)
		lines += byte == '\n';
	if (file)
		fclose(file);
	netns_leave(before);
	return lines;
}

/* UDP and packet sockets of namespace a: what is left are the tables' headings. */
static inline int tx_sockets(void)
{
	return tx_table_lines("udp") + tx_table_lines("packet") - 2;
}

static inline void a_killed_process_leaves_nothing(void)
{
	int ready[2], status;
	double deadline = wire_seconds() + 5;
	char byte;
	pid_t child;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct tx *tx = tx_open(WIRE_GROUP);

		tx_burst(tx, -1, 16);
		(void)!write(ready[1], "", 1);
		pause();
		_exit(1);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, &status, 0), child);
	while (tx_sockets() && wire_seconds() < deadline)
		wire_pause(); /* a ring lets go in the kernel's own time */
	CHECK_EQ(tx_sockets(), 0);
	close(ready[0]);
	close(ready[1]);
}

/* What the child, as nobody, is told: 0 is success, else the sentence must hold `word`. */
static inline void as_nobody(int error, const char *word)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct hp_tx_options options = tx_options(WIRE_GROUP);
		struct tx *tx;
		int got;

		netns_enter(tx_namespace());
		if (setresuid(65534, 65534, 65534))
			_exit(2);
		got = tx_ops->open(&tx, &options, &tx_stats);
		if (!got)
			tx_put(tx, "nobody", 6);
		_exit(got != -error || (error && !wire_said(word)));
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static inline void tx_conforms(const struct tx_ops *ops)
{
	tx_ops = ops;
	printf("-- %s\n", ops->name);
	RUN(group_gets_it_unchanged);
	RUN(host_gets_it_unchanged);
	RUN(source_and_ttl_are_as_stated);
	RUN(batches_leave_in_order);
	RUN(no_room_is_counted);
	RUN(bad_endpoints_are_refused);
	RUN(a_downed_interface_is_counted);
	RUN(sending_never_allocates);
	RUN(tx_close_frees_everything);
	RUN(a_killed_process_leaves_nothing);
}

#endif
