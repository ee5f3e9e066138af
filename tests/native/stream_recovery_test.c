/* SPDX-License-Identifier: MIT */
/*
 * A stream and its re-request server, which is played here, on a real socket: good, lossy, slow, silent,
 * absent, and talking nonsense. Time is the test's own, so nothing waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "feed/recovery.h"
#include "stream_lab.h"

static struct lab lab;

struct server {
	int fd;
	struct sockaddr_in peer; /* who asked last */
	int64_t seq;
	uint32_t count, asked; /* what; how often anything was asked for */
};

static struct server server;

static uint32_t open_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	memset(&server, 0, sizeof(server));
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(server.fd, (struct sockaddr *)&address, size), 0);
	CHECK_EQ(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

static void open_lab(struct hp_recovery_options *options)
{
	struct recovery *recovery;

	strcpy(options->request_address, "127.0.0.1");
	if (!options->request_port)
		options->request_port = open_server();
	CHECK_EQ(recovery_open(&recovery, options, &framing_moldudp64, &lab.stats), 0);
	lab_open_with(&lab, &framing_moldudp64, recovery);
}

static void close_lab(void)
{
	lab_close(&lab);
	close(server.fd);
}

/* A request has come: 1. */
static int asked(void)
{
	uint8_t request[64];
	socklen_t size = sizeof(server.peer);
	ssize_t len =
		recvfrom(server.fd, request, sizeof(request), 0, (struct sockaddr *)&server.peer, &size);
	uint64_t seq;
	uint16_t count;

	if (len < 0)
		return 0;
	CHECK_EQ(len, 20);
	CHECK(!memcmp(request, "SESSION  A", 10));
	memcpy(&seq, request + 10, 8);
	memcpy(&count, request + 18, 2);
	server.seq = (int64_t)be64toh(seq);
	server.count = be16toh(count);
	server.asked++;
	return 1;
}

static void answer_bytes(const uint8_t *bytes, uint32_t len)
{
	CHECK_EQ(sendto(server.fd, bytes, len, 0, (struct sockaddr *)&server.peer, sizeof(server.peer)), len);
	lab_drain(&lab);
}

static void answer(const char *session, int64_t seq, uint32_t count)
{
	lab_make(session, seq, count);
	answer_bytes(lab_bytes, lab_len);
}

/* Answers each request with at most `most` messages until none comes. */
static void serve(uint32_t most)
{
	while (asked())
		answer("SESSION  A", server.seq, server.count < most ? server.count : most);
}

static void a_hole_is_filled(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	CHECK(!asked()); /* not before it is old */
	CHECK_EQ(lab.gap_count, 0);
	lab_later(&lab, 1500000);
	CHECK_EQ(lab.gap_count, 1);
	lab_gap(&lab, 0, 11, 3, 0);
	CHECK_EQ(lab.gaps[0].after, 10);
	lab_send(&lab, 0, 21, 5); /* held meanwhile */
	CHECK_EQ(lab.handed_count, 10);
	CHECK_EQ(lab.stats.stale, 1);
	lab_later(&lab, 1000000);
	CHECK(asked());
	CHECK_EQ(server.seq, 11);
	CHECK_EQ(server.count, 3);
	answer("SESSION  A", 11, 3);
	lab_handed(&lab, 1, 25);
	CHECK_EQ(lab.repairs, 1);
	CHECK_EQ(lab.gap_count, 1);
	CHECK_EQ(lab.stats.stale, 0);
	CHECK_EQ(lab.stats.recovered, 3);
	CHECK_EQ(lab.stats.requests, 1);
	CHECK_EQ(lab.stats.lost, 0);
	CHECK_EQ(lab.stats.repair.count, 1);
	CHECK_EQ(lab.stats.lines[2].packets, 1);
	CHECK_EQ(lab.stats.lines[2].won, 3);
	lab_send(&lab, 0, 26, 5);
	lab_handed(&lab, 1, 30);
	CHECK(!asked());
	close_lab();
}

static void the_remainder_is_asked_for(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 1011, 10);
	lab_later(&lab, 1500000);
	serve(30);
	lab_handed(&lab, 1, 1020);
	CHECK_EQ(lab.stats.requests, 34);
	CHECK_EQ(lab.stats.timeouts, 0);
	CHECK_EQ(lab.stats.recovered, 1000);
	CHECK_EQ(lab.repairs, 1);
	close_lab();
}

static void several_holes_and_one_repair(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	for (int64_t seq = 1; seq < 100; seq += 10)
		lab_send(&lab, 0, seq, 5);
	lab_header("SESSION  A", 101, 0);
	lab_push(&lab, 0);
	lab_later(&lab, 1500000);
	serve(64);
	lab_handed(&lab, 1, 100);
	CHECK_EQ(lab.gap_count, 10);
	CHECK_EQ(lab.repairs, 1);
	close_lab();
}

static void the_other_line_fills_it(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	lab_later(&lab, 1500000);
	lab_send(&lab, 1, 11, 3);
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.repairs, 1);
	CHECK(asked());
	answer("SESSION  A", 11, 3); /* nobody needs it any more, and nobody looks */
	CHECK_EQ(lab.stats.recovered, 0);
	lab_send(&lab, 0, 23, 3); /* the next hole finds it first */
	lab_later(&lab, 1500000);
	serve(64);
	lab_handed(&lab, 1, 25);
	CHECK_EQ(lab.stats.lines[2].duplicates, 3);
	close_lab();
}

static void a_lossy_server(void)
{
	struct hp_recovery_options options = {.timeout_ms = 5, .attempts = 4};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 111, 10);
	lab_later(&lab, 1500000);
	for (int round = 0; lab.handed_count < 120 && round < 100; round++) {
		while (asked())
			;
		if (round % 3 == 2)
			answer("SESSION  A", server.seq, 20);
		lab_later(&lab, 5100000);
	}
	lab_handed(&lab, 1, 120);
	CHECK_EQ(lab.repairs, 1);
	CHECK_EQ(lab.stats.gave_up, 0);
	CHECK_EQ(lab.stats.timeouts, 2 + 4 * 3);
	CHECK_EQ(lab.stats.requests, 1 + 14 + 4);
	close_lab();
}

static void a_silent_server(void)
{
	struct hp_recovery_options options = {.timeout_ms = 5, .attempts = 3};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	lab_later(&lab, 1500000);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(lab.handed_count, 10);
		CHECK(asked());
		lab_later(&lab, 5100000);
	}
	CHECK(!asked());
	CHECK_EQ(lab.handed_count, 17);
	CHECK_EQ(lab.gap_count, 2);
	lab_gap(&lab, 1, 11, 3, 1);
	CHECK_EQ(lab.repairs, 0);
	CHECK_EQ(lab.stats.stale, 1);
	CHECK_EQ(lab.stats.gave_up, 1);
	CHECK_EQ(lab.stats.timeouts, 3);
	CHECK_EQ(lab.stats.lost, 3);
	CHECK(strstr(lab.stats.trouble, "did not answer 3 requests for 11..13"));
	stream_go_on(lab.feed); /* the reader does not mind */
	lab.stale = 0;
	lab_send(&lab, 0, 22, 4); /* the next hole is repaired */
	lab_later(&lab, 1500000);
	serve(64);
	CHECK_EQ(lab.repairs, 1);
	CHECK_EQ(lab.handed_count, 22);
	close_lab();
}

static void a_server_that_is_not_there(void)
{
	struct hp_recovery_options options = {.timeout_ms = 5, .attempts = 2};

	options.request_port = open_server();
	close(server.fd);
	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	for (int i = 0; i < 4; i++)
		lab_later(&lab, 5100000);
	CHECK_EQ(lab.handed_count, 17);
	CHECK_EQ(lab.stats.gave_up, 1);
	CHECK(strstr(lab.stats.trouble, "refused 2 requests"));
	lab_close(&lab);
}

static void a_slow_server(void)
{
	struct hp_recovery_options options = {.timeout_ms = 5, .attempts = 1000, .bound_ms = 50};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 1011, 7);
	lab_later(&lab, 1500000);
	for (int i = 0; i < 30 && !lab.stats.gave_up; i++) {
		if (asked())
			answer("SESSION  A", server.seq, 1);
		lab_later(&lab, 4000000);
	}
	CHECK(lab.stats.gave_up == 1 && lab.stats.recovered > 5 && lab.stats.recovered < 20);
	CHECK(strstr(lab.stats.trouble, "within 50 ms"));
	CHECK_EQ(lab.handed_count, 17 + lab.stats.recovered);
	CHECK_EQ(lab.stats.lost, 1000 - lab.stats.recovered);
	close_lab();
}

static void a_server_of_nonsense(void)
{
	struct hp_recovery_options options = {.timeout_ms = 5, .attempts = 3};
	struct random dice = {5};
	uint8_t bytes[64];

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	lab_later(&lab, 1500000);
	CHECK(asked());
	answer("SESSION  B", 11, 3);
	answer("SESSION  B", 11, 3); /* twice makes no session here */
	answer("SESSION  A", INT64_C(1) << 40, 3);
	answer("SESSION  A", 1, 8);
	answer("SESSION  A", 13, 1); /* of use, but not what comes next */
	for (int i = 0; i < 200; i++) {
		for (uint32_t at = 0; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)random_next(&dice);
		answer_bytes(bytes, random_below(&dice, sizeof(bytes)));
	}
	CHECK_EQ(lab.handed_count, 10);
	CHECK_EQ(lab.stats.sessions, 1);
	CHECK(lab.stats.lines[2].refused >= 203);
	lab_later(&lab, 5100000);
	CHECK(asked());
	CHECK_EQ(server.asked, 2);
	answer("SESSION  A", 11, 3);
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.repairs, 1);
	close_lab();
}

static void too_long_a_hole(void)
{
	struct hp_recovery_options options = {.bound_messages = 100};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 112, 10);
	lab_later(&lab, 1500000);
	CHECK(!asked());
	lab_gap(&lab, 0, 11, 101, 1);
	CHECK_EQ(lab.handed_count, 20);
	close_lab();
}

static void no_room_for_what_waits(void)
{
	struct hp_recovery_options options = {.hold_messages = 1000};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 12, 9);
	lab_later(&lab, 1500000);
	for (int64_t seq = 21; seq < 2021; seq += 100)
		lab_send(&lab, 0, seq, 100);
	CHECK(lab.stats.waiting <= 1000 && lab.stats.waiting > 800);
	CHECK_EQ(lab.stats.overflowed + lab.stats.waiting, 2009);
	serve(64); /* fills the hole, and then asks for what was thrown away */
	lab_later(&lab, 1500000);
	serve(64);
	lab_handed(&lab, 1, 2020);
	CHECK_EQ(lab.repairs, 1);
	CHECK_EQ(lab.stats.lost, 0);
	close_lab();
}

static void joined_a_little_late(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 5001, 10);
	CHECK_EQ(lab.handed_count, 0);
	lab_later(&lab, 1500000);
	serve(64);
	lab_handed(&lab, 1, 5010);
	CHECK_EQ(lab.repairs, 1);
	close_lab();
}

static void a_session_changes_meanwhile(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	lab_later(&lab, 1500000);
	CHECK(asked());
	for (int64_t seq = 1; seq < 20; seq += 10) {
		lab_make("SESSION  B", seq, 10);
		lab_push(&lab, 0);
	}
	lab_gap(&lab, 1, 11, 3, 1);
	CHECK_EQ(lab.handed_count, 17 + 1 + 20);
	CHECK_EQ(lab.handed[17], 0);
	CHECK_EQ(lab.repairs, 1);
	answer("SESSION  A", 11, 3);
	CHECK_EQ(lab.handed_count, 38);
	close_lab();
}

/* With a server that has everything, two lines of any faults lose nothing. */
static void nothing_is_lost(void)
{
	struct hp_recovery_options options = {0};
	struct random dice = {2024};

	open_lab(&options);
	for (int64_t seq = 1; seq <= 20000; seq += 10) {
		for (uint32_t line = 0; line < 2; line++)
			if (random_below(&dice, 4))
				lab_send(&lab, line, seq, 10);
		lab_later(&lab, 100000);
		if (random_below(&dice, 3) == 0)
			serve(1 + random_below(&dice, 64));
	}
	lab_header("SESSION  A", 20001, 0xffff);
	lab_push(&lab, 0);
	lab_later(&lab, 1500000);
	serve(64);
	lab_later(&lab, 1500000);
	serve(64);
	lab_handed(&lab, 1, 20000);
	CHECK(lab.stats.recovered > 500);
	CHECK_EQ(lab.stats.lost, 0);
	CHECK_EQ(lab.stats.stale, 0);
	CHECK(lab.repairs > 10);
	close_lab();
}

static void sleepers_are_told(void)
{
	struct hp_recovery_options options = {.timeout_ms = 7};
	struct pollfd fds[STREAM_FDS];
	int timeout;

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	CHECK_EQ(stream_fds(lab.feed, fds, lab.now, &timeout), 0);
	CHECK_EQ(timeout, -1);
	lab_send(&lab, 0, 14, 7);
	CHECK_EQ(stream_fds(lab.feed, fds, lab.now, &timeout), 0);
	CHECK(timeout == 1 || timeout == 2);
	lab_later(&lab, 2500000);
	CHECK_EQ(stream_fds(lab.feed, fds, lab.now, &timeout), 1);
	CHECK(timeout == 7 || timeout == 8);
	CHECK_EQ(poll(fds, 1, 0), 0);
	CHECK(asked());
	lab_make("SESSION  A", 11, 3);
	CHECK_EQ(sendto(server.fd, lab_bytes, lab_len, 0, (struct sockaddr *)&server.peer,
			sizeof(server.peer)),
		 lab_len);
	CHECK_EQ(poll(fds, 1, 1000), 1);
	lab_drain(&lab);
	CHECK_EQ(stream_fds(lab.feed, fds, lab.now, &timeout), 0);
	lab_handed(&lab, 1, 20);
	close_lab();
}

static void refuses_bad_options(void)
{
	struct hp_recovery_options options = {.request_address = "not an address", .request_port = 1};
	struct recovery *recovery;
	struct hp_stream_stats stats = {0};
	char said[512] = {0};

	CHECK_EQ(recovery_open(&recovery, &options, &framing_moldudp64, &stats), -EINVAL);
	strcpy(options.request_address, "127.0.0.1");
	options.request_port = 70000;
	CHECK_EQ(recovery_open(&recovery, &options, &framing_moldudp64, &stats), -EINVAL);
	hp_last_error(said, sizeof(said) - 1);
	CHECK(strstr(said, "70000"));
	options.request_port = 1;
	strcpy(options.netns, "/run/netns/nowhere");
	CHECK_EQ(recovery_open(&recovery, &options, &framing_moldudp64, &stats), -ENOENT);
}

int main(void)
{
	RUN(a_hole_is_filled);
	RUN(the_remainder_is_asked_for);
	RUN(several_holes_and_one_repair);
	RUN(the_other_line_fills_it);
	RUN(a_lossy_server);
	RUN(a_silent_server);
	RUN(a_server_that_is_not_there);
	RUN(a_slow_server);
	RUN(a_server_of_nonsense);
	RUN(too_long_a_hole);
	RUN(no_room_for_what_waits);
	RUN(joined_a_little_late);
	RUN(a_session_changes_meanwhile);
	RUN(nothing_is_lost);
	RUN(sleepers_are_told);
	RUN(refuses_bad_options);
	return 0;
}
