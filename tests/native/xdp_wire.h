/* SPDX-License-Identifier: MIT */
/* More wires for the xdp path than wire.h has, and the helpers its tests share. */
#ifndef HP_XDP_WIRE_H
#define HP_XDP_WIRE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "conform.h"

#define OTHER_HERE  "10.78.0.1"
#define OTHER_THERE "10.78.0.2"
#define MANY_HERE   "10.79.0.1"
#define MANY_THERE  "10.79.0.2"
#define QUEUES	    4

static char wire_c[64]; /* a third namespace, for the second line */

/* ---- what the wires of wire.h do not have ---- */

/* hpt<pid>a: vc ---- hpt<pid>c: vd, whose index is vb's; hpt<pid>a: qa ---- hpt<pid>b: qb, with four queues.
 */
static inline void more_down(void)
{
	if (getpid() == wire_owner)
		wire_run("ip netns del hpt%dc", wire_owner);
}

static inline int index_in(const char *netns, const char *ifname)
{
	int before = netns_enter(netns), index = (int)if_nametoindex(ifname);

	netns_leave(before);
	return index;
}

static inline void more_up(void)
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
static inline int sender_on(const char *ifname)
{
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ip_mreqn out = {.imr_ifindex = (int)if_nametoindex(ifname)};

	CHECK(before >= 0 && fd >= 0 && out.imr_ifindex > 0);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
	netns_leave(before);
	return fd;
}

static inline uint32_t program_on(const char *netns, const char *ifname)
{
	int before = netns_enter(netns);
	uint32_t id = 0;

	CHECK_EQ(bpf_xdp_query_id((int)if_nametoindex(ifname), 0, &id), 0);
	netns_leave(before);
	return id;
}

static inline int group_joined_in(const char *netns)
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

static inline struct rx *open_with(const struct hp_rx_options *options)
{
	struct rx *rx = NULL;

	if (path_try(&rx, options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

static inline void refused(const struct hp_rx_options *options, int code, const char *word)
{
	struct rx *rx;
	int fds = wire_fds();

	CHECK_EQ(path_try(&rx, options), -code);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
	CHECK_EQ(program_on(wire_b, "vb"), 0);
}

static inline int noted(const char *word)
{
	if (strstr(path_stats.note, word))
		return 1;
	fprintf(stderr, "the note was: %s\n", path_stats.note);
	return 0;
}

/* Receives `count` datagrams of four bytes, whatever their order. */
static inline void receive_all(struct rx *rx, int count)
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

/* Opens the path once, or ends the program: skipped where the machine has no XDP. */
static inline void xdp_ready(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct rx *rx;
	int error;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	path_ops = &rx_xdp;
	error = path_try(&rx, &options);
	if (error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EAFNOSUPPORT) {
		wire_said("?");
		SKIP("no BPF or AF_XDP here");
	}
	CHECK_EQ(error, 0);
	rx->ops->close(rx);
}

static inline void xdp_wire_up(void)
{
	xdp_ready();
	more_up();
}

#endif
