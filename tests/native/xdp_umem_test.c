// SPDX-License-Identifier: MIT
/* The xdp path's memory and modes: frames, huge pages, stamps, and a program that is there already. */
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "xdp_wire.h"

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
	printf("asks the NIC: %s\n", strstr(path_stats.note, "rx-timestamp") ? "no" : "yes");
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
	CHECK(noted("MTU 3000: over 1792 dropped; frame=4096"));
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

int main(void)
{
	xdp_wire_up();
	atexit(huge_restore);
	RUN(zero_copy_is_had_or_refused);
	RUN(busy_polling_takes_a_budget);
	RUN(stamps_say_whose_they_are);
	RUN(bad_frames_are_refused);
	RUN(frames_of_every_size_go_round);
	RUN(a_large_mtu_is_said);
	RUN(holding_every_frame_is_counted);
	RUN(huge_pages_are_used_where_there_are_some);
	RUN(no_memory_lock_is_said);
	return 0;
}
