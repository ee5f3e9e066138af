// SPDX-License-Identifier: MIT
/*
 * lll records one behind the other, as the seed laboratory keeps them: as many as a datagram holds are pushed
 * into the very feed that datagrams are pushed into.
 */
#include <errno.h>

#include "feed/lll.h"
#include "lab/reader.h"
#include "measure/error.h"

#define PACKET (LLL_RECORDS_MAX * LLL_RECORD_BYTES)

static int torn(const struct hp_reader *reader)
{
	return fail(EBADMSG, "Cannot read \"%s\" to its end: a record has %d bytes, of which %d are there",
		    reader->bytes.path, LLL_RECORD_BYTES, reader->part);
}

static int records_pump(struct hp_reader *reader)
{
	struct feed_packet packet = {.data = reader->packet};
	int got;

	if (reader->part)
		return torn(reader); /* only the end of a file is no whole record */
	got = reader_bytes_read(&reader->bytes, reader->packet, PACKET);
	reader->stats->at = (double)gzoffset(reader->bytes.file);
	if (got <= 0)
		return got;
	reader->part = got % LLL_RECORD_BYTES;
	packet.len = (uint32_t)(got - reader->part);
	if (!packet.len)
		return torn(reader);
	reader->feed->ops->push(reader->feed, &packet);
	return 1;
}

int reader_open_records(struct hp_reader *reader)
{
	reader->pump = records_pump;
	return reader_open_lll(reader);
}
