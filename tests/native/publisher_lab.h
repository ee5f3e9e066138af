/* SPDX-License-Identifier: MIT */
/*
 * What the publisher's tests stand on: a publisher on real loopback sockets, a receiver for each of its
 * lines, and a naive view of what ITCH says. The address is the test process's own and ports are the
 * kernel's choice, so that any number of these run side by side.
 */
#ifndef HP_PUBLISHER_LAB_H
#define HP_PUBLISHER_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "hotpath.h"

#define WAIT_MS	   10000 /* generous: the machine may be busy; only failures take that long */
#define SESSION	   "LAB0000001"
#define PACKET_MAX 1400

struct publisher_lab {
	struct hp_publisher_options options;
	struct hp_publisher_stats stats;
	struct hp_publisher *publisher;
	int line[2]; /* UDP, receive */
};

static char home[16]; /* this process's own loopback address */

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline const char *last_error(void)
{
	static char text[512];
	int32_t length = hp_last_error(text, sizeof(text) - 1);

	text[length < 0 ? 0 : length] = 0;
	return text;
}

static inline uint64_t be(const uint8_t *at, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static inline void choose_home(void)
{
	int pid = getpid();

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(home, sizeof(home), "127.%d.%d.%d", 1 + (pid >> 16 & 63), pid >> 8 & 255,
		 1 + (pid & 255) % 254);
}

static inline int bound_socket(int type, uint32_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(home)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, type, 0), size = 64 << 20;

	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!getsockname(fd, (struct sockaddr *)&address, &length));
	if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	*port = ntohs(address.sin_port);
	return fd;
}

static inline uint32_t free_port(int type)
{
	uint32_t port;

	close(bound_socket(type, &port));
	return port;
}

/* A seeded market of `records` updates on both lines and both servers, flat out; nothing is opened yet. */
static inline void lab_begin(struct publisher_lab *lab, double records)
{
	struct hp_publisher_options *options = &lab->options;

	memset(lab, 0, sizeof(*lab));
	for (int i = 0; i < 2; i++) {
		strcpy(options->lines[i].address, home);
		options->lines[i].cpu = -1;
		lab->line[i] = bound_socket(SOCK_DGRAM, &options->lines[i].port);
		options->faults[i].seed = 1 + i;
	}
	strcpy(options->requests.address, home);
	options->requests.port = free_port(SOCK_DGRAM);
	strcpy(options->snapshots.address, home);
	options->snapshots.port = free_port(SOCK_STREAM);
	options->market = (struct hp_market_options){.seed = 5, .records = records, .levels = 50};
	options->symbols = 3;
	options->pace = HP_PACE_RATE;
	options->rate = 100000;
	options->heartbeat_ms = 20;
	options->end_ms = 60;
	options->cpu = -1;
	strcpy(options->session, SESSION);
}

static inline void lab_open(struct publisher_lab *lab)
{
	lab->publisher = hp_publisher_open(&lab->options, NULL, &lab->stats);
	if (!lab->publisher)
		fprintf(stderr, "%s\n", last_error());
	CHECK(lab->publisher);
}

static inline void lab_end(struct publisher_lab *lab)
{
	CHECK_EQ(hp_publisher_close(lab->publisher), 0);
	CHECK_EQ(lab->stats.trouble[0], 0);
	CHECK_EQ(lab->stats.state, HP_PUBLISHER_ENDED);
	close(lab->line[0]);
	close(lab->line[1]);
}

static inline void wait_count(const double *counter, double value)
{
	double end = seconds() + WAIT_MS / 1e3, now;

	do {
		__atomic_load(counter, &now, __ATOMIC_ACQUIRE);
		if (seconds() > end)
			fprintf(stderr, "waited for %g, it is %g\n", value, now);
		CHECK(seconds() <= end);
		usleep(100);
	} while (now < value);
}

/* One packet within `ms`: its length, or 0. */
static inline ssize_t receive(int fd, uint8_t *packet, size_t size, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t length;

	if (poll(&ready, 1, ms) <= 0)
		return 0;
	length = recv(fd, packet, size, 0);
	CHECK(length >= 0);
	return length;
}

/* Checks that a packet is one of MoldUDP64's downstream, whole; returns its count. */
static inline uint32_t check_packet(const uint8_t *packet, ssize_t length)
{
	uint32_t count = (uint32_t)be(packet + 18, 2);
	ssize_t at = 20;

	CHECK(length >= 20 && length <= PACKET_MAX);
	CHECK(!memcmp(packet, SESSION, 10));
	for (uint32_t i = 0; count != 0xffff && i < count; i++) {
		CHECK(at + 2 <= length);
		at += 2 + (ssize_t)be(packet + at, 2);
	}
	CHECK_EQ(at, length);
	return count;
}

/* ---- what ITCH says, naively ---- */

#define VIEW_ORDERS (1u << 20)

struct view_order {
	uint64_t ref, number; /* number: of the message that gave it its place */
	uint32_t qty, price;
	uint32_t symbol;
	char side;
	char used;
};

struct view {
	struct view_order orders[VIEW_ORDERS]; /* never emptied: qty 0 is gone */
	uint32_t live, dangling, twice, excess, unknown;
	uint32_t types[256];
};

static inline struct view_order *view_find(struct view *view, uint64_t ref)
{
	uint32_t at = (uint32_t)(ref * 2654435761u) % VIEW_ORDERS;

	while (view->orders[at].used && view->orders[at].ref != ref)
		at = (at + 1) % VIEW_ORDERS;
	return &view->orders[at];
}

static inline void view_add(struct view *view, struct view_order order)
{
	struct view_order *at = view_find(view, order.ref);

	view->twice += at->qty > 0;
	*at = order;
	at->used = 1;
	view->live++;
}

static inline void view_reduce(struct view *view, uint64_t ref, uint32_t qty)
{
	struct view_order *at = view_find(view, ref);

	view->dangling += !at->qty;
	view->excess += at->qty && qty > at->qty;
	if (!at->qty)
		return;
	at->qty = qty < at->qty ? at->qty - qty : 0;
	view->live -= !at->qty;
}

static inline void view_apply(struct view *view, const uint8_t *m, uint64_t number)
{
	struct view_order order;

	view->types[m[0]]++;
	switch (m[0]) {
	case 'A':
	case 'F':
		view_add(view, (struct view_order){be(m + 11, 8), number, (uint32_t)be(m + 20, 4),
						   (uint32_t)be(m + 32, 4), (uint32_t)be(m + 1, 2),
						   (char)m[19], 1});
		break;
	case 'E':
	case 'C':
	case 'X':
		view_reduce(view, be(m + 11, 8), (uint32_t)be(m + 19, 4));
		break;
	case 'D':
		order = *view_find(view, be(m + 11, 8));
		view_reduce(view, be(m + 11, 8), order.qty);
		break;
	case 'U':
		order = *view_find(view, be(m + 11, 8));
		view_reduce(view, order.ref, order.qty);
		order.ref = be(m + 19, 8);
		order.number = number;
		order.qty = (uint32_t)be(m + 27, 4);
		order.price = (uint32_t)be(m + 31, 4);
		view_add(view, order);
		break;
	case 'S':
	case 'R':
	case 'H':
	case 'P':
		break;
	default:
		view->unknown++;
	}
}

/* Messages from..to of the publisher's session. */
static inline void view_replay(struct view *view, struct hp_publisher *publisher, uint64_t from, uint64_t to)
{
	uint8_t block[PACKET_MAX];

	for (uint64_t i = from; i <= to; i++) {
		CHECK(hp_publisher_read(publisher, (double)i, block, sizeof(block)) > 2);
		view_apply(view, block + 2, i);
	}
}

/* The same live orders, whatever their numbers. */
static inline void view_same(struct view *a, struct view *b)
{
	CHECK_EQ(a->live, b->live);
	for (uint32_t i = 0; i < VIEW_ORDERS; i++) {
		const struct view_order *want = &a->orders[i], *got;

		if (!want->qty)
			continue;
		got = view_find(b, want->ref);
		CHECK_EQ(got->qty, want->qty);
		CHECK_EQ(got->price, want->price);
		CHECK_EQ(got->side, want->side);
		CHECK_EQ(got->symbol, want->symbol);
	}
}

#endif
