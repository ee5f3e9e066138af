// SPDX-License-Identifier: MIT
/* The traffic generator: what it sends is numbered, stamped and valid, on every engine, and all of it
 * counted. */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <sys/ioctl.h>

#include "../bpf/generate.h"
#include "captures.h"
#include "feed/lll.h"
#include "lab/tape.h"
#include "tx_conform.h"

static struct hp_traffic_stats stats;

static struct hp_traffic_options traffic_options(int path)
{
	struct hp_traffic_options options = {.tx = tx_options(WIRE_GROUP), .rate = 20000, .records = 1};

	options.tx.path = path;
	snprintf(options.tx.netns, sizeof(options.tx.netns), "%s", wire_a);
	return options;
}

static struct hp_traffic *open_traffic(const struct hp_traffic_options *options, const struct hp_tape *tape)
{
	struct hp_traffic *traffic = hp_traffic_open(options, tape, &stats);

	if (!traffic)
		wire_said("?");
	CHECK(traffic);
	return traffic;
}

static void wait_for_end(double seconds)
{
	double deadline = wire_seconds() + seconds;

	while (__atomic_load_n(&stats.running, __ATOMIC_ACQUIRE) && wire_seconds() < deadline)
		wire_pause();
	if (stats.trouble[0])
		fprintf(stderr, "trouble: %s\n", stats.trouble);
	CHECK_EQ(stats.running, 0);
}

static void all_is_counted(void)
{
	CHECK_EQ(stats.datagrams, stats.tx.sent + stats.tx.failed + stats.unsent);
	CHECK_EQ(stats.tx.failed,
		 stats.tx.failed_link + stats.tx.failed_room + stats.tx.failed_size + stats.tx.failed_other);
}

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Reads one datagram's records; 0: none came within a second. */
static uint32_t read_records(int fd, struct lll_record *out)
{
	uint8_t bytes[256];
	ssize_t len;

	do /* a ring that was closed a moment ago may interrupt whoever used it */
		len = recv(fd, bytes, sizeof(bytes), 0);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return 0;
	CHECK(len > 0 && len % LLL_RECORD_BYTES == 0 && len <= LLL_RECORDS_MAX * LLL_RECORD_BYTES);
	for (ssize_t i = 0; i < len / LLL_RECORD_BYTES; i++)
		CHECK_EQ(lll_decode(bytes + i * LLL_RECORD_BYTES, &out[i]), 0);
	return (uint32_t)(len / LLL_RECORD_BYTES);
}

/* The book pattern from `first` on: every record once, in order, valid, stamped since `begun`. */
static void expect_book(int fd, uint32_t datagrams, uint32_t records, int64_t first, int64_t begun)
{
	struct lll_record got[LLL_RECORDS_MAX];
	int64_t seq = first, stamp = begun - 10000000; /* two clocks, one set against the other */

	for (uint32_t d = 0; d < datagrams; d++) {
		CHECK_EQ(read_records(fd, got), records);
		for (uint32_t i = 0; i < records; i++, seq++) {
			uint64_t n = (uint64_t)(seq - first);
			uint32_t last = d + 1 == datagrams && i + 1 == records ? HP_FLAG_LAST : 0;

			CHECK_EQ(got[i].seq, seq);
			CHECK_EQ(got[i].price, generate_price(n));
			CHECK_EQ(got[i].qty, generate_qty(n));
			CHECK_EQ(got[i].flags, generate_flags(n) | last);
			CHECK(got[i].sent_ns >= stamp);
			stamp = got[i].sent_ns;
		}
	}
	CHECK(stamp < realtime_ns() + 10000000);
}

static void sends_the_book(int path, uint32_t records, double rate)
{
	struct hp_traffic_options options = traffic_options(path);
	int fd = tx_receiver(WIRE_GROUP);
	int64_t begun = realtime_ns();
	struct hp_traffic *traffic;

	options.records = records;
	options.count = 500;
	options.rate = rate;
	options.first_seq = 1000;
	traffic = open_traffic(&options, NULL);
	expect_book(fd, 500, records, 1000, begun);
	wait_for_end(2);
	CHECK_EQ(stats.finished, 1);
	CHECK_EQ(stats.datagrams, 500);
	CHECK_EQ(stats.records, 500 * records);
	CHECK_EQ(stats.next_seq, 1000 + 500 * records);
	CHECK_EQ(stats.tx.sent, 500);
	CHECK_EQ(stats.tx.bytes, 500 * 40 * records);
	CHECK(stats.started_ms > 1e12 && stats.elapsed_ns > 0 && stats.send.count > 0);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
	close(fd);
}

static void every_path_sends_the_book(void)
{
	static const int paths[] = {HP_TX_UDP, HP_TX_URING, HP_TX_ZC, HP_TX_PACKET};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		sends_the_book(paths[i], 1 + (uint32_t)i, 20000);
		sends_the_book(paths[i], 5, 0);
	}
}

static struct hp_tape *make_tape(void)
{
	struct hp_market_options market = {.seed = 3, .records = 300, .levels = 20};
	struct hp_tape *tape = hp_tape_generate(&market, 5);

	CHECK(tape);
	return tape;
}

/* `times` through the tape, numbered on. Datagrams are the tape's own. */
static double expect_tape(int fd, const struct hp_tape *tape, double datagrams)
{
	struct lll_record got[LLL_RECORDS_MAX];
	size_t at = 0;
	int64_t seq = 0;

	for (double d = 0; d < datagrams; d++) {
		uint32_t records = read_records(fd, got);

		CHECK(records && tape->records[at].first + (at == 0) > 0);
		for (uint32_t i = 0; i < records; i++, seq++) {
			const struct tape_record *want = &tape->records[at];
			uint32_t last = d + 1 == datagrams && i + 1 == records ? HP_FLAG_LAST : 0;

			CHECK_EQ(got[i].seq, seq);
			CHECK_EQ(got[i].price, want->price);
			CHECK_EQ(got[i].qty, want->qty);
			CHECK_EQ(got[i].flags, (uint32_t)want->flags | last);
			at = (at + 1) % tape->count;
		}
	}
	return (double)seq;
}

static double tape_datagrams(const struct hp_tape *tape)
{
	double datagrams = 0;

	for (size_t i = 0; i < tape->count; i++)
		datagrams += i == 0 || tape->records[i].first;
	return datagrams;
}

static void plays_a_tape(double count)
{
	struct hp_traffic_options options = traffic_options(HP_TX_UDP);
	struct hp_tape *tape = make_tape();
	int fd = tx_receiver(WIRE_GROUP);
	struct hp_traffic *traffic;
	double heard;

	options.pattern = HP_PATTERN_TAPE;
	options.count = count;
	traffic = open_traffic(&options, tape);
	if (!count)
		count = tape_datagrams(tape);
	heard = expect_tape(fd, tape, count);
	wait_for_end(2);
	CHECK_EQ(stats.next_seq, heard);
	CHECK_EQ(stats.tx.sent, count);
	CHECK_EQ(hp_traffic_close(traffic), 0);
	hp_tape_close(tape);
	close(fd);
}

static void a_tape_is_played_once_through(void)
{
	plays_a_tape(0);
}

static void a_tape_begins_again(void)
{
	plays_a_tape(300);
}

/* Payloads of several flows and lengths, and packets that are none. */
static void write_capture(const struct form *form)
{
	uint8_t data[1400];

	make_begin(form);
	for (int i = 0; i < 20; i++) {
		memset(data, 'a' + i, sizeof(data));
		make_datagram(i * 1000, i % 3 ? WIRE_GROUP : "10.9.9.9", (uint16_t)(5000 + i), data,
			      i % 5 ? 40u + (uint32_t)i : 1400);
		if (i % 10 == 0)
			make_packet(i * 1000, data, 60, 60); /* no IPv4 */
		if (i % 10 == 1)
			make_datagram(i * 1000, WIRE_GROUP, 5000, data, 0); /* no payload */
	}
	make_end();
}

static void sends_a_capture(const struct form *form, int path)
{
	struct hp_traffic_options options = traffic_options(path);
	int fd = tx_receiver(WIRE_GROUP);
	struct hp_traffic *traffic;

	write_capture(form);
	options.pattern = HP_PATTERN_CAPTURE;
	options.count = path == HP_TX_UDP ? 0 : 30; /* once through; into its second round */
	snprintf(options.file, sizeof(options.file), "%s", made_path);
	traffic = open_traffic(&options, NULL);
	for (int n = 0; n < (options.count ? 30 : 20); n++) {
		struct tx_arrival got = tx_arrival(fd);
		int i = n % 20;

		CHECK_EQ(got.len, i % 5 ? 40 + i : 1400);
		for (ssize_t at = 0; at < got.len; at++)
			CHECK_EQ(got.data[at], 'a' + i);
	}
	wait_for_end(2);
	CHECK(stats.finished && !stats.records && !stats.next_seq);
	CHECK_EQ(stats.datagrams, options.count ? 30 : 20);
	CHECK_EQ(stats.skipped, 4);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
	close(fd);
}

static void a_capture_leaves_unchanged(void)
{
	static const struct form forms[] = {{.name = "pcap", .link = 1},
					    {.name = "pcapng.gz", .ng = 1, .gzip = 1, .link = 1, .tags = 1},
					    {.name = "raw", .link = 101}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		sends_a_capture(&forms[i], HP_TX_UDP);
		sends_a_capture(&forms[i], HP_TX_PACKET);
	}
}

/* One datagram each millisecond of a fifth of a second, and the closing one; fewer after a pause of ours. */
static void time_is_a_bound(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_UDP);
	struct hp_traffic *traffic;

	options.rate = 1000;
	options.seconds = 0.2;
	traffic = open_traffic(&options, NULL);
	wait_for_end(5);
	CHECK_EQ(stats.finished, 1);
	CHECK(stats.datagrams > 1 && stats.datagrams <= 201);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
}

static void closing_early_says_so_on_the_wire(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_UDP);
	int fd = tx_receiver(WIRE_GROUP);
	struct lll_record got[LLL_RECORDS_MAX];
	struct hp_traffic *traffic = open_traffic(&options, NULL);
	double heard = 0;

	for (int i = 0; i < 20; i++)
		wire_pause();
	CHECK_EQ(stats.running, 1);
	CHECK_EQ(hp_traffic_close(traffic), 0);
	CHECK(!stats.running && !stats.finished && !stats.trouble[0]);
	do {
		CHECK_EQ(read_records(fd, got), 1);
		heard++;
	} while (!(got[0].flags & HP_FLAG_LAST));
	CHECK_EQ(heard, stats.tx.sent);
	close(fd);
}

static void what_cannot_leave_is_counted(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_UDP);
	struct hp_traffic *traffic;

	options.count = 50;
	options.rate = 1000;
	traffic = open_traffic(&options, NULL);
	CHECK_EQ(wire_run("ip -n hpt%da link set va down", wire_owner), 0);
	wait_for_end(5);
	CHECK_EQ(stats.datagrams, 50);
	CHECK(stats.tx.failed_link > 0 && stats.tx.link_downs > 0);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
	CHECK_EQ(wire_run("ip -n hpt%da link set va up", wire_owner), 0);
}

static void refuses(const struct hp_traffic_options *options, const struct hp_tape *tape, int error,
		    const char *word)
{
	int fds = wire_fds();

	CHECK(!hp_traffic_open(options, tape, &stats));
	CHECK_EQ(hp_last_errno(), error);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
}

static void nonsense_is_refused(void)
{
	struct hp_traffic_options good = traffic_options(HP_TX_UDP), bad = good;

	bad.rate = -1;
	refuses(&bad, NULL, EINVAL, "Cannot send -1 datagrams a second");
	bad = good;
	bad.rate = NAN;
	refuses(&bad, NULL, EINVAL, "datagrams a second");
	bad = good;
	bad.count = 1.5;
	refuses(&bad, NULL, EINVAL, "whole numbers are needed");
	bad = good;
	bad.first_seq = -1;
	refuses(&bad, NULL, EINVAL, "whole numbers are needed");
	bad = good;
	bad.seconds = INFINITY;
	refuses(&bad, NULL, EINVAL, "Cannot send for inf seconds");
	bad = good;
	bad.records = 6;
	refuses(&bad, NULL, EINVAL, "Cannot put 6 records into a datagram");
	bad = good;
	bad.pattern = 9;
	refuses(&bad, NULL, EINVAL, "Cannot send pattern 9");
	bad = good;
	bad.pattern = HP_PATTERN_TAPE;
	refuses(&bad, NULL, EINVAL, "Cannot send a tape: none was given");
	bad = good;
	bad.pattern = HP_PATTERN_CAPTURE;
	refuses(&bad, NULL, EINVAL, "Cannot send a capture: no file was named");
	snprintf(bad.file, sizeof(bad.file), "/nowhere/to/be.found");
	refuses(&bad, NULL, ENOENT, "/nowhere/to/be.found");
	make_begin(&(struct form){.name = "empty", .link = 1});
	make_end();
	snprintf(bad.file, sizeof(bad.file), "%s", made_path);
	refuses(&bad, NULL, ENODATA, "there is no UDP datagram in it");
	make_begin(&(struct form){.name = "long", .link = 1});
	make_datagram(0, WIRE_GROUP, 5000, made, 1473); /* one more than a frame has room for */
	make_end();
	bad.tx.path = HP_TX_PACKET;
	refuses(&bad, NULL, EMSGSIZE, "Cannot send a datagram of 1473 bytes on \"va\"");
	bad = good;
	bad.tx.path = 99;
	refuses(&bad, NULL, EINVAL, "no such transmit path");
	bad = good;
	bad.tx.cpu = 1 << 20;
	refuses(&bad, NULL, EINVAL, "name a core of this machine");
	bad = good;
	snprintf(bad.tx.netns, sizeof(bad.tx.netns), "/run/netns/none-of-that-name");
	refuses(&bad, NULL, ENOENT, "no such file; `ip netns` lists them");
	memset(bad.tx.netns, 'x', sizeof(bad.tx.netns));
	refuses(&bad, NULL, EINVAL, "whose name is that long");
	CHECK(!hp_traffic_open(NULL, NULL, &stats) && !hp_traffic_open(&good, NULL, NULL));
	CHECK_EQ(hp_traffic_close(NULL), -EINVAL);
}

static void the_thread_never_allocates(void)
{
	static const int paths[] = {HP_TX_UDP, HP_TX_URING, HP_TX_ZC, HP_TX_PACKET};

	wire_count_works();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct hp_traffic_options options = traffic_options(paths[i]);
		struct hp_traffic *traffic = open_traffic(&options, NULL);

		while (stats.datagrams < 10)
			wire_pause();
		wire_counting = 1;
		for (int ms = 0; ms < 150; ms++) /* a look at the interface included */
			wire_pause();
		wire_counting = 0;
		CHECK_EQ(wire_allocations, 0);
		CHECK_EQ(hp_traffic_close(traffic), 0);
	}
}

static void a_killed_generator_leaves_nothing(void)
{
	double deadline = wire_seconds() + 5;
	int status;
	pid_t child = fork();

	if (!child) {
		struct hp_traffic_options options = traffic_options(HP_TX_UDP);

		open_traffic(&options, NULL);
		while (stats.datagrams < 10)
			wire_pause();
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	while (tx_sockets() && wire_seconds() < deadline)
		wire_pause();
	CHECK_EQ(tx_sockets(), 0);
}

/* ---- the kernel's own generator ---- */

static void set_gro(uint32_t on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = on};
	struct ifreq request = {.ifr_name = "vb", .ifr_data = (char *)&value};
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK_EQ(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
	netns_leave(before);
}

static void the_kernel_sends_the_book(void)
{
	set_gro(1);
	sends_the_book(HP_TX_KERNEL, 1, 20000);
	sends_the_book(HP_TX_KERNEL, 5, 20000);
	set_gro(0);
}

/* Flat out no socket keeps up: every datagram reached the other end or is counted as one that did not. */
static void the_kernel_counts_what_it_sends(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_KERNEL);
	struct hp_traffic *traffic;

	set_gro(1);
	options.rate = 0;
	options.count = 50001;
	traffic = open_traffic(&options, NULL);
	wait_for_end(10);
	CHECK_EQ(stats.finished, 1);
	CHECK_EQ(stats.datagrams, 50001);
	CHECK(stats.tx.sent > 0);
	CHECK_EQ(stats.tx.failed, stats.tx.failed_room);
	CHECK_EQ(stats.tx.link_drops, stats.tx.failed);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
	set_gro(0);
}

static void a_peer_that_cannot_take_it_is_said(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_KERNEL);
	struct hp_traffic *traffic;

	set_gro(0);
	traffic = hp_traffic_open(&options, NULL, &stats);
	CHECK(traffic);
	for (int i = 0; i < 2000 && __atomic_load_n(&stats.running, __ATOMIC_ACQUIRE); i++)
		wire_pause();
	CHECK(strstr(stats.trouble, "a veth does when its other end has an XDP program or GRO"));
	CHECK_EQ(stats.finished, 0);
	CHECK_EQ(hp_traffic_close(traffic), 0);
}

static void the_kernel_counts_a_downed_interface(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_KERNEL);
	struct hp_traffic *traffic;

	set_gro(1);
	options.count = 50;
	options.rate = 1000;
	traffic = open_traffic(&options, NULL);
	CHECK_EQ(wire_run("ip -n hpt%da link set va down", wire_owner), 0);
	wait_for_end(5);
	CHECK_EQ(stats.datagrams, 50);
	CHECK(stats.tx.failed_link > 0);
	CHECK_EQ(stats.tx.last_errno, ENETDOWN);
	all_is_counted();
	CHECK_EQ(hp_traffic_close(traffic), 0);
	CHECK_EQ(wire_run("ip -n hpt%da link set va up", wire_owner), 0);
	set_gro(0);
}

static void the_kernel_refuses_what_it_cannot(void)
{
	struct hp_traffic_options options = traffic_options(HP_TX_KERNEL);
	struct hp_tape *tape = make_tape();

	options.pattern = HP_PATTERN_TAPE;
	refuses(&options, tape, EINVAL, "Cannot send a tape or a capture from inside the kernel");
	hp_tape_close(tape);
	options = traffic_options(HP_TX_KERNEL);
	options.tx.ifname[0] = 0;
	refuses(&options, NULL, EINVAL, "no interface named; add if=NAME");
}

static void nobody_is_told_what_the_kernel_needs(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct hp_traffic_options options = traffic_options(HP_TX_KERNEL);

		options.tx.netns[0] = 0;
		netns_enter(wire_a);
		if (setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(hp_traffic_open(&options, NULL, &stats) ||
		      !wire_said("kernel needs CAP_BPF, CAP_PERFMON"));
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

int main(void)
{
	struct hp_traffic_options options;
	struct hp_traffic *traffic;

	wire_up();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	RUN(every_path_sends_the_book);
	RUN(a_tape_is_played_once_through);
	RUN(a_tape_begins_again);
	RUN(a_capture_leaves_unchanged);
	RUN(time_is_a_bound);
	RUN(closing_early_says_so_on_the_wire);
	RUN(what_cannot_leave_is_counted);
	RUN(nonsense_is_refused);
	RUN(the_thread_never_allocates);
	RUN(a_killed_generator_leaves_nothing);
	RUN(the_kernel_refuses_what_it_cannot);
	RUN(nobody_is_told_what_the_kernel_needs);
	options = traffic_options(HP_TX_KERNEL);
	options.count = 1;
	traffic = hp_traffic_open(&options, NULL, &stats);
	if (!traffic) {
		wire_said("?");
		SKIP("no BPF here: the kernel's generator is untested");
	}
	CHECK_EQ(hp_traffic_close(traffic), 0);
	RUN(a_peer_that_cannot_take_it_is_said);
	RUN(the_kernel_sends_the_book);
	RUN(the_kernel_counts_what_it_sends);
	RUN(the_kernel_counts_a_downed_interface);
	return 0;
}
