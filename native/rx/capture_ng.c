// SPDX-License-Identifier: MIT
/*
 * pcapng: blocks, each with its length before and behind it. A section header tells the byte order of what
 * follows, interface descriptions the link type and what a stamp counts in; all other blocks but those with
 * packets in them are passed over. See draft-ietf-opsawg-pcapng.
 */
#include "capture.h"

enum block {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_PACKET = 6,
};
enum option { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

#define BLOCK_LEAST   12 /* type and both lengths */
#define BODY	      8	 /* from a block's begin to its body */
#define SECTION_MAGIC 0x1a2b3c4du

/* Reads the byte order of the section that begins here; what was said of interfaces before is forgotten. */
static int begin_section(struct capture *capture, size_t left)
{
	uint32_t magic;
	uint16_t major;

	if (left < 28)
		return capture_torn(capture, "a section's header has 28 bytes, of which %zu are there", left);
	capture->swapped = 0;
	magic = capture_u32(capture, capture->at + BODY);
	capture->swapped = magic == __builtin_bswap32(SECTION_MAGIC);
	if (!capture->swapped && magic != SECTION_MAGIC)
		return capture_torn(capture, "a section of unknown byte order begins (%08x)", magic);
	major = capture_u16(capture, capture->at + BODY + 4);
	if (major != 1)
		return capture_torn(capture, "a section of version %u begins, 1 can be read", major);
	capture->interface_count = 0;
	return 0;
}

/* The block that begins here: its length, both of which agree, or fail(...). */
static int block_length(struct capture *capture, uint32_t *length)
{
	size_t left = capture->size - capture->at;
	int error;

	if (left < BLOCK_LEAST)
		return capture_torn(capture, "a block has %d bytes or more, of which %zu are there",
				    BLOCK_LEAST, left);
	if (capture_u32(capture, capture->at) == BLOCK_SECTION && (error = begin_section(capture, left)))
		return error;
	*length = capture_u32(capture, capture->at + 4);
	if (*length < BLOCK_LEAST || *length % 4)
		return capture_torn(capture, "a block of %u bytes is none", *length);
	if (*length > left)
		return capture_torn(capture, "a block has %u bytes, of which %zu are there", *length, left);
	if (capture_u32(capture, capture->at + *length - 4) != *length)
		return capture_torn(capture, "a block's two lengths differ (%u and %u)", *length,
				    capture_u32(capture, capture->at + *length - 4));
	return 0;
}

/* Units a second from an if_tsresol byte: a power of ten, or with the highest bit set of two; 0 = too fine.
 */
static uint64_t units_of(uint8_t resolution)
{
	uint64_t units = 1;
	uint32_t power = resolution & 0x7f;

	if (resolution & 0x80)
		return power < 64 ? units << power : 0;
	if (power > 19)
		return 0;
	while (power--)
		units *= 10;
	return units;
}

static int take_option(struct capture *capture, struct capture_interface *interface, uint16_t code,
		       uint16_t size, size_t at)
{
	if (code == OPTION_TSRESOL && size == 1) {
		interface->units = units_of(capture->bytes[at]);
		if (!interface->units)
			return capture_torn(capture, "an interface's stamps are finer than 64 bits hold");
	} else if (code == OPTION_TSOFFSET && size == 8) {
		interface->offset_s = (int64_t)capture_u64(capture, at);
	}
	return 0;
}

static int take_options(struct capture *capture, struct capture_interface *interface, size_t at, size_t end)
{
	while (end - at >= 4) {
		uint16_t code = capture_u16(capture, at), size = capture_u16(capture, at + 2);
		size_t padded = (size + 3u) & ~3u;
		int error;

		if (code == OPTION_END)
			return 0;
		at += 4;
		if (padded > end - at)
			return capture_torn(capture, "an option runs out of its block");
		error = take_option(capture, interface, code, size, at);
		if (error)
			return error;
		at += padded;
	}
	return 0;
}

static int take_interface(struct capture *capture, size_t body, size_t end)
{
	struct capture_interface *interface = &capture->interfaces[capture->interface_count];

	if (end - body < 8)
		return capture_torn(capture, "an interface's description has 8 bytes or more");
	if (capture->interface_count == CAPTURE_INTERFACES)
		return capture_torn(capture, "more than %d interfaces are in one section",
				    CAPTURE_INTERFACES);
	*interface = (struct capture_interface){.link = capture_u16(capture, body),
						.snaplen = capture_u32(capture, body + 4),
						.units = 1000000};
	capture->interface_count++;
	return take_options(capture, interface, body + 8, end);
}

/* Fills in what depends on the interface; captured, length and data stand already. */
static int finish(struct capture *capture, struct capture_packet *out, uint32_t index, uint64_t units)
{
	const struct capture_interface *interface;
	int64_t seconds;

	if (index >= capture->interface_count)
		return capture_torn(capture, "a packet is of interface %u, of which nothing was said", index);
	interface = &capture->interfaces[index];
	out->link = interface->link;
	if (out->length < out->captured)
		out->length = out->captured;
	out->stamp_ns = 0;
	if (units != UINT64_MAX &&
	    !__builtin_add_overflow((int64_t)(units / interface->units), interface->offset_s, &seconds))
		out->stamp_ns = capture_stamp(seconds, units % interface->units, interface->units);
	return 1;
}

/* Packets with a stamp: the old block has two short numbers where the new one has the interface's. */
static int take_packet(struct capture *capture, struct capture_packet *out, size_t body, size_t end, int old)
{
	uint32_t room = (uint32_t)(end - body), index;
	uint64_t units;

	if (room < 20)
		return capture_torn(capture, "a packet's block has 20 bytes or more in it");
	index = old ? capture_u16(capture, body) : capture_u32(capture, body);
	units = (uint64_t)capture_u32(capture, body + 4) << 32 | capture_u32(capture, body + 8);
	out->captured = capture_u32(capture, body + 12);
	out->length = capture_u32(capture, body + 16);
	out->data = capture->bytes + body + 20;
	if (out->captured > room - 20)
		return capture_torn(capture, "a packet of %u bytes is in a block with room for %u",
				    out->captured, room - 20);
	return finish(capture, out, index, units);
}

/* Packets without: how much was captured follows from the lengths. */
static int take_simple(struct capture *capture, struct capture_packet *out, size_t body, size_t end)
{
	uint32_t room = (uint32_t)(end - body), snaplen = capture->interfaces[0].snaplen;

	if (room < 4)
		return capture_torn(capture, "a simple packet's block has 4 bytes or more in it");
	out->length = capture_u32(capture, body);
	out->captured = out->length < room - 4 ? out->length : room - 4;
	if (capture->interface_count && snaplen && out->captured > snaplen)
		out->captured = snaplen;
	out->data = capture->bytes + body + 4;
	return finish(capture, out, 0, UINT64_MAX);
}

int capture_next_ng(struct capture *capture, struct capture_packet *out)
{
	while (capture->at < capture->size) {
		uint32_t length = 0, type;
		size_t body, end;
		int got = block_length(capture, &length);

		if (got)
			return got;
		type = capture_u32(capture, capture->at);
		body = capture->at + BODY;
		end = capture->at + length - 4;
		if (type == BLOCK_INTERFACE)
			got = take_interface(capture, body, end);
		else if (type == BLOCK_PACKET || type == BLOCK_PACKET_OLD)
			got = take_packet(capture, out, body, end, type == BLOCK_PACKET_OLD);
		else if (type == BLOCK_SIMPLE)
			got = take_simple(capture, out, body, end);
		if (got < 0)
			return got;
		capture->at += length;
		if (got)
			return got;
	}
	return capture->broken ? capture_torn(capture, "nothing follows") : 0;
}
