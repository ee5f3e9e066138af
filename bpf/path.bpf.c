// SPDX-License-Identifier: MIT
/*
 * The path of a packet through the kernel's stack, stage by stage: which packets belong to the flow is
 * decided where one is first seen, after that it is known by its address, and every stage writes a stamp into
 * its slot.
 *
 * Raw tracepoints only, with CO-RE: they need neither kprobes nor fentry nor tracefs, and a tracepoint that a
 * kernel lacks costs one stage and not the program. IP and UDP have no tracepoint on their way up: two
 * netfilter programs (before routing, after it) and a cgroup program (run by UDP once it has the socket)
 * stand there.
 *
 * What the kernel cannot say: which packet a read took. UDP copies linear datagrams without passing a
 * tracepoint that names them. A socket's queue is first in, first out, so the n-th taken is the n-th queued;
 * the count is kept in step by drops (which give their place back) and by reads that find the queue empty.
 * A stamp is taken before anything else is done for it, so what a program costs is in the stage after it.
 * See Documentation/bpf/libbpf, Documentation/networking/napi.rst and include/trace/events of the kernel.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "path.h"

#define NET_RX	     3	    /* softirq vector: include/linux/interrupt.h */
#define FRAGMENT_OFF 0x1fff /* of frag_off: not the first fragment, so no ports */
#define NF_ACCEPT    1
#define MSG_PEEK     2
#define MSG_ERRQUEUE 0x2000
#define EAGAIN	     11
#define XSKMAP	     BPF_MAP_TYPE_XSKMAP
#define SETTLED	     1000000 /* ns: longer than any core is ahead of another */
/* Bounds of loops, for the verifier. */
#define SKIPS 32
#define CALLS 64

/* What is read of the kernel's own structs; libbpf finds where each field is on the kernel at hand. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct net_device {
	possible_net_t nd_net;
	int ifindex;
};
struct sk_buff_head {
	__u32 qlen;
};
struct sock {
	struct sk_buff_head sk_receive_queue;
};
struct udp_sock {
	struct sk_buff_head reader_queue;
};
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len, data_len;
	__be16 protocol;
	__u16 network_header;
	unsigned char *head, *data;
};
struct task_struct {
	int pid;
};
struct bpf_nf_ctx {
	struct sk_buff *skb;
};
#pragma clang attribute pop

const volatile struct path_flow flow;
struct path_state state;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct path_slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

/* Place in the socket's queue -> 1 + slot; 0 = not (or no more) known. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} queue SEC(".maps");

/* Packet (its address) -> slot, while it is on its way. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u32);
	__uint(max_entries, 1);
} packets SEC(".maps");

/* What a core is at. */
struct core {
	__u64 irq;    /* the hard interrupt it is in began; 0 = in none */
	__u64 raised; /* NET_RX raised and not yet run */
	__u64 raised_irq;
	__u64 entered;		   /* the NET_RX softirq it is in began; 0 = in none */
	__u64 for_raised, for_irq; /* what that softirq was raised by */
	__u64 polled;		   /* the last NAPI poll in it ended */
	__u64 sent_skb, sent_at;   /* handed to a driver here last */
	__u32 current;		   /* 1 + the slot being delivered to a socket */
	__u32 announcing;	   /* 1 + the slot whose reader is being woken */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct core);
	__uint(max_entries, 1);
} cores SEC(".maps");

static __always_inline struct core *this_core(void)
{
	__u32 zero = 0;

	return state.enabled ? bpf_map_lookup_elem(&cores, &zero) : NULL;
}

static __always_inline struct path_slot *slot_at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

static __always_inline struct path_slot *slot_of(const void *skb, __u32 *index)
{
	__u64 key = (__u64)skb;
	__u32 *found = bpf_map_lookup_elem(&packets, &key);

	if (!found)
		return NULL;
	*index = *found;
	return slot_at(*index);
}

static __always_inline void end(struct path_slot *slot, __u32 how)
{
	if (slot->end)
		return;
	slot->end = how;
	__sync_fetch_and_add(&state.ended, 1);
}

static __always_inline void stamp(struct path_slot *slot, __u32 stage, __u64 now)
{
	if (!slot->at[stage])
		slot->at[stage] = now;
	if (stage == state.last)
		end(slot, PATH_DONE);
}

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
		if (core->for_irq > came)
			slot->at[PATH_IRQ] = core->for_irq;
		slot->at[PATH_RAISED] = later(core->for_raised, came);
	}
	slot->at[PATH_POLL] = later(later(core->entered, core->polled), came);
}

/* ---- interrupt, softirq, NAPI: what the core is at ---- */

SEC("raw_tp/irq_handler_entry")
int on_irq_entry(void *ctx)
{
	struct core *core = this_core();

	if (core)
		core->irq = bpf_ktime_get_ns();
	return 0;
}

SEC("raw_tp/irq_handler_exit")
int on_irq_exit(void *ctx)
{
	struct core *core = this_core();

	if (core)
		core->irq = 0;
	return 0;
}

SEC("raw_tp/softirq_raise")
int on_softirq_raise(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = ctx->args[0] == NET_RX ? this_core() : NULL;

	if (core && !core->raised) {
		core->raised = bpf_ktime_get_ns();
		core->raised_irq = core->irq;
	}
	return 0;
}

SEC("raw_tp/softirq_entry")
int on_softirq_entry(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = ctx->args[0] == NET_RX ? this_core() : NULL;

	if (!core)
		return 0;
	core->entered = bpf_ktime_get_ns();
	core->for_raised = core->raised;
	core->for_irq = core->raised_irq;
	core->raised = core->raised_irq = core->polled = 0;
	return 0;
}

SEC("raw_tp/softirq_exit")
int on_softirq_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = ctx->args[0] == NET_RX ? this_core() : NULL;

	if (core)
		core->entered = core->current = core->announcing = 0;
	return 0;
}

/* The tracepoint stands after a poll: the next one begins there. */
SEC("raw_tp/napi_poll")
int on_napi_poll(void *ctx)
{
	struct core *core = this_core();

	if (core) {
		core->polled = bpf_ktime_get_ns();
		core->current = core->announcing = 0;
	}
	return 0;
}

/* ---- driver ---- */

SEC("raw_tp/net_dev_start_xmit")
int on_sent(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (void *)ctx->args[0];
	struct core *core = this_core();
	__u64 now = bpf_ktime_get_ns();
	__u32 offset, room, len;
	void *head;

	if (!core || BPF_CORE_READ(skb, protocol) != bpf_htons(ETH_P_IP))
		return 0;
	head = BPF_CORE_READ(skb, head);
	offset = BPF_CORE_READ(skb, network_header);
	room = head + offset - (void *)BPF_CORE_READ(skb, data);
	room = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len) - room;
	if (is_flow(head + offset, room, &len)) {
		core->sent_skb = (__u64)skb;
		core->sent_at = now;
	}
	return 0;
}

/* A driver without NAPI queues it for this core. veth and loopback hand over the sender's own packet. */
SEC("raw_tp/netif_rx_entry")
int on_backlog(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (void *)ctx->args[0];
	struct core *core = this_core();
	__u64 now = bpf_ktime_get_ns();
	struct path_slot *slot;
	__u32 index;

	slot = core ? bind(skb, &index, PATH_BACKLOG) : NULL;
	if (!slot)
		return 0;
	if (core->sent_skb == (__u64)skb)
		stamp(slot, PATH_SENT, core->sent_at);
	core->sent_skb = 0;
	stamp(slot, PATH_BACKLOG, now);
	return 0;
}

/* A driver with NAPI has built it. */
static __always_inline int built(struct sk_buff *skb)
{
	struct core *core = this_core();
	__u64 now = bpf_ktime_get_ns();
	struct path_slot *slot;
	__u32 index;

	slot = core ? bind(skb, &index, PATH_BUILT) : NULL;
	if (!slot)
		return 0;
	stamp_softirq(slot, core);
	stamp(slot, PATH_BUILT, now);
	return 0;
}

#define BUILT(tracepoint)                                                                                    \
	SEC("raw_tp/" #tracepoint)                                                                           \
	int on_##tracepoint(struct bpf_raw_tracepoint_args *ctx)                                             \
	{                                                                                                    \
		return built((void *)ctx->args[0]);                                                          \
	}
BUILT(napi_gro_receive_entry)
BUILT(napi_gro_frags_entry)
BUILT(netif_receive_skb_entry)
BUILT(netif_receive_skb_list_entry)

/* AF_XDP: there is no packet to know by its address; what is redirected from the interface into a socket is
 * the flow. */
SEC("raw_tp/xdp_redirect")
int on_redirect(struct bpf_raw_tracepoint_args *ctx)
{
	struct net_device *dev = (void *)ctx->args[0];
	struct core *core = flow.redirect && ctx->args[4] == XSKMAP ? this_core() : NULL;
	struct path_slot *slot;
	__u32 index;

	if (!core || BPF_CORE_READ(dev, ifindex) != (int)flow.ifindex ||
	    BPF_CORE_READ(dev, nd_net.net, ns.inum) != flow.netns)
		return 0;
	slot = new_slot(&index, 1);
	if (!slot)
		return 0;
	stamp_softirq(slot, core);
	stamp(slot, PATH_REDIRECT, bpf_ktime_get_ns());
	return 0;
}

/* ---- stack ---- */

SEC("raw_tp/netif_receive_skb")
int on_receive(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = this_core();
	__u64 now = bpf_ktime_get_ns();
	struct path_slot *slot;
	__u32 index;

	slot = core ? bind((void *)ctx->args[0], &index, PATH_RECEIVE) : NULL;
	if (!slot)
		return 0;
	stamp_softirq(slot, core);
	stamp(slot, PATH_RECEIVE, now);
	return 0;
}

/* Before routing: IP has checked the header. A VLAN tag is off by now, so this may be where it is first seen.
 */
SEC("netfilter/ip")
int on_ip(struct bpf_nf_ctx *ctx)
{
	struct core *core = this_core();
	struct path_slot *slot;
	__u32 index;

	slot = core ? bind(ctx->skb, &index, PATH_IP) : NULL;
	if (slot)
		stamp(slot, PATH_IP, bpf_ktime_get_ns());
	return NF_ACCEPT;
}

/* After routing: it is for this host, UDP is next. */
SEC("netfilter/local")
int on_local(struct bpf_nf_ctx *ctx)
{
	struct path_slot *slot;
	__u32 index;

	slot = this_core() ? slot_of(ctx->skb, &index) : NULL;
	if (slot)
		stamp(slot, PATH_LOCAL, bpf_ktime_get_ns());
	return NF_ACCEPT;
}

/* The first socket a packet is delivered to is the one that is followed. Its queue may not be empty. */
static __always_inline int follow(struct sock *sk)
{
	if (!state.sock && !__sync_val_compare_and_swap(&state.sock, 0, (__u64)sk))
		state.skip = BPF_CORE_READ(sk, sk_receive_queue.qlen) +
			     BPF_CORE_READ((struct udp_sock *)sk, reader_queue.qlen);
	return state.sock == (__u64)sk;
}

/* UDP has found the socket. In a cgroup's program the context is the packet itself, and the socket is in it.
 */
SEC("cgroup_skb/ingress")
int on_udp(struct __sk_buff *ctx)
{
	struct core *core = this_core();
	struct path_slot *slot;
	__u32 index, place;

	slot = core ? slot_of(ctx, &index) : NULL;
	if (!slot || slot->place || slot->end)
		return 1;
	if (!follow(BPF_CORE_READ((struct sk_buff *)ctx, sk))) {
		__sync_fetch_and_add(&state.elsewhere, 1);
		end(slot, PATH_DONE);
		return 1;
	}
	place = __sync_fetch_and_add(&state.tail, 1);
	core->current = index + 1;
	bpf_map_update_elem(&queue, &place, &core->current, BPF_ANY);
	slot->place = place + 1;
	stamp(slot, PATH_UDP, bpf_ktime_get_ns());
	return 1;
}

/* It is in the socket's queue, and readers are told. One that spins may have it already. */
SEC("raw_tp/sk_data_ready")
int on_queue(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = this_core();
	struct path_slot *slot;

	if (!core || !core->current || ctx->args[0] != state.sock)
		return 0;
	slot = slot_at(core->current - 1);
	core->announcing = core->current;
	core->current = 0;
	if (slot)
		stamp(slot, PATH_QUEUE, bpf_ktime_get_ns());
	return 0;
}

/* The next packet gets it, unless one has come in between: then it stays empty. */
static __always_inline void give_place_back(__u32 place)
{
	__u32 nobody = 0;

	bpf_map_update_elem(&queue, &place, &nobody, BPF_ANY);
	__sync_val_compare_and_swap(&state.tail, place + 1, place);
}

SEC("raw_tp/kfree_skb")
int on_drop(struct bpf_raw_tracepoint_args *ctx)
{
	const void *skb = (void *)ctx->args[0];
	__u64 key = (__u64)skb;
	struct path_slot *slot;
	__u32 index;

	slot = state.enabled ? slot_of(skb, &index) : NULL;
	if (!slot)
		return 0;
	bpf_map_delete_elem(&packets, &key);
	if (slot->end || slot->at[PATH_TAKEN])
		return 0;
	slot->reason = (__u32)ctx->args[2];
	slot->dropped_at = bpf_ktime_get_ns();
	if (slot->place)
		give_place_back(slot->place - 1);
	end(slot, PATH_DROPPED);
	return 0;
}

/* ---- reader ---- */

SEC("raw_tp/sched_waking")
int on_waking(struct bpf_raw_tracepoint_args *ctx)
{
	struct core *core = this_core();
	struct path_slot *slot;

	if (!core || !core->announcing)
		return 0;
	slot = slot_at(core->announcing - 1);
	if (!slot || slot->woken)
		return 0;
	slot->woken = BPF_CORE_READ((struct task_struct *)ctx->args[0], pid);
	stamp(slot, PATH_WOKEN, bpf_ktime_get_ns());
	state.woken_slot = core->announcing;
	state.woken = slot->woken;
	return 0;
}

SEC("raw_tp/sched_switch")
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct path_slot *slot;

	if (!state.enabled || !state.woken ||
	    (__u32)BPF_CORE_READ((struct task_struct *)ctx->args[2], pid) != state.woken)
		return 0;
	slot = slot_at(state.woken_slot - 1);
	state.woken = 0;
	if (slot)
		stamp(slot, PATH_RUN, bpf_ktime_get_ns());
	return 0;
}

/* Two reads in a row found nothing: what was queued before the first of them has been taken unseen. */
static __always_inline void catch_up(__u64 now)
{
	struct path_slot *slot;
	__u32 *index, head;

	for (int i = 0; i < SKIPS; i++) {
		head = state.head;
		index = head < state.tail ? bpf_map_lookup_elem(&queue, &head) : NULL;
		slot = index && *index ? slot_at(*index - 1) : NULL;
		if (!slot || (!slot->end &&
			      (!slot->at[PATH_QUEUE] || slot->at[PATH_QUEUE] + SETTLED > state.empty_at)))
			break;
		__sync_val_compare_and_swap(&state.head, head, head + 1);
	}
	state.empty_at = now;
}

/* The slot at the head of the queue, past those that were dropped but could not give their place back. */
static __always_inline struct path_slot *pop(__u32 *out)
{
	struct path_slot *slot;
	__u32 *index, head;

	for (int i = 0; i < SKIPS; i++) {
		if (state.head >= state.tail)
			return NULL;
		head = __sync_fetch_and_add(&state.head, 1);
		index = bpf_map_lookup_elem(&queue, &head);
		slot = index && *index ? slot_at(*index - 1) : NULL;
		if (slot && !slot->end) {
			*out = *index - 1;
			return slot;
		}
	}
	return NULL;
}

SEC("raw_tp/sock_recv_length")
int on_taken(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid(), index;
	int result = (int)ctx->args[1], flags = (int)ctx->args[2];
	struct path_slot *slot;
	__u64 now;

	if (!state.enabled || ctx->args[0] != state.sock || flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	now = bpf_ktime_get_ns();
	if (result == -EAGAIN)
		catch_up(now);
	if (result < 0)
		return 0;
	if (state.skip) {
		state.skip--;
		return 0;
	}
	slot = pop(&index);
	if (!slot) {
		if (!state.beyond) /* else it is one of those that came after the last record */
			__sync_fetch_and_add(&state.untracked, 1);
		return 0;
	}
	slot->reader = thread;
	slot->next = state.taker == thread ? state.taken : 0;
	state.taken = index + 1;
	state.taker = thread;
	stamp(slot, PATH_TAKEN, now);
	return 0;
}

/* What was taken before the call began was taken outside of one: io_uring's work on the way to user space. */
SEC("raw_tp/sys_enter")
int on_call(void *ctx)
{
	if (state.taker && state.taker == (__u32)bpf_get_current_pid_tgid())
		state.taker = state.taken = 0;
	return 0;
}

SEC("raw_tp/sys_exit")
int on_return(void *ctx)
{
	struct path_slot *slot;
	__u32 taken;
	__u64 now;

	if (!state.taker || state.taker != (__u32)bpf_get_current_pid_tgid())
		return 0;
	taken = state.taken;
	state.taker = state.taken = 0;
	now = bpf_ktime_get_ns();
	for (int i = 0; i < CALLS && taken; i++) {
		slot = slot_at(taken - 1);
		if (!slot)
			break;
		taken = slot->next;
		stamp(slot, PATH_RETURN, now);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
