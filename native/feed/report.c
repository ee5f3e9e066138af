/* SPDX-License-Identifier: MIT */
/* Faults of a feed: counted by kind, the first of each kept as it came. Off the hot path: good data has none.
 */
#include <string.h>

#include "feed/feed.h"

void report_fault(struct hp_report *report, enum hp_fault fault, double seq, const uint8_t *bytes,
		  uint32_t len)
{
	struct hp_example *example = &report->examples[fault];

	report->faults[fault] += 1;
	if (example->length || !len)
		return;
	if (len > sizeof(example->bytes))
		len = sizeof(example->bytes);
	memcpy(example->bytes, bytes, len);
	example->seq = seq;
	example->length = len;
}
