/* SPDX-License-Identifier: MIT */
/* The blocks of a pcapng file that stand around its packets (capture_write.c), and the numbers of those with
 * packets. */
#ifndef HP_CAPTURE_WRITE_H
#define HP_CAPTURE_WRITE_H

#include <stdint.h>

enum pcapng_block {
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6,
	PCAPNG_SECTION = 0x0a0d0d0a,
};
enum pcapng_option {
	PCAPNG_END = 0,
	PCAPNG_DROPS = 4, /* of a packet: lost between this one and the one before, u64 */
};

/* A block under construction. */
struct pcapng_draft {
	uint8_t bytes[256];
	uint32_t len;
};

/* The file's beginning: this machine's byte order, any length. */
void pcapng_section(struct pcapng_draft *draft);
/* An interface of IPv4 packets (LINKTYPE_RAW) with stamps in ns. */
void pcapng_interface(struct pcapng_draft *draft, const char *name, const char *description);
/* What interface `number` received, and how much of that is not in the file, as of now. */
void pcapng_statistics(struct pcapng_draft *draft, uint32_t number, double received, double lost);

#endif
