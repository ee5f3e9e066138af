/* SPDX-License-Identifier: MIT */
/*
 * What decoders have in common: walking over a run, counting what lies in it, and who trades.
 *
 * Counting is done apart from the report, in small integers, and added to it when decode() returns: a double
 * in memory takes three times as long to be added to as an integer, which is more than the rest of skipping a
 * message costs.
 */
#ifndef HP_RUN_H
#define HP_RUN_H

#include <string.h>

#include "feed/decoder.h"
#include "feed/load.h"

#define RUN_OPEN     UINT32_MAX		/* run.left: a file, which ends where it ends */
#define RUN_EXACT    (INT64_C(1) << 53) /* integers up to here are exact in a double */
#define RUN_COUNTERS 32

/* Messages by counter; all zero between two calls of decode(). Counter 0 is for those passed over. */
struct run_counts {
	uint32_t counts[RUN_COUNTERS];
};

/*
 * Adds the counters to the report. types: the type byte of each; counter 0 goes to `skipped`. The first
 * `often` are added whatever they are, the rest looked at together: a branch a counter would be mispredicted,
 * once a datagram.
 */
static inline void run_report(struct run_counts *counts, const uint8_t *types, uint32_t often,
			      struct hp_report *report)
{
	uint32_t any = 0;

	report->skipped += counts->counts[0];
	counts->counts[0] = 0;
	for (uint32_t i = 1; i < often; i++) {
		report->messages[types[i]] += counts->counts[i];
		counts->counts[i] = 0;
	}
	for (uint32_t i = often; i < RUN_COUNTERS; i++)
		any |= counts->counts[i];
	for (uint32_t i = often; any && i < RUN_COUNTERS; i++) {
		report->messages[types[i]] += counts->counts[i];
		counts->counts[i] = 0;
	}
}

/* Moves the run to `at`, `messages` further. Unsigned: the first number is whatever a sender says. */
static inline void run_move(struct run *run, const uint8_t *at, uint64_t messages)
{
	run->at = at;
	run->seq = (int64_t)((uint64_t)run->seq + messages);
	if (run->left != RUN_OPEN)
		run->left -= (uint32_t)messages;
}

/*
 * There are no bytes for the next message, or too few: the rest of the run is unread. In a file that ends
 * between two messages nothing is wrong.
 */
static inline void run_past_end(struct run *run, struct hp_report *report)
{
	ptrdiff_t rest = run->end - run->at;

	if (run->left != RUN_OPEN || rest)
		report_fault(report, HP_FAULT_PAST_END, (double)run->seq, run->at,
			     (uint32_t)(rest > 255 ? 255 : rest));
	run_move(run, run->end, run->left != RUN_OPEN ? run->left : 0);
	run->left = 0;
}

/*
 * Who trades: exchanges tell of two things, whether a symbol is halted by rule and whether this market can
 * trade it. One byte a symbol holds both: the last trading state as on the wire, and RUN_HALTED.
 */
#define RUN_HALTED 0x80

/* The state to be told after trading status `state` (ASCII). */
static inline uint8_t run_trading(uint8_t *of_symbol, uint8_t state)
{
	*of_symbol = (uint8_t)((*of_symbol & RUN_HALTED) | state);
	return *of_symbol & RUN_HALTED ? 'H' : state;
}

/* The state to be told after an operational halt (1) or its end (0); 0: nothing changed. */
static inline uint8_t run_operational(uint8_t *of_symbol, int halted)
{
	uint8_t before = *of_symbol;

	*of_symbol = (uint8_t)(halted ? before | RUN_HALTED : before & ~RUN_HALTED);
	if (*of_symbol == before)
		return 0;
	return halted ? 'H' : *of_symbol ? *of_symbol : 'T';
}

#endif
