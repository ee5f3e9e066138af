/* SPDX-License-Identifier: MIT */
/*
 * Reads capture files: pcap (us and ns) and pcapng, either byte order, plain or gzip. The whole file is in
 * memory once it is open, so that packets are handed out as pointers and nothing can pull the ground away.
 *
 *   capture.c (what kind of file; pcap)   capture_ng.c (pcapng)	 capture_file.c (into memory)
 *   capture_link.c (link types)
 */
#ifndef HP_CAPTURE_H
#define HP_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CAPTURE_BYTES	   ((size_t)2 << 30) /* a file is at most as long, packed and unpacked */
#define CAPTURE_INTERFACES 256		     /* of one pcapng section */

/* https://www.tcpdump.org/linktypes.html */
enum capture_link {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,     /* DLT_RAW as some systems write it ... */
	LINK_RAW_OPENBSD = 14, /* ... and OpenBSD */
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_SLL2 = 276,
};

struct capture_packet {
	const uint8_t *data; /* from the link layer's header on; valid until capture_close() */
	uint32_t captured;   /* bytes at `data` */
	uint32_t length;     /* as it was on the wire; never less */
	uint32_t link;	     /* enum capture_link, or one we do not know */
	int64_t stamp_ns;    /* since the Unix epoch; 0 = none, or before it */
};

struct capture_interface {
	uint32_t link, snaplen; /* snaplen 0: no limit */
	int64_t offset_s;
	uint64_t units; /* of its stamps, a second */
};

struct capture {
	const char *path;
	uint8_t *bytes; /* ours */
	size_t size, room;
	size_t at;		  /* where the next packet or block begins */
	int packed;		  /* it was unpacked: offsets are of what came out */
	int broken;		  /* the gzip stream ended too early, or in nonsense */
	int ng;			  /* pcapng */
	int swapped;		  /* the other byte order (pcapng: of this section) */
	uint32_t interface_count; /* pcap: 1 */
	struct capture_interface interfaces[CAPTURE_INTERFACES];
};

/* Loads a capture; `path` must outlive it. 0 or fail(...): unreadable, empty, too long, or no capture. */
int capture_open(struct capture *capture, const char *path);
/* The next packet: 1, 0 at the end, or fail(EBADMSG, ...) with the offset where the file is torn or corrupt.
 */
int capture_next(struct capture *capture, struct capture_packet *out);
void capture_close(struct capture *capture);
/* What it is to a flow to ip:port (network byte order): enum dissect, or -ENOTSUP: a link type we do not
 * know.
 */
struct dissected;
int capture_dissect(const struct capture_packet *packet, struct dissected *found, uint32_t ip, uint16_t port);
/* The same of a datagram to whatever address and port: never DISSECT_OTHER for a UDP datagram. */
int capture_datagram(const struct capture_packet *packet, struct dissected *found);

/* ---- between its files ---- */

/* Reads `path` into capture->bytes, unpacked. 0 or fail(...). */
int capture_load(struct capture *capture, const char *path);
/* capture_next() of pcapng. */
int capture_next_ng(struct capture *capture, struct capture_packet *out);
/* fail(EBADMSG, ...): the file cannot be read beyond capture->at. */
int capture_torn(const struct capture *capture, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A stamp of `seconds` and `fraction` / `units`; 0 where that is none. */
int64_t capture_stamp(int64_t seconds, uint64_t fraction, uint64_t units);

static inline uint32_t capture_u32(const struct capture *capture, size_t at)
{
	uint32_t value;

	memcpy(&value, capture->bytes + at, sizeof(value));
	return capture->swapped ? __builtin_bswap32(value) : value;
}

static inline uint16_t capture_u16(const struct capture *capture, size_t at)
{
	uint16_t value;

	memcpy(&value, capture->bytes + at, sizeof(value));
	return capture->swapped ? __builtin_bswap16(value) : value;
}

/* Eight bytes of one number; pcapng's stamps are two of four instead, the higher first. */
static inline uint64_t capture_u64(const struct capture *capture, size_t at)
{
	uint64_t value;

	memcpy(&value, capture->bytes + at, sizeof(value));
	return capture->swapped ? __builtin_bswap64(value) : value;
}

#endif
