/* SPDX-License-Identifier: MIT */
/*
 * Tardis files as tapes: good, odd, bad, cut and mutated ones. The real files lie outside
 * the repository (HOTPATH_SHARED, or ../shared next to it); without them those two cases are passed over,
 * saying so.
 */
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "check.h"
#include "lab/random.h"
#include "lab/tape.h"

#define HEADER		   "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
#define ROW(price, amount) "x,Y,1,100,false,bid," price "," amount "\n"

static char scratch[] = "/tmp/hotpath-tardis-XXXXXX";

/* The path of a real file, or NULL with the reason printed. */
static const char *shared(const char *name)
{
	static char path[1024];
	const char *folder = getenv("HOTPATH_SHARED");
	const char *file = __FILE__, *tests = strstr(file, "tests/native/");

	if (folder)
		snprintf(path, sizeof(path), "%s/data/tardis/%s", folder, name);
	else
		snprintf(path, sizeof(path), "%.*s../shared/data/tardis/%s", (int)(tests - file), file, name);
	if (!access(path, R_OK))
		return path;
	printf("not checked: %s is not there (set HOTPATH_SHARED)\n", path);
	return NULL;
}

static const char *last_error(void)
{
	static char text[512];
	int32_t len = hp_last_error(text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = 0;
	return text;
}

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(scratch, "wb");

	CHECK(file && fwrite(bytes, 1, len, file) == len && !fclose(file));
}

static struct hp_tape *load_text(const char *text, struct hp_tape_info *info)
{
	struct hp_tape *tape;

	write_file(text, strlen(text));
	tape = hp_tape_load(scratch, 5);
	memset(info, 0, sizeof(*info));
	if (tape)
		CHECK_EQ(hp_tape_info(tape, info), 0);
	return tape;
}

/* Loading fails and the sentence says this. */
static void refuses(const char *text, const char *says)
{
	struct hp_tape_info info;

	CHECK(!load_text(text, &info));
	if (!strstr(last_error(), says))
		fprintf(stderr, "\"%s\" lacks \"%s\"\n", last_error(), says);
	CHECK(strstr(last_error(), says));
}

static void real_hour(void)
{
	const char *path = shared("binance-futures_incremental_book_L2_2024-08-08_BTCUSDT.csv.gz");
	struct hp_tape_info info;
	struct hp_tape *tape;
	double row[6];

	if (!path)
		return;
	tape = hp_tape_load(path, 5);
	CHECK(tape);
	CHECK_EQ(hp_tape_info(tape, &info), 0);
	CHECK_EQ(info.records, 445262);
	CHECK_EQ(info.snapshot_records, 2000);
	CHECK_EQ(info.messages, 6548);
	CHECK_EQ(info.price_scale, 1e6);
	CHECK_EQ(info.qty_scale, 1000);
	CHECK_EQ(info.bad_lines, 0);
	CHECK_EQ(info.off_scale, 0);
	CHECK_EQ(info.first_bad_line, 0);
	CHECK(!strcmp(info.symbol, "binance-futures BTCUSDT"));
	CHECK_EQ(hp_tape_read(tape, 0, 1, row), 1);
	CHECK_EQ(row[0], 61800200000);
	CHECK_EQ(row[1], 2909);
	CHECK_EQ(row[2], HP_FLAG_BID | HP_FLAG_SNAPSHOT);
	CHECK_EQ(hp_tape_read(tape, 445260, 100, row), 2);
	CHECK_EQ(row[5], HP_FLAG_BID | HP_FLAG_LAST);
	hp_tape_close(tape);
}

static void real_snapshot(void)
{
	const char *path = shared("deribit_incremental_book_L2_BTC-PERPETUAL.csv");
	struct hp_tape_info info;
	struct hp_tape *tape;
	double row[6];

	if (!path)
		return;
	tape = hp_tape_load(path, 1);
	CHECK(tape);
	CHECK_EQ(hp_tape_info(tape, &info), 0);
	CHECK_EQ(info.records, 15);
	CHECK_EQ(info.snapshot_records, 15);
	CHECK_EQ(info.datagrams, 15);
	CHECK_EQ(info.qty_scale, 1);
	CHECK(!strcmp(info.symbol, "deribit BTC-PERPETUAL"));
	CHECK_EQ(hp_tape_read(tape, 0, 2, row), 2);
	CHECK_EQ(row[0], 6421500000);
	CHECK_EQ(row[1], 18640);
	CHECK_EQ(row[3], 6422000000);
	hp_tape_close(tape);
}

static void numbers_are_exact(void)
{
	struct hp_tape_info info;
	struct hp_tape *tape = load_text(
		HEADER ROW("0.1", "0.07") ROW("16777217.000001", "1.5") ROW("1.", "2") ROW(".5", "1.10000000")
			ROW("9007199254.740992", "0") ROW("1.500000000000", "2147.483647"),
		&info);
	double rows[18];

	CHECK(tape);
	CHECK_EQ(info.records, 6);
	CHECK_EQ(info.qty_scale, 1e6);
	CHECK_EQ(hp_tape_read(tape, 0, 6, rows), 6);
	CHECK_EQ(rows[0], 100000);
	CHECK_EQ(rows[1], 70000);
	CHECK_EQ(rows[3], 16777217000001);
	CHECK_EQ(rows[6], 1000000);
	CHECK_EQ(rows[9], 500000);
	CHECK_EQ(rows[10], 1100000);
	CHECK_EQ(rows[12], 9007199254740992);
	CHECK_EQ(rows[15], 1500000);
	CHECK_EQ(rows[16], INT32_MAX);
	hp_tape_close(tape);
}

static void off_scale_rows_are_counted(void)
{
	struct hp_tape_info info;
	struct hp_tape *tape =
		load_text(HEADER ROW("1", "1") ROW("0", "1") ROW("-1", "1") ROW("9007199254.740993", "1")
				  ROW("1.0000001", "1") ROW("99999999999999999999999", "1") ROW("1", "-1")
					  ROW("1", "2147483648") ROW("1", "9999999999999999999999"),
			  &info);

	CHECK(tape);
	CHECK_EQ(info.records, 1);
	CHECK_EQ(info.off_scale, 8);
	CHECK_EQ(info.bad_lines, 0);
	CHECK_EQ(info.first_bad_line, 3);
	CHECK(!strcmp(info.first_bad, "x,Y,1,100,false,bid,0,1"));
	hp_tape_close(tape);
	/* Finer than the wire's finest, 1e6: such an amount is left out, and does not set the scale. */
	tape = load_text(HEADER ROW("1", "0.1234567") ROW("1", "0.5"), &info);
	CHECK(tape);
	CHECK_EQ(info.qty_scale, 10);
	CHECK_EQ(info.off_scale, 1);
	hp_tape_close(tape);
}

static void bad_lines_are_counted(void)
{
	static const char *const bad[] = {
		"x",
		",,,,,,,",
		"x,Y,1,100,false,bid,1",
		"x,Y,1,100,false,bid,,1",
		"x,Y,1,100,false,bid,1,",
		"x,Y,1,100,maybe,bid,1,1",
		"x,Y,1,100,false,buy,1,1",
		"x,Y,1,,false,bid,1,1",
		"x,Y,1,-5,false,bid,1,1",
		"x,Y,1,99999999999999999,false,bid,1,1",
		"x,Y,1,1e3,false,bid,1,1",
		"x,Y,1,100,false,bid,1e3,1",
		"x,Y,1,100,false,bid,1.2.3,1",
		"x,Y,1,100,false,bid,.,1",
		"x,Y,1,100,false,bid,-,1",
		"x,Y,1,100,false,bid,nan,1",
		"x,Y,1,100,false,bid,1, 1",
		"x,Z,1,100,false,bid,1,1",
		"w,Y,1,100,false,bid,1,1",
		"\x01\xff\xfe,\t",
	};
	size_t count = sizeof(bad) / sizeof(*bad);
	char text[4096] = HEADER ROW("1", "1");
	struct hp_tape_info info;
	struct hp_tape *tape;

	for (size_t i = 0; i < count; i++) {
		strcat(text, bad[i]);
		strcat(text, "\n");
	}
	strcat(text, ROW("2", "2"));
	tape = load_text(text, &info);
	CHECK(tape);
	CHECK_EQ(info.records, 2);
	CHECK_EQ(info.bad_lines, count);
	CHECK_EQ(info.off_scale, 0);
	CHECK_EQ(info.first_bad_line, 3);
	CHECK(!strcmp(info.first_bad, "x"));
	hp_tape_close(tape);
	tape = load_text(HEADER "\x01\xff\xfe,\t\n" ROW("1", "1"), &info);
	CHECK(tape);
	CHECK(!strcmp(info.first_bad, "???,?"));
	hp_tape_close(tape);
}

static void shapes_are_tolerated(void)
{
	struct hp_tape_info info;
	struct hp_tape *tape;
	char text[512] = HEADER;

	/* Columns by name, others between; CRLF; no end of line at the end; blank lines. */
	tape = load_text("amount,extra,price,side,is_snapshot,local_timestamp,symbol,exchange,more\r\n"
			 "3,?,7.5,ask,true,100,Y,x,1,2,3\r\n\r\n"
			 "4,?,7.6,ask,false,101,Y,x,1",
			 &info);
	CHECK(tape);
	CHECK_EQ(info.records, 2);
	CHECK_EQ(info.snapshot_records, 1);
	CHECK_EQ(info.bad_lines, 0);
	CHECK_EQ(tape->records[0].price, 7500000);
	CHECK_EQ(tape->records[0].flags, HP_FLAG_SNAPSHOT);
	CHECK_EQ(tape->records[1].at_ns, 1000);
	hp_tape_close(tape);
	/* Names longer than their place are cut. */
	strcat(text, "an-exchange-of-a-very-long-name-indeed,AND-ITS-SYMBOL,1,1,false,bid,1,1\n");
	tape = load_text(text, &info);
	CHECK(tape);
	CHECK_EQ(strlen(info.symbol), sizeof(info.symbol) - 1);
	hp_tape_close(tape);
}

static void sentences(void)
{
	refuses("", "it is empty");
	refuses("a,b,c\n1,2,3\n", "no column \"exchange\"");
	refuses("exchange,symbol,timestamp,local_timestamp,is_snapshot,side,amount\n", "no column \"price\"");
	refuses(HEADER, "none of its 0 rows");
	refuses(HEADER "x\ny\n", "none of its 2 rows can be used; the first is x");
	CHECK(!hp_tape_load("/nonexistent/tape.csv", 5) && strstr(last_error(), "No such file"));
	CHECK(!hp_tape_load("/tmp", 5) && strstr(last_error(), "Is a directory"));
	CHECK(!hp_tape_load(NULL, 5) && strstr(last_error(), "no path"));
	CHECK(!hp_tape_load(scratch, 0) && strstr(last_error(), "1 to 5"));
	CHECK(!hp_tape_load(scratch, 6));
}

static void gzip_whole_and_cut(void)
{
	gzFile packed = gzopen(scratch, "wb");
	struct hp_tape *tape;
	uint8_t bytes[65536];
	size_t len;
	FILE *file;

	CHECK(packed);
	gzputs(packed, HEADER);
	for (int i = 1; i < 3000; i++)
		gzprintf(packed, "x,Y,1,%d,false,bid,%d.%d,%d.25\n", i / 7, i * 7919 % 1000 + 1, i % 10,
			 i * 31 % 977);
	CHECK_EQ(gzclose(packed), Z_OK);
	tape = hp_tape_load(scratch, 5);
	CHECK(tape);
	CHECK_EQ(tape->count, 2999);
	hp_tape_close(tape);
	file = fopen(scratch, "rb");
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	CHECK(len > 1000 && len < sizeof(bytes));
	for (size_t cut = 20; cut < len; cut += len / 16) {
		write_file(bytes, cut);
		CHECK(!hp_tape_load(scratch, 5));
		CHECK(strstr(last_error(), "cut off or damaged"));
	}
	bytes[len / 2] ^= 0x55;
	write_file(bytes, len);
	CHECK(!hp_tape_load(scratch, 5));
}

/* Lines after the first that are not blank: what records and counters must add up to. */
static size_t data_lines(const char *text, size_t len)
{
	const char *end = text + len;
	size_t lines = 0;

	for (const char *at = text; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t width;

		stop = stop ? stop : end;
		width = (size_t)(stop - at);
		lines += at != text && width && !(width == 1 && *at == '\r');
		at = stop + 1;
	}
	return lines;
}

/* Changes, cuts, doubles or exchanges a few bytes. Returns the new length. */
static size_t mutate(struct random *random, char *text, size_t len)
{
	static const char interesting[] = "\n\r,.-+e09\xff tfbs";

	for (uint32_t i = 1 + random_below(random, 6); i && len > 2; i--) {
		size_t at = random_below(random, (uint32_t)len), width = 1 + random_below(random, 12);

		switch (random_below(random, 4)) {
		case 0:
			text[at] = (char)random_next(random);
			break;
		case 1:
			text[at] = interesting[random_below(random, sizeof(interesting))];
			break;
		case 2:
			width = width > len - at ? len - at : width;
			memmove(text + at, text + at + width, len - at - width);
			len -= width;
			break;
		default:
			width = width > at ? at : width;
			memmove(text + at + width, text + at, len - at);
			len += width;
		}
	}
	return len;
}

static void mutations_add_up(void)
{
	static const char original[] =
		HEADER "x,Y,1,100,true,bid,61800.20,2.909\nx,Y,1,100,true,ask,61800.30,0.5\n"
		       "x,Y,1,101,false,bid,61800,0\r\nx,Y,1,101,false,ask,61801.000000,12345678\n"
		       "x,Y,1,102,false,bid,0.000001,7\n\nx,Y,1,9999999,false,ask,99,1.25\n";
	struct random random = {.state = 42};
	char text[1024];
	int loaded = 0;

	for (int i = 0; i < 20000; i++) {
		size_t len = sizeof(original) - 1;
		struct hp_tape *tape;

		memcpy(text, original, len);
		len = mutate(&random, text, len);
		write_file(text, len);
		tape = hp_tape_load(scratch, 1 + i % 5);
		if (!tape) {
			CHECK(*last_error());
			continue;
		}
		loaded++;
		CHECK_EQ(tape->info.records + tape->info.bad_lines + tape->info.off_scale,
			 data_lines(text, len));
		CHECK_EQ(tape->info.records, tape->count);
		CHECK((tape->info.first_bad_line != 0) == (tape->info.bad_lines + tape->info.off_scale != 0));
		for (size_t j = 0; j < tape->count; j++) {
			CHECK(tape->records[j].price > 0 && tape->records[j].price <= INT64_C(1) << 53);
			CHECK(tape->records[j].qty >= 0);
		}
		hp_tape_close(tape);
	}
	CHECK(loaded > 5000);
}

int main(void)
{
	int fd = mkstemp(scratch);

	CHECK(fd >= 0);
	close(fd);
	RUN(real_hour);
	RUN(real_snapshot);
	RUN(numbers_are_exact);
	RUN(off_scale_rows_are_counted);
	RUN(bad_lines_are_counted);
	RUN(shapes_are_tolerated);
	RUN(sentences);
	RUN(gzip_whole_and_cut);
	RUN(mutations_add_up);
	unlink(scratch);
	return 0;
}
