// SPDX-License-Identifier: MIT
/* The xdp path's sockets and their shared memory: modes, frames, several queues, a second line. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "conform.h"
#include "xsk.h"

#define OTHER_HERE  "10.78.0.1"
#define OTHER_THERE "10.78.0.2"
#define MANY_HERE   "10.79.0.1"
#define MANY_THERE  "10.79.0.2"
#define QUEUES	    4

static char wire_c[64]; /* a third namespace, for the second line */

/* ---- what the wires of wire.h do not have ---- */

/* hpt<pid>a: vc ---- hpt<pid>c: vd, whose index is vb's; hpt<pid>a: qa ---- hpt<pid>b: qb, with four queues.
 */
static void more_down(void)
{
	if (getpid() == wire_owner)
		wire_run("ip netns del hpt%dc", wire_owner);
}

static int index_in(const char *netns, const char *ifname)
{
	int before = netns_enter(netns), index = (int)if_nametoindex(ifname);

	netns_leave(before);
	return index;
}

static void more_up(void)
{
	int pid = wire_owner, index = index_in(wire_b, "vb");

	snprintf(wire_c, sizeof(wire_c), "/run/netns/hpt%dc", pid);
	CHECK_EQ(wire_run("ip netns add hpt%dc", pid), 0);
	atexit(more_down);
	CHECK_EQ(wire_run("ip -n hpt%da link add vc type veth peer name vd index %d netns hpt%dc", pid, index,
			  pid),
		 0);
	CHECK_EQ(wire_run("ip -n hpt%da link add dev qa numtxqueues %d numrxqueues %d type veth peer name qb "
			  "numtxqueues %d numrxqueues %d netns hpt%db",
			  pid, QUEUES, QUEUES, QUEUES, QUEUES, pid),
		 0);
	CHECK_EQ(wire_run("ip -n hpt%da address add " OTHER_HERE
			  "/24 dev vc && ip -n hpt%da link set vc up && "
			  "ip -n hpt%dc address add " OTHER_THERE "/24 dev vd && ip -n hpt%dc link set vd up",
			  pid, pid, pid, pid),
		 0);
	CHECK_EQ(wire_run("ip -n hpt%da address add " MANY_HERE
			  "/24 dev qa && ip -n hpt%da link set qa up && "
			  "ip -n hpt%db address add " MANY_THERE "/24 dev qb && ip -n hpt%db link set qb up",
			  pid, pid, pid, pid),
		 0);
	CHECK_EQ(index_in(wire_c, "vd"), index);
}

/* A socket that sends multicast from an interface of namespace a. */
static int sender_on(const char *ifname)
{
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ip_mreqn out = {.imr_ifindex = (int)if_nametoindex(ifname)};

	CHECK(before >= 0 && fd >= 0 && out.imr_ifindex > 0);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
	netns_leave(before);
	return fd;
}

static uint32_t program_on(const char *netns, const char *ifname)
{
	int before = netns_enter(netns);
	uint32_t id = 0;

	CHECK_EQ(bpf_xdp_query_id((int)if_nametoindex(ifname), 0, &id), 0);
	netns_leave(before);
	return id;
}

static int group_joined_in(const char *netns)
{
	char line[512];
	int before = netns_enter(netns), found = 0;
	FILE *file = fopen("/proc/thread-self/net/igmp", "r");

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		found += strstr(line, "0100FFEF") != NULL;
	fclose(file);
	netns_leave(before);
	return found;
}

static struct rx *open_with(const struct hp_rx_options *options)
{
	struct rx *rx = NULL;

	if (path_try(&rx, options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

static void refused(const struct hp_rx_options *options, int code, const char *word)
{
	struct rx *rx;
	int fds = wire_fds();

	CHECK_EQ(path_try(&rx, options), -code);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
	CHECK_EQ(program_on(wire_b, "vb"), 0);
}

static int noted(const char *word)
{
	if (strstr(path_stats.note, word))
		return 1;
	fprintf(stderr, "the note was: %s\n", path_stats.note);
	return 0;
}

/* Receives `count` datagrams of four bytes, whatever their order. */
static void receive_all(struct rx *rx, int count)
{
	struct rx_datagram got[RX_BATCH];

	while (count > 0) {
		int taken = path_poll(rx, got);

		CHECK(taken > 0 && taken <= count);
		for (int i = 0; i < taken; i++)
			CHECK_EQ(got[i].len, 4);
		rx->ops->release(rx);
		count -= taken;
	}
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
}

/* ---- modes ---- */

static void zero_copy_is_had_or_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int fd = wire_sender();

	options.flags = HP_RX_ZERO_COPY;
	refused(&options, EOPNOTSUPP,
		"Cannot use zero-copy on queue 0 of \"vb\": its driver (veth) has none");
	options.flags = HP_RX_COPY;
	rx = open_with(&options);
	CHECK(noted("native, copy, need-wakeup"));
	path_burst(rx, fd, 100);
	rx->ops->close(rx);
	close(fd);
}

/* Each look that finds nothing drives the driver, until it is known that there is none to drive. */
static void busy_polling_takes_a_budget(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender(), driven;

	options.wait = HP_WAIT_BUSY_POLL;
	options.budget = 8;
	rx = open_with(&options);
	CHECK(!strstr(path_stats.note, "no busy-poll"));
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.kicks, 1);
	path_burst(rx, fd, 200);
	rx->ops->refresh(rx);
	driven = !strstr(path_stats.note, "no NAPI to busy-poll");
	path_stats.kicks = 0;
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.kicks, driven);
	path_burst(rx, fd, 200);
	close(fd);
	rx->ops->close(rx);
}

/* veth hands no NIC's stamp over: the program's own is taken, and the note says so. */
static void stamps_say_whose_they_are(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int fd = wire_sender();

	options.flags = HP_RX_STAMPS;
	rx = open_with(&options);
	CHECK(path_stamp_of_one(rx, fd) > 0);
	rx->ops->refresh(rx);
	rx->ops->refresh(rx);
	CHECK(noted("no rx-timestamp metadata, stamps by XDP"));
	CHECK_EQ(path_stats.stamped, 1);
	rx->ops->close(rx);
	options = path_options("127.0.0.1", "lo"); /* generic: a program for one interface cannot attach */
	options.flags = HP_RX_STAMPS;
	rx = open_with(&options);
	CHECK(noted("no rx-timestamp metadata, stamps by XDP"));
	rx->ops->close(rx);
	close(fd);
}

/* ---- frames ---- */

static void bad_frames_are_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");

	options.frame_bytes = 3000;
	refused(&options, EINVAL, "Cannot use frames of 3000 bytes: 2048 or 4096");
	options.frame_bytes = 0;
	options.frames = 100;
	refused(&options, EINVAL, "Cannot use 100 frames: a power of two from 64 to 1048576");
	options.frames = 32;
	refused(&options, EINVAL, "Cannot use 32 frames");
	options.frames = 1u << 21;
	refused(&options, EINVAL, "Cannot use 2097152 frames");
	options.frames = 64;
	snprintf(options.also_ifname, sizeof(options.also_ifname), "lo");
	refused(&options, EINVAL, "Cannot share 64 frames among 2 sockets: 64 each at least");
	options.also_ifname[0] = 0;
	options.queues = 65;
	refused(&options, EINVAL, "Cannot serve 65 queues: 64 at most");
}

static void frames_of_every_size_go_round(void)
{
	static const uint32_t sizes[] = {2048, 4096}, counts[] = {64, 8192};
	int fd = wire_sender();

	for (int i = 0; i < 2; i++) {
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;

		options.frame_bytes = sizes[i];
		options.frames = counts[i];
		rx = open_with(&options);
		for (int round = 0; round < 300; round++)
			path_burst(rx, fd, 48);
		rx->ops->refresh(rx);
		CHECK_EQ(path_stats.dropped, 0);
		rx->ops->close(rx);
	}
	close(fd);
}

/* What does not fit a frame is dropped and counted, and the note said so before. */
static void a_large_mtu_is_said(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	static uint8_t data[2500];
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender();

	CHECK_EQ(wire_run("ip -n hpt%da link set va mtu 3000 && ip -n hpt%db link set vb mtu 3000",
			  wire_owner, wire_owner),
		 0);
	rx = open_with(&options);
	CHECK(noted("MTU 3000: frames over 1792 are dropped; frame=4096"));
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, 1792 - 42);
	path_expect(rx, data, 1792 - 42);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.dropped, 1);
	rx->ops->close(rx);
	options.frame_bytes = 4096;
	rx = open_with(&options);
	CHECK(!strstr(path_stats.note, "MTU"));
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	path_expect(rx, data, sizeof(data));
	rx->ops->close(rx);
	close(fd);
	CHECK_EQ(wire_run("ip -n hpt%da link set va mtu 1500 && ip -n hpt%db link set vb mtu 1500",
			  wire_owner, wire_owner),
		 0);
}

/* A receiver that looks and never gives back: the kernel runs out of frames, counts, and goes on when it has
 * some again. */
static void holding_every_frame_is_counted(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender(), held = 0, count;
	uint32_t number;

	options.frames = 256;
	rx = open_with(&options);
	for (uint32_t i = 0; i < 500; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		if (i % 32)
			continue;
		while ((count = rx->ops->poll(rx, got, RX_BATCH)) > 0) {
			memcpy(&number, got[0].data, sizeof(number));
			CHECK_EQ(number, held);
			held += count;
		}
	}
	while ((count = path_poll(rx, got)) > 0)
		held += count;
	CHECK_EQ(held, 256);
	rx->ops->refresh(rx);
	CHECK_EQ(held + path_stats.dropped, 500);
	CHECK(path_stats.fill_empty > 0);
	rx->ops->release(rx);
	path_burst(rx, fd, 200);
	rx->ops->refresh(rx);
	CHECK_EQ(held + path_stats.dropped, 500);
	close(fd);
	rx->ops->close(rx);
}

static int huge_pages(int set)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", set < 0 ? "r" : "w");
	int count = -1;

	if (!file)
		return -1;
	if (set < 0 && fscanf(file, "%d", &count) != 1)
		count = -1;
	if (set >= 0)
		fprintf(file, "%d\n", set);
	return fclose(file) ? -1 : count;
}

static int huge_before = -1;

static void huge_restore(void)
{
	if (getpid() == wire_owner && huge_before >= 0)
		huge_pages(huge_before);
	huge_before = -1;
}

/* 4096 frames of 2048 bytes lie on four of them. */
static void huge_pages_are_used_where_there_are_some(void)
{
	struct rx *rx;
	int fd = wire_sender();

	huge_before = huge_pages(-1);
	huge_pages(huge_before + 8);
	if (huge_pages(-1) < huge_before + 8) {
		huge_restore();
		printf("left out: the machine gives no huge pages\n");
		return;
	}
	rx = path_open();
	CHECK(noted("huge pages"));
	path_burst(rx, fd, 200);
	rx->ops->close(rx);
	huge_restore();
	close(fd);
}

static void drop_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	data[capability / 32].effective &= ~(1u << capability % 32);
	CHECK_EQ(syscall(SYS_capset, &header, data), 0);
}

/* Whoever may lock as much as it likes needs no limit; who may not is told which limit it is. */
static void no_memory_lock_is_said(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		const struct rlimit none = {0, 0};
		struct rx *rx;

		CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
		drop_capability(CAP_SYS_RESOURCE);
		rx = path_open();
		rx->ops->close(rx);
		drop_capability(CAP_IPC_LOCK);
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");

		CHECK_EQ(path_try(&rx, &options), -ENOBUFS);
		CHECK(wire_said("raise RLIMIT_MEMLOCK (ulimit -l), or use fewer (frames=)"));
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* ---- somebody else's program ---- */

static void a_foreign_program_is_named_and_kept(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "GPL", pass, 2, NULL);
	int before = netns_enter(wire_b), index = (int)if_nametoindex("vb");
	struct rx *rx;
	uint32_t id;

	CHECK(program >= 0);
	CHECK_EQ(bpf_xdp_attach(index, program, 0, NULL), 0);
	netns_leave(before);
	id = program_on(wire_b, "vb");
	CHECK(id);
	CHECK_EQ(path_try(&rx, &options), -EBUSY);
	CHECK(wire_said("\"somebody\" is there already and is left alone"));
	CHECK_EQ(program_on(wire_b, "vb"), id);
	before = netns_enter(wire_b);
	CHECK_EQ(bpf_xdp_detach(index, 0, NULL), 0);
	netns_leave(before);
	close(program);
	rx = path_open();
	rx->ops->close(rx);
}

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

static struct hp_rx_options both_lines(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");

	snprintf(options.also_ifname, sizeof(options.also_ifname), "vd");
	snprintf(options.also_netns, sizeof(options.also_netns), "%s", wire_c);
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
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int error;

	wire_up();
	atexit(huge_restore);
	path_ops = &rx_xdp;
	error = path_try(&rx, &options);
	if (error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EAFNOSUPPORT) {
		wire_said("?");
		SKIP("no BPF or AF_XDP here");
	}
	CHECK_EQ(error, 0);
	rx->ops->close(rx);
	more_up();
	RUN(zero_copy_is_had_or_refused);
	RUN(busy_polling_takes_a_budget);
	RUN(stamps_say_whose_they_are);
	RUN(bad_frames_are_refused);
	RUN(frames_of_every_size_go_round);
	RUN(a_large_mtu_is_said);
	RUN(holding_every_frame_is_counted);
	RUN(huge_pages_are_used_where_there_are_some);
	RUN(no_memory_lock_is_said);
	RUN(a_foreign_program_is_named_and_kept);
	RUN(queues_are_served_from_one_umem);
	RUN(queues_that_are_not_there_are_refused);
	RUN(loss_over_queues_is_exact);
	RUN(two_lines_share_one_umem);
	RUN(a_bad_second_line_leaves_nothing);
	RUN(a_lost_second_line_is_said);
	return 0;
}
