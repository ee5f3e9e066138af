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
	uint64_t other_mask;
	int64_t qty_least, price_least;
	uint32_t qty_mask, price_mask;
	uint32_t head;	    /* of what becomes of it: kind, type, 0, length; little-endian */
	uint32_t no_symbol; /* all ones: the message is about no symbol */
	uint8_t other_at, qty_at, price_at;
	/* The byte there is `mark`, which gives the flag, or `mark` ^ mark_else. Of types without: their
	 * type. */
	uint8_t mark_at, mark, mark_else, mark_flag;
	uint8_t length, kind, type, counter;
	uint8_t special;  /* 1: not one of those a book is made of, which are about an order and a symbol */
	uint8_t name_at;  /* of the stock; 0 = not in it */
	uint8_t frame[2]; /* the length as the frame has it */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct itch_type) == 64, "one cache line");

#define AT_ORDER 11

/* The counters' types, those of which every run has some first. */
static const uint8_t counted[RUN_COUNTERS] = "\0ADEUXPFCSRHYLVWKJhQBINO";
#define OFTEN 9

#define ROW(letter, nth, bytes, what)                                                                        \
	.length = bytes, .frame = {0, bytes}, .kind = HP_MESSAGE_##what, .type = letter, .counter = nth,     \
	.head = HP_MESSAGE_##what | letter << 8 | (uint32_t)bytes << 24
#define PLAIN(letter, nth, bytes, what) ROW(letter, nth, bytes, what), .mark = letter
#define OTHER(at)			.other_at = at, .other_mask = UINT64_MAX
#define QTY(at)				.qty_at = at, .qty_mask = UINT32_MAX, .qty_least = 1
#define PRICE(at)			.price_at = at, .price_mask = UINT32_MAX, .price_least = 1
#define MARK(at, yes, no, gives)	.mark_at = at, .mark = yes, .mark_else = (yes) ^ (no), .mark_flag = gives
#define SIDE				MARK(19, 'B', 'S', HP_FLAG_BID)
#define NAME(at)			.name_at = at
#define SPECIAL				.special = 1
#define MARKET_WIDE			.no_symbol = HP_SYMBOL_ALL

static const struct itch_type types[256] = {
	['A'] = {ROW('A', 1, 36, ADD), SIDE, QTY(20), NAME(24), PRICE(32)},
	['F'] = {ROW('F', 7, 40, ADD), SIDE, QTY(20), NAME(24), PRICE(32)},
	['E'] = {PLAIN('E', 3, 31, EXECUTE), QTY(19), OTHER(23)},
	['C'] = {ROW('C', 8, 36, EXECUTE_AT), QTY(19), OTHER(23), MARK(31, 'N', 'Y', HP_MESSAGE_SILENT),
		 PRICE(32)},
	['X'] = {PLAIN('X', 5, 23, REDUCE), QTY(19)},
	['D'] = {PLAIN('D', 2, 19, DELETE)},
	['U'] = {PLAIN('U', 4, 35, REPLACE), OTHER(19), QTY(27), PRICE(31)},
	['P'] = {ROW('P', 6, 44, TRADE), SIDE, QTY(20), NAME(24), PRICE(32), OTHER(36)},
	['B'] = {PLAIN('B', 20, 19, BREAK), OTHER(11), SPECIAL},
	['Q'] = {PLAIN('Q', 19, 40, CROSS), NAME(19), OTHER(31), SPECIAL},
	['I'] = {PLAIN('I', 21, 50, IMBALANCE), NAME(28), SPECIAL},
	['H'] = {PLAIN('H', 11, 25, STATUS), NAME(11), SPECIAL},
	['h'] = {PLAIN('h', 18, 21, STATUS), NAME(11), SPECIAL},
	['R'] = {PLAIN('R', 10, 39, SYMBOL), NAME(11), SPECIAL},
	['S'] = {PLAIN('S', 9, 12, SYSTEM), MARKET_WIDE, SPECIAL},
	['V'] = {PLAIN('V', 14, 35, OTHER), MARKET_WIDE, SPECIAL},
	['W'] = {PLAIN('W', 15, 12, OTHER), MARKET_WIDE, SPECIAL},
	['Y'] = {PLAIN('Y', 12, 20, OTHER), NAME(11), SPECIAL},
	['L'] = {PLAIN('L', 13, 26, OTHER), NAME(15), SPECIAL},
	['K'] = {PLAIN('K', 16, 28, OTHER), NAME(11), SPECIAL},
	['J'] = {PLAIN('J', 17, 35, OTHER), NAME(11), SPECIAL},
	['N'] = {PLAIN('N', 22, 20, OTHER), NAME(11), SPECIAL},
	['O'] = {PLAIN('O', 23, 48, OTHER), NAME(11), SPECIAL},
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

/* What the frame of the next message says; UINT32_MAX: too few bytes are left for it. */
static uint32_t framed_length(const struct run *run)
{
	ptrdiff_t rest = run->end - run->at - 2;
	uint32_t length;

	if (rest < 0)
		return UINT32_MAX;
	length = load_be16(run->at);
	if (!length && run->left == RUN_OPEN)
		length = rest && types[run->at[2]].length ? types[run->at[2]].length : UINT32_MAX;
	return length <= rest ? length : UINT32_MAX;
}

/*
 * The length of the next message. Or 0, when it is not framed as its type says: then it, or all that is left
 * of the run, has been passed over.
 */
static uint32_t read_frame(struct itch50 *itch, struct run *run)
{
	struct hp_report *report = itch->decoder.report;
	uint32_t length = framed_length(run);
	const uint8_t *bytes = run->at + 2;

	if (length == UINT32_MAX) {
		run_past_end(run, report);
		return 0;
	}
	if (length && types[bytes[0]].length == length)
		return length;
	report->messages[length ? bytes[0] : 0] += 1;
	if (length)
		report_fault(report, types[bytes[0]].length ? HP_FAULT_WRONG_LENGTH : HP_FAULT_UNKNOWN_TYPE,
			     run->seq, bytes, length);
	run_move(run, bytes + length, 1);
	return 0;
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
	case 'S':
		message->other = bytes[11];
		return 1;
	default:
		return 1;
	}
}

/* ---- the hot path ---- */

/* kind, type, flags, length and symbol: the first eight bytes of a message, written at once. */
static inline void set_head(struct hp_message *message, const struct itch_type *type, uint8_t flags,
			    uint32_t symbol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t head = type->head | (uint64_t)flags << 16 | (uint64_t)symbol << 32;

	memcpy(message, &head, sizeof(head));
#else
	message->kind = type->kind;
	message->type = type->type;
	message->flags = flags;
	message->length = type->length;
	message->symbol = symbol;
#endif
}

/*
 * Everything a row of the table tells. 0: a bad value. What is checked is put so that something wrong makes a
 * number negative, and looked at once. `mark` becomes 0 where it is the first of its two bytes ((mark - 1) >>
 * 8 has every bit of a flag then), and the product where it is either.
 */
static inline int set_fields(const struct itch_type *type, const uint8_t *bytes, uint32_t symbol,
			     uint8_t flags, struct hp_message *message)
{
	int64_t qty = load_be32(bytes + type->qty_at) & type->qty_mask;
	int64_t price = load_be32(bytes + type->price_at) & type->price_mask;
	uint32_t mark = bytes[type->mark_at] ^ type->mark;

	set_head(message, type, (uint8_t)(flags | (type->mark_flag & (mark - 1) >> 8)), symbol);
	message->time_ns = (int64_t)(load_be64(bytes + 3) & 0xffffffffffff);
	message->price = price;
	message->qty = qty;
	message->order = type->special ? 0 : load_be64(bytes + AT_ORDER);
	message->other = load_be64(bytes + type->other_at) & type->other_mask;
	message->bytes = bytes;
	return ((qty - type->qty_least) | (price - type->price_least) | (ITCH50_PRICE_MAX - price) |
		-(int64_t)(mark * (mark ^ type->mark_else))) >= 0;
}

/* Is the frame of the message that begins at `bytes` all there, and does it say what its type does? */
static inline int is_plain(const uint8_t *bytes, const uint8_t *end)
{
	uint16_t frame, of_type;

	if (end - bytes < ITCH50_LENGTH_MAX && (end - bytes < 1 || end - bytes < bytes[-1]))
		return 0;
	memcpy(&frame, bytes - 2, sizeof(frame));
	memcpy(&of_type, types[bytes[0]].frame, sizeof(of_type));
	return frame && frame == of_type;
}

/*
 * Takes up to `most` messages, as long as each is good, of a row that says it all, and of a symbol whose
 * state is known. Calls nothing and keeps little, so that all of it stays in registers: a pointer that goes
 * by way of the stack would cost as much as the rest of skipping a message. Returns where the next message
 * goes; the run is behind the last one taken.
 */
static __attribute__((noinline)) struct hp_message *take_plain(struct itch50 *itch, struct run *run,
							       struct hp_message *message, uint64_t most)
{
	const uint8_t *bytes = run->at + 2, *end = run->end, *state = itch->decoder.symbols->state;
	uint64_t seq = (uint64_t)run->seq, last = seq + most;
	uint8_t flags = run->flags;

	for (; seq != last && is_plain(bytes, end); seq++) {
		const struct itch_type *type = &types[bytes[0]];

		if (itch->decoder.wanted_types[bytes[0]]) {
			uint32_t symbol = load_be16(bytes + 1);

			if (type->special || state[symbol] == SYMBOL_UNKNOWN)
				break;
			if (state[symbol] == SYMBOL_UNWANTED) {
				itch->counts.counts[0]++;
			} else {
				message->seq = (int64_t)seq;
				if (!set_fields(type, bytes, symbol, flags, message))
					break;
				message++;
			}
		}
		itch->counts.counts[type->counter]++;
		bytes += 2 + bytes[-1];
	}
	run_move(run, bytes - 2, seq - (uint64_t)run->seq);
	return message;
}

/* Takes the next message, whatever it is. 1: it is in `message`. */
static __attribute__((noinline)) int take_any(struct itch50 *itch, struct run *run,
					      struct hp_message *message)
{
	const uint8_t *bytes = run->at + 2;
	uint32_t length = read_frame(itch, run), symbol;
	const struct itch_type *type = &types[length ? bytes[0] : 0];
	int64_t seq = run->seq;

	if (!length)
		return 0;
	run_move(run, bytes + length, 1);
	itch->counts.counts[type->counter]++;
	if (!itch->decoder.wanted_types[bytes[0]])
		return 0;
	symbol = load_be16(bytes + 1) | type->no_symbol;
	if (learn(itch, type, bytes, symbol)) {
		itch->counts.counts[0]++;
		return 0;
	}
	message->seq = seq;
	if (set_fields(type, bytes, symbol, run->flags, message) &&
	    (!type->special || set_special(itch, bytes, message)))
		return 1;
	report_fault(itch->decoder.report, HP_FAULT_BAD_VALUE, (double)seq, bytes, length);
	return 0;
}

static int itch50_decode(struct decoder *decoder, struct run *run, struct hp_message *out, int max)
{
	struct itch50 *itch = (struct itch50 *)decoder;
	struct hp_message *message = out, *full = out + max;

	while (message < full && run->left) {
		uint64_t room = (uint64_t)(full - message), left = run->left;
		const uint8_t *at = run->at;

		message = take_plain(itch, run, message, room < left ? room : left);
		if (run->at == at)
			message += take_any(itch, run, message);
	}
	run_report(&itch->counts, counted, OFTEN, decoder->report);
	return (int)(message - out);
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
