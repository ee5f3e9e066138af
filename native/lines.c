/* SPDX-License-Identifier: MIT */
/*
 * The lines an engine receives on: one, or two that bring the same. Each is a receive path with counters of
 * its own and a watch over its interface; which of two copies counts is the feed's business.
 */
#include <errno.h>

#include "engine.h"
#include "measure/error.h"
#include "rx/netns.h"

static int open_line(struct hp_engine *engine, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct engine_line *line = &engine->lines[engine->line_count];
	int error, before;

	*line = (struct engine_line){.options = options, .stats = stats, .interface = {.fd = -1}};
	error = rx_path_open(&line->rx, options, stats);
	if (error)
		return error;
	engine->line_count++;
	if (options->queue && options->path != HP_RX_XDP)
		rx_note(stats, "every queue's datagrams: queue= is xdp's");
	if (options->path == HP_RX_PCAP) {
		engine->recorded = 1;
		if (options->ifname[0])
			rx_note(stats, "a file: if= without effect");
		return 0;
	}
	before = netns_enter(options->netns);
	if (before < -1)
		return before;
	error = interface_watch_open(&line->interface, options->ifname);
	netns_leave(before);
	return error;
}

/* Two captures are played by one clock, as they were recorded; a capture and a wire have no time in common.
 */
int engine_open_lines(struct hp_engine *engine)
{
	const struct hp_engine_options *options = &engine->options;
	int error = open_line(engine, &options->rx, &engine->control->rx);

	if (error || !options->rx_b.port)
		return error;
	if ((options->rx.path == HP_RX_PCAP) != (options->rx_b.path == HP_RX_PCAP))
		return fail(EINVAL, "Cannot receive one line from a capture and the other from a wire: their "
				    "datagrams are of different times; give captures of both");
	error = open_line(engine, &options->rx_b, &engine->control->rx_b);
	if (!error && options->rx.path == HP_RX_PCAP)
		error = rx_pcap_pair(engine->lines[0].rx, engine->lines[1].rx);
	return error;
}

void engine_refresh_lines(struct hp_engine *engine)
{
	for (uint32_t i = 0; i < engine->line_count; i++)
		engine->lines[i].rx->ops->refresh(engine->lines[i].rx);
}

int engine_watch_lines(struct hp_engine *engine)
{
	int error = 0;

	engine_refresh_lines(engine);
	for (uint32_t i = 0; !error && i < engine->line_count; i++)
		error = interface_watch_check(&engine->lines[i].interface, engine->lines[i].stats);
	return error;
}

void engine_close_lines(struct hp_engine *engine)
{
	engine_refresh_lines(engine);
	for (uint32_t i = 0; i < engine->line_count; i++) {
		engine->lines[i].rx->ops->close(engine->lines[i].rx);
		interface_watch_close(&engine->lines[i].interface);
	}
}
