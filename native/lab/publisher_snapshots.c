// SPDX-License-Identifier: MIT
/*
 * The snapshot server. Its thread replays the session on its own, from the same memory, as far as it was
 * published: a tenth of a second behind while nobody asks, and exactly up to date when somebody logs in. So
 * the publishing thread neither copies nor locks anything for it; what it pays is the memory of a second view
 * of the book, and the core that replaying takes (tens of nanoseconds a message).
 *
 * A snapshot is made whole and then sent as its client reads it; sixteen clients at a time. While one is
 * made (a sort), the others wait for their heartbeats.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/publisher.h"
#include "lab/publisher_soup.h"
#include "measure/clock.h"

#define CLIENTS	 16
#define TURN_MS	 100
#define BEAT_NS	 UINT64_C(1000000000)
#define LOGIN	 30000.0 /* ms */
#define SILENCE	 15000.0
#define REPLAYED 100000 /* messages at most between two looks at the clients */

struct server {
	struct hp_publisher *publisher;
	struct hp_publisher_snapshot_stats *stats;
	struct session_state state;
	int broken; /* out of memory: no more snapshots */
	struct soup soup;
	struct soup_client clients[CLIENTS];
};

static void replay(struct server *server, uint64_t number)
{
	if (!server->broken && state_replay(&server->state, number))
		server->broken = 1;
}

static uint64_t published(const struct server *server)
{
	return atomic_load_explicit(&server->publisher->published, memory_order_acquire);
}

/* Keeps up while nobody asks. 1: there is more to do. */
static int keep_up(struct server *server)
{
	uint64_t number = published(server), most = server->state.applied + REPLAYED;

	replay(server, number < most ? number : most);
	return !server->broken && server->state.applied < number;
}

static void give_snapshot(struct server *server, struct soup_client *client)
{
	struct image image = {0};

	replay(server, published(server));
	if (!server->broken)
		image_make(&image, &server->state);
	soup_give(&server->soup, client, &image);
}

static void accept_client(struct server *server, uint64_t now)
{
	int fd = accept4(server->publisher->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	server->stats->connections += 1;
	for (int i = 0; i < CLIENTS; i++) {
		if (server->clients[i].fd < 0) {
			soup_accept(&server->clients[i], fd, now);
			return;
		}
	}
	server->stats->turned_away += 1;
	close(fd);
}

static void serve_client(struct server *server, struct soup_client *client, int readable, uint64_t now)
{
	enum soup_result result = soup_hear(&server->soup, client, readable, now);

	if (result == SOUP_WANTS_SNAPSHOT)
		give_snapshot(server, client);
	if (result != SOUP_GONE)
		result = soup_speak(&server->soup, client, now);
	if (result == SOUP_GONE)
		soup_close(client);
}

static void turn(struct server *server, int ms)
{
	struct pollfd fds[CLIENTS + 2] = {{.fd = server->publisher->listener, .events = POLLIN},
					  {.fd = server->publisher->quit, .events = POLLIN}};
	uint64_t now;

	for (int i = 0; i < CLIENTS; i++)
		fds[2 + i] = (struct pollfd){
			.fd = server->clients[i].fd,
			.events = (short)(POLLIN | (soup_is_pending(&server->clients[i]) ? POLLOUT : 0)),
		};
	poll(fds, CLIENTS + 2, ms);
	now = clock_ticks();
	for (int i = 0; i < CLIENTS; i++)
		if (server->clients[i].fd >= 0)
			serve_client(server, &server->clients[i],
				     (fds[2 + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0, now);
	if (fds[0].revents)
		accept_client(server, now);
}

static uint64_t ticks_of(double ms, double otherwise)
{
	return clock_to_ticks((uint64_t)((ms == 0 ? otherwise : ms) * 1e6));
}

static void init(struct server *server, struct hp_publisher *publisher)
{
	const struct hp_publisher_snapshots *options = &publisher->options.snapshots;

	*server = (struct server){
		.publisher = publisher,
		.stats = &publisher->stats->snapshots,
		.soup = {.options = options,
			 .stats = &publisher->stats->snapshots,
			 .session = publisher->session,
			 .login = ticks_of(options->login_ms, LOGIN),
			 .silence = ticks_of(options->silence_ms, SILENCE),
			 .heartbeat = clock_to_ticks(BEAT_NS)},
	};
	for (int i = 0; i < CLIENTS; i++)
		server->clients[i].fd = -1;
	server->broken = state_init(&server->state, &publisher->store) != 0;
}

void publisher_snapshot(struct hp_publisher *publisher)
{
	struct server server;
	int more = 0;

	prctl(PR_SET_NAME, "hp-snapshots");
	init(&server, publisher);
	while (!publisher_stops(publisher)) {
		turn(&server, more ? 0 : TURN_MS);
		more = keep_up(&server);
	}
	for (int i = 0; i < CLIENTS; i++)
		soup_close(&server.clients[i]);
	state_free(&server.state);
}
