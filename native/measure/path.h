/* SPDX-License-Identifier: MIT */
/* A trace of packets through the kernel: its programs (path_load.c) and what is read of it (path.c). */
#ifndef HP_PATH_H
#define HP_PATH_H

#include <stdint.h>

#include "hotpath.h"

struct path;
struct path_slot;
struct btf;

#define PATH_LINKS  32
#define PATH_ABSENT 112

struct hp_path {
	struct path *skeleton;
	struct hp_path_stats *stats;
	struct btf *kernel;	       /* for the names of drop reasons; loaded when first asked for */
	const struct path_slot *slots; /* the map itself, read-only */
	uint32_t packets;
	int64_t epoch;	       /* CLOCK_MONOTONIC at open, ns */
	int links[PATH_LINKS]; /* what is attached lives as long as these fds */
	int linked;
	char absent[HP_PATH_STAGES][PATH_ABSENT]; /* why a stage is not traced; "" = it is */
};

/*
 * Loads and attaches what the path named in the options needs and begins to stamp. 0 or fail(...); call
 * path_unload() either way.
 */
int path_load(struct hp_path *path, const struct hp_path_options *options);
void path_unload(struct hp_path *path);

#endif
