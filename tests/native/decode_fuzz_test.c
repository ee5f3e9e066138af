/* SPDX-License-Identifier: MIT */
/*
 * Runs of ITCH, DEEP and TOPS with bytes changed, cut out and cut off, from a seeded mutator: what
 * fuzz/decode.h checks must hold for each. DECODE_FUZZ_RUNS changes how many (30,000 each). The same targets
 * are libFuzzer's in fuzz/.
 */
#include "feed/iex.h"
#include "feed/itch50.h"
#include "fuzz/decode.h"
#include "lab/random.h"

#define INPUT_MAX 1200

struct kind {
	char type;
	uint8_t length;
};

static const struct kind itch50_kinds[] = {{'A', 36}, {'F', 40}, {'E', 31}, {'C', 36}, {'X', 23}, {'D', 19},
					   {'U', 35}, {'P', 44}, {'Q', 40}, {'B', 19}, {'I', 50}, {'H', 25},
					   {'h', 21}, {'R', 39}, {'S', 12}, {'V', 35}, {'W', 12}, {'Y', 20},
					   {'L', 26}, {'K', 28}, {'J', 35}, {'N', 20}, {'O', 48}, {0, 0}};
static const struct kind iex_kinds[] = {{'S', 10}, {'D', 31}, {'H', 22}, {'I', 18}, {'O', 18},
					{'P', 19}, {'E', 18}, {'8', 30}, {'5', 30}, {'T', 38},
					{'X', 26}, {'B', 38}, {'A', 80}, {'Q', 42}, {0, 0}};

static struct random dice = {19710208};

static uint32_t roll(uint32_t sides)
{
	return random_below(&dice, sides);
}

/* A message that may well be good: small numbers, letters that sides and states are made of, one name. */
static size_t make_message(uint8_t *out, const struct kind *kind, int big_endian)
{
	static const uint8_t letters[] = "BSNYQHTPO";

	out[big_endian] = kind->length;
	out[!big_endian] = 0;
	for (uint32_t i = 0; i < kind->length; i++)
		out[2 + i] = roll(3) ? 0 : roll(2) ? letters[roll(9)] : (uint8_t)roll(256);
	out[2] = (uint8_t)kind->type;
	if (roll(2) && kind->length >= 19)
		memcpy(out + 2 + (big_endian ? 11 + roll(2) * 13 % (kind->length - 18u) : 10), "AAPL    ", 8);
	if (big_endian && strchr("AFP", kind->type))
		out[2 + 19] = letters[roll(2)];
	return 2u + kind->length;
}

static size_t make_input(uint8_t *input, const struct kind *kinds, int big_endian)
{
	uint32_t count = 0, messages = 1 + roll(PACKET_MESSAGES + 2);
	size_t size = 1;

	while (kinds[count].type)
		count++;
	input[0] = (uint8_t)roll(256);
	for (uint32_t i = 0; i < messages && size < INPUT_MAX - 100; i++)
		size += make_message(input + size, &kinds[roll(count)], big_endian);
	for (uint32_t changes = roll(6); changes; changes--)
		input[roll((uint32_t)size)] = (uint8_t)roll(256);
	if (!roll(4)) { /* a piece taken out */
		uint32_t from = 1 + roll((uint32_t)size - 1), bytes = roll((uint32_t)size - from + 1);

		memmove(input + from, input + from + bytes, size - from - bytes);
		size -= bytes;
	}
	return size - (roll(4) ? 0 : roll((uint32_t)size));
}

static void mutate(decoder_open open, const struct kind *kinds, int big_endian, const char *name)
{
	const char *wanted = getenv("DECODE_FUZZ_RUNS");
	int runs = wanted ? atoi(wanted) : 30000;
	static uint8_t input[INPUT_MAX];

	for (int run = 0; run < runs; run++)
		fuzz_decoder(open, input, make_input(input, kinds, big_endian));
	printf("ok %d mutated runs of %s\n", runs, name);
}

int main(void)
{
	mutate(itch50_open, itch50_kinds, 1, "itch50");
	mutate(deep_open, iex_kinds, 0, "deep");
	mutate(tops_open, iex_kinds, 0, "tops");
	return 0;
}
