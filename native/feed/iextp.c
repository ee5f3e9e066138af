/* SPDX-License-Identifier: MIT */
/*
 * IEX-TP 1: the header in front of a run of messages (a "segment"), and the gap-fill request. Everything is
 * little-endian.
 *
 *	version u8 @0 (1)     protocol u16 @2	   channel u32 @4	session u32 @8
 *	payload length u16 @12	count u16 @14	offset i64 @16	sequence i64 @24	sent i64 @32
 *	{ length u16, bytes } ...	from 40 on
 *
 * A segment without messages is a heartbeat and carries the number that comes next. A session's numbers can
 * begin again at 1 under the same session id: the time of sending tells the runs apart. Nothing says that a
 * session is over.
 *
 * The payload may be shorter than stated (a datagram cut on its way): what is there is read, and the message
 * that is cut counts as missing.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "feed/run.h"
#include "feed/stream.h"

#define HEADER_BYTES  40u
#define REQUEST_BYTES 32u
#define VERSION	      1
#define BY_SEQUENCE   1 /* the kind of a request's ranges */

enum header_offset {
	HEADER_PROTOCOL = 2,
	HEADER_CHANNEL = 4, /* and the session, 8 bytes together */
	HEADER_PAYLOAD = 12,
	HEADER_COUNT = 14,
	HEADER_SEQ = 24,
	HEADER_SENT = 32,
};

enum request_offset {
	REQUEST_KIND = 1,
	REQUEST_PROTOCOL = 2,
	REQUEST_CHANNEL = 4,
	REQUEST_RANGES = 12,
	REQUEST_FIRST = 16,
	REQUEST_LAST = 24,
};

static int iextp_read(const uint8_t *data, uint32_t len, struct packet_header *out)
{
	uint32_t stated;
	uint64_t seq;

	if (len < HEADER_BYTES || data[0] != VERSION)
		return -EBADMSG;
	seq = load_le64(data + HEADER_SEQ);
	if (!seq || seq > STREAM_SEQ_MAX)
		return -EBADMSG;
	stated = load_le16(data + HEADER_PAYLOAD);
	out->protocol = load_le16(data + HEADER_PROTOCOL);
	out->session[0] = load_le64(data + HEADER_CHANNEL);
	out->session[1] = out->protocol;
	out->seq = (int64_t)seq;
	out->count = load_le16(data + HEADER_COUNT);
	out->end = 0;
	out->sent_ns = (int64_t)load_le64(data + HEADER_SENT);
	out->payload = data + HEADER_BYTES;
	out->payload_len = len - HEADER_BYTES < stated ? len - HEADER_BYTES : stated;
	return 0;
}

static uint32_t iextp_request(uint8_t *out, const struct packet_header *like, int64_t seq, uint32_t count)
{
	uint64_t channel = htole64(like->session[0]), first = htole64((uint64_t)seq);
	uint64_t last = htole64((uint64_t)seq + count - 1);
	uint16_t protocol = htole16((uint16_t)like->session[1]);
	uint32_t ranges = htole32(1);

	out[0] = VERSION;
	out[REQUEST_KIND] = BY_SEQUENCE;
	memcpy(out + REQUEST_PROTOCOL, &protocol, 2);
	memcpy(out + REQUEST_CHANNEL, &channel, 8);
	memcpy(out + REQUEST_RANGES, &ranges, 4);
	memcpy(out + REQUEST_FIRST, &first, 8);
	memcpy(out + REQUEST_LAST, &last, 8);
	return REQUEST_BYTES;
}

const struct framing framing_iextp = {
	.name = "IEX-TP",
	.little_endian = 1,
	.protocols = {0x8003, 0x8004}, /* TOPS 1.6, DEEP 1.0 */
	.read = iextp_read,
	.request = iextp_request,
};
