// SPDX-License-Identifier: MIT
/* The publisher's lines and its re-request server, on real sockets: what is told to go missing does, and
 * nothing else; what is counted is what was seen. */
#include <math.h>

#include "publisher_lab.h"
#include "wire.h"

#define DATAGRAMS 200000

/* What a line brought, in order of arrival. */
struct heard {
	uint32_t count, messages, heartbeats, ends;
	uint64_t first[DATAGRAMS]; /* number of a datagram's first message */
	uint32_t messages_of[DATAGRAMS];
};

static struct heard heard[2];
static struct publisher_lab lab;

static void hear_packet(int line, const uint8_t *packet, ssize_t length)
{
	uint32_t count = check_packet(packet, length);
	struct heard *to = &heard[line];
	uint8_t block[PACKET_MAX];
	ssize_t at = 20;

	to->heartbeats += count == 0;
	to->ends += count == 0xffff;
	if (count == 0 || count == 0xffff)
		return;
	CHECK(to->count < DATAGRAMS);
	to->first[to->count] = be(packet + 10, 8);
	to->messages_of[to->count++] = count;
	to->messages += count;
	for (uint32_t i = 0; i < count; i++) {
		int32_t bytes = hp_publisher_read(lab.publisher, (double)(be(packet + 10, 8) + i), block,
						  sizeof(block));

		CHECK(!memcmp(block, packet + at, (size_t)bytes));
		at += bytes;
	}
}

/* Both lines until each has said that the session is over. */
static void hear_all(void)
{
	uint8_t packet[2048];

	memset(heard, 0, sizeof(heard));
	while (!heard[0].ends || !heard[1].ends) {
		struct pollfd ready[2] = {{.fd = lab.line[0], .events = POLLIN},
					  {.fd = lab.line[1], .events = POLLIN}};

		CHECK(poll(ready, 2, WAIT_MS) > 0);
		for (int i = 0; i < 2; i++)
			if (ready[i].revents)
				hear_packet(i, packet, recv(lab.line[i], packet, sizeof(packet), 0));
	}
}

static void every_message_arrives_in_order(void)
{
	lab_begin(&lab, 5000);
	lab.options.pack = 7;
	lab_open(&lab);
	hear_all();
	CHECK(lab.stats.messages > 14000);
	CHECK_EQ(lab.stats.symbols, 3);
	CHECK_EQ(lab.stats.published, lab.stats.messages);
	for (int line = 0; line < 2; line++) {
		uint64_t next = 1;

		CHECK_EQ(heard[line].messages, lab.stats.messages);
		for (uint32_t i = 0; i < heard[line].count; i++) {
			CHECK_EQ(heard[line].first[i], next);
			next += heard[line].messages_of[i];
			CHECK(heard[line].messages_of[i] == 7 || i + 1 == heard[line].count);
		}
		CHECK_EQ(lab.stats.lines[line].datagrams, heard[line].count);
		CHECK_EQ(lab.stats.lines[line].messages, lab.stats.messages);
		CHECK_EQ(lab.stats.lines[line].lost + lab.stats.lines[line].duplicated +
				 lab.stats.lines[line].reordered,
			 0);
	}
	wait_count(&lab.stats.lines[1].ends, 2); /* it is said again */
	lab_end(&lab);
}

/* Datagrams hold the messages of one stamp; a larger group is cut by size. */
static void stamps_make_datagrams(void)
{
	uint8_t packet[2048];
	uint64_t before = 0;
	ssize_t length, room = 0;
	uint32_t count;

	lab_begin(&lab, 2000);
	lab.options.symbols = 1;
	lab_open(&lab);
	do {
		length = receive(lab.line[0], packet, sizeof(packet), WAIT_MS);
		count = check_packet(packet, length);
		if (!count || count == 0xffff)
			continue;
		for (ssize_t at = 20; at < length; at += 2 + (ssize_t)be(packet + at, 2)) {
			uint64_t time = be(packet + at + 7, 6);

			if (at == 20)
				CHECK(time != before || room < 2 + (ssize_t)be(packet + at, 2));
			else
				CHECK_EQ(time, before);
			before = time;
		}
		room = PACKET_MAX - length;
	} while (count != 0xffff);
	lab_end(&lab);
}

static void wait_ended(void)
{
	double end = seconds() + WAIT_MS / 1e3;

	while (__atomic_load_n(&lab.stats.state, __ATOMIC_ACQUIRE) != HP_PUBLISHER_ENDED) {
		CHECK(seconds() < end);
		usleep(1000);
	}
}

/* Holds what a line brought against what it says it did. */
static void counts_are_exact(int line)
{
	static uint8_t times[4 * DATAGRAMS];
	const struct hp_publisher_line *stats = &lab.stats.lines[line];
	uint32_t lost = 0, twice = 0, back = 0;
	uint64_t highest = 0;

	memset(times, 0, sizeof(times));
	for (uint32_t i = 0; i < heard[line].count; i++) {
		uint64_t first = heard[line].first[i];

		twice += times[first]++ == 1;
		back += times[first] == 1 && first < highest;
		highest = first > highest ? first : highest;
	}
	for (uint64_t number = 1; number <= (uint64_t)lab.stats.messages; number++)
		lost += !times[number];
	CHECK(stats->lost > 0 && stats->duplicated > 0 && stats->reordered > 0);
	CHECK_EQ(lost, stats->lost);
	CHECK_EQ(lost, stats->lost_messages);
	CHECK_EQ(twice, stats->duplicated);
	CHECK_EQ(back, stats->reordered);
	CHECK_EQ(heard[line].count, stats->datagrams);
	CHECK_EQ(stats->datagrams, lab.stats.datagrams - stats->lost + stats->duplicated);
	CHECK_EQ(stats->tx.sent, stats->datagrams + stats->heartbeats + stats->ends);
}

static void faults_are_what_is_missing(void)
{
	static uint64_t before[2][DATAGRAMS];

	for (int run = 0; run < 2; run++) {
		lab_begin(&lab, 5000);
		lab.options.pack = 1;
		lab.options.faults[0] = (struct hp_publisher_faults){
			.loss = 0.02, .duplicate = 0.01, .reorder = 0.03, .seed = 7};
		lab.options.faults[1] = (struct hp_publisher_faults){.loss = 0.01,
								     .duplicate = 0.02,
								     .reorder = 0.02,
								     .distance = 5,
								     .seed = 8,
								     .skew_us = 2000};
		lab_open(&lab);
		hear_all();
		wait_ended();
		counts_are_exact(0);
		counts_are_exact(1);
		CHECK(lab.stats.lines[0].lost != lab.stats.lines[1].lost);
		for (int line = 0; line < 2; line++) { /* the same seed, the same faults */
			if (run)
				CHECK(!memcmp(before[line], heard[line].first, sizeof(before[line])));
			memcpy(before[line], heard[line].first, sizeof(before[line]));
		}
		lab_end(&lab);
	}
}

static void skew_is_time(void)
{
	uint8_t packet[2048];
	double begun = seconds();

	lab_begin(&lab, 100);
	lab.options.faults[1].skew_us = 200000;
	lab.options.heartbeat_ms = 1000;
	lab_open(&lab);
	while (!check_packet(packet, receive(lab.line[1], packet, sizeof(packet), WAIT_MS)))
		;
	CHECK(seconds() - begun > 0.2);
	CHECK_EQ(be(packet + 10, 8), 1);
	lab_end(&lab);
}

static void a_held_session_says_where_it_is(void)
{
	uint8_t packet[2048];

	lab_begin(&lab, 100);
	lab.options.hold = 1;
	lab_open(&lab);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(check_packet(packet, receive(lab.line[i % 2], packet, sizeof(packet), WAIT_MS)), 0);
		CHECK_EQ(be(packet + 10, 8), 1);
	}
	CHECK_EQ(lab.stats.state, HP_PUBLISHER_HELD);
	CHECK_EQ(hp_publisher_go(lab.publisher, 25), 0);
	wait_count(&lab.stats.published, 25);
	wait_count(&lab.stats.lines[0].heartbeats, lab.stats.lines[0].heartbeats + 2);
	CHECK_EQ(lab.stats.published, 25);
	while (check_packet(packet, receive(lab.line[0], packet, sizeof(packet), WAIT_MS)) ||
	       be(packet + 10, 8) == 1)
		;
	CHECK_EQ(be(packet + 10, 8), 26);
	CHECK_EQ(hp_publisher_go(lab.publisher, 0), 0);
	hear_all();
	CHECK_EQ(hp_publisher_go(lab.publisher, -1), -EINVAL);
	lab_end(&lab);
}

/* ---- re-requests ---- */

static int asker(void)
{
	uint32_t port;
	int fd = bound_socket(SOCK_DGRAM, &port);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = inet_addr(home),
				 .sin_port = htons((uint16_t)lab.options.requests.port)};

	CHECK(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	return fd;
}

static void ask(int fd, const char *session, uint64_t seq, uint32_t count)
{
	uint8_t request[20];

	memcpy(request, session, 10);
	for (int i = 0; i < 8; i++)
		request[10 + i] = (uint8_t)(seq >> (56 - 8 * i));
	request[18] = (uint8_t)(count >> 8);
	request[19] = (uint8_t)count;
	CHECK_EQ(send(fd, request, sizeof(request), 0), sizeof(request));
}

/* Asks and holds the answer against the session; how many messages it had. */
static uint32_t is_answered(int fd, uint64_t seq, uint32_t count)
{
	uint8_t packet[2048], block[PACKET_MAX];
	uint32_t got;
	ssize_t at = 20, length;

	ask(fd, SESSION, seq, count);
	length = receive(fd, packet, sizeof(packet), WAIT_MS);
	got = check_packet(packet, length);
	CHECK_EQ(be(packet + 10, 8), seq);
	for (uint32_t i = 0; i < got; i++) {
		int32_t bytes = hp_publisher_read(lab.publisher, (double)(seq + i), block, sizeof(block));

		CHECK(!memcmp(block, packet + at, (size_t)bytes));
		at += bytes;
	}
	return got;
}

static void lab_at_100(void)
{
	lab_begin(&lab, 1000);
	lab.options.hold = 1;
	lab_open(&lab);
	CHECK_EQ(hp_publisher_go(lab.publisher, 100), 0);
	wait_count(&lab.stats.published, 100);
}

static void requests_are_answered(void)
{
	uint32_t got, all = 1 + 3 + 2;
	int fd;

	lab_at_100();
	fd = asker();
	CHECK_EQ(is_answered(fd, 1, 1), 1);
	CHECK_EQ(is_answered(fd, 17, 3), 3);
	CHECK_EQ(is_answered(fd, 99, 50), 2); /* what was published of them */
	got = is_answered(fd, 1, 65535);      /* what a packet holds of them */
	CHECK(got > 20 && got < 100);
	all += got + is_answered(fd, 1 + got, 100 - got);
	CHECK_EQ(lab.stats.requests.requests, 5);
	wait_count(&lab.stats.requests.served, 5); /* is counted once it is sent */
	CHECK_EQ(lab.stats.requests.messages, all);
	close(fd);
	lab_end(&lab);
}

static void bad_requests_are_counted_by_kind(void)
{
	const struct hp_publisher_request_stats *stats = &lab.stats.requests;
	int fd;

	lab_at_100();
	fd = asker();
	ask(fd, "LAB0000002", 1, 1);
	ask(fd, SESSION, 0, 1);
	ask(fd, SESSION, 101, 1);
	ask(fd, SESSION, UINT64_MAX, 65535);
	ask(fd, SESSION, 5, 0);
	CHECK_EQ(send(fd, SESSION, 10, 0), 10);
	CHECK_EQ(send(fd, "", 0, 0), 0);
	CHECK_EQ(send(fd, SESSION "0123456789a", 21, 0), 21);
	CHECK_EQ(is_answered(fd, 3, 2), 2); /* the next to come is the answer to this one */
	CHECK_EQ(stats->requests, 9);
	CHECK_EQ(stats->wrong_session, 1);
	CHECK_EQ(stats->out_of_range, 3);
	CHECK_EQ(stats->malformed, 4);
	wait_count(&stats->served, 1);
	close(fd);
	lab_end(&lab);
}

static void a_server_can_be_slow_lossy_or_silent(void)
{
	const struct hp_publisher_request_stats *stats = &lab.stats.requests;
	double begun;
	int fd;

	lab_at_100();
	fd = asker();
	CHECK_EQ(hp_publisher_serve(lab.publisher, 1, 0, 0), 0);
	ask(fd, SESSION, 1, 1);
	wait_count(&stats->refused, 1);
	CHECK_EQ(hp_publisher_serve(lab.publisher, 0, 0, 1), 0);
	ask(fd, SESSION, 1, 1);
	wait_count(&stats->lost, 1);
	CHECK_EQ(hp_publisher_serve(lab.publisher, 0, 100000, 0), 0);
	begun = seconds();
	CHECK_EQ(is_answered(fd, 2, 2), 2);
	CHECK(seconds() - begun > 0.1);
	wait_count(&stats->served, 1);
	CHECK_EQ(hp_publisher_serve(lab.publisher, 0, 0, 0.5), 0);
	for (int i = 0; i < 1000; i++)
		ask(fd, SESSION, 1, 1);
	wait_count(&stats->requests, 1003);
	wait_count(&stats->served, 1001 - (stats->lost - 1));
	CHECK(stats->lost > 300 && stats->lost < 700);
	CHECK_EQ(hp_publisher_serve(lab.publisher, 0, -1, 0), -EINVAL);
	close(fd);
	lab_end(&lab);
}

static void requests_are_served_after_the_end(void)
{
	int fd;

	lab_begin(&lab, 200);
	lab_open(&lab);
	hear_all();
	fd = asker();
	wait_ended();
	CHECK_EQ(is_answered(fd, (uint64_t)lab.stats.messages, 1), 1);
	close(fd);
	lab_end(&lab);
}

/* Lines with faults, and the server: from the first message to the last nothing is allocated. */
static void publishing_allocates_nothing(void)
{
	uint8_t packet[2048];
	double half;
	int fd;

	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	wire_count_works();
	lab_begin(&lab, 3000);
	lab.options.hold = 1;
	lab.options.snapshots.port = 0;
	lab.options.faults[0] = (struct hp_publisher_faults){.loss = 0.1, .duplicate = 0.1, .reorder = 0.1};
	lab_open(&lab);
	fd = asker();
	CHECK_EQ(hp_publisher_go(lab.publisher, 10), 0);
	wait_count(&lab.stats.published, 10);
	CHECK_EQ(is_answered(fd, 1, 10), 10); /* both threads are at work */
	half = floor(lab.stats.messages / 2);
	wire_counting = 1;
	hp_publisher_go(lab.publisher, half);
	wait_count(&lab.stats.published, half);
	for (int i = 0; i < 100; i++) {
		ask(fd, SESSION, 1 + (uint64_t)i, 50);
		check_packet(packet, receive(fd, packet, sizeof(packet), WAIT_MS));
	}
	wire_counting = 0;
	CHECK_EQ(wire_allocations, 0);
	wait_count(&lab.stats.requests.served, 101);
	close(fd);
	lab_end(&lab);
}

/* ---- opening ---- */

static void refuses(const char *word)
{
	CHECK(!hp_publisher_open(&lab.options, NULL, &lab.stats));
	if (!strstr(last_error(), word))
		fprintf(stderr, "\"%s\" does not say \"%s\"\n", last_error(), word);
	CHECK(strstr(last_error(), word));
}

#define REFUSES(change, word)                                                                                \
	do {                                                                                                 \
		struct hp_publisher_options good = lab.options;                                              \
                                                                                                             \
		change;                                                                                      \
		refuses(word);                                                                               \
		lab.options = good;                                                                          \
	} while (0)

static void what_cannot_be_is_said(void)
{
	uint32_t port;
	int taken;

	lab_begin(&lab, 100);
	taken = bound_socket(SOCK_DGRAM, &port);
	REFUSES(lab.options.session[0] = 0, "1 to 10 characters");
	REFUSES(strcpy(lab.options.session, "ELEVENCHARS"), "1 to 10 characters");
	REFUSES(lab.options.lines[0].port = 0, "line A has no port");
	REFUSES(lab.options.lines[0].path = HP_TX_KERNEL, "another via=");
	REFUSES(lab.options.faults[1].loss = 1.5, "shares are 0 to 1");
	REFUSES(lab.options.faults[0].distance = 0.5, "whole number");
	REFUSES(lab.options.faults[0].skew_us = -1, "up to 1e7");
	REFUSES(lab.options.rate = 0, "rate above 0");
	REFUSES(lab.options.pace = 3, "not rate (0)");
	REFUSES(lab.options.pack = 1001, "1 to 1000");
	REFUSES(lab.options.symbols = 65, "1 to 64");
	REFUSES(lab.options.requests.delay_us = 1e8, "delays go up to 1e7");
	REFUSES(lab.options.requests.port = port, "choose another port");
	REFUSES(strcpy(lab.options.snapshots.address, "192.0.2.1"), "an address of this host");
	REFUSES(strcpy(lab.options.snapshots.user, "TOOLONG"), "6 characters");
	REFUSES(strcpy(lab.options.snapshots.netns, "/run/netns/no such"), "no such");
	REFUSES(strcpy(lab.options.file, "/nowhere/x.itch50"), "No such file");
	CHECK(!hp_publisher_open(NULL, NULL, &lab.stats));
	CHECK_EQ(hp_publisher_close(NULL), -EINVAL);
	close(taken);
	close(lab.line[0]);
	close(lab.line[1]);
}

/* One line, no servers: what is off is not there. */
static void a_line_alone(void)
{
	uint8_t packet[2048];
	uint32_t count;

	lab_begin(&lab, 100);
	lab.options.lines[1].port = 0;
	lab.options.requests.port = lab.options.snapshots.port = 0;
	lab.options.pace = HP_PACE_FLAT;
	lab_open(&lab);
	do
		count = check_packet(packet, receive(lab.line[0], packet, sizeof(packet), WAIT_MS));
	while (count != 0xffff);
	CHECK_EQ(be(packet + 10, 8), lab.stats.messages + 1);
	CHECK_EQ(lab.stats.lines[1].datagrams, 0);
	lab_end(&lab);
}

int main(void)
{
	choose_home();
	RUN(every_message_arrives_in_order);
	RUN(stamps_make_datagrams);
	RUN(faults_are_what_is_missing);
	RUN(skew_is_time);
	RUN(a_held_session_says_where_it_is);
	RUN(requests_are_answered);
	RUN(bad_requests_are_counted_by_kind);
	RUN(a_server_can_be_slow_lossy_or_silent);
	RUN(requests_are_served_after_the_end);
	RUN(publishing_allocates_nothing);
	RUN(what_cannot_be_is_said);
	RUN(a_line_alone);
	return 0;
}
