/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a run, into a decoder. The sanitizers look for memory errors; checked besides is what must
 * hold for any input: every message is counted once and ends in exactly one place, what comes out lies within
 * the run and on the scale, and a run decoded in pieces gives what it gives as a whole.
 *
 * An input is one byte of options, then the run:
 *   bit 0  a file, not a packet        bit 1  only symbol "AAPL" is wanted
 *   bit 2  room for two symbols        bit 3  two types are not wanted        bits 4..7  messages a piece
 */
#ifndef HP_FUZZ_DECODE_H
#define HP_FUZZ_DECODE_H

#include <stdint.h>
#include <string.h>

#include "../check.h"
#include "feed/decoder.h"
#include "symbols.h"

#define PACKET_MESSAGES 40
#define MESSAGES_MAX	4096
#define FIRST_SEQ	1000

typedef int (*decoder_open)(struct decoder **, struct hp_report *, struct symbols *);

struct decoded {
	struct hp_report report;
	struct symbols *symbols;
	struct run run;
	struct hp_message messages[MESSAGES_MAX] __attribute__((aligned(64)));
	int count;
	double unwanted_types; /* messages passed over for their type */
};

static void decode_all(struct decoded *decoded, decoder_open open, uint8_t options, const uint8_t *bytes,
		       size_t size, int piece)
{
	struct decoder *decoder;
	int count;

	memset(&decoded->report, 0, sizeof(decoded->report));
	fresh_symbols(&decoded->symbols, options & 4 ? 2 : HP_SYMBOLS);
	if (options & 2)
		CHECK(symbols_want(decoded->symbols, "AAPL") == 0);
	CHECK(open(&decoder, &decoded->report, decoded->symbols) == 0);
	if (options & 8)
		decoder->wanted_types['A'] = decoder->wanted_types['8'] = 0;
	decoded->run = (struct run){.at = bytes,
				    .end = bytes + size,
				    .left = options & 1 ? UINT32_MAX : PACKET_MESSAGES,
				    .seq = FIRST_SEQ};
	decoded->count = 0;
	do {
		int room = MESSAGES_MAX - decoded->count;

		count = decoder->ops->decode(decoder, &decoded->run, decoded->messages + decoded->count,
					     piece < room ? piece : room);
		CHECK(count >= 0 && count <= piece);
		decoded->count += count;
	} while (count == piece);
	decoded->unwanted_types =
		options & 8 ? decoded->report.messages['A'] + decoded->report.messages['8'] : 0;
	decoder->ops->close(decoder);
}

static void check_message(const struct decoded *decoded, const struct hp_message *message,
			  const uint8_t *bytes, size_t size)
{
	CHECK(message->kind < HP_MESSAGE_KINDS);
	CHECK(message->bytes >= bytes + 2 && message->bytes + message->length <= bytes + size);
	CHECK(message->length > 0 && message->type == message->bytes[0]);
	CHECK(message->symbol < HP_SYMBOLS || message->symbol == HP_SYMBOL_ALL);
	CHECK(message->price >= 0 && message->price <= INT64_C(1) << 53);
	CHECK(message->qty >= 0 && message->qty <= INT64_C(1) << 53);
	CHECK(message->seq >= FIRST_SEQ && message->seq < decoded->run.seq);
	if (message->kind == HP_MESSAGE_ADD || message->kind == HP_MESSAGE_REPLACE)
		CHECK(message->price > 0 && message->qty > 0);
	if (message->kind == HP_MESSAGE_LEVEL)
		CHECK(message->price > 0);
}

/* Every message ended in one place. */
static void check_sums(const struct decoded *decoded, uint8_t options)
{
	const struct hp_report *report = &decoded->report;
	double messages = 0, faults = 0;

	for (int type = 0; type < 256; type++)
		messages += report->messages[type];
	for (int fault = 0; fault < HP_FAULTS; fault++) {
		faults += report->faults[fault];
		CHECK(report->examples[fault].length <= sizeof(report->examples[fault].bytes));
		CHECK(!report->examples[fault].length || report->faults[fault] > 0);
	}
	faults -= report->faults[HP_FAULT_PAST_END];
	CHECK(report->faults[HP_FAULT_PAST_END] <= 1);
	/* An empty message is of type 0 and nowhere else; a wrong length counts under its type, wanted or
	 * not. */
	faults += decoded->count + report->skipped + decoded->unwanted_types;
	CHECK(messages <= faults + report->messages[0]);
	CHECK(messages + report->faults[HP_FAULT_WRONG_LENGTH] + report->faults[HP_FAULT_UNKNOWN_TYPE] >=
	      faults);
	if (options & 1)
		CHECK(decoded->run.seq - FIRST_SEQ == messages);
	else
		CHECK(decoded->run.seq - FIRST_SEQ == PACKET_MESSAGES && !decoded->run.left);
}

static int fuzz_decoder(decoder_open open, const uint8_t *data, size_t size)
{
	static struct decoded whole, pieces;
	uint8_t options;
	uint8_t *exact;

	if (!size || size > MESSAGES_MAX)
		return 0;
	options = data[0];
	size--;
	/* A copy of exactly that size: reading past a run must show. */
	exact = malloc(size ? size : 1);
	CHECK(exact);
	memcpy(exact, data + 1, size);
	decode_all(&whole, open, options, exact, size, MESSAGES_MAX);
	decode_all(&pieces, open, options, exact, size, 1 + (options >> 4));
	for (int i = 0; i < whole.count; i++)
		check_message(&whole, &whole.messages[i], exact, size);
	check_sums(&whole, options);
	CHECK(whole.count == pieces.count);
	CHECK(!memcmp(whole.messages, pieces.messages, (size_t)whole.count * sizeof(struct hp_message)));
	CHECK(!memcmp(&whole.report, &pieces.report, sizeof(whole.report)));
	free(exact);
	return 0;
}

#endif
