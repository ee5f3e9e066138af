// SPDX-License-Identifier: MIT
/* Which file serves which enum hp_tx_path, and what every path counts alike. */
#include <errno.h>
#include <stdarg.h>

#include "measure/error.h"
#include "measure/note.h"
#include "rx/netns.h"
#include "tx.h"

const struct tx_ops *tx_path(int32_t path)
{
	switch (path) {
	case HP_TX_UDP:
		return &tx_udp;
	case HP_TX_URING:
		return &tx_uring;
	case HP_TX_ZC:
		return &tx_zc;
	case HP_TX_PACKET:
		return &tx_packet;
	case HP_TX_TAP:
		return &tx_tap;
	case HP_TX_XDP:
		return &tx_xdp;
	default:
		return NULL;
	}
}

void tx_failed(struct tx *tx, int error, uint32_t datagrams)
{
	struct hp_tx_stats *stats = tx->stats;

	stats->failed += datagrams;
	stats->last_errno = error;
	tx->waiting -= datagrams;
	switch (error) {
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENODEV:
	case ENXIO:
		stats->failed_link += datagrams;
		break;
	case ENOBUFS:
	case ENOMEM:
		stats->failed_room += datagrams;
		break;
	case EMSGSIZE:
		stats->failed_size += datagrams;
		break;
	default:
		stats->failed_other += datagrams;
	}
}

void tx_note(struct hp_tx_stats *stats, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_append(stats->note, sizeof(stats->note), format, arguments);
	va_end(arguments);
}

int tx_path_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	const struct tx_ops *ops = tx_path(options->path);
	int before, error;

	if (!ops)
		return fail(EINVAL, "Cannot send by path %d: this build has no such transmit path",
			    options->path);
	before = netns_enter(options->netns);
	if (before < -1)
		return before;
	error = ops->open(out, options, stats);
	netns_leave(before);
	return error;
}
