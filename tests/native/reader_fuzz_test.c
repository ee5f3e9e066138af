// SPDX-License-Identifier: MIT
/*
 * Good files of every format with bytes changed, cut out or cut off, plain and packed: whatever comes of it,
 * nothing is read or written outside (the sanitizers look), the reader comes to an end, what it cannot read
 * it says, and the best bids and offers it writes are of books with both sides.
 */
#include <errno.h>

#include "book/books.h"
#include "captures.h"
#include "feed/itch50.h"
#include "feed/lll.h"
#include "lab/random.h"

#define ROUNDS	 2000
#define ROWS	 16
#define SYMBOLS	 64
#define MESSAGES 60

static struct random dice = {20260401};
static uint8_t whole[MAKE_ROOM];
static void *books;
static struct hp_books_options books_options = {
	.symbols = SYMBOLS, .orders = 256, .levels = 256, .price_scale = 1, .qty_scale = 1};
static double books_bytes;

static uint32_t roll(uint32_t sides)
{
	return random_below(&dice, sides);
}

/* A message of any type with few symbols, references and prices, so that messages meet. */
static uint32_t itch_message(uint8_t *out)
{
	static const char types[] = "SRHAFECXDUPQBIAAAADDUE";
	uint8_t type = (uint8_t)types[roll(sizeof(types) - 1)];
	uint32_t length = itch50_length(type);

	memset(out, 0, length);
	out[0] = type;
	out[2] = (uint8_t)(1 + roll(3));
	for (uint32_t at = 11; at < length; at++)
		out[at] = (uint8_t)(at % 4 == 2 ? roll(8) : 0);
	if (type == 'A' || type == 'F' || type == 'P')
		out[19] = roll(2) ? 'B' : 'S';
	return length;
}

static size_t itch_block(uint8_t *out)
{
	uint32_t length = itch_message(out + 2);

	out[0] = 0;
	out[1] = (uint8_t)length;
	return 2 + length;
}

static size_t make_itch(void)
{
	size_t len = 0;

	for (int i = 0; i < MESSAGES; i++)
		len += itch_block(whole + len);
	return len;
}

static size_t make_records(uint8_t *out, int64_t first, int count)
{
	for (int i = 0; i < count; i++) {
		struct lll_record record = {
			.seq = first + i,
			.price = 1 + roll(20),
			.qty = (int32_t)roll(3),
			.flags = (uint8_t)(roll(2) | (first + i < 9 ? HP_FLAG_SNAPSHOT : 0))};

		lll_encode(out + i * LLL_RECORD_BYTES, &record);
	}
	return (size_t)count * LLL_RECORD_BYTES;
}

static size_t make_rows(void)
{
	size_t len = (size_t)sprintf((char *)whole, "exchange,symbol,timestamp,local_timestamp,is_snapshot,"
						    "side,price,amount\n");

	for (int i = 0; i < MESSAGES; i++)
		len += (size_t)sprintf((char *)whole + len, "x,Y,1,%d,%s,%s,%u.%u,%u\n", i / 3,
				       i < 9 ? "true" : "false", roll(2) ? "bid" : "ask", 1 + roll(9),
				       roll(9), roll(3));
	return len;
}

static uint32_t mold_packet(uint8_t *out, int64_t seq, uint32_t count)
{
	size_t len = 20;

	memset(out, 0, 20);
	memcpy(out, "SESSION001", 10);
	out[17] = (uint8_t)seq;
	out[19] = (uint8_t)count;
	while (count--)
		len += itch_block(out + len);
	return (uint32_t)len;
}

static uint32_t iex_packet(uint8_t *out, int64_t seq, uint32_t count)
{
	size_t len = 40;

	memset(out, 0, 40);
	out[0] = 1;
	out[2] = 4;
	out[3] = 0x80;
	out[14] = (uint8_t)count;
	out[24] = (uint8_t)seq;
	for (; count; count--, len += 32) {
		memset(out + len, 0, 32);
		out[len] = 30;
		out[len + 2] = roll(2) ? '8' : '5';
		out[len + 3] = (uint8_t)roll(2);
		memcpy(out + len + 12, roll(2) ? "AAA     " : "BBB     ", 8);
		out[len + 20] = (uint8_t)roll(3);
		out[len + 24] = (uint8_t)(1 + roll(9));
	}
	out[12] = (uint8_t)(len - 40);
	out[13] = (uint8_t)((len - 40) >> 8);
	return (uint32_t)len;
}

/* Packets of one protocol to two groups, now and then repeated or left out. */
static size_t make_capture(void)
{
	struct form form = {.link = 1, .nano = 1, .ng = (int)roll(2), .resolution = 9};
	uint32_t protocol = roll(3), count;
	int64_t seq = protocol == 2 ? 0 : 1;
	uint8_t packet[4096];

	make_begin(&form);
	for (int i = 0; i < 12; i++, seq += count) {
		uint32_t len;

		count = 1 + roll(5);
		len = protocol == 0   ? mold_packet(packet, seq, count)
		      : protocol == 1 ? iex_packet(packet, seq, count)
				      : (uint32_t)make_records(packet, seq, (int)count);
		if (roll(8))
			make_datagram(i * 1000000, "233.54.12.111", 26400, packet, len);
		if (roll(3))
			make_datagram(i * 1000000 + 1500, "233.49.196.111", 26400, packet, len);
	}
	memcpy(whole, made, made_len);
	return made_len;
}

static size_t make_any(void)
{
	switch (roll(5)) {
	case 0:
		return make_itch();
	case 1:
		return make_records(whole, 0, MESSAGES);
	case 2:
		return make_rows();
	default:
		return make_capture();
	}
}

static size_t damage(size_t len)
{
	for (uint32_t i = roll(6); i > 0; i--) {
		size_t at = roll((uint32_t)len);

		whole[at] = (uint8_t)(roll(2) ? whole[at] ^ (1u << roll(8)) : random_next(&dice));
	}
	if (roll(3) == 0)
		return roll((uint32_t)len + 1);
	if (roll(5) == 0) {
		size_t from = roll((uint32_t)len), count = roll((uint32_t)(len - from) + 1);

		memmove(whole + from, whole + from + count, len - from - count);
		return len - count;
	}
	return len;
}

/* What a run left is within what was promised. */
static void check_run(const struct hp_reader_stats *stats, const struct hp_reader_row *rows)
{
	CHECK(stats->rows <= ROWS);
	CHECK(stats->at >= 0 && stats->at <= stats->size);
	for (uint32_t i = 0; i < stats->rows; i++)
		CHECK(rows[i].bid > 0 && rows[i].bid_qty > 0 && rows[i].ask > 0 && rows[i].ask_qty > 0 &&
		      rows[i].symbol < SYMBOLS);
}

static void check_gaps(struct hp_reader *reader, const struct hp_reader_stats *stats)
{
	double pairs[16];
	int32_t count = hp_reader_gaps(reader, 0, 8, pairs);

	CHECK_EQ(count, stats->gaps < 8 ? stats->gaps : 8);
	for (int32_t i = 0; i < count; i++)
		CHECK(pairs[2 * i] <= pairs[2 * i + 1]);
	CHECK_EQ(hp_reader_gaps(reader, (int32_t)stats->gaps, 8, pairs), 0);
}

/* 1 when it could be opened. */
static int read_file(double *messages, int *troubled)
{
	static struct hp_report report;
	static struct hp_stream_stats stream;
	struct hp_reader_options options = {.feed = -1, .rows = roll(3) ? ROWS : 0, .symbols = SYMBOLS};
	struct hp_reader_row *rows = malloc(ROWS * sizeof(*rows));
	struct hp_reader_stats stats = {0};
	struct hp_reader *reader;
	int code;

	memset(&report, 0, sizeof(report));
	memset(&stream, 0, sizeof(stream));
	snprintf(options.files[0], sizeof(options.files[0]), "%s", made_path);
	if (roll(8) == 0)
		options.feed = (int32_t)roll(5);
	if (roll(8) == 0)
		snprintf(options.files[1], sizeof(options.files[1]), "%s", made_path);
	reader = hp_reader_open(&options, &stats, &report, &stream, rows);
	if (!reader) {
		CHECK(hp_last_errno());
		free(rows);
		return 0;
	}
	books_options.orders = stats.levels_only ? 0 : 256;
	CHECK(hp_books_open(books, books_bytes, &books_options));
	if (roll(4) == 0 && stats.feed != HP_READER_TARDIS && stats.feed != HP_READER_LLL)
		CHECK_EQ(hp_reader_want(reader, "AAA"), 0);
	CHECK_EQ(hp_reader_start(reader, books), 0);
	do {
		code = hp_reader_run(reader, (int32_t)roll(2));
		check_run(&stats, rows);
	} while (code > 0);
	CHECK_EQ(code, 0);
	check_gaps(reader, &stats);
	*messages += stats.messages;
	*troubled += stats.trouble[0] != 0;
	CHECK_EQ(hp_reader_close(reader), 0);
	free(rows);
	return 1;
}

int main(void)
{
	double messages = 0;
	int opened = 0, troubled = 0;

	books_options.orders = 256;
	books_bytes = hp_books_bytes(&books_options);
	books = aligned_alloc(4096, ((size_t)books_bytes + 4095) / 4096 * 4096);
	save("", 0, 0); /* names the file */
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = make_any();

		save(whole, damage(len), (int)roll(3) == 0);
		opened += read_file(&messages, &troubled);
	}
	printf("%d files: %d opened, %d of them torn, %.0f messages\n", ROUNDS, opened, troubled, messages);
	CHECK(opened > ROUNDS / 2 && opened < ROUNDS && troubled > ROUNDS / 20 && messages > 10 * ROUNDS);
	free(books);
	return 0;
}
