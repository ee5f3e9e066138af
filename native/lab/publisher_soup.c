// SPDX-License-Identifier: MIT
/*
 * SoupBinTCP 3.00: packets of a length (u16, what follows it), a type and a payload. A client logs in (L) and
 * is accepted (A) with its snapshot behind, or rejected (J) and left; heartbeats go both ways (H from here, R
 * from there); O says good-bye. Numeric text is right-justified, names are left-justified, both space padded.
 *
 * A snapshot begins with its first packet, whatever number a login asks for: no two snapshots are the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/publisher_soup.h"

#define LOGIN_BYTES 46 /* user 6, password 10, session 10, number 20 */

void soup_accept(struct soup_client *client, int fd, uint64_t now)
{
	*client = (struct soup_client){.fd = fd, .heard = now, .spoken = now};
}

void soup_close(struct soup_client *client)
{
	if (client->fd < 0)
		return;
	close(client->fd);
	free(client->image.bytes);
	*client = (struct soup_client){.fd = -1};
}

static void reply(struct soup_client *client, char type, const void *payload, uint32_t length)
{
	uint8_t *at = client->reply + client->reply_size;

	put_be(at, 2, length + 1);
	at[2] = (uint8_t)type;
	memcpy(at + 3, payload, length);
	client->reply_size += 3 + length;
}

static void reject(struct soup_client *client, char reason)
{
	reply(client, 'J', &reason, 1);
	client->leaving = 1;
}

/* A padded field of a login is what was wanted; "" wants nothing in particular. */
static int matches(const uint8_t *field, size_t size, const char *wanted)
{
	size_t length = strnlen(wanted, size);

	if (memcmp(field, wanted, length))
		return 0;
	for (size_t i = length; length && i < size; i++)
		if (field[i] != ' ')
			return 0;
	return 1;
}

static enum soup_result log_in(const struct soup *soup, struct soup_client *client, const uint8_t *login)
{
	static const char any[10] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};

	if (!matches(login, 6, soup->options->user) || !matches(login + 6, 10, soup->options->password)) {
		soup->stats->rejected_user += 1;
		reject(client, 'A');
	} else if (memcmp(login + 16, any, 10) && memcmp(login + 16, soup->session, 10)) {
		soup->stats->rejected_session += 1;
		reject(client, 'S');
	} else {
		soup->stats->logins += 1;
		client->logged_in = 1;
		return SOUP_WANTS_SNAPSHOT;
	}
	return SOUP_STAYS;
}

void soup_give(const struct soup *soup, struct soup_client *client, const struct image *image)
{
	uint8_t accepted[30];

	if (!image->bytes) {
		soup->stats->failed += 1;
		reject(client, 'S');
		return;
	}
	memcpy(accepted, soup->session, 10);
	memset(accepted + 10, ' ', 19);
	accepted[29] = '1';
	reply(client, 'A', accepted, sizeof(accepted));
	client->image = *image;
	soup->stats->orders = (double)image->orders;
	soup->stats->next_seq = (double)image->next_seq;
}

static enum soup_result bad(const struct soup *soup)
{
	soup->stats->bad_packets += 1;
	return SOUP_GONE;
}

/* One whole packet of the client's. */
static enum soup_result obey(const struct soup *soup, struct soup_client *client, const uint8_t *packet,
			     uint32_t length)
{
	switch (packet[0]) {
	case 'L':
		if (client->logged_in || client->leaving || length != 1 + LOGIN_BYTES)
			return bad(soup);
		return log_in(soup, client, packet + 1);
	case 'O':
		soup->stats->logouts += 1;
		return SOUP_GONE;
	case 'R':
	case '+':
	case 'U': /* nothing here listens to unsequenced data */
		return SOUP_STAYS;
	default:
		return bad(soup);
	}
}

/* The whole packets among what is held. */
static enum soup_result obey_all(const struct soup *soup, struct soup_client *client)
{
	enum soup_result result = SOUP_STAYS;
	uint32_t at = 0;

	while (result != SOUP_GONE && client->held - at >= 2) {
		uint32_t length = (uint32_t)get_be(client->in + at, 2);
		enum soup_result next;

		if (length < 1 || length > SOUP_IN - 2)
			return bad(soup);
		if (client->held - at - 2 < length)
			break;
		next = obey(soup, client, client->in + at + 2, length);
		if (next != SOUP_STAYS)
			result = next;
		at += 2 + length;
	}
	client->held -= at;
	memmove(client->in, client->in + at, client->held);
	return result;
}

/* Gone without a word, unless it has all it came for. */
static enum soup_result vanish(const struct soup *soup, const struct soup_client *client)
{
	if (!client->logged_in || client->image.bytes)
		soup->stats->vanished += 1;
	return SOUP_GONE;
}

enum soup_result soup_hear(const struct soup *soup, struct soup_client *client, int readable, uint64_t now)
{
	enum soup_result result;
	ssize_t got;

	if (now - client->heard > (client->logged_in ? soup->silence : soup->login)) {
		soup->stats->timeouts += 1;
		return SOUP_GONE;
	}
	if (!readable)
		return SOUP_STAYS;
	got = recv(client->fd, client->in + client->held, SOUP_IN - client->held, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return SOUP_STAYS;
	if (got <= 0)
		return client->leaving ? SOUP_GONE : vanish(soup, client);
	client->held += (uint32_t)got;
	result = obey_all(soup, client);
	if (client->logged_in) /* before, only a login is worth waiting for */
		client->heard = now;
	return result;
}

int soup_is_pending(const struct soup_client *client)
{
	return client->fd >= 0 && client->sent < client->reply_size + client->image.size;
}

/* What is sent next: of the reply, then of the image. */
static ssize_t send_some(struct soup_client *client)
{
	if (client->sent < client->reply_size)
		return send(client->fd, client->reply + client->sent, client->reply_size - client->sent,
			    MSG_NOSIGNAL | (client->image.bytes ? MSG_MORE : 0));
	return send(client->fd, client->image.bytes + (client->sent - client->reply_size),
		    client->image.size - (client->sent - client->reply_size), MSG_NOSIGNAL);
}

/* All is sent: what was the snapshot is free. */
static void finish(const struct soup *soup, struct soup_client *client)
{
	if (client->image.bytes)
		soup->stats->snapshots += 1;
	free(client->image.bytes);
	client->image = (struct image){0};
	client->reply_size = 0;
	client->sent = 0;
}

enum soup_result soup_speak(const struct soup *soup, struct soup_client *client, uint64_t now)
{
	if (!soup_is_pending(client) && client->logged_in && now - client->spoken >= soup->heartbeat)
		reply(client, 'H', "", 0);
	while (soup_is_pending(client)) {
		ssize_t sent = send_some(client);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return SOUP_STAYS;
		if (sent < 0)
			return vanish(soup, client);
		client->sent += (size_t)sent;
		client->spoken = now;
		if (!soup_is_pending(client)) {
			finish(soup, client);
			return client->leaving ? SOUP_GONE : SOUP_STAYS;
		}
	}
	return SOUP_STAYS;
}
