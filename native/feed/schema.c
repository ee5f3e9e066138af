/* SPDX-License-Identifier: MIT */
/*
 * Runs a schema's plan over a run of messages: what schema.h says it trades, and schema_check.c makes safe.
 * A message that is too short for its fields never gets as far as a load: its length is judged first, that of
 * a group's entries by the length which the group's header states.
 */
#include <errno.h>
#include <stdlib.h>

#include "feed/schema.h"
#include "feed/schema_fields.h"
#include "measure/error.h"

#define UNKNOWN_NUMBER 255 /* report->messages of types that are not in the schema, where types are u16 */

/* A message of the run, framed. */
struct piece {
	const uint8_t *at;
	uint32_t length;
	uint16_t type;
	const struct hp_schema_message *message; /* NULL: of no known type */
};

static inline uint32_t load_u16(const uint8_t *at, int big)
{
	return big ? load_be16(at) : load_le16(at);
}

/* The message is behind us. Unsigned: the first number is whatever a sender says. */
static inline void step_over(struct run *run, const struct piece *piece)
{
	run->at = piece->at + piece->length;
	run->seq = (int64_t)((uint64_t)run->seq + 1);
	run->left -= run->left != RUN_OPEN;
	run->entry = 0;
}

static void refuse(struct schema_decoder *schema, enum hp_fault fault, const struct run *run,
		   const struct piece *piece)
{
	report_fault(schema->decoder.report, fault, (double)run->seq, piece->at, piece->length);
}

/* One message, or one entry of one, to *out. 1: it is there; 0: passed over. */
static inline int emit(struct schema_decoder *schema, const struct piece *piece, const uint8_t *entry,
		       const struct run *run, struct hp_message *out)
{
	const uint8_t *at = piece->at;
	uint8_t wide[16];
	int code;

	if (__builtin_expect(piece->message->length < 8, 0)) { /* schema_plan() counts on 16 bytes then */
		memset(wide, 0, sizeof(wide));
		memcpy(wide, at, piece->length < sizeof(wide) ? piece->length : sizeof(wide));
		at = wide;
	}
	*out = (struct hp_message){
		.type = piece->message->number,
		.flags = run->flags,
		.length = (uint8_t)(piece->length > 255 ? 255 : piece->length),
		.symbol = HP_SYMBOL_ALL,
		.seq = run->seq,
		.bytes = piece->at,
	};
	code = read_fields(schema, piece->message, (schema_bases){at, entry}, out);
	if (__builtin_expect(code < 0, 0))
		refuse(schema, (enum hp_fault) - code, run, piece);
	else if (code == PASSED_OVER)
		schema->decoder.report->skipped += 1;
	return !code;
}

/* ---- repeating groups ---- */

struct group {
	const uint8_t *entries;
	uint32_t entry_bytes, count;
};

/* 0: the message ends before its group does. */
static int find_group(const struct hp_schema *table, const struct piece *piece, struct group *out)
{
	const struct hp_schema_message *message = piece->message;
	uint32_t block = message->length, rest;
	const uint8_t *header;

	if (table->block_at != HP_SCHEMA_NONE)
		block = table->block + load_u16(piece->at + table->block_at, table->big);
	if (block < message->length || block + message->group > piece->length)
		return 0;
	header = piece->at + block;
	rest = piece->length - block - message->group;
	out->entries = header + message->group;
	out->entry_bytes = load_u16(header + message->group_length, table->big);
	out->count = message->count_bytes == 1 ? header[message->group_count]
					       : load_u16(header + message->group_count, table->big);
	return !out->count ||
	       (out->entry_bytes >= message->entry_length && (uint64_t)out->count * out->entry_bytes <= rest);
}

/* Is the next entry about the same symbol? The best prices hold after the last of them. */
static int is_followed(const struct schema_decoder *schema, const struct piece *piece, const uint8_t *entry,
		       const struct group *group, uint32_t at)
{
	const struct schema_op *op = &schema->op[piece->message->first_step];

	if (at + 1 >= group->count)
		return 0;
	if (!piece->message->steps || op->what != SCHEMA_SYMBOL || !op->entry)
		return 1; /* all entries are about the message's own */
	return schema_load(op, (schema_bases){piece->at, entry}) ==
	       schema_load(op, (schema_bases){piece->at, entry + group->entry_bytes});
}

/* Entries from run->entry on, at most `max`. */
static int emit_entries(struct schema_decoder *schema, const struct piece *piece, const struct group *group,
			struct run *run, struct hp_message *out, int max)
{
	int written = 0;

	for (; run->entry < group->count && written < max; run->entry++) {
		const uint8_t *entry = group->entries + (size_t)run->entry * group->entry_bytes;

		if (!emit(schema, piece, entry, run, &out[written]))
			continue;
		if (is_followed(schema, piece, entry, group, run->entry))
			out[written].flags |= HP_MESSAGE_OPEN;
		written++;
	}
	return written;
}

/* ---- the run ---- */

static const struct hp_schema_message *find_message(const struct schema_decoder *schema, struct piece *piece)
{
	const struct hp_schema *table = &schema->table;
	uint32_t number;

	if (piece->length < (uint32_t)table->type_at + table->type_bytes)
		return NULL;
	piece->type = (uint16_t)(table->type_bytes == 1 ? piece->at[table->type_at]
							: load_u16(piece->at + table->type_at, table->big));
	number = schema->index[piece->type];
	return number ? &table->message[number - 1] : NULL;
}

/* The length that no prefix states: of a file whose writer left it out, or of a protocol that has none. */
static uint32_t implied_length(const struct schema_decoder *schema, const uint8_t *at, uint32_t left)
{
	struct piece whole = {.at = at, .length = left};
	const struct hp_schema_message *message = find_message(schema, &whole);

	if (!message)
		return schema->table.prefix ? UINT32_MAX : left;
	return message->exact ? message->length : UINT32_MAX;
}

/* 1: *out is the next message; 0: the run ends before it does. */
static inline int frame(const struct schema_decoder *schema, const struct run *run, struct piece *out)
{
	const struct hp_schema *table = &schema->table;
	int64_t left = run->end - run->at - table->prefix;
	uint32_t length = 0;

	if (left < 0 || (!table->prefix && !left))
		return 0;
	out->at = run->at + table->prefix;
	if (table->prefix) {
		length = load_u16(run->at, table->prefix_big);
		if (table->prefix_whole)
			length -= length < table->prefix ? length : table->prefix;
	}
	if (!length && (!table->prefix || (table->prefix_implied && run->left == RUN_OPEN)))
		length = left ? implied_length(schema, out->at,
					       (uint32_t)(left > INT32_MAX ? INT32_MAX : left))
			      : UINT32_MAX;
	out->length = length;
	out->type = 0;
	return length <= left;
}

/* A message of no known type, or of another length than its type has. An empty one has a sequence number and
 * no fault. */
static void refuse_piece(struct schema_decoder *schema, const struct run *run, const struct piece *piece)
{
	uint32_t number = schema->table.type_bytes == 1 ? piece->type : UNKNOWN_NUMBER;
	int typed = piece->length >= (uint32_t)schema->table.type_at + schema->table.type_bytes;

	schema->decoder.report->messages[piece->message ? piece->message->number : typed ? number : 0] += 1;
	if (piece->length)
		refuse(schema, piece->message || !typed ? HP_FAULT_WRONG_LENGTH : HP_FAULT_UNKNOWN_TYPE, run,
		       piece);
}

static inline void count(struct schema_decoder *schema, const struct hp_schema_message *message)
{
	uint32_t at = (uint32_t)(message - schema->table.message);

	schema->counts[at]++;
	schema->counted |= UINT64_C(1) << at;
}

/* A message with a group. It stays the run's first until all of its entries are out. Returns those written.
 */
static int take_group(struct schema_decoder *schema, struct run *run, const struct piece *piece,
		      struct hp_message *out, int max)
{
	struct group group;
	int written;

	if (!find_group(&schema->table, piece, &group)) {
		refuse_piece(schema, run, piece);
		step_over(run, piece);
		return 0;
	}
	if (!run->entry)
		count(schema, piece->message);
	if (!schema->decoder.wanted_types[piece->message->number])
		group.count = 0;
	written = emit_entries(schema, piece, &group, run, out, max);
	if (run->entry >= group.count)
		step_over(run, piece);
	return written;
}

static inline int is_whole(const struct piece *piece)
{
	const struct hp_schema_message *message = piece->message;

	return message &&
	       (message->exact ? piece->length == message->length : piece->length >= message->length);
}

static int schema_decode(struct decoder *decoder, struct run *run, struct hp_message *out, int max)
{
	struct schema_decoder *schema = (struct schema_decoder *)decoder;
	int written = 0;

	while (written < max && run->left) {
		struct piece piece;

		if (!frame(schema, run, &piece)) {
			run_past_end(run, decoder->report);
			break;
		}
		piece.message = find_message(schema, &piece);
		if (!is_whole(&piece)) {
			refuse_piece(schema, run, &piece);
		} else if (piece.message->group) {
			written += take_group(schema, run, &piece, &out[written], max - written);
			continue;
		} else {
			count(schema, piece.message);
			if (decoder->wanted_types[piece.message->number])
				written += emit(schema, &piece, NULL, run, &out[written]);
		}
		step_over(run, &piece);
	}
	for (; schema->counted; schema->counted &= schema->counted - 1) {
		uint32_t at = (uint32_t)__builtin_ctzll(schema->counted);

		decoder->report->messages[schema->table.message[at].number] += schema->counts[at];
		schema->counts[at] = 0;
	}
	return written;
}

static void schema_close(struct decoder *decoder)
{
	free(decoder);
}

static void plan(struct schema_decoder *schema, const struct hp_schema_message *message, uint32_t first,
		 uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		const struct hp_schema_step *step = &schema->table.step[i];

		schema->op[i] = schema_plan(&schema->table, step,
					    step->entry ? message->entry_length : message->length);
	}
}

static void plan_message(struct schema_decoder *schema, uint32_t at)
{
	const struct hp_schema_message *message = &schema->table.message[at];

	schema->index[message->type] = (uint8_t)(at + 1);
	plan(schema, message, message->first_step, message->steps);
	for (uint32_t i = 0; i < message->meanings; i++) {
		const struct hp_schema_meaning *meaning = &schema->table.meaning[message->first_meaning + i];

		plan(schema, message, meaning->first_step, meaning->steps);
	}
}

int schema_open(struct decoder **out, const struct hp_schema *table, struct hp_report *report,
		struct symbols *symbols)
{
	struct schema_decoder *schema = calloc(1, sizeof(*schema));
	int code;

	if (!schema)
		return fail(ENOMEM,
			    "Cannot open a decoder for the schema: no memory for %zu bytes; free some and "
			    "try again",
			    sizeof(*schema));
	if (table)
		schema->table = *table; /* checked as it is now: nobody can change the copy */
	code = hp_schema_check(table ? &schema->table : NULL);
	if (code) {
		free(schema);
		return code;
	}
	for (uint32_t i = 0; i < schema->table.messages; i++)
		plan_message(schema, i);
	schema->ops = (struct decoder_ops){
		.name = "schema",
		.price_scale = schema->table.price_scale,
		.qty_scale = schema->table.qty_scale,
		.decode = schema_decode,
		.close = schema_close,
	};
	schema->decoder.ops = &schema->ops;
	schema->decoder.report = report;
	schema->decoder.symbols = symbols;
	memset(schema->decoder.wanted_types, 1, sizeof(schema->decoder.wanted_types));
	*out = &schema->decoder;
	return 0;
}
