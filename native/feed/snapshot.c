/* SPDX-License-Identifier: MIT */
/*
 * Takes a snapshot (what it is: snapshot.h). Messages are handed on as they come in: received into one
 * buffer, moved together there so that they form a run, and decoded where they lie; a snapshot of millions of
 * orders needs no more memory than one of ten. A connection that is refused, torn, silent or talks nonsense
 * is one attempt of a few. The socket is used again for the next (order/tcp.c says why).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feed/snapshot.h"
#include "feed/soupbin.h"
#include "feed/stream.h"
#include "measure/clock.h"
#include "measure/error.h"

#define BUFFER_BYTES (256u << 10)
#define MS	     1000000u
#define HEARTBEAT_MS 1000u
#define PAUSE_MS     20u /* between two attempts */
#define END_TYPE     'G'

enum snapshot_state {
	STATE_IDLE,
	STATE_PAUSE, /* before an attempt */
	STATE_CONNECT,
	STATE_LOGIN, /* sent; not accepted yet */
	STATE_MESSAGES,
};

struct snapshot {
	struct hp_recovery_options options;
	struct hp_stream_stats *stats;
	struct sockaddr_in peer;
	char name[32]; /* address:port */
	int little_endian;
	int fd;
	enum snapshot_state state;
	uint32_t attempts; /* begun */
	uint64_t since;	   /* this attempt, or the pause before it */
	uint64_t said;	   /* when we sent something last */
	uint64_t bytes;	   /* received in this attempt */
	int64_t messages;  /* handed on in this attempt */
	int64_t next;	   /* what 'G' said; 0 = not yet */
	uint8_t *buffer;
	uint32_t from, fill; /* what is in it and not looked at: [from, fill) */
};

int snapshot_open(struct snapshot **out, const struct hp_recovery_options *options, int little_endian,
		  struct hp_stream_stats *stats)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	char address[sizeof(options->snapshot_address) + 1] = {0};
	int on = 1;

	if (!snapshot)
		return fail(ENOMEM, "Cannot open a snapshot's client: out of memory");
	*out = snapshot;
	memcpy(address, options->snapshot_address, sizeof(options->snapshot_address));
	snapshot->options = *options;
	snapshot->stats = stats;
	snapshot->little_endian = little_endian;
	snapshot->fd = -1;
	snapshot->peer.sin_family = AF_INET;
	snapshot->peer.sin_port = htons((uint16_t)options->snapshot_port);
	snprintf(snapshot->name, sizeof(snapshot->name), "%s:%u", address, options->snapshot_port);
	if (inet_pton(AF_INET, address, &snapshot->peer.sin_addr) != 1)
		return fail(EINVAL, "Cannot take snapshots from \"%s\": not a dotted IPv4 address", address);
	if (!options->snapshot_port || options->snapshot_port > 65535)
		return fail(EINVAL, "Cannot take snapshots from %s: port %u is not 1..65535", address,
			    options->snapshot_port);
	snapshot->buffer = malloc(BUFFER_BYTES);
	snapshot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!snapshot->buffer || snapshot->fd < 0)
		return fail(errno, "Cannot make a socket to take snapshots from %s: %s", snapshot->name,
			    strerror(errno));
	setsockopt(snapshot->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

void snapshot_close(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	if (snapshot->fd >= 0)
		close(snapshot->fd);
	free(snapshot->buffer);
	free(snapshot);
}

static void disconnect(struct snapshot *snapshot)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	socklen_t size = sizeof(int);
	int stale;

	connect(snapshot->fd, &nowhere, sizeof(nowhere));
	getsockopt(snapshot->fd, SOL_SOCKET, SO_ERROR, &stale, &size); /* what that left behind */
}

static uint64_t ms_since(uint64_t then, uint64_t now)
{
	return (int64_t)(now - then) > 0 ? clock_ns(now - then) / MS : 0;
}

void snapshot_start(struct snapshot *snapshot, uint64_t now)
{
	snapshot->attempts = 0;
	snapshot->state = STATE_PAUSE;
	snapshot->since = now - clock_to_ticks((uint64_t)PAUSE_MS * MS);
}

void snapshot_stop(struct snapshot *snapshot)
{
	if (snapshot->state > STATE_PAUSE)
		disconnect(snapshot);
	snapshot->state = STATE_IDLE;
}

static enum snapshot_says attempt_failed(struct snapshot *snapshot, uint64_t now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static enum snapshot_says attempt_failed(struct snapshot *snapshot, uint64_t now, const char *format, ...)
{
	struct hp_stream_stats *stats = snapshot->stats;
	va_list arguments;
	int used = snprintf(stats->trouble, sizeof(stats->trouble), "snapshot from %s: ", snapshot->name);

	va_start(arguments, format);
	vsnprintf(stats->trouble + used, sizeof(stats->trouble) - (size_t)used, format, arguments);
	va_end(arguments);
	stats->snapshot_failures += 1;
	snapshot_stop(snapshot);
	if (snapshot->attempts >= snapshot->options.snapshot_attempts)
		return SNAPSHOT_FAILED;
	snapshot->state = STATE_PAUSE;
	snapshot->since = now;
	return SNAPSHOT_NOTHING;
}

enum snapshot_says snapshot_reject(struct snapshot *snapshot, uint64_t now, const char *why)
{
	return attempt_failed(snapshot, now, "%s", why);
}

static enum snapshot_says attempt(struct snapshot *snapshot, uint64_t now)
{
	snapshot->attempts++;
	snapshot->since = now;
	snapshot->bytes = 0;
	snapshot->messages = 0;
	snapshot->next = 0;
	snapshot->from = snapshot->fill = 0;
	snapshot->state = STATE_CONNECT;
	disconnect(snapshot);
	if (connect(snapshot->fd, (struct sockaddr *)&snapshot->peer, sizeof(snapshot->peer)) &&
	    errno != EINPROGRESS)
		return attempt_failed(snapshot, now, "%s", strerror(errno));
	return SNAPSHOT_NOTHING;
}

/* Sends what always fits an idle connection's buffer. */
static int say(struct snapshot *snapshot, const uint8_t *bytes, uint32_t len, uint64_t now)
{
	ssize_t sent = send(snapshot->fd, bytes, len, MSG_NOSIGNAL);

	snapshot->said = now;
	return sent == (ssize_t)len ? 0 : -1;
}

static enum snapshot_says look_at_connection(struct snapshot *snapshot, uint64_t now)
{
	struct pollfd wait = {.fd = snapshot->fd, .events = POLLOUT};
	uint8_t login[SOUP_LOGIN_BYTES];
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&wait, 1, 0) <= 0)
		return SNAPSHOT_NOTHING;
	getsockopt(snapshot->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		return attempt_failed(snapshot, now, "%s", strerror(error));
	soup_login(login, snapshot->options.username, snapshot->options.password);
	if (say(snapshot, login, sizeof(login), now))
		return attempt_failed(snapshot, now, "cannot send the login");
	snapshot->state = STATE_LOGIN;
	return SNAPSHOT_NOTHING;
}

static enum snapshot_says finish(struct snapshot *snapshot, int64_t *next)
{
	uint8_t logout[SOUP_HEADER];

	say(snapshot, logout, soup_plain(logout, SOUP_LOGOUT), 0);
	shutdown(snapshot->fd, SHUT_WR);
	snapshot->state = STATE_IDLE;
	*next = snapshot->next;
	return SNAPSHOT_DONE;
}

/* Reads on. 1: there is something to look at; 0: nothing; else an attempt that failed, in *says. */
static int receive(struct snapshot *snapshot, uint64_t now, enum snapshot_says *says)
{
	ssize_t got;

	memmove(snapshot->buffer, snapshot->buffer + snapshot->from, snapshot->fill - snapshot->from);
	snapshot->fill -= snapshot->from;
	snapshot->from = 0;
	got = recv(snapshot->fd, snapshot->buffer + snapshot->fill, BUFFER_BYTES - snapshot->fill, 0);
	if (got > 0) {
		snapshot->fill += (uint32_t)got;
		snapshot->bytes += (uint64_t)got;
		if ((double)snapshot->bytes <= snapshot->options.snapshot_bytes)
			return 1;
		*says = attempt_failed(snapshot, now, "longer than %.0f bytes",
				       snapshot->options.snapshot_bytes);
		return -1;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	*says = attempt_failed(snapshot, now, "the connection was torn after %.0f bytes (%s)",
			       (double)snapshot->bytes, got ? strerror(errno) : "closed by the server");
	return -1;
}

/* The login's answer. 0, or -1 with an attempt that failed in *says. */
static int read_answer(struct snapshot *snapshot, const struct soup_packet *packet, uint64_t now,
		       enum snapshot_says *says)
{
	if (packet->type == SOUP_DEBUG)
		return 0;
	if (packet->type == SOUP_ACCEPTED) {
		snapshot->state = STATE_MESSAGES;
		*says = SNAPSHOT_BEGINS;
		return 0;
	}
	if (packet->type == SOUP_REJECTED)
		*says = attempt_failed(snapshot, now, "the login was rejected ('%c')",
				       packet->len && packet->payload[0] > ' ' && packet->payload[0] < 127
					       ? packet->payload[0]
					       : '?');
	else
		*says = attempt_failed(snapshot, now, "no answer to a login (0x%02x)", packet->type);
	return -1;
}

/* A packet of the snapshot; messages are moved to *to. 0, or -1 with an attempt that failed in *says. */
static int read_message(struct snapshot *snapshot, const struct soup_packet *packet, uint8_t **to,
			uint64_t now, enum snapshot_says *says)
{
	uint32_t len = packet->len;

	if (packet->type == SOUP_HEARTBEAT || packet->type == SOUP_DEBUG)
		return 0;
	if (packet->type != SOUP_SEQUENCED) {
		*says = attempt_failed(snapshot, now,
				       packet->type == SOUP_END ? "it ended before it was complete (0x%02x)"
								: "a packet that is none (0x%02x)",
				       packet->type);
		return -1;
	}
	if (len == 1 + SOUP_NUMBER_BYTES && packet->payload[0] == END_TYPE) {
		int64_t next = soup_number(packet->payload + 1);

		if (next > 0 && next <= (int64_t)STREAM_SEQ_MAX) {
			snapshot->next = next;
			return 0;
		}
		*says = attempt_failed(snapshot, now, "its end does not say which message comes next");
		return -1;
	}
	/* The packet's header is three bytes long, so this never overtakes what is still to be read. */
	memmove(*to + 2, packet->payload, len);
	(*to)[snapshot->little_endian ? 1 : 0] = (uint8_t)(len >> 8);
	(*to)[snapshot->little_endian ? 0 : 1] = (uint8_t)len;
	*to += 2 + len;
	snapshot->messages++;
	return 0;
}

/* Looks at what has been received. */
static enum snapshot_says read_on(struct snapshot *snapshot, uint64_t now, struct run *run)
{
	enum snapshot_says says = SNAPSHOT_NOTHING;
	uint8_t *begin = snapshot->buffer + snapshot->from, *to = begin;
	int64_t first = snapshot->messages + 1;
	struct soup_packet packet;
	int32_t len = 0;

	while (!snapshot->next && says == SNAPSHOT_NOTHING) {
		len = soup_read(snapshot->buffer + snapshot->from, snapshot->fill - snapshot->from, &packet);
		if (len <= 0)
			break;
		snapshot->from += (uint32_t)len;
		if (snapshot->state == STATE_LOGIN ? read_answer(snapshot, &packet, now, &says)
						   : read_message(snapshot, &packet, &to, now, &says))
			return says;
	}
	if (len < 0)
		return attempt_failed(snapshot, now, "a packet without a type");
	if (to == begin)
		return says;
	*run = (struct run){.at = begin,
			    .end = to,
			    .left = (uint32_t)(snapshot->messages + 1 - first),
			    .seq = first,
			    .flags = HP_FLAG_SNAPSHOT};
	return SNAPSHOT_RUN;
}

static enum snapshot_says look_at_messages(struct snapshot *snapshot, uint64_t now, struct run *run,
					   int64_t *next)
{
	enum snapshot_says says;
	uint8_t beat[SOUP_HEADER];

	if (snapshot->next)
		return finish(snapshot, next);
	if (ms_since(snapshot->said, now) >= HEARTBEAT_MS)
		say(snapshot, beat, soup_plain(beat, SOUP_CLIENT_HEARTBEAT), now);
	/* What came with the login's answer is here already. */
	says = read_on(snapshot, now, run);
	if (says != SNAPSHOT_NOTHING || snapshot->next)
		return says == SNAPSHOT_NOTHING ? finish(snapshot, next) : says;
	if (snapshot->state < STATE_LOGIN || receive(snapshot, now, &says) <= 0)
		return says;
	says = read_on(snapshot, now, run);
	return says == SNAPSHOT_NOTHING && snapshot->next ? finish(snapshot, next) : says;
}

enum snapshot_says snapshot_poll(struct snapshot *snapshot, uint64_t now, struct run *run, int64_t *next)
{
	if (snapshot->state == STATE_IDLE)
		return SNAPSHOT_NOTHING;
	if (snapshot->state == STATE_PAUSE)
		return ms_since(snapshot->since, now) < PAUSE_MS ? SNAPSHOT_NOTHING : attempt(snapshot, now);
	if (ms_since(snapshot->since, now) >= snapshot->options.snapshot_ms)
		return attempt_failed(snapshot, now, "not complete within %u ms",
				      snapshot->options.snapshot_ms);
	if (snapshot->state == STATE_CONNECT)
		return look_at_connection(snapshot, now);
	return look_at_messages(snapshot, now, run, next);
}

int snapshot_fd(const struct snapshot *snapshot, short *events)
{
	*events = snapshot->state == STATE_CONNECT ? POLLOUT : POLLIN;
	return snapshot->state > STATE_PAUSE ? snapshot->fd : -1;
}
