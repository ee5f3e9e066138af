/* SPDX-License-Identifier: MIT */
/* Captures: written while a feed receives, and what is in them. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_CAPTURE_H
#define HOTPATH_CAPTURE_H

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

/* A UDP flow of a capture: what was sent to one address and port. */
struct hp_capture_flow {
	char address[16]; /* dotted IPv4 */
	uint32_t port;
	uint32_t sample_len; /* bytes of the first payload ... */
	double datagrams, payload_bytes;
	double first_ms, last_ms; /* stamps, ms since the Unix epoch; 0 = none */
	uint8_t sample[64];	  /* ... and how it begins */
};
_Static_assert(sizeof(struct hp_capture_flow) == 120, "hp_capture_flow");
_Static_assert(offsetof(struct hp_capture_flow, sample) == 56, "hp_capture_flow.sample");

/*
 * Lists the UDP flows of a capture (pcap, pcapng, plain or .gz), the one with most datagrams first. How many
 * there are, of which `max` were written; or -errno. Of a torn capture, those before it is torn.
 */
HP_API int32_t hp_capture_flows(const char *path, struct hp_capture_flow *out, int32_t max);

#endif
