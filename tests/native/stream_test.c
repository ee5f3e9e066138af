/* SPDX-License-Identifier: MIT */
/* A stream without recovery: order, two lines, holes, sessions, and packets that are wrong. */
#include "stream_lab.h"

static struct lab lab;

static void next_is_handed_on(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 100);
	lab_send(&lab, 0, 101, 1);
	lab_send(&lab, 0, 102, 20);
	lab_handed(&lab, 1, 121);
	CHECK_EQ(lab.stats.delivered, 121);
	CHECK_EQ(lab.stats.lines[0].won, 121);
	CHECK_EQ(lab.stats.lines[0].messages, 121);
	CHECK_EQ(lab.stats.lines[0].packets, 3);
	CHECK_EQ(lab.stats.sessions, 1);
	CHECK_EQ(lab.gap_count, 0);
	lab_close(&lab);
}

static void looks_ahead(void)
{
	const struct hp_message *message;
	struct feed_packet packet;

	lab_open(&lab);
	lab_make("SESSION  A", 1, 200);
	packet = (struct feed_packet){.data = lab_bytes, .len = lab_len, .now = lab.now};
	lab.feed->ops->push(lab.feed, &packet);
	for (int64_t seq = 1; seq <= 200; seq++) {
		CHECK_EQ(lab.feed->ops->next(lab.feed, &message, lab.now), FEED_MESSAGE);
		CHECK_EQ(message->seq, seq);
		for (uint32_t ahead = 0; ahead < 15 && seq + 1 + ahead <= 200; ahead++)
			CHECK_EQ(feed_ahead(lab.feed, ahead)->seq, seq + 1 + ahead);
	}
	CHECK(!feed_ahead(lab.feed, 0));
	CHECK_EQ(lab.feed->ops->next(lab.feed, &message, lab.now), FEED_NONE);
	lab_close(&lab);
}

static void a_swap_is_put_right(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 21, 10);
	CHECK_EQ(lab.handed_count, 10);
	CHECK_EQ(lab.stats.waiting, 10);
	lab_send(&lab, 0, 11, 10);
	lab_handed(&lab, 1, 30);
	CHECK_EQ(lab.gap_count, 0);
	CHECK_EQ(lab.stats.waiting, 0);
	CHECK_EQ(lab.stats.waiting_max, 10);
	CHECK_EQ(lab.stats.lines[0].reordered, 10);
	CHECK_EQ(lab.stats.lines[0].gaps, 1);
	CHECK_EQ(lab.stats.lines[0].missing, 10);
	lab_close(&lab);
}

static void a_hole_is_given_up_by_age(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, 13, 5);
	lab_later(&lab, 900000);
	CHECK_EQ(lab.gap_count, 0);
	lab_send(&lab, 0, 18, 5);
	lab_later(&lab, 200000);
	CHECK_EQ(lab.gap_count, 1);
	lab_gap(&lab, 0, 11, 2, 1);
	CHECK_EQ(lab.handed_count, 20);
	CHECK_EQ(lab.stats.gaps, 1);
	CHECK_EQ(lab.stats.lost, 2);
	CHECK_EQ(lab.stats.holes, 1);
	CHECK_EQ(lab.stats.first_hole[0], 11);
	CHECK_EQ(lab.stats.last_hole[0], 12);
	CHECK_EQ(lab.stats.stale, 1);
	lab_send(&lab, 0, 11, 1); /* late; the second time it is a copy */
	lab_send(&lab, 1, 11, 2);
	CHECK_EQ(lab.stats.lines[0].late, 1);
	CHECK_EQ(lab.stats.lines[1].late, 1);
	CHECK_EQ(lab.stats.lines[1].duplicates, 1);
	CHECK_EQ(lab.handed_count, 20);
	CHECK_EQ(lab.repairs, 0);
	lab_close(&lab);
}

static void a_heartbeat_tells_of_a_lost_tail(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_header("SESSION  A", 11, 0);
	lab_push(&lab, 0);
	lab_later(&lab, 2000000);
	CHECK_EQ(lab.gap_count, 0);
	lab_header("SESSION  A", 14, 0);
	lab_push(&lab, 0);
	CHECK_EQ(lab.gap_count, 0);
	lab_later(&lab, 2000000);
	lab_gap(&lab, 0, 11, 3, 1);
	lab_header("SESSION  A", 15, 0xffff);
	lab_push(&lab, 1);
	lab_later(&lab, 2000000);
	lab_gap(&lab, 1, 14, 1, 1);
	CHECK_EQ(lab.stats.lines[0].heartbeats, 2);
	CHECK_EQ(lab.stats.lines[1].ends, 1);
	CHECK_EQ(lab.stats.lines[0].missing, 3);
	CHECK_EQ(lab.stats.lost, 4);
	lab_close(&lab);
}

static void the_first_line_wins(void)
{
	lab_open(&lab);
	for (int64_t seq = 1; seq < 1000; seq += 10) {
		uint32_t first = seq % 20 == 1;

		lab_send(&lab, first, seq, 10);
		lab.now += clock_to_ticks(5000);
		lab_send(&lab, !first, seq, 10);
	}
	lab_handed(&lab, 1, 1000);
	CHECK_EQ(lab.stats.lines[0].won, 500);
	CHECK_EQ(lab.stats.lines[1].won, 500);
	CHECK_EQ(lab.stats.lines[0].duplicates, 500);
	CHECK_EQ(lab.stats.lines[1].duplicates, 500);
	CHECK(lab.stats.skew.count >= 98);
	CHECK(lab.stats.skew.min > 4900 && lab.stats.skew.max < 5100);
	lab_close(&lab);
}

static void packets_overlap(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 1, 5, 10); /* 11..14 are new */
	CHECK_EQ(lab.handed_count, 14);
	lab_send(&lab, 0, 20, 4);  /* 20..23 wait */
	lab_send(&lab, 0, 30, 2);  /* 30, 31 wait */
	lab_send(&lab, 1, 18, 14); /* 18, 19, 24..29 are new and wait */
	CHECK_EQ(lab.handed_count, 14);
	CHECK_EQ(lab.stats.waiting, 14);
	lab_send(&lab, 0, 10, 30); /* 15..17, 32..39 */
	lab_handed(&lab, 1, 39);
	CHECK_EQ(lab.stats.lines[1].won, 4 + 8);
	CHECK_EQ(lab.stats.lines[1].duplicates, 6 + 6);
	lab_close(&lab);
}

static void joined_late(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 100001, 10);
	CHECK_EQ(lab.gap_count, 1);
	lab_gap(&lab, 0, 1, 100000, 1);
	CHECK_EQ(lab.gaps[0].after, 0);
	lab_handed(&lab, 100001, 100010);
	CHECK_EQ(lab.stats.lost, 0);
	CHECK_EQ(lab.stats.stale, 1);
	lab_close(&lab);
	lab_open(&lab); /* near the beginning: what comes first may be the second packet */
	lab_send(&lab, 0, 11, 10);
	lab_send(&lab, 0, 1, 10);
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.gap_count, 0);
	lab_close(&lab);
}

/* Heartbeat of any session. */
static void beat(uint32_t line, const char *session, int64_t seq)
{
	lab_header(session, seq, 0);
	lab_push(&lab, line);
}

static void another_session_needs_two_packets(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_make("SESSION  B", 1, 10); /* one may be a damaged datagram */
	lab_push(&lab, 0);
	CHECK_EQ(lab.handed_count, 10);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SESSION], 1);
	CHECK_EQ(lab.decoder.report.examples[HP_FAULT_SESSION].length, 64);
	lab_send(&lab, 0, 11, 10); /* it was */
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.stats.lines[0].refused, 1);
	lab_send(&lab, 0, 23, 1); /* waits for 21 and 22 */
	lab_make("SESSION  B", 1, 10);
	lab_push(&lab, 0);
	lab_make("SESSION  B", 11, 10);
	lab_push(&lab, 0);
	CHECK_EQ(lab.gap_count, 1);
	lab_gap(&lab, 0, 21, 2, 1);
	CHECK_EQ(lab.handed_count, 20 + 1 + 1 + 20);
	CHECK_EQ(lab.handed[20], 23);
	CHECK_EQ(lab.handed[21], 0); /* CLEAR */
	CHECK_EQ(lab.handed[22], 1);
	CHECK_EQ(lab.handed[41], 20);
	CHECK_EQ(lab.repairs, 1); /* it begins at 1: books are good again */
	CHECK_EQ(lab.stats.sessions, 2);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SESSION], 2);
	lab_send(&lab, 0, 24, 5); /* the old one is over */
	CHECK_EQ(lab.handed_count, 42);
	CHECK_EQ(lab.stats.lines[0].refused, 2);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SESSION], 2);
	lab_close(&lab);
}

static void the_other_line_confirms_a_session(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_make("SESSION  B", 1, 10);
	lab_push(&lab, 0);
	lab_make("SESSION  B", 1, 10);
	lab_push(&lab, 0); /* a copy confirms nothing */
	CHECK_EQ(lab.handed_count, 10);
	lab_make("SESSION  B", 1, 10);
	lab_push(&lab, 1);
	CHECK_EQ(lab.handed_count, 21);
	CHECK_EQ(lab.stats.lines[0].won, 20);
	CHECK_EQ(lab.stats.lines[1].duplicates, 10);
	lab_close(&lab);
}

static void a_session_after_the_end_needs_one(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_header("SESSION  A", 11, 0xffff);
	lab_push(&lab, 0);
	lab_make("SESSION  B", 1, 3);
	lab_push(&lab, 0);
	CHECK_EQ(lab.handed_count, 14);
	CHECK_EQ(lab.gap_count, 0);
	beat(1, "SESSION  A", 11);
	CHECK_EQ(lab.stats.lines[1].refused, 1);
	lab_close(&lab);
}

static void an_old_session_comes_back_after_silence(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	for (int64_t seq = 1; seq < 20; seq += 10) {
		lab_make("SESSION  B", seq, 10);
		lab_push(&lab, 0);
	}
	CHECK_EQ(lab.handed_count, 31);
	lab_later(&lab, 1500000000);
	lab_send(&lab, 0, 11, 10);
	lab_send(&lab, 0, 21, 10);
	CHECK_EQ(lab.stats.sessions, 3);
	lab_later(&lab, 2000000);
	lab_gap(&lab, 0, 1, 10, 1);
	CHECK_EQ(lab.handed_count, 52);
	CHECK_EQ(lab.handed[51], 30);
	lab_close(&lab);
}

static void number_one_again(void)
{
	lab_open(&lab);
	for (int64_t seq = 1; seq < 2000; seq += 20)
		lab_send(&lab, 0, seq, 20);
	lab_send(&lab, 1, 1, 20); /* the other line is slow: that is no new run */
	lab_send(&lab, 1, 21, 20);
	CHECK_EQ(lab.handed_count, 2000);
	lab_send(&lab, 0, 1, 20); /* a copy as late as that is either */
	CHECK_EQ(lab.handed_count, 2000);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 0);
	lab_send(&lab, 0, 2001, 20); /* a copy, then */
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 1);
	CHECK_EQ(lab.handed_count, 2020);
	lab_send(&lab, 0, 1, 20);
	lab_send(&lab, 0, 21, 20); /* a new run */
	CHECK_EQ(lab.handed_count, 2020 + 1 + 40);
	CHECK_EQ(lab.handed[2020], 0);
	CHECK_EQ(lab.stats.sessions, 2);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 1);
	for (int64_t seq = 41; seq < 1000; seq += 20)
		lab_send(&lab, 0, seq, 20);
	lab_send(&lab, 0, 501, 20); /* it falls back, but not to 1 */
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 2);
	CHECK_EQ(lab.stats.sessions, 2);
	lab_send(&lab, 0, 981, 20); /* a copy soon after is no fall */
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 2);
	lab_close(&lab);
}

static void far_ahead_needs_two_packets(void)
{
	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_send(&lab, 0, INT64_C(1) << 40, 10);
	lab_send(&lab, 0, 11, 10); /* it was damaged */
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.stats.lines[0].refused, 1);
	lab_send(&lab, 0, 1000001, 10);
	CHECK_EQ(lab.handed_count, 20);
	lab_send(&lab, 0, 1000011, 10);
	lab_gap(&lab, 0, 21, 999980, 1);
	CHECK_EQ(lab.handed_count, 40);
	CHECK_EQ(lab.handed[39], 1000020);
	CHECK_EQ(lab.stats.lost, 999980);
	lab_send(&lab, 1, 500000, 10);
	CHECK_EQ(lab.handed_count, 40);
	CHECK_EQ(lab.gap_count, 1);
	lab_close(&lab);
}

static void the_window_fills_up(void)
{
	int64_t seq;

	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	for (seq = 12; seq < 200000; seq += 50) /* 4 MiB and 65536 messages are less */
		lab_send(&lab, 0, seq, 50);
	CHECK_EQ(lab.gap_count, 1);
	lab_gap(&lab, 0, 11, 1, 1);
	CHECK_EQ(lab.handed_count, seq - 2);
	CHECK_EQ(lab.stats.overflowed, 0);
	CHECK(lab.stats.waiting_max > 20000 && lab.stats.waiting_max <= 65536);
	lab_close(&lab);
}

static void many_holes(void)
{
	lab_open(&lab);
	for (int64_t seq = 1; seq <= 30000; seq += 3)
		lab_send(&lab, 0, seq, 2);
	CHECK_EQ(lab.handed_count, 2);
	for (int64_t seq = 3; seq <= 30000; seq += 3)
		if (seq % 1000)
			lab_send(&lab, 1, seq, 1);
	lab_later(&lab, 2000000);
	CHECK_EQ(lab.gap_count, 9); /* nobody told of 30000 */
	CHECK_EQ(lab.handed_count, 30000 - 10);
	CHECK_EQ(lab.stats.waiting, 0);
	lab_close(&lab);
}

static void a_cut_datagram_brings_what_is_there(void)
{
	struct feed_packet packet;

	lab_open(&lab);
	lab_send(&lab, 0, 1, 10);
	lab_make("SESSION  A", 11, 10);
	packet = (struct feed_packet){.data = lab_bytes, .len = lab_len - 3, .truncated = 1, .now = lab.now};
	lab.feed->ops->push(lab.feed, &packet);
	lab_drain(&lab);
	CHECK_EQ(lab.handed_count, 19);
	lab_send(&lab, 1, 11, 10); /* the other line has it whole */
	lab_handed(&lab, 1, 20);
	CHECK_EQ(lab.gap_count, 0);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_PAST_END], 1);
	lab_make("SESSION  A", 21, 10);
	packet = (struct feed_packet){.data = lab_bytes, .len = lab_len - 3, .truncated = 1, .now = lab.now};
	lab.feed->ops->push(lab.feed, &packet);
	lab_drain(&lab);
	lab_later(&lab, 2000000);
	lab_gap(&lab, 0, 30, 1, 1);
	lab_close(&lab);
}

static void a_message_past_the_end_is_missing(void)
{
	lab_open(&lab);
	lab_make("SESSION  A", 1, 10);
	lab_bytes[lab_len - 2 - 11] = 1; /* the last message's length, 11, becomes 267 */
	lab_push(&lab, 0);
	CHECK_EQ(lab.handed_count, 9);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_PAST_END], 1);
	CHECK_EQ(lab.stats.lines[0].won, 9);
	CHECK_EQ(lab.stats.delivered, 9);
	lab_send(&lab, 1, 1, 10);
	lab_handed(&lab, 1, 10);
	CHECK_EQ(lab.stats.lines[1].won, 1);
	lab_close(&lab);
}

static void no_packet_at_all(void)
{
	static const uint8_t zeros[64];

	lab_open(&lab);
	lab_push_bytes(&lab, 0, zeros, 0);
	lab_push_bytes(&lab, 0, zeros, 19);
	lab_push_bytes(&lab, 1, zeros, 20); /* number 0 */
	CHECK_EQ(lab.stats.lines[0].refused, 2);
	CHECK_EQ(lab.stats.lines[1].refused, 1);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_FRAMING], 3);
	CHECK_EQ(lab.stats.sessions, 0);
	lab_close(&lab);
}

static void headers_of_iextp(void)
{
	/* Version 1, DEEP, channel 1, session 0x43810000, 4 bytes, 1 message, number 2, some time in 2017. */
	uint8_t segment[] = {1, 0, 0x04, 0x80, 1,    0,	   0,	 0,    0,    0,	   0x81, 0x43, 4,   0,	1,
			     0, 0, 0,	 0,    0,    0,	   0,	 0,    0,    2,	   0,	 0,    0,   0,	0,
			     0, 0, 0xf6, 0xb1, 0x7c, 0x20, 0xd9, 0x5b, 0xb8, 0x14, 2,	 0,    'S', 'O'};
	static const uint8_t request[] = {1, 1, 0x04, 0x80, 1, 0, 0, 0, 0, 0, 0x81, 0x43, 1, 0, 0, 0,
					  7, 0, 0,    0,    0, 0, 0, 0, 9, 0, 0,    0,	  0, 0, 0, 0};
	struct packet_header header;
	uint8_t out[64];

	CHECK_EQ(framing_iextp.read(segment, sizeof(segment), &header), 0);
	CHECK_EQ(header.seq, 2);
	CHECK_EQ(header.count, 1);
	CHECK_EQ(header.payload_len, 4);
	CHECK_EQ(header.protocol, 0x8004);
	CHECK_EQ(header.sent_ns, 0x14b85bd9207cb1f6);
	CHECK_EQ(framing_iextp.request(out, &header, 7, 3), sizeof(request));
	CHECK(!memcmp(out, request, sizeof(request)));
	lab_open_with(&lab, &framing_iextp, NULL);
	lab.any_bytes = 1;
	segment[2] = 9; /* a protocol nobody knows */
	lab_push_bytes(&lab, 0, segment, sizeof(segment));
	segment[2] = 4;
	segment[0] = 2; /* another version */
	lab_push_bytes(&lab, 0, segment, sizeof(segment));
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_FRAMING], 2);
	segment[0] = 1;
	lab_push_bytes(&lab, 0, segment, sizeof(segment));
	lab_later(&lab, 2000000);
	CHECK_EQ(lab.handed_count, 1);
	CHECK_EQ(lab.handed[0], 2);
	lab_close(&lab);
}

static void request_of_moldudp64(void)
{
	struct packet_header header;
	uint8_t out[64];

	lab_make("SESSION  A", 5, 1);
	CHECK_EQ(framing_moldudp64.read(lab_bytes, lab_len, &header), 0);
	CHECK_EQ(framing_moldudp64.request(out, &header, 0x0102030405, 0x0607), 20);
	CHECK(!memcmp(out, "SESSION  A\0\0\0\1\2\3\4\5\6\7", 20));
}

int main(void)
{
	RUN(next_is_handed_on);
	RUN(looks_ahead);
	RUN(a_swap_is_put_right);
	RUN(a_hole_is_given_up_by_age);
	RUN(a_heartbeat_tells_of_a_lost_tail);
	RUN(the_first_line_wins);
	RUN(packets_overlap);
	RUN(joined_late);
	RUN(another_session_needs_two_packets);
	RUN(the_other_line_confirms_a_session);
	RUN(a_session_after_the_end_needs_one);
	RUN(an_old_session_comes_back_after_silence);
	RUN(number_one_again);
	RUN(far_ahead_needs_two_packets);
	RUN(the_window_fills_up);
	RUN(many_holes);
	RUN(a_cut_datagram_brings_what_is_there);
	RUN(a_message_past_the_end_is_missing);
	RUN(no_packet_at_all);
	RUN(headers_of_iextp);
	RUN(request_of_moldudp64);
	return 0;
}
