/* SPDX-License-Identifier: MIT */
/*
 * Streams against a model: two lines with faults of their own, packed differently, are played into a stream
 * and into sets of numbers, and everything the stream counts must be what the sets say. Then every byte of
 * packets is damaged in turn, and random bytes are thrown at it.
 */
#include "stream_lab.h"

#define MESSAGES 4000
#define EVENTS	 8192
#define NUMBERS	 (MESSAGES + 2)

static struct lab lab;
static struct random dice;

struct event {
	uint32_t line, at; /* at: its place in time */
	int64_t seq;
	uint32_t count;
};

struct model_line {
	uint8_t brought[NUMBERS];
	int started;
	int64_t next;
	struct hp_line_stats want;
};

static struct event events[EVENTS];
static uint32_t event_count;
static struct model_line lines[2];
static uint8_t anybody[NUMBERS];

static void add_event(uint32_t line, uint32_t at, int64_t seq, uint32_t count)
{
	CHECK(event_count < EVENTS);
	events[event_count++] = (struct event){line, at, seq, count};
}

/* A line's packets with losses, copies and delays. */
static void make_line(uint32_t line, uint32_t most, uint32_t skew)
{
	for (int64_t seq = 1; seq <= MESSAGES;) {
		uint32_t count = 1 + random_below(&dice, most), at = (uint32_t)seq * 4 + skew;

		if (seq + count > MESSAGES + 1)
			count = (uint32_t)(MESSAGES + 1 - seq);
		if (random_below(&dice, 100) < 12)
			at += random_below(&dice, 200);
		if (random_below(&dice, 100) >= 10)
			add_event(line, at, seq, count);
		if (random_below(&dice, 100) < 8)
			add_event(line, at + random_below(&dice, 150), seq, count);
		seq += count;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct event *first = a, *second = b;

	if (first->at != second->at)
		return first->at < second->at ? -1 : 1;
	return first < second ? -1 : 1;
}

/* What the packet does to a line's counters. */
static void model(const struct event *event)
{
	struct model_line *line = &lines[event->line];
	struct hp_line_stats *want = &line->want;

	want->packets += 1;
	want->messages += event->count;
	if (!line->started) {
		line->started = 1;
		line->next = event->seq;
	}
	if (event->seq > line->next) {
		want->gaps += 1;
		want->missing += (double)(event->seq - line->next);
	}
	for (int64_t number = event->seq; number < event->seq + event->count; number++) {
		want->reordered += number < line->next && !line->brought[number];
		want->duplicates += anybody[number];
		want->won += !anybody[number];
		line->brought[number] = anybody[number] = 1;
	}
	if (event->seq + event->count > line->next)
		line->next = event->seq + event->count;
}

static void end_line(uint32_t number)
{
	struct model_line *line = &lines[number];

	line->want.packets += 1;
	line->want.ends = 1;
	line->want.gaps += line->next <= MESSAGES;
	line->want.missing += (double)(MESSAGES + 1 - line->next);
	lab_header("SESSION  A", MESSAGES + 1, 0xffff);
	lab_push(&lab, number);
}

static void check_line(uint32_t number)
{
	const struct hp_line_stats *got = &lab.stats.lines[number], *want = &lines[number].want;

	CHECK_EQ(got->packets, want->packets);
	CHECK_EQ(got->messages, want->messages);
	CHECK_EQ(got->ends, want->ends);
	CHECK_EQ(got->won, want->won);
	CHECK_EQ(got->duplicates, want->duplicates);
	CHECK_EQ(got->reordered, want->reordered);
	CHECK_EQ(got->gaps, want->gaps);
	CHECK_EQ(got->missing, want->missing);
	CHECK_EQ(got->late + got->refused + got->heartbeats, 0);
}

static void check_handed(void)
{
	uint32_t handed = 0, holes = 0, lost = 0;

	for (int64_t number = 1; number <= MESSAGES; number++) {
		if (anybody[number]) {
			CHECK(handed < lab.handed_count);
			CHECK_EQ(lab.handed[handed++], number);
			continue;
		}
		lost++;
		if (number > 1 && !anybody[number - 1])
			continue;
		CHECK(holes < lab.gap_count);
		CHECK_EQ(lab.gaps[holes].first, number);
		CHECK_EQ(lab.gaps[holes].after, handed);
		CHECK_EQ(lab.gaps[holes].lost, 1);
		if (holes < HP_STREAM_HOLES)
			CHECK_EQ(lab.stats.first_hole[holes], number);
		holes++;
	}
	CHECK_EQ(lab.handed_count, handed);
	CHECK_EQ(lab.gap_count, holes);
	CHECK_EQ(lab.stats.lost, lost);
	CHECK_EQ(lab.stats.gaps, holes);
	CHECK_EQ(lab.stats.delivered, handed);
}

static void two_lines(uint64_t seed)
{
	dice.state = seed;
	event_count = 0;
	memset(lines, 0, sizeof(lines));
	memset(anybody, 0, sizeof(anybody));
	make_line(0, 1 + random_below(&dice, 40), 0);
	make_line(1, 1 + random_below(&dice, 40), random_below(&dice, 300));
	qsort(events, event_count, sizeof(*events), by_time);
	lab_open(&lab);
	for (uint32_t i = 0; i < event_count; i++) {
		/* Holes are given up after 1 ms: a thousand of these. */
		lab.now += clock_to_ticks(1000) * (i ? events[i].at - events[i - 1].at : 0);
		model(&events[i]);
		lab_send(&lab, events[i].line, events[i].seq, events[i].count);
	}
	end_line(0);
	end_line(1);
	lab_later(&lab, 10000000);
	check_line(0);
	check_line(1);
	check_handed();
	lab_close(&lab);
}

static void two_lines_of_any_faults(void)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		two_lines(seed);
}

/* A damaged copy comes first; the same packet, whole, comes on either line after it. */
static void damage(int64_t seq, uint32_t at, uint8_t value)
{
	uint8_t *exact;

	lab_make("SESSION  A", seq, 5);
	exact = malloc(lab_len);
	memcpy(exact, lab_bytes, lab_len);
	exact[at < lab_len ? at : lab_len - 1] ^= value;
	lab_push_bytes(&lab, 0, exact, lab_len);
	free(exact);
	lab_send(&lab, 1, seq, 5);
	lab_send(&lab, 0, seq, 5);
}

static void every_byte_damaged(void)
{
	static const uint8_t values[] = {1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff, 0x7f, 0x55};
	int64_t seq = 6;

	lab_open(&lab);
	lab.any_bytes = 1;
	lab_send(&lab, 0, 1, 5);
	for (uint32_t at = 0; at < 60; at++) {
		if (at == 16 || at == 17) /* near numbers, which cannot be told from good ones */
			continue;
		for (uint32_t i = 0; i < sizeof(values); i++, seq += 5)
			damage(seq, at, values[i]);
	}
	lab_send(&lab, 0, seq, 5);
	lab_later(&lab, 10000000);
	CHECK_EQ(lab.gap_count, 0);
	CHECK_EQ(lab.stats.sessions, 1);
	lab_close(&lab);
}

static void near_numbers_damaged(void)
{
	lab_open(&lab);
	lab.any_bytes = 1;
	lab_send(&lab, 0, 1, 5);
	for (uint32_t i = 0; i < 256; i++)
		damage(6 + 5 * i, 16 + i % 2, (uint8_t)(i | 1));
	lab_later(&lab, 10000000);
	CHECK_EQ(lab.stats.waiting, 0);
	lab_close(&lab);
}

/* A header that may be right, with random bytes behind it; half of them 0, so that some are messages. */
static void random_packet(const struct framing *framing, int64_t round)
{
	int64_t seq = 1 + round + random_below(&dice, 60);
	uint32_t count = random_below(&dice, 12);

	if (random_below(&dice, 99) == 0)
		seq = (int64_t)(random_next(&dice) >> random_below(&dice, 63));
	for (lab_len = 0; lab_len < 140; lab_len++)
		lab_bytes[lab_len] = random_below(&dice, 4) ? 0 : (uint8_t)random_next(&dice);
	if (framing == &framing_moldudp64) {
		lab_header("SESSION  A", seq, count);
		if (random_below(&dice, 99) == 0)
			lab_bytes[9] = (uint8_t)(128 + round % 127);
	} else {
		const uint8_t begin[16] = {1, 0, 4, 0x80, 1, 0, 0, 0, 7, 0, 0, 0, 100, 0, (uint8_t)count, 0};
		uint64_t words[2] = {htole64((uint64_t)seq), htole64((uint64_t)round)};

		memcpy(lab_bytes, begin, sizeof(begin));
		memcpy(lab_bytes + 24, words, sizeof(words));
	}
	lab_len = random_below(&dice, 8) ? 140 : random_below(&dice, 140);
}

static void random_packets(const struct framing *framing)
{
	dice.state = 77;
	lab_open_with(&lab, framing, NULL);
	lab.any_bytes = 1;
	lab.hash = 1;
	for (int round = 0; round < 30000; round++) {
		struct feed_packet packet = {.truncated = random_below(&dice, 8) == 0,
					     .line = random_below(&dice, 3)};
		uint8_t *exact;

		random_packet(framing, round);
		exact = malloc(lab_len + 1);
		memcpy(exact, lab_bytes, lab_len);
		packet.data = exact;
		packet.len = lab_len;
		packet.now = lab.now += clock_to_ticks(random_below(&dice, 100000));
		lab.feed->ops->push(lab.feed, &packet);
		lab.gap_count = 0;
		lab_drain(&lab);
		free(exact);
	}
	printf("%s: %u handed on, %g sessions, %g gaps, waiting at most %g\n", framing->name,
	       lab.handed_count, lab.stats.sessions, lab.stats.gaps, lab.stats.waiting_max);
	CHECK(lab.handed_count > 1000);
	lab_close(&lab);
}

static void random_moldudp64(void)
{
	random_packets(&framing_moldudp64);
}

static void random_iextp(void)
{
	random_packets(&framing_iextp);
}

int main(void)
{
	RUN(two_lines_of_any_faults);
	RUN(every_byte_damaged);
	RUN(near_numbers_damaged);
	RUN(random_moldudp64);
	RUN(random_iextp);
	return 0;
}
