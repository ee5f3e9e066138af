/* SPDX-License-Identifier: MIT */
/*
 * Tardis `incremental_book_L2` files as tapes:
 *
 *   exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
 *
 * plain or gzip (zlib reads both), one row a price level, rows that share local_timestamp are one message of
 * the exchange, amount 0 removes the level. Numbers go from decimal text to scaled integers without passing
 * through floating point. The quantity scale is the file's own: the most decimals any amount is written with;
 * so the text is kept in memory and parsed twice, once to learn the scale. That costs memory (some 80 bytes a
 * row while loading) and buys one scale that is right for every row.
 *
 * A row that cannot be used is counted, the first is kept as an example, and loading goes on: one bad row
 * must not cost the hour around it, and nobody should have to guess that there was one.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lab/tape.h"
#include "measure/error.h"

#define DECIMALS_MAX 6			/* price_scale 1e6; finer amounts do not fit the wire either */
#define EXACT_MAX    (INT64_C(1) << 53) /* what a double holds exactly */
#define FIELDS_MAX   32			/* further columns are not looked at */
#define TEXT_CHUNK   (64u << 10)
#define TIME_MAX     INT64_C(9000000000000000) /* us; the difference of two still fits int64_t in ns */

enum column { EXCHANGE, SYMBOL, LOCAL_TIMESTAMP, IS_SNAPSHOT, SIDE, PRICE, AMOUNT, COLUMNS };

static const char *const column_names[COLUMNS] = {
	"exchange", "symbol", "local_timestamp", "is_snapshot", "side", "price", "amount",
};

/* A piece of the file's text: not terminated, not owned. */
struct text {
	const char *at;
	size_t len;
};

/* A decimal number x 1e6. */
struct decimal {
	int64_t units;
	int32_t decimals; /* as written, at most DECIMALS_MAX */
	int32_t off;	  /* it does not fit: too large, or finer than 1e-6 */
};

struct row {
	struct text exchange, symbol;
	int64_t local_us;
	uint32_t flags;
	struct decimal price, amount;
};

/* The file being read. */
struct tardis {
	const char *path;
	struct text rest; /* what is not parsed yet */
	size_t line;	  /* of the row just taken; 1 = header */
	int columns[COLUMNS];
};

static int is_text(struct text field, const char *word)
{
	return field.len == strlen(word) && !memcmp(field.at, word, field.len);
}

static int same_text(struct text a, struct text b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

/* Takes the next line off `rest`, without its LF or CRLF. 0 at the end. */
static int take_line(struct tardis *file, struct text *line)
{
	const char *end;

	if (!file->rest.len)
		return 0;
	end = memchr(file->rest.at, '\n', file->rest.len);
	line->at = file->rest.at;
	line->len = end ? (size_t)(end - line->at) : file->rest.len;
	file->rest.at += line->len + (end != NULL);
	file->rest.len -= line->len + (end != NULL);
	if (line->len && line->at[line->len - 1] == '\r')
		line->len--;
	file->line++;
	return 1;
}

/* Cuts a line at its commas; returns how many fields it has, FIELDS_MAX at most. */
static int split(struct text line, struct text *fields)
{
	const char *end = line.at + line.len, *start = line.at;
	int count = 0;

	for (const char *at = start; count < FIELDS_MAX; at++) {
		if (at < end && *at != ',')
			continue;
		fields[count++] = (struct text){start, (size_t)(at - start)};
		start = at + 1;
		if (at == end)
			break;
	}
	return count;
}

static int parse_time(struct text field, int64_t *out)
{
	int64_t value = 0;

	if (!field.len || field.len > 16)
		return -EINVAL;
	for (size_t i = 0; i < field.len; i++) {
		unsigned digit = (unsigned char)field.at[i] - '0';

		if (digit > 9)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*out = value;
	return value <= TIME_MAX ? 0 : -EINVAL;
}

/* [-]digits[.digits], exactly. -EINVAL: not a number; out->off: a number that does not fit. */
static int parse_decimal(struct text field, struct decimal *out)
{
	const char *at = field.at, *end = at + field.len;
	int negative = at < end && *at == '-';
	int digits = 0, point = 0;
	int64_t value = 0;

	*out = (struct decimal){0};
	for (at += negative; at < end; at++) {
		unsigned digit = (unsigned char)*at - '0';

		if (*at == '.' && !point) {
			point = 1;
			continue;
		}
		if (digit > 9)
			return -EINVAL;
		digits++;
		if (point && out->decimals == DECIMALS_MAX) {
			out->off |= digit != 0; /* zeros that far down change nothing */
			continue;
		}
		out->decimals += point;
		if (value > INT64_MAX / 10 - 1)
			out->off = 1;
		else
			value = value * 10 + digit;
	}
	for (int i = out->decimals; i < DECIMALS_MAX; i++) {
		if (value > INT64_MAX / 10 - 1)
			out->off = 1;
		else
			value *= 10;
	}
	out->units = negative ? -value : value;
	return digits ? 0 : -EINVAL;
}

/* One line into a row. -EINVAL when it is not one. */
static int parse_row(const struct tardis *file, struct text line, struct row *out)
{
	struct text fields[FIELDS_MAX], cell[COLUMNS];
	int count = split(line, fields);

	for (int i = 0; i < COLUMNS; i++) {
		if (file->columns[i] >= count)
			return -EINVAL;
		cell[i] = fields[file->columns[i]];
	}
	out->exchange = cell[EXCHANGE];
	out->symbol = cell[SYMBOL];
	out->flags = is_text(cell[SIDE], "bid") ? HP_FLAG_BID : 0;
	if (!out->flags && !is_text(cell[SIDE], "ask"))
		return -EINVAL;
	if (is_text(cell[IS_SNAPSHOT], "true"))
		out->flags |= HP_FLAG_SNAPSHOT;
	else if (!is_text(cell[IS_SNAPSHOT], "false"))
		return -EINVAL;
	if (parse_time(cell[LOCAL_TIMESTAMP], &out->local_us) || parse_decimal(cell[PRICE], &out->price) ||
	    parse_decimal(cell[AMOUNT], &out->amount))
		return -EINVAL;
	return 0;
}

static int parse_header(struct tardis *file)
{
	struct text line, fields[FIELDS_MAX];
	int count;

	if (!take_line(file, &line))
		return fail(ENODATA,
			    "Cannot load \"%s\": it is empty; give a Tardis incremental_book_L2 file",
			    file->path);
	count = split(line, fields);
	for (int i = 0; i < COLUMNS; i++) {
		int at = 0;

		while (at < count && !is_text(fields[at], column_names[i]))
			at++;
		if (at == count)
			return fail(
				EBADMSG,
				"Cannot load \"%s\": its first line names no column \"%s\"; give a Tardis "
				"incremental_book_L2 file",
				file->path, column_names[i]);
		file->columns[i] = at;
	}
	return 0;
}

/* Appends a piece of the file to a terminated string, cut, without what a terminal could choke on. */
static void append_text(char *out, size_t size, struct text text)
{
	size_t at = strlen(out);

	for (size_t i = 0; i < text.len && at + 1 < size; i++)
		out[at++] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
	out[at] = 0;
}

/* Keeps the first unusable line. */
static void note_bad(struct hp_tape_info *info, const struct tardis *file, struct text line)
{
	if (info->first_bad_line)
		return;
	info->first_bad_line = (double)file->line;
	append_text(info->first_bad, sizeof(info->first_bad), line);
}

static int same_instrument(const struct row *row, const struct row *other)
{
	return same_text(row->symbol, other->symbol) && same_text(row->exchange, other->exchange);
}

/* Off the wire whatever the quantity scale is: such a row does not set it either. */
static int is_off(const struct row *row)
{
	return row->price.off || row->price.units <= 0 || row->price.units > EXACT_MAX || row->amount.off;
}

/*
 * First pass: how many rows there are and the most decimals of an amount, over the rows the tape will take.
 * Returns 10^decimals.
 */
static int64_t learn_scale(struct tardis file, size_t *rows)
{
	int32_t decimals = 0;
	int64_t scale = 1;
	struct text line;
	struct row first = {0}, row;

	*rows = 0;
	while (take_line(&file, &line)) {
		if (parse_row(&file, line, &row) || is_off(&row) || (*rows && !same_instrument(&row, &first)))
			continue;
		if (!(*rows)++)
			first = row;
		if (row.amount.decimals > decimals)
			decimals = row.amount.decimals;
	}
	while (decimals--)
		scale *= 10;
	return scale;
}

/* A row as a record of the tape. -ERANGE when a number does not fit the wire. */
static int scale_row(const struct row *row, int64_t qty_scale, struct tape_record *out)
{
	int64_t unit = 1000000 / qty_scale; /* exact: no amount has more decimals than the scale */
	int64_t qty = row->amount.units / unit;

	if (is_off(row) || qty < 0 || qty > INT32_MAX)
		return -ERANGE;
	*out = (struct tape_record){
		.price = row->price.units, .qty = (int32_t)qty, .flags = (uint8_t)row->flags};
	return 0;
}

/* Second pass: every row into the tape, or into a counter. */
static int fill(struct hp_tape *tape, struct tardis *file, int64_t qty_scale)
{
	struct hp_tape_info *info = &tape->info;
	struct row first = {0}, row;
	struct tape_record record;
	struct text line;
	int code;

	while (take_line(file, &line)) {
		if (!line.len)
			continue; /* a blank line says nothing, the last one least of all */
		/* Another instrument's rows would be mixed into this one's book. */
		if (parse_row(file, line, &row) || (tape->count && !same_instrument(&row, &first))) {
			info->bad_lines++;
			note_bad(info, file, line);
			continue;
		}
		if (scale_row(&row, qty_scale, &record)) {
			info->off_scale++;
			note_bad(info, file, line);
			continue;
		}
		if (!tape->count)
			first = row;
		record.at_ns = (row.local_us - first.local_us) * 1000;
		code = tape_append(tape, &record);
		if (code)
			return code;
	}
	if (!tape->count)
		return fail(ENODATA, "Cannot load \"%s\": none of its %zu rows can be used%s%s", file->path,
			    file->line - 1, info->first_bad_line ? "; the first is " : "", info->first_bad);
	append_text(info->symbol, sizeof(info->symbol), first.exchange);
	append_text(info->symbol, sizeof(info->symbol), (struct text){" ", 1});
	append_text(info->symbol, sizeof(info->symbol), first.symbol);
	info->price_scale = 1e6;
	info->qty_scale = (double)qty_scale;
	return 0;
}

/* The whole file, unpacked; the caller frees it. NULL and fail(...) otherwise. */
static char *read_text(const char *path, size_t *size)
{
	size_t capacity = 0;
	char *text = NULL, *grown;
	gzFile file = gzopen(path, "rb");
	const char *why;
	int code, got = 0;

	*size = 0;
	if (!file) {
		code = errno ? errno : ENOMEM;
		fail(code, "Cannot open \"%s\": %s; give a Tardis incremental_book_L2 file", path,
		     strerror(code));
		return NULL;
	}
	gzbuffer(file, TEXT_CHUNK);
	do {
		*size += (size_t)got;
		if (capacity == *size) {
			capacity = capacity ? capacity * 2 : TEXT_CHUNK;
			grown = realloc(text, capacity);
			if (!grown) {
				fail(ENOMEM, "Cannot load \"%s\": no memory for its text; split it", path);
				goto out;
			}
			text = grown;
		}
		got = gzread(file, text + *size,
			     (unsigned)(capacity - *size < INT_MAX ? capacity - *size : INT_MAX));
	} while (got > 0);

	why = gzerror(file, &code);
	if (code == Z_OK) {
		gzclose_r(file);
		return text;
	}
	if (code == Z_ERRNO)
		fail(errno ? errno : EIO, "Cannot read \"%s\": %s; give a Tardis incremental_book_L2 file",
		     path, strerror(errno ? errno : EIO));
	else
		fail(EBADMSG, "Cannot unpack \"%s\": %s; it is cut off or damaged, fetch it again", path,
		     why);
out:
	free(text);
	gzclose_r(file);
	return NULL;
}

struct hp_tape *hp_tape_load(const char *path, int32_t pack)
{
	struct tardis file = {.path = path};
	struct hp_tape *tape = NULL;
	int64_t qty_scale;
	size_t rows;
	char *text;

	if (!path) {
		fail(EINVAL, "Cannot load a tape: no path was given");
		return NULL;
	}
	if (tape_check_pack(pack) || !(text = read_text(path, &file.rest.len)))
		return NULL;
	file.rest.at = text;
	if (parse_header(&file))
		goto out;
	qty_scale = learn_scale(file, &rows);
	tape = tape_new(rows);
	if (tape && fill(tape, &file, qty_scale)) {
		hp_tape_close(tape);
		tape = NULL;
	}
	if (tape)
		tape_pack(tape, pack);
out:
	free(text);
	return tape;
}
