/* SPDX-License-Identifier: MIT */
/*
 * lll's bytes and the sequencer: each rule on its own, then a lossy, repeating, reordering channel against
 * what was sent. Time is a number the tests make up.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "feed/lll.h"
#include "lab/random.h"
#include "measure/clock.h"

#define HOLE_NS 1000000

struct rig {
	struct sequencer feed;
	struct hp_feed_stats stats;
	struct hp_report report;
	uint64_t now;
	double good; /* datagrams of a good size pushed */
	/* What sequencer_next() returned since the last push: U for an update, G for a gap, in order. */
	char kinds[512];
	struct sequenced got[512];
	int count;
};

static void setup(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	sequencer_init(&rig->feed, &rig->stats, &rig->report, HOLE_NS);
	rig->now = 1000;
}

static void check_accounts(const struct rig *rig)
{
	const struct hp_feed_stats *stats = &rig->stats;

	CHECK_EQ(stats->records, stats->delivered + stats->duplicates + stats->bad_type + stats->bad_value +
					 rig->feed.waiting);
	CHECK_EQ(stats->datagrams, rig->good + stats->bad_size);
	CHECK_EQ(rig->report.messages[LLL_TYPE_UPDATE],
		 stats->delivered + rig->report.faults[HP_FAULT_BAD_VALUE]);
	CHECK_EQ(rig->feed.waiting, __builtin_popcountll(rig->feed.present));
}

static void drain(struct rig *rig)
{
	int kind;

	rig->count = 0;
	while ((kind = sequencer_next(&rig->feed, &rig->got[rig->count], rig->now)) != SEQUENCED_NONE) {
		CHECK(kind == SEQUENCED_UPDATE || kind == SEQUENCED_GAP);
		rig->kinds[rig->count++] = kind == SEQUENCED_GAP ? 'G' : 'U';
		CHECK(rig->count < 512);
	}
	rig->kinds[rig->count] = '\0';
	CHECK_EQ(sequencer_next(&rig->feed, &rig->got[511], rig->now), SEQUENCED_NONE);
	check_accounts(rig);
}

/* The record a sequence number stands for in these tests. */
static struct lll_record record_of(int64_t seq, uint32_t flags)
{
	uint64_t number = (uint64_t)seq;

	return (struct lll_record){.seq = seq,
				   .sent_ns = (int64_t)(number * 10),
				   .price = (int64_t)(1000 + number % 977),
				   .qty = (int32_t)(number % 31),
				   .flags = flags};
}

/* A datagram of `count` records from `seq` on. */
static void push(struct rig *rig, int64_t seq, int count, uint32_t flags)
{
	static uint8_t bytes[LLL_RECORDS_MAX * LLL_RECORD_BYTES];

	for (int i = 0; i < count; i++) {
		struct lll_record record = record_of(seq + i, flags);

		lll_encode(bytes + i * LLL_RECORD_BYTES, &record);
	}
	rig->good++;
	sequencer_push(&rig->feed, bytes, (uint32_t)count * LLL_RECORD_BYTES, 0);
	drain(rig);
}

static void expect_update(const struct rig *rig, int at, int64_t seq)
{
	struct lll_record sent = record_of(seq, 0);

	CHECK(rig->kinds[at] == 'U');
	CHECK_EQ(rig->got[at].seq, seq);
	CHECK_EQ(rig->got[at].sent_ns, sent.sent_ns);
	CHECK_EQ(rig->got[at].price, sent.price);
	CHECK_EQ(rig->got[at].qty, sent.qty);
}

static void expect_gap(const struct rig *rig, int at, int64_t seq, int64_t count)
{
	CHECK(rig->kinds[at] == 'G');
	CHECK_EQ(rig->got[at].seq, seq);
	CHECK_EQ(rig->got[at].count, count);
}

/* ---- bytes ---- */

static void record_bytes_are_the_documented_ones(void)
{
	struct lll_record record = {0x0102030405060708, 0x1112131415161718, 0x01222324252627, 0x31323334,
				    HP_FLAG_BID | HP_FLAG_LAST | HP_FLAG_MORE};
	static const uint8_t wire[LLL_RECORD_BYTES] = {1,    0,	   0,	 0,    0,    0,	   8,	 7,    6,
						       5,    4,	   3,	 2,    1,    0x18, 0x17, 0x16, 0x15,
						       0x14, 0x13, 0x12, 0x11, 0x27, 0x26, 0x25, 0x24, 0x23,
						       0x22, 0x01, 0,	 0x34, 0x33, 0x32, 0x31, 5};
	uint8_t bytes[LLL_RECORD_BYTES];
	struct lll_record back;

	memset(bytes, 0xff, sizeof(bytes));
	lll_encode(bytes, &record);
	CHECK(!memcmp(bytes, wire, sizeof(wire)));
	bytes[34] = 0xff; /* bits the protocol does not have are nobody's flags */
	CHECK_EQ(lll_decode(bytes, &back), 0);
	CHECK_EQ(back.seq, record.seq);
	CHECK_EQ(back.sent_ns, record.sent_ns);
	CHECK_EQ(back.price, record.price);
	CHECK_EQ(back.qty, record.qty);
	CHECK_EQ(back.flags, HP_FLAG_BID | HP_FLAG_SNAPSHOT | HP_FLAG_LAST);
}

static void decode_refuses_types_and_values(void)
{
	static const struct {
		int64_t price;
		int32_t qty;
		int result;
	} cases[] = {
		{1, 0, 0},
		{INT64_C(1) << 53, INT32_MAX, 0},
		{(INT64_C(1) << 53) + 1, 1, -ERANGE},
		{INT64_MAX, 1, -ERANGE},
		{0, 1, -ERANGE},
		{-1, 1, -ERANGE},
		{INT64_MIN, 1, -ERANGE},
		{1, -1, -ERANGE},
		{1, INT32_MIN, -ERANGE},
	};
	uint8_t bytes[LLL_RECORD_BYTES];
	struct lll_record record = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		record.price = cases[i].price;
		record.qty = cases[i].qty;
		lll_encode(bytes, &record);
		CHECK_EQ(lll_decode(bytes, &record), cases[i].result);
	}
	for (int type = 0; type < 256; type++) {
		bytes[0] = (uint8_t)type;
		CHECK((lll_decode(bytes, &record) == -EBADMSG) == (type != LLL_TYPE_UPDATE));
	}
}

static void order_bytes_are_the_documented_ones(void)
{
	struct lll_order order = {.submit_ns = 0x0102030405060708,
				  .trigger_seq = -2,
				  .trigger_recv_ns = 3,
				  .id = UINT64_MAX - 4,
				  .price = 61659700000,
				  .qty = 0x31323334,
				  .flags = HP_FLAG_BID};
	uint8_t bytes[LLL_ORDER_BYTES];
	struct lll_order back;

	memset(bytes, 0xff, sizeof(bytes));
	lll_order_encode(bytes, &order);
	CHECK(!memcmp(bytes, "\2\0\0\0\0\0\10\7\6\5\4\3\2\1\376\377\377\377\377\377\377\377\3\0", 24));
	CHECK_EQ(bytes[30], 0xfb);
	CHECK_EQ(bytes[46], 0x34);
	CHECK_EQ(bytes[49], 0x31);
	CHECK_EQ(bytes[50], 1);
	CHECK_EQ(lll_order_decode(bytes, &back), 0);
	CHECK_EQ(back.submit_ns, order.submit_ns);
	CHECK_EQ(back.trigger_seq, order.trigger_seq);
	CHECK_EQ(back.trigger_recv_ns, order.trigger_recv_ns);
	CHECK(back.id == order.id);
	CHECK_EQ(back.price, order.price);
	CHECK_EQ(back.qty, order.qty);
	CHECK_EQ(back.flags, order.flags);
	bytes[0] = LLL_TYPE_UPDATE;
	CHECK_EQ(lll_order_decode(bytes, &back), -EBADMSG);
}

/* ---- the sequencer's rules ---- */

static void in_order_records_pass_straight_through(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 5, HP_FLAG_BID | HP_FLAG_SNAPSHOT);
	CHECK(!strcmp(rig.kinds, "UUUUU"));
	for (int i = 0; i < 5; i++) {
		expect_update(&rig, i, i);
		CHECK_EQ(rig.got[i].fresh, i == 0);
		CHECK_EQ(rig.got[i].flags, HP_FLAG_BID | HP_FLAG_SNAPSHOT | (i < 4 ? HP_FLAG_MORE : 0));
	}
	push(&rig, 5, 1, 0);
	expect_update(&rig, 0, 5);
	CHECK_EQ(rig.got[0].flags, 0);
	CHECK_EQ(rig.stats.delivered, 6);
	CHECK_EQ(rig.stats.reordered + rig.stats.duplicates + rig.stats.gaps, 0);
	CHECK_EQ(rig.stats.sessions, 1);
}

static void early_records_wait_for_the_hole(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 2, 0);
	push(&rig, 4, 2, 0);
	push(&rig, 65, 1, 0); /* 63 ahead of 2: the last that fits */
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.feed.waiting, 3);
	push(&rig, 2, 2, 0);
	CHECK(!strcmp(rig.kinds, "UUUU"));
	for (int i = 0; i < 4; i++)
		expect_update(&rig, i, 2 + i);
	CHECK_EQ(rig.stats.reordered, 2);
	CHECK_EQ(rig.feed.waiting, 1);
	CHECK_EQ(rig.stats.gaps, 0);
}

static void duplicates_are_dropped_and_counted(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 3, 0);
	push(&rig, 1, 2, 0);  /* delivered */
	push(&rig, 10, 2, 0); /* waits */
	push(&rig, 11, 1, 0); /* waiting already */
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.duplicates, 3);
	push(&rig, 2, 3, 0); /* the first of three */
	CHECK(!strcmp(rig.kinds, "UU"));
	CHECK_EQ(rig.stats.duplicates, 4);
}

static void a_record_too_far_ahead_ends_the_oldest_hole(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 2, 0);
	push(&rig, 5, 2, 0);
	push(&rig, 20, 1, 0);
	push(&rig, 66, 1, 0); /* 64 ahead of 2 */
	CHECK(!strcmp(rig.kinds, "GUU"));
	expect_gap(&rig, 0, 2, 3);
	expect_update(&rig, 1, 5);
	expect_update(&rig, 2, 6);
	CHECK_EQ(rig.feed.waiting, 2);
	push(&rig, 200, 1, 0); /* takes every hole there is */
	CHECK(!strcmp(rig.kinds, "GUGUGU"));
	expect_gap(&rig, 0, 7, 13);
	expect_gap(&rig, 2, 21, 45);
	expect_gap(&rig, 4, 67, 133);
	expect_update(&rig, 5, 200);
	CHECK_EQ(rig.stats.gaps, 4);
	CHECK_EQ(rig.stats.lost, 3 + 13 + 45 + 133);
	CHECK_EQ(rig.stats.delivered + rig.stats.lost, 201);
	push(&rig, 3, 1, 0); /* comes after it was given up */
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.duplicates, 1);
}

static void a_hostile_sequence_number_costs_one_step(void)
{
	static const int64_t far[] = {1000000000000, (INT64_C(1) << 53) - 1, INT64_C(1) << 53};
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 1, 0);
	for (int i = 0; i < 3; i++) {
		int64_t from = rig.feed.expected;

		push(&rig, far[i], 1, 0);
		CHECK(!strcmp(rig.kinds, i == 2 ? "U" : "GU"));
		if (i < 2)
			expect_gap(&rig, 0, from, far[i] - from);
	}
	push(&rig, (INT64_C(1) << 53) + 1, 1, 0);
	push(&rig, INT64_MAX, 1, 0);
	push(&rig, -1, 1, 0);
	push(&rig, INT64_MIN, 1, 0);
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.bad_value, 4);
}

static void an_old_hole_is_given_up_without_a_datagram(void)
{
	struct rig rig;
	uint64_t hole, half;

	setup(&rig);
	hole = rig.feed.hole_ticks;
	half = hole / 2;
	CHECK(clock_ns(hole) > HOLE_NS - 100 && clock_ns(hole) <= HOLE_NS);
	push(&rig, 0, 1, 0);
	push(&rig, 2, 1, 0); /* hole 1 since now */
	rig.now += half;
	push(&rig, 4, 1, 0); /* hole 3 since half a time later */
	push(&rig, 6, 1, 0);
	rig.now += hole - half - 1;
	drain(&rig);
	CHECK_EQ(rig.count, 0);
	rig.now += 1;
	drain(&rig);
	CHECK(!strcmp(rig.kinds, "GU"));
	expect_gap(&rig, 0, 1, 1);
	expect_update(&rig, 1, 2);
	rig.now += half - 1;
	drain(&rig);
	CHECK_EQ(rig.count, 0);
	rig.now += 1;
	drain(&rig); /* both of the same age: 5 does not wait for another time-out */
	CHECK(!strcmp(rig.kinds, "GUGU"));
	expect_gap(&rig, 0, 3, 1);
	expect_gap(&rig, 2, 5, 1);
	rig.now += 10 * hole;
	drain(&rig);
	CHECK_EQ(rig.count, 0);
}

static void a_datagram_may_fill_an_old_hole(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 0, 1, 0);
	push(&rig, 2, 1, 0);
	rig.now += 2 * rig.feed.hole_ticks;
	push(&rig, 1, 1, 0);
	CHECK(!strcmp(rig.kinds, "UU"));
	CHECK_EQ(rig.stats.gaps, 0);
}

static void the_first_record_says_where_we_joined(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 64, 1, 0); /* late: no gap */
	CHECK(!strcmp(rig.kinds, "U"));
	CHECK_EQ(rig.got[0].fresh, 1);
	CHECK_EQ(rig.stats.lost, 0);

	setup(&rig);
	push(&rig, 63, 1, 0); /* the session's beginning may still come */
	CHECK_EQ(rig.count, 0);
	push(&rig, 0, 5, HP_FLAG_SNAPSHOT);
	CHECK(!strcmp(rig.kinds, "UUUUU"));
	CHECK_EQ(rig.got[0].fresh, 1);
	CHECK_EQ(rig.got[1].fresh, 0);
	rig.now += rig.feed.hole_ticks;
	drain(&rig);
	expect_gap(&rig, 0, 5, 58);
	expect_update(&rig, 1, 63);
	CHECK_EQ(rig.stats.sessions, 1);
}

static void a_snapshot_far_behind_begins_a_session(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 1000, 1, 0);
	push(&rig, 1002, 1, 0);
	push(&rig, 1004, 2, 0);
	push(&rig, 0, 1, 0); /* no snapshot: an old record */
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.duplicates, 1);
	push(&rig, 0, 2, HP_FLAG_SNAPSHOT);
	CHECK(!strcmp(rig.kinds, "GUGUUUU")); /* what waited is handed on first */
	expect_gap(&rig, 0, 1001, 1);
	expect_update(&rig, 1, 1002);
	expect_gap(&rig, 2, 1003, 1);
	expect_update(&rig, 4, 1005);
	expect_update(&rig, 5, 0);
	CHECK_EQ(rig.got[5].fresh, 1);
	CHECK_EQ(rig.got[6].fresh, 0);
	CHECK_EQ(rig.stats.sessions, 2);

	/* Within the window's reach it is a late copy. */
	setup(&rig);
	push(&rig, 0, 1, HP_FLAG_SNAPSHOT);
	for (int seq = 1; seq < 64; seq++)
		push(&rig, seq, 1, HP_FLAG_SNAPSHOT);
	push(&rig, 0, 1, HP_FLAG_SNAPSHOT);
	CHECK_EQ(rig.count, 0);
	push(&rig, 64, 1, 0);
	push(&rig, 0, 1, HP_FLAG_SNAPSHOT);
	CHECK(!strcmp(rig.kinds, "U"));
	CHECK_EQ(rig.stats.sessions, 2);
}

static void a_low_number_after_the_last_record_begins_a_session(void)
{
	struct rig rig;

	setup(&rig);
	push(&rig, 500, 1, HP_FLAG_LAST);
	push(&rig, 500, 1, HP_FLAG_LAST);
	CHECK_EQ(rig.stats.duplicates, 1);
	push(&rig, 64, 1, 0);
	CHECK_EQ(rig.stats.duplicates, 2);
	push(&rig, 3, 1, 0); /* 0 to 2 may still come */
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.sessions, 2);
	push(&rig, 0, 3, 0);
	CHECK(!strcmp(rig.kinds, "UUUU"));
	CHECK_EQ(rig.got[0].fresh, 1);
}

/* Only the stamp tells a new session from a late copy when the old one was shorter than the window. */
static void a_session_shorter_than_the_window_is_not_restarted_by_copies(void)
{
	struct rig rig;
	uint8_t bytes[LLL_RECORD_BYTES];
	struct lll_record record;

	setup(&rig);
	push(&rig, 0, 5, 0);
	push(&rig, 5, 1, HP_FLAG_LAST);
	push(&rig, 5, 1, HP_FLAG_LAST);
	push(&rig, 2, 3, 0);
	CHECK_EQ(rig.stats.duplicates, 4);
	CHECK_EQ(rig.stats.sessions, 1);
	record = record_of(0, HP_FLAG_SNAPSHOT);
	for (int session = 2; session <= 3; session++) {
		/* Newer than the stamp of 5, then a sender that stamps nothing. */
		record.sent_ns = session == 2 ? 51 : 0;
		record.flags |= HP_FLAG_LAST;
		lll_encode(bytes, &record);
		rig.good++;
		sequencer_push(&rig.feed, bytes, sizeof(bytes), 0);
		drain(&rig);
		CHECK(!strcmp(rig.kinds, "U"));
		CHECK_EQ(rig.got[0].fresh, 1);
		CHECK_EQ(rig.stats.sessions, session);
	}
}

static void odd_datagrams_are_refused_whole(void)
{
	static const uint32_t bad[] = {0, 1, 39, 41, 79, 199, 201, 240, 1500, 65507};
	static uint8_t bytes[65507];
	struct lll_record record = record_of(0, 0);
	struct rig rig;

	setup(&rig);
	for (int i = 0; i < 6; i++)
		lll_encode(bytes + i * LLL_RECORD_BYTES, &record);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		sequencer_push(&rig.feed, bytes, bad[i], 0);
		drain(&rig);
		CHECK_EQ(rig.count, 0);
		CHECK_EQ(rig.stats.bad_size, i + 1);
	}
	CHECK_EQ(rig.stats.example_len, 1); /* of the first that had any bytes */
	CHECK_EQ(rig.stats.example[0], LLL_TYPE_UPDATE);
	sequencer_push(&rig.feed, bytes, 40, 1);
	drain(&rig);
	CHECK_EQ(rig.count, 0);
	CHECK_EQ(rig.stats.bad_size, sizeof(bad) / sizeof(*bad) + 1);
	CHECK_EQ(rig.stats.records, 0);

	setup(&rig);
	sequencer_push(&rig.feed, bytes, 240, 0);
	drain(&rig);
	CHECK_EQ(rig.stats.example_len, 64);
	CHECK(!memcmp(rig.stats.example, bytes, 64));
}

static void bad_records_do_not_spoil_their_datagram(void)
{
	uint8_t bytes[4 * LLL_RECORD_BYTES];
	struct lll_record record;
	struct rig rig;

	setup(&rig);
	for (int i = 0; i < 4; i++) {
		record = record_of(i < 2 ? 0 : i - 2, 0);
		if (i == 1)
			record.price = 0;
		lll_encode(bytes + i * LLL_RECORD_BYTES, &record);
	}
	bytes[0] = 9;
	rig.good++;
	sequencer_push(&rig.feed, bytes, sizeof(bytes), 0);
	drain(&rig);
	CHECK(!strcmp(rig.kinds, "UU"));
	CHECK_EQ(rig.stats.bad_type, 1);
	CHECK_EQ(rig.stats.bad_value, 1);
	CHECK_EQ(rig.stats.example_len, LLL_RECORD_BYTES);
	CHECK_EQ(rig.stats.example[0], 9);
}

/* ---- the channel ---- */

#define TOTAL	     20000
#define NEAR	     12	 /* datagrams a delay may reach so that it stays within the window */
#define SESSION_HEAD 100 /* snapshot records */

struct datagram {
	int64_t seq;
	int count;
	uint32_t order; /* where in time it arrives */
};

static int by_order(const void *left, const void *right)
{
	const struct datagram *a = left, *b = right;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Sends TOTAL records in datagrams of 1 to 5, loses, repeats and delays some. Returns how many are in `out`.
 */
static int make_channel(struct datagram *out, struct random *random, uint32_t loss, uint32_t repeat,
			uint32_t delay, uint32_t reach, uint8_t *arrives)
{
	int count = 0;
	uint32_t order = 0;

	memset(arrives, 0, TOTAL);
	for (int64_t seq = 0; seq < TOTAL;) {
		int records = 1 + (int)random_below(random, 5);
		int copies = random_below(random, 1000) < repeat ? 2 : 1;

		if (seq + records > TOTAL)
			records = (int)(TOTAL - seq);
		/* The ends always arrive: nobody can count what is lost beyond them. */
		if (seq && seq + records < TOTAL && random_below(random, 1000) < loss)
			copies = 0;
		order++;
		for (int copy = 0; copy < copies; copy++) {
			uint32_t late =
				seq && random_below(random, 1000) < delay ? random_below(random, reach) : 0;

			out[count++] = (struct datagram){seq, records, order + late};
			memset(arrives + seq, 1, (size_t)records);
		}
		seq += records;
	}
	qsort(out, (size_t)count, sizeof(*out), by_order);
	return count;
}

/* Copies of a snapshot that come late by more than the window would be a new session: a far channel has none.
 */
static uint32_t flags_of(int64_t seq, uint32_t reach)
{
	return (seq % 3 ? HP_FLAG_BID : 0) | (seq < SESSION_HEAD && reach <= NEAR ? HP_FLAG_SNAPSHOT : 0) |
	       (seq == TOTAL - 1 ? HP_FLAG_LAST : 0);
}

/* Everything handed on so far was exactly what was sent, each once, in order, and gaps fill the rest. */
static void judge(const struct rig *rig, uint32_t reach, int64_t *next, uint8_t *seen)
{
	for (int i = 0; i < rig->count; i++) {
		CHECK_EQ(rig->got[i].seq, *next);
		if (rig->kinds[i] == 'G') {
			CHECK(rig->got[i].count > 0);
			*next += rig->got[i].count;
			continue;
		}
		expect_update(rig, i, *next);
		CHECK_EQ(rig->got[i].flags & ~(uint32_t)HP_FLAG_MORE, flags_of(*next, reach));
		CHECK_EQ(rig->got[i].fresh, *next == 0);
		seen[(*next)++] = 1;
	}
}

static void run_channel(uint64_t seed, uint32_t loss, uint32_t repeat, uint32_t delay, uint32_t reach,
			int holes_age)
{
	static struct datagram channel[2 * TOTAL];
	static uint8_t arrives[TOTAL], seen[TOTAL];
	static struct rig rig;
	struct random random = {seed};
	int count = make_channel(channel, &random, loss, repeat, delay, reach, arrives);
	double pushed = 0, lost = 0;
	int64_t next = 0;

	setup(&rig);
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < count; i++) {
		uint8_t bytes[LLL_RECORDS_MAX * LLL_RECORD_BYTES];

		for (int k = 0; k < channel[i].count; k++) {
			int64_t seq = channel[i].seq + k;
			struct lll_record record = record_of(seq, flags_of(seq, reach));

			lll_encode(bytes + k * LLL_RECORD_BYTES, &record);
		}
		if (holes_age)
			rig.now += rig.feed.hole_ticks / 8;
		rig.good++;
		pushed += channel[i].count;
		sequencer_push(&rig.feed, bytes, (uint32_t)channel[i].count * LLL_RECORD_BYTES, 0);
		drain(&rig);
		judge(&rig, reach, &next, seen);
	}
	rig.now += rig.feed.hole_ticks;
	drain(&rig);
	judge(&rig, reach, &next, seen);

	CHECK_EQ(next, TOTAL);
	CHECK_EQ(rig.feed.waiting, 0);
	CHECK_EQ(rig.stats.records, pushed);
	CHECK_EQ(rig.stats.sessions, 1);
	CHECK_EQ(rig.stats.delivered + rig.stats.lost, TOTAL);
	for (int seq = 0; seq < TOTAL; seq++) {
		CHECK(arrives[seq] || !seen[seq]);
		lost += !arrives[seq];
	}
	/* Delays that stay within the window, and holes that do not age, cost nothing but what the wire lost.
	 */
	if (!holes_age && reach <= NEAR)
		CHECK_EQ(rig.stats.lost, lost);
	else
		CHECK(rig.stats.lost >= lost);
}

static void a_lossy_channel_is_put_in_order(void)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		run_channel(seed, 0, 0, 0, 1, 0);
		run_channel(seed, 0, 100, 300, NEAR, 0);
		run_channel(seed, 20, 20, 50, NEAR, 0);
		run_channel(seed, 300, 300, 500, NEAR, 0);
		run_channel(seed, 20, 20, 50, NEAR, 1);
		run_channel(seed, 100, 100, 500, 60, 0);
		run_channel(seed, 500, 100, 900, 500, 1);
	}
}

int main(void)
{
	RUN(record_bytes_are_the_documented_ones);
	RUN(decode_refuses_types_and_values);
	RUN(order_bytes_are_the_documented_ones);
	RUN(in_order_records_pass_straight_through);
	RUN(early_records_wait_for_the_hole);
	RUN(duplicates_are_dropped_and_counted);
	RUN(a_record_too_far_ahead_ends_the_oldest_hole);
	RUN(a_hostile_sequence_number_costs_one_step);
	RUN(an_old_hole_is_given_up_without_a_datagram);
	RUN(a_datagram_may_fill_an_old_hole);
	RUN(the_first_record_says_where_we_joined);
	RUN(a_snapshot_far_behind_begins_a_session);
	RUN(a_low_number_after_the_last_record_begins_a_session);
	RUN(a_session_shorter_than_the_window_is_not_restarted_by_copies);
	RUN(odd_datagrams_are_refused_whole);
	RUN(bad_records_do_not_spoil_their_datagram);
	RUN(a_lossy_channel_is_put_in_order);
	return 0;
}
