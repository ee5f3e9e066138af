// SPDX-License-Identifier: MIT
/*
 * What kind of capture a file is, and the classic one: a header, then packets of 16 bytes of header and what
 * was captured. The magic number tells byte order and unit of time. See pcap-savefile(5) and
 * draft-ietf-opsawg-pcap.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture.h"
#include "measure/error.h"

#define PCAP_MAGIC    0xa1b2c3d4u /* us */
#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_HEADER   24
#define PCAP_PACKET   16
#define PCAP_LONGEST  262144u /* libpcap's own limit: more is not a packet but a torn file */
#define NG_MAGIC      0x0a0d0d0au

int capture_torn(const struct capture *capture, const char *format, ...)
{
	char what[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return fail(EBADMSG, "Cannot read \"%s\" beyond byte %zu%s: %s%s", capture->path, capture->at,
		    capture->packed ? " (unpacked)" : "", what,
		    capture->broken ? "; its gzip stream breaks off" : "");
}

int64_t capture_stamp(int64_t seconds, uint64_t fraction, uint64_t units)
{
	int64_t ns;

	if (seconds < 0 || __builtin_mul_overflow(seconds, 1000000000, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)((unsigned __int128)fraction * 1000000000 / units), &ns))
		return 0;
	return ns;
}

static int open_pcap(struct capture *capture, uint32_t magic)
{
	uint64_t units = magic == PCAP_MAGIC_NS ? 1000000000 : 1000000;
	uint16_t major;

	if (capture->size < PCAP_HEADER)
		return capture_torn(capture, "a capture's header has %d bytes, of which %zu are there",
				    PCAP_HEADER, capture->size);
	major = capture_u16(capture, 4);
	if (major != 2)
		return fail(ENOTSUP, "Cannot play capture \"%s\": it is of version %u, 2 can be read",
			    capture->path, major);
	/* The upper bits of the link type tell how long a frame's checksum is: IPv4 knows its own length. */
	capture->interfaces[0] =
		(struct capture_interface){.link = capture_u32(capture, 20) & 0xffff, .units = units};
	capture->interface_count = 1;
	capture->at = PCAP_HEADER;
	return 0;
}

static int open_kind(struct capture *capture)
{
	uint32_t magic = 0;

	if (capture->size >= sizeof(magic))
		magic = capture_u32(capture, 0);
	if (magic == NG_MAGIC) {
		capture->ng = 1;
		return 0;
	}
	capture->swapped =
		magic == __builtin_bswap32(PCAP_MAGIC) || magic == __builtin_bswap32(PCAP_MAGIC_NS);
	magic = capture->swapped ? __builtin_bswap32(magic) : magic;
	if (magic == PCAP_MAGIC || magic == PCAP_MAGIC_NS)
		return open_pcap(capture, magic);
	if (capture->broken)
		return fail(EBADMSG, "Cannot play capture \"%s\": its gzip stream breaks off at once",
			    capture->path);
	return fail(EBADMSG,
		    "Cannot play capture \"%s\": it is neither pcap nor pcapng (nor one of them as gzip); "
		    "`file` tells what it is",
		    capture->path);
}

int capture_open(struct capture *capture, const char *path)
{
	int error;

	memset(capture, 0, sizeof(*capture));
	capture->path = path;
	error = capture_load(capture, path);
	if (!error)
		error = open_kind(capture);
	if (error)
		capture_close(capture);
	return error;
}

static int next_pcap(struct capture *capture, struct capture_packet *out)
{
	size_t at = capture->at, left = capture->size - at;
	const struct capture_interface *interface = &capture->interfaces[0];
	uint32_t length;

	if (left < PCAP_PACKET)
		return capture_torn(capture, "a packet's header has %d bytes, of which %zu are there",
				    PCAP_PACKET, left);
	out->captured = capture_u32(capture, at + 8);
	length = capture_u32(capture, at + 12);
	if (out->captured > PCAP_LONGEST)
		return capture_torn(capture, "a packet of %u bytes is none", out->captured);
	if (out->captured > left - PCAP_PACKET)
		return capture_torn(capture, "a packet has %u bytes, of which %zu are there", out->captured,
				    left - PCAP_PACKET);
	out->data = capture->bytes + at + PCAP_PACKET;
	out->length = length > out->captured ? length : out->captured;
	out->link = interface->link;
	out->stamp_ns =
		capture_stamp(capture_u32(capture, at), capture_u32(capture, at + 4), interface->units);
	capture->at = at + PCAP_PACKET + out->captured;
	return 1;
}

int capture_next(struct capture *capture, struct capture_packet *out)
{
	if (capture->at == capture->size)
		return capture->broken ? capture_torn(capture, "nothing follows") : 0;
	return capture->ng ? capture_next_ng(capture, out) : next_pcap(capture, out);
}

void capture_close(struct capture *capture)
{
	free(capture->bytes);
	capture->bytes = NULL;
	capture->size = capture->at = 0;
}
