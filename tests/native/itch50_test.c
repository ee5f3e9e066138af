/* SPDX-License-Identifier: MIT */
/* ITCH 5.0: every type from bytes written field by field, every fault, every place to be cut, real files. */
#include "feed/itch50.h"
#include "runs.h"

#define LOCATE 7
#define TIME   34200000000123 /* 09:30:00.000000123 */
#define STOCK  "AAPL    "

static const char all_types[] = "SRHYLVWKJhAFECXDUPQBINO";

static void head_of(char type, uint16_t locate)
{
	message_begin();
	put((uint8_t)type, 1);
	put(locate, 2);
	put(0xbeef, 2); /* tracking number */
	put(TIME, 6);
}

static void head(char type)
{
	head_of(type, LOCATE);
}

static void put_add(uint16_t locate, uint64_t order, char side, uint32_t qty, const char *stock,
		    uint32_t price)
{
	head_of('A', locate);
	put(order, 8);
	put((uint8_t)side, 1);
	put(qty, 4);
	put_text(stock);
	put(price, 4);
	message_end();
}

static void put_delete(uint16_t locate, uint64_t order)
{
	head_of('D', locate);
	put(order, 8);
	message_end();
}

static void put_directory(uint16_t locate, const char *stock)
{
	head_of('R', locate);
	put_text(stock);
	put_text("QN");
	put(100, 4);
	put_text("NCZ PNN1N");
	put(1, 4);
	put_text("N");
	message_end();
}

static void put_status(char state)
{
	head('H');
	put_text(STOCK);
	put((uint8_t)state, 1);
	put_text(" MWC1");
	message_end();
}

static void put_operational(char market, char action)
{
	head('h');
	put_text(STOCK);
	put((uint8_t)market, 1);
	put((uint8_t)action, 1);
	message_end();
}

/* A good message of any type: fields counted up, prices and sides valid. */
static void put_any(char type)
{
	size_t length = itch50_length((uint8_t)type);

	head(type);
	while (made_size - made_start - 2 < length)
		put(1, 1);
	message_end();
	uint8_t *bytes = made_run + made_start + 2;

	if (strchr("AFP", type))
		bytes[19] = 'S';
	if (strchr("AFPCQJ", type))
		bytes[32] = 0;
	switch (type) {
	case 'C':
		bytes[31] = 'Y';
		break;
	case 'Q':
		memset(bytes + 11, 0, 6);
		break;
	case 'I':
		memset(bytes + 11, 0, 16);
		break;
	case 'H':
		bytes[19] = 'T';
		break;
	case 'h':
		bytes[19] = 'B';
		bytes[20] = 'T';
		break;
	}
}

/* Decodes the one message written; it must be this. */
static void is(struct hp_message want)
{
	want.type = made_run[made_start + 2];
	want.length = (uint8_t)(made_size - made_start - 2);
	want.seq = RUN_FIRST_SEQ;
	want.time_ns = TIME;
	CHECK_EQ(itch50_length(want.type), want.length);
	CHECK_EQ(decode_made(1), 1);
	expect(got, &want);
	CHECK_EQ(report.messages[want.type], 1);
	CHECK_EQ(all_messages(), 1);
	CHECK_EQ(all_faults(), 0);
	CHECK_EQ(report.skipped, 0);
	fresh(itch50_open);
	run_begin(1);
}

static void begin(void)
{
	fresh(itch50_open);
	run_begin(1);
}

static void orders_added_and_gone(void)
{
	begin();
	put_add(LOCATE, 0x1122334455667788, 'B', 300, STOCK, 5853300);
	is((struct hp_message){.kind = HP_MESSAGE_ADD,
			       .flags = HP_FLAG_BID,
			       .symbol = LOCATE,
			       .price = 5853300,
			       .qty = 300,
			       .order = 0x1122334455667788});

	head('F');
	put(18, 8);
	put_text("S");
	put(4000000000, 4);
	put_text(STOCK);
	put(ITCH50_PRICE_MAX, 4);
	put_text("MPID");
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_ADD,
			       .symbol = LOCATE,
			       .price = ITCH50_PRICE_MAX,
			       .qty = 4000000000,
			       .order = 18});

	head('X');
	put(UINT64_MAX, 8);
	put(25, 4);
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_REDUCE, .symbol = LOCATE, .qty = 25, .order = UINT64_MAX});

	put_delete(LOCATE, 19);
	is((struct hp_message){.kind = HP_MESSAGE_DELETE, .symbol = LOCATE, .order = 19});

	head('U');
	put(19, 8);
	put(20, 8);
	put(500, 4);
	put(1, 4);
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_REPLACE,
			       .symbol = LOCATE,
			       .price = 1,
			       .qty = 500,
			       .order = 19,
			       .other = 20});
}

static void executions_and_trades(void)
{
	begin();
	head('E');
	put(18, 8);
	put(100, 4);
	put(0xfedcba9876543210, 8);
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_EXECUTE,
			       .symbol = LOCATE,
			       .qty = 100,
			       .order = 18,
			       .other = 0xfedcba9876543210});

	for (int printed = 0; printed < 2; printed++) {
		head('C');
		put(18, 8);
		put(100, 4);
		put(77, 8);
		put_text(printed ? "Y" : "N");
		put(5850000, 4);
		message_end();
		is((struct hp_message){.kind = HP_MESSAGE_EXECUTE_AT,
				       .flags = printed ? 0 : HP_MESSAGE_SILENT,
				       .symbol = LOCATE,
				       .price = 5850000,
				       .qty = 100,
				       .order = 18,
				       .other = 77});
	}

	head('P');
	put(0, 8);
	put_text("B");
	put(10, 4);
	put_text(STOCK);
	put(5850100, 4);
	put(78, 8);
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_TRADE,
			       .flags = HP_FLAG_BID,
			       .symbol = LOCATE,
			       .price = 5850100,
			       .qty = 10,
			       .other = 78});

	head('B');
	put(78, 8);
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_BREAK, .symbol = LOCATE, .other = 78});
}

static void auctions(void)
{
	begin();
	for (uint64_t qty = 0; qty <= 5000000000; qty += 5000000000) {
		head('Q');
		put(qty, 8);
		put_text(STOCK);
		put(qty ? 5850200 : 0, 4);
		put(79, 8);
		put_text("O");
		message_end();
		is((struct hp_message){.kind = HP_MESSAGE_CROSS,
				       .symbol = LOCATE,
				       .price = qty ? 5850200 : 0,
				       .qty = (int64_t)qty,
				       .other = 79});
	}
	for (int buy = 0; buy < 2; buy++) {
		head('I');
		put(1000, 8);
		put(200, 8);
		put_text(buy ? "B" : "S");
		put_text(STOCK);
		put(5860000, 4);
		put(5861000, 4);
		put(5862000, 4);
		put_text("O1");
		message_end();
		is((struct hp_message){.kind = HP_MESSAGE_IMBALANCE,
				       .flags = buy ? HP_FLAG_BID : 0,
				       .symbol = LOCATE,
				       .price = 5862000,
				       .qty = 1000,
				       .other = 200});
	}
}

static void administration(void)
{
	uint64_t name = symbols_pack("AAPL");

	begin();
	head_of('S', 0);
	put_text("Q");
	message_end();
	is((struct hp_message){.kind = HP_MESSAGE_SYSTEM, .symbol = HP_SYMBOL_ALL, .other = 'Q'});
	put_directory(LOCATE, STOCK);
	CHECK_EQ(decode_made(1), 1);
	CHECK(symbols.names[LOCATE] == name);
	fresh(itch50_open);
	is((struct hp_message){.kind = HP_MESSAGE_SYMBOL, .symbol = LOCATE, .other = name});
	put_status('P');
	is((struct hp_message){.kind = HP_MESSAGE_STATUS, .symbol = LOCATE, .other = 'P'});
}

/* Types no book needs: their bytes, time and symbol. */
static void everything_else(void)
{
	begin();
	for (const char *type = "YLVWKJNO"; *type; type++) {
		put_any(*type);
		is((struct hp_message){.kind = HP_MESSAGE_OTHER,
				       .symbol = *type == 'V' || *type == 'W' ? HP_SYMBOL_ALL : LOCATE});
	}
	for (int type = 0; type < 256; type++)
		CHECK_EQ(itch50_length((uint8_t)type) != 0, type && strchr(all_types, type) != NULL);
}

/* One halt's end does not hide another; other markets' halts are not this feed's. */
static void halts(void)
{
	static const uint64_t states[] = {'T', 0, 'H', 'H', 'H', 'P', 'H', 0, 'P'};

	begin();
	put_status('T');
	put_operational('B', 'H'); /* BX's */
	put_operational('Q', 'H');
	put_status('H');
	put_status('P');
	put_operational('Q', 'T');
	put_operational('Q', 'H');
	put_operational('Q', 'H'); /* told again */
	put_operational('Q', 'T');
	CHECK_EQ(decode_made(9), 9);
	for (int i = 0; i < 9; i++) {
		CHECK_EQ(got[i].kind, states[i] ? HP_MESSAGE_STATUS : HP_MESSAGE_OTHER);
		CHECK_EQ(got[i].other, states[i]);
	}
	/* Nothing told before: the end of a halt means trading; the next day's directory begins anew. */
	begin();
	put_operational('Q', 'T');
	put_operational('Q', 'H');
	put_operational('Q', 'T');
	put_operational('Q', 'H');
	put_directory(LOCATE, STOCK);
	put_status('T');
	CHECK_EQ(decode_made(6), 6);
	CHECK_EQ(got[0].kind, HP_MESSAGE_OTHER);
	CHECK_EQ(got[2].other, 'T');
	CHECK_EQ(got[5].other, 'T');
}

/* ---- who is wanted ---- */

static void subscriptions(void)
{
	begin();
	CHECK_EQ(symbols_want(&symbols, "AAPL"), 0);
	put_directory(1, STOCK);
	put_directory(2, "MSFT    ");
	put_add(1, 10, 'B', 1, STOCK, 1);
	put_add(2, 11, 'B', 1, "MSFT    ", 1);
	put_delete(2, 11);
	put_add(3, 12, 'B', 1, "GOOG    ", 1); /* named by the message itself */
	put_delete(3, 12);
	put_delete(4, 13); /* not named yet: somebody may want it */
	head_of('S', 2);
	put_text("C");
	message_end();
	put_directory(1, "GOOG    "); /* the next day */
	put_delete(1, 10);
	CHECK_EQ(decode_made(11), 4);
	CHECK_EQ(got[0].kind, HP_MESSAGE_SYMBOL);
	CHECK_EQ(got[1].order, 10);
	CHECK_EQ(got[1].seq, RUN_FIRST_SEQ + 2);
	CHECK_EQ(got[2].symbol, 4);
	CHECK_EQ(got[3].type, 'S');
	CHECK_EQ(report.skipped, 7);
	CHECK_EQ(all_messages(), 11);
	CHECK_EQ(all_faults(), 0);
}

static void unwanted_types(void)
{
	begin();
	decoder->wanted_types['A'] = 0;
	put_add(1, 10, 'B', 1, STOCK, 1);
	put_delete(1, 10);
	put_add(1, 10, 'B', 0, STOCK, 1); /* what is wrong with it is not looked at */
	CHECK_EQ(decode_made(3), 1);
	CHECK_EQ(got[0].type, 'D');
	CHECK_EQ(report.messages['A'], 2);
	CHECK_EQ(report.skipped, 0);
	CHECK_EQ(all_faults(), 0);
}

static void beyond_the_limit(void)
{
	fresh_limited(itch50_open, 2);
	run_begin(1);
	CHECK_EQ(symbols_want(&symbols, "AAPL"), 0);
	put_directory(5, STOCK);
	put_directory(6, "MSFT    ");
	put_delete(5, 1);
	put_delete(6, 1);
	CHECK_EQ(decode_made(4), 2); /* who keeps books counts them */
	CHECK_EQ(got[0].symbol, 5);
	CHECK_EQ(got[1].symbol, 5);
	CHECK_EQ(report.skipped, 2);
	CHECK_EQ(symbols.count, 0);
}

/* ---- faults ---- */

/* The message just written is refused, and the one after it still read. */
static void refuses(enum hp_fault fault)
{
	uint8_t type = made_run[made_start + 2];

	put_delete(LOCATE, 1);
	CHECK_EQ(decode_made(2), 1);
	CHECK_EQ(got[0].type, 'D');
	CHECK_EQ(got[0].seq, RUN_FIRST_SEQ + 1);
	expect_fault(fault, type, RUN_FIRST_SEQ);
	CHECK_EQ(report.messages[type], type == 'D' ? 2 : 1);
	CHECK_EQ(all_messages(), 2);
	begin();
}

static void lengths(void)
{
	begin();
	for (const char *type = all_types; *type; type++) {
		put_any(*type);
		put(0, 1);
		message_end();
		refuses(HP_FAULT_WRONG_LENGTH);
		put_any(*type);
		made_size--;
		message_end();
		refuses(HP_FAULT_WRONG_LENGTH);
		head(*type);
		made_size = made_start + 3;
		message_end();
		refuses(HP_FAULT_WRONG_LENGTH);
	}
	for (int type = 0; type < 256; type++) {
		if (type && strchr(all_types, type))
			continue;
		message_begin();
		put((uint64_t)type, 1);
		put_text("what it carries");
		message_end();
		refuses(HP_FAULT_UNKNOWN_TYPE);
	}
}

static void bad_value(char type, uint32_t at, uint64_t value, uint32_t size)
{
	size_t end;

	put_any(type);
	end = made_size;
	made_size = made_start + 2 + at;
	put(value, size);
	made_size = end;
	refuses(HP_FAULT_BAD_VALUE);
}

static void values(void)
{
	static const struct {
		char type;
		uint8_t side, qty, price;
	} fields[] = {{'A', 19, 20, 32}, {'F', 19, 20, 32}, {'P', 19, 20, 32},
		      {'C', 31, 19, 32}, {'U', 0, 27, 31},  {'E', 0, 19, 0},
		      {'X', 0, 19, 0},	 {'Q', 0, 0, 27},   {'I', 0, 0, 44}};

	begin();
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char type = fields[i].type;

		if (fields[i].side)
			bad_value(type, fields[i].side, type == 'C' ? 'B' : 'N', 1);
		if (fields[i].qty)
			bad_value(type, fields[i].qty, 0, 4);
		if (fields[i].price && fields[i].qty)
			bad_value(type, fields[i].price, 0, 4);
		if (fields[i].price) {
			bad_value(type, fields[i].price, ITCH50_PRICE_MAX + 1, 4);
			bad_value(type, fields[i].price, UINT32_MAX, 4);
		}
	}
	bad_value('Q', 11, (UINT64_C(1) << 53) + 1, 8);
	bad_value('I', 11, (UINT64_C(1) << 53) + 1, 8);
	bad_value('I', 19, UINT64_MAX, 8);
	bad_value('H', 19, 'X', 1);
	bad_value('h', 20, 'X', 1);
	bad_value('R', 11, 0, 8);
}

/* ---- framing ---- */

static void empty_messages(void)
{
	begin();
	put_delete(LOCATE, 1);
	message_begin();
	message_end(); /* of length 0 */
	put_delete(LOCATE, 2);
	CHECK_EQ(decode_made(3), 2);
	CHECK_EQ(got[1].seq, RUN_FIRST_SEQ + 2);
	CHECK_EQ(report.messages[0], 1);
	CHECK_EQ(all_faults(), 0);
}

/* A file whose writer left the lengths 0. */
static void implied_lengths(void)
{
	begin();
	for (const char *type = all_types; *type; type++) {
		put_any(*type);
		message_end_as(0);
	}
	CHECK_EQ(decode_made(UINT32_MAX), strlen(all_types));
	CHECK_EQ(all_messages(), strlen(all_types));
	CHECK_EQ(all_faults(), 0);
	/* With a type that has no length the rest cannot be read. */
	begin();
	put_delete(LOCATE, 1);
	message_begin();
	put_text("z");
	message_end_as(0);
	put_delete(LOCATE, 2);
	CHECK_EQ(decode_made(UINT32_MAX), 1);
	expect_fault(HP_FAULT_PAST_END, 0, RUN_FIRST_SEQ + 1);
}

/* Cut at every byte, as a file and as a packet: whole messages are read, the rest is one fault. */
static void cut_anywhere(void)
{
	size_t ends[sizeof(all_types)], whole = 0;

	begin();
	for (const char *type = all_types; *type; type++) {
		put_any(*type);
		ends[type - all_types] = made_size;
	}
	for (size_t size = 0; size <= made_size; size++) {
		if (size >= ends[whole])
			whole++;
		int torn = size != (whole ? ends[whole - 1] : 0);

		fresh(itch50_open);
		CHECK_EQ(decode_bytes(size, UINT32_MAX), whole);
		CHECK_EQ(report.faults[HP_FAULT_PAST_END], torn);
		CHECK_EQ(report.examples[HP_FAULT_PAST_END].length,
			 torn ? size - (whole ? ends[whole - 1] : 0) : 0);
		CHECK_EQ(all_messages(), whole);
		fresh(itch50_open);
		CHECK_EQ(decode_bytes(size, (uint32_t)strlen(all_types)), whole);
		CHECK_EQ(report.faults[HP_FAULT_PAST_END], whole < strlen(all_types));
		CHECK_EQ(all_faults(), whole < strlen(all_types));
	}
}

/* Fewer messages announced than there are: the rest is not this run's. In pieces: the same. */
static void in_pieces(void)
{
	struct run run = {.at = made_run, .left = 5, .seq = 1, .flags = HP_FLAG_SNAPSHOT};

	begin();
	for (uint64_t order = 1; order <= 8; order++)
		put_delete(LOCATE, order);
	run.end = made_run + made_size;
	CHECK_EQ(decoder->ops->decode(decoder, &run, got, 2), 2);
	CHECK_EQ(run.left, 3);
	CHECK_EQ(decoder->ops->decode(decoder, &run, got + 2, 1), 1);
	CHECK_EQ(decoder->ops->decode(decoder, &run, got + 3, 9), 2);
	CHECK_EQ(run.left, 0);
	CHECK_EQ(run.seq, 6);
	CHECK_EQ(run.end - run.at, 3 * 21);
	CHECK_EQ(decoder->ops->decode(decoder, &run, got, 9), 0);
	for (int i = 0; i < 5; i++)
		CHECK(got[i].order == (uint64_t)i + 1 && got[i].seq == i + 1 &&
		      got[i].flags == HP_FLAG_SNAPSHOT);
	CHECK_EQ(report.messages['D'], 5);
}

/* ---- real and made files ---- */

/* Decodes a whole file; messages and buys of each symbol are added to the tables. */
static size_t decode_file(uint8_t *bytes, size_t size, double *adds, double *buys)
{
	struct run run = {.at = bytes, .end = bytes + size, .left = UINT32_MAX, .seq = 1};
	size_t total = 0;
	int count;

	while ((count = decoder->ops->decode(decoder, &run, got, RUN_MESSAGES)) > 0) {
		for (int i = 0; i < count; i++) {
			if (got[i].kind != HP_MESSAGE_ADD)
				continue;
			adds[got[i].symbol]++;
			*buys += (got[i].flags & HP_FLAG_BID) != 0;
		}
		total += (size_t)count;
	}
	CHECK_EQ(all_faults(), 0);
	CHECK_EQ(all_messages(), total);
	return total;
}

static void check_counts(const char *types, const double *counts)
{
	for (size_t i = 0; i < strlen(types); i++)
		CHECK_EQ(report.messages[(uint8_t)types[i]], counts[i]);
}

static double file_adds[HP_SYMBOLS], file_buys;

static void real_hour(void)
{
	size_t size;
	uint8_t *bytes = shared_unpacked("itch/aapl_20120621_0930-1030.itch50.gz", &size);

	if (!bytes)
		return;
	begin();
	CHECK_EQ(decode_file(bytes, size, file_adds, &file_buys), 88157);
	check_counts("ADEUPXSRH", (double[]){40408, 37076, 4067, 3928, 2201, 469, 6, 1, 1});
	free(bytes);
}

static void made_file(void)
{
	size_t size;
	uint8_t *bytes = shared_unpacked("itch/synthetic_3_symbols.itch50.gz", &size);

	if (!bytes)
		return;
	begin();
	memset(file_adds, 0, sizeof(file_adds));
	file_buys = 0;
	CHECK_EQ(decode_file(bytes, size, file_adds, &file_buys), 12012);
	check_counts("SRHAFEXDUP", (double[]){6, 3, 3, 4997, 3, 198, 45, 1745, 12, 5000});
	CHECK_EQ(file_adds[symbols_find(&symbols, symbols_pack("ALC"))], 950);
	CHECK_EQ(file_adds[symbols_find(&symbols, symbols_pack("BOB"))], 2482);
	CHECK_EQ(file_adds[symbols_find(&symbols, symbols_pack("CHAR"))], 1568);
	CHECK_EQ(file_buys, 2432);
	/* And of one symbol alone. */
	begin();
	CHECK_EQ(symbols_want(&symbols, "ALC"), 0);
	memset(file_adds, 0, sizeof(file_adds));
	struct run run = {.at = bytes, .end = bytes + size, .left = UINT32_MAX, .seq = 1};

	for (int count, i; (count = decoder->ops->decode(decoder, &run, got, RUN_MESSAGES)) > 0;)
		for (i = 0; i < count; i++)
			file_adds[got[i].symbol % HP_SYMBOLS] += got[i].kind == HP_MESSAGE_ADD;
	CHECK_EQ(file_adds[symbols_find(&symbols, symbols_pack("ALC"))], 950);
	CHECK_EQ(file_adds[symbols_find(&symbols, symbols_pack("BOB"))], 0);
	CHECK(report.skipped > 0);
	CHECK_EQ(all_messages(), 12012);
	free(bytes);
}

int main(void)
{
	RUN(orders_added_and_gone);
	RUN(executions_and_trades);
	RUN(auctions);
	RUN(administration);
	RUN(everything_else);
	RUN(halts);
	RUN(subscriptions);
	RUN(unwanted_types);
	RUN(beyond_the_limit);
	RUN(lengths);
	RUN(values);
	RUN(empty_messages);
	RUN(implied_lengths);
	RUN(cut_anywhere);
	RUN(in_pieces);
	RUN(real_hour);
	RUN(made_file);
	finish();
	return 0;
}
