/* SPDX-License-Identifier: MIT */
/* Which decoder a feed has; and hp_decode(), a decoder for as long as one call. That is for tests and people,
 * who have bytes and want to know what they say; the engine and the reader keep theirs. */
#include <errno.h>
#include <stdlib.h>

#include "feed/iex.h"
#include "feed/itch50.h"
#include "feed/run.h"
#include "feed/schema.h"
#include "measure/error.h"

int decoder_open_feed(struct decoder **out, int32_t feed, const struct hp_schema *schema,
		      struct hp_report *report, struct symbols *symbols)
{
	switch (feed) {
	case HP_FEED_ITCH50:
		return itch50_open(out, report, symbols);
	case HP_FEED_DEEP:
		return deep_open(out, report, symbols);
	case HP_FEED_TOPS:
		return tops_open(out, report, symbols);
	case HP_FEED_SCHEMA:
		if (!schema)
			return fail(EINVAL, "Cannot open a feed by description: there is none");
		return schema_open(out, schema, report, symbols);
	default:
		return fail(EINVAL,
			    "Cannot decode feed %d: it has no decoder of runs; itch50, deep, tops and schema "
			    "have",
			    feed);
	}
}

HP_API int32_t hp_decode(int32_t feed, const struct hp_schema *schema, const uint8_t *bytes, int32_t length,
			 struct hp_message *out, int32_t max, struct hp_report *report)
{
	struct run run = {.at = bytes, .end = bytes, .left = RUN_OPEN, .seq = 1};
	struct symbols *symbols;
	struct decoder *decoder;
	int code;

	if (!bytes || length < 0 || !out || max < 1 || !report || (uintptr_t)out % 64)
		return fail(EINVAL,
			    "Cannot decode: %d bytes into %d messages, which need an address that is a "
			    "multiple of 64, and a report",
			    length, max);
	symbols = malloc(sizeof(*symbols));
	if (!symbols)
		return fail(ENOMEM,
			    "Cannot decode: no memory for %zu bytes of symbols; free some and try again",
			    sizeof(*symbols));
	symbols_init(symbols, HP_SYMBOLS);
	code = decoder_open_feed(&decoder, feed, schema, report, symbols);
	if (!code) {
		run.end += length;
		code = decoder->ops->decode(decoder, &run, out, max);
		decoder->ops->close(decoder);
	}
	free(symbols);
	return code;
}
