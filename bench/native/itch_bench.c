/* SPDX-License-Identifier: MIT */
/*
 * What a message of ITCH 5.0 costs, layer by layer, from bytes in memory to the book of its symbol, order by
 * order. Prints one line of JSON a figure, with the nanoseconds a message of every round; `deno task bench
 * feed` makes tables of them.
 *
 *   itch_bench FILE layers|books|distances|growth ...
 *
 * FILE is one hour of one symbol (gzip). What is compared takes turns on the same bytes: a slice of the
 * market is written, then each way plays it on books of its own, so that a round is a slice. Books that have
 * seen the same must be equal in the end.
 */
#include <stdio.h>
#include <time.h>
#include <zlib.h>

#include "book/books.h"
#include "feed/itch50.h"
#include "market.h"

#define SLICE  ((size_t)16 << 20)
#define ROUNDS 15

static struct hp_report report;
static struct symbols symbols;
static struct hp_message ring[FEED_RING] __attribute__((aligned(64)));

/*
 * The thread's own time: what others do on the machine in between does not count (what they do to the caches
 * does). Its steps are far below a round.
 */
static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- layers: a slice in memory, over and over ---- */

struct slice {
	uint8_t *bytes;
	size_t size;
	uint32_t messages;
};

static double walk(const struct slice *slice)
{
	const uint8_t *at = slice->bytes, *end = at + slice->size;
	double start = now_ns();
	uint32_t count = 0;

	while (at < end) {
		at += 2u + load_be16(at);
		count++;
	}
	return count == slice->messages ? (now_ns() - start) / count : -1;
}

/* `passes` messages must come out. */
static double decode(const struct slice *slice, struct decoder *decoder, uint32_t passes)
{
	struct run run = {.at = slice->bytes, .end = slice->bytes + slice->size, .left = UINT32_MAX};
	double start = now_ns();
	uint32_t count = 0, n;

	while ((n = (uint32_t)decoder->ops->decode(decoder, &run, ring, FEED_RING)))
		count += n;
	return count == passes ? (now_ns() - start) / slice->messages : -1;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void print(const char *group, const char *name, double parameter, double messages, double *ns,
		  int rounds)
{
	qsort(ns, (size_t)rounds, sizeof(*ns), by_value);
	printf("{\"group\":\"%s\",\"name\":\"%s\",\"parameter\":%.0f,\"messages\":%.0f,\"ns\":[", group, name,
	       parameter, messages);
	for (int i = 0; i < rounds; i++)
		printf("%s%.3f", i ? "," : "", ns[i]);
	printf("]}\n");
	fflush(stdout);
}

static void wish(const char *name, const uint8_t wanted_types, struct decoder *decoder)
{
	symbols_init(&symbols, HP_SYMBOLS);
	if (name)
		symbols_want(&symbols, name);
	memset(decoder->wanted_types, wanted_types, sizeof(decoder->wanted_types));
}

static int layers(const struct hour *hour)
{
	enum { WALK, DECODE, TYPES, SYMBOLS, KINDS };
	static const char *const names[KINDS] = {"walk over the framing", "decode", "types nobody wants",
						 "symbols nobody wants"};
	static double ns[KINDS][ROUNDS];
	struct slice slice = {.bytes = malloc(SLICE)};
	struct replay replay;
	struct decoder *decoder;

	if (!slice.bytes || !replay_open(&replay, hour, 200, 300) || itch50_open(&decoder, &report, &symbols))
		return 1;
	for (int skip = 0; skip < 4; skip++) /* into the middle: the beginning has few symbols */
		slice.size = replay_slice(&replay, slice.bytes, SLICE, &slice.messages);
	for (int round = 0; round < ROUNDS; round++) {
		ns[WALK][round] = walk(&slice);
		wish(NULL, 1, decoder);
		ns[DECODE][round] = decode(&slice, decoder, slice.messages);
		wish(NULL, 0, decoder);
		ns[TYPES][round] = decode(&slice, decoder, 0);
		wish("NOBODY", 1, decoder);
		for (uint32_t symbol = 1; symbol <= 200; symbol++)
			symbols_name(&symbols, symbol, symbol);
		ns[SYMBOLS][round] = decode(&slice, decoder, 0);
	}
	for (int kind = 0; kind < KINDS; kind++)
		print("layers", names[kind], 200, slice.messages, ns[kind], ROUNDS);
	decoder->ops->close(decoder);
	replay_close(&replay);
	free(slice.bytes);
	return 0;
}

/* ---- books ---- */

/* How many messages ahead each look is taken; 0 = not at all. */
struct distances {
	uint32_t far, near, next;
};

static const struct distances no_look = {0, 0, 0}, looks = {12, 8, 4};

struct player {
	struct decoder *decoder;
	struct hp_books *books;
	void *memory;
	double faults;
};

static int player_open(struct player *player, uint32_t market_symbols, uint32_t orders)
{
	struct hp_books_options options = {.symbols = market_symbols + 1,
					   .orders = orders,
					   .levels = orders < 1u << 18 ? 1 << 18 : orders,
					   .price_scale = ITCH50_PRICE_SCALE,
					   .qty_scale = 1};
	double bytes = hp_books_bytes(&options);

	if (bytes < 0 || itch50_open(&player->decoder, &report, &symbols))
		return 0;
	player->memory = aligned_alloc(4096, ((size_t)bytes + 4095) / 4096 * 4096);
	player->books = player->memory ? hp_books_open(player->memory, bytes, &options) : NULL;
	player->faults = 0;
	symbols_init(&symbols, HP_SYMBOLS);
	return player->books != NULL;
}

static void player_close(struct player *player)
{
	player->decoder->ops->close(player->decoder);
	free(player->memory);
}

static inline void look(const struct hp_books *books, uint32_t head, uint32_t tail, uint32_t distance,
			void (*fetch)(const struct hp_books *, const struct hp_message *))
{
	if (distance && tail - head > distance)
		fetch(books, &ring[(head + distance) % FEED_RING]);
}

/* The loop a feed with books runs: decode ahead, look ahead, apply. */
static double play(struct player *player, const struct slice *slice, struct distances distances)
{
	struct run run = {.at = slice->bytes, .end = slice->bytes + slice->size, .left = UINT32_MAX};
	struct decoder *decoder = player->decoder;
	struct hp_books *books = player->books;
	double start = now_ns();
	uint32_t head = 0, tail = 0;

	for (;;) {
		if (tail - head <= FEED_RING / 2) {
			uint32_t room = FEED_RING - (tail - head), whole = FEED_RING - tail % FEED_RING;

			tail += (uint32_t)decoder->ops->decode(decoder, &run, &ring[tail % FEED_RING],
							       (int)(room < whole ? room : whole));
			if (head == tail)
				break;
		}
		look(books, head, tail, distances.far, books_fetch_far);
		look(books, head, tail, distances.near, books_fetch_near);
		look(books, head, tail, distances.next, books_fetch_next);
		player->faults += books_apply(books, &ring[head++ % FEED_RING]) != 0;
	}
	return (now_ns() - start) / slice->messages;
}

#define WAYS_MAX   8
#define SLICES_MAX 64

/* Plays a replayed market in `ways`, each on books of its own, slice by slice. */
static int compare(const char *group, const struct hour *hour, uint32_t count, uint32_t step,
		   const char *const *names, const struct distances *ways, uint32_t way_count)
{
	static double ns[WAYS_MAX][SLICES_MAX];
	static struct player players[WAYS_MAX];
	struct slice slice = {.bytes = malloc(4 * SLICE)};
	struct replay replay;
	double messages = 0;
	int rounds = 0;

	if (!slice.bytes || !replay_open(&replay, hour, count, step))
		return 1;
	for (uint32_t way = 0; way < way_count; way++)
		if (!player_open(&players[way], count, count * 1000))
			return 1;
	while (rounds < SLICES_MAX &&
	       (slice.size = replay_slice(&replay, slice.bytes, 4 * SLICE, &slice.messages))) {
		for (uint32_t way = 0; way < way_count; way++)
			ns[way][rounds] = play(&players[way], &slice, ways[way]);
		messages += slice.messages;
		rounds++;
	}
	for (uint32_t way = 0; way < way_count; way++) {
		if (players[way].faults ||
		    hp_books_checksum(players[way].books) != hp_books_checksum(players[0].books)) {
			fprintf(stderr, "%s: %.0f faults, or books that differ\n", names[way],
				players[way].faults);
			return 1;
		}
		print(group, names[way], count, messages, ns[way], rounds);
	}
	for (uint32_t way = 0; way < way_count; way++)
		player_close(&players[way]);
	replay_close(&replay);
	free(slice.bytes);
	return 0;
}

static int books(const struct hour *hour)
{
	static const char *const names[] = {"decode and apply, looking ahead", "decode and apply, without"};
	static const struct distances ways[] = {looks, no_look};

	return compare("books", hour, 200, 300, names, ways, 2) ||
	       compare("books", hour, 1000, 80, names, ways, 2);
}

static int distances(const struct hour *hour)
{
	static const char *const names[] = {"6 4 2",   "9 6 3",	  "12 8 4",  "15 10 5",
					    "18 12 6", "24 16 8", "30 20 10"};
	static const struct distances ways[] = {{6, 4, 2},   {9, 6, 3},	  {12, 8, 4},  {15, 10, 5},
						{18, 12, 6}, {24, 16, 8}, {30, 20, 10}};

	return compare("distances", hour, 200, 300, names, ways, 7);
}

/* ---- growth: a made market, all of it equally likely ---- */

static int grow(const char *name, double parameter, uint32_t count, uint32_t orders, uint32_t depth)
{
	enum { GROWTH_ROUNDS = 7 };
	struct slice slice = {.bytes = malloc(SLICE)};
	double ns[2][GROWTH_ROUNDS];
	struct player player;
	struct made made;

	if (!slice.bytes || !made_open(&made, count, orders, depth) ||
	    !player_open(&player, count, orders + 1))
		return 1;
	while (made.live < orders) {
		slice.size = made_slice(&made, slice.bytes, SLICE, &slice.messages);
		play(&player, &slice, looks);
	}
	for (int round = 0; round < 2 * GROWTH_ROUNDS; round++) {
		slice.size = made_slice(&made, slice.bytes, SLICE, &slice.messages);
		ns[round % 2][round / 2] = play(&player, &slice, round % 2 ? no_look : looks);
	}
	if (player.faults) {
		fprintf(stderr, "%s %.0f: %.0f faults\n", name, parameter, player.faults);
		return 1;
	}
	print(name, "looking ahead", parameter, slice.messages, ns[0], GROWTH_ROUNDS);
	print(name, "without", parameter, slice.messages, ns[1], GROWTH_ROUNDS);
	player_close(&player);
	made_close(&made);
	free(slice.bytes);
	return 0;
}

static int growth(const struct hour *hour)
{
	(void)hour;
	for (uint32_t count = 1; count <= 10000; count *= 10)
		if (grow("symbols", count, count, 100000, 100))
			return 1;
	for (uint32_t orders = 1000; orders <= 10000000; orders *= 10)
		if (grow("orders", orders, 1000, orders, 100))
			return 1;
	for (uint32_t depth = 1; depth <= 10000; depth *= 10)
		if (grow("depth", depth, 100, 1000000, depth))
			return 1;
	return 0;
}

/* ---- */

static uint8_t *unpack(const char *path, size_t *size)
{
	enum { ROOM = 64 << 20 };
	gzFile file = gzopen(path, "rb");
	uint8_t *bytes = malloc(ROOM);
	int n = file && bytes ? gzread(file, bytes, ROOM) : -1;

	if (n <= 0) {
		fprintf(stderr, "Cannot read %s: no such file, or no gzip file\n", path);
		exit(1);
	}
	gzclose(file);
	*size = (size_t)n;
	return bytes;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct hour *hour);
	} parts[] = {{"layers", layers}, {"books", books}, {"distances", distances}, {"growth", growth}};
	struct hour hour;
	size_t size;
	uint8_t *bytes;

	if (argc < 3) {
		fprintf(stderr, "usage: itch_bench FILE layers|books|distances|growth ...\n");
		return 1;
	}
	bytes = unpack(argv[1], &size);
	if (!hour_read(&hour, bytes, size))
		return 1;
	for (int i = 2; i < argc; i++)
		for (size_t part = 0; part < sizeof(parts) / sizeof(*parts); part++)
			if (!strcmp(argv[i], parts[part].name) && parts[part].run(&hour))
				return 1;
	return 0;
}
