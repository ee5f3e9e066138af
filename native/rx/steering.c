// SPDX-License-Identifier: MIT
/*
 * Loading and attaching the redirect program. The mode is always asked for by name: with no flag the kernel
 * falls back to generic mode silently, which then passes for native in every figure. Attached through a
 * bpf_link and never replacing anybody's program. See Documentation/bpf/libbpf and bpf(2).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../bpf/steer.h"
#include "measure/error.h"
#include "steer.skel.h"
#include "steering.h"

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

static int load(struct steering *steering, uint32_t queues)
{
	int error;

	steering->skeleton = steer__open();
	if (!steering->skeleton)
		return fail(errno, "Cannot open the XDP program: %s (%s)", strerror(errno), heard);
	error = bpf_map__set_max_entries(steering->skeleton->maps.sockets, queues);
	if (!error)
		error = steer__load(steering->skeleton);
	if (error == -EPERM || error == -EACCES)
		return fail(-error,
			    "Cannot load the XDP program: %s; xdp needs CAP_BPF, CAP_NET_ADMIN and "
			    "CAP_NET_RAW (run as root), udp and uring need nothing",
			    strerror(-error));
	if (error)
		return fail(-error, "Cannot load the XDP program: %s (%s); use udp or uring",
			    strerror(-error), heard);
	return 0;
}

/* Somebody has the hook: says who. */
static int occupied(const struct rx_endpoint *endpoint, int error)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info), id;
	int fd;

	if (bpf_xdp_query(endpoint->ifindex, 0, &query))
		return fail(error, "Cannot attach to \"%s\": another XDP program is there", endpoint->ifname);
	id = query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
	}
	return fail(error,
		    "Cannot attach to \"%s\": XDP program %u \"%s\" is there already and is left alone; "
		    "`bpftool net` shows it, `ip link set %s xdp off` removes it",
		    endpoint->ifname, id, info.name, endpoint->ifname);
}

static int attach_mode(struct steering *steering, const struct rx_endpoint *endpoint, __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);

	steering->link = bpf_link_create(bpf_program__fd(steering->skeleton->progs.hotpath_steer),
					 endpoint->ifindex, BPF_XDP, &options);
	return steering->link < 0 ? -errno : 0;
}

static int attach(struct steering *steering, const struct rx_endpoint *endpoint, struct hp_rx_stats *stats)
{
	int native = attach_mode(steering, endpoint, XDP_FLAGS_DRV_MODE), error = native;

	if (native && native != -EBUSY && native != -EEXIST) {
		error = attach_mode(steering, endpoint, XDP_FLAGS_SKB_MODE);
		steering->generic = !error;
	}
	if (error == -EBUSY || error == -EEXIST)
		return occupied(endpoint, -error);
	if (error)
		return fail(-error, "Cannot attach an XDP program to \"%s\": %s; use udp or uring",
			    endpoint->ifname, strerror(-error));
	if (steering->generic)
		rx_note(stats, "generic (native: %s)", strerror(-native));
	else
		rx_note(stats, "native");
	stats->generic = steering->generic;
	return 0;
}

int steering_open(struct steering *steering, const struct rx_endpoint *endpoint, uint32_t queues,
		  struct hp_rx_stats *stats)
{
	struct steer_flow flow = {.daddr = endpoint->ip, .dport = endpoint->port};
	__u8 granted = 1;
	int error;

	*steering = (struct steering){.link = -1};
	heard[0] = 0;
	libbpf_set_print(hear);
	error = load(steering, queues);
	if (error)
		return error;
	error = bpf_map__update_elem(steering->skeleton->maps.flows, &flow, sizeof(flow), &granted,
				     sizeof(granted), BPF_ANY);
	if (error)
		return fail(-error, "Cannot grant %s to the XDP program: %s", endpoint->address,
			    strerror(-error));
	return attach(steering, endpoint, stats);
}

int steering_connect(const struct steering *steering, uint32_t queue, int socket)
{
	int error = bpf_map__update_elem(steering->skeleton->maps.sockets, &queue, sizeof(queue), &socket,
					 sizeof(socket), BPF_ANY);

	return error ? fail(-error, "Cannot enter the socket for queue %u in the XDP program's map: %s",
			    queue, strerror(-error))
		     : 0;
}

void steering_close(struct steering *steering)
{
	if (steering->link >= 0)
		close(steering->link);
	steer__destroy(steering->skeleton); /* NULL is fine */
	*steering = (struct steering){.link = -1};
}
