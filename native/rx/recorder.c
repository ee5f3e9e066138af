/* SPDX-License-Identifier: MIT */
/*
 * A capture written while a feed receives. The loop copies each datagram, as the block it will be in the
 * file, into a ring of bytes; a thread of its own writes the ring out. The loop makes no system call for it
 * and never waits: no room means that the datagram is counted as lost, here and, as a drop count of the next
 * packet and in the closing statistics, in the file. The price is a copy of every datagram (some 20 ns for a
 * small one) and the memory of the ring, all of it touched before the first datagram comes.
 *
 * What a path hands over is the payload alone. The file needs headers to be of use to anybody, so IPv4 and
 * UDP headers are made from the endpoint: source 0.0.0.0, no UDP checksum, and nothing that pretends to be a
 * link layer (LINKTYPE_RAW). See draft-ietf-opsawg-pcapng.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture_write.h"
#include "measure/error.h"
#include "recorder.h"
#include "strategy/ring.h"
#include "threads.h"

#define ROOM_DEFAULT ((uint64_t)64 << 20)
#define ROOM_LEAST   ((uint64_t)1 << 20)
#define ROOM_MOST    ((uint64_t)4 << 30)
#define WRITE_MOST   ((uint64_t)1 << 20) /* bytes a write, so that room comes free in steps */
#define PAUSE_NS     500000		 /* between looks at an empty ring */
#define HEADERS	     28			 /* IPv4 and UDP */
#define FRAME_MOST   65535

/* What stands before a datagram in the file, and in it. */
struct packet_block {
	uint32_t type, length, interface, stamp_high, stamp_low, captured, original;
	uint8_t headers[HEADERS];
};
_Static_assert(sizeof(struct packet_block) == 56, "no padding");

struct line {
	uint8_t headers[HEADERS]; /* but for lengths and checksum */
	uint32_t sum;		  /* of the IPv4 header without its length */
	uint32_t skipped;	  /* lost since the last one that was taken */
	double received, lost;
};

struct recorder {
	struct hp_recorder_stats *stats;
	uint8_t *ring;
	uint64_t room;
	uint32_t count; /* lines */
	struct line lines[RECORDER_LINES];
	int fd;
	pthread_t thread;
	struct owned_thread owned;
	int started;
	char path[256];

	/* Positions run freely. The loop's: */
	uint64_t tail __attribute__((aligned(64))), head_seen;
	/* The writer's: what is in the file, and the whole blocks of it, whose room is free again. */
	uint64_t filed __attribute__((aligned(64)));
	uint64_t head;
	double preface; /* bytes before the first packet */
	/* Between them: */
	uint32_t stop __attribute__((aligned(64))), broken;
};

/* ---- the loop's side --------------------------------------------------------------------------- */

/* Copies into the ring, around its end where it has to. */
static inline void put(struct recorder *recorder, uint64_t at, const void *from, uint64_t len)
{
	uint64_t start = at & (recorder->room - 1), first = recorder->room - start;

	if (__builtin_expect(len <= first, 1)) {
		memcpy(recorder->ring + start, from, len);
		return;
	}
	memcpy(recorder->ring + start, from, first);
	memcpy(recorder->ring, (const uint8_t *)from + first, len - first);
}

/* The headers of a datagram of `len` bytes of payload. */
static inline void fill_headers(const struct line *line, uint8_t *headers, uint32_t len)
{
	uint32_t total = len + HEADERS > FRAME_MOST ? FRAME_MOST : len + HEADERS;
	uint32_t sum = line->sum + total;
	uint16_t field;

	memcpy(headers, line->headers, HEADERS);
	field = htons((uint16_t)total);
	memcpy(headers + 2, &field, 2);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	field = htons((uint16_t)~sum);
	memcpy(headers + 10, &field, 2);
	field = htons((uint16_t)(total - 20));
	memcpy(headers + 24, &field, 2);
}

/* Is there room? Looks at the writer's position only when it seems not. */
static inline int has_room(struct recorder *recorder, uint64_t size)
{
	uint64_t waiting = recorder->tail + size - recorder->head_seen;

	if (__builtin_expect(waiting > recorder->room, 0)) {
		recorder->head_seen = __atomic_load_n(&recorder->head, __ATOMIC_ACQUIRE);
		waiting = recorder->tail + size - recorder->head_seen;
	}
	return waiting <= recorder->room && !__atomic_load_n(&recorder->broken, __ATOMIC_RELAXED);
}

void recorder_take(struct recorder *recorder, const struct rx_datagram *datagram, uint32_t number,
		   int64_t stamp_ns)
{
	static const uint8_t zeros[4];
	struct line *line = &recorder->lines[number % RECORDER_LINES];
	uint32_t captured = datagram->len + HEADERS, padding = -captured & 3;
	uint32_t drops = line->skipped ? 16 : 0; /* its option, and the one that ends them */
	uint32_t size = (uint32_t)sizeof(struct packet_block) + datagram->len + padding + drops + 4;
	struct packet_block block = {
		.type = PCAPNG_PACKET,
		.length = size,
		.interface = number,
		.stamp_high = (uint32_t)((uint64_t)stamp_ns >> 32),
		.stamp_low = (uint32_t)stamp_ns,
		.captured = captured,
		.original = captured + (datagram->truncated ? 1 : 0), /* longer, nobody knows by how much */
	};
	uint64_t at = recorder->tail;

	recorder->stats->datagrams += 1;
	line->received += 1;
	if (__builtin_expect(!has_room(recorder, size), 0)) {
		recorder->stats->lost += 1;
		line->lost += 1;
		line->skipped++;
		return;
	}
	fill_headers(line, block.headers, datagram->len + (datagram->truncated ? 1 : 0));
	put(recorder, at, &block, sizeof(block));
	at += sizeof(block);
	put(recorder, at, datagram->data, datagram->len);
	at += datagram->len;
	put(recorder, at, zeros, padding);
	at += padding;
	if (drops) {
		const uint32_t option[4] = {PCAPNG_DROPS | 8 << 16, line->skipped, 0, PCAPNG_END};

		put(recorder, at, option, sizeof(option));
		at += sizeof(option);
		line->skipped = 0;
	}
	put(recorder, at, &size, sizeof(size));
	__atomic_store_n(&recorder->tail, at + sizeof(size), __ATOMIC_RELEASE);
}

/* ---- the writer's side ------------------------------------------------------------------------- */

/* Whole, or `trouble` says why not. */
static int write_all(struct recorder *recorder, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len) {
		ssize_t done = write(recorder->fd, at, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			snprintf(recorder->stats->trouble, sizeof(recorder->stats->trouble),
				 "the file takes no more after %.0f bytes: %s", recorder->stats->file_bytes,
				 done ? strerror(errno) : "nothing was written");
			return -1;
		}
		recorder->stats->file_bytes += (double)done;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

/* Frees and counts the blocks that are in the file whole. */
static void free_blocks(struct recorder *recorder)
{
	uint64_t head = recorder->head;
	uint32_t length;

	while (recorder->filed - head >= sizeof(struct packet_block)) {
		/* Blocks are multiples of 4 bytes, and so is the ring: a length never goes around its end. */
		memcpy(&length, recorder->ring + ((head + 4) & (recorder->room - 1)), sizeof(length));
		if (recorder->filed - head < length)
			break;
		head += length;
		recorder->stats->written += 1;
	}
	__atomic_store_n(&recorder->head, head, __ATOMIC_RELEASE);
}

/* Writes what waits, up to the ring's end at most. 1, or 0: nothing waits, or the file takes no more. */
static int write_some(struct recorder *recorder)
{
	uint64_t waiting = __atomic_load_n(&recorder->tail, __ATOMIC_ACQUIRE) - recorder->filed;
	uint64_t start = recorder->filed & (recorder->room - 1), some = recorder->room - start;
	double before;

	if ((double)waiting > recorder->stats->waiting_max)
		recorder->stats->waiting_max = (double)waiting;
	some = some < waiting ? some : waiting;
	some = some < WRITE_MOST ? some : WRITE_MOST;
	if (!some || recorder->broken)
		return 0;
	before = recorder->stats->file_bytes;
	if (write_all(recorder, recorder->ring + start, some))
		__atomic_store_n(&recorder->broken, 1, __ATOMIC_RELAXED);
	recorder->filed += (uint64_t)(recorder->stats->file_bytes - before);
	free_blocks(recorder);
	return !recorder->broken;
}

static void *run(void *arg)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct recorder *recorder = arg;

	for (;;) {
		uint32_t last = load_acquire(
			&recorder->stop); /* before the look: what came before the stop is seen */

		if (write_some(recorder))
			continue;
		if (last || recorder->broken)
			return NULL;
		nanosleep(&pause, NULL);
	}
}

/* ---- opening and closing ------------------------------------------------------------------------- */

/* The headers every datagram of the line gets. */
static void make_headers(struct line *line, const struct rx_endpoint *endpoint)
{
	uint8_t *headers = line->headers;

	headers[0] = 0x45;
	headers[6] = 0x40; /* never a fragment */
	headers[8] = 1;	   /* time to live: it goes no further */
	headers[9] = 17;
	memcpy(headers + 16, &endpoint->ip, 4);
	memcpy(headers + 20, &endpoint->port, 2);
	memcpy(headers + 22, &endpoint->port, 2);
	for (int i = 0; i < 20; i += 2)
		line->sum += (uint32_t)headers[i] << 8 | headers[i + 1];
}

static int add_line(struct recorder *recorder, uint32_t number, const struct hp_rx_options *options)
{
	struct rx_endpoint endpoint;
	struct hp_rx_options wire = *options;
	struct pcapng_draft draft;
	char text[64];
	int error;

	wire.ifname[0] = 0; /* it may be of another namespace, and is not needed */
	error = rx_endpoint(&endpoint, &wire);
	if (error)
		return error;
	make_headers(&recorder->lines[number], &endpoint);
	snprintf(text, sizeof(text), "udp://%s:%u", endpoint.address, ntohs(endpoint.port));
	pcapng_interface(&draft, number ? "B" : "A", text);
	return write_all(recorder, draft.bytes, draft.len);
}

static int start(struct recorder *recorder, const struct hp_rx_options *const *lines, uint32_t count)
{
	struct pcapng_draft draft;
	int error;

	recorder->fd = open(recorder->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (recorder->fd < 0)
		return fail(errno, "Cannot record to \"%s\": %s", recorder->path, strerror(errno));
	recorder->ring = mmap(NULL, recorder->room, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (recorder->ring == MAP_FAILED) {
		recorder->ring = NULL;
		return fail(errno, "Cannot record to \"%s\": no memory for %llu bytes that may wait",
			    recorder->path, (unsigned long long)recorder->room);
	}
	pcapng_section(&draft);
	error = write_all(recorder, draft.bytes, draft.len);
	for (; !error && recorder->count < count; recorder->count++)
		error = add_line(recorder, recorder->count, lines[recorder->count]);
	if (error)
		return recorder->stats->trouble[0] ? fail(EIO, "Cannot record to \"%s\": %s", recorder->path,
							  recorder->stats->trouble)
						   : error;
	recorder->preface = recorder->stats->file_bytes;
	error = threads_start(&recorder->thread, -1, run, recorder, "the recorder's");
	recorder->started = !error;
	return error;
}

static void stop_owned(void *recorder)
{
	store_release(&((struct recorder *)recorder)->stop, 1);
	pthread_join(((struct recorder *)recorder)->thread, NULL);
	((struct recorder *)recorder)->started = 0;
}

static void recorder_free(struct recorder *recorder)
{
	if (recorder->ring)
		munmap(recorder->ring, recorder->room);
	if (recorder->fd >= 0)
		close(recorder->fd);
	free(recorder);
}

int recorder_open(struct recorder **out, const char *path, const struct hp_rx_options *const *lines,
		  uint32_t count, double room, struct hp_recorder_stats *stats)
{
	uint64_t bytes = room > 0 ? (uint64_t)room : ROOM_DEFAULT;
	struct recorder *recorder;
	int error;

	if (bytes < ROOM_LEAST || bytes > ROOM_MOST || bytes & (bytes - 1))
		return fail(
			EINVAL,
			"Cannot record with room for %.0f bytes: a power of two is needed, 1 MiB to 4 GiB",
			room);
	if (strlen(path) >= sizeof(recorder->path))
		return fail(ENAMETOOLONG, "Cannot record to \"%s\": the path is longer than 255 bytes", path);
	recorder = aligned_alloc(64, sizeof(*recorder));
	if (!recorder)
		return fail(ENOMEM, "Cannot record to \"%s\": out of memory", path);
	memset(recorder, 0, sizeof(*recorder));
	memset(stats, 0, sizeof(*stats));
	recorder->stats = stats;
	recorder->room = bytes;
	recorder->fd = -1;
	strcpy(recorder->path, path);
	error = start(recorder, lines, count < RECORDER_LINES ? count : RECORDER_LINES);
	if (error) {
		recorder_free(recorder);
		return error;
	}
	threads_add(&recorder->owned, stop_owned, recorder);
	stats->recording = 1;
	*out = recorder;
	return 0;
}

/* Cuts off the block that is in the file in part. A pipe cannot be cut. */
static void cut(struct recorder *recorder)
{
	double whole = recorder->preface + (double)recorder->head;

	if (!ftruncate(recorder->fd, (off_t)whole))
		recorder->stats->file_bytes = whole;
}

int recorder_close(struct recorder *recorder)
{
	struct hp_recorder_stats *stats = recorder->stats;
	struct pcapng_draft draft;
	int error = 0;

	threads_remove(&recorder->owned);
	if (recorder->started)
		stop_owned(recorder);
	stats->lost = stats->datagrams - stats->written; /* also what waited for a file that took no more */
	for (uint32_t i = 0; !recorder->broken && i < recorder->count; i++) {
		pcapng_statistics(&draft, i, recorder->lines[i].received, recorder->lines[i].lost);
		recorder->broken = write_all(recorder, draft.bytes, draft.len) != 0;
	}
	if (recorder->broken) {
		cut(recorder);
		error = fail(EIO, "The recording \"%s\" is not complete: %s", recorder->path, stats->trouble);
	}
	stats->recording = 0;
	recorder_free(recorder);
	return error;
}
