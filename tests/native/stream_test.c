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
	return 0;
}
