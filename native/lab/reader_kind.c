// SPDX-License-Identifier: MIT
/*
 * What a file is, by its first bytes and never by its name. Captures begin with a magic number, a CSV with
 * its columns. ITCH files and lll records have neither: they are told by whether their first messages have
 * the lengths, types and zeros they must have. A few bad ones among them are no reason to refuse the file,
 * which is then read and says what is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "feed/itch50.h"
#include "feed/lll.h"
#include "lab/reader.h"
#include "measure/error.h"

#define LOOKS 64 /* messages looked at */

static int begins(const uint8_t *head, size_t count, const char *bytes, size_t length)
{
	return count >= length && !memcmp(head, bytes, length);
}

int reader_is_capture(const uint8_t *head, size_t count)
{
	static const char magics[][5] = {"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d",
					 "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a"};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (begins(head, count, magics[i], 4))
			return 1;
	return 0;
}

/* Its first line names columns only such a file has. */
static int is_csv(const uint8_t *head, size_t count)
{
	const uint8_t *end = memchr(head, '\n', count);
	size_t line = end ? (size_t)(end - head) : count;

	return memmem(head, line, "local_timestamp", 15) && memmem(head, line, "is_snapshot", 11);
}

int reader_is_record(const uint8_t *at)
{
	static const uint8_t zeros[5];

	return at[0] == LLL_TYPE_UPDATE && !memcmp(at + 1, zeros, 5) && at[34] < 8 &&
	       !memcmp(at + 35, zeros, 5);
}

static int are_records(const uint8_t *head, size_t count)
{
	int good = 0, seen = 0;

	for (size_t at = 0; at + LLL_RECORD_BYTES <= count && seen < LOOKS; at += LLL_RECORD_BYTES, seen++)
		good += reader_is_record(head + at);
	return good && 2 * good >= seen;
}

/* Messages behind their lengths, most of them of a type that has that length. */
static int is_itch(const uint8_t *head, size_t count)
{
	int good = 0, seen = 0;
	size_t at = 0;

	while (at + 3 <= count && seen < LOOKS) {
		uint32_t wanted = itch50_length(head[at + 2]),
			 length = (uint32_t)head[at] << 8 | head[at + 1];

		good += wanted && (length == wanted || !length);
		seen++;
		at += 2 + (length ? length : wanted);
	}
	return good && 2 * good >= seen;
}

/* What it is packed by, when that is something we know and cannot read. */
static const char *packed_by(const uint8_t *head, size_t count)
{
	static const struct {
		const char *magic, *name;
	} known[] = {{"\x28\xb5\x2f\xfd", "zstd; `zstd -d` unpacks it"},
		     {"\xfd"
		      "7zX",
		      "xz; `xz -d` unpacks it"},
		     {"BZh", "bzip2; `bunzip2` unpacks it"},
		     {"PK\x03\x04", "zip; `unzip` unpacks it"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (begins(head, count, known[i].magic, strlen(known[i].magic)))
			return known[i].name;
	return NULL;
}

static int unknown(const char *path, const uint8_t *head, size_t count)
{
	char hex[16 * 3 + 1] = "", text[16 + 1] = "";
	const char *packed = packed_by(head, count);

	if (packed)
		return fail(EBADMSG, "Cannot read \"%s\": it is packed by %s", path, packed);
	for (size_t i = 0; i < count && i < 16; i++) {
		snprintf(hex + 3 * i, 4, "%02x ", head[i]);
		text[i] = head[i] >= ' ' && head[i] <= '~' ? (char)head[i] : '.';
	}
	return fail(
		EBADMSG,
		"Cannot tell what \"%s\" is: it begins with %s\"%s\", which is no pcap or pcapng, no ITCH "
		"5.0 "
		"message behind its length, no Tardis incremental_book_L2 header and no 40-byte lll record; "
		"--feed reads it as one all the same",
		path, hex, text);
}

int reader_kind(const char *path, const uint8_t *head, size_t count)
{
	if (reader_is_capture(head, count))
		return READER_CAPTURE;
	if (is_csv(head, count))
		return READER_CSV;
	if (are_records(head, count))
		return READER_RECORDS;
	if (is_itch(head, count))
		return READER_ITCH_FILE;
	return unknown(path, head, count);
}
