/* SPDX-License-Identifier: MIT */
/*
 * lll's bytes (layout: lll.h). Fields lie at odd offsets, so they are copied out with memcpy, which compilers
 * turn into one unaligned load each. A packed struct over the bytes would read shorter, and would tie the
 * code to little-endian machines.
 *
 * Decoding checks what a book could not undo, price and quantity; whether a sequence number makes sense is
 * the sequencer's business.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "feed/lll.h"
#include "feed/load.h"

#define EXACT_MAX  (INT64_C(1) << 53) /* integers up to here are exact in a double */
#define WIRE_FLAGS (HP_FLAG_BID | HP_FLAG_SNAPSHOT | HP_FLAG_LAST)

enum record_offset {
	RECORD_SEQ = 6,
	RECORD_SENT = 14,
	RECORD_PRICE = 22,
	RECORD_QTY = 30,
	RECORD_FLAGS = 34,
};

enum order_offset {
	ORDER_SUBMIT = 6,
	ORDER_TRIGGER_SEQ = 14,
	ORDER_TRIGGER_RECV = 22,
	ORDER_ID = 30,
	ORDER_PRICE = 38,
	ORDER_QTY = 46,
	ORDER_FLAGS = 50,
};

static inline void store64(uint8_t *bytes, uint64_t value)
{
	value = htole64(value);
	memcpy(bytes, &value, sizeof(value));
}

static inline void store32(uint8_t *bytes, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes, &value, sizeof(value));
}

int lll_decode(const uint8_t *bytes, struct lll_record *out)
{
	if (bytes[0] != LLL_TYPE_UPDATE)
		return -EBADMSG;
	out->seq = (int64_t)load_le64(bytes + RECORD_SEQ);
	out->sent_ns = (int64_t)load_le64(bytes + RECORD_SENT);
	out->price = (int64_t)load_le64(bytes + RECORD_PRICE);
	out->qty = (int32_t)load_le32(bytes + RECORD_QTY);
	/* Masked: a bit the protocol does not have must not turn into one of ours (HP_FLAG_MORE). */
	out->flags = bytes[RECORD_FLAGS] & WIRE_FLAGS;
	if (out->qty < 0 || out->price <= 0 || out->price > EXACT_MAX)
		return -ERANGE;
	return 0;
}

void lll_encode(uint8_t *bytes, const struct lll_record *record)
{
	memset(bytes, 0, LLL_RECORD_BYTES);
	bytes[0] = LLL_TYPE_UPDATE;
	store64(bytes + RECORD_SEQ, (uint64_t)record->seq);
	store64(bytes + RECORD_SENT, (uint64_t)record->sent_ns);
	store64(bytes + RECORD_PRICE, (uint64_t)record->price);
	store32(bytes + RECORD_QTY, (uint32_t)record->qty);
	bytes[RECORD_FLAGS] = record->flags & WIRE_FLAGS;
}

void lll_order_encode(uint8_t *bytes, const struct lll_order *order)
{
	memset(bytes, 0, LLL_ORDER_BYTES);
	bytes[0] = LLL_TYPE_ORDER;
	store64(bytes + ORDER_SUBMIT, (uint64_t)order->submit_ns);
	store64(bytes + ORDER_TRIGGER_SEQ, (uint64_t)order->trigger_seq);
	store64(bytes + ORDER_TRIGGER_RECV, (uint64_t)order->trigger_recv_ns);
	store64(bytes + ORDER_ID, order->id);
	store64(bytes + ORDER_PRICE, (uint64_t)order->price);
	store32(bytes + ORDER_QTY, (uint32_t)order->qty);
	bytes[ORDER_FLAGS] = (uint8_t)order->flags;
}

int lll_order_decode(const uint8_t *bytes, struct lll_order *out)
{
	if (bytes[0] != LLL_TYPE_ORDER)
		return -EBADMSG;
	out->submit_ns = (int64_t)load_le64(bytes + ORDER_SUBMIT);
	out->trigger_seq = (int64_t)load_le64(bytes + ORDER_TRIGGER_SEQ);
	out->trigger_recv_ns = (int64_t)load_le64(bytes + ORDER_TRIGGER_RECV);
	out->id = load_le64(bytes + ORDER_ID);
	out->price = (int64_t)load_le64(bytes + ORDER_PRICE);
	out->qty = (int32_t)load_le32(bytes + ORDER_QTY);
	out->flags = bytes[ORDER_FLAGS];
	return 0;
}
