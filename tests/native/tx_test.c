// SPDX-License-Identifier: MIT
/* The transmit paths over sockets: the common cases, and what the kernel's queues do to each. */
#include "tx_conform.h"

static void paths_are_looked_up(void)
{
	CHECK(tx_path(HP_TX_UDP) == &tx_udp);
	CHECK(tx_path(HP_TX_URING) == &tx_uring);
	CHECK(tx_path(HP_TX_ZC) == &tx_zc);
	CHECK(tx_path(HP_TX_PACKET) == &tx_packet);
	CHECK(tx_path(HP_TX_TAP) == &tx_tap);
	CHECK(tx_path(HP_TX_XDP) == &tx_xdp);
	CHECK(!tx_path(HP_TX_KERNEL) && !tx_path(-1) && !tx_path(99));
}

/* RFC 1071: the sum over a header with its checksum in place is all ones. */
static uint16_t folded(const uint8_t *bytes, int len)
{
	uint32_t sum = 0;

	for (int i = 0; i < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void headers_check_for_every_length(void)
{
	struct tx_endpoint endpoint = {.ttl = 64, .port = htons(12345), .source_port = htons(1)};
	struct tx_header header;
	uint8_t frame[TX_PAYLOAD];

	for (uint32_t ip = 0; ip < 64; ip++) {
		endpoint.ip = ip * 0x9e3779b9u;
		endpoint.source_ip = ~endpoint.ip * 31;
		tx_header_init(&header, &endpoint);
		for (uint32_t len = 0; len <= 1472; len++) {
			CHECK_EQ(tx_header_write(&header, frame, len), TX_HEADERS + len);
			CHECK_EQ(folded(frame + 14, 20), 0xffff);
			CHECK_EQ(frame[16] << 8 | frame[17], 28 + len);
			CHECK_EQ(frame[38] << 8 | frame[39], 8 + len);
		}
	}
}

static void lay_qdisc(const char *what)
{
	CHECK_EQ(wire_run("tc -n hpt%da qdisc replace dev va root %s", wire_owner, what), 0);
}

static void remove_qdisc(void)
{
	wire_run("tc -n hpt%da qdisc del dev va root 2>/dev/null", wire_owner);
}

/* A slow wire behind a small socket buffer: what found no room stays, and goes in the end. */
static void what_found_no_room_goes_later(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP), heard = 0;
	double deadline = wire_seconds() + 5;
	uint8_t data[1000] = {0};
	struct tx *tx;

	lay_qdisc("tbf rate 10mbit burst 2000 limit 1000000");
	options.sndbuf = 4096;
	tx = tx_open_with(&options);
	for (int i = 0; i < 32; i++) {
		uint8_t *payload = tx->ops->reserve(tx, sizeof(data));

		CHECK(payload);
		memcpy(payload, data, sizeof(data));
	}
	CHECK(tx->ops->flush(tx) < 32);
	CHECK(tx->waiting > 0 && tx->waiting == 32 - tx_stats.sent);
	CHECK_EQ(tx_stats.partial, 1);
	while (tx->waiting && wire_seconds() < deadline) {
		wire_pause();
		CHECK(tx->ops->flush(tx) >= 0);
	}
	while (heard < 32 && recv(fd, data, sizeof(data), 0) == sizeof(data))
		heard++;
	CHECK_EQ(heard, 32);
	CHECK_EQ(tx_stats.sent, 32);
	CHECK_EQ(tx_stats.failed, 0);
	remove_qdisc();
	tx->ops->close(tx);
	close(fd);
}

/* A full queue drops: each datagram is sent and arrives, or is counted. */
static void what_a_queue_drops_is_counted(void)
{
	struct tx *tx = tx_open(WIRE_GROUP);
	int fd = tx_receiver(WIRE_GROUP), heard = 0;
	uint8_t data[1000] = {0};

	lay_qdisc("tbf rate 10mbit burst 2000 limit 4000");
	for (int i = 0; i < 32; i++)
		tx_put(tx, data, sizeof(data));
	while (recv(fd, data, sizeof(data), 0) == sizeof(data))
		heard++;
	CHECK_EQ(tx_stats.sent + tx_stats.failed, 32);
	CHECK_EQ(heard, tx_stats.sent);
	CHECK(tx_stats.failed_room > 0);
	CHECK_EQ(tx_stats.failed, tx_stats.failed_room);
	CHECK_EQ(tx_stats.last_errno, ENOBUFS);
	remove_qdisc();
	tx->ops->close(tx);
	close(fd);
}

/* Nobody listens: the ICMP answers to earlier datagrams cost later ones nothing. */
static void refusals_of_earlier_ones_cost_nothing(void)
{
	struct tx *tx = tx_open(WIRE_THERE);
	int fd;

	for (int i = 0; i < 20; i++) {
		tx_put(tx, "nobody", 6);
		wire_pause();
	}
	CHECK_EQ(tx_stats.sent, 20);
	CHECK_EQ(tx_stats.failed, 0);
	fd = tx_receiver(WIRE_THERE);
	tx_put(tx, "here", 4);
	CHECK_EQ(tx_arrival(fd).len, 4);
	tx->ops->close(tx);
	close(fd);
}

static void sockets_need_no_privilege(void)
{
	as_nobody(0, "");
}

static void loopback_needs_no_interface(void)
{
	struct hp_tx_options options = tx_options("127.0.0.1");
	int before = netns_enter(wire_a), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = wire_address("127.0.0.1", WIRE_PORT);
	char got[8];
	struct tx *tx;

	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	netns_leave(before);
	options.ifname[0] = 0;
	tx = tx_open_with(&options);
	tx_put(tx, "loop", 4);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 4);
	tx->ops->close(tx);
	close(fd);
}

static void sockets_say_what_they_cannot(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);

	snprintf(options.source, sizeof(options.source), "10.9.9.9");
	tx_refuses(&options, EADDRNOTAVAIL, "no interface has that address");
	options = tx_options("10.200.0.1");
	options.ifname[0] = 0;
	tx_refuses(&options, ENETUNREACH, "name an interface that is up (if=), or add a route");
}

static void sockets_conform(const struct tx_ops *ops)
{
	tx_conforms(ops);
	RUN(what_found_no_room_goes_later);
	RUN(what_a_queue_drops_is_counted);
	RUN(refusals_of_earlier_ones_cost_nothing);
	RUN(sockets_need_no_privilege);
	RUN(loopback_needs_no_interface);
	RUN(sockets_say_what_they_cannot);
}

/* ---- packet ---- */

static void frames_go_to_the_stated_mac(void)
{
	struct hp_tx_options options = tx_options(WIRE_THERE);
	int fd = tx_receiver(WIRE_THERE);
	struct tx *tx;

	snprintf(options.mac, sizeof(options.mac),
		 "02:00:00:00:00:99"); /* nobody's: the kernel there ignores it */
	tx = tx_open_with(&options);
	tx_put(tx, "astray", 6);
	CHECK_EQ(recv(fd, options.mac, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(tx_stats.sent, 1);
	tx->ops->close(tx);
	options = tx_options(WIRE_THERE);
	snprintf(options.mac, sizeof(options.mac), "ff:ff:ff:ff:ff:ff:");
	tx_refuses(&options, EINVAL, "write it as 02:00:00:00:00:01");
	close(fd);
}

static void frames_need_an_interface_and_a_neighbour(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);

	options.ifname[0] = 0;
	tx_refuses(&options, EINVAL, "no interface named; add if=NAME");
	options = tx_options("10.77.0.200");
	tx_refuses(&options, EHOSTUNREACH, "its MAC is not known and nobody answers for it");
}

static void packet_says_what_it_needs(void)
{
	as_nobody(EPERM, "packet needs CAP_NET_RAW (run as root), udp and uring need nothing");
}

int main(void)
{
	struct hp_tx_options options = tx_options(WIRE_GROUP);
	struct tx *tx;
	int error;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	RUN(paths_are_looked_up);
	RUN(headers_check_for_every_length);
	sockets_conform(&tx_udp);
	tx_conforms(&tx_packet);
	RUN(frames_go_to_the_stated_mac);
	RUN(frames_need_an_interface_and_a_neighbour);
	RUN(packet_says_what_it_needs);
	tx_ops = &tx_uring;
	error = tx_try(&tx, &options);
	if (error == -EPERM || error == -ENOSYS)
		SKIP("no io_uring here: the uring and zc paths are untested");
	CHECK_EQ(error, 0);
	printf("uring runs as: %s\n", tx_stats.note);
	tx->ops->close(tx);
	sockets_conform(&tx_uring);
	tx_ops = &tx_zc;
	error = tx_try(&tx, &options);
	if (error == -EOPNOTSUPP)
		SKIP("no zero-copy send in this kernel: the zc path is untested");
	CHECK_EQ(error, 0);
	printf("zc runs as: %s\n", tx_stats.note);
	tx->ops->close(tx);
	sockets_conform(&tx_zc);
	return 0;
}
