// SPDX-License-Identifier: MIT
/*
 * No room, on every receive path that a veth feeds (tap_test.c has the TAP's): a reader that never gives
 * back, and datagrams larger than what they are to lie in. What was sent is what was handed out and what was
 * counted, and the flow goes on afterwards.
 */
#include "paths.h"

/* ---- a reader that never gives back ----------------------------------------------------------- */

#define SENT 1000

static struct rx_datagram held[SENT + RX_BATCH];

/* Takes all there is. Whatever is handed out must stay as it is until it is given back. */
static int hold_all(struct rx *rx, int fd)
{
	int count, all = 0;

	for (uint32_t i = 0; i < SENT; i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
		if (i % 64 == 0)
			wire_pause(); /* the wire's own queue is short */
	}
	while ((count = path_poll(rx, held + all)) > 0)
		all += count;
	for (int i = 0; i < all; i++) {
		CHECK_EQ(held[i].len, sizeof(i));
		CHECK(!memcmp(held[i].data, &i, sizeof(i)));
	}
	return all;
}

/* udp, like tap, has one place for what it hands out, and looks again into the same: it cannot hold. */
static void who_never_gives_back_starves_and_goes_on(void)
{
	struct hp_rx_options options = case_options();
	struct rx_datagram got[RX_BATCH];
	int fd = wire_sender(), all, count, rest = 0;
	struct rx *rx;

	if (path_ops == &rx_udp)
		return;
	options.rcvbuf = 65536;
	options.frames = 256;
	rx = case_open_with(&options);
	for (int round = 1; round <= 3; round++) {
		all = hold_all(rx, fd);
		CHECK(all > 0 && all < SENT);
		rx->ops->release(rx);
		for (; (count = path_poll(rx, got)) > 0; rest += count)
			rx->ops->release(rx);
		rest += all;
		rx->ops->refresh(rx);
		CHECK_EQ(rest + path_stats.dropped, round * SENT);
		CHECK_EQ(path_stats.datagrams, rest);
	}
	CHECK(path_stats.dropped > 0);
	path_burst(rx, fd, 16);
	rx->ops->refresh(rx);
	CHECK_EQ(rest + path_stats.dropped, 3 * SENT);
	close(fd);
	rx->ops->close(rx);
}

/* ---- large datagrams -------------------------------------------------------------------------- */

static void set_mtu(const char *side, int mtu)
{
	CHECK_EQ(wire_run("ip -n hpt%d%s link set v%s mtu %d", wire_owner, side, side, mtu), 0);
}

/* Frames that the interface itself let fall, so far. */
static double dropped_by_interface(void)
{
	double bytes, packets, errors, drops = -1;
	char line[512];
	FILE *file = wire_open_table("dev");

	while (drops < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, " vb: %lf %lf %lf %lf", &bytes, &packets, &errors, &drops) != 4)
			drops = -1;
	fclose(file);
	CHECK(drops >= 0);
	return drops;
}

/* A frame over the interface's MTU never comes in, whoever listens; the interface counts it. */
static void giants_stay_outside(void)
{
	static uint8_t data[4000];
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	int fd;
	double before;

	set_mtu("a", 3000); /* first: XDP on the other end limits it */
	rx = case_open();
	fd = wire_sender();
	before = dropped_by_interface();
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, 2500);
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "on", 2);
	path_expect(rx, "on", 2);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	rx->ops->refresh(rx);
	CHECK_EQ(dropped_by_interface() - before, 1);
	CHECK_EQ(path_stats.datagrams, 1);
	close(fd);
	rx->ops->close(rx);
	set_mtu("a", 1500);
}

/* Cut and counted, where a path cuts; left out and counted, where a frame has to lie in one piece (xdp). */
static void expect_large(struct rx *rx, const uint8_t *data, uint32_t len, uint32_t most)
{
	double truncated = path_stats.truncated, dropped = path_stats.dropped;
	struct rx_datagram got[RX_BATCH];

	if (path_ops == &rx_xdp && len > most) {
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
		rx->ops->refresh(rx);
		CHECK_EQ(path_stats.dropped, dropped + 1);
		return;
	}
	CHECK_EQ(path_poll(rx, got), 1);
	CHECK_EQ(got[0].len, len < most ? len : most);
	CHECK_EQ(got[0].truncated, len > most);
	CHECK(!memcmp(got[0].data, data, got[0].len));
	CHECK_EQ(path_stats.truncated - truncated, len > most);
	rx->ops->release(rx);
}

static void large_with(uint32_t frame_bytes, uint32_t most)
{
	static const uint32_t sizes[] = {1000, 1700, 2048, 2049, 4000, 8900, 40};
	struct hp_rx_options options = case_options();
	static uint8_t data[8900];
	struct rx *rx;
	int fd;

	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	options.frame_bytes = frame_bytes;
	rx = case_open_with(&options);
	if (path_ops == &rx_xdp) {
		CHECK(strstr(path_stats.note, "MTU 9000: over "));
		CHECK_EQ(strstr(path_stats.note, "; frame=4096") != NULL, frame_bytes < 4096);
	}
	fd = wire_sender();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		wire_send(fd, WIRE_GROUP, WIRE_PORT, data, sizes[i]);
		expect_large(rx, data, sizes[i], most);
	}
	close(fd);
	rx->ops->close(rx);
}

static void a_large_mtu_is_lived_with(void)
{
	set_mtu("a", 9000);
	set_mtu("b", 9000);
	large_with(0, path_ops == &rx_xdp ? 2048 - 256 - FRAME_HEADERS : RX_FRAME);
	if (path_ops == &rx_xdp)
		large_with(4096, 4096 - 256 - FRAME_HEADERS);
	set_mtu("a", 1500);
	set_mtu("b", 1500);
}

int main(void)
{
	wire_up();
	RUN_ON_VETH_PATHS(who_never_gives_back_starves_and_goes_on);
	RUN_ON_VETH_PATHS(giants_stay_outside);
	RUN_ON_VETH_PATHS(a_large_mtu_is_lived_with);
	return 0;
}
