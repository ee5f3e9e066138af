/* SPDX-License-Identifier: MIT */
/*
 * Every receive path that takes what a wire brings, as one table: for cases that must come out the same, or
 * whose differences are the point. The TAP stands beside veth in namespace b and hears what is sent out of it
 * there.
 */
#ifndef HP_PATHS_H
#define HP_PATHS_H

#include "frames.h"

struct path_case {
	const char *name;
	const struct rx_ops *ops;
	uint32_t flags;	 /* enum hp_rx_flags */
	int sees_frames; /* judges frames itself; else the kernel's stack does, and counts */
	const char *ifname;
	char side;	  /* where its sender sits: 'a' or 'b' ... */
	const char *from; /* ... and what it sends out of */
};

static const struct path_case path_cases[] = {
	{"udp", &rx_udp, 0, 0, "vb", 'a', "va"},
	{"uring", &rx_uring, 0, 0, "vb", 'a', "va"},
	{"packet, V2", &rx_packet, 0, 1, "vb", 'a', "va"},
	{"packet, V3", &rx_packet, HP_RX_V3, 1, "vb", 'a', "va"},
	{"xdp", &rx_xdp, 0, 1, "vb", 'a', "va"},
	{"tap", &rx_tap, 0, 1, "tb", 'b', "tb"},
};
static const struct path_case *path_case; /* the one under test */

static inline struct hp_rx_options case_options(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, path_case->ifname);

	options.flags = path_case->flags;
	return options;
}

static inline struct rx *case_open_with(const struct hp_rx_options *options)
{
	struct rx *rx = NULL;

	if (path_try(&rx, options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

static inline struct rx *case_open(void)
{
	struct hp_rx_options options = case_options();

	return case_open_with(&options);
}

/* Puts frames out of an interface as they are. */
static inline int raw_sender(const char *ifname)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll out = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&out, sizeof(out)), 0);
	return fd;
}

/* Onto the wire of the path under test; once it is open, for a TAP is not there before. */
static inline int case_sender(void)
{
	int before = netns_enter(path_case->side == 'a' ? wire_a : wire_b), fd;

	CHECK(before >= 0);
	fd = raw_sender(path_case->from);
	netns_leave(before);
	return fd;
}

static inline void case_send(int fd, const uint8_t *frame, uint32_t len)
{
	CHECK_EQ(send(fd, frame, len, 0), len);
}

/* A good frame of the flow with this payload, both checksums right. Its length. */
static inline uint32_t case_frame(uint8_t *frame, const void *payload, uint32_t len)
{
	uint8_t *ip = frame + FRAME_ETHERNET, *udp = ip + FRAME_IPV4, pseudo[12] = {0};

	build_frame(frame, 0);
	put_u16(ip + 2, FRAME_IPV4 + FRAME_UDP + len);
	put_u16(udp + 4, FRAME_UDP + len);
	memcpy(udp + FRAME_UDP, payload, len);
	memcpy(pseudo, ip + 12, 8);
	pseudo[9] = IPPROTO_UDP;
	put_u16(pseudo + 10, FRAME_UDP + len);
	put_u16(udp + 6, book_checksum((uint16_t)~book_checksum(0, pseudo, 12), udp, FRAME_UDP + len));
	sign_header(ip);
	return FRAME_HEADERS + len;
}

/* A counter of namespace b's stack: "snmp", "Udp:", "InErrors". */
static inline double kernel_count(const char *table, const char *group, const char *name)
{
	char names[8192], values[8192], *name_at, *value_at, *next_name, *next_value;
	FILE *file = wire_open_table(table);
	double value = -1;

	while (value < 0 && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		name_at = strtok_r(names, " \n", &next_name);
		value_at = strtok_r(values, " \n", &next_value);
		if (strcmp(name_at, group))
			continue;
		while (name_at && value_at && strcmp(name_at, name)) {
			name_at = strtok_r(NULL, " \n", &next_name);
			value_at = strtok_r(NULL, " \n", &next_value);
		}
		CHECK(name_at && value_at);
		value = strtod(value_at, NULL);
	}
	fclose(file);
	CHECK(value >= 0);
	return value;
}

/* Sends `count` numbered datagrams as frames and expects each. */
static inline void case_flow(struct rx *rx, int fd, uint32_t count)
{
	uint8_t frame[128];

	for (uint32_t i = 0; i < count; i++) {
		case_send(fd, frame, case_frame(frame, &i, sizeof(i)));
		path_expect(rx, &i, sizeof(i));
	}
}

/* Runs `test` on every path that opens here and whose sender sits on one of these sides. */
static inline void on_every_path(const char *name, void (*test)(void), const char *sides)
{
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
		struct hp_rx_options options;
		struct rx *rx;
		int error;

		path_case = &path_cases[i];
		if (!strchr(sides, path_case->side))
			continue;
		path_ops = path_case->ops;
		options = case_options();
		error = path_try(&rx, &options);
		if (error) {
			wire_said("?");
			CHECK(error == -EPERM || error == -EACCES || error == -ENOSYS ||
			      error == -EAFNOSUPPORT || error == -ENOENT);
			printf("left out %s via %s: does not open here\n", name, path_case->name);
			continue;
		}
		rx->ops->close(rx);
		test();
		printf("ok %s via %s\n", name, path_case->name);
	}
}

#define RUN_ON_EVERY_PATH(test) on_every_path(#test, test, "ab")
#define RUN_ON_VETH_PATHS(test) on_every_path(#test, test, "a")

#endif
