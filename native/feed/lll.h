/* SPDX-License-Identifier: MIT */
/*
 * lll on the wire, little-endian and packed: the seed laboratory's protocol. Market data is one to five
 * 40-byte records a UDP datagram, an order is 51 bytes on a TCP stream; nothing comes back.
 *
 *   record: u8 type=1, 5 pad, i64 seq @6, i64 local_ts_ns @14, i64 price x 1e6 @22, i32 qty @30, u8 flags
 * @34, 5 pad order:  u8 type=2, 5 pad, i64 submit_ns @6, i64 trigger_seq @14, i64 trigger_recv_ns @22, u64 id
 * @30, i64 price x 1e6 @38, i32 qty @46, u8 flags @50
 */
#ifndef HP_LLL_H
#define HP_LLL_H

#include "feed/feed.h"
#include "feed/sequencer.h"

#define LLL_RECORD_BYTES 40
#define LLL_RECORDS_MAX	 5
#define LLL_ORDER_BYTES	 51
#define LLL_TYPE_UPDATE	 1
#define LLL_TYPE_ORDER	 2
#define LLL_PRICE_SCALE	 1e6

/* Decodes one 40-byte record. 0, or -EBADMSG (type), -ERANGE (negative quantity, price off the scale). */
int lll_decode(const uint8_t *bytes, struct lll_record *out);
void lll_encode(uint8_t *bytes, const struct lll_record *record);

/* An order as the exchange reads it and the order room writes it. Quantity 0 cancels the order with that id.
 */
struct lll_order {
	int64_t submit_ns, trigger_seq, trigger_recv_ns; /* ns since the Unix epoch */
	uint64_t id;
	int64_t price;
	int32_t qty;
	uint32_t flags;
};
void lll_order_encode(uint8_t *bytes, const struct lll_order *order);
/* 0 or -EBADMSG (type is not 2). */
int lll_order_decode(const uint8_t *bytes, struct lll_order *out);

/*
 * The protocol as a feed (native/feed/lll_feed.c). hole_ns: as in sequencer_init(). Packets are counted a
 * line in `lines`, records in `stats`. 0 and *out, or fail(...).
 */
int lll_feed_open(struct feed **out, struct hp_feed_stats *stats, struct hp_line_stats *lines,
		  struct hp_report *report, uint64_t hole_ns);

#endif
