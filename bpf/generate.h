/* SPDX-License-Identifier: MIT */
/*
 * The book pattern, the same from native/lab/source.c and from generate.bpf.c: what the n-th record of a run
 * says follows from n alone, so that no state needs to be kept and any record can be checked. Ten levels a
 * side around a mid that never moves; a run of records begins with all twenty of them as a snapshot, then
 * goes round and changes their quantities, none of which is ever 0: the book is valid after every record.
 */
#ifndef HP_GENERATE_H
#define HP_GENERATE_H

#define GENERATE_LEVELS 10
#define GENERATE_RUN	65536 /* records from one snapshot to the next: what lost records spoilt heals there */
#define GENERATE_PRICE	50000000000ull /* x 1e6 */
#define GENERATE_TICK	100000ull
#define GENERATE_FRAME	42 /* Ethernet, IPv4 and UDP before the first record ... */
#define GENERATE_RECORD 40 /* ... of so many bytes */
#define GENERATE_MOST	5

/* Flags as on the wire (HP_FLAG_BID, _SNAPSHOT, _LAST). */
#define GENERATE_BID	  1
#define GENERATE_SNAPSHOT 2
#define GENERATE_LAST	  4

static inline unsigned long long generate_price(unsigned long long n)
{
	unsigned long long away = GENERATE_TICK * (1 + (n >> 1) % GENERATE_LEVELS);

	return n & 1 ? GENERATE_PRICE - away : GENERATE_PRICE + away;
}

static inline unsigned int generate_qty(unsigned long long n)
{
	return 1 + (unsigned int)(n % 997);
}

static inline unsigned int generate_flags(unsigned long long n)
{
	return (n & 1 ? GENERATE_BID : 0) | (n % GENERATE_RUN < 2 * GENERATE_LEVELS ? GENERATE_SNAPSHOT : 0);
}

#endif
