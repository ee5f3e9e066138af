// SPDX-License-Identifier: MIT
/*
 * Takes one granted UDP flow, and only that, past the kernel's stack into AF_XDP sockets. Everything else
 * goes on to the kernel as if no program were here: other ports and groups, fragments (only the first has
 * ports), IGMP, TCP. Up to two VLAN tags are looked past (a NIC that strips them shows none). What went on
 * although it was to the granted address is counted. The flow is part of the program's text: nobody can
 * widen it once it is loaded, and comparing costs two instructions.
 * What it trades away: the flow is redirected on the queues of the sockets only, so a NIC with more needs an
 * ntuple rule. Checksums are the reader's business (native/rx/frame.h).
 * The outside observer's entry is built in, off until somebody observes (observe_enter.h).
 * See Documentation/networking/af_xdp.rst, xdp-rx-metadata.rst and Documentation/bpf/redirect.rst.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "observe_enter.h"
#include "steer.h"

#define FRAGMENT 0x3fff /* more-fragments flag and fragment offset */
#define TAGS	 2

struct tag {
	__be16 tci;
	__be16 proto;
};

const volatile struct steer_config config SEC(".rodata.steer") = {};

/* Queue -> socket. As many entries as the interface has queues, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct steer_counts);
	__uint(max_entries, 1);
} counts SEC(".maps");

static __always_inline struct steer_counts *my_counts(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&counts, &only);
}

#define COUNT(counter)                                                                                       \
	do {                                                                                                 \
		struct steer_counts *mine = my_counts();                                                     \
		if (mine)                                                                                    \
			mine->counter++;                                                                     \
	} while (0)

/* The IPv4 header behind the Ethernet header and its tags, whole; or NULL. */
static __always_inline struct iphdr *find_ip(struct ethhdr *eth, void *end)
{
	struct tag *tag = (void *)(eth + 1);
	__be16 proto;

	if ((void *)(eth + 1) > end)
		return NULL;
	proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < TAGS; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return NULL;
		proto = tag->proto;
		tag++;
	}
	if (proto != bpf_htons(ETH_P_IP) || (void *)tag + sizeof(struct iphdr) > end)
		return NULL;
	return (void *)tag;
}

#ifdef STEER_METADATA
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;

static __always_inline __u64 nic_stamp(struct xdp_md *ctx)
{
	__u64 ns = 0;

	return bpf_xdp_metadata_rx_timestamp(ctx, &ns) ? 0 : ns;
}
#else
static __always_inline __u64 nic_stamp(struct xdp_md *ctx)
{
	return 0;
}
#endif

/* Where the driver keeps no room before the frame there is no stamp: the reader finds 0. */
static __always_inline void stamp(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns(), nic = nic_stamp(ctx);
	struct steer_stamp *room;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*room)))
		return;
	room = (void *)(long)ctx->data_meta;
	if ((void *)(room + 1) > (void *)(long)ctx->data)
		return;
	room->monotonic_ns = now;
	room->nic_ns = nic;
}

SEC("xdp")
int hotpath_steer(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = find_ip((void *)(long)ctx->data, end);
	struct udphdr *udp;
	int action;

	observe_enter((void *)(long)ctx->data, end);
	if (!ip || ip->protocol != IPPROTO_UDP || ip->daddr != config.daddr)
		return XDP_PASS;
	if (ip->frag_off & bpf_htons(FRAGMENT)) {
		COUNT(fragments);
		return XDP_PASS;
	}
	udp = (void *)ip + ip->ihl * 4;
	if (ip->ihl < 5 || (void *)(udp + 1) > end) {
		COUNT(cut);
		return XDP_PASS;
	}
	if (udp->dest != config.dport)
		return XDP_PASS;
	if (config.stamp)
		stamp(ctx);
	action = bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
	if (action == XDP_PASS)
		COUNT(elsewhere);
	return action;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
