// SPDX-License-Identifier: MIT
/* Where the observer stands on an interface: beside whom, instead of whom, and that it goes. */
#include "observe_lab.h"

#define TCX_INGRESS 46
#define TCX_EGRESS  47

/* Programs on vb: XDP, tc ingress, tc egress. */
struct attached {
	__u32 xdp, ingress, egress;
};

static struct attached attached(void)
{
	int before = netns_enter(wire_b), index = (int)if_nametoindex("vb");
	struct attached found = {0};
	__u32 ids[8];

	CHECK_EQ(bpf_xdp_query_id(index, 0, &found.xdp), 0);
	found.ingress = found.egress = 8;
	CHECK_EQ(bpf_prog_query(index, (enum bpf_attach_type)TCX_INGRESS, 0, NULL, ids, &found.ingress), 0);
	found.egress = 8;
	CHECK_EQ(bpf_prog_query(index, (enum bpf_attach_type)TCX_EGRESS, 0, NULL, ids, &found.egress), 0);
	netns_leave(before);
	return found;
}

static void nothing_is_attached(void)
{
	double deadline = wire_seconds() + 5;
	struct attached found;

	do
		found = attached();
	while ((found.xdp || found.ingress || found.egress) && wire_seconds() < deadline);
	CHECK_EQ(found.xdp, 0);
	CHECK_EQ(found.ingress, 0);
	CHECK_EQ(found.egress, 0);
}

/* Record `seq` comes, its order goes, the observer saw both. */
static void sees_an_order(struct hp_observer *observer, int fd, int64_t seq)
{
	uint8_t order[LLL_ORDER_BYTES];
	double matched, records;

	look(observer);
	matched = seen.matched;
	records = seen.records;
	send_records(fd, seq, 1);
	await(observer, &seen.records, records + 1);
	send_segment((uint16_t)(30000 + seq), 1, ACK, order, build_orders(order, seq, 1, 1));
	await(observer, &seen.matched, matched + 1);
}

static void note_is(const char *note)
{
	if (strcmp(seen.note, note)) {
		fprintf(stderr, "the note is: %s\n", seen.note);
		CHECK(!"note");
	}
}

static void a_free_hook_is_taken_and_given_back(void)
{
	int fds = wire_fds(), fd = wire_sender();
	struct hp_observer *observer = observe();
	struct attached found = attached();

	CHECK(found.xdp && !found.ingress && found.egress == 1);
	sees_an_order(observer, fd, 1);
	note_is("entry in xdp (native), exit in tc");
	hp_observer_close(observer);
	nothing_is_attached();
	close(fd);
	CHECK_EQ(wire_fds(), fds);
}

static void tc_leaves_the_hook_free(void)
{
	int fd = wire_sender();
	struct hp_observer *observer = observe_on("vb", HP_OBSERVE_TC);
	struct attached found = attached();
	struct rx *rx;

	CHECK(!found.xdp && found.ingress == 1 && found.egress == 1);
	sees_an_order(observer, fd, 2);
	note_is("entry in tc, exit in tc");
	rx = path_open(); /* nobody is in its way */
	rx->ops->close(rx);
	hp_observer_close(observer);
	close(fd);
}

static void the_xdp_path_is_joined(void)
{
	struct rx *rx = path_open();
	struct rx_datagram got[RX_BATCH];
	struct attached before = attached(), found;
	int fds = wire_fds(), fd = wire_sender();
	struct hp_observer *observer;
	struct hp_observe_options options = observe_options("vb");

	send_records(fd, 3, 1);
	CHECK_EQ(path_poll(rx, got), 1);
	rx->ops->release(rx);
	observer = observe();
	found = attached();
	CHECK(found.xdp == before.xdp && !found.ingress && found.egress == 1);
	look(observer);
	CHECK_EQ(seen.records + seen.datagrams, 0);
	note_is("entry in hotpath_steer, exit in tc");
	sees_an_order(observer, fd, 4);
	CHECK_EQ(path_poll(rx, got), 1); /* and the path has it all the same */
	CHECK_EQ(got[0].len, LLL_RECORD_BYTES);
	rx->ops->release(rx);

	CHECK(!hp_observer_open(&options));
	CHECK_EQ(hp_last_errno(), EBUSY);
	CHECK(wire_said("one observer at a time"));
	hp_observer_close(observer);
	observer = observe(); /* stamps of the one before do not count: the same record is new */
	sees_an_order(observer, fd, 4);
	CHECK_EQ(seen.duplicates + seen.repeated, 0);
	hp_observer_close(observer);
	close(fd);
	CHECK_EQ(wire_fds(), fds);
	CHECK_EQ(attached().xdp, before.xdp);
	rx->ops->close(rx);
	nothing_is_attached();
}

/* The observer may outlive the engine it joined: what it saw is still to be read. */
static void the_path_may_go_first(void)
{
	struct rx *rx = path_open();
	struct hp_observer *observer = observe();
	int fd = wire_sender();

	sees_an_order(observer, fd, 5);
	rx->ops->close(rx);
	look(observer);
	CHECK_EQ(seen.matched, 1);
	CHECK_EQ(attached().xdp, 0);
	hp_observer_close(observer);
	nothing_is_attached();
	close(fd);
}

static void the_xdp_path_says_who_is_in_its_way(void)
{
	struct hp_rx_options options = path_options(WIRE_GROUP, "vb");
	struct hp_observer *observer = observe();
	struct rx *rx;

	CHECK_EQ(path_try(&rx, &options), -EBUSY);
	CHECK(wire_said("\"hotpath_observe\" is there already"));
	hp_observer_close(observer);
}

/* The other program here is another observer's: two of them see the same. */
static void behind_another_program_tc_is_taken(void)
{
	struct hp_observer *first = observe(), *second = observe();
	int fd = wire_sender();
	struct attached found = attached();

	CHECK(found.xdp && found.ingress == 1 && found.egress == 2);
	sees_an_order(second, fd, 6);
	CHECK(!strncmp(seen.note, "entry in tc: what XDP program ", 30));
	CHECK(strstr(seen.note, " \"hotpath_observe\" takes is not seen; exit in tc"));
	await(first, &seen.matched, 1);
	hp_observer_close(first);
	sees_an_order(second, fd, 7);
	hp_observer_close(second);
	nothing_is_attached();
	close(fd);
}

/* Loopback's driver has no XDP of its own. */
static void without_native_xdp_tc_is_taken(void)
{
	struct hp_observer *observer = observe_on("lo", HP_OBSERVE_AUTO);

	look(observer);
	CHECK(!strncmp(seen.note, "entry in tc (native xdp: ", 25));
	hp_observer_close(observer);
}

static pid_t in_a_child(void)
{
	int ready[2];
	pid_t child;
	char byte;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		observe();
		(void)!write(ready[1], "", 1);
		pause();
		_exit(1);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void it_goes_with_the_process(void)
{
	pid_t child = in_a_child();
	int status;

	CHECK(attached().xdp && attached().egress == 1);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, &status, 0), child);
	nothing_is_attached();
}

static void a_killed_observer_keeps_nobody_out(void)
{
	struct rx *rx = path_open();
	struct hp_observer *observer;
	pid_t child = in_a_child();
	int fd = wire_sender(), status;

	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, &status, 0), child);
	observer = observe();
	sees_an_order(observer, fd, 8);
	hp_observer_close(observer);
	rx->ops->close(rx);
	nothing_is_attached();
	close(fd);
}

static void refused(const struct hp_observe_options *options, int error, const char *why)
{
	int fds = wire_fds();

	CHECK(!hp_observer_open(options));
	CHECK_EQ(hp_last_errno(), error);
	CHECK(wire_said(why));
	CHECK_EQ(wire_fds(), fds);
}

static void bad_options_are_refused_with_a_sentence(void)
{
	struct hp_observe_options good = observe_options("vb"), options;

	refused(NULL, EINVAL, "no options");
	options = observe_options("");
	refused(&options, EINVAL, "no interface named");
	options = observe_options("vz");
	refused(&options, ENODEV, "\"vz\": no such interface");
	options = good;
	options.port = 0;
	refused(&options, EINVAL, "port 0 is not 1..65535");
	options = good;
	options.order_port = 65536;
	refused(&options, EINVAL, "port 65536 is not 1..65535");
	options = good;
	memset(options.group, '9', sizeof(options.group));
	refused(&options, EINVAL, "not a dotted IPv4 address");
	options = good;
	options.order_address[0] = 0;
	refused(&options, EINVAL, "orders to \"\": not a dotted IPv4 address");
	options = good;
	options.entry = 2;
	refused(&options, EINVAL, "2 is no place of entry");
	options = good;
	strcpy(options.netns, "/run/netns/hpt-none");
	refused(&options, ENOENT, "no such file");
	CHECK_EQ(hp_observer_read(NULL, &seen), -EBADF);
	CHECK_EQ(hp_observer_reset(NULL), -EBADF);
	CHECK_EQ(hp_observer_close(NULL), -EBADF);
	nothing_is_attached();
}

static void nobody_is_told_what_is_missing(void)
{
	struct hp_observe_options options = observe_options("vb");
	pid_t child = fork();
	int status;

	if (!child) {
		options.netns[0] = 0;
		netns_enter(wire_b);
		if (setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(hp_observer_open(&options) || hp_last_errno() != EPERM ||
		      !wire_said("needs CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN"));
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

int main(void)
{
	struct hp_observe_options options;
	struct hp_observer *observer;

	wire_up();
	path_ops = &rx_xdp;
	options = observe_options("vb");
	observer = hp_observer_open(&options);
	if (!observer &&
	    (hp_last_errno() == EPERM || hp_last_errno() == ENOSYS || hp_last_errno() == EINVAL)) {
		wire_said("?");
		SKIP("no BPF or no TCX links here");
	}
	hp_observer_close(observer);
	RUN(a_free_hook_is_taken_and_given_back);
	RUN(tc_leaves_the_hook_free);
	RUN(the_xdp_path_is_joined);
	RUN(the_path_may_go_first);
	RUN(the_xdp_path_says_who_is_in_its_way);
	RUN(behind_another_program_tc_is_taken);
	RUN(without_native_xdp_tc_is_taken);
	RUN(it_goes_with_the_process);
	RUN(a_killed_observer_keeps_nobody_out);
	RUN(bad_options_are_refused_with_a_sentence);
	RUN(nobody_is_told_what_is_missing);
	return 0;
}
