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
 * Which packet a read took is the one thing that the kernel does not say: path_queue.h counts.
 *
 * A stamp is taken before anything else is done for it, so what a program costs is in the stage after it.
 * See Documentation/bpf/libbpf, Documentation/networking/napi.rst and include/trace/events of the kernel.
 */
#include "path_flow.h"
#include "path_kernel.h"
#include "path_queue.h"

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

	if (core && carries_flow(skb)) {
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

/* UDP has found the socket. In a cgroup's program the context is the packet itself, and the socket is in it.
 */
SEC("cgroup_skb/ingress")
int on_udp(struct __sk_buff *ctx)
{
	struct core *core = this_core();
	struct path_slot *slot;
	__u32 index;

	slot = core ? slot_of(ctx, &index) : NULL;
	if (!slot || slot->place || slot->end)
		return 1;
	if (!follow(BPF_CORE_READ((struct sk_buff *)ctx, sk))) {
		__sync_fetch_and_add(&state.elsewhere, 1);
		end(slot, PATH_DONE);
		return 1;
	}
	core->current = index + 1;
	slot->place = 1 + push(&core->current);
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

SEC("raw_tp/kfree_skb")
int on_drop(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (void *)ctx->args[0];
	__u64 key = (__u64)skb;
	struct path_slot *slot;
	__u32 index;

	slot = state.enabled ? slot_of(skb, &index) : NULL;
	if (!slot)
		return 0;
	bpf_map_delete_elem(&packets, &key);
	/* An address that is in use again, by a packet of somebody else's, says nothing about ours. */
	if (slot->end || slot->at[PATH_TAKEN] || !carries_flow(skb))
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
