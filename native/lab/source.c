// SPDX-License-Identifier: MIT
/*
 * The next datagram, from its number alone (book) or from where the tape or capture stands. One that has come
 * to its end begins again; a tape's sequence goes on, and the snapshot at its beginning makes the receiver's
 * book anew.
 */
#include <endian.h>
#include <string.h>

#include "../../bpf/generate.h"
#include "lab/source.h"

#define STAMP_OFFSET 14 /* of local_ts_ns in a record: the one field that is written after encoding */

static uint32_t next_records(const struct source *source)
{
	size_t end = source->at + 1;

	if (!source->tape)
		return source->records;
	while (end < source->tape->count && !source->tape->records[end].first)
		end++;
	return (uint32_t)(end - source->at);
}

uint32_t source_bytes(const struct source *source)
{
	if (source->capture)
		return source->payloads[source->at].len;
	return next_records(source) * LLL_RECORD_BYTES;
}

static void take(struct source *source, struct lll_record *out)
{
	const struct tape_record *record;
	uint64_t n = (uint64_t)(source->seq - source->first);

	if (!source->tape) {
		out->price = (int64_t)generate_price(n);
		out->qty = (int32_t)generate_qty(n);
		out->flags = generate_flags(n);
		return;
	}
	record = &source->tape->records[source->at];
	source->at = (source->at + 1) % source->tape->count;
	out->price = record->price;
	out->qty = record->qty;
	out->flags = record->flags;
}

uint32_t source_write(struct source *source, uint8_t *bytes, int last)
{
	uint32_t records;

	if (source->capture) {
		memcpy(bytes, source->payloads[source->at].data, source->payloads[source->at].len);
		source->at = (source->at + 1) % source->count;
		return 0;
	}
	records = next_records(source);
	for (uint32_t i = 0; i < records; i++) {
		struct lll_record record = {.seq = source->seq};

		take(source, &record);
		if (last && i + 1 == records)
			record.flags |= HP_FLAG_LAST;
		lll_encode(bytes + i * LLL_RECORD_BYTES, &record);
		source->seq++;
	}
	return records;
}

void source_stamp(uint8_t *bytes, uint32_t records, int64_t now_ns)
{
	uint64_t stamp = htole64((uint64_t)now_ns);

	for (uint32_t i = 0; i < records; i++)
		memcpy(bytes + i * LLL_RECORD_BYTES + STAMP_OFFSET, &stamp, sizeof(stamp));
}

double source_datagrams(const struct source *source)
{
	double datagrams = (double)source->count;

	for (size_t i = 0; source->tape && i < source->tape->count; i++)
		datagrams += i == 0 || source->tape->records[i].first;
	return datagrams;
}
