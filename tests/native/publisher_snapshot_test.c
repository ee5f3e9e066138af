// SPDX-License-Identifier: MIT
/* The publisher's snapshot server: what it sends at any moment, with the rest of the stream, is the whole
 * stream; and what clients do that they should not. */
#include "publisher_lab.h"

static struct publisher_lab lab;
static struct view whole, part;

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = inet_addr(home),
				 .sin_port = htons((uint16_t)lab.options.snapshots.port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	return fd;
}

static void say(int fd, char type, const char *payload)
{
	uint8_t packet[256];
	size_t length = strlen(payload);

	packet[0] = 0;
	packet[1] = (uint8_t)(length + 1);
	packet[2] = (uint8_t)type;
	memcpy(packet + 3, payload, length);
	CHECK_EQ(send(fd, packet, 3 + length, MSG_NOSIGNAL), 3 + length);
}

static void log_in(int fd, const char *user, const char *password, const char *session)
{
	char payload[64];

	snprintf(payload, sizeof(payload), "%-6s%-10s%-10s%20s", user, password, session, "1");
	say(fd, 'L', payload);
}

static int read_exactly(int fd, void *out, size_t size)
{
	struct timeval wait = {.tv_sec = WAIT_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	for (size_t at = 0; at < size;) {
		ssize_t got = recv(fd, (uint8_t *)out + at, size - at, 0);

		CHECK(got >= 0 || errno == ECONNRESET);
		if (got <= 0)
			return 0;
		at += (size_t)got;
	}
	return 1;
}

/* The next packet: its type, or 0 when the server has closed. */
static char hear(int fd, uint8_t *payload, uint32_t *length)
{
	uint8_t head[3];

	if (!read_exactly(fd, head, 3))
		return 0;
	*length = (uint32_t)be(head, 2) - 1;
	CHECK(*length <= PACKET_MAX);
	CHECK(!*length || read_exactly(fd, payload, *length));
	return (char)head[2];
}

/* Best price first, oldest first, bids before asks. */
static void stands_behind(const struct view_order *before, const struct view_order *order)
{
	if (before->symbol != order->symbol) {
		CHECK(before->symbol < order->symbol);
		return;
	}
	if (before->side != order->side) {
		CHECK_EQ(before->side, 'B');
		return;
	}
	if (before->price != order->price)
		CHECK((before->price > order->price) == (order->side == 'B'));
	else
		CHECK(view_find(&whole, before->ref)->number < view_find(&whole, order->ref)->number);
}

/* Takes a snapshot into `part`, brings `whole` to the same message and compares. Its next number. */
static uint64_t take(int fd)
{
	struct view_order before = {.side = 'B'};
	uint8_t payload[PACKET_MAX];
	uint64_t orders = 0, next;
	uint32_t length;
	char type, number[21] = {0};

	memset(&part, 0, sizeof(part));
	memset(&whole, 0, sizeof(whole));
	CHECK_EQ(hear(fd, payload, &length), 'A');
	CHECK_EQ(length, 30);
	CHECK(!memcmp(payload, SESSION "                   1", 30));
	while ((type = hear(fd, payload, &length)) == 'S' && payload[0] != 'G') {
		view_apply(&part, payload, ++orders);
		CHECK_EQ(payload[0] == 'F' ? 40u : payload[0] == 'A' ? 36u : length, length);
	}
	CHECK_EQ(type, 'S');
	CHECK_EQ(length, 21);
	memcpy(number, payload + 1, 20);
	next = strtoull(number, NULL, 10);
	view_replay(&whole, lab.publisher, 1, next - 1);
	view_same(&whole, &part);
	CHECK_EQ(part.types['A'] + part.types['F'], whole.live);
	CHECK_EQ(part.types['R'], whole.types['R']);
	CHECK_EQ(part.types['H'], whole.types['H']);
	CHECK_EQ(part.types['S'], whole.types['S'] > 0);
	/* Their order, from the numbers the snapshot's own orders got. */
	for (uint64_t i = 1; i <= orders; i++)
		for (uint32_t at = 0; at < VIEW_ORDERS && orders < 300; at++)
			if (part.orders[at].qty && part.orders[at].number == i) {
				stands_behind(&before, &part.orders[at]);
				before = part.orders[at];
			}
	return next;
}

static void is_the_rest_of_the_stream(uint64_t next)
{
	view_replay(&whole, lab.publisher, next, (uint64_t)lab.stats.messages);
	view_replay(&part, lab.publisher, next, (uint64_t)lab.stats.messages);
	CHECK_EQ(part.dangling + part.twice + part.excess, 0);
	view_same(&whole, &part);
}

/* At chosen moments of a held session: exactly there. */
static void a_snapshot_is_what_was_published(void)
{
	static const uint32_t moments[] = {1, 5, 9, 250, 777, 1500};

	lab_begin(&lab, 1000);
	lab.options.hold = 1;
	lab.options.market.levels = 40;
	lab_open(&lab);
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		uint64_t next;
		int fd;

		CHECK_EQ(hp_publisher_go(lab.publisher, moments[i]), 0);
		wait_count(&lab.stats.published, moments[i]);
		fd = dial();
		log_in(fd, "any", "body", "");
		next = take(fd);
		CHECK_EQ(next, moments[i] + 1);
		is_the_rest_of_the_stream(next);
		say(fd, 'O', "");
		wait_count(&lab.stats.snapshots.logouts, (double)i + 1);
		close(fd);
	}
	CHECK_EQ(lab.stats.snapshots.snapshots, 6);
	CHECK_EQ(lab.stats.snapshots.logins, 6);
	CHECK_EQ(lab.stats.snapshots.vanished, 0);
	lab_end(&lab);
}

/* While it runs, wherever it is; several clients at once. */
static void a_snapshot_of_a_running_session(void)
{
	uint64_t before = 0;
	int fds[3];

	lab_begin(&lab, 20000);
	lab.options.rate = 30000;
	lab_open(&lab);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3; i++) {
			fds[i] = dial();
			log_in(fds[i], "", "", SESSION);
		}
		for (int i = 0; i < 3; i++) {
			uint64_t next = take(fds[i]);

			CHECK(next >= before);
			before = i == 2 ? next : before;
			is_the_rest_of_the_stream(next);
			close(fds[i]);
		}
	}
	CHECK(before > 1);
	wait_count(&lab.stats.snapshots.snapshots, 15); /* is counted once it is sent */
	lab_end(&lab);
}

static void is_rejected(const char *user, const char *password, const char *session, char reason)
{
	uint8_t payload[PACKET_MAX];
	uint32_t length;
	int fd = dial();

	log_in(fd, user, password, session);
	CHECK_EQ(hear(fd, payload, &length), 'J');
	CHECK_EQ(length, 1);
	CHECK_EQ(payload[0], reason);
	CHECK_EQ(hear(fd, payload, &length), 0);
	close(fd);
}

static void logins_are_checked(void)
{
	int fd;

	lab_begin(&lab, 100);
	strcpy(lab.options.snapshots.user, "trader");
	strcpy(lab.options.snapshots.password, "secret");
	lab_open(&lab);
	is_rejected("trader", "wrong", "", 'A');
	is_rejected("trader", "secrets", "", 'A');
	is_rejected("", "secret", "", 'A');
	is_rejected("trader", "secret", "OTHER", 'S');
	fd = dial();
	log_in(fd, "trader", "secret", SESSION);
	take(fd);
	close(fd);
	CHECK_EQ(lab.stats.snapshots.rejected_user, 3);
	CHECK_EQ(lab.stats.snapshots.rejected_session, 1);
	CHECK_EQ(lab.stats.snapshots.logins, 1);
	lab_end(&lab);
}

/* Sends what no client should; the connection is closed, and counted. */
static void is_dropped(const void *bytes, size_t length)
{
	double before = lab.stats.snapshots.bad_packets;
	uint8_t payload[PACKET_MAX];
	uint32_t got;
	int fd = dial();

	CHECK_EQ(send(fd, bytes, length, MSG_NOSIGNAL), length);
	CHECK_EQ(hear(fd, payload, &got), 0);
	CHECK_EQ(lab.stats.snapshots.bad_packets, before + 1);
	close(fd);
}

static void bad_clients_are_dropped(void)
{
	uint8_t payload[PACKET_MAX];
	uint32_t length;
	int fd;

	lab_begin(&lab, 100);
	lab_open(&lab);
	is_dropped("\0\0", 2);
	is_dropped("\377\377", 2);
	is_dropped("\0\1Q", 3);
	is_dropped("\0\4Labc", 6);
	is_dropped("GET / HTTP/1.0\r\n\r\n", 18);
	fd = dial(); /* in pieces, with other packets around it */
	say(fd, 'R', "");
	say(fd, '+', "hello");
	CHECK_EQ(send(fd, "\0\57L", 3, 0), 3);
	usleep(20000);
	CHECK_EQ(send(fd, "                          ", 26, 0), 26);
	usleep(20000);
	CHECK_EQ(send(fd, "                   1", 20, 0), 20);
	take(fd);
	log_in(fd, "", "", ""); /* twice */
	while (hear(fd, payload, &length))
		;
	CHECK_EQ(lab.stats.snapshots.bad_packets, 6);
	close(fd);
	fd = dial();
	close(fd);
	wait_count(&lab.stats.snapshots.vanished, 1);
	lab_end(&lab);
}

static void silence_ends_and_heartbeats_do_not(void)
{
	uint8_t payload[PACKET_MAX];
	uint32_t length;
	int quiet, late;

	lab_begin(&lab, 100);
	lab.options.snapshots.login_ms = 100;
	lab.options.snapshots.silence_ms = 2500;
	lab_open(&lab);
	late = dial();
	quiet = dial();
	log_in(quiet, "", "", "");
	take(quiet);
	CHECK_EQ(hear(late, payload, &length), 0);
	CHECK_EQ(lab.stats.snapshots.timeouts, 1);
	CHECK_EQ(hear(quiet, payload, &length), 'H');
	say(quiet, 'R', "");
	while (hear(quiet, payload, &length) == 'H')
		;
	CHECK_EQ(lab.stats.snapshots.timeouts, 2);
	close(late);
	close(quiet);
	lab_end(&lab);
}

static void seventeen_are_too_many(void)
{
	uint8_t payload[PACKET_MAX];
	uint32_t length;
	int fds[17];

	lab_begin(&lab, 100);
	lab_open(&lab);
	for (int i = 0; i < 17; i++)
		fds[i] = dial();
	CHECK_EQ(hear(fds[16], payload, &length), 0);
	CHECK_EQ(lab.stats.snapshots.connections, 17);
	CHECK_EQ(lab.stats.snapshots.turned_away, 1);
	for (int i = 0; i < 16; i++)
		log_in(fds[i], "", "", "");
	for (int i = 0; i < 16; i++)
		take(fds[i]);
	for (int i = 0; i < 17; i++)
		close(fds[i]);
	lab_end(&lab);
}

/* A client that reads nothing holds up nobody, and close() does not wait for it. */
static void a_client_that_does_not_read(void)
{
	int stuck, fd;

	lab_begin(&lab, 200);
	lab.options.market.levels = 20000;
	lab.options.pace = HP_PACE_FLAT;
	lab.options.pack = 50;
	lab_open(&lab);
	wait_count(&lab.stats.lines[0].ends, 1);
	stuck = dial();
	log_in(stuck, "", "", "");
	fd = dial();
	log_in(fd, "", "", "");
	CHECK_EQ(take(fd), lab.stats.messages + 1);
	CHECK(whole.live > 100000);
	wait_count(&lab.stats.snapshots.snapshots, 1);
	close(fd);
	lab_end(&lab);
	close(stuck);
}

int main(void)
{
	choose_home();
	RUN(a_snapshot_is_what_was_published);
	RUN(a_snapshot_of_a_running_session);
	RUN(logins_are_checked);
	RUN(bad_clients_are_dropped);
	RUN(silence_ends_and_heartbeats_do_not);
	RUN(seventeen_are_too_many);
	RUN(a_client_that_does_not_read);
	return 0;
}
