/* SPDX-License-Identifier: MIT */
/*
 * The exchange's sessions: what it sends is the tape, at every pace, and no client and no moment of closing
 * can leave it in a state the next session would notice. Injected faults and order entry have tests of their
 * own (exchange_faults_test.c, exchange_orders_test.c).
 */
#include <math.h>

#include "exchange_lab.h"

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
	lab_choose_home();
	RUN(sentences);
	RUN(a_full_session);
	RUN(paces);
	RUN(limit_and_pace);
	RUN(once);
	RUN(clients_that_vanish);
	RUN(the_next_client_waits);
	RUN(no_receiver);
	RUN(close_in_every_state);
	RUN(multicast_on_loopback);
	return 0;
}
