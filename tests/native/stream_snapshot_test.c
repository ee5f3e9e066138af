/* SPDX-License-Identifier: MIT */
/*
 * A stream and its snapshot server, which is played here, on a real TCP socket: complete and torn snapshots,
 * rejected logins, nonsense, silence. A snapshot's messages are those of lab_message(), numbered from 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "feed/recovery.h"
#include "feed/soupbin.h"
#include "stream_lab.h"

static struct lab lab;

struct server {
	int listener, fd;
	uint32_t accepted;
	uint8_t out[1 << 20];
	uint32_t len;
};

static struct server server;
static struct recovery *recovery;

static uint32_t open_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	memset(&server, 0, sizeof(server));
	server.fd = -1;
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(server.listener, (struct sockaddr *)&address, size), 0);
	CHECK_EQ(listen(server.listener, 8), 0);
	CHECK_EQ(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

static void open_lab(struct hp_recovery_options *options)
{
	strcpy(options->snapshot_address, "127.0.0.1");
	strcpy(options->username, "reader");
	strcpy(options->password, "secret");
	if (!options->snapshot_port)
		options->snapshot_port = open_server();
	options->hold_bytes = 4 << 20;
	CHECK_EQ(recovery_open(&recovery, options, &framing_moldudp64, &lab.stats), 0);
	lab_open_with(&lab, &framing_moldudp64, recovery);
}

static void hang_up(void)
{
	if (server.fd >= 0)
		close(server.fd);
	server.fd = -1;
}

static void close_lab(void)
{
	lab_close(&lab);
	hang_up();
	close(server.listener);
}

static void put(uint8_t type, const void *payload, uint32_t len)
{
	CHECK(server.len + 3 + len <= sizeof(server.out));
	server.out[server.len++] = (uint8_t)((len + 1) >> 8);
	server.out[server.len++] = (uint8_t)(len + 1);
	server.out[server.len++] = type;
	memcpy(server.out + server.len, payload, len);
	server.len += len;
}

static void put_accepted(void)
{
	put('A', "SESSION  A                   1", 30);
}

static void put_messages(int64_t first, int64_t last)
{
	uint8_t bytes[64];

	for (int64_t number = first; number <= last; number++) {
		uint32_t len = lab_message(bytes, number);

		if (lab.any_bytes)
			bytes[0] = 'A'; /* no 'G', whatever the number */
		put('S', bytes, len);
	}
}

static void put_end(int64_t next)
{
	char text[32];

	snprintf(text, sizeof(text), "G%20ld", (long)next);
	put('S', text, 21);
}

/* Sends what was put, in pieces of `most` bytes, the stream reading in between. */
static void send_pieces(uint32_t most)
{
	for (uint32_t at = 0; at < server.len;) {
		uint32_t some = server.len - at < most ? server.len - at : most;
		ssize_t sent = send(server.fd, server.out + at, some, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			fprintf(stderr, "%s: %s\n", strerror(errno), lab.stats.trouble);
		CHECK(sent > 0 || errno == EAGAIN);
		at += sent > 0 ? (uint32_t)sent : 0;
		lab_drain(&lab);
	}
	server.len = 0;
}

/* Lets the stream run until `done` says so. */
static void until(int (*done)(void))
{
	for (int i = 0; i < 3000; i++) {
		lab_later(&lab, 1000000);
		if (done())
			return;
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	fprintf(stderr, "trouble: %s\n", lab.stats.trouble);
	CHECK(!"it never came to that");
}

static int has_accepted(void)
{
	hang_up();
	server.fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	server.accepted += server.fd >= 0;
	return server.fd >= 0;
}

static int has_login(void)
{
	static const char want[] = "\0\57Lreadersecret    " /* username, password */
				   "          "		    /* session: the current one */
				   "                   1";
	uint8_t login[64];
	ssize_t len = recv(server.fd, login, sizeof(login), 0);

	if (len < 0)
		return 0;
	CHECK_EQ(len, SOUP_LOGIN_BYTES);
	CHECK(!memcmp(login, want, SOUP_LOGIN_BYTES));
	return 1;
}

static void await_login(void)
{
	until(has_accepted);
	until(has_login);
}

static int is_repaired(void)
{
	return lab.repairs == 1;
}

static int has_failed(void)
{
	return lab.stats.gave_up == 1;
}

static int failures;
static int has_failed_once_more(void)
{
	return lab.stats.snapshot_failures > failures;
}

/* What was handed on from `at` on: CLEAR, 1..snapshot, first..last. */
static void check_handed(uint32_t at, int64_t snapshot, int64_t first, int64_t last)
{
	CHECK_EQ(lab.handed_count - at, 1 + snapshot + last - first + 1);
	CHECK_EQ(lab.handed[at++], 0);
	for (int64_t number = 1; number <= snapshot; number++)
		CHECK_EQ(lab.handed[at++], number);
	for (int64_t number = first; number <= last; number++)
		CHECK_EQ(lab.handed[at++], number);
}

static void joined_late(uint32_t pieces)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 100001, 10);
	lab_gap(&lab, 0, 1, 100000, 1);
	CHECK_EQ(lab.handed_count, 0); /* held */
	await_login();
	lab_send(&lab, 0, 100011, 10);
	put_accepted();
	put_messages(1, 500);
	put('H', "", 0);
	put('+', "a word to people", 16);
	put_messages(501, 1000);
	put_end(100015);
	send_pieces(pieces);
	lab_send(&lab, 0, 100021, 10);
	until(is_repaired);
	check_handed(0, 1000, 100015, 100030);
	CHECK_EQ(lab.gap_count, 1);
	CHECK_EQ(lab.stats.snapshots, 1);
	CHECK_EQ(lab.stats.superseded, 14);
	CHECK_EQ(lab.stats.delivered, 16);
	CHECK_EQ(lab.stats.stale, 0);
	CHECK_EQ(lab.stats.waiting, 0);
	lab_send(&lab, 0, 100031, 10);
	CHECK_EQ(lab.handed_count, 1 + 1000 + 26);
	close_lab();
}

static void joined_late_at_once(void)
{
	joined_late(1 << 20);
}

static void joined_late_byte_by_byte(void)
{
	joined_late(1);
}

static void the_snapshot_is_ahead(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	await_login();
	put_accepted();
	put_messages(1, 10);
	put_end(1036);
	send_pieces(1 << 20);
	until(is_repaired);
	check_handed(0, 10, 1036, 1035);
	lab_send(&lab, 0, 1011, 10);
	lab_send(&lab, 0, 1021, 10);
	lab_send(&lab, 0, 1031, 10); /* from 1036 on it is new */
	check_handed(0, 10, 1036, 1040);
	CHECK_EQ(lab.gap_count, 1);
	close_lab();
}

static void logs_out(void)
{
	struct hp_recovery_options options = {0};
	uint8_t bytes[64];
	ssize_t len;

	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	await_login();
	put_accepted();
	send_pieces(1 << 20);
	lab_later(&lab, 1100000000);
	len = recv(server.fd, bytes, sizeof(bytes), 0);
	CHECK_EQ(len, 3);
	CHECK(!memcmp(bytes, "\0\1R", 3));
	put_end(1001);
	send_pieces(1 << 20);
	until(is_repaired);
	len = recv(server.fd, bytes, sizeof(bytes), 0);
	CHECK(len >= 3 && !memcmp(bytes + len - 3, "\0\1O", 3));
	CHECK_EQ(recv(server.fd, bytes, sizeof(bytes), 0), 0);
	close_lab();
}

static void a_hole_no_server_fills(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 14, 7);
	CHECK_EQ(lab.gap_count, 0);
	await_login();
	lab_gap(&lab, 0, 11, 3, 1);
	CHECK_EQ(lab.handed_count, 10);
	lab_send(&lab, 0, 21, 10);
	put_accepted();
	put_messages(1, 5);
	put_end(21);
	send_pieces(7);
	until(is_repaired);
	check_handed(10, 5, 21, 30);
	CHECK_EQ(lab.stats.lost, 3);
	CHECK_EQ(lab.stats.superseded, 7);
	CHECK_EQ(lab.stats.delivered, 20);
	close_lab();
}

static void torn_and_taken_again(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	await_login();
	put_accepted();
	put_messages(1, 5);
	send_pieces(1 << 20);
	hang_up();
	failures = 0;
	until(has_failed_once_more);
	CHECK(strstr(lab.stats.trouble, "torn after"));
	CHECK_EQ(lab.handed_count, 6);
	await_login();
	put_accepted();
	put_messages(1, 8);
	put_end(1006);
	send_pieces(1 << 20);
	until(is_repaired);
	check_handed(6, 8, 1006, 1010);
	CHECK_EQ(server.accepted, 2);
	close_lab();
}

/* Each of these ends an attempt. */
static void say_something_wrong(int what)
{
	uint8_t zeros[64] = {0};

	switch (what) {
	case 0:
		put('J', "A", 1);
		break;
	case 1:
		memcpy(server.out, zeros, sizeof(zeros));
		server.len = sizeof(zeros);
		break;
	case 2:
		put('S', "before the login was accepted", 10);
		break;
	case 3:
		put_accepted();
		put_messages(1, 3);
		put('Z', "", 0);
		break;
	case 4:
		put_accepted();
		put('S', "G          not a number", 21);
		break;
	case 5:
		put_accepted();
		put('?', "what is this", 12);
		break;
	case 6:
		put_accepted();
		put_messages(1, 3);
		put_end(500); /* before what came live */
		break;
	default:
		break; /* silence */
	}
}

static void one_wrong_thing(int what, const char *says)
{
	struct hp_recovery_options options = {.snapshot_ms = 300, .snapshot_attempts = 2};

	open_lab(&options);
	failures = 0;
	lab_send(&lab, 0, 1001, 10);
	for (int i = 0; i < 2; i++) {
		await_login();
		say_something_wrong(what);
		send_pieces(1 << 20);
		until(has_failed_once_more);
		failures++;
		if (!strstr(lab.stats.trouble, says))
			fprintf(stderr, "%d: %s\n", what, lab.stats.trouble);
		CHECK(strstr(lab.stats.trouble, says));
	}
	until(has_failed);
	CHECK_EQ(lab.stats.snapshot_failures, 2);
	CHECK_EQ(lab.stats.stale, 1);
	CHECK_EQ(lab.repairs, 0);
	/* What was held is handed on, behind a CLEAR where there had been something of a snapshot. */
	CHECK_EQ(lab.handed[lab.handed_count - 1], 1010);
	CHECK(lab.handed_count == 10 || lab.handed[lab.handed_count - 11] == 0);
	lab_send(&lab, 0, 1011, 10);
	CHECK_EQ(lab.handed[lab.handed_count - 1], 1020);
	close_lab();
}

static void whatever_is_wrong_ends(void)
{
	static const char *const says[] = {"rejected ('A')", "without a type", "no answer to a login",
					   "ended before",   "does not say",   "a packet that is none",
					   "older than",     "within 300 ms"};

	for (int i = 0; i < 8; i++)
		one_wrong_thing(i, says[i]);
}

static void nobody_listens(void)
{
	struct hp_recovery_options options = {0};

	options.snapshot_port = open_server();
	close(server.listener);
	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	until(has_failed);
	CHECK_EQ(lab.stats.snapshot_failures, 3);
	CHECK(strstr(lab.stats.trouble, "refused"));
	lab_handed(&lab, 1001, 1010);
	lab_close(&lab);
}

static void too_many_bytes(void)
{
	struct hp_recovery_options options = {.snapshot_bytes = 1000, .snapshot_attempts = 1};

	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	await_login();
	put_accepted();
	put_messages(1, 500);
	send_pieces(1 << 20);
	until(has_failed);
	CHECK(strstr(lab.stats.trouble, "longer than 1000 bytes"));
	close_lab();
}

static void a_session_changes_meanwhile(void)
{
	struct hp_recovery_options options = {0};

	open_lab(&options);
	lab_send(&lab, 0, 1001, 10);
	await_login();
	put_accepted();
	put_messages(1, 5);
	send_pieces(1 << 20);
	for (int64_t seq = 1; seq < 20; seq += 10) {
		lab_make("SESSION  B", seq, 10);
		lab_push(&lab, 0);
	}
	CHECK_EQ(lab.handed[lab.handed_count - 1], 20);
	CHECK_EQ(lab.handed[lab.handed_count - 21], 0);
	CHECK_EQ(lab.repairs, 1);
	close_lab();
}

/* A large one, in whatever pieces the sockets make of it; live packets come all the while. */
static void large_and_live(void)
{
	struct hp_recovery_options options = {0};
	int64_t live = 1000001, number = 1;

	open_lab(&options);
	lab.hash = lab.any_bytes = 1;
	lab_send(&lab, 0, live, 10);
	await_login();
	put_accepted();
	while (number <= 300000) {
		put_messages(number, number + 9999);
		number += 10000;
		send_pieces(100000);
		live += 10;
		lab_send(&lab, 1, live, 10);
	}
	put_end(1000101);
	send_pieces(1 << 20);
	until(is_repaired);
	CHECK_EQ(lab.handed_count, 1 + 300000 + 310 - 100);
	CHECK_EQ(lab.stats.waiting_max, 310);
	close_lab();
}

int main(void)
{
	RUN(joined_late_at_once);
	RUN(joined_late_byte_by_byte);
	RUN(the_snapshot_is_ahead);
	RUN(logs_out);
	RUN(a_hole_no_server_fills);
	RUN(torn_and_taken_again);
	RUN(whatever_is_wrong_ends);
	RUN(nobody_listens);
	RUN(too_many_bytes);
	RUN(a_session_changes_meanwhile);
	RUN(large_and_live);
	return 0;
}
