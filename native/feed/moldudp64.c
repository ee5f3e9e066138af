/* SPDX-License-Identifier: MIT */
/*
 * MoldUDP64 1.0: the header in front of a run of messages, and the request that asks for some of them again.
 * Everything is big-endian.
 *
 *	session a10 @0	 sequence u64 @10, of the first message	   count u16 @18    { length u16, bytes } ...
 *
 * Count 0 is a heartbeat and 0xffff the end of the session: both carry the number of the message that comes
 * next, so that a receiver learns of messages lost at the end. The request is a header alone, with the count
 * that is wanted; what comes back is an ordinary packet with as many of them as fit.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "feed/run.h"
#include "feed/stream.h"

#define HEADER_BYTES 20u
#define END_COUNT    0xffffu

enum header_offset {
	HEADER_SEQ = 10,
	HEADER_COUNT = 18,
};

static int mold_read(const uint8_t *data, uint32_t len, struct packet_header *out)
{
	uint64_t seq;
	uint16_t rest;

	if (len < HEADER_BYTES)
		return -EBADMSG;
	memcpy(&out->session[0], data, 8);
	memcpy(&rest, data + 8, 2);
	seq = load_be64(data + HEADER_SEQ);
	if (!seq || seq > STREAM_SEQ_MAX)
		return -EBADMSG;
	out->session[1] = rest;
	out->seq = (int64_t)seq;
	out->count = load_be16(data + HEADER_COUNT);
	out->end = out->count == END_COUNT;
	if (out->end)
		out->count = 0;
	out->protocol = 0;
	out->sent_ns = 0;
	out->payload = data + HEADER_BYTES;
	out->payload_len = len - HEADER_BYTES;
	return 0;
}

static uint32_t mold_request(uint8_t *out, const struct packet_header *like, int64_t seq, uint32_t count)
{
	uint64_t first = htobe64((uint64_t)seq);
	uint16_t rest = (uint16_t)like->session[1];
	uint16_t wanted = htobe16((uint16_t)(count < END_COUNT ? count : END_COUNT - 1));

	memcpy(out, &like->session[0], 8);
	memcpy(out + 8, &rest, 2);
	memcpy(out + HEADER_SEQ, &first, 8);
	memcpy(out + HEADER_COUNT, &wanted, 2);
	return HEADER_BYTES;
}

const struct framing framing_moldudp64 = {
	.name = "MoldUDP64",
	.read = mold_read,
	.request = mold_request,
};
