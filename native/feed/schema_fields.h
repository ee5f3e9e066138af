/* SPDX-License-Identifier: MIT */
/*
 * The fields of one message by its plan. Inline, because it is the inner loop of schema.c, the only file that
 * includes it.
 */
#ifndef HP_SCHEMA_FIELDS_H
#define HP_SCHEMA_FIELDS_H

#include "feed/run.h"
#include "feed/schema.h"

#define PASSED_OVER 1

/* Where the offsets of a step may count from: the message, and the group's entry. */
typedef const uint8_t *const schema_bases[2];

static inline uint64_t schema_load(const struct schema_op *op, schema_bases from)
{
	uint64_t word = load_le64(from[op->entry] + op->at);

	word = (op->swap ? __builtin_bswap64(word) : word) << op->left;
	return op->is_signed ? (uint64_t)((int64_t)word >> op->right) : word >> op->right;
}

/* -HP_FAULT_BAD_VALUE: beyond its limits, or not a whole number of the feed's units. */
static inline int store_amount(const struct schema_op *op, int64_t value, struct hp_message *out)
{
	if (op->scale < 0) {
		if (value % -op->scale)
			return -HP_FAULT_BAD_VALUE;
		value /= -op->scale;
	} else if (__builtin_mul_overflow(value, (int64_t)op->scale, &value)) {
		return -HP_FAULT_BAD_VALUE;
	}
	if ((op->check & HP_SCHEMA_POSITIVE && value <= 0) ||
	    (op->check & HP_SCHEMA_AMOUNT && (value < 0 || value > op->most)))
		return -HP_FAULT_BAD_VALUE;
	memcpy((char *)out + op->to, &value, sizeof(value));
	return 0;
}

/* "30975   " of 30975; 0: it has more than 8 digits. */
static inline uint64_t digits_of(uint64_t id)
{
	uint64_t name = 0x2020202020202020;

	if (id > 99999999)
		return 0;
	do
		name = name << 8 | ('0' + id % 10);
	while (id /= 10);
	return name;
}

static inline uint64_t padded(uint64_t text, uint32_t bytes)
{
	return bytes < 8 && text ? text | UINT64_C(0x2020202020202020) << 8 * bytes : text;
}

/* Who the message is about. Those nobody wants get no number, so that few wishes need little room. */
static inline int find_symbol(struct symbols *symbols, const struct schema_op *op, uint64_t word,
			      struct hp_message *out)
{
	uint64_t name;

	if (op->target == HP_SCHEMA_SYMBOL_NUMBER) {
		out->symbol = word < HP_SYMBOLS ? (uint32_t)word : HP_SYMBOL_ALL;
		return word < HP_SYMBOLS ? 0 : -HP_FAULT_UNKNOWN_SYMBOL;
	}
	name = op->target == HP_SCHEMA_SYMBOL_NAME ? padded(word, op->bytes) : digits_of(word);
	if (!name)
		return -HP_FAULT_BAD_VALUE;
	if (!symbols_wants(symbols, name))
		return PASSED_OVER;
	out->symbol = symbols_number(symbols, name);
	return out->symbol == HP_SYMBOL_ALL ? -HP_FAULT_NO_ROOM : 0;
}

/* A name that is none, or a number beyond the limit, changes nothing: whoever keeps books says that there is
 * none of that number. */
static inline int learn_name(struct schema_decoder *schema, const struct schema_op *op, uint64_t word,
			     const struct hp_message *out)
{
	struct symbols *symbols = schema->decoder.symbols;
	uint32_t number = out->symbol % HP_SYMBOLS;

	if (out->symbol == HP_SYMBOL_ALL)
		return 0;
	if (op->target == HP_SCHEMA_RENAME)
		schema->trading[number] = 0;
	if (op->target == HP_SCHEMA_RENAME || symbols->state[number] == SYMBOL_UNKNOWN)
		symbols_name(symbols, number, padded(word, op->bytes));
	return 0;
}

static inline int tell_status(struct schema_decoder *schema, const struct schema_op *op, uint8_t byte,
			      struct hp_message *out)
{
	uint8_t *trading = &schema->trading[out->symbol % HP_SYMBOLS];

	if (op->target == HP_SCHEMA_TRADING) {
		out->other = run_trading(trading, byte);
		return 0;
	}
	if (op->check & HP_SCHEMA_EITHER && byte != op->value && byte != op->otherwise)
		return -HP_FAULT_BAD_VALUE;
	out->other = run_operational(trading, byte == op->value);
	if (!out->other)
		out->kind = HP_MESSAGE_OTHER;
	return 0;
}

/* One step: 0, PASSED_OVER or -enum hp_fault. */
static inline int take_step(struct schema_decoder *schema, const struct schema_op *op, schema_bases from,
			    struct hp_message *out)
{
	uint64_t word = schema_load(op, from);
	uint8_t byte = (uint8_t)word & op->mask;

	switch (op->what) {
	case SCHEMA_STORE:
		memcpy((char *)out + op->to, &word, sizeof(word));
		return 0;
	case SCHEMA_AMOUNT:
		return store_amount(op, (int64_t)word, out);
	case SCHEMA_FLAG:
		if (op->check & HP_SCHEMA_EITHER && byte != op->value && byte != op->otherwise)
			return -HP_FAULT_BAD_VALUE;
		out->flags |= byte == op->value ? op->flags : 0;
		return 0;
	case SCHEMA_SYMBOL:
		return find_symbol(schema->decoder.symbols, op, word, out);
	case SCHEMA_NAMING:
		return learn_name(schema, op, word, out);
	default:
		return tell_status(schema, op, byte, out);
	}
}

static inline int take_steps(struct schema_decoder *schema, uint32_t first, uint32_t count, schema_bases from,
			     struct hp_message *out)
{
	const struct schema_op *op = &schema->op[first], *end = op + count;
	int code = 0;

	while (op < end && !code)
		code = take_step(schema, op++, from, out);
	return code;
}

static inline int test_holds(const struct hp_schema_test *test, schema_bases from)
{
	return memchr(test->values, from[test->entry][test->offset], test->count) != NULL;
}

static inline const struct hp_schema_meaning *
find_meaning(const struct hp_schema *table, const struct hp_schema_message *message, schema_bases from)
{
	const struct hp_schema_meaning *meaning = &table->meaning[message->first_meaning];

	for (uint32_t i = 0; i < message->meanings; i++, meaning++) {
		const struct hp_schema_test *test = &table->test[meaning->first_test];
		uint32_t passed = 0;

		while (passed < meaning->tests && test_holds(&test[passed], from))
			passed++;
		if (passed == meaning->tests)
			return meaning;
	}
	return NULL;
}

/* What must hold between the fields of a kind, wherever they came from. */
static inline int makes_sense(const struct hp_message *message)
{
	switch (message->kind) {
	case HP_MESSAGE_QUOTE: /* a side that is there has a price */
		return (!message->qty || message->price > 0) &&
		       (!message->other || (int64_t)message->order > 0);
	case HP_MESSAGE_SYMBOL:
		return message->other != 0;
	default:
		return 1;
	}
}

/* Fills what the message itself says of *out. 0, PASSED_OVER or -enum hp_fault. */
static inline int read_fields(struct schema_decoder *schema, const struct hp_schema_message *message,
			      schema_bases from, struct hp_message *out)
{
	const struct hp_schema_meaning *meaning;
	int code = take_steps(schema, message->first_step, message->steps, from, out);

	if (code)
		return code;
	if (out->symbol != HP_SYMBOL_ALL && symbols_unwanted(schema->decoder.symbols, out->symbol))
		return PASSED_OVER;
	meaning = find_meaning(&schema->table, message, from);
	if (!meaning)
		return -HP_FAULT_BAD_VALUE;
	out->kind = meaning->kind;
	out->flags |= meaning->flags;
	code = take_steps(schema, meaning->first_step, meaning->steps, from, out);
	return code ? code : makes_sense(out) ? 0 : -HP_FAULT_BAD_VALUE;
}

#endif
