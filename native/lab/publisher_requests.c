// SPDX-License-Identifier: MIT
/*
 * The re-request server of MoldUDP64: a request (session, first number, count) is answered by one ordinary
 * packet to where it came from, with as many of the messages as fit; who wants more asks again. Only what was
 * published can be asked for. What makes no sense is counted by kind and not answered, as the protocol has no
 * answer for it.
 *
 * Slow: every request waits for its delay in a ring, first come, first served. On this thread nothing is
 * allocated, and nobody else waits for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

/* After the C library's own: both define some of the same constants. */
#include <linux/sock_diag.h>

#include "lab/publisher.h"
#include "lab/random.h"
#include "measure/clock.h"

#define WAITING 4096 /* requests; a power of two */
#define AT_ONCE 64   /* read between two looks at what is due */

struct request {
	uint64_t due; /* tick */
	uint64_t seq;
	uint32_t count;
	struct sockaddr_in from;
};

struct server {
	struct hp_publisher *publisher;
	struct hp_publisher_request_stats *stats;
	struct random random;
	uint64_t head, tail;
	struct request waiting[WAITING];
	uint8_t packet[MOLD_BYTES];
};

/* Checks a request and lets it wait for its time. */
static void take(struct server *server, const uint8_t *bytes, size_t length, const struct sockaddr_in *from)
{
	struct hp_publisher *publisher = server->publisher;
	uint64_t published = atomic_load_explicit(&publisher->published, memory_order_acquire);
	struct request request = {.from = *from};

	server->stats->requests += 1;
	request.seq = get_be(bytes + 10, 8);
	request.count = (uint32_t)get_be(bytes + 18, 2);
	if (length != MOLD_HEADER || !request.count)
		server->stats->malformed += 1;
	else if (memcmp(bytes, publisher->session, MOLD_SESSION))
		server->stats->wrong_session += 1;
	else if (request.seq < 1 || request.seq > published)
		server->stats->out_of_range += 1;
	else if (atomic_load_explicit(&publisher->refuse, memory_order_acquire))
		server->stats->refused += 1;
	else if (random_chance(&server->random, atomic_load(&publisher->loss)))
		server->stats->lost += 1;
	else if (server->tail - server->head == WAITING)
		server->stats->overflowed += 1;
	else {
		request.due = clock_ticks() + atomic_load(&publisher->delay);
		if (request.count > published - request.seq + 1)
			request.count = (uint32_t)(published - request.seq + 1);
		server->waiting[server->tail++ % WAITING] = request;
	}
}

static void read_requests(struct server *server)
{
	uint8_t bytes[MOLD_HEADER + 1] = {0}; /* one more than a request: a longer one is seen to be longer */
	struct sockaddr_in from;

	for (int i = 0; i < AT_ONCE; i++) {
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(server->publisher->request_socket, bytes, sizeof(bytes), 0,
					  (struct sockaddr *)&from, &size);

		if (length >= 0)
			take(server, bytes, (size_t)length, &from);
		else if (errno != ECONNREFUSED) /* that: an earlier answer met a closed port */
			return;
	}
}

/* Writes as much of the answer as a packet holds; its bytes. */
static uint32_t write_answer(struct server *server, const struct request *request, uint32_t *count)
{
	const uint8_t *blocks = store_at(&server->publisher->store, request->seq), *at = blocks;
	uint32_t bytes = 0;

	for (*count = 0; *count < request->count; ++*count) {
		uint32_t more = store_length(at) + 2;

		if (MOLD_HEADER + bytes + more > MOLD_BYTES)
			break;
		bytes += more;
		at += more;
	}
	mold_header(server->packet, server->publisher->session, request->seq, *count);
	memcpy(server->packet + MOLD_HEADER, blocks, bytes);
	return MOLD_HEADER + bytes;
}

static void answer(struct server *server, const struct request *request)
{
	uint32_t count, bytes = write_answer(server, request, &count);

	if (sendto(server->publisher->request_socket, server->packet, bytes, 0,
		   (const struct sockaddr *)&request->from, sizeof(request->from)) < 0) {
		server->stats->failed += 1;
		return;
	}
	server->stats->served += 1;
	server->stats->messages += count;
}

static void answer_due(struct server *server)
{
	while (server->head != server->tail) {
		const struct request *first = &server->waiting[server->head % WAITING];

		if (first->due > clock_ticks())
			return;
		answer(server, first);
		server->head++;
	}
}

/* Sleeps until a request comes or one that waits is due. */
static void wait(struct server *server)
{
	struct hp_publisher *publisher = server->publisher;
	struct pollfd fds[2] = {{.fd = publisher->request_socket, .events = POLLIN},
				{.fd = publisher->quit, .events = POLLIN}};
	uint64_t now = clock_ticks(), ns = 0;
	int bounded = server->head != server->tail;
	struct timespec timeout;

	if (bounded && server->waiting[server->head % WAITING].due > now)
		ns = clock_ns(server->waiting[server->head % WAITING].due - now);
	timeout = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	ppoll(fds, 2, bounded ? &timeout : NULL, NULL);
}

/* What the socket had no room for. */
static void look(struct server *server)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof(memory);

	if (!getsockopt(server->publisher->request_socket, SOL_SOCKET, SO_MEMINFO, memory, &size))
		server->stats->overrun = memory[SK_MEMINFO_DROPS];
}

void publisher_answer(struct hp_publisher *publisher)
{
	struct server server = {
		.publisher = publisher,
		.stats = &publisher->stats->requests,
		.random = {(uint64_t)publisher->options.requests.seed},
	};
	prctl(PR_SET_NAME, "hp-requests");
	prctl(PR_SET_TIMERSLACK, 1);
	while (!publisher_stops(publisher)) {
		wait(&server);
		read_requests(&server);
		answer_due(&server);
		look(&server);
	}
}
