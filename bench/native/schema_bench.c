/* SPDX-License-Identifier: MIT */
/*
 * What a description costs beside a decoder written in C: ITCH 5.0 by both, in turns, from memory into a ring
 * of 64 messages.
 *
 *   schema_bench TABLE FILE
 *
 * TABLE is the feed's struct hp_schema (bench/schema.ts writes it), FILE an ITCH file, plain or gzip. Prints
 * a line for each: name, median, least and largest of the rounds in ns a message, of the thread's own time on
 * a core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "feed/itch50.h"
#include "feed/schema.h"

#define ROUNDS 31
#define ROOM   (64 << 20)

static struct hp_report report;
static struct symbols symbols;
static struct hp_message ring[FEED_RING] __attribute__((aligned(64)));

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static size_t read_whole(const char *path, uint8_t *bytes)
{
	gzFile file = gzopen(path, "rb");
	int n = file ? gzread(file, bytes, ROOM) : -1;

	if (n <= 0) {
		fprintf(stderr, "Cannot read %s: no such file, or an empty one\n", path);
		exit(1);
	}
	gzclose(file);
	return (size_t)n;
}

static double play(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
	struct run run = {.at = bytes, .end = bytes + size, .left = UINT32_MAX};
	double start = hp_thread_cpu();
	uint32_t count = 0, n;

	while ((n = (uint32_t)decoder->ops->decode(decoder, &run, ring, FEED_RING)))
		count += n;
	return (hp_thread_cpu() - start) / count;
}

int main(int argc, char **argv)
{
	static struct hp_schema table;
	static double ns[2][ROUNDS];
	uint8_t *bytes = malloc(ROOM);
	struct decoder *decoders[2];
	size_t size;

	if (argc != 3 || !bytes) {
		fprintf(stderr, "usage: schema_bench TABLE FILE\n");
		return 1;
	}
	if (read_whole(argv[1], bytes) != sizeof(table))
		return 1;
	memcpy(&table, bytes, sizeof(table));
	size = read_whole(argv[2], bytes);
	symbols_init(&symbols, HP_SYMBOLS);
	if (itch50_open(&decoders[0], &report, &symbols) ||
	    schema_open(&decoders[1], &table, &report, &symbols))
		return 1;
	for (int round = 0; round < 2 * ROUNDS; round++)
		ns[round % 2][round / 2] = play(decoders[round % 2], bytes, size);
	for (int i = 0; i < 2; i++) {
		qsort(ns[i], ROUNDS, sizeof(double), by_value);
		printf("%s %.2f %.2f %.2f\n", decoders[i]->ops->name, ns[i][ROUNDS / 2], ns[i][0],
		       ns[i][ROUNDS - 1]);
		decoders[i]->ops->close(decoders[i]);
	}
	return 0;
}
