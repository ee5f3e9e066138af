/* SPDX-License-Identifier: MIT */
/*
 * Tables nobody should make. Some are refused with what is wrong with them; whatever is accepted, random or
 * mutated, reads nothing beyond its messages, which lie in memory of exactly their size.
 * SCHEMA_FUZZ_RUNS changes how many are tried.
 */
#include <errno.h>
#include <stdlib.h>

#include "lab/random.h"
#include "schema_tables.h"

static struct hp_schema table;

static int open_table(struct decoder **out, struct hp_report *to, struct symbols *of)
{
	return schema_open(out, &table, to, of);
}

static void refused(const char *why)
{
	char sentence[512];

	CHECK_EQ(hp_schema_check(&table), -EINVAL);
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0);
	if (!strstr(sentence, why))
		fprintf(stderr, "%s\n", sentence);
	CHECK(strstr(sentence, why));
	CHECK_EQ(schema_open(&decoder, &table, &report, &symbols), -EINVAL);
	table_mdp3(&table);
	CHECK_EQ(hp_schema_check(&table), 0);
}

static void hostile_tables_are_refused(void)
{
	decoder = NULL;
	table_mdp3(&table);
	table.magic++, refused("it is none");
	table.messages = 0, refused("0 messages");
	table.messages = 65, refused("65 messages");
	table.steps = HP_SCHEMA_STEPS + 1, refused("steps");
	table.price_scale = 0, refused("price scale 0");
	table.qty_scale = 0.0 / 0.0, refused("quantity scale");
	table.prefix = 3, refused("a length of 3 bytes");
	table.type_bytes = 0, refused("a type of 0");
	table.type_at = 18, refused("shorter than where its type lies");
	table.type_at = 65535, refused("shorter than where its type lies");
	table.block_at = 18, refused("where its block's length lies");
	table.block = 20, refused("where its block's length lies");
	table.step[1].offset = 12, refused("reads 8 bytes at 12, of 19");
	table.step[2].offset = 65535, refused("of 32");
	table.step[0].width = 9, refused("reads 9 bytes");
	table.step[0].width = 0, refused("reads 0 bytes");
	table.step[1].target = HP_SCHEMA_HALTED + 1, refused("target 14");
	table.step[1].load = 3, refused("load 3");
	table.step[1].scale = 0, refused("scale 0");
	table.step[1].scale = INT32_MIN, refused("scale -2147483648");
	table.step[1].most = -1, refused("allows up to -1");
	table.step[1].flags = 128, refused("flags 0x80");
	table.test[0].offset = 32, refused("looks at byte 32 of 32");
	table.test[0].count = HP_SCHEMA_VALUES + 1, refused("has 11 values");
	table.meaning[0].kind = HP_MESSAGE_KINDS, refused("kind 17");
	table.meaning[0].steps = 255, refused("follow those before, or are beyond the last");
	table.meaning[1].first_step = 0, refused("do not follow those before");
	table.meaning[1].first_test = 0, refused("do not follow those before");
	table.message[0].meanings = 0, refused("no meaning");
	table.message[0].first_meaning = 1, refused("does not follow those before");
	table.message[0].entry_length = 7, refused("entries of 7 bytes");
	table.message[0].group = 0, refused("entries and no group");
	table.message[0].group = 4, table.message[0].group_count = 3, table.message[0].count_bytes = 2,
	refused("beyond the group's header");
	table.message[0].group_length = 255, refused("beyond the group's header");
	table.message[0].exact = 1, refused("a group and an exact length");
	table.prefix = 0, refused("no exact length");
	table.messages = 2, table.message[1] = table.message[0], refused("is there twice");
	CHECK_EQ(hp_schema_check(NULL), -EINVAL);
	CHECK_EQ(schema_open(&decoder, NULL, &report, &symbols), -EINVAL);
}

/* A table that may be good: small numbers where numbers are small. */
static void random_table(struct random *random)
{
	int messages = 1 + (int)random_below(random, 4);

	table_begin(&table, (int)random_below(random, 2), 100);
	table.prefix = (uint8_t)(2 * random_below(random, 2));
	table.prefix_whole = (uint8_t)random_below(random, 2);
	table.type_at = (uint16_t)random_below(random, 4);
	table.type_bytes = (uint8_t)(1 + random_below(random, 2));
	if (random_below(random, 2))
		table.block_at = (uint16_t)random_below(random, 6),
		table.block = (uint16_t)random_below(random, 9);
	for (int i = 0; i < messages; i++) {
		struct hp_schema_message *message =
			table_message(&table, (uint16_t)i, (uint16_t)(2 + random_below(random, 30)));
		uint32_t steps = random_below(random, 4);

		if (table.prefix && random_below(random, 2)) {
			message->exact = 0;
			message->group = (uint8_t)(random_below(random, 3) ? 2 + random_below(random, 8) : 0);
			message->group_length = (uint8_t)random_below(random, 3);
			message->group_count = (uint8_t)random_below(random, 5);
			message->count_bytes = (uint8_t)(1 + random_below(random, 2));
			message->entry_length = (uint16_t)(message->group ? 8 + random_below(random, 20) : 0);
		}
		for (uint32_t meaning = 0; meaning <= 2; meaning++) {
			while (steps--) {
				struct hp_schema_step *step =
					table_step(&table, random_below(random, 14), random_below(random, 3),
						   (uint8_t)(1 + random_below(random, 8)),
						   (uint16_t)random_below(random, 20));

				step->entry = message->group ? (uint8_t)random_below(random, 2) : 0;
				step->check = (uint8_t)random_below(random, 8);
				step->scale = (int32_t)random_below(random, 2000) - 999;
			}
			if (meaning < 2)
				table_meaning(&table, random_below(random, HP_MESSAGE_KINDS));
			if (meaning < 2 && random_below(random, 2))
				table_test(&table, message->group ? (uint8_t)random_below(random, 2) : 0,
					   (uint16_t)random_below(random, 20), "\0\1\2\3\4\5\6\7", 8);
			steps = random_below(random, 5);
		}
	}
}

/* Whatever a table says, once it is accepted: bytes of any kind, from memory of exactly their size. */
static void random_tables_read_nothing_beyond(void)
{
	const char *wanted = getenv("SCHEMA_FUZZ_RUNS");
	int runs = wanted ? atoi(wanted) : 20000, accepted = 0;
	struct random random = {46};
	double came = 0;

	for (int i = 0; i < runs; i++) {
		if (i % 3)
			random_table(&random);
		else
			table_mdp3(&table);
		for (uint32_t changes = random_below(&random, 3); changes; changes--)
			((uint8_t *)&table)[random_below(&random, 4392 + 40 * sizeof(table.step[0]))] =
				(uint8_t)random_next(&random);
		if (hp_schema_check(&table))
			continue;
		accepted++;
		fresh(open_table);
		if (i % 3) {
			run_begin(table.prefix_big);
			for (uint32_t n = random_below(&random, 12); n; n--) {
				message_begin();
				for (uint32_t size = random_below(&random, 60); size; size--)
					put(random_below(&random, 3) ? random_below(&random, 6)
								     : random_next(&random),
					    1);
				if (table.prefix)
					message_end_as(made_size - made_start - (table.prefix_whole ? 0 : 2));
			}
		} else {
			put_book();
		}
		for (uint32_t changes = random_below(&random, 4); changes && made_size; changes--)
			made_run[random_below(&random, (uint32_t)made_size)] = (uint8_t)random_next(&random);
		came += decode_made(random_below(&random, 4) ? UINT32_MAX : random_below(&random, 20));
	}
	printf("   %d of %d tables accepted, %.0f messages\n", accepted, runs, came);
	CHECK(accepted > runs / 10 && came > runs / 10);
	finish();
}

int main(void)
{
	RUN(hostile_tables_are_refused);
	RUN(random_tables_read_nothing_beyond);
	return 0;
}
