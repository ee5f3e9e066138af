/* SPDX-License-Identifier: MIT */
/*
 * What the exchange's tests stand on: an exchange on real loopback sockets, a client for it, a receiver for
 * its market data. The address is the test process's own and ports are the kernel's choice, so that any
 * number of these run side by side. A header of static functions: every test is one program, one file.
 */
#ifndef HP_EXCHANGE_LAB_H
#define HP_EXCHANGE_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "lab/exchange.h"

#define RECORDS_MAX 20000
#define WAIT_MS	    5000 /* generous: the machine may be busy; only failures take that long */

/* One test's exchange with a receiver for its market data. */
struct lab {
	struct hp_exchange_options options;
	struct hp_exchange_stats stats;
	struct hp_exchange *exchange;
	struct hp_tape *tape;
	int market; /* UDP, receives */
};

/* What a session delivered, in order of arrival. */
struct heard {
	uint32_t datagrams, records, last; /* last: records with the last flag */
	struct lll_record record[RECORDS_MAX];
};

static struct heard heard;
/* This process's own loopback address; lab_choose_home(). */
static char home[16];

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline const char *last_error(void)
{
	static char text[512];
	int32_t len = hp_last_error(text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = 0;
	return text;
}

/* A socket on a loopback port of the kernel's choice. */
static inline int bound_socket(int type, uint32_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(home)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, type, 0);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!getsockname(fd, (struct sockaddr *)&address, &len));
	*port = ntohs(address.sin_port);
	return fd;
}

/* Options for loopback, fast and unpaced where nothing else is asked for; nothing is opened yet. */
static inline void lab_begin(struct lab *lab, double records)
{
	struct hp_market_options market = {.seed = 3, .records = records, .levels = 100};
	int size = 8 << 20;

	memset(lab, 0, sizeof(*lab));
	lab->tape = hp_tape_generate(&market, 5);
	CHECK(lab->tape);
	strcpy(lab->options.group, home);
	strcpy(lab->options.listen, home);
	lab->options.cpu = -1;
	lab->options.rate = 20000;
	lab->market = bound_socket(SOCK_DGRAM, &lab->options.port);
	if (setsockopt(lab->market, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(lab->market, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	close(bound_socket(SOCK_STREAM, &lab->options.order_port));
}

static inline void lab_open(struct lab *lab)
{
	lab->exchange = hp_exchange_open(&lab->options, lab->tape, &lab->stats);
	if (!lab->exchange)
		fprintf(stderr, "%s\n", last_error());
	CHECK(lab->exchange);
}

/* Closes within the promised time. */
static inline void lab_end(struct lab *lab)
{
	double begun = seconds();

	CHECK_EQ(hp_exchange_close(lab->exchange), 0);
	CHECK(seconds() - begun < 0.1);
	CHECK_EQ(lab->stats.running, 0);
	hp_tape_close(lab->tape);
	close(lab->market);
}

static inline int lab_connect(const struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = inet_addr(home),
				      .sin_port = htons((uint16_t)lab->options.order_port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* Waits until the exchange is in `state` and `sessions` were begun. */
static inline void wait_state(struct lab *lab, uint32_t state, double sessions)
{
	double end = seconds() + WAIT_MS / 1e3;

	while (__atomic_load_n(&lab->stats.state, __ATOMIC_ACQUIRE) != state ||
	       lab->stats.sessions < sessions) {
		CHECK(seconds() < end);
		usleep(100);
	}
}

/* Waits until a counter of the stats, written by the exchange's thread, is at least `value`. */
static inline void wait_count(const double *counter, double value)
{
	double end = seconds() + WAIT_MS / 1e3;
	double now;

	do {
		__atomic_load(counter, &now, __ATOMIC_ACQUIRE);
		CHECK(seconds() < end);
		usleep(100);
	} while (now < value);
}

/* Takes one datagram in, or returns 0 after `ms` without one. */
static inline int hear(struct lab *lab, int ms)
{
	struct pollfd fd = {.fd = lab->market, .events = POLLIN};
	uint8_t bytes[2048];
	ssize_t len;

	if (poll(&fd, 1, ms) <= 0)
		return 0;
	len = recv(lab->market, bytes, sizeof(bytes), 0);
	CHECK(len > 0 && len % LLL_RECORD_BYTES == 0 && len <= 5 * LLL_RECORD_BYTES);
	heard.datagrams++;
	for (ssize_t at = 0; at < len; at += LLL_RECORD_BYTES) {
		struct lll_record *record = &heard.record[heard.records];

		CHECK(heard.records < RECORDS_MAX);
		CHECK_EQ(lll_decode(bytes + at, record), 0);
		heard.records++;
		heard.last += (record->flags & HP_FLAG_LAST) != 0;
	}
	return 1;
}

/* Listens from a session's beginning to its last record. */
static inline void hear_session(struct lab *lab)
{
	memset(&heard, 0, sizeof(heard));
	while (!heard.last)
		CHECK(hear(lab, WAIT_MS));
}

/* Throws away what is still in the socket. */
static inline void hear_nothing(struct lab *lab)
{
	memset(&heard, 0, sizeof(heard));
	while (hear(lab, 5))
		heard.records = 0;
}

static inline struct lll_order an_order(uint64_t id, int64_t trigger)
{
	return (struct lll_order){.id = id,
				  .trigger_seq = trigger,
				  .price = 61700000000,
				  .qty = 5,
				  .flags = HP_FLAG_BID,
				  .submit_ns = 77};
}

static inline void send_order(int fd, struct lll_order order)
{
	uint8_t bytes[LLL_ORDER_BYTES];

	lll_order_encode(bytes, &order);
	CHECK_EQ(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
}

/* Goes with a RST, as a process that crashed with its data unread would. */
static inline void vanish(int fd)
{
	struct linger now = {.l_onoff = 1};

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(fd);
}

/* The records heard are the tape's first `count`, in sequence from 0. */
static inline void is_the_tape(const struct lab *lab, size_t count)
{
	CHECK_EQ(heard.records, count);
	for (size_t i = 0; i < count; i++) {
		const struct tape_record *want = &lab->tape->records[i];
		const struct lll_record *got = &heard.record[i];

		CHECK_EQ(got->seq, i);
		CHECK_EQ(got->price, want->price);
		CHECK_EQ(got->qty, want->qty);
		CHECK_EQ(got->flags, want->flags | (i + 1 == count ? HP_FLAG_LAST : 0));
	}
}

/* Chooses this process's address: nobody else, and no outgoing connection, has ports there. */
static inline void lab_choose_home(void)
{
	int pid = getpid();

	snprintf(home, sizeof(home), "127.%d.%d.%d", 1 + (pid >> 16 & 63), pid >> 8 & 255,
		 1 + (pid & 255) % 254);
}

#endif
