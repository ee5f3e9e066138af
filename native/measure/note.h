/* SPDX-License-Identifier: MIT */
/* How a path tells people, in its counters, how it runs: short remarks, ", " between them, cut when full. */
#ifndef HP_NOTE_H
#define HP_NOTE_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends one remark to a note of `size` bytes, which stays NUL-terminated. */
static inline void note_append(char *note, size_t size, const char *format, va_list arguments)
{
	size_t used = strnlen(note, size - 1);

	if (used)
		used += (size_t)snprintf(note + used, size - used, ", ");
	if (used < size)
		vsnprintf(note + used, size - used, format, arguments);
}

#endif
