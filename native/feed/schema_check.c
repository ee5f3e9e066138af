/* SPDX-License-Identifier: MIT */
/*
 * What makes a schema's table safe to run: everything it points at is inside of itself, every field inside of
 * the bytes its message is known to have. Whoever made the table, nothing behind this reads beyond a message.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "feed/schema.h"
#include "measure/error.h"

/* What has been used so far: nothing may be used twice, since a step is planned for one message's length. */
struct used {
	uint32_t meanings, tests, steps;
};

#define REFUSE(...) fail(EINVAL, "Cannot use the schema: " __VA_ARGS__)

/* A load of 8 bytes needs as many; shorter messages are copied to where there are 16 (schema.c). */
static uint32_t loadable(uint32_t length)
{
	return length < 8 ? 16 : length;
}

#define FLAGS (HP_FLAG_BID | HP_FLAG_SNAPSHOT | HP_FLAG_LAST | HP_MESSAGE_SILENT | HP_MESSAGE_OPEN)

static const uint8_t word_of[] = {
	[HP_SCHEMA_TIME] = offsetof(struct hp_message, time_ns),
	[HP_SCHEMA_PRICE] = offsetof(struct hp_message, price),
	[HP_SCHEMA_QTY] = offsetof(struct hp_message, qty),
	[HP_SCHEMA_ORDER] = offsetof(struct hp_message, order),
	[HP_SCHEMA_OTHER] = offsetof(struct hp_message, other),
	[HP_SCHEMA_SEQ] = offsetof(struct hp_message, seq),
};

static uint8_t action(const struct hp_schema_step *step)
{
	switch (step->target) {
	case HP_SCHEMA_FLAG:
		return SCHEMA_FLAG;
	case HP_SCHEMA_SYMBOL_NUMBER:
	case HP_SCHEMA_SYMBOL_NAME:
	case HP_SCHEMA_SYMBOL_ID:
		return SCHEMA_SYMBOL;
	case HP_SCHEMA_LEARN:
	case HP_SCHEMA_RENAME:
		return SCHEMA_NAMING;
	case HP_SCHEMA_TRADING:
	case HP_SCHEMA_HALTED:
		return SCHEMA_STATUS;
	default:
		return step->check || step->scale != 1 ? SCHEMA_AMOUNT : SCHEMA_STORE;
	}
}

struct schema_op schema_plan(const struct hp_schema *table, const struct hp_schema_step *step,
			     uint32_t length)
{
	uint32_t last = loadable(length) - 8, at = step->offset < last ? step->offset : last;
	uint32_t before = step->offset - at, after = 8 - before - step->width;
	int swap = table->big && step->load != HP_SCHEMA_TEXT;

	return (struct schema_op){
		.what = action(step),
		.entry = step->entry,
		.at = (uint16_t)at,
		.swap = (uint8_t)swap,
		.is_signed = step->load == HP_SCHEMA_SIGNED,
		.left = (uint8_t)(8 * (swap ? before : after)),
		.right = (uint8_t)(8 * (8 - step->width)),
		.to = step->target <= HP_SCHEMA_SEQ ? word_of[step->target] : 0,
		.target = step->target,
		.check = step->check,
		.value = step->value,
		.otherwise = step->otherwise,
		.mask = step->mask,
		.flags = step->flags,
		.bytes = step->width,
		.scale = step->scale,
		.most = (int64_t)step->most,
	};
}

static int check_step(const struct hp_schema *table, const struct hp_schema_message *message, uint32_t at)
{
	const struct hp_schema_step *step = &table->step[at];
	uint32_t length = step->entry ? message->entry_length : message->length;

	if (step->target > HP_SCHEMA_HALTED || step->load > HP_SCHEMA_TEXT)
		return REFUSE("step %u has target %u and load %u", at, step->target, step->load);
	if (step->width < 1 || step->width > 8 || step->entry > 1 || (step->entry && !message->group))
		return REFUSE("step %u reads %u bytes of %s", at, step->width,
			      step->entry ? "a group entry where there is no group" : "a message");
	if ((uint32_t)step->offset + step->width > length)
		return REFUSE("step %u reads %u bytes at %u, of %u", at, step->width, step->offset, length);
	if (!step->scale || step->scale == INT32_MIN || !(step->most >= 0 && step->most <= 0x1p53))
		return REFUSE("step %u has scale %d and allows up to %g", at, step->scale, step->most);
	if (step->flags & ~FLAGS)
		return REFUSE("step %u sets flags 0x%x", at, step->flags);
	return 0;
}

static int check_steps(const struct hp_schema *table, const struct hp_schema_message *message, uint32_t first,
		       uint32_t count, struct used *used)
{
	int code = 0;

	if (first != used->steps || first + count > table->steps)
		return REFUSE("type %u has steps that do not follow those before, or are beyond the last",
			      message->type);
	used->steps += count;
	for (uint32_t i = 0; i < count && !code; i++)
		code = check_step(table, message, first + i);
	return code;
}

static int check_test(const struct hp_schema *table, const struct hp_schema_message *message, uint32_t at)
{
	const struct hp_schema_test *test = &table->test[at];
	uint32_t length = test->entry ? message->entry_length : message->length;

	if (test->entry > 1 || (test->entry && !message->group) || test->offset >= length)
		return REFUSE("test %u looks at byte %u of %u", at, test->offset, length);
	if (test->count < 1 || test->count > HP_SCHEMA_VALUES)
		return REFUSE("test %u has %u values", at, test->count);
	return 0;
}

static int check_meaning(const struct hp_schema *table, const struct hp_schema_message *message, uint32_t at,
			 struct used *used)
{
	const struct hp_schema_meaning *meaning = &table->meaning[at];
	int code = 0;

	if (meaning->kind >= HP_MESSAGE_KINDS)
		return REFUSE("meaning %u has kind %u", at, meaning->kind);
	if (meaning->flags & ~FLAGS)
		return REFUSE("meaning %u has flags 0x%x", at, meaning->flags);
	if (meaning->first_test != used->tests || (used->tests += meaning->tests) > table->tests)
		return REFUSE("meaning %u has tests that do not follow those before, or are beyond the last",
			      at);
	for (uint32_t i = 0; i < meaning->tests && !code; i++)
		code = check_test(table, message, meaning->first_test + i);
	return code ? code : check_steps(table, message, meaning->first_step, meaning->steps, used);
}

static int check_group(const struct hp_schema_message *message)
{
	if (!message->group)
		return message->entry_length ? REFUSE("type %u has entries and no group", message->type) : 0;
	if (message->group > 16 || message->group_length + 2u > message->group ||
	    (message->count_bytes != 1 && message->count_bytes != 2) ||
	    message->group_count + message->count_bytes > message->group)
		return REFUSE("type %u has its entries' length or number beyond the group's header",
			      message->type);
	if (message->entry_length < 8 || message->entry_length > 4096)
		return REFUSE("type %u has entries of %u bytes; 8 to 4096 are possible", message->type,
			      message->entry_length);
	return 0;
}

static int check_message(const struct hp_schema *table, uint32_t at, struct used *used)
{
	const struct hp_schema_message *message = &table->message[at];
	int code;

	if (message->length < 1 || message->length > 4096 || message->exact > 1)
		return REFUSE("type %u has %u bytes; 1 to 4096 are possible", message->type, message->length);
	if (table->type_at + table->type_bytes > message->length)
		return REFUSE("type %u is shorter than where its type lies", message->type);
	if (table->block_at != HP_SCHEMA_NONE &&
	    (table->block_at + 2u > message->length || table->block > message->length))
		return REFUSE("type %u is shorter than where its block's length lies", message->type);
	if (table->type_bytes == 1 && message->type > 255)
		return REFUSE("type %u does not fit one byte", message->type);
	if (message->exact && message->group)
		return REFUSE("type %u has a group and an exact length", message->type);
	if (!table->prefix && !message->exact)
		return REFUSE("type %u has no exact length, and none is sent before it", message->type);
	for (uint32_t i = 0; i < at; i++)
		if (table->message[i].type == message->type)
			return REFUSE("type %u is there twice", message->type);
	if (!message->meanings || message->first_meaning != used->meanings ||
	    (used->meanings += message->meanings) > table->meanings)
		return REFUSE("type %u has no meaning, or one that does not follow those before, or is "
			      "beyond the last",
			      message->type);
	code = check_group(message);
	if (!code)
		code = check_steps(table, message, message->first_step, message->steps, used);
	for (uint32_t i = 0; i < message->meanings && !code; i++)
		code = check_meaning(table, message, message->first_meaning + i, used);
	return code;
}

static int is_scale(double scale)
{
	return isfinite(scale) && scale >= 1 && scale <= 0x1p53;
}

HP_API int32_t hp_schema_check(const struct hp_schema *table)
{
	struct used used = {0, 0, 0};
	int code = 0;

	if (!table || table->magic != HP_SCHEMA_MAGIC)
		return REFUSE("it is none: make one with defineFeed()");
	if (table->messages < 1 || table->messages > HP_SCHEMA_MESSAGES ||
	    table->meanings > HP_SCHEMA_MEANINGS || table->tests > HP_SCHEMA_TESTS ||
	    table->steps > HP_SCHEMA_STEPS)
		return REFUSE(
			"%u messages, %u meanings, %u tests, %u steps; 1 to %u, %u, %u, %u are possible",
			table->messages, table->meanings, table->tests, table->steps, HP_SCHEMA_MESSAGES,
			HP_SCHEMA_MEANINGS, HP_SCHEMA_TESTS, HP_SCHEMA_STEPS);
	if (!is_scale(table->price_scale) || !is_scale(table->qty_scale))
		return REFUSE("price scale %g, quantity scale %g; 1 to 2^53 are possible", table->price_scale,
			      table->qty_scale);
	if ((table->prefix != 0 && table->prefix != 2) ||
	    (table->type_bytes != 1 && table->type_bytes != 2) || table->big > 1 || table->prefix_big > 1 ||
	    table->prefix_whole > 1 || table->prefix_implied > 1)
		return REFUSE("a length of %u bytes, a type of %u", table->prefix, table->type_bytes);
	for (uint32_t i = 0; i < table->messages && !code; i++)
		code = check_message(table, i, &used);
	return code;
}
