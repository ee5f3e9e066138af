/* SPDX-License-Identifier: MIT */
/* The clock: that it runs at the right speed and never backwards; pinning; and the sentences of errors. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "check.h"
#include "hotpath.h"
#include "measure/clock.h"
#include "measure/error.h"

static int64_t raw_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void abi_version_is_the_headers(void)
{
	CHECK_EQ(hp_abi_version(), HP_ABI_VERSION);
}

static void clock_is_calibrated_once(void)
{
	double ns_per_tick;

	clock_init();
	ns_per_tick = hp_clock.ns_per_tick;
	CHECK(ns_per_tick > 0.05 && ns_per_tick < 100);
	clock_init();
	CHECK_EQ(hp_clock.ns_per_tick, ns_per_tick);
	if (!hp_clock.has_tsc)
		printf("no invariant TSC: clock_gettime is used\n");
}

static void now_never_goes_back(void)
{
	double last = hp_clock_now();

	CHECK(last >= 0);
	for (int i = 0; i < 100000; i++) {
		double now = hp_clock_now();

		CHECK(now >= last);
		last = now;
	}
}

/* The machine may stop us between any two readings, so one quiet try out of many is what counts. */
static void rate_agrees_with_monotonic_raw(void)
{
	for (int try = 0; try < 200; try++) {
		int64_t raw = raw_ns(CLOCK_MONOTONIC_RAW);
		uint64_t ticks = clock_ticks();
		int64_t raw_took;
		double error;

		do
			raw_took = raw_ns(CLOCK_MONOTONIC_RAW) - raw;
		while (raw_took < 2000000);
		error = (double)clock_ns(clock_ticks() - ticks) / (double)raw_took - 1;
		if (error > -0.001 && error < 0.001)
			return;
	}
	CHECK(!"the tick's length is off by more than 0.1% in each of 200 tries");
}

static void realtime_agrees_with_the_wall_clock(void)
{
	for (int try = 0; try < 200; try++) {
		int64_t off = clock_realtime_ns(clock_ticks()) - raw_ns(CLOCK_REALTIME);

		if (off > -100000000 && off < 100000000)
			return;
	}
	CHECK(!"stamps are more than 100 ms off the wall clock in each of 200 tries");
}

static void ticks_and_ns_convert_both_ways(void)
{
	const uint64_t durations[] = {1000, 1000000, 1000000000, UINT64_C(3600) * 1000000000};

	for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
		double back = (double)clock_ns(clock_to_ticks(durations[i])) / (double)durations[i];

		CHECK(back > 0.99 && back < 1.01);
	}
}

static void pin_takes_a_core_of_this_machine(void)
{
	cpu_set_t allowed;
	char sentence[256];
	int32_t cpu = sched_getcpu();

	CHECK(cpu >= 0);
	CHECK(!sched_getaffinity(0, sizeof(allowed), &allowed));
	CHECK_EQ(hp_pin(cpu), 0);
	CHECK_EQ(sched_getcpu(), cpu);
	CHECK(!sched_setaffinity(0, sizeof(allowed), &allowed));

	CHECK_EQ(hp_pin(-1), -EINVAL);
	CHECK_EQ(hp_pin(1 << 20), -EINVAL);
	if (!CPU_ISSET(CPU_SETSIZE - 1, &allowed)) {
		CHECK_EQ(hp_pin(CPU_SETSIZE - 1), -EINVAL);
		CHECK(hp_last_error(sentence, sizeof(sentence)) > 0);
		CHECK(strstr(sentence, "Cannot pin the thread to core 1023"));
	}
}

static void *fail_elsewhere(void *unused)
{
	char sentence[64];

	(void)unused;
	CHECK_EQ(hp_last_error(sentence, sizeof(sentence)), 0);
	fail(EPERM, "other thread");
	return NULL;
}

static void last_error_is_kept_per_thread(void)
{
	char sentence[64];
	pthread_t thread;

	CHECK_EQ(fail(ENOENT, "Cannot open %s: no such interface", "\"veth9\""), -ENOENT);
	CHECK(!pthread_create(&thread, NULL, fail_elsewhere, NULL));
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(hp_last_error(sentence, sizeof(sentence)), 38);
	CHECK(!strcmp(sentence, "Cannot open \"veth9\": no such interface"));
}

static void last_error_is_cut_to_the_callers_room(void)
{
	char sentence[8], wide[2048];

	memset(sentence, 'x', sizeof(sentence));
	fail(EIO, "0123456789");
	CHECK_EQ(hp_last_error(sentence, 4), 4);
	CHECK(!memcmp(sentence, "0123xxxx", 8));
	CHECK_EQ(hp_last_error(NULL, 4), -EINVAL);
	CHECK_EQ(hp_last_error(sentence, 0), -EINVAL);
	fail(EIO, "%1000d", 1);
	CHECK_EQ(hp_last_error(wide, sizeof(wide)), 511);
}

int main(void)
{
	RUN(abi_version_is_the_headers);
	RUN(clock_is_calibrated_once);
	RUN(now_never_goes_back);
	RUN(rate_agrees_with_monotonic_raw);
	RUN(realtime_agrees_with_the_wall_clock);
	RUN(ticks_and_ns_convert_both_ways);
	RUN(pin_takes_a_core_of_this_machine);
	RUN(last_error_is_kept_per_thread);
	RUN(last_error_is_cut_to_the_callers_room);
	return 0;
}
