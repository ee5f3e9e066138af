// SPDX-License-Identifier: MIT
/*
 * Takes granted UDP flows, and only those, past the kernel's stack into an AF_XDP socket. Everything else
 * goes on to the kernel as if no program were here: other ports and groups, fragments (only the first has
 * ports), VLAN-tagged frames (a NIC that strips the tag hides it: `ethtool -K IF rxvlan off`), IGMP, TCP.
 * What it trades away: checksums of redirected datagrams are the NIC's word alone, and a granted flow is
 * redirected on the socket's own receive queue only, so a NIC with several needs an ntuple rule.
 * The outside observer's entry is built in, off until somebody observes (observe_enter.h).
 * See Documentation/networking/af_xdp.rst and Documentation/bpf/redirect.rst.
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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct steer_flow);
	__type(value, __u8);
	__uint(max_entries, STEER_FLOWS);
} flows SEC(".maps");

/* Queue -> socket. As many entries as the interface has queues, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} sockets SEC(".maps");

SEC("xdp")
int hotpath_steer(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp;
	struct steer_flow flow = {};

	observe_enter(eth, end);
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_UDP || ip->ihl < 5 || ip->frag_off & bpf_htons(FRAGMENT))
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	flow.daddr = ip->daddr;
	flow.dport = udp->dest;
	if (!bpf_map_lookup_elem(&flows, &flow))
		return XDP_PASS;
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
