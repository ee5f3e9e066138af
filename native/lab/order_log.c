/* SPDX-License-Identifier: MIT */
/*
 * The orders as a CSV file, one row an accepted or refused order. Numbers are the wire's: scaled integers,
 * ns since the Unix epoch. latency_ns is empty where the trigger's send time is not known.
 *
 * A row is 80 bytes in memory until the exchange has time to format it: between datagrams that are far
 * apart, or when the session is over. Only a client that sends 65,536 orders without such a pause makes the
 * exchange stop and write.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/exchange.h"
#include "measure/error.h"

#define ROW_MAX	 256		/* bytes a row takes at most */
#define TEXT_MAX (64 * ROW_MAX) /* bytes a write takes */

static const char *const result_names[ORDER_RESULTS] = {
	"accepted", "cancelled", "refused_price", "refused_qty", "refused_trigger", "refused_id",
};

static void write_text(struct order_log *log, const char *text, size_t len)
{
	while (len && !log->error) {
		ssize_t wrote = write(log->fd, text, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			log->error = wrote < 0 ? errno : EIO;
			return;
		}
		text += wrote;
		len -= (size_t)wrote;
	}
}

int order_log_open(struct order_log *log, const char *path)
{
	static const char header[] =
		"session,id,side,price,qty,trigger_seq,latency_ns,submit_ns,received_ns,result\n";

	log->fd = -1;
	if (!*path)
		return 0;
	log->rows = malloc(ORDER_LOG_ROWS * sizeof(*log->rows));
	if (!log->rows)
		return fail(ENOMEM, "Cannot log orders to \"%s\": out of memory", path);
	memset(log->rows, 0, ORDER_LOG_ROWS * sizeof(*log->rows)); /* pages now, not during a session */
	log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (log->fd < 0)
		return fail(errno, "Cannot log orders to \"%s\": %s; name a file that can be written", path,
			    strerror(errno));
	write_text(log, header, sizeof(header) - 1);
	if (log->error)
		return fail(log->error, "Cannot log orders to \"%s\": %s; name a file that can be written",
			    path, strerror(log->error));
	return 0;
}

void order_log_add(struct order_log *log, const struct order_log_row *row)
{
	if (log->fd < 0)
		return;
	if (log->count == ORDER_LOG_ROWS)
		order_log_write(log);
	log->rows[log->count++] = *row;
}

static size_t format_row(char *out, const struct order_log_row *row)
{
	const struct lll_order *order = &row->order;
	char latency[24] = "";

	if (row->latency_ns >= 0)
		snprintf(latency, sizeof(latency), "%" PRId64, row->latency_ns);
	return (size_t)snprintf(out, ROW_MAX,
				"%" PRIu64 ",%" PRIu64 ",%s,%" PRId64 ",%" PRId32 ",%" PRId64 ",%s,%" PRId64
				",%" PRId64 ",%s\n",
				row->session, order->id, order->flags & HP_FLAG_BID ? "bid" : "ask",
				order->price, order->qty, order->trigger_seq, latency, order->submit_ns,
				row->received_ns, result_names[row->result]);
}

void order_log_write(struct order_log *log)
{
	char text[TEXT_MAX];
	size_t len = 0;

	if (log->fd < 0)
		return;
	for (uint32_t i = 0; i < log->count; i++) {
		if (TEXT_MAX - len < ROW_MAX) {
			write_text(log, text, len);
			len = 0;
		}
		len += format_row(text + len, &log->rows[i]);
	}
	write_text(log, text, len);
	log->count = 0;
}

int order_log_close(struct order_log *log, const char *path)
{
	int error = log->error;

	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	free(log->rows);
	log->rows = NULL;
	if (!error)
		return 0;
	return fail(error, "Cannot finish the order log \"%s\": %s; its last rows are missing", path,
		    strerror(error));
}
