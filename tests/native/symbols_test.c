/* SPDX-License-Identifier: MIT */
/* Names, numbers and wishes, against the plainest bookkeeping there is. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "feed/symbols.h"
#include "lab/random.h"

static struct symbols symbols;
static struct random dice = {20120621};

static uint64_t name_of(const char *name)
{
	return symbols_pack(name);
}

static void packs_names(void)
{
	uint64_t packed = name_of("AAPL");

	CHECK(!memcmp(&packed, "AAPL    ", 8));
	packed = name_of("ABCDEFGH");
	CHECK(!memcmp(&packed, "ABCDEFGH", 8));
	CHECK(name_of("") == 0);
	CHECK(name_of("ABCDEFGHI") == 0);
}

static void names_by_number(void)
{
	symbols_init(&symbols, HP_SYMBOLS);
	CHECK_EQ(symbols_find(&symbols, name_of("AAPL")), HP_SYMBOL_ALL);
	CHECK_EQ(symbols.state[7], SYMBOL_UNKNOWN);
	CHECK_EQ(symbols_name(&symbols, 7, name_of("AAPL")), 0);
	CHECK_EQ(symbols.state[7], SYMBOL_WANTED);
	CHECK_EQ(symbols.count, 8);
	CHECK_EQ(symbols_find(&symbols, name_of("AAPL")), 7);
	CHECK_EQ(symbols_name(&symbols, 7, name_of("AAPL")), 0);
	CHECK_EQ(symbols_name(&symbols, 8, 0), -EINVAL);
	CHECK_EQ(symbols.count, 8);
}

static void a_name_has_one_number(void)
{
	symbols_init(&symbols, HP_SYMBOLS);
	symbols_name(&symbols, 1, name_of("A"));
	symbols_name(&symbols, 2, name_of("B"));
	/* The next day: B is 1, A is 3. */
	CHECK_EQ(symbols_name(&symbols, 1, name_of("B")), 0);
	CHECK_EQ(symbols_find(&symbols, name_of("A")), HP_SYMBOL_ALL);
	CHECK_EQ(symbols_find(&symbols, name_of("B")), 1);
	CHECK_EQ(symbols.state[2], SYMBOL_UNKNOWN);
	CHECK(symbols.names[2] == 0);
	CHECK_EQ(symbols_name(&symbols, 3, name_of("A")), 0);
	CHECK_EQ(symbols_find(&symbols, name_of("A")), 3);
}

static void numbers_by_name(void)
{
	symbols_init(&symbols, 2);
	CHECK_EQ(symbols_number(&symbols, name_of("X")), 0);
	CHECK_EQ(symbols_number(&symbols, name_of("Y")), 1);
	CHECK_EQ(symbols_number(&symbols, name_of("X")), 0);
	CHECK_EQ(symbols_number(&symbols, name_of("Z")), HP_SYMBOL_ALL);
	CHECK_EQ(symbols_number(&symbols, 0), HP_SYMBOL_ALL);
	CHECK_EQ(symbols.count, 2);
}

static void limits(void)
{
	symbols_init(&symbols, 0);
	CHECK_EQ(symbols.limit, 1);
	symbols_init(&symbols, UINT32_MAX);
	CHECK_EQ(symbols.limit, HP_SYMBOLS);
	CHECK_EQ(symbols_name(&symbols, HP_SYMBOLS - 1, name_of("LAST")), 0);
	CHECK_EQ(symbols_name(&symbols, HP_SYMBOLS, name_of("OVER")), -ERANGE);
	CHECK_EQ(symbols_find(&symbols, name_of("OVER")), HP_SYMBOL_ALL);
	symbols_init(&symbols, 10);
	CHECK_EQ(symbols_want(&symbols, "IN"), 0);
	CHECK_EQ(symbols_name(&symbols, 10, name_of("IN")), -ERANGE);
	CHECK_EQ(symbols_name(&symbols, 11, name_of("OUT")), -ERANGE);
	CHECK(!symbols_unwanted(&symbols, 10)); /* whoever keeps books must say that it has no room */
	CHECK(symbols_unwanted(&symbols, 11));
}

static void wishes(void)
{
	symbols_init(&symbols, HP_SYMBOLS);
	CHECK(symbols_wants(&symbols, name_of("ANY")));
	symbols_name(&symbols, 1, name_of("AAPL"));
	symbols_name(&symbols, 2, name_of("MSFT"));
	CHECK_EQ(symbols_want(&symbols, ""), -EINVAL);
	CHECK_EQ(symbols_want(&symbols, "TOOLONGNAME"), -EINVAL);
	CHECK(symbols.everything);
	CHECK_EQ(symbols_want(&symbols, "MSFT"), 0);
	CHECK_EQ(symbols_want(&symbols, "MSFT"), 0);
	CHECK_EQ(symbols.wishes, 1);
	CHECK(symbols_unwanted(&symbols, 1));
	CHECK(!symbols_unwanted(&symbols, 2));
	CHECK(!symbols_unwanted(&symbols, 3)); /* not named yet */
	symbols_name(&symbols, 3, name_of("GOOG"));
	CHECK(symbols_unwanted(&symbols, 3));
	CHECK_EQ(symbols_want(&symbols, "GOOG"), 0);
	CHECK_EQ(symbols.state[3], SYMBOL_WANTED);
	symbols_name(&symbols, 3, name_of("AAPL"));
	CHECK(symbols_unwanted(&symbols, 3));
	CHECK(symbols_wants(&symbols, name_of("GOOG")) && !symbols_wants(&symbols, name_of("AAPL")));
}

static void many_wishes(void)
{
	char name[9];

	symbols_init(&symbols, 1);
	for (uint32_t i = 0; i < HP_SYMBOLS; i++) {
		snprintf(name, sizeof(name), "W%05X", i);
		CHECK_EQ(symbols_want(&symbols, name), 0);
	}
	CHECK_EQ(symbols_want(&symbols, "W00000"), 0); /* there already */
	CHECK_EQ(symbols_want(&symbols, "FULL"), -ENOSPC);
	for (uint32_t i = 0; i < HP_SYMBOLS; i++) {
		snprintf(name, sizeof(name), "W%05X", i);
		CHECK(symbols_wants(&symbols, name_of(name)));
	}
	CHECK(!symbols_wants(&symbols, name_of("FULL")));
}

/* Names made so that hundreds share eight neighbouring slots, on both sides of the table's end: the inverse
 * of the multiplier symbols.c uses undoes its hash. */
static uint64_t colliding(uint64_t name)
{
	uint64_t multiplier = 0x9e3779b97f4a7c15u, inverse = multiplier;

	for (int step = 0; step < 6; step++)
		inverse *= 2 - multiplier * inverse;
	return (((2 * HP_SYMBOLS - 4 + name % 8) << 40) + name) * inverse;
}

/* Renamed for ever: the tables say what a plain list says. */
static void against_a_list(void)
{
	enum { NUMBERS = 300, NAMES = 400, STEPS = 20000 };
	static uint64_t list[NUMBERS];

	memset(list, 0, sizeof(list));
	symbols_init(&symbols, NUMBERS);
	for (int step = 0; step < STEPS; step++) {
		uint32_t number = random_below(&dice, NUMBERS);
		uint64_t name = colliding(1 + random_below(&dice, NAMES));

		for (uint32_t i = 0; i < NUMBERS; i++)
			list[i] = list[i] == name ? 0 : list[i];
		list[number] = name;
		CHECK_EQ(symbols_name(&symbols, number, name), 0);
		name = colliding(1 + random_below(&dice, NAMES));
		number = symbols_find(&symbols, name);
		CHECK(number == HP_SYMBOL_ALL || list[number] == name);
		for (uint32_t i = 0; number == HP_SYMBOL_ALL && i < NUMBERS; i++)
			CHECK(list[i] != name);
	}
	for (uint32_t i = 0; i < NUMBERS; i++)
		CHECK(symbols.names[i] == list[i]);
}

static void every_number_is_named(void)
{
	symbols_init(&symbols, HP_SYMBOLS);
	for (uint64_t i = 1; i <= HP_SYMBOLS; i++)
		CHECK_EQ(symbols_number(&symbols, i << 40 | i), i - 1);
	CHECK_EQ(symbols_number(&symbols, 5), HP_SYMBOL_ALL);
	for (uint64_t i = 1; i <= HP_SYMBOLS; i++)
		CHECK_EQ(symbols_find(&symbols, i << 40 | i), i - 1);
}

int main(void)
{
	RUN(packs_names);
	RUN(names_by_number);
	RUN(a_name_has_one_number);
	RUN(numbers_by_name);
	RUN(limits);
	RUN(wishes);
	RUN(many_wishes);
	RUN(against_a_list);
	RUN(every_number_is_named);
	return 0;
}
