/* SPDX-License-Identifier: MIT */
/*
 * Tables of a description that nobody trusts, and any bytes as a run of it. What is accepted reads nothing
 * beyond its messages, and gives in pieces what it gives as a whole.
 *
 * An input: u8 how many bytes of a good table are changed, so many times u16 place (little-endian) and u8
 * value, then the run, in a file.
 */
#include <stdint.h>

#include "../schema_tables.h"
#include "symbols.h"

#define MESSAGES_MAX 512

struct decoded {
	struct hp_report report;
	struct hp_message messages[MESSAGES_MAX] __attribute__((aligned(64)));
	int count;
	struct symbols *symbols; /* kept */
};

static struct hp_schema table;

static int decode_in_pieces(struct decoded *decoded, const uint8_t *bytes, size_t size, int piece)
{
	struct run run = {.at = bytes, .end = bytes + size, .left = UINT32_MAX};
	struct decoder *decoder;
	int count;

	memset(&decoded->report, 0, sizeof(decoded->report));
	fresh_symbols(&decoded->symbols, 16);
	if (schema_open(&decoder, &table, &decoded->report, decoded->symbols))
		return 0;
	decoded->count = 0;
	do {
		int room = MESSAGES_MAX - decoded->count;

		count = decoder->ops->decode(decoder, &run, decoded->messages + decoded->count,
					     piece < room ? piece : room);
		CHECK(count >= 0 && count <= piece);
		decoded->count += count;
	} while (count == piece && decoded->count < MESSAGES_MAX);
	CHECK(decoded->count == MESSAGES_MAX || run.at == run.end);
	decoder->ops->close(decoder);
	return 1;
}

static void check_messages(const struct decoded *decoded, const uint8_t *bytes, size_t size)
{
	for (int i = 0; i < decoded->count; i++) {
		const struct hp_message *message = &decoded->messages[i];

		CHECK(message->bytes >= bytes && message->bytes + message->length <= bytes + size);
		CHECK(message->symbol < HP_SYMBOLS || message->symbol == HP_SYMBOL_ALL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decoded whole, pieces;
	uint8_t *exact;

	table_mdp3(&table);
	if (size < 1 || size < 1 + 3 * (size_t)data[0])
		return 0;
	for (int i = 0; i < data[0]; i++)
		((uint8_t *)&table)[(data[1 + 3 * i] | data[2 + 3 * i] << 8) % sizeof(table)] =
			data[3 + 3 * i];
	size -= 1 + 3 * (size_t)data[0];
	/* A copy of exactly that size: reading past a run must show. */
	exact = malloc(size ? size : 1);
	CHECK(exact);
	if (size)
		memcpy(exact, data + 1 + 3 * data[0], size);
	if (decode_in_pieces(&whole, exact, size, MESSAGES_MAX)) {
		CHECK(decode_in_pieces(&pieces, exact, size, 3));
		check_messages(&whole, exact, size);
		CHECK(whole.count == pieces.count);
		CHECK(!memcmp(whole.messages, pieces.messages,
			      (size_t)whole.count * sizeof(struct hp_message)));
	}
	free(exact);
	return 0;
}
