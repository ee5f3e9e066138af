/* SPDX-License-Identifier: MIT */
/* Captures written while a feed receives. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_RECORDER_H
#define HOTPATH_RECORDER_H

#include <stddef.h>
#include <stdint.h>

/* Counters of a recording. Once it has ended: datagrams = written + lost. */
struct hp_recorder_stats {
	double datagrams; /* received while it recorded */
	double lost;	  /* of them: not recorded, no room or no file any more */
	double written;	  /* of them: handed to the file */
	double file_bytes;
	double waiting_max; /* most bytes that waited for the file at once */
	uint32_t recording; /* 1 from open to close */
	uint32_t reserved[5];
	char trouble[128]; /* why the file takes no more; "" = it does */
};
_Static_assert(sizeof(struct hp_recorder_stats) == 192, "hp_recorder_stats");
_Static_assert(offsetof(struct hp_recorder_stats, trouble) == 64, "hp_recorder_stats.trouble");

/*
 * Records every datagram the engine receives from now on to `path` (created, or emptied): pcapng, one
 * interface a line, IPv4 and UDP headers made from the endpoint, the receive stamp in ns (the path's own
 * where it has one). A second thread writes; what finds `room` bytes (a power of two from 1 MiB on; 0 = 64
 * MiB) full is lost and counted, in `stats` and in the file. Not while running; -EBUSY also when it records
 * already.
 */
HP_API int32_t hp_engine_record(struct hp_engine *engine, const char *path, double room,
				struct hp_recorder_stats *stats);
/* Ends the recording: the file is complete when this returns. 0, also when there is none; or -errno: what it
 * lacks. */
HP_API int32_t hp_engine_record_stop(struct hp_engine *engine);

#endif
