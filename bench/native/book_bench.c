/* SPDX-License-Identifier: MIT */
/*
 * What one update of the L2 book costs: plays a real Binance session (445,262 updates, 5,000 levels a side)
 * through book_apply(), search included.
 *
 *   cd native && gcc -D_GNU_SOURCE -Iinclude -I. -I../tests/native -std=c11 -O3 -march=x86-64-v2 \
 *     ../bench/native/book_bench.c book/l2.c measure/clock.c measure/error.c -lz -lm -o /tmp/book_bench &&
 *     /tmp/book_bench [PASSES | loop]
 *
 * loop prints one figure: the median of whole passes.
 *
 * Two figures that bracket the truth:
 *   - loop: whole passes without a stamp in between, divided by the updates. An honest mean, no spread.
 *   - per update: a stamp after every update; each update's time is its mean over the passes (counters
 * advance in steps of 10 ns on some machines), the two longest left out (interrupts). Printed as measured,
 * stamp included, and with the stamp's own cost taken off. The processor overlaps a stamp with the update
 * before it, so that the first is too much and the second too little. The passes see the same updates, but
 * there are too many of them for the branch predictor or the caches to remember. Updates come back to back: a
 * book that waits for the wire finds colder caches than this one.
 */
#include <sys/utsname.h>

#include "book/book.h"
#include "measure/clock.h"
#include "tardis_rows.h"

#define CAPACITY       8192
#define DEFAULT_PASSES 12
#define LOOP_PASSES    5
#define SLOWEST	       2 /* passes left out of each update's mean */

enum kind { CHANGE, INSERT, REMOVE, UNKNOWN, KINDS };
static const char *const kind_names[KINDS] = {"change", "insert", "remove", "unknown removal"};

struct bench {
	struct tardis_rows rows;
	struct hp_book *book;
	void *memory;
	int passes;
	double *loop_ns;   /* of each pass, per update */
	float *stamp_ns;   /* [pass][update] */
	double *update_ns; /* mean over the passes */
	uint8_t *kind;
};

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double ticks_to_ns(uint64_t ticks)
{
	return (double)ticks * hp_clock.ns_per_tick;
}

static double stamp_cost(void)
{
	enum { STAMPS = 1000000 };
	uint64_t start = clock_ticks(), last = start;

	for (int i = 0; i < STAMPS; i++)
		last = clock_ticks();
	return ticks_to_ns(last - start) / STAMPS;
}

static inline int32_t play(struct bench *bench, size_t at)
{
	const struct tardis_row *row = &bench->rows.row[at];

	return book_apply(bench->book, (double)at, row->flags, row->price, row->qty);
}

static void pass_loop(struct bench *bench, int pass)
{
	uint64_t start = clock_ticks();

	for (size_t at = 0; at < bench->rows.count; at++)
		play(bench, at);
	bench->loop_ns[pass] = ticks_to_ns(clock_ticks() - start) / (double)bench->rows.count;
}

static void pass_stamped(struct bench *bench, int pass)
{
	float *stamp_ns = bench->stamp_ns + (size_t)pass * bench->rows.count;
	uint64_t last = clock_ticks();

	for (size_t at = 0; at < bench->rows.count; at++) {
		play(bench, at);
		uint64_t now = clock_ticks();

		stamp_ns[at] = (float)ticks_to_ns(now - last);
		last = now;
	}
}

static void pass_kinds(struct bench *bench)
{
	const struct hp_book *book = bench->book;

	for (size_t at = 0; at < bench->rows.count; at++) {
		double inserted = book->inserted, removed = book->removed;
		int32_t place = play(bench, at);

		bench->kind[at] = place < 0		      ? UNKNOWN
				  : book->inserted > inserted ? INSERT
				  : book->removed > removed   ? REMOVE
							      : CHANGE;
	}
}

static void reopen(struct bench *bench)
{
	bench->book = hp_book_open(bench->memory, hp_book_bytes(CAPACITY), CAPACITY);
}

static void merge(struct bench *bench)
{
	for (size_t at = 0; at < bench->rows.count; at++) {
		double one[256], sum = 0;

		for (int pass = 0; pass < bench->passes; pass++)
			one[pass] = bench->stamp_ns[(size_t)pass * bench->rows.count + at];
		qsort(one, (size_t)bench->passes, sizeof(*one), by_value);
		for (int pass = 0; pass < bench->passes - SLOWEST; pass++)
			sum += one[pass];
		bench->update_ns[at] = sum / (bench->passes - SLOWEST);
	}
}

static void report(struct bench *bench, double stamp)
{
	double sum[KINDS] = {0}, all = 0;
	size_t count[KINDS] = {0}, n = bench->rows.count;
	struct hp_book *book = bench->book;
	struct utsname machine;

	for (size_t at = 0; at < n; at++) {
		sum[bench->kind[at]] += bench->update_ns[at];
		count[bench->kind[at]]++;
		all += bench->update_ns[at];
	}
	qsort(bench->update_ns, n, sizeof(double), by_value);
	qsort(bench->loop_ns, (size_t)bench->passes, sizeof(double), by_value);
	uname(&machine);
	printf("%s %s; %zu updates, %d passes; stamp %.1f ns (%s)\n", machine.sysname, machine.release, n,
	       bench->passes, stamp, hp_clock.has_tsc ? "tsc" : "clock_gettime");
	printf("book        %.1f x %.3f / %.1f x %.3f, %u bids, %u asks\n",
	       book->bid.price / TARDIS_PRICE_SCALE, book->bid.qty / TARDIS_QTY_SCALE,
	       book->ask.price / TARDIS_PRICE_SCALE, book->ask.qty / TARDIS_QTY_SCALE, book->bid.levels,
	       book->ask.levels);
	printf("loop        best %.1f, median %.1f ns an update\n", bench->loop_ns[0],
	       bench->loop_ns[bench->passes / 2]);
	for (int off = 0; off < 2; off++)
		printf("%-12smean %.1f, p50 %.1f, p90 %.1f, p99 %.1f ns\n",
		       off ? "  stamp off" : "per update", all / (double)n - off * stamp,
		       bench->update_ns[n / 2] - off * stamp, bench->update_ns[n * 90 / 100] - off * stamp,
		       bench->update_ns[n * 99 / 100] - off * stamp);
	for (int kind = 0; kind < KINDS; kind++)
		printf("  %-16s %5.1f%%, mean %.1f ns, stamp off\n", kind_names[kind],
		       100.0 * (double)count[kind] / (double)n, sum[kind] / (double)count[kind] - stamp);
}

/* Only whole passes, for whoever runs this in turn with others. */
static int print_loop(struct bench *bench)
{
	double ns[LOOP_PASSES];

	bench->loop_ns = ns;
	for (int pass = 0; pass < LOOP_PASSES; pass++) {
		reopen(bench);
		pass_loop(bench, pass);
	}
	qsort(ns, LOOP_PASSES, sizeof(*ns), by_value);
	printf("%.3f\n", ns[LOOP_PASSES / 2]);
	return 0;
}

int main(int argc, char **argv)
{
	int loop = argc > 1 && !strcmp(argv[1], "loop");
	struct bench bench = {.passes = argc > 1 && !loop ? atoi(argv[1]) : DEFAULT_PASSES};
	const char *folder = tardis_folder();
	size_t count;
	double stamp;

	if (!folder)
		return 77;
	if (bench.passes <= SLOWEST || bench.passes > 256 || tardis_load(folder, &bench.rows))
		return 1;
	clock_init();
	count = bench.rows.count;
	bench.memory = aligned_alloc(4096, ((size_t)hp_book_bytes(CAPACITY) + 4095) / 4096 * 4096);
	if (bench.memory && loop)
		return print_loop(&bench);
	bench.loop_ns = calloc((size_t)bench.passes, sizeof(double));
	bench.stamp_ns = calloc((size_t)bench.passes * count, sizeof(float));
	bench.update_ns = calloc(count, sizeof(double));
	bench.kind = calloc(count, 1);
	if (!bench.memory || !bench.loop_ns || !bench.stamp_ns || !bench.update_ns || !bench.kind)
		return 1;
	reopen(&bench);
	pass_kinds(&bench);
	stamp = stamp_cost();
	for (int pass = 0; pass < bench.passes; pass++) {
		reopen(&bench);
		pass_loop(&bench, pass);
		reopen(&bench);
		pass_stamped(&bench, pass);
	}
	merge(&bench);
	report(&bench, stamp);
	return 0;
}
