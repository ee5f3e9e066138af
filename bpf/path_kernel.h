/* SPDX-License-Identifier: MIT */
/*
 * The ground path.bpf.c stands on: what it reads of the kernel's own structs, its maps, and the slots. The
 * structs are only the fields that are read, found by name on the kernel at hand (CO-RE), so that building
 * needs no vmlinux.h.
 */
#ifndef HP_PATH_KERNEL_H
#define HP_PATH_KERNEL_H

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

#endif
