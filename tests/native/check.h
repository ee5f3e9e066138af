/* SPDX-License-Identifier: MIT */
/* The whole test framework of the native tests: a check that says where and what, and a skip with a reason.
 */
#ifndef HP_CHECK_H
#define HP_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

#define CHECK_EQ(got, want)                                                                                  \
	do {                                                                                                 \
		double got_ = (double)(got), want_ = (double)(want);                                         \
		if (got_ != want_) {                                                                         \
			fprintf(stderr, "%s:%d: %s is %.17g, want %.17g\n", __FILE__, __LINE__, #got, got_,  \
				want_);                                                                      \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

#define SKIP(reason)                                                                                         \
	do {                                                                                                 \
		printf("skipped: %s\n", reason);                                                             \
		exit(77);                                                                                    \
	} while (0)

/* Names each case as it passes, so that a failure shows what came before it. */
#define RUN(test)                                                                                            \
	do {                                                                                                 \
		test();                                                                                      \
		printf("ok %s\n", #test);                                                                    \
	} while (0)

#endif
