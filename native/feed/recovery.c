/* SPDX-License-Identifier: MIT */
/*
 * The client of a re-request server. A hole is asked for in pieces of what a datagram holds, one request at a
 * time: the next follows as soon as the answer is in, or the same again when none came in time. The socket is
 * connected, so that only the server's answers come in, and it is looked at only while something is missing.
 *
 * The server may be silent, slow or absent, lose or refuse, or send nonsense: whatever it does, a hole is
 * given up after `attempts` unanswered requests in a row, or `bound_ms` after it was asked for first. What
 * this trades away: with one request under way a long hole is filled at one datagram a round trip.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feed/recovery.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "rx/netns.h"

#define REPLY_BYTES   65536u
#define REQUEST_BYTES 64u
#define REQUEST_MOST  64  /* messages asked for at once */
#define BURST	      32u /* packets taken in before the caller gets a turn */
#define MS	      1000000u

static uint32_t or_else(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static void fill_in(struct hp_recovery_options *options)
{
	int snapshots = options->snapshot_address[0] != 0;

	options->timeout_ms = or_else(options->timeout_ms, 10);
	options->attempts = or_else(options->attempts, 5);
	options->bound_ms = or_else(options->bound_ms, 1000);
	options->bound_messages = or_else(options->bound_messages, 65536);
	options->snapshot_ms = or_else(options->snapshot_ms, 10000);
	options->snapshot_attempts = or_else(options->snapshot_attempts, 3);
	options->hold_messages = or_else(options->hold_messages, snapshots ? 1u << 20 : 1u << 16);
	options->hold_bytes = or_else(options->hold_bytes, snapshots ? 64u << 20 : 4u << 20);
	if (!(options->snapshot_bytes > 0))
		options->snapshot_bytes = 1 << 30;
}

static int open_requests(struct recovery *recovery)
{
	const struct hp_recovery_options *options = &recovery->options;
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->request_port)};
	char address[sizeof(options->request_address) + 1] = {0};

	memcpy(address, options->request_address, sizeof(options->request_address));
	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1)
		return fail(EINVAL, "Cannot ask \"%s\" for missing messages: not a dotted IPv4 address",
			    address);
	if (!options->request_port || options->request_port > 65535)
		return fail(EINVAL, "Cannot ask %s for missing messages: port %u is not 1..65535", address,
			    options->request_port);
	recovery->reply = malloc(REPLY_BYTES);
	recovery->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!recovery->reply || recovery->fd < 0)
		return fail(errno, "Cannot make a socket to ask %s:%u for missing messages: %s", address,
			    options->request_port, strerror(errno));
	if (connect(recovery->fd, (struct sockaddr *)&peer, sizeof(peer)))
		return fail(
			errno,
			"Cannot ask %s:%u for missing messages: %s; `ip route get %s` shows the way there",
			address, options->request_port, strerror(errno), address);
	return 0;
}

static int open_inside(struct recovery *recovery)
{
	int error = 0;

	if (recovery->options.request_address[0])
		error = open_requests(recovery);
	if (!error && recovery->options.snapshot_address[0])
		error = snapshot_open(&recovery->snapshot, &recovery->options,
				      recovery->framing->little_endian, recovery->stats);
	return error;
}

int recovery_open(struct recovery **out, const struct hp_recovery_options *options,
		  const struct framing *framing, struct hp_stream_stats *stats)
{
	struct recovery *recovery = calloc(1, sizeof(*recovery));
	char netns[sizeof(options->netns) + 1] = {0};
	int before, error;

	clock_init();
	if (!recovery)
		return fail(ENOMEM, "Cannot open the recovery of a feed: out of memory");
	recovery->fd = -1;
	recovery->framing = framing;
	recovery->stats = stats;
	recovery->options = *options;
	fill_in(&recovery->options);
	recovery->timeout_ticks = clock_to_ticks((uint64_t)recovery->options.timeout_ms * MS);
	recovery->bound_ticks = clock_to_ticks((uint64_t)recovery->options.bound_ms * MS);
	memcpy(netns, options->netns, sizeof(options->netns));
	before = error = netns_enter(netns);
	if (before >= -1) {
		error = open_inside(recovery);
		netns_leave(before);
	}
	if (error) {
		recovery_close(recovery);
		return error;
	}
	*out = recovery;
	return 0;
}

void recovery_close(struct recovery *recovery)
{
	if (!recovery)
		return;
	if (recovery->fd >= 0)
		close(recovery->fd);
	snapshot_close(recovery->snapshot);
	free(recovery->reply);
	free(recovery);
}

int recovery_can_ask(const struct recovery *recovery, int64_t count)
{
	return recovery && recovery->fd >= 0 && count <= recovery->options.bound_messages;
}

static void send_request(struct recovery *recovery, uint64_t now)
{
	uint8_t request[REQUEST_BYTES];
	int64_t left = recovery->end - recovery->first;
	uint32_t count = left < REQUEST_MOST ? (uint32_t)left : REQUEST_MOST, len;

	len = recovery->framing->request(request, &recovery->like, recovery->first, count);
	recovery->asked_end = recovery->first + count;
	recovery->due = now + recovery->timeout_ticks;
	recovery->unanswered++;
	recovery->stats->requests += 1;
	/* One that cannot be sent is one that is not answered. */
	if (send(recovery->fd, request, len, 0) < 0)
		recovery->refused = errno == ECONNREFUSED;
}

void recovery_ask(struct recovery *recovery, const struct packet_header *like, int64_t first, int64_t end,
		  uint64_t now)
{
	recovery->like = *like;
	recovery->first = first;
	recovery->end = end;
	recovery->since = now;
	recovery->unanswered = 0;
	recovery->refused = 0;
	send_request(recovery, now);
}

static enum recovery_says give_up(struct recovery *recovery, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum recovery_says give_up(struct recovery *recovery, const char *format, ...)
{
	struct hp_stream_stats *stats = recovery->stats;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(stats->trouble, sizeof(stats->trouble), format, arguments);
	va_end(arguments);
	stats->gave_up += 1;
	return RECOVERY_GAVE_UP;
}

/* No packet is there. Is it time to ask again, or to give up? */
static enum recovery_says look_at_clock(struct recovery *recovery, uint64_t now)
{
	const struct hp_recovery_options *options = &recovery->options;

	recovery->burst = 0;
	if (now - recovery->since >= recovery->bound_ticks && (int64_t)(now - recovery->since) > 0)
		return give_up(recovery, "%.15s:%u did not fill %.0f..%.0f within %u ms",
			       options->request_address, options->request_port, (double)recovery->first,
			       (double)recovery->end - 1, options->bound_ms);
	if (!recovery->unanswered && recovery->first < recovery->end) {
		send_request(recovery, now);
		return RECOVERY_NOTHING;
	}
	if ((int64_t)(now - recovery->due) < 0)
		return RECOVERY_NOTHING;
	recovery->stats->timeouts += 1;
	if (recovery->unanswered >= options->attempts)
		return give_up(recovery, "%.15s:%u %s %u requests for %.0f..%.0f", options->request_address,
			       options->request_port, recovery->refused ? "refused" : "did not answer",
			       recovery->unanswered, (double)recovery->first, (double)recovery->end - 1);
	send_request(recovery, now);
	return RECOVERY_NOTHING;
}

enum recovery_says recovery_poll(struct recovery *recovery, int64_t first, uint64_t now,
				 struct feed_packet *out)
{
	ssize_t len;

	if (first > recovery->first) {
		recovery->first = first;
		recovery->unanswered = 0;
		recovery->refused = 0;
	}
	if (recovery->burst++ >= BURST)
		return look_at_clock(recovery, now);
	len = recv(recovery->fd, recovery->reply, REPLY_BYTES, 0);
	if (len >= 0) {
		*out = (struct feed_packet){.data = recovery->reply,
					    .len = (uint32_t)len,
					    .line = FEED_LINE_RECOVERY,
					    .now = now};
		return RECOVERY_PACKET;
	}
	if (errno == ECONNREFUSED)
		recovery->refused = 1;
	return look_at_clock(recovery, now);
}
