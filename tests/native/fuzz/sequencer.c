/* SPDX-License-Identifier: MIT */
/* lll's sequencer and a small book, as the seeded test has them. */
#include "../feed_fuzz_test.c"
