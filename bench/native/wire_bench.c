// SPDX-License-Identifier: MIT
/*
 * The barest way over a wire: one thread that stamps and sends, one that spins on recv() and looks at the
 * stamp; no feed, no book, no strategy, nothing of the library but its clock. What the paths are held
 * against: the same group, payload and pace as `deno task compare`.
 *
 *   wire_bench SENDER_NETNS RECEIVER_NETNS RATE SECONDS		prints p50 and p99, ns
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/clock.h"

#define GROUP	"239.255.0.1"
#define PORT	12345
#define PAYLOAD 40
#define QUIET	500000000 /* ns without a datagram that end it */

static const char *sender_ns;
static long count, step_ns;

static int64_t now_ns(void)
{
	return (int64_t)clock_now_ns();
}

static void check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wire_bench: cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A socket of the namespace, whose interface has its name; the thread stays there, on one core. */
static int inside(const char *name, int core, struct ip_mreqn *group)
{
	char path[80];
	cpu_set_t cores;
	int ns, fd;

	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	check(!sched_setaffinity(0, sizeof(cores), &cores), "pin");
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	check(ns >= 0 && !setns(ns, CLONE_NEWNET), "enter the namespace");
	close(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	check(fd >= 0, "make a socket");
	*group = (struct ip_mreqn){.imr_multiaddr.s_addr = inet_addr(GROUP),
				   .imr_ifindex = (int)if_nametoindex(name)};
	return fd;
}

static void *sender(void *unused)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(GROUP)};
	struct ip_mreqn group;
	int fd = inside(sender_ns, 0, &group), off = 0;
	char payload[PAYLOAD] = {0};
	int64_t due;

	check(!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) &&
		      !setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) &&
		      !connect(fd, (struct sockaddr *)&to, sizeof(to)),
	      "send to the group");
	due = now_ns();
	for (long i = 0; i < count; i++, due += step_ns) {
		int64_t stamp;

		while ((stamp = now_ns()) < due)
			;
		memcpy(payload, &stamp, sizeof(stamp));
		send(fd, payload, sizeof(payload), 0);
	}
	close(fd);
	return unused;
}

static int ascending(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static long receive(int fd, int64_t *latencies)
{
	char payload[2048];
	int64_t last = now_ns(), stamp;
	long got = 0;

	while (got < count) {
		ssize_t len = recv(fd, payload, sizeof(payload), MSG_DONTWAIT);
		int64_t now = now_ns();

		if (len == PAYLOAD) {
			memcpy(&stamp, payload, sizeof(stamp));
			latencies[got++] = now - stamp;
			last = now;
		} else if (now - last > QUIET) {
			break;
		}
	}
	return got;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(GROUP)};
	int fd, on = 1, room = 8 << 20;
	struct ip_mreqn group;
	int64_t *latencies;
	pthread_t thread;
	long got;

	if (argc != 5 || atol(argv[3]) < 1 || atof(argv[4]) <= 0) {
		fprintf(stderr, "usage: wire_bench SENDER_NETNS RECEIVER_NETNS RATE SECONDS\n");
		return 2;
	}
	clock_init();
	sender_ns = argv[1];
	step_ns = 1000000000L / atol(argv[3]);
	count = (long)(atof(argv[4]) * (double)atol(argv[3])) + 1;
	latencies = calloc((size_t)count, sizeof(*latencies));
	check(latencies != NULL, "have memory");
	fd = inside(argv[2], 1, &group);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	check(!bind(fd, (struct sockaddr *)&address, sizeof(address)) &&
		      !setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)),
	      "receive the group");
	check(!pthread_create(&thread, NULL, sender, NULL), "start the sender");
	got = receive(fd, latencies);
	pthread_join(thread, NULL);
	check(got > 0, "receive anything");
	qsort(latencies, (size_t)got, sizeof(*latencies), ascending);
	printf("%ld %ld\n", (long)latencies[got / 2], (long)latencies[got * 99 / 100]);
	return 0;
}
