/* SPDX-License-Identifier: MIT */
/* pcapng's blocks but for those with packets; see draft-ietf-opsawg-pcapng. Every block is short: a draft
 * holds it. */
#include <string.h>
#include <time.h>

#include "capture.h"
#include "capture_write.h"

#define SECTION_MAGIC 0x1a2b3c4du

enum option {
	OPTION_NAME = 2,
	OPTION_DESCRIPTION = 3,
	OPTION_APPLICATION = 4, /* of a section */
	OPTION_RECEIVED = 4,	/* of statistics */
	OPTION_DROPPED = 5,
	OPTION_RESOLUTION = 9,
};

static void put(struct pcapng_draft *draft, const void *data, uint32_t len)
{
	memcpy(draft->bytes + draft->len, data, len);
	draft->len += len;
	while (draft->len % 4)
		draft->bytes[draft->len++] = 0;
}

static void put_u32(struct pcapng_draft *draft, uint32_t value)
{
	put(draft, &value, sizeof(value));
}

static void put_option(struct pcapng_draft *draft, uint32_t code, const void *data, uint32_t len)
{
	put_u32(draft, code | len << 16);
	put(draft, data, len);
}

static void begin(struct pcapng_draft *draft, enum pcapng_block type)
{
	draft->len = 0;
	put_u32(draft, type);
	put_u32(draft, 0);
}

static void end(struct pcapng_draft *draft)
{
	put_u32(draft, PCAPNG_END);
	put_u32(draft, draft->len + 4);
	memcpy(draft->bytes + 4, &draft->len, sizeof(draft->len));
}

void pcapng_section(struct pcapng_draft *draft)
{
	const uint64_t unknown = UINT64_MAX;

	begin(draft, PCAPNG_SECTION);
	put_u32(draft, SECTION_MAGIC);
	put_u32(draft, 1); /* version 1.0 */
	put(draft, &unknown, sizeof(unknown));
	put_option(draft, OPTION_APPLICATION, "Hotpath", 7);
	end(draft);
}

void pcapng_interface(struct pcapng_draft *draft, const char *name, const char *description)
{
	const uint8_t resolution = 9; /* 10^-9 s */

	begin(draft, PCAPNG_INTERFACE);
	put_u32(draft, LINK_RAW);
	put_u32(draft, 0); /* no limit to a packet's length */
	put_option(draft, OPTION_NAME, name, (uint32_t)strnlen(name, 64));
	put_option(draft, OPTION_DESCRIPTION, description, (uint32_t)strnlen(description, 64));
	put_option(draft, OPTION_RESOLUTION, &resolution, 1);
	end(draft);
}

void pcapng_statistics(struct pcapng_draft *draft, uint32_t number, double received, double lost)
{
	const uint64_t counts[2] = {(uint64_t)received, (uint64_t)lost};
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	begin(draft, PCAPNG_STATISTICS);
	put_u32(draft, number);
	put_u32(draft, (uint32_t)(ns >> 32));
	put_u32(draft, (uint32_t)ns);
	put_option(draft, OPTION_RECEIVED, &counts[0], sizeof(counts[0]));
	put_option(draft, OPTION_DROPPED, &counts[1], sizeof(counts[1]));
	end(draft);
}
