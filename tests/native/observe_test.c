// SPDX-License-Identifier: MIT
/* The outside observer: what it counts of records that come and orders that leave, in odd shapes and even. */
#include "observe_lab.h"

#define CLIENT 40000 /* port of segments by hand */

static void an_order_is_matched_to_its_record(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	struct client client = client_connect();
	uint32_t bucket;

	send_records(fd, 100, 3);
	await(observer, &seen.records, 3);
	CHECK_EQ(seen.datagrams, 1);
	for (int i = 0; i < 5; i++)
		wire_pause();
	client_order(&client, 101, 1);
	await(observer, &seen.orders, 1);
	CHECK_EQ(seen.matched, 1);
	CHECK(seen.tick_to_trade.min >= 5e6 && seen.tick_to_trade.min < 2e9);
	CHECK_EQ(seen.tick_to_trade.max, seen.tick_to_trade.min);
	CHECK_EQ(seen.tick_to_trade.sum, seen.tick_to_trade.min);
	bucket = histogram_bucket((uint64_t)seen.tick_to_trade.min);
	CHECK_EQ(seen.tick_to_trade.buckets[bucket], 1);

	client_order(&client, 101, 2); /* the same trigger again, and another */
	await(observer, &seen.orders, 3);
	CHECK_EQ(seen.repeated, 1);
	CHECK_EQ(seen.matched, 2);
	client_order(&client, 103, 1);
	await(observer, &seen.orders, 4);
	CHECK_EQ(seen.unmatched, 1);
	CHECK_EQ(seen.unparsed, 0);
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

/* The kernel's bucket of a time is the one histogram.h gives it, whatever the octave. */
static void the_kernel_fills_the_same_buckets(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	struct client client = client_connect();
	struct hp_histogram mine = {0};

	for (int i = 0; i < 12; i++) {
		double sum = mine.sum;

		send_records(fd, i, 1);
		await(observer, &seen.records, i + 1);
		nanosleep(&(struct timespec){.tv_nsec = 1000l << i}, NULL);
		client_order(&client, i, 1);
		await(observer, &seen.matched, i + 1);
		histogram_record(&mine, (uint64_t)(seen.tick_to_trade.sum - sum));
	}
	CHECK(!memcmp(&mine, &seen.tick_to_trade, sizeof(mine)));
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

/* Through TCP's own segmentation offload: more orders than one packet of the wire holds, some of them cut. */
static void orders_come_many_a_segment(void)
{
	struct hp_observer *observer = observe_on("vb", HP_OBSERVE_TC);
	int fd = wire_sender();
	struct client client = client_connect();
	double deadline;

	for (int i = 0; i < 1200; i += 5)
		send_records(fd, i, 5);
	await(observer, &seen.records, 1200);
	client_order(&client, 0, 3);
	await(observer, &seen.matched, 3);
	client_order(&client, 3, 1000);
	for (deadline = wire_seconds() + 2; seen.orders + seen.unparsed < 1003 && wire_seconds() < deadline;)
		look(observer);
	CHECK_EQ(seen.orders + seen.unparsed, 1003);
	CHECK_EQ(seen.matched, seen.orders);
	CHECK(seen.unparsed < 30);
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

/* 20 + 20 + 11 bytes of one order, then whole ones. */
static void a_cut_order_is_counted_and_the_next_found(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	uint8_t bytes[5 * LLL_ORDER_BYTES];

	send_records(fd, 0, 5);
	await(observer, &seen.records, 5);
	build_orders(bytes, 0, 5, 1);
	send_segment(CLIENT, 999, SYN, bytes, 0);
	send_segment(CLIENT, 1000, ACK, bytes, 71); /* one, and 20 bytes of the second */
	await(observer, &seen.unparsed, 1);
	CHECK_EQ(seen.matched, 1);
	send_segment(CLIENT, 1071, ACK, bytes + 71, 20);
	send_segment(CLIENT, 1091, ACK, bytes + 91, 11);
	send_segment(CLIENT, 1102, ACK, bytes + 102, 51);
	await(observer, &seen.matched, 2);
	send_segment(CLIENT, 1153, ACK, bytes + 153, 102);
	await(observer, &seen.matched, 4);
	CHECK_EQ(seen.unparsed, 1);
	CHECK_EQ(seen.resent + seen.unmatched + seen.repeated, 0);
	close(fd);
	hp_observer_close(observer);
}

static void what_tcp_sends_again_counts_once(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	uint8_t bytes[3 * LLL_ORDER_BYTES];

	send_records(fd, 0, 5);
	await(observer, &seen.records, 5);
	build_orders(bytes, 0, 3, 1);
	send_segment(CLIENT + 1, 0xffffffe0u, SYN, bytes, 0); /* the numbers wrap around */
	send_segment(CLIENT + 1, 0xffffffe1u, ACK, bytes, 51);
	send_segment(CLIENT + 1, 0xffffffe1u, ACK, bytes, 51);
	await(observer, &seen.resent, 1);
	send_segment(CLIENT + 1, 0xffffffe1u, ACK, bytes, 102); /* again, with a new one behind it */
	await(observer, &seen.matched, 2);
	send_segment(CLIENT + 1, 0xffffffe1u + 102, ACK, bytes + 102, 51);
	await(observer, &seen.matched, 3);
	CHECK_EQ(seen.resent, 1);
	CHECK_EQ(seen.repeated + seen.unparsed, 0);
	send_segment(CLIENT + 1, 5000, SYN, bytes, 0); /* a new connection from the same port */
	send_segment(CLIENT + 1, 5001, ACK, bytes, 51);
	await(observer, &seen.repeated, 1);
	close(fd);
	hp_observer_close(observer);
}

static void what_is_no_order_is_counted_or_ignored(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	uint8_t bytes[2 * LLL_ORDER_BYTES];
	uint32_t len;

	send_records(fd, 0, 5);
	await(observer, &seen.records, 5);
	len = build_orders(bytes, 0, 2, 0);
	send_segment(CLIENT + 2, 1, ACK, bytes, len);
	await(observer, &seen.cancels, 2);
	len = build_orders(bytes, 0, 2, 1);
	bytes[LLL_ORDER_BYTES] = 7;
	send_segment(CLIENT + 2, 1 + len, ACK, bytes, len); /* the second has another type */
	await(observer, &seen.unparsed, 1);
	CHECK_EQ(seen.orders, 1);
	send_segment(CLIENT + 2, 1 + 2 * len, ACK, bytes, 1); /* a single byte */
	await(observer, &seen.unparsed, 2);
	send_segment(CLIENT + 2, 2 + 2 * len, ACK, bytes, 0);
	build_orders(bytes, 3, 1, 1);
	send_segment(CLIENT + 3, 77, ACK, bytes, 51); /* another client, met in the middle of its stream */
	await(observer, &seen.orders, 2);
	CHECK_EQ(seen.matched, 2);
	CHECK_EQ(seen.unparsed, 2);
	close(fd);
	hp_observer_close(observer);
}

static void records_that_come_again_keep_their_stamp(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	struct client client = client_connect();

	send_records(fd, 70000, 2);
	await(observer, &seen.records, 2);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	send_records(fd, 70000, 2);
	await(observer, &seen.duplicates, 2);
	client_order(&client, 70000, 1);
	await(observer, &seen.matched, 1);
	CHECK(seen.tick_to_trade.min >= 2e7);
	send_records(fd, 70000 + 16384, 1); /* takes the first one's slot */
	await(observer, &seen.records, 3);
	client_order(&client, 70000, 2);
	await(observer, &seen.orders, 3);
	CHECK_EQ(seen.overwritten, 1);
	CHECK_EQ(seen.matched, 2);
	send_records(fd, 70000, 1); /* far too late: the newer one stays */
	await(observer, &seen.duplicates, 3);
	client_order(&client, 70000 + 16384, 1);
	await(observer, &seen.matched, 3);
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

/* The same numbers in another session are other records. */
static void sessions_are_told_apart(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	struct client client = client_connect();

	send_records_with(fd, 0, 5, HP_FLAG_SNAPSHOT, 1);
	send_records(fd, 200, 5);
	await(observer, &seen.records, 10);
	client_order(&client, 0, 1);
	await(observer, &seen.matched, 1);
	send_records_with(fd, 0, 5, HP_FLAG_SNAPSHOT, 2); /* begins anew though the last record was lost */
	await(observer, &seen.records, 15);
	client_order(&client, 0, 1);
	await(observer, &seen.matched, 2);
	client_order(&client, 200, 1);
	await(observer, &seen.unmatched, 1);
	send_records_with(fd, 5, 1, HP_FLAG_LAST, 3);
	send_records_with(fd, 0, 1, 0, 2); /* a late copy of this session's */
	await(observer, &seen.duplicates, 1);
	send_records_with(fd, 0, 1, 0, 4); /* sent after its end: the next session's */
	await(observer, &seen.records, 17);
	client_order(&client, 0, 1);
	await(observer, &seen.matched, 3);
	CHECK_EQ(seen.repeated, 0);
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

static void other_and_odd_datagrams_stamp_nothing(void)
{
	struct hp_observer *observer = observe();
	uint8_t data[7 * LLL_RECORD_BYTES] = {0};
	static const size_t odd[] = {0, 1, 39, 41, 201, 240};
	int fd = wire_sender();

	build_datagram(data, 0, 2, 0, 1);
	wire_send(fd, WIRE_GROUP, WIRE_PORT + 1, data, 80);
	wire_send(fd, "239.255.0.2", WIRE_PORT, data, 80);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		wire_send(fd, WIRE_GROUP, WIRE_PORT, data, odd[i]);
	await(observer, &seen.malformed, 6);
	CHECK_EQ(seen.datagrams, 6);
	CHECK_EQ(seen.records, 0);
	data[LLL_RECORD_BYTES] = 9;
	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, 80); /* the first is good */
	await(observer, &seen.malformed, 7);
	CHECK_EQ(seen.records, 1);
	close(fd);
	hp_observer_close(observer);
}

/* A datagram of one record in a frame by hand, its IP header `options` bytes longer, behind a tag or not. */
static void send_frame(int64_t seq, uint32_t options, uint16_t tag, uint16_t fragment)
{
	uint8_t frame[256] = {1, 0, 0x5e, 0x7f, 0, 1, 2, 0, 0, 0, 0, 1}, *ip = frame + 14, *udp;
	struct sockaddr_ll out = {.sll_family = AF_PACKET};
	struct in_addr to = wire_address(WIRE_GROUP, 1).sin_addr;
	uint16_t type = htons(ETH_P_IP), port = htons(WIRE_PORT), len = htons(8 + LLL_RECORD_BYTES);
	uint16_t total = htons((uint16_t)(20 + options + 8 + LLL_RECORD_BYTES));
	int before = netns_enter(wire_a), fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	out.sll_ifindex = (int)if_nametoindex("va");
	if (tag) {
		tag = htons(tag);
		memcpy(frame + 12, &tag, 2);
		ip += 4;
	}
	memcpy(ip - 2, &type, 2);
	ip[0] = (uint8_t)(0x40 | (20 + options) / 4);
	memcpy(ip + 2, &total, 2);
	fragment = htons(fragment);
	memcpy(ip + 6, &fragment, 2);
	ip[8] = 4;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 16, &to, 4);
	memset(ip + 20, 1, options); /* no-operation */
	udp = ip + 20 + options;
	memcpy(udp + 2, &port, 2);
	memcpy(udp + 4, &len, 2);
	total = (uint16_t)(udp + 8 - frame + (long)build_datagram(udp + 8, seq, 1, 0, 1));
	CHECK_EQ(sendto(fd, frame, total, 0, (struct sockaddr *)&out, sizeof(out)), total);
	close(fd);
	netns_leave(before);
}

static void tagged_frames_and_ip_options_are_read(void)
{
	for (int entry = HP_OBSERVE_AUTO; entry <= HP_OBSERVE_TC; entry++) {
		struct hp_observer *observer = observe_on("vb", (enum hp_observe_entry)entry);

		send_frame(0, 0, ETH_P_8021Q, 0);
		send_frame(1, 0, ETH_P_8021AD, 0);
		send_frame(2, 40, 0, 0);
		send_frame(3, 40, ETH_P_8021Q, 0);
		send_frame(4, 0, 0, 0x2000); /* of a fragment nothing is known */
		send_frame(5, 0, 0, 0);
		await(observer, &seen.records, 5);
		CHECK_EQ(seen.datagrams, 5);
		CHECK_EQ(seen.malformed, 0);
		hp_observer_close(observer);
	}
}

static void reset_forgets_counts_and_keeps_stamps(void)
{
	struct hp_observer *observer = observe();
	int fd = wire_sender();
	struct client client = client_connect();

	send_records(fd, 0, 5);
	await(observer, &seen.records, 5);
	client_order(&client, 0, 1);
	await(observer, &seen.matched, 1);
	for (int i = 1; i < 4; i++) {
		CHECK_EQ(hp_observer_reset(observer), 0);
		look(observer);
		CHECK_EQ(seen.orders + seen.records + seen.datagrams + seen.tick_to_trade.max, 0);
		client_order(&client, i, 1);
		await(observer, &seen.matched, 1);
		CHECK_EQ(seen.tick_to_trade.min, seen.tick_to_trade.max);
	}
	client_close(&client);
	close(fd);
	hp_observer_close(observer);
}

int main(void)
{
	struct hp_observe_options options;
	struct hp_observer *observer;

	wire_up();
	options = observe_options("vb");
	observer = hp_observer_open(&options);
	if (!observer &&
	    (hp_last_errno() == EPERM || hp_last_errno() == ENOSYS || hp_last_errno() == EINVAL)) {
		wire_said("?");
		SKIP("no BPF or no TCX links here");
	}
	hp_observer_close(observer);
	RUN(an_order_is_matched_to_its_record);
	RUN(the_kernel_fills_the_same_buckets);
	RUN(orders_come_many_a_segment);
	RUN(a_cut_order_is_counted_and_the_next_found);
	RUN(what_tcp_sends_again_counts_once);
	RUN(what_is_no_order_is_counted_or_ignored);
	RUN(records_that_come_again_keep_their_stamp);
	RUN(sessions_are_told_apart);
	RUN(other_and_odd_datagrams_stamp_nothing);
	RUN(tagged_frames_and_ip_options_are_read);
	RUN(reset_forgets_counts_and_keeps_stamps);
	return 0;
}
