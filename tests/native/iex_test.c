/* SPDX-License-Identifier: MIT */
/* DEEP 1.0 and TOPS 1.6: every type from bytes written field by field, every fault, every cut, a real
 * capture.
 */
#include <arpa/inet.h>

#include "feed/iex.h"
#include "feed/run.h"
#include "runs.h"
#include "rx/capture.h"
#include "rx/dissect.h"

#define TIME 1517066645000000123
#define NAME "ZIEXT   "

static const char deep_types[] = "SDHIOPE85TXBA", tops_types[] = "SDHIOPTXBAQ";
static decoder_open open_now = deep_open;

static void begin(void)
{
	fresh(open_now);
	run_begin(0);
}

static void head_of(char type, char flags, const char *name)
{
	message_begin();
	put((uint8_t)type, 1);
	put((uint8_t)flags, 1);
	put(TIME, 8);
	put_text(name);
}

static void put_level(char side, int complete, const char *name, uint32_t size, int64_t price)
{
	head_of(side, (char)complete, name);
	put(size, 4);
	put((uint64_t)price, 8);
	message_end();
}

static void put_quote(uint32_t bid_size, int64_t bid, int64_t ask, uint32_t ask_size)
{
	head_of('Q', 0, NAME);
	put(bid_size, 4);
	put((uint64_t)bid, 8);
	put((uint64_t)ask, 8);
	put(ask_size, 4);
	message_end();
}

static void put_trade(char type, uint32_t size, int64_t price, uint64_t id)
{
	head_of(type, 0x20, NAME);
	put(size, 4);
	put((uint64_t)price, 8);
	put(id, 8);
	message_end();
}

static void put_auction(uint32_t paired, int64_t price, uint32_t imbalance, char side)
{
	head_of('A', 'C', NAME);
	put(paired, 4);
	put((uint64_t)price, 8);
	put(1, 8);
	put(imbalance, 4);
	put((uint8_t)side, 1);
	put(0, 1);
	put(1517086800, 4);
	for (int i = 0; i < 4; i++)
		put(2, 8);
	message_end();
}

static void put_directory(const char *name)
{
	head_of('D', (char)0x80, name);
	put(100, 4);
	put(991000, 8);
	put(1, 1);
	message_end();
}

/* Trading status (H), operational halt (O), short-sale test (P), security event (E), retail (I). */
static void put_short(char type, char what)
{
	head_of(type, what, NAME);
	if (type == 'H')
		put_text("NA  ");
	if (type == 'P')
		put_text("A");
	message_end();
}

static void put_system(char event)
{
	message_begin();
	put_text("S");
	put((uint8_t)event, 1);
	put(TIME, 8);
	message_end();
}

static void put_official(int64_t price)
{
	head_of('X', 'Q', NAME);
	put((uint64_t)price, 8);
	message_end();
}

static void put_any(char type)
{
	switch (type) {
	case 'S':
		return put_system('O');
	case 'D':
		return put_directory(NAME);
	case '8':
	case '5':
		return put_level(type, 1, NAME, 100, 990000);
	case 'Q':
		return put_quote(100, 990000, 990100, 200);
	case 'T':
	case 'B':
		return put_trade(type, 100, 990000, 5);
	case 'A':
		return put_auction(100, 990000, 10, 'B');
	case 'X':
		return put_official(990000);
	default:
		return put_short(type, type == 'O' ? 'N' : 'T');
	}
}

/* Decodes the one message written; it must be this, of the first symbol there is but for S. */
static void is(struct hp_message want)
{
	want.type = made_run[made_start + 2];
	want.length = (uint8_t)(made_size - made_start - 2);
	want.symbol = want.type == 'S' ? HP_SYMBOL_ALL : 0;
	want.seq = RUN_FIRST_SEQ;
	want.time_ns = TIME;
	CHECK_EQ(decode_made(1), 1);
	expect(got, &want);
	CHECK_EQ(report.messages[want.type], 1);
	CHECK_EQ(all_messages(), 1);
	CHECK_EQ(all_faults(), 0);
	CHECK_EQ(symbols.count, want.type != 'S');
	begin();
}

static void levels(void)
{
	begin();
	put_level('8', 1, NAME, 500, 991500);
	is((struct hp_message){.kind = HP_MESSAGE_LEVEL, .flags = HP_FLAG_BID, .price = 991500, .qty = 500});
	put_level('5', 0, NAME, 0, INT64_C(1) << 53);
	is((struct hp_message){
		.kind = HP_MESSAGE_LEVEL, .flags = HP_MESSAGE_OPEN, .price = INT64_C(1) << 53});
	put_level('5', 0xfe, NAME, UINT32_MAX, 1);
	is((struct hp_message){
		.kind = HP_MESSAGE_LEVEL, .flags = HP_MESSAGE_OPEN, .price = 1, .qty = UINT32_MAX});
}

static void quotes(void)
{
	open_now = tops_open;
	begin();
	put_quote(100, 991500, 991600, 300);
	is((struct hp_message){
		.kind = HP_MESSAGE_QUOTE, .price = 991500, .qty = 100, .order = 991600, .other = 300});
	put_quote(0, 0, 0, 0); /* nobody quotes */
	is((struct hp_message){.kind = HP_MESSAGE_QUOTE});
	open_now = deep_open;
}

/* What both protocols have. */
static void shared_types(void)
{
	begin();
	put_trade('T', 10, 991550, 0xfedcba9876543210);
	is((struct hp_message){
		.kind = HP_MESSAGE_TRADE, .price = 991550, .qty = 10, .other = 0xfedcba9876543210});
	put_trade('B', 10, 991550, 77);
	is((struct hp_message){.kind = HP_MESSAGE_BREAK, .other = 77});
	put_auction(1000, 990000, 50, 'B');
	is((struct hp_message){.kind = HP_MESSAGE_IMBALANCE,
			       .flags = HP_FLAG_BID,
			       .price = 990000,
			       .qty = 1000,
			       .other = 50});
	put_auction(0, 0, 0, 'N');
	is((struct hp_message){.kind = HP_MESSAGE_IMBALANCE});
	put_directory(NAME);
	is((struct hp_message){.kind = HP_MESSAGE_SYMBOL, .other = symbols_pack("ZIEXT")});
	put_system('R');
	is((struct hp_message){.kind = HP_MESSAGE_SYSTEM, .other = 'R'});
	for (const char *state = "HOPT"; *state; state++) {
		put_short('H', *state);
		is((struct hp_message){.kind = HP_MESSAGE_STATUS, .other = (uint8_t)*state});
	}
	put_short('P', 1);
	is((struct hp_message){.kind = HP_MESSAGE_OTHER});
	put_short('I', 'A');
	is((struct hp_message){.kind = HP_MESSAGE_OTHER});
	put_official(991000);
	is((struct hp_message){.kind = HP_MESSAGE_OTHER});
}

static void both_protocols(void)
{
	shared_types();
	open_now = tops_open;
	shared_types();
	open_now = deep_open;
	begin();
	put_short('E', 'O');
	is((struct hp_message){.kind = HP_MESSAGE_OTHER});
}

static void halts(void)
{
	static const uint64_t states[] = {0, 'T', 'H', 'H', 'P', 0};

	begin();
	put_short('O', 'N'); /* not halted: nothing new */
	put_short('H', 'T');
	put_short('O', 'O');
	put_short('H', 'P');
	put_short('O', 'N');
	put_short('O', 'N');
	CHECK_EQ(decode_made(6), 6);
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(got[i].kind, states[i] ? HP_MESSAGE_STATUS : HP_MESSAGE_OTHER);
		CHECK_EQ(got[i].other, states[i]);
	}
}

static void numbers_by_appearance(void)
{
	begin();
	put_level('8', 1, "B       ", 1, 1);
	put_level('8', 1, "A       ", 1, 1);
	put_directory("C       ");
	put_level('8', 1, "B       ", 1, 1);
	CHECK_EQ(decode_made(4), 4);
	CHECK_EQ(got[0].symbol, 0);
	CHECK_EQ(got[1].symbol, 1);
	CHECK_EQ(got[2].symbol, 2);
	CHECK_EQ(got[3].symbol, 0);
	CHECK_EQ(symbols_find(&symbols, symbols_pack("C")), 2);
}

static void subscriptions(void)
{
	fresh_limited(deep_open, 1);
	run_begin(0);
	CHECK_EQ(symbols_want(&symbols, "A"), 0);
	put_level('8', 1, "B       ", 1, 1);
	put_level('8', 1, "A       ", 1, 1);
	put_system('S');
	CHECK_EQ(decode_made(3), 2);
	CHECK_EQ(got[0].symbol, 0);
	CHECK_EQ(got[0].seq, RUN_FIRST_SEQ + 1);
	CHECK_EQ(report.skipped, 1);
	CHECK_EQ(report.messages['8'], 2);
	CHECK_EQ(symbols.count, 1); /* those nobody wants need no room */
	CHECK_EQ(symbols_want(&symbols, "B"), 0);
	CHECK_EQ(decode_made(3), 2);
	expect_fault(HP_FAULT_NO_ROOM, '8', RUN_FIRST_SEQ);
}

static void unwanted_types(void)
{
	begin();
	decoder->wanted_types['8'] = 0;
	put_level('8', 1, NAME, 1, -1);
	put_level('5', 1, NAME, 1, 1);
	CHECK_EQ(decode_made(2), 1);
	CHECK_EQ(got[0].type, '5');
	CHECK_EQ(report.messages['8'], 1);
	CHECK_EQ(all_faults(), 0);
}

/* The message just written is refused, and the one after it still read. */
static void refuses(enum hp_fault fault)
{
	uint8_t type = made_run[made_start + 2];

	put_system('S');
	CHECK_EQ(decode_made(2), 1);
	CHECK_EQ(got[0].type, 'S');
	CHECK_EQ(got[0].seq, RUN_FIRST_SEQ + 1);
	expect_fault(fault, type, RUN_FIRST_SEQ);
	CHECK_EQ(all_messages(), 2);
	begin();
}

static void lengths_of(decoder_open open, const char *types)
{
	open_now = open;
	begin();
	for (const char *type = types; *type; type++) {
		put_any(*type);
		put(0, 1);
		message_end();
		refuses(HP_FAULT_WRONG_LENGTH);
		put_any(*type);
		made_size--;
		message_end();
		refuses(HP_FAULT_WRONG_LENGTH);
	}
	for (int type = 0; type < 256; type++) {
		if (type && strchr(types, type))
			continue;
		message_begin();
		put((uint64_t)type, 1);
		put_text("what it carries");
		message_end();
		refuses(HP_FAULT_UNKNOWN_TYPE);
	}
	open_now = deep_open;
}

static void lengths(void)
{
	lengths_of(deep_open, deep_types);
	lengths_of(tops_open, tops_types);
}

static void values(void)
{
	static const int64_t prices[] = {0, -1, INT64_MIN, INT64_MAX, (INT64_C(1) << 53) + 1};

	begin();
	for (int i = 0; i < 5; i++) {
		put_level('8', 1, NAME, 1, prices[i]);
		refuses(HP_FAULT_BAD_VALUE);
		put_trade('T', 1, prices[i], 1);
		refuses(HP_FAULT_BAD_VALUE);
		open_now = tops_open;
		begin();
		put_quote(1, prices[i], 1, 1);
		refuses(HP_FAULT_BAD_VALUE);
		put_quote(1, 1, prices[i], 1);
		refuses(HP_FAULT_BAD_VALUE);
		open_now = deep_open;
		begin();
	}
	put_auction(1, -1, 1, 'B');
	refuses(HP_FAULT_BAD_VALUE);
	put_auction(1, 1, 1, 'X');
	refuses(HP_FAULT_BAD_VALUE);
	put_trade('T', 0, 1, 1);
	refuses(HP_FAULT_BAD_VALUE);
	put_short('H', 'X');
	refuses(HP_FAULT_BAD_VALUE);
	put_short('O', 'X');
	refuses(HP_FAULT_BAD_VALUE);
	put_level('5', 1, NAME, 1, 1);
	memset(made_run + made_start + 12, 0, 8); /* nameless */
	refuses(HP_FAULT_BAD_VALUE);
}

/* Cut at every byte, as a file and as a packet: whole messages are read, the rest is one fault. */
static void cut_anywhere(void)
{
	size_t ends[sizeof(deep_types)], whole = 0;

	begin();
	for (const char *type = deep_types; *type; type++) {
		put_any(*type);
		ends[type - deep_types] = made_size;
	}
	for (size_t size = 0; size <= made_size; size++) {
		if (size >= ends[whole])
			whole++;
		fresh(deep_open);
		CHECK_EQ(decode_bytes(size, UINT32_MAX), whole);
		CHECK_EQ(all_faults(), size != (whole ? ends[whole - 1] : 0));
		fresh(deep_open);
		CHECK_EQ(decode_bytes(size, (uint32_t)strlen(deep_types)), whole);
		CHECK_EQ(report.faults[HP_FAULT_PAST_END], whole < strlen(deep_types));
		CHECK_EQ(all_faults(), whole < strlen(deep_types));
	}
	begin();
	message_begin();
	message_end(); /* empty: nothing but a sequence number */
	put_system('S');
	CHECK_EQ(decode_made(2), 1);
	CHECK_EQ(report.messages[0], 1);
	CHECK_EQ(all_faults(), 0);
}

/* One IEX-TP segment: its header is 40 bytes, its payload a run. */
static double decode_segment(const uint8_t *bytes, uint32_t size)
{
	struct run run = {.at = bytes + 40, .end = bytes + 40 + load_le16(bytes + 12)};
	int64_t sent = (int64_t)load_le64(bytes + 32);
	int count;

	CHECK(size >= 40 && bytes[0] == 1 && load_le16(bytes + 2) == 0x8004);
	CHECK(run.end == bytes + size);
	run.left = load_le16(bytes + 14);
	run.seq = (int64_t)load_le64(bytes + 24);
	count = decoder->ops->decode(decoder, &run, got, RUN_MESSAGES);
	CHECK(run.at == run.end);
	for (int i = 0; i < count; i++)
		CHECK(got[i].time_ns <= sent && got[i].time_ns > sent - 86400 * INT64_C(1000000000));
	return count;
}

static void real_capture(void)
{
	static const char types[] = "58THOPBES";
	static const double counts[] = {14627, 12941, 83343, 93638, 93638, 93636, 73, 59, 44};
	static struct capture capture;
	const char *path = shared_data("iex/DEEP10.pcap.gz");
	struct capture_packet packet;
	double segments = 0, messages = 0;

	if (!path)
		return;
	begin();
	CHECK_EQ(capture_open(&capture, path), 0);
	while (capture_next(&capture, &packet) == 1) {
		struct dissected found = {0};

		/* Whoever it is addressed to: the dissector says where that is. */
		capture_dissect(&packet, &found, 0, 0);
		if (!found.port || capture_dissect(&packet, &found, found.ip, found.port) != DISSECT_OURS)
			continue;
		CHECK_EQ(found.there, found.len);
		segments++;
		messages += decode_segment(found.payload, found.len);
	}
	capture_close(&capture);
	CHECK_EQ(segments, 121314);
	CHECK_EQ(messages, 391999);
	for (size_t i = 0; i < strlen(types); i++)
		CHECK_EQ(report.messages[(uint8_t)types[i]], counts[i]);
	CHECK_EQ(all_messages(), 391999);
	CHECK_EQ(all_faults(), 0);
}

int main(void)
{
	RUN(levels);
	RUN(quotes);
	RUN(both_protocols);
	RUN(halts);
	RUN(numbers_by_appearance);
	RUN(subscriptions);
	RUN(unwanted_types);
	RUN(lengths);
	RUN(values);
	RUN(cut_anywhere);
	RUN(real_capture);
	finish();
	return 0;
}
