// SPDX-License-Identifier: MIT
/*
 * What each receive path may not go without, and what it says then: no privilege at all, a user namespace of
 * one's own (the way out that needs no administrator), and no memory that may be locked. Each in a child.
 */
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "captures.h"
#include "paths.h"

#define NOBODY	     65534
#define NO_NAMESPACE 3 /* a child's exit status */

/* What a path says where it may not open; NULL: it does. */
static const struct {
	const struct rx_ops *ops;
	const char *as_nobody, *as_own_root, *without_locks;
} rights[] = {
	{&rx_udp, NULL, NULL, NULL},
	{&rx_uring, NULL, NULL, "raise RLIMIT_MEMLOCK (ulimit -l), or use"},
	{&rx_packet,
	 "packet needs CAP_NET_RAW (run as root, or in a user namespace of your own: unshare -Urn), udp and "
	 "uring need nothing",
	 NULL, NULL},
	{&rx_xdp,
	 "xdp needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW (run as root), udp and uring need nothing",
	 "xdp needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW (run as root), udp and uring need nothing",
	 "raise RLIMIT_MEMLOCK (ulimit -l), or use fewer (frames=)"},
	{&rx_tap,
	 "needs CAP_NET_ADMIN in its network namespace: run as root, or in a user namespace of your own "
	 "(unshare -Urn)",
	 NULL, NULL},
};

static size_t rights_of_case(void)
{
	size_t i = 0;

	while (rights[i].ops != path_case->ops)
		CHECK(++i < sizeof(rights) / sizeof(rights[0]));
	return i;
}

/* Runs in a child, which ends with what it returns; that may not be a failure. */
static int in_child(int (*test)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(test());
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status);
}

/* Opens in the namespace the caller is in; 1 where that is not what was to come of it. */
static int opens_or_says(struct rx **rx, const struct hp_rx_options *options, const char *words)
{
	int fds = wire_fds(), error = path_ops->open(rx, options, &path_stats);

	if (!words) {
		if (error)
			wire_said("?");
		return error != 0;
	}
	return error >= 0 || !wire_said(words) || wire_fds() != fds;
}

/* ---- nobody ----------------------------------------------------------------------------------- */

static int as_nobody(void)
{
	struct hp_rx_options options = case_options();
	const char *words = rights[rights_of_case()].as_nobody;
	int fd = wire_sender();
	struct rx *rx;

	if (netns_enter(wire_b) < 0 || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (opens_or_says(&rx, &options, words))
		return 1;
	if (words)
		return 0;
	wire_send(fd, WIRE_GROUP, WIRE_PORT, "anybody's", 9);
	path_expect(rx, "anybody's", 9);
	rx->ops->close(rx);
	return 0;
}

static void nobody_receives_or_is_told_what_is_missing(void)
{
	in_child(as_nobody);
}

/* ---- root of one's own namespaces ------------------------------------------------------------- */

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

/* What `unshare -Urn` does for a user without any privilege. */
static int as_own_root(void)
{
	int frames = path_ops == &rx_tap; /* a wire of its own; the others have loopback */
	struct hp_rx_options options = frames ? case_options() : path_options("127.0.0.1", "lo");
	const char *words = rights[rights_of_case()].as_own_root;
	struct rx *rx;
	int fd;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return NO_NAMESPACE;
	raise_loopback();
	if (frames && access("/dev/net/tun", R_OK | W_OK))
		words = "/dev/net/tun may not be opened (its mode is 0666 where everybody may)";
	options.flags = path_case->flags;
	if (opens_or_says(&rx, &options, words))
		return 1;
	if (words)
		return 0;
	fd = frames ? raw_sender(path_case->from) : socket(AF_INET, SOCK_DGRAM, 0);
	if (frames) {
		case_flow(rx, fd, 10);
	} else {
		wire_send(fd, "127.0.0.1", WIRE_PORT, "my own", 6);
		path_expect(rx, "my own", 6);
	}
	rx->ops->close(rx);
	return 0;
}

static void a_user_namespace_is_a_way_out(void)
{
	if (in_child(as_own_root) == NO_NAMESPACE)
		printf("left out: users may not make namespaces here\n");
}

/* ---- no memory to lock ------------------------------------------------------------------------ */

static void drop_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	data[capability / 32].effective &= ~(1u << capability % 32);
	data[capability / 32].permitted &= ~(1u << capability % 32);
	CHECK_EQ(syscall(SYS_capset, &header, data), 0);
}

/* With `limit` bytes to lock: the path works, or says which limit it is. */
static int works_within(rlim_t limit)
{
	const struct rlimit least = {limit, limit};
	struct hp_rx_options options = case_options();
	const char *words = rights[rights_of_case()].without_locks;
	struct rx *rx;
	int fd;

	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &least), 0);
	if (path_ops->open(&rx, &options, &path_stats))
		return words && wire_said(words);
	fd = case_sender();
	case_flow(rx, fd, 200);
	rx->ops->close(rx);
	close(fd);
	return 1;
}

static int without_locks(void)
{
	drop_capability(CAP_SYS_RESOURCE); /* or it would raise the limit */
	drop_capability(CAP_IPC_LOCK);	   /* or there would be none */
	CHECK(netns_enter(wire_b) >= 0);
	for (int pages = 16; pages >= 0; pages--)
		if (!works_within((rlim_t)pages * 4096))
			return 1;
	return 0;
}

/* BPF counts against the limit no more (Linux 5.11), packet's ring never did; a UMEM does, and io_uring's
 * rings do on some kernels. */
static void memory_is_locked_or_the_limit_is_named(void)
{
	in_child(without_locks);
}

/* A file is all a capture needs, and memory of the usual kind. */
static int play_as_nobody(void)
{
	const struct rlimit none = {0, 0};
	struct hp_rx_options options = path_options(WIRE_GROUP, "");
	struct rx *rx;

	options.pace = HP_PACE_FLAT;
	snprintf(options.file, sizeof(options.file), "%s", made_path);
	if (setrlimit(RLIMIT_MEMLOCK, &none) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		return 1;
	if (opens_or_says(&rx, &options, NULL))
		return 1;
	path_expect(rx, "captured", 8);
	rx->ops->close(rx);
	return 0;
}

static void a_capture_needs_nothing(void)
{
	path_ops = &rx_pcap;
	make_begin(&(struct form){.link = 1});
	make_datagram(1000000000, WIRE_GROUP, WIRE_PORT, "captured", 8);
	make_end();
	in_child(play_as_nobody);
}

int main(void)
{
	wire_up();
	RUN_ON_EVERY_PATH(nobody_receives_or_is_told_what_is_missing);
	RUN_ON_EVERY_PATH(a_user_namespace_is_a_way_out);
	RUN_ON_EVERY_PATH(memory_is_locked_or_the_limit_is_named);
	RUN(a_capture_needs_nothing);
	return 0;
}
