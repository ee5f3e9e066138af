/* SPDX-License-Identifier: MIT */
/*
 * Books for processors with AVX-512, for which the Makefile compiles this file alone. Compiled for less, or
 * where the processor has less, it is never entered.
 */
#include "book/books_memory.h"

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)

#define BOOKS_WIDE
#define BOOKS_APPLY apply_wide
#include "book/books_messages.h"

uint32_t apply_wide_runs(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("bmi2");
}

#else

int32_t apply_wide(struct books *books, const struct hp_message *message)
{
	return apply_plain(books, message);
}

uint32_t apply_wide_runs(void)
{
	return 0;
}

#endif
