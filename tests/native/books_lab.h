/* SPDX-License-Identifier: MIT */
/* Books in memory of their own, and messages by hand. */
#ifndef HP_BOOKS_LAB_H
#define HP_BOOKS_LAB_H

#include <sys/mman.h>

#include "books_model.h"

static void *memory;
static double memory_bytes;

static inline struct hp_books *open_books(struct hp_books_options options)
{
	struct hp_books *books;

	if (memory)
		munmap(memory, (size_t)memory_bytes);
	memory_bytes = hp_books_bytes(&options);
	CHECK(memory_bytes > 0);
	memory = mmap(NULL, (size_t)memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	books = hp_books_open(memory, memory_bytes, &options);
	CHECK(books == memory);
	return books;
}

static inline struct hp_books *small(void)
{
	return open_books((struct hp_books_options){.symbols = 4, .orders = 16, .levels = 16, .trades = 4});
}

static inline struct hp_message add(uint64_t order, uint32_t symbol, uint8_t flags, int64_t price,
				    int64_t qty)
{
	return (struct hp_message){.kind = HP_MESSAGE_ADD,
				   .type = 'A',
				   .order = order,
				   .symbol = symbol,
				   .flags = flags,
				   .price = price,
				   .qty = qty};
}

static inline int32_t apply(struct hp_books *books, struct hp_message message)
{
	static int64_t seq;

	message.seq = ++seq;
	return books_apply(books, &message);
}

#endif
