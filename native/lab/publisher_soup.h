/* SPDX-License-Identifier: MIT */
/* One client of the snapshot server: SoupBinTCP 3.00 from the server's side. */
#ifndef HP_PUBLISHER_SOUP_H
#define HP_PUBLISHER_SOUP_H

#include "hotpath.h"
#include "lab/publisher_orders.h"

#define SOUP_IN 256 /* bytes of a client's packet at most; a login has 49 */

/* What became of a look at a client. */
enum soup_result {
	SOUP_STAYS,
	SOUP_WANTS_SNAPSHOT, /* it has logged in: soup_give() */
	SOUP_GONE,	     /* to be closed; the reason is counted */
};

struct soup_client {
	int fd; /* -1: nobody */
	int logged_in, leaving;
	uint32_t held; /* bytes of `in` that are no whole packet yet */
	uint8_t in[SOUP_IN];
	uint8_t reply[64]; /* login accepted or rejected, heartbeats: what goes before the image */
	uint32_t reply_size;
	struct image image;
	size_t sent;		/* of reply, then image */
	uint64_t heard, spoken; /* ticks */
};

/* The server's part that clients need. */
struct soup {
	const struct hp_publisher_snapshots *options;
	struct hp_publisher_snapshot_stats *stats;
	const char *session;		    /* 10 characters, padded */
	uint64_t login, silence, heartbeat; /* ticks */
};

void soup_accept(struct soup_client *client, int fd, uint64_t now);
/* Reads what came and looks at the clock. */
enum soup_result soup_hear(const struct soup *soup, struct soup_client *client, int readable, uint64_t now);
/* Hands over the snapshot it asked for; without bytes there is none to be had. */
void soup_give(const struct soup *soup, struct soup_client *client, const struct image *image);
/* Sends as much as the socket takes. */
enum soup_result soup_speak(const struct soup *soup, struct soup_client *client, uint64_t now);
/* There is something for it that its socket had no room for. */
int soup_is_pending(const struct soup_client *client);
void soup_close(struct soup_client *client);

#endif
