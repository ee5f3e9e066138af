// SPDX-License-Identifier: MIT
/*
 * Where bpf/observe.bpf.c stands on an interface. The XDP hook has room for one program: where steer.bpf.c
 * has it, the observer's entry is in there already, and its maps are found by the program's own list of them,
 * which needs CAP_SYS_ADMIN. A hook that is somebody else's is left alone and tc ingress taken, behind it.
 *
 * TCX links (Linux 6.6), not the older filters: those would outlive a process that is killed.
 * See bpf(2) and Documentation/bpf/libbpf.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measure/error.h"
#include "measure/observe.h"
#include "observe.skel.h"

/* linux/bpf.h of before 6.6 does not have them. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47
#define MAPS_MOST   32 /* of one program */
#define NO_FD                                                                                                \
	{                                                                                                    \
		-1, -1, -1                                                                                   \
	}

/* Who has the XDP hook of the interface. */
struct holder {
	__u32 id; /* 0: nobody */
	char name[BPF_OBJ_NAME_LEN];
	int maps[3]; /* the observer's maps in it, or -1: flow, entered, enters */
};

static const char *const map_names[] = {"observe_flow", "observe_entered", "observe_enters"};
static const __u32 value_sizes[] = {sizeof(struct observe_flow), sizeof(struct observe_slot),
				    sizeof(struct observe_enters)};

static _Thread_local char heard[160];

/* libbpf prints to stderr by itself; its words belong into our sentence. */
static int hear(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !heard[0]) {
		vsnprintf(heard, sizeof(heard), format, arguments);
		heard[strcspn(heard, "\n")] = 0;
	}
	return 0;
}

static void let_go(struct holder *holder)
{
	for (int i = 0; i < 3; i++) {
		if (holder->maps[i] >= 0)
			close(holder->maps[i]);
		holder->maps[i] = -1;
	}
}

/* Keeps the fd when it is one of the observer's maps, of this build's size. */
static void keep_map(struct holder *holder, int fd)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);
	int i = 3;

	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		for (i = 0; i < 3; i++)
			if (!strcmp(info.name, map_names[i]) && info.value_size == value_sizes[i] &&
			    holder->maps[i] < 0)
				break;
	if (i < 3)
		holder->maps[i] = fd;
	else
		close(fd);
}

static int has_observer(const struct holder *holder)
{
	return !strncmp(holder->name, "hotpath_steer", 13) && holder->maps[0] >= 0 && holder->maps[1] >= 0 &&
	       holder->maps[2] >= 0;
}

static int refuse(int error, const char *ifname)
{
	if (error == EPERM || error == EACCES)
		return fail(error,
			    "Cannot observe \"%s\": not allowed; it needs CAP_BPF, CAP_NET_ADMIN and "
			    "CAP_SYS_ADMIN (run as root)",
			    ifname);
	return fail(error, "Cannot observe \"%s\": %s%s%s", ifname, strerror(error), heard[0] ? ": " : "",
		    heard);
}

/* Looks at a program's name and maps. */
static int look_at(struct holder *holder, const char *ifname)
{
	__u32 ids[MAPS_MOST], size;
	struct bpf_prog_info info = {.map_ids = (__u64)(uintptr_t)ids, .nr_map_ids = MAPS_MOST};
	int fd = bpf_prog_get_fd_by_id(holder->id), error;

	if (fd < 0)
		return refuse(errno, ifname);
	size = sizeof(info);
	error = bpf_obj_get_info_by_fd(fd, &info, &size) ? errno : 0;
	close(fd);
	if (error)
		return refuse(error, ifname);
	memcpy(holder->name, info.name, sizeof(holder->name));
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MOST; i++) {
		int map = bpf_map_get_fd_by_id(ids[i]);

		if (map >= 0)
			keep_map(holder, map);
	}
	return 0;
}

static int find_holder(struct holder *holder, const struct hp_observer *observer)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int error;

	*holder = (struct holder){.maps = NO_FD};
	error = bpf_xdp_query(observer->ifindex, 0, &query);
	if (error)
		return refuse(-error, observer->ifname);
	holder->id = query.prog_id	 ? query.prog_id
		     : query.drv_prog_id ? query.drv_prog_id
					 : query.skb_prog_id;
	return holder->id ? look_at(holder, observer->ifname) : 0;
}

/* The maps of the program that has the hook become ours too. */
static int join_holder(struct hp_observer *observer, const struct holder *holder)
{
	struct observe *skeleton = observer->skeleton;
	struct bpf_map *maps[] = {skeleton->maps.observe_flow, skeleton->maps.observe_entered,
				  skeleton->maps.observe_enters};
	struct observe_flow flow;
	__u32 zero = 0;
	int error = 0;

	if (!bpf_map_lookup_elem(holder->maps[0], &zero, &flow) && flow.on &&
	    (!kill((pid_t)flow.on, 0) || errno != ESRCH))
		return fail(EBUSY,
			    "Cannot observe \"%s\": process %u observes what its XDP program lets in; one "
			    "observer at a time",
			    observer->ifname, flow.on);
	for (int i = 0; i < 3 && !error; i++)
		error = bpf_map__reuse_fd(maps[i], holder->maps[i]);
	if (!error)
		error = bpf_program__set_autoload(skeleton->progs.hotpath_observe, 0);
	if (!error)
		error = bpf_program__set_autoload(skeleton->progs.hotpath_ingress, 0);
	return error ? refuse(-error, observer->ifname) : 0;
}

/* Switches the programs on: a new session, so that stamps of an earlier observer do not count. */
static int begin(struct hp_observer *observer)
{
	int enters = bpf_map__fd(observer->skeleton->maps.observe_enters);
	int flow = bpf_map__fd(observer->skeleton->maps.observe_flow);
	__u32 zero = 0;

	if (bpf_map_lookup_elem(enters, &zero, &observer->before))
		return refuse(errno, observer->ifname);
	observer->before.session++;
	observer->before.next = 0;
	observer->before.ended = 0;
	observer->flow.on = (__u32)getpid();
	if (bpf_map_update_elem(enters, &zero, &observer->before, BPF_ANY) ||
	    bpf_map_update_elem(flow, &zero, &observer->flow, BPF_ANY))
		return refuse(errno, observer->ifname);
	observer->observed = 1;
	return 0;
}

static int attach(const struct hp_observer *observer, const struct bpf_program *program, int type,
		  __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int link = bpf_link_create(bpf_program__fd(program), observer->ifindex, (enum bpf_attach_type)type,
				   &options);

	return link < 0 ? -errno : link;
}

static int attach_tc(const struct hp_observer *observer, const struct bpf_program *program, int type)
{
	int link = attach(observer, program, type, 0);

	if (link == -EINVAL)
		return fail(EINVAL,
			    "Cannot observe \"%s\": the kernel has no TCX links; the observer needs Linux "
			    "6.6 or later",
			    observer->ifname);
	return link < 0 ? refuse(-link, observer->ifname) : link;
}

static int attach_entry(struct hp_observer *observer, const struct holder *holder,
			enum hp_observe_entry entry)
{
	struct observe *skeleton = observer->skeleton;
	char *note = observer->note;

	if (has_observer(holder)) {
		snprintf(note, sizeof(observer->note), "entry in %s, exit in tc", holder->name);
		return 0;
	}
	observer->entry = -EBUSY;
	if (!holder->id && entry == HP_OBSERVE_AUTO)
		observer->entry =
			attach(observer, skeleton->progs.hotpath_observe, BPF_XDP, XDP_FLAGS_DRV_MODE);
	if (observer->entry >= 0) {
		snprintf(note, sizeof(observer->note), "entry in xdp (native), exit in tc");
		return 0;
	}
	if (holder->id)
		snprintf(note, sizeof(observer->note),
			 "entry in tc: what XDP program %u \"%s\" takes is not seen; exit in tc", holder->id,
			 holder->name);
	else if (entry == HP_OBSERVE_TC)
		snprintf(note, sizeof(observer->note), "entry in tc, exit in tc");
	else
		snprintf(note, sizeof(observer->note), "entry in tc (native xdp: %s), exit in tc",
			 strerror(-observer->entry));
	observer->entry = attach_tc(observer, skeleton->progs.hotpath_ingress, TCX_INGRESS);
	return observer->entry < 0 ? observer->entry : 0;
}

static int load(struct hp_observer *observer, const struct holder *holder)
{
	int error;

	observer->skeleton = observe__open();
	if (!observer->skeleton)
		return refuse(errno, observer->ifname);
	error = has_observer(holder) ? join_holder(observer, holder) : 0;
	if (error)
		return error;
	error = observe__load(observer->skeleton);
	if (error && error != -EPERM && error != -EACCES)
		return fail(
			-error,
			"Cannot load what observes \"%s\": %s (%s); the observer needs Linux 6.6 or later",
			observer->ifname, strerror(-error), heard);
	return error ? refuse(-error, observer->ifname) : 0;
}

int observe_hook(struct hp_observer *observer, enum hp_observe_entry entry)
{
	struct holder holder;
	int error;

	heard[0] = 0;
	libbpf_set_print(hear);
	error = find_holder(&holder, observer);
	if (!error)
		error = load(observer, &holder);
	if (!error)
		error = hp_observer_reset(observer);
	if (!error)
		error = begin(observer);
	if (!error)
		error = attach_entry(observer, &holder, entry);
	if (!error) {
		observer->exit = attach_tc(observer, observer->skeleton->progs.hotpath_egress, TCX_EGRESS);
		error = observer->exit < 0 ? observer->exit : 0;
	}
	let_go(&holder);
	return error;
}

void observe_unhook(struct hp_observer *observer)
{
	__u32 zero = 0;

	observer->flow.on = 0;
	if (observer->observed)
		bpf_map_update_elem(bpf_map__fd(observer->skeleton->maps.observe_flow), &zero,
				    &observer->flow, BPF_ANY);
	if (observer->entry >= 0)
		close(observer->entry);
	if (observer->exit >= 0)
		close(observer->exit);
	observe__destroy(observer->skeleton); /* NULL is fine */
}
