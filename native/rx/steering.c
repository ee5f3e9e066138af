// SPDX-License-Identifier: MIT
/*
 * Loading and attaching the redirect program. The mode is always asked for by name: with no flag the kernel
 * falls back to generic mode silently, which then passes for native in every figure. Attached through a
 * bpf_link and never replacing anybody's program. Where stamps are asked for, the program that asks the NIC
 * for its own is tried first: it loads for one interface only, and only where the kernel (6.3) and the driver
 * have receive metadata. See Documentation/bpf/libbpf, networking/xdp-rx-metadata.rst and bpf(2).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/error.h"
#include "steering.h" /* before the skeletons, which use its structs */

#include "steer.skel.h"
#include "steer_metadata.skel.h"

#define PROGRAM	   "hotpath_steer"
#define BOUND_ONLY (1u << 6) /* BPF_F_XDP_DEV_BOUND_ONLY; linux/bpf.h of before 6.3 does not have it */
#define ATTEMPTS   3
#define NO_MORE	   1 /* the sentence is said */

static _Thread_local char heard[160];

/* libbpf prints to stderr by itself; its words belong into our sentence. Global to the process. */
static int hear(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !heard[0]) {
		vsnprintf(heard, sizeof(heard), format, arguments);
		heard[strcspn(heard, "\n")] = 0;
	}
	return 0;
}

/* Which of the two programs, in which mode; best first. */
static const struct attempt {
	int metadata;
	__u32 mode;
} attempts[ATTEMPTS] = {{1, XDP_FLAGS_DRV_MODE}, {0, XDP_FLAGS_DRV_MODE}, {0, XDP_FLAGS_SKB_MODE}};

static int configure(struct bpf_object *object, const struct steer_config *config, uint32_t queues)
{
	int error = bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "sockets"), queues);

	return error ? error
		     : bpf_map__set_initial_value(bpf_object__find_map_by_name(object, ".rodata.steer"),
						  config, sizeof(*config));
}

/* 0 or -errno. */
static int load(struct steering *steering, const struct steer_config *config, uint32_t queues,
		int bound_ifindex)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "steer");
	size_t size;
	const void *bytes = bound_ifindex ? steer_metadata__elf_bytes(&size) : steer__elf_bytes(&size);
	struct bpf_object *object = bpf_object__open_mem(bytes, size, &options);
	struct bpf_program *program;
	int error;

	if (!object)
		return -errno;
	steering->object = object;
	heard[0] = 0;
	program = bpf_object__find_program_by_name(object, PROGRAM);
	if (bound_ifindex) {
		bpf_program__set_ifindex(program, (__u32)bound_ifindex);
		bpf_program__set_flags(program, BOUND_ONLY);
	}
	error = configure(object, config, queues);
	if (!error)
		error = bpf_object__load(object);
	if (error)
		return error;
	steering->sockets = bpf_object__find_map_fd_by_name(object, "sockets");
	steering->counts = bpf_object__find_map_fd_by_name(object, "counts");
	return 0;
}

static int explain_load(int error)
{
	if (error == -EPERM || error == -EACCES)
		return fail(-error,
			    "Cannot load the XDP program: %s; xdp needs CAP_BPF, CAP_NET_ADMIN and "
			    "CAP_NET_RAW (run as root), udp and uring need nothing",
			    strerror(-error));
	return fail(-error, "Cannot load the XDP program: %s (%s); use udp or uring", strerror(-error),
		    heard);
}

/* Somebody has the hook: says who. */
static int occupied(const struct rx_endpoint *endpoint)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info), id;
	int fd;

	if (bpf_xdp_query(endpoint->ifindex, 0, &query))
		return fail(EBUSY, "Cannot attach to \"%s\": another XDP program is there", endpoint->ifname);
	id = query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
	}
	if (!strcmp(info.name, PROGRAM))
		return fail(
			EBUSY,
			"Cannot attach to \"%s\": XDP program %u \"%s\" is there already and is left alone: "
			"another engine receives by xdp there; close it, or receive another flow by udp, "
			"uring or packet",
			endpoint->ifname, id, info.name);
	return fail(EBUSY,
		    "Cannot attach to \"%s\": XDP program %u \"%s\" is there already and is left alone; "
		    "`bpftool net` shows it; end who holds it, or `ip link set %s xdp off`",
		    endpoint->ifname, id, info.name, endpoint->ifname);
}

static void unload(struct steering *steering)
{
	bpf_object__close(steering->object); /* NULL is fine */
	steering->object = NULL;
}

static int attach(struct steering *steering, int ifindex, __u32 mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = mode);
	struct bpf_program *program = bpf_object__find_program_by_name(steering->object, PROGRAM);

	steering->link = bpf_link_create(bpf_program__fd(program), ifindex, BPF_XDP, &options);
	return steering->link < 0 ? -errno : 0;
}

/* Loads unless the attempt before has loaded the same, and attaches. Only the plain program has to load. */
static int try_attempt(struct steering *steering, const struct attempt *attempt,
		       const struct steer_config *config, const struct rx_endpoint *endpoint, uint32_t queues)
{
	int error = 0;

	if (!steering->object)
		error = load(steering, config, queues, attempt->metadata ? endpoint->ifindex : 0);
	if (error && !attempt->metadata) {
		explain_load(error);
		return NO_MORE;
	}
	if (!error)
		error = attach(steering, endpoint->ifindex, attempt->mode);
	if (error == -EBUSY || error == -EEXIST) {
		occupied(endpoint);
		return NO_MORE;
	}
	if (error && attempt->metadata)
		unload(steering);
	steering->metadata = attempt->metadata;
	return error;
}

int steering_open(struct steering *steering, const struct rx_endpoint *endpoint, uint32_t queues, int stamp,
		  struct hp_rx_stats *stats)
{
	const struct steer_config config = {
		.daddr = endpoint->ip, .dport = endpoint->port, .stamp = stamp != 0};
	int errors[ATTEMPTS] = {0}, last = stamp ? 0 : 1;

	*steering = (struct steering){.link = -1, .cpus = libbpf_num_possible_cpus()};
	if (steering->cpus < 1)
		steering->cpus = 1;
	steering->per_cpu = calloc((size_t)steering->cpus, sizeof(steering->per_cpu[0]));
	if (!steering->per_cpu)
		return fail(ENOMEM, "Cannot count what the XDP program passes: no memory");
	libbpf_set_print(hear);
	for (; last < ATTEMPTS; last++) {
		errors[last] = try_attempt(steering, &attempts[last], &config, endpoint, queues);
		if (errors[last] == NO_MORE)
			return -hp_last_errno();
		if (!errors[last])
			break;
	}
	if (last == ATTEMPTS)
		return fail(-errors[ATTEMPTS - 1],
			    "Cannot attach an XDP program to \"%s\": %s; use udp or uring", endpoint->ifname,
			    strerror(-errors[ATTEMPTS - 1]));
	steering->generic = attempts[last].mode == XDP_FLAGS_SKB_MODE;
	if (!steering->generic) {
		rx_note(stats, "native");
		return 0;
	}
	stats->generic = 1;
	rx_note(stats, "generic (native: %s)", strerror(-errors[last - 1]));
	return 0;
}

int steering_connect(const struct steering *steering, uint32_t queue, int socket)
{
	if (!bpf_map_update_elem(steering->sockets, &queue, &socket, BPF_ANY))
		return 0;
	return fail(errno, "Cannot enter the socket for queue %u in the XDP program's map: %s", queue,
		    strerror(errno));
}

void steering_count(const struct steering *steering, struct steer_counts *sum)
{
	__u32 only = 0;

	if (bpf_map_lookup_elem(steering->counts, &only, steering->per_cpu))
		return;
	for (int i = 0; i < steering->cpus; i++) {
		sum->fragments += steering->per_cpu[i].fragments;
		sum->cut += steering->per_cpu[i].cut;
		sum->elsewhere += steering->per_cpu[i].elsewhere;
	}
}

void steering_close(struct steering *steering)
{
	if (steering->link >= 0)
		close(steering->link);
	unload(steering);
	free(steering->per_cpu);
	*steering = (struct steering){.link = -1};
}
