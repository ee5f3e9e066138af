/* SPDX-License-Identifier: MIT */
/* Writes what a feed receives to a capture file while it receives it (recorder.c). */
#ifndef HP_RECORDER_H
#define HP_RECORDER_H

#include "rx/rx.h"

#define RECORDER_LINES 2

struct recorder;

/*
 * Creates (or empties) the file, describes an interface a line (its address and port as in `lines`), and
 * starts the thread that writes. room: bytes that may wait for it, a power of two of at least 1 MiB; 0 = 64
 * MiB. `stats` outlives the recorder. 0 and *out, or fail(...).
 */
int recorder_open(struct recorder **out, const char *path, const struct hp_rx_options *const *lines,
		  uint32_t count, double room, struct hp_recorder_stats *stats);
/* Takes a copy of a datagram that line `line` received at `stamp_ns` (since the Unix epoch). Never waits:
 * without room it is counted as lost. */
void recorder_take(struct recorder *recorder, const struct rx_datagram *datagram, uint32_t line,
		   int64_t stamp_ns);
/* Writes out what waits, then what was received and lost; frees. 0, or fail(...): what the file lacks. */
int recorder_close(struct recorder *recorder);

#endif
