/* SPDX-License-Identifier: MIT */
/*
 * Symbols as symbols_init() leaves them. Its zeros cost more than the rest of an input, so here the kernel
 * takes the pages away instead: the few that are touched come back as zeros.
 */
#ifndef HP_FUZZ_SYMBOLS_H
#define HP_FUZZ_SYMBOLS_H

#include <string.h>
#include <sys/mman.h>

#include "../check.h"
#include "feed/symbols.h"

/* *symbols is NULL before the first call. */
static inline void fresh_symbols(struct symbols **symbols, uint32_t limit)
{
	static struct symbols initial;

	if (!*symbols)
		*symbols = mmap(NULL, sizeof(initial), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	CHECK(*symbols != MAP_FAILED);
	CHECK(madvise(*symbols, sizeof(initial), MADV_DONTNEED) == 0);
	if (!initial.limit)
		symbols_init(&initial, HP_SYMBOLS);
	memcpy(*symbols, &initial, offsetof(struct symbols, state));
	(*symbols)->limit = limit;
}

#endif
