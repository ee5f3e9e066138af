// SPDX-License-Identifier: MIT
/* Publisher and stream against each other, over real sockets: whatever the lines lose, what is handed on ends
 * in the session's own orders. */
#include "feed/itch50.h"
#include "feed/recovery.h"
#include "measure/clock.h"
#include "publisher_lab.h"

static struct publisher_lab lab;
static struct view handed, whole;

/* The receiving end. */
struct receiver {
	struct feed *feed;
	struct symbols symbols;
	struct hp_report report;
	struct hp_stream_stats stats;
	struct hp_recovery_options recovery;
	int64_t next; /* number of the message that must come next; 0 = none did yet */
	uint32_t gaps, repairs, snapshots;
};

static struct receiver receiver;

static void receiver_begin(void)
{
	memset(&receiver, 0, sizeof(receiver));
	memset(&handed, 0, sizeof(handed));
	memset(&whole, 0, sizeof(whole));
	receiver.recovery.bound_ms = 5000;
	symbols_init(&receiver.symbols, HP_SYMBOLS);
}

static void receiver_open(void)
{
	struct hp_recovery_options *options = &receiver.recovery;
	struct recovery *recovery;
	struct decoder *decoder;

	CHECK_EQ(itch50_open(&decoder, &receiver.report, &receiver.symbols), 0);
	CHECK_EQ(recovery_open(&recovery, options, &framing_moldudp64, &receiver.stats), 0);
	CHECK_EQ(stream_open(&receiver.feed, &framing_moldudp64, decoder, recovery, &receiver.stats, 0), 0);
}

static void ask_for_holes(void)
{
	strcpy(receiver.recovery.request_address, home);
	receiver.recovery.request_port = lab.options.requests.port;
}

static void take_snapshots(void)
{
	strcpy(receiver.recovery.snapshot_address, home);
	receiver.recovery.snapshot_port = lab.options.snapshots.port;
}

static void take(const struct hp_message *message)
{
	if (message->kind == HP_MESSAGE_CLEAR) {
		memset(handed.orders, 0, sizeof(handed.orders));
		handed.live = 0;
		receiver.snapshots++;
		receiver.next = 0;
		return;
	}
	if (!(message->flags & HP_FLAG_SNAPSHOT)) {
		CHECK(!receiver.next || message->seq == receiver.next);
		receiver.next = message->seq + 1;
	}
	view_apply(&handed, message->bytes, (uint64_t)message->seq);
}

/* Everything that can be handed on now. */
static void drain(void)
{
	const struct hp_message *message;
	enum feed_kind kind;

	while ((kind = receiver.feed->ops->next(receiver.feed, &message, clock_ticks())) != FEED_NONE) {
		if (kind == FEED_MESSAGE)
			take(message);
		receiver.gaps += kind == FEED_GAP;
		receiver.repairs += kind == FEED_REPAIR;
	}
}

static void pump(int ms)
{
	struct pollfd ready[2] = {{.fd = lab.line[0], .events = POLLIN},
				  {.fd = lab.line[1], .events = POLLIN}};
	uint8_t bytes[2048];

	poll(ready, 2, ms);
	for (uint32_t i = 0; i < 2; i++) {
		ssize_t length = recv(lab.line[i], bytes, sizeof(bytes), MSG_DONTWAIT);
		struct feed_packet packet = {bytes, (uint32_t)length, 0, i, clock_ticks()};

		if (length < 0)
			continue;
		receiver.feed->ops->push(receiver.feed, &packet);
		drain();
	}
	drain();
}

/* The session's last message was handed on, or was in the last snapshot. */
static int has_all(void)
{
	if (receiver.snapshots && !receiver.next)
		return !receiver.stats.stale && lab.stats.snapshots.next_seq == lab.stats.messages + 1;
	return receiver.next == (int64_t)lab.stats.messages + 1;
}

static void pump_all(void)
{
	double end = seconds() + 2 * WAIT_MS / 1e3;

	while (!has_all()) {
		if (seconds() > end)
			fprintf(stderr, "at %lld of %g: %s\n", (long long)receiver.next, lab.stats.messages,
				receiver.stats.trouble);
		CHECK(seconds() < end);
		pump(1);
	}
}

static void ends_in_the_session(void)
{
	view_replay(&whole, lab.publisher, 1, (uint64_t)lab.stats.messages);
	view_same(&whole, &handed);
	CHECK_EQ(handed.dangling + handed.twice + handed.excess, 0);
	CHECK_EQ(receiver.stats.stale, 0);
	for (int i = 0; i < HP_FAULTS; i++)
		CHECK_EQ(receiver.report.faults[i], 0);
}

static void end(void)
{
	receiver.feed->ops->close(receiver.feed);
	lab_end(&lab);
}

static void begin(double records)
{
	lab_begin(&lab, records);
	lab.options.rate = 5000;
	lab.options.pack = 5;
	lab.options.end_ms = 2000;
	lab.options.hold = 1;
	lab.options.faults[0] = (struct hp_publisher_faults){
		.loss = 0.1, .duplicate = 0.05, .reorder = 0.05, .distance = 3, .seed = 1};
	lab.options.faults[1] = (struct hp_publisher_faults){
		.loss = 0.1, .duplicate = 0.05, .reorder = 0.05, .skew_us = 300, .seed = 2};
	receiver_begin();
}

static void holes_are_asked_for(void)
{
	begin(5000);
	lab.options.requests.loss = 0.1;
	lab.options.requests.delay_us = 200;
	ask_for_holes();
	lab_open(&lab);
	receiver_open();
	hp_publisher_go(lab.publisher, 0);
	pump_all();
	ends_in_the_session();
	CHECK_EQ(receiver.stats.delivered, lab.stats.messages);
	CHECK_EQ(receiver.stats.lost, 0);
	CHECK(receiver.stats.recovered > 0 && receiver.repairs > 0);
	CHECK(lab.stats.requests.served > 0 && lab.stats.requests.lost > 0);
	CHECK_EQ(lab.stats.requests.malformed + lab.stats.requests.wrong_session, 0);
	end();
}

/* Who comes late has no use for asking for all of it. */
static void a_late_receiver_takes_a_snapshot(void)
{
	begin(5000);
	lab.options.faults[0].loss = lab.options.faults[1].loss = 0;
	take_snapshots();
	lab_open(&lab);
	hp_publisher_go(lab.publisher, 3000);
	wait_count(&lab.stats.published, 3000);
	for (int i = 0; i < 2; i++) /* what it was too late for */
		while (receive(lab.line[i], (uint8_t[2048]){0}, 2048, 5) > 20)
			;
	receiver_open();
	hp_publisher_go(lab.publisher, 0);
	pump_all();
	ends_in_the_session();
	CHECK(receiver.snapshots > 0);
	CHECK_EQ(receiver.stats.snapshots, lab.stats.snapshots.snapshots);
	CHECK_EQ(lab.stats.snapshots.bad_packets, 0);
	end();
}

/* A server that falls silent: what it does not fill, a snapshot does. */
static void a_silent_server_and_a_snapshot(void)
{
	begin(5000);
	lab.options.requests.refuse = 1;
	receiver.recovery.timeout_ms = 5;
	receiver.recovery.attempts = 2;
	ask_for_holes();
	take_snapshots();
	lab_open(&lab);
	receiver_open();
	hp_publisher_go(lab.publisher, 0);
	pump_all();
	ends_in_the_session();
	CHECK(receiver.snapshots > 0 && receiver.gaps > 0);
	CHECK(lab.stats.requests.refused > 0);
	CHECK_EQ(lab.stats.requests.served, 0);
	end();
}

int main(void)
{
	choose_home();
	RUN(holes_are_asked_for);
	RUN(a_late_receiver_takes_a_snapshot);
	RUN(a_silent_server_and_a_snapshot);
	return 0;
}
