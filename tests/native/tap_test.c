// SPDX-License-Identifier: MIT
/*
 * The tap receive and transmit paths. The receiver's TAP takes veth's place in namespace b, and the sender is
 * that namespace's own kernel.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>

#include "frames.h"
#include "tap.h"

/* No IPv6: what it says on a fresh interface would fill a full queue at moments of its own choice. */
static void tap_up(void)
{
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	CHECK_EQ(wire_run("nsenter --net=%s sysctl -qw net.ipv6.conf.default.disable_ipv6=1", wire_b), 0);
}

/* The sender's side of a new TAP: an address, a route for groups, and who 10.77.0.2 is. */
static void tap_opened(void)
{
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_HERE "/24 dev vb", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db route add 224.0.0.0/4 dev vb", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db neigh add " WIRE_THERE
			  " lladdr 02:00:00:00:00:02 dev vb nud permanent",
			  wire_owner),
		 0);
}

static int tap_sender(void)
{
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(before >= 0 && fd >= 0);
	netns_leave(before);
	return fd;
}

static const struct path_wire tap_wire = {
	.lacks = PATH_JOINS_NOTHING | PATH_NAMES_NOTHING,
	.opened = tap_opened,
	.sender = tap_sender,
	.send = socket_send,
};

/* ---- frames by hand ---- */

/* A socket of namespace b that puts frames on vb as they are. */
static int frame_sender(void)
{
	int before = netns_enter(wire_b), fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("vb")};

	CHECK(before >= 0 && fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	netns_leave(before);
	return fd;
}

/* A good frame of the flow with `tags` VLAN headers. Its length. */
static uint32_t frame_make(uint8_t *frame, int tags, const char *data, uint32_t len)
{
	uint8_t *ip;

	memset(frame, 0, 64);
	memcpy(frame, "\x01\x00\x5e\x7f\x00\x01\x02\x00\x00\x00\x00\x01", 12);
	for (int i = 0; i < tags; i++) {
		put_u16(frame + 12 + 4 * i, i + 1 < tags ? 0x88a8 : 0x8100);
		put_u16(frame + 14 + 4 * i, 7);
	}
	put_u16(frame + 12 + 4 * tags, 0x0800);
	ip = frame + 14 + 4 * tags;
	ip[0] = 0x45;
	put_u16(ip + 2, 28 + len);
	ip[8] = 1;
	ip[9] = 17;
	inet_pton(AF_INET, WIRE_HERE, ip + 12);
	inet_pton(AF_INET, WIRE_GROUP, ip + 16);
	put_u16(ip + 20, 4711);
	put_u16(ip + 22, WIRE_PORT);
	put_u16(ip + 24, 8 + len);
	memcpy(ip + 28, data, len);
	sign_header(ip);
	return (uint32_t)(ip - frame) + 28 + len;
}

static void frame_send(int fd, const uint8_t *frame, uint32_t len)
{
	CHECK_EQ(send(fd, frame, len, 0), len);
}

/* Nothing comes of what was sent. */
static void path_silence(struct rx *rx)
{
	struct rx_datagram got[RX_BATCH];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
}

static void frames_are_counted_by_name(void)
{
	struct rx *rx = path_open();
	int fd = frame_sender();
	uint8_t frame[256];
	uint32_t len = frame_make(frame, 0, "data", 4);

	frame_send(fd, frame, len);
	path_expect(rx, "data", 4);
	frame[14 + 6] = 0x20; /* more fragments */
	frame_send(fd, frame, len);
	frame[14 + 6] = 0;
	frame[14 + 7] = 3; /* the rest of one */
	frame_send(fd, frame, len);
	path_silence(rx);
	CHECK_EQ(path_stats.fragments, 2);
	frame[14 + 7] = 0;

	frame[14] = 0x65; /* says IPv4 outside, IPv6 inside */
	frame_send(fd, frame, len);
	frame[14] = 0x41;
	frame_send(fd, frame, len);
	frame[14] = 0x45;
	frame_send(fd, frame, 14 + 12); /* a runt */
	frame_send(fd, frame, len - 2); /* shorter than it says */
	put_u16(frame + 38, 13);
	frame_send(fd, frame, len); /* UDP longer than IPv4 */
	path_silence(rx);
	CHECK_EQ(path_stats.malformed, 5);
	put_u16(frame + 38, 12);

	put_u16(frame + 40, 0x1234);
	frame_send(fd, frame, len);
	path_silence(rx);
	CHECK_EQ(path_stats.bad_checksum, 1);

	for (int tags = 1; tags < 4; tags++) {
		len = frame_make(frame, tags, "tagged", 6);
		frame_send(fd, frame, len);
		path_expect(rx, "tagged", 6);
		CHECK_EQ(path_stats.tagged, tags);
	}
	len = frame_make(frame, 0, "padded", 6);
	frame_send(fd, frame, len + 40);
	path_expect(rx, "padded", 6);
	CHECK_EQ(path_stats.malformed, 5);
	CHECK_EQ(path_stats.datagrams, 5);
	close(fd);
	rx->ops->close(rx);
}

/* ARP, IGMP, ICMP, TCP, IPv6: on every wire. */
static void other_traffic_is_passed_over(void)
{
	struct rx *rx = path_open();
	int fd = frame_sender(), sender = wire_sender();
	uint8_t frame[256];
	uint32_t len = frame_make(frame, 0, "data", 4);
	static const uint16_t types[] = {0x0806, 0x86dd, 0x88cc, 60};

	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			put_u16(frame + 12, types[i]);
			frame_send(fd, frame, len);
		}
	}
	put_u16(frame + 12, 0x0800);
	frame[14 + 9] = 1;
	frame_send(fd, frame, len);
	wire_send(sender, WIRE_GROUP, WIRE_PORT, "ours", 4);
	path_expect(rx, "ours", 4); /* though hundreds of frames lay before it */
	CHECK_EQ(path_stats.malformed + path_stats.fragments + path_stats.bad_checksum, 0);
	close(sender);
	close(fd);
	rx->ops->close(rx);
}

/* The kernel has no NIC below to leave the sum to: it is there, and right. */
static void the_kernel_completes_checksums(void)
{
	struct tap tap;
	int before = netns_enter(wire_b), fd = wire_sender();
	uint8_t frame[2048];
	ssize_t got = -1;

	CHECK_EQ(tap_open(&tap, "vb", 1, 0), 0);
	netns_leave(before);
	tap_opened();
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "summed", 6);
	for (double deadline = wire_seconds() + 1; wire_seconds() < deadline;) {
		got = read(tap.fds[0], frame, sizeof(frame));
		if (got == 14 + 28 + 6 && frame[14 + 9] == 17)
			break;
	}
	CHECK_EQ(got, 14 + 28 + 6);
	CHECK(frame[40] || frame[41]);
	tap_close(&tap);
	close(fd);
}

static void long_datagrams_are_cut(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	static uint8_t data[8000];
	int fd = wire_sender();

	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, 3000); /* fragments at an MTU of 1500 */
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.fragments, 3);
	CHECK_EQ(wire_run("ip -n hpt%db link set vb mtu 9000", wire_owner), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, RX_FRAME);
	path_expect(rx, data, RX_FRAME);
	for (size_t len = RX_FRAME + 1; len <= sizeof(data); len += 83) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, data, len);
		CHECK_EQ(path_poll(rx, got), 1);
		CHECK_EQ(got[0].len, RX_FRAME);
		CHECK_EQ(got[0].truncated, 1);
		CHECK(!memcmp(got[0].data, data, RX_FRAME));
		rx->ops->release(rx);
	}
	CHECK_EQ(path_stats.datagrams, path_stats.truncated + 1);
	close(fd);
	rx->ops->close(rx);
}

/* Flows are spread over the queues by the kernel; none is forgotten. */
static void every_queue_is_read(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx_datagram got[RX_BATCH];
	struct pollfd wait = {.events = POLLIN};
	struct rx *rx;

	options.queues = 4;
	CHECK_EQ(path_try(&rx, &options), 0);
	CHECK(strstr(path_stats.note, "4 queues"));
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	wait.fd = rx->ops->fd(rx);
	CHECK_EQ(poll(&wait, 1, 0), 0);
	for (uint32_t i = 0; i < 64; i++) { /* each socket is a flow */
		int fd = wire_sender();

		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		CHECK_EQ(poll(&wait, 1, 1000), 1);
		path_expect(rx, &i, sizeof(i));
		close(fd);
	}
	CHECK_EQ(path_stats.datagrams, 64);
	rx->ops->close(rx);
}

static void it_goes_with_its_owner(void)
{
	struct rx *rx = path_open();
	int before = netns_enter(wire_b), status;
	pid_t child;

	CHECK(if_nametoindex("vb") > 0);
	rx->ops->close(rx);
	CHECK_EQ(if_nametoindex("vb"), 0);
	child = fork();
	if (!child) {
		path_open();
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(if_nametoindex("vb"), 0);
	netns_leave(before);
}

static void one_that_stands_ready_is_opened_and_kept(void)
{
	int before = netns_enter(wire_b), fd;
	struct rx *rx;

	CHECK_EQ(wire_run("ip -n hpt%db tuntap add vb mode tap", wire_owner), 0);
	rx = path_open();
	fd = wire_sender();
	CHECK(strstr(path_stats.note, "a TAP that was there"));
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "kept", 4);
	path_expect(rx, "kept", 4);
	refused_with_a_sentence(WIRE_GROUP, "vb", WIRE_PORT, EBUSY, "another program has it open");
	rx->ops->close(rx);
	CHECK(if_nametoindex("vb") > 0);
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	close(fd);
	netns_leave(before);
}

static void a_deleted_one_ends_the_path(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];

	CHECK_EQ(wire_run("ip -n hpt%db link set vb down", wire_owner), 0);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	CHECK(rx->ops->poll(rx, got, RX_BATCH) < 0);
	CHECK(wire_said("Cannot read TAP \"vb\""));
	rx->ops->refresh(rx);
	rx->ops->close(rx);
}

static void other_interfaces_are_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;

	CHECK_EQ(wire_run("ip -n hpt%db link add vb type veth peer name vc", wire_owner), 0);
	refused_with_a_sentence(WIRE_GROUP, "vb", WIRE_PORT, EEXIST, "of driver veth; name another with if=");
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	refused_with_a_sentence(WIRE_GROUP, "lo", WIRE_PORT, EEXIST, "exists and is no TAP");
	CHECK_EQ(wire_run("ip -n hpt%db tuntap add vb mode tun", wire_owner), 0);
	refused_with_a_sentence(WIRE_GROUP, "vb", WIRE_PORT, EEXIST, "a TUN of that name exists");
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db tuntap add vb mode tap multi_queue", wire_owner), 0);
	refused_with_a_sentence(WIRE_GROUP, "vb", WIRE_PORT, EEXIST,
				"for many queues, and one was asked for");
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	refused_with_a_sentence(WIRE_GROUP, "", WIRE_PORT, EINVAL, "add if=NAME");
	refused_with_a_sentence(WIRE_GROUP, "tap%d", WIRE_PORT, EINVAL, "add if=NAME");
	refused_with_a_sentence(WIRE_GROUP, "a/b", WIRE_PORT, EINVAL, "that is no name for an interface");
	options.queues = TAP_QUEUES + 1;
	CHECK_EQ(path_try(&rx, &options), -EINVAL);
	CHECK(wire_said("of 17 queues: 1..16 are possible"));
}

/* In a child without any privilege. */
static void nobody_is_told_what_is_missing(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;
		int before = netns_enter(wire_b);

		(void)before;
		_exit(setresuid(65534, 65534, 65534) || path_ops->open(&rx, &options, &path_stats) >= 0 ||
		      !wire_said("needs CAP_NET_ADMIN in its network namespace: run as root, or in a user "
				 "namespace of your own (unshare -Urn)"));
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

int main(void)
{
	struct stat device;

	if (stat("/dev/net/tun", &device))
		SKIP("no /dev/net/tun here");
	wire_up();
	tap_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	path_wire = &tap_wire;
	path_conforms(&rx_tap);
	RUN(frames_are_counted_by_name);
	RUN(other_traffic_is_passed_over);
	RUN(the_kernel_completes_checksums);
	RUN(long_datagrams_are_cut);
	RUN(every_queue_is_read);
	RUN(it_goes_with_its_owner);
	RUN(one_that_stands_ready_is_opened_and_kept);
	RUN(a_deleted_one_ends_the_path);
	RUN(other_interfaces_are_refused);
	RUN(nobody_is_told_what_is_missing);
	return 0;
}
