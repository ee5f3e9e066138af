// SPDX-License-Identifier: MIT
/*
 * Somebody else's XDP program on the interface, in whatever mode and however attached: it is named, it is not
 * replaced, it goes on running; and the paths that need no program receive beside it. Ours is no different
 * when a second engine meets it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "paths.h"

/* ---- somebody else's -------------------------------------------------------------------------- */

static int load_somebody(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "GPL", pass, 2, NULL);

	CHECK(program >= 0);
	return program;
}

/* How often it ran, as long as statistics are on. */
static double runs(int program)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	CHECK_EQ(bpf_obj_get_info_by_fd(program, &info, &size), 0);
	return (double)info.run_cnt;
}

/* Id of the program on vb, whatever its mode. */
static uint32_t program_on_vb(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int before = netns_enter(wire_b);

	CHECK_EQ(bpf_xdp_query((int)if_nametoindex("vb"), 0, &query), 0);
	netns_leave(before);
	return query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

/* The ways a program gets onto an interface. */
static const struct attachment {
	const char *what;
	__u32 mode;
	int by_link;
} attachments[] = {
	{"native, by netlink", XDP_FLAGS_DRV_MODE, 0},
	{"native, by a link", XDP_FLAGS_DRV_MODE, 1},
	{"generic, by netlink", XDP_FLAGS_SKB_MODE, 0},
	{"generic, by a link", XDP_FLAGS_SKB_MODE, 1},
};

/* A link's descriptor, or -1. */
static int attach(const struct attachment *attachment, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = attachment->mode);
	int before = netns_enter(wire_b), index = (int)if_nametoindex("vb"), link = -1;

	if (attachment->by_link) {
		link = bpf_link_create(program, index, BPF_XDP, &options);
		CHECK(link >= 0);
	} else {
		CHECK_EQ(bpf_xdp_attach(index, program, attachment->mode, NULL), 0);
	}
	netns_leave(before);
	return link;
}

static void detach(const struct attachment *attachment, int link)
{
	int before = netns_enter(wire_b);

	if (attachment->by_link)
		close(link);
	else
		CHECK_EQ(bpf_xdp_detach((int)if_nametoindex("vb"), attachment->mode, NULL), 0);
	netns_leave(before);
}

/* xdp is refused, every other path receives, and either way the program runs for each datagram. */
static void meets_somebody(int program, uint32_t id)
{
	struct hp_rx_options options = case_options();
	int fd = wire_sender(), fds;
	double before = runs(program);
	struct rx *rx;

	if (path_ops == &rx_xdp) {
		rx = NULL;
		fds = wire_fds();
		CHECK_EQ(path_try(&rx, &options), -EBUSY);
		CHECK(wire_said("\"somebody\" is there already and is left alone"));
		CHECK_EQ(wire_fds(), fds);
		path_ops = &rx_udp;
		rx = path_open();
		path_ops = &rx_xdp;
	} else {
		rx = case_open();
	}
	path_burst(rx, fd, 10);
	CHECK(runs(program) - before >= 10); /* and for what the namespaces say to each other */
	CHECK_EQ(program_on_vb(), id);
	close(fd);
	rx->ops->close(rx);
}

static void somebody_elses_program_stays_and_runs(void)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), program = load_somebody();
	struct rx *rx;

	CHECK(stats >= 0);
	for (size_t i = 0; i < sizeof(attachments) / sizeof(attachments[0]); i++) {
		int link = attach(&attachments[i], program);
		uint32_t id = program_on_vb();

		printf("   %s\n", attachments[i].what);
		CHECK(id > 0);
		meets_somebody(program, id);
		CHECK_EQ(program_on_vb(), id);
		detach(&attachments[i], link);
		CHECK_EQ(program_on_vb(), 0);
	}
	rx = case_open(); /* and nothing of it is left in the way */
	rx->ops->close(rx);
	close(program);
	close(stats);
}

/* ---- our own ---------------------------------------------------------------------------------- */

static void expect_one(struct rx *rx, const char *data)
{
	path_expect(rx, data, strlen(data));
}

/* Another flow or the same, the interface has one program. Who was there first does not notice. */
static void a_second_xdp_engine_is_told_of_the_first(void)
{
	static const char *const groups[] = {WIRE_GROUP, "239.255.0.9"};
	struct rx *first, *second;
	int fd = wire_sender();

	path_ops = &rx_xdp;
	first = path_open();
	for (int i = 0; i < 2; i++) {
		struct hp_rx_options options = path_options(groups[i], "vb");
		int fds = wire_fds();

		CHECK_EQ(path_try(&second, &options), -EBUSY);
		CHECK(wire_said("another engine receives by xdp there; close it"));
		CHECK_EQ(wire_fds(), fds);
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "first", 5);
		expect_one(first, "first");
	}
	first->ops->close(first);
	second = path_open();
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "second", 6);
	expect_one(second, "second");
	second->ops->close(second);
	close(fd);
}

/* The sockets and the packet ring each get a copy; what xdp takes, nobody else sees, until it is closed. */
static void paths_side_by_side(void)
{
	const struct rx_ops *const shared[] = {&rx_udp, &rx_uring, &rx_packet};
	struct rx *rx[3], *taker;
	struct rx_datagram got[RX_BATCH];
	int fd = wire_sender();

	for (int i = 0; i < 3; i++) {
		path_ops = shared[i];
		rx[i] = path_open();
		CHECK_EQ(rx[i]->ops->poll(rx[i], got, RX_BATCH), 0);
	}
	for (int round = 0; round < 2; round++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "everybody's", 11);
		for (int i = 0; i < 3; i++)
			expect_one(rx[i], "everybody's");
		path_ops = &rx_xdp;
		taker = path_open();
		wire_send(fd, WIRE_GROUP, WIRE_PORT, "mine", 4);
		expect_one(taker, "mine");
		for (int i = 0; i < 3; i++)
			CHECK_EQ(rx[i]->ops->poll(rx[i], got, RX_BATCH), 0);
		taker->ops->close(taker);
	}
	for (int i = 0; i < 3; i++)
		rx[i]->ops->close(rx[i]);
	close(fd);
}

int main(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;

	wire_up();
	path_ops = &rx_xdp;
	if (path_try(&rx, &options)) {
		wire_said("?");
		SKIP("no BPF or AF_XDP here");
	}
	rx->ops->close(rx);
	RUN_ON_VETH_PATHS(somebody_elses_program_stays_and_runs);
	RUN(a_second_xdp_engine_is_told_of_the_first);
	RUN(paths_side_by_side);
	return 0;
}
