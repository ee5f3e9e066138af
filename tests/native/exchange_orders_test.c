/* SPDX-License-Identifier: MIT */
/*
 * The exchange's order entry: what a client sends is checked, counted, timed against its trigger and logged,
 * in whatever pieces it arrives; what is no order ends the session.
 */
#include "exchange_lab.h"

static char log_path[] = "/tmp/hotpath-exchange-XXXXXX";

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

int main(void)
{
	int fd = mkstemp(log_path);

	CHECK(fd >= 0);
	close(fd);
	lab_choose_home();
	RUN(id_set);
	RUN(orders_are_checked);
	RUN(orders_during_the_session);
	RUN(a_bad_order_ends_the_session);
	RUN(a_dropped_trigger_is_refused);
	RUN(more_orders_than_are_remembered);
	unlink(log_path);
	return 0;
}
