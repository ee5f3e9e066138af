/* SPDX-License-Identifier: MIT */
/* Which packets are ours, and the slot each gets when it is seen for the first time. */
#ifndef HP_PATH_FLOW_H
#define HP_PATH_FLOW_H

#include "path_kernel.h"

/* Whether the IPv4 header at `ip` is of a datagram of the flow. */
static __always_inline int is_flow(const void *ip, __u32 room, __u32 *len)
{
	struct iphdr header;
	struct udphdr udp;

	if (room < sizeof(header) + sizeof(udp) || bpf_probe_read_kernel(&header, sizeof(header), ip))
		return 0;
	if (header.daddr != flow.daddr || header.protocol != IPPROTO_UDP || header.version != 4 ||
	    header.frag_off & bpf_htons(FRAGMENT_OFF) || room < header.ihl * 4 + sizeof(udp))
		return 0;
	if (bpf_probe_read_kernel(&udp, sizeof(udp), ip + header.ihl * 4) || udp.dest != flow.port)
		return 0;
	*len = bpf_ntohs(udp.len) - sizeof(udp);
	return 1;
}

/* The same of a packet that has been through IP, on its way out or in: its network header is set. */
static __always_inline int carries_flow(struct sk_buff *skb)
{
	void *ip = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	__u32 linear = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len), len;

	return BPF_CORE_READ(skb, protocol) == bpf_htons(ETH_P_IP) &&
	       is_flow(ip, (void *)BPF_CORE_READ(skb, data) + linear - ip, &len);
}

/* Whether a packet that came up to `data` = its IP header is ours: flow, namespace, interface. */
static __always_inline int is_ours(struct sk_buff *skb, __u32 *len)
{
	struct net_device *dev;

	if (BPF_CORE_READ(skb, protocol) != bpf_htons(ETH_P_IP))
		return 0;
	if (!is_flow(BPF_CORE_READ(skb, data), BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len), len))
		return 0;
	dev = BPF_CORE_READ(skb, dev);
	if (flow.ifindex && BPF_CORE_READ(dev, ifindex) != (int)flow.ifindex)
		return 0;
	return BPF_CORE_READ(dev, nd_net.net, ns.inum) == flow.netns;
}

/* NULL when all are given out. `last`: nobody will ask again for this packet, so it counts as beyond. */
static __always_inline struct path_slot *new_slot(__u32 *index, int last)
{
	struct path_slot *slot = NULL;

	if (state.used < flow.packets) {
		*index = __sync_fetch_and_add(&state.used, 1);
		slot = slot_at(*index);
	}
	if (slot)
		slot->cpu = bpf_get_smp_processor_id();
	else if (last)
		__sync_fetch_and_add(&state.beyond, 1);
	return slot;
}

/* A packet's slot, given to it now if it is one of ours seen for the first time. */
static __always_inline struct path_slot *bind(struct sk_buff *skb, __u32 *index, enum path_stage stage)
{
	struct path_slot *slot = stage < PATH_RECEIVE ? NULL : slot_of(skb, index);
	__u64 key = (__u64)skb;
	__u32 len;

	if (slot && !slot->at[PATH_UDP] && !slot->end)
		return slot;
	if (!is_ours(skb, &len))
		return NULL;
	slot = new_slot(index, stage == PATH_RECEIVE);
	if (!slot)
		return NULL;
	slot->len = len;
	if (bpf_map_update_elem(&packets, &key, index, BPF_ANY))
		__sync_fetch_and_add(&state.no_room, 1);
	return slot;
}

static __always_inline __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/*
 * What the softirq this core is in has to do with a packet: raised and polled, or, where that was before the
 * packet came, waiting for it since it came. Outside of a softirq (busy polling, a NAPI thread) there is
 * nothing.
 */
static __always_inline void stamp_softirq(struct path_slot *slot, struct core *core)
{
	__u64 came = later(slot->at[PATH_SENT], slot->at[PATH_BACKLOG]);

	if (!core->entered || slot->at[PATH_POLL])
		return;
	if (core->for_raised) {
		if (!came)
			slot->at[PATH_IRQ] = core->for_irq;
		slot->at[PATH_RAISED] = later(core->for_raised, came);
	}
	slot->at[PATH_POLL] = later(later(core->entered, core->polled), came);
}

#endif
