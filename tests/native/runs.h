/* SPDX-License-Identifier: MIT */
/*
 * Runs of messages written by hand, field by field, for the tests of decoders; and decoding them from memory
 * of exactly their size, so that the sanitizers see a byte read too far.
 */
#ifndef HP_RUNS_H
#define HP_RUNS_H

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "check.h"
#include "feed/decoder.h"

#define RUN_ROOM      (1 << 16)
#define RUN_MESSAGES  4096
#define RUN_FIRST_SEQ 100

static uint8_t made_run[RUN_ROOM];
static size_t made_size, made_start; /* of the run; where the message being written begins */
static int made_big_endian;

static inline void run_begin(int big_endian)
{
	made_size = made_start = 0;
	made_big_endian = big_endian;
}

/* `size` bytes of a number, in the run's order. */
static inline void put(uint64_t value, uint32_t size)
{
	CHECK(made_size + size <= RUN_ROOM);
	for (uint32_t i = 0; i < size; i++)
		made_run[made_size++] = (uint8_t)(value >> 8 * (made_big_endian ? size - 1 - i : i));
}

static inline void put_text(const char *text)
{
	CHECK(made_size + strlen(text) <= RUN_ROOM);
	memcpy(made_run + made_size, text, strlen(text));
	made_size += strlen(text);
}

static inline void message_begin(void)
{
	made_start = made_size;
	put(0, 2);
}

/* The frame states this length. */
static inline void message_end_as(size_t length)
{
	size_t end = made_size;

	made_size = made_start;
	put(length, 2);
	made_size = end;
}

static inline void message_end(void)
{
	message_end_as(made_size - made_start - 2);
}

/* A decoder with its surroundings, fresh for every case. */
static struct hp_report report;
static struct symbols symbols;
static struct decoder *decoder;
static struct hp_message got[RUN_MESSAGES] __attribute__((aligned(64)));
static uint8_t *decoded_bytes; /* the copy that messages point into */

typedef int (*decoder_open)(struct decoder **, struct hp_report *, struct symbols *);

static inline void fresh_limited(decoder_open open, uint32_t limit)
{
	if (decoder)
		decoder->ops->close(decoder);
	memset(&report, 0, sizeof(report));
	symbols_init(&symbols, limit);
	CHECK_EQ(open(&decoder, &report, &symbols), 0);
}

static inline void fresh(decoder_open open)
{
	fresh_limited(open, HP_SYMBOLS);
}

static inline void finish(void)
{
	decoder->ops->close(decoder);
	decoder = NULL;
	free(decoded_bytes);
	decoded_bytes = NULL;
}

/* Decodes the first `size` bytes of the run as `left` messages; how many came out. The run is used up. */
static inline int decode_bytes(size_t size, uint32_t left)
{
	struct run run = {.left = left, .seq = RUN_FIRST_SEQ};
	int count;

	free(decoded_bytes);
	decoded_bytes = malloc(size ? size : 1);
	CHECK(decoded_bytes);
	memcpy(decoded_bytes, made_run, size);
	run.at = decoded_bytes;
	run.end = decoded_bytes + size;
	memset(got, 0xee, sizeof(got));
	count = decoder->ops->decode(decoder, &run, got, RUN_MESSAGES);
	CHECK(count < RUN_MESSAGES);
	CHECK(!run.left || run.left == UINT32_MAX);
	CHECK(run.at <= run.end);
	return count;
}

static inline int decode_made(uint32_t left)
{
	return decode_bytes(made_size, left);
}

/* Every field of a message; `bytes` is checked by its first one. */
static inline void expect(const struct hp_message *message, const struct hp_message *want)
{
	CHECK_EQ(message->kind, want->kind);
	CHECK_EQ(message->type, want->type);
	CHECK_EQ(message->flags, want->flags);
	CHECK_EQ(message->length, want->length);
	CHECK_EQ(message->symbol, want->symbol);
	CHECK_EQ(message->seq, want->seq);
	CHECK_EQ(message->time_ns, want->time_ns);
	CHECK_EQ(message->price, want->price);
	CHECK_EQ(message->qty, want->qty);
	CHECK(message->order == want->order);
	CHECK(message->other == want->other);
	CHECK_EQ(*message->bytes, want->type);
}

/* There is one fault in all, this one, and its example begins with this byte. */
static inline void expect_fault(enum hp_fault fault, uint8_t first, double seq)
{
	for (int i = 0; i < HP_FAULTS; i++)
		CHECK_EQ(report.faults[i], i == (int)fault);
	CHECK(report.examples[fault].length);
	CHECK_EQ(report.examples[fault].bytes[0], first);
	CHECK_EQ(report.examples[fault].seq, seq);
}

static inline double all_faults(void)
{
	double sum = 0;

	for (int i = 0; i < HP_FAULTS; i++)
		sum += report.faults[i];
	return sum;
}

static inline double all_messages(void)
{
	double sum = 0;

	for (int i = 0; i < 256; i++)
		sum += report.messages[i];
	return sum;
}

/*
 * The path of a real file in the shared data folder (HOTPATH_SHARED, or ../shared beside the project), or
 * NULL with the reason printed.
 */
static inline const char *shared_data(const char *name)
{
	static char path[1024];
	const char *folder = getenv("HOTPATH_SHARED");
	const char *file = __FILE__, *tests = strstr(file, "tests/native/");

	if (folder)
		snprintf(path, sizeof(path), "%s/data/%s", folder, name);
	else
		snprintf(path, sizeof(path), "%.*s../shared/data/%s", (int)(tests - file), file, name);
	if (!access(path, R_OK))
		return path;
	printf("not checked: %s is not there (set HOTPATH_SHARED)\n", path);
	return NULL;
}

/* The whole of a gzip file, to be freed; NULL where it is not there. */
static inline uint8_t *shared_unpacked(const char *name, size_t *size)
{
	const char *path = shared_data(name);
	size_t room = 1 << 20;
	uint8_t *bytes;
	gzFile file;
	int n;

	if (!path)
		return NULL;
	file = gzopen(path, "rb");
	bytes = malloc(room);
	CHECK(file && bytes);
	for (*size = 0; (n = gzread(file, bytes + *size, (unsigned int)(room - *size))) > 0;) {
		*size += (size_t)n;
		if (*size == room)
			CHECK(bytes = realloc(bytes, room *= 2));
	}
	CHECK(n == 0);
	gzclose(file);
	return bytes;
}

#endif
