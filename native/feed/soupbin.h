/* SPDX-License-Identifier: MIT */
/* SoupBinTCP 3.00, as a client needs it: what it says, and where a packet in received bytes ends. */
#ifndef HP_SOUPBIN_H
#define HP_SOUPBIN_H

#include <stdint.h>

#define SOUP_HEADER	  3u  /* length u16 and type */
#define SOUP_LOGIN_BYTES  49u /* of a login request */
#define SOUP_NUMBER_BYTES 20u /* a number as text: right-justified, space padded */

enum soup_type {
	SOUP_DEBUG = '+',
	SOUP_ACCEPTED = 'A',
	SOUP_REJECTED = 'J',
	SOUP_SEQUENCED = 'S',
	SOUP_HEARTBEAT = 'H',
	SOUP_END = 'Z',
	SOUP_LOGIN = 'L',
	SOUP_CLIENT_HEARTBEAT = 'R',
	SOUP_LOGOUT = 'O',
};

struct soup_packet {
	uint8_t type;
	const uint8_t *payload;
	uint32_t len;
};

/* Writes a login request of SOUP_LOGIN_BYTES for the current session from its first message on. */
void soup_login(uint8_t *out, const char *username, const char *password);
/* Writes a packet without payload; its bytes. */
uint32_t soup_plain(uint8_t *out, enum soup_type type);
/* Bytes of the packet that begins at `bytes`, 0 = it is not there whole, or -EBADMSG: it is none. */
int32_t soup_read(const uint8_t *bytes, uint32_t len, struct soup_packet *out);
/* The number in a field of SOUP_NUMBER_BYTES, or -1. */
int64_t soup_number(const uint8_t *field);

#endif
