/* SPDX-License-Identifier: MIT */
/*
 * The clock behind every stamp. The time-stamp counter is read in a few ns without entering the kernel, but
 * it counts cycles of an unstated length: its rate is measured here once per process, against
 * CLOCK_MONOTONIC_RAW (which nobody slews) over at least 20 ms. The two ends of the measurement are each
 * known to some tens of ns, so the rate is good to a few parts in a million: fine for latencies, and for
 * wall-clock stamps of a session of minutes. What it trades away is agreement with CLOCK_REALTIME in the long
 * run: that clock is disciplined, this one keeps its first guess.
 *
 * Only a counter that the processor calls invariant is used (CPUID 0x80000007, EDX bit 8): others change
 * speed with the core or stop when it sleeps. Elsewhere a tick is a nanosecond of CLOCK_MONOTONIC_RAW.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "hotpath.h"
#include "measure/clock.h"
#include "measure/error.h"

#define CALIBRATION_NS 20000000
#define PAIR_TRIES     8
#define INVARIANT_TSC  (1u << 8)

struct clock hp_clock;

/* Both clocks at (nearly) one moment. */
struct pair {
	uint64_t ticks;
	int64_t ns;
};

static struct pair loaded; /* when the library was: one end of the calibration */

static int64_t read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* An interrupt between two readings shows as a long one: the shortest of a few tries is the one without. */
static struct pair read_pair(clockid_t id)
{
	struct pair best = {0, 0};
	uint64_t shortest = UINT64_MAX;

	for (int try = 0; try < PAIR_TRIES; try++) {
		uint64_t before = clock_ticks();
		int64_t ns = read_ns(id);
		uint64_t took = clock_ticks() - before;

		if (took >= shortest)
			continue;
		shortest = took;
		best = (struct pair){before + took / 2, ns};
	}
	return best;
}

static int tsc_is_invariant(void)
{
#if defined(__x86_64__)
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & INVARIANT_TSC);
#else
	return 0;
#endif
}

/*
 * At load, so that time 0 is the same for everybody in the process, and so that the first open() finds the
 * calibration interval (mostly) over already.
 */
__attribute__((constructor)) static void clock_load(void)
{
	struct pair realtime;

	hp_clock.has_tsc = tsc_is_invariant();
	hp_clock.ns_per_tick = 1;
	hp_clock.mult = UINT64_C(1) << 32;
	realtime = read_pair(CLOCK_REALTIME);
	loaded = read_pair(CLOCK_MONOTONIC_RAW);
	hp_clock.start_ticks = realtime.ticks;
	hp_clock.start_realtime_ns = realtime.ns;
}

static void calibrate(void)
{
	struct pair now;

	if (!hp_clock.has_tsc)
		return;
	/* Spins rather than sleeps: a sleeping core may come back at another speed, with cold caches. */
	do
		now = read_pair(CLOCK_MONOTONIC_RAW);
	while (now.ns - loaded.ns < CALIBRATION_NS);
	hp_clock.ns_per_tick = (double)(now.ns - loaded.ns) / (double)(now.ticks - loaded.ticks);
	hp_clock.mult = (uint64_t)(hp_clock.ns_per_tick * 0x1p32 + 0.5);
}

/*
 * What one stamp costs: the best of some runs of stamps back to back. Between two stamps lies one stamp's
 * cost besides the work; a stage of ten nanoseconds would be told as twenty with it.
 */
static void calibrate_stamp(void)
{
	enum { RUNS = 16, STAMPS = 1000 };
	uint64_t best = UINT64_MAX;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = clock_ticks(), last = start;

		for (int i = 0; i < STAMPS; i++)
			last = clock_ticks();
		if (last - start < best)
			best = last - start;
	}
	hp_clock.stamp_ticks = best / STAMPS;
}

static void calibrate_all(void)
{
	calibrate();
	calibrate_stamp();
}

void clock_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, calibrate_all);
}

HP_API double hp_clock_now(void)
{
	clock_init();
	return (double)clock_now_ns();
}

HP_API double hp_thread_cpu(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

HP_API int32_t hp_pin(int32_t cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return fail(EINVAL, "Cannot pin the thread to core %d: cores are numbered 0 to %d", cpu,
			    CPU_SETSIZE - 1);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		int error = errno;

		return fail(error,
			    "Cannot pin the thread to core %d: %s; choose a core of this machine that the "
			    "process may use (taskset -p PID lists them)",
			    cpu, strerror(error));
	}
	return 0;
}

HP_API int32_t hp_abi_version(void)
{
	return HP_ABI_VERSION;
}
