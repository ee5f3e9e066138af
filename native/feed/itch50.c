/* SPDX-License-Identifier: MIT */
/*
 * NASDAQ TotalView-ITCH 5.0 (specification of 2015, with the auction collar J, the operational halt h and the
 * price discovery O of later revisions). Big-endian; every message begins with type u8, stock locate u16,
 * tracking number u16, time u48 in ns since midnight.
 *
 * The types come in no order a branch predictor could learn, so the messages a book is made of (A F E C X D U
 * P) are decoded without branching on the type: a row of the table says where each field lies, and a mask
 * blanks those the type has not. Everything rarer goes through a switch afterwards.
 *
 * What is refused: price 0 or above 200,000.0000, quantity 0, a side that is neither B nor S. Time, order and
 * match numbers are taken as they come. Two things the format leaves open:
 *
 *   - Length 0. In a file it means that the length follows from the type (some writers do that); in a packet
 *     it is an empty message, which has a sequence number and nothing else, and counts as type 0.
 *   - h, an operational halt, tells of one market: Q, B or X. Q's halts become STATUS, as those of this feed;
 *     those of B (BX) and X (PSX) are OTHER. A symbol is told to trade again when neither an h nor an H says
 *     otherwise, so that the end of one halt does not hide the other.
 */
#include <errno.h>
#include <stdlib.h>

#include "feed/itch50.h"
#include "feed/run.h"
#include "measure/error.h"

/* Where the fields of a type lie, from its first byte on; masks are 0 for those it has not. One cache line.
 */
struct itch_type {
	uint64_t order_mask, other_mask;
	uint32_t qty_mask, price_mask;
	uint32_t no_symbol; /* all ones: the message is about no symbol */
	uint8_t order_at, other_at, qty_at, price_at;
	uint8_t mark_at, mark, mark_else,
		mark_flag; /* the byte there is `mark` (gives the flag) or the other */
	uint8_t has_mark, has_qty, has_price;
	uint8_t length, kind, counter;
	uint8_t special; /* 1: has fields beyond these, or checks of its own */
	uint8_t name_at; /* of the stock; 0 = not in it */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct itch_type) == 64, "one cache line");

#define COUNTER(type) ((type) == 'h' ? 27 : (type) - '@')
static const uint8_t counted[RUN_COUNTERS] = "?ABCDEFGHIJKLMNOPQRSTUVWXYZh";

#define ROW(type, bytes, what) .length = bytes, .kind = HP_MESSAGE_##what, .counter = COUNTER(type)
#define ORDER(at)	       .order_at = at, .order_mask = UINT64_MAX
#define OTHER(at)	       .other_at = at, .other_mask = UINT64_MAX
#define QTY(at)		       .qty_at = at, .qty_mask = UINT32_MAX, .has_qty = 1
#define PRICE(at)	       .price_at = at, .price_mask = UINT32_MAX, .has_price = 1
#define MARK(at, yes, no, mark_what)                                                                         \
	.mark_at = at, .mark = yes, .mark_else = no, .mark_flag = mark_what, .has_mark = 1
#define SIDE	    MARK(19, 'B', 'S', HP_FLAG_BID)
#define NAME(at)    .name_at = at
#define SPECIAL	    .special = 1
#define MARKET_WIDE .no_symbol = HP_SYMBOL_ALL

static const struct itch_type types[256] = {
	['A'] = {ROW('A', 36, ADD), ORDER(11), SIDE, QTY(20), NAME(24), PRICE(32)},
	['F'] = {ROW('F', 40, ADD), ORDER(11), SIDE, QTY(20), NAME(24), PRICE(32)},
	['E'] = {ROW('E', 31, EXECUTE), ORDER(11), QTY(19), OTHER(23)},
	['C'] = {ROW('C', 36, EXECUTE_AT), ORDER(11), QTY(19), OTHER(23),
		 MARK(31, 'N', 'Y', HP_MESSAGE_SILENT), PRICE(32)},
	['X'] = {ROW('X', 23, REDUCE), ORDER(11), QTY(19)},
	['D'] = {ROW('D', 19, DELETE), ORDER(11)},
	['U'] = {ROW('U', 35, REPLACE), ORDER(11), OTHER(19), QTY(27), PRICE(31)},
	['P'] = {ROW('P', 44, TRADE), ORDER(11), SIDE, QTY(20), NAME(24), PRICE(32), OTHER(36)},
	['B'] = {ROW('B', 19, BREAK), OTHER(11)},
	['Q'] = {ROW('Q', 40, CROSS), NAME(19), OTHER(31), SPECIAL},
	['I'] = {ROW('I', 50, IMBALANCE), NAME(28), SPECIAL},
	['H'] = {ROW('H', 25, STATUS), NAME(11), SPECIAL},
	['h'] = {ROW('h', 21, STATUS), NAME(11), SPECIAL},
	['R'] = {ROW('R', 39, SYMBOL), NAME(11), SPECIAL},
	['S'] = {ROW('S', 12, SYSTEM), MARKET_WIDE, SPECIAL},
	['V'] = {ROW('V', 35, OTHER), MARKET_WIDE},
	['W'] = {ROW('W', 12, OTHER), MARKET_WIDE},
	['Y'] = {ROW('Y', 20, OTHER), NAME(11)},
	['L'] = {ROW('L', 26, OTHER), NAME(15)},
	['K'] = {ROW('K', 28, OTHER), NAME(11)},
	['J'] = {ROW('J', 35, OTHER), NAME(11)},
	['N'] = {ROW('N', 20, OTHER), NAME(11)},
	['O'] = {ROW('O', 48, OTHER), NAME(11)},
};

struct itch50 {
	struct decoder decoder;
	struct run_counts counts;
	uint8_t trading[HP_SYMBOLS]; /* run_trading() */
};

uint32_t itch50_length(uint8_t type)
{
	return types[type].length;
}

/* ---- off the hot path ---- */

/* Of a message whose frame says 0: what the type says in a file (UINT32_MAX: nothing), 0 in a packet. */
static uint32_t implied_length(const struct run *run)
{
	if (run->left != RUN_OPEN)
		return 0;
	if (run->end - run->at <= 2 || !types[run->at[2]].length)
		return UINT32_MAX;
	return types[run->at[2]].length;
}

static void refuse(struct itch50 *itch, enum hp_fault fault, const struct run *run, uint32_t length)
{
	report_fault(itch->decoder.report, fault, (double)run->seq, run->at + 2, length);
}

/* A message that is not as long as its type, or of none. */
static void refuse_length(struct itch50 *itch, const struct run *run, uint32_t length)
{
	if (!length) {
		itch->decoder.report->messages[0] += 1;
		return;
	}
	itch->decoder.report->messages[run->at[2]] += 1;
	refuse(itch, types[run->at[2]].length ? HP_FAULT_WRONG_LENGTH : HP_FAULT_UNKNOWN_TYPE, run, length);
}

/*
 * Learns the name of a symbol, from the directory or from the first message that tells it. 1: the message may
 * be passed over. A name that is none, or a number beyond the limit, changes nothing here: the message goes
 * on, and whoever keeps books says that there is none of that number.
 */
static int learn(struct itch50 *itch, const struct itch_type *type, const uint8_t *bytes, uint32_t symbol)
{
	struct symbols *symbols = itch->decoder.symbols;

	if (symbol == HP_SYMBOL_ALL)
		return 0;
	if (type->kind == HP_MESSAGE_SYMBOL) {
		itch->trading[symbol] = 0;
		symbols_name(symbols, symbol, load_le64(bytes + type->name_at));
	} else if (type->name_at && symbols->state[symbol] == SYMBOL_UNKNOWN) {
		symbols_name(symbols, symbol, load_le64(bytes + type->name_at));
	}
	return symbols_unwanted(symbols, symbol);
}

static int set_status(struct itch50 *itch, const uint8_t *bytes, struct hp_message *message)
{
	if (bytes[19] != 'H' && bytes[19] != 'P' && bytes[19] != 'Q' && bytes[19] != 'T')
		return 0;
	message->other = run_trading(&itch->trading[message->symbol], bytes[19]);
	return 1;
}

static int set_operational(struct itch50 *itch, const uint8_t *bytes, struct hp_message *message)
{
	if (bytes[20] != 'H' && bytes[20] != 'T')
		return 0;
	if (bytes[19] == 'Q')
		message->other = run_operational(&itch->trading[message->symbol], bytes[20] == 'H');
	if (!message->other)
		message->kind = HP_MESSAGE_OTHER;
	return 1;
}

static int set_imbalance(const uint8_t *bytes, struct hp_message *message)
{
	message->qty = (int64_t)load_be64(bytes + 11);
	message->other = load_be64(bytes + 19);
	message->price = load_be32(bytes + 44);
	message->flags |= bytes[27] == 'B' ? HP_FLAG_BID : 0;
	return (uint64_t)message->qty <= RUN_EXACT && message->other <= RUN_EXACT &&
	       message->price <= ITCH50_PRICE_MAX;
}

/* An auction may find nothing to trade: quantity and price 0 are good. */
static int set_cross(const uint8_t *bytes, struct hp_message *message)
{
	message->qty = (int64_t)load_be64(bytes + 11);
	message->price = load_be32(bytes + 27);
	return (uint64_t)message->qty <= RUN_EXACT && message->price <= ITCH50_PRICE_MAX;
}

/* What a row cannot say. 0: a bad value. */
static int set_special(struct itch50 *itch, const uint8_t *bytes, struct hp_message *message)
{
	switch (bytes[0]) {
	case 'H':
		return set_status(itch, bytes, message);
	case 'h':
		return set_operational(itch, bytes, message);
	case 'I':
		return set_imbalance(bytes, message);
	case 'Q':
		return set_cross(bytes, message);
	case 'R':
		message->other = load_le64(bytes + 11);
		return message->other != 0;
	default: /* S */
		message->other = bytes[11];
		return 1;
	}
}

/* ---- the hot path ---- */

/* Everything a row of the table tells. 0: a bad value. */
static inline int set_fields(const struct itch_type *type, const uint8_t *bytes, struct hp_message *message,
			     uint8_t flags)
{
	uint32_t qty = load_be32(bytes + type->qty_at) & type->qty_mask;
	uint32_t price = load_be32(bytes + type->price_at) & type->price_mask;
	uint8_t mark = bytes[type->mark_at];

	message->kind = type->kind;
	message->type = bytes[0];
	message->flags = flags | (mark == type->mark ? type->mark_flag : 0);
	message->length = type->length;
	message->time_ns = (int64_t)(load_be64(bytes + 3) & 0xffffffffffff);
	message->price = price;
	message->qty = qty;
	message->order = load_be64(bytes + type->order_at) & type->order_mask;
	message->other = load_be64(bytes + type->other_at) & type->other_mask;
	message->bytes = bytes;
	return !((qty < type->has_qty) | (price < type->has_price) | (price > ITCH50_PRICE_MAX) |
		 (type->has_mark & (mark != type->mark) & (mark != type->mark_else)));
}

static int itch50_decode(struct decoder *decoder, struct run *run, struct hp_message *out, int max)
{
	struct itch50 *itch = (struct itch50 *)decoder;
	const uint8_t *state = decoder->symbols->state;
	struct run here = *run;
	uint32_t skipped = 0;
	int count = 0;

	while (count < max && here.left) {
		const uint8_t *bytes = here.at + 2, *next;
		const struct itch_type *type;
		uint32_t length, symbol;

		length = here.end - here.at < 2 ? UINT32_MAX : load_be16(here.at);
		if (__builtin_expect(!length, 0))
			length = implied_length(&here);
		if (__builtin_expect(here.end - here.at - 2 < (int64_t)length, 0)) {
			run_past_end(&here, decoder->report);
			break;
		}
		next = bytes + length;
		type = &types[length ? bytes[0] : 0];
		if (__builtin_expect(!length || type->length != length, 0)) {
			refuse_length(itch, &here, length);
			run_step(&here, next);
			continue;
		}
		run_count(&itch->counts, type->counter);
		symbol = load_be16(bytes + 1) | type->no_symbol;
		if (!decoder->wanted_types[bytes[0]]) {
			run_step(&here, next);
			continue;
		}
		if (state[symbol % HP_SYMBOLS] != SYMBOL_WANTED || type->special) {
			if (learn(itch, type, bytes, symbol)) {
				skipped++;
				run_step(&here, next);
				continue;
			}
		}
		out[count].seq = here.seq;
		out[count].symbol = symbol;
		if (__builtin_expect(set_fields(type, bytes, &out[count], here.flags) &&
					     (!type->special || set_special(itch, bytes, &out[count])),
				     1))
			count++;
		else
			refuse(itch, HP_FAULT_BAD_VALUE, &here, length);
		run_step(&here, next);
	}
	*run = here;
	run_report(&itch->counts, counted, decoder->report);
	decoder->report->skipped += skipped;
	return count;
}

static void itch50_close(struct decoder *decoder)
{
	free(decoder);
}

static const struct decoder_ops itch50_ops = {
	.name = "itch50",
	.price_scale = ITCH50_PRICE_SCALE,
	.qty_scale = 1,
	.decode = itch50_decode,
	.close = itch50_close,
};

int itch50_open(struct decoder **out, struct hp_report *report, struct symbols *symbols)
{
	struct itch50 *itch = calloc(1, sizeof(*itch));

	if (!itch)
		return fail(ENOMEM,
			    "Cannot open an ITCH decoder: no memory for %zu bytes; free some and try again",
			    sizeof(*itch));
	itch->decoder.ops = &itch50_ops;
	itch->decoder.report = report;
	itch->decoder.symbols = symbols;
	memset(itch->decoder.wanted_types, 1, sizeof(itch->decoder.wanted_types));
	*out = &itch->decoder;
	return 0;
}
