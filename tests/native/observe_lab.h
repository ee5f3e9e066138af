/* SPDX-License-Identifier: MIT */
/* What the observer's tests stand on: an observer on vb, market data that comes to it, orders that leave it.
 */
#ifndef HP_OBSERVE_LAB_H
#define HP_OBSERVE_LAB_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "conform.h"
#include "feed/lll.h"
#include "measure/histogram.h"

#define ORDER_PORT 9012
#define TCP_HEADER 20
#define SYN	   2
#define ACK	   16

static struct hp_observe_stats seen;

static inline struct hp_observe_options observe_options(const char *ifname)
{
	struct hp_observe_options options = {.port = WIRE_PORT, .order_port = ORDER_PORT};

	snprintf(options.ifname, sizeof(options.ifname), "%s", ifname);
	snprintf(options.netns, sizeof(options.netns), "%s", wire_b);
	strcpy(options.group, WIRE_GROUP);
	strcpy(options.order_address, WIRE_HERE);
	return options;
}

static inline struct hp_observer *observe_on(const char *ifname, enum hp_observe_entry entry)
{
	struct hp_observe_options options = observe_options(ifname);
	struct hp_observer *observer;

	options.entry = entry;
	observer = hp_observer_open(&options);
	if (!observer) {
		wire_said("?");
		CHECK(!"open");
	}
	return observer;
}

static inline struct hp_observer *observe(void)
{
	return observe_on("vb", HP_OBSERVE_AUTO);
}

static inline void look(struct hp_observer *observer)
{
	CHECK_EQ(hp_observer_read(observer, &seen), 0);
	CHECK_EQ(seen.orders, seen.matched + seen.repeated + seen.unmatched + seen.overwritten);
	CHECK_EQ(seen.tick_to_trade.count, seen.matched);
}

/* Looks until `counter` of what was seen is `want`: packets take their time through softirqs. */
static inline void await(struct hp_observer *observer, const double *counter, double want)
{
	double deadline = wire_seconds() + 2;

	do
		look(observer);
	while (*counter < want && wire_seconds() < deadline);
	CHECK_EQ(*counter, want);
}

/* ---- market data ---- */

/* One datagram of `count` records from `seq` on. Its length. */
static inline size_t build_datagram(uint8_t *out, int64_t seq, int count, uint32_t flags, int64_t sent_ns)
{
	for (int i = 0; i < count; i++) {
		struct lll_record record = {
			.seq = seq + i, .sent_ns = sent_ns, .price = 1000000, .qty = 1, .flags = flags};

		lll_encode(out + (size_t)i * LLL_RECORD_BYTES, &record);
	}
	return (size_t)count * LLL_RECORD_BYTES;
}

static inline void send_records_with(int fd, int64_t seq, int count, uint32_t flags, int64_t sent_ns)
{
	uint8_t data[LLL_RECORDS_MAX * LLL_RECORD_BYTES];

	wire_send(fd, WIRE_GROUP, WIRE_PORT, data, build_datagram(data, seq, count, flags, sent_ns));
}

static inline void send_records(int fd, int64_t seq, int count)
{
	send_records_with(fd, seq, count, 0, 1);
}

/* ---- orders ---- */

/* `count` orders for the triggers from `seq` on. Their bytes. */
static inline uint32_t build_orders(uint8_t *out, int64_t seq, int count, int32_t qty)
{
	for (int i = 0; i < count; i++) {
		struct lll_order order = {
			.trigger_seq = seq + i, .id = (uint64_t)i + 1, .price = 1000000, .qty = qty};

		lll_order_encode(out + (size_t)i * LLL_ORDER_BYTES, &order);
	}
	return (uint32_t)count * LLL_ORDER_BYTES;
}

/* A TCP segment by hand: the kernel's own would not be sent twice, or cut where a test wants it. */
static inline void send_segment(uint16_t from, uint32_t seq, uint8_t flags, const uint8_t *data, uint32_t len)
{
	uint8_t frame[1600] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t *ip = frame + ETH_HLEN, *tcp = ip + 20;
	struct sockaddr_ll out = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	struct in_addr here = wire_address(WIRE_HERE, 1).sin_addr,
		       there = wire_address(WIRE_THERE, 1).sin_addr;
	uint16_t total = htons((uint16_t)(20 + TCP_HEADER + len)), to = htons(ORDER_PORT);
	int before = netns_enter(wire_b), fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	out.sll_ifindex = (int)if_nametoindex("vb");
	ip[0] = 0x45;
	memcpy(ip + 2, &total, 2);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, &there, 4);
	memcpy(ip + 16, &here, 4);
	from = htons(from);
	seq = htonl(seq);
	memcpy(tcp, &from, 2);
	memcpy(tcp + 2, &to, 2);
	memcpy(tcp + 4, &seq, 4);
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = flags;
	memcpy(tcp + TCP_HEADER, data, len);
	len += ETH_HLEN + 20 + TCP_HEADER;
	CHECK_EQ(sendto(fd, frame, len, 0, (struct sockaddr *)&out, sizeof(out)), (ssize_t)len);
	close(fd);
	netns_leave(before);
}

/* An order session from b to a, through the kernel's TCP. */
struct client {
	int listener, there, fd;
};

static inline struct client client_connect(void)
{
	struct sockaddr_in address = wire_address(WIRE_HERE, ORDER_PORT);
	struct client client;
	int before = netns_enter(wire_a), on = 1;

	client.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(client.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	CHECK_EQ(bind(client.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(client.listener, 1), 0);
	netns_leave(before);
	before = netns_enter(wire_b);
	client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	netns_leave(before);
	client.there = accept(client.listener, NULL, NULL);
	CHECK(client.there >= 0);
	return client;
}

static inline void client_order(const struct client *client, int64_t seq, int count)
{
	static uint8_t bytes[1200 * LLL_ORDER_BYTES];
	uint32_t len = build_orders(bytes, seq, count, 1);

	CHECK_EQ(send(client->fd, bytes, len, 0), (ssize_t)len);
}

static inline void client_close(const struct client *client)
{
	close(client->fd);
	close(client->there);
	close(client->listener);
}

#endif
