// SPDX-License-Identifier: MIT
/*
 * Faults strike datagrams, each one at most once: it is lost, held back until `distance` later ones have
 * left, or sent twice. Only one is held back at a time, and what is lost overtakes nobody, so every count
 * says what a receiver must see. Skew is time: each datagram of the line waits in its queue for that much
 * longer.
 *
 * A datagram in the queue is a place in the store; its packet is written into the path's own memory when its
 * time has come.
 */
#include <errno.h>
#include <stdlib.h>

#include "lab/publisher_line.h"
#include "measure/clock.h"
#include "measure/error.h"

static uint64_t share(double rate)
{
	return (uint64_t)(rate * 4294967296.0);
}

int line_open(struct line *line, const struct hp_tx_options *options,
	      const struct hp_publisher_faults *faults, const char *session, struct hp_publisher_line *stats)
{
	size_t bytes = LINE_QUEUE * sizeof(*line->queue);
	int code;

	*line = (struct line){
		.stats = stats,
		.session = session,
		.skew = clock_to_ticks((uint64_t)(faults->skew_us * 1e3)),
		.faults = {(uint64_t)faults->seed},
		.loss = share(faults->loss),
		.duplicate = share(faults->duplicate),
		.reorder = share(faults->reorder),
		.distance = faults->distance == 0 ? 1 : (uint32_t)faults->distance,
		.queue = malloc(bytes),
	};
	if (!line->queue)
		return fail(ENOMEM, "Cannot open a line to %.15s: no memory for its queue", options->address);
	memset(line->queue, 0, bytes); /* touches every page */
	code = tx_path_open(&line->tx, options, &stats->tx);
	if (!code && line->tx->largest < MOLD_BYTES)
		return fail(
			EMSGSIZE,
			"Cannot send packets of %d bytes to %.15s: its MTU, or the path, leaves room for %u",
			MOLD_BYTES, options->address, line->tx->largest);
	return code;
}

void line_close(struct line *line)
{
	if (line->tx)
		line->tx->ops->close(line->tx);
	free(line->queue);
	line->tx = NULL;
	line->queue = NULL;
}

static void push(struct line *line, const struct datagram *datagram)
{
	line->queue[line->tail++ % LINE_QUEUE] = *datagram;
}

void line_release(struct line *line)
{
	if (!line->held)
		return;
	line->held = 0;
	line->stats->reordered += line->overtaken > 0;
	push(line, &line->late);
}

void line_offer(struct line *line, const struct datagram *datagram)
{
	struct datagram late = *datagram;

	late.due += line->skew;
	if (random_chance(&line->faults, line->loss)) {
		line->stats->lost += 1;
		line->stats->lost_messages += late.count;
		return;
	}
	if (!line->held && random_chance(&line->faults, line->reorder)) {
		line->held = 1;
		line->overtaken = 0;
		line->late = late;
		return;
	}
	push(line, &late);
	if (random_chance(&line->faults, line->duplicate)) {
		push(line, &late);
		line->stats->duplicated += 1;
	}
	if (line->held) {
		line->late.due = late.due;
		if (++line->overtaken >= line->distance)
			line_release(line);
	}
}

/* What the path still has from before goes first. 1: it has no room yet. */
static int flush(struct line *line, uint64_t now)
{
	int code = line->tx->ops->flush(line->tx);

	line->spoke = now;
	return code < 0 ? code : line->tx->waiting > 0;
}

int line_send(struct line *line, uint64_t now)
{
	int ready = line->tx->waiting > 0;

	while (line_due(line) <= now) {
		const struct datagram *next = &line->queue[line->head % LINE_QUEUE];
		uint8_t *packet = line->tx->ops->reserve(line->tx, MOLD_HEADER + next->bytes);

		if (!packet) {
			int code = flush(line, now);

			return code < 0 ? code : 1;
		}
		mold_header(packet, line->session, next->seq, next->count);
		memcpy(packet + MOLD_HEADER, next->blocks, next->bytes);
		line->stats->datagrams += 1;
		line->stats->messages += next->count;
		line->head++;
		ready = 1;
	}
	return ready ? flush(line, now) : 0;
}

int line_say(struct line *line, uint64_t seq, uint32_t count, uint64_t now)
{
	uint8_t *packet = line->tx->ops->reserve(line->tx, MOLD_HEADER);

	if (packet) {
		mold_header(packet, line->session, seq, count);
		if (count)
			line->stats->ends += 1;
		else
			line->stats->heartbeats += 1;
	}
	return flush(line, now);
}
