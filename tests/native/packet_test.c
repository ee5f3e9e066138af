// SPDX-License-Identifier: MIT
/* The packet receive path: the common cases, what its filter lets in, and what is counted and left out. */
#include <linux/filter.h>

#include "packet_cases.h"

/* ---- what is let in --------------------------------------------------------------------------- */

/* A connection that nobody accepts: ARP, and TCP both ways. */
static void tcp_is_refused(void)
{
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = wire_address(WIRE_THERE, WIRE_PORT);

	netns_leave(before);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno == ECONNREFUSED);
	close(fd);
}

static void nothing_but_the_flow_is_let_in(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender();
	uint8_t frame[128];
	uint32_t len;

	tcp_is_refused();
	wire_send(fd, WIRE_GROUP, WIRE_PORT + 1, "other port", 10);
	wire_send(fd, "239.255.0.2", WIRE_PORT, "other group", 11);
	wire_send(fd, WIRE_THERE, WIRE_PORT, "other address", 13);
	len = build_frame(frame, 0);
	frame[FRAME_ETHERNET + 9] = IPPROTO_TCP;
	send_frame(frame, len);
	build_frame(frame, 0);
	frame[12] = 0x86, frame[13] = 0xdd; /* IPv6's */
	send_frame(frame, len);
	CHECK_EQ(let_in(rx), 0);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "ours", 4);
	path_expect(rx, "ours", 4);
	CHECK_EQ(let_in(rx), 1);
	CHECK_EQ(path_stats.malformed, 0);
	close(fd);
	rx->ops->close(rx);
}

static void the_filter_cannot_be_taken_off(void)
{
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0x40000);
	const struct sock_fprog program = {.len = 1, .filter = (struct sock_filter *)&all};
	struct rx *rx = path_open();
	int fd = rx->ops->fd(rx), zero = 0;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)) && errno == EPERM);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) && errno == EPERM);
	rx->ops->close(rx);
}

/* A sender in the receiver's own namespace, on the very interface. */
static void own_echoes_stay_out(uint32_t fanout)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ip_mreqn out = {.imr_ifindex = (int)if_nametoindex("vb")};
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
	netns_leave(before);
	options.fanout = fanout;
	rx = open_with(options);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "echo", 4);
	CHECK_EQ(let_in(rx), 0);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	close(fd);
	rx->ops->close(rx);
}

static void no_own_echoes(void)
{
	own_echoes_stay_out(0);
	own_echoes_stay_out(5);
}

/* As if the wire's switch had not taken the tag off: priority only, and of a VLAN nobody made. */
static void tagged_frames_are_delivered_and_counted(void)
{
	struct rx *rx = path_open();
	uint8_t frame[128], tagged[132];
	uint32_t len = build_frame(frame, 0);

	for (uint8_t id = 0; id < 2; id++) {
		memcpy(tagged, frame, 12);
		memcpy(tagged + 12, (const uint8_t[]){0x81, 0x00, 0xa0, (uint8_t)(id * 77)}, 4);
		memcpy(tagged + 16, frame + 12, len - 12);
		send_frame(tagged, len + 4);
		path_expect(rx, "payload", 7);
		CHECK_EQ(path_stats.tagged, id + 1);
	}
	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.tagged, 2);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
}

/* ---- what is left out ------------------------------------------------------------------------- */

/* The kernel's stack still puts them together for others. */
static void fragments_are_counted(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender(), same = plain_socket(WIRE_GROUP, WIRE_PORT);
	static char data[3000];

	memset(data, 'x', sizeof(data) - 1);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data) - 1);
	arrives(same, data);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "whole", 5);
	path_expect(rx, "whole", 5);
	CHECK_EQ(path_stats.fragments, 3);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
	close(same);
	close(fd);
}

static void odd_frames_are_counted(void)
{
	struct rx *rx = path_open();
	uint8_t frame[128], *udp = frame + FRAME_ETHERNET + FRAME_IPV4;
	uint32_t len = build_frame(frame, 0);

	send_frame(frame, len + 30); /* padded */
	path_expect(rx, "payload", 7);
	len = build_frame(frame, 40);
	send_frame(frame, len); /* every option there may be */
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.malformed, 0);

	len = build_frame(frame, 0);
	udp[5] = FRAME_UDP - 1; /* shorter than its own header */
	send_frame(frame, len);
	udp[5] = FRAME_UDP + 8; /* longer than the packet */
	send_frame(frame, len);
	frame[FRAME_ETHERNET + 3] += 1; /* the packet longer than the frame */
	send_frame(frame, len);
	build_frame(frame, 0);
	frame[FRAME_ETHERNET] = 0x65; /* not IPv4, whatever the Ethernet header says */
	send_frame(frame, len);
	len = build_frame(frame, 0);
	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.malformed, 4);
	rx->ops->close(rx);
}

/* Every length a good frame can be cut to: without an address it is not let in, with one it is malformed. */
static void runts_do_no_harm(void)
{
	struct rx *rx = path_open();
	uint8_t frame[128];
	uint32_t len = build_frame(frame, 0), with_address = FRAME_ETHERNET + FRAME_IPV4;

	for (uint32_t cut = FRAME_ETHERNET + 1; cut < len; cut++)
		send_frame(frame, cut);
	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.malformed, len - with_address);
	CHECK_EQ(path_stats.datagrams, 1);
	rx->ops->close(rx);
}

/* The checksum of a frame of build_frame()'s, by the book (RFC 768), byte by byte. */
static uint16_t checksum_of(const uint8_t *frame, uint32_t len, uint32_t options)
{
	const uint8_t *ip = frame + FRAME_ETHERNET, *udp = ip + FRAME_IPV4 + options, *end = frame + len;
	uint32_t sum = IPPROTO_UDP + (uint32_t)(end - udp);

	for (int i = 12; i < 20; i++)
		sum += i & 1 ? ip[i] : ip[i] << 8;
	for (int i = 0; udp + i < end; i++)
		sum += i & 1 ? udp[i] : udp[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static void wrong_checksums_are_left_out(void)
{
	struct rx *rx = path_open();
	uint8_t frame[128];

	for (uint32_t options = 0, wrong = 0; options <= 8; options += 4) {
		uint32_t len = build_frame(frame, options);
		uint8_t *udp = frame + FRAME_ETHERNET + FRAME_IPV4 + options;
		uint16_t sum = htons(checksum_of(frame, len, options));

		send_frame(frame, len); /* none */
		path_expect(rx, "payload", 7);
		memcpy(udp + 6, &sum, 2);
		send_frame(frame, len);
		path_expect(rx, "payload", 7);
		for (uint32_t bit = 0; bit < 8 * 7; bit += 5) {
			udp[FRAME_UDP + bit / 8] ^= (uint8_t)(1 << bit % 8);
			send_frame(frame, len);
			wrong++;
			udp[FRAME_UDP + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		send_frame(frame, len);
		path_expect(rx, "payload", 7);
		CHECK_EQ(path_stats.bad_checksum, wrong);
	}
	rx->ops->close(rx);
}

static void set_mtu(int mtu)
{
	CHECK_EQ(wire_run("ip -n hpt%da link set va mtu %d && ip -n hpt%db link set vb mtu %d", getpid(), mtu,
			  getpid(), mtu),
		 0);
}

static void expect_cut(struct rx *rx, const uint8_t *data, uint32_t len)
{
	struct rx_datagram got[RX_BATCH];

	CHECK_EQ(path_poll(rx, got), 1);
	CHECK_EQ(got[0].truncated, 1);
	CHECK_EQ(got[0].len, len);
	CHECK(!memcmp(got[0].data, data, len));
	rx->ops->release(rx);
}

/* Frames larger than the interface's were when the ring was made, and than anything handed on. */
static void long_datagrams_are_cut(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender();
	static uint8_t data[4000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	set_mtu(9000);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	/* V2: a frame of 2048 holds an IP packet from its byte 80 on. V3 has blocks. */
	expect_cut(rx, data, is_v3() ? RX_FRAME : 2048 - 80 - FRAME_IPV4 - FRAME_UDP);
	CHECK_EQ(path_stats.truncated, 1);
	rx->ops->close(rx);

	rx = path_open();
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, RX_FRAME);
	path_expect(rx, data, RX_FRAME);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	expect_cut(rx, data, RX_FRAME);
	CHECK_EQ(path_stats.truncated, 1);
	CHECK_EQ(path_stats.bytes, RX_FRAME + sizeof(data));
	set_mtu(1500);
	close(fd);
	rx->ops->close(rx);
}

static void packet_conforms(const struct rx_ops *ops)
{
	path_conforms(ops);
	RUN(nothing_but_the_flow_is_let_in);
	RUN(the_filter_cannot_be_taken_off);
	RUN(no_own_echoes);
	RUN(tagged_frames_are_delivered_and_counted);
	RUN(fragments_are_counted);
	RUN(odd_frames_are_counted);
	RUN(runts_do_no_harm);
	RUN(wrong_checksums_are_left_out);
	RUN(long_datagrams_are_cut);
}

int main(void)
{
	packet_begin();
	packet_conforms(&rx_packet);
	packet_conforms(&by_blocks);
	return 0;
}
