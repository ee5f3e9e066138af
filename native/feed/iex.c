/* SPDX-License-Identifier: MIT */
/*
 * IEX DEEP 1.0 (price levels) and TOPS 1.6 (best quotes), by IEX's specifications of the same names.
 * Little-endian; every message begins with type u8, flags or a sub-type u8, time i64 in ns since the Unix
 * epoch, and, but for system events, the symbol's name.
 *
 * Symbols have no numbers of their own: each wanted one is numbered when it first appears; those nobody wants
 * get none, so that few wishes need little room. That costs a look-up a message, which ITCH does without.
 *
 *   8, 5 (DEEP)  LEVEL; the OPEN flag is set until an event is complete: the best prices are not valid before
 *   Q (TOPS)     QUOTE        T TRADE        B BREAK        A IMBALANCE        D SYMBOL        S SYSTEM
 *   H, O         STATUS. O (this market cannot trade it) tells 'H' and, when that ends, what H said last; an
 * O that changes nothing is OTHER P, E, X, I   OTHER
 *
 * Refused: prices that are 0, negative or beyond what a double holds exactly (in quotes and auctions 0 means
 * none), trades of 0, states and sides that are none. Times are taken as they come.
 */
#include <errno.h>
#include <stdlib.h>

#include "feed/iex.h"
#include "feed/run.h"
#include "measure/error.h"

enum iex_protocol { IEX_BOTH = 0, IEX_DEEP = 1, IEX_TOPS = 2 };

/* Where fields lie, the same wherever a type has them. */
enum iex_offset {
	AT_FLAGS = 1,
	AT_TIME = 2,
	AT_NAME = 10,
	AT_SIZE = 18,
	AT_PRICE = 22,
	AT_TRADE_ID = 30,
	AT_ASK = 30,
	AT_ASK_SIZE = 38,
	AT_IMBALANCE = 38,
	AT_IMBALANCE_SIDE = 42,
};

struct iex_type {
	uint8_t length, kind, counter;
	uint8_t protocol; /* enum iex_protocol: who has it */
};

static const uint8_t counted[RUN_COUNTERS] = "\0SDHIOPE85TXBAQ";

static const struct iex_type types[256] = {
	['S'] = {10, HP_MESSAGE_SYSTEM, 1, IEX_BOTH},	  ['D'] = {31, HP_MESSAGE_SYMBOL, 2, IEX_BOTH},
	['H'] = {22, HP_MESSAGE_STATUS, 3, IEX_BOTH},	  ['I'] = {18, HP_MESSAGE_OTHER, 4, IEX_BOTH},
	['O'] = {18, HP_MESSAGE_STATUS, 5, IEX_BOTH},	  ['P'] = {19, HP_MESSAGE_OTHER, 6, IEX_BOTH},
	['E'] = {18, HP_MESSAGE_OTHER, 7, IEX_DEEP},	  ['8'] = {30, HP_MESSAGE_LEVEL, 8, IEX_DEEP},
	['5'] = {30, HP_MESSAGE_LEVEL, 9, IEX_DEEP},	  ['T'] = {38, HP_MESSAGE_TRADE, 10, IEX_BOTH},
	['X'] = {26, HP_MESSAGE_OTHER, 11, IEX_BOTH},	  ['B'] = {38, HP_MESSAGE_BREAK, 12, IEX_BOTH},
	['A'] = {80, HP_MESSAGE_IMBALANCE, 13, IEX_BOTH}, ['Q'] = {42, HP_MESSAGE_QUOTE, 14, IEX_TOPS},
};

struct iex {
	struct decoder decoder;
	uint32_t protocol;
	struct run_counts counts;
	uint8_t trading[HP_SYMBOLS]; /* run_trading() */
};

static void refuse(struct iex *iex, enum hp_fault fault, const struct run *run, uint32_t length)
{
	report_fault(iex->decoder.report, fault, (double)run->seq, run->at + 2, length);
}

/* A message that is not as long as its type, or of none; an empty one has a sequence number and no fault. */
static void refuse_length(struct iex *iex, const struct run *run, uint32_t length, int known)
{
	if (!length) {
		iex->decoder.report->messages[0] += 1;
		return;
	}
	iex->decoder.report->messages[run->at[2]] += 1;
	refuse(iex, known ? HP_FAULT_WRONG_LENGTH : HP_FAULT_UNKNOWN_TYPE, run, length);
}

/* A price is good from `least` on. */
static inline int price_is_good(int64_t price, int64_t least)
{
	return price >= least && price <= RUN_EXACT;
}

static int set_level(const uint8_t *bytes, struct hp_message *message)
{
	message->flags |= (bytes[0] == '8' ? HP_FLAG_BID : 0) | (bytes[AT_FLAGS] & 1 ? 0 : HP_MESSAGE_OPEN);
	message->qty = load_le32(bytes + AT_SIZE);
	message->price = (int64_t)load_le64(bytes + AT_PRICE);
	return price_is_good(message->price, 1);
}

static int set_quote(const uint8_t *bytes, struct hp_message *message)
{
	message->qty = load_le32(bytes + AT_SIZE);
	message->price = (int64_t)load_le64(bytes + AT_PRICE);
	message->order = load_le64(bytes + AT_ASK);
	message->other = load_le32(bytes + AT_ASK_SIZE);
	return price_is_good(message->price, message->qty != 0) &&
	       price_is_good((int64_t)message->order, message->other != 0);
}

static int set_trade(const uint8_t *bytes, struct hp_message *message)
{
	message->qty = load_le32(bytes + AT_SIZE);
	message->price = (int64_t)load_le64(bytes + AT_PRICE);
	message->other = load_le64(bytes + AT_TRADE_ID);
	return message->qty && price_is_good(message->price, 1);
}

static int set_imbalance(const uint8_t *bytes, struct hp_message *message)
{
	uint8_t side = bytes[AT_IMBALANCE_SIDE];

	message->flags |= side == 'B' ? HP_FLAG_BID : 0;
	message->qty = load_le32(bytes + AT_SIZE);
	message->price = (int64_t)load_le64(bytes + AT_PRICE);
	message->other = load_le32(bytes + AT_IMBALANCE);
	return price_is_good(message->price, 0) && (side == 'B' || side == 'S' || side == 'N');
}

static int set_status(struct iex *iex, const uint8_t *bytes, struct hp_message *message)
{
	uint8_t state = bytes[AT_FLAGS];

	if (state != 'H' && state != 'O' && state != 'P' && state != 'T')
		return 0;
	message->other = run_trading(&iex->trading[message->symbol], state);
	return 1;
}

static int set_operational(struct iex *iex, const uint8_t *bytes, struct hp_message *message)
{
	if (bytes[AT_FLAGS] != 'O' && bytes[AT_FLAGS] != 'N')
		return 0;
	message->other = run_operational(&iex->trading[message->symbol], bytes[AT_FLAGS] == 'O');
	if (!message->other)
		message->kind = HP_MESSAGE_OTHER;
	return 1;
}

/* What the message's type says beyond time and symbol. 0: a bad value. */
static inline int set_fields(struct iex *iex, const uint8_t *bytes, struct hp_message *message)
{
	switch (bytes[0]) {
	case '8':
	case '5':
		return set_level(bytes, message);
	case 'Q':
		return set_quote(bytes, message);
	case 'T':
		return set_trade(bytes, message);
	case 'B':
		message->other = load_le64(bytes + AT_TRADE_ID);
		return 1;
	case 'A':
		return set_imbalance(bytes, message);
	case 'H':
		return set_status(iex, bytes, message);
	case 'O':
		return set_operational(iex, bytes, message);
	case 'D':
		message->other = load_le64(bytes + AT_NAME);
		return 1;
	case 'S':
		message->other = bytes[AT_FLAGS];
		return 1;
	default:
		return 1;
	}
}

enum belonging { WANTED, UNWANTED, NAMELESS, NO_ROOM };

/* Whose message it is: its symbol's number, given out if it is new. */
static inline enum belonging find_symbol(struct symbols *symbols, const uint8_t *bytes, uint32_t *number)
{
	uint64_t name;

	*number = HP_SYMBOL_ALL;
	if (bytes[0] == 'S')
		return WANTED; /* it ends before a name could stand there */
	name = load_le64(bytes + AT_NAME);
	if (!name)
		return NAMELESS;
	if (!symbols_wants(symbols, name))
		return UNWANTED;
	*number = symbols_number(symbols, name);
	return *number == HP_SYMBOL_ALL ? NO_ROOM : WANTED;
}

/* One whole message of a known type and its length. 1: it is in `message`. */
static inline int take(struct iex *iex, const struct run *run, const struct iex_type *type,
		       struct hp_message *message)
{
	const uint8_t *bytes = run->at + 2;
	uint32_t symbol;
	enum belonging whose = find_symbol(iex->decoder.symbols, bytes, &symbol);

	if (whose == UNWANTED) {
		iex->counts.counts[0]++;
		return 0;
	}
	memset(message, 0, sizeof(*message));
	message->kind = type->kind;
	message->type = bytes[0];
	message->flags = run->flags;
	message->length = type->length;
	message->symbol = symbol;
	message->seq = run->seq;
	message->time_ns = (int64_t)load_le64(bytes + AT_TIME);
	message->bytes = bytes;
	if (whose == WANTED && set_fields(iex, bytes, message))
		return 1;
	refuse(iex, whose == NO_ROOM ? HP_FAULT_NO_ROOM : HP_FAULT_BAD_VALUE, run, type->length);
	return 0;
}

static int iex_decode(struct decoder *decoder, struct run *run, struct hp_message *out, int max)
{
	struct iex *iex = (struct iex *)decoder;
	int count = 0;

	while (count < max && run->left) {
		const uint8_t *bytes = run->at + 2;
		uint32_t length = run->end - run->at < 2 ? UINT32_MAX : load_le16(run->at);
		const struct iex_type *type;
		int known;

		if (run->end - run->at - 2 < (int64_t)length) {
			run_past_end(run, decoder->report);
			break;
		}
		type = &types[length ? bytes[0] : 0];
		known = type->length && (type->protocol == IEX_BOTH || type->protocol == iex->protocol);
		if (!length || !known || type->length != length) {
			refuse_length(iex, run, length, known);
		} else {
			iex->counts.counts[type->counter]++;
			if (decoder->wanted_types[bytes[0]])
				count += take(iex, run, type, &out[count]);
		}
		run_move(run, bytes + length, 1);
	}
	run_report(&iex->counts, counted, 1, decoder->report);
	return count;
}

static void iex_close(struct decoder *decoder)
{
	free(decoder);
}

static const struct decoder_ops deep_ops = {"deep", IEX_PRICE_SCALE, 1, iex_decode, iex_close};
static const struct decoder_ops tops_ops = {"tops", IEX_PRICE_SCALE, 1, iex_decode, iex_close};

static int open_protocol(struct decoder **out, const struct decoder_ops *ops, enum iex_protocol protocol,
			 struct hp_report *report, struct symbols *symbols)
{
	struct iex *iex = calloc(1, sizeof(*iex));

	if (!iex)
		return fail(ENOMEM,
			    "Cannot open a decoder of %s: no memory for %zu bytes; free some and try again",
			    ops->name, sizeof(*iex));
	iex->decoder.ops = ops;
	iex->decoder.report = report;
	iex->decoder.symbols = symbols;
	iex->decoder.protocol = protocol == IEX_DEEP ? 0x8004 : 0x8003;
	iex->protocol = protocol;
	memset(iex->decoder.wanted_types, 1, sizeof(iex->decoder.wanted_types));
	*out = &iex->decoder;
	return 0;
}

int deep_open(struct decoder **out, struct hp_report *report, struct symbols *symbols)
{
	return open_protocol(out, &deep_ops, IEX_DEEP, report, symbols);
}

int tops_open(struct decoder **out, struct hp_report *report, struct symbols *symbols)
{
	return open_protocol(out, &tops_ops, IEX_TOPS, report, symbols);
}
