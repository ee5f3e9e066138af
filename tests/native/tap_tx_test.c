// SPDX-License-Identifier: MIT
/*
 * The tap transmit path: into a TAP that stands ready in namespace b under veth's name, so that the plain
 * sockets there receive from it as they do from a wire.
 */
#include <sys/stat.h>

#include "tx_conform.h"

static void tap_up(void)
{
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db tuntap add vb mode tap", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_THERE "/24 dev vb", wire_owner), 0);
	CHECK_EQ(wire_run("ip -n hpt%db link set vb up", wire_owner), 0);
}

static void tap_down(void)
{
	CHECK_EQ(wire_run("ip -n hpt%db link del vb", wire_owner), 0);
}

/* Without one that stands ready it makes its own, which goes with it. */
static void it_makes_its_own(void)
{
	struct tx *tx = tx_open(WIRE_THERE);
	int before = netns_enter(wire_b), fd;

	CHECK(strstr(tx_stats.note, "a TAP of its own"));
	CHECK(if_nametoindex("vb") > 0);
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_THERE "/24 dev vb", wire_owner), 0);
	fd = tx_receiver(WIRE_THERE);
	tx_put(tx, "own", 3);
	CHECK_EQ(tx_arrival(fd).len, 3);
	tx->ops->close(tx);
	CHECK_EQ(if_nametoindex("vb"), 0);
	netns_leave(before);
	close(fd);
}

static void any_queue_leads_in(void)
{
	struct hp_tx_options options = tx_options(WIRE_THERE);
	struct tx *tx;
	int fd;

	options.queue = 2;
	tx = tx_open_with(&options);
	CHECK(strstr(tx_stats.note, "queue 2 of 3"));
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_THERE "/24 dev vb", wire_owner), 0);
	fd = tx_receiver(WIRE_THERE);
	tx_burst(tx, fd, TX_BATCH);
	tx->ops->close(tx);
	close(fd);
	options.queue = 16;
	tx_refuses(&options, EINVAL, "Cannot send on queue 16 of TAP \"vb\": 0..15 are possible");
}

static void frames_go_to_the_stated_mac(void)
{
	struct hp_tx_options options = tx_options(WIRE_THERE);
	struct tx *tx;
	char byte;
	int fd;

	snprintf(options.mac, sizeof(options.mac), "02:00:00:00:00:99"); /* nobody's */
	tx = tx_open_with(&options);
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_THERE "/24 dev vb", wire_owner), 0);
	fd = tx_receiver(WIRE_THERE);
	tx_put(tx, "astray", 6);
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	tx->ops->close(tx);
	close(fd);
}

static void a_deleted_one_ends_the_path(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);

	tap_down();
	CHECK(tx->ops->reserve(tx, 4));
	CHECK_EQ(tx->ops->flush(tx), -EBADFD);
	CHECK(wire_said("Cannot write to TAP \"vb\": it was deleted"));
	tx->ops->refresh(tx);
	CHECK_EQ(tx_stats.link_downs, 1);
	tx->ops->close(tx);
}

static void it_says_what_it_needs(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);

	options.source[0] = 0;
	tx_refuses(&options, EINVAL, "it needs a source that is not the kernel's own; add source=ADDRESS");
	options = tx_options(WIRE_GROUP);
	snprintf(options.ifname, sizeof(options.ifname), "lo");
	tx_refuses(&options, EEXIST, "exists and is no TAP");
	as_nobody(EPERM, "needs CAP_NET_ADMIN in its network namespace");
}

int main(void)
{
	struct stat device;

	if (stat("/dev/net/tun", &device))
		SKIP("no /dev/net/tun here");
	wire_up();
	tap_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	tx_wire.side = 'b';
	tx_wire.ifname = "vb";
	tx_wire.source = WIRE_HERE;
	tx_wire.made = 1;
	tx_conforms(&tx_tap);
	RUN(a_deleted_one_ends_the_path);
	RUN(it_makes_its_own);
	RUN(any_queue_leads_in);
	RUN(frames_go_to_the_stated_mac);
	RUN(it_says_what_it_needs);
	return 0;
}
