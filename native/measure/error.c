/* SPDX-License-Identifier: MIT */
/*
 * The sentence behind a negative errno. A fixed buffer a thread, so that reporting a failure can neither fail
 * nor allocate; the price is that a sentence longer than the buffer is cut, and that only the last one is
 * kept.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hotpath.h"
#include "measure/error.h"

#define SENTENCE_BYTES 512

static _Thread_local char sentence[SENTENCE_BYTES];
static _Thread_local int last_code;

int fail(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	last_code = code;
	return -code;
}

HP_API int32_t hp_last_errno(void)
{
	return last_code;
}

/* The NUL is written where there is room for it, so that C callers may treat `out` as a string. */
HP_API int32_t hp_last_error(char *out, int32_t size)
{
	size_t length = strlen(sentence);

	if (!out || size <= 0)
		return -EINVAL;
	if (length >= (size_t)size)
		length = (size_t)size;
	else
		out[length] = '\0';
	memcpy(out, sentence, length);
	return (int32_t)length;
}
