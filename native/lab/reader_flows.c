// SPDX-License-Identifier: MIT
/*
 * Which flows of a capture are market data: every UDP payload is tried as a packet of each protocol, to the
 * last length in it, and a flow is what most of its payloads are. Nothing else tells: ports and groups differ
 * from venue to venue. One pass over a capture that is in memory already.
 */
#include <string.h>

#include "feed/iex.h"
#include "feed/lll.h"
#include "feed/run.h"
#include "feed/stream.h"
#include "lab/reader.h"

#define MOLD_SESSION  10 /* bytes, the first of a packet */
#define TOPS_PROTOCOL 0x8003
#define DEEP_PROTOCOL 0x8004

/* The blocks of a packet end where it does. */
static int blocks_fit(const struct packet_header *header, int big_endian)
{
	const uint8_t *at = header->payload, *end = at + header->payload_len;

	for (uint32_t left = header->end ? 0 : header->count; left; left--) {
		uint32_t length;

		if (end - at < 2)
			return 0;
		length = big_endian ? load_be16(at) : load_le16(at);
		if (end - at - 2 < (ptrdiff_t)length)
			return 0;
		at += 2 + length;
	}
	return at == end;
}

static int is_lll(const uint8_t *data, uint32_t len)
{
	if (!len || len % LLL_RECORD_BYTES || len > LLL_RECORDS_MAX * LLL_RECORD_BYTES)
		return 0;
	for (uint32_t at = 0; at < len; at += LLL_RECORD_BYTES)
		if (!reader_is_record(data + at))
			return 0;
	return 1;
}

static int is_printable(const uint8_t *text, size_t count)
{
	while (count && *text >= ' ' && *text <= '~')
		text++, count--;
	return !count;
}

/*
 * What a payload is: an enum hp_reader_feed, -1: none. *whole: its messages end where it does. `unread` is
 * its IEX-TP protocol when that is another.
 */
static int payload_feed(const uint8_t *data, uint32_t len, struct packet_header *header, int *whole,
			uint32_t *unread)
{
	if (is_lll(data, len)) {
		*header = (struct packet_header){0};
		*whole = 1;
		return HP_READER_LLL;
	}
	if (!framing_iextp.read(data, len, header)) {
		uint16_t protocol = load_le16(data + 2);

		*whole = blocks_fit(header, 0);
		if (protocol == DEEP_PROTOCOL)
			return HP_READER_DEEP;
		if (protocol == TOPS_PROTOCOL)
			return HP_READER_TOPS;
		*unread = protocol;
		return -1;
	}
	if (framing_moldudp64.read(data, len, header) || !is_printable(data, MOLD_SESSION))
		return -1;
	*whole = blocks_fit(header, 1);
	return HP_READER_ITCH50;
}

struct reader_flow *reader_flow_of(struct reader_flows *flows, const struct dissected *found)
{
	for (uint32_t i = 0; i < flows->count; i++)
		if (flows->flows[i].ip == found->ip && flows->flows[i].port == found->port)
			return &flows->flows[i];
	return NULL;
}

static struct reader_flow *add_flow(struct reader_flows *flows, const struct dissected *found)
{
	struct reader_flow *flow;

	if (flows->count == READER_FLOWS)
		return NULL;
	flow = &flows->flows[flows->count++];
	*flow = (struct reader_flow){.ip = found->ip, .port = found->port};
	return flow;
}

static void count_payload(struct reader_flows *flows, const struct dissected *found)
{
	struct reader_flow *flow = reader_flow_of(flows, found);
	struct packet_header header;
	int feed, whole = 0;

	if (!flow && !(flow = add_flow(flows, found)))
		return;
	flow->datagrams += 1;
	feed = payload_feed(found->payload, found->there, &header, &whole, &flows->unread);
	if (feed < 0)
		return;
	if (whole && !flow->whole[feed])
		memcpy(flow->sessions[feed], header.session, sizeof(header.session));
	flow->whole[feed] += whole;
	flow->fits[feed] += 1;
}

void reader_flows_find(struct reader_line *line)
{
	size_t begin = line->capture.at;
	struct capture_packet packet;
	struct dissected found;

	while (capture_next(&line->capture, &packet) > 0)
		if (capture_datagram(&packet, &found) == DISSECT_OURS)
			count_payload(&line->flows, &found);
	line->capture.at = begin;
}
