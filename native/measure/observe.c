// SPDX-License-Identifier: MIT
/*
 * The outside observer: tick-to-trade as the interface sees it, told by bpf/observe.bpf.c, which belongs to
 * no engine. Everything is counted in the kernel; reading copies it out with three system calls and disturbs
 * nobody. What it costs is on the packets: one stamp and a few stores a record, some tens of ns more an
 * order, and with a program of its own in XDP the way packets take through the driver.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "measure/error.h"
#include "measure/observe.h"
#include "observe.skel.h"
#include "rx/netns.h"

_Static_assert(OBSERVE_BUCKETS == HP_HISTOGRAM_BUCKETS, "the kernel fills a struct hp_histogram's buckets");

HP_API int32_t hp_observe_stats_bytes(void)
{
	return sizeof(struct hp_observe_stats);
}

static int read_address(const char *text, size_t size, uint32_t port, const char *what, __u32 *address,
			__u16 *out)
{
	char copy[16] = {0};
	struct in_addr ip;

	memcpy(copy, text, size - 1);
	if (inet_pton(AF_INET, copy, &ip) != 1)
		return fail(EINVAL, "Cannot observe %s \"%s\": not a dotted IPv4 address", what, copy);
	if (!port || port > 65535)
		return fail(EINVAL, "Cannot observe %s %s: port %u is not 1..65535", what, copy, port);
	*address = ip.s_addr;
	*out = htons((uint16_t)port);
	return 0;
}

static int read_options(struct hp_observer *observer, const struct hp_observe_options *options)
{
	struct observe_flow *flow = &observer->flow;
	int error = read_address(options->group, sizeof(options->group), options->port, "market data to",
				 &flow->daddr, &flow->dport);

	if (!error)
		error = read_address(options->order_address, sizeof(options->order_address),
				     options->order_port, "orders to", &flow->order_daddr,
				     &flow->order_dport);
	if (error)
		return error;
	if (options->entry != HP_OBSERVE_AUTO && options->entry != HP_OBSERVE_TC)
		return fail(EINVAL, "Cannot observe: %d is no place of entry", options->entry);
	memcpy(observer->ifname, options->ifname, sizeof(observer->ifname) - 1);
	if (!observer->ifname[0])
		return fail(EINVAL, "Cannot observe: no interface named; add if=NAME to the feed");
	return 0;
}

/* In the interface's namespace. */
static int hook(struct hp_observer *observer, enum hp_observe_entry entry)
{
	observer->ifindex = (int)if_nametoindex(observer->ifname);
	if (!observer->ifindex)
		return fail(ENODEV, "Cannot observe \"%s\": no such interface; `ip link` lists them",
			    observer->ifname);
	return observe_hook(observer, entry);
}

HP_API struct hp_observer *hp_observer_open(const struct hp_observe_options *options)
{
	struct hp_observer *observer = calloc(1, sizeof(*observer));
	char netns[sizeof(options->netns)] = {0};
	int before, error;

	if (!observer || !options) {
		fail(observer ? EINVAL : ENOMEM, "Cannot observe: no options, or no memory");
		free(observer);
		return NULL;
	}
	observer->entry = observer->exit = -1;
	error = read_options(observer, options);
	if (error)
		goto out;
	memcpy(netns, options->netns, sizeof(netns) - 1);
	before = error = netns_enter(netns);
	if (before < -1)
		goto out;
	error = hook(observer, (enum hp_observe_entry)options->entry);
	netns_leave(before);
	if (!error)
		return observer;
out:
	hp_observer_close(observer);
	return NULL;
}

static void fill_histogram(struct hp_histogram *out, const struct observe_leaves *leaves)
{
	out->count = (double)leaves->matched;
	out->sum = (double)leaves->sum;
	out->min = leaves->matched ? (double)leaves->min : 0;
	out->max = (double)leaves->max;
	memcpy(out->buckets, leaves->buckets, sizeof(out->buckets));
}

HP_API int32_t hp_observer_read(struct hp_observer *observer, struct hp_observe_stats *stats)
{
	struct observe_leaves leaves;
	struct observe_enters enters;
	__u32 zero = 0, which;

	if (!observer || !stats)
		return fail(EBADF, "Cannot read the observer: it is closed");
	which = observer->skeleton->bss->active;
	if (bpf_map_lookup_elem(bpf_map__fd(observer->skeleton->maps.observe_leaves), &which, &leaves) ||
	    bpf_map_lookup_elem(bpf_map__fd(observer->skeleton->maps.observe_enters), &zero, &enters))
		return fail(errno, "Cannot read the observer: %s", strerror(errno));
	*stats = (struct hp_observe_stats){
		.datagrams = (double)(enters.datagrams - observer->before.datagrams),
		.records = (double)(enters.records - observer->before.records),
		.duplicates = (double)(enters.duplicates - observer->before.duplicates),
		.malformed = (double)(enters.malformed - observer->before.malformed),
		.orders = (double)leaves.orders,
		.matched = (double)leaves.matched,
		.repeated = (double)leaves.repeated,
		.unmatched = (double)leaves.unmatched,
		.overwritten = (double)leaves.overwritten,
		.cancels = (double)leaves.cancels,
		.unparsed = (double)leaves.unparsed,
		.resent = (double)leaves.resent,
	};
	memcpy(stats->note, observer->note, sizeof(stats->note));
	fill_histogram(&stats->tick_to_trade, &leaves);
	return 0;
}

/* The one that is not filled is emptied, then they change places: no order is half forgotten. */
HP_API int32_t hp_observer_reset(struct hp_observer *observer)
{
	static const struct observe_leaves none = {.min = UINT64_MAX};
	__u32 other, zero = 0;

	if (!observer)
		return fail(EBADF, "Cannot reset the observer: it is closed");
	other = !observer->skeleton->bss->active;
	if (bpf_map_update_elem(bpf_map__fd(observer->skeleton->maps.observe_leaves), &other, &none,
				BPF_ANY) ||
	    bpf_map_lookup_elem(bpf_map__fd(observer->skeleton->maps.observe_enters), &zero,
				&observer->before))
		return fail(errno, "Cannot reset the observer: %s", strerror(errno));
	observer->skeleton->bss->active = other;
	return 0;
}

HP_API int32_t hp_observer_close(struct hp_observer *observer)
{
	if (!observer)
		return fail(EBADF, "Cannot close the observer: it is closed");
	observe_unhook(observer);
	free(observer);
	return 0;
}
