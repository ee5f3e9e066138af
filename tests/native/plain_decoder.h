/* SPDX-License-Identifier: MIT */
/*
 * A decoder that only numbers messages: every one becomes an hp_message with its number, type byte and bytes.
 * For tests of streams, which do not care what messages mean.
 */
#ifndef HP_PLAIN_DECODER_H
#define HP_PLAIN_DECODER_H

#include "feed/decoder.h"

struct plain_decoder {
	struct decoder decoder;
	int little_endian;
	struct hp_report report;
};

static int plain_decode(struct decoder *decoder, struct run *run, struct hp_message *out, int max)
{
	struct plain_decoder *plain = (struct plain_decoder *)decoder;
	int count = 0;

	while (run->left && count < max) {
		uint32_t len = 0, there = (uint32_t)(run->end - run->at);

		if (there >= 2)
			len = plain->little_endian ? run->at[0] | run->at[1] << 8
						   : run->at[0] << 8 | run->at[1];
		if (there < 2 || len > there - 2) {
			report_fault(decoder->report, HP_FAULT_PAST_END, (double)run->seq, run->at, there);
			run->seq += run->left;
			run->left = 0;
			break;
		}
		out[count++] = (struct hp_message){
			.type = len ? run->at[2] : 0,
			.flags = run->flags,
			.length = (uint8_t)(len < 255 ? len : 255),
			.seq = run->seq,
			.bytes = run->at + 2,
		};
		decoder->report->messages[len ? run->at[2] : 0] += 1;
		run->at += 2 + len;
		run->seq++;
		run->left--;
	}
	return count;
}

static const struct decoder_ops plain_ops = {
	.name = "plain", .price_scale = 1, .qty_scale = 1, .decode = plain_decode};

static inline struct decoder *plain_open(struct plain_decoder *plain, int little_endian)
{
	*plain = (struct plain_decoder){.little_endian = little_endian};
	plain->decoder.ops = &plain_ops;
	plain->decoder.report = &plain->report;
	return &plain->decoder;
}

#endif
