/* SPDX-License-Identifier: MIT */
/*
 * The exchange over real loopback sockets: what it sends is the tape, what it is sent is checked, counted,
 * timed and logged, and no client can leave it in a state the next one would notice. The address is this
 * process's own and ports are the kernel's choice, so that any number of these run side by side.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "lab/exchange.h"

#define RECORDS_MAX 20000
#define WAIT_MS	    5000 /* generous: the machine may be busy; only failures take that long */

/* One test's exchange with a receiver for its market data. */
struct lab {
	struct hp_exchange_options options;
	struct hp_exchange_stats stats;
	struct hp_exchange *exchange;
	struct hp_tape *tape;
	int market; /* UDP, receives */
};

/* What a session delivered, in order of arrival. */
struct heard {
	uint32_t datagrams, records, last; /* last: records with the last flag */
	struct feed_record record[RECORDS_MAX];
};

static struct heard heard, heard_before;
/* This process's own loopback address: no other test, and no outgoing connection, has ports there. */
static char home[16];
static char log_path[] = "/tmp/hotpath-exchange-XXXXXX";

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *last_error(void)
{
	static char text[512];
	int32_t len = hp_last_error(text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = 0;
	return text;
}

/* A socket on a loopback port of the kernel's choice. */
static int bound_socket(int type, uint32_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(home)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, type, 0);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!getsockname(fd, (struct sockaddr *)&address, &len));
	*port = ntohs(address.sin_port);
	return fd;
}

/* Options for loopback, fast and unpaced where nothing else is asked for; nothing is opened yet. */
static void lab_begin(struct lab *lab, double records)
{
	struct hp_market_options market = {.seed = 3, .records = records, .levels = 100};
	int size = 8 << 20;

	memset(lab, 0, sizeof(*lab));
	lab->tape = hp_tape_generate(&market, 5);
	CHECK(lab->tape);
	strcpy(lab->options.group, home);
	strcpy(lab->options.listen, home);
	lab->options.cpu = -1;
	lab->options.rate = 20000;
	lab->market = bound_socket(SOCK_DGRAM, &lab->options.port);
	if (setsockopt(lab->market, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(lab->market, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	close(bound_socket(SOCK_STREAM, &lab->options.order_port));
}

static void lab_open(struct lab *lab)
{
	lab->exchange = hp_exchange_open(&lab->options, lab->tape, &lab->stats);
	if (!lab->exchange)
		fprintf(stderr, "%s\n", last_error());
	CHECK(lab->exchange);
}

/* Closes within the promised time. */
static void lab_end(struct lab *lab)
{
	double begun = seconds();

	CHECK_EQ(hp_exchange_close(lab->exchange), 0);
	CHECK(seconds() - begun < 0.1);
	CHECK_EQ(lab->stats.running, 0);
	hp_tape_close(lab->tape);
	close(lab->market);
}

static int lab_connect(const struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = inet_addr(home),
				      .sin_port = htons((uint16_t)lab->options.order_port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* Waits until the exchange is in `state` and `sessions` were begun. */
static void wait_state(struct lab *lab, uint32_t state, double sessions)
{
	double end = seconds() + WAIT_MS / 1e3;

	while (__atomic_load_n(&lab->stats.state, __ATOMIC_ACQUIRE) != state ||
	       lab->stats.sessions < sessions) {
		CHECK(seconds() < end);
		usleep(100);
	}
}

/* Waits until a counter of the stats, written by the exchange's thread, is at least `value`. */
static void wait_count(const double *counter, double value)
{
	double end = seconds() + WAIT_MS / 1e3;
	double now;

	do {
		__atomic_load(counter, &now, __ATOMIC_ACQUIRE);
		CHECK(seconds() < end);
		usleep(100);
	} while (now < value);
}

/* Takes one datagram in, or returns 0 after `ms` without one. */
static int hear(struct lab *lab, int ms)
{
	struct pollfd fd = {.fd = lab->market, .events = POLLIN};
	uint8_t bytes[2048];
	ssize_t len;

	if (poll(&fd, 1, ms) <= 0)
		return 0;
	len = recv(lab->market, bytes, sizeof(bytes), 0);
	CHECK(len > 0 && len % LLL_RECORD_BYTES == 0 && len <= 5 * LLL_RECORD_BYTES);
	heard.datagrams++;
	for (ssize_t at = 0; at < len; at += LLL_RECORD_BYTES) {
		struct feed_record *record = &heard.record[heard.records];

		CHECK(heard.records < RECORDS_MAX);
		CHECK_EQ(lll_decode(bytes + at, record), 0);
		heard.records++;
		heard.last += (record->flags & HP_FLAG_LAST) != 0;
	}
	return 1;
}

/* Listens from a session's beginning to its last record. */
static void hear_session(struct lab *lab)
{
	memset(&heard, 0, sizeof(heard));
	while (!heard.last)
		CHECK(hear(lab, WAIT_MS));
}

/* Throws away what is still in the socket. */
static void hear_nothing(struct lab *lab)
{
	memset(&heard, 0, sizeof(heard));
	while (hear(lab, 5))
		heard.records = 0;
}

static struct lll_order an_order(uint64_t id, int64_t trigger)
{
	return (struct lll_order){.id = id,
				  .trigger_seq = trigger,
				  .price = 61700000000,
				  .qty = 5,
				  .flags = HP_FLAG_BID,
				  .submit_ns = 77};
}

static void send_order(int fd, struct lll_order order)
{
	uint8_t bytes[LLL_ORDER_BYTES];

	lll_order_encode(bytes, &order);
	CHECK_EQ(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
}

/* Goes with a RST, as a process that crashed with its data unread would. */
static void vanish(int fd)
{
	struct linger now = {.l_onoff = 1};

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(fd);
}

/* The records heard are the tape's first `count`, in sequence from 0. */
static void is_the_tape(const struct lab *lab, size_t count)
{
	CHECK_EQ(heard.records, count);
	for (size_t i = 0; i < count; i++) {
		const struct tape_record *want = &lab->tape->records[i];
		const struct feed_record *got = &heard.record[i];

		CHECK_EQ(got->seq, i);
		CHECK_EQ(got->price, want->price);
		CHECK_EQ(got->qty, want->qty);
		CHECK_EQ(got->flags, want->flags | (i + 1 == count ? HP_FLAG_LAST : 0));
	}
}

static void a_full_session(void)
{
	struct lab lab;
	struct timespec now;
	int client;

	lab_begin(&lab, 3000);
	lab_open(&lab);
	CHECK_EQ(lab.stats.state, HP_EXCHANGE_INIT);
	CHECK_EQ(lab.stats.running, 1);
	client = lab_connect(&lab);
	hear_session(&lab);
	clock_gettime(CLOCK_REALTIME, &now);
	is_the_tape(&lab, lab.tape->count);
	CHECK(fabs((double)(now.tv_sec * 1000000000 + now.tv_nsec - heard.record[0].sent_ns)) < 5e9);
	for (uint32_t i = 1; i < heard.records; i++)
		CHECK(heard.record[i].sent_ns >= heard.record[i - 1].sent_ns);
	send_order(client, an_order(1, heard.records - 1));
	wait_count(&lab.stats.orders, 1);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(lab.stats.sessions, 1);
	CHECK_EQ(lab.stats.vanished, 0);
	CHECK_EQ(lab.stats.sequenced, lab.tape->count);
	CHECK_EQ(lab.stats.records, lab.tape->count);
	CHECK_EQ(lab.stats.datagrams, lab.tape->info.datagrams);
	CHECK_EQ(lab.stats.send_failed, 0);
	CHECK_EQ(lab.stats.orders, 1);
	CHECK_EQ(lab.stats.refused + lab.stats.bad_orders + lab.stats.cancels, 0);
	CHECK_EQ(lab.stats.tick_to_order.count, 1);
	CHECK(lab.stats.tick_to_order.min > 0 && lab.stats.tick_to_order.min < 5e9);
	/* The second client's session begins at 0 again. */
	client = lab_connect(&lab);
	hear_session(&lab);
	is_the_tape(&lab, lab.tape->count);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 2);
	CHECK_EQ(lab.stats.vanished, 0);
	lab_end(&lab);
}

/* Every way to play: how long it takes and that it is the tape. */
static void paces(void)
{
	static const struct {
		int32_t pace;
		double rate, speed, at_least, at_most;
		uint32_t spin;
	} cases[] = {
		/* 2,000 records after the snapshot: some 400 datagrams; at 52 ms a message some 1.5 s. */
		{HP_PACE_RATE, 4000, 0, 0.08, 3, 0},  {HP_PACE_RATE, 4000, 0, 0.08, 3, 1},
		{HP_PACE_RECORDED, 0, 8, 0.08, 3, 0}, {HP_PACE_RECORDED, 0, 8, 0.08, 3, 1},
		{HP_PACE_FLAT, 0, 0, 0.001, 3, 0},    {HP_PACE_FLAT, 0, 0, 0.001, 3, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct lab lab;
		double begun;
		int client;

		lab_begin(&lab, 2000);
		lab.options.pace = cases[i].pace;
		lab.options.rate = cases[i].rate;
		lab.options.speed = cases[i].speed;
		lab.options.spin = cases[i].spin;
		lab_open(&lab);
		begun = seconds();
		client = lab_connect(&lab);
		hear_session(&lab);
		CHECK(seconds() - begun >= cases[i].at_least);
		CHECK(seconds() - begun <= cases[i].at_most);
		is_the_tape(&lab, lab.tape->count);
		send_order(client, an_order(1, 5));
		wait_count(&lab.stats.orders, 1);
		close(client);
		wait_state(&lab, HP_EXCHANGE_INIT, 1);
		lab_end(&lab);
	}
}

static void limit_and_pace(void)
{
	struct lab lab;
	size_t end = 0, sent = 0;
	int client;

	lab_begin(&lab, 3000);
	lab.options.limit = 7;
	lab_open(&lab);
	while (sent < 8) {
		const struct tape_record *record = &lab.tape->records[end];

		sent += record->first && !(record->flags & HP_FLAG_SNAPSHOT);
		end++;
	}
	client = lab_connect(&lab);
	hear_session(&lab);
	is_the_tape(&lab, end - 1);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	/* From another thread, between sessions or during one: it holds for the next. */
	CHECK_EQ(hp_exchange_pace(lab.exchange, HP_PACE_FLAT, 0, 0), 0);
	client = lab_connect(&lab);
	hear_session(&lab);
	is_the_tape(&lab, lab.tape->count);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 2);
	CHECK_EQ(hp_exchange_pace(lab.exchange, 3, 0, 0), -EINVAL);
	CHECK_EQ(hp_exchange_pace(lab.exchange, HP_PACE_RATE, 0, 0), -EINVAL);
	CHECK_EQ(hp_exchange_pace(lab.exchange, HP_PACE_RATE, NAN, 0), -EINVAL);
	CHECK_EQ(hp_exchange_pace(lab.exchange, HP_PACE_RATE, 1, -1), -EINVAL);
	lab_end(&lab);
}

static void once(void)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 100);
	lab.options.once = 1;
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	CHECK_EQ(lab.stats.running, 1);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	for (double end = seconds() + 5; __atomic_load_n(&lab.stats.running, __ATOMIC_ACQUIRE);)
		CHECK(seconds() < end);
	CHECK_EQ(hp_exchange_reset(lab.exchange), 0); /* no thread left to do it */
	lab_end(&lab);
}

/* Reads the log whole; returns how many rows it has after the header. */
static int read_log(char *out, size_t size)
{
	FILE *file = fopen(log_path, "r");
	size_t len;
	int rows = -1;

	CHECK(file);
	len = fread(out, 1, size - 1, file);
	fclose(file);
	out[len] = 0;
	for (size_t i = 0; i < len; i++)
		rows += out[i] == '\n';
	return rows;
}

static void orders_are_checked(void)
{
	struct lll_order order;
	struct lab lab;
	char text[8192];
	long long latency;
	int client;

	lab_begin(&lab, 500);
	strcpy(lab.options.log, log_path);
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	send_order(client, an_order(1, 3));
	send_order(client, an_order((UINT64_C(5) << 32) + 1, 3));
	send_order(client, an_order(1, 3)); /* twice the same id */
	send_order(client, an_order(0, 3));
	order = an_order(2, 3), order.qty = -1;
	send_order(client, order);
	order = an_order(2, 3), order.price = 0;
	send_order(client, order);
	order = an_order(2, 3), order.price = (INT64_C(1) << 53) + 1;
	send_order(client, order);
	send_order(client, an_order(2, heard.records));
	send_order(client, an_order(2, -1));
	order = an_order(9, 3), order.qty = 0;
	send_order(client, order); /* cancels what is not there */
	order.id = 1;
	send_order(client, order);
	send_order(client, order); /* and again */
	order = an_order(2, 3), order.flags = 0;
	send_order(client, order); /* none of the refused took the id */
	wait_count(&lab.stats.orders, 3);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(lab.stats.orders, 3);
	CHECK_EQ(lab.stats.cancels, 1);
	CHECK_EQ(lab.stats.refused, 9);
	CHECK_EQ(lab.stats.refused_id, 4);
	CHECK_EQ(lab.stats.refused_qty, 1);
	CHECK_EQ(lab.stats.refused_price, 2);
	CHECK_EQ(lab.stats.refused_trigger, 2);
	CHECK_EQ(lab.stats.bad_orders, 0);
	CHECK_EQ(lab.stats.tick_to_order.count, 3);
	CHECK(!strcmp(lab.stats.first_refused, "order id 1: was used before in this session"));
	CHECK_EQ(read_log(text, sizeof(text)), 13);
	CHECK(!strncmp(
		text, "session,id,side,price,qty,trigger_seq,latency_ns,submit_ns,received_ns,result\n", 78));
	CHECK_EQ(sscanf(strchr(text, '\n'), "\n1,1,bid,61700000000,5,3,%lld,77,", &latency), 1);
	CHECK(latency > 0 && latency < 5000000000);
	CHECK(strstr(text, "\n1,21474836481,bid,61700000000,5,3,"));
	CHECK(strstr(text, "\n1,2,ask,61700000000,5,3,"));
	CHECK(strstr(text, "\n1,0,bid,61700000000,5,3,,77,") && strstr(text, "refused_id\n"));
	CHECK(strstr(text, "refused_price\n") && strstr(text, "refused_qty\n"));
	CHECK(strstr(text, "refused_trigger\n") && strstr(text, "cancelled\n") && strstr(text, "accepted\n"));
	/* Ids are a session's own. */
	client = lab_connect(&lab);
	hear_session(&lab);
	send_order(client, an_order(1, 3));
	wait_count(&lab.stats.orders, 4);
	CHECK_EQ(hp_exchange_reset(lab.exchange), 0);
	CHECK_EQ(lab.stats.tick_to_order.count, 0);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 2);
	CHECK_EQ(read_log(text, sizeof(text)), 14);
	CHECK(strstr(text, "\n2,1,bid,"));
	lab_end(&lab);
}

/* An order while the market runs, timed against a trigger just heard; and orders in pieces. */
static void orders_during_the_session(void)
{
	uint8_t bytes[3 * LLL_ORDER_BYTES];
	struct lab lab;
	int client;

	lab_begin(&lab, 5000);
	lab.options.rate = 5000;
	lab_open(&lab);
	client = lab_connect(&lab);
	memset(&heard, 0, sizeof(heard));
	for (int i = 0; i < 100; i++)
		CHECK(hear(&lab, WAIT_MS));
	send_order(client, an_order(1, heard.record[heard.records - 1].seq));
	for (int i = 0; i < 3; i++) {
		struct lll_order order = an_order(2 + (uint64_t)i, heard.record[0].seq);

		lll_order_encode(bytes + i * LLL_ORDER_BYTES, &order);
	}
	for (size_t at = 0; at < sizeof(bytes); at += 17) {
		CHECK_EQ(send(client, bytes + at, 17, MSG_NOSIGNAL), 17);
		usleep(1000);
	}
	wait_count(&lab.stats.orders, 4);
	CHECK_EQ(__atomic_load_n(&lab.stats.state, __ATOMIC_ACQUIRE), HP_EXCHANGE_TRANSMIT);
	while (!heard.last)
		CHECK(hear(&lab, WAIT_MS));
	is_the_tape(&lab, lab.tape->count);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(lab.stats.orders, 4);
	CHECK_EQ(lab.stats.refused, 0);
	CHECK(lab.stats.tick_to_order.min < 1e9);
	lab_end(&lab);
}

static void a_bad_order_ends_the_session(void)
{
	uint8_t bytes[2 * LLL_ORDER_BYTES] = {9};
	struct lab lab;
	char end;
	int client;

	lab_begin(&lab, 5000);
	lab.options.rate = 1000;
	lab_open(&lab);
	client = lab_connect(&lab);
	memset(&heard, 0, sizeof(heard));
	CHECK(hear(&lab, WAIT_MS));
	CHECK_EQ(send(client, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	CHECK(recv(client, &end, 1, 0) <= 0);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(lab.stats.bad_orders, 1);
	CHECK_EQ(lab.stats.refused_type, 1);
	CHECK_EQ(lab.stats.vanished, 0);
	CHECK(strstr(lab.stats.first_refused, "type 9"));
	lab_end(&lab);
}

static void clients_that_vanish(void)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 3000);
	lab.options.rate = 2000;
	lab_open(&lab);
	for (int i = 0; i < 20; i++) {
		client = lab_connect(&lab);
		memset(&heard, 0, sizeof(heard));
		CHECK(hear(&lab, WAIT_MS));
		if (i % 3 == 0)
			send_order(client, an_order(1, 0));
		if (i % 2)
			close(client);
		else
			vanish(client);
		wait_state(&lab, HP_EXCHANGE_INIT, i + 1);
		hear_nothing(&lab);
	}
	CHECK_EQ(lab.stats.vanished, 20);
	CHECK_EQ(lab.stats.sessions, 20);
	CHECK_EQ(hp_exchange_pace(lab.exchange, HP_PACE_RATE, 20000, 0), 0);
	client = lab_connect(&lab);
	hear_session(&lab);
	is_the_tape(&lab, lab.tape->count);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 21);
	CHECK_EQ(lab.stats.vanished, 20);
	lab_end(&lab);
}

/* A second client waits its turn. */
static void the_next_client_waits(void)
{
	struct lab lab;
	int one, two;

	lab_begin(&lab, 1000);
	lab_open(&lab);
	one = lab_connect(&lab);
	two = lab_connect(&lab);
	hear_session(&lab);
	is_the_tape(&lab, lab.tape->count);
	close(one);
	hear_session(&lab);
	is_the_tape(&lab, lab.tape->count);
	close(two);
	wait_state(&lab, HP_EXCHANGE_INIT, 2);
	CHECK_EQ(lab.stats.vanished, 0);
	lab_end(&lab);
}

static void no_receiver(void)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 1000);
	close(lab.market);
	lab.market = -1;
	lab_open(&lab);
	client = lab_connect(&lab);
	wait_count(&lab.stats.sequenced, (double)lab.tape->count);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(lab.stats.datagrams + lab.stats.send_failed, lab.tape->info.datagrams);
	CHECK(lab.stats.datagrams > lab.tape->info.datagrams / 4);
	CHECK_EQ(hp_exchange_close(lab.exchange), 0);
	hp_tape_close(lab.tape);
}

/* Plays a session with these faults; what was heard is left in `heard`. */
static void faulty(double loss, double duplicate, double reorder, double seed, int32_t pace,
		   struct hp_exchange_stats *stats)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 4000);
	lab.options.pace = pace;
	lab.options.loss = loss;
	lab.options.duplicate = duplicate;
	lab.options.reorder = reorder;
	lab.options.seed = seed;
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK(!hear(&lab, 5)); /* nothing comes after the last record */
	CHECK_EQ(heard.record[heard.records - 1].seq, lab.tape->count - 1);
	CHECK_EQ(lab.stats.sequenced, lab.tape->count);
	CHECK_EQ(lab.stats.datagrams, lab.tape->info.datagrams - lab.stats.dropped + lab.stats.duplicated);
	CHECK_EQ(lab.stats.datagrams, heard.datagrams);
	CHECK_EQ(lab.stats.records, heard.records);
	*stats = lab.stats;
	lab_end(&lab);
}

/* Counts the faults in what was heard: records never seen, seen again at once, seen after a later one. */
static void faults_heard(double *lost, double *doubled, double *late)
{
	static uint8_t seen[RECORDS_MAX];
	int64_t highest = -1;

	memset(seen, 0, sizeof(seen));
	*lost = *doubled = *late = 0;
	for (uint32_t i = 0; i < heard.records; i++) {
		int64_t seq = heard.record[i].seq;

		*doubled += seen[seq];
		*late += seq < highest && !seen[seq];
		highest = seq > highest ? seq : highest;
		seen[seq] = 1;
	}
	for (int64_t seq = 0; seq <= highest; seq++)
		*lost += !seen[seq];
}

static void faults(void)
{
	struct hp_exchange_stats stats, again;
	double lost, doubled, late;

	faulty(0, 0, 0, 1, HP_PACE_RATE, &stats);
	CHECK_EQ(stats.dropped + stats.duplicated + stats.reordered, 0);
	faulty(0.1, 0, 0, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.dropped > 40 && stats.dropped < 160);
	CHECK(lost >= stats.dropped && lost <= 5 * stats.dropped);
	CHECK_EQ(doubled + late, 0);
	faulty(0, 0.1, 0, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.duplicated > 40 && stats.duplicated < 160);
	CHECK(doubled >= stats.duplicated && doubled <= 5 * stats.duplicated);
	CHECK_EQ(lost + late, 0);
	faulty(0, 0, 0.1, 1, HP_PACE_RATE, &stats);
	faults_heard(&lost, &doubled, &late);
	CHECK(stats.reordered > 40 && stats.reordered < 160);
	CHECK(late >= stats.reordered && late <= 5 * stats.reordered);
	CHECK_EQ(lost + doubled, 0);
	/* All at once; the same seed does the same again, another does not, and the pace does not matter. */
	faulty(0.05, 0.05, 0.05, 9, HP_PACE_RATE, &stats);
	heard_before = heard;
	faulty(0.05, 0.05, 0.05, 9, HP_PACE_FLAT, &again);
	CHECK_EQ(again.dropped, stats.dropped);
	CHECK_EQ(again.duplicated, stats.duplicated);
	CHECK_EQ(again.reordered, stats.reordered);
	CHECK_EQ(heard.records, heard_before.records);
	for (uint32_t i = 0; i < heard.records; i++)
		CHECK_EQ(heard.record[i].seq, heard_before.record[i].seq);
	faulty(0.05, 0.05, 0.05, 10, HP_PACE_FLAT, &again);
	CHECK(memcmp(heard.record, heard_before.record, sizeof(heard.record)));
	/* Everything lost but the last datagram. */
	faulty(1, 0, 0, 1, HP_PACE_RATE, &stats);
	CHECK_EQ(heard.datagrams, 1);
	CHECK_EQ(heard.last, 1);
	faulty(0, 1, 0, 1, HP_PACE_FLAT, &stats);
	faulty(0, 0, 1, 1, HP_PACE_FLAT, &stats);
}

static void a_dropped_trigger_is_refused(void)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 500);
	lab.options.loss = 1;
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	send_order(client, an_order(1, 0)); /* sequenced, never sent */
	wait_count(&lab.stats.refused_trigger, 1);
	close(client);
	lab_end(&lab);
}

/* Ends in INIT, in TRANSMIT asleep and spinning, in the grace time, and with a client that says nothing. */
static void close_in_every_state(void)
{
	struct lab lab;
	int client;

	lab_begin(&lab, 10);
	lab_open(&lab);
	lab_end(&lab);
	for (uint32_t spin = 0; spin < 2; spin++) {
		lab_begin(&lab, 3000);
		lab.options.spin = spin;
		lab.options.rate = 1;
		lab_open(&lab);
		client = lab_connect(&lab);
		wait_state(&lab, HP_EXCHANGE_TRANSMIT, 1);
		usleep(20000);
		lab_end(&lab);
		close(client);
		lab_begin(&lab, 50);
		lab.options.spin = spin;
		lab_open(&lab);
		client = lab_connect(&lab);
		hear_session(&lab);
		CHECK_EQ(lab.stats.state, HP_EXCHANGE_TRANSMIT);
		lab_end(&lab);
		close(client);
	}
}

static void more_orders_than_are_remembered(void)
{
	static struct lll_order order;
	uint8_t bytes[64 * LLL_ORDER_BYTES];
	uint64_t id = 1;
	struct lab lab;
	char *text = malloc(32 << 20);
	int client;

	CHECK(text);
	lab_begin(&lab, 50);
	strcpy(lab.options.log, log_path);
	lab_open(&lab);
	client = lab_connect(&lab);
	hear_session(&lab);
	while (id <= 2 * ORDER_IDS) {
		for (int i = 0; i < 64; i++) {
			order = an_order(id++, 1);
			lll_order_encode(bytes + i * LLL_ORDER_BYTES, &order);
		}
		CHECK_EQ(send(client, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	}
	wait_count(&lab.stats.orders, 2 * ORDER_IDS);
	send_order(client, an_order(2 * ORDER_IDS, 1)); /* remembered */
	send_order(client, an_order(ORDER_IDS + 1, 1));
	send_order(client, an_order(ORDER_IDS, 1)); /* the first forgotten one */
	wait_count(&lab.stats.orders, 2 * ORDER_IDS + 1);
	CHECK_EQ(lab.stats.refused_id, 2);
	close(client);
	wait_state(&lab, HP_EXCHANGE_INIT, 1);
	CHECK_EQ(read_log(text, 32 << 20), 2 * ORDER_IDS + 3);
	lab_end(&lab);
	free(text);
}

static void id_set(void)
{
	struct order_ids *ids = calloc(1, sizeof(*ids));
	struct random random = {.state = 5};
	uint64_t last[ORDER_IDS / 64];
	size_t count = sizeof(last) / sizeof(*last);

	CHECK(ids);
	/* Far more ids than it holds, some of them a multiple of the slots apart: the recent ones are there.
	 */
	for (uint64_t i = 0; i < 4 * ORDER_IDS; i++) {
		uint64_t id = i % 3 ? random_next(&random) | 1 : (i + 1) * ORDER_ID_SLOTS;

		if (order_ids_find(ids, id))
			continue;
		order_ids_add(ids, id);
		last[i % count] = id;
		CHECK(ids->count <= ORDER_IDS);
	}
	for (size_t i = 0; i < count; i++) {
		CHECK(order_ids_find(ids, last[i]));
		CHECK_EQ(order_ids_find(ids, last[i])->live, 1);
	}
	CHECK_EQ(ids->count, ORDER_IDS);
	for (uint32_t i = 0; i < ORDER_IDS; i++)
		CHECK(order_ids_find(ids, ids->order[i]));
	order_ids_clear(ids);
	CHECK(!order_ids_find(ids, last[0]));
	free(ids);
}

static void cannot_open(const struct lab *lab, const char *says)
{
	struct hp_exchange_stats stats;

	CHECK(!hp_exchange_open(&lab->options, lab->tape, &stats));
	if (!strstr(last_error(), says))
		fprintf(stderr, "\"%s\" lacks \"%s\"\n", last_error(), says);
	CHECK(strstr(last_error(), says));
}

#define REFUSES(change, says)                                                                                \
	do {                                                                                                 \
		struct lab changed = lab;                                                                    \
		change;                                                                                      \
		cannot_open(&changed, says);                                                                 \
	} while (0)

static void sentences(void)
{
	struct lab lab;
	int taken;

	lab_begin(&lab, 10);
	REFUSES(strcpy(changed.options.group, "nowhere"), "\"nowhere\"");
	REFUSES(strcpy(changed.options.listen, "1.2.3"), "order entry");
	REFUSES(strcpy(changed.options.listen, "192.0.2.1"), "192.0.2.1");
	REFUSES(changed.options.port = 0, "port 0 for market data");
	REFUSES(changed.options.order_port = 65536, "port 65536 for order entry");
	REFUSES(changed.options.pace = 7, "7 is not rate");
	REFUSES(changed.options.rate = 0, "0 datagrams a second");
	REFUSES(changed.options.rate = NAN, "datagrams a second");
	REFUSES(changed.options.speed = -1, "as fast as recorded");
	REFUSES(changed.options.loss = 1.5, "loss 1.5");
	REFUSES(changed.options.reorder = NAN, "shares are 0 to 1");
	REFUSES(changed.options.seed = -1, "seed");
	REFUSES(changed.options.cpu = 100000, "core 100000");
	REFUSES(strcpy(changed.options.netns, "/nonexistent"), "/nonexistent");
	REFUSES(strcpy(changed.options.log, "/nonexistent/orders.csv"), "/nonexistent/orders.csv");
	REFUSES(memset(changed.options.log, 'x', sizeof(changed.options.log)), "too long");
	REFUSES(strcpy(changed.options.group, "239.1.2.3");
		strcpy(changed.options.ifname, "none0"), "\"none0\"");
	taken = bound_socket(SOCK_STREAM, &lab.options.order_port);
	CHECK(!listen(taken, 1));
	cannot_open(&lab, "already in use");
	close(taken);
	CHECK(!hp_exchange_open(NULL, lab.tape, &lab.stats));
	CHECK_EQ(hp_exchange_close(NULL), -EINVAL);
	CHECK_EQ(hp_exchange_reset(NULL), -EINVAL);
	CHECK_EQ(hp_exchange_stats_bytes(), sizeof(struct hp_exchange_stats));
	hp_tape_close(lab.tape);
	close(lab.market);
}

/* A group on the loopback interface: the sender's own host is where its receivers are. */
static void multicast_on_loopback(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("239.255.77.1")};
	struct ip_mreqn join = {.imr_multiaddr.s_addr = inet_addr("239.255.77.1"),
				.imr_address.s_addr = htonl(INADDR_LOOPBACK)};
	struct lab lab;
	int client;

	lab_begin(&lab, 500);
	close(lab.market);
	lab.market = socket(AF_INET, SOCK_DGRAM, 0);
	address.sin_port = htons((uint16_t)lab.options.port);
	CHECK(!bind(lab.market, (struct sockaddr *)&address, sizeof(address)));
	if (setsockopt(lab.market, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join))) {
		printf("not checked: cannot join a group on lo (%s)\n", strerror(errno));
	} else {
		strcpy(lab.options.group, "239.255.77.1");
		strcpy(lab.options.ifname, "lo");
		lab_open(&lab);
		client = lab_connect(&lab);
		hear_session(&lab);
		is_the_tape(&lab, lab.tape->count);
		close(client);
		hp_exchange_close(lab.exchange);
	}
	hp_tape_close(lab.tape);
	close(lab.market);
}

int main(void)
{
	int fd = mkstemp(log_path), pid = getpid();

	snprintf(home, sizeof(home), "127.%d.%d.%d", 1 + (pid >> 16 & 63), pid >> 8 & 255,
		 1 + (pid & 255) % 254);
	CHECK(fd >= 0);
	close(fd);
	RUN(id_set);
	RUN(sentences);
	RUN(a_full_session);
	RUN(paces);
	RUN(limit_and_pace);
	RUN(once);
	RUN(orders_are_checked);
	RUN(orders_during_the_session);
	RUN(a_bad_order_ends_the_session);
	RUN(clients_that_vanish);
	RUN(the_next_client_waits);
	RUN(no_receiver);
	RUN(faults);
	RUN(a_dropped_trigger_is_refused);
	RUN(close_in_every_state);
	RUN(more_orders_than_are_remembered);
	RUN(multicast_on_loopback);
	unlink(log_path);
	return 0;
}
