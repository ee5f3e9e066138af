/* SPDX-License-Identifier: MIT */
/*
 * The tape as a container: growing it, cutting it into datagrams, letting TypeScript look at it.
 *
 * Everything is held decoded (32 bytes a record), so playing it costs no parsing; the price is memory: an
 * hour of a busy instrument is tens of megabytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/lll.h"
#include "lab/tape.h"
#include "measure/error.h"

struct hp_tape *tape_new(size_t capacity)
{
	struct hp_tape *tape = calloc(1, sizeof(*tape));

	if (tape && capacity)
		tape->records = malloc(capacity * sizeof(*tape->records));
	if (!tape || (capacity && !tape->records)) {
		free(tape);
		fail(ENOMEM, "Cannot hold a tape of %zu records: out of memory; make or load a shorter one",
		     capacity);
		return NULL;
	}
	tape->capacity = capacity;
	return tape;
}

int tape_check_pack(int32_t pack)
{
	if (pack >= 1 && pack <= LLL_RECORDS_MAX)
		return 0;
	return fail(EINVAL, "Cannot pack %d records into a datagram: an lll datagram holds 1 to %d", pack,
		    LLL_RECORDS_MAX);
}

int tape_append(struct hp_tape *tape, const struct tape_record *record)
{
	if (tape->count == tape->capacity) {
		size_t capacity = tape->capacity ? tape->capacity * 2 : 1024;
		struct tape_record *records;

		if (tape->count >= TAPE_RECORDS_MAX)
			return fail(EFBIG, "Cannot hold more than %d records in one tape: split it",
				    TAPE_RECORDS_MAX);
		records = realloc(tape->records, capacity * sizeof(*records));
		if (!records)
			return fail(ENOMEM,
				    "Cannot hold a tape of %zu records: out of memory; use a shorter one",
				    capacity);
		tape->records = records;
		tape->capacity = capacity;
	}
	tape->records[tape->count++] = *record;
	return 0;
}

void tape_pack(struct hp_tape *tape, int32_t pack)
{
	struct hp_tape_info *info = &tape->info;
	int32_t room = 0;

	info->records = (double)tape->count;
	info->snapshot_records = info->datagrams = info->messages = 0;
	for (size_t i = 0; i < tape->count; i++) {
		struct tape_record *record = &tape->records[i];
		const struct tape_record *before = i ? record - 1 : NULL;
		int message = !before || before->at_ns != record->at_ns;
		int edge = before && ((before->flags ^ record->flags) & HP_FLAG_SNAPSHOT);

		record->first = message || edge || room == 0;
		if (record->first)
			room = pack;
		room--;
		info->messages += message;
		info->datagrams += record->first;
		info->snapshot_records += (record->flags & HP_FLAG_SNAPSHOT) != 0;
	}
}

int32_t hp_tape_info(const struct hp_tape *tape, struct hp_tape_info *out)
{
	if (!tape || !out)
		return fail(EINVAL, "Cannot describe the tape: no tape or no place for the answer was given");
	*out = tape->info;
	return 0;
}

int32_t hp_tape_read(const struct hp_tape *tape, int32_t from, int32_t count, double *out)
{
	if (!tape || !out)
		return fail(EINVAL, "Cannot read the tape: no tape or no place for the records was given");
	if (from < 0 || count < 0)
		return fail(EINVAL, "Cannot read %d records from %d on: both must be 0 or more", count, from);
	if ((size_t)from >= tape->count)
		return 0;
	if ((size_t)count > tape->count - (size_t)from)
		count = (int32_t)(tape->count - (size_t)from);
	for (int32_t i = 0; i < count; i++) {
		const struct tape_record *record = &tape->records[from + i];
		uint32_t last = (size_t)from + (size_t)i + 1 == tape->count ? HP_FLAG_LAST : 0;

		*out++ = (double)record->price;
		*out++ = record->qty;
		*out++ = record->flags | last;
	}
	return count;
}

int32_t hp_tape_close(struct hp_tape *tape)
{
	if (!tape)
		return fail(EINVAL, "Cannot close the tape: none was given");
	free(tape->records);
	free(tape);
	return 0;
}
