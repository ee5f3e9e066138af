// SPDX-License-Identifier: MIT
/*
 * Loading and attaching bpf/path.bpf.c. Each tracepoint is attached by itself: one that this kernel lacks
 * costs its stage, which then says so, and not the trace. Everything hangs on link fds and goes with the
 * process, however that ends. See bpf(2) and Documentation/bpf/libbpf.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/types.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../bpf/path.h"
#include "measure/error.h"
#include "measure/path.h"
#include "path.skel.h"
#include "rx/netns.h"

/* Newer than the headers this may be built with: include/uapi/linux/bpf.h and netfilter.h of Linux 6.4. */
#define PROG_TYPE_NETFILTER ((enum bpf_prog_type)32)
#define ATTACH_NETFILTER    ((enum bpf_attach_type)45)
#define NF_PROTO_IPV4	    2
#define NF_PRE_ROUTING	    0
#define NF_LOCAL_IN	    1

#define PRIORITIES 16 /* netfilter gives each BPF program a priority of its own: as many traces at once */

_Static_assert((int)PATH_STAGES == (int)HP_PATH_STAGES, "bpf/path.h and hotpath.h name the same stages");
_Static_assert((int)PATH_RETURN == (int)HP_PATH_RETURN, "bpf/path.h and hotpath.h name the same stages");
_Static_assert((int)PATH_DROPPED == (int)HP_PATH_DROPPED, "bpf/path.h and hotpath.h name the same ends");

enum needed_by { SOCKET = 1, TAP = 2, REDIRECT = 4, ALL = 7 };

/* Raw tracepoints, what each is for, and which paths want it. */
static const struct point {
	const char *program, *tracepoint;
	int stage, wanted;
} points[] = {
	{"on_irq_exit", "irq_handler_exit", HP_PATH_IRQ, ALL},
	{"on_irq_entry", "irq_handler_entry", HP_PATH_IRQ, ALL},
	{"on_softirq_raise", "softirq_raise", HP_PATH_RAISED, ALL},
	{"on_softirq_exit", "softirq_exit", HP_PATH_POLL, ALL},
	{"on_softirq_entry", "softirq_entry", HP_PATH_POLL, ALL},
	{"on_napi_poll", "napi_poll", HP_PATH_POLL, ALL},
	{"on_sent", "net_dev_start_xmit", HP_PATH_SENT, SOCKET | TAP},
	{"on_backlog", "netif_rx_entry", HP_PATH_BACKLOG, SOCKET | TAP},
	{"on_redirect", "xdp_redirect", HP_PATH_REDIRECT, REDIRECT},
	{"on_napi_gro_receive_entry", "napi_gro_receive_entry", HP_PATH_BUILT, SOCKET | TAP},
	{"on_napi_gro_frags_entry", "napi_gro_frags_entry", HP_PATH_BUILT, SOCKET | TAP},
	{"on_netif_receive_skb_entry", "netif_receive_skb_entry", HP_PATH_BUILT, SOCKET | TAP},
	{"on_netif_receive_skb_list_entry", "netif_receive_skb_list_entry", HP_PATH_BUILT, SOCKET | TAP},
	{"on_receive", "netif_receive_skb", HP_PATH_RECEIVE, SOCKET | TAP},
	{"on_drop", "kfree_skb", HP_PATH_STAGES, SOCKET | TAP},
	{"on_queue", "sk_data_ready", HP_PATH_QUEUE, SOCKET},
	{"on_waking", "sched_waking", HP_PATH_WOKEN, SOCKET},
	{"on_switch", "sched_switch", HP_PATH_RUN, SOCKET},
	{"on_taken", "sock_recv_length", HP_PATH_TAKEN, SOCKET},
	{"on_call", "sys_enter", HP_PATH_RETURN, SOCKET},
	{"on_return", "sys_exit", HP_PATH_RETURN, SOCKET},
};
#define POINTS (sizeof(points) / sizeof(points[0]))

static _Thread_local char heard[160];

/* libbpf prints to stderr by itself; its first words belong into our sentence. */
static int hear(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !heard[0]) {
		vsnprintf(heard, sizeof(heard), format, arguments);
		heard[strcspn(heard, "\n")] = 0;
	}
	return 0;
}

static void absent(struct hp_path *path, int stage, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void absent(struct hp_path *path, int stage, const char *format, ...)
{
	va_list arguments;

	if (stage >= HP_PATH_STAGES || path->absent[stage][0])
		return;
	va_start(arguments, format);
	vsnprintf(path->absent[stage], PATH_ABSENT, format, arguments);
	va_end(arguments);
}

static void keep(struct hp_path *path, int fd)
{
	path->links[path->linked++] = fd;
}

static int kind_of(const struct hp_path_options *options)
{
	return options->path == HP_RX_XDP ? REDIRECT : options->path == HP_RX_PACKET ? TAP : SOCKET;
}

/* ---- load ---- */

/* Which packets: flow, namespace and interface, as they are seen from inside the namespace. */
static int describe(struct path_flow *flow, const struct hp_path_options *options)
{
	struct in_addr address;
	struct stat namespace;

	if (inet_pton(AF_INET, options->address, &address) != 1)
		return fail(EINVAL, "Cannot trace \"%s\": not a dotted IPv4 address", options->address);
	flow->daddr = address.s_addr;
	flow->port = htons((uint16_t)options->port);
	flow->packets = options->packets;
	flow->redirect = options->path == HP_RX_XDP;
	if (stat("/proc/thread-self/ns/net", &namespace))
		return fail(errno, "Cannot look at the network namespace: %s; /proc must be mounted",
			    strerror(errno));
	flow->netns = (uint32_t) namespace.st_ino;
	flow->ifindex = options->ifname[0] ? if_nametoindex(options->ifname) : 0;
	if (options->ifname[0] && !flow->ifindex)
		return fail(ENODEV, "Cannot trace on \"%s\": no such interface; `ip link` lists them",
			    options->ifname);
	if (flow->redirect && !flow->ifindex)
		return fail(EINVAL, "Cannot trace an xdp path without its interface: name it with if=");
	return 0;
}

static int open_skeleton(struct hp_path *path, const struct path_flow *flow, int kind, int netfilter)
{
	struct path *skeleton = path__open();

	path->skeleton = skeleton;
	if (!skeleton)
		return -errno;
	memcpy((void *)&skeleton->rodata->flow, flow, sizeof(*flow));
	bpf_map__set_max_entries(skeleton->maps.slots, flow->packets);
	bpf_map__set_max_entries(skeleton->maps.queue, flow->packets);
	bpf_map__set_max_entries(skeleton->maps.packets, flow->packets);
	for (size_t i = 0; i < POINTS; i++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(skeleton->obj, points[i].program),
					  !!(points[i].wanted & kind));
	bpf_program__set_autoload(skeleton->progs.on_udp, kind == SOCKET);
	bpf_program__set_autoload(skeleton->progs.on_ip, netfilter);
	bpf_program__set_autoload(skeleton->progs.on_local, netfilter);
	bpf_program__set_type(skeleton->progs.on_ip, PROG_TYPE_NETFILTER);
	bpf_program__set_type(skeleton->progs.on_local, PROG_TYPE_NETFILTER);
	bpf_program__set_expected_attach_type(skeleton->progs.on_ip, ATTACH_NETFILTER);
	bpf_program__set_expected_attach_type(skeleton->progs.on_local, ATTACH_NETFILTER);
	return path__load(skeleton);
}

static int load(struct hp_path *path, const struct path_flow *flow, int kind, const char *address)
{
	int error;

	libbpf_set_print(hear);
	heard[0] = 0;
	error = open_skeleton(path, flow, kind, kind == SOCKET);
	if (error && error != -EPERM && error != -EACCES && kind == SOCKET) {
		/* Before Linux 6.4, or without CONFIG_NETFILTER_BPF_LINK: all but these two stages. */
		absent(path, HP_PATH_IP, "this kernel has no netfilter programs (%s)", strerror(-error));
		absent(path, HP_PATH_LOCAL, "this kernel has no netfilter programs (%s)", strerror(-error));
		path__destroy(path->skeleton);
		heard[0] = 0;
		error = open_skeleton(path, flow, kind, 0);
	}
	if (error == -EPERM || error == -EACCES)
		return fail(-error,
			    "Cannot trace the path of %s: %s; it needs CAP_BPF, CAP_PERFMON and "
			    "CAP_NET_ADMIN (run as root)",
			    address, strerror(-error));
	if (error)
		return fail(-error, "Cannot trace the path of %s: %s (%s)", address, strerror(-error), heard);
	return 0;
}

/* ---- attach ---- */

static void attach_points(struct hp_path *path, int kind)
{
	for (size_t i = 0; i < POINTS; i++) {
		const struct point *point = &points[i];
		struct bpf_program *program =
			bpf_object__find_program_by_name(path->skeleton->obj, point->program);
		int fd;

		if (!(point->wanted & kind))
			continue;
		fd = bpf_raw_tracepoint_open(point->tracepoint, bpf_program__fd(program));
		if (fd >= 0)
			keep(path, fd);
		else
			absent(path, point->stage, "no tracepoint %s for it here (%s)", point->tracepoint,
			       strerror(-fd));
	}
}

/* struct { … } netfilter of union bpf_attr, behind the four words every link begins with. */
static int netfilter_link(int program, uint32_t hook, int32_t priority)
{
	struct {
		uint32_t program, target, type, flags;
		uint32_t protocol, hook;
		int32_t priority;
		uint32_t netfilter_flags;
		uint64_t rest[4];
	} attributes = {.program = (uint32_t)program,
			.type = ATTACH_NETFILTER,
			.protocol = NF_PROTO_IPV4,
			.hook = hook,
			.priority = priority};

	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
}

/* First of all before routing, last of all after it. The very ends of the range are not for programs. */
static void attach_netfilter(struct hp_path *path, struct bpf_program *program, int stage, uint32_t hook)
{
	int fd = -1;

	if (path->absent[stage][0])
		return;
	for (int i = 1; fd < 0 && i <= PRIORITIES; i++)
		fd = netfilter_link(bpf_program__fd(program), hook,
				    hook == NF_PRE_ROUTING ? INT32_MIN + i : INT32_MAX - i);
	if (fd >= 0)
		keep(path, fd);
	else
		absent(path, stage, "netfilter takes no program here (%s)", strerror(errno));
}

/* The root of the cgroup hierarchy: where it is mounted by custom, else a mount of our own that no path leads
 * to. */
static int cgroup_root(void)
{
	static const char *const customary[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs found;
	int context, root;

	for (size_t i = 0; i < sizeof(customary) / sizeof(customary[0]); i++)
		if (!statfs(customary[i], &found) && found.f_type == CGROUP2_SUPER_MAGIC)
			return open(customary[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* By number: the C library has had these functions only since 2.36. */
	context = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
	if (context < 0)
		return -1;
	root = (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!root)
		root = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return root;
}

static void attach_cgroup(struct hp_path *path)
{
	int root = cgroup_root(), fd = -1;

	if (root >= 0)
		fd = bpf_link_create(bpf_program__fd(path->skeleton->progs.on_udp), root,
				     BPF_CGROUP_INET_INGRESS, NULL);
	if (fd >= 0)
		keep(path, fd);
	else
		absent(path, HP_PATH_UDP, "no cgroup program can be attached here (%s)", strerror(errno));
	if (root >= 0)
		close(root);
}

/* The stage that ends a record: the last one that this kernel can show. The reader is found through UDP's
 * stage. */
static int last_stage(struct hp_path *path, int kind)
{
	if (kind == REDIRECT)
		return HP_PATH_REDIRECT;
	if (kind == TAP)
		return HP_PATH_RECEIVE;
	if (path->absent[HP_PATH_UDP][0])
		for (int stage = HP_PATH_QUEUE; stage <= HP_PATH_RETURN; stage++)
			absent(path, stage, "it is found through the socket, and the UDP stage is absent");
	if (path->absent[HP_PATH_TAKEN][0])
		absent(path, HP_PATH_RETURN, "it is found through the read, and the taken stage is absent");
	for (int stage = HP_PATH_RETURN; stage > HP_PATH_RECEIVE; stage--)
		if (stage != HP_PATH_WOKEN && stage != HP_PATH_RUN && !path->absent[stage][0])
			return stage;
	return HP_PATH_RECEIVE;
}

static int attach(struct hp_path *path, int kind, const char *address)
{
	void *slots;

	attach_points(path, kind);
	if (kind == SOCKET) {
		attach_netfilter(path, path->skeleton->progs.on_ip, HP_PATH_IP, NF_PRE_ROUTING);
		attach_netfilter(path, path->skeleton->progs.on_local, HP_PATH_LOCAL, NF_LOCAL_IN);
		attach_cgroup(path);
	}
	path->skeleton->bss->state.last = (uint32_t)last_stage(path, kind);
	if (path->absent[path->skeleton->bss->state.last][0])
		return fail(EOPNOTSUPP, "Cannot trace the path of %s: %s", address,
			    path->absent[path->skeleton->bss->state.last]);
	slots = mmap(NULL, path->packets * sizeof(struct path_slot), PROT_READ, MAP_SHARED,
		     bpf_map__fd(path->skeleton->maps.slots), 0);
	if (slots == MAP_FAILED)
		return fail(errno, "Cannot map the records of a trace: %s", strerror(errno));
	path->slots = slots;
	__atomic_store_n(&path->skeleton->bss->state.enabled, 1, __ATOMIC_RELEASE);
	return 0;
}

int path_load(struct hp_path *path, const struct hp_path_options *options)
{
	int before = netns_enter(options->netns), kind = kind_of(options), error;
	struct path_flow flow = {0};

	if (before < -1)
		return before;
	error = describe(&flow, options);
	if (!error)
		error = load(path, &flow, kind, options->address);
	if (!error)
		error = attach(path, kind, options->address);
	netns_leave(before);
	return error;
}

void path_unload(struct hp_path *path)
{
	if (path->slots)
		munmap((void *)path->slots, path->packets * sizeof(struct path_slot));
	while (path->linked)
		close(path->links[--path->linked]);
	path__destroy(path->skeleton); /* NULL is fine */
	path->skeleton = NULL;
}
