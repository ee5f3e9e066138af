/* SPDX-License-Identifier: MIT */
/*
 * lll as a feed: the sequencer's records as messages that set price levels of symbol 0. A session's first
 * record comes behind a CLEAR, for nothing of the book before is true any more.
 *
 * Two lines need no arbitration of their own here: every record has its number, so the sequencer takes the
 * copy that comes first. It hands on a record at a time and decodes none ahead: the ring stays empty, and one
 * book of one symbol has nothing to fetch. A record that waited was decoded when it came, so messages have no
 * bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/lll.h"
#include "measure/error.h"

struct lll_feed {
	struct feed feed;
	struct sequencer sequencer;
	struct hp_line_stats *lines;
	struct hp_message clear;
	struct hp_message message;
	int held; /* `message` is still to be handed on, behind `clear` */
};

static void lll_push(struct feed *feed, const struct feed_packet *packet)
{
	struct lll_feed *lll = (struct lll_feed *)feed;
	struct hp_line_stats *line = &lll->lines[packet->line];

	line->packets += 1;
	sequencer_push(&lll->sequencer, packet->data, packet->len, packet->truncated);
	if (lll->sequencer.left)
		line->messages += lll->sequencer.left / LLL_RECORD_BYTES;
	else
		line->refused += 1;
}

static enum feed_kind lll_next(struct feed *feed, const struct hp_message **message, uint64_t now)
{
	struct lll_feed *lll = (struct lll_feed *)feed;
	struct sequenced record;
	int kind;

	*message = &lll->message;
	if (__builtin_expect(lll->held, 0)) {
		lll->held = 0;
		return FEED_MESSAGE;
	}
	kind = sequencer_next(&lll->sequencer, &record, now);
	feed->waits = lll->sequencer.waiting != 0;
	if (kind == SEQUENCED_NONE)
		return FEED_NONE;
	if (kind == SEQUENCED_GAP) {
		feed->gap = (struct feed_gap){.first = record.seq, .count = record.count, .lost = 1};
		return FEED_GAP;
	}
	lll->message.flags = (uint8_t)record.flags;
	lll->message.seq = record.seq;
	lll->message.time_ns = record.sent_ns;
	lll->message.price = record.price;
	lll->message.qty = record.qty;
	if (__builtin_expect(record.fresh, 0)) {
		lll->clear.seq = record.seq;
		lll->clear.time_ns = record.sent_ns;
		lll->held = 1;
		*message = &lll->clear;
	}
	return FEED_MESSAGE;
}

static void lll_close(struct feed *feed)
{
	free(feed);
}

static const struct feed_ops lll_ops = {
	.name = "lll",
	.push = lll_push,
	.next = lll_next,
	.close = lll_close,
};

int lll_feed_open(struct feed **out, struct hp_feed_stats *stats, struct hp_line_stats *lines,
		  struct hp_report *report, uint64_t hole_ns)
{
	size_t bytes = (sizeof(struct lll_feed) + 63) / 64 * 64;
	struct lll_feed *lll = aligned_alloc(64, bytes);

	if (!lll)
		return fail(ENOMEM, "Cannot open feed lll: out of memory");
	memset(lll, 0, bytes);
	lll->feed.ops = &lll_ops;
	lll->feed.report = report;
	lll->lines = lines;
	lll->message.kind = HP_MESSAGE_LEVEL;
	lll->message.type = LLL_TYPE_UPDATE;
	lll->clear.kind = HP_MESSAGE_CLEAR;
	sequencer_init(&lll->sequencer, stats, report, hole_ns);
	*out = &lll->feed;
	return 0;
}
