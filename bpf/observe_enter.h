/* SPDX-License-Identifier: MIT */
/*
 * The observer's entry, for whatever program stands first on the interface: stamps each record of the
 * observed feed where it enters. steer.bpf.c has it built in, because an interface has one XDP hook and what
 * that program redirects nobody behind it sees. While nobody observes it costs a load from an array of one
 * (the verifier turns the lookup into an address) and a branch that never goes the other way.
 *
 * Sessions are told apart as native/feed/sequencer.c does it; the wire is that of native/feed/lll.h, little-
 * endian like the machines BPF runs on here.
 */
#ifndef HP_OBSERVE_ENTER_H
#define HP_OBSERVE_ENTER_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "observe.h"

#define OBSERVE_RECORD	 40 /* bytes */
#define OBSERVE_RECORDS	 5  /* of a datagram, at most */
#define OBSERVE_SNAPSHOT 2  /* flags */
#define OBSERVE_LAST	 4
#define OBSERVE_WINDOW	 64
#define OBSERVE_FRAGMENT 0x3fff /* more-fragments flag and fragment offset */
#define OBSERVE_VLAN	 0x8100
#define OBSERVE_QINQ	 0x88a8

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct observe_flow);
	__uint(max_entries, 1);
} observe_flow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct observe_slot);
	__uint(max_entries, OBSERVE_SLOTS);
} observe_entered SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct observe_enters);
	__uint(max_entries, 1);
} observe_enters SEC(".maps");

/* A small sequence number means a restart after the session's last record, or when it is far behind and
 * belongs to a snapshot. */
static __always_inline int observe_restart(const struct observe_enters *enters, __u64 seq, __s64 sent_ns,
					   __u8 flags)
{
	if (seq >= OBSERVE_WINDOW)
		return 0;
	if (seq + OBSERVE_WINDOW < enters->next)
		return enters->ended || flags & OBSERVE_SNAPSHOT;
	return enters->ended && (!sent_ns || sent_ns > enters->ended_ns);
}

static __always_inline void observe_record(struct observe_enters *enters, const __u8 *record, __u64 now)
{
	__u64 seq = *(const __u64 *)(record + 6);
	__s64 sent_ns = *(const __s64 *)(record + 14);
	__u32 index = seq & (OBSERVE_SLOTS - 1);
	struct observe_slot *slot = bpf_map_lookup_elem(&observe_entered, &index);
	__u8 flags = record[34];

	if (!slot)
		return;
	if (observe_restart(enters, seq, sent_ns, flags)) {
		enters->session++;
		enters->next = 0;
		enters->ended = 0;
	}
	/* The first copy is what a strategy acts on; a slot never goes back to an older record. */
	if (slot->session == enters->session && slot->seq >= seq) {
		enters->duplicates++;
		return;
	}
	slot->ns = now;
	slot->answered = 0;
	slot->session = enters->session;
	slot->seq = seq;
	enters->records++;
	if (seq >= enters->next)
		enters->next = seq + 1;
	if (flags & OBSERVE_LAST) {
		enters->ended = 1;
		enters->ended_ns = sent_ns;
	}
}

/* The payload of a datagram of the observed feed; 0: it is something else. */
static __always_inline const __u8 *observe_payload(const struct observe_flow *flow, const void *data,
						   const void *end, __u32 *bytes)
{
	const struct ethhdr *eth = data;
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct udphdr *udp;
	__u16 type;

	if ((const void *)(ip + 1) > end)
		return 0;
	type = eth->h_proto;
	if (type == bpf_htons(OBSERVE_VLAN) || type == bpf_htons(OBSERVE_QINQ)) {
		type = ((const __u16 *)ip)[1];
		ip = (const void *)ip + 4;
		if ((const void *)(ip + 1) > end)
			return 0;
	}
	if (type != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP || ip->ihl < 5 ||
	    ip->frag_off & bpf_htons(OBSERVE_FRAGMENT) || ip->daddr != flow->daddr)
		return 0;
	udp = (const void *)ip + ip->ihl * 4;
	if ((const void *)(udp + 1) > end || udp->dest != flow->dport)
		return 0;
	*bytes = bpf_ntohs(udp->len) - sizeof(*udp);
	return (const __u8 *)(udp + 1);
}

/* Apart, so that a program that has it built in keeps its own way short. */
static __noinline void observe_datagram(const struct observe_flow *flow, const void *data, const void *end)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0, bytes = 0;
	struct observe_enters *enters = bpf_map_lookup_elem(&observe_enters, &zero);
	const __u8 *record = observe_payload(flow, data, end, &bytes);

	if (!record || !enters)
		return;
	enters->datagrams++;
	if (!bytes || bytes % OBSERVE_RECORD || bytes > OBSERVE_RECORDS * OBSERVE_RECORD) {
		enters->malformed++;
		return;
	}
	for (int i = 0; i < OBSERVE_RECORDS && bytes; i++) {
		if ((const void *)(record + OBSERVE_RECORD) > end || record[0] != 1) {
			enters->malformed++;
			return;
		}
		observe_record(enters, record, now);
		record += OBSERVE_RECORD;
		bytes -= OBSERVE_RECORD;
	}
}

/* To be called first of all with a packet's bounds. */
static __always_inline void observe_enter(const void *data, const void *end)
{
	__u32 zero = 0;
	const struct observe_flow *flow = bpf_map_lookup_elem(&observe_flow, &zero);

	if (flow && flow->on)
		observe_datagram(flow, data, end);
}

#endif
