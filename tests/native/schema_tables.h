/* SPDX-License-Identifier: MIT */
/* Schema tables by hand, as lib/feed/compile.ts makes them: fields are added to what was added last. And a
 * run of the published layout among them, byte by byte. */
#ifndef HP_SCHEMA_TABLES_H
#define HP_SCHEMA_TABLES_H

#include <string.h>

#include "feed/schema.h"
#include "runs.h"

static inline void table_begin(struct hp_schema *table, int big, double price_scale)
{
	memset(table, 0, sizeof(*table));
	table->magic = HP_SCHEMA_MAGIC;
	table->big = table->prefix_big = (uint8_t)big;
	table->prefix = 2;
	table->price_scale = price_scale;
	table->qty_scale = 1;
	table->block_at = HP_SCHEMA_NONE;
	table->type_bytes = 1;
}

static inline struct hp_schema_message *table_message(struct hp_schema *table, uint16_t type, uint16_t length)
{
	struct hp_schema_message *message = &table->message[table->messages++];

	*message = (struct hp_schema_message){
		.type = type,
		.number = (uint8_t)type,
		.exact = 1,
		.length = length,
		.first_meaning = table->meanings,
		.first_step = table->steps,
	};
	return message;
}

/* A step of the message when it has no meaning yet, else of its last meaning. */
static inline struct hp_schema_step *table_step(struct hp_schema *table, enum hp_schema_target target,
						enum hp_schema_load load, uint8_t width, uint16_t offset)
{
	struct hp_schema_message *message = &table->message[table->messages - 1];
	struct hp_schema_step *step = &table->step[table->steps++];

	*step = (struct hp_schema_step){.target = (uint8_t)target,
					.load = (uint8_t)load,
					.width = width,
					.offset = offset,
					.mask = 0xff,
					.scale = 1,
					.most = 0x1p53};
	if (message->meanings)
		table->meaning[table->meanings - 1].steps++;
	else
		message->steps++;
	return step;
}

static inline void table_meaning(struct hp_schema *table, enum hp_message_kind kind)
{
	table->message[table->messages - 1].meanings++;
	table->meaning[table->meanings++] = (struct hp_schema_meaning){
		.kind = (uint8_t)kind, .first_test = table->tests, .first_step = table->steps};
}

/* The last meaning holds when the byte is one of these. */
static inline void table_test(struct hp_schema *table, uint8_t entry, uint16_t offset, const char *values,
			      uint8_t count)
{
	struct hp_schema_test *test = &table->test[table->tests++];

	*test = (struct hp_schema_test){.offset = offset, .entry = entry, .count = count};
	memcpy(test->values, values, count);
	table->meaning[table->meanings - 1].tests++;
}

static inline void of_entry(struct hp_schema_step *step)
{
	step->entry = 1;
}

/* A level of an MDP 3.0 entry. */
static inline void table_refresh_level(struct hp_schema *table, const char *actions, uint8_t count, int gone)
{
	struct hp_schema_step *step;

	table_meaning(table, HP_MESSAGE_LEVEL);
	table_test(table, 1, 26, "01", 2);
	table_test(table, 1, 25, actions, count);
	step = table_step(table, HP_SCHEMA_PRICE, HP_SCHEMA_SIGNED, 8, 0);
	of_entry(step);
	step->check = HP_SCHEMA_AMOUNT | HP_SCHEMA_POSITIVE;
	if (!gone) {
		step = table_step(table, HP_SCHEMA_QTY, HP_SCHEMA_SIGNED, 4, 8);
		of_entry(step);
		step->check = HP_SCHEMA_AMOUNT | HP_SCHEMA_POSITIVE;
	}
	step = table_step(table, HP_SCHEMA_FLAG, HP_SCHEMA_TEXT, 1, 26);
	of_entry(step);
	step->value = '0';
	step->otherwise = '1';
	step->flags = HP_FLAG_BID;
	step->check = HP_SCHEMA_EITHER;
	step = table_step(table, HP_SCHEMA_FLAG, HP_SCHEMA_UNSIGNED, 1, 16);
	step->mask = 4;
	step->flags = HP_MESSAGE_OPEN;
}

/* CME MDP 3.0, template 46: an SBE header, a root block of 11 bytes, a group of entries of 32. Levels are
 * OPEN until the message that is the last of its event about quotes. */
static inline void table_mdp3(struct hp_schema *table)
{
	struct hp_schema_message *message;

	table_begin(table, 0, 1e9);
	table->prefix_whole = 1;
	table->type_at = 2;
	table->type_bytes = 2;
	table->block_at = 0;
	table->block = 8;
	message = table_message(table, 46, 19);
	message->number = 0;
	message->exact = 0;
	message->group = 3;
	message->group_count = 2;
	message->count_bytes = 1;
	message->entry_length = 32;
	of_entry(table_step(table, HP_SCHEMA_SYMBOL_ID, HP_SCHEMA_SIGNED, 4, 12));
	table_step(table, HP_SCHEMA_TIME, HP_SCHEMA_UNSIGNED, 8, 8);
	table_refresh_level(table, "\0\1\5", 3, 0);
	table_refresh_level(table, "\2", 1, 1);
	table_meaning(table, HP_MESSAGE_CLEAR);
	table_test(table, 1, 26, "J", 1);
	table_meaning(table, HP_MESSAGE_OTHER);
	table_test(table, 1, 26, "EF", 2);
}

#define MDP3_TIME INT64_C(1700000000123456789)

static inline void put_entry(int64_t price, int32_t size, int32_t id, uint8_t action, char type)
{
	put((uint64_t)price, 8);
	put((uint32_t)size, 4);
	put((uint32_t)id, 4);
	put(1, 4); /* report sequence */
	put(1, 4); /* orders */
	put(1, 1); /* level */
	put(action, 1);
	put((uint8_t)type, 1);
	put(0, 5);
}

/* The message up to its entries; `wider`: bytes that a later version of it has more. */
static inline void put_refresh(uint8_t match_event, uint8_t entries, uint32_t wider)
{
	message_begin();
	put(11 + wider, 2);
	put(46, 2);
	put(1, 2);
	put(9, 2);
	put((uint64_t)MDP3_TIME, 8);
	put(match_event, 1);
	put(0, 2 + wider);
	put(32 + wider, 2);
	put(entries, 1);
}

/* CME's length counts itself. */
static inline void end_refresh(void)
{
	message_end_as(made_size - made_start);
}

static inline void put_orders_group(void)
{
	put(24, 2);
	put(0, 5);
	put(0, 1);
}

static inline void put_book(void)
{
	run_begin(0);
	put_refresh(0, 3, 0);
	put_entry(4250250000000, 7, 118, 0, '0');
	put_entry(4250500000000, 4, 118, 0, '1');
	put_entry(4250000000000, 5, 118, 0, '0');
	put_orders_group();
	end_refresh();
	put_refresh(4, 4, 0);
	put_entry(4250250000000, 7, 118, 2, '0');
	put_entry(99000000000, 2, 30975, 1, '1');
	put_entry(99000000000, 2, 30975, 1, 'F');
	put_entry(98000000000, 3, 30975, 5, '0');
	put_orders_group();
	end_refresh();
}

#endif
