/* SPDX-License-Identifier: MIT */
/*
 * The recorder against the capture reader: what a feed received is what its file holds, byte by byte, stamp
 * by stamp, line by line; what the file could not take is counted, never silent.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "measure/error.h"
#include "rx/capture.h"
#include "rx/dissect.h"
#include "rx/recorder.h"

#define ROOM	 (1 << 20)
#define STAMP_NS INT64_C(1700000000123456789)

static char path[64];
static struct hp_recorder_stats stats;
static const struct hp_rx_options line_a = {.address = "233.54.12.111", .port = 26400};
static const struct hp_rx_options line_b = {.address = "10.1.2.3", .port = 4321};
static const struct hp_rx_options *const lines[] = {&line_a, &line_b};

static struct recorder *record(uint32_t count, double room)
{
	struct recorder *recorder;

	snprintf(path, sizeof(path), "/tmp/hotpath-recorder-%d.pcapng", (int)getpid());
	CHECK_EQ(recorder_open(&recorder, path, lines, count, room, &stats), 0);
	CHECK_EQ(stats.recording, 1);
	return recorder;
}

/* The bytes of datagram `number`: as long as it says, different from every other. */
static void fill(uint8_t *bytes, uint32_t len, uint32_t number)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(number * 31 + i);
}

static uint32_t length_of(uint32_t number)
{
	return number * 37 % 1473;
}

static int flow_of(const struct capture_packet *packet, const struct hp_rx_options *options,
		   struct dissected *found)
{
	struct rx_endpoint endpoint;

	CHECK_EQ(rx_endpoint(&endpoint, options), 0);
	return capture_dissect(packet, found, endpoint.ip, endpoint.port);
}

/* Reads the file: datagram `first` and each `step` further, on the line that its number's last bit says. */
static uint32_t read_back(uint32_t first, uint32_t line_count)
{
	struct capture capture;
	struct capture_packet packet;
	struct dissected found;
	uint8_t wanted[2048];
	uint32_t number = first;

	CHECK_EQ(capture_open(&capture, path), 0);
	CHECK_EQ(capture.ng, 1);
	while (capture_next(&capture, &packet) == 1) {
		uint32_t line = line_count > 1 ? number & 1 : 0;

		CHECK_EQ(packet.link, LINK_RAW);
		CHECK_EQ(packet.stamp_ns, STAMP_NS + number);
		CHECK_EQ(flow_of(&packet, lines[line], &found), DISSECT_OURS);
		CHECK_EQ(found.len, length_of(number));
		fill(wanted, found.len, number);
		CHECK(!memcmp(found.payload, wanted, found.len));
		number++;
	}
	CHECK_EQ(capture.at, capture.size);
	capture_close(&capture);
	return number - first;
}

static void take(struct recorder *recorder, uint32_t number, uint32_t line)
{
	uint8_t bytes[2048];
	const struct rx_datagram datagram = {.data = bytes, .len = length_of(number)};

	fill(bytes, datagram.len, number);
	recorder_take(recorder, &datagram, line, STAMP_NS + number);
}

static void the_file_holds_what_was_received(void)
{
	struct recorder *recorder = record(2, ROOM);
	struct stat file;

	for (uint32_t i = 0; i < 20000; i++) {
		take(recorder, i, i & 1);
		while (i % 100 == 99 && stats.written < i - 99) /* never more than fits */
			usleep(100);
	}
	CHECK_EQ(recorder_close(recorder), 0);
	CHECK_EQ(stats.recording, 0);
	CHECK_EQ(stats.lost, 0);
	CHECK_EQ(stats.datagrams, 20000);
	CHECK_EQ(stats.written, 20000);
	CHECK(!stat(path, &file));
	CHECK_EQ(stats.file_bytes, file.st_size);
	CHECK(stats.waiting_max > 0 && stats.waiting_max <= ROOM);
	CHECK_EQ(read_back(0, 2), 20000);
}

static void a_cut_datagram_stays_cut(void)
{
	struct recorder *recorder = record(1, ROOM);
	uint8_t bytes[2048] = {1};
	const struct rx_datagram datagram = {.data = bytes, .len = sizeof(bytes), .truncated = 1};
	struct capture capture;
	struct capture_packet packet;
	struct dissected found;

	recorder_take(recorder, &datagram, 0, STAMP_NS);
	CHECK_EQ(recorder_close(recorder), 0);
	CHECK_EQ(capture_open(&capture, path), 0);
	CHECK_EQ(capture_next(&capture, &packet), 1);
	CHECK_EQ(packet.length, packet.captured + 1);
	CHECK_EQ(flow_of(&packet, &line_a, &found), DISSECT_OURS);
	CHECK_EQ(found.len, sizeof(bytes) + 1);
	CHECK_EQ(found.there, sizeof(bytes));
	capture_close(&capture);
}

/* The 64-bit value of option `code` of the block at `at`, whose options begin at `from`; -1 = none. */
static double option_of(const uint8_t *at, uint32_t from, uint32_t code)
{
	uint32_t length, option;
	uint64_t value;

	memcpy(&length, at + 4, 4);
	for (; from + 8 <= length; from += 4 + ((option >> 16) + 3) / 4 * 4) {
		memcpy(&option, at + from, 4);
		if (!option)
			return -1;
		memcpy(&value, at + from + 4, 8);
		if ((option & 0xffff) == code)
			return (double)value;
	}
	return -1;
}

/* What the file itself says was lost: the drop counts of its packets, and of its statistics. */
static void lost_in_file(double *between, double *total)
{
	struct capture capture; /* for its bytes only */

	*between = *total = 0;
	CHECK_EQ(capture_open(&capture, path), 0);
	for (size_t at = 0; at < capture.size;) {
		const uint8_t *block = capture.bytes + at;
		uint32_t type, length, captured;
		double lost;

		memcpy(&type, block, 4);
		memcpy(&length, block + 4, 4);
		memcpy(&captured, block + 20, 4);
		if (type == 6 && (lost = option_of(block, 28 + (captured + 3) / 4 * 4, 4)) >= 0)
			*between += lost;
		if (type == 5)
			*total += option_of(block, 20, 5);
		at += length;
	}
	capture_close(&capture);
}

/* Copies what comes out of the pipe into the file, until nobody writes any more. */
static void *copy_pipe(void *pipe)
{
	int from = *(int *)pipe, to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint8_t bytes[65536];
	ssize_t count;

	CHECK(to >= 0);
	while ((count = read(from, bytes, sizeof(bytes))) > 0)
		CHECK_EQ(write(to, bytes, (size_t)count), count);
	close(to);
	return NULL;
}

/* A pipe nobody reads is a disk that is too slow. */
static void what_finds_no_room_is_counted_here_and_in_the_file(void)
{
	struct recorder *recorder;
	char fifo[80];
	double between, total;
	pthread_t reader;
	int pipe;

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	CHECK(!mkfifo(fifo, 0600));
	pipe = open(fifo, O_RDONLY | O_NONBLOCK);
	CHECK(pipe >= 0);
	CHECK_EQ(recorder_open(&recorder, fifo, lines, 1, ROOM, &stats), 0);
	while (stats.lost < 1000)
		take(recorder, 40, 0);
	CHECK(!fcntl(pipe, F_SETFL, 0));
	CHECK(!pthread_create(&reader, NULL, copy_pipe, &pipe));
	while (stats.written + stats.lost < stats.datagrams)
		usleep(1000);
	take(recorder, 40, 0); /* there is room again: it tells of those before */
	CHECK_EQ(recorder_close(recorder), 0);
	pthread_join(reader, NULL);
	CHECK_EQ(stats.lost, 1000);
	CHECK_EQ(stats.written + stats.lost, stats.datagrams);
	lost_in_file(&between, &total);
	CHECK_EQ(total, 1000);
	CHECK_EQ(between, 1000);
	close(pipe);
	unlink(fifo);
}

/* A file that may not grow further is what a full disk is like. */
static void a_full_disk_is_said_and_counted(void)
{
	const struct rlimit before = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY},
			    small = {300000, RLIM_INFINITY};
	struct recorder *recorder;

	signal(SIGXFSZ, SIG_IGN);
	recorder = record(1, ROOM);
	CHECK(!setrlimit(RLIMIT_FSIZE, &small));
	for (uint32_t i = 0; i < 1000; i++)
		take(recorder, i, 0);
	while (!__atomic_load_n(&stats.trouble[0], __ATOMIC_RELAXED))
		usleep(1000);
	take(recorder, 1000, 0);
	CHECK(recorder_close(recorder) < 0);
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
	CHECK(strstr(stats.trouble, "takes no more"));
	CHECK_EQ(stats.datagrams, 1001);
	CHECK(stats.written > 100 && stats.lost > 100);
	CHECK_EQ(stats.written + stats.lost, stats.datagrams);
	CHECK_EQ(read_back(0, 1), stats.written); /* whole packets only */
}

/* The packets fit, and what closes the file does not: it ends behind the last packet. */
static void a_disk_full_at_the_very_end_leaves_whole_packets(void)
{
	const struct rlimit before = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	struct recorder *recorder = record(2, ROOM);
	struct rlimit small = before;

	take(recorder, 0, 0);
	take(recorder, 1, 1);
	while (stats.written < 2)
		usleep(1000);
	small.rlim_cur = (rlim_t)stats.file_bytes + 10;
	CHECK(!setrlimit(RLIMIT_FSIZE, &small));
	CHECK(recorder_close(recorder) < 0);
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
	CHECK_EQ(stats.written, 2);
	CHECK_EQ(stats.lost, 0);
	CHECK_EQ(read_back(0, 2), 2);
}

static void nothing_is_written_that_cannot_be(void)
{
	struct recorder *recorder;
	char sentence[256];

	CHECK(recorder_open(&recorder, "/nonexistent/file", lines, 1, 0, &stats) < 0);
	CHECK(hp_last_error(sentence, sizeof(sentence)) > 0);
	CHECK(strstr(sentence, "/nonexistent/file"));
	CHECK_EQ(recorder_open(&recorder, path, lines, 1, 1000, &stats), -EINVAL);
	CHECK_EQ(recorder_open(&recorder, path, lines, 1, 3 << 20, &stats), -EINVAL);
}

int main(void)
{
	RUN(the_file_holds_what_was_received);
	RUN(a_cut_datagram_stays_cut);
	RUN(what_finds_no_room_is_counted_here_and_in_the_file);
	RUN(a_full_disk_is_said_and_counted);
	RUN(a_disk_full_at_the_very_end_leaves_whole_packets);
	RUN(nothing_is_written_that_cannot_be);
	unlink(path);
	return 0;
}
