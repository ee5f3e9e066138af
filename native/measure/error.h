/* SPDX-License-Identifier: MIT */
/*
 * The sentence behind a negative errno: what failed, on what, why, what to do next. One per thread,
 * kept until the next failure. Never called from the hot path.
 */
#ifndef HP_ERROR_H
#define HP_ERROR_H

/* Stores the sentence and returns -code, so that callers can `return fail(EBUSY, "Cannot ...")`. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
