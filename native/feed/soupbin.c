/* SPDX-License-Identifier: MIT */
/*
 * SoupBinTCP 3.00: packets on a byte stream, each a length (u16, big-endian: of what follows), a type and a
 * payload. Text fields are left-justified, numbers in text right-justified, both padded with spaces.
 */
#include <errno.h>
#include <string.h>

#include "feed/soupbin.h"

enum login_offset {
	LOGIN_USERNAME = 3,
	LOGIN_PASSWORD = 9,
	LOGIN_SESSION = 19,
	LOGIN_SEQ = 29,
};

enum login_width {
	USERNAME_BYTES = LOGIN_PASSWORD - LOGIN_USERNAME,
	PASSWORD_BYTES = LOGIN_SESSION - LOGIN_PASSWORD,
};

void soup_login(uint8_t *out, const char *username, const char *password)
{
	memset(out, ' ', SOUP_LOGIN_BYTES); /* a blank session: the current one */
	out[0] = 0;
	out[1] = SOUP_LOGIN_BYTES - 2;
	out[2] = SOUP_LOGIN;
	memcpy(out + LOGIN_USERNAME, username, strnlen(username, USERNAME_BYTES));
	memcpy(out + LOGIN_PASSWORD, password, strnlen(password, PASSWORD_BYTES));
	out[LOGIN_SEQ + SOUP_NUMBER_BYTES - 1] = '1';
}

uint32_t soup_plain(uint8_t *out, enum soup_type type)
{
	out[0] = 0;
	out[1] = 1;
	out[2] = (uint8_t)type;
	return SOUP_HEADER;
}

int32_t soup_read(const uint8_t *bytes, uint32_t len, struct soup_packet *out)
{
	uint32_t stated;

	if (len < SOUP_HEADER)
		return 0;
	stated = (uint32_t)bytes[0] << 8 | bytes[1];
	if (!stated)
		return -EBADMSG;
	if (len < 2 + stated)
		return 0;
	out->type = bytes[2];
	out->payload = bytes + SOUP_HEADER;
	out->len = stated - 1;
	return (int32_t)(2 + stated);
}

int64_t soup_number(const uint8_t *field)
{
	int64_t number = 0;
	uint32_t at = 0;

	while (at < SOUP_NUMBER_BYTES && field[at] == ' ')
		at++;
	if (at == SOUP_NUMBER_BYTES)
		return -1;
	for (; at < SOUP_NUMBER_BYTES; at++) {
		if (field[at] < '0' || field[at] > '9' || number > INT64_MAX / 100)
			return -1;
		number = number * 10 + (field[at] - '0');
	}
	return number;
}
