/* SPDX-License-Identifier: MIT */
/*
 * Feeds by schema: fields of every width at every place, groups whole and in pieces, a published SBE layout
 * into books. Tables made to be refused are in schema_fuzz_test.c. (What lib/feed/compile.ts makes of the
 * descriptions of ITCH, DEEP and TOPS is held to their own decoders in tests/feed/schema_test.ts.)
 */
#include <errno.h>
#include <stdlib.h>

#include "book/books.h"
#include "schema_tables.h"

static struct hp_schema table;

static int open_table(struct decoder **out, struct hp_report *to, struct symbols *of)
{
	return schema_open(out, &table, to, of);
}

/* ---- fields ---- */

static uint64_t naive(const uint8_t *bytes, uint32_t width, enum hp_schema_load load, int big)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < width; i++)
		value = value << 8 | bytes[big && load != HP_SCHEMA_TEXT ? i : width - 1 - i];
	if (load == HP_SCHEMA_SIGNED && width < 8 && value >> (8 * width - 1))
		value |= UINT64_MAX << 8 * width;
	return value;
}

/* Messages of 1 to 24 bytes hold a field of each width at each offset. */
static void fields_are_read_wherever_they_lie(void)
{
	for (uint32_t big = 0; big < 2; big++)
		for (uint32_t length = 2; length <= 24; length++)
			for (uint32_t width = 1; width <= 8; width++)
				for (uint32_t at = 1; at + width <= length; at++)
					for (uint32_t load = 0; load < 3; load++) {
						table_begin(&table, (int)big, 1);
						table_message(&table, 'M', (uint16_t)length);
						table_meaning(&table, HP_MESSAGE_OTHER);
						table_step(&table, HP_SCHEMA_OTHER, load, (uint8_t)width,
							   (uint16_t)at);
						fresh(open_table);
						run_begin((int)big);
						message_begin();
						put('M', 1);
						for (uint32_t i = 1; i < length; i++)
							put(0x80 + 37 * i, 1);
						message_end();
						CHECK_EQ(decode_made(1), 1);
						CHECK(got[0].other ==
						      naive(decoded_bytes + 2 + at, width, load, (int)big));
						CHECK_EQ(got[0].length, length);
						CHECK_EQ(all_faults(), 0);
					}
	finish();
}

static void open_amount(uint8_t check, int32_t scale, double most)
{
	struct hp_schema_step *step;

	table_begin(&table, 1, 1);
	table_message(&table, 'M', 9);
	table_meaning(&table, HP_MESSAGE_LEVEL);
	step = table_step(&table, HP_SCHEMA_PRICE, HP_SCHEMA_SIGNED, 8, 1);
	step->check = check;
	step->scale = scale;
	step->most = most;
	fresh(open_table);
}

/* 1: the amount is good, and becomes `want`. */
static int is_good(int64_t value, int64_t want)
{
	int count;

	run_begin(1);
	message_begin();
	put('M', 1);
	put((uint64_t)value, 8);
	message_end();
	count = decode_made(1);
	CHECK_EQ(report.faults[HP_FAULT_BAD_VALUE], !count);
	report.faults[HP_FAULT_BAD_VALUE] = 0;
	CHECK(!count || got[0].price == want);
	return count;
}

static void amounts_are_scaled_and_checked(void)
{
	open_amount(HP_SCHEMA_AMOUNT, 100, 0x1p53);
	CHECK(is_good(7, 700) && is_good(0, 0) && !is_good(-1, 0) && !is_good(INT64_MAX, 0));
	CHECK(is_good((INT64_C(1) << 53) / 100, 9007199254740900) &&
	      !is_good((INT64_C(1) << 53) / 100 + 1, 0));
	open_amount(HP_SCHEMA_AMOUNT | HP_SCHEMA_POSITIVE, -1000, 50);
	CHECK(is_good(50000, 50) && !is_good(51000, 0) && !is_good(1, 0) && !is_good(0, 0) &&
	      !is_good(-1000, 0));
	CHECK(!is_good(INT64_MIN, 0));
	open_amount(0, 3, 0);
	CHECK(is_good(-5, -15) && !is_good(INT64_MIN, 0));
	finish();
}

/* ---- a published layout ---- */

static void check_level(int at, uint32_t symbol, int64_t price, int64_t qty, uint8_t flags, int64_t seq)
{
	struct hp_message want = {.kind = HP_MESSAGE_LEVEL,
				  .flags = flags,
				  .length = got[at].length,
				  .symbol = symbol,
				  .seq = seq,
				  .time_ns = MDP3_TIME,
				  .price = price,
				  .qty = qty};

	CHECK_EQ(got[at].type, 0);
	want.type = got[at].type = *got[at].bytes; /* of a template there is no type byte */
	expect(&got[at], &want);
}

static void entries_become_messages(void)
{
	table_mdp3(&table);
	fresh(open_table);
	put_book();
	CHECK_EQ(decode_made(2), 7);
	CHECK_EQ(report.messages[0], 2);
	CHECK_EQ(all_faults(), 0);
	CHECK_EQ(got[0].length, 8 + 11 + 3 + 3 * 32 + 8);
	check_level(0, 0, 4250250000000, 7, HP_FLAG_BID | HP_MESSAGE_OPEN, 100);
	check_level(1, 0, 4250500000000, 4, HP_MESSAGE_OPEN, 100);
	check_level(2, 0, 4250000000000, 5, HP_FLAG_BID | HP_MESSAGE_OPEN, 100); /* the event goes on */
	check_level(3, 0, 4250250000000, 0, HP_FLAG_BID, 101);
	check_level(4, 1, 99000000000, 2, HP_MESSAGE_OPEN, 101);
	CHECK_EQ(got[5].kind, HP_MESSAGE_OTHER);
	check_level(6, 1, 98000000000, 3, HP_FLAG_BID, 101);
	CHECK(symbols.names[0] == symbols_pack("118") && symbols.names[1] == symbols_pack("30975"));
	finish();
}

static void later_versions_are_read_as_well(void)
{
	table_mdp3(&table);
	fresh(open_table);
	run_begin(0);
	put_refresh(4, 2, 5);
	put_entry(4250250000000, 7, 118, 0, '0');
	put(0xff, 5);
	put_entry(4250500000000, 4, 118, 0, '1');
	put(0xff, 5);
	end_refresh();
	CHECK_EQ(decode_made(1), 2);
	check_level(0, 0, 4250250000000, 7, HP_FLAG_BID | HP_MESSAGE_OPEN, 100);
	check_level(1, 0, 4250500000000, 4, 0, 100);
	finish();
}

/* Handed out one, two, three … at a time the entries are the same. */
static void groups_go_on_where_they_were(void)
{
	table_mdp3(&table);
	fresh(open_table);
	put_book();
	for (int max = 1; max < 8; max++) {
		struct hp_message piece[8] __attribute__((aligned(64)));
		struct run run = {.at = made_run, .end = made_run + made_size, .left = 2, .seq = 100};
		int count, all = 0, whole;

		whole = decode_made(2);
		while ((count = decoder->ops->decode(decoder, &run, piece, max)) > 0) {
			CHECK(count == max || !run.left);
			for (int i = 0; i < count; i++, all++) {
				piece[i].bytes = got[all].bytes;
				CHECK(!memcmp(&piece[i], &got[all], sizeof(piece[i])));
			}
		}
		CHECK_EQ(all, whole);
		CHECK_EQ(run.seq, 102);
	}
	CHECK_EQ(report.messages[0], 2 * 14);
	finish();
}

static void wrong_groups_are_counted(void)
{
	table_mdp3(&table);
	fresh(open_table);
	run_begin(0);
	put_refresh(4, 2, 0); /* one entry too many */
	put_entry(4250250000000, 7, 118, 0, '0');
	end_refresh();
	CHECK_EQ(decode_made(1), 0);
	expect_fault(HP_FAULT_WRONG_LENGTH, 11, 100);

	fresh(open_table);
	run_begin(0);
	put_refresh(4, 1, 0);
	put_entry(4250250000000, 7, 118, 3, '0'); /* delete thru: cannot be said */
	end_refresh();
	put_refresh(4, 1, 0);
	put_entry(4250250000000, 7, 123456789, 0, '0'); /* nine digits */
	end_refresh();
	CHECK_EQ(decode_made(2), 0);
	CHECK_EQ(report.faults[HP_FAULT_BAD_VALUE], 2);
	CHECK_EQ(report.messages[0], 2);

	fresh(open_table);
	run_begin(0);
	message_begin();
	put(0, 2);
	put(12, 2);
	put(0, 4);
	end_refresh();
	CHECK_EQ(decode_made(1), 0);
	expect_fault(HP_FAULT_UNKNOWN_TYPE, 0, 100);
	CHECK_EQ(report.messages[255], 1);
	finish();
}

static void only_wanted_symbols_come_out(void)
{
	table_mdp3(&table);
	fresh(open_table);
	CHECK_EQ(symbols_want(&symbols, "30975"), 0);
	put_book();
	CHECK_EQ(decode_made(2), 3);
	CHECK_EQ(report.skipped, 4);
	check_level(0, 0, 99000000000, 2, HP_MESSAGE_OPEN, 101);
	check_level(2, 0, 98000000000, 3, HP_FLAG_BID, 101);
	finish();
}

static void entries_become_books(void)
{
	struct hp_books_options options = {.symbols = 8, .levels = 64, .price_scale = 1e9, .qty_scale = 1};
	size_t bytes = ((size_t)hp_books_bytes(&options) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, bytes);
	struct hp_books *books = hp_books_open(memory, (double)bytes, &options);
	int count;

	CHECK(books);
	table_mdp3(&table);
	fresh(open_table);
	put_book();
	count = decode_made(2);
	for (int i = 0; i < count; i++)
		CHECK_EQ(hp_books_apply(books, &got[i]), 0);
	CHECK_EQ(books_symbol(books, 0)->bid, 4250000000000);
	CHECK_EQ(books_symbol(books, 0)->bid_qty, 5);
	CHECK_EQ(books_symbol(books, 0)->bid_levels, 1);
	CHECK_EQ(books_symbol(books, 0)->ask, 4250500000000);
	CHECK_EQ(books_symbol(books, 1)->bid, 98000000000);
	CHECK_EQ(books_symbol(books, 1)->ask_qty, 2);

	run_begin(0);
	put_refresh(4, 1, 0);
	put_entry(INT64_MAX, INT32_MAX, 118, 0, 'J');
	end_refresh();
	CHECK_EQ(decode_made(1), 1);
	CHECK_EQ(got[0].kind, HP_MESSAGE_CLEAR);
	CHECK_EQ(hp_books_apply(books, &got[0]), 0);
	CHECK_EQ(books_symbol(books, 0)->bid_levels + books_symbol(books, 0)->ask_levels, 0);
	CHECK_EQ(books_symbol(books, 1)->bid_levels, 1);
	free(memory);
	finish();
}

/* A run cut anywhere is read to where it is cut. */
static void every_cut_is_counted_once(void)
{
	table_mdp3(&table);
	put_book();
	for (size_t size = 0; size < made_size; size++) {
		fresh(open_table);
		decode_bytes(size, 2);
		CHECK_EQ(report.faults[HP_FAULT_PAST_END], 1);
		CHECK_EQ(all_faults(), 1);
	}
	finish();
}

static void messages_without_a_length(void)
{
	table_begin(&table, 0, 1);
	table.prefix = 0;
	table_message(&table, 1, 4);
	table_meaning(&table, HP_MESSAGE_LEVEL);
	table_step(&table, HP_SCHEMA_PRICE, HP_SCHEMA_UNSIGNED, 2, 2);
	fresh(open_table);
	run_begin(0);
	for (uint32_t i = 0; i < 3; i++) {
		put(1, 2);
		put(500 + i, 2);
	}
	CHECK_EQ(decode_made(UINT32_MAX), 3);
	CHECK_EQ(got[2].price, 502);
	CHECK_EQ(got[2].seq, 102);
	CHECK_EQ(all_faults(), 0);
	put(9, 4); /* of a type nobody knows, and so of a length nobody knows */
	put(1, 4);
	CHECK_EQ(decode_made(UINT32_MAX), 3);
	expect_fault(HP_FAULT_UNKNOWN_TYPE, 9, 103);
	fresh(open_table);
	CHECK_EQ(decode_bytes(7, UINT32_MAX), 1);
	expect_fault(HP_FAULT_PAST_END, 1, 101);
	finish();
}

/* ---- from outside ---- */

static void decode_checks_its_arguments(void)
{
	static const uint8_t bytes[] = {0, 3, 'M', 1, 2};

	table_begin(&table, 1, 1);
	table_message(&table, 'M', 3);
	table_meaning(&table, HP_MESSAGE_OTHER);
	table_step(&table, HP_SCHEMA_OTHER, HP_SCHEMA_UNSIGNED, 2, 1);
	memset(&report, 0, sizeof(report));
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, bytes, sizeof(bytes), got, 4, &report), 1);
	CHECK_EQ(got[0].other, 0x0102);
	CHECK_EQ(got[0].seq, 1);
	CHECK_EQ(report.messages['M'], 1);
	CHECK_EQ(hp_decode(HP_FEED_LLL, &table, bytes, sizeof(bytes), got, 4, &report), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, NULL, bytes, sizeof(bytes), got, 4, &report), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, NULL, 5, got, 4, &report), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, bytes, -1, got, 4, &report), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, bytes, 5, got, 0, &report), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, bytes, 5, got, 4, NULL), -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_SCHEMA, &table, bytes, 5, (struct hp_message *)((char *)got + 8), 4,
			   &report),
		 -EINVAL);
	CHECK_EQ(hp_decode(HP_FEED_DEEP, NULL, bytes, 5, got, 4, &report), 0);
}

int main(void)
{
	RUN(fields_are_read_wherever_they_lie);
	RUN(amounts_are_scaled_and_checked);
	RUN(entries_become_messages);
	RUN(later_versions_are_read_as_well);
	RUN(groups_go_on_where_they_were);
	RUN(wrong_groups_are_counted);
	RUN(only_wanted_symbols_come_out);
	RUN(entries_become_books);
	RUN(every_cut_is_counted_once);
	RUN(messages_without_a_length);
	RUN(decode_checks_its_arguments);
	return 0;
}
