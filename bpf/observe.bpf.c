// SPDX-License-Identifier: MIT
/*
 * Tick-to-trade from outside of every program: a record is stamped where it enters the strategy's interface
 * (XDP, or tc where there is no XDP), an order where it leaves it (tc), both on CLOCK_MONOTONIC, and the
 * trigger's sequence number that the order carries joins the two. Only looks: every packet goes on as it was.
 *
 * The TCP stream is followed from its SYN, or from the first segment seen, which is taken to begin with an
 * order. It trades exactness on odd streams for a short way: an order that TCP cut in two is counted, not put
 * together, and so is a segment that does not begin with one where it should. What is seen twice because TCP
 * sent it again counts as such. Ethernet and IPv4 only.
 * See Documentation/bpf/redirect.rst, and net/core/dev.c (sch_handle_egress) for the place of tc.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include "observe_enter.h"

#define ORDER_BYTES 51
#define ORDER_TYPE  2
#define STREAMS	    1024
#define RETRIES	    8

/* An order as in native/feed/lll.h. The two bytes in front align it. */
struct order {
	__u8 front[2];
	__u8 type, zero[5];
	__u64 submit_ns, trigger_seq, trigger_recv_ns, id, price;
	__s32 qty;
	__u8 flags, rest[3];
};

struct client {
	__u32 saddr;
	__u16 sport, zero;
};

/* TCP sequence numbers: of the byte after the last one seen, and of the next order's first. */
struct stream {
	__u32 seen, next;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct client);
	__type(value, struct stream);
	__uint(max_entries, STREAMS);
} observe_streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct observe_leaves);
	__uint(max_entries, 2);
} observe_leaves SEC(".maps");

/* Which of the two is filled. */
volatile __u32 active;

SEC("xdp")
int hotpath_observe(struct xdp_md *ctx)
{
	observe_enter((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_PASS;
}

SEC("tc")
int hotpath_ingress(struct __sk_buff *skb)
{
	__u32 most =
		sizeof(struct ethhdr) + 4 + 60 + sizeof(struct udphdr) + OBSERVE_RECORDS * OBSERVE_RECORD;

	bpf_skb_pull_data(skb, skb->len < most ? skb->len : most);
	observe_enter((void *)(long)skb->data, (void *)(long)skb->data_end);
	return TC_ACT_UNSPEC; /* the next program's turn */
}

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* Of the highest bit set; clang 14 cannot translate __builtin_clzll() for BPF. */
static __always_inline __u32 log2_of(__u64 value)
{
	__u32 bit = 0;

	for (__u32 step = 32; step; step /= 2) {
		if (value >> step) {
			value >>= step;
			bit += step;
		}
	}
	return bit;
}

/* struct hp_histogram's: 0..127 exact, then 64 linear buckets an octave. */
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 octave, bucket;

	if (ns < 128)
		return ns;
	octave = log2_of(ns);
	bucket = (octave - 6) * 64 + (__u32)(ns >> (octave - 6));
	return bucket < OBSERVE_BUCKETS ? bucket : OBSERVE_BUCKETS - 1;
}

static __always_inline void record(struct observe_leaves *leaves, __u64 ns)
{
	__u32 bucket = bucket_of(ns);
	__u64 known;

	count(&leaves->matched);
	__sync_fetch_and_add(&leaves->sum, ns);
	if (bucket < OBSERVE_BUCKETS)
		__sync_fetch_and_add(&leaves->buckets[bucket], 1);
	known = leaves->min;
	for (int i = 0; i < RETRIES && ns < known; i++)
		known = __sync_val_compare_and_swap(&leaves->min, known, ns);
	known = leaves->max;
	for (int i = 0; i < RETRIES && ns > known; i++)
		known = __sync_val_compare_and_swap(&leaves->max, known, ns);
}

/* One order that leaves at `now`. */
static __always_inline void match(struct observe_leaves *leaves, __u64 trigger, __u64 now)
{
	__u32 index = trigger & (OBSERVE_SLOTS - 1), zero = 0;
	struct observe_slot *slot = bpf_map_lookup_elem(&observe_entered, &index);
	const struct observe_enters *enters = bpf_map_lookup_elem(&observe_enters, &zero);

	if (!slot || !enters)
		return;
	count(&leaves->orders);
	if (slot->session != enters->session || slot->seq < trigger)
		count(&leaves->unmatched);
	else if (slot->seq > trigger)
		count(&leaves->overwritten);
	else if (__sync_val_compare_and_swap(&slot->answered, 0, 1))
		count(&leaves->repeated);
	else
		record(leaves, now - slot->ns);
}

/* A segment to the order entry, from its first new order on. */
struct segment {
	struct __sk_buff *skb;
	__u64 now;
	__u32 at; /* of that order in the packet */
	__u32 astray;
};

static long take_order(__u32 i, struct segment *segment)
{
	__u32 which = active & 1;
	struct observe_leaves *leaves = bpf_map_lookup_elem(&observe_leaves, &which);
	struct order order = {};

	if (!leaves)
		return 1;
	if (bpf_skb_load_bytes(segment->skb, segment->at + i * ORDER_BYTES, &order.type, ORDER_BYTES) ||
	    order.type != ORDER_TYPE) {
		segment->astray = 1;
		return 1;
	}
	if (order.qty)
		match(leaves, order.trigger_seq, segment->now);
	else
		count(&leaves->cancels);
	return 0;
}

/* `bytes` of payload at `at`, the first of them number `seq` of the stream. */
static __always_inline void take_segment(struct __sk_buff *skb, const struct client *client, __u32 seq,
					 __u32 at, __u32 bytes)
{
	const struct stream *known = bpf_map_lookup_elem(&observe_streams, client);
	struct stream stream = {.seen = seq + bytes, .next = seq};
	struct segment segment = {.skb = skb, .now = bpf_ktime_get_ns()};
	__u32 which = active & 1, skip = 0, left;
	struct observe_leaves *leaves = bpf_map_lookup_elem(&observe_leaves, &which);

	if (!leaves)
		return;
	if (known && (__s32)(stream.seen - known->seen) <= 0) {
		count(&leaves->resent);
		return;
	}
	if (known && (__s32)(known->next - seq) > 0)
		skip = known->next - seq; /* the end of a cut order, or what was sent before */
	left = bytes > skip ? bytes - skip : 0;
	segment.at = at + skip;
	bpf_loop(left / ORDER_BYTES, take_order, &segment, 0);
	if (segment.astray || left % ORDER_BYTES)
		count(&leaves->unparsed);
	stream.next = seq + skip + left;
	if (!segment.astray && left % ORDER_BYTES)
		stream.next += ORDER_BYTES - left % ORDER_BYTES;
	bpf_map_update_elem(&observe_streams, client, &stream, BPF_ANY);
}

SEC("tc")
int hotpath_egress(struct __sk_buff *skb)
{
	__u32 zero = 0, at = sizeof(struct ethhdr), seq;
	const struct observe_flow *flow = bpf_map_lookup_elem(&observe_flow, &zero);
	struct client client = {};
	struct stream fresh;
	struct iphdr ip;
	struct tcphdr tcp;

	if (!flow || skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return TC_ACT_UNSPEC;
	if (ip.protocol != IPPROTO_TCP || ip.daddr != flow->order_daddr ||
	    ip.frag_off & bpf_htons(OBSERVE_FRAGMENT))
		return TC_ACT_UNSPEC;
	at += ip.ihl * 4;
	if (bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)) || tcp.dest != flow->order_dport)
		return TC_ACT_UNSPEC;
	at += tcp.doff * 4;
	seq = bpf_ntohl(tcp.seq);
	client.saddr = ip.saddr;
	client.sport = tcp.source;
	if (tcp.syn) {
		fresh = (struct stream){.seen = seq + 1, .next = seq + 1};
		bpf_map_update_elem(&observe_streams, &client, &fresh, BPF_ANY);
	} else if (skb->len > at) {
		take_segment(skb, &client, seq, at, skb->len - at);
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
