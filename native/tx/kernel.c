// SPDX-License-Identifier: MIT
/*
 * Runs the generating program: one system call for as many datagrams as are asked for. The interface must be
 * able to transmit XDP frames; a veth is when its other end has an XDP program or GRO, which set up the
 * ring that its own end transmits into. Without, the kernel drops everything and the redirect says nothing:
 * tracepoints do. Needs Linux 5.18. See bpf(2) and Documentation/bpf/bpf_prog_run.rst.
 *
 * A run of more than one frame enters the program into the kernel's XDP dispatcher and takes it out again,
 * each followed by an RCU grace period: some 25 ms in all, during which nothing leaves. Flat out that is lost
 * in a run of a quarter of a second; at a rate it would be the rate, so there every datagram is a run of its
 * own.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../bpf/generate.h"
#include "feed/lll.h"
#include "generate.skel.h"
#include "kernel.h"
#include "measure/clock.h"
#include "measure/error.h"

#define BULK 256  /* frames between two flushes of the kernel's, its most: 15 % faster than 64 over veth */
#define LONG 4096 /* datagrams from which on one run is cheaper than a run for each */

_Static_assert(GENERATE_RECORD == LLL_RECORD_BYTES && GENERATE_MOST == LLL_RECORDS_MAX, "lll");
_Static_assert(GENERATE_BID == HP_FLAG_BID && GENERATE_SNAPSHOT == HP_FLAG_SNAPSHOT, "lll's flags");
_Static_assert(GENERATE_LAST == HP_FLAG_LAST && GENERATE_FRAME == TX_HEADERS, "lll's flags and headers");
_Static_assert(GENERATE_FRAME + GENERATE_MOST * GENERATE_RECORD <= sizeof(((struct kernel_tx *)0)->frame),
	       "the longest frame fits");

static int be_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

static int load(struct kernel_tx *kernel)
{
	libbpf_print_fn_t before = libbpf_set_print(be_quiet);
	int error;

	kernel->skeleton = generate__open_and_load();
	error = kernel->skeleton ? generate__attach(kernel->skeleton) : -errno;
	libbpf_set_print(before);
	if (error == -EPERM || error == -EACCES)
		return fail(-error,
			    "Cannot load the generating program: %s; kernel needs CAP_BPF, CAP_PERFMON and "
			    "CAP_NET_ADMIN (run as root), udp and uring need nothing",
			    strerror(-error));
	if (error)
		return fail(-error, "Cannot load the generating program: %s; use packet, udp or uring",
			    strerror(-error));
	return 0;
}

/* The template: headers, and records whose constant bytes are in place. */
static void build_frame(struct kernel_tx *kernel)
{
	struct tx_header header;

	tx_header_init(&header, &kernel->endpoint);
	kernel->len = tx_header_write(&header, kernel->frame, kernel->records * LLL_RECORD_BYTES);
	for (uint32_t i = 0; i < kernel->records && i < LLL_RECORDS_MAX; i++)
		kernel->frame[TX_HEADERS + i * LLL_RECORD_BYTES] = LLL_TYPE_UPDATE;
}

int kernel_open(struct kernel_tx *kernel, const struct hp_tx_options *options, uint32_t records,
		int64_t first_seq, struct hp_tx_stats *stats)
{
	int error;

	memset(kernel, 0, sizeof(*kernel));
	kernel->interface.fd = -1;
	kernel->tx.stats = stats;
	kernel->records = records;
	error = tx_endpoint(&kernel->endpoint, options);
	if (!error)
		error = tx_endpoint_link(&kernel->endpoint, options);
	if (!error)
		error = tx_interface_open(&kernel->interface, kernel->endpoint.ifname);
	if (!error)
		error = load(kernel);
	if (error) {
		kernel_close(kernel);
		return error;
	}
	build_frame(kernel);
	kernel->skeleton->bss->seq = kernel->skeleton->bss->first = (uint64_t)first_seq;
	kernel->skeleton->bss->ifindex = (uint32_t)kernel->endpoint.ifindex;
	kernel->skeleton->bss->records = records;
	tx_note(stats, "in the kernel, bulks of %d", BULK);
	return 0;
}

/*
 * From the kernel's monotonic clock to the Unix epoch as this library tells it: its own clock runs free of
 * what adjusts the system's, and a stamp of one against the other would be off by microseconds.
 */
static int64_t clock_offset(void)
{
	uint64_t before = clock_ticks(), after;
	struct timespec monotonic;

	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	after = clock_ticks();
	return clock_realtime_ns(before + (after - before) / 2) -
	       (monotonic.tv_sec * INT64_C(1000000000) + monotonic.tv_nsec);
}

static int explain(const struct kernel_tx *kernel, int error)
{
	const char *ifname = kernel->endpoint.ifname;

	if (error == EINVAL)
		return fail(EINVAL,
			    "Cannot generate traffic on \"%s\" in the kernel: %s; it needs Linux 5.18 or "
			    "later",
			    ifname, strerror(error));
	if (error == ENXIO || error == EOPNOTSUPP)
		return fail(error,
			    "Cannot generate traffic on \"%s\" in the kernel: its driver takes no XDP frames "
			    "now; a veth does when its other end has an XDP program or GRO: receive there "
			    "by xdp, or `ethtool -K PEER gro on`",
			    ifname);
	if (error == EPERM)
		return fail(error,
			    "Cannot generate traffic on \"%s\" in the kernel: not allowed; it needs CAP_BPF, "
			    "CAP_PERFMON and CAP_NET_ADMIN (run as root)",
			    ifname);
	return fail(error, "Cannot generate traffic on \"%s\" in the kernel: %s", ifname, strerror(error));
}

/* One run, of `datagrams`. 0 or fail(...). */
static int run(struct kernel_tx *kernel, uint32_t datagrams)
{
	int program = bpf_program__fd(kernel->skeleton->progs.hotpath_generate), error;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = kernel->frame, .data_size_in = kernel->len,
		    .repeat = (int)datagrams, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = datagrams < BULK ? datagrams : BULK);

	kernel->skeleton->bss->offset_ns = clock_offset();
	error = bpf_prog_test_run_opts(program, &options);
	return error && error != -EINTR ? explain(kernel, -error) : 0;
}

/* Books how the datagrams fared. */
static int account(struct kernel_tx *kernel, uint32_t datagrams, uint64_t taken, uint64_t dropped)
{
	int error = (int)-kernel->skeleton->bss->error;

	if (!taken && (error == ENXIO || error == EOPNOTSUPP))
		return explain(kernel, error);
	kernel->tx.waiting = datagrams;
	tx_sent(&kernel->tx, (uint32_t)taken, taken * kernel->records * LLL_RECORD_BYTES);
	if (dropped)
		tx_failed(&kernel->tx, ENOBUFS, (uint32_t)dropped);
	if (kernel->tx.waiting) /* refused before it came to a bulk */
		tx_failed(&kernel->tx, error, kernel->tx.waiting);
	return (int)taken;
}

int kernel_send(struct kernel_tx *kernel, uint32_t datagrams, int last)
{
	struct generate__bss *bss = kernel->skeleton->bss;
	uint64_t taken = bss->taken, dropped = bss->dropped, first = bss->seq;
	uint32_t step = datagrams < LONG ? 1 : datagrams;
	int error = 0;

	bss->last = last ? first + (uint64_t)datagrams * kernel->records - 1 : UINT64_MAX;
	bss->thread = (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid);
	bss->error = 0;
	for (uint32_t done = 0; !error && done < datagrams; done += step) {
		kernel->tx.stats->calls += 1;
		error = run(kernel, step);
	}
	if (error)
		return error;
	datagrams = (uint32_t)((bss->seq - first) / kernel->records); /* a signal ends a run early */
	return account(kernel, datagrams, bss->taken - taken, bss->dropped - dropped);
}

void kernel_refresh(struct kernel_tx *kernel)
{
	tx_interface_look(&kernel->interface, kernel->tx.stats);
}

void kernel_close(struct kernel_tx *kernel)
{
	if (!kernel->tx.stats)
		return;
	generate__destroy(kernel->skeleton); /* NULL is fine */
	tx_interface_close(&kernel->interface);
	memset(kernel, 0, sizeof(*kernel));
}
