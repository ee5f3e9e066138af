/* SPDX-License-Identifier: MIT */
/* Writes capture files of every form there is, byte by byte from their specifications, for tests to read. */
#ifndef HP_CAPTURES_H
#define HP_CAPTURES_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "check.h"

#define MAKE_ROOM (1 << 20)

/* How a capture is written. */
struct form {
	const char *name;
	int ng;		/* pcapng */
	int swapped;	/* the other byte order */
	int nano;	/* pcap: ns instead of us */
	int resolution; /* pcapng: if_tsresol; 0 = none is written (us) */
	int64_t offset; /* pcapng: if_tsoffset; 0 = none is written */
	int simple;	/* pcapng: packets without stamps */
	int old;	/* pcapng: packet blocks of before */
	int gzip;
	uint32_t link;
	int tags; /* VLAN headers on each frame */
};

static uint8_t made[MAKE_ROOM]; /* the file being made */
static size_t made_len;
static struct form made_form;
static char made_path[64];

static inline void put(const void *data, size_t len)
{
	CHECK(made_len + len <= MAKE_ROOM);
	memcpy(made + made_len, data, len);
	made_len += len;
}

static inline void put16(uint16_t value)
{
	value = made_form.swapped ? __builtin_bswap16(value) : value;
	put(&value, sizeof(value));
}

static inline void put32(uint32_t value)
{
	value = made_form.swapped ? __builtin_bswap32(value) : value;
	put(&value, sizeof(value));
}

static inline void put64(uint64_t value)
{
	value = made_form.swapped ? __builtin_bswap64(value) : value;
	put(&value, sizeof(value));
}

static inline void put_zeros(size_t count)
{
	while (count--)
		put("", 1);
}

/* Begins a block; its body follows. */
static inline size_t block_begin(uint32_t type)
{
	size_t start = made_len;

	put32(type);
	put32(0);
	return start;
}

static inline void block_end(size_t start)
{
	uint32_t length;
	size_t end;

	put_zeros((4 - made_len % 4) % 4); /* blocks begin at multiples of 4 */
	end = made_len + 4;
	length = (uint32_t)(end - start);
	put32(length);
	made_len = start + 4;
	put32(length);
	made_len = end;
}

static inline void make_interface(const struct form *form)
{
	size_t start = block_begin(1);

	put16((uint16_t)form->link);
	put16(0);
	put32(262144);
	if (form->resolution) {
		put16(9);
		put16(1);
		put(&(uint8_t){(uint8_t)form->resolution}, 1);
		put_zeros(3);
	}
	if (form->offset) {
		put16(14);
		put16(8);
		put64((uint64_t)form->offset);
	}
	put16(2); /* if_name, which nobody needs */
	put16(3);
	put("vb\0", 4);
	put32(0);
	block_end(start);
}

static inline void make_section(const struct form *form)
{
	size_t start;

	made_form = *form;
	start = block_begin(0x0a0d0d0a);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put64(UINT64_MAX);
	block_end(start);
	start = block_begin(5); /* interface statistics: passed over */
	put_zeros(12);
	block_end(start);
	make_interface(form);
}

static inline void make_begin(const struct form *form)
{
	made_form = *form;
	made_len = 0;
	if (form->ng) {
		make_section(form);
		return;
	}
	put32(form->nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(262144);
	put32(form->link);
}

/* The stamp as the form can tell it. */
static inline uint64_t units_of_stamp(int64_t ns)
{
	int resolution = made_form.resolution ? made_form.resolution : 6;
	uint64_t units = 1;

	ns -= made_form.offset * 1000000000;
	if (resolution & 0x80)
		units <<= resolution & 0x7f;
	else
		for (int i = 0; i < resolution; i++)
			units *= 10;
	return (uint64_t)((unsigned __int128)ns * units / 1000000000);
}

/* A packet of which only `captured` of `length` bytes are there. */
static inline void make_packet(int64_t stamp_ns, const void *data, uint32_t captured, uint32_t length)
{
	uint64_t units;
	size_t start;

	if (!made_form.ng) {
		put32((uint32_t)(stamp_ns / 1000000000));
		put32((uint32_t)(stamp_ns % 1000000000 / (made_form.nano ? 1 : 1000)));
		put32(captured);
		put32(length);
		put(data, captured);
		return;
	}
	start = block_begin(made_form.simple ? 3 : made_form.old ? 2 : 6);
	if (!made_form.simple) {
		units = units_of_stamp(stamp_ns);
		if (made_form.old) {
			put16(0);
			put16(7); /* drops */
		} else {
			put32(0);
		}
		put32((uint32_t)(units >> 32));
		put32((uint32_t)units);
		put32(captured);
	}
	put32(length);
	put(data, captured);
	block_end(start);
}

static inline void big16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* An IPv4 packet with a UDP datagram without checksums. Its length. */
static inline uint32_t make_ipv4(uint8_t *out, const char *ip, uint16_t port, const void *data, uint32_t len)
{
	memset(out, 0, 28);
	out[0] = 0x45;
	big16(out + 2, (uint16_t)(28 + len));
	out[8] = 4;
	out[9] = 17;
	CHECK_EQ(inet_pton(AF_INET, "10.77.0.1", out + 12), 1);
	CHECK_EQ(inet_pton(AF_INET, ip, out + 16), 1);
	big16(out + 20, 4711);
	big16(out + 22, port);
	big16(out + 24, (uint16_t)(8 + len));
	memcpy(out + 28, data, len);
	return 28 + len;
}

/* The link layer's header of the form being made, tags included, for a protocol. Its length. */
static inline uint32_t make_link(uint8_t *out, uint16_t protocol)
{
	uint32_t header = 0, type_at = 0;

	memset(out, 0, 64);
	switch (made_form.link) {
	case 1:
		header = 14;
		type_at = 12;
		break;
	case 113:
		header = 16;
		type_at = 14;
		break;
	case 276:
		header = 20;
		break;
	case 0: /* the family in the capturing machine's order */
		memcpy(out, &(uint32_t){made_form.swapped ? __builtin_bswap32(2) : 2}, 4);
		return 4;
	case 108:
		out[3] = 2;
		return 4;
	default:
		return 0;
	}
	for (int i = 0; i < made_form.tags; i++) {
		big16(out + type_at, i == 0 && made_form.tags > 1 ? 0x88a8 : 0x8100);
		type_at = header + 2;
		header += 4;
	}
	big16(out + type_at, protocol);
	return header;
}

/* A whole datagram to ip:port. */
static inline void make_datagram(int64_t stamp_ns, const char *ip, uint16_t port, const void *data,
				 uint32_t len)
{
	uint8_t packet[4096];
	uint32_t total = make_link(packet, 0x0800);

	total += make_ipv4(packet + total, ip, port, data, len);
	make_packet(stamp_ns, packet, total, total);
}

/* Writes what was made, or `len` bytes of something else, to made_path: memory with a file's name, which goes
 * with the test however that ends. */
static inline void save(const void *bytes, size_t len, int gzip)
{
	gzFile file;

	if (!made_path[0])
		snprintf(made_path, sizeof(made_path), "/proc/self/fd/%d",
			 memfd_create("capture", MFD_CLOEXEC));
	file = gzopen(made_path, gzip ? "wb6" : "wbT");
	CHECK(file);
	CHECK_EQ(gzwrite(file, bytes, (unsigned)len), len);
	CHECK_EQ(gzclose(file), Z_OK);
}

static inline void make_end(void)
{
	save(made, made_len, made_form.gzip);
}

#endif
