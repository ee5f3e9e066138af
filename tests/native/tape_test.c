/* SPDX-License-Identifier: MIT */
/* The tape as a container: cutting it into datagrams, reading it back, refusing nonsense. */
#include <errno.h>

#include "check.h"
#include "lab/tape.h"

static void packing(void)
{
	struct hp_tape *tape = tape_new(0);
	struct tape_record record = {.price = 1, .qty = 1};

	/* Seven of one message, of them three snapshot; then three, then one that stepped back in time. */
	for (int i = 0; i < 11; i++) {
		record.flags = i < 3 ? HP_FLAG_SNAPSHOT : 0;
		record.at_ns = i < 7 ? 0 : i < 10 ? 500 : -500;
		CHECK_EQ(tape_append(tape, &record), 0);
	}
	tape_pack(tape, 2);
	CHECK_EQ(tape->info.records, 11);
	CHECK_EQ(tape->info.messages, 3);
	CHECK_EQ(tape->info.snapshot_records, 3);
	/* 2 1 | 2 2 | 2 1 | 1 */
	CHECK_EQ(tape->info.datagrams, 7);
	CHECK_EQ(tape->records[2].first, 1);
	CHECK_EQ(tape->records[3].first, 1);
	CHECK_EQ(tape->records[7].first, 1);
	CHECK_EQ(tape->records[8].first, 0);
	CHECK_EQ(tape->records[10].first, 1);
	tape_pack(tape, 5);
	CHECK_EQ(tape->info.datagrams, 4);
	tape_pack(tape, 1);
	CHECK_EQ(tape->info.datagrams, 11);
	hp_tape_close(tape);
}

static void reading(void)
{
	struct hp_tape *tape = tape_new(0);
	struct tape_record record = {.price = INT64_C(1) << 53, .qty = INT32_MAX};
	struct hp_tape_info info;
	double rows[6];

	for (int i = 0; i < 5000; i++) {
		record.flags = i % 2 ? HP_FLAG_BID : 0;
		CHECK_EQ(tape_append(tape, &record), 0);
	}
	tape_pack(tape, 5);
	CHECK_EQ(hp_tape_info(tape, &info), 0);
	CHECK_EQ(info.datagrams, 1000);
	CHECK_EQ(hp_tape_read(tape, 4998, 9, rows), 2);
	CHECK_EQ(rows[0], 9007199254740992);
	CHECK_EQ(rows[1], INT32_MAX);
	CHECK_EQ(rows[2], 0);
	CHECK_EQ(rows[5], HP_FLAG_BID | HP_FLAG_LAST);
	CHECK_EQ(hp_tape_read(tape, 5000, 2, rows), 0);
	CHECK_EQ(hp_tape_read(tape, INT32_MAX, INT32_MAX, rows), 0);
	CHECK_EQ(hp_tape_read(tape, 0, 0, rows), 0);
	CHECK_EQ(hp_tape_read(tape, -1, 1, rows), -EINVAL);
	CHECK_EQ(hp_tape_read(tape, 0, -1, rows), -EINVAL);
	CHECK_EQ(hp_tape_read(tape, 0, 1, NULL), -EINVAL);
	CHECK_EQ(hp_tape_read(NULL, 0, 1, rows), -EINVAL);
	CHECK_EQ(hp_tape_info(NULL, &info), -EINVAL);
	CHECK_EQ(hp_tape_info(tape, NULL), -EINVAL);
	CHECK_EQ(hp_tape_close(tape), 0);
	CHECK_EQ(hp_tape_close(NULL), -EINVAL);
}

static void pack_is_checked(void)
{
	for (int32_t pack = 1; pack <= 5; pack++)
		CHECK_EQ(tape_check_pack(pack), 0);
	CHECK_EQ(tape_check_pack(0), -EINVAL);
	CHECK_EQ(tape_check_pack(6), -EINVAL);
	CHECK_EQ(tape_check_pack(-1), -EINVAL);
}

int main(void)
{
	RUN(packing);
	RUN(reading);
	RUN(pack_is_checked);
	return 0;
}
