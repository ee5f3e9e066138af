// SPDX-License-Identifier: MIT
/*
 * An order's way from the strategy to the peer's TCP: encoded into the buffer (NEW), handed to the kernel
 * (SENT), acknowledged (ACKED), or cut off (FAILED: nobody knows whether the exchange read it).
 *
 * The buffer is linear: bytes between head and tail wait, and both go back to 0 when nothing does, which is
 * always but when the peer does not read. Acknowledgement is learned by asking how many bytes are still
 * unacknowledged (SIOCOUTQ), and what a look costs is bounded: one system call a call of order_service(), and
 * not before CHECK_NS have passed since the last.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/lll.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "session.h"

#define CHECK_NS      50000   /* between looks for acknowledgements, and between tries to send on */
#define ALIVE_NS      1000000 /* between looks whether the peer closed */
#define CONNECT_MS    1000
#define NS_PER_MS     1000000ull
#define LINK_EVENT    (-1)
#define PRICE_ENCODED 9007199254740992.0

static struct tracked *tracked(struct order_session *session, uint32_t index)
{
	return &session->tracked[index & (ORDER_TRACKED - 1)];
}

static void link_up(struct order_session *session)
{
	session->link = LINK_UP;
	session->stats->connected = 1;
	session->stats->connects += 1;
}

int order_open(struct order_session **out, const struct hp_order_options *options,
	       struct hp_order_stats *stats)
{
	struct order_session *session = malloc(sizeof(*session));
	int error;

	if (!session)
		return fail(ENOMEM, "Cannot open an order session: no memory");
	memset(session, 0,
	       sizeof(*session)); /* not calloc(): the pages are to be there before the first order */
	clock_init();
	session->options = *options;
	session->stats = stats;
	session->fd = -1;
	session->check_ticks = clock_to_ticks(CHECK_NS);
	session->alive_ticks = clock_to_ticks(ALIVE_NS);
	session->reconnect_ticks = clock_to_ticks(options->reconnect_ms * NS_PER_MS);
	if (!session->options.connect_ms)
		session->options.connect_ms = CONNECT_MS;
	session->connect_ticks = clock_to_ticks(session->options.connect_ms * NS_PER_MS);
	error = send_open(session);
	if (error)
		goto out;
	error = tcp_open(session);
	if (error)
		goto out;
	link_up(session);
	*out = session;
	return 0;
out:
	order_close(session);
	return error;
}

void order_close(struct order_session *session)
{
	session->stats->connected = 0;
	send_close(session);
	if (session->fd >= 0) {
		tcp_drain(session); /* unread bytes would turn the close into a reset */
		close(session->fd);
	}
	free(session);
}

int order_fd(const struct order_session *session)
{
	return session->link == LINK_UP ? session->fd : -1;
}

/* ---- in ---- */

/* Room in the stream for one record; moves what waits to the front when that makes it. */
static int make_room(struct order_session *session, double id)
{
	if (session->link != LINK_UP) {
		session->stats->refused_link += 1;
		session->stats->refused += 1;
		return fail(ENOTCONN, "Cannot send order %.0f: no link to %s", id, session->name);
	}
	if (session->tail + LLL_ORDER_BYTES > ORDER_BUFFER && session->head) {
		memmove(session->buffer, session->buffer + session->head, session->tail - session->head);
		session->tail -= session->head;
		session->head = 0;
	}
	if (session->tail + LLL_ORDER_BYTES <= ORDER_BUFFER && session->last - session->first < ORDER_TRACKED)
		return 0;
	session->stats->refused_full += 1;
	session->stats->refused += 1;
	return fail(ENOBUFS, "Cannot send order %.0f: %u orders and %u bytes wait for %s to take them", id,
		    session->last - session->first, session->tail - session->head, session->name);
}

static void append(struct order_session *session, const struct order *order, int64_t price, int32_t qty)
{
	struct lll_order record = {
		.submit_ns = order->submit_ns,
		.trigger_seq = order->trigger_seq,
		.trigger_recv_ns = order->trigger_recv_ns,
		.id = (uint64_t)order->id,
		.price = price,
		.qty = qty,
		.flags = order->buy ? HP_FLAG_BID : 0,
	};

	lll_order_encode(session->buffer + session->tail, &record);
	session->tail += LLL_ORDER_BYTES;
	*tracked(session, session->last++) = (struct tracked){
		.id = order->id,
		.end = session->sent + (session->tail - session->head),
		.cancel = qty == 0,
	};
	session->stats->queued_bytes = session->tail - session->head;
}

int order_prepare(struct order_session *session, const struct order *order)
{
	int error = risk_check(&session->options, order, session->stats);

	if (!error)
		error = make_room(session, order->id);
	if (!error)
		append(session, order, (int64_t)order->price, (int32_t)order->qty);
	return error;
}

int order_prepare_cancel(struct order_session *session, const struct order *order)
{
	int error = make_room(session, order->id);

	if (!error)
		append(session, order, fabs(order->price) <= PRICE_ENCODED ? (int64_t)order->price : 0, 0);
	return error;
}

/* ---- out ---- */

static void learn_acked(struct order_session *session)
{
	int unacked = tcp_unacked(session);

	if (unacked >= 0 && (uint64_t)unacked <= session->sent)
		session->acked = session->sent - (uint64_t)unacked;
}

/* What the kernel knows is acknowledged did not fail; the rest did. order_service() tells. */
static int lose(struct order_session *session, int error)
{
	learn_acked(session);
	tcp_hang_up(session);
	session->link = LINK_DOWN;
	session->connect_at = clock_ticks() + session->reconnect_ticks;
	session->lost = 1;
	session->blocked = 0;
	session->head = session->tail = 0;
	session->stats->queued_bytes = 0;
	session->stats->connected = 0;
	session->stats->disconnects += 1;
	return fail(error, "Lost the link to %s: %s", session->name, strerror(error));
}

static void count_handed(struct order_session *session)
{
	while (session->handed != session->last && tracked(session, session->handed)->end <= session->sent) {
		if (tracked(session, session->handed++)->cancel)
			session->stats->cancelled += 1;
		else
			session->stats->sent += 1;
	}
}

int order_flush(struct order_session *session)
{
	uint32_t waiting = session->tail - session->head;
	ssize_t took;

	if (session->link != LINK_UP)
		return fail(ENOTCONN, "Cannot send: no link to %s", session->name);
	if (!waiting)
		return 0;
	took = send_bytes(session, session->buffer + session->head, waiting);
	if (took < 0)
		return lose(session, (int)-took);
	session->sent += (uint64_t)took;
	session->head += (uint32_t)took;
	waiting -= (uint32_t)took;
	count_handed(session);
	session->stats->queued_bytes = waiting;
	if (!waiting) {
		session->head = session->tail = session->blocked = 0;
		return 0;
	}
	if (took || !session->blocked)
		session->stats->partial += 1;
	session->blocked = took == 0;
	for (uint32_t i = session->handed; i != session->last; i++)
		tracked(session, i)->queued = 1;
	return (int)waiting;
}

/* ---- housekeeping ---- */

static int order_changed(struct order_event *out, double id, enum hp_order_state state)
{
	*out = (struct order_event){.id = id, .state = (int32_t)state};
	return 1;
}

/* One FAILED a call for everything that was not acknowledged; then the loss itself, and a clean slate. */
static int tell_loss(struct order_session *session, struct order_event *out)
{
	while (session->first != session->last) {
		const struct tracked *order = tracked(session, session->first++);

		if (order->cancel && order->end <= session->sent)
			continue; /* told CANCELLED when it went */
		session->stats->failed += 1;
		return order_changed(out, order->id, HP_ORDER_FAILED);
	}
	session->lost = 0;
	session->told = session->handed = session->last;
	session->sent = session->acked = 0;
	*out = (struct order_event){.state = LINK_EVENT, .linked = 0};
	return 1;
}

/* The next thing the strategy should hear of, if anything. */
static int tell(struct order_session *session, struct order_event *out)
{
	const struct tracked *order;

	if (session->back) {
		session->back = 0;
		*out = (struct order_event){.state = LINK_EVENT, .linked = 1};
		return 1;
	}
	while ((int32_t)(session->handed - session->told) > 0) {
		order = tracked(session, session->told++);
		if (order->queued)
			return order_changed(out, order->id,
					     order->cancel ? HP_ORDER_CANCELLED : HP_ORDER_SENT);
	}
	while ((int32_t)(session->handed - session->first) > 0 &&
	       tracked(session, session->first)->end <= session->acked) {
		order = tracked(session, session->first++);
		if (order->cancel)
			continue;
		session->stats->acked += 1;
		return order_changed(out, order->id, HP_ORDER_ACKED);
	}
	return session->lost ? tell_loss(session, out) : 0;
}

static void reconnect(struct order_session *session, uint64_t now)
{
	int state;

	if (session->link == LINK_DOWN) {
		if (!session->options.reconnect_ms || now < session->connect_at)
			return;
		session->connect_at = now + session->reconnect_ticks;
		session->give_up_at = now + session->connect_ticks;
		if (!tcp_reconnect(session))
			session->link = LINK_CONNECTING;
		return;
	}
	state = tcp_connected(session, 0);
	if (state == 1) {
		link_up(session);
		session->back = 1;
	} else if (state < 0 || now > session->give_up_at) {
		session->link = LINK_DOWN;
		session->connect_at = now + session->reconnect_ticks;
	}
}

/* At most one system call (two when the link goes). */
static void look(struct order_session *session, uint64_t now)
{
	int error;

	session->check_at = now + session->check_ticks;
	if (session->link != LINK_UP) {
		reconnect(session, now);
		return;
	}
	session->drained = now >= session->alive_at && !session->drained;
	if (session->drained) {
		session->alive_at = now + session->alive_ticks;
		error = tcp_drain(session);
		if (error)
			lose(session, -error);
	} else if (session->head != session->tail && session->looks++ & 1) {
		order_flush(session);
	} else if (session->first != session->last) {
		learn_acked(session);
	}
}

int order_service(struct order_session *session, struct order_event *out, uint64_t now)
{
	if (tell(session, out))
		return 1;
	if (now < session->check_at)
		return 0;
	look(session, now);
	return tell(session, out);
}
