// SPDX-License-Identifier: MIT
/*
 * The path of packets through the kernel, as records: what bpf/path.bpf.c stamped, read straight from its
 * map. The number of packets is bounded by the slots given at open, so that a trace can neither fill memory
 * nor lose a record in a ring; what comes beyond is counted. Nothing here runs while packets do.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../bpf/path.h"
#include "measure/error.h"
#include "measure/path.h"
#include "path.skel.h"

#define PACKETS_MAX 100000
#define REASON	    "SKB_DROP_REASON_"

static int check(const struct hp_path_options *options)
{
	if (!options->port || options->port > 65535)
		return fail(EINVAL, "Cannot trace %.15s: port %u is not 1..65535", options->address,
			    options->port);
	if (!options->packets || options->packets > PACKETS_MAX)
		return fail(EINVAL, "Cannot trace %u packets: 1 to %d are possible", options->packets,
			    PACKETS_MAX);
	if (options->path != HP_RX_UDP && options->path != HP_RX_URING && options->path != HP_RX_XDP &&
	    options->path != HP_RX_PACKET)
		return fail(EOPNOTSUPP,
			    "Cannot trace receive path %d: its frames do not come up through the kernel's "
			    "receive path; udp, uring, packet and xdp do",
			    options->path);
	return 0;
}

static int nobody(void)
{
	return fail(EINVAL, "Cannot use a trace: none was given");
}

HP_API struct hp_path *hp_path_open(const struct hp_path_options *options, struct hp_path_stats *stats)
{
	struct hp_path_options copy;
	struct hp_path *path;
	struct timespec now;

	if (!options || !stats) {
		fail(EINVAL, "Cannot trace a path: no options or no memory for the counters were given");
		return NULL;
	}
	copy = *options;
	copy.address[sizeof(copy.address) - 1] = 0;
	copy.ifname[sizeof(copy.ifname) - 1] = 0;
	copy.netns[sizeof(copy.netns) - 1] = 0;
	if (check(&copy))
		return NULL;
	path = calloc(1, sizeof(*path));
	if (!path) {
		fail(ENOMEM, "Cannot trace the path of %s: no memory", copy.address);
		return NULL;
	}
	path->stats = stats;
	path->packets = copy.packets;
	clock_gettime(CLOCK_MONOTONIC, &now);
	path->epoch = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (path_load(path, &copy)) {
		hp_path_close(path);
		return NULL;
	}
	hp_path_refresh(path);
	return path;
}

HP_API int32_t hp_path_refresh(struct hp_path *path)
{
	struct path_state state;
	uint32_t seen;

	if (!path)
		return nobody();
	state = path->skeleton->bss->state;
	seen = state.used < path->packets ? state.used : path->packets;
	*path->stats = (struct hp_path_stats){
		.seen = seen,
		.ended = state.ended,
		.beyond = state.beyond,
		.elsewhere = state.elsewhere,
		.untracked = state.untracked,
		.no_room = state.no_room,
		.last = state.last,
	};
	return (int32_t)state.ended;
}

/* What races and other sleepers put into a slot is taken out again: a spinning reader may have a packet
 * before its socket announces it, and who was woken at that moment may be somebody else. */
static void tidy(double at[HP_PATH_STAGES], const struct path_slot *slot)
{
	int taken = at[HP_PATH_TAKEN] >= 0;

	for (int stage = HP_PATH_QUEUE; taken && stage <= HP_PATH_RUN; stage++)
		if (at[stage] > at[HP_PATH_TAKEN])
			at[stage] = -1;
	if (taken && (slot->woken != slot->reader || at[HP_PATH_QUEUE] < 0))
		at[HP_PATH_WOKEN] = at[HP_PATH_RUN] = -1;
}

HP_API int32_t hp_path_read(struct hp_path *path, int32_t from, int32_t count, struct hp_path_packet *out)
{
	uint32_t seen;

	if (!path || !out)
		return nobody();
	seen = path->skeleton->bss->state.used;
	if (from < 0 || count < 0)
		return fail(EINVAL, "Cannot read %d records from %d on: both must be 0 or more", count, from);
	if (seen > path->packets)
		seen = path->packets;
	if ((uint32_t)from >= seen)
		return 0;
	if ((uint32_t)count > seen - (uint32_t)from)
		count = (int32_t)(seen - (uint32_t)from);
	for (int32_t i = 0; i < count; i++) {
		const struct path_slot *slot = &path->slots[from + i];

		out[i] = (struct hp_path_packet){
			.dropped = slot->dropped_at ? (double)((int64_t)slot->dropped_at - path->epoch) : -1,
			.end = slot->end,
			.reason = slot->reason,
			.len = slot->len,
			.cpu = slot->cpu,
			.reader = slot->reader,
		};
		for (int stage = 0; stage < HP_PATH_STAGES; stage++)
			out[i].at[stage] =
				slot->at[stage] ? (double)((int64_t)slot->at[stage] - path->epoch) : -1;
		tidy(out[i].at, slot);
	}
	return count;
}

static int32_t give(const char *text, char *out, int32_t size)
{
	size_t length = strlen(text);

	if (!out || size <= 0)
		return fail(EINVAL, "Cannot give a text: there is no room for it");
	if (length >= (size_t)size)
		length = (size_t)size - 1;
	memcpy(out, text, length);
	out[length] = 0;
	return (int32_t)length;
}

HP_API int32_t hp_path_absent(struct hp_path *path, int32_t stage, char *out, int32_t size)
{
	if (!path)
		return nobody();
	if (stage < 0 || stage >= HP_PATH_STAGES)
		return fail(EINVAL, "Cannot tell about stage %d: stages are numbered 0 to %d", stage,
			    HP_PATH_STAGES - 1);
	return give(path->absent[stage], out, size);
}

/* The kernel's own names: they are numbered differently from one version to the next. */
static const char *reason_name(struct btf *kernel, int32_t reason)
{
	int id = btf__find_by_name_kind(kernel, "skb_drop_reason", BTF_KIND_ENUM);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(kernel, (__u32)id);
	const struct btf_enum *value = type ? btf_enum(type) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (value[i].val == reason)
			return btf__name_by_offset(kernel, value[i].name_off);
	return NULL;
}

HP_API int32_t hp_path_reason(struct hp_path *path, int32_t reason, char *out, int32_t size)
{
	const char *name;

	if (!path)
		return nobody();
	if (!path->kernel)
		path->kernel = btf__load_vmlinux_btf();
	if (!path->kernel)
		return fail(errno, "Cannot name drop reason %d: the kernel's types cannot be read (%s)",
			    reason, strerror(errno));
	name = reason_name(path->kernel, reason);
	if (!name)
		return fail(ENOENT, "Cannot name drop reason %d: this kernel does not list it", reason);
	return give(strncmp(name, REASON, strlen(REASON)) ? name : name + strlen(REASON), out, size);
}

HP_API int32_t hp_path_close(struct hp_path *path)
{
	if (!path)
		return nobody();
	path_unload(path);
	btf__free(path->kernel);
	free(path);
	return 0;
}
