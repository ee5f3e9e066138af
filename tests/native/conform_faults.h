/* SPDX-License-Identifier: MIT */
/* The common cases about waiting, stamps, loss and a violent end: part of path_conforms(). */
#ifndef HP_CONFORM_FAULTS_H
#define HP_CONFORM_FAULTS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/prctl.h>

/* ---- waiting ---- */

/* Sleeps on the path's descriptor before it looks, as the loop does with wait=block. */
static inline void path_burst_asleep(struct rx *rx, int fd, uint32_t count)
{
	struct rx_datagram got[RX_BATCH];
	struct pollfd wait = {.events = POLLIN};
	uint32_t number;
	int taken;

	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	for (uint32_t i = 0; i < count; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		wait.fd = rx->ops->fd(rx);
		CHECK_EQ(poll(&wait, 1, 1000), 1);
		taken = path_poll(rx, got);
		CHECK_EQ(taken, 1);
		memcpy(&number, got[0].data, sizeof(number));
		CHECK_EQ(number, i);
		rx->ops->release(rx);
	}
}

/* Every way to wait, on queue 0, with the thread asked to be on core 0 (the engine pins, a path ignores it).
 */
static inline void every_wait_receives(void)
{
	for (int32_t wait = HP_WAIT_SPIN; wait <= HP_WAIT_BLOCK; wait++) {
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;
		int fd = wire_sender();

		options.wait = wait;
		options.cpu = 0;
		options.budget = 16;
		CHECK_EQ(path_try(&rx, &options), 0);
		path_burst(rx, fd, 200);
		rx->ops->refresh(rx); /* busy-poll: learns whether there is a driver to poll */
		path_burst(rx, fd, 200);
		if (wait == HP_WAIT_BLOCK && !(path_wire->lacks & PATH_OPENS_LATE))
			path_burst_asleep(rx, fd, 20);
		CHECK(path_stats.note[0]);
		close(fd);
		rx->ops->close(rx);
	}
}

/* ---- stamps ---- */

static inline int64_t path_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Sends one and receives it; its stamp, which lies within the time that took, or 0. */
static inline int64_t path_stamp_of_one(struct rx *rx, int fd)
{
	struct rx_datagram got[RX_BATCH];
	int64_t before = path_now();

	wire_send(fd, WIRE_GROUP, WIRE_PORT, "when", 4);
	CHECK_EQ(path_poll(rx, got), 1);
	CHECK(!got[0].wire_ns || (before <= got[0].wire_ns && got[0].wire_ns <= path_now()));
	rx->ops->release(rx);
	return got[0].wire_ns;
}

/* Stamps begin soon after they are asked for, or the note says that there are none. */
static inline void stamps_tell_when_it_arrived(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	double deadline = wire_seconds() + 1;
	struct rx *rx;
	int fd = wire_sender();

	options.flags = HP_RX_STAMPS;
	CHECK_EQ(path_try(&rx, &options), 0);
	while (!path_stamp_of_one(rx, fd) && wire_seconds() < deadline)
		;
	if (path_stats.stamped > 0) {
		double stamped = path_stats.stamped;

		for (int i = 0; i < 20; i++)
			CHECK(path_stamp_of_one(rx, fd) > 0);
		path_burst(rx, fd, 200);
		CHECK_EQ(path_stats.stamped, stamped + 220);
	} else {
		CHECK(strstr(path_stats.note, "no stamps"));
	}
	rx->ops->close(rx);
	rx = path_open();
	CHECK_EQ(path_stamp_of_one(rx, fd), 0);
	CHECK_EQ(path_stats.stamped, 0);
	close(fd);
	rx->ops->close(rx);
}

/* ---- loss ---- */

#define PATH_FLOOD 6000 /* more than any path holds when it is asked to hold little */

/* Nobody polls while the flood comes: what was sent is what is received afterwards and what was dropped. Then
 * the flow goes on. */
static inline void loss_is_counted_exactly(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd = wire_sender(), count;
	uint32_t number, last = 0;
	double received = 0;

	options.rcvbuf = 65536;
	CHECK_EQ(path_try(&rx, &options), 0);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	for (uint32_t i = 1; i <= PATH_FLOOD; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		if (i % 64 == 0)
			wire_pause(); /* or the wire itself, 256 frames long, would lose some */
	}
	for (; (count = path_poll(rx, got)) > 0; received += count) {
		for (int i = 0; i < count; i++) {
			memcpy(&number, got[i].data, sizeof(number));
			CHECK(number > last);
			last = number;
		}
		rx->ops->release(rx);
	}
	rx->ops->refresh(rx);
	CHECK(received > 0 && path_stats.dropped > 0);
	CHECK_EQ(received + path_stats.dropped, PATH_FLOOD);
	CHECK_EQ(path_stats.datagrams, received);
	path_burst(rx, fd, 16); /* it goes on, and loses no more */
	rx->ops->refresh(rx);
	CHECK_EQ(received + path_stats.dropped, PATH_FLOOD);
	close(fd);
	rx->ops->close(rx);
}

/* ---- a violent end ---- */

#define PATH_LINKS 16

/* Receives until it is killed, having said so. */
static inline pid_t path_victim(int fd)
{
	struct pollfd wait = {.events = POLLIN};
	int said[2];
	char byte;
	pid_t child;

	CHECK_EQ(pipe(said), 0);
	child = fork();
	if (!child) {
		struct rx_datagram got[RX_BATCH];
		struct rx *rx;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN); /* nobody listens any more */
		rx = path_open();
		for (int count, first = 1; (count = rx->ops->poll(rx, got, RX_BATCH)) >= 0;) {
			if (count)
				rx->ops->release(rx);
			if (first-- > 0 || count)
				(void)!write(said[1], count ? "r" : "o", 1);
		}
		_exit(1);
	}
	close(said[1]);
	CHECK_EQ(read(said[0], &byte, 1), 1);
	wait.fd = said[0];
	for (double deadline = wire_seconds() + 5; byte != 'r' && wire_seconds() < deadline;) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "flow", 4);
		if (poll(&wait, 1, 1000) > 0)
			CHECK_EQ(read(said[0], &byte, 1), 1);
	}
	CHECK_EQ(byte, 'r');
	for (int i = 0; i < 100; i++) /* it is killed with datagrams at hand */
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "flow", 4);
	close(said[0]);
	return child;
}

/* Ids of the BPF links a process holds. */
static inline int path_links(pid_t pid, uint32_t *ids)
{
	char path[300], line[256];
	struct dirent *entry;
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	folder = opendir(path);
	CHECK(folder);
	while ((entry = readdir(folder))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
		file = fopen(path, "r");
		while (file && count < PATH_LINKS && fgets(line, sizeof(line), file))
			count += sscanf(line, "link_id: %u", &ids[count]) == 1;
		if (file)
			fclose(file);
	}
	closedir(folder);
	return count;
}

static inline int path_link_exists(uint32_t id)
{
	int fd = bpf_link_get_fd_by_id(id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A socket, a membership, an XDP program or a link is still there. */
static inline int path_leftovers(const uint32_t *links, int count)
{
	int before = netns_enter(wire_b), left = 0;
	uint32_t program = 0;

	if (if_nametoindex("vb"))
		CHECK_EQ(bpf_xdp_query_id((int)if_nametoindex("vb"), 0, &program), 0);
	netns_leave(before);
	for (int i = 0; i < count; i++)
		left |= path_link_exists(links[i]);
	return left || program || wire_table("udp", ":3039 ") || wire_table("igmp", "0100FFEF") ||
	       wire_rows("packet") > 0;
}

static inline void sigkill_leaves_nothing(void)
{
	uint32_t links[PATH_LINKS];
	int fd = wire_sender();

	for (int round = 0; round < 2; round++) {
		pid_t child = path_victim(fd);
		int count = path_links(child, links), status;
		double deadline = wire_seconds() + 10;

		CHECK_EQ(kill(child, SIGKILL), 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		if (round) { /* at once, whatever the kernel is still busy with */
			struct rx *rx = path_open();

			path_burst(rx, fd, 64);
			rx->ops->close(rx);
		}
		while (path_leftovers(links, count) && wire_seconds() < deadline)
			wire_pause();
		CHECK(!path_leftovers(links, count));
	}
	close(fd);
}

#endif
