// SPDX-License-Identifier: MIT
/*
 * A packet's path through the kernel, on a real veth pair: what is sent is what is recorded, each packet
 * meets its stages in order, drops end under the kernel's reason, strangers are not counted, nothing stays
 * attached.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "wire.h"

#define PORT	12399
#define PAYLOAD 64
#define SENDS	50

static struct hp_path_stats stats;
static struct hp_path_packet records[2000];

static struct hp_path_options options(int path, uint32_t packets)
{
	struct hp_path_options options = {.port = PORT, .path = path, .packets = packets};

	strcpy(options.address, WIRE_THERE);
	strcpy(options.ifname, "vb");
	strcpy(options.netns, wire_b);
	return options;
}

static struct hp_path *open_trace(int path, uint32_t packets)
{
	struct hp_path_options wanted = options(path, packets);
	struct hp_path *trace = hp_path_open(&wanted, &stats);

	if (!trace)
		wire_said("(nothing)");
	CHECK(trace);
	return trace;
}

static int udp_socket(const char *netns, const char *ip, int port, int rcvbuf)
{
	struct sockaddr_in address = wire_address(ip, port);
	int before = netns_enter(netns), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	netns_leave(before);
	CHECK(fd >= 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	if (rcvbuf)
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_to(int fd, const char *ip, int port, int count)
{
	struct sockaddr_in address = wire_address(ip, port);
	char payload[PAYLOAD] = {0};

	for (int i = 0; i < count; i++)
		CHECK_EQ(
			sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&address, sizeof(address)),
			PAYLOAD);
}

struct reader {
	pthread_t thread;
	int fd, count, spin;
};

static void *read_all(void *argument)
{
	struct reader *reader = argument;
	char buffer[256];

	for (int got = 0; got < reader->count;)
		got += recv(reader->fd, buffer, sizeof(buffer), reader->spin ? MSG_DONTWAIT : 0) >= 0;
	return NULL;
}

static void start_reader(struct reader *reader, int fd, int count, int spin)
{
	*reader = (struct reader){.fd = fd, .count = count, .spin = spin};
	CHECK_EQ(pthread_create(&reader->thread, NULL, read_all, reader), 0);
}

static void settle(struct hp_path *trace, double ended)
{
	double deadline = wire_seconds() + 5;

	while (hp_path_refresh(trace) < ended && wire_seconds() < deadline)
		wire_pause();
	hp_path_refresh(trace);
}

static int absent(struct hp_path *trace, int stage)
{
	char why[128];

	return hp_path_absent(trace, stage, why, sizeof(why)) > 0;
}

/* The stamps a packet has are in the order of the stages. */
static void check_order(const struct hp_path_packet *packet)
{
	double last = -1e18;

	for (int stage = 0; stage < HP_PATH_STAGES; stage++) {
		if (packet->at[stage] < 0)
			continue;
		if (packet->at[stage] < last)
			fprintf(stderr, "stage %d at %.0f, the one before at %.0f\n", stage,
				packet->at[stage], last);
		CHECK(packet->at[stage] >= last);
		last = packet->at[stage];
	}
}

static void check_stages(struct hp_path *trace, const struct hp_path_packet *packet, const int *stages,
			 int count)
{
	for (int i = 0; i < count; i++) {
		if (packet->at[stages[i]] < 0 && !absent(trace, stages[i]))
			fprintf(stderr, "stage %d is missing\n", stages[i]);
		CHECK(packet->at[stages[i]] >= 0 || absent(trace, stages[i]));
	}
}

/* What every packet meets on veth without NAPI, up to its socket. */
static const int upwards[] = {HP_PATH_SENT,    HP_PATH_BACKLOG, HP_PATH_RAISED, HP_PATH_POLL,
			      HP_PATH_RECEIVE, HP_PATH_IP,	HP_PATH_LOCAL,	HP_PATH_UDP};
#define UPWARDS (int)(sizeof(upwards) / sizeof(upwards[0]))

static void run_reader(int spin)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_UDP, 1000);
	struct reader reader;
	int woken = 0, ran = 0, queued = 0;

	start_reader(&reader, receiver, SENDS, spin);
	for (int i = 0; i < SENDS; i++) {
		wire_pause();
		send_to(sender, WIRE_THERE, PORT, 1);
	}
	pthread_join(reader.thread, NULL);
	settle(trace, SENDS);
	CHECK_EQ(stats.seen, SENDS);
	CHECK_EQ(stats.ended, SENDS);
	CHECK_EQ(stats.beyond + stats.elsewhere + stats.untracked + stats.no_room, 0);
	CHECK_EQ(hp_path_read(trace, 0, 2000, records), SENDS);
	for (int i = 0; i < SENDS; i++) {
		CHECK_EQ(records[i].end, HP_PATH_DONE);
		CHECK_EQ(records[i].len, PAYLOAD);
		check_order(&records[i]);
		check_stages(trace, &records[i], upwards, UPWARDS);
		check_stages(trace, &records[i], (int[]){HP_PATH_TAKEN, HP_PATH_RETURN}, 2);
		CHECK(records[i].dropped < 0 && records[i].reader);
		CHECK(records[i].at[HP_PATH_BUILT] < 0 && records[i].at[HP_PATH_REDIRECT] < 0);
		queued += records[i].at[HP_PATH_QUEUE] >= 0;
		woken += records[i].at[HP_PATH_WOKEN] >= 0;
		ran += records[i].at[HP_PATH_RUN] >= 0;
	}
	/* One that sleeps is woken, though on a busy machine not for each; one that spins never is. */
	CHECK(queued > 0);
	if (spin)
		CHECK_EQ(woken + ran, 0);
	else
		CHECK(woken > 0 && ran > 0);
	CHECK_EQ(hp_path_close(trace), 0);
	close(receiver);
	close(sender);
}

static void test_a_sleeping_reader(void)
{
	run_reader(0);
}

static void test_a_spinning_reader(void)
{
	run_reader(1);
}

/* One read of many takes many: each has its own record, in the order of the queue. */
static void test_a_burst_is_taken_in_order(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_URING, SENDS);
	struct mmsghdr messages[SENDS] = {0};
	struct iovec into[SENDS];
	char buffers[SENDS][PAYLOAD];

	send_to(sender, WIRE_THERE, PORT, SENDS);
	for (int i = 0; i < SENDS; i++) {
		into[i] = (struct iovec){buffers[i], PAYLOAD};
		messages[i].msg_hdr.msg_iov = &into[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(recvmmsg(receiver, messages, SENDS, 0, NULL), SENDS);
	settle(trace, SENDS);
	CHECK_EQ(stats.ended, SENDS);
	CHECK_EQ(hp_path_read(trace, 0, SENDS, records), SENDS);
	for (int i = 0; i < SENDS; i++) {
		check_order(&records[i]);
		check_stages(trace, &records[i], (int[]){HP_PATH_QUEUE, HP_PATH_RETURN}, 2);
		if (i)
			CHECK(records[i].at[HP_PATH_TAKEN] > records[i - 1].at[HP_PATH_TAKEN]);
		CHECK_EQ(records[i].at[HP_PATH_RETURN], records[0].at[HP_PATH_RETURN]);
	}
	hp_path_close(trace);
	close(receiver);
	close(sender);
}

/* What was in the queue before is read past; what comes after the last record is counted. */
static void test_a_queue_that_was_not_empty(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace;
	char buffer[256];

	send_to(sender, WIRE_THERE, PORT, 7);
	trace = open_trace(HP_RX_UDP, 5);
	send_to(sender, WIRE_THERE, PORT, 8);
	for (int i = 0; i < 7; i++)
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 0);
	CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 1);
	CHECK_EQ(hp_path_read(trace, 0, 1, records), 1);
	CHECK_EQ(records[0].end, HP_PATH_DONE);
	for (int i = 0; i < 7; i++)
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 5);
	CHECK_EQ(stats.seen, 5);
	CHECK_EQ(stats.beyond, 3);
	CHECK_EQ(stats.untracked, 0);
	hp_path_close(trace);
	close(receiver);
	close(sender);
}

static void test_other_flows_are_not_counted(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	int other = udp_socket(wire_b, WIRE_THERE, PORT + 1, 0),
	    back = udp_socket(wire_a, WIRE_HERE, PORT, 0);
	int inside = udp_socket(wire_b, "127.0.0.1", PORT, 0);
	struct hp_path *trace = open_trace(HP_RX_UDP, 100);
	char buffer[256];

	send_to(sender, WIRE_THERE, PORT + 1, 10); /* another port */
	send_to(receiver, WIRE_HERE, PORT, 10);	   /* another address, another namespace */
	send_to(inside, "127.0.0.1", PORT, 10);	   /* another interface */
	send_to(sender, WIRE_THERE, PORT, 3);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(recv(other, buffer, sizeof(buffer), 0), PAYLOAD);
		CHECK_EQ(recv(back, buffer, sizeof(buffer), 0), PAYLOAD);
		CHECK_EQ(recv(inside, buffer, sizeof(buffer), 0), PAYLOAD);
	}
	CHECK_EQ(hp_path_refresh(trace), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 3);
	CHECK_EQ(stats.seen, 3);
	hp_path_close(trace);
	close(receiver), close(sender), close(other), close(back), close(inside);
}

/* One socket is followed: what another one of the same address gets is counted, and ends there. */
static void test_another_socket_is_not_followed(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_UDP, 100);
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char buffer[256];
	int other;

	send_to(sender, WIRE_THERE, PORT, 3);
	CHECK_EQ(recvfrom(receiver, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size), PAYLOAD);
	other = udp_socket(wire_b, WIRE_THERE, PORT, 0);
	CHECK_EQ(connect(other, (struct sockaddr *)&from, size), 0); /* a better match than the first */
	send_to(sender, WIRE_THERE, PORT, 4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(recv(other, buffer, sizeof(buffer), 0), PAYLOAD);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 7);
	CHECK_EQ(stats.seen, 7);
	CHECK_EQ(stats.elsewhere, 4);
	CHECK_EQ(stats.untracked, 0);
	CHECK_EQ(hp_path_read(trace, 0, 7, records), 7);
	for (int i = 0; i < 7; i++)
		CHECK((records[i].at[HP_PATH_RETURN] >= 0) == (i < 3));
	hp_path_close(trace);
	close(receiver), close(sender), close(other);
}

static int dropped_by(struct hp_path *trace, const char *reason, int from, int seen)
{
	char name[64];
	int count = 0;

	CHECK_EQ(hp_path_read(trace, from, seen, records), seen);
	for (int i = 0; i < seen; i++) {
		if (records[i].end != HP_PATH_DROPPED)
			continue;
		CHECK(records[i].dropped >= records[i].at[HP_PATH_RECEIVE]);
		CHECK(hp_path_reason(trace, (int32_t)records[i].reason, name, sizeof(name)) > 0);
		CHECK(!strcmp(name, reason));
		count++;
	}
	return count;
}

/* The count is the socket's own, and those that were not dropped are still told apart afterwards. */
static void test_a_full_socket_drops_by_name(void)
{
	enum { SENT = 500 };
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 2048),
	    sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_UDP, 1000);
	char buffer[256];
	int fitted = 0;

	send_to(sender, WIRE_THERE, PORT, SENT);
	while (recv(receiver, buffer, sizeof(buffer), MSG_DONTWAIT) == PAYLOAD)
		fitted++;
	settle(trace, SENT);
	CHECK(fitted > 0 && fitted < SENT);
	CHECK_EQ(stats.seen, SENT);
	CHECK_EQ(stats.ended, SENT);
	CHECK_EQ(dropped_by(trace, "SOCKET_RCVBUFF", 0, SENT), SENT - fitted);
	for (int i = 0; i < SENT; i++)
		check_order(&records[i]);
	send_to(sender, WIRE_THERE, PORT, 1);
	CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	settle(trace, SENT + 1);
	CHECK_EQ(hp_path_read(trace, SENT, 1, records), 1);
	CHECK_EQ(records[0].end, HP_PATH_DONE);
	check_stages(trace, records, (int[]){HP_PATH_TAKEN, HP_PATH_RETURN}, 2);
	CHECK_EQ(stats.untracked, 0);
	hp_path_close(trace);
	close(receiver);
	close(sender);
}

static void test_nobody_listens(void)
{
	int sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_UDP, 100);

	for (int i = 0; i < 9; i++) { /* the ICMP answer comes back as an error of a send */
		struct sockaddr_in address = wire_address(WIRE_THERE, PORT);

		sendto(sender, "x", 1, 0, (struct sockaddr *)&address, sizeof(address));
	}
	settle(trace, 9);
	CHECK_EQ(stats.seen, 9);
	CHECK_EQ(dropped_by(trace, "NO_SOCKET", 0, 9), 9);
	hp_path_close(trace);
	close(sender);
}

static void set_feature(const char *netns, const char *ip, const char *ifname, uint32_t feature, uint32_t on)
{
	struct ethtool_value value = {.cmd = feature, .data = on};
	struct ifreq request = {.ifr_data = (void *)&value};
	int fd = udp_socket(netns, ip, 0, 0);

	strcpy(request.ifr_name, ifname);
	CHECK_EQ(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

/* A veth with GRO, whose peer makes no large packets, has a NAPI of its own, as a NIC's driver has. */
static void test_a_driver_with_napi(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace;
	char buffer[256];

	set_feature(wire_a, WIRE_HERE, "va", ETHTOOL_STSO, 0);
	set_feature(wire_b, WIRE_THERE, "vb", ETHTOOL_SGRO, 1);
	trace = open_trace(HP_RX_UDP, 100);
	for (int i = 0; i < SENDS; i++) {
		send_to(sender, WIRE_THERE, PORT, 1);
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	}
	settle(trace, SENDS);
	CHECK_EQ(stats.seen, SENDS);
	CHECK_EQ(hp_path_read(trace, 0, SENDS, records), SENDS);
	for (int i = 0; i < SENDS; i++) {
		CHECK_EQ(records[i].end, HP_PATH_DONE);
		check_order(&records[i]);
		check_stages(trace, &records[i],
			     (int[]){HP_PATH_RAISED, HP_PATH_POLL, HP_PATH_BUILT, HP_PATH_RECEIVE}, 4);
		CHECK(records[i].at[HP_PATH_BACKLOG] < 0);
	}
	hp_path_close(trace);
	set_feature(wire_b, WIRE_THERE, "vb", ETHTOOL_SGRO, 0);
	set_feature(wire_a, WIRE_HERE, "va", ETHTOOL_STSO, 1);
	close(receiver);
	close(sender);
}

/* AF_PACKET shares the path up to the tap: its records end there, whoever reads. */
static void test_packet_ends_at_the_tap(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path *trace = open_trace(HP_RX_PACKET, 100);

	send_to(sender, WIRE_THERE, PORT, 9);
	settle(trace, 9);
	CHECK_EQ(stats.last, HP_PATH_RECEIVE);
	CHECK_EQ(hp_path_read(trace, 0, 9, records), 9);
	for (int i = 0; i < 9; i++) {
		CHECK_EQ(records[i].end, HP_PATH_DONE);
		check_order(&records[i]);
		CHECK(records[i].at[HP_PATH_RECEIVE] >= 0 && records[i].at[HP_PATH_IP] < 0);
	}
	hp_path_close(trace);
	close(receiver);
	close(sender);
}

static void test_bad_options_are_refused(void)
{
	struct hp_path_options wrong = options(HP_RX_UDP, 0);

	CHECK(!hp_path_open(NULL, &stats) && !hp_path_open(&wrong, NULL) && wire_said("no options"));
	CHECK(hp_path_refresh(NULL) == -EINVAL && hp_path_close(NULL) == -EINVAL &&
	      wire_said("none was given"));
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("1 to 100000 are possible"));
	wrong = options(HP_RX_PCAP, 1);
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("udp, uring, packet and xdp do"));
	wrong = options(HP_RX_UDP, 1);
	wrong.port = 65536;
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("port 65536"));
	wrong = options(HP_RX_UDP, 1);
	strcpy(wrong.address, "here");
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("not a dotted IPv4 address"));
	wrong = options(HP_RX_UDP, 1);
	strcpy(wrong.ifname, "nowhere");
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("no such interface"));
	wrong = options(HP_RX_XDP, 1);
	wrong.ifname[0] = 0;
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("name it with if="));
	wrong = options(HP_RX_UDP, 1);
	strcpy(wrong.netns, "/run/netns/none");
	CHECK(!hp_path_open(&wrong, &stats) && wire_said("no such file"));
}

#define PROGRAMS 40

/* Ids of the programs behind the links that a process holds. */
static int attached_by(pid_t pid, __u32 ids[PROGRAMS])
{
	char path[64], line[128];
	int found = 0;

	for (int fd = 3; fd < 128; fd++) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		file = fopen(path, "r");
		while (file && found < PROGRAMS && fgets(line, sizeof(line), file))
			found += sscanf(line, "prog_id: %u", &ids[found]) == 1;
		if (file)
			fclose(file);
	}
	return found;
}

/* The kernel frees what nobody holds a moment later. */
static void check_gone(const __u32 *ids, int count)
{
	double deadline = wire_seconds() + 10;

	for (int i = 0; i < count; i++) {
		int fd;

		while ((fd = bpf_prog_get_fd_by_id(ids[i])) >= 0 && wire_seconds() < deadline) {
			close(fd);
			wire_pause();
		}
		CHECK(fd < 0);
	}
}

static void test_nothing_stays_attached(void)
{
	int fds = wire_fds(), pipes[2], attached;
	struct hp_path *trace = open_trace(HP_RX_UDP, 10);
	__u32 ids[PROGRAMS];
	char byte;
	pid_t child;

	attached = attached_by(getpid(), ids);
	CHECK(attached > 10);
	hp_path_close(trace);
	CHECK_EQ(wire_fds(), fds);
	check_gone(ids, attached);

	CHECK_EQ(pipe(pipes), 0);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		open_trace(HP_RX_UDP, 10);
		CHECK_EQ(write(pipes[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(pipes[0], &byte, 1), 1);
	CHECK(attached_by(child, ids) >= attached);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	check_gone(ids, attached);
	close(pipes[0]);
	close(pipes[1]);
}

/* Two traces at once do not see each other. */
static void test_two_traces_at_once(void)
{
	int receiver = udp_socket(wire_b, WIRE_THERE, PORT, 0), sender = udp_socket(wire_a, WIRE_HERE, 0, 0);
	struct hp_path_options wanted = options(HP_RX_UDP, 10);
	struct hp_path_stats others;
	struct hp_path *trace = open_trace(HP_RX_UDP, 100), *other = hp_path_open(&wanted, &others);
	char buffer[256];

	CHECK(other);
	send_to(sender, WIRE_THERE, PORT, 20);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(recv(receiver, buffer, sizeof(buffer), 0), PAYLOAD);
	CHECK_EQ(hp_path_refresh(trace), 20);
	CHECK_EQ(hp_path_refresh(other), 10);
	CHECK_EQ(others.beyond, 10);
	CHECK_EQ(hp_path_read(trace, 0, 20, records), 20);
	for (int i = 0; i < 20; i++)
		check_stages(trace, &records[i], upwards, UPWARDS);
	hp_path_close(other);
	hp_path_close(trace);
	close(receiver);
	close(sender);
}

static void test_nobody_may_trace(void)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (!child) {
		struct hp_path_options wanted = options(HP_RX_UDP, 10);

		wanted.netns[0] = wanted.ifname[0] = 0;
		CHECK_EQ(setgid(65534), 0);
		CHECK_EQ(setuid(65534), 0);
		CHECK(!hp_path_open(&wanted, &stats));
		CHECK(wire_said("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"));
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	wire_up();
	RUN(test_bad_options_are_refused);
	RUN(test_a_sleeping_reader);
	RUN(test_a_spinning_reader);
	RUN(test_a_burst_is_taken_in_order);
	RUN(test_a_queue_that_was_not_empty);
	RUN(test_other_flows_are_not_counted);
	RUN(test_another_socket_is_not_followed);
	RUN(test_a_full_socket_drops_by_name);
	RUN(test_nobody_listens);
	RUN(test_a_driver_with_napi);
	RUN(test_packet_ends_at_the_tap);
	RUN(test_two_traces_at_once);
	RUN(test_nothing_stays_attached);
	RUN(test_nobody_may_trace);
	return 0;
}
