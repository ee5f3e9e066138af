/* SPDX-License-Identifier: MIT */
/*
 * Orders: from the TCP stream's bytes to a counted, timed, checked order. Nothing goes back to the client, as
 * the protocol has it; what was wrong is in the counters, in the log and, for the first one, in a sentence.
 *
 * The time an order is measured against is taken when the read that brought it returned, before anything is
 * looked at. There is no matching: an order that is acceptable is live until its cancel.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/exchange.h"
#include "measure/clock.h"
#include "measure/histogram.h"

#define PRICE_MAX (INT64_C(1) << 53)

/* Keeps the sentence about the first unacceptable order; the others are only counted. */
static void note(struct hp_exchange *exchange, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct hp_exchange *exchange, const char *format, ...)
{
	char *out = exchange->stats->first_refused;
	va_list arguments;

	if (*out)
		return;
	va_start(arguments, format);
	vsnprintf(out, sizeof(exchange->stats->first_refused), format, arguments);
	va_end(arguments);
}

/* Tick at which the record `seq` went out; 0: it has not, or was dropped. Too long ago: *forgotten. */
static uint64_t sent_tick(const struct hp_exchange *exchange, int64_t seq, int *forgotten)
{
	int64_t next = exchange->session.next_seq;

	*forgotten = 0;
	if (seq < 0 || seq >= next)
		return 0;
	*forgotten = next - seq > EXCHANGE_SENT;
	return *forgotten ? 0 : exchange->sent[seq % EXCHANGE_SENT];
}

static enum order_result refuse_id(struct hp_exchange *exchange, const struct lll_order *order,
				   const char *why)
{
	exchange->stats->refused_id++;
	note(exchange, "order id %" PRIu64 ": %s", order->id, why);
	return ORDER_REFUSED_ID;
}

static enum order_result cancel(struct hp_exchange *exchange, const struct lll_order *order)
{
	struct order_id *known = order_ids_find(exchange->ids, order->id);

	if (!known || !known->live)
		return refuse_id(exchange, order, "cancels no order that is live");
	known->live = 0;
	return ORDER_CANCELLED;
}

/* Checks one order; *latency_ns is -1 unless its trigger's time is known. */
static enum order_result check(struct hp_exchange *exchange, const struct lll_order *order, uint64_t now,
			       int64_t *latency_ns)
{
	struct hp_exchange_stats *stats = exchange->stats;
	uint64_t sent;
	int forgotten;

	*latency_ns = -1;
	if (!order->id)
		return refuse_id(exchange, order, "ids begin at 1");
	if (order->qty < 0) {
		stats->refused_qty++;
		note(exchange, "order id %" PRIu64 ": quantity %" PRId32 " is negative", order->id,
		     order->qty);
		return ORDER_REFUSED_QTY;
	}
	if (order->qty == 0)
		return cancel(exchange, order);
	if (order->price <= 0 || order->price > PRICE_MAX) {
		stats->refused_price++;
		note(exchange, "order id %" PRIu64 ": price %" PRId64 " is not in 1..2^53", order->id,
		     order->price);
		return ORDER_REFUSED_PRICE;
	}
	sent = sent_tick(exchange, order->trigger_seq, &forgotten);
	if (!sent && !forgotten) {
		stats->refused_trigger++;
		note(exchange, "order id %" PRIu64 ": its trigger, record %" PRId64 ", was never sent",
		     order->id, order->trigger_seq);
		return ORDER_REFUSED_TRIGGER;
	}
	if (order_ids_find(exchange->ids, order->id))
		return refuse_id(exchange, order, "was used before in this session");
	order_ids_add(exchange->ids, order->id);
	if (sent)
		*latency_ns = (int64_t)clock_ns(now - sent);
	return ORDER_ACCEPTED;
}

static void take_order(struct hp_exchange *exchange, const struct lll_order *order, uint64_t now)
{
	struct hp_exchange_stats *stats = exchange->stats;
	struct order_log_row row = {
		.session = (uint64_t)stats->sessions,
		.order = *order,
		.received_ns = clock_realtime_ns(now),
	};

	row.result = check(exchange, order, now, &row.latency_ns);
	if (row.result == ORDER_ACCEPTED)
		stats->orders++;
	else if (row.result == ORDER_CANCELLED)
		stats->cancels++;
	else
		stats->refused++;
	if (row.latency_ns >= 0)
		histogram_record(&stats->tick_to_order, (uint64_t)row.latency_ns);
	order_log_add(&exchange->log, &row);
}

/*
 * Acknowledging is off the way of the order: left to itself, TCP sends the acknowledgement within the
 * client's send or our read, 1 to 2 us before we see the order. The kernel falls back to that mode now and
 * then, so it is told again after every read.
 */
static void acknowledge_later(int fd)
{
	int off = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

int orders_read(struct hp_exchange *exchange)
{
	struct session *session = &exchange->session;
	uint8_t *at = session->orders;
	struct lll_order order;
	uint64_t now;
	ssize_t got;

	got = recv(session->fd, at + session->held, sizeof(session->orders) - session->held, MSG_DONTWAIT);
	now = clock_ticks();
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (got == 0)
		return -EPIPE;
	session->held += (uint32_t)got;
	for (; session->held >= LLL_ORDER_BYTES; at += LLL_ORDER_BYTES, session->held -= LLL_ORDER_BYTES) {
		if (lll_order_decode(at, &order)) {
			exchange->stats->bad_orders++;
			exchange->stats->refused_type++;
			note(exchange, "type %u is no order's: the stream is out of step, session closed",
			     *at);
			return -EBADMSG;
		}
		take_order(exchange, &order, now);
	}
	memmove(session->orders, at, session->held);
	acknowledge_later(session->fd);
	return 0;
}
