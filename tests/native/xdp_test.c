// SPDX-License-Identifier: MIT
/* The xdp receive path: the common cases, and what the program on the interface does and leaves alone. */
#include <bpf/libbpf.h>

#include "frames.h"
#include "xdp_wire.h"

/* Id of the program on vb, 0 for none. */
static uint32_t program_on_vb(void)
{
	int before = netns_enter(wire_b);
	uint32_t id = 0;

	CHECK_EQ(bpf_xdp_query_id((int)if_nametoindex("vb"), 0, &id), 0);
	netns_leave(before);
	return id;
}

static void only_the_flow_leaves_the_kernel(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender(), port = plain_socket(WIRE_THERE, WIRE_PORT);
	int other_port = plain_socket(WIRE_GROUP, WIRE_PORT + 1),
	    group = plain_socket("239.255.0.2", WIRE_PORT);
	int same = plain_socket(WIRE_GROUP, WIRE_PORT);
	char got[16];

	wire_send(fd, WIRE_THERE, WIRE_PORT, "unicast", 7);
	arrives(port, "unicast");
	wire_send(fd, WIRE_GROUP, WIRE_PORT + 1, "port", 4);
	arrives(other_port, "port");
	wire_send(fd, "239.255.0.2", WIRE_PORT, "group", 5);
	arrives(group, "group");
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "ours", 4);
	path_expect(rx, "ours", 4);
	CHECK(recv(same, got, sizeof(got), MSG_DONTWAIT) < 0);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "back", 4);
	arrives(same, "back");
	close(same);
	close(group);
	close(other_port);
	close(port);
	close(fd);
}

/* Only a first fragment has ports: all of them stay with the kernel, which puts them together. */
static void fragments_stay_with_the_kernel(void)
{
	struct rx *rx = path_open();
	int fd = wire_sender(), same = plain_socket(WIRE_GROUP, WIRE_PORT);
	static char data[3000];

	memset(data, 'x', sizeof(data) - 1);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizeof(data) - 1);
	arrives(same, data);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "whole", 5);
	path_expect(rx, "whole", 5);
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.fragments, 3);
	wire_send(fd, WIRE_THERE, WIRE_PORT, data, sizeof(data) - 1); /* another address: not ours to count */
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.fragments, 3);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
	close(same);
	close(fd);
}

/* Puts `count` VLAN tags into a frame; the first is a service tag. Its new length. */
static uint32_t tag_frame(uint8_t *frame, uint32_t len, int count)
{
	static const uint8_t tags[] = {0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 42, 0x81, 0, 0, 43};
	uint32_t bytes = (uint32_t)count * FRAME_TAG;

	memmove(frame + 12 + bytes, frame + 12, len - 12);
	memcpy(frame + 12, tags, bytes);
	return len + bytes;
}

static void tags_are_looked_past(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	uint8_t frame[160];

	for (int tags = 0; tags <= 2; tags++) {
		send_frame(frame, tag_frame(frame, build_frame(frame, 8), tags));
		path_expect(rx, "payload", 7);
		CHECK_EQ(path_stats.tagged, tags);
	}
	send_frame(frame, tag_frame(frame, build_frame(frame, 0), 3)); /* the kernel's */
	send_frame(frame, 14);
	send_frame(frame, tag_frame(frame, build_frame(frame, 0), 2) - 7 - 28); /* nothing behind the tags */
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.tagged, 2);
	CHECK_EQ(path_stats.datagrams, 3);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->close(rx);
}

/* What the program leaves to the kernel although the address is ours. */
static void cut_frames_are_counted(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	uint8_t frame[128];
	uint32_t len = build_frame(frame, 0);

	send_frame(frame, FRAME_ETHERNET + FRAME_IPV4 + 4); /* in the middle of the UDP header */
	len = build_frame(frame, 40);
	send_frame(frame, len - 7 - 1);
	build_frame(frame, 0);
	frame[FRAME_ETHERNET] = 0x42; /* a header of eight bytes */
	send_frame(frame, len);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.malformed, 0);
	rx->ops->refresh(rx);
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.malformed, 3);
	rx->ops->close(rx);
}

static void put_checksum(uint8_t *frame, uint16_t value)
{
	memcpy(frame + FRAME_ETHERNET + FRAME_IPV4 + 6, &value, sizeof(value));
}

/* Checksums: right, as a sender leaves it for its NIC, wrong. Whatever the length of the payload. */
static void wrong_checksums_are_left_out(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	uint8_t frame[160];
	uint32_t len = build_frame(frame, 0);
	int fd = wire_sender();
	char data[200];

	put_checksum(frame, 0x1234);
	send_frame(frame, len);
	frame[len - 1] ^= 1;
	put_checksum(frame, (uint16_t)~frame_fold(frame_pseudo_sum(frame, FRAME_UDP + 7)));
	send_frame(frame, len);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(path_stats.bad_checksum, 2);
	len = build_frame(frame, 0);
	put_checksum(frame, frame_fold(frame_pseudo_sum(frame, FRAME_UDP + 7)));
	send_frame(frame, len);
	path_expect(rx, "payload", 7);

	/* The kernel finishes them itself when the interface says that it cannot. */
	CHECK_EQ(wire_run("ip netns exec hpt%da ethtool -K va tx-checksumming off >/dev/null", wire_owner),
		 0);
	memset(data, 0xfe, sizeof(data));
	for (size_t size = 0; size < sizeof(data); size += 1 + size / 7) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, data, size);
		path_expect(rx, data, size);
	}
	CHECK_EQ(wire_run("ip netns exec hpt%da ethtool -K va tx-checksumming on >/dev/null", wire_owner), 0);
	CHECK_EQ(path_stats.bad_checksum, 2);
	close(fd);
	rx->ops->close(rx);
}

/* Frames of the flow's address with one byte after the other made odd: each ends in one counter or payload.
 */
static void no_byte_does_harm(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	uint8_t frame[160];
	int fd = wire_sender(), count;

	for (int tags = 0; tags <= 2; tags++)
		for (uint32_t at = 12; at < FRAME_HEADERS + 8u; at++)
			for (int value = 0; value < 256; value += 15) {
				uint32_t len = tag_frame(frame, build_frame(frame, 0), tags);

				frame[at] = (uint8_t)value;
				send_frame(frame, len);
				count = rx->ops->poll(rx, got, RX_BATCH);
				CHECK(count >= 0 && count <= 1);
				if (count)
					CHECK(got[0].len <= 7);
				if (count)
					rx->ops->release(rx);
			}
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.dropped, 0);
	CHECK(path_stats.malformed > 0 && path_stats.datagrams > 0);
	path_burst(rx, fd, 64);
	close(fd);
	rx->ops->close(rx);
}

static void odd_frames_are_counted_not_delivered(void)
{
	struct rx *rx = path_open();
	uint8_t frame[128], *udp = frame + FRAME_ETHERNET + FRAME_IPV4;
	uint32_t len = build_frame(frame, 0);

	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	send_frame(frame, len + 30); /* padded */
	path_expect(rx, "payload", 7);
	len = build_frame(frame, 8);
	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.malformed, 0);

	len = build_frame(frame, 0);
	udp[5] = 7; /* shorter than its own header */
	send_frame(frame, len);
	udp[5] = FRAME_UDP + 8; /* longer than the packet */
	send_frame(frame, len);
	frame[FRAME_ETHERNET + 3] += 1; /* the packet longer than the frame */
	send_frame(frame, len);
	len = build_frame(frame, 0);
	send_frame(frame, len);
	path_expect(rx, "payload", 7);
	CHECK_EQ(path_stats.malformed, 3);
	rx->ops->close(rx);
}

/* Every length of a good frame, each in memory of exactly that length: nothing past the end is read. */
static void the_parser_stays_inside(void)
{
	uint8_t good[128];
	uint32_t ip = wire_address(WIRE_GROUP, 1).sin_addr.s_addr, payload;

	for (uint32_t options = 0; options <= 40; options += 4) {
		uint32_t len = build_frame(good, options);

		for (uint32_t cut = 1; cut <= len; cut++) {
			uint8_t *frame = malloc(cut);

			memcpy(frame, good, cut);
			CHECK_EQ(frame_payload(frame, cut, ip, htons(WIRE_PORT), &payload) != NULL,
				 cut == len);
			free(frame);
		}
		for (uint32_t cut = 1; cut <= len; cut++) { /* with tags all the way */
			uint8_t *frame = malloc(cut);

			for (uint32_t at = 0; at < cut; at++)
				frame[at] = at & 1 ? 0 : 0x81;
			CHECK(frame_tags(frame, cut) <= 8 && (cut >= 18 || !frame_tags(frame, cut)));
			free(frame);
		}
		CHECK(!frame_payload(good, len, ip + 1, htons(WIRE_PORT), &payload));
		CHECK(!frame_payload(good, len, ip, htons(WIRE_PORT + 1), &payload));
	}
}

static void the_program_goes_with_the_path(void)
{
	struct rx *rx = path_open();

	CHECK(program_on_vb());
	CHECK_EQ(path_stats.generic, 0);
	CHECK(!strncmp(path_stats.note, "native, copy, need-wakeup", 25));
	rx->ops->close(rx);
	CHECK_EQ(program_on_vb(), 0);
}

static void the_program_goes_with_the_process(void)
{
	double deadline = wire_seconds() + 5;
	int ready[2], status;
	pid_t child;
	char byte;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		path_open();
		(void)!write(ready[1], "", 1);
		pause();
		_exit(1);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK(program_on_vb());
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, &status, 0), child);
	while (program_on_vb() && wire_seconds() < deadline)
		wire_pause();
	CHECK_EQ(program_on_vb(), 0);
	close(ready[0]);
	close(ready[1]);
}

static void another_program_is_left_alone(void)
{
	struct hp_rx_options options = path_options("239.255.0.9", "vb");
	struct rx *first = path_open(), *second;
	uint32_t id = program_on_vb();
	int fds = wire_fds();

	CHECK_EQ(path_try(&second, &options), -EBUSY);
	CHECK(wire_said("\"hotpath_steer\" is there already"));
	CHECK_EQ(wire_fds(), fds);
	CHECK_EQ(program_on_vb(), id);
	first->ops->close(first);
}

/* Loopback's driver has no XDP of its own. */
static void generic_mode_is_said(void)
{
	struct rx *rx = path_open_on("127.0.0.1", "lo");
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	netns_leave(before);
	CHECK_EQ(path_stats.generic, 1);
	CHECK(!strncmp(path_stats.note, "generic (native: ", 17));
	wire_send(fd, "127.0.0.1", WIRE_PORT, "loop", 4);
	path_expect(rx, "loop", 4);
	close(fd);
	rx->ops->close(rx);
}

static void bad_queues_and_interfaces_are_refused(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;

	options.queue = 1;
	CHECK_EQ(path_try(&rx, &options), -EINVAL);
	CHECK(wire_said("queue 1 of \"vb\": it has 1, counted from 0"));
	refused_with_a_sentence(WIRE_GROUP, "", WIRE_PORT, EINVAL, "no interface named");
	refused_with_a_sentence("0.0.0.0", "vb", WIRE_PORT, EINVAL, "it redirects one address");
}

/* The child prints what it was told: the sentence must say what is missing. */
static void nobody_is_told_what_is_missing(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
		struct rx *rx;

		netns_enter(wire_b);
		if (setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(path_ops->open(&rx, &options, &path_stats) != -EPERM ||
		      !wire_said("needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW"));
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* More than the fill ring holds, while nobody looks: the rest is counted. */
static void drops_are_counted(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	int fd = wire_sender(), count, received = 0;

	for (int i = 0; i < 5000; i++)
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
	while ((count = rx->ops->poll(rx, got, RX_BATCH)) > 0) {
		received += count;
		rx->ops->release(rx);
	}
	rx->ops->refresh(rx);
	CHECK(path_stats.dropped > 0);
	CHECK_EQ(received + path_stats.dropped, 5000);
	path_burst(rx, fd, 64); /* and it goes on */
	close(fd);
	rx->ops->close(rx);
}

int main(void)
{
	xdp_ready();
	printf("xdp runs as: %s\n", path_stats.note);
	path_conforms(&rx_xdp);
	RUN(only_the_flow_leaves_the_kernel);
	RUN(fragments_stay_with_the_kernel);
	RUN(odd_frames_are_counted_not_delivered);
	RUN(tags_are_looked_past);
	RUN(cut_frames_are_counted);
	RUN(wrong_checksums_are_left_out);
	RUN(no_byte_does_harm);
	RUN(the_parser_stays_inside);
	RUN(the_program_goes_with_the_path);
	RUN(the_program_goes_with_the_process);
	RUN(another_program_is_left_alone);
	RUN(generic_mode_is_said);
	RUN(bad_queues_and_interfaces_are_refused);
	RUN(nobody_is_told_what_is_missing);
	RUN(drops_are_counted);
	return 0;
}
