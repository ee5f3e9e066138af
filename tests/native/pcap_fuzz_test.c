// SPDX-License-Identifier: MIT
/*
 * Good captures of every form with bytes changed, cut out or cut off: whatever comes of it, nothing is read
 * or written outside (the sanitizers look), every datagram lies within its bounds, and the end is an end or a
 * sentence.
 */
#include <errno.h>

#include "captures.h"
#include "lab/random.h"
#include "rx/rx.h"

#define ROUNDS 8000

static struct random dice = {20260101};
static uint8_t whole[MAKE_ROOM];

static uint32_t roll(uint32_t sides)
{
	return random_below(&dice, sides);
}

static struct form any_form(void)
{
	static const uint32_t links[] = {0, 1, 1, 1, 12, 101, 108, 113, 228, 276};
	static const int resolutions[] = {0, 3, 6, 9, 0x80 | 20, 0x80 | 63, 19};
	struct form form = {
		.ng = (int)roll(3) > 0,
		.swapped = (int)roll(2),
		.nano = (int)roll(2),
		.resolution = resolutions[roll(7)],
		.simple = roll(5) == 0,
		.old = roll(5) == 0,
		.gzip = roll(4) == 0,
		.link = links[roll(10)],
		.tags = (int)roll(3),
	};

	return form;
}

static void make_any(void)
{
	struct form form = any_form();
	uint8_t data[512];

	make_begin(&form);
	for (int i = 0, count = 1 + (int)roll(6); i < count; i++) {
		memset(data, (int)roll(256), sizeof(data));
		make_datagram((int64_t)roll(UINT32_MAX) * 1000, roll(4) ? "239.255.0.1" : "239.255.0.2",
			      12345, data, roll(sizeof(data)));
		if (form.ng && roll(6) == 0)
			make_section(&form);
	}
}

/* Numbers that lengths like to be wrong by. */
static uint32_t odd_number(void)
{
	static const uint32_t odd[] = {0,  1,  3,	   4,	       8,	   12,
				       16, 28, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};

	return roll(2) ? odd[roll(12)] : (uint32_t)random_next(&dice);
}

static size_t damage(size_t len)
{
	for (uint32_t i = roll(4); i > 0; i--) {
		size_t at = roll((uint32_t)len);
		uint32_t number = odd_number();

		if (roll(2))
			whole[at] ^= (uint8_t)(1u << roll(8));
		else
			memcpy(whole + (at & ~(size_t)3), &number, len - (at & ~(size_t)3) < 4 ? 1 : 4);
	}
	if (roll(3) == 0)
		return roll((uint32_t)len + 1);
	if (roll(6) == 0) {
		size_t from = roll((uint32_t)len), count = roll((uint32_t)(len - from) + 1);

		memmove(whole + from, whole + from + count, len - from - count);
		return len - count;
	}
	return len;
}

static void save_as_it_is(size_t len)
{
	FILE *file = fopen(made_path, "w");

	CHECK(file);
	CHECK_EQ(fwrite(whole, 1, len, file), len);
	CHECK_EQ(fclose(file), 0);
}

/* Damage below the compression, or to the compressed bytes themselves. */
static void make_damaged(void)
{
	size_t len;

	make_any();
	memcpy(whole, made, made_len);
	if (made_form.gzip && roll(2)) {
		FILE *file;

		make_end();
		file = fopen(made_path, "r");
		len = fread(whole, 1, sizeof(whole), file);
		fclose(file);
		save_as_it_is(damage(len));
	} else {
		len = damage(made_len);
		save(whole, len, made_form.gzip);
	}
}

/* Plays what there is; 1 when it could be opened. */
static int play(double *datagrams, int *torn)
{
	struct hp_rx_options options = {.address = "239.255.0.1", .port = 12345, .cpu = -1};
	struct rx_datagram got[RX_BATCH];
	struct hp_rx_stats stats = {0};
	volatile uint8_t sum = 0;
	struct rx *rx;
	int count;

	options.pace = roll(4) ? HP_PACE_FLAT : HP_PACE_RECORDED;
	options.speed = 1e18; /* whatever the stamps say, nobody waits */
	snprintf(options.file, sizeof(options.file), "%s", made_path);
	if (rx_pcap.open(&rx, &options, &stats))
		return 0;
	for (int looks = 0; looks < 100; looks++) {
		count = rx_pcap.poll(rx, got, 1 + (int)roll(RX_BATCH));
		for (int i = 0; i < count; i++) {
			CHECK(got[i].len <= RX_FRAME && got[i].wire_ns >= 0);
			for (uint32_t at = 0; at < got[i].len; at++)
				sum ^= got[i].data[at];
		}
		CHECK(rx_pcap.fd(rx) >= 0);
		if (count < 0)
			break;
	}
	CHECK(count == 0 || count == -EBADMSG);
	*torn += count < 0;
	*datagrams += stats.datagrams;
	rx_pcap.close(rx);
	return 1;
}

int main(void)
{
	double datagrams = 0;
	int opened = 0, torn = 0;

	save("", 0, 0); /* names the file */
	for (int i = 0; i < ROUNDS; i++) {
		make_damaged();
		opened += play(&datagrams, &torn);
	}
	printf("%d captures: %d opened, %d of them torn, %.0f datagrams\n", ROUNDS, opened, torn, datagrams);
	CHECK(opened > ROUNDS / 4 && opened < ROUNDS && torn > ROUNDS / 20 && datagrams > ROUNDS);
	return 0;
}
