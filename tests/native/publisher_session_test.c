// SPDX-License-Identifier: MIT
/* What is published: sessions made of tapes are valid ITCH that ends in the tape's own book; files are read
 * as they are, torn and packed ones too. */
#include <zlib.h>

#include "lab/publisher_market.h"
#include "lab/publisher_orders.h"
#include "lab/tape.h"
#include "publisher_lab.h"

static struct view view;

static const uint8_t lengths[256] = {['S'] = 12, ['R'] = 39, ['H'] = 25, ['A'] = 36, ['F'] = 40, ['E'] = 31,
				     ['C'] = 36, ['X'] = 23, ['D'] = 19, ['U'] = 35, ['P'] = 44};

/* Every message is one of ITCH, in time, about an order there is. */
static void is_valid(const struct store *store)
{
	const uint8_t *at = store->bytes;
	uint64_t time = 0;

	memset(&view, 0, sizeof(view));
	for (uint64_t i = 1; i <= store->count; i++, at += 2 + store_length(at)) {
		CHECK(store_at(store, i) == at);
		CHECK_EQ(store_length(at), lengths[at[2]]);
		CHECK(store_time(at) >= time);
		time = store_time(at);
		view_apply(&view, at + 2, i);
		if (at[2] == 'A' || at[2] == 'F')
			CHECK(be(at + 2 + 20, 4) > 0 && be(at + 2 + 32, 4) > 0);
		if (at[2] == 'E' || at[2] == 'C' || at[2] == 'X')
			CHECK(be(at + 2 + 19, 4) > 0);
	}
	CHECK(at == store->bytes + store->size);
	CHECK_EQ(view.dangling + view.twice + view.excess + view.unknown, 0);
}

/* The tape's levels at its end, found in the view one by one: as many as there are live orders of it. */
static uint32_t levels_are_orders(const struct hp_tape *tape, uint32_t symbol)
{
	struct live_orders levels = {0};
	uint32_t count = 0;

	for (size_t i = 0; i < tape->count; i++) {
		const struct tape_record *record = &tape->records[i];
		int bid = record->flags & HP_FLAG_BID;
		uint64_t key = (uint64_t)record->price << 1 | (bid != 0);
		struct live_order *level = live_find(&levels, key);

		if (i && record->flags & HP_FLAG_SNAPSHOT && !(record[-1].flags & HP_FLAG_SNAPSHOT)) {
			live_free(&levels);
			level = NULL;
		}
		if (level)
			live_drop(&levels, level);
		if (record->qty)
			CHECK_EQ(live_put(&levels,
					  &(struct live_order){.key = key, .qty = (uint32_t)record->qty}),
				 0);
	}
	for (uint32_t i = 0; i < VIEW_ORDERS; i++) {
		const struct view_order *order = &view.orders[i];
		struct live_order *level;

		if (!order->qty || order->symbol != symbol)
			continue;
		level = live_find(&levels, (uint64_t)order->price * 100 << 1 | (order->side == 'B'));
		CHECK(level);
		CHECK_EQ(level->qty, order->qty);
		count++;
	}
	CHECK_EQ(count, levels.count);
	live_free(&levels);
	return count;
}

static void a_market_is_valid_itch(void)
{
	struct hp_tape *tapes[3];
	struct store store = {0}, again = {0}, other = {0};
	uint32_t live = 0;

	for (int i = 0; i < 3; i++)
		tapes[i] = hp_tape_generate(
			&(struct hp_market_options){.seed = 10 + i, .records = 20000, .levels = 200}, 1);
	CHECK_EQ(market_write(&store, (const struct hp_tape *const *)tapes, 3, 1), 0);
	is_valid(&store);
	for (uint32_t i = 0; i < 3; i++)
		live += levels_are_orders(tapes[i], i + 1);
	CHECK_EQ(view.live, live);
	for (const char *type = "SRHAFECXDUP"; *type; type++)
		CHECK(view.types[(uint8_t)*type] > 0);
	CHECK_EQ(view.types['R'], 3);
	CHECK_EQ(view.types['S'], 6);
	CHECK(!memcmp(store_at(&store, 3) + 2 + 11, "SEED-10 ", 8));
	CHECK_EQ(market_write(&again, (const struct hp_tape *const *)tapes, 3, 1), 0);
	CHECK_EQ(again.size, store.size);
	CHECK(!memcmp(again.bytes, store.bytes, store.size));
	CHECK_EQ(market_write(&other, (const struct hp_tape *const *)tapes, 3, 2), 0);
	CHECK(other.size != store.size || memcmp(other.bytes, store.bytes, store.size));
	store_free(&store);
	store_free(&again);
	store_free(&other);
	for (int i = 0; i < 3; i++)
		hp_tape_close(tapes[i]);
}

/* Steps back in time, snapshots in the middle, removals of nothing, changes that are none. */
static void an_odd_tape_is_valid_itch(void)
{
	static const struct tape_record records[] = {
		{.price = 100000000, .qty = 5, .flags = HP_FLAG_BID | HP_FLAG_SNAPSHOT},
		{.price = 101000000, .qty = 6, .flags = HP_FLAG_SNAPSHOT},
		{.price = 100000000, .qty = 5, .flags = HP_FLAG_BID, .at_ns = 100},
		{.price = 90000000, .qty = 0, .flags = HP_FLAG_BID, .at_ns = 50},
		{.price = 100000000, .qty = 9, .flags = HP_FLAG_BID, .at_ns = 120},
		{.price = 100000000, .qty = 2, .flags = HP_FLAG_BID, .at_ns = 130},
		{.price = 102000000, .qty = 1, .at_ns = 130},
		{.price = 99000000, .qty = 7, .flags = HP_FLAG_BID | HP_FLAG_SNAPSHOT, .at_ns = 200},
		{.price = 102000000, .qty = 3, .flags = HP_FLAG_SNAPSHOT, .at_ns = 200},
		{.price = 99000000, .qty = 0, .flags = HP_FLAG_BID, .at_ns = 210},
	};
	struct hp_tape *tape = tape_new(0);
	const struct hp_tape *tapes[] = {tape};
	struct store store = {0};

	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++)
		CHECK_EQ(tape_append(tape, &records[i]), 0);
	tape->info.price_scale = 1e6;
	strcpy(tape->info.symbol, "venue LONGNAMED-1");
	CHECK_EQ(market_write(&store, tapes, 1, 1), 0);
	is_valid(&store);
	CHECK_EQ(levels_are_orders(tape, 1), 1);
	CHECK(!memcmp(store_at(&store, 3) + 2 + 11, "LONGNAME", 8));
	store_free(&store);
	tape->records[1].price = 300000000000; /* beyond ITCH */
	CHECK_EQ(market_write(&store, tapes, 1, 1), -ERANGE);
	CHECK(strstr(last_error(), "200,000"));
	store_free(&store);
	hp_tape_close(tape);
}

/* ---- files ---- */

static char path[64];

static void write_file(const char *mode, const void *bytes, unsigned length)
{
	gzFile file = gzopen(path, mode); /* "wbT": as it is */

	CHECK(file);
	CHECK_EQ(gzwrite(file, bytes, length), length);
	CHECK_EQ(gzclose(file), Z_OK);
}

static void files_are_read_as_they_are(void)
{
	static const uint8_t bytes[] = "\0\3abc\0\1d\0\4efgh\0\5ij";
	static const char *modes[] = {"wbT", "wb"};
	struct store store = {0};

	for (int i = 0; i < 2; i++) { /* plain, packed */
		write_file(modes[i], bytes, 14);
		CHECK_EQ(store_load(&store, path), 0);
		CHECK_EQ(store.count, 3);
		CHECK_EQ(store.torn, 0);
		CHECK_EQ(store.size, 14);
		CHECK(!memcmp(store_at(&store, 3), "\0\4efgh", 6));
		store_free(&store);
	}
	write_file("wb", bytes, 18); /* torn */
	CHECK_EQ(store_load(&store, path), 0);
	CHECK_EQ(store.count, 3);
	CHECK_EQ(store.torn, 4);
	store_free(&store);
	write_file("wb", "\0\1a\0\0", 5); /* ended */
	CHECK_EQ(store_load(&store, path), 0);
	CHECK_EQ(store.count, 1);
	CHECK_EQ(store.torn, 0);
	store_free(&store);
	unlink(path);
}

static void refuses(const void *bytes, unsigned length, int code, const char *word)
{
	struct store store = {0};

	write_file("wb", bytes, length);
	CHECK_EQ(store_load(&store, path), code);
	CHECK(strstr(last_error(), word));
	store_free(&store);
	unlink(path);
}

static void files_that_are_none_are_refused(void)
{
	struct store store = {0};

	refuses("\0\1a\0\0\0\1b", 8, -EBADMSG, "length of 0");
	refuses("timestamp,price", 15, -ENODATA, "no message");
	refuses("", 0, -ENODATA, "no message");
	refuses("\0", 1, -ENODATA, "no message");
	CHECK_EQ(store_load(&store, "/proc"), -EINVAL);
	CHECK_EQ(store_load(&store, "/nowhere"), -ENOENT);
	store_free(&store);
}

static void a_message_longer_than_itch_has(void)
{
	static uint8_t bytes[2000] = {0x05, 0xdc};

	refuses(bytes, sizeof(bytes), -EBADMSG, "no message of ITCH has");
}

/* A broken gzip stream gives what it gave before. */
static void a_file_cut_short_is_read_to_there(void)
{
	struct hp_tape *tape = hp_tape_generate(&(struct hp_market_options){.records = 20000}, 1);
	const struct hp_tape *tapes[] = {tape};
	struct store store = {0}, cut = {0};
	FILE *file;
	long size;

	CHECK_EQ(market_write(&store, tapes, 1, 1), 0);
	write_file("wb", store.bytes, (unsigned)store.size);
	file = fopen(path, "r+");
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	fclose(file);
	CHECK_EQ(truncate(path, size / 2), 0);
	CHECK_EQ(store_load(&cut, path), 0);
	CHECK(cut.count > 1000 && cut.count < store.count);
	CHECK(!memcmp(cut.bytes, store.bytes, cut.size));
	store_free(&store);
	store_free(&cut);
	hp_tape_close(tape);
	unlink(path);
}

/* One real hour, when it is there: its known counts, by the server's own replay too. */
static void a_real_hour(void)
{
	const char *shared = getenv("HOTPATH_SHARED");
	char file[256];
	struct store store = {0};
	struct session_state state;

	snprintf(file, sizeof(file), "%s/data/itch/aapl_20120621_0930-1030.itch50.gz",
		 shared ? shared : "../../shared");
	if (access(file, R_OK)) {
		printf("a_real_hour left out: %s is absent\n", file);
		return;
	}
	CHECK_EQ(store_load(&store, file), 0);
	CHECK_EQ(store.count, 88157);
	is_valid(&store);
	CHECK_EQ(view.live, 380);
	CHECK_EQ(state_init(&state, &store), 0);
	CHECK_EQ(state_replay(&state, store.count), 0);
	CHECK_EQ(state.orders.count, 380);
	CHECK(!memcmp(state.symbols[1].name, "AAPL    ", 8));
	state_free(&state);
	store_free(&store);
}

int main(void)
{
	choose_home();
	snprintf(path, sizeof(path), "/tmp/hotpath-publisher-%d", getpid());
	RUN(a_market_is_valid_itch);
	RUN(an_odd_tape_is_valid_itch);
	RUN(files_are_read_as_they_are);
	RUN(files_that_are_none_are_refused);
	RUN(a_message_longer_than_itch_has);
	RUN(a_file_cut_short_is_read_to_there);
	RUN(a_real_hour);
	return 0;
}
