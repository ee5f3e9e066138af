// SPDX-License-Identifier: MIT
/* The xdp transmit path: the common cases, and what becomes of its frames. */
#include "tx_conform.h"

/* Every frame goes out and comes back many times; payloads change their length, headers follow. */
static void frames_go_round(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);
	uint8_t data[200];
	struct tx *tx;

	options.frames = 64;
	tx = tx_open_with(&options);
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t len = 1 + i * 7 % sizeof(data);
		struct tx_arrival got;

		memset(data, (int)i, len);
		tx_put(tx, data, len);
		got = tx_arrival(fd);
		CHECK_EQ(got.len, len);
		CHECK(!memcmp(got.data, data, len));
	}
	CHECK_EQ(tx_stats.sent, 3000);
	CHECK_EQ(tx_stats.no_room + tx_stats.failed, 0);
	CHECK(tx_stats.completed >= 3000 - 64);
	for (int i = 0; i < 20; i++)
		tx_burst(tx, fd, TX_BATCH);
	tx->ops->close(tx);
	close(fd);
}

/* More than one system call sends: 32 each in copy mode. */
static void a_full_batch_takes_some_kicks(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);

	CHECK(!strncmp(tx_stats.note, "copy, need-wakeup, ", 19));
	tx_burst(tx, fd, TX_BATCH);
	CHECK(tx_stats.kicks >= 2 && tx_stats.kicks <= 4);
	CHECK_EQ(tx_stats.partial, 0);
	tx->ops->close(tx);
	close(fd);
}

/* Down with a batch reserved, flushed again and again, then up: what was given up never leaves, no frame is
 * lost, none is used twice. */
static void what_was_given_up_never_leaves(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);
	double deadline;
	struct tx *tx;

	options.frames = 256;
	tx = tx_open_with(&options);
	for (int round = 0; round < 5; round++) {
		double failed = tx_stats.failed;

		CHECK_EQ(wire_run("ip -n hpt%da link set va down", wire_owner), 0);
		for (int again = 0; again < 10; again++) {
			for (int i = 0; i < TX_BATCH; i++)
				memcpy(tx->ops->reserve(tx, 5), "stale", 5);
			CHECK_EQ(tx->ops->flush(tx), 0);
			CHECK_EQ(tx->waiting, 0);
		}
		CHECK_EQ(tx_stats.failed - failed, 10 * TX_BATCH);
		CHECK_EQ(wire_run("ip -n hpt%da link set va up", wire_owner), 0);
		deadline = wire_seconds() + 2;
		do { /* the carrier takes a moment */
			failed = tx_stats.failed;
			tx_put(tx, "fresh", 5);
			wire_pause();
		} while (tx_stats.failed > failed && wire_seconds() < deadline);
		CHECK_EQ(tx_arrival(fd).len, 5);
		for (int i = 0; i < 10; i++)
			tx_burst(tx, fd, TX_BATCH);
	}
	CHECK_EQ(tx_stats.failed_link, tx_stats.failed);
	CHECK_EQ(tx_stats.no_room, 0);
	tx->ops->close(tx);
	close(fd);
}

/* Nobody at the other end: each is taken by the kernel and dropped by the driver. */
static void a_lost_carrier_is_counted(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP);
	double deadline = wire_seconds() + 2, failed;

	CHECK_EQ(wire_run("ip -n hpt%db link set vb down", wire_owner), 0);
	for (int i = 0; i < 20; i++)
		tx_put(tx, "nobody", 6);
	CHECK_EQ(tx_stats.sent, 0);
	CHECK_EQ(tx_stats.failed_link, 20);
	CHECK_EQ(wire_run("ip -n hpt%db link set vb up", wire_owner), 0);
	do {
		failed = tx_stats.failed;
		tx_put(tx, "fresh", 5);
		wire_pause();
	} while (tx_stats.failed > failed && wire_seconds() < deadline);
	CHECK_EQ(tx_stats.sent, 1);
	tx->ops->close(tx);
	close(fd);
	fd = tx_receiver(WIRE_GROUP); /* the group went with the interface */
	tx = tx_open(WIRE_GROUP);
	tx_burst(tx, fd, TX_BATCH);
	tx->ops->close(tx);
	close(fd);
}

static void frames_go_to_the_stated_mac(void)
{
	struct hp_tx_options options = tx_options(WIRE_THERE);
	int fd = tx_receiver(WIRE_THERE);
	struct tx *tx;
	char byte;

	snprintf(options.mac, sizeof(options.mac), "02:00:00:00:00:99");
	tx = tx_open_with(&options);
	tx_put(tx, "astray", 6);
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(tx_stats.sent, 1);
	tx->ops->close(tx);
	close(fd);
}

static void it_says_what_it_cannot(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	struct tx *tx;

	options.flags = HP_TX_ZERO_COPY;
	tx_refuses(&options, EOPNOTSUPP,
		   "Cannot use zero-copy on queue 0 of \"va\": its driver (veth) has none");
	options.flags = HP_TX_COPY;
	options.queue = 9;
	tx_refuses(&options, EINVAL, "Cannot bind to queue 9 of \"va\": no such queue");
	options.queue = 0;
	options.frames = 100;
	tx_refuses(&options, EINVAL, "Cannot use 100 frames");
	options.frames = 0;
	options.ifname[0] = 0;
	tx_refuses(&options, EINVAL, "no interface named; add if=NAME");
	as_nobody(EPERM, "xdp needs CAP_NET_RAW (run as root), udp and uring need nothing");
	options = tx_options(WIRE_GROUP);
	tx = tx_open_with(&options);
	struct hp_tx_stats kept = tx_stats;

	tx_refuses(&options, EBUSY, "Cannot bind to queue 0 of \"va\": another AF_XDP socket has it");
	tx_stats = kept;
	tx->ops->close(tx);
}

/* Last: it takes the wire away. */
static void a_deleted_interface_ends_it(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);

	CHECK_EQ(wire_run("ip -n hpt%da link del va", wire_owner), 0);
	CHECK(tx->ops->reserve(tx, 4));
	CHECK_EQ(tx->ops->flush(tx), -ENODEV);
	CHECK(wire_said("Cannot go on sending on \"va\": the interface was deleted or moved"));
	tx->ops->close(tx);
}

int main(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	struct tx *tx;
	int error;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	tx_ops = &tx_xdp;
	error = tx_try(&tx, &options);
	if (error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EAFNOSUPPORT) {
		wire_said("?");
		SKIP("no AF_XDP here");
	}
	CHECK_EQ(error, 0);
	printf("xdp sends as: %s\n", tx_stats.note);
	tx->ops->close(tx);
	tx_conforms(&tx_xdp);
	RUN(frames_go_round);
	RUN(a_full_batch_takes_some_kicks);
	RUN(what_was_given_up_never_leaves);
	RUN(a_lost_carrier_is_counted);
	RUN(frames_go_to_the_stated_mac);
	RUN(it_says_what_it_cannot);
	RUN(a_deleted_interface_ends_it);
	return 0;
}
